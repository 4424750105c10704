"""Pages of priorities."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.issues.rules import IssueState
from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.priorities.models import Consultation, Priority, PriorityInsight, PriorityIssue
from grants.priorities.rules import PriorityState
from grants.priorities.views import _askings_ended
from grants.proposals.rules.states import ProposalState
from grants.rounds.rules.states import RoundState
from tests.builders.actors import an_actor
from tests.builders.insights import an_insight
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.builders.priorities import a_backing, a_connected_action, a_priority
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.answers import sound
from tests.support.clock import START
from tests.support.statements import statements


def an_asking(session: Session, *titles: str, days: int = 7) -> tuple[UUID, list[Priority]]:
    """Priorities that the community is being asked about together."""
    asking = Consultation(opened_at=START, closes_at=START + timedelta(days=days))
    session.add(asking)
    session.flush()
    made = [
        a_priority(
            session,
            title=title,
            state=PriorityState.CONSULTED,
            consultation_id=asking.id,
            consultation_closes_at=asking.closes_at,
        )
        for title in titles
    ]
    session.commit()
    return asking.id, made


def test_a_priority_goes_from_a_suggestion_to_an_agreement_through_the_pages(
    client: FlaskClient, as_: SignIn, app_session: Session, clock: SetClock
) -> None:
    issue, insight = an_issue(app_session), an_insight(app_session)
    app_session.commit()
    connector, steward, resident = as_(Role.CONNECTOR), as_(Role.STEWARD), as_(Role.RESIDENT)
    wrong = connector.post("/priorities/new", data={"title": "Good food", "statement": ""})
    assert "Say what you want to be different" in sound(wrong, 422)
    empty = connector.post("/priorities/new", data={"title": "Good food", "statement": "All eat well."})
    assert "Choose at least one issue or insight" in sound(empty, 422)
    evidence = {"issues": [str(issue.id)], "insights": [str(insight.id)]}
    done = connector.post("/priorities/new", data={"title": "Good food", "statement": "All eat well.", **evidence})
    page, id = done.location, done.location.rsplit("/", 1)[1]
    assert client.get(page).status_code == 404
    assert issue.title in sound(connector.get(page))
    assert "Good food" in sound(connector.get(f"{page}/edit"))

    sound(steward.get(f"/priorities/consult?priority={id}"))
    assert "Choose at least one" in sound(steward.post("/priorities/consult"), 422)
    asked = steward.post("/priorities/consult", data={"priorities": [id], "closes_at": "2026-03-09T12:00"})
    assert "Sign in to choose" in sound(client.get(asked.location))
    assert "Choose what matters most to you" in sound(resident.post(asked.location), 422)
    assert resident.post(asked.location, data={"first": id}).location == asked.location
    assert "Your choice is kept" in sound(resident.get(asked.location))
    assert steward.get(f"{page}/agree").location == page

    clock.set(START + timedelta(days=8))
    app_session.rollback()
    steward = as_(Role.STEWARD)
    assert "person took part" in sound(client.get(asked.location))
    agreement = {"owner_name": "The food circle", "meeting": "Forum", "agreed_on": "2026-03-11"}
    assert "must be today or in the past" in sound(steward.post(f"{page}/agree", data=agreement), 422)
    assert steward.post(f"{page}/agree", data={**agreement, "agreed_on": "2026-03-10"}).location == page
    text = sound(client.get(page))
    for words in ("You said", "We did", "The food circle", "10 March 2026", issue.title, insight.text):
        assert words in text
    app_session.rollback()
    app_session.refresh(issue)
    assert issue.state is IssueState.TAKEN_UP
    assert "Good food" in sound(client.get(f"/issues/{issue.id}"))


def test_results_stay_hidden_until_the_asking_ends(
    client: FlaskClient, as_: SignIn, app_session: Session, clock: SetClock
) -> None:
    asking, (food, walks) = an_asking(app_session, "Good food", "Safe walks")
    a_backing(app_session, walks, a_person(app_session))
    app_session.commit()
    path = f"/priorities/consultations/{asking}"
    for reader in (client, as_(Role.STEWARD), as_(Role.RESIDENT)):
        for page in (path, f"/priorities/{walks.id}", "/priorities"):
            assert "took part" not in sound(reader.get(page))
    clock.set(START + timedelta(days=7))
    text = sound(client.get(path))
    assert "took part" in text
    assert re.search(r"Safe walks.* 3 ", text)
    late = as_(Role.RESIDENT).post(path, data={"first": str(food.id)})
    assert late.status_code == 422


def test_a_second_choice_that_repeats_the_first_is_told_at_its_field(as_: SignIn, app_session: Session) -> None:
    asking, (food, _walks, _work) = an_asking(app_session, "Good food", "Safe walks", "Work")
    page = as_(Role.RESIDENT).post(
        f"/priorities/consultations/{asking}", data={"first": str(food.id), "second": str(food.id)}
    )
    assert "You have chosen this already" in sound(page, 422)
    assert 'href="#second"' in page.get_data(as_text=True)


def test_choosing_needs_an_account(client: FlaskClient, app_session: Session) -> None:
    asking, (food,) = an_asking(app_session, "Good food")
    assert client.post(f"/priorities/consultations/{asking}", data={"first": str(food.id)}).status_code == 401


def test_the_list_shows_each_reader_what_they_may_see(client: FlaskClient, as_: SignIn, app_session: Session) -> None:
    an_asking(app_session, "Being asked about")
    a_priority(app_session, title="Agreed long ago")
    a_priority(app_session, title="Only suggested", state=PriorityState.SUGGESTED)
    a_priority(app_session, title="Ended again", state=PriorityState.RETIRED)
    app_session.commit()
    public = sound(client.get("/priorities"))
    assert all(title in public for title in ("Being asked about", "Agreed long ago", "Ended again", "It is done."))
    assert "Say what matters most" in public
    assert "Only suggested" not in public
    assert "Only suggested" in sound(as_(Role.CONNECTOR).get("/priorities"))


def test_the_empty_list_says_what_to_do(client: FlaskClient, as_: SignIn) -> None:
    assert "Raise an issue" in sound(client.get("/priorities"))
    assert "Suggest a priority" in sound(as_(Role.STEWARD).get("/priorities"))
    assert "Make one first" in sound(as_(Role.STEWARD).get("/priorities/consult"))


def test_the_page_tells_what_was_said_and_what_was_done(client: FlaskClient, app_session: Session) -> None:
    answered = an_issue(app_session, state=IssueState.ANSWERED, title="No lamps", answer="The lamps were mended.")
    waiting = an_issue(app_session, title="No benches", contact_email="jo@example.org")
    priority = a_priority(app_session, issues=(answered, waiting), insights=(an_insight(app_session, text="Go out"),))
    a_connected_action(app_session, priority, partner="<i>Catalyst</i>")
    app_session.commit()
    said, did = sound(client.get(f"/priorities/{priority.id}")).split("We did", 1)
    assert all(words in said for words in ("No lamps", "No benches", "Go out"))
    assert all(words in did for words in ("The lamps were mended.", "<i>Catalyst</i>"))
    assert "jo@example.org" not in said + did


def test_a_round_and_its_bids_are_not_yet_something_that_was_done(client: FlaskClient, app_session: Session) -> None:
    priority = a_priority(app_session)
    round = a_round(app_session, RoundState.VOTING, priorities=[priority])
    proposal = a_proposal(app_session, round, state=ProposalState.ON_BALLOT, number=7, priority=priority)
    app_session.commit()
    did = sound(client.get(f"/priorities/{priority.id}")).split("We did", 1)[1]
    assert "Nothing yet" in did
    assert round.title in did
    assert proposal.title in did
    assert "Number 7" not in did


def test_a_changed_priority_shows_what_was_put_in_and_taken_out(
    client: FlaskClient, as_: SignIn, app_session: Session
) -> None:
    priority = a_priority(app_session, statement="Good food for all")
    app_session.commit()
    steward, path = as_(Role.STEWARD), f"/priorities/{priority.id}/revise"
    assert "Say why it changes" in sound(steward.post(path, data={"why": ""}), 422)
    change = {
        "title": priority.title,
        "statement": "Good food for everybody",
        "owner_name": "The food circle",
        "meeting": "Second forum",
        "agreed_on": "2026-03-01",
        "why": "“All” left some out.",
    }
    assert steward.post(path, data=change).status_code == 302
    page = client.get(f"/priorities/{priority.id}")
    text = sound(page)
    assert "taken out: all" in text
    assert "put in: everybody" in text
    assert "Version 2" in text
    assert "left some out" in text


def test_ending_a_priority_keeps_its_page_and_tells_why(client: FlaskClient, as_: SignIn, app_session: Session) -> None:
    priority = a_priority(app_session)
    app_session.commit()
    steward = as_(Role.STEWARD)
    assert "Say why it ends" in sound(steward.post(f"/priorities/{priority.id}/retire"), 422)
    steward.post(f"/priorities/{priority.id}/retire", data={"reason": "Everybody eats well now."})
    assert "Everybody eats well now." in sound(client.get(f"/priorities/{priority.id}"))


def test_partners_are_noted_and_their_news_too(as_: SignIn, app_session: Session) -> None:
    priority = a_priority(app_session)
    app_session.commit()
    connector, path = as_(Role.CONNECTOR), f"/priorities/{priority.id}"
    assert "Name the partner" in sound(connector.post(f"{path}/actions/new", data={"what": "A stall"}), 422)
    data = {"partner": "Catalyst", "what": "A stall", "progress": "planned"}
    assert connector.post(f"{path}/actions/new", data=data).location == path
    news = re.search(r"/priorities/actions/[0-9a-f-]{36}", connector.get(path).get_data(as_text=True))
    assert news
    sound(connector.get(news[0]))
    connector.post(news[0], data={"what": "Two stalls", "progress": "done"})
    page = sound(connector.get(path))
    assert all(words in page for words in ("Two stalls", "Catalyst joins in", "News from Catalyst"))


@pytest.mark.parametrize("state", PriorityState)
def test_a_step_that_cannot_be_taken_leads_back_to_the_priority(
    as_: SignIn, app_session: Session, state: PriorityState
) -> None:
    priority = a_priority(app_session, state=state)
    app_session.commit()
    steward, path = as_(Role.STEWARD), f"/priorities/{priority.id}"
    open_pages = {
        "edit": state is PriorityState.SUGGESTED,
        "agree": state is PriorityState.CONSULTED,
        "revise": state is PriorityState.AGREED,
        "actions/new": state is PriorityState.AGREED,
        "retire": state is not PriorityState.RETIRED,
    }
    for page, is_open in open_pages.items():
        answer = steward.get(f"{path}/{page}")
        if is_open:
            sound(answer)
        else:
            assert answer.location == path
    sound(steward.get(path))


@pytest.mark.parametrize("path", ["/priorities", "/priorities/{id}"])
def test_pages_ask_as_much_of_the_database_when_there_is_more(
    app: Flask, client: FlaskClient, app_session: Session, path: str
) -> None:
    priority = a_priority(app_session, issues=(an_issue(app_session),), insights=(an_insight(app_session),))
    a_connected_action(app_session, priority)
    app_session.commit()
    path = path.format(id=priority.id)
    with statements(app) as few:
        client.get(path)
    for _ in range(8):
        a_priority(app_session, issues=(an_issue(app_session),))
        a_connected_action(app_session, priority)
        app_session.add(PriorityIssue(priority_id=priority.id, issue_id=an_issue(app_session).id))
        app_session.add(PriorityInsight(priority_id=priority.id, insight_id=an_insight(app_session).id))
    app_session.commit()
    with statements(app) as many:
        client.get(path)
    assert len(few) == len(many)


def test_the_home_page_tells_stewards_which_askings_ended(app: Flask, app_session: Session) -> None:
    _, (food,) = an_asking(app_session, "Good food")
    ended = START + timedelta(days=7)
    with app.test_request_context():
        assert list(_askings_ended(an_actor(Role.STEWARD), START)) == []
        (need,) = _askings_ended(an_actor(Role.STEWARD), ended)
        assert need.href == f"/priorities/{food.id}"
        assert list(_askings_ended(an_actor(Role.CONNECTOR), ended)) == []
