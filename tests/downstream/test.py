"""Lockjar, a FastAPI service and a Node service beside it: who believes which token?

Usage: test.py LOCKJAR. All three are started here, on free ports of localhost, and stopped at the end.
Where Lockjar would have to sign what it never signs, or to be out of order, the test plays its part with its own keys.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt

from forgeries import Keys, forgeries, rightly_signed
from services import KeyServer, Service, examples, free_port

SECRET = "introspection-secret-of-the-downstream-test"
PASSWORD = "gravel umbrella seventeen"
# The services keep the keys for five minutes; what they refuse later is not waited for here.


class Checks:
    made = wrong = 0

    def __call__(self, what: str, got, wanted) -> None:
        self.made += 1
        if got != wanted:
            self.wrong += 1
            print(f"{what}: {got!r} instead of {wanted!r}")


def beside_lockjar(check: Checks, binary: str) -> None:
    """A user's own token, what an attacker makes of it, another service's token, and log-out."""
    port = free_port()
    issuer = f"http://localhost:{port}"
    command = [str(Path(binary).resolve()), "--listen", f"localhost:{port}", "--token", "jwt"]
    command += ["--jwt-audiences", "reports", "--jwt-introspection-secret-file", "secret"]
    with TemporaryDirectory() as folder:
        (Path(folder) / "secret").write_text(SECRET + "\n")
        with Service("lockjar", command, port, Path(folder)) as lockjar, examples(issuer) as others:
            answer = lockjar.ask("POST", "/register", form={"username": "alice", "password": PASSWORD})
            browser = answer.cookies
            check("sign-up", (answer.status, sorted(browser)), (201, ["access_token", f"lockjar_device_{port}", "refresh_token"]))
            token = browser["access_token"]
            cookie = f"access_token={token}"
            me = json.loads(lockjar.ask("GET", "/me", cookie).body)["id"]
            (jwk,) = json.loads(lockjar.ask("GET", "/.well-known/jwks.json").body)["keys"]

            def read(token: str, audience: str) -> dict:
                return jwt.decode(token, jwt.PyJWK(jwk), algorithms=["EdDSA"], issuer=issuer, audience=audience)

            check("PyJWT by the published key", read(token, issuer)["sub"], me)
            for service in others:
                check(f"{service.name} without a cookie", service.whoami().status, 401)
                answer = service.whoami(token)
                check(f"{service.name} with it", (answer.status, json.loads(answer.body).get("user")), (200, me))
            nobody_believes_forgeries(check, lockjar, others, token, jwk)
            log = lockjar.log.read_text()
            check("why is in the log", "token_refused" in log and "alg is not the key's" in log, True)
            check("the token is not", token in log or browser["refresh_token"] in log, False)

            minted = json.loads(lockjar.ask("POST", "/token", cookie, {"audience": "reports"}).body)["access_token"]
            check("its session", read(minted, "reports")["sid"], read(token, issuer)["sid"])
            check("lockjar, another's token", lockjar.ask("GET", "/protected", f"access_token={minted}").status, 401)
            for service in others:
                check(f"{service.name}, another's token", service.whoami(minted).status, 401)
            log_out_is_known_by_asking(check, lockjar, others, token, minted)


def nobody_believes_forgeries(check: Checks, lockjar: Service, others: list[Service], token: str, jwk: dict) -> None:
    own = Keys(jwk["kid"])
    with KeyServer(own.published) as elsewhere:
        for what, forged in forgeries(token, jwk, own, elsewhere.address):
            answer = lockjar.ask("GET", "/protected", f"access_token={forged}")
            check(f"lockjar, {what}", answer.status, 401)
            # Its signature is right: libraries that are kind about padding may take it, and lose nothing.
            for service in [] if what == "padding" else others:
                check(f"{service.name}, {what}", service.whoami(forged).status, 401)
        check("requests to an address in a token", elsewhere.requests, 0)


def log_out_is_known_by_asking(check: Checks, lockjar: Service, others: list[Service], token: str, minted: str) -> None:
    def active(secret: str, token: str):
        answer = lockjar.ask("POST", "/introspect", form={"token": token}, Authorization=f"Bearer {secret}")
        return answer.status, json.loads(answer.body).get("active")

    check("introspection", (active(SECRET, token), active(SECRET, minted), active("wrong", token)),
          ((200, True), (200, True), (401, None)))
    check("log-out", lockjar.ask("POST", "/logout", f"access_token={token}").status, 200)
    check("introspection after it", (active(SECRET, token), active(SECRET, minted)), ((200, False), (200, False)))
    check("lockjar after it", lockjar.ask("GET", "/protected", f"access_token={token}").status, 401)
    for service in others:
        check(f"{service.name} after it, until the token expires", service.whoami(token).status, 200)


def by_the_right_key(check: Checks) -> None:
    """A signature is not enough."""
    keys = Keys()
    with KeyServer(keys.published) as lockjar, examples(lockjar.address) as services:
        for service in services:
            check(f"{service.name}, rightly signed", service.whoami(keys.token(lockjar.address)).status, 200)
            for what, token in rightly_signed(keys, lockjar.address):
                check(f"{service.name}, rightly signed, {what}", service.whoami(token).status, 401)


def while_keys_are_out_of_reach(check: Checks) -> None:
    """A fault is no log-out: 503 for who may be logged in, 401 for who has no token, 200 once the keys are back."""
    keys, port = Keys(), free_port()
    token = keys.token(f"http://127.0.0.1:{port}")

    def is_a_fault(services: list[Service], what: str) -> None:
        with ThreadPoolExecutor() as at_once:
            answers = list(at_once.map(lambda service: service.whoami(token), services))
        for service, answer in zip(services, answers):
            check(f"{service.name}, {what}", (answer.status, answer.headers["Retry-After"]), (503, "5"))
            check(f"{service.name}, {what}, no cookie", service.whoami().status, 401)
            check(f"{service.name}, {what}, no token", service.whoami("hello").status, 401)

    with examples(f"http://127.0.0.1:{port}") as services:
        is_a_fault(services, "nothing listens")
        with socket.create_server(("127.0.0.1", port)):
            is_a_fault(services, "keys that do not come")
        with KeyServer(keys.published, port) as lockjar:
            lockjar.status = 500
            is_a_fault(services, "keys with an error's status")
            lockjar.status = 200
            for lockjar.body in ("<html>", "[]", "{}"):
                is_a_fault(services, f"{lockjar.body} for keys")
            lockjar.body = keys.published
            for service in services:
                check(f"{service.name}, keys at last", service.whoami(token).status, 200)
        for service in services:
            check(f"{service.name}, gone after they were fetched", service.whoami(token).status, 200)
    # jose keeps an empty set as it keeps a good one: these services have to be others.
    with KeyServer('{"keys": []}', port), examples(f"http://127.0.0.1:{port}") as services:
        is_a_fault(services, "no keys")


def main(lockjar_binary: str) -> None:
    check = Checks()
    beside_lockjar(check, lockjar_binary)
    by_the_right_key(check)
    while_keys_are_out_of_reach(check)
    print(f"{check.made} checks, {check.wrong} wrong")
    sys.exit(check.wrong > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
