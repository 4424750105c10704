"""What people write about awards."""

from collections.abc import Mapping, Sequence

from grants.awards.rules import CHANGE_WORDS, BudgetLine, ChangeKind, ChangeRequestAction, Part, Wanted
from grants.payees.forms import PAPERS
from grants.web import fields
from grants.web.forms import Form

MOST_PARTS = 4


class AnswerForm(Form):
    """Yes or no to an offer; a no says why."""

    answer = fields.RadiosField(
        "Do you accept this offer?",
        choices=[("yes", "Yes, we accept"), ("no", "No, we decline", "The money goes to the next group on the list.")],
        message="Choose yes or no",
    )
    reason = fields.AreaField("Why do you decline?", rows=3, at_most=500, required=False)


class SignForm(Form):
    """A typed name under an agreement."""

    typed_name = fields.TextField("Type your full name", at_most=120, message="Type your full name")
    house = fields.TextField(
        "The number or name of your house",
        hint="Two people who sign must not live together, and nobody who lives with you may judge your group’s bids. "
        "We keep this so that nobody can read it.",
        at_most=60,
        message="Enter the number or name of your house",
    )
    postcode = fields.PostcodeField("Your postcode", message="Enter your postcode")
    agree = fields.TickField(
        "I have read this agreement and I agree to it for my group",
        required=True,
        message="Read the agreement, then tick the box",
    )


class ExtraForm(Form):
    """What else was agreed."""

    extra = fields.AreaField(
        "What else did you agree?",
        hint="It is added at the end, in your words. Leave it empty if there is nothing more.",
        at_most=2000,
        rows=8,
        counted=True,
        required=False,
    )


class StopForm(Form):
    """A step that stops, restarts or ends an award, with its reason."""

    action = fields.RadiosField("What do you want to do?", message="Choose what you want to do")
    reason = fields.AreaField("Why?", hint="The group reads this.", rows=4, at_most=500, message="Say why")


class CheckForm(Form):
    """A group's answer to a check: words, a paper, or both."""

    words = fields.AreaField("Tell us", rows=4, at_most=1000, required=False)
    paper = fields.UploadField("Or send a paper", accept=PAPERS, hint="A PDF or a photo, 6 MB at most.", required=False)


class JudgeForm(Form):
    """An officer's answer to what a group gave."""

    outcome = fields.RadiosField(
        "Is this good enough?",
        choices=[("pass", "Yes"), ("fail", "No", "Say below what is missing: the group reads it.")],
        message="Choose yes or no",
    )
    expires_on = fields.DayField(
        "Until when is it good?", hint="The day on the paper. Leave it empty if there is none.", required=False
    )
    reason = fields.AreaField("Why?", rows=3, at_most=500, required=False)


class WaiveForm(Form):
    """Why an award can go on without a check."""

    reason = fields.AreaField(
        "Why can it go on without?",
        hint="Another officer reads this and decides.",
        rows=3,
        at_most=500,
        message="Say why",
    )


class WaiverForm(Form):
    """Another officer's answer."""

    answer = fields.RadiosField(
        "Can this award go on without?", choices=[("yes", "Yes"), ("no", "No")], message="Choose yes or no"
    )


class VerifyForm(Form):
    """The numbers that stand on a statement."""

    sort_code = fields.TextField("Sort code on the statement", at_most=12, message="Enter the sort code")
    account_number = fields.TextField("Account number on the statement", at_most=12, message="Enter the account number")


class MetForm(Form):
    """How a steward knows that a condition is met."""

    note = fields.AreaField("How do you know?", rows=3, at_most=300, message="Say how you know")


class TemplateForm(Form):
    """The words that agreements are written from."""

    body = fields.AreaField("The agreement's words", rows=24, at_most=20_000, message="Write the agreement")
    note = fields.TextField("What is different, in one line", at_most=200, message="Say in one line what is different")


class ChangeForm(Form):
    """What a group wants to do otherwise."""

    kind = fields.RadiosField(
        "What is it about?",
        choices=[(kind.value, words) for kind, words in CHANGE_WORDS.items()],
        message="Choose what it is about",
    )
    wish = fields.AreaField(
        "What do you want to do instead?", rows=4, at_most=1000, message="Say what you want to change"
    )
    reason = fields.AreaField("Why?", rows=3, at_most=1000, message="Say why")
    not_before = fields.DayField("The next parts are not to be paid before", required=False)
    amount = fields.MoneyField("The whole grant is to be", required=False)
    budget: tuple[BudgetLine, ...] = ()

    def wanted(self) -> Wanted:
        """The figures that belong to what it is about."""
        kind = ChangeKind(self.kind.data)
        given = [self[f"line_{n}"].data for n in range(1, len(self.budget) + 1)]
        lines = tuple(BudgetLine(one.what, minor or 0) for one, minor in zip(self.budget, given, strict=True))
        spends = kind in (ChangeKind.MONEY, ChangeKind.SUM) and any(minor is not None for minor in given)
        return Wanted(
            amount_minor=self.amount.data if kind is ChangeKind.SUM else None,
            not_before=self.not_before.data if kind is ChangeKind.DAYS else None,
            budget=lines if spends else None,
        )


def change_form(
    budget: Sequence[BudgetLine], *, fresh: bool = False, standing: Mapping[str, object] | None = None
) -> ChangeForm:
    """The form with one amount for each line of the budget.

    ``fresh``: without what was sent; ``standing``: what was asked for before, to begin with.
    """
    lines = {f"line_{n}": fields.MoneyField(one.what, at_least=0, required=False) for n, one in enumerate(budget, 1)}
    made = type("ChangeOfLinesForm", (ChangeForm,), lines)
    form: ChangeForm = made(formdata=None, data=standing) if fresh else made()
    form.budget = tuple(budget)
    return form


class ChangeAnswerForm(Form):
    """A steward's answer to a change."""

    action = fields.RadiosField(
        "What do you say?",
        choices=[
            (ChangeRequestAction.APPROVE.value, "Yes"),
            (ChangeRequestAction.QUERY.value, "We have a question"),
            (ChangeRequestAction.REJECT.value, "No"),
        ],
        message="Choose an answer",
    )
    words = fields.AreaField(
        "Your words to the group", hint="Needed for a question and for a no.", rows=3, at_most=500, required=False
    )


class PartsForm(Form):
    """Up to four parts, each with its amount, its day and its condition."""

    amount_1 = fields.MoneyField("Part 1: amount")
    due_1 = fields.DayField("Part 1: not before")
    condition_1 = fields.TextField("Part 1: what must happen first", required=False, at_most=200)
    amount_2 = fields.MoneyField("Part 2: amount", required=False)
    due_2 = fields.DayField("Part 2: not before", required=False)
    condition_2 = fields.TextField("Part 2: what must happen first", required=False, at_most=200)
    amount_3 = fields.MoneyField("Part 3: amount", required=False)
    due_3 = fields.DayField("Part 3: not before", required=False)
    condition_3 = fields.TextField("Part 3: what must happen first", required=False, at_most=200)
    amount_4 = fields.MoneyField("Part 4: amount", required=False)
    due_4 = fields.DayField("Part 4: not before", required=False)
    condition_4 = fields.TextField("Part 4: what must happen first", required=False, at_most=200)

    def accepted(self) -> bool:
        """Whether all that was given holds; a part has an amount and a day, or neither."""
        if not super().accepted():
            return False
        whole = True
        for number in range(2, MOST_PARTS + 1):
            amount, due = self[f"amount_{number}"], self[f"due_{number}"]
            if amount.data and not due.data:
                due.errors = [*due.errors, f"Enter the day of part {number}"]
                whole = False
            if due.data and not amount.data:
                amount.errors = [*amount.errors, f"Enter the amount of part {number}"]
                whole = False
        return whole

    def fill(self, parts: list[Part]) -> None:
        """Show the parts as they stand."""
        for number, part in enumerate(parts[:MOST_PARTS], 1):
            self[f"amount_{number}"].data = part.amount_minor
            self[f"due_{number}"].data = part.due_on
            self[f"condition_{number}"].data = part.condition

    def to_parts(self) -> list[Part]:
        """The parts that were given, in order."""
        numbers = [n for n in range(1, MOST_PARTS + 1) if self[f"amount_{n}"].data]
        return [
            Part(self[f"amount_{n}"].data, self[f"due_{n}"].data, self[f"condition_{n}"].data or "") for n in numbers
        ]
