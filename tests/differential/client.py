"""A client that sends exactly the bytes of a case and reads exactly what comes back."""

import http.client
import json
from dataclasses import dataclass

from cases import Case


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name: str) -> str | None:
        return ", ".join(self.all(name)) or None

    def json(self):
        """The body as JSON, or as text where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode("latin-1")

    def cookie(self) -> str:
        """The `name=value` that a browser would send back; empty without one."""
        return (self.header("set-cookie") or "").split(";")[0]


def send(port: int, case: Case, cookie: str = "") -> Answer:
    headers = dict(case.headers)
    if case.logged_in:
        name, _, value = cookie.partition("=")
        template = headers.get("Cookie", "{cookie}")
        headers["Cookie"] = template.format(cookie=cookie, name=name, value=value)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(case.method, case.path, skip_accept_encoding=True)
        for key, value in headers.items():
            connection.putheader(key, value)
        if case.body or case.method == "POST":
            connection.putheader("Content-Length", str(len(case.body)))
        connection.endheaders(case.body or None)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()
