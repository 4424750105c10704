"""A report from its day to the closed award."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.disk_storage import DiskStore
from grants.awards.models import Award
from grants.awards.rules import AgreementState, AwardState, BudgetLine, ChangeKind, Wanted
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import returns
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, StepRefused
from grants.ledger.queries import breaks, pockets_of
from grants.outbox.models import OutboxRow
from grants.people.models import Membership
from grants.people.queries import actor_for
from grants.reports import queries, service
from grants.reports.models import Picture, Report
from grants.reports.rules import MOST_PICTURES, MeasureDraft, ReportDraft, ReportState
from tests.awards.test_changes import changed, with_lines
from tests.builders.awards import all_known, an_agreement, an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_member, a_person
from tests.builders.reports import a_report
from tests.support.clock import START
from tests.support.work import work


def somebody(session: Session, *roles: Role) -> Actor:
    person = a_person(session, *roles)
    return actor_for(session, person.id, person.name)


def a_writer(session: Session, award: Award) -> Actor:
    person = a_member(session, award.group, sign_off=False)
    return actor_for(session, person.id, person.name)


def draft(**changed: object) -> ReportDraft:
    return ReportDraft(
        **{  # type: ignore[arg-type]
            "what_happened": "We cooked together.",
            "story": "Ada came.",
            "story_consent": True,
            "spent_minor": 90_000,
            "measures": (MeasureDraft("people who came", 27, 62, "the register"),),
            **changed,
        }
    )


def png() -> bytes:
    content = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(content, "PNG")
    return content.getvalue()


def test_the_last_signature_sets_the_day_of_the_report(any_session: Session) -> None:
    session = any_session
    award = an_award(session, state=AwardState.ACCEPTED)
    signed = an_agreement(
        session, award, version=2, state=AgreementState.SIGNED, signers=[a_person(session), a_person(session)]
    )
    all_known(session, award)
    service.countersign(work(session, somebody(session, Role.STEWARD)), signed.id)
    report = queries.of_award(session, award.id)
    assert award.state is AwardState.ACTIVE
    assert report is not None
    assert (report.state, report.due_on) == (ReportState.SCHEDULED, START.date() + timedelta(days=183))
    assert service.schedule(work(session, CLOCK), award.id).id == report.id


def test_a_half_written_report_is_kept_and_cannot_be_handed_in(session: Session) -> None:
    report = a_report(session)
    writer = a_writer(session, report.award)
    service.save(work(session, writer), report.id, ReportDraft(story="Ada came."), 0)
    assert (report.state, report.story, report.version) == (ReportState.DRAFT, "Ada came.", 1)
    with pytest.raises(RuleBroken, match="Say what happened"):
        service.submit(work(session, writer), report.id)
    assert report.state is ReportState.DRAFT


def test_the_second_of_two_writers_is_told(any_session: Session) -> None:
    report = a_report(any_session)
    writer = a_writer(any_session, report.award)
    service.save(work(any_session, writer), report.id, draft(), 0)
    with pytest.raises(Conflict, match="Somebody else"):
        service.save(work(any_session, writer), report.id, draft(story="Mine."), 0)
    service.save(work(any_session, writer), report.id, draft(measures=()), 1)
    assert report.measures == []


def test_only_the_group_writes(session: Session) -> None:
    report = a_report(session, state=ReportState.DRAFT)
    for actor in (somebody(session, Role.STEWARD), somebody(session), a_writer(session, an_award(session))):
        with pytest.raises(NotAllowed):
            service.save(work(session, actor), report.id, draft(), 0)
        with pytest.raises(NotAllowed):
            service.submit(work(session, actor), report.id)


def test_spend_above_what_was_paid_is_refused(session: Session) -> None:
    report = a_report(session)
    writer = a_writer(session, report.award)
    service.save(work(session, writer), report.id, draft(spent_minor=90_001), 0)
    with pytest.raises(RuleBroken, match="You were paid £900"):
        service.submit(work(session, writer), report.id)


def test_a_question_reopens_the_report_and_an_accepted_one_stays(session: Session) -> None:
    report = a_report(session, state=ReportState.SUBMITTED)
    writer, steward = a_writer(session, report.award), somebody(session, Role.STEWARD)
    with pytest.raises(StepRefused):
        service.save(work(session, writer), report.id, draft(), report.version)
    service.query(work(session, steward), report.id, "How were people counted?")
    assert report.state is ReportState.QUERIED
    service.save(work(session, writer), report.id, draft(), report.version)
    service.submit(work(session, writer), report.id)
    service.accept(work(session, steward), report.id)
    for refused in (
        lambda: service.save(work(session, writer), report.id, draft(), report.version),
        lambda: service.query(work(session, steward), report.id, "More?"),
    ):
        with pytest.raises(StepRefused):
            refused()


def test_a_steward_of_the_group_does_not_judge_its_report(session: Session) -> None:
    report = a_report(session, state=ReportState.SUBMITTED)
    person = a_member(session, report.award.group, a_person(session, Role.STEWARD))
    insider = actor_for(session, person.id, person.name)
    for judged in (
        lambda: service.accept(work(session, insider), report.id),
        lambda: service.query(work(session, insider), report.id, "Why?"),
    ):
        with pytest.raises(NotAllowed, match="Another steward"):
            judged()


def test_all_spent_closes_the_award_at_once(any_session: Session) -> None:
    report = a_report(any_session, state=ReportState.SUBMITTED)
    service.accept(work(any_session, somebody(any_session, Role.STEWARD)), report.id)
    assert (report.state, report.award.state) == (ReportState.ACCEPTED, AwardState.CLOSED)


def test_an_underspend_comes_back_before_the_award_closes(any_session: Session) -> None:
    session = any_session
    fund = a_fund(session)
    one, two = a_contribution(session, fund, 200_000), a_contribution(session, fund, 100_000)
    award = an_award(session, amount_minor=90_000, contributions=[one, two])
    a_disbursement(session, award, state=DisbursementState.PAID)
    report = a_report(
        session, award, state=ReportState.SUBMITTED, spent_minor=79_999, underspend_reason="The hall was free."
    )
    service.accept(work(session, somebody(session, Role.STEWARD)), report.id)
    assert award.state is AwardState.COMPLETED
    letter = session.scalars(select(OutboxRow.payload).where(OutboxRow.key.like("report:%:accepted:%"))).first()
    assert letter is not None
    assert "£100.01 less than you were paid" in letter["text"]
    officer = somebody(session, Role.FINANCE_OFFICER)
    returns.record_return(work(session, officer), award.id, 10_001, "RET 1", START.date())
    assert award.state is AwardState.CLOSED
    pockets = pockets_of(session, [one.id, two.id])
    assert pockets[one.id].paid_minor + pockets[two.id].paid_minor == 79_999
    assert pockets[one.id].available_minor == 200_000 - 60_000 + 6_667
    assert breaks(session) == []


def test_an_unpaid_part_goes_back_to_the_pot(session: Session) -> None:
    contribution = a_contribution(session, amount_minor=200_000)
    award = an_award(session, amount_minor=150_000, parts=[75_000, 75_000], contributions=[contribution])
    a_disbursement(session, award, state=DisbursementState.PAID)
    report = a_report(session, award, state=ReportState.SUBMITTED, spent_minor=75_000)
    service.accept(work(session, somebody(session, Role.STEWARD)), report.id)
    assert award.state is AwardState.CLOSED
    assert pockets_of(session, [contribution.id])[contribution.id].available_minor == 125_000


def test_a_report_is_not_accepted_while_money_is_on_its_way(session: Session) -> None:
    award = an_award(session, amount_minor=150_000, parts=[75_000, 75_000])
    a_disbursement(session, award, state=DisbursementState.PAID)
    a_disbursement(session, award, state=DisbursementState.SENT, instalment=2)
    report = a_report(session, award, state=ReportState.SUBMITTED, spent_minor=75_000)
    with pytest.raises(StepRefused, match="on its way"):
        service.accept(work(session, somebody(session, Role.STEWARD)), report.id)


# pictures


def test_a_picture_is_kept_under_a_name_of_ours(session: Session, tmp_path: Path) -> None:
    report, files = a_report(session), DiskStore(tmp_path)
    writer = a_writer(session, report.award)
    kept = service.keep_picture(files, png(), "  Three people  plant beans ")
    picture = service.add_picture(work(session, writer), report.id, kept, consent=True)
    assert picture.alt == "Three people plant beans"
    assert files.get(picture.stored_name)[:3] == b"\xff\xd8\xff"
    service.remove_picture(work(session, writer), picture.id)
    assert session.scalar(select(func.count()).select_from(Picture)) == 0


def test_pictures_are_few_and_say_what_they_show(session: Session, tmp_path: Path) -> None:
    report, files = a_report(session), DiskStore(tmp_path)
    writer = a_writer(session, report.award)
    with pytest.raises(RuleBroken, match="Say what the picture shows"):
        service.keep_picture(files, png(), " ")
    for _ in range(MOST_PICTURES):
        service.add_picture(
            work(session, writer), report.id, service.keep_picture(files, png(), "Beans"), consent=False
        )
    one_more = service.keep_picture(files, png(), "Beans")
    with pytest.raises(RuleBroken, match="Remove one first"):
        service.add_picture(work(session, writer), report.id, one_more, consent=False)


def test_pictures_of_a_report_that_is_handed_in_stay(session: Session, tmp_path: Path) -> None:
    report = a_report(session, state=ReportState.SUBMITTED)
    writer = a_writer(session, report.award)
    kept = service.keep_picture(DiskStore(tmp_path), png(), "Beans")
    with pytest.raises(StepRefused, match="handed in"):
        service.add_picture(work(session, writer), report.id, kept, consent=True)


# the clock


def letters(session: Session) -> list[str]:
    session.flush()
    rows = session.scalars(select(OutboxRow).where(OutboxRow.key.like("report:%:remind:%")).order_by(OutboxRow.key))
    return [f"{row.key.split(':')[3]} {row.payload['to']}" for row in rows]


def ticked(session: Session, report: Report, days: int) -> list[str]:
    moment = START.replace(year=report.due_on.year, month=report.due_on.month, day=report.due_on.day)
    before = set(letters(session))
    for _ in range(2):
        service.tick(work(session, CLOCK, moment + timedelta(days=days)))
    return sorted(set(letters(session)) - before)


def test_one_letter_each_a_week_before_on_the_day_and_a_week_late(any_session: Session) -> None:
    session = any_session
    report = a_report(session)
    count = len(session.scalars(select(Membership).where(Membership.group_id == report.award.group_id)).all())
    assert count == 2
    told = [[line.split()[0] for line in ticked(session, report, days)] for days in (-8, -7, -3, 0, 1, 7, 30)]
    assert told == [[], ["soon"] * 2, [], ["today"] * 2, [], ["late"] * 2, []]


@pytest.mark.parametrize("state", [ReportState.SUBMITTED, ReportState.ACCEPTED, ReportState.QUERIED])
def test_nobody_is_reminded_once_it_is_handed_in(session: Session, state: ReportState) -> None:
    report = a_report(session, state=state)
    assert ticked(session, report, 0) == []


def test_whoever_left_the_group_gets_no_letter(session: Session) -> None:
    report = a_report(session)
    membership = session.scalars(select(Membership).where(Membership.group_id == report.award.group_id)).first()
    assert membership is not None
    membership.ended_at = START
    session.flush()
    assert len(ticked(session, report, 0)) == 1


def test_the_clock_schedules_a_report_that_is_missing(session: Session) -> None:
    award = an_award(session, active_at=START)
    assert service.tick(work(session, CLOCK)) == (1, 0)
    assert service.tick(work(session, CLOCK)) == (0, 0)
    assert queries.of_award(session, award.id) is not None
    with pytest.raises(NotAllowed):
        service.tick(work(session, somebody(session)))


def test_more_on_a_line_than_may_be_moved_unasked_is_queried_and_not_accepted(any_session: Session) -> None:
    session = any_session
    report = a_report(session)
    award, writer = report.award, a_writer(session, report.award)
    with_lines(session, award, ("Hall", 60_000), ("Food", 30_000))
    lines = (BudgetLine("Hall", 50_000), BudgetLine("Food", 40_000))
    service.save(work(session, writer), report.id, draft(lines=lines), 0)
    service.submit(work(session, writer), report.id)
    steward = somebody(session, Role.STEWARD)
    service.accept(work(session, steward), report.id)
    assert (report.state, award.state) == (ReportState.QUERIED, AwardState.ACTIVE)
    assert "You spent £400 on “Food”, £100 more than agreed." in (report.query_reason or "")
    changed(session, award, ChangeKind.MONEY, Wanted(budget=lines))
    service.submit(work(session, writer), report.id)
    service.accept(work(session, steward), report.id)
    assert (report.state, award.state) == (ReportState.ACCEPTED, AwardState.CLOSED)


def test_up_to_a_tenth_on_another_line_needs_nobodys_word(session: Session) -> None:
    report = a_report(session)
    writer = a_writer(session, report.award)
    with_lines(session, report.award, ("Hall", 60_000), ("Food", 30_000))
    lines = (BudgetLine("Hall", 51_000), BudgetLine("Food", 39_000))
    with pytest.raises(RuleBroken, match="not the lines of your budget"):
        service.save(work(session, writer), report.id, draft(lines=lines[1:]), 0)
    service.save(work(session, writer), report.id, draft(lines=(lines[0], BudgetLine("Food", 38_000))), 0)
    with pytest.raises(RuleBroken, match="add up to £890, and you say that you spent £900"):
        service.submit(work(session, writer), report.id)
    service.save(work(session, writer), report.id, draft(lines=lines), 1)
    service.submit(work(session, writer), report.id)
    service.accept(work(session, somebody(session, Role.STEWARD)), report.id)
    assert report.state is ReportState.ACCEPTED
