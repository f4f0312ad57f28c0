"""Asks Lockjar thousands of things that its own OpenAPI document says, and thousands that it forbids.

Schemathesis makes them up, by a fixed seed, and holds the answers against the document: with both kinds of tokens, by
somebody who is logged in, by somebody who is not, and from another site. Then it is held against a document that lies.

Usage: test.py PATH_OF_LOCKJAR
"""

import copy
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "downstream"))

from services import Service, free_port  # noqa: E402

SECRET = "an introspection secret of the test, long enough"
EXAMPLES = 100
# Fewer would mean that most of the document was passed over.
FEWEST_CASES = 1000
# The guard against other sites stands before the routes. So a method that is not there is 403 and not 405, and a service
# without its secret 403 and not 401: these two checks ask for what comes behind it, and hooks.py asks for the 403.
BEHIND_THE_GUARD = ["--exclude-checks", "unsupported_method,missing_required_header"]
ELSEWHERE = ["--header", "Origin: https://evil.example", *BEHIND_THE_GUARD]


class Run(NamedTuple):
    code: int
    output: str

    @property
    def cases(self) -> int:
        made = re.search(r"([\d,]+) generated", self.output)
        return int(made[1].replace(",", "")) if made else 0


@contextmanager
def lockjar(binary: str, token: str):
    with TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        port = free_port()
        command = [binary, "--listen", f"127.0.0.1:{port}", "--token", token]
        command += ["--throttle-sign-ups", "1000000", "--throttle-failures", "1000000"]
        if token == "jwt":
            command += ["--jwt-audiences", "reports", "--jwt-introspection-secret-file", str(secret)]
        with Service("lockjar", command, port, Path(folder)) as service:
            yield service


def schemathesis(service: Service, document: str, *arguments: str, who: str = "") -> Run:
    """Asks as somebody who is logged in, if a name for them is given."""
    url = f"http://127.0.0.1:{service.port}"
    ours = {"LOCKJAR_URL": url, "LOCKJAR_WHO": who, "LOCKJAR_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run", document]
    command += ["--url", url, "--seed", "1", "--max-examples", str(EXAMPLES), "--no-color", *arguments]
    told = {"capture_output": True, "text": True}
    ran = subprocess.run(command, cwd=HERE, env={**os.environ, **ours}, stdin=subprocess.DEVNULL, **told)
    return Run(ran.returncode, ran.stdout + ran.stderr)


def lies(document: dict):
    """Documents that differ from the true one by one thing, with what has to be found wrong with each."""
    without_a_status = copy.deepcopy(document)
    del without_a_status["paths"]["/me"]["get"]["responses"]["401"]
    yield "a status is missing", without_a_status, "Undocumented status code"
    with_another_body = copy.deepcopy(document)
    with_another_body["components"]["schemas"]["Refused"]["properties"]["code"]["type"] = "integer"
    yield "a body is another", with_another_body, "Response violates schema"
    without_a_lock = copy.deepcopy(document)
    without_a_lock["paths"]["/health/live"]["get"]["security"] = [{"session": []}]
    yield "a door is said to be locked", without_a_lock, "API accepts requests without authentication"


def every_lie_is_found(service: Service) -> list[str]:
    document = json.loads(service.ask("GET", "/openapi.json").body)
    missed, told = [], 0
    for what, lie, finding in lies(document):
        told += 1
        file = service.log.with_name("lie.json")
        file.write_text(json.dumps(lie))
        run = schemathesis(service, str(file), "--include-path-regex", "^/(me|health/live)$")
        if run.code == 0 or finding not in run.output:
            missed.append(f"{what}, and nobody notices:\n{run.output}")
    print(f"{told} documents that lie: {told - len(missed)} found out")
    return missed


def hold(service: Service, what: str, *arguments: str, who: str = "") -> list[str]:
    run = schemathesis(service, f"http://127.0.0.1:{service.port}/openapi.json", *arguments, who=who)
    print(f"{what}: {run.cases} requests")
    if run.code != 0:
        return [f"{what}:\n{run.output}"]
    if run.cases < FEWEST_CASES:
        return [f"{what}: {run.cases} requests are too few:\n{run.output}"]
    return []


def main(binary: str) -> int:
    binary = str(Path(binary).resolve())
    wrong = []
    for token in ("session", "jwt"):
        with lockjar(binary, token) as service:
            wrong += hold(service, f"{token}, logged in", who="alice")
            wrong += hold(service, f"{token}, not logged in")
            wrong += hold(service, f"{token}, from another site", *ELSEWHERE, who="bob")
            wrong += every_lie_is_found(service) if token == "session" else []
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
