"""Share the pot of an election that comes as a file, by any rule, and tell the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from uuid import UUID

from grants.allocation.rules.asked import RULE_NAMES, Asked
from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.election import Election, Gate, Progress
from grants.allocation.rules.enough import guess_for, try_out
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.greedy import share_by_votes
from grants.allocation.rules.pabulib import TICKS, PbFile
from grants.allocation.rules.phragmen import share_in_turn
from grants.allocation.rules.reasons import Told, tell_phragmen, tell_shares
from grants.allocation.rules.result import Reason
from grants.allocation.rules.shares import Settings, share_equally
from grants.allocation.rules.tries import Tries
from grants.allocation.rules.words import Words
from grants.kernel.canonical import fingerprint
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.sharing import MostVotesOptions
from grants.voting.rules.lot import draw_lot


@dataclass(frozen=True)
class Result:
    """What came of it. ``told``: winners in the order bought, then the others. ``share``: what each controlled."""

    file: PbFile
    options: dict[str, Any]
    rule: str
    told: tuple[Told, ...]
    words: Words
    share: Fraction | None
    _rerun: Callable[[Election], Sequence[int]]
    _enough: dict[int, str]
    _tries: Tries | None = None

    @property
    def winners(self) -> list[int]:
        return [one.bid for one in self.told if one.funded]

    @property
    def cost(self) -> int:
        return sum(self.file.election.costs[bid] for bid in self.winners)

    @property
    def left(self) -> int:
        return self.file.election.pot - self.cost

    @property
    def checksum(self) -> str:
        """SHA-256 over the canonical JSON of rule, options, lot, bids, ballots and outcome."""
        file, election = self.file, self.file.election
        by_lot = sorted(range(len(file.ids)), key=lambda bid: election.lots[bid])
        return fingerprint(
            {
                "version": 1,
                "rule": self.rule,
                "options": {name: str(value) for name, value in self.options.items()},
                "lot": [file.ids[bid] for bid in by_lot],
                "pot": self.exact(election.pot),
                "bids": [[file.ids[bid], self.exact(election.costs[bid])] for bid in by_lot],
                "ballots_sha256": election.sha256(file.ids),
                "voters": election.voters,
                "outcome": {
                    "winners": [file.ids[bid] for bid in self.winners],
                    "not_funded": sorted([file.ids[one.bid], one.code] for one in self.told if not one.funded),
                    "share": None if self.share is None else self.exact(self.share),
                },
            }
        )

    def exact(self, amount: int | Fraction) -> str:
        """An amount in the file's currency as a whole number or a fraction in lowest terms: "126", "1646978/2553"."""
        return str(Fraction(amount) / self.file.unit)

    def know(self, bid: int, words: str) -> None:
        """``enough`` of a bid as another process worked it out."""
        self._enough[bid] = words

    def enough(self, bid: int) -> str:
        """What would have been enough for a bid that was not funded, in words, each tried by running the rule again."""
        if bid not in self._enough:
            (one,), election = [one for one in self.told if one.bid == bid], self.file.election
            if self._tries is not None:
                found = self._tries.enough(bid, one.left_before, election.most_given)
            else:
                guess = guess_for(election, one, self.share)
                found = try_out(election, bid, self._rerun, guess, election.most_given)
            self._enough[bid] = found.words(self.words, None if election.points is None else election.most_given)
        return self._enough[bid]


def tally(file: PbFile, asked: Asked, progress: Progress | None = None) -> Result:
    """Share the pot of the election in a file. Refuses (``RuleBroken``) what cannot be followed."""
    if asked.rule not in RULE_NAMES:
        raise RuleBroken(f"There is no rule called {asked.rule}. Choose one of: {', '.join(RULE_NAMES)}.")
    if asked.step <= 0:
        raise RuleBroken("The step must be more than nothing.")
    file = _finer(file, asked.step * file.unit) if asked.rule == "equal-shares" else file
    if asked.lot is not None:
        lots = draw_lot(asked.lot, file.ids)
        file = replace(file, election=replace(file.election, lots=tuple(lots[id] for id in file.ids)))
    ticks = file.kind in TICKS
    words = Words(file.currency, file.unit, *(("vote", "votes") if ticks else ("point", "points")), point=file.point)
    least = file.threshold if asked.min_votes is None and asked.rule == "most-votes" else _votes(file, asked.min_votes)
    options: dict[str, Any] = {
        "min_votes": float(Fraction(least, file.point)) if least % file.point else least // file.point
    }
    if asked.rule == "most-votes":
        told, options["misfit"] = _by_votes(file.election, asked, least, words), asked.misfit or "skip"
        share, enough = None, {bid: text for bid, (_, text) in told.items()}
        return _result(file, asked, options, [one for one, _ in told.values()], words, share, lambda _: (), enough)
    if asked.rule == "phragmen":
        options["misfit"] = asked.misfit or "stop"
        stop = options["misfit"] == "stop"
        gate = Gate(file.election, minimum_votes=least)
        paced = tell_phragmen(file.election, gate, share_in_turn(file.election, gate, stop), words)
        return _result(
            file,
            asked,
            options,
            paced,
            words,
            None,
            lambda election: share_in_turn(election, Gate(election, minimum_votes=least), stop).order,
            {},
        )
    start = asked.start or ("exact" if asked.completion == "none" else "floor")
    settings = Settings(
        by_cost=asked.utility == "cost" and ticks,
        completion=asked.completion,
        floor=start == "floor",
        step=int(asked.step * file.unit),
        unit=file.unit,
        exhaustive_stop=asked.exhaustive_stop,
    )
    options |= {
        "utility": asked.utility if ticks else "points",
        "completion": asked.completion,
        "start": start,
        "step": _plain(asked.step),
        "exhaustive_stop": asked.exhaustive_stop,
    }
    gate = Gate(file.election, minimum_votes=least)
    shared = share_equally(file.election, settings, gate, progress)
    names = [f"“{short(name)}”" if name else id for id, name in zip(file.ids, file.names, strict=True)]
    result = _result(
        file,
        asked,
        options,
        tell_shares(file.election, settings, gate, shared, names, words),
        words,
        shared.final.share,
        lambda election: share_equally(election, settings, Gate(election, minimum_votes=least)).winners,
        {},
    )
    tries = Tries(file.election, settings, lambda election: Gate(election, minimum_votes=least), shared)
    return replace(result, _tries=tries)


def _result(
    file: PbFile,
    asked: Asked,
    options: dict[str, Any],
    told: Sequence[Told],
    words: Words,
    share: Fraction | None,
    rerun: Callable[[Election], Sequence[int]],
    enough: dict[int, str],
) -> Result:
    options["lot"] = asked.lot
    return Result(file, options, asked.rule, tuple(told), words, share, rerun, enough)


def short(name: str) -> str:
    """A name for a table or a sentence."""
    return name if len(name) <= 60 else f"{name[:59]}…"


def _votes(file: PbFile, told: Fraction | None) -> int:
    return -int(-(told or 0) * file.point // 1)


def _finer(file: PbFile, step: Fraction) -> PbFile:
    """The same election in a smaller unit, so that the step is a whole number of them."""
    finer = step.denominator
    if finer == 1:
        return file
    election = replace(
        file.election, costs=tuple(cost * finer for cost in file.election.costs), pot=file.election.pot * finer
    )
    return replace(file, election=election, unit=file.unit * finer)


def _by_votes(election: Election, asked: Asked, least: int, words: Words) -> dict[int, tuple[Told, str]]:
    bids = [Bid(UUID(int=at), cost, election.lots[at]) for at, cost in enumerate(election.costs)]
    told = share_by_votes(
        bids,
        {bid.id: election.votes[bid.id.int] for bid in bids},
        election.pot,
        MostVotesOptions(least, asked.misfit == "stop"),
        always_fundable,
        words,
    )
    order = [one for one in told if one.awarded_minor] + [one for one in told if not one.awarded_minor]
    return {
        one.bid_id.int: (Told(one.bid_id.int, one.reason_code, one.reason, one.left_before_minor), one.enough)
        for one in order
    }


def in_words(result: Result) -> str:
    """How the pot was shared, for a resident."""
    words, options = result.words, result.options
    if result.rule == "most-votes":
        misfit = "is passed over" if options["misfit"] == "skip" else "ends the sharing"
        told = (
            f"Shared by most {words.many}: what has the most goes first, and what asks for more than is left {misfit}."
        )
    elif result.rule == "phragmen":
        told = (
            "Shared by Phragmén: everybody earns money at the same pace, and a project is funded as soon as the people "
            "who chose it have its cost together."
        )
    else:
        told = (
            "Shared by equal shares: every voter controls an equal part of the pot, and a project is funded when the "
            "people who chose it can pay for it together."
        )
        if options["completion"] != "none":
            told += f" The parts grow by {words.money(Fraction(str(options['step'])) * result.file.unit)} at a time"
            told += ", as long as the pot can pay for what is bought."
        if options["completion"] == "add1u":
            told += f" What is left goes by most {words.many}."
    if least := options["min_votes"]:
        told += f" A project needs at least {least:,} {words.one if least == 1 else words.many}."
    return told


def as_json(result: Result, seconds: float, explained: Sequence[int]) -> dict[str, Any]:
    """What ``grants tally --json`` prints. Amounts in the file's currency."""
    file, election = result.file, result.file.election

    def amount(minor: int | Fraction) -> int | float:
        return _plain(Fraction(minor) / file.unit)

    facts: dict[str, Any] = {
        "rule": result.rule,
        "options": result.options,
        "currency": file.currency,
        "voters": election.voters,
        "budget": amount(election.pot),
        "winners": [file.ids[bid] for bid in result.winners],
        "cost": amount(result.cost),
        "left": amount(result.left),
        "not_funded": [_line(result, one, amount) for one in result.told if not one.funded],
        "repairs": list(file.repairs),
        "checksum": result.checksum,
        "seconds": round(seconds, 3),
    }
    if result.share is not None:
        facts["share"] = result.exact(result.share)
    if explained:
        by_bid = {one.bid: one for one in result.told}
        facts["explained"] = [
            _line(result, by_bid[bid], amount)
            | {"funded": by_bid[bid].funded, "enough": "" if by_bid[bid].funded else result.enough(bid)}
            | _spent(result, by_bid[bid])
            for bid in explained
        ]
    return facts


def _line(result: Result, told: Told, amount: Callable[[int | Fraction], int | float]) -> dict[str, Any]:
    file, election = result.file, result.file.election
    facts = {
        "id": file.ids[told.bid],
        "reason": told.reason,
        "reason_code": told.code.value,
        "cost": amount(election.costs[told.bid]),
        "votes": _plain(Fraction(election.votes[told.bid], file.point)),
        "left_in_pot": amount(told.left_before),
    }
    if told.code is Reason.FUNDED or told.kept is None:
        return facts
    return facts | {"supporters": election.supporters[told.bid], "supporters_had_left": result.exact(told.kept)}


def _spent(result: Result, told: Told) -> dict[str, Any]:
    if told.spent is None:
        return {}
    return {"supporters_spent": {result.file.ids[bid]: result.exact(sum_) for bid, sum_ in told.spent.items()}}


def _plain(number: Fraction) -> int | float:
    return number.numerator if number.denominator == 1 else float(number)
