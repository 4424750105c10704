"""The meeting on a tablet: what each may see and do, and minutes for the panel and for everybody."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.meetings import queries
from grants.meetings import views as meetings
from grants.review.rules import ReviewState
from grants.rounds.rules.states import RoundState
from tests.builders.allocation import a_counted_round
from tests.builders.meetings import PLACE, a_planned_meeting, an_open_meeting
from tests.builders.people import a_member, a_person
from tests.builders.review import a_review
from tests.conftest import SignIn
from tests.proposals.test_views import text_of


def test_a_meeting_from_the_plan_to_the_minutes(
    app_session: Session, as_: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, _ = a_planned_meeting(app_session)
    app_session.commit()
    at = f"/rounds/{counted.round.id}"
    chair, others = counted.panel[0], [str(one.id) for one in counted.panel[1:]]
    page = text_of(as_(counted.panel[1]).get("/home"))
    assert f"At {PLACE}" in page
    browser = as_(chair)
    assert browser.post(f"{at}/meeting/begin").status_code == 302
    assert browser.post(f"{at}/meeting/attendance", data={"present": [str(UUID(int=1))]}).status_code == 422
    assert browser.post(f"{at}/meeting/attendance", data={"present": others}).status_code == 302
    assert "Go on with bid 1" in text_of(browser.get(f"{at}/meeting"))
    wrong = browser.post(f"{at}/meeting/bids/1", data={"verdict": "not_funded", "note": "We talked.", "do": "settle"})
    assert wrong.status_code == 422
    assert "Say why the panel decides otherwise" in text_of(wrong)
    assert "We talked." in text_of(wrong)
    said = {"note": "Loud in the room.", "do": "settle"}
    after = browser.post(f"{at}/meeting/bids/1", data={**said, "verdict": "awarded", "conditions": "Open at ten."})
    assert after.location == f"{at}/meeting/bids/2"
    for position, verdict in ((2, "awarded"), (3, "awarded")):
        browser.post(f"{at}/meeting/bids/{position}", data={**said, "verdict": verdict})
    last = browser.post(f"{at}/meeting/bids/4", data={**said, "verdict": "not_funded", "reason": "No site."})
    assert last.location == f"{at}/meeting"
    assert "Close the meeting and decide" in text_of(browser.get(f"{at}/meeting"))
    assert browser.get(f"{at}/meeting/minutes.pdf").status_code == 404
    assert browser.post(f"{at}/meeting/close").status_code == 302
    monkeypatch.setattr(meetings, "pdf_answer", lambda template, _, **told: meetings.render_template(template, **told))
    minutes = text_of(browser.get(f"{at}/meeting/minutes.pdf"))
    for word in (chair.name, counted.panel[2].name, "Loud in the room.", "Open at ten.", "No site.", PLACE):
        assert word in minutes
    stranger = as_(a_person(app_session))
    assert stranger.get(f"{at}/minutes.pdf").status_code == 404
    assert stranger.get(f"{at}/meeting").status_code == 403
    app_session.rollback()
    counted.round.state = RoundState.ANNOUNCED
    counted.round.announced_at = counted.round.decide_by
    app_session.commit()
    assert "Read the minutes" in text_of(stranger.get(at))
    public = text_of(stranger.get(f"{at}/minutes.pdf"))
    for word in ("3 of the panel’s 3 members took part", "Open at ten.", "No site.", PLACE):
        assert word in public
    for word in (*(one.name for one in counted.panel), "Loud in the room."):
        assert word not in public


def test_given_a_recused_member_that_bid_its_scores_and_discussion_are_hidden(
    app_session: Session, as_: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = a_counted_round(app_session)
    hidden, out = counted.proposals[1], counted.panel[2]
    hidden.title = "Zinnia beds"
    a_review(app_session, hidden, out, ReviewState.RECUSED)
    a_review(app_session, hidden, counted.panel[1], ReviewState.LOCKED)
    counted, meeting = an_open_meeting(app_session, counted)
    app_session.commit()
    at = f"/rounds/{counted.round.id}/meeting"
    chair, theirs = as_(counted.panel[0]), {"note": "Said of the zinnias.", "verdict": "awarded", "do": "settle"}
    assert chair.post(f"{at}/bids/2", data=theirs).status_code == 302
    shown = text_of(chair.get(f"{at}/bids/2"))
    assert "Zinnia beds" in shown
    assert "We read about truth." in shown
    assert "1 member out" in shown
    browser = as_(out)
    agenda, page = browser.get(at), browser.get(f"{at}/bids/2")
    assert "2. A bid you are not part of" in text_of(agenda)
    assert "<title>A bid you are not part of" in page.get_data(as_text=True)
    secrets = ("Zinnia", "zinnias", "We read about truth.", hidden.group.name, str(hidden.id))
    for answer in (agenda, page):
        assert not [one for one in secrets if one in answer.get_data(as_text=True)]
    assert f"{at}/bids/3" in page.get_data(as_text=True)
    assert browser.post(f"{at}/bids/2", data=theirs).status_code == 404
    assert "Bid 1" in text_of(browser.get(f"{at}/bids/1"))
    found = queries.agenda(app_session, counted.round, meeting)
    ruled = {item.row.position: item.decision.verdict.value for item in found if item.decision}
    app_session.rollback()
    browser = as_(counted.panel[0])
    for position, verdict in ruled.items():
        note = "Said of the zinnias." if position == 2 else ""
        browser.post(f"{at}/bids/{position}", data={"verdict": verdict, "do": "settle", "note": note})
    assert browser.post(f"{at}/close").status_code == 302
    app_session.rollback()
    monkeypatch.setattr(meetings, "pdf_answer", lambda template, _, **told: meetings.render_template(template, **told))
    minutes = as_(out).get(f"{at}/minutes.pdf").get_data(as_text=True)
    assert "2. A bid you are not part of" in minutes
    assert not [one for one in secrets if one in minutes]
    for page in ("allocation", "results"):
        answer = as_(out).get(f"/rounds/{counted.round.id}/{page}")
        assert answer.status_code == 200
        assert not [one for one in secrets if one in answer.get_data(as_text=True)]


def test_the_page_takes_no_more_queries_for_more_bids(app_session: Session, as_: SignIn) -> None:
    small, _ = a_planned_meeting(app_session, a_counted_round(app_session, (10_000, 10_000, 10_000)))
    large, _ = a_planned_meeting(app_session, a_counted_round(app_session, (10_000,) * 9, ((1, 2), (3, 4, 9))))
    addresses = [f"/rounds/{one.round.id}/meeting" for one in (small, large)]
    app_session.commit()
    browser, counted, statements = as_(Role.STEWARD), [], list[str]()
    engine = app_session.get_bind()
    browser.get(addresses[0])
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    for address in addresses:
        statements.clear()
        assert browser.get(address).status_code == 200
        counted.append(len(statements))
    assert counted[0] == counted[1]


def test_a_steward_plans_on_a_page_and_what_is_wrong_is_said_at_the_field(app_session: Session, as_: SignIn) -> None:
    counted, meeting = a_planned_meeting(app_session)
    app_session.commit()
    browser, at = as_(counted.steward), f"/rounds/{counted.round.id}/meeting"
    assert browser.post(f"{at}/plan", data={"place": "", "order": "result"}).status_code == 422
    typed = {"starts_at": "2026-05-06T18:30", "place": "The library", "order": "apart"}
    assert browser.post(f"{at}/plan", data=typed).location == at
    app_session.rollback()
    assert meeting.place == "The library"
    assert "The library" in text_of(browser.get(f"/rounds/{counted.round.id}/desk"))


def test_a_member_of_the_group_behind_a_bid_is_out_for_it(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    a_member(session, counted.proposals[0].group, counted.panel[1])
    session.flush()
    assert queries.agenda(session, counted.round, meeting)[0].out == {counted.panel[1].id}
