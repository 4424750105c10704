"""Reports on what changed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.disbursements.rules import DisbursementState
from grants.reports.models import Measure, Report
from grants.reports.rules import ReportState
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.support.clock import START


def a_report(
    session: Session,
    award: Award | None = None,
    *,
    state: ReportState = ReportState.SCHEDULED,
    spent_minor: int | None = None,
    **fields: object,
) -> Report:
    """A report on an award that was paid in full; written and complete unless it is only scheduled."""
    if award is None:
        award = an_award(session)
        a_disbursement(session, award, state=DisbursementState.PAID)
    written = state is not ReportState.SCHEDULED
    handed_in = state in (ReportState.SUBMITTED, ReportState.QUERIED, ReportState.ACCEPTED)
    report = Report(
        **{
            "award_id": award.id,
            "due_on": (START + timedelta(days=180)).date(),
            "state": state,
            "what_happened": "We cooked together for twelve weeks." if written else None,
            "learnt": "Start earlier in the day." if written else None,
            "story": "Ada had not been out for a year." if written else None,
            "story_consent": written,
            "spent_minor": (award.amount_minor if spent_minor is None else spent_minor) if written else None,
            "submitted_at": START - timedelta(days=2) if handed_in else None,
            "query_reason": "How were people counted?" if state is ReportState.QUERIED else None,
            "accepted_at": START - timedelta(days=1) if state is ReportState.ACCEPTED else None,
            **fields,
        }
    )
    session.add(report)
    session.flush()
    if written:
        session.add(
            Measure(
                report_id=report.id,
                position=1,
                what="people who came more than once",
                numerator=27,
                denominator=62,
                source="the register at the door",
            )
        )
    session.flush()
    session.expire(report)
    return report
