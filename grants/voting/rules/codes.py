"""Voting codes, and the keys under which a voter stands on the roll."""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from datetime import date
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.voting.rules.letters import ALPHABET, in_fours, read, spell, with_check

CODE_LENGTH = 12


def pepper_from(secret_key: str) -> bytes:
    """The secret under which codes and addresses are hashed: drawn from the installation's own, for this use only."""
    return hmac.digest(secret_key.encode(), b"seedbed voting pepper v1", "sha256")


def make_code(randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """A new voting code as it is printed: three groups of four, the last letter checks the others.

    Eleven free letters are 9.5 × 10¹⁴ codes: with ten thousand handed out, one guess in 10¹¹ finds one.
    ``randbelow(n)`` gives a whole number from 0 to n - 1; anything but the default is for tests.
    """
    return in_fours(with_check(spell(randbelow(len(ALPHABET)) for _ in range(CODE_LENGTH - 1))))


def normalise_code(text: str) -> str:
    """The code as printed, however it was typed. Refuses (``RuleBroken``) what cannot be a code.

    >>> normalise_code(" 2222 2222 2222 ")
    '2222-2222-2222'
    """
    letters = read(text, CODE_LENGTH)
    if letters is None:
        raise RuleBroken(
            "Check your code and type it again. It has 12 letters and numbers, like 2345-6789-CDFH, "
            "and never the letter O or the number 0.",
            field="code",
        )
    return in_fours(letters)


def hash_code(code: str, pepper: bytes, round_id: UUID) -> str:
    """What is stored of a code: HMAC-SHA256 (64 hex digits) under the installation's secret, bound to the round.

    Whoever has the table without the secret cannot read or test codes; a code of another round has another hash.
    """
    return _keyed(pepper, "voting code", round_id, normalise_code(code))


def hash_address(address: str, pepper: bytes, round_id: UUID) -> str:
    """The roll's key of somebody who votes by e-mail, in the same way.

    Capitals and what follows a + in front of the @ make no difference, so that one postbox is one voter.
    """
    name, _, domain = address.strip().lower().rpartition("@")
    return _keyed(pepper, "voter address", round_id, f"{name.partition('+')[0]}@{domain}")


def hash_person(name: str, born_on: date, postcode: str, pepper: bytes, round_id: UUID) -> str:
    """The roll's key of somebody who came in person and has neither a code nor an address to show.

    Capitals, accents, hyphens and the order of names make no difference, so that one person is one voter at each booth.
    """
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower() or name.lower()
    words = sorted(re.findall(r"\w+", bare))
    place = "".join(postcode.upper().split())
    return _keyed(pepper, "voter in person", round_id, f"{' '.join(words)}\n{born_on.isoformat()}\n{place}")


def _keyed(pepper: bytes, kind: str, round_id: UUID, text: str) -> str:
    if len(pepper) < 16:
        raise ValueError("the secret for hashing needs 16 bytes or more")
    return hmac.digest(pepper, f"{kind}\n{round_id}\n{text}".encode(), "sha256").hex()
