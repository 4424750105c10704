"""What is typed about an issue."""

from grants.issues.rules import AnswerKind, IssueDraft, IssueState
from grants.web import fields
from grants.web.forms import Form


class IssueForm(Form):
    """What somebody raises."""

    title = fields.TextField(
        "What is it about?", hint="A few plain words.", at_most=140, message="Enter what it is about, in a few words"
    )
    body = fields.AreaField(
        "Tell us more",
        hint="What matters, or what is wrong? What would make it better? Please name nobody.",
        at_most=3000,
        rows=7,
        counted=True,
        message="Tell us what the matter is",
    )
    touches = fields.TextField(
        "Who does it touch?", hint="For example: children, people who are ill, everybody.", at_most=300, required=False
    )
    ward = fields.SelectField("Ward", required=False, empty="All over town, or I am not sure")
    postcode = fields.PostcodeField(
        "Or a postcode near it", required=False, hint="We find the ward and do not keep the postcode."
    )
    contact_email = fields.EmailField(
        "Your e-mail address",
        required=False,
        hint="Only if you want an answer by e-mail. It is never shown to anybody.",
    )
    website = fields.TextField("Leave this empty", required=False, at_most=1000)
    """Nobody sees this box but programs that fill every box."""

    def to_draft(self, ward_code: str | None) -> IssueDraft:
        return IssueDraft(
            self.title.data or "",
            self.body.data or "",
            ward_code,
            self.touches.data or "",
            self.contact_email.data or None,
        )


class IssueFilter(Form):
    """How the public list is narrowed down and ordered."""

    words = fields.TextField("Words", required=False, at_most=100)
    ward = fields.SelectField("Ward", required=False, empty="All wards")
    state = fields.SelectField(
        "What became of it",
        required=False,
        empty="Anything",
        coerce=IssueState,
        choices=[
            (IssueState.PUBLISHED, "Waiting for an answer"),
            (IssueState.ANSWERED, "Answered"),
            (IssueState.TAKEN_UP, "Part of a priority"),
            (IssueState.CLOSED, "Closed"),
        ],
    )
    sort = fields.SelectField("Show first", required=False, empty="The newest", choices=[("support", "Most support")])


class HideForm(Form):
    """Why an issue is not shown."""

    reason = fields.AreaField(
        "Why is it not shown?",
        at_most=500,
        rows=4,
        counted=True,
        hint="Only its author reads this. Be kind, and say how it could be raised again.",
        message="Say why, so that its author understands",
    )


class AnswerForm(Form):
    """An answer to an issue."""

    kind = fields.RadiosField(
        "What kind of answer is it?",
        coerce=AnswerKind,
        choices=[
            (AnswerKind.QUICK_ACTION, "A quick action", "Something was done, or will be soon."),
            (AnswerKind.ANSWER, "An answer", "What we know, or why nothing can be done now."),
        ],
        message="Choose what kind of answer it is",
    )
    answer = fields.AreaField(
        "The answer",
        at_most=3000,
        rows=6,
        counted=True,
        hint="Everybody can read it. Its author gets it by e-mail if they left an address.",
        message="Write the answer",
    )


class CloseForm(Form):
    """The last words on an issue."""

    answer = fields.AreaField("Last words", at_most=3000, rows=6, counted=True, message="Write the answer")


class MergeForm(Form):
    """The issue that another one is joined with."""

    into = fields.UuidRadios("Which issue says the same?", message="Choose the issue that says the same")


class SearchForm(Form):
    """Words to find an issue by."""

    words = fields.TextField("Find another issue by its words", required=False, at_most=100)
