"""Makes the tables once, before the workers start: all of them at once would trip over each other."""

import asyncio

from app.db import create_tables, engine


async def main():
    await create_tables()
    await engine.dispose()


asyncio.run(main())
