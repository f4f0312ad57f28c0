"""The processes of the test, and a server that publishes keys in Lockjar's stead."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlencode

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Answer(NamedTuple):
    status: int
    body: str
    headers: http.client.HTTPMessage

    @property
    def cookies(self) -> dict[str, str]:
        lines = self.headers.get_all("Set-Cookie") or []
        return dict(line.split(";")[0].split("=", 1) for line in lines)


class Service:
    """A process that listens on a port of localhost until its block ends."""

    def __init__(self, name: str, command: list[str], port: int, folder: Path, **environment: str):
        self.name, self.port, self.log = name, port, folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def __enter__(self) -> "Service":
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("localhost", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise SystemExit(f"{self.name} does not listen:\n{self.log.read_text()}")

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def ask(self, method: str, path: str, cookie: str = "", form: dict | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            headers["Cookie"] = cookie
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body=urlencode(form) if form is not None else None, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), answer.headers)

    def whoami(self, token: str = "") -> Answer:
        return self.ask("GET", "/whoami", f"access_token={token}" if token else "")


@contextmanager
def examples(issuer: str) -> Iterator[list[Service]]:
    """Both example services, started afresh: they have fetched no keys yet."""
    with TemporaryDirectory() as folder, ExitStack() as running:
        port = free_port()
        uvicorn = [sys.executable, "-B", "-m", "uvicorn", "--app-dir", str(EXAMPLES / "fastapi"), "main:app"]
        uvicorn += ["--host", "localhost", "--port", str(port)]
        fastapi = running.enter_context(Service("fastapi", uvicorn, port, Path(folder), LOCKJAR_URL=issuer))
        port = free_port()
        command = ["node", str(EXAMPLES / "node" / "server.js")]
        node = running.enter_context(Service("node", command, port, Path(folder), LOCKJAR_URL=issuer, PORT=str(port)))
        yield [fastapi, node]


class KeyServer:
    """Answers every request with `status` and `body`, and counts them, until its block ends."""

    def __init__(self, body: str, port: int = 0):
        self.status, self.body, self.requests = 200, body, 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                self.send_response(server.status)
                self.end_headers()
                self.wfile.write(server.body.encode())

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> "KeyServer":
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.http.shutdown()
        self.http.server_close()
