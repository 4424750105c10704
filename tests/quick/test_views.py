"""The pages of quick grants: one page to ask, one to answer, one for everybody; and none of a vote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.people.models import Group, Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.quick.models import QuickOpinion
from grants.quick.rules import Says
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_hosting, a_member, a_person
from tests.builders.quick import a_decider, a_quick_round, a_refusal, an_ask
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.crawl import faults


def sound(page: str) -> bool:
    return [fault for fault in faults(page) if "without its token" not in fault] == []


def text_of(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    page = answer.get_data(as_text=True)
    assert sound(page)
    return page


def typed(round: Round, session: Session, **changed: str) -> dict[str, str]:
    """The one page, as a browser posts it."""
    return {
        "version": "0",
        "title": "A bench for our street party",
        "what": "We put a bench on the green.",
        "starts_on": "2026-04-12",
        "priority_id": str(rounds.priority_ids(session, round.id)[0]),
        "for_whom": "Everybody on Hill Street",
        "venue_postcode": "TS18 1AA",
        "lines-0-what": "A bench",
        "lines-0-amount": "180",
        "lines-1-what": "Tea",
        "lines-1-amount": "20",
        "outcomes_seen": "People sit on it.",
        "contact_name": "Wendy",
        "contact_email": "wendy@example.org",
        "help_received": "nobody",
        **changed,
    }


@pytest.fixture
def street(app_session: Session) -> tuple[Group, Person, Person]:
    """A group with a writer and a second member, who may neither edit nor sign off."""
    group = a_group(app_session)
    return group, a_member(app_session, group), a_member(app_session, group, edit=False, sign_off=False)


def the_ask(session: Session) -> Proposal:
    session.rollback()
    return session.scalars(select(Proposal)).one()


# ----------------------------------------------------------------------------------------------------------- asking


def test_a_neighbour_asks_on_one_page_and_a_second_person_sends_it(
    app_session: Session, as_: SignIn, street: tuple[Group, Person, Person]
) -> None:
    group, writer, second = street
    round = a_quick_round(app_session)
    visitor, other, desk = as_(writer), as_(second), as_(a_decider(app_session))
    begun = visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    ask = the_ask(app_session)
    assert begun.location == f"/proposals/{ask.id}/ask"
    assert writer.name in text_of(visitor, begun.location)
    ten_minutes_ago = str(int(START.timestamp()) - 600)
    saved = visitor.post(begun.location, data=typed(round, app_session, opened=ten_minutes_ago))
    assert saved.location == f"/proposals/{ask.id}/ask/check"
    page = text_of(visitor, saved.location)
    assert "£200" in page
    assert f"We write to {second.name}." in page
    assert visitor.post(saved.location).status_code == 302
    assert the_ask(app_session).state is ProposalState.AWAITING_SIGN_OFF
    app_session.rollback()
    assert visitor.post(f"/proposals/{ask.id}/submit").status_code == 403
    assert "Yes, it is right: send it" in text_of(other, f"/proposals/{ask.id}")
    assert other.post(f"/proposals/{ask.id}/submit").status_code == 302
    ask = the_ask(app_session)
    assert (ask.state, ask.applied_for_minor) == (ProposalState.SUBMITTED, 20_000)
    assert "You hear by" in text_of(other, f"/proposals/{ask.id}")
    assert "Where your quick asks are" in text_of(other, f"/groups/{group.id}")
    assert "Asking takes 5.0 minutes of writing for each £100." in text_of(desk, f"/rounds/{round.id}/desk")


def test_what_is_missing_is_said_at_the_field_and_what_was_typed_stays(
    app_session: Session, as_: SignIn, street: tuple[Group, Person, Person]
) -> None:
    group, writer, _ = street
    round = a_quick_round(app_session)
    visitor = as_(writer)
    visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    path = f"/proposals/{the_ask(app_session).id}/ask"
    data = typed(round, app_session, for_whom="", **{"lines-0-amount": "900"})
    checked = visitor.post(path, data=data, follow_redirects=True)
    page = checked.get_data(as_text=True)
    assert "Say who it is for." in page
    assert "The most for one ask is £500: take £420 off." in page
    assert "We put a bench on the green." in page
    wrong = visitor.post(path, data=typed(round, app_session, **{"lines-0-amount": "lots"}))
    assert wrong.status_code == 422
    assert "We put a bench on the green." in wrong.get_data(as_text=True)


def test_two_who_write_at_once_lose_nothing(
    app_session: Session, as_: SignIn, street: tuple[Group, Person, Person]
) -> None:
    group, writer, _ = street
    round = a_quick_round(app_session)
    visitor = as_(writer)
    visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    ask = the_ask(app_session)
    visitor.post(f"/proposals/{ask.id}/ask", data=typed(round, app_session, page_token="one"))
    late = visitor.post(
        f"/proposals/{ask.id}/ask", data=typed(round, app_session, what="Two benches", page_token="two")
    )
    assert late.status_code == 409
    page = late.get_data(as_text=True)
    assert "Two benches" in page
    assert "We put a bench on the green." in page
    auto = f"/proposals/{ask.id}/ask/autosave"
    assert visitor.post(auto, data=typed(round, app_session, page_token="three")).status_code == 409
    assert visitor.post(auto, data=typed(round, app_session, version="1", page_token="four")).status_code == 204


def test_lines_come_and_go_without_script(
    app_session: Session, as_: SignIn, street: tuple[Group, Person, Person]
) -> None:
    group, writer, _ = street
    round = a_quick_round(app_session)
    visitor = as_(writer)
    visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    path = f"/proposals/{the_ask(app_session).id}/ask"
    more = visitor.post(path, data=typed(round, app_session, add="1")).get_data(as_text=True)
    assert 'name="lines-2-what"' in more
    fewer = visitor.post(path, data=typed(round, app_session, remove="0")).get_data(as_text=True)
    assert 'value="Tea"' in fewer
    assert 'value="A bench"' not in fewer


def test_a_group_without_an_account_asks_a_host_on_the_way(app_session: Session, as_: SignIn) -> None:
    host = a_group(app_session, can_host=True, name="Ropner Park Friends")
    a_member(app_session, host)
    group = a_group(app_session, has_bank_account=False)
    writer = a_member(app_session, group)
    a_member(app_session, group)
    round = a_quick_round(app_session)
    visitor = as_(writer)
    visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    ask = the_ask(app_session)
    visitor.post(f"/proposals/{ask.id}/ask", data=typed(round, app_session))
    assert "a host must hold the money" in text_of(visitor, f"/proposals/{ask.id}/ask/check")
    visitor.post(f"/proposals/{ask.id}/ask/host", data={"host_id": str(host.id)})
    assert "You have asked Ropner Park Friends" in text_of(visitor, f"/proposals/{ask.id}/ask/check")
    refused = visitor.post(f"/proposals/{ask.id}/ask/check")
    assert refused.status_code == 422


def test_somebody_who_signs_for_the_host_can_be_the_second_person(app_session: Session, as_: SignIn) -> None:
    group = a_group(app_session, has_bank_account=False)
    hosting = a_hosting(app_session, group)
    of_host = a_member(app_session, hosting.host)
    ask = an_ask(app_session, state=ProposalState.AWAITING_SIGN_OFF, group=group, writer=a_member(app_session, group))
    host, stranger = as_(of_host), as_(a_person(app_session))
    assert stranger.get(f"/proposals/{ask.id}").status_code == 404
    assert host.post(f"/proposals/{ask.id}/submit").status_code == 302


def test_an_empty_pot_says_so_instead_of_a_button(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    round = a_quick_round(app_session, promised_minor=200_000)
    group = a_group(app_session)
    visitor = as_(a_member(app_session, group))
    page = text_of(client, f"/rounds/{round.id}")
    assert "The pot is empty" in page
    assert f"/rounds/{round.id}/ask" not in page
    refused = visitor.post(f"/rounds/{round.id}/ask", data={"group_id": str(group.id)})
    assert "The pot of this round is empty" in refused.get_data(as_text=True)


def test_a_whole_proposal_and_an_ask_do_not_stand_in_for_each_other(app_session: Session, as_: SignIn) -> None:
    ask = an_ask(app_session, state=ProposalState.DRAFT)
    visitor = as_(app_session.get_one(Person, ask.started_by_id))
    for path in (f"/proposals/{ask.id}", f"/proposals/{ask.id}/sections/what", f"/proposals/{ask.id}/take-over"):
        assert visitor.get(path).status_code in (200, 302)
    assert visitor.get(f"/proposals/{ask.id}/sections/what").location == f"/proposals/{ask.id}/ask"
    assert visitor.get(f"/rounds/{ask.round_id}/proposals/new").location == f"/rounds/{ask.round_id}/ask"


# --------------------------------------------------------------------------------------------------------- answering


def test_a_steward_sees_how_many_wait_and_for_how_long_and_answers(app_session: Session, as_: SignIn) -> None:
    round = a_quick_round(app_session)
    ask = an_ask(app_session, round, put_in_at=START - timedelta(days=3))
    an_ask(app_session, round)
    steward, panellist = a_decider(app_session), a_decider(app_session, Role.PANELLIST)
    desk, second = as_(steward), as_(panellist)
    assert "2 quick asks wait, the oldest 3 days" in text_of(desk, "/home")
    assert ask.title in text_of(desk, "/quick-asks")
    page = text_of(desk, f"/quick-asks/{ask.id}")
    assert "You are the first to answer" in page
    missing = desk.post(f"/quick-asks/{ask.id}", data={"copy": "1", "says": "yes"})
    assert missing.status_code == 422
    assert "Say why, in a sentence or two" in missing.get_data(as_text=True)
    said = desk.post(f"/quick-asks/{ask.id}", data={"copy": "1", "says": "yes", "reason": "It stays."})
    assert said.location == "/quick-asks"
    assert "1 quick ask waits, for 1 day" in text_of(desk, "/home")
    page = text_of(second, f"/quick-asks/{ask.id}")
    assert "You are the second: do you agree?" in page
    assert "It stays." in page
    second.post(f"/quick-asks/{ask.id}", data={"copy": "1", "says": "yes"})
    page = text_of(app_client(second), f"/rounds/{round.id}/quick-grants")
    for words in (ask.title, "£200", "It stays.", "Answered in 3 days"):
        assert words in page


def app_client(client: FlaskClient) -> FlaskClient:
    """Somebody without an account."""
    return client.application.test_client()


def test_a_no_needs_a_kind_and_what_was_typed_stays(app_session: Session, as_: SignIn) -> None:
    ask = an_ask(app_session)
    desk = as_(a_decider(app_session))
    answer = desk.post(f"/quick-asks/{ask.id}", data={"copy": "1", "says": "no", "reason": "Too loud"})
    page = answer.get_data(as_text=True)
    assert (answer.status_code, "Choose what kind of reason it is." in page, "Too loud" in page) == (422, True, True)


def test_an_answer_to_an_older_copy_is_kept_in_the_form(app_session: Session, as_: SignIn) -> None:
    ask = an_ask(app_session)
    desk = as_(a_decider(app_session))
    late = desk.post(f"/quick-asks/{ask.id}", data={"copy": "0", "says": "yes", "reason": "It stays."})
    page = late.get_data(as_text=True)
    assert late.status_code == 409
    assert "It stays." in page
    assert all('value="1"' in tag for tag in re.findall(r'<input[^>]*name="copy"[^>]*>', page))


def test_a_question_goes_to_the_group(app_session: Session, as_: SignIn) -> None:
    ask = an_ask(app_session)
    member = as_(app_session.get_one(Person, ask.started_by_id))
    desk = as_(a_decider(app_session))
    empty = desk.post(f"/quick-asks/{ask.id}/question", data={"copy": "1", "words": ""})
    assert empty.status_code == 422
    asked = desk.post(f"/quick-asks/{ask.id}/question", data={"copy": "1", "words": "Whose bench is it?"})
    assert asked.status_code == 302
    page = text_of(member, f"/proposals/{ask.id}")
    assert "Whose bench is it?" in page
    assert "Change the page" in page


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.FINANCE_OFFICER, Role.FUNDER, Role.CONNECTOR])
def test_others_do_not_read_what_waits(app_session: Session, as_: SignIn, role: Role) -> None:
    ask = an_ask(app_session)
    visitor = as_(a_person(app_session) if role is Role.RESIDENT else a_person(app_session, role))
    assert [visitor.get(path).status_code for path in ("/quick-asks", f"/quick-asks/{ask.id}")] == [403, 403]


def test_a_steward_of_another_fund_does_not_read_it(app_session: Session, as_: SignIn) -> None:
    ask, other = an_ask(app_session), a_quick_round(app_session)
    steward = a_person(app_session, Role.STEWARD, scope_id=other.fund_id)
    assert as_(steward).get(f"/quick-asks/{ask.id}").status_code == 403
    assert ask.title not in text_of(as_(steward), "/quick-asks")


# ------------------------------------------------------------------------------------------------ what everybody sees


def test_a_no_is_counted_in_public_and_its_words_are_for_the_group(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    decision = a_refusal(app_session, a_quick_round(app_session))
    ask = app_session.get_one(Proposal, decision.proposal_id)
    member = as_(app_session.get_one(Person, ask.started_by_id))
    public = text_of(client, f"/rounds/{ask.round_id}/quick-grants")
    assert "Somebody else can do it, or pays for it already" in public
    assert ask.title not in public
    assert decision.reason not in public
    assert client.get(f"/proposals/{ask.id}").status_code == 404
    own = text_of(member, f"/proposals/{ask.id}")
    assert decision.reason in own
    assert "Ask again, starting from this" in own
    made = member.post(f"/proposals/{ask.id}/ask/again")
    assert ask.title in text_of(member, str(made.location))


@pytest.mark.parametrize(
    "path", ["how", "vote", "results", "panel", "panel/desk", "proposals", "screening", "can-we-apply", "sandbox"]
)
@pytest.mark.parametrize("state", [RoundState.OPEN, RoundState.COMPLETED])
def test_a_quick_round_has_no_page_of_a_vote_or_a_panel(
    app_session: Session, as_: SignIn, path: str, state: RoundState
) -> None:
    round = a_quick_round(app_session, state)
    desk = as_(a_person(app_session, Role.STEWARD, Role.PANELLIST))
    assert desk.get(f"/rounds/{round.id}/{path}").status_code == 404


STATES = [RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED, RoundState.COMPLETED, RoundState.CANCELLED]


@pytest.mark.parametrize("state", STATES)
def test_its_own_pages_stand_in_every_state_and_lead_nowhere_dead(
    app_session: Session, as_: SignIn, state: RoundState
) -> None:
    round = a_quick_round(app_session, state)
    desk = as_(a_person(app_session, Role.STEWARD))
    for page in ("", "/desk", "/rule-book", "/quick-grants"):
        html = text_of(desk, f"/rounds/{round.id}{page}")
        for link in _links(html, f"/rounds/{round.id}"):
            assert desk.get(link).status_code in (200, 302), link
    assert round.title in text_of(desk, "/rounds")


def _links(html: str, start: str) -> Sequence[str]:
    found = {part.split('"')[0].split("#")[0] for part in html.split('href="')[1:]}
    return sorted(link for link in found if link.startswith(start))


def test_drafting_publishing_and_ending_later(app_session: Session, as_: SignIn) -> None:
    model = a_quick_round(app_session)
    desk = as_(a_person(app_session, Role.STEWARD))
    data = {
        "title": "Small sums",
        "summary": "For good neighbours.",
        "fund_id": str(model.fund_id),
        "priority_ids": str(rounds.priority_ids(app_session, model.id)[0]),
        "pot_minor": "1,000",
        "cap_minor": "600",
        "opens_at": "2026-03-09T09:00",
        "closes_at": "2026-06-09T17:00",
        "decide_days": "5",
        "who_may_apply": "Neighbours.",
        "applicant_kinds": "hosted",
    }
    assert "£500" in desk.post("/rounds/quick/new", data=data).get_data(as_text=True)
    made = desk.post("/rounds/quick/new", data={**data, "cap_minor": "300"})
    round_id = str(made.location).split("/")[2]
    edit = f"/rounds/{round_id}/edit"
    assert "Small sums" in text_of(desk, edit)
    assert desk.post(edit, data={**data, "cap_minor": "400"}).status_code == 302
    assert "Up to £400 for each ask" in text_of(desk, f"/rounds/{round_id}/schedule")
    desk.post(f"/rounds/{round_id}/schedule")
    assert desk.get(f"/rounds/{round_id}/rule-book.json").get_json()["cap_minor"] == 40_000
    assert desk.post(edit, data=data).status_code == 422
    sooner = desk.post(f"/rounds/{round_id}/extend", data={"closes_at": "2026-05-01T12:00", "reason": "x"})
    assert "It can only be later" in sooner.get_data(as_text=True)
    later = desk.post(f"/rounds/{round_id}/extend", data={"closes_at": "2026-07-01T12:00", "reason": "More time."})
    assert later.status_code == 302
    assert "1 July 2026" in text_of(desk, f"/rounds/{round_id}")


def test_the_clock_ends_asking_and_the_last_asks_are_still_answered(
    app_session: Session, as_: SignIn, clock: SetClock
) -> None:
    ask = an_ask(app_session, a_quick_round(app_session, closes_at=START + timedelta(minutes=5)))
    steward = a_decider(app_session)
    draft = an_ask(app_session, ask.round, ProposalState.DRAFT)
    writer = as_(app_session.get_one(Person, draft.started_by_id))
    desk = as_(steward)
    clock.set(START + timedelta(minutes=6))
    assert "You could ask here until" in text_of(writer, f"/proposals/{draft.id}/ask")
    desk.post(f"/quick-asks/{ask.id}", data={"copy": "1", "says": "yes", "reason": "It stays."})
    app_session.rollback()
    assert [one.says for one in app_session.scalars(select(QuickOpinion))] == [Says.YES]
