"""The modulus check of UK account numbers, over replaceable tables.

Source: Vocalink (Pay.UK), "Validating account numbers: UK modulus checking". Its weight table (``valacdos.txt``) and
its list of substituted sort codes (``scsubtab.txt``) change a few times a year; whoever runs Seedbed downloads them and
names their folder.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from grants.ports.accounts import Modulus

_U_TO_B = range(8)
"""Positions u v w x y z a b."""
_A, _B, _C, _G, _H = 6, 7, 8, 12, 13
_EXCEPTION_2 = (0, 0, 1, 2, 5, 3, 6, 4, 8, 7, 10, 9, 3, 1)
_EXCEPTION_2_G9 = (0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 10, 9, 3, 1)
_EITHER = ({2, 9}, {10, 11}, {12, 13})
"""Pairs of exceptions of which one check that passes is enough."""


class BadTable(Exception):
    """A line of a table cannot be read; says which."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """One line: sort codes from–to (numbers), the method, fourteen weights for u–z and a–h, the exception (0: none)."""

    first: int
    last: int
    method: str
    weights: tuple[int, ...]
    exception: int


@dataclass(frozen=True, slots=True)
class Tables:
    """Both tables, ready to ask."""

    weighings: tuple[Weighing, ...]
    substitutes: dict[str, str]

    @classmethod
    def read(cls, weights: str, substitutes: str = "") -> "Tables":
        """Tables from the text of ``valacdos.txt`` and ``scsubtab.txt``. Raises ``BadTable``.

        >>> len(Tables.read("089000 089999 MOD10 0 0 0 0 0 0 7 1 3 7 1 3 7 1").weighings)
        1
        """
        lines = [_weighing(number, line.split()) for number, line in _lines(weights)]
        pairs = dict(_substitute(number, line.split()) for number, line in _lines(substitutes))
        return cls(tuple(sorted(lines, key=lambda one: one.first)), pairs)

    def of(self, sort_code: str) -> list[Weighing]:
        """The lines for a sort code, in the order of the table."""
        number = int(sort_code)
        until = bisect_right(self.weighings, number, key=lambda one: one.first)
        return [one for one in self.weighings[:until] if one.last >= number]


def _lines(text: str) -> Iterable[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#")


def _weighing(number: int, words: list[str]) -> Weighing:
    try:
        first, last, method, *numbers = words
        values = [int(one) for one in numbers]
        if method not in ("MOD10", "MOD11", "DBLAL") or len(values) not in (14, 15) or len(first) != 6 or first > last:
            raise ValueError
        return Weighing(int(first), int(last), method, tuple(values[:14]), values[14] if len(values) == 15 else 0)
    except ValueError:
        raise BadTable(f"Line {number} of the table of weights cannot be read.") from None


def _substitute(number: int, words: list[str]) -> tuple[str, str]:
    if len(words) != 2 or any(len(word) != 6 or not word.isdecimal() for word in words):
        raise BadTable(f"Line {number} of the table of substitutes cannot be read.")
    return words[0], words[1]


def check(tables: Tables, sort_code: str, account_number: str) -> Modulus:
    """Whether the digits fit together: six of the sort code, eight of the account number.

    >>> weights = Tables.read("089000 089999 MOD10 0 0 0 0 0 0 7 1 3 7 1 3 7 1")
    >>> check(weights, "089999", "66374958").value, check(weights, "089999", "66374959").value
    ('pass', 'fail')
    """
    lines = tables.of(sort_code)
    if not lines:
        return Modulus.NOT_COVERED
    first, second = lines[0], lines[1] if len(lines) > 1 else None
    if first.exception == 6 and account_number[0] in "45678" and account_number[6] == account_number[7]:
        return Modulus.NOT_COVERED  # an account in another currency: the method does not cover it
    passed = _passes(first, tables, sort_code, account_number)
    if second is not None:
        if {first.exception, second.exception} in _EITHER:
            passed = passed or _passes(second, tables, sort_code, account_number)
        elif not (second.exception == 3 and account_number[2] in "69"):
            passed = passed and _passes(second, tables, sort_code, account_number)
    return Modulus.PASS if passed else Modulus.FAIL


def _passes(line: Weighing, tables: Tables, sort_code: str, account_number: str) -> bool:
    exception, code = line.exception, sort_code
    if exception == 5:
        code = tables.substitutes.get(sort_code, sort_code)
    elif exception == 8:
        code = "090126"
    elif exception == 9:
        code = "309634"
    digits = [int(one) for one in code + account_number]
    total = _total(line, digits)
    if line.method == "DBLAL":
        total += 27 if exception == 1 else 0
        left = total % 10
        return digits[_H] == (10 - left) % 10 if exception == 5 else left == 0
    if line.method == "MOD10":
        return total % 10 == 0
    left = total % 11
    if exception == 4:
        return left == digits[_G] * 10 + digits[_H]
    if exception == 5:
        return left != 1 and digits[_G] == (11 - left) % 11
    if exception == 14 and left:
        return digits[_H] in (0, 1, 9) and _total(line, [*digits[:6], 0, *digits[6:13]]) % 11 == 0
    return left == 0


def _total(line: Weighing, digits: list[int]) -> int:
    products = [weight * digit for weight, digit in zip(_weights(line, digits), digits, strict=True)]
    if line.method == "DBLAL":
        return sum(sum(divmod(product, 10)) for product in products)
    return sum(products)


def _weights(line: Weighing, digits: list[int]) -> tuple[int, ...]:
    exception = line.exception
    if exception == 2 and digits[_A] != 0:  # exception 9 keeps its own weights: only the sort code is another
        return _EXCEPTION_2_G9 if digits[_G] == 9 else _EXCEPTION_2
    without_head = (exception == 7 and digits[_G] == 9) or (
        exception == 10 and digits[_G] == 9 and digits[_A] in (0, 9) and digits[_B] == 9
    )
    return tuple(0 if place in _U_TO_B and without_head else weight for place, weight in enumerate(line.weights))
