"""Who is logged in at Lockjar, checked by its published keys alone."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request

ISSUER = os.environ.get("LOCKJAR_URL", "http://localhost:8000")
COOKIE = "__Host-Http-access_token" if ISSUER.startswith("https://") else "access_token"

keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300)
app = FastAPI()


def current_user(request: Request) -> dict:
    try:
        token = request.cookies[COOKIE]
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA", "ES256"],
            issuer=ISSUER,
            audience=ISSUER,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (KeyError, jwt.PyJWTError) as error:
        raise HTTPException(401, "Not authenticated") from error


@app.get("/whoami")
def whoami(user: Annotated[dict, Depends(current_user)]) -> dict:
    return {"user": user["sub"], "session": user["sid"]}
