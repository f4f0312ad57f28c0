"""Hashes from elsewhere open Lockjar's door once, and then they are Argon2id.

Each package makes hashes of its own; `lockjar import` brings them in beside the running server, from JSON lines and from CSV.
Then each account is refused with a wrong password and logs in with the right one, its hash is seen to be renewed, and it logs in
again.

Usage: test.py PATH_OF_LOCKJAR
"""

import csv
import json
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "downstream"))

from hashes import bcrypt, hashers, made_here, set_up_django  # noqa: E402
from services import Service, free_port  # noqa: E402

PASSWORD = "gravel é umbrella seventeen"
# bcrypt reads 72 bytes of it, and packages from before 2025 cut the rest off without a word.
LONG = "a very long password indeed, " * 4
TODAYS = "$argon2id$v=19$m=19456,t=2,p=1$"
PARAMETERS = """hash_config {{
  algorithm: SCRYPT,
  base64_signer_key: {signerKey},
  base64_salt_separator: {saltSeparator},
  rounds: {rounds},
  mem_cost: {memCost},
}}
"""


class Checks:
    made = wrong = 0

    def __call__(self, what: str, got, wanted) -> None:
        self.made += 1
        if got != wanted:
            self.wrong += 1
            print(f"{what}: {got!r} instead of {wanted!r}")


def made_by_node() -> dict:
    made = subprocess.run(["node", "hashes.js", PASSWORD], cwd=HERE, check=True, capture_output=True, text=True)
    return json.loads(made.stdout)


def accounts(by_node: dict) -> dict[str, tuple[str, str, str]]:
    """By username: the origin of the hash, the hash, its password."""
    hashes = made_here(PASSWORD) | by_node["hashes"]
    rows = [(origin, made, PASSWORD) for origin, made in hashes.items()]
    rows.append(("bcrypt of a long password", bcrypt.hashpw(LONG.encode()[:72], bcrypt.gensalt(4)).decode(), LONG))
    return {f"user{number}": row for number, row in enumerate(rows)}


def write(folder: Path, rows: dict[str, tuple[str, str, str]], parameters: dict) -> None:
    """The first half as JSON lines, the second as CSV."""
    fields = [{"username": name, "password_hash": made} for name, (_, made, _) in rows.items()]
    half = len(fields) // 2
    unusable = {"username": "nobody", "password_hash": hashers.make_password(None)}
    lines = [json.dumps(row) + "\n" for row in [*fields[:half], unusable]]
    (folder / "users.jsonl").write_text("".join(lines))
    with (folder / "users.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["username", "password_hash"])
        writer.writeheader()
        writer.writerows(fields[half:])
    (folder / "firebase").write_text(PARAMETERS.format(**parameters))


def bring_along(check: Checks, lockjar: str, folder: Path, count: int) -> None:
    def run(file: str) -> tuple[int, str, str]:
        command = [lockjar, "import", file, "--firebase-parameters", "firebase"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        return done.returncode, done.stdout.strip(), done.stderr

    first, second = count // 2, count - count // 2
    code, last, told = run("users.jsonl")
    check("JSON lines", (code, last), (1, f"imported {first}, already there 0, rejected 1"))
    unusable = f"line {first + 1}: the password is one that nobody can use ('!' or '*'): the account logs in some other way there"
    check("Django's unusable password", told.splitlines(), [unusable])
    check("CSV", run("users.csv"), (0, f"imported {second}, already there 0, rejected 0", ""))
    check("CSV again", run("users.csv"), (0, f"imported 0, already there {second}, rejected 0", ""))


def log_in_twice(check: Checks, server: Service, database: Path, name: str, origin: str, password: str) -> None:
    def log_in(password: str) -> int:
        return server.ask("POST", "/login", form={"username": name, "password": password}).status

    def stored() -> str:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT password_hash FROM users WHERE username = ?", [name]).fetchone()[0]

    before = stored()
    check(f"{origin}, before", before.startswith(TODAYS), False)
    check(f"{origin}, a wrong password", (log_in("x" + password), stored()), (401, before))
    check(f"{origin}, the right one", log_in(password), 200)
    # The hash is renewed after the answer.
    for _ in range(300):
        if stored() != before:
            break
        time.sleep(0.1)
    check(f"{origin}, renewed", stored().startswith(TODAYS), True)
    check(f"{origin}, again", log_in(password), 200)
    check(f"{origin}, wrong again", log_in(password[:-1]), 401)


def main(binary: str) -> None:
    check, lockjar = Checks(), str(Path(binary).resolve())
    set_up_django()
    by_node = made_by_node()
    rows = accounts(by_node)
    port = free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows, by_node["parameters"])
        with Service("lockjar", [lockjar, "--listen", f"localhost:{port}"], port, folder) as server:
            bring_along(check, lockjar, folder, len(rows))
            # A refusal takes as long as the dearest of these hashes, and waits on a timer: together they take no longer.
            with ThreadPoolExecutor(8) as pool:
                checking = [
                    pool.submit(log_in_twice, check, server, folder / "lockjar.db", name, origin, password)
                    for name, (origin, _, password) in rows.items()
                ]
            for one in checking:
                one.result()
    print(f"{len(rows)} hashes, {check.made} checks, {check.wrong} wrong")
    sys.exit(check.wrong > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
