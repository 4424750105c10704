"""What stewards and panellists fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from grants.review import rules
from grants.review.rules import Mark, ReviewDraft
from grants.rounds.rules.panel import Criterion
from grants.web import fields
from grants.web.forms import Form

NOT_ENOUGH = "none"


class SeatForm(Form):
    person = fields.UuidSelect("Panellist", message="Choose who is to sit on the panel")
    chair = fields.TickField("They chair the panel")


class AssignForm(Form):
    bid = fields.UuidSelect("Bid")
    reader = fields.UuidSelect("Panellist")


class ShareOutForm(Form):
    per_bid = fields.NumberField("How many panellists read each bid?", at_least=1, at_most=20)


class InterestForm(Form):
    """One question, and what the interest is."""

    interest = fields.RadiosField(
        "Do you have an interest in this bid?",
        choices=[
            ("no", "No, I have no interest in it"),
            ("soft", "I have a loose tie to it", "The panel’s chair says whether you may read it."),
            ("yes", "Yes, I have an interest in it", "You step aside from this one bid."),
        ],
        message="Choose one of these",
    )
    tie = fields.RadiosField(
        "If it is a loose tie: which?",
        choices=[(one, words) for one, words in rules.TIE_WORDS.items()],
        coerce=rules.Tie,
        required=False,
    )
    words = fields.AreaField(
        "If there is a tie: what is it?",
        hint="A few words. Stewards and auditors can read them; the public cannot.",
        at_most=rules.INTEREST_AT_MOST,
        required=False,
        rows=2,
    )

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if self.interest.data == "soft" and self.tie.data is None:
            self.tie.errors = ["Choose which loose tie it is"]
            sound = False
        return sound


class RulingForm(Form):
    """The chair's ruling on a soft interest."""

    may_read = fields.RadiosField(
        "May they read and score this bid?",
        choices=[("yes", "Yes", "The tie is too loose to matter."), ("no", "No", "They step aside from this bid.")],
        message="Choose yes or no",
    )
    reason = fields.AreaField(
        "Why?", hint="Stewards and auditors can read this.", at_most=rules.RULING_AT_MOST, message="Say why", rows=2
    )


class MemberForm(Form):
    """What is noted about somebody on a panel."""

    term_ends_on = fields.DayField("Until when do they serve?", required=False)
    trained_on = fields.DayField("When were they trained?", required=False)


class StepAsideForm(Form):
    words = fields.AreaField(
        "What ties you to it?",
        hint="A few words. Stewards and auditors can read them; the public cannot.",
        at_most=rules.INTEREST_AT_MOST,
        message="Say in a few words what ties you to this bid",
        rows=2,
    )


class MarkForm(Form):
    """An interest that came to light."""

    words = fields.AreaField(
        "What came to light?",
        hint="A few words. Stewards and auditors can read them; the public cannot.",
        at_most=rules.INTEREST_AT_MOST,
        message="Say in a few words what came to light",
        rows=2,
    )


class AddressForm(Form):
    """An address, of which only a mark is kept."""

    house = fields.TextField(
        "The number or name of the house", at_most=60, message="Enter the number or name of the house"
    )
    postcode = fields.PostcodeField("The postcode", message="Enter the postcode")


class HouseholdForm(Form):
    email = fields.EmailField(
        "The e-mail address of somebody you live with", hint="The one that they use here, if they do."
    )


class EmployerForm(Form):
    employer = fields.TextField(
        "Whom do you work for?", hint="The full name of the organisation.", at_most=120, message="Enter a name"
    )


class ScoreForm(Form):
    """Radios and a reason for each criterion; made by ``score_form`` for a rule-book's criteria."""

    version = fields.HiddenField()

    def to_draft(self, criteria: Sequence[Criterion]) -> ReviewDraft:
        """What was typed, complete or not."""
        marks = []
        for criterion in criteria:
            value, reason = self.value_of(criterion).data, self.reason_of(criterion).data or ""
            if value or reason:
                number = int(value) if value and value != NOT_ENOUGH else None
                marks.append(Mark(criterion.id, number, reason, answered=bool(value)))
        version = str(self.version.data or "")
        return ReviewDraft(int(version) if version.isdigit() else -1, tuple(marks))

    def value_of(self, criterion: Criterion) -> Any:
        """The radios of a criterion."""
        return self[rules.value_field(criterion.id)]

    def reason_of(self, criterion: Criterion) -> Any:
        """The reason for a criterion."""
        return self[rules.reason_field(criterion.id)]


def score_form(criteria: Sequence[Criterion], marks: Sequence[Mark] = (), version: int = 0) -> ScoreForm:
    """The form for these criteria, with what was saved."""
    made: dict[str, Any] = {}
    for criterion in criteria:
        steps = [(str(points), f"{points} – {criterion.steps[points]}") for points in reversed(range(4))]
        made[rules.value_field(criterion.id)] = fields.RadiosField(
            criterion.name,
            hint=criterion.question,
            choices=[
                *steps,
                (NOT_ENOUGH, "Not enough information", "This leaves it out. It does not count as nought."),
            ],
            required=False,
        )
        made[rules.reason_field(criterion.id)] = fields.AreaField(
            f"Why? ({criterion.name})", at_most=rules.REASON_AT_MOST, required=False, rows=3
        )
    saved: dict[str, Any] = {"version": str(version)}
    for mark in marks:
        if mark.answered:
            saved[rules.value_field(mark.criterion)] = NOT_ENOUGH if mark.value is None else str(mark.value)
        saved[rules.reason_field(mark.criterion)] = mark.reason
    form: ScoreForm = type("ScoreFormOfRound", (ScoreForm,), made)(data=saved)
    return form


class LockForm(Form):
    """A field for each bid that has too few reviews; made by ``lock_form``."""

    def explanations(self, names: Sequence[tuple[UUID, str, str]]) -> dict[UUID, str]:
        """What was typed, by proposal."""
        return {id: self[name].data or "" for id, name, _ in names}


def lock_form(short: Sequence[tuple[UUID, str, str]]) -> LockForm:
    """``short``: (proposal, field, title) of each bid that has too few reviews."""
    made = {
        name: fields.AreaField(
            f"Why does “{title}” have too few reviews?",
            hint="Everybody can read this once the vote opens. The bid then goes to the vote without a pass or fail.",
            at_most=rules.REASON_AT_MOST,
            message=f"Explain why “{title}” has too few reviews, or wait for more",
            rows=2,
        )
        for _, name, title in short
    }
    form: LockForm = type("LockFormOfRound", (LockForm,), made)()
    return form
