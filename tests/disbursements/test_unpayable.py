"""A part that failed for good comes off its award, or is planned anew; the books and the register follow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.audit.queries.checks import first_break
from grants.awards import queries as awards
from grants.awards.models import Award
from grants.awards.rules import AwardState, ChangeKind, ChangeRequestAction, Wanted
from grants.awards.service import amendments, settling
from grants.disbursements import queries
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import paying, unpayable
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, StepRefused
from grants.ledger.queries import pockets_of
from grants.outbox.models import OutboxRow
from grants.people.models import Group, Person
from grants.web.db import WRITES
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution
from tests.builders.people import a_member, a_person, actor_of
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work

S = DisbursementState


def desk(session: Session, role: Role = Role.FINANCE_OFFICER) -> Actor:
    return actor_of(session, a_person(session, role))


def a_failed_part(session: Session) -> tuple[Award, Disbursement]:
    """£900 of two funders in two parts: the first is paid, the second was tried and failed."""
    one = a_contribution(session, amount_minor=60_000)
    two = a_contribution(session, one.fund, 30_000)
    award = an_award(session, contributions=[one, two], parts=[50_000, 40_000])
    return award, a_disbursement(session, award, state=S.FAILED, instalment=2)


def test_it_comes_off_the_award_and_its_money_goes_back_where_it_came_from(any_session: Session) -> None:
    session = any_session
    award, failed = a_failed_part(session)
    given = [one.contribution_id for one in award.splits]
    before = {id: one.available_minor for id, one in pockets_of(session, given).items()}
    unpayable.take_off(work(session, desk(session)), failed.id, "The group has closed its account for good.")
    session.flush()
    after = {id: one.available_minor for id, one in pockets_of(session, given).items()}
    assert sorted(after[id] - before[id] for id in given) == [13_333, 26_667]
    assert (award.amount_minor, [part.number for part in award.instalments]) == (50_000, [1])
    (part,) = awards.dropped(session, award.id)
    assert (part.number, part.dropped_why) == (2, "The group has closed its account for good.")
    (version,) = awards.versions(session, award.id)
    assert (version.change_id, version.was_minor, version.amount_minor) == (None, 90_000, 50_000)
    assert first_break(session) is None
    assert not queries.is_given_up(session, failed.id)
    for again in (lambda: paying.request(work(session, desk(session)), part.id),):
        with pytest.raises(StepRefused, match="taken off the award"):
            again()
    with pytest.raises(Conflict):
        unpayable.take_off(work(session, desk(session)), failed.id, "Twice.")


def test_the_group_is_told_why(session: Session) -> None:
    award, failed = a_failed_part(session)
    a_member(session, session.get_one(Group, award.group_id))
    unpayable.take_off(work(session, desk(session)), failed.id, "The account is closed.")
    letters = [row.payload["text"] for row in session.scalars(select(OutboxRow).where(OutboxRow.kind == "mail"))]
    assert any("is £500 from now on" in text and "The account is closed." in text for text in letters)


def test_the_rest_of_the_award_can_be_paid_reported_and_closed(any_session: Session) -> None:
    session = any_session
    award, failed = a_failed_part(session)
    unpayable.take_off(work(session, desk(session)), failed.id, "Closed.")
    session.flush()
    session.expire(award)
    assert award.disbursing_minor == 0
    paying.request(work(session, desk(session)), award.instalments[0].id)
    session.flush()
    assert first_break(session) is None
    other, tried = a_failed_part(session)
    tried.award.disbursing_minor = 0
    unpayable.take_off(work(session, desk(session)), tried.id, "Closed.")
    settling.complete(work(session, desk(session, Role.STEWARD)), other.id, 0)
    assert other.state is AwardState.CLOSED
    assert first_break(session) is None


def test_somebody_else_than_who_asked_decides_and_says_why(session: Session) -> None:
    _, failed = a_failed_part(session)
    asker = session.get_one(Person, failed.requested_by_id)
    with pytest.raises(NotAllowed):
        unpayable.take_off(work(session, actor_of(session, asker)), failed.id, "Why not.")
    with pytest.raises(NotAllowed):
        unpayable.take_off(work(session, desk(session, Role.AUDITOR)), failed.id, "Why not.")
    with pytest.raises(RuleBroken, match="Say why"):
        unpayable.take_off(work(session, desk(session)), failed.id, " ")


def test_a_part_that_is_being_paid_or_of_which_the_provider_says_something_else_stays(session: Session) -> None:
    award, failed = a_failed_part(session)
    failed.problem = "The provider tells that it was paid."
    session.flush()
    with pytest.raises(StepRefused, match="money may have moved"):
        unpayable.take_off(work(session, desk(session)), failed.id, "Closed.")
    failed.problem = None
    a_disbursement(session, award, state=S.REQUESTED, instalment=2, attempt=2)
    with pytest.raises(StepRefused, match="is being paid"):
        unpayable.plan_anew(work(session, desk(session)), failed.id, START.date(), "Later.")


def test_the_only_part_does_not_come_off(session: Session) -> None:
    award = an_award(session)
    failed = a_disbursement(session, award, state=S.FAILED)
    with pytest.raises(StepRefused, match="End the award instead"):
        unpayable.take_off(work(session, desk(session)), failed.id, "Closed.")


def test_planned_anew_it_is_due_later_and_a_change_may_let_it_fall_away(any_session: Session) -> None:
    session = any_session
    award, failed = a_failed_part(session)
    award.instalments[1].asked_at = START - timedelta(hours=1)
    later = START.date() + timedelta(days=9)
    with pytest.raises(RuleBroken, match="today or a later day"):
        unpayable.plan_anew(work(session, desk(session)), failed.id, START.date() - timedelta(days=1), "Later.")
    unpayable.plan_anew(work(session, desk(session)), failed.id, later, "They open another account.")
    session.flush()
    assert award.instalments[1].due_on == later
    with pytest.raises(StepRefused, match="not to be paid before"):
        paying.request(work(session, desk(session)), award.instalments[1].id)
    group = actor_of(session, a_member(session, session.get_one(Group, award.group_id)))
    asked = amendments.ask_change(
        work(session, group), award.id, ChangeKind.SUM, "Less.", "No account.", Wanted(amount_minor=50_000)
    )
    steward = desk(session, Role.STEWARD)
    amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.APPROVE)
    amendments.apply_change(work(session, desk(session, Role.STEWARD)), asked.id)
    session.flush()
    assert [part.number for part in award.instalments] == [1]
    assert [part.number for part in awards.dropped(session, award.id)] == [2]
    assert first_break(session) is None


def test_an_officer_does_it_from_the_page_of_the_payment(as_: SignIn, app_session: Session) -> None:
    app_session.connection(execution_options={WRITES: True})
    award, failed = a_failed_part(app_session)
    award_id, path = award.id, f"/payments/{failed.id}"
    app_session.commit()
    client = as_(Role.FINANCE_OFFICER)
    assert "Take this part off the award, or plan it anew" in client.get(path).text
    empty = client.post(f"{path}/part", data={})
    assert (empty.status_code, "Choose what is to become of it" in empty.text) == (422, True)
    dayless = client.post(f"{path}/part", data={"what": "anew", "reason": "Because."})
    assert (dayless.status_code, "Enter the day from which" in dayless.text) == (422, True)
    done = client.post(f"{path}/part", data={"what": "off", "reason": "No account."}, follow_redirects=True)
    assert "Part 2 of £400 was taken off" in done.text
    assert "If it can never be paid" not in client.get(path).text
    app_session.rollback()
    assert app_session.get_one(Award, award_id).amount_minor == 50_000
