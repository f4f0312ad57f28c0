"""Hashes as the packages themselves make them, with their own costs where nothing else is said."""

import base64
import hashlib
import hmac
import os

import bcrypt
import django
from argon2 import PasswordHasher, Type
from argon2.low_level import hash_secret
from django.conf import settings
from django.contrib.auth import hashers
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

DJANGO = ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt"]


def made_here(password: str) -> dict[str, str]:
    """A hash of the password for each origin."""
    return of_django(password) | of_werkzeug(password) | of_passlib(password) | of_others(password)


def set_up_django() -> None:
    names = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in DJANGO]
    settings.configure(PASSWORD_HASHERS=names)
    django.setup()


def of_django(password: str) -> dict[str, str]:
    hashes = {f"Django's {it.algorithm}": hashers.make_password(password, hasher=it) for it in hashers.get_hashers()}
    # What it has always read and writes no longer.
    old = hashers.PBKDF2PasswordHasher()
    return hashes | {"Django's pbkdf2_sha256 of 2012": old.encode(password, "saltsaltsalt", iterations=10_000)}


def of_werkzeug(password: str) -> dict[str, str]:
    methods = ["scrypt", "pbkdf2", "pbkdf2:sha1:50000", "pbkdf2:sha512:50000"]
    return {f"Werkzeug's {it}": generate_password_hash(password, method=it) for it in methods}


def of_passlib(password: str) -> dict[str, str]:
    handlers = [passlib.scrypt, passlib.pbkdf2_sha1, passlib.pbkdf2_sha256, passlib.pbkdf2_sha512, passlib.phpass]
    hashes = {f"passlib's {it.name}": it.hash(password) for it in handlers}
    return hashes | {"phpBB's": passlib.phpass.using(ident="H", rounds=11).hash(password)}


def of_others(password: str) -> dict[str, str]:
    raw = password.encode()
    hashes = {
        "bcrypt $2b$": bcrypt.hashpw(raw, bcrypt.gensalt()),
        "bcrypt $2a$": bcrypt.hashpw(raw, bcrypt.gensalt(prefix=b"2a")),
        "PHP's bcrypt": bcrypt.hashpw(raw, bcrypt.gensalt(10)).replace(b"$2b$", b"$2y$", 1),
        "WordPress since 6.8": b"$wp" + bcrypt.hashpw(wordpress(raw), bcrypt.gensalt(10)).replace(b"$2b$", b"$2y$", 1),
    }
    argon2 = {"argon2-cffi": PasswordHasher().hash(password)}
    for kind in Type:
        for version in (0x10, 0x13):
            made = hash_secret(raw, os.urandom(16), 3, 1024, 4, 24, kind, version)
            argon2[f"Argon2{kind.name.lower()} {version:#x}"] = made.decode()
    aspnet = {f"ASP.NET Core Identity with {prf}": identity(raw, prf) for prf in ("sha1", "sha256", "sha512")}
    return {name: made.decode() for name, made in hashes.items()} | argon2 | aspnet


def wordpress(password: bytes) -> bytes:
    """What WordPress gives to PHP's password_hash."""
    return base64.b64encode(hmac.digest(b"wp-sha384", password, hashlib.sha384))


def identity(password: bytes, prf: str) -> str:
    """Version 3 of ASP.NET Identity's form: the packages for it know of SHA-256 alone."""
    salt, iterations = os.urandom(16), 100_000
    numbers = [("sha1", "sha256", "sha512").index(prf), iterations, len(salt)]
    head = b"\x01" + b"".join(number.to_bytes(4, "big") for number in numbers)
    return base64.b64encode(head + salt + hashlib.pbkdf2_hmac(prf, password, salt, iterations, 32)).decode()
