"""The number on a ballot paper: it says that the paper is ours, and nothing about who filled it in."""

import secrets
from collections.abc import Callable

from grants.kernel.errors import RuleBroken
from grants.voting.rules.letters import ALPHABET, in_fours, read, spell, with_check

SERIAL_LENGTH = 8


def make_serial(randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """A new number as it is printed: two groups of four, the last letter checks the others (``letters.with_check``).

    Drawn by chance and not counted up, so that the order of a pile tells nothing and nobody can guess another one:
    there are 3.4 × 10⁹ of them. ``randbelow(n)`` gives a number from 0 to n - 1; anything but the default is for tests.
    """
    return in_fours(with_check(spell(randbelow(len(ALPHABET)) for _ in range(SERIAL_LENGTH - 1))))


def read_serial(text: str) -> str:
    """The number as printed, however it was typed or scanned. Refuses (``RuleBroken``) what cannot be one.

    >>> read_serial(" 2222 2222 ")
    '2222-2222'
    """
    letters = read(text, SERIAL_LENGTH)
    if letters is None:
        raise RuleBroken(
            "Check the number of the paper and type it again. It has 8 letters and numbers, like 2345-67C4, and one of "
            "them is not right.",
            field="serial",
        )
    return in_fours(letters)
