"""What is asked at the steps of a proposal: its start, its first check, files, comments, its end."""

from typing import Any

from grants.proposals.rules.comments import COMMENT_AT_MOST, FLAG_AT_MOST
from grants.proposals.rules.files import LABEL_AT_MOST
from grants.proposals.rules.hurdles import Answers, Asker
from grants.proposals.rules.screening import SCREENING_WORDS, ScreeningCode
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.web import fields
from grants.web.forms import Form


class StartForm(Form):
    group_id = fields.UuidRadios("Which group is it for?")


class ReuseForm(Form):
    """Take over what an earlier proposal of the group says."""

    earlier_id = fields.UuidRadios("Which one?")


class AnswerForm(Form):
    """A partner's yes or no."""

    yes = fields.RadiosField(
        "Is it so?", choices=[("yes", "Yes, we do this with them"), ("no", "No")], message="Choose yes or no"
    )
    name = fields.TextField("Your name", at_most=120, hint="Who answers for the partner. The group sees it.")


class EligibilityForm(Form):
    """A few questions before anything is written. Nothing of it is kept but how it ended, without a name."""

    asker = fields.RadiosField(
        "Who are you?",
        choices=[
            (
                Asker.CONSTITUTED,
                "A group with rules of its own and a bank account",
                "A charity, a club, a CIC, a co-operative.",
            ),
            (
                Asker.INFORMAL,
                "A group without a bank account",
                "Neighbours, parents, friends who do something together.",
            ),
            (Asker.PERSON, "One person"),
            (Asker.BUSINESS, "A business that makes money for its owners"),
        ],
        coerce=Asker,
        message="Say who you are",
    )
    in_area = fields.RadiosField(
        "Is it here?", choices=[("yes", "Yes"), ("no", "No")], message="Say whether it happens here"
    )
    for_priority = fields.RadiosField(
        "Does it answer one of the priorities of this round?",
        choices=[("yes", "Yes"), ("no", "No")],
        message="Say whether it answers one of the priorities",
    )
    amount = fields.MoneyField("About how much would you ask for?", at_most=10**10)
    excluded = fields.RadiosField(
        "Is it any of these?",
        hint="Party politics; spreading a faith; what a public body must pay by law; what is done or bought already.",
        choices=[("no", "No, none of these"), ("yes", "Yes")],
        message="Say whether it is any of these",
    )

    def to_answers(self) -> Answers:
        return Answers(
            asker=self.asker.data,
            in_area=self.in_area.data == "yes",
            for_priority=self.for_priority.data == "yes",
            amount_minor=self.amount.data or 0,
            excluded=self.excluded.data == "yes",
        )


class ReasonForm(Form):
    """A reason that others read."""

    reason = fields.AreaField("Why?", at_most=1000, rows=4)


class WithdrawForm(Form):
    reason = fields.AreaField("Why? It is fine to leave this empty", at_most=500, rows=3, required=False)


class ScreeningForm(Form):
    verdict = fields.RadiosField(
        "May it go on in this round?",
        choices=[("yes", "Yes", "It meets every rule of the round."), ("no", "No", "It breaks a rule.")],
    )
    code = fields.RadiosField(
        "Which rule does it not meet?",
        choices=[(one, words) for one, words in SCREENING_WORDS.items()],
        coerce=ScreeningCode,
        required=False,
    )
    words = fields.AreaField(
        "Why?", hint="The group reads these words. Say what is wrong, kindly and clearly.", at_most=1000, required=False
    )

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if self.verdict.data == "no" and self.code.data is None:
            self.code.errors = ["Choose which rule it does not meet"]
            sound = False
        if self.verdict.data == "no" and not self.words.data:
            self.words.errors = ["Say why, in words that the group will read"]
            sound = False
        return sound


class QuestionForm(Form):
    """What whoever checks a proposal wants to know first."""

    words = fields.AreaField(
        "What do you need to know?", hint="The group reads these words. Ask for one thing at a time.", at_most=1000
    )
    sections = fields.ChecksField(
        "Which sections may they change?",
        hint="Only these open again.",
        choices=[(one, words) for one, words in SECTION_TITLES.items()],
        coerce=Section,
        at_least=1,
    )
    until = fields.LondonTimeField("By when?", hint="For example 12 5 2027 at 17:00. Give them a few days.")


class FileForm(Form):
    """A picture, a paper or a recording."""

    file = fields.UploadField(
        "Choose a file",
        hint="A photo, a PDF, or a recording of sound or film, up to 7 MB.",
        accept="image/jpeg,image/png,image/webp,application/pdf,audio/*,video/*",
        message="Choose a file",
    )
    label = fields.AreaField(
        "What does it show, or what do you say in it?",
        hint="In a few words, for people who cannot see or hear it.",
        at_most=LABEL_AT_MOST,
        rows=3,
    )


class CommentForm(Form):
    """A question, or an answer."""

    words = fields.AreaField(
        "Ask the group something",
        hint="Everybody can read it; your name is not shown. Ask about the plan, not about people.",
        at_most=COMMENT_AT_MOST,
        message="Write your question",
        rows=3,
    )


class FlagForm(Form):
    """Why something should not stand there."""

    why = fields.AreaField("What is wrong with it?", at_most=FLAG_AT_MOST, message="Say what is wrong with it", rows=2)
