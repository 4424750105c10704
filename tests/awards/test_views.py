"""Awards in the browser: who sees what, and a whole offer answered and signed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.awards import queries
from grants.awards.models import Award
from grants.awards.rules import AgreementState, AwardState
from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from tests.builders.awards import an_agreement, an_award
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.builders.people import a_group, a_member, a_person
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements


def test_anybody_reads_who_got_how_much_for_what_and_from_whom(client: FlaskClient, app_session: Session) -> None:
    fund = a_fund(app_session)
    given = [
        a_contribution(app_session, fund, minor, funder=a_funder(app_session, name=name))
        for minor, name in ((300_000, "The Health Board"), (100_000, "Catalyst"))
    ]
    award = an_award(app_session, amount_minor=100_000, contributions=given)
    app_session.commit()
    page = client.get(f"/awards/{award.id}").text
    for words in (award.proposal.title, award.group.name, "The Health Board", "£750", "Catalyst", "£250", "£1,000"):
        assert words in page
    assert "For the group and officers" not in page
    assert "How it is paid" not in page


def test_the_group_and_officers_read_more(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    member = a_member(app_session, award.group)
    for who in (member, a_person(app_session, Role.STEWARD), a_person(app_session, Role.AUDITOR)):
        assert "How it is paid" in as_(who).get(f"/awards/{award.id}").text
    assert "How it is paid" not in as_(a_person(app_session)).get(f"/awards/{award.id}").text


@pytest.mark.parametrize("state", [AwardState.DECLINED, AwardState.LAPSED])
def test_what_came_to_nothing_is_not_public(
    client: FlaskClient, as_: SignIn, app_session: Session, state: AwardState
) -> None:
    award = an_award(app_session, state=state)
    app_session.commit()
    assert client.get(f"/awards/{award.id}").status_code == 404
    assert as_(Role.STEWARD).get(f"/awards/{award.id}").status_code == 200
    assert client.get(f"/awards/{uuid4()}").status_code == 404


def test_strangers_do_not_read_the_agreement(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    app_session.commit()
    assert as_(a_person(app_session)).get(f"/awards/{award.id}/agreement").status_code == 403
    assert as_(a_member(app_session, a_group(app_session))).get(f"/awards/{award.id}/answer").status_code == 403


def test_a_group_says_yes_and_two_members_sign(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.OFFERED)
    first, second = a_member(app_session, award.group), a_member(app_session, award.group)
    rose, ali = as_(first), as_(second)
    assert "Answer this offer" in rose.get(f"/awards/{award.id}").text
    answered = rose.post(f"/awards/{award.id}/answer", data={"answer": "yes"}, follow_redirects=True)
    assert "You accepted the offer" in answered.text
    assert "Grant agreement" in answered.text
    name = {"agree": "y", "typed_name": "Rose Marwood", "house": "14", "postcode": "TS18 1AB"}
    assert (
        "One more person must sign" in rose.post(f"/awards/{award.id}/agreement", data=name, follow_redirects=True).text
    )
    again = rose.post(f"/awards/{award.id}/agreement", data=name)
    assert (again.status_code, "You have signed already" in again.text) == (422, True)
    name["typed_name"] = "Ali Khan"
    assert "Somebody at your address" in ali.post(f"/awards/{award.id}/agreement", data=name).text
    name["house"] = "15"
    assert (
        "somebody signs for the fund"
        in ali.post(f"/awards/{award.id}/agreement", data=name, follow_redirects=True).text
    )
    app_session.rollback()
    agreement = queries.agreement(app_session, award.id)
    assert agreement is not None
    assert agreement.state is AgreementState.SIGNED


def test_when_the_group_has_signed_only_its_host_is_asked(as_: SignIn, app_session: Session) -> None:
    host = a_group(app_session, can_host=True)
    award = an_award(app_session, state=AwardState.ACCEPTED, payee=host)
    signed, other = a_member(app_session, award.group), a_member(app_session, award.group)
    hosting = a_member(app_session, host)
    an_agreement(app_session, award, version=2, signers=[signed])
    path = f"/awards/{award.id}/agreement"
    assert "Sign the agreement" in as_(hosting).get(path).text
    assert "Sign the agreement" not in as_(other).get(path).text


def test_a_name_without_the_tick_does_not_sign(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    member = as_(a_member(app_session, award.group))
    answer = member.post(f"/awards/{award.id}/agreement", data={"typed_name": "Rose Marwood"})
    assert answer.status_code == 422
    assert "Read the agreement, then tick the box" in answer.text


def test_no_needs_a_reason_and_yes_after_the_day_is_refused(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    award = an_award(app_session, state=AwardState.OFFERED)
    rose = as_(a_member(app_session, award.group))
    assert "Say why" in rose.post(f"/awards/{award.id}/answer", data={"answer": "no"}).text
    clock.set(START + timedelta(days=12, minutes=1))
    late = as_(a_member(app_session, award.group)).post(f"/awards/{award.id}/answer", data={"answer": "yes"})
    assert (late.status_code, "has passed" in late.text) == (422, True)


def test_a_steward_plans_parts_that_must_add_up(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    steward = as_(Role.STEWARD)
    parts = {"amount_1": "600", "due_1": "2026-03-10", "amount_2": "200", "due_2": "2026-06-10"}
    assert "£100 less than the award" in steward.post(f"/awards/{award.id}/parts", data=parts).text
    lacking = {**parts, "amount_2": "300", "due_2": ""}
    assert "Enter the day of part 2" in steward.post(f"/awards/{award.id}/parts", data=lacking).text
    whole = {**parts, "amount_2": "300"}
    assert "The parts are planned" in steward.post(f"/awards/{award.id}/parts", data=whole, follow_redirects=True).text


def test_a_steward_holds_and_lets_go_on(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    steward = as_(Role.STEWARD)
    for action, state in (("hold", AwardState.ON_HOLD), ("release", AwardState.ACTIVE)):
        steward.post(f"/awards/{award.id}/stop", data={"action": action, "reason": "A letter came."})
        app_session.rollback()
        found = app_session.get(Award, award.id)
        assert found is not None
        assert found.state is state
    assert steward.post(f"/awards/{award.id}/stop", data={"action": "release", "reason": "x"}).status_code == 422


def test_the_list_takes_as_many_queries_for_twenty_as_for_two(as_: SignIn, app_session: Session, app: object) -> None:
    counts = []
    for more in (2, 18):
        for _ in range(more):
            an_award(app_session)
        steward = as_(Role.STEWARD)
        with statements(app) as heard:  # type: ignore[arg-type]
            assert steward.get("/awards").status_code == 200
        counts.append(len(heard))
    assert counts[0] == counts[1]
