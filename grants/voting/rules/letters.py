"""Codes that people read from paper and type: letters that cannot be mistaken, and one that checks the others."""

from collections.abc import Iterable

ALPHABET = "23456789CDFHJKMNPRTVWXY"
"""No 0 O Q, 1 I L, and only one of each pair that looks alike (2 Z, 5 S, 6 G, 8 B, U V); no vowels, so no words.

There are 23 of them: a prime number, which is what makes the check letter catch every swap.
"""

_READ_AS = str.maketrans({"Z": "2", "S": "5", "G": "6", "B": "8", "U": "V"})
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_PRIME = len(ALPHABET)


def with_check(letters: str) -> str:
    """``letters`` with a check letter behind them.

    The values times their place (1, 2, 3 …) sum to a multiple of 23, as in an ISBN-10: one wrong letter, or two that
    have changed places, never go unseen. At most 22 letters in all.

    >>> with_check("2345")
    '2345V'
    """
    if len(letters) + 1 >= _PRIME:
        raise ValueError("too long for one check letter")
    place = len(letters) + 1
    return letters + ALPHABET[-_weighed(letters) * pow(place, -1, _PRIME) % _PRIME]


def read(text: str, length: int) -> str | None:
    """The code that somebody typed: capitals, no gaps; nothing when it cannot be right.

    Small letters, spaces and hyphens are fine, and a letter that looks like just one of ours is read as that one
    (Z as 2, S as 5, G as 6, B as 8, U as V). Others (O, 0, I, 1, L …) stand for nothing here.
    """
    bare = "".join(text.upper().replace("-", " ").replace("–", " ").replace("—", " ").split()).translate(_READ_AS)
    if len(bare) != length or any(letter not in _VALUE for letter in bare) or _weighed(bare) % _PRIME:
        return None
    return bare


def in_fours(letters: str) -> str:
    """Groups of four, for paper and screen.

    >>> in_fours("23456789CDFH")
    '2345-6789-CDFH'
    """
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def spell(values: Iterable[int]) -> str:
    """Numbers from 0 to 22 as letters."""
    return "".join(ALPHABET[value] for value in values)


def _weighed(letters: str) -> int:
    return sum(place * _VALUE[letter] for place, letter in enumerate(letters, start=1))
