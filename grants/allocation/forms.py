"""What the chair decides, and what a steward asks to put right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from grants.allocation.rules.states import Departure, Verdict
from grants.web import fields
from grants.web.forms import Form

VERDICT_WORDS = {
    Verdict.AWARDED: "Fund it",
    Verdict.RESERVE: "Put it on the reserve list",
    Verdict.NOT_FUNDED: "Do not fund it",
}


class DecideForm(Form):
    """Who took part; made by ``decide_form`` with two fields for each bid."""

    took_part = fields.UuidChecks(
        "Who took part in the meeting?", hint="You chair it, so you are counted already.", required=False
    )

    def departures(self, bids: Sequence[tuple[UUID, str, str]]) -> list[Departure]:
        """What was chosen for each bid. ``bids``: (proposal, field of the verdict, field of the reason)."""
        return [Departure(id, self[verdict].data, self[reason].data or "") for id, verdict, reason in bids]


def decide_form(bids: Sequence[tuple[UUID, str, str, str, Verdict]]) -> DecideForm:
    """``bids``: (proposal, field of the verdict, field of the reason, title, what the rule says)."""
    made: dict[str, Any] = {}
    for _, verdict, reason, title, ruled in bids:
        made[verdict] = fields.SelectField(
            f"What the panel decides about “{title}”",
            choices=[
                (one.value, VERDICT_WORDS[one] + (" (what the votes say)" if one is ruled else "")) for one in Verdict
            ],
            coerce=Verdict,
            default=ruled,
        )
        made[reason] = fields.AreaField(
            "Why, if it is not what the votes say", hint="Everybody can read it.", at_most=1000, required=False, rows=3
        )
    form: DecideForm = type("DecideFormOfRound", (DecideForm,), made)()
    return form


class CorrectForm(Form):
    verdict = fields.RadiosField(
        "What is right?", choices=[(one.value, words) for one, words in VERDICT_WORDS.items()], coerce=Verdict
    )
    reason = fields.AreaField(
        "What was wrong, and what is right?",
        hint="This becomes the reason that everybody reads. The panel's chair must agree; then only this group is "
        "written to.",
        at_most=1000,
        message="Say what was wrong, and what is right",
    )


class AnswerForm(Form):
    agreed = fields.RadiosField(
        "Do you agree?",
        choices=[("yes", "Yes, correct it and write to the group"), ("no", "No, the decision stands")],
        message="Choose yes or no",
    )
