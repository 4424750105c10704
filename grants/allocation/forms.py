"""What the chair decides, what a steward asks to put right, and which projects exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from grants.allocation.rules.states import Departure, Verdict
from grants.kernel.money import told_in
from grants.rounds.forms import RoundForm
from grants.web import fields
from grants.web.forms import Form

VERDICT_WORDS = {
    Verdict.AWARDED: "Fund it",
    Verdict.RESERVE: "Put it on the reserve list",
    Verdict.NOT_FUNDED: "Do not fund it",
}


class DecideForm(Form):
    """Who took part; made by ``decide_form`` with three fields for each bid."""

    took_part = fields.UuidChecks(
        "Who took part in the meeting?", hint="You chair it, so you are counted already.", required=False
    )

    def departures(self, bids: Sequence[tuple[UUID, str, str]]) -> list[Departure]:
        """What was chosen for each bid. ``bids``: (proposal, field of the verdict, field of the reason)."""
        return [Departure(id, self[verdict].data, self[reason].data or "") for id, verdict, reason in bids]

    def conditions(self, bids: Sequence[tuple[UUID, str]]) -> dict[UUID, str]:
        """What is asked of groups. ``bids``: (proposal, field of the conditions)."""
        return {id: self[name].data or "" for id, name in bids}


def decide_form(bids: Sequence[tuple[UUID, str, str, str, str, Verdict]]) -> DecideForm:
    """``bids``: (proposal, fields of the verdict, the reason and the conditions, title, what the rule says)."""
    made: dict[str, Any] = {}
    for _, verdict, reason, conditions, title, ruled in bids:
        made[conditions] = fields.AreaField(
            "What the panel asks of the group, if it is funded",
            hint="Like: agree the date with the school first. Leave it empty if there is nothing. Everybody reads it.",
            at_most=1000,
            required=False,
            rows=2,
        )
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


class SandboxForm(Form):
    """How to share a finished round's pot in a try; asked in the words of a round's own form, by GET."""

    class Meta:
        csrf = False

    rule = cast("fields.RadiosField", RoundForm.rule)
    pot_minor = cast("fields.MoneyField", RoundForm.pot_minor)
    minimum_votes = cast("fields.NumberField", RoundForm.minimum_votes)
    stop_at_misfit = cast("fields.RadiosField", RoundForm.stop_at_misfit)
    utility = cast("fields.RadiosField", RoundForm.utility)
    completion = cast("fields.RadiosField", RoundForm.completion)
    start = cast("fields.RadiosField", RoundForm.start)
    step_minor = cast("fields.MoneyField", RoundForm.step_minor)
    exhaustive_stop = cast("fields.RadiosField", RoundForm.exhaustive_stop)
    panel_part = cast("fields.RadiosField", RoundForm.panel_part)
    panel_share = cast("fields.NumberField", RoundForm.panel_share)

    SHARES = ("utility", "completion", "start", "step_minor", "exhaustive_stop")
    YES_OR_NO = ("stop_at_misfit", "exhaustive_stop")

    def tell_in(self, currency: str) -> None:
        """Speak of this currency where a round's form speaks of pounds."""
        for name in ("utility", "start"):
            self[name].choices = [replace(one, label=told_in(one.label, currency)) for one in self[name].choices]

    def heard(self) -> bool:
        """Whether everything that was asked for can be understood."""
        return bool(self.validate())

    def options(self) -> dict[str, Any]:
        """What was chosen, of every rule, as a rule-book names it."""
        names = ("minimum_votes", "stop_at_misfit", *self.SHARES)
        return {name: self[name].data == "yes" if name in self.YES_OR_NO else self[name].data for name in names}


class OnlyOneForm(Form):
    bids = fields.UuidChecks("Of which projects can only one be funded?", hint="Choose two or more.", required=False)
    reason = fields.AreaField(
        "Why?",
        hint="Everybody can read it: on the ballot, and beside each of these projects. Say it in one sentence.",
        at_most=500,
        rows=3,
        message="Say why only one of them can be funded",
    )


class LiftForm(Form):
    reason = fields.AreaField(
        "Why can all of them be funded after all?",
        hint="Everybody can read it.",
        at_most=500,
        rows=3,
        message="Say why all of them can be funded after all",
    )


class FeedbackForm(Form):
    words = fields.AreaField(
        "What would you like to know?",
        hint="Say how and when we can reach you. The stewards of the fund read this.",
        at_most=1000,
        rows=4,
        message="Say what you would like to know, and how to reach you",
    )
