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


class WhoseForm(Form):
    """Of which fund a payment company's line is."""

    fund_id = fields.UuidRadios("Which fund is it about?", message="Choose a fund")


class MadeGoodForm(Form):
    """A line makes fees good."""


class DaysForm(Form):
    """Which days. By GET: nothing is written."""

    class Meta:
        csrf = False

    since = fields.DayField("From this day", hint="Empty means from the beginning.", required=False)
    until = fields.DayField("To this day", hint="Empty means until now.", required=False)

    def heard(self) -> bool:
        """Whether the days can be understood and stand in their order."""
        if not self.validate():
            return False
        if self.since.data and self.until.data and self.since.data > self.until.data:
            self.until.errors = ["The last day must not be before the first"]
            return False
        return True


class SetAsideForm(Form):
    """What a line is that nothing belongs to."""

    why = fields.TextField("What is it?", at_most=300, message="Say what this line is")
