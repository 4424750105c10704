"""All that a run needs, as text that can be kept, published and run again on any machine."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.combined import Panel, combined
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.registry import rule_named
from grants.allocation.rules.result import Run, run_rule
from grants.funds.rules import Names, Need, Restriction, Source, explain, match
from grants.kernel.canonical import canonical_json, fingerprint
from grants.kernel.money import POUNDS, told_in, told_in_before
from grants.rounds.rules.sharing import Options

VERSION = 1


class NotInputs(ValueError):
    """This text is not what a run was made from, and why."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What goes into a run. Pence. ``needs``: what each bid asks of the pot; ``sources``: the money as it stood.

    ``ballots``: what counts of them, for the bids that take part. ``panel``: its points, where they have a say after
    the vote; otherwise nothing, and then the text does not name it, so that runs without it keep their checksum.
    """

    round_id: UUID
    rule_book_sha256: str
    rule: str
    options: Options
    pot_minor: int
    bids: tuple[Bid, ...]
    ballots: Ballots
    needs: tuple[Need, ...]
    sources: tuple[Source, ...]
    names: Names
    panel: Panel | None = None
    currency: str = POUNDS
    totals_only: bool = False
    """Few people voted, so that reasons tell nothing but totals; only then it stands in the text."""

    def to_json(self) -> str:
        """Canonical text without the ballots, which are kept once for the round; their fingerprint is in it."""
        return canonical_json(self._facts() | {"ballots": None, "votes": self._votes()})

    def to_public_json(self, with_ballots: bool) -> dict[str, Any]:
        """The same for publishing; with the ballots and their hash only when there are enough of them to hide in: a few
        could be guessed until the hash comes out.

        A ballot is [ids, people] or [ids, people, points], every different one once.
        """
        facts: dict[str, Any] = json.loads(self.to_json())
        if with_ballots:
            facts["ballots"] = [
                [[str(id) for id in chosen], people, *([] if points is None else [list(points)])]
                for chosen, points, people in self.ballots.kinds()
            ]
        else:
            facts["ballots_sha256"] = None
        return facts

    def _votes(self) -> dict[str, int]:
        return {str(id): votes for id, votes in sorted(self.ballots.votes().items())}

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "version": VERSION,
            "round_id": self.round_id,
            "rule_book_sha256": self.rule_book_sha256,
            "rule": self.rule,
            "options": dict(self.options),
            "pot_minor": self.pot_minor,
            "bids": [bid.facts() for bid in sorted(self.bids, key=lambda bid: bid.lot)],
            "ballots_sha256": self.ballots.sha256,
            "voters": self.ballots.voters,
            "with_points": self.ballots.points is not None,
            "needs": [asdict(need) for need in sorted(self.needs, key=lambda need: need.id)],
            "sources": [asdict(source) for source in sorted(self.sources, key=lambda source: source.id)],
            "names": {
                "wards": dict(self.names.wards),
                "priorities": {str(id): title for id, title in self.names.priorities.items()},
            },
        }
        facts |= {} if self.currency == POUNDS else {"currency": self.currency}
        facts |= {"totals_only": True} if self.totals_only else {}
        return facts | ({} if self.panel is None else {"panel": self.panel.facts()})

    @classmethod
    def from_json(cls, text: str, kept: Ballots | None = None) -> "Inputs":
        """What ``to_json`` or ``to_public_json`` wrote. ``kept``: the round's ballots, where they are not in the text.

        Refuses (``NotInputs``) what cannot be run again, and other ballots than those that were counted.
        """
        facts = json.loads(text)
        if not isinstance(facts, dict) or facts.get("version") != VERSION:
            raise NotInputs("these are not the inputs of a run that we can read")
        if kept is None and facts.get("ballots") is None:
            raise NotInputs("the ballots are not in this file: too few people voted to publish them")
        try:
            ballots = _ballots(facts["ballots"], facts["with_points"]) if kept is None else kept
            if kept is not None and kept.sha256 != facts["ballots_sha256"]:
                raise NotInputs("these are not the ballots that were counted")
            return cls(
                round_id=UUID(facts["round_id"]),
                rule_book_sha256=facts["rule_book_sha256"],
                rule=facts["rule"],
                options=facts["options"],
                pot_minor=facts["pot_minor"],
                bids=tuple(_bid(one) for one in facts["bids"]),
                ballots=ballots,
                needs=tuple(_need(one) for one in facts["needs"]),
                sources=tuple(_source(one) for one in facts["sources"]),
                names=Names(
                    wards=facts["names"]["wards"],
                    priorities={UUID(id): title for id, title in facts["names"]["priorities"].items()},
                ),
                panel=Panel.from_facts(facts["panel"]) if "panel" in facts else None,
                currency=facts.get("currency", POUNDS),
                totals_only=facts.get("totals_only", False),
            )
        except (LookupError, TypeError, AttributeError) as broken:
            raise NotInputs("something is missing from the inputs of this run") from broken

    def fundable(self, changed: Mapping[UUID, int] | None = None) -> Fundable:
        """What the funders' restrictions say to a set of these bids. ``changed``: what some would ask for instead."""
        needs = {need.id: need for need in self.needs}
        needs |= {id: replace(needs[id], amount_minor=amount) for id, amount in (changed or {}).items()}

        def answer(bid_ids: Sequence[UUID]) -> str | None:
            shortfall = match([needs[id] for id in bid_ids], self.sources).shortfall
            return explain(shortfall, self.names, newest=bid_ids[-1]) if shortfall is not None else None

        return answer


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run with the checksum over all that went in and came out."""

    run: Run
    checksum: str


def replay(inputs: Inputs, told: Callable[[str, str], str] = told_in) -> Replayed:
    """Share the pot by these inputs. The same inputs give the same checksum on every machine.

    The checksum is SHA-256 over the canonical JSON of ``{"inputs": …, "outcome": …}``, in which the ballots stand by
    their fingerprint, so that it can be checked against a run whose ballots are too few to be published.
    """
    rule = combined(rule_named(inputs.rule, inputs.totals_only), inputs.panel)
    run = run_rule(rule, inputs.bids, inputs.ballots, inputs.pot_minor, inputs.options, inputs.fundable())
    if inputs.currency != POUNDS:
        outcomes = (
            replace(one, reason=told(one.reason, inputs.currency), enough=told(one.enough, inputs.currency))
            for one in run.outcomes
        )
        run = replace(run, outcomes=tuple(outcomes))
    return Replayed(run, fingerprint({"inputs": inputs._facts(), "outcome": json.loads(run.outcome_json())}))


def replay_as_kept(inputs: Inputs, checksum: str) -> Replayed:
    """The same, to check a run that is kept: where an earlier version put it into words, in those words."""
    again = replay(inputs)
    if again.checksum != checksum and inputs.currency != POUNDS:
        before = replay(inputs, told_in_before)
        return before if before.checksum == checksum else again
    return again


def _ballots(kinds: list[list[Any]], with_points: bool) -> Ballots:
    return Ballots.of_kinds(
        (
            (zip(map(UUID, chosen), points[0] if points else [1] * len(chosen), strict=True), int(people))
            for chosen, people, *points in kinds
        ),
        with_points,
    )


def _bid(facts: dict[str, Any]) -> Bid:
    group = facts["group_id"]
    return Bid(
        UUID(facts["id"]),
        facts["cost_minor"],
        facts["lot"],
        UUID(group) if group else None,
        facts["name"],
        tuple(map(UUID, facts.get("sets", ()))),
    )


def _need(facts: dict[str, Any]) -> Need:
    priority = facts["priority_id"]
    return Need(
        id=UUID(facts["id"]),
        amount_minor=facts["amount_minor"],
        ward_codes=frozenset(facts["ward_codes"]),
        imd_deciles=frozenset(facts["imd_deciles"]),
        priority_id=UUID(priority) if priority else None,
        beneficiaries=frozenset(facts["beneficiaries"]),
        group_kind=facts["group_kind"],
        spending=frozenset(facts["spending"]),
        on=date.fromisoformat(facts["on"]) if facts["on"] else None,
    )


def _source(facts: dict[str, Any]) -> Source:
    limits = facts["restriction"]
    return Source(
        id=UUID(facts["id"]),
        available_minor=facts["available_minor"],
        restriction=Restriction(
            ward_codes=frozenset(limits["ward_codes"]),
            imd_deciles=frozenset(limits["imd_deciles"]),
            priority_ids=frozenset(map(UUID, limits["priority_ids"])),
            beneficiaries=frozenset(limits["beneficiaries"]),
            group_kinds=frozenset(limits["group_kinds"]),
            spending=limits["spending"],
            spend_by=date.fromisoformat(limits["spend_by"]) if limits["spend_by"] else None,
        ),
        order=facts["order"],
    )
