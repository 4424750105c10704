"""What people choose and write about payments."""

from grants.web import fields
from grants.web.forms import Form


class BulkForm(Form):
    """Some rows of a list, ticked."""

    ids = fields.UuidChecks("Payments", at_least=1, message="Tick at least one payment")


class CancelForm(Form):
    """Why a request is taken back."""

    reason = fields.TextField("Why do you take it back?", at_most=300, message="Say why")


class ReturnForm(Form):
    """Money that a group gave back."""

    amount = fields.MoneyField("How much came back?")
    reference = fields.TextField("Reference on the bank statement", at_most=60)
    received_on = fields.DayField("On which day did it arrive?")
