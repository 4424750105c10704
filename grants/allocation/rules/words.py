"""How amounts and votes are told: in pounds, or in another election's own currency."""

from dataclasses import dataclass
from fractions import Fraction

from grants.kernel.money import show_pounds


@dataclass(frozen=True, slots=True)
class Words:
    """``unit``: how many of the smallest unit make one of the currency; ``point``: how many votes make one told."""

    currency: str = "GBP"
    unit: int = 100
    one: str = "vote"
    many: str = "votes"
    point: int = 1

    def money(self, amount: int | Fraction) -> str:
        """An amount in the smallest unit for a person; parts of a penny are dropped.

        >>> Words().money(123450), Words("PLN", 1).money(Fraction(7, 2)), Words("PLN", 1).money(-1200)
        ('£1,234.50', '3.50 PLN', '-1,200 PLN')
        """
        minor = abs(Fraction(amount) * 100 / self.unit)
        whole = int(minor) if amount >= 0 else -int(minor)
        told = show_pounds(whole)
        return told if self.currency == "GBP" else f"{told.replace('£', '')} {self.currency}".strip()

    def number(self, votes: int) -> str:
        """A number of votes: "1,204", "2.5"."""
        told = Fraction(votes, self.point)
        return f"{told.numerator:,}" if told.denominator == 1 else f"{float(told):,}"

    def votes(self, votes: int, kind: str = "") -> str:
        """A number of votes with its word: "1 vote", "3 more votes"."""
        return " ".join([self.number(votes), *([kind] if kind else []), self.one if votes == self.point else self.many])


POUNDS = Words()
POUNDS_AND_POINTS = Words(one="point", many="points")


def words_for(has_points: bool) -> Words:
    """How a round tells of votes: they are votes, or where ballots give points, points."""
    return POUNDS_AND_POINTS if has_points else POUNDS


def only_one(winner: str) -> str:
    """Why a bid that is excluded by a winner was not funded.

    >>> only_one("A garden on the corner")
    'only one of this and “A garden on the corner” could be funded, and “A garden on the corner” had its turn first.'
    """
    return f"only one of this and “{winner}” could be funded, and “{winner}” had its turn first."


def people(number: int) -> str:
    """So many people, in words."""
    return f"{number:,} {'person' if number == 1 else 'people'}"
