"""What finance officers choose and bring."""

from grants.web import fields
from grants.web.forms import Form


class RunForm(Form):
    """A new bank run."""

    pay_by = fields.DayField("By which day should they be paid?", hint="For example, 27 3 2027.")


class AnswerForm(Form):
    """The finance office's answer."""

    file = fields.UploadField(
        "The finance office's file",
        hint="CSV with the columns batch, reference, amount, outcome (paid or rejected) and reason.",
        accept=".csv,text/csv",
    )


class StatementForm(Form):
    """A bank statement."""

    fund_id = fields.UuidSelect("Of which fund?", message="Choose a fund")
    file = fields.UploadField(
        "The bank statement",
        hint="CSV with the columns date, amount (minus for what went out), reference and description.",
        accept=".csv,text/csv",
    )


class CreditForm(Form):
    """Whose money a line is."""

    contribution_id = fields.UuidRadios("Whose money is it?", message="Choose a contribution")


class SetAsideForm(Form):
    """What a line is that nothing belongs to."""

    why = fields.TextField("What is it?", at_most=300, message="Say what this line is")
