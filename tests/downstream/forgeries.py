"""Tokens that nobody may believe: by who holds no key of Lockjar's, and by who does."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def forgeries(token: str, jwk: dict, own: "Keys", elsewhere: str) -> Iterator[tuple[str, str]]:
    """What an attacker makes who has one token, the published keys, and keys of their own at an address elsewhere."""
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    public = base64.urlsafe_b64decode(jwk["x"] + "=")
    pem = ed25519.Ed25519PublicKey.from_public_bytes(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def signed(changes: dict | None = None, **header_changes) -> str:
        return own.sign({**header, **header_changes}, {**claims, **(changes or {})})

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
    yield "embedded jwk", signed(jwk=own.jwks[0])
    yield "jku elsewhere", signed(jku=f"{elsewhere}/jwks.json")
    yield "x5u elsewhere", signed(x5u=f"{elsewhere}/cert.pem")
    yield "crit", signed(crit=["exp"])
    yield "lives for ever", signed({"exp": 2**40})
    yield "another issuer", signed({"iss": elsewhere})
    yield "changed claims", f"{head}.{part({**claims, 'sub': 'A' * 22})}.{signature}"
    twice = b'{"sub":"x",' + json.dumps(claims).encode()[1:]
    yield "duplicate claims", f"{head}.{part(twice)}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{token}.{signature}"
    yield "trailing bytes", f"{token}AAAA"
    yield "padding", f"{token}=="
    yield "no JSON", f"{part(b'hello')}.{body}.{signature}"


class Keys:
    """Private keys that the test holds, and how they are published.

    Two could have signed when a token does not say which; the third is of an algorithm that the services do not allow.
    """

    def __init__(self, kid: str = "current"):
        self.key, self.previous = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.header = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
        self.jwks = [
            {**OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": kid, "alg": "EdDSA"},
            {**OKPAlgorithm.to_jwk(self.previous.public_key(), as_dict=True), "kid": "previous", "alg": "EdDSA"},
            {**RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True), "kid": "rsa", "alg": "RS256"},
        ]
        self.published = json.dumps({"keys": [{**jwk, "use": "sig"} for jwk in self.jwks]})

    def sign(self, header: dict, claims: dict) -> str:
        message = f"{part(header)}.{part(claims)}"
        if header.get("alg") == "RS256":
            signature = self.rsa.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = self.key.sign(message.encode())
        return f"{message}.{b64(signature)}"

    def token(self, issuer: str, header: dict | None = None, **claims) -> str:
        """The token that a service at `issuer`'s side believes, but for these changes; None leaves a member out."""
        now = int(time.time())
        right = {"iss": issuer, "aud": issuer, "sub": "alice", "sid": "session", "iat": now, "exp": now + 300}

        def changed(members: dict, changes: dict) -> dict:
            return {name: value for name, value in {**members, **changes}.items() if value is not None}

        return self.sign(changed(self.header, header or {}), changed(right, claims))


def rightly_signed(keys: Keys, issuer: str) -> Iterator[tuple[str, str]]:
    """Tokens that a published key has signed: each has one fault, and only that can be why it is refused."""
    now = int(time.time())
    yield "expired", keys.token(issuer, exp=now - 5)
    yield "not yet valid", keys.token(issuer, nbf=now + 120)
    yield "another issuer", keys.token(issuer, iss="https://evil.example")
    yield "the issuer with a slash", keys.token(issuer, iss=f"{issuer}/")
    yield "another audience", keys.token(issuer, aud="reports")
    yield "other audiences", keys.token(issuer, aud=["reports", f"{issuer}/"])
    for claim in ("exp", "iat", "iss", "aud", "sub", "sid"):
        yield f"no {claim}", keys.token(issuer, **{claim: None})
    yield "typ JWT", keys.token(issuer, {"typ": "JWT"})
    yield "no typ", keys.token(issuer, {"typ": None})
    yield "an unknown crit", keys.token(issuer, {"crit": ["test"], "test": True})
    yield "an empty crit", keys.token(issuer, {"crit": []})
    yield "alg not the key's", keys.token(issuer, {"alg": "ES256"})
    yield "alg not allowed", keys.token(issuer, {"alg": "RS256", "kid": "rsa"})
    yield "no alg", keys.token(issuer, {"alg": None})
    yield "unknown kid", keys.token(issuer, {"kid": "unknown"})
    yield "no kid, of two keys", keys.token(issuer, {"kid": None})
