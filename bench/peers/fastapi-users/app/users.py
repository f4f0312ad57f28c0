"""How people log in: a cookie that names a row, for 14 days."""

import os
import uuid
from typing import Annotated

from fastapi import Depends
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, CookieTransport
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users.db import SQLAlchemyUserDatabase

from app.db import AccessToken, User, token_database, user_database

LIFETIME = 14 * 24 * 3600


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = os.environ["SECRET"]
    verification_token_secret = os.environ["SECRET"]


async def user_manager(database: Annotated[SQLAlchemyUserDatabase, Depends(user_database)]):
    yield UserManager(database)


def strategy(tokens: Annotated[AccessTokenDatabase[AccessToken], Depends(token_database)]) -> DatabaseStrategy:
    return DatabaseStrategy(tokens, lifetime_seconds=LIFETIME)


backend = AuthenticationBackend(
    name="cookie", transport=CookieTransport(cookie_max_age=LIFETIME), get_strategy=strategy
)
users = FastAPIUsers[User, uuid.UUID](user_manager, [backend])
current_user = users.current_user(active=True)
