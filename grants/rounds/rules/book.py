"""The rule-book: drafted, checked, frozen, read again."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from grants.kernel.canonical import canonical_json, fingerprint
from grants.kernel.errors import RuleBroken
from grants.kernel.money import POUNDS, show_pounds
from grants.rounds.rules.ballots import (
    KEY_OFFICERS,
    BallotKind,
    BallotRules,
    Connection,
    KeyKeeping,
    PaperPolicy,
    VotingMethod,
)
from grants.rounds.rules.dates import RoundDates, check_dates
from grants.rounds.rules.panel import HEALTH_CREATION, Criterion, PanelPart
from grants.rounds.rules.sharing import SHARING, Options, SharingOptions, SharingRule


class ApplicantKind(StrEnum):
    """Who may apply."""

    CONSTITUTED = "constituted"
    HOSTED = "hosted"


ADDED: Mapping[str, Any] = {
    "appeal_days": 20,
    "ballot_areas": None,
    "blind": False,
    "currency": POUNDS,
    "elsewhere": None,
    "key_keeping": None,
    "panel_share": None,
}
"""Facts that rule-books frozen earlier know nothing of, and what these mean by saying nothing: so it is left unsaid,
and a book that was published before such a fact came keeps its text and its hash."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All that a round promises. Frozen, hashed and published when it is scheduled. Money in pence.

    ``pass_mark``: whole percent of the points that the panel could give (3 per criterion and panellist); "not enough
    information" is left out of both sides. ``quorum``: panellists without an interest. ``ballot_…``: see
    ``BallotRules``; ``ballot_minimum`` falls to the number of bids that stand, where fewer do. ``rule``,
    ``rule_options``: see ``SHARING``. ``lot_seed`` is published, and with it the order that breaks ties.
    ``key_keeping``: who holds the key that opens the votes. Rule-books from before there was a choice say nothing
    of it: the service does.
    ``paper_policy``: what a booth does for who voted online already. ``help_cap``: how many people one helper may help
    to vote in this round; 0 means that nobody helps.
    ``blind``: panellists do not learn whose bid it is until their own score of it is locked.
    ``panel_share``: with ``SPLIT_POT``, how much of the pot goes by the panel's points, in whole percent; otherwise
    nothing.
    ``appeal_days``: within how many days after it was told a group can appeal against how it was judged.
    ``suppress_below``: no published cell counts fewer people; below ``totals_only_below`` ballots only totals are
    published. ``currency``: what its amounts are hundredths of; another one only in an election elsewhere.
    ``elsewhere``: what the file of such an election tells of its place, and under ``ids`` what it calls the bids;
    ``other_money``: those of them that were funded with money from outside the pot.
    """

    round_title: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    dates: RoundDates
    floor_minor: int
    cap_minor: int
    pot_minor: int
    who_may_apply: str
    applicant_kinds: tuple[ApplicantKind, ...]
    vote_min_age: int
    vote_connections: tuple[Connection, ...]
    vote_methods: tuple[VotingMethod, ...]
    lot_seed: str
    ballot_public_key: str
    ballot_kind: BallotKind = BallotKind.APPROVAL
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    ballot_weights: tuple[int, ...] = ()
    ballot_each: int | None = None
    rule: SharingRule = SharingRule.MOST_VOTES
    rule_options: Options = field(default_factory=dict)
    panel_part: PanelPart = PanelPart.GATE
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    pass_mark: int = 50
    quorum: int = 2
    paper_policy: PaperPolicy = PaperPolicy.REPLACE
    help_cap: int = 40
    key_keeping: KeyKeeping | None = KeyKeeping.STANDARD
    blind: bool = False
    suppress_below: int = 10
    totals_only_below: int = 50
    ballot_areas: int | None = None
    currency: str = POUNDS
    version: int = 1
    panel_share: int | None = None
    appeal_days: int = 20
    elsewhere: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        # Sets that people tick: the order in which they were ticked is no fact of the rule-book.
        for name in ("priority_ids", "applicant_kinds", "vote_connections", "vote_methods"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        object.__setattr__(self, "rule_options", dict(self.rule_options))

    def to_canonical_json(self) -> str:
        """The published text: the same facts give the same text on every machine."""
        return canonical_json(self._facts())

    @property
    def ballot(self) -> BallotRules:
        """What a ballot may say."""
        return BallotRules(
            self.ballot_kind,
            self.ballot_minimum,
            self.ballot_maximum,
            self.ballot_weights,
            self.ballot_each,
            self.ballot_areas,
        )

    @property
    def sharing(self) -> SharingOptions:
        """How the pot is shared. Refuses (``RuleBroken``) options that the rule does not know or cannot follow."""
        return SHARING[self.rule].read(self.rule_options)

    @property
    def sha256(self) -> str:
        """64 hex digits over the UTF-8 bytes of ``to_canonical_json``."""
        return fingerprint(self._facts())

    def _facts(self) -> dict[str, Any]:
        facts = {part.name: getattr(self, part.name) for part in fields(self)}
        facts["dates"] = _parts(self.dates)
        facts["criteria"] = [_criterion_parts(criterion) for criterion in self.criteria]
        return {name: fact for name, fact in facts.items() if name not in ADDED or fact != ADDED[name]}

    @property
    def panel_pot_minor(self) -> int:
        """How much of the pot goes by the panel's points; parts of a penny stay with the votes."""
        return self.pot_minor * (self.panel_share or 0) // 100

    @classmethod
    def from_json(cls, text: str) -> "RuleBook":
        """The rule-book that ``to_canonical_json`` wrote. Refuses (``ValueError``) any other text."""
        facts = json.loads(text)
        names = {part.name for part in fields(cls)}
        if not isinstance(facts, dict) or not names - set(ADDED) <= set(facts) <= names or facts["version"] != 1:
            raise ValueError("this is not a rule-book that we can read")
        read: dict[str, Callable[[Any], Any]] = {
            "fund_id": UUID,
            "priority_ids": lambda ids: tuple(map(UUID, ids)),
            "dates": lambda dates: RoundDates(**{name: datetime.fromisoformat(at) for name, at in dates.items()}),
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "ballot_kind": BallotKind,
            "ballot_weights": tuple,
            "rule": SharingRule,
            "panel_part": PanelPart,
            "paper_policy": PaperPolicy,
            "key_keeping": KeyKeeping,
            "criteria": lambda them: tuple(Criterion(**{**it, "steps": tuple(it["steps"])}) for it in them),
        }
        said = {name: read[name](value) if name in read else value for name, value in facts.items()}
        book = cls(**{**ADDED, **said})
        if book.to_canonical_json() != text:
            raise ValueError("this rule-book is not in its canonical form")
        return book

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) a rule-book that a round could not keep."""
        check_dates(self.dates)
        for broken, message, name in self._complaints():
            if broken:
                raise RuleBroken(message, field=name)
        _ = self.sharing  # refuses what it cannot read

    def _complaints(self) -> list[tuple[bool, str, str]]:
        return [
            (not self.round_title.strip(), "Enter a title.", "title"),
            (not self.priority_ids, "Choose at least one priority.", "priority_ids"),
            (self.pot_minor <= 0, "Enter how much money there is to share.", "pot_minor"),
            (self.floor_minor <= 0, "Enter the smallest amount a group can ask for.", "floor_minor"),
            (
                self.cap_minor < self.floor_minor,
                f"The largest amount must be {show_pounds(self.floor_minor)} (the smallest) or more.",
                "cap_minor",
            ),
            (
                self.cap_minor > self.pot_minor,
                f"The largest amount must be {show_pounds(self.pot_minor)} (the whole pot) or less.",
                "cap_minor",
            ),
            (not self.applicant_kinds, "Choose who may apply.", "applicant_kinds"),
            (not 0 <= self.vote_min_age <= 18, "Enter the youngest age for voting, 0 to 18.", "vote_min_age"),
            (not self.vote_connections, "Choose who may vote.", "vote_connections"),
            (not self.vote_methods, "Choose at least one way to vote.", "vote_methods"),
            *self.ballot.complaints(),
            (self.rule not in list(SharingRule), "Choose a way to share the pot that we have.", "rule"),
            (not self.criteria, "Choose at least one criterion.", "criteria"),
            *(
                (any(broken for broken, _, _ in one.complaints()), f"Put the question “{one.name}” right.", "criteria")
                for one in self.criteria
            ),
            (
                len({criterion.id for criterion in self.criteria}) < len(self.criteria),
                "Give each criterion a name of its own.",
                "criteria",
            ),
            (
                (self.panel_share is not None) != (self.panel_part is PanelPart.SPLIT_POT)
                or not 1 <= (self.panel_share or 1) <= 99,
                "Enter how much of the pot goes by the panel's points, 1 to 99 percent.",
                "panel_share",
            ),
            (not 5 <= self.appeal_days <= 90, "Enter how many days a group has to appeal, 5 to 90.", "appeal_days"),
            (not 0 <= self.pass_mark <= 100, "Enter a pass mark from 0 to 100.", "pass_mark"),
            (self.quorum < 1, "Enter how many panellists must take part, 1 or more.", "quorum"),
            (not self.lot_seed.strip(), "Enter the seed of the lot.", "lot_seed"),
            (
                re.fullmatch(r"[0-9a-f]{64}", self.ballot_public_key) is None,
                "The round has no key to seal ballots with.",
                "ballot_public_key",
            ),
            (self.help_cap < 0, "Enter 0 or more.", "help_cap"),
            (self.suppress_below < 0, "Enter 0 or more.", "suppress_below"),
            (self.totals_only_below < 0, "Enter 0 or more.", "totals_only_below"),
        ]


@dataclass(frozen=True, slots=True)
class RoundDraft:
    """What a steward writes down about a round before it is scheduled. Money in pence; see ``RuleBook``.

    ``key_officers``: the three people who will hold the key; their names are no part of the public rule-book.
    From ``minimum_votes`` on: options of the rule, of which the book takes those that the rule knows.
    """

    title: str
    summary: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    dates: RoundDates
    pot_minor: int
    floor_minor: int
    cap_minor: int
    who_may_apply: str
    applicant_kinds: tuple[ApplicantKind, ...] = (ApplicantKind.CONSTITUTED, ApplicantKind.HOSTED)
    vote_min_age: int = 11
    vote_connections: tuple[Connection, ...] = tuple(Connection)
    vote_methods: tuple[VotingMethod, ...] = tuple(VotingMethod)
    paper_policy: PaperPolicy = PaperPolicy.REPLACE
    help_cap: int = 40
    key_keeping: KeyKeeping = KeyKeeping.STANDARD
    key_officers: tuple[UUID, ...] = ()
    ballot_kind: BallotKind = BallotKind.APPROVAL
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    ballot_weights: tuple[int, ...] = ()
    ballot_each: int | None = None
    ballot_areas: int | None = None
    rule: SharingRule = SharingRule.MOST_VOTES
    minimum_votes: int = 1
    stop_at_misfit: bool = False
    group_limit: int | None = None
    group_cap_minor: int | None = None
    utility: str = "cost"
    completion: str = "add1u"
    start: str = "floor"
    step_minor: int = 100
    exhaustive_stop: bool = True
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    blind: bool = False
    pass_mark: int = 50
    quorum: int = 2
    panel_part: PanelPart = PanelPart.GATE
    panel_share: int | None = None
    appeal_days: int = 20

    def book(self, *, lot_seed: str, ballot_public_key: str) -> RuleBook:
        """The rule-book that this draft becomes."""
        knows = fields(SHARING[self.rule]) if self.rule in SHARING else ()
        return RuleBook(
            round_title=self.title,
            fund_id=self.fund_id,
            priority_ids=self.priority_ids,
            dates=self.dates,
            floor_minor=self.floor_minor,
            cap_minor=self.cap_minor,
            pot_minor=self.pot_minor,
            who_may_apply=self.who_may_apply,
            applicant_kinds=self.applicant_kinds,
            vote_min_age=self.vote_min_age,
            vote_connections=self.vote_connections,
            vote_methods=self.vote_methods,
            paper_policy=self.paper_policy,
            help_cap=self.help_cap,
            key_keeping=self.key_keeping,
            lot_seed=lot_seed,
            ballot_public_key=ballot_public_key,
            ballot_kind=self.ballot_kind,
            ballot_minimum=self.ballot_minimum,
            ballot_maximum=self.ballot_maximum,
            ballot_weights=self.ballot_weights,
            ballot_each=self.ballot_each,
            ballot_areas=self.ballot_areas,
            rule=self.rule,
            rule_options={option.name: getattr(self, option.name) for option in knows},
            criteria=self.criteria,
            blind=self.blind,
            pass_mark=self.pass_mark,
            quorum=self.quorum,
            panel_part=self.panel_part,
            panel_share=self.panel_share,
            appeal_days=self.appeal_days,
        )

    def preview(self) -> RuleBook:
        """The rule-book as it would stand, with no seed and no key yet."""
        return self.book(lot_seed="drawn when the round is scheduled", ballot_public_key="0" * 64)

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no round could keep."""
        if not self.who_may_apply.strip():
            raise RuleBroken("Say in a sentence who may apply.", field="who_may_apply")
        if self.key_keeping is KeyKeeping.STRONG and len(set(self.key_officers)) != KEY_OFFICERS:
            raise RuleBroken("Choose three people to hold the key.", field="key_officers")
        self.preview().check()

    def terms(self) -> dict[str, Any]:
        """What a round's row has no column for, as JSON."""
        facts: dict[str, Any] = json.loads(
            canonical_json({name: getattr(self, name) for name in _TERMS if name != "criteria"})
        )
        return facts | {
            "criteria": [_criterion_parts(criterion) | {"steps": list(criterion.steps)} for criterion in self.criteria]
        }

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], **columns: Any) -> "RoundDraft":
        """The draft again, from a row's columns and what ``terms`` wrote; what an old row lacks has its default."""
        read: dict[str, Callable[[Any], Any]] = {
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "paper_policy": PaperPolicy,
            "key_keeping": KeyKeeping,
            "key_officers": lambda ids: tuple(map(UUID, ids)),
            "ballot_kind": BallotKind,
            "ballot_weights": tuple,
            "rule": SharingRule,
            "criteria": lambda them: tuple(Criterion(**{**it, "steps": tuple(it["steps"])}) for it in them),
            "panel_part": PanelPart,
        }
        kept = {name: read.get(name, lambda value: value)(terms[name]) for name in _TERMS if name in terms}
        return cls(**columns, **kept)


_TERMS = (
    "who_may_apply",
    "applicant_kinds",
    "vote_min_age",
    "vote_connections",
    "vote_methods",
    "paper_policy",
    "help_cap",
    "key_keeping",
    "key_officers",
    "ballot_kind",
    "ballot_minimum",
    "ballot_maximum",
    "ballot_weights",
    "ballot_each",
    "ballot_areas",
    "rule",
    "minimum_votes",
    "stop_at_misfit",
    "group_limit",
    "group_cap_minor",
    "utility",
    "completion",
    "start",
    "step_minor",
    "exhaustive_stop",
    "criteria",
    "blind",
    "pass_mark",
    "quorum",
    "panel_part",
    "panel_share",
    "appeal_days",
)


def _parts(thing: RoundDates | Criterion) -> dict[str, Any]:
    return {part.name: getattr(thing, part.name) for part in fields(thing)}


def _criterion_parts(criterion: Criterion) -> dict[str, Any]:
    """A criterion's facts; the weight only where it is not 1, as the first rule-books have none."""
    facts = _parts(criterion)
    if criterion.weight == 1:
        del facts["weight"]
    return facts
