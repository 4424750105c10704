"""What is typed about a priority."""

from datetime import date
from uuid import UUID

from grants.priorities.rules import ActionProgress, Agreement, Revision, Suggestion
from grants.web import fields
from grants.web.forms import Form

PROGRESS = [
    (ActionProgress.PLANNED, "Planned"),
    (ActionProgress.UNDER_WAY, "Under way"),
    (ActionProgress.DONE, "Done"),
    (ActionProgress.STOPPED, "Stopped"),
]


class SuggestionForm(Form):
    """A priority, and what it rests on."""

    title = fields.TextField("Title", hint="As a neighbour would say it: “Good food that we can afford”.", at_most=140)
    statement = fields.AreaField(
        "What do you want to be different?",
        hint="In plain words. What would people see, and who?",
        at_most=3000,
        counted=True,
        message="Say what you want to be different",
    )
    issues = fields.UuidChecks("Which issues does it rest on?", required=False)
    insights = fields.UuidChecks("Which insights does it rest on?", required=False)

    def to_suggestion(self) -> Suggestion:
        return Suggestion(
            self.title.data or "",
            self.statement.data or "",
            frozenset(self.issues.data or ()),
            frozenset(self.insights.data or ()),
        )


class ConsultForm(Form):
    """Which suggestions are put to the community, and until when."""

    priorities = fields.UuidChecks(
        "Which ones?", at_least=1, hint="People say which of them matters most.", message="Choose at least one"
    )
    closes_at = fields.LondonTimeField(
        "Until when can people choose?", hint="London time. Two to four weeks is usual.", message="Enter when it ends"
    )


class ChoiceForm(Form):
    """First, second and third choice."""

    first = fields.UuidSelect("Matters most", empty="Choose one", message="Choose what matters most to you")
    second = fields.UuidSelect("Second", required=False, empty="No second choice")
    third = fields.UuidSelect("Third", required=False, empty="No third choice")

    def to_choices(self) -> tuple[UUID | None, UUID | None, UUID | None]:
        return self.first.data, self.second.data, self.third.data


class AgreementForm(Form):
    """How it was agreed."""

    owner_name = fields.TextField(
        "Who from the community owns it?",
        hint="A group or people, as they wish to be named. Everybody can read this.",
        at_most=140,
        message="Name the people or the group from the community who own it",
    )
    meeting = fields.TextField(
        "Which meeting agreed it?",
        hint="For example: Community forum in the town hall.",
        at_most=200,
        message="Name the meeting that agreed it",
    )
    agreed_on = fields.DayField("On which day?", message="Enter the day on which it was agreed")

    def to_agreement(self) -> Agreement:
        return Agreement(self.owner_name.data or "", self.agreed_on.data or date.max, self.meeting.data or "")


class RevisionForm(AgreementForm):
    """How it reads from now on."""

    title = fields.TextField("Title", at_most=140)
    statement = fields.AreaField("What do you want to be different?", at_most=3000, counted=True)
    why = fields.AreaField("Why does it change?", at_most=500, rows=3, counted=True, message="Say why it changes")

    def to_revision(self) -> Revision:
        return Revision(self.title.data or "", self.statement.data or "", self.to_agreement(), self.why.data or "")


class RetireForm(Form):
    """Why it ends."""

    reason = fields.AreaField(
        "Why does it end?",
        hint="Everybody can read this.",
        at_most=500,
        rows=3,
        counted=True,
        message="Say why it ends",
    )


class ActionForm(Form):
    """What a partner does."""

    partner = fields.TextField("Who does it?", hint="The partner’s name.", at_most=140, message="Name the partner")
    programme = fields.TextField("As part of which programme?", at_most=140, required=False)
    what = fields.AreaField("What do they do?", at_most=1000, rows=4, counted=True, message="Say what they do")
    progress = fields.RadiosField(
        "How far is it?", coerce=ActionProgress, choices=PROGRESS, message="Choose how far it is"
    )


class ProgressForm(Form):
    """How far a partner's action has come."""

    what = fields.AreaField("What do they do?", at_most=1000, rows=4, counted=True, message="Say what they do")
    progress = fields.RadiosField(
        "How far is it?", coerce=ActionProgress, choices=PROGRESS, message="Choose how far it is"
    )
