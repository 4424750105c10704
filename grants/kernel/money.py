"""Integer pence: parsing, showing, and splitting without losing one."""

import re
from collections.abc import Sequence
from fractions import Fraction

from grants.kernel.errors import RuleBroken

_POUNDS = re.compile(r"£?\s*(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2}))?")
_AMOUNT = re.compile(r"£(\d+(?:,\d{3})*(?:\.\d+)?)")
_AMOUNT_AND_COMMA = re.compile(r"£(\d[\d,]*(?:\.\d+)?)")
LARGEST_MINOR = 10**12
POUNDS = "GBP"


def parse_pounds(text: str) -> int:
    """Pence from what a person typed ("£1,234.50", "500"). Raises ``RuleBroken``.

    >>> parse_pounds("£1,234.5")
    123450
    """
    match = _POUNDS.fullmatch(text.strip())
    if not match:
        raise RuleBroken("Enter an amount in pounds, like 250 or 1,250.50")
    pounds, pence = match[1].replace(",", ""), (match[2] or "0").ljust(2, "0")
    minor = int(pounds) * 100 + int(pence)
    if minor > LARGEST_MINOR:
        raise RuleBroken("Enter a smaller amount")
    return minor


def show_pounds(minor: int) -> str:
    """Pounds for a person: pence only when there are any.

    >>> show_pounds(120000), show_pounds(-5), show_pounds(123450)
    ('£1,200', '-£0.05', '£1,234.50')
    """
    sign, minor = ("-" if minor < 0 else ""), abs(minor)
    pounds, pence = divmod(minor, 100)
    return f"{sign}£{pounds:,}" + (f".{pence:02d}" if pence else "")


def told_in(text: str, currency: str) -> str:
    """Words about pounds as words about as much of another currency; of one that nobody names (""), as bare numbers.

    >>> told_in("It asks for £1,200.50, in whole pounds.", "PLN"), told_in("It asks for £5.", "GBP")
    ('It asks for 1,200.50 PLN, in whole PLN.', 'It asks for £5.')
    >>> told_in("Each had £1,200, and £5.", "EUR")
    'Each had 1,200 EUR, and 5 EUR.'
    >>> told_in("It asks for £5.", chr(92) + "g<9>")  # whatever a file calls its currency
    'It asks for 5 \\\\g<9>.'
    >>> told_in("It asks for £5, in whole pounds.", "")
    'It asks for 5, in whole units.'
    >>> told_in("It asks for 35,000, EUR and 20 EUR was left.", "EUR")  # as ``told_in_before`` put it
    'It asks for 35,000 EUR, and 20 EUR was left.'
    """
    if currency == POUNDS:
        return text
    if not currency:
        bare = _AMOUNT.sub(lambda found: found[1], text)
        return bare.replace(" in pounds", "").replace("pound", "unit")
    told = _AMOUNT.sub(lambda found: f"{found[1]} {currency}", text)
    told = re.sub(rf"(?<=\d), {re.escape(currency)}(?= )", lambda _: f" {currency},", told)
    return (
        told.replace("whole pounds", f"whole {currency}")
        .replace("in pounds", f"in {currency}")
        .replace("pound", "unit")
    )


def told_in_before(text: str, currency: str) -> str:
    """As ``told_in`` once did it, with a comma before the currency and not after it.

    Reasons of elections that were imported then are kept in these words, and under a checksum over them.

    >>> told_in_before("It asks for £35,000, and £20 was left.", "EUR")
    'It asks for 35,000, EUR and 20 EUR was left.'
    """
    if currency == POUNDS:
        return text
    told = _AMOUNT_AND_COMMA.sub(lambda found: f"{found[1]} {currency}", text)
    return told.replace("whole pounds", f"whole {currency}").replace("pound", "unit")


def share_out(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split pence in proportion to ``weights`` by largest remainder (Hamilton); ties go to the earlier.

    The parts always sum to ``amount_minor``.

    >>> share_out(100, [1, 1, 1])
    (34, 33, 33)
    """
    total = sum(weights)
    if total <= 0 or amount_minor < 0 or min(weights) < 0:
        raise ValueError("needs a non-negative amount and weights that sum to more than nought")
    exact = [Fraction(amount_minor * weight, total) for weight in weights]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: amount_minor - sum(parts)]:
        parts[i] += 1
    return tuple(parts)
