"""The life of a priority: suggested, put to the community, agreed and owned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.kernel.words import words_given


class PriorityState(StrEnum):
    SUGGESTED = "suggested"
    CONSULTED = "consulted"
    AGREED = "agreed"
    RETIRED = "retired"


class PriorityAction(StrEnum):
    CONSULT = "consult"
    AGREE = "agree"
    REVISE = "revise"
    RETIRE = "retire"


S, A = PriorityState, PriorityAction
STEPS = {
    (S.SUGGESTED, A.CONSULT): S.CONSULTED,
    (S.CONSULTED, A.AGREE): S.AGREED,
    (S.AGREED, A.REVISE): S.AGREED,
    (S.SUGGESTED, A.RETIRE): S.RETIRED,
    (S.CONSULTED, A.RETIRE): S.RETIRED,
    (S.AGREED, A.RETIRE): S.RETIRED,
}

PUBLIC = frozenset({S.CONSULTED, S.AGREED})
"""States in which everybody may read it; a retired one too, if the community was ever asked about it."""


class ActionProgress(StrEnum):
    """How far a connected action is."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    DONE = "done"
    STOPPED = "stopped"


POINTS = (3, 2, 1)
"""Points of a first, second and third choice."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A priority as it is suggested, and what it rests on."""

    title: str
    statement: str
    issue_ids: frozenset[UUID] = frozenset()
    insight_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a priority was agreed: who owns it, on which day, at which meeting."""

    owner_name: str
    agreed_on: date
    meeting: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A priority as it reads from now on, and why it changed."""

    title: str
    statement: str
    agreement: Agreement
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one priority fared: its points, and how many put it first, second and third."""

    priority_id: UUID
    points: int
    places: tuple[int, int, int]


def checked_words(title: str, statement: str) -> tuple[str, str]:
    """Title and statement without blanks at their ends. Raises ``RuleBroken`` for one that says nothing."""
    return (
        words_given(title, "title", "Enter a title"),
        words_given(statement, "statement", "Say what you want to be different"),
    )


def checked_agreement(agreement: Agreement, today: date, consulted_on: date | None) -> Agreement:
    """The agreement, stripped. ``RuleBroken`` without owner or meeting, or on a day that cannot be.

    It was agreed today or before (``today`` in London), and not before the community was asked to the end
    (``consulted_on``: the London day on which the consultation closed).
    """
    owner, meeting = agreement.owner_name.strip(), agreement.meeting.strip()
    if not owner:
        raise RuleBroken("Name the people or the group from the community who own it", field="owner_name")
    if not meeting:
        raise RuleBroken("Name the meeting that agreed it", field="meeting")
    if agreement.agreed_on > today:
        raise RuleBroken("The day it was agreed must be today or in the past", field="agreed_on")
    if consulted_on is not None and agreement.agreed_on < consulted_on:
        raise RuleBroken("The day it was agreed must be after the community was asked", field="agreed_on")
    return Agreement(owner, agreement.agreed_on, meeting)


def checked_choices(choices: Sequence[UUID | None], offered: frozenset[UUID]) -> tuple[UUID, ...]:
    """First, second and third choice, without gaps. ``RuleBroken`` at ``first``, ``second`` or ``third``.

    The first is needed; a third needs a second; none may stand twice, and all must be among ``offered``.
    """
    fields = ("first", "second", "third")
    given: list[UUID] = []
    for at, choice in enumerate(choices[: len(fields)]):
        if choice is None:
            continue
        if at > len(given):
            raise RuleBroken(
                f"Make your {fields[len(given)]} choice before your {fields[at]}", field=fields[len(given)]
            )
        if choice not in offered:
            raise RuleBroken("Choose one from the list", field=fields[at])
        if choice in given:
            raise RuleBroken("You have chosen this already: choose another one, or leave it empty", field=fields[at])
        given.append(choice)
    if not given:
        raise RuleBroken("Choose what matters most to you", field="first")
    return tuple(given)


def standings(offered: Iterable[UUID], counts: Mapping[tuple[UUID, int], int]) -> list[Standing]:
    """Most points first. ``counts`` tells how many people gave a priority a place (1, 2 or 3).

    A first choice gives 3 points, a second 2, a third 1: the Borda count over three places. Priorities with as many
    points stand in the order of their first choices, then of their second.
    """
    made = []
    for id in offered:
        first, second, third = (counts.get((id, place), 0) for place in (1, 2, 3))
        points = POINTS[0] * first + POINTS[1] * second + POINTS[2] * third
        made.append(Standing(id, points, (first, second, third)))
    return sorted(made, key=lambda one: (-one.points, -one.places[0], -one.places[1], str(one.priority_id)))


def changes(before: str, after: str) -> list[tuple[str, str]]:
    """What became of a text, word by word: pieces that were kept ("same"), taken out ("out") and put in ("in").

    >>> changes("Good food for all", "Good cheap food for everybody")
    [('same', 'Good'), ('in', 'cheap'), ('same', 'food for'), ('out', 'all'), ('in', 'everybody')]
    """
    old, new = before.split(), after.split()
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", " ".join(old[i:j])))
            continue
        if i < j:
            pieces.append(("out", " ".join(old[i:j])))
        if k < m:
            pieces.append(("in", " ".join(new[k:m])))
    return pieces
