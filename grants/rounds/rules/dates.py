"""When a round opens, closes and is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

from grants.kernel.clock import LONDON
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.states import RoundState


@dataclass(frozen=True, slots=True)
class RoundDates:
    """The published moments of a round, aware. Each phase begins at its first moment and ends just before its last."""

    opens_at: datetime
    closes_at: datetime
    voting_opens_at: datetime
    voting_closes_at: datetime
    decide_by: datetime

    def __post_init__(self) -> None:
        for part in fields(self):
            moment: datetime = getattr(self, part.name)
            if moment.tzinfo is None:
                raise ValueError(f"{part.name} needs a zone")
            object.__setattr__(self, part.name, moment.astimezone(UTC))


def phase_at(state: RoundState, dates: RoundDates, now: datetime) -> RoundState:
    """What a round is at this moment, when ``state`` is what was last written down.

    The clock opens and closes applications, and ends the vote. It never begins the vote: the ballot must be frozen
    first (OPEN_VOTE); a ballot frozen early waits, as CHECKING, for the published hour. Nothing written is taken back,
    and what only people do (checking, deciding, announcing) the clock does not do for them.
    """
    if state is RoundState.SCHEDULED and now >= dates.opens_at:
        state = RoundState.OPEN
    if state is RoundState.OPEN and now >= dates.closes_at:
        return RoundState.CLOSED
    if state is RoundState.VOTING and now < dates.voting_opens_at:
        return RoundState.CHECKING
    if state is RoundState.VOTING and now >= dates.voting_closes_at:
        return RoundState.PANEL
    return state


def london_moment(wall: datetime, field_name: str | None = None) -> datetime:
    """The UTC moment at which a clock in London shows ``wall`` (naive).

    Refuses (``RuleBroken``) the hour skipped when summer time begins, and the hour that comes twice when it ends.

    >>> london_moment(datetime(2026, 7, 1, 12, 0)).isoformat()
    '2026-07-01T11:00:00+00:00'
    """
    if wall.tzinfo is not None:
        raise ValueError("a wall clock has no zone")
    first, second = (wall.replace(tzinfo=LONDON, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        raise RuleBroken("The clocks change that night. Choose a time before 1am or after 2am.", field=field_name)
    return first


def show_moment(moment: datetime) -> str:
    """A moment as a clock in London shows it: "3pm on 7 May 2026"."""
    local = moment.astimezone(LONDON)
    minutes = f":{local.minute:02d}" if local.minute else ""
    clock = {0: "midnight", 12: "midday"}.get(local.hour) if not local.minute else None
    half = "am" if local.hour < 12 else "pm"
    return f"{clock or f'{(local.hour - 1) % 12 + 1}{minutes}{half}'} on {local.day} {local:%B %Y}"


def check_dates(dates: RoundDates) -> None:
    """Refuse (``RuleBroken``, with the field) phases that are empty, overlap, or come in the wrong order."""
    if dates.opens_at >= dates.closes_at:
        raise RuleBroken(f"Applications must close after they open ({show_moment(dates.opens_at)}).", field="closes_at")
    if dates.voting_opens_at < dates.closes_at:
        raise RuleBroken(
            f"Voting must open when applications have closed ({show_moment(dates.closes_at)}) or later.",
            field="voting_opens_at",
        )
    if dates.voting_opens_at >= dates.voting_closes_at:
        raise RuleBroken(
            f"Voting must close after it opens ({show_moment(dates.voting_opens_at)}).", field="voting_closes_at"
        )
    if dates.decide_by < dates.voting_closes_at:
        raise RuleBroken(
            f"The decision must come when voting has closed ({show_moment(dates.voting_closes_at)}) or later.",
            field="decide_by",
        )


def put_off(dates: RoundDates, later: Mapping[str, datetime], now: datetime) -> RoundDates:
    """The dates with some of them moved to a later moment. Refuses (``RuleBroken``, with the field and its neighbour).

    Only what has not come yet can be put off, and nothing can ever come sooner than it was promised.
    """
    for name, moment in later.items():
        planned: datetime = getattr(dates, name)
        if planned <= now:
            raise RuleBroken(f"This is past: it was {show_moment(planned)}.", field=name)
        if moment < planned:
            raise RuleBroken(f"This was promised for {show_moment(planned)}. It can only be later.", field=name)
    if all(moment == getattr(dates, name) for name, moment in later.items()):
        raise RuleBroken("Choose a later date for at least one step.")
    moved = replace(dates, **later)
    check_dates(moved)
    return moved
