"""Schedule, write, hand in, query, accept. The only writer of reports, measures and pictures."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.awards.rules import AwardState, check_reason
from grants.awards.service import agreements, settling
from grants.disbursements import queries as payment_queries
from grants.disbursements.service import returns
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.pictures import re_encoded
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ports.storage import FileStore
from grants.reports import access, notices, queries
from grants.reports.models import Measure, Picture, Report
from grants.reports.rules import (
    MOST_MEASURES,
    MOST_PICTURES,
    STEPS,
    MeasureDraft,
    ReportAction,
    ReportDraft,
    ReportState,
    asked_because,
    due_from,
    missing,
    reminder_on,
)


def countersign(uow: UnitOfWork, agreement_id: UUID) -> Award:
    """Sign an agreement for the fund. If nothing else is missing, the award is under way and its report has a day.

    Else ``tick`` sets the day once the award is under way.
    """
    award = agreements.countersign(uow, agreement_id)
    if award.state is AwardState.ACTIVE:
        schedule(uow, award.id)
    return award


def schedule(uow: UnitOfWork, award_id: UUID) -> Report:
    """Set the day on which the award's report is due; an award has one report."""
    award = uow.get(Award, award_id, lock=True)
    standing = queries.of_award(uow.session, award_id)
    if standing is not None:
        return standing
    if award.active_at is None and award.state is not AwardState.ACTIVE:
        raise StepRefused("A report is due once the award is under way.")
    report = Report(
        award_id=award.id, due_on=due_from(london_day(award.active_at or uow.now)), state=ReportState.SCHEDULED
    )
    uow.add(report)
    uow.record("report.scheduled", report, after=report.state, award=award.id, due_on=report.due_on.isoformat())
    return report


def save(uow: UnitOfWork, report_id: UUID, draft: ReportDraft, version: int) -> Report:
    """Keep what was written so far, whole or not. ``version``: the one that the writer began from."""
    report = uow.get(Report, report_id, lock=True)
    access.ensure_may_write(uow.actor, report.award.group_id)
    before = report.state
    report.state = next_state(STEPS, before, ReportAction.SAVE)
    if report.version != version:
        raise Conflict(
            "Somebody else of your group saved this report meanwhile. Copy your text, reload, and try again."
        )
    if len(draft.measures) > MOST_MEASURES:
        raise RuleBroken(f"Give {MOST_MEASURES} numbers or fewer.")
    for measure in draft.measures:
        measure.check()
    _check_lines(uow, report, draft)
    report.version += 1
    report.what_happened = draft.what_happened or None
    report.learnt = draft.learnt or None
    report.story = draft.story or None
    report.story_consent = draft.story_consent
    report.spent_minor = draft.spent_minor
    report.underspend_reason = draft.underspend_reason or None
    report.lines = [{"what": one.what, "amount_minor": one.amount_minor} for one in draft.lines] or None
    report.measures.clear()
    uow.session.flush()
    report.measures.extend(
        Measure(
            position=place,
            what=measure.what,
            numerator=measure.numerator,
            denominator=measure.denominator,
            source=measure.source,
        )
        for place, measure in enumerate(draft.measures, 1)
    )
    uow.session.flush()
    uow.record("report.saved", report, before=before, after=report.state, version=report.version)
    return report


def _check_lines(uow: UnitOfWork, report: Report, draft: ReportDraft) -> None:
    """Every line of the budget, each once, and no other; none below nought."""
    names = [one.what for one in award_queries.budget(uow.session, report.award)]
    if draft.lines and [one.what for one in draft.lines] != names:
        raise RuleBroken("These are not the lines of your budget. Load the page again.", field="line_1")
    if any(one.amount_minor < 0 for one in draft.lines):
        raise RuleBroken("Enter £0 or more for each line.", field="line_1")


def draft_of(report: Report) -> ReportDraft:
    """What is written so far."""
    return ReportDraft(
        what_happened=report.what_happened or "",
        learnt=report.learnt or "",
        story=report.story or "",
        story_consent=report.story_consent,
        spent_minor=report.spent_minor,
        underspend_reason=report.underspend_reason or "",
        lines=award_queries.lines_in(report.lines),
        measures=tuple(MeasureDraft(one.what, one.numerator, one.denominator, one.source) for one in report.measures),
    )


def submit(uow: UnitOfWork, report_id: UUID) -> Report:
    """Hand the report in, if it is whole and its spend is within what was paid."""
    report = uow.get(Report, report_id, lock=True)
    access.ensure_may_write(uow.actor, report.award.group_id)
    before = report.state
    after = next_state(STEPS, before, ReportAction.SUBMIT)
    paid = award_queries.pockets(uow.session, report.award_id).paid_minor
    lacking = missing(draft_of(report), paid)
    if lacking:
        raise RuleBroken(" ".join(lacking))
    report.state = after
    report.submitted_at = uow.now
    report.submitted_by_id = uow.actor.id
    uow.record("report.submitted", report, before=before, after=after, spent_minor=report.spent_minor, paid_minor=paid)
    return report


def query(uow: UnitOfWork, report_id: UUID, reason: str) -> Report:
    """Send the report back to the group with a question."""
    report, _ = _judged(uow, report_id)
    before = report.state
    after = next_state(STEPS, before, ReportAction.QUERY)
    why = check_reason(reason)
    report.state, report.query_reason = after, why
    _tell_query(uow, report, before, why)
    return report


def _tell_query(uow: UnitOfWork, report: Report, before: ReportState, why: str) -> None:
    event = uow.record("report.queried", report, before=before, after=report.state, why=why, award=report.award_id)
    uow.session.flush()
    notices.queried(uow, report, why, f"query:{event.id.hex}")  # the key of a letter is 120 characters at most


def accept(uow: UnitOfWork, report_id: UUID) -> Report:
    """Accept the report: everybody can read it. The award completes, and closes once paid − returned = spent.

    A report that moved more money to another line than may be moved without asking is not accepted: it goes back to the
    group with that question (``QUERIED``).
    """
    report, award = _judged(uow, report_id)
    before = report.state
    after = next_state(STEPS, before, ReportAction.ACCEPT)
    question = asked_because(
        award_queries.budget(uow.session, award), award_queries.lines_in(report.lines), award.amount_minor
    )
    if question:
        report.state, report.query_reason = next_state(STEPS, before, ReportAction.QUERY), question[:1000]
        _tell_query(uow, report, before, question[:1000])
        return report
    paid = award_queries.pockets(uow.session, award.id).paid_minor
    spent = report.spent_minor
    if spent is None or spent > paid:
        raise RuleBroken("The spend in this report is more than was paid. Ask the group to put it right.")
    report.state, report.accepted_at, report.accepted_by_id = after, uow.now, uow.actor.id
    uow.record(
        "report.accepted",
        report,
        before=before,
        after=after,
        award=award.id,
        spent_minor=spent,
        owed_minor=paid - spent,
    )
    if award.state is not AwardState.TERMINATED:
        settling.complete(uow, award.id, spent)
    if paid > spent and payment_queries.open_repayment(uow.session, award.id) is None:
        returns.raise_repayment(uow, award.id, paid - spent, "The report says that it was not spent.")
    notices.accepted(uow, report, paid - spent)
    return report


def _judged(uow: UnitOfWork, report_id: UUID) -> tuple[Report, Award]:
    report = uow.get(Report, report_id)
    award = uow.get(Award, report.award_id, lock=True)
    report = uow.get(Report, report_id, lock=True)
    access.ensure_may_judge(uow.actor, award.fund_id, award.group_id, award.payee_id)
    return report, award


# ---------------------------------------------------------------------------------------------------------- pictures


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that lies in the store and belongs to nothing so far, with what it shows."""

    name: str
    alt: str


def keep_picture(files: FileStore, content: bytes, alt: str) -> Kept:
    """Put a picture into the store: re-encoded, so that nothing but its pixels is kept, under a name of ours.

    Before any transaction: a store may be far away, or away. What comes to belong to nothing is swept.
    Raises ``RuleBroken``, ``StoreAway``.
    """
    words = " ".join(alt.split())
    if not words or len(words) > 200:
        raise RuleBroken("Say what the picture shows, in 200 characters or fewer.", field="alt")
    return Kept(files.put(re_encoded(content), suffix="jpg"), words)


def add_picture(uow: UnitOfWork, report_id: UUID, kept: Kept, *, consent: bool) -> Picture:
    """Let a picture that lies in the store belong to a report that is being written."""
    report = uow.get(Report, report_id, lock=True)
    _ensure_being_written(uow, report)
    count = select(func.count()).select_from(Picture).where(Picture.report_id == report.id)
    if (uow.session.scalar(count) or 0) >= MOST_PICTURES:
        raise RuleBroken(f"A report holds {MOST_PICTURES} pictures. Remove one first.", field="picture")
    picture = Picture(report_id=report.id, stored_name=kept.name, alt=kept.alt, consent=consent, added_at=uow.now)
    uow.add(picture)
    uow.session.expire(report, ["pictures"])
    uow.record("report.picture_added", report, picture=picture.id, consent=consent)
    return picture


def remove_picture(uow: UnitOfWork, picture_id: UUID) -> Report:
    """Take a picture out of a report that is still being written."""
    found = queries.picture(uow.session, picture_id)
    if found is None:
        raise NotFound("There is no such picture.")
    picture, report = found
    _ensure_being_written(uow, report)
    uow.session.delete(picture)
    uow.session.flush()
    uow.session.expire(report, ["pictures"])
    uow.record("report.picture_removed", report, picture=picture_id)
    return report


def _ensure_being_written(uow: UnitOfWork, report: Report) -> None:
    access.ensure_may_write(uow.actor, report.award.group_id)
    if report.state not in (ReportState.SCHEDULED, ReportState.DRAFT, ReportState.QUERIED):
        raise StepRefused("This report is handed in. It can be changed only if a steward asks a question.")


# --------------------------------------------------------------------------------------------------------- the clock


def tick(uow: UnitOfWork) -> tuple[int, int]:
    """Schedule reports that are missing, and remind who owes one. Safe to run twice: each letter leaves once.

    Returns how many were scheduled and how many are unwritten and due within a week or late.
    """
    if not uow.actor.is_clock:
        raise NotAllowed("The clock reminds.")
    lacking = queries.without_report(uow.session)
    for award_id in lacking:
        schedule(uow, award_id)
    today = london_day(uow.now)
    due = queries.unwritten(uow.session, today + timedelta(days=7))
    for report in due:
        reminder = reminder_on(report.due_on, today)
        if reminder is not None:
            notices.remind(uow, report, reminder)
    return len(lacking), len(due)
