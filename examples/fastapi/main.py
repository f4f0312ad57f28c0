"""Who is logged in at Lockjar, checked by its published keys alone."""

import logging
import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request

ISSUER = os.environ.get("LOCKJAR_URL", "http://localhost:8000")
COOKIE = "__Host-Http-access_token" if ISSUER.startswith("https://") else "access_token"


class PublishedKeys(jwt.PyJWKClient):
    """Lockjar's keys. That they cannot be fetched is a fault, and says nothing about who is logged in."""

    def get_signing_keys(self, refresh: bool = False) -> list[jwt.PyJWK]:
        try:
            return super().get_signing_keys(refresh)
        except Exception as error:
            logging.warning("Lockjar's keys cannot be fetched: %r", error)
            raise HTTPException(503, "Try again later", {"Retry-After": "5"}) from error


# PyJWT would let a visitor wait for half a minute.
keys = PublishedKeys(f"{ISSUER}/.well-known/jwks.json", lifespan=300, timeout=5)
app = FastAPI()


def current_user(request: Request) -> dict:
    token = request.cookies.get(COOKIE, "")
    try:
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA", "ES256"],
            issuer=ISSUER,
            audience=ISSUER,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "sid"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "Not authenticated") from error


@app.get("/whoami")
def whoami(user: Annotated[dict, Depends(current_user)]) -> dict:
    return {"user": user["sub"], "session": user["sid"]}
