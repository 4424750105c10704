"""The words of letters about reports. They leave through the outbox."""

from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people
from grants.reports.models import Report
from grants.reports.rules import Reminder


def _tell(uow: UnitOfWork, report: Report, word: str, subject: str, text: str) -> None:
    award = report.award
    tail = f"\n\nThe report: {outbox.address(f'/reports/{report.id}')}\nOur reference: {award.reference}"
    for person_id, email in people.emails_of_group(uow.session, award.group_id):
        key = f"report:{report.id}:{word}:{person_id}"
        outbox.put_mail(uow, to=email, subject=subject, text=text + tail, key=key, subject_id=report.id)


def remind(uow: UnitOfWork, report: Report, reminder: Reminder) -> None:
    """Remind the group; the same letter never goes twice to the same person."""
    title, day = report.award.proposal.title, f"{report.due_on.day} {report.due_on:%B %Y}"
    subject, text = {
        Reminder.SOON: (f"Your report is due soon: {title}", f"Please tell us how “{title}” went, by {day}."),
        Reminder.TODAY: (
            f"Your report is due now: {title}",
            f"Please tell us how “{title}” went. It was due on {day}.",
        ),
        Reminder.LATE: (
            f"Your report is late: {title}",
            f"We are waiting to hear how “{title}” went. Your report was due on {day}. "
            "If something stands in the way, tell us: we can help.",
        ),
    }[reminder]
    _tell(uow, report, f"remind:{reminder.value}", subject, text)


def queried(uow: UnitOfWork, report: Report, reason: str, word: str) -> None:
    """Ask the group for more."""
    text = f"Thank you for your report on “{report.award.proposal.title}”. We have a question:\n\n{reason}"
    _tell(uow, report, word, f"A question about your report: {report.award.proposal.title}", text)


def accepted(uow: UnitOfWork, report: Report, owed_minor: int) -> None:
    """Thank the group, and say what should come back, if something should."""
    text = f"Thank you. Your report on “{report.award.proposal.title}” is accepted, and everybody can read it now."
    if owed_minor:
        text += (
            f"\n\nYou spent {show_pounds(owed_minor)} less than you were paid. Please send it back, "
            f"with the reference {report.award.reference}. It goes back to the people who gave it."
        )
    _tell(uow, report, "accepted", f"Your report is accepted: {report.award.proposal.title}", text)
