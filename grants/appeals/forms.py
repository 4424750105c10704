"""What a group says went wrong, what a judge finds, and what was put right."""

from grants.appeals.rules import (
    GROUND_WORDS,
    PUBLIC_AT_MOST,
    REASON_AT_MOST,
    REMEDY_WORDS,
    WORDS_AT_MOST,
    AppealDraft,
    Ground,
    Judgement,
    Remedy,
)
from grants.web import fields
from grants.web.forms import Form

_FOR_EVERYBODY = "Everybody can read this with the results. Name no person, no group and no proposal."


class AppealForm(Form):
    ground = fields.RadiosField(
        "What went wrong?",
        choices=[(one.value, words) for one, words in GROUND_WORDS.items()],
        coerce=Ground,
        message="Choose what went wrong",
    )
    words = fields.AreaField(
        "What happened?",
        hint="Say what you saw or read, and when. Who judges this had no part in the decision.",
        counted=True,
        at_most=WORDS_AT_MOST,
        rows=8,
        message="Say what happened",
    )

    def to_draft(self) -> AppealDraft:
        return AppealDraft(self.ground.data, self.words.data or "")


class HearForm(Form):
    taken_on = fields.RadiosField(
        "Is it about how the decision was made?",
        choices=[
            ("yes", "Yes: take it on", "Then it is judged next, by you or by somebody else who had no part."),
            ("no", "No: it ends here", "Like: others were preferred, or the group has a new plan."),
        ],
        message="Choose yes or no",
    )
    reason = fields.AreaField(
        "Why?", hint="The group reads this.", at_most=REASON_AT_MOST, rows=4, message="Say why, to the group"
    )
    public_words = fields.AreaField(
        "If it ends here: what can everybody read?", hint=_FOR_EVERYBODY, at_most=PUBLIC_AT_MOST, rows=2, required=False
    )


class JudgeForm(Form):
    upheld = fields.RadiosField(
        "Did something go wrong in how the decision was made?",
        choices=[("yes", "Yes: the appeal is upheld"), ("no", "No: the decision stands")],
        message="Choose yes or no",
    )
    remedy = fields.RadiosField(
        "If yes: what is to be done?",
        choices=[
            (
                Remedy.CORRECT.value,
                REMEDY_WORDS[Remedy.CORRECT],
                "A steward asks for it and the panel's chair agrees; a new decision takes its place.",
            ),
            (Remedy.REPEAT.value, REMEDY_WORDS[Remedy.REPEAT], "Say in your reason which step, and how."),
        ],
        coerce=Remedy,
        required=False,
    )
    reason = fields.AreaField(
        "What did you find, and why?",
        hint="The group reads this.",
        at_most=REASON_AT_MOST,
        rows=6,
        message="Say why, to the group",
    )
    public_words = fields.AreaField(
        "What can everybody read?",
        hint=_FOR_EVERYBODY,
        at_most=PUBLIC_AT_MOST,
        rows=2,
        message="Say it in a sentence for everybody, without names",
    )

    def to_judgement(self) -> Judgement:
        return Judgement(
            self.upheld.data == "yes", self.reason.data or "", self.public_words.data or "", self.remedy.data or None
        )


class RemedyForm(Form):
    words = fields.AreaField(
        "What was done?",
        hint=_FOR_EVERYBODY + " The group gets it as a letter.",
        at_most=PUBLIC_AT_MOST,
        rows=3,
        message="Say what was done",
    )
