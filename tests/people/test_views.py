"""The pages of people and groups, and who may open which."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from grants.people.models import Group, Hosting, Membership, Person
from grants.people.queries import grants_of
from grants.people.rules import HostingState
from tests.architecture.test_reading import statements
from tests.builders.people import a_group, a_hosting, a_member, a_person, actor_of
from tests.conftest import SignIn
from tests.support.crawl import faults

A_GROUP = {"name": "Walkers", "kind": "unconstituted", "about": "We walk.", "has_bank_account": "no", "ward_code": ""}


# Who may open what of a group.


def pages_of(hosting: Hosting, member: Person) -> dict[str, str]:
    group, host = f"/groups/{hosting.group_id}", f"/groups/{hosting.host_id}"
    return {
        "show": group,
        "change": f"{group}/change",
        "members": f"{group}/members",
        "add": f"{group}/members/add",
        "member": f"{group}/members/{member.id}",
        "remove": f"{group}/members/{member.id}/remove",
        "host": f"{group}/host",
        "hosting": f"{host}/hosting",
        "decline": f"{host}/hosting/{hosting.id}/decline",
        "end": f"{host}/hosting/{hosting.id}/end",
    }


MINE = {"show", "change", "members", "add", "member", "remove", "host"}
MATRIX: dict[str, set[str]] = {
    "editor": MINE,
    "reader": {"show", "members", "host"},
    "host_signer": {"show", "hosting", "decline"},
    "host_reader": {"show", "hosting"},
    "other_group": {"show"},
    "resident": {"show"},
    "steward": {"show", "hosting", "end"},
    "auditor": {"show", "members", "host", "hosting"},
    "admin": {"show", "members", "add", "member", "remove", "host", "hosting", "end"},
    "finance_officer": {"show"},
}


@pytest.mark.parametrize("who", MATRIX)
def test_a_group_opens_its_pages_to_its_own_people_only(
    app: Flask, as_: SignIn, app_session: Session, who: str
) -> None:
    hosting = a_hosting(app_session, state=HostingState.REQUESTED)
    target = a_member(app_session, hosting.group)
    people: dict[str, Callable[[], Person]] = {
        "editor": lambda: a_member(app_session, hosting.group),
        "reader": lambda: a_member(app_session, hosting.group, edit=False, sign_off=False),
        "host_signer": lambda: a_member(app_session, hosting.host),
        "host_reader": lambda: a_member(app_session, hosting.host, edit=False, sign_off=False),
        "other_group": lambda: a_member(app_session, a_group(app_session)),
        "resident": lambda: a_person(app_session),
    }
    person = people[who]() if who in people else a_person(app_session, Role(who))
    visitor = as_(person)
    opened = {}
    app.config["WTF_CSRF_ENABLED"] = True
    for name, path in pages_of(hosting, target).items():
        answer = visitor.get(path)
        opened[name] = answer.status_code
        if answer.status_code == 200:
            assert faults(answer.get_data(as_text=True)) == [], path
    assert {name for name, status in opened.items() if status == 200} == MATRIX[who]
    assert {status for status in opened.values() if status != 200} <= {403}


def test_nobody_opens_more_than_the_public_page(client: FlaskClient, app_session: Session) -> None:
    hosting = a_hosting(app_session, state=HostingState.REQUESTED)
    member = a_member(app_session, hosting.group)
    app_session.commit()
    opened = {name: client.get(path).status_code for name, path in pages_of(hosting, member).items()}
    assert {name for name, status in opened.items() if status == 200} == {"show"}
    assert {status for status in opened.values() if status != 200} == {401}


def test_another_groups_ids_lead_nowhere(as_: SignIn, app_session: Session) -> None:
    mine, theirs = a_group(app_session), a_group(app_session)
    rose, victim = a_member(app_session, mine), a_member(app_session, theirs)
    hosting = a_hosting(app_session, state=HostingState.REQUESTED)
    editor = as_(rose)
    for path in (
        f"/groups/{mine.id}/members/{victim.id}",
        f"/groups/{mine.id}/members/{victim.id}/remove",
        f"/groups/{mine.id}/hosting/{hosting.id}/confirm",
        f"/groups/{mine.id}/host/{hosting.id}/take-back",
    ):
        assert editor.post(path, data={"rights": "edit"}).status_code == 404, path
    app_session.rollback()
    assert app_session.get_one(Hosting, hosting.id).state is HostingState.REQUESTED
    assert actor_of(app_session, victim).can_edit_for(theirs.id)


def test_the_public_page_names_no_member(client: FlaskClient, app_session: Session) -> None:
    group = a_group(app_session)
    a_member(app_session, group, a_person(app_session, name="Rose Khan", email="rose@example.org"))
    app_session.commit()
    page = client.get(f"/groups/{group.id}").get_data(as_text=True)
    assert "Rose" not in page
    assert "rose@example.org" not in page


# What people do.


def test_a_resident_starts_a_group_and_finds_it_a_host(as_: SignIn, app_session: Session) -> None:
    host = a_group(app_session, name="Big Hall", can_host=True)
    hal, rose = a_member(app_session, host), a_person(app_session)
    resident = as_(rose)
    started = resident.post("/groups/new", data=A_GROUP)
    app_session.rollback()
    group = app_session.scalars(select(Group).where(Group.name == "Walkers")).one()
    assert started.location == f"/groups/{group.id}/host"
    assert b"Big Hall" in resident.get(started.location).data
    resident.post(started.location, data={"host": str(host.id)})
    app_session.rollback()
    asked = app_session.scalars(select(Hosting)).one()
    signer = as_(hal)
    assert b"Yes, we will be their host" in signer.get(f"/groups/{host.id}/hosting").data
    signer.post(f"/groups/{host.id}/hosting/{asked.id}/confirm")
    page = resident.get(f"/groups/{group.id}").get_data(as_text=True)
    assert "is its host" in page


def test_a_host_says_no_only_with_a_reason(as_: SignIn, app_session: Session) -> None:
    hosting = a_hosting(app_session, state=HostingState.REQUESTED)
    signer = as_(a_member(app_session, hosting.host))
    path = f"/groups/{hosting.host_id}/hosting/{hosting.id}/decline"
    refused = signer.post(path, data={"reason": " "})
    assert refused.status_code == 422
    assert "Say why, so that the group knows what to do next" in refused.get_data(as_text=True)
    assert signer.post(path, data={"reason": "Our books are full."}).status_code == 302
    app_session.rollback()
    member = as_(a_member(app_session, hosting.group))
    assert "Our books are full." in member.get(f"/groups/{hosting.group_id}/host").get_data(as_text=True)


def test_a_name_that_is_taken_is_said_at_the_field(as_: SignIn, app_session: Session) -> None:
    a_group(app_session, name="Walkers")
    answer = as_(a_person(app_session)).post("/groups/new", data=A_GROUP)
    assert answer.status_code == 422
    assert 'href="#name"' in answer.get_data(as_text=True)


def test_a_member_is_added_by_e_mail(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session)
    editor = as_(a_member(app_session, group))
    editor.post(
        f"/groups/{group.id}/members/add", data={"name": "Nora", "email": "NORA@example.org", "rights": ["sign_off"]}
    )
    app_session.rollback()
    nora = app_session.scalars(select(Person).where(Person.email == "nora@example.org")).one()
    actor = actor_of(app_session, nora)
    assert actor.can_sign_off_for(group.id)
    assert not actor.can_edit_for(group.id)
    assert app_session.scalars(select(OutboxRow)).one().payload["to"] == "nora@example.org"


def test_an_auditor_is_not_added_and_the_reason_is_said(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session)
    editor = as_(a_member(app_session, group))
    a_person(app_session, Role.AUDITOR, email="audit@example.org")
    app_session.commit()
    answer = editor.post(f"/groups/{group.id}/members/add", data={"name": "A", "email": "audit@example.org"})
    assert answer.status_code == 422
    assert "This person audits the fund" in answer.get_data(as_text=True)


def test_the_last_editor_is_told_why_they_cannot_leave(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session)
    rose = a_member(app_session, group)
    answer = as_(rose).post(f"/groups/{group.id}/members/{rose.id}/remove", follow_redirects=True)
    assert "at least one member who can edit" in answer.get_data(as_text=True)


def test_a_page_of_groups_asks_the_same_questions_however_many_there_are(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    def questions() -> int:
        app_session.commit()
        with statements(app) as heard:
            assert client.get("/groups").status_code == 200
        return len(heard)

    a_member(app_session, a_group(app_session))
    few = questions()
    for _ in range(40):
        a_member(app_session, a_group(app_session))
    assert questions() == few
    assert "Page 2" in client.get("/groups").get_data(as_text=True)


def test_groups_are_found_by_word_and_ward(client: FlaskClient, app_session: Session) -> None:
    a_group(app_session, name="Repair Cafe")
    a_group(app_session, name="100% Walkers")
    app_session.commit()
    assert "Repair Cafe" not in client.get("/groups?words=100%25").get_data(as_text=True)
    assert "100% Walkers" in client.get("/groups?words=100%25").get_data(as_text=True)
    assert "Repair Cafe" in client.get("/groups?words=rePAIR").get_data(as_text=True)
    assert "No group was found" in client.get("/groups?words=nothing-like-it").get_data(as_text=True)
    assert client.get("/groups?ward=none&page=nonsense").status_code == 200


# Oneself.


def test_a_person_changes_their_name(as_: SignIn, app_session: Session) -> None:
    rose = a_person(app_session, name="Rose")
    as_(rose).post("/you", data={"name": "Rose Khan"})
    app_session.rollback()
    app_session.refresh(rose)
    assert rose.name == "Rose Khan"


def test_a_person_takes_a_copy_of_what_is_held(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session, name="Walkers")
    rose = a_member(app_session, group, a_person(app_session, Role.STEWARD, name="Rose", email="rose@example.org"))
    a_member(app_session, group, a_person(app_session, name="Somebody Else"))
    browser = as_(rose)
    browser.post("/you", data={"name": "Rose Khan"})
    answer = browser.get("/you/everything.json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    copy = answer.get_json()
    assert (copy["name"], copy["email"]) == ("Rose Khan", "rose@example.org")
    assert [role["role"] for role in copy["roles"]] == ["steward"]
    assert [one["group"] for one in copy["groups"]] == ["Walkers"]
    assert [one["what"] for one in copy["what_you_did"]] == ["people.renamed"]
    assert "Somebody Else" not in answer.get_data(as_text=True)


def test_being_forgotten_is_asked_twice(as_: SignIn, app_session: Session) -> None:
    rose = a_person(app_session, name="Rose")
    browser = as_(rose)
    assert browser.post("/you/forget").status_code == 422
    assert browser.post("/you/forget", data={"sure": "y"}).location == "/"
    app_session.rollback()
    app_session.refresh(rose)
    assert (rose.name, rose.email) == ("Someone who left", None)
    assert browser.get("/you").status_code == 401


def test_signing_out_everywhere_ends_this_session_too(as_: SignIn, app_session: Session) -> None:
    browser = as_(a_person(app_session))
    browser.post("/you/sign-out-everywhere")
    assert browser.get("/you").status_code == 401


# Admins.


def test_an_admin_gives_and_ends_a_role(as_: SignIn, app_session: Session) -> None:
    rose = a_person(app_session, name="Rose")
    admin = as_(Role.ADMIN)
    admin.post(f"/people/{rose.id}", data={"role": "steward"})
    app_session.rollback()
    [grant] = grants_of(app_session, rose.id)
    page = admin.get(f"/people/{rose.id}").get_data(as_text=True)
    assert "A role was given" in page
    admin.post(f"/people/{rose.id}/roles/{grant.id}/end")
    app_session.rollback()
    assert grants_of(app_session, rose.id) == []
    assert "Roles held before" in admin.get(f"/people/{rose.id}").get_data(as_text=True)


@pytest.mark.parametrize("role", ["funder", "group_member", "resident", "god", ""])
def test_a_role_that_cannot_be_given_so_is_refused(as_: SignIn, app_session: Session, role: str) -> None:
    rose = a_person(app_session)
    assert as_(Role.ADMIN).post(f"/people/{rose.id}", data={"role": role}).status_code == 422
    assert grants_of(app_session, rose.id) == []


def test_an_admin_gives_no_role_to_themselves(as_: SignIn, app_session: Session) -> None:
    ada = a_person(app_session, Role.ADMIN)
    browser = as_(ada)
    assert "Nobody gives a role to themselves" in browser.get(f"/people/{ada.id}").get_data(as_text=True)
    assert browser.post(f"/people/{ada.id}", data={"role": "steward"}).status_code == 403


def test_the_last_admin_is_told_why_they_stay(as_: SignIn, app_session: Session) -> None:
    ada = a_person(app_session, Role.ADMIN)
    [grant] = grants_of(app_session, ada.id)
    answer = as_(ada).post(f"/people/{ada.id}/roles/{grant.id}/end", follow_redirects=True)
    assert "This is the last admin" in answer.get_data(as_text=True)


def test_people_are_found_and_paged_with_the_same_questions(app: Flask, as_: SignIn, app_session: Session) -> None:
    admin = as_(a_person(app_session, Role.ADMIN, name="Ada"))

    def questions() -> int:
        app_session.commit()
        with statements(app) as heard:
            assert admin.get("/people").status_code == 200
        return len(heard)

    few = questions()
    for number in range(40):
        a_person(app_session, Role.CONNECTOR, name=f"Neighbour {number:02}")
    assert questions() == few
    assert "Neighbour 07" in admin.get("/people?words=bour+07").get_data(as_text=True)
    assert "Ada" not in admin.get("/people?role=connector").get_data(as_text=True).split("<main")[1]
    assert "Nobody was found" in admin.get("/people?words=%25&role=god").get_data(as_text=True)


def test_what_people_write_is_never_markup(as_: SignIn, client: FlaskClient, app_session: Session) -> None:
    evil = "<img src=x onerror=alert(1)>"
    group = a_group(app_session, name=evil, about=evil)
    rose = a_member(app_session, group, a_person(app_session, name=evil))
    admin, member = as_(Role.ADMIN), as_(rose)
    for visitor, path in (
        (client, "/groups"),
        (client, f"/groups/{group.id}"),
        (member, f"/groups/{group.id}/members"),
        (member, "/you"),
        (admin, "/people"),
        (admin, f"/people/{rose.id}"),
    ):
        assert "<img src=x" not in visitor.get(path).get_data(as_text=True), path


def test_the_number_of_members_is_of_those_who_are_there(client: FlaskClient, app_session: Session) -> None:
    group = a_group(app_session)
    a_member(app_session, group)
    gone = a_member(app_session, group)
    app_session.execute(
        Membership.__table__.update()  # type: ignore[attr-defined]
        .where(Membership.person_id == gone.id)
        .values(ended_at=func.current_timestamp())
    )
    app_session.commit()
    assert "1 member<" in client.get("/groups").get_data(as_text=True).replace("\n", "")
