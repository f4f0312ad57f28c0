"""Sends every case to FastAPI's tutorial and to ours, and compares the answers.

Usage: compare.py PATH_OF_THE_RUST_TUTORIAL
"""

import re
import socket
import subprocess
import sys
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
        "cookie": attributes(answer.header("set-cookie")),
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


def attributes(set_cookie: str | None) -> dict | None:
    if set_cookie is None:
        return None
    first, *rest = set_cookie.split(";")
    pairs = (part.strip().partition("=") for part in rest)
    return {"name": first.partition("=")[0]} | {name.lower(): value.lower() for name, _, value in pairs}


def intended(difference: Ours, log_in: dict) -> dict:
    return {
        "status": difference.status,
        "body": difference.body,
        "type": "application/json",
        "cookie": log_in["cookie"] if difference.sets_cookie else None,
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


def judge(case: Case, theirs: Answer, ours: Answer, cookie: str, log_in: dict) -> list[str]:
    difference = DIFFERENCES.get(case.name)
    expected = intended(difference, log_in) if difference else seen(theirs)
    got = seen(ours)
    wrong = [f"{key}: expected {expected[key]!r}, got {got[key]!r}" for key in expected if expected[key] != got[key]]
    if difference and got == seen(theirs):
        wrong.append("listed as a difference, but the answers are equal")
    return wrong + broken_promises(ours, cookie)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(port: int, *command: str) -> subprocess.Popen:
    """Starts a server and waits until it accepts connections."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=HERE)
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
    their_log_in, our_log_in = send(their_port, LOG_IN), send(our_port, LOG_IN)
    their_cookie, our_cookie = their_log_in.cookie() or "", our_log_in.cookie() or ""
    failures = 0
    for case in CASES:
        theirs, ours = send(their_port, case, their_cookie), send(our_port, case, our_cookie)
        wrong = judge(case, theirs, ours, our_cookie, seen(their_log_in))
        if wrong:
            failures += 1
            print(f"{case.name} ({case.method} {case.path})", *wrong, sep="\n    ")
    return failures


def main(tutorial: str) -> int:
    names = [case.name for case in CASES]
    if len(set(names)) < len(names) or set(DIFFERENCES) - set(names):
        sys.exit("a case is named twice, or a difference names no case")
    their_port, our_port = free_port(), free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(their_port), "--log-level", "critical"]
    servers = [start(their_port, *uvicorn), start(our_port, tutorial, "--listen", f"127.0.0.1:{our_port}")]
    try:
        failures = compare(their_port, our_port)
    finally:
        for server in servers:
            server.terminate()
            server.wait()
    print(f"{len(CASES)} requests: {len(CASES) - len(DIFFERENCES)} must be equal, {len(DIFFERENCES)} differ on purpose, {failures} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).resolve())))
