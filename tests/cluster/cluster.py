"""The example cluster, started by its one command, and a client of its balancer and of its nodes."""

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cluster"
PROCESSES = ("postgres", "redis", "node1", "node2", "node3", "balancer")
# A machine that does much else at the same time starts six servers slowly.
START_LIMIT = 120


class Answer(NamedTuple):
    status: int
    body: str
    headers: http.client.HTTPMessage

    @property
    def cookies(self) -> list[str]:
        return self.headers.get_all("Set-Cookie") or []


class Cluster:
    """Runs until its block ends, which is by Ctrl-C; its data is kept."""

    def __init__(self, program: str, folder: Path):
        self.data, self.port, self.output = folder / "data", free_ports(), folder / "output"
        self.url = f"http://localhost:{self.port}"
        self.nodes = [self.port + number for number in (1, 2, 3)]
        self.environment = {
            **os.environ,
            "LOCKJAR": program,
            "CLUSTER_PORT": str(self.port),
            "CLUSTER_DATA": str(self.data),
        }

    def __enter__(self) -> "Cluster":
        with self.output.open("w") as output:
            # A session of its own, as a terminal would give it: Ctrl-C goes to its process group.
            self.process = subprocess.Popen(
                [EXAMPLE / "start"], env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )
        start = time.monotonic()
        while f"Open {self.url}" not in self.output.read_text():
            if self.process.poll() is not None or time.monotonic() - start > START_LIMIT:
                self.__exit__()
                raise SystemExit(f"the cluster does not start:\n{self.output.read_text()}")
            time.sleep(0.1)
        self.pids = {name: self.pid(name) for name in PROCESSES}
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.status = self.process.wait(timeout=90)

    def pid(self, name: str) -> int:
        return int((self.data / f"{name}.pid").read_text())

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.pid(name), number)

    def ask(self, method: str, path: str, cookie: str = "", form: dict | None = None, port: int = 0, **headers: str) -> Answer:
        """Through the balancer, or one node itself by its port; as a page of this site would, unless it says otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=40)
        headers = {"Host": f"localhost:{self.port}", "Origin": self.url, **headers}
        if cookie:
            headers["Cookie"] = cookie
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body=None if form is None else urlencode(form), headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), answer.headers)
        finally:
            connection.close()

    def protected(self, cookie: str, port: int = 0) -> int:
        return self.ask("GET", "/protected", cookie, port=port).status

    def everywhere(self, cookie: str) -> set[int]:
        return {self.protected(cookie, port) for port in (self.port, *self.nodes)}

    def nodes_in_turn(self, cookie: str) -> list[str]:
        """Which nodes answered three requests, as the balancer's log has it."""
        log = self.data / "log" / "balancer.log"
        before = len(log.read_text())
        for _ in range(3):
            self.protected(cookie)

        def answered() -> list[str]:
            return re.findall(r" ready/(node\d) .*/protected", log.read_text()[before:])

        eventually(lambda: len(answered()) == 3, 2)
        return sorted(answered())

    def command(self, *words: str) -> str:
        """What the program says to an operator."""
        command = [str(EXAMPLE / "lockjar"), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout


def eventually(holds: Callable[[], bool], seconds: float = 40) -> bool:
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > seconds:
            return False
        time.sleep(0.05)
    return True


def free_ports() -> int:
    """The first of six that are free."""
    for port in range(18000, 30000, 10):
        try:
            for one in range(port, port + 6):
                socket.create_server(("127.0.0.1", one)).close()
            return port
        except OSError:
            continue
    raise SystemExit("there are no six free ports in a row")
