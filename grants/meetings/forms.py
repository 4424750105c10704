"""What a steward and the chair fill in for a meeting."""

from __future__ import annotations

from grants.allocation.rules.states import Verdict
from grants.meetings import rules
from grants.meetings.rules import AgendaOrder, Settled
from grants.web import fields
from grants.web.forms import Form


class PlanForm(Form):
    starts_at = fields.LondonTimeField("When does the panel meet?")
    place = fields.TextField("Where?", at_most=rules.PLACE_AT_MOST, message="Say where the panel meets")
    order = fields.RadiosField(
        "In which order does it take the bids?",
        choices=[
            (AgendaOrder.RESULT, "As the votes have them"),
            (AgendaOrder.APART, "First those about which the panel’s scores are far apart"),
        ],
        coerce=AgendaOrder,
        message="Choose an order",
    )


class AttendForm(Form):
    present = fields.UuidChecks("Who is here?", hint="The chair is counted already.", required=False)


class BidForm(Form):
    note = fields.AreaField(
        "What was said",
        hint="For the minutes that the panel and stewards keep. It is not published.",
        at_most=rules.NOTE_AT_MOST,
        required=False,
        rows=4,
    )
    verdict = fields.RadiosField(
        "What the panel recommends",
        choices=[
            (Verdict.AWARDED, "Fund it"),
            (Verdict.RESERVE, "Put it on the reserve list"),
            (Verdict.NOT_FUNDED, "Do not fund it"),
        ],
        coerce=Verdict,
        required=False,
    )
    reason = fields.AreaField(
        "Why, if it is not what the votes say",
        hint="Everybody can read it.",
        at_most=rules.WORDS_AT_MOST,
        required=False,
        rows=2,
    )
    conditions = fields.AreaField(
        "What the panel asks of the group, if it is funded",
        hint="Everybody can read it. Leave it empty if nothing.",
        at_most=rules.WORDS_AT_MOST,
        required=False,
        rows=2,
    )

    def to_settled(self, *, only_note: bool) -> Settled:
        """What was typed; of a note taker only the note."""
        if only_note:
            return Settled(self.note.data or "")
        return Settled(self.note.data or "", self.verdict.data, self.reason.data or "", self.conditions.data or "")
