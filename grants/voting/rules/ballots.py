"""One person's choices: what may stand on a ballot of each kind, and counting."""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from grants.kernel.canonical import fingerprint
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.voting.rules.areas import held_by

T = TypeVar("T")
Mark = int | tuple[int, int]
"""A tick, as its number alone; or (number, points) or (number, place)."""
Marks = tuple[tuple[int, int], ...]
"""What one ballot says, by number: (number, 1) for a tick, (number, points), or (number, place). Blank: ()."""

MOST_PAIRS = 127
"""A sealed envelope of fixed length has room for so many bids with points or places."""


class BlankBallot(RuleBroken):
    """Nothing is chosen: fine, but only when the voter says so."""


class TooManyAreas(RuleBroken):
    """The choices are in more areas than one voter may choose in."""


def most_of(rules: BallotRules, standing: int) -> int | None:
    """The most bids a ballot names where ``standing`` stand; nothing where everybody could name all of them."""
    if rules.kind is BallotKind.CHOOSE_ONE:
        return 1
    if rules.kind is BallotKind.RANKED:
        return min(len(rules.place_points(standing)), MOST_PAIRS)
    most = None if rules.kind is BallotKind.POINTS else rules.maximum
    return most if most is not None and most < standing else None


def least_of(rules: BallotRules, standing: int) -> int:
    """The fewest bids a ballot names where ``standing`` stand: never more than there are."""
    return min(rules.minimum, standing)


def most_each(rules: BallotRules) -> int:
    """The most points that one bid can get from one voter."""
    return min(rules.maximum or 0, rules.each or rules.maximum or 0)


def check_choices(
    choices: Iterable[Mark] | Mapping[int, int],
    on_ballot: Collection[int],
    rules: BallotRules,
    blank_confirmed: bool = False,
) -> Marks:
    """What the ballot says. Refuses (``RuleBroken``) with what to do, at ``choices`` or at a line (``mark_7``).

    ``choices``: numbers that are ticked, or their points or places (1 is the first). ``BlankBallot`` when nothing is
    chosen and the voter has not confirmed that; a confirmed blank ballot is ``()``. ``on_ballot``: the numbers that can
    be chosen; where the rules limit the areas, a mapping from number to areas (none: for the whole place).

    >>> check_choices([2, 1, 2, 3], {1, 2, 3, 4}, BallotRules())
    ((1, 1), (2, 1), (3, 1))
    >>> check_choices({4: 7, 1: 3, 2: 0}, {1, 2, 3, 4}, BallotRules(BallotKind.POINTS, 1, 10))
    ((1, 3), (4, 7))
    """
    marks = as_marks(choices.items() if isinstance(choices, Mapping) else choices)
    picks = dict(marks)
    if len(picks) < len(marks):
        raise RuleBroken("One project stands twice on this ballot. Give it one place.", field="choices")
    if any(number not in on_ballot for number in picks):
        raise RuleBroken("Choose only projects that are on this ballot.", field="choices")
    least, most = least_of(rules, len(on_ballot)), most_of(rules, len(on_ballot))
    if not picks:
        if blank_confirmed:
            return ()
        ask = _ask(rules, least)
        raise BlankBallot(f"{ask}, or say that you want to hand in a blank ballot.", field="choices")
    if rules.kind is BallotKind.POINTS:
        _check_points(picks, rules)
    elif rules.kind is BallotKind.RANKED:
        _check_places(picks)
    if len(picks) < least:
        raise RuleBroken(f"Choose at least {least - len(picks)} more.", field="choices")
    if most is not None and len(picks) > most:
        raise RuleBroken(f"Choose {most} at most: take {len(picks) - most} away.", field="choices")
    ensure_areas(picks, on_ballot, rules)
    return marks if rules.has_points else tuple((number, 1) for number in picks)


def _ask(rules: BallotRules, least: int) -> str:
    many = "a project" if least <= 1 else f"at least {least} projects"
    if rules.kind is BallotKind.POINTS:
        return f"Give points to {many}"
    return f"Give {many} a place" if rules.kind is BallotKind.RANKED else f"Choose {many}"


def _check_points(picks: Mapping[int, int], rules: BallotRules) -> None:
    each, have = most_each(rules), rules.maximum or 0
    for number, points in picks.items():
        if points < 1:
            raise RuleBroken(f"Give a whole number of points, from 0 to {each}.", field=f"mark_{number}")
        if points > each:
            raise RuleBroken(
                f"You gave {points} points here. One project can get {each} at most.", field=f"mark_{number}"
            )
    given = sum(picks.values())
    if given > have:
        raise RuleBroken(f"You gave {given} points, and you have {have}: take {given - have} back.", field="choices")
    if len(picks) > MOST_PAIRS:
        raise RuleBroken(f"Give points to {MOST_PAIRS} projects at most.", field="choices")


def _check_places(picks: Mapping[int, int]) -> None:
    for at, (number, place) in enumerate(sorted(picks.items(), key=lambda pick: (pick[1], pick[0])), start=1):
        if place < 1:
            raise RuleBroken("Give a place from 1 on.", field=f"mark_{number}")
        if place < at:
            raise RuleBroken(
                f"Two projects are your {nth(place)} choice. Give each place to one project.", field=f"mark_{number}"
            )
        if place > at:
            raise RuleBroken(
                f"You have a {nth(place)} choice, but no {nth(at)} choice. Leave no place out.", field=f"mark_{number}"
            )


def ensure_areas(picks: Iterable[int], on_ballot: Collection[int], rules: BallotRules) -> None:
    """Refuse (``TooManyAreas``) choices in more areas than the rules allow. ``on_ballot``: see ``check_choices``."""
    if rules.areas is None:
        return
    if not isinstance(on_ballot, Mapping):
        raise TypeError("where choices are limited to areas, say in which each project is")
    if held_by(picks, on_ballot, rules.areas) is None:
        raise TooManyAreas(
            f"Your choices are in more than {'one area' if rules.areas == 1 else f'{rules.areas} areas'}. "
            "Take out what is elsewhere.",
            field="choices",
        )


def nth(place: int) -> str:
    """A place in words.

    >>> [nth(place) for place in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def as_marks(given: Iterable[Any]) -> Marks:
    """Marks by number, from numbers that are ticked, or pairs; what has no points and no place is not marked.

    >>> as_marks([5, 2]), as_marks([[5, 3], [2, 0]])
    (((2, 1), (5, 1)), ((5, 3),))
    """
    pairs = {(mark, 1) if isinstance(mark, int) else (mark[0], mark[1]) for mark in given}
    return tuple(sorted(pair for pair in pairs if pair[1]))


def as_kept(marks: Marks, rules: BallotRules) -> list[Any]:
    """Marks as they are kept and published: numbers where there are only ticks, else [number, points or place]."""
    return [[number, value] for number, value in marks] if rules.has_points else [number for number, _ in marks]


def named(marks: Marks) -> tuple[int, ...]:
    """The numbers of the bids that a ballot names."""
    return tuple(number for number, _ in marks)


def without(marks: Iterable[tuple[int, int]], gone: Collection[int], rules: BallotRules) -> Marks:
    """Marks without bids that were withdrawn; on a ranked ballot those behind them move up.

    >>> without([(2, 2), (4, 1), (7, 3)], {2}, BallotRules(BallotKind.RANKED))
    ((4, 1), (7, 2))
    """
    marks = list(marks)
    freed = [place for number, place in marks if number in gone] if rules.kind is BallotKind.RANKED else []
    return tuple(
        (number, value - sum(1 for one in freed if one < value)) for number, value in marks if number not in gone
    )


def added(picks: Mapping[int, int], number: int, on_ballot: Collection[int], rules: BallotRules) -> dict[int, int]:
    """Picks with one more bid: a tick, one point, or the next place. Refuses (``RuleBroken``) with what to do first.

    >>> added({4: 1, 2: 2}, 7, range(1, 9), BallotRules(BallotKind.RANKED))
    {4: 1, 2: 2, 7: 3}
    """
    if number not in on_ballot:
        raise RuleBroken("This project cannot be chosen: it is not on this ballot, or it was withdrawn.")
    if number in picks:
        raise RuleBroken("This project is on your ballot already.")
    ensure_areas([*picks, number], on_ballot, rules)
    most, value = most_of(rules, len(on_ballot)), 1
    if rules.kind is BallotKind.POINTS and sum(picks.values()) >= (rules.maximum or 0):
        raise RuleBroken(f"You have 0 of {rules.maximum} points left. Take one back from another project first.")
    if most is not None and len(picks) >= most:
        raise RuleBroken(f"You chose {len(picks)} of {most} already. Take one out first.")
    if rules.kind is BallotKind.RANKED:
        value = max(picks.values(), default=0) + 1
    return {**picks, number: value}


def mixed(things: Iterable[T], randbelow: Callable[[int], int] = secrets.randbelow) -> list[T]:
    """The things in an order that nobody can guess or repeat (Fisher-Yates over the system's cryptographic source)."""
    order = list(things)
    for last in range(len(order) - 1, 0, -1):
        other = randbelow(last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def count(ballots: Iterable[Iterable[int]]) -> dict[int, int]:
    """How many ballots named each number; in order of number, those with none left out."""
    tally: Counter[int] = Counter()
    for numbers in ballots:
        tally.update(set(numbers))
    return dict(sorted(tally.items()))


def ballots_hash(kept: Iterable[Sequence[int] | Sequence[Sequence[int]]]) -> str:
    """SHA-256 (64 hex digits) of ballots as they are kept, as canonical JSON, sorted: their order changes nothing."""
    return fingerprint(sorted(list(ballot) for ballot in kept))
