"""What an officer types in for a group, and the group's word on it."""

from typing import Any

from grants.people.rules import KIND_WORDS, GroupKind
from grants.proposals.rules.hands import SOURCE_WORDS, SUMMARY_AT_MOST, Source
from grants.web import fields
from grants.web.forms import Form


class TypedForm(Form):
    """Whose bid an officer types in, and from what."""

    group = fields.RadiosField("Which group is it?", message="Choose the group, or say that it is a new one")
    new_name = fields.TextField("Name of the new group", at_most=120, required=False)
    new_kind = fields.RadiosField(
        "What kind of group is it?", coerce=GroupKind, choices=list(KIND_WORDS.items()), required=False
    )
    new_account = fields.RadiosField(
        "Does it have a bank account in its own name?",
        choices=[("yes", "Yes"), ("no", "No", "Then a host holds the money for it.")],
        required=False,
    )
    source = fields.RadiosField(
        "How did it reach you?", choices=[(one, words) for one, words in SOURCE_WORDS.items()], coerce=Source
    )
    told_by = fields.TextField(
        "Who of the group wrote it or told you?", hint="The group and officers see this.", at_most=140
    )

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if self.group.data == "new":
            for one, words in (
                (self.new_name, "Give the name of the group"),
                (self.new_kind, "Choose the kind of group"),
                (self.new_account, "Say whether it has a bank account"),
            ):
                if not one.data:
                    one.errors = [words]
                    sound = False
        return sound


class SignedForm(Form):
    """What another officer saw: the copy that people of the group signed."""

    signed_by = fields.TextField(
        "Who signed it?", hint="The names under the copy. For example: Rose Khan and Tom Bell.", at_most=200
    )
    kept_at = fields.TextField("Where is the signed copy kept?", hint="For example: file 12, Church Road.", at_most=90)
    seen = fields.TickField(
        "I saw the signed copy, and it says what stands here",
        required=True,
        message="Tick the box when you have compared the two",
    )


class SummaryForm(Form):
    """What a recording says, for those who cannot hear it."""

    words = fields.AreaField(
        "What do they say?",
        hint="In their words, not in yours. Leave nothing out that counts for or against it.",
        at_most=SUMMARY_AT_MOST,
        counted=True,
        message="Write down what they say",
        rows=8,
    )
