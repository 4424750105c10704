"""The pot in public, and the desk of those who keep it."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.funds.models import Contribution, Fund, Funder
from grants.funds.rules import ContributionState
from grants.funds.views import money_to_come, pledges_to_agree
from grants.kernel.actors import Role
from grants.people.models import RoleGrant
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.support import crawl
from tests.support.clock import START
from tests.support.statements import statements


def faults(page: str) -> list[str]:
    """What is wrong with a page; tokens are switched off here."""
    return [fault for fault in crawl.faults(page) if not fault.startswith("a form without its token")]


def text(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return answer.get_data(as_text=True)


def test_the_only_pot_is_shown_at_once(client: FlaskClient, app_session: Session) -> None:
    assert "There is no fund yet" in text(client, "/funds")
    fund = a_fund(app_session)
    app_session.commit()
    assert client.get("/funds").location == f"/funds/{fund.id}"
    a_fund(app_session, name="Another pot")
    app_session.commit()
    assert "Another pot" in text(client, "/funds")


def test_the_pot_shows_what_came_in_and_hides_what_is_not_agreed(client: FlaskClient, app_session: Session) -> None:
    fund = a_fund(app_session)
    a_contribution(app_session, fund, 500_000, received_minor=300_000, funder=a_funder(app_session, name="The council"))
    quiet = a_funder(app_session, name="Not yet")
    a_contribution(app_session, fund, 9_900, funder=quiet, state=ContributionState.PLEDGED)
    app_session.commit()
    page = text(client, f"/funds/{fund.id}")
    assert "The council" in page
    assert "£3,000" in page
    assert "another <strong>£2,000</strong>" in page
    assert "For anything this fund supports." in page
    assert "Not yet" not in page
    assert faults(page) == []


def test_those_who_keep_the_fund_see_pledges(as_: SignIn, app_session: Session) -> None:
    fund = a_fund(app_session)
    pledge = a_contribution(app_session, fund, 9_900, state=ContributionState.PLEDGED)
    page = text(as_(Role.FINANCE_OFFICER), f"/funds/{fund.id}")
    assert f"/funds/{fund.id}/contributions/{pledge.id}" in page
    funders_own = a_person(app_session, Role.FUNDER, scope_id=pledge.funder_id)
    assert "not agreed yet" in text(as_(funders_own), f"/funds/{fund.id}")


def test_a_steward_starts_a_fund_and_adds_a_funder(as_: SignIn, app_session: Session) -> None:
    steward = as_(Role.STEWARD)
    assert steward.post("/funds/new", data={"name": "", "purpose": ""}).status_code == 422
    made = steward.post("/funds/new", data={"name": "The pot", "purpose": "For all."})
    fund = app_session.scalars(select(Fund)).one()
    assert made.location == f"/funds/{fund.id}"
    again = steward.post("/funds/new", data={"name": "the pot", "purpose": "Twice."})
    assert (again.status_code, "There is a fund of this name" in again.text) == (422, True)
    assert steward.post("/funders/new", data={"name": "A café", "org_id": "GB-CHC-1"}).status_code == 302
    app_session.rollback()
    assert app_session.scalars(select(Funder.name)).one() == "A café"
    assert "A café" in text(steward, "/funders")


def test_a_promise_is_shown_as_a_sentence_before_it_is_kept(as_: SignIn, app_session: Session) -> None:
    fund, funder = a_fund(app_session), a_funder(app_session)
    steward = as_(Role.STEWARD)
    path = f"/funds/{fund.id}/contributions/new"
    assert faults(text(steward, path)) == []
    boxes = {"funder_id": str(funder.id), "amount": "2,500", "imd_deciles": ["1", "2"]}
    shown = steward.post(path, data=boxes)
    sentence = "Only for neighbourhoods in the most deprived fifth of England."
    assert (shown.status_code, sentence in shown.text) == (200, True)
    assert faults(shown.text) == []
    changed = steward.post(path, data={**boxes, "imd_deciles": ["1"], "checked": sentence})
    assert "the most deprived tenth" in changed.text
    assert app_session.scalars(select(Contribution)).all() == []
    kept = steward.post(path, data={**boxes, "checked": sentence})
    app_session.rollback()
    one = app_session.scalars(select(Contribution)).one()
    assert kept.location == f"/funds/{fund.id}/contributions/{one.id}"
    assert (one.amount_minor, one.restriction["imd_deciles"]) == (250_000, [1, 2])


def test_every_part_of_a_restriction_is_composed_from_boxes(as_: SignIn, app_session: Session) -> None:
    fund, funder = a_fund(app_session), a_funder(app_session)
    steward = as_(Role.STEWARD)
    path = f"/funds/{fund.id}/contributions/new"
    boxes = {
        "funder_id": str(funder.id),
        "amount": "2,500",
        "beneficiaries": ["young"],
        "group_kinds": ["charity"],
        "spending": "capital",
        "spend_by": "2026-03-31",
    }
    sentence = (
        "Only for young people, 12 to 25, and to registered charities, and for things that last (capital), "
        "to be promised to groups by 31 March 2026."
    )
    assert sentence in steward.post(path, data=boxes).text
    late = steward.post(path, data={**boxes, "spend_by": "2026-03-01", "checked": sentence.replace("31", "1")})
    assert (late.status_code, "This day has passed" in late.text) == (422, True)
    kept = steward.post(path, data={**boxes, "checked": sentence})
    app_session.rollback()
    one = app_session.scalars(select(Contribution)).one()
    assert kept.location == f"/funds/{fund.id}/contributions/{one.id}"
    assert sentence in text(steward, f"/funds/{fund.id}")
    again = text(steward, f"{path.removesuffix('new')}{one.id}/restriction")
    assert again.count(" checked") == 3
    anything = steward.post(path, data={**boxes, "spending": "both"})
    assert "registered charities, to be promised" in anything.text


def test_from_a_promise_to_money_in_the_pot(as_: SignIn, app_session: Session) -> None:
    one = a_contribution(app_session, amount_minor=250_000, state=ContributionState.PLEDGED)
    app_session.commit()
    path = f"/funds/{one.fund_id}/contributions/{one.id}"
    steward, officer = as_(Role.STEWARD), as_(Role.FINANCE_OFFICER)
    assert "Mark it as agreed" in text(steward, path)
    assert "Mark it as agreed" not in text(officer, path)
    assert steward.post(f"{path}/agree").location == path
    typed = {"amount": "1,000", "reference": "BACS 7", "on": "2026-03-02"}
    assert steward.post(f"{path}/receive", data=typed).status_code == 403
    late = officer.post(f"{path}/receive", data={**typed, "on": "2026-03-03"})
    assert (late.status_code, "has not come yet" in late.text) == (422, True)
    assert officer.post(f"{path}/receive", data=typed).location == path
    page = text(officer, path)
    assert "BACS 7" in page
    assert "<strong>£1,500</strong> is still to come" in page
    assert faults(page) == []
    back = {"amount": "400", "reference": "OUT 1", "on": "2026-03-02", "reason": "They asked."}
    assert officer.post(f"{path}/give-back", data=back).location == path
    assert "OUT 1" in text(officer, path)


def test_a_contribution_is_closed_to_another_funder(as_: SignIn, app_session: Session) -> None:
    mine, theirs = a_contribution(app_session), a_contribution(app_session)
    funder = as_(a_person(app_session, Role.FUNDER, scope_id=mine.funder_id))
    text(funder, f"/funds/{mine.fund_id}/contributions/{mine.id}")
    text(funder, f"/funds/{theirs.fund_id}/contributions/{theirs.id}", 403)
    text(funder, f"/funds/{mine.fund_id}/contributions/{theirs.id}", 404)


def test_a_steward_of_another_fund_is_kept_out(as_: SignIn, app_session: Session) -> None:
    one = a_contribution(app_session, amount_minor=100, state=ContributionState.PLEDGED)
    stranger = as_(a_person(app_session, Role.STEWARD, Role.FINANCE_OFFICER, scope_id=a_fund(app_session).id))
    path = f"/funds/{one.fund_id}/contributions"
    for page in (f"{path}/{one.id}", f"{path}/{one.id}/amount", f"{path}/{one.id}/receive", f"{path}/new"):
        text(stranger, page, 403)
    assert stranger.post(f"{path}/{one.id}/agree").status_code == 403
    app_session.refresh(one)
    assert one.state is ContributionState.PLEDGED


def test_the_number_of_queries_does_not_grow_with_the_pot(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    fund = a_fund(app_session)
    counts = []
    for more in (2, 10):
        for _ in range(more):
            a_contribution(app_session, fund, 500, received_minor=200)
        app_session.commit()
        with statements(app) as heard:
            text(client, f"/funds/{fund.id}")
        counts.append(len(heard))
    assert counts[0] == counts[1]


def test_what_needs_whom(app: Flask, app_session: Session) -> None:
    pledged = a_contribution(app_session, amount_minor=500_00, state=ContributionState.PLEDGED)
    agreed = a_contribution(app_session, amount_minor=900_00, received_minor=200_00)
    app_session.commit()
    with app.test_request_context():
        steward = an_actor(Role.STEWARD, scope=pledged.fund_id)
        assert ["£500" in need.text for need in pledges_to_agree(steward, START)] == [True]
        assert list(money_to_come(steward, START)) == []
        officer = an_actor(Role.FINANCE_OFFICER)
        assert ["£700" in need.text for need in money_to_come(officer, START)] == [True]
        assert [n.href for n in money_to_come(officer, START)] == [f"/funds/{agreed.fund_id}/contributions/{agreed.id}"]
        assert list(pledges_to_agree(an_actor(Role.STEWARD, scope=agreed.fund_id), START)) == []


def test_an_administrator_gives_a_role_for_one_funder(as_: SignIn, app_session: Session) -> None:
    funder, person = a_funder(app_session, name="The council"), a_person(app_session)
    admin = as_(Role.ADMIN)
    assert "Speaks for The council" in text(admin, f"/people/{person.id}")
    made = admin.post(f"/people/{person.id}/roles", data={"what": f"funder:{funder.id}"})
    assert made.location == f"/people/{person.id}"
    app_session.rollback()
    [grant] = app_session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id))
    assert (grant.role, grant.scope_id) == (Role.FUNDER, funder.id)
    page = text(admin, f"/people/{person.id}")
    assert '<li dir="auto">Speaks for The council</li>' in page
    assert faults(page) == []
    assert as_(Role.STEWARD).post(f"/people/{person.id}/roles").status_code == 403


def test_a_role_that_is_not_offered_is_not_given(as_: SignIn, app_session: Session) -> None:
    funder, person = a_funder(app_session), a_person(app_session)
    admin = as_(Role.ADMIN)
    for what in (f"admin:{funder.id}", f"auditor:{funder.id}", "steward:", ""):
        assert admin.post(f"/people/{person.id}/roles", data={"what": what}).status_code == 302
    app_session.rollback()
    assert app_session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id)).all() == []


def test_a_finance_officer_closes_a_period_for_good(as_: SignIn, app_session: Session) -> None:
    fund = a_fund(app_session, name="Tees pot")
    a_contribution(app_session, fund, 500)
    app_session.commit()
    auditor = as_(Role.AUDITOR)
    officer = as_(a_person(app_session, Role.FINANCE_OFFICER, scope_id=fund.id))
    address = f"/funds/{fund.id}/close-books"
    assert address in text(officer, "/books")
    page = text(officer, address)
    assert "cannot be opened again" in page
    assert faults(page) == []
    day = {"through": ["28", "2", "2026"]}
    assert officer.post(address, data=day).location == "/books"
    page = text(officer, "/books")
    assert "Closed to the end of 28 February 2026" in page
    assert faults(page) == []
    again = officer.post(address, data=day)
    assert (again.status_code, "already" in again.get_data(as_text=True)) == (422, True)
    assert auditor.get(address).status_code == 403
