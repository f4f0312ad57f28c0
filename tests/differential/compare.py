"""Sends every case to FastAPI's tutorial and to ours, and compares the answers.

Usage: compare.py PATH_OF_THE_RUST_TUTORIAL
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import CASES, Case, form
from client import Answer, send
from differences import DIFFERENCES, Ours

HERE = Path(__file__).parent
LOG_IN = form("log in", {"username": "user1", "password": "password1"})


def seen(answer: Answer) -> dict:
    """All of an answer that a client can tell, with what is random made equal."""
    return {
        "status": answer.status,
        "body": without_code(answer.json()),
        "type": answer.header("content-type"),
        "cookies": [cookie for cookie in map(attributes, answer.all("set-cookie")) if not is_devices(cookie)],
        "allow": {method.strip() for method in (answer.header("allow") or "").split(",")} - {""},
        "location": re.sub(r":\d+/", "/", answer.header("location") or ""),
    }


def without_code(body):
    """The body without our stable `code`, and with the token's text made equal."""
    if not isinstance(body, dict):
        return body
    rest = {key: value for key, value in body.items() if key != "code"}
    if "message" in rest:
        rest["message"] = re.sub(r"(?<=your token is ).+", "…", rest["message"])
    return rest


def is_devices(cookie: dict) -> bool:
    """Ours leaves a second cookie with a log-in, which opens nothing: by it others' guesses lock nobody out."""
    return cookie["name"].startswith("lockjar_device_")


def attributes(set_cookie: str) -> dict:
    first, *rest = set_cookie.split(";")
    pairs = (part.strip().partition("=") for part in rest)
    return {"name": first.partition("=")[0]} | {name.lower(): value.lower() for name, _, value in pairs}


def intended(difference: Ours) -> dict:
    return {
        "status": difference.status,
        "body": difference.body,
        "type": "application/json",
        "cookies": difference.cookies,
        "allow": difference.allow,
        "location": "",
    }


def broken_promises(answer: Answer, cookie: str) -> list[str]:
    """What no answer of ours may do, whatever FastAPI does."""
    secret = cookie.partition("=")[2].rpartition(".")[2]
    body = answer.json()
    wrong = []
    if secret and secret.encode() in answer.body:
        wrong.append("the body holds the cookie's secret")
    if b"password1" in answer.body:
        wrong.append("the body holds the password")
    if answer.status >= 400 and isinstance(body, dict) and not isinstance(body.get("code"), str):
        wrong.append("an error without a code")
    return wrong


def judge(case: Case, theirs: Answer, ours: Answer, cookie: str) -> list[str]:
    difference = DIFFERENCES.get(case.name)
    expected = intended(difference) if difference else seen(theirs)
    got = seen(ours)
    wrong = [f"{key}: expected {expected[key]!r}, got {got[key]!r}" for key in expected if expected[key] != got[key]]
    if difference and got == seen(theirs):
        wrong.append("listed as a difference, but the answers are equal")
    return wrong + broken_promises(ours, cookie)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(folder: str, port: int, *command: str) -> subprocess.Popen:
    """Starts a server, which keeps its files in the folder, and waits until it accepts connections."""
    environment = os.environ | {"TMPDIR": folder}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=HERE, env=environment, **quiet)
    for _ in range(300):
        if server.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    server.kill()
    sys.exit(f"{command[0]} does not listen on port {port}")


def compare(their_port: int, our_port: int) -> int:
    """Prints each wrong answer; the count of them is returned."""
    their_cookie, our_cookie = send(their_port, LOG_IN).cookie(), send(our_port, LOG_IN).cookie()
    failures = 0
    for case in CASES:
        theirs, ours = send(their_port, case, their_cookie), send(our_port, case, our_cookie)
        wrong = judge(case, theirs, ours, our_cookie)
        if wrong:
            failures += 1
            print(f"{case.name} ({case.method} {case.path})", *wrong, sep="\n    ")
    return failures


def compare_in(folder: str, tutorial: str) -> int:
    """Runs both servers for as long as the comparison takes."""
    their_port, our_port = free_port(), free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(their_port), "--log-level", "critical"]
    servers = []
    try:
        servers.append(start(folder, their_port, *uvicorn))
        servers.append(start(folder, our_port, tutorial, "--listen", f"127.0.0.1:{our_port}"))
        return compare(their_port, our_port)
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def main(tutorial: str) -> int:
    names = [case.name for case in CASES]
    if len(set(names)) < len(names) or set(DIFFERENCES) - set(names):
        sys.exit("a case is named twice, or a difference names no case")
    with tempfile.TemporaryDirectory() as folder:
        failures = compare_in(folder, tutorial)
    print(f"{len(CASES)} requests: {len(CASES) - len(DIFFERENCES)} must be equal, {len(DIFFERENCES)} differ on purpose, {failures} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).resolve())))
