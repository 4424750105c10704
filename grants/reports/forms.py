"""What groups write in reports, and what stewards answer."""

from collections.abc import Sequence

from grants.awards.rules import BudgetLine
from grants.reports.rules import MOST_MEASURES, MeasureDraft, ReportDraft
from grants.web import fields
from grants.web.forms import Form


class ReportForm(Form):
    """A report; every part may wait until later."""

    what_happened = fields.AreaField(
        "What happened?",
        hint="What did you do, who came, and what is different now? A few sentences are enough.",
        at_most=4000,
        rows=8,
        counted=True,
        required=False,
    )
    what_1 = fields.TextField("What", hint="For example: people who came more than once", at_most=200, required=False)
    some_1 = fields.NumberField("How many", required=False)
    of_1 = fields.NumberField("Out of how many", required=False)
    how_1 = fields.TextField("How you counted", hint="For example: the register", at_most=200, required=False)
    what_2 = fields.TextField("What", at_most=200, required=False)
    some_2 = fields.NumberField("How many", required=False)
    of_2 = fields.NumberField("Out of how many", required=False)
    how_2 = fields.TextField("How you counted", at_most=200, required=False)
    what_3 = fields.TextField("What", at_most=200, required=False)
    some_3 = fields.NumberField("How many", required=False)
    of_3 = fields.NumberField("Out of how many", required=False)
    how_3 = fields.TextField("How you counted", at_most=200, required=False)
    what_4 = fields.TextField("What", at_most=200, required=False)
    some_4 = fields.NumberField("How many", required=False)
    of_4 = fields.NumberField("Out of how many", required=False)
    how_4 = fields.TextField("How you counted", at_most=200, required=False)
    what_5 = fields.TextField("What", at_most=200, required=False)
    some_5 = fields.NumberField("How many", required=False)
    of_5 = fields.NumberField("Out of how many", required=False)
    how_5 = fields.TextField("How you counted", at_most=200, required=False)
    learnt = fields.AreaField(
        "What did you learn?", hint="What would you do again, and what not?", at_most=2000, rows=4, required=False
    )
    spent = fields.MoneyField("How much of the grant did you spend?", at_least=0, required=False)
    underspend_reason = fields.AreaField(
        "If you spent less than you were paid: why?", at_most=1000, rows=3, required=False
    )
    story = fields.AreaField(
        "Tell one story",
        hint="What did it mean for one person? Do not give their full name.",
        at_most=4000,
        rows=6,
        counted=True,
        required=False,
    )
    story_consent = fields.TickField("The people in the story agree that everybody may read it")
    version = fields.HiddenField(required=False)
    budget: tuple[BudgetLine, ...] = ()

    def lines(self) -> tuple[BudgetLine, ...]:
        """What was spent on each line, when any was given; a line left empty is nought."""
        given = [self[f"line_{n}"].data for n in range(1, len(self.budget) + 1)]
        if all(minor is None for minor in given):
            return ()
        return tuple(BudgetLine(one.what, minor or 0) for one, minor in zip(self.budget, given, strict=True))

    def accepted(self) -> bool:
        """Whether all that was given holds; a number has a name, and a name has a number."""
        if not super().accepted():
            return False
        whole = True
        for n in range(1, MOST_MEASURES + 1):
            what, some, of = self[f"what_{n}"], self[f"some_{n}"], self[f"of_{n}"]
            if what.data and some.data is None:
                some.errors = [*some.errors, f"Number {n}: enter how many"]
                whole = False
            if not what.data and (some.data is not None or of.data is not None):
                what.errors = [*what.errors, f"Number {n}: say what you counted"]
                whole = False
            if some.data is not None and of.data is not None and of.data < some.data:
                of.errors = [*of.errors, f"Number {n}: this must be {some.data:,} or more"]
                whole = False
        return whole

    def fill(self, draft: ReportDraft, version: int) -> None:
        """Show what is written so far."""
        for name in ("what_happened", "learnt", "underspend_reason", "story", "story_consent"):
            self[name].data = getattr(draft, name)
        self.spent.data = draft.spent_minor
        self.version.data = str(version)
        for n, line in enumerate(draft.lines if self.budget else (), 1):
            self[f"line_{n}"].data = line.amount_minor
        for n, measure in enumerate(draft.measures[:MOST_MEASURES], 1):
            self[f"what_{n}"].data, self[f"some_{n}"].data = measure.what, measure.numerator
            self[f"of_{n}"].data, self[f"how_{n}"].data = measure.denominator, measure.source

    def to_draft(self) -> ReportDraft:
        """What was written, as the service takes it."""
        numbers = [n for n in range(1, MOST_MEASURES + 1) if self[f"what_{n}"].data]
        return ReportDraft(
            what_happened=self.what_happened.data or "",
            learnt=self.learnt.data or "",
            story=self.story.data or "",
            story_consent=bool(self.story_consent.data),
            spent_minor=self.spent.data,
            underspend_reason=self.underspend_reason.data or "",
            lines=self.lines(),
            measures=tuple(
                MeasureDraft(
                    self[f"what_{n}"].data, self[f"some_{n}"].data, self[f"of_{n}"].data, self[f"how_{n}"].data or ""
                )
                for n in numbers
            ),
        )

    def from_version(self) -> int:
        """The version that the writer began from."""
        text = str(self.version.data or "")
        return int(text) if text.isdecimal() and len(text) < 9 else 0


def report_form(budget: Sequence[BudgetLine]) -> ReportForm:
    """The form with one amount for each line of the budget; none for a budget of one line."""
    lines = {f"line_{n}": fields.MoneyField(one.what, at_least=0, required=False) for n, one in enumerate(budget, 1)}
    form: ReportForm = type("ReportOfLinesForm", (ReportForm,), lines if len(budget) > 1 else {})()
    form.budget = tuple(budget) if len(budget) > 1 else ()
    return form


class PictureForm(Form):
    """One picture."""

    picture = fields.UploadField("Choose a picture", hint="JPEG, PNG or WebP, 6 MB or less.", accept="image/*")
    alt = fields.TextField(
        "What does it show?", hint="For people who cannot see it. For example: three people plant beans.", at_most=200
    )
    consent = fields.TickField("Everybody in the picture agrees that it may be published")


class QueryForm(Form):
    """A question to the group."""

    reason = fields.AreaField("What do you want to ask?", rows=3, at_most=500, message="Write your question")
