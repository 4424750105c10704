"""The shapes of what people type about themselves and their groups."""

from __future__ import annotations

from grants.kernel.actors import Rights, Role
from grants.people.rules import EVERYWHERE, KIND_WORDS, ROLE_WORDS, GroupDraft, GroupKind
from grants.web import fields
from grants.web.forms import Form


class SignInForm(Form):
    email = fields.EmailField("Your e-mail address", message="Enter your e-mail address")
    next = fields.HiddenField(required=False)


class EnterForm(Form):
    """The button of a sign-in link; ``name`` is asked for when the address is new."""

    name = fields.TextField("Your name", at_most=120, required=False, hint="As your neighbours know you.")


class NumberForm(Form):
    """What is shown as a second step: a number, or for whoever has lost their phone a recovery code."""

    number = fields.TextField("Number from your app", at_most=20, required=False)
    code = fields.TextField("Recovery code", at_most=40, required=False)
    next = fields.HiddenField(required=False)


class FirstNumberForm(Form):
    number = fields.TextField("Number from your app", at_most=20, message="Enter the 6 digits that your app shows")
    next = fields.HiddenField(required=False)


class TakeOffForm(Form):
    reason = fields.AreaField(
        "Why, and how do you know that it is them who ask?",
        at_most=500,
        rows=3,
        message="Say why, and how you know that it is them who ask",
        hint="It stays in the trail, so leave out names. For example: lost their phone, came to the office in person.",
    )


class NameForm(Form):
    name = fields.TextField("Your name", at_most=120, message="Enter your name")


class ForgetForm(Form):
    sure = fields.TickField("Yes, and it cannot be undone", required=True, message="Tick the box if you are sure")


class RoleForm(Form):
    role = fields.RadiosField(
        "Which role?",
        coerce=Role,
        choices=[
            (role, *(part[:1].upper() + part[1:] for part in ROLE_WORDS[role].split(": "))) for role in EVERYWHERE
        ],
        message="Choose a role",
    )


class GroupForm(Form):
    name = fields.TextField("The group's name", at_most=120)
    kind = fields.RadiosField(
        "What kind of group is it?", coerce=GroupKind, choices=list(KIND_WORDS.items()), message="Choose the kind"
    )
    about = fields.AreaField(
        "What does the group do?",
        at_most=2000,
        counted=True,
        hint="A few sentences for your neighbours. Everybody can read them.",
    )
    ward_code = fields.SelectField(
        "Where is it at home?", required=False, empty="All over town", hint="The ward where the group mostly meets."
    )
    has_bank_account = fields.RadiosField(
        "Does the group have a bank account in its own name?",
        choices=[
            ("yes", "Yes"),
            ("no", "No", "Then another group holds the money for you. It is called a host. You choose one next."),
        ],
        message="Choose yes or no",
    )
    org_id = fields.TextField(
        "Charity or company number",
        at_most=60,
        required=False,
        hint="Only if there is one, like GB-CHC-1234567.",
    )

    def to_draft(self) -> GroupDraft:
        return GroupDraft(
            name=self.name.data or "",
            kind=self.kind.data,
            about=self.about.data or "",
            ward_code=self.ward_code.data or None,
            has_bank_account=self.has_bank_account.data == "yes",
            org_id=self.org_id.data or None,
        )


RIGHTS = [
    ("edit", "Edit", "Write proposals and reports, and change who is in the group."),
    ("sign_off", "Sign off", "Hand in what somebody else of the group wrote, and sign agreements."),
]


class RightsForm(Form):
    rights = fields.ChecksField(
        "What may they do?", choices=RIGHTS, required=False, hint="Somebody with neither can read along."
    )

    def to_rights(self) -> Rights:
        chosen = self.rights.data or []
        return Rights(edit="edit" in chosen, sign_off="sign_off" in chosen)


class MemberForm(RightsForm):
    name = fields.TextField("Their name", at_most=120)
    email = fields.EmailField("Their e-mail address", hint="We write to them that you have added them.")


class HostForm(Form):
    host = fields.UuidRadios("Which group do you ask?", message="Choose a group")


class DeclineForm(Form):
    reason = fields.AreaField(
        "Why not?",
        at_most=500,
        rows=3,
        message="Say why, so that the group knows what to do next",
        hint="The group will read this.",
    )


class EndHostingForm(Form):
    reason = fields.AreaField("Why does it end?", at_most=500, rows=3, message="Say why this ends")


class FindPeopleForm(Form):
    """Read from the address and never checked, so nothing in it is asked for."""

    words = fields.TextField("Name or e-mail", at_most=100)
    role = fields.SelectField(
        "Role",
        empty="Any",
        choices=[(role.value, ROLE_WORDS[role].split(": ")[0]) for role in (*EVERYWHERE, Role.FUNDER)],
    )


class FindGroupsForm(Form):
    """Read from the address and never checked, so nothing in it is asked for."""

    words = fields.TextField("Name or what they do", at_most=100)
    ward = fields.SelectField("Where", empty="All over town")
