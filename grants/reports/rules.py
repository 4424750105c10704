"""The life of a report, what a whole one holds, when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from grants.awards.rules import REPORT_DAYS, VIREMENT_PERCENT, BudgetLine, virements
from grants.kernel.errors import RuleBroken
from grants.kernel.money import show_pounds


class ReportState(StrEnum):
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    QUERIED = "queried"
    ACCEPTED = "accepted"


class ReportAction(StrEnum):
    SAVE = "save"
    SUBMIT = "submit"
    QUERY = "query"
    ACCEPT = "accept"


S, A = ReportState, ReportAction
STEPS = {
    (S.SCHEDULED, A.SAVE): S.DRAFT,
    (S.DRAFT, A.SAVE): S.DRAFT,
    (S.QUERIED, A.SAVE): S.QUERIED,
    (S.DRAFT, A.SUBMIT): S.SUBMITTED,
    (S.QUERIED, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.QUERY): S.QUERIED,
    (S.SUBMITTED, A.ACCEPT): S.ACCEPTED,
}


MOST_MEASURES = 5
MOST_PICTURES = 6


class Reminder(StrEnum):
    """The letters that a due report brings, each once."""

    SOON = "soon"
    TODAY = "today"
    LATE = "late"


def reminder_on(due_on: date, today: date) -> Reminder | None:
    """Which letter is due: from 7 days before, from the day itself, and from 7 days after (for two months).

    >>> reminder_on(date(2026, 3, 10), date(2026, 3, 3)), reminder_on(date(2026, 3, 10), date(2026, 3, 2))
    (<Reminder.SOON: 'soon'>, None)
    """
    days = (today - due_on).days
    if -7 <= days < 0:
        return Reminder.SOON
    if 0 <= days < 7:
        return Reminder.TODAY
    return Reminder.LATE if 7 <= days <= 60 else None


def due_from(active_on: date) -> date:
    """The day on which a report is due: six months after the agreement was signed by all."""
    return active_on + timedelta(days=REPORT_DAYS)


@dataclass(frozen=True, slots=True)
class MeasureDraft:
    """A number with what it is a number of: ``numerator`` of ``denominator`` ``what``, counted as ``source`` says."""

    what: str
    numerator: int
    denominator: int | None
    source: str = ""

    def check(self) -> None:
        """Refuse (``RuleBroken``) a part that is larger than its whole."""
        if self.numerator < 0 or (self.denominator is not None and self.denominator < self.numerator):
            raise RuleBroken(f"“{self.what}”: {self.numerator} cannot be out of {self.denominator}. Check the numbers.")


@dataclass(frozen=True, slots=True)
class ReportDraft:
    """What a group writes. Pence; None and "" are "not yet"."""

    what_happened: str = ""
    learnt: str = ""
    story: str = ""
    story_consent: bool = False
    spent_minor: int | None = None
    underspend_reason: str = ""
    lines: tuple[BudgetLine, ...] = ()
    """What was spent on each line of the budget; none: it was spent as agreed."""
    measures: tuple[MeasureDraft, ...] = ()


def missing(draft: ReportDraft, paid_minor: int) -> list[str]:
    """What a report still lacks before it can be handed in, each in words that say what to do."""
    found = []
    if not draft.what_happened:
        found.append("Say what happened.")
    if not draft.measures:
        found.append("Give at least one number.")
    found += [f"Say out of how many: “{one.what}”." for one in draft.measures if one.denominator is None]
    found += [f"Say how you counted: “{one.what}”." for one in draft.measures if not one.source]
    if draft.spent_minor is None:
        found.append("Say how much you spent.")
    elif draft.spent_minor > paid_minor:
        found.append(
            f"You were paid {show_pounds(paid_minor)}. "
            f"You cannot have spent {show_pounds(draft.spent_minor)} of it: check the amount."
        )
    elif draft.spent_minor < paid_minor and not draft.underspend_reason:
        found.append(f"Say why you spent {show_pounds(paid_minor - draft.spent_minor)} less than you were paid.")
    told = sum(one.amount_minor for one in draft.lines)
    if draft.lines and draft.spent_minor is not None and told != draft.spent_minor:
        found.append(
            f"The lines of your budget add up to {show_pounds(told)}, and you say that you spent "
            f"{show_pounds(draft.spent_minor)}: put one of them right."
        )
    if not draft.story:
        found.append("Tell one story.")
    elif not draft.story_consent:
        found.append("Ask the people in the story whether it may be published, then tick the box.")
    return found


def asked_because(budget: Sequence[BudgetLine], spent: Sequence[BudgetLine], amount_minor: int) -> str:
    """The question to a group that spent more on a line than it may without asking; empty when it did not. Pence.

    >>> asked_because([BudgetLine("Hall", 900), BudgetLine("Food", 100)], [BudgetLine("Food", 201)], 1000)[:49]
    'You spent £2.01 on “Food”, £1.01 more than agreed'
    """
    over = virements(budget, spent, amount_minor)
    if not over:
        return ""
    told = "; ".join(
        f"You spent {show_pounds(one.amount_minor)} on “{one.what}”, {show_pounds(more)} more than agreed"
        for one, more in over
    )
    return (
        f"{told}. More than {VIREMENT_PERCENT}% of the grant may go to another line only if we agreed to it. Put the "
        "numbers right if they are wrong. Else ask for the change on the page of the award, and then hand the report "
        "in again."
    )
