"""Pages of issues."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.issues.models import Issue
from grants.issues.rules import IssueState
from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from tests.builders.issues import a_supporter, an_issue
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.support.answers import sound
from tests.support.statements import statements

GOOD = {"title": "Dark path", "body": "The lamps are out behind the shops.", "touches": "Children"}
SECRET = "jo@example.org"


def stored(session: Session) -> Issue:
    session.rollback()  # a new transaction sees what the pages have written
    return session.scalars(select(Issue)).one()


@pytest.fixture(autouse=True)
def _tokens(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = False


def test_somebody_without_an_account_raises_an_issue_and_follows_it(client: FlaskClient, app_session: Session) -> None:
    answer = client.post("/issues/new", data={**GOOD, "contact_email": SECRET})
    assert answer.status_code == 302
    assert re.search(r"/issues/yours/[\w-]{30,}\?sent=1$", answer.location)
    assert "Thank you" in sound(client.get(answer.location))
    issue = stored(app_session)
    assert (issue.state, issue.contact_email) == (IssueState.RAISED, SECRET)
    assert client.get(f"/issues/{issue.id}").status_code == 404
    page = client.get(answer.location)
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_the_form_says_what_is_missing_and_keeps_what_was_typed(client: FlaskClient, app_session: Session) -> None:
    page = client.post("/issues/new", data={"title": "", "body": "The lamps are out.", "contact_email": "nowhere"})
    text = sound(page, 422)
    assert "Enter what it is about, in a few words" in text
    assert "like name@example.org" in text
    assert "The lamps are out." in text
    assert app_session.scalar(select(func.count(Issue.id))) == 0


def test_a_postcode_gives_the_ward_and_is_not_kept(app: Flask, client: FlaskClient, app_session: Session) -> None:
    place = a_place(app)
    client.post("/issues/new", data={**GOOD, "postcode": place.postcode.replace(" ", "").lower()})
    assert stored(app_session).ward_code == place.ward_code


def test_a_postcode_that_is_not_in_the_ward_is_refused(app: Flask, client: FlaskClient) -> None:
    place = a_place(app)
    other = next(w.code for w in app.extensions["geography"].wards() if w.code != place.ward_code)
    page = client.post("/issues/new", data={**GOOD, "postcode": place.postcode, "ward": other})
    assert f"is in {place.ward_name}" in sound(page, 422)
    assert "We do not know this postcode" in sound(
        client.post("/issues/new", data={**GOOD, "postcode": "ZE1 0AA"}), 422
    )


def a_place(app: Flask):
    geography = app.extensions["geography"]
    return geography.find(next(iter(geography._postcodes)))


def test_a_program_that_fills_every_box_is_thanked_and_nothing_is_kept(
    client: FlaskClient, app_session: Session
) -> None:
    answer = client.post("/issues/new", data={**GOOD, "website": "https://spam.example"})
    assert answer.status_code == 302
    assert app_session.scalar(select(func.count(Issue.id))) == 0


def test_raising_is_limited_from_one_address(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, rate_limits=True)
    app.config["WTF_CSRF_ENABLED"] = False
    visitor = app.test_client()
    codes = [visitor.post("/issues/new", data=GOOD).status_code for _ in range(11)]
    assert codes == [302] * 10 + [429]


def test_the_list_shows_what_is_public_and_no_address(client: FlaskClient, app_session: Session) -> None:
    an_issue(app_session, title="No lamps here", contact_email=SECRET)
    an_issue(app_session, title="Nobody looked yet", state=IssueState.RAISED)
    an_issue(app_session, title="It names a neighbour", state=IssueState.HIDDEN)
    app_session.commit()
    text = sound(client.get("/issues"))
    assert "No lamps here" in text
    assert "Nobody looked yet" not in text
    assert "It names a neighbour" not in text
    assert SECRET not in text


def test_the_empty_list_says_what_to_do(client: FlaskClient) -> None:
    assert "Be the first" in sound(client.get("/issues"))
    assert "Try other words" in sound(client.get("/issues?words=unicorn"))


def test_a_filter_with_nonsense_in_it_still_answers(client: FlaskClient, app_session: Session) -> None:
    an_issue(app_session, title="No lamps here")
    app_session.commit()
    assert "No lamps here" in sound(client.get("/issues?state=flying&ward=nowhere&sort=up&page=minus"))


@pytest.mark.parametrize("path", ["/issues", "/issues?sort=support&words=path"])
def test_the_list_asks_as_much_of_the_database_when_it_is_long(
    app: Flask, client: FlaskClient, app_session: Session, path: str
) -> None:
    an_issue(app_session)
    app_session.commit()
    with statements(app) as few:
        client.get(path)
    for _ in range(40):
        an_issue(app_session)
    app_session.commit()
    with statements(app) as many:
        client.get(path)
    assert len(few) == len(many)


def test_the_page_of_an_issue_asks_as_much_when_many_support_it(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    issue = an_issue(app_session)
    app_session.commit()
    with statements(app) as few:
        client.get(f"/issues/{issue.id}")
    for _ in range(12):
        a_supporter(app_session, issue)
        an_issue(app_session, state=IssueState.MERGED, merged_into_id=issue.id)
    app_session.commit()
    with statements(app) as many:
        client.get(f"/issues/{issue.id}")
    assert len(few) == len(many)


@pytest.mark.parametrize("state", IssueState)
def test_each_reader_sees_an_issue_as_far_as_they_may(
    client: FlaskClient, as_: SignIn, app_session: Session, state: IssueState
) -> None:
    author = a_person(app_session)
    into = an_issue(app_session)
    merged_into = into.id if state is IssueState.MERGED else None
    issue = an_issue(app_session, state=state, raised_by_id=author.id, contact_email=SECRET, merged_into_id=merged_into)
    app_session.commit()
    path = f"/issues/{issue.id}"
    hidden = state in (IssueState.RAISED, IssueState.HIDDEN)
    for reader in (client, as_(Role.PANELLIST)):
        assert reader.get(path).status_code == (404 if hidden else 200)
    for reader in (as_(author), as_(Role.STEWARD), as_(Role.CONNECTOR)):
        text = sound(reader.get(path))
        assert ("It names a neighbour." in text) == (state is IssueState.HIDDEN)
        assert SECRET not in text
    if state is IssueState.MERGED:
        assert str(into.id) in client.get(path).get_data(as_text=True)


def test_a_hidden_issue_shows_its_reason_behind_the_private_link(client: FlaskClient, as_: SignIn) -> None:
    link = client.post("/issues/new", data=GOOD).location.split("?")[0]
    steward = as_(Role.STEWARD)
    path = re.search(r'href="(/issues/[0-9a-f-]{36})"', steward.get("/issues/queue").get_data(as_text=True))
    assert path
    assert steward.post(f"{path[1]}/hide", data={"reason": "It names a neighbour."}).status_code == 302
    assert "It names a neighbour." in sound(client.get(link))
    assert client.get(path[1]).status_code == 404


def test_the_author_reads_the_answer_behind_the_private_link(
    client: FlaskClient, as_: SignIn, app_session: Session
) -> None:
    link = client.post("/issues/new", data={**GOOD, "contact_email": SECRET}).location.split("?")[0]
    path, connector = f"/issues/{stored(app_session).id}", as_(Role.CONNECTOR)
    connector.post(f"{path}/publish")
    wrong = connector.post(f"{path}/answer", data={"kind": "quick_action", "answer": ""})
    assert "Write the answer" in sound(wrong, 422)
    connector.post(f"{path}/answer", data={"kind": "quick_action", "answer": "The lamps were mended."})
    for page in (link, path):
        assert "The lamps were mended." in sound(client.get(page))
    subjects = app_session.scalars(select(OutboxRow.payload)).all()
    assert {s["subject"] for s in subjects} >= {"Your issue is published", "Your issue has an answer"}
    connector.post(f"{path}/close", data={"answer": ""})
    assert stored(app_session).state is IssueState.CLOSED


def test_the_author_has_their_address_forgotten(client: FlaskClient, app_session: Session) -> None:
    link = client.post("/issues/new", data={**GOOD, "contact_email": SECRET}).location.split("?")[0]
    page = client.get(link)
    assert "Forget my e-mail address" in sound(page)
    assert SECRET not in page.get_data(as_text=True)
    assert client.post(f"{link}/forget").location == link
    assert stored(app_session).contact_email is None
    assert "Forget my e-mail address" not in sound(client.get(link)).replace("forgotten", "")
    assert client.post("/issues/yours/nothing/forget").status_code == 404


def test_a_merged_issue_points_to_the_other_everywhere(client: FlaskClient, as_: SignIn, app_session: Session) -> None:
    other = an_issue(app_session, title="The path is dark behind the shops")
    app_session.commit()
    link = client.post("/issues/new", data=GOOD).location.split("?")[0]
    mine = app_session.scalars(select(Issue).where(Issue.id != other.id)).one()
    steward = as_(Role.STEWARD)
    page = steward.get(f"/issues/{mine.id}/merge")
    assert other.title in sound(page)
    assert "Choose the issue that says the same" in sound(steward.post(f"/issues/{mine.id}/merge"), 422)
    answer = steward.post(f"/issues/{mine.id}/merge", data={"into": str(other.id)})
    assert answer.location == f"/issues/{other.id}"
    for path in (link, f"/issues/{mine.id}"):
        assert other.title in sound(client.get(path))
    assert "Another issue joined this one" in sound(client.get(f"/issues/{other.id}"))


def test_support_is_given_once_and_taken_back_on_the_page(as_: SignIn, app_session: Session) -> None:
    issue = an_issue(app_session)
    app_session.commit()
    resident = as_(Role.RESIDENT)
    for _ in range(2):
        assert resident.post(f"/issues/{issue.id}/support").status_code == 302
    assert stored(app_session).support_count == 1
    assert "Your voice is among them" in sound(resident.get(f"/issues/{issue.id}"))
    resident.post(f"/issues/{issue.id}/take-back")
    assert stored(app_session).support_count == 0


def test_somebody_without_an_account_is_led_to_sign_in_and_back(client: FlaskClient, app_session: Session) -> None:
    issue = an_issue(app_session)
    app_session.commit()
    page = client.get(f"/issues/{issue.id}").get_data(as_text=True)
    assert f"/sign-in?next=/issues/{issue.id}" in page
    assert client.post(f"/issues/{issue.id}/support").status_code == 401


def test_a_steward_cannot_look_after_their_own_issue(as_: SignIn, app_session: Session) -> None:
    steward = a_person(app_session, Role.STEWARD)
    issue = an_issue(app_session, raised_by_id=steward.id)
    app_session.commit()
    mine = as_(steward)
    assert "somebody else must look at it" in sound(mine.get(f"/issues/{issue.id}"))
    for step in ("answer", "merge", "hide"):
        assert mine.get(f"/issues/{issue.id}/{step}").status_code == 403
    assert mine.post(f"/issues/{issue.id}/publish").status_code == 403


def test_a_step_that_is_over_leads_back_to_the_issue(as_: SignIn, app_session: Session) -> None:
    issue = an_issue(app_session, state=IssueState.CLOSED)
    app_session.commit()
    steward = as_(Role.STEWARD)
    for step in ("answer", "merge", "hide", "close"):
        assert steward.get(f"/issues/{issue.id}/{step}").location == f"/issues/{issue.id}"
    assert steward.post(f"/issues/{issue.id}/publish").status_code == 422


def test_every_page_of_looking_after_is_sound(as_: SignIn, app_session: Session) -> None:
    issue = an_issue(app_session, body="<b>Lamps</b> are out")
    answered = an_issue(app_session, state=IssueState.ANSWERED)
    app_session.commit()
    steward = as_(Role.STEWARD)
    for step in ("answer", "merge", "merge?words=lamps", "hide"):
        page = steward.get(f"/issues/{issue.id}/{step}")
        assert "<b>Lamps</b> are out" in sound(page)
    sound(steward.get(f"/issues/{answered.id}/close"))
    assert "Nothing waits" in sound(steward.get("/issues/queue"))
    assert "Nothing is hidden" in sound(steward.get("/issues/queue?show=hidden"))


def test_my_issues_are_listed_for_me_alone(as_: SignIn, app_session: Session) -> None:
    author = a_person(app_session)
    an_issue(app_session, title="Mine alone", raised_by_id=author.id, state=IssueState.RAISED)
    app_session.commit()
    assert "Mine alone" in sound(as_(author).get("/issues/yours"))
    assert "You have not raised an issue" in sound(as_(Role.RESIDENT).get("/issues/yours"))


def test_the_home_page_tells_stewards_what_waits(app: Flask, app_session: Session) -> None:
    from grants.issues.views import _issues_wait
    from tests.builders.actors import an_actor
    from tests.support.clock import START

    an_issue(app_session, state=IssueState.RAISED)
    app_session.commit()
    with app.test_request_context():
        (need,) = _issues_wait(an_actor(Role.CONNECTOR), START)
        assert (need.text, need.href) == ("Look at 1 new issue", "/issues/queue")
        assert list(_issues_wait(an_actor(), START)) == []
