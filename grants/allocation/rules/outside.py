"""A round for other people's tools: its ``.pb`` file, and how ``grants tally`` repeats the run from that file alone."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from grants.allocation.rules.asked import Asked
from grants.allocation.rules.open_file import BLANK, write_pb
from grants.allocation.rules.replay import Inputs
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.rounds.rules.sharing import SHARING, EqualSharesOptions, Options, PhragmenOptions, SharingRule

VOTE_TYPES = {
    BallotKind.APPROVAL: "approval",
    BallotKind.CHOOSE_ONE: "choose-1",
    BallotKind.UP_TO_K: "approval",
    BallotKind.POINTS: "cumulative",
    BallotKind.RANKED: "scoring",
}
"""Places are written as the points they are worth, which no file of ranks could tell."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file tells of a round beside its bids. ``numbers`` on the ballot and ``groups``: by the bid's id."""

    numbers: Mapping[UUID, int]
    ballot: BallotRules
    title: str = ""
    place: str = ""
    opened_on: date = date.min
    closed_on: date = date.min
    groups: Mapping[UUID, str] = field(default_factory=dict)
    passed_over: Mapping[UUID, str] = field(default_factory=dict)
    """Why the rule passed over bids that its votes alone would have funded or looked at: reason codes, by id."""
    elsewhere: Mapping[str, Any] | None = None
    """Of an election elsewhere: what its own file told (``RuleBook.elsewhere``)."""

    def name(self, number: int) -> str:
        """What a file calls the bid with this number on the ballot: elsewhere as there, else its number."""
        ids = (self.elsewhere or {}).get("ids") or ()
        return str(ids[number - 1]) if number <= len(ids) else str(number)

    def unselected(self, number: int) -> str:
        """What a file says of a bid that this pot did not fund: 2 where other money did."""
        return "2" if self.name(number) in ((self.elsewhere or {}).get("other_money") or ()) else "0"

    @property
    def where(self) -> dict[str, str]:
        """Which election it is."""
        if self.elsewhere is None:
            named = {"description": self.title, "country": "United Kingdom", "unit": self.place}
            return named | {"instance": f"{self.closed_on:%Y}", "language": "en"}
        known = {"description": self.title, "instance": f"{self.closed_on:%Y}"}
        return known | {name: told for name, told in self.elsewhere.items() if name not in ("ids", "other_money")}


PLACED = ("description", "country", "unit", "district", "subunit", "instance")


def round_pb(inputs: Inputs, about: About, won: Collection[UUID]) -> str:
    """The file: projects in the order of the lot under their numbers on the ballot, ballots in an order of their own.

    Amounts in pounds. ``won``: what is marked as selected. Pabulib knows no blank ballot, so their number stands in
    the comment, where ``read_pb`` finds it. A shortest length is not told.
    """
    bids = sorted(inputs.bids, key=lambda bid: bid.lot)
    votes, kind = inputs.ballots.votes(), VOTE_TYPES[about.ballot.kind]
    if about.elsewhere and kind == "cumulative":
        kind = about.elsewhere.get("vote_type", kind)
    points, blank = kind in ("cumulative", "scoring"), sum(n for chosen, n in inputs.ballots.approvals if not chosen)
    where = about.where
    meta = {
        **{name: where[name] for name in PLACED if name in where},
        "num_projects": str(len(bids)),
        "num_votes": str(inputs.ballots.voters - blank),
        "budget": _pounds(inputs.pot_minor),
        "vote_type": kind,
        "rule": "unknown",
        "date_begin": f"{about.opened_on:%d.%m.%Y}",
        "date_end": f"{about.closed_on:%d.%m.%Y}",
    }
    if about.ballot.maximum and kind != "scoring":
        meta["max_sum_points" if points else "max_length"] = str(about.ballot.maximum)
    # No file tells of sets, and none of the panel's points.
    untold = any(bid.sets for bid in bids) or inputs.panel is not None
    ask = None if untold else asked(inputs.rule, inputs.options)
    told = f" {command(ask, 'FILE.pb')}" if ask else ""
    meta |= {"language": where["language"]} if "language" in where else {}
    meta |= {"currency": inputs.currency} if inputs.currency else {}
    meta |= {
        "comment": " ".join(
            f"#{place}: {note}"
            for place, note in enumerate(
                [
                    f"Rule {inputs.rule}; projects stand in the order of the lot that breaks ties.{told}",
                    *([f"{blank} {BLANK}."] if blank else []),
                    *_restrictions(inputs, about),
                ],
                start=1,
            )
        ),
    }
    projects = [
        {
            "project_id": about.name(about.numbers[bid.id]),
            "cost": _pounds(bid.cost_minor),
            "score" if points else "votes": str(votes.get(bid.id, 0)),
            "name": bid.name,
            "selected": "1" if bid.id in won else about.unselected(about.numbers[bid.id]),
            **({"proposer": about.groups[bid.id]} if about.groups else {}),
            "public_id": str(bid.id),
        }
        for bid in bids
    ]
    ballots: list[dict[str, str]] = []
    for chosen, given, people in sorted(_numbered(inputs, about.numbers)):
        if not chosen:
            continue
        cells = {"vote": ",".join(map(about.name, chosen))} | ({"points": ",".join(map(str, given))} if points else {})
        ballots += [{"voter_id": str(len(ballots) + place + 1)} | cells for place in range(people)]
    return write_pb(meta, projects, ballots)


PASSED_OVER = {
    "not_fundable": "could not be paid from what the funders' restrictions leave",
    "conflict": "only one of a set could win",
    "group_full": "its group had its number of projects",
    "group_cap": "its group had its part of the pot",
}


def _restrictions(inputs: Inputs, about: About) -> list[str]:
    """What no column tells: where choices could be, what could not win together, and what was passed over for it."""
    notes = []
    if (areas := about.ballot.areas) is not None:
        notes.append(f"One person's choices were in {areas} area{'s' if areas > 1 else ''} at most.")
    sets: dict[UUID, list[int]] = {}
    for bid in inputs.bids:
        for name in bid.sets:
            sets.setdefault(name, []).append(about.numbers[bid.id])
    notes += [f"Only one of {', '.join(map(str, sorted(numbers)))} could win." for numbers in sorted(sets.values())]
    for code, why in PASSED_OVER.items():
        if numbers := sorted(about.numbers[id] for id, told in about.passed_over.items() if told == code):
            notes.append(f"Passed over, since {why}: {', '.join(map(str, numbers))}.")
    return notes


def _numbered(inputs: Inputs, numbers: Mapping[UUID, int]) -> list[tuple[list[int], list[int], int]]:
    """Ballots by numbers: (numbers by most points, then ascending; points of each; how many people)."""
    found = []
    for chosen, points, people in inputs.ballots.kinds():
        marks = zip((numbers[id] for id in chosen), points or [1] * len(chosen), strict=True)
        pairs = sorted(marks, key=lambda mark: (-mark[1], mark[0]))
        found.append(([number for number, _ in pairs], [point for _, point in pairs], people))
    return found


def _pounds(minor: int) -> str:
    """
    >>> _pounds(120000), _pounds(1250)
    ('1200', '12.50')
    """
    return str(minor // 100) if minor % 100 == 0 else f"{minor // 100}.{minor % 100:02d}"


def asked(rule: str, options: Options) -> Asked | None:
    """What to ask of ``grants tally``; nothing where one group can win only so much, which no file tells."""
    read = SHARING[SharingRule(rule)].read(options)
    if read.group_limit is not None or read.group_cap_minor is not None:
        return None
    least = Fraction(read.minimum_votes)
    if isinstance(read, EqualSharesOptions):
        return Asked(
            "equal-shares",
            utility=read.utility,
            completion=read.completion,
            start=read.start,
            step=Fraction(read.step_minor, 100),
            exhaustive_stop=read.exhaustive_stop,
            min_votes=least,
        )
    name = "phragmen" if isinstance(read, PhragmenOptions) else "most-votes"
    return Asked(name, misfit="stop" if read.stop_at_misfit else "skip", min_votes=least)


def command(ask: Asked, file: str) -> str:
    """The one command.

    >>> command(Asked("most-votes", misfit="skip", min_votes=Fraction(5)), "results.pb")
    'grants tally results.pb --rule most-votes --misfit skip --min-votes 5'
    """
    words = ["grants", "tally", file, "--rule", ask.rule]
    if ask.rule == "equal-shares":
        step = ask.step
        words += ["--utility", ask.utility, "--completion", ask.completion, "--start", ask.start or "floor"]
        words += ["--step", str(step.numerator) if step.denominator == 1 else f"{float(step):.2f}"]
        words += [] if ask.exhaustive_stop else ["--no-exhaustive-stop"]
    elif ask.misfit:
        words += ["--misfit", ask.misfit]
    return shlex.join([*words, "--min-votes", str(ask.min_votes or 0)])


def outside_checksum(inputs: Inputs, about: About, won: Collection[UUID]) -> str | None:
    """The checksum that the command prints; nothing where the file alone does not give the same winners.

    That is so where the funders' restrictions, the limits of a group, bids that exclude each other or the panel's
    points had a say.
    """
    if inputs.panel is not None and inputs.panel.splits:
        return None
    ask = asked(inputs.rule, inputs.options)
    if ask is None or not inputs.bids or not inputs.ballots.voters:
        return None
    # With the first count, not in every worker: numpy is large.
    from grants.allocation.rules.pabulib import read_pb
    from grants.allocation.rules.tally import tally

    result = tally(read_pb(round_pb(inputs, about, won).encode()), ask)
    ids = {about.name(about.numbers[id]) for id in won}
    return result.checksum if {result.file.ids[bid] for bid in result.winners} == ids else None
