"""What people give and write about bank accounts."""

from grants.payees.rules.accounts import NameAnswer
from grants.web import fields
from grants.web.forms import Form

PAPERS = "application/pdf,image/jpeg,image/png,image/webp"


class PaperForm(Form):
    """A bank statement."""

    paper = fields.UploadField(
        "Choose a statement",
        accept=PAPERS,
        hint="A PDF, or a photo of it. It must show the name, the sort code and the account number. 6 MB at most.",
        message="Choose a file",
    )


class NameForm(Form):
    """What the account's bank says of the name."""

    answer = fields.RadiosField(
        "What did the bank answer?",
        choices=[
            (NameAnswer.MATCH.value, "The name matches"),
            (NameAnswer.CLOSE.value, "It is close", "Say below why that is good enough."),
            (NameAnswer.NO_MATCH.value, "It does not match", "The details go no further. Refuse them and say why."),
        ],
        message="Choose what the bank answered",
    )
    note = fields.TextField("Why is a close match good enough?", at_most=300, required=False)
