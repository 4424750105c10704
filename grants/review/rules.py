"""The life of a review, who reviews what, and what the panel's scores add up to."""

import hmac
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from hashlib import sha256
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.kernel.postcodes import one_door
from grants.rounds.rules.panel import Criterion

STEP_MOST = 3
REASON_AT_MOST = 1000
INTEREST_AT_MOST = 500
RULING_AT_MOST = 500


class ReviewState(StrEnum):
    ASSIGNED = "assigned"
    CLEARED = "cleared"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    LOCKED = "locked"
    RECUSED = "recused"
    AWAITING_RULING = "awaiting_ruling"


class ReviewAction(StrEnum):
    DECLARE_NO_INTEREST = "declare_no_interest"
    DECLARE_SOFT_INTEREST = "declare_soft_interest"
    ALLOW = "allow"
    RECUSE = "recuse"
    TAKE_OUT = "take_out"
    SAVE = "save"
    SUBMIT = "submit"
    LOCK = "lock"


class Tie(StrEnum):
    """A soft interest: a loose tie, on which the chair rules."""

    NEIGHBOUR = "neighbour"
    ACQUAINTED = "acquainted"
    PAST_HELP = "past_help"
    DONOR = "donor"
    WORK = "work"
    OTHER = "other"


TIE_WORDS: dict[Tie, str] = {
    Tie.NEIGHBOUR: "I live in the same street as somebody of the group",
    Tie.ACQUAINTED: "I know somebody of the group a little",
    Tie.PAST_HELP: "I helped or volunteered there more than a year ago",
    Tie.DONOR: "I have given them something",
    Tie.WORK: "My work touches theirs",
    Tie.OTHER: "Something else",
}


class Hard(StrEnum):
    """Why somebody cannot judge a bid, as the system finds it; the first that holds is told."""

    WROTE = "wrote"
    GROUP = "group"
    HOST = "host"
    PARTNER = "partner"
    SIGNATORY = "signatory"
    ACCOUNT = "account"
    HOUSEHOLD = "household"
    ADDRESS = "address"
    EMPLOYER = "employer"


HARD_WORDS: dict[Hard, str] = {
    Hard.WROTE: "wrote or signed this bid",
    Hard.GROUP: "belongs to the group",
    Hard.HOST: "belongs to the host that holds its money",
    Hard.PARTNER: "belongs to a partner in this bid",
    Hard.SIGNATORY: "signed an agreement or looks after a bank account for the group, its host or a partner",
    Hard.ACCOUNT: "belongs to another group with the same bank account",
    Hard.HOUSEHOLD: "lives with somebody of the group",
    Hard.ADDRESS: "shares an address with the group",
    Hard.EMPLOYER: "works for the group, its host or a partner",
}
"""After "This panellist". No more is ever told: not who it is, nor where."""


class KnownTie(StrEnum):
    """What is written down of somebody's ties, before anybody asks about a bid."""

    HOUSEHOLD = "household"
    EMPLOYER = "employer"
    SIGNATORY = "signatory"


def first_of(found: Collection[Hard]) -> Hard:
    """The one that is told of several."""
    return next(one for one in Hard if one in found)


def address_mark(secret: str, house: str, postcode: str) -> str:
    """A mark (64 hex digits) that is the same for all who give one address, keyed so that it tells nothing else.

    Raises ``RuleBroken`` at the field for what is no address.
    """
    key = f"where people live\n{secret}".encode()
    return hmac.new(key, one_door(house, postcode).encode(), sha256).hexdigest()


THE_GROUP = "the group"
THE_PLACE = "the place"
SOMEBODY = "somebody of the group"


def hide(text: str, words: Mapping[str, str]) -> str:
    """A text without the words that would tell whose it is: each, however capitals stand, by what stands for it.

    >>> hide("THE TEA TABLE cooks; a tea tablet does not.", {"The Tea Table": "the group", "Tea Table": "the group"})
    'the group cooks; a tea tablet does not.'
    """
    known = {" ".join(name.split()).casefold(): instead for name, instead in words.items() if name.strip()}
    if not known:
        return text
    longest_first = sorted(known, key=len, reverse=True)
    names = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first)
    return re.sub(
        rf"(?<!\w)(?:{names})(?!\w)",
        lambda found: known[" ".join(found[0].split()).casefold()],
        text,
        flags=re.IGNORECASE,
    )


def without_article(name: str) -> str:
    """A name as people shorten it.

    >>> without_article("The Tea Table")
    'Tea Table'
    """
    return name[4:] if name.casefold().startswith("the ") else name


S, A = ReviewState, ReviewAction
STEPS = {
    (S.ASSIGNED, A.DECLARE_NO_INTEREST): S.CLEARED,
    (S.ASSIGNED, A.DECLARE_SOFT_INTEREST): S.AWAITING_RULING,
    (S.AWAITING_RULING, A.ALLOW): S.CLEARED,
    (S.AWAITING_RULING, A.RECUSE): S.RECUSED,
    (S.ASSIGNED, A.RECUSE): S.RECUSED,
    (S.CLEARED, A.RECUSE): S.RECUSED,
    (S.IN_PROGRESS, A.RECUSE): S.RECUSED,
    (S.SUBMITTED, A.RECUSE): S.RECUSED,
    (S.ASSIGNED, A.TAKE_OUT): S.RECUSED,
    (S.AWAITING_RULING, A.TAKE_OUT): S.RECUSED,
    (S.CLEARED, A.TAKE_OUT): S.RECUSED,
    (S.IN_PROGRESS, A.TAKE_OUT): S.RECUSED,
    (S.SUBMITTED, A.TAKE_OUT): S.RECUSED,
    (S.LOCKED, A.TAKE_OUT): S.RECUSED,
    (S.CLEARED, A.SAVE): S.IN_PROGRESS,
    (S.IN_PROGRESS, A.SAVE): S.IN_PROGRESS,
    (S.SUBMITTED, A.SAVE): S.IN_PROGRESS,
    (S.IN_PROGRESS, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.LOCK): S.LOCKED,
}
READABLE = frozenset({S.CLEARED, S.IN_PROGRESS, S.SUBMITTED, S.LOCKED})
"""States in which the panellist may read the bid's text: after saying that they have no interest in it."""
COUNTED = frozenset({S.SUBMITTED, S.LOCKED})
"""States in which a review's scores count."""
UNTOUCHED = frozenset({S.ASSIGNED, S.AWAITING_RULING, S.CLEARED})
"""States in which a review may still be taken back from a panellist: nothing was scored."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a panellist put down for one criterion. ``value`` 0–3, or nothing for "not enough information".

    ``answered`` is false while neither was chosen.
    """

    criterion: str
    value: int | None = None
    reason: str = ""
    answered: bool = True


@dataclass(frozen=True, slots=True)
class ReviewDraft:
    """A score form as it was typed, complete or not. ``version``: the version of the review it was typed over."""

    version: int
    marks: tuple[Mark, ...]


def check_marks(marks: Sequence[Mark], criteria: Sequence[Criterion]) -> None:
    """Refuse (``RuleBroken``) marks that are not on the scale, or for what the rule-book does not ask."""
    known = [criterion.id for criterion in criteria]
    ids = [mark.criterion for mark in marks]
    if len(set(ids)) < len(ids) or not set(ids) <= set(known):
        raise RuleBroken("Score what this round's rule-book asks for, each once.")
    for mark in marks:
        if mark.value is not None and (not mark.answered or not 0 <= mark.value <= STEP_MOST):
            raise RuleBroken("Choose one of the sentences.", field=value_field(mark.criterion))
        if len(mark.reason) > REASON_AT_MOST:
            raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field=reason_field(mark.criterion))


def missing(marks: Sequence[Mark], criteria: Sequence[Criterion]) -> list[tuple[str, str]]:
    """What is still missing before the review can be handed in: (form field, what to do), in the rule-book's order."""
    given = {mark.criterion: mark for mark in marks}
    found = []
    for criterion in criteria:
        mark = given.get(criterion.id)
        if mark is None or not mark.answered:
            found.append((value_field(criterion.id), f"Choose a sentence for “{criterion.name}”"))
        if mark is None or not mark.reason.strip():
            found.append((reason_field(criterion.id), f"Say why, for “{criterion.name}”"))
    return found


def value_field(criterion: str) -> str:
    """The form field in which a criterion's step is chosen."""
    return f"value_{criterion}"


def reason_field(criterion: str) -> str:
    """The form field in which a criterion's reason is typed."""
    return f"reason_{criterion}"


# ------------------------------------------------------------------------------------------- what the scores add up to


@dataclass(frozen=True, slots=True)
class CriterionFinding:
    """One criterion over all reviews. ``average``: one decimal as text, nothing when nobody scored. ``spread``: the
    highest score less the lowest."""

    average: str | None
    counted: int
    spread: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a panel found of one bid. ``judged``: whether a quorum scored it; only then can it fail."""

    passed: bool
    judged: bool
    points: int
    points_most: int
    reviews_count: int
    by_criterion: Mapping[str, CriterionFinding]


def find(
    criteria: Sequence[Criterion], reviews: Sequence[Mapping[str, int | None]], pass_mark: int, quorum: int
) -> Finding:
    """Add up submitted reviews (criterion → score, or nothing for "not enough information").

    Each score counts as often as its criterion weighs. The points given are held against the points that could have
    been given (3 for each score that was given, times the weight): a bid
    passes with ``pass_mark`` percent of them or more, in exact arithmetic. "Not enough information" is missing, not
    nought: it is left out of both sides. A panel below its quorum, or one that could not score at all, fails nobody.

    >>> listening = Criterion("listening", "", "", ("", "", "", ""))
    >>> find([listening], [{"listening": 2}, {"listening": 1}, {"listening": None}], 50, 2).passed
    True
    """
    by_criterion, points, counted = {}, 0, 0
    for criterion in criteria:
        values = [value for review in reviews if (value := review.get(criterion.id)) is not None]
        by_criterion[criterion.id] = CriterionFinding(
            average=one_decimal(sum(values), len(values)),
            counted=len(values),
            spread=max(values) - min(values) if values else 0,
        )
        points += criterion.weight * sum(values)
        counted += criterion.weight * len(values)
    judged = len(reviews) >= quorum and counted > 0
    enough = 100 * points >= pass_mark * STEP_MOST * counted
    return Finding(not judged or enough, judged, points, STEP_MOST * counted, len(reviews), by_criterion)


def one_decimal(total: int, count: int) -> str | None:
    """A mean with one decimal, halves upwards; nothing of nothing.

    >>> one_decimal(9, 4), one_decimal(4, 2), one_decimal(0, 0)
    ('2.3', '2.0', None)
    """
    if not count:
        return None
    tenths = int(Fraction(10 * total, count) + Fraction(1, 2))
    return f"{tenths // 10}.{tenths % 10}"


def sentence_for(criterion: Criterion, average: str | None) -> str | None:
    """The sentence of the scale that is nearest to an average, halves upwards; nothing where nobody could score.

    >>> sentence_for(Criterion("listening", "", "", ("none", "few", "some", "all")), "2.5")
    'all'
    """
    return None if average is None else criterion.steps[int(Fraction(average) + Fraction(1, 2))]


def note(finding: Finding, pass_mark: int, explanation: str = "") -> str:
    """The finding in plain words, as it stands beside the bid once the vote opens."""
    if not finding.judged:
        words = "The panel could not judge this bid, so it goes to the vote without a pass or fail."
        return f"{words} {explanation}".strip()
    panellists = f"{finding.reviews_count} panellists" if finding.reviews_count != 1 else "1 panellist"
    points = f"{panellists} gave it {finding.points} of {finding.points_most} points"
    share = f"{100 * finding.points // finding.points_most}%"
    if finding.passed:
        return f"The panel passed this bid: {points} ({share}). It needed {pass_mark}%."
    return f"The panel did not pass this bid: {points} ({share}). It needed {pass_mark}%, so it is not on the ballot."


SINCE = " Since then "
"""Where a note goes on when scores were taken out after the lock."""


def since(finding: Finding) -> str:
    """What to add to a note when an interest came to light after the lock."""
    points = f"; without them it has {finding.points} of {finding.points_most} points" if finding.points_most else ""
    return f"{SINCE}an interest came to light and a panellist’s scores were taken out{points}."


# --------------------------------------------------------------------------------------------------- who reviews what

Pair = tuple[UUID, UUID]
"""A bid and a panellist."""


def share_out(
    bids: Sequence[UUID],
    panellists: Sequence[UUID],
    per_bid: int,
    barred: Collection[Pair] = (),
    given: Collection[Pair] = (),
) -> tuple[list[Pair], dict[UUID, int]]:
    """New (bid, panellist) pairs so that every bid has ``per_bid`` reviews; and how many each bid is still short of.

    ``barred`` pairs are never made. ``given`` ones stand and count. The load is as even as the interests allow: no two
    panellists differ by more than one bid where that is possible at all. An assignment is best when no chain of moves
    leads from a busier panellist to one with two bids fewer (Harvey, Ladner, Lovász, Tamir: semi-matchings, 2006).
    The same input gives the same pairs.
    """
    if per_bid < 1:
        raise RuleBroken("Each bid needs at least 1 panellist.", field="per_bid")
    people = sorted(panellists)
    closed = set(barred) | set(given)
    load = {person: sum(1 for _, other in given if other == person) for person in people}
    made: dict[UUID, set[UUID]] = {bid: set() for bid in sorted(bids)}

    def can(bid: UUID, person: UUID) -> bool:
        return (bid, person) not in closed and person not in made[bid]

    short = {}
    wanted = {bid: max(per_bid - sum(1 for other, _ in given if other == bid), 0) for bid in made}
    # The bids that fewest can read come first.
    for bid in sorted(made, key=lambda bid: (sum(can(bid, person) for person in people) - wanted[bid], bid)):
        for _ in range(wanted[bid]):
            free = [person for person in people if can(bid, person)]
            if not free:
                break
            chosen = min(free, key=lambda person: (load[person], person))
            made[bid].add(chosen)
            load[chosen] += 1
        if len(made[bid]) < wanted[bid]:
            short[bid] = wanted[bid] - len(made[bid])
    while chain := _chain(people, load, made, can):
        for bid, giver, taker in chain:
            made[bid].remove(giver)
            made[bid].add(taker)
        load[chain[0][1]] -= 1
        load[chain[-1][2]] += 1
    return sorted((bid, person) for bid, chosen_ones in made.items() for person in chosen_ones), short


def _chain(
    people: Sequence[UUID],
    load: Mapping[UUID, int],
    made: Mapping[UUID, set[UUID]],
    can: Callable[[UUID, UUID], bool],
) -> list[tuple[UUID, UUID, UUID]]:
    """Moves (bid, from, to) that take one bid from a busy panellist and give one to a free one; empty when even."""
    for start in sorted(people, key=lambda person: (-load[person], person)):
        came: dict[UUID, tuple[UUID, UUID]] = {}
        queue, seen = deque([start]), {start}
        while queue:
            giver = queue.popleft()
            for bid in (bid for bid, chosen in made.items() if giver in chosen):
                for taker in people:
                    if taker in seen or not can(bid, taker):
                        continue
                    seen.add(taker)
                    came[taker] = (bid, giver)
                    if load[taker] <= load[start] - 2:
                        moves, at = [], taker
                        while at != start:
                            bid_moved, before = came[at]
                            moves.append((bid_moved, before, at))
                            at = before
                        return moves[::-1]
                    queue.append(taker)
    return []
