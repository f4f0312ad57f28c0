"""The raw requests that both servers get, and the answers that are meant to differ."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "frontier"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Case:
    name: str
    method: str = "POST"
    path: str = "/login"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    logged_in: bool = False


def form(name: str, body: str | bytes | dict | list, content_type: str | None = FORM, **rest) -> Case:
    """A POST of a body, urlencoded unless it is already text."""
    if isinstance(body, (dict, list)):
        body = urlencode(body)
    raw = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": content_type} if content_type is not None else {}
    return Case(name, body=raw, headers=headers | rest.pop("headers", {}), **rest)


def part(name: str, value: str, extra: str = "", headers: str = "") -> str:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{headers}\r\n{value}\r\n'


def multipart(name: str, *parts: str, end: str = f"--{BOUNDARY}--\r\n", content_type: str = MULTIPART) -> Case:
    return form(name, "".join(parts) + end, content_type)


GOOD = {"username": "user1", "password": "password1"}
USER, PASSWORD = part("username", "user1"), part("password", "password1")
FILE_USER = part("username", "user1", '; filename="a.txt"', "Content-Type: text/plain\r\n")


def good_but(**changes: str) -> dict:
    return GOOD | changes


LOGIN = [
    form("right credentials", GOOD),
    form("right credentials with charset", GOOD, FORM + "; charset=utf-8"),
    form("content type in capitals", GOOD, FORM.upper()),
    form("wrong password", good_but(password="wrong")),
    form("unknown user", good_but(username="nobody")),
    form("user name in another case", good_but(username="USER1")),
    form("all the OAuth2 fields", good_but(grant_type="password", scope="a b", client_id="c", client_secret="s")),
    form("an unknown field", good_but(colour="red")),
    form("empty optional fields", good_but(scope="", client_id="", client_secret="")),
    form("no fields", ""),
    form("no user name", {"password": "password1"}),
    form("no password", {"username": "user1"}),
    form("empty user name", good_but(username="")),
    form("empty password", good_but(password="")),
    form("both empty", "username=&password="),
    form("user name in spaces", good_but(username=" user1 ")),
    form("duplicate user name, last right", "username=other&username=user1&password=password1"),
    form("duplicate user name, first right", "username=user1&username=other&password=password1"),
    form("duplicate password, last right", "username=user1&password=wrong&password=password1"),
    form("duplicate password, last empty", "username=user1&password=password1&password="),
    form("duplicate grant type, last wrong", "username=user1&password=password1&grant_type=password&grant_type=x"),
    *(
        form(f"grant type {value!r}", good_but(grant_type=value))
        for value in ["", "refresh", "Password", "password ", "password\n", "passwordx", "xpassword", "pass\nword", "pässword"]
    ),
    form("wrong grant type and no fields", "grant_type=refresh"),
    form("wrong grant type and wrong password", good_but(grant_type="refresh", password="wrong")),
    form("wrong grant type and no password", {"username": "user1", "grant_type": "refresh"}),
    form("plus is a space", "username=user+1&password=password1"),
    form("percent-encoded letters", "%75sername=%75ser1&p%61ssword=password%31"),
    form("lower-case percent escapes", "username=user1&password=password%2b"),
    form("percent sign alone", "username=user1&password=100%"),
    form("percent escape cut short", "username=user1&password=password1%4"),
    form("percent escape of no hex", "username=user1&password=%zz"),
    form("percent-encoded NUL", "username=user1%00&password=password1"),
    form("percent-encoded bad UTF-8", "username=%ff%fe&password=password1"),
    form("raw bad UTF-8", b"username=\xff\xfe&password=password1"),
    form("raw UTF-8", "username=café&password=password1"),
    form("semicolon between fields", "username=user1;password=password1"),
    form("ampersands doubled", "&&username=user1&&password=password1&&"),
    form("field without equals", "username&password=password1"),
    form("two equals signs", "username=user1&password=password1=x"),
    form("empty field name", "=x&username=user1&password=password1"),
    form("long user name", good_but(username="u" * 2000)),
    form("long password", good_but(password="p" * 2000)),
    form("very long user name", good_but(username="u" * 40_000)),
    form("long wrong grant type", good_but(grant_type="g" * 200)),
    multipart("multipart", USER, PASSWORD),
    multipart("multipart, wrong password", USER, part("password", "wrong")),
    multipart("multipart, no fields"),
    multipart("multipart, no password", USER),
    multipart("multipart, empty password", USER, part("password", "")),
    multipart("multipart, empty user name", part("username", ""), PASSWORD),
    multipart("multipart, duplicate user name", part("username", "x"), USER, PASSWORD),
    multipart("multipart, wrong grant type", USER, PASSWORD, part("grant_type", "refresh")),
    multipart("multipart, file for user name", FILE_USER, PASSWORD),
    multipart("multipart, file for grant type", USER, PASSWORD, part("grant_type", "x", '; filename="g"')),
    multipart("multipart, file for an unknown field", USER, PASSWORD, part("photo", "x", '; filename="p.png"')),
    multipart("multipart, file with an empty name", part("username", "user1", '; filename=""'), PASSWORD),
    multipart("multipart, quoted boundary", USER, PASSWORD, content_type=f'multipart/form-data; boundary="{BOUNDARY}"'),
    multipart("multipart, no boundary", USER, PASSWORD, content_type="multipart/form-data"),
    multipart("multipart, empty boundary", USER, PASSWORD, content_type="multipart/form-data; boundary="),
    multipart("multipart, other boundary", USER, PASSWORD, content_type="multipart/form-data; boundary=other"),
    multipart("multipart, last boundary missing", USER, PASSWORD, end=""),
    multipart("multipart, cut inside a part", USER, PASSWORD, end=f"--{BOUNDARY}\r\nContent-Dispo"),
    multipart("multipart, cut inside a value", USER, part("password", "password1").removesuffix("1\r\n"), end=""),
    multipart("multipart, part without a name", f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n", USER, PASSWORD),
    multipart("multipart, part without headers", f"--{BOUNDARY}\r\n\r\nx\r\n", USER, PASSWORD),
    multipart("multipart, garbage before", "garbage\r\n", USER, PASSWORD),
    multipart("multipart, garbage only", "garbage", end=""),
    multipart("multipart, empty body", end=""),
    multipart("multipart, bare line feeds", (USER + PASSWORD).replace("\r\n", "\n"), end=f"--{BOUNDARY}--\n"),
    multipart("multipart, raw UTF-8", part("username", "café"), PASSWORD),
    multipart("multipart, part with a charset", part("username", "user1", headers="Content-Type: text/plain; charset=utf-8\r\n"), PASSWORD),
    form("multipart, bad UTF-8 value", (part("username", "@") + PASSWORD).encode().replace(b"@", b"\xff") + f"--{BOUNDARY}--\r\n".encode(), MULTIPART),
    form("multipart/mixed", USER + PASSWORD + f"--{BOUNDARY}--\r\n", f"multipart/mixed; boundary={BOUNDARY}"),
    form("JSON", '{"username":"user1","password":"password1"}', "application/json"),
    form("JSON, no password", '{"username":"user1"}', "application/json"),
    form("JSON, broken", '{"username":', "application/json"),
    form("text/plain", "username=user1&password=password1", "text/plain"),
    form("no content type", GOOD, None),
    form("empty content type", GOOD, ""),
    form("nonsense content type", GOOD, "nonsense"),
    form("no body", b"", None),
    form("credentials in the query only", "", path="/login?username=user1&password=password1"),
    form("query is ignored", GOOD, path="/login?password=wrong"),
    form("HTTP Basic is ignored", "", None, headers={"Authorization": "Basic dXNlcjE6cGFzc3dvcmQx"}),
    form("log in with a cookie already", GOOD, headers={"Cookie": "access_token=garbage"}),
]

ROUTES = [
    *(Case(f"{method} /login", method) for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]),
    *(
        Case(f"{method} /protected", method, "/protected")
        for method in ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
    ),
    Case("unknown path", "GET", "/nowhere"),
    Case("unknown path, POST", "POST", "/nowhere"),
    Case("unknown path, HEAD", "HEAD", "/nowhere"),
    Case("unknown path below a route", "GET", "/protected/more"),
    Case("path in capitals", "GET", "/PROTECTED"),
    Case("root", "GET", "/"),
    Case("empty segment", "GET", "//protected"),
    Case("dot segment", "GET", "/./protected"),
    Case("percent-encoded path", "GET", "/%70rotected"),
    Case("trailing slash", "GET", "/protected/"),
    form("trailing slash, POST", GOOD, path="/login/"),
]

PROTECTED = [
    Case("no cookie", "GET", "/protected"),
    Case("logged in", "GET", "/protected", logged_in=True),
    Case("logged in, with a query", "GET", "/protected?a=b", logged_in=True),
    Case("logged in, among other cookies", "GET", "/protected", headers={"Cookie": "a=b; {cookie}; c=d"}, logged_in=True),
    Case("logged in, cookies without spaces", "GET", "/protected", headers={"Cookie": "a=b;{cookie};c=d"}, logged_in=True),
    Case("logged in, HEAD", "HEAD", "/protected", logged_in=True),
    Case("logged in, quoted", "GET", "/protected", headers={"Cookie": '{name}="{value}"'}, logged_in=True),
    *(
        Case(f"cookie {value!r}", "GET", "/protected", headers={"Cookie": value})
        for value in [
            "", "access_token", "access_token=", "access_token=garbage", "Access_Token=garbage", "other=garbage",
            "access_token=\"\"", "access_token=a; access_token=b", "access_token=%00", "access_token=" + "x" * 4000, ";;;", "=",
        ]
    ),
    Case("bearer token is no cookie", "GET", "/protected", headers={"Authorization": "Bearer garbage"}),
    Case("token in the query is no cookie", "GET", "/protected?access_token=garbage"),
]

CASES = LOGIN + ROUTES + PROTECTED
