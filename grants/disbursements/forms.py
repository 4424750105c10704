"""What people choose and write about payments."""

from grants.web import fields
from grants.web.forms import Form


class BulkForm(Form):
    """Some rows of a list, ticked."""

    ids = fields.UuidChecks("Payments", at_least=1, message="Tick at least one payment")


class CancelForm(Form):
    """Why a request is taken back."""

    reason = fields.TextField("Why do you take it back?", at_most=300, message="Say why")


class AccountForm(Form):
    """Where a group's money goes. What was typed is never shown again."""

    account_name = fields.TextField(
        "Name on the account",
        hint="As it stands on your statement.",
        at_most=70,
        message="Enter the name on the account",
    )
    sort_code = fields.TextField("Sort code", hint="Six digits, like 12-34-56.", at_most=12)
    account_number = fields.TextField("Account number", hint="Eight digits.", at_most=12)


class ReasonForm(Form):
    """A reason that others read."""

    reason = fields.AreaField("Why?", rows=3, at_most=300, message="Say why")


class UnpayableForm(Form):
    """What becomes of a part that could not be paid."""

    what = fields.RadiosField(
        "What is to become of this part?",
        choices=[
            ("off", "Take it off the award", "Its money is free again where it came from. The grant is smaller."),
            ("anew", "Plan it anew", "It is to be paid from another day on."),
        ],
        message="Choose what is to become of it",
    )
    due_on = fields.DayField(
        "From which day?", hint="Only if you plan it anew. For example, 27 3 2027.", required=False
    )
    reason = fields.AreaField("Why?", hint="The group reads this.", rows=3, at_most=300, message="Say why")


class LimitForm(Form):
    """How much an officer may authorise alone."""

    person = fields.UuidSelect("Officer", message="Choose an officer")
    limit = fields.MoneyField("How much may they authorise alone?")


class RepayForm(Form):
    """Money that a group is asked to give back."""

    amount = fields.MoneyField("How much should come back?")
    why = fields.AreaField("Why?", hint="The group reads this.", rows=3, at_most=300, message="Say why")


class AgreeForm(Form):
    """Yes or no to what another officer asked for."""

    answer = fields.RadiosField(
        "Do you agree?", choices=[("yes", "Yes, the rest is lost"), ("no", "No, ask again")], message="Choose yes or no"
    )


class ReturnForm(Form):
    """Money that a group gave back."""

    amount = fields.MoneyField("How much came back?")
    reference = fields.TextField("Reference on the bank statement", at_most=60)
    received_on = fields.DayField("On which day did it arrive?")
