"""Where the Rust tutorial answers otherwise than FastAPI's, each with the reason why that is safer."""

from dataclasses import dataclass, field


@dataclass
class Ours:
    """What the Rust side must answer instead; `because` is the reason."""

    because: str
    status: int
    body: object
    allow: set[str] = field(default_factory=set)
    cookies: list[dict] = field(default_factory=list)


LOGGED_IN = {"name": "access_token", "httponly": "", "max-age": "3600", "path": "/", "samesite": "lax"}
CLEARED = LOGGED_IN | {"max-age": "0"}


def not_authenticated(because: str) -> Ours:
    return Ours(because, 401, {"detail": "Not authenticated"})


def invalid(because: str, *errors: dict) -> Ours:
    return Ours(because, 422, {"detail": list(errors)})


def string_type(name: str) -> dict:
    return {"type": "string_type", "loc": ["body", name], "msg": "Input should be a valid string", "input": None}


def string_unicode(name: str) -> dict:
    msg = "Input should be a valid string, unable to parse raw data as a unicode string"
    return {"type": "string_unicode", "loc": ["body", name], "msg": msg, "input": None}


def missing(name: str) -> dict:
    return {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}


UNKNOWN_TOKEN = "a cookie is checked against the sessions that were handed out; FastAPI's tutorial believes any text"
REDIRECT = "a redirect built from the client's Host header would carry the password wherever that header says"
CUT = "a body without its last boundary was cut on the way; FastAPI drops or takes what was cut"
FILE = "an answer shows no internals; FastAPI dumps its temporary file object and the part's headers"
ENCODED = "one spelling of a path, so that a rule in a proxy in front cannot be walked around"
HEAD = "RFC 9110 9.1: HEAD is answered wherever GET is, so that probes and caches work"
JSON = "log-in takes JSON as well as a form"
UTF8 = "bytes that are no text are refused; replacing them would make two passwords one"
INVALID_MULTIPART = {"detail": "Invalid multipart data."}

DIFFERENCES = {
    "user name in another case": Ours("names that differ only by case are one account", 200, {"message": "Logged in"}, cookies=[LOGGED_IN]),
    "JSON": Ours(JSON, 200, {"message": "Logged in"}, cookies=[LOGGED_IN]),
    "JSON, no password": invalid(JSON, missing("password")),
    "JSON, broken": invalid(
        JSON, {"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error at line 1, column 12", "input": None}
    ),
    "percent-encoded bad UTF-8": invalid(UTF8, string_unicode("username")),
    "raw bad UTF-8": invalid(UTF8, string_unicode("username")),
    "multipart, bad UTF-8 value": invalid(UTF8, string_unicode("username")),
    "multipart, file for user name": invalid(FILE, string_type("username")),
    "multipart, file with an empty name": invalid(FILE, string_type("username")),
    "multipart, file for grant type": invalid(FILE, string_type("grant_type")),
    "multipart, last boundary missing": Ours(CUT, 400, INVALID_MULTIPART),
    "multipart, cut inside a part": Ours(CUT, 400, INVALID_MULTIPART),
    "multipart, cut inside a value": Ours(CUT, 400, INVALID_MULTIPART),
    "trailing slash": Ours(REDIRECT, 404, {"detail": "Not Found"}),
    "trailing slash, POST": Ours(REDIRECT, 404, {"detail": "Not Found"}),
    "percent-encoded path": Ours(ENCODED, 404, {"detail": "Not Found"}),
    "HEAD /protected": Ours(HEAD, 401, ""),
    "logged in, HEAD": Ours(HEAD, 200, ""),
    "logged in, quoted": not_authenticated("no browser quotes a cookie; one spelling of a token"),
    "cookie 'access_token=garbage'": not_authenticated(UNKNOWN_TOKEN),
    "cookie 'access_token=%00'": not_authenticated(UNKNOWN_TOKEN),
    f"cookie {'access_token=' + 'x' * 4000!r}": not_authenticated(UNKNOWN_TOKEN),
    "cookie 'access_token=a; access_token=b'": Ours(
        "two values for one cookie: one of them was planted, so both are taken away",
        401,
        {"detail": "The session cookie was sent twice with different values"},
        cookies=[CLEARED, CLEARED | {"domain": "localhost"}],
    ),
}
DIFFERENCES |= {
    f"{method} /protected": Ours(HEAD, 405, {"detail": "Method Not Allowed"}, allow={"GET", "HEAD"})
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
}
