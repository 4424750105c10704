"""What a reader may ask for: a day, a part of the trail, a part of the register. All by GET: nothing is written."""

from grants.web import fields
from grants.web.forms import Form


class _Asked(Form):
    """A form of a page that only reads: filled from the address, without a token."""

    class Meta:
        csrf = False

    def heard(self) -> bool:
        """Whether everything that was asked for can be understood."""
        return bool(self.validate())


class AsAtForm(_Asked):
    """As at the end of which day."""

    as_at = fields.DayField("As at the end of", hint="For example, 27 3 2027. Empty means now.", required=False)


class PeriodForm(_Asked):
    """A statement of which days, and as what."""

    since = fields.DayField("From this day", hint="Empty means from the beginning.", required=False)
    until = fields.DayField("To this day", hint="Empty means until now.", required=False)

    def heard(self) -> bool:
        """Whether the days can be understood and stand in their order."""
        if not super().heard():
            return False
        if self.since.data and self.until.data and self.since.data > self.until.data:
            self.until.errors = ["The last day must not be before the first"]
            return False
        return True


class BooksFileForm(PeriodForm):
    """The books as a file: for which tool, of which days, of which funder."""

    format = fields.RadiosField(
        "For what?",
        choices=[
            ("beancount", "Beancount", "Check the file with bean-check."),
            ("hledger", "hledger", "Check the file with hledger check --strict."),
            ("csv", "A spreadsheet", "Every line as a row."),
        ],
        message="Choose what the file is for",
    )
    funder = fields.UuidSelect("One funder's share only", required=False, empty="Everything")


class TrailForm(_Asked):
    """What part of the trail."""

    verb = fields.SelectField("What happened", required=False, empty="Anything")
    since = fields.DayField("From this day", required=False)
    until = fields.DayField("To this day", required=False)


class RegisterForm(_Asked):
    """What part of the register."""

    words = fields.TextField("Words in the title, group or reference", required=False, at_most=80)
    round = fields.UuidSelect("Round", required=False, empty="All rounds")
    priority = fields.UuidSelect("Priority", required=False, empty="All priorities")
