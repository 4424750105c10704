"""What a steward types about a round."""

from collections.abc import Sequence
from typing import Any

from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import (
    MOST_AREAS,
    MOST_POINTS,
    BallotKind,
    Connection,
    KeyKeeping,
    PaperPolicy,
    VotingMethod,
    read_weights,
)
from grants.rounds.rules.book import ApplicantKind, RoundDraft
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.panel import (
    HEALTH_CREATION,
    NAME_AT_MOST,
    QUESTION_AT_MOST,
    STEP_AT_MOST,
    WEIGHT_MOST,
    Criterion,
    PanelPart,
)
from grants.rounds.rules.quick import MOST_DECIDE_DAYS, MOST_QUICK_MINOR, QuickDraft
from grants.rounds.rules.sharing import SharingRule
from grants.rounds.rules.words import APPLICANT_WORDS
from grants.web import fields
from grants.web.forms import Form

_TIES = [
    (Connection.LIVES, "Live here"),
    (Connection.WORKS, "Work here"),
    (Connection.STUDIES, "Study here"),
    (Connection.VOLUNTEERS, "Volunteer here"),
]
_METHODS = [
    (VotingMethod.CODE, "A voting code", "Posted, or handed out by a connector. Each code works once."),
    (VotingMethod.EMAIL_POSTCODE, "E-mail address and postcode", "The postcode must be inside the area."),
    (VotingMethod.IN_PERSON, "In person, on paper", "At a booth, where an officer checks who they are."),
]

_KINDS = [
    (BallotKind.APPROVAL, "Tick every proposal that you would fund", "Easiest for most people."),
    (BallotKind.UP_TO_K, "Tick proposals, up to a number"),
    (BallotKind.CHOOSE_ONE, "Choose one proposal"),
    (BallotKind.POINTS, "Share out points", "Say below how many points each voter has."),
    (BallotKind.RANKED, "Put proposals in order, the best first"),
]
_RULES = [
    (
        SharingRule.MOST_VOTES,
        "Most votes",
        "The most votes first, while the money lasts. Good for fewer than about ten proposals.",
    ),
    (
        SharingRule.EQUAL_SHARES,
        "Equal shares",
        "Everybody controls an equal part of the pot, so that every part of the community gets something. "
        "Good for ten proposals or more.",
    ),
    (SharingRule.PHRAGMEN, "Phragmén", "Another rule of this kind. Mostly for comparing."),
]


class RoundForm(Form):
    """A round's terms, in the order in which people ask about them."""

    title = fields.TextField("Title", hint="A few plain words, like “Good food near home”.")
    summary = fields.AreaField("What is this round for?", hint="Two or three sentences.", at_most=2000, rows=4)
    fund_id = fields.UuidSelect("Which pot does the money come from?")
    priority_ids = fields.UuidChecks(
        "Which priorities is it for?",
        hint="Priorities that the community has agreed. Every proposal must answer one of these.",
        message="Choose at least one priority",
    )
    pot_minor = fields.MoneyField("How much is there to share?")
    floor_minor = fields.MoneyField("The least that a group can ask for")
    cap_minor = fields.MoneyField("The most that a group can ask for")
    opens_at = fields.LondonTimeField("Proposals open")
    closes_at = fields.LondonTimeField("Proposals close")
    voting_opens_at = fields.LondonTimeField("Voting opens")
    voting_closes_at = fields.LondonTimeField("Voting closes")
    decide_by = fields.LondonTimeField("The decision comes by")
    who_may_apply = fields.AreaField(
        "Who may apply, in a sentence or two", hint="Everybody reads this.", at_most=1000, rows=3
    )
    applicant_kinds = fields.ChecksField(
        "Which groups may apply?",
        choices=[(kind, words[:1].upper() + words[1:]) for kind, words in APPLICANT_WORDS.items()],
        coerce=ApplicantKind,
        message="Choose which groups may apply",
    )
    vote_connections = fields.ChecksField(
        "Who may vote? People who", choices=_TIES, coerce=Connection, message="Choose who may vote"
    )
    vote_min_age = fields.NumberField("Youngest age for voting", at_most=18)
    vote_methods = fields.ChecksField(
        "How do people show that they may vote?",
        choices=_METHODS,
        coerce=VotingMethod,
        message="Choose at least one way to vote",
    )
    paper_policy = fields.RadiosField(
        "Somebody who has voted online comes to a booth",
        choices=[
            (PaperPolicy.REPLACE, "They may vote on paper instead", "The officer voids the online vote."),
            (PaperPolicy.REFUSE, "They are told that they have voted", "Their online vote stays."),
        ],
        coerce=PaperPolicy,
        required=False,
    )
    help_cap = fields.NumberField(
        "How many people may one helper help to vote?", hint="0 means that nobody helps.", at_most=1000, required=False
    )
    key_keeping = fields.RadiosField(
        "Who holds the key that opens the votes?",
        choices=[
            (
                KeyKeeping.STANDARD,
                "This service",
                "Votes are counted by themselves, and voters can edit what they cast.",
            ),
            (
                KeyKeeping.STRONG,
                "Three returning officers, of whom two must come to count",
                "This service cannot open a vote before. Voters who change their mind vote afresh. "
                "On paper, each pile has a cover sheet with letters that whoever keys it types.",
            ),
        ],
        coerce=KeyKeeping,
        required=False,
    )
    key_officers = fields.UuidChecks(
        "Which three people hold a part of the key?",
        hint="Only where returning officers hold it. Each gets one part, once. If two lose theirs, nobody can count.",
        required=False,
    )
    ballot_kind = fields.RadiosField("What do voters do?", choices=_KINDS, coerce=BallotKind)
    ballot_minimum = fields.NumberField(
        "Fewest proposals to choose",
        hint="Three works well. Most people then look at more than their own. With 0, people are offered a blank "
        "ballot from the start.",
        at_least=0,
    )
    ballot_maximum = fields.NumberField(
        "Most proposals to choose, or points to share out",
        hint="Leave it empty for no limit. Where voters share out points: how many each has.",
        at_least=1,
        at_most=MOST_POINTS,
        required=False,
    )
    ballot_each = fields.NumberField(
        "Most points for one proposal",
        hint="Only where voters share out points. Leave it empty for no limit.",
        at_least=1,
        at_most=MOST_POINTS,
        required=False,
    )
    ballot_weights = fields.TextField(
        "Points for the first place, the second, and so on",
        hint="Only where voters put proposals in order. Like 3, 2, 1. Leave it empty and the last place gets one "
        "point, each place before it one more.",
        required=False,
    )
    area_rule = fields.RadiosField(
        "In which areas may one voter choose?",
        choices=[
            ("any", "In any"),
            ("one", "All in one area", "Like everybody for their own neighbourhood, whichever they call theirs."),
            ("few", "In some areas, up to a number"),
        ],
        required=False,
    )
    ballot_areas = fields.NumberField(
        "Most areas for one voter",
        hint=f"Only for “up to a number”, from 2 to {MOST_AREAS}. Areas are wards. Proposals for the whole place can "
        "always be chosen.",
        at_least=2,
        at_most=MOST_AREAS,
        required=False,
    )
    rule = fields.RadiosField("How is the money shared?", choices=_RULES, coerce=SharingRule)
    minimum_votes = fields.NumberField("Votes that a proposal needs at least", at_most=100_000)
    group_limit = fields.NumberField(
        "How many proposals of one group can be funded", hint="Leave it empty for no limit.", at_least=1, required=False
    )
    group_cap_minor = fields.MoneyField(
        "The most that one group can get in all", hint="Leave it empty for no limit.", required=False
    )
    stop_at_misfit = fields.RadiosField(
        "When the next proposal asks for more than is left",
        choices=[("no", "Pass it over, and look at the next one"), ("yes", "Stop there")],
    )
    utility = fields.RadiosField(
        "Which proposals come first?",
        choices=[
            ("cost", "Those with the most support behind each pound", "Dear and cheap proposals have the same chance."),
            ("cardinality", "Those that cost each supporter least", "More proposals are funded, mostly cheap ones."),
        ],
    )
    completion = fields.RadiosField(
        "When nothing more can be paid from equal parts",
        choices=[
            ("add1u", "Let the parts grow, then share what is left by most votes"),
            ("add1", "Let the parts grow"),
            ("none", "Leave the rest in the pot"),
        ],
    )
    start = fields.RadiosField(
        "Where do the parts begin?",
        choices=[("floor", "At whole pounds, rounded down"), ("exact", "At the exact part, to a fraction of a penny")],
    )
    step_minor = fields.MoneyField("How much the parts grow at a time")
    exhaustive_stop = fields.RadiosField(
        "When do the parts stop growing?",
        choices=[
            ("yes", "When nothing more would fit, or the next time would cost too much"),
            ("no", "Only when the next time would cost too much"),
        ],
    )
    criteria = fields.ChecksField(
        "What does the panel look for?",
        hint="The five features of health creation, and what you have written for this round.",
        choices=[(one.id, one.name, one.question) for one in HEALTH_CREATION],
        message="Choose at least one",
    )
    blind = fields.RadiosField(
        "Does the panel know whose proposal it reads?",
        hint="Proposals are not public before voting opens, and scores are locked by then.",
        choices=[
            ("no", "Yes", "Panellists see the group, and can tell early if they have an interest."),
            ("yes", "No, not until their scores are locked", "Its name, place and files are hidden from the panel."),
        ],
        required=False,
    )
    pass_mark = fields.NumberField("Pass mark, in percent of the points", at_most=100)
    quorum = fields.NumberField("Panellists without an interest who must read each proposal", at_least=1, at_most=50)
    panel_part = fields.RadiosField(
        "What are the panel's points for after the vote?",
        choices=[
            ("gate", "Nothing", "The votes alone decide about the money."),
            ("tie_break", "Ties", "Where votes are equal, the proposal with more of the panel's points goes first."),
            (
                "split_pot",
                "A part of the pot",
                "Votes share most of the pot. Then the panel's points share the rest, and what the votes left.",
            ),
        ],
        coerce=PanelPart,
    )
    panel_share = fields.NumberField(
        "How much of the pot goes by the panel's points, in percent",
        hint="Only where the points decide about a part of the pot. Like 20.",
        at_least=1,
        at_most=99,
        required=False,
    )

    appeal_days = fields.NumberField(
        "Within how many days can a group appeal?",
        hint="Counted from the day on which it is told what was decided.",
        at_least=5,
        at_most=90,
    )

    FINER = (
        "group_limit",
        "group_cap_minor",
        "stop_at_misfit",
        "utility",
        "completion",
        "start",
        "step_minor",
        "exhaustive_stop",
    )

    known_criteria: Sequence[Criterion] = HEALTH_CREATION
    """All that can be ticked."""

    def offer(self, written: Sequence[Criterion]) -> None:
        """Let the round's own criteria be ticked too, before the rest of the standard set."""
        ids = {one.id for one in written}
        self.known_criteria = (*written, *(one for one in HEALTH_CREATION if one.id not in ids))
        choices: list[Any] = [(one.id, one.name, one.question) for one in self.known_criteria]
        self.criteria.choices = choices

    @property
    def finer_errors(self) -> bool:
        """Whether something among the finer points has to be put right, so that they are shown."""
        return any(name in self.errors for name in self.FINER)

    def to_draft(self) -> RoundDraft:
        """The draft; money in pence, moments in UTC."""
        dates = RoundDates(
            opens_at=self.opens_at.data,
            closes_at=self.closes_at.data,
            voting_opens_at=self.voting_opens_at.data,
            voting_closes_at=self.voting_closes_at.data,
            decide_by=self.decide_by.data,
        )
        return RoundDraft(
            title=self.title.data or "",
            summary=self.summary.data or "",
            fund_id=self.fund_id.data,
            priority_ids=tuple(self.priority_ids.data or ()),
            dates=dates,
            pot_minor=self.pot_minor.data,
            floor_minor=self.floor_minor.data,
            cap_minor=self.cap_minor.data,
            who_may_apply=self.who_may_apply.data or "",
            applicant_kinds=tuple(self.applicant_kinds.data or ()),
            vote_min_age=self.vote_min_age.data or 0,
            vote_connections=tuple(self.vote_connections.data or ()),
            vote_methods=tuple(self.vote_methods.data or ()),
            paper_policy=self.paper_policy.data or PaperPolicy.REPLACE,
            help_cap=40 if self.help_cap.data is None else self.help_cap.data,
            key_keeping=self.key_keeping.data or KeyKeeping.STANDARD,
            key_officers=tuple(self.key_officers.data or ()) if self.key_keeping.data is KeyKeeping.STRONG else (),
            **self._ballot(),
            rule=self.rule.data,
            minimum_votes=self.minimum_votes.data or 0,
            stop_at_misfit=self.stop_at_misfit.data == "yes",
            group_limit=self.group_limit.data,
            group_cap_minor=self.group_cap_minor.data,
            utility=self.utility.data,
            completion=self.completion.data,
            start=self.start.data,
            step_minor=self.step_minor.data,
            exhaustive_stop=self.exhaustive_stop.data == "yes",
            criteria=tuple(one for one in self.known_criteria if one.id in (self.criteria.data or ())),
            blind=self.blind.data == "yes",
            pass_mark=self.pass_mark.data or 0,
            quorum=self.quorum.data or 0,
            panel_part=self.panel_part.data,
            appeal_days=self.appeal_days.data or 0,
            panel_share=self.panel_share.data if self.panel_part.data is PanelPart.SPLIT_POT else None,
        )

    def _areas(self) -> int | None:
        """In how many areas one voter may choose; nothing means in any."""
        if self.area_rule.data == "few" and self.ballot_areas.data is None:
            raise RuleBroken("Enter how many areas.", field="ballot_areas")
        return {"one": 1, "few": self.ballot_areas.data}.get(self.area_rule.data or "")

    def _ballot(self) -> dict[str, Any]:
        """What a ballot may say; what the kind itself settles need not be typed."""
        kind, most = self.ballot_kind.data, self.ballot_maximum.data
        if kind is BallotKind.CHOOSE_ONE:
            return {"ballot_kind": kind, "ballot_minimum": 1, "ballot_maximum": 1}
        weights = read_weights(self.ballot_weights.data or "")
        return {
            "ballot_kind": kind,
            "ballot_minimum": self.ballot_minimum.data or 0,
            "ballot_maximum": len(weights) if weights and most is None else most,
            "ballot_weights": weights,
            "ballot_each": self.ballot_each.data,
            "ballot_areas": self._areas(),
        }


def as_typed(draft: RoundDraft) -> dict[str, Any]:
    """A draft as the form's data."""
    typed = {
        name: getattr(draft, name) for name in RoundDraft.__dataclass_fields__ if name not in ("dates", "criteria")
    }
    typed |= {name: getattr(draft.dates, name) for name in RoundDates.__dataclass_fields__}
    for name in ("stop_at_misfit", "exhaustive_stop", "blind"):
        typed[name] = "yes" if typed[name] else "no"
    typed["ballot_weights"] = ", ".join(map(str, draft.ballot_weights))
    areas = draft.ballot_areas
    typed["area_rule"] = "any" if areas is None else "one" if areas == 1 else "few"
    typed["ballot_areas"] = areas if areas and areas > 1 else None
    typed["criteria"] = [one.id for one in draft.criteria]
    return typed


FRESH: dict[str, Any] = {
    "applicant_kinds": list(ApplicantKind),
    "vote_connections": list(Connection),
    "vote_methods": list(VotingMethod),
    "paper_policy": PaperPolicy.REPLACE,
    "help_cap": 40,
    "key_keeping": KeyKeeping.STANDARD,
    "vote_min_age": 11,
    "ballot_kind": BallotKind.APPROVAL,
    "ballot_minimum": 3,
    "area_rule": "any",
    "rule": SharingRule.MOST_VOTES,
    "minimum_votes": 1,
    "stop_at_misfit": "no",
    "utility": "cost",
    "completion": "add1u",
    "start": "floor",
    "step_minor": 100,
    "exhaustive_stop": "yes",
    "criteria": [one.id for one in HEALTH_CREATION],
    "blind": "no",
    "pass_mark": 50,
    "quorum": 2,
    "panel_part": PanelPart.GATE,
    "appeal_days": 20,
    "who_may_apply": "Groups of neighbours and friends, clubs, charities and community businesses.",
}
"""What a new round's form proposes."""


class CriterionForm(Form):
    """One thing the panel looks for."""

    name = fields.TextField(
        "Name", hint="A word or two, like “Kind to nature”.", at_most=NAME_AT_MOST, message="Enter a name"
    )
    question = fields.AreaField(
        "What are panellists asked?",
        hint="One question that a neighbour understands.",
        at_most=QUESTION_AT_MOST,
        message="Enter what panellists are asked",
        rows=2,
    )
    weight = fields.NumberField(
        "Weight",
        hint="1 is usual. With 2 its points count twice.",
        at_least=1,
        at_most=WEIGHT_MOST,
    )
    step_0 = fields.AreaField(
        "0 points means",
        hint="Say it in one sentence.",
        at_most=STEP_AT_MOST,
        rows=2,
        message="Say in a sentence what 0 points means",
    )
    step_1 = fields.AreaField(
        "1 point means", at_most=STEP_AT_MOST, rows=2, message="Say in a sentence what 1 point means"
    )
    step_2 = fields.AreaField(
        "2 points means", at_most=STEP_AT_MOST, rows=2, message="Say in a sentence what 2 points means"
    )
    step_3 = fields.AreaField(
        "3 points means", at_most=STEP_AT_MOST, rows=2, message="Say in a sentence what 3 points means"
    )

    def to_criterion(self) -> Criterion:
        """What was typed; its id is given by the service."""
        steps = (self.step_0.data or "", self.step_1.data or "", self.step_2.data or "", self.step_3.data or "")
        return Criterion("", self.name.data or "", self.question.data or "", steps, self.weight.data or 0)


def criterion_typed(criterion: Criterion) -> dict[str, Any]:
    """A criterion as the form's data."""
    steps = {f"step_{points}": step for points, step in enumerate(criterion.steps)}
    return {"name": criterion.name, "question": criterion.question, "weight": criterion.weight, **steps}


class CopyCriteriaForm(Form):
    """Where to take criteria from."""

    source = fields.SelectField("Begin again with the questions of", choices=[])


class ReasonForm(Form):
    """A public reason."""

    reason = fields.AreaField("Why?", hint="Everybody can read this.", at_most=500, rows=3)


class ExtendForm(Form):
    """New, later dates; those left empty stay."""

    closes_at = fields.LondonTimeField("Proposals close", required=False)
    voting_opens_at = fields.LondonTimeField("Voting opens", required=False)
    voting_closes_at = fields.LondonTimeField("Voting closes", required=False)
    decide_by = fields.LondonTimeField("The decision comes by", required=False)
    reason = fields.AreaField("Why?", hint="Everybody can read this.", at_most=500, rows=3)

    DATES = ("closes_at", "voting_opens_at", "voting_closes_at", "decide_by")


class QuickRoundForm(Form):
    """A quick round's terms: one page."""

    title = fields.TextField("Title", hint="A few plain words, like “Quick grants for good neighbours”.")
    summary = fields.AreaField("What is it for?", hint="Two or three sentences.", at_most=2000, rows=4)
    fund_id = fields.UuidSelect("Which pot does the money come from?")
    priority_ids = fields.UuidChecks(
        "Which priorities is it for?",
        hint="Priorities that the community has agreed. Every ask must answer one of these.",
        message="Choose at least one priority",
    )
    pot_minor = fields.MoneyField("How much is there in all?", hint="People can ask while it lasts.")
    cap_minor = fields.MoneyField("The most for one ask", hint="£500 or less.", at_most=MOST_QUICK_MINOR)
    opens_at = fields.LondonTimeField("People can ask from")
    closes_at = fields.LondonTimeField("People can ask until", hint="Or until the pot is empty.")
    decide_days = fields.NumberField(
        "In how many working days is each ask answered?",
        hint="Monday to Friday. Two people must agree in that time.",
        at_least=1,
        at_most=MOST_DECIDE_DAYS,
    )
    who_may_apply = fields.AreaField(
        "Who may ask, in a sentence or two", hint="Everybody reads this.", at_most=1000, rows=3
    )
    applicant_kinds = fields.ChecksField(
        "Which groups may ask?",
        choices=[(kind, words[:1].upper() + words[1:]) for kind, words in APPLICANT_WORDS.items()],
        coerce=ApplicantKind,
        message="Choose which groups may ask",
    )

    def to_draft(self) -> QuickDraft:
        """The draft; money in pence, moments in UTC."""
        return QuickDraft(
            title=self.title.data or "",
            summary=self.summary.data or "",
            fund_id=self.fund_id.data,
            priority_ids=tuple(self.priority_ids.data or ()),
            opens_at=self.opens_at.data,
            closes_at=self.closes_at.data,
            pot_minor=self.pot_minor.data,
            cap_minor=self.cap_minor.data,
            who_may_apply=self.who_may_apply.data or "",
            decide_days=self.decide_days.data or 0,
            applicant_kinds=tuple(self.applicant_kinds.data or ()),
        )


def quick_as_typed(draft: QuickDraft) -> dict[str, Any]:
    """A quick round's draft as the form's data."""
    return {name: getattr(draft, name) for name in QuickDraft.__dataclass_fields__}


QUICK_FRESH: dict[str, Any] = {
    "applicant_kinds": list(ApplicantKind),
    "cap_minor": MOST_QUICK_MINOR,
    "decide_days": 5,
    "who_may_apply": "Neighbours who do something together, clubs, charities and community businesses.",
}


class ExtendQuickForm(Form):
    """A later end of a quick round."""

    closes_at = fields.LondonTimeField("People can ask until")
    reason = fields.AreaField("Why?", hint="Everybody can read this.", at_most=500, rows=3)

    DATES = ("closes_at",)
