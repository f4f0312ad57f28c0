"""The routes."""

import uuid
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi_users import schemas

from app.db import User
from app.users import backend, current_user, users

app = FastAPI()
app.include_router(users.get_auth_router(backend), prefix="/auth")
app.include_router(
    users.get_register_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserCreate), prefix="/auth"
)


@app.get("/protected")
async def protected(user: Annotated[User, Depends(current_user)]):
    return {"message": f"Hello, {user.email}"}
