"""A small worked example: five neighbours share £900 between four projects, by the rule code that counts real votes."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.greedy import share_by_votes
from grants.allocation.rules.registry import rule_named
from grants.allocation.rules.result import Reason
from grants.kernel.money import show_pounds
from grants.rounds.rules.sharing import EqualSharesOptions, MostVotesOptions, Options

if TYPE_CHECKING:
    from grants.allocation.rules.election import Election
    from grants.allocation.rules.shares import Pass

POT = 90_000
NEIGHBOURS = ("Amina", "Ben", "Chloe", "Dev", "Elsie")
PROJECTS = (("Street party", 30_000), ("Community garden", 45_000), ("Bike workshop", 36_000), ("Two benches", 16_000))
TICKS = ((0, 1), (0, 1), (0, 1, 3), (2, 3), (2,))
"""What each neighbour ticks: three want the same two, two others something else."""


@dataclass(frozen=True, slots=True)
class Purse:
    """One neighbour's purse at one moment, in pence (parts of a penny dropped): what it held, paid now, holds now."""

    name: str
    before_minor: int
    paid_minor: int
    after_minor: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One project's turn. ``purses``: of those who ticked it, where the rule has purses. ``left_minor``: afterwards.

    ``earned_minor``: what each neighbour had earned in all when its supporters could pay (Phragmén only).
    """

    project: str
    cost_minor: int
    supporters: tuple[str, ...]
    left_before_minor: int
    left_minor: int
    funded: bool
    purses: tuple[Purse, ...] = ()
    earned_minor: int | None = None

    @property
    def payments(self) -> str:
        """Who pays what, in words: "They pay £100 each." """
        paid = {purse.paid_minor for purse in self.purses}
        if len(paid) == 1:
            return (
                f"{'They pay' if len(self.purses) > 1 else f'{self.purses[0].name} pays'} {show_pounds(paid.pop())}"
                + (" each." if len(self.purses) > 1 else ".")
            )
        return f"{joined([f'{purse.name} pays {show_pounds(purse.paid_minor)}' for purse in self.purses])}."


def joined(words: Sequence[str]) -> str:
    """
    >>> joined(["Ann", "Ben", "Cy"])
    'Ann, Ben and Cy'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


@dataclass(frozen=True, slots=True)
class Missed:
    """A project that was not funded. ``held_minor``: what its supporters have left, if there are purses."""

    project: str
    cost_minor: int
    supporters: tuple[str, ...]
    held_minor: int | None


@dataclass(frozen=True, slots=True)
class Sharing:
    """One way through: the turns, each neighbour's purse at the end, and what was passed over."""

    purse_minor: int | None
    turns: tuple[Turn, ...]
    ends: tuple[tuple[str, int], ...]

    @property
    def winners(self) -> tuple[str, ...]:
        return tuple(turn.project for turn in self.turns if turn.funded)

    @property
    def left_minor(self) -> int:
        """What is in the pot at the end."""
        return self.turns[-1].left_minor if self.turns else POT

    @property
    def missed(self) -> tuple[Missed, ...]:
        """What was not funded, as it stands on the list."""
        held = dict(self.ends)
        return tuple(
            Missed(name, cost, ticked_by(at), sum(held[who] for who in ticked_by(at)) if held else None)
            for at, (name, cost) in enumerate(PROJECTS)
            if name not in self.winners
        )


@dataclass(frozen=True, slots=True)
class Example:
    """The whole story. ``first``: equal shares with the equal part of the pot, where purses then had to grow.

    ``happy``: who ticked at least one winner, by this rule; ``by_votes``, ``happy_by_votes``: the same by most votes.
    """

    sharing: Sharing
    first: Sharing | None
    winners: tuple[str, ...]
    spent_minor: int
    happy: tuple[str, ...]
    by_votes: tuple[str, ...]
    happy_by_votes: tuple[str, ...]

    @property
    def left_minor(self) -> int:
        return POT - self.spent_minor


def ticked_by(project: int) -> tuple[str, ...]:
    """Who ticks a project.

    >>> ticked_by(3)
    ('Chloe', 'Dev')
    """
    return tuple(name for name, ticks in zip(NEIGHBOURS, TICKS, strict=True) if project in ticks)


def worked_example(rule: str, options: Options) -> Example:
    """The example by a round's own rule and options.

    Only minimum votes and the limits for one group are left out: with five neighbours they would tell nothing.
    """
    rule_named(rule).check_options(options)
    kept = {name: value for name, value in options.items() if name not in ("minimum_votes", "group_limit")}
    kept.pop("group_cap_minor", None)
    return _worked(rule, tuple(sorted(kept.items())))


@lru_cache(maxsize=32)
def _worked(rule: str, pairs: tuple[tuple[str, str | int | bool | None], ...]) -> Example:
    options = dict(pairs)
    if rule == "equal_shares":
        sharing, first, winners = _by_shares(EqualSharesOptions.read(options))
    elif rule == "phragmen":
        sharing, first = _by_pace(options.get("stop_at_misfit", True) is True), None
        winners = sharing.winners
    else:
        sharing, first = _by_votes(MostVotesOptions.read(options)), None
        winners = sharing.winners
    by_votes = _by_votes(MostVotesOptions()).winners
    costs = dict(PROJECTS)
    return Example(
        sharing,
        first,
        winners,
        sum(costs[name] for name in winners),
        _happy(winners),
        by_votes,
        _happy(by_votes),
    )


def _happy(winners: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name
        for name, ticks in zip(NEIGHBOURS, TICKS, strict=True)
        if any(PROJECTS[project][0] in winners for project in ticks)
    )


def _bids() -> list[Bid]:
    return [Bid(UUID(int=at), cost, at + 1) for at, (_, cost) in enumerate(PROJECTS)]


def _by_votes(options: MostVotesOptions) -> Sharing:
    ballots = Ballots.merged([UUID(int=project) for project in ticks] for ticks in TICKS)
    turns, over = list[Turn](), False
    for one in share_by_votes(_bids(), ballots.votes(), POT, options, always_fundable):
        if over := over or one.reason_code is Reason.AFTER_STOP:
            break
        left = one.left_before_minor
        turns.append(_turn(one.bid_id.int, left, left - one.awarded_minor, one.awarded_minor > 0))
    return Sharing(None, tuple(turns), ())


def _turn(
    project: int, before: int, left: int, funded: bool, purses: tuple[Purse, ...] = (), earned: int | None = None
) -> Turn:
    name, cost = PROJECTS[project]
    return Turn(name, cost, ticked_by(project), before, left, funded, purses, earned)


def _election() -> "Election":
    from grants.allocation.rules.election import Election

    costs, lots = [cost for _, cost in PROJECTS], range(1, len(PROJECTS) + 1)
    return Election.packed(costs, lots, POT, [(ticks, None, 1) for ticks in TICKS])


def _by_shares(options: EqualSharesOptions) -> tuple[Sharing, Sharing | None, tuple[str, ...]]:
    from grants.allocation.rules.election import Gate
    from grants.allocation.rules.shares import Settings, run_once, share_equally

    election, by_cost = _election(), options.utility == "cost"
    settings = Settings(
        by_cost=by_cost,
        completion=options.completion,
        floor=options.start == "floor",
        step=options.step_minor,
        exhaustive_stop=options.exhaustive_stop,
    )
    shared = share_equally(election, settings, Gate(election))
    final = _through(run_once(election, shared.final.share, by_cost, Gate(election), keep=True))
    left, turns = POT - sum(turn.cost_minor for turn in final.turns), list(final.turns)
    for project in shared.added:
        turns.append(_turn(project, left, left - PROJECTS[project][1], True))
        left -= PROJECTS[project][1]
    sharing = Sharing(final.purse_minor, tuple(turns), final.ends)
    equal = Fraction(POT, len(NEIGHBOURS))
    first = None
    if shared.final.share > equal:
        first = _through(run_once(election, equal, by_cost, Gate(election), keep=True))
    return sharing, first, sharing.winners


def _through(done: "Pass") -> Sharing:
    """Every purse through one run, exactly; each neighbour's ballot is a kind of its own."""
    held = dict.fromkeys(range(len(NEIGHBOURS)), done.share)
    turns, left = list[Turn](), POT
    for bought in done.purchases:
        purses = []
        for who, ticks in enumerate(TICKS):
            if bought.bid in ticks and held[who]:
                before = held[who]
                held[who] = Fraction(0) if who in bought.emptied else before - bought.price
                purses.append(Purse(NEIGHBOURS[who], int(before), int(before - held[who]), int(held[who])))
        cost = PROJECTS[bought.bid][1]
        turns.append(_turn(bought.bid, left, left - cost, True, tuple(purses)))
        left -= cost
    ends = tuple((NEIGHBOURS[who], int(amount)) for who, amount in held.items())
    return Sharing(int(done.share), tuple(turns), ends)


def _by_pace(stop: bool) -> Sharing:
    from grants.allocation.rules.election import Gate
    from grants.allocation.rules.phragmen import share_in_turn

    election = _election()
    done = share_in_turn(election, Gate(election), stop)
    last = dict.fromkeys(range(len(NEIGHBOURS)), Fraction(0))
    turns, left = list[Turn](), POT
    for project, moment in zip(done.order, done.moments, strict=True):
        purses = []
        for who, ticks in enumerate(TICKS):
            if project in ticks:
                purses.append(Purse(NEIGHBOURS[who], int(moment - last[who]), int(moment - last[who]), 0))
                last[who] = moment
        cost = PROJECTS[project][1]
        turns.append(_turn(project, left, left - cost, True, tuple(purses), int(moment)))
        left -= cost
    end = done.moments[-1] if done.moments else Fraction(0)
    ends = tuple((NEIGHBOURS[who], int(end - moment)) for who, moment in last.items())
    return Sharing(None, tuple(turns), ends)
