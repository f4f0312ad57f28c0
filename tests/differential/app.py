"""FastAPI's HttpOnly-cookie tutorial: the program whose answers `examples/tutorial.rs` must give."""

import logging
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.security import OAuth2PasswordRequestForm

logging.getLogger("python_multipart").addHandler(logging.NullHandler())
app = FastAPI()


@app.post("/login")
def login(response: Response, form: Annotated[OAuth2PasswordRequestForm, Depends()]):
    if (form.username, form.password) != ("user1", "password1"):
        raise HTTPException(status_code=401, detail="Invalid credentials")
    response.set_cookie(
        "access_token", "fake-jwt-token", max_age=3600, httponly=True, samesite="lax"
    )
    return {"message": "Logged in"}


@app.get("/protected")
def protected(access_token: Annotated[str | None, Cookie()] = None):
    if not access_token:
        raise HTTPException(status_code=401, detail="Not authenticated")
    return {"message": f"Hello, your token is {access_token}"}
