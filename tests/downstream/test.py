"""Lockjar, a FastAPI service and a Node service beside it: who believes which token?

Usage: test.py LOCKJAR. All three are started here, on free ports of localhost, and stopped at the end.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "downstream"
SECRET = "introspection-secret-of-the-downstream-test"
PASSWORD = "gravel umbrella seventeen"
# The services keep the keys for five minutes; what they refuse later is not waited for here.


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Service:
    """A process that listens on a port of localhost."""

    def __init__(self, name: str, command: list[str], port: int, folder: Path, **environment: str):
        self.name, self.port, self.log = name, port, folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.until_it_listens()

    def until_it_listens(self) -> None:
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("localhost", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.name} does not listen:\n{self.log.read_text()}")

    def ask(self, method: str, path: str, cookie: str = "", form: dict | None = None, **headers: str):
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            headers["Cookie"] = cookie
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body=urlencode(form) if form is not None else None, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        return answer.status, body, answer.headers.get_all("Set-Cookie") or []

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


def jar(cookies: list[str]) -> dict[str, str]:
    return dict(cookie.split(";")[0].split("=", 1) for cookie in cookies)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def forgeries(token: str, jwk: dict, issuer: str):
    """What an attacker makes who has one token of their own and the published keys."""
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    public = base64.urlsafe_b64decode(jwk["x"] + "=")
    pem = ed25519.Ed25519PublicKey.from_public_bytes(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    own = ed25519.Ed25519PrivateKey.generate()
    own_jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(own.public_key().public_bytes_raw())}

    def signed(changes: dict | None = None, **header_changes):
        headers = {**header, **header_changes}
        return jwt.encode({**claims, **(changes or {})}, own, algorithm="EdDSA", headers=headers)

    def hs256(key: bytes) -> str:
        message = f"{part({**header, 'alg': 'HS256'})}.{body}"
        return f"{message}.{b64(hmac.new(key, message.encode(), hashlib.sha256).digest())}"

    for spelling in ("none", "None", "NONE", "nOnE"):
        yield f"alg {spelling}", f"{part({**header, 'alg': spelling})}.{body}."
        yield f"alg {spelling}, signature kept", f"{part({**header, 'alg': spelling})}.{body}.{signature}"
    for name, key in (("raw", public), ("PEM", pem), ("base64url", jwk["x"].encode()), ("empty", b"")):
        yield f"HS256 by the public key, {name}", hs256(key)
    yield "another key under the known kid", signed()
    for kid in ("unknown", "../../../../dev/null", "' OR 1=1 --", "", jwk["kid"] + "\0"):
        yield f"kid {kid!r}", signed(kid=kid)
    yield "embedded jwk", signed(jwk=own_jwk)
    yield "jku elsewhere", signed(jku="http://127.0.0.1:9/jwks.json")
    yield "x5u elsewhere", signed(x5u="http://127.0.0.1:9/cert.pem")
    yield "crit", signed(crit=["exp"])
    yield "lives for ever", signed({"exp": 2**40})
    yield "another issuer", signed({"iss": "https://evil.example"})
    yield "changed claims", f"{head}.{part({**claims, 'sub': 'A' * 22})}.{signature}"
    twice = b'{"sub":"x",' + json.dumps(claims).encode()[1:]
    yield "duplicate claims", f"{head}.{part(twice)}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{token}.{signature}"
    yield "trailing bytes", f"{token}AAAA"
    yield "padding", f"{token}=="
    yield "no JSON", f"{part(b'hello')}.{body}.{signature}"


def main(lockjar_binary: str) -> None:
    checks = 0

    def check(what: str, got, wanted) -> None:
        nonlocal checks
        checks += 1
        if got != wanted:
            raise SystemExit(f"{what}: {got!r} instead of {wanted!r}")

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "secret").write_text(SECRET + "\n")
        ports = [free_port() for _ in range(3)]
        issuer = f"http://localhost:{ports[0]}"
        command = [str(Path(lockjar_binary).resolve()), "--listen", f"localhost:{ports[0]}", "--token", "jwt"]
        command += ["--jwt-audiences", "reports", "--jwt-introspection-secret-file", "secret"]
        services = []
        try:
            lockjar = Service("lockjar", command, ports[0], folder)
            services.append(lockjar)
            uvicorn = [sys.executable, "-B", "-m", "uvicorn", "--app-dir", str(EXAMPLES / "fastapi"), "main:app"]
            uvicorn += ["--host", "localhost", "--port", str(ports[1])]
            services.append(Service("fastapi", uvicorn, ports[1], folder, LOCKJAR_URL=issuer))
            node = ["node", str(EXAMPLES / "node" / "server.js")]
            services.append(Service("node", node, ports[2], folder, LOCKJAR_URL=issuer, PORT=str(ports[2])))
            others = services[1:]

            form = {"username": "alice", "password": PASSWORD}
            status, body, cookies = lockjar.ask("POST", "/register", form=form)
            check("sign-up", (status, len(cookies)), (201, 2))
            browser = jar(cookies)
            token = browser["access_token"]
            cookie = f"access_token={token}"
            me = json.loads(lockjar.ask("GET", "/me", cookie)[1])
            for service in others:
                check(f"{service.name} without a cookie", service.ask("GET", "/whoami")[0], 401)
                status, body, _ = service.ask("GET", "/whoami", cookie)
                check(f"{service.name} with it", (status, json.loads(body).get("user")), (200, me["id"]))

            (jwk,) = json.loads(lockjar.ask("GET", "/.well-known/jwks.json")[1])["keys"]
            check("PyJWT by the published key", jwt.decode(
                token, jwt.PyJWK(jwk), algorithms=["EdDSA"], issuer=issuer, audience=issuer)["sub"], me["id"])
            for what, forged in forgeries(token, jwk, issuer):
                # Its signature is right: libraries that are kind about padding may take it, and lose nothing.
                believers = [] if what == "padding" else others
                for service, path in [(lockjar, "/protected"), *((other, "/whoami") for other in believers)]:
                    check(f"{service.name}, {what}", service.ask("GET", path, f"access_token={forged}")[0], 401)
            log = lockjar.log.read_text()
            check("why is in the log", "token_refused" in log and "alg is not the key's" in log, True)
            check("the token is not", token in log or browser["refresh_token"] in log, False)

            status, body, _ = lockjar.ask("POST", "/token", cookie, {"audience": "reports"})
            minted = json.loads(body)["access_token"]
            check("its audience", jwt.decode(
                minted, jwt.PyJWK(jwk), algorithms=["EdDSA"], issuer=issuer, audience="reports")["sid"],
                jwt.decode(token, options={"verify_signature": False})["sid"])
            for service, path in [(lockjar, "/protected"), *((other, "/whoami") for other in others)]:
                check(f"{service.name}, another's token", service.ask("GET", path, f"access_token={minted}")[0], 401)

            def active(secret: str, token: str):
                status, body, _ = lockjar.ask("POST", "/introspect", form={"token": token}, Authorization=f"Bearer {secret}")
                return status, json.loads(body).get("active")

            check("introspection", (active(SECRET, token), active(SECRET, minted), active("wrong", token)),
                  ((200, True), (200, True), (401, None)))
            check("log-out", lockjar.ask("POST", "/logout", cookie)[0], 200)
            check("introspection after it", (active(SECRET, token), active(SECRET, minted)), ((200, False), (200, False)))
            check("lockjar after it", lockjar.ask("GET", "/protected", cookie)[0], 401)
            for service in others:
                check(f"{service.name} after it, until the token expires", service.ask("GET", "/whoami", cookie)[0], 200)
        finally:
            for service in reversed(services):
                service.stop()
    print(f"{checks} checks, 0 wrong")


if __name__ == "__main__":
    main(*sys.argv[1:])
