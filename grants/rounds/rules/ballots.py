"""Who may vote how, and what a ballot may say."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from grants.kernel.errors import RuleBroken
from grants.kernel.words import plural


class Connection(StrEnum):
    """What ties a voter to the area."""

    LIVES = "lives"
    WORKS = "works"
    STUDIES = "studies"
    VOLUNTEERS = "volunteers"


class VotingMethod(StrEnum):
    """How a voter shows that they may vote."""

    CODE = "code"
    EMAIL_POSTCODE = "email_postcode"
    IN_PERSON = "in_person"


class PaperPolicy(StrEnum):
    """What a booth may do for somebody who has voted online already and would vote on paper."""

    REFUSE = "refuse"
    REPLACE = "replace"


class KeyKeeping(StrEnum):
    """Who holds the private half of the ballot's key until the count.

    ``STANDARD``: the service, wrapped. ``STRONG``: three returning officers, of whom any two make it; the service
    none of it while people vote.
    """

    STANDARD = "standard"
    STRONG = "strong"


KEY_OFFICERS = 3


class BallotKind(StrEnum):
    """What a voter does on the ballot."""

    APPROVAL = "approval"
    CHOOSE_ONE = "choose_one"
    UP_TO_K = "up_to_k"
    POINTS = "points"
    RANKED = "ranked"


MOST_AREAS = 5
"""The most areas that a rule-book can keep a voter's choices to; who may choose in more needs no limit."""
MOST_POINTS = 1_000
"""The most that a voter can be given to share out, and the most that a place can be worth."""


@dataclass(frozen=True, slots=True)
class BallotRules:
    """What a ballot of a round may say.

    ``minimum``: the fewest bids on it. ``maximum``: the most bids on it; of points, their sum; nothing means no limit.
    ``weights``: of ranked ballots, the points of the first place, the second …; nothing means Borda's. ``each``: the
    most points for one bid; nothing means all of them. ``areas``: in how many areas the choices may be; nothing means
    in any. A bid for several areas can be chosen with any one of them, a bid for the whole place always.

    Everywhere, a ballot is pairs (number, points), by number: one point for each tick; the points that were given; of a
    ranked ballot the place (1 is first) until ``counted`` turns it into points.
    """

    kind: BallotKind = BallotKind.APPROVAL
    minimum: int = 3
    maximum: int | None = None
    weights: tuple[int, ...] = ()
    each: int | None = None
    areas: int | None = None

    @property
    def has_points(self) -> bool:
        """Whether one bid can get more from a ballot than another."""
        return self.kind in (BallotKind.POINTS, BallotKind.RANKED)

    def place_points(self, standing: int) -> tuple[int, ...]:
        """The points of each place of a ranked ballot on which ``standing`` bids stand.

        Borda's: the last place that can be named gets one, each place before it one more.

        >>> BallotRules(BallotKind.RANKED).place_points(4)
        (4, 3, 2, 1)
        >>> BallotRules(BallotKind.RANKED, weights=(3, 2, 1)).place_points(9)
        (3, 2, 1)
        """
        places = min(self.maximum or standing, standing)
        return self.weights[:standing] or tuple(range(places, 0, -1))

    def counted(self, ballot: Iterable[tuple[int, int]], standing: Collection[int]) -> tuple[tuple[int, int], ...]:
        """What counts of a ballot, by number, when only ``standing`` numbers do: pairs (number, points).

        On a ranked ballot those behind one that fell away move up.

        >>> BallotRules(BallotKind.RANKED, weights=(3, 2, 1)).counted([(1, 3), (5, 1), (8, 2)], {1, 8, 9})
        ((1, 2), (8, 3))
        """
        kept = [(number, points) for number, points in ballot if number in standing]
        if self.kind is BallotKind.RANKED:
            by_place = sorted(kept, key=lambda one: one[1])
            kept = [(one[0], points) for one, points in zip(by_place, self.place_points(len(standing)), strict=False)]
        return tuple(sorted(kept))

    def complaints(self) -> list[tuple[bool, str, str]]:
        """What is wrong with these rules: (whether it is, what to do, the field)."""
        least, most, places = self.minimum, self.maximum, self.weights
        sums = self.kind is BallotKind.POINTS
        needs_most = "Enter how many points each voter has." if sums else "Enter the most choices."
        return [
            (self.kind not in list(BallotKind), "Choose a kind of ballot that we have.", "ballot_kind"),
            (least < 0, "Enter the fewest choices, 0 or more.", "ballot_minimum"),
            (most is None and self.kind in (BallotKind.UP_TO_K, BallotKind.POINTS), needs_most, "ballot_maximum"),
            (
                most is not None and most < max(least, 1),
                f"Each voter needs {max(least, 1)} points (one for each of the fewest choices) or more."
                if sums
                else f"The most choices must be {max(least, 1)} (the fewest) or more.",
                "ballot_maximum",
            ),
            (
                sums and most is not None and most > MOST_POINTS,
                f"Give each voter {MOST_POINTS:,} points or fewer.",
                "ballot_maximum",
            ),
            (
                self.kind is BallotKind.CHOOSE_ONE and (least, most) != (1, 1),
                "On this kind of ballot everybody chooses one.",
                "ballot_maximum",
            ),
            (
                bool(places) and self.kind is not BallotKind.RANKED,
                "Only a ballot on which people put proposals in order has points for places.",
                "ballot_weights",
            ),
            (
                bool(places) and most != len(places),
                f"There are points for {plural(len(places), 'place')}, so the most choices must be {len(places)}.",
                "ballot_maximum",
            ),
            (
                any(points < 1 or points > MOST_POINTS for points in places)
                or any(after > before for before, after in pairwise(places)),
                f"Give each place from 1 to {MOST_POINTS:,} points, and none more than the place before it.",
                "ballot_weights",
            ),
            (
                self.each is not None and not sums,
                "Only where voters share out points can there be a most for one proposal.",
                "ballot_each",
            ),
            (self.each is not None and self.each < 1, "Enter 1 point or more.", "ballot_each"),
            (
                self.areas is not None and not 1 <= self.areas <= MOST_AREAS,
                f"Enter a number of areas from 1 to {MOST_AREAS}.",
                "ballot_areas",
            ),
        ]


def read_weights(text: str) -> tuple[int, ...]:
    """Points of places as people type them: "3, 2, 1" or "3-2-1". Refuses (``RuleBroken``) anything else.

    >>> read_weights("3-2-1"), read_weights(" ")
    ((3, 2, 1), ())
    """
    parts = [part for part in re.split(r"[\s,;-]+", text.strip()) if part]
    if not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts):
        raise RuleBroken("Enter whole numbers, like 3, 2, 1.", field="ballot_weights")
    return tuple(map(int, parts))
