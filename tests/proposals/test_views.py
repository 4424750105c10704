"""The pages of a proposal, walked as the people who use them."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.outbox.models import OutboxRow
from grants.proposals.models import Proposal
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_hosting, a_member, a_person
from tests.builders.proposals import a_proposal, an_unconstituted_group
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements

S = ProposalState


def text_of(answer: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))  # type: ignore[attr-defined]


WHOLE: dict[str, dict[str, object]] = {
    "what": {
        "title": "Warm hands",
        "summary": "Soup and a chat on Fridays.",
        "what": "We cook soup in the hall.",
        "starts_on": "2026-09-01",
        "ends_on": "2027-03-01",
    },
    "where": {"for_whom": "Older neighbours", "communities": ["older"], "tied": "place", "venue_postcode": "ts181aa"},
    "need": {"answers_need": "People told us that Fridays are lonely."},
    "approach": {
        "approaches": ["none"],
        "level": "community",
        "outcomes_hoped": "People know three more neighbours.",
        "outcomes_seen": "We ask.",
        "second_hoped": "Nobody eats alone on Fridays.",
        "second_seen": "We count.",
    },
    "fairness": {"equality": "There is a ramp.", "poverty": "It is free.", "at_risk": "no"},
    "budget": {
        "lines-0-what": "Soup",
        "lines-0-amount": "250.50",
        "lines-1-what": "Our time",
        "lines-1-amount": "400",
        "lines-1-in_kind": "y",
        "lines-2-what": "",
        "lines-2-amount": "",
    },
    "partners": {"partners": ""},
    "contact": {"contact_name": "Rose", "contact_email": "rose@example.org", "help_received": "nobody"},
}


def seen_version(page: str) -> str:
    found = re.search(r'name="version"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="version"', page)
    assert found
    return found[1] or found[2]


def save(client: FlaskClient, proposal_id: UUID, section: str, **changed: object) -> object:
    url = f"/proposals/{proposal_id}/sections/{section}"
    version = seen_version(client.get(url).get_data(as_text=True))
    return client.post(url, data={"version": version, **WHOLE[section], **changed})


def test_a_group_writes_signs_off_and_puts_in_a_proposal(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.OPEN)
    group = a_group(app_session, name="Warm Hands")
    writer, signer = a_member(app_session, group), a_member(app_session, group)
    client, other = as_(writer), as_(signer)
    answer = client.post(f"/rounds/{round.id}/proposals/new", data={"group_id": str(group.id)})
    proposal_id = UUID(answer.location.rsplit("/", 1)[1])
    assert "0 of 8 sections are done" in text_of(client.get(answer.location))
    for section in Section:
        extra = {"priority_id": str(rounds.priority_ids(app_session, round.id)[0])} if section is Section.NEED else {}
        assert save(client, proposal_id, section.value, **extra).location == f"/proposals/{proposal_id}"  # type: ignore[attr-defined]
    page = text_of(client.get(f"/proposals/{proposal_id}"))
    assert "8 of 8 sections are done" in page
    assert "You ask for £250.50" in page
    assert "Stockton Town Centre" in text_of(client.get(f"/proposals/{proposal_id}/check"))
    assert client.post(f"/proposals/{proposal_id}/check").status_code == 302
    assert "It is not in so far" in text_of(client.get(f"/proposals/{proposal_id}"))
    assert client.post(f"/proposals/{proposal_id}/submit").status_code == 403
    assert "You are asked to sign this off" in text_of(other.get(f"/proposals/{proposal_id}"))
    assert other.post(f"/proposals/{proposal_id}/submit").status_code == 302
    app_session.rollback()
    kept = app_session.get_one(Proposal, proposal_id)
    assert (kept.state, kept.applied_for_minor, kept.imd_deciles) == (S.SUBMITTED, 25_050, [1])
    assert "£250.50" in text_of(other.get(f"/proposals/{proposal_id}/copies/1"))


def test_a_section_saves_with_gaps_and_says_what_is_missing(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT, section_versions={}, title="", summary=None, what=None)
    client = as_(a_member(app_session, proposal.group))
    answer = save(client, proposal.id, "what", summary="")
    page = client.get(answer.location)  # type: ignore[attr-defined]
    assert "Say it in one or two sentences for the ballot" in text_of(page)
    assert "Warm hands" in page.get_data(as_text=True)
    later = save(client, proposal.id, "what", summary="", later="1")
    assert later.location == f"/proposals/{proposal.id}"  # type: ignore[attr-defined]


def test_saving_leads_on_to_the_next_section_that_is_not_done(app_session: Session, as_: SignIn) -> None:
    done = {section.value: 1 for section in Section if section not in (Section.NEED, Section.WHAT)}
    proposal = a_proposal(app_session, state=S.DRAFT, section_versions=done, answers_need=None)
    client, home = as_(a_member(app_session, proposal.group)), f"/proposals/{proposal.id}"
    priority = str(proposal.priority_id)
    assert save(client, proposal.id, "where", on="1").location == f"{home}/sections/need"  # type: ignore[attr-defined]
    on = save(client, proposal.id, "need", on="1", priority_id=priority)
    assert on.location == f"{home}/sections/what"  # type: ignore[attr-defined]
    assert save(client, proposal.id, "what", on="1").location == f"{home}/check"  # type: ignore[attr-defined]
    later = save(client, proposal.id, "what", later="1")
    assert later.location == home  # type: ignore[attr-defined]


def test_the_second_of_two_editors_is_told_and_keeps_both_texts(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    one, two = as_(a_member(app_session, proposal.group)), as_(a_member(app_session, proposal.group))
    url = f"/proposals/{proposal.id}/sections/what"
    version = seen_version(one.get(url).get_data(as_text=True))
    two.get(url)
    one.post(url, data={"version": version, **WHOLE["what"], "what": "Ours, saved first."})
    answer = two.post(url, data={"version": version, **WHOLE["what"], "what": "Mine, saved second."})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Ours, saved first." in page
    assert "Mine, saved second." in page
    again = two.post(url, data={"version": seen_version(page), **WHOLE["what"], "what": "Both."})
    assert again.status_code == 302


def test_a_page_may_save_over_its_own_autosaves(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    client = as_(a_member(app_session, proposal.group))
    url = f"/proposals/{proposal.id}/sections/what"
    body = {"version": "1", "page_token": "this-page", **WHOLE["what"]}
    assert [client.post(f"{url}/autosave", data=body).status_code for _ in range(2)] == [204, 204]
    assert client.post(f"{url}/autosave", data=body | {"page_token": "another-page"}).status_code == 409
    assert client.post(url, data=body | {"what": "The end."}).status_code == 302


def test_rows_of_the_budget_come_and_go_without_scripts(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    client = as_(a_member(app_session, proposal.group))
    url = f"/proposals/{proposal.id}/sections/budget"
    rows = {
        "version": "1",
        "lines-0-what": "Soup",
        "lines-0-amount": "10",
        "lines-1-what": "Bread",
        "lines-1-amount": "x",
    }
    more = client.post(url, data=rows | {"add": "1"}).get_data(as_text=True)
    assert 'name="lines-2-what"' in more
    fewer = client.post(url, data=rows | {"remove": "0"}).get_data(as_text=True)
    assert "Bread" in fewer
    assert "Soup" not in fewer
    assert 'name="lines-1-what"' not in fewer
    wrong = client.post(url, data=rows)
    assert wrong.status_code == 422
    assert "Enter an amount in pounds" in text_of(wrong)


def test_a_budget_above_the_cap_is_kept_and_not_done(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    client = as_(a_member(app_session, proposal.group))
    answer = save(client, proposal.id, "budget", **{"lines-0-amount": "2,000.01", "lines-1-in_kind": "y"})
    assert "take £0.01 off" in text_of(client.get(answer.location))  # type: ignore[attr-defined]


def test_a_group_without_an_account_is_told_how_to_begin(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    round = a_round(app_session, RoundState.OPEN)
    nobody = as_(a_person(app_session))
    assert "You do not belong to one here yet" in text_of(nobody.get(f"/rounds/{round.id}/proposals/new"))
    assert client.get(f"/rounds/{round.id}/proposals/new").status_code == 401
    hostless = an_unconstituted_group(app_session)
    assert "needs a host" in text_of(as_(a_member(app_session, hostless)).get(f"/rounds/{round.id}/proposals/new"))


def test_a_group_of_one_is_signed_off_by_its_host(app_session: Session, as_: SignIn) -> None:
    group = an_unconstituted_group(app_session)
    hosting = a_hosting(app_session, group)
    writer = app_session.get_one(type(a_person(app_session)), hosting.asked_by_id)
    host_signer = a_member(app_session, hosting.host)
    proposal = a_proposal(app_session, state=S.DRAFT, group=group, writer=writer)
    asks, signs = as_(writer), as_(host_signer)
    assert asks.post(f"/proposals/{proposal.id}/check").status_code == 302
    assert signs.post(f"/proposals/{proposal.id}/submit").status_code == 302


OUTSIDE = [
    ("GET", ""),
    ("GET", "/check"),
    ("POST", "/check"),
    ("GET", "/sections/what"),
    ("POST", "/sections/what"),
    ("POST", "/sections/what/autosave"),
    ("POST", "/submit"),
    ("GET", "/send-back"),
    ("POST", "/take-back"),
    ("POST", "/reopen"),
    ("POST", "/withdraw"),
    ("GET", "/copies/1"),
]


@pytest.mark.parametrize("state", [S.DRAFT, S.AWAITING_SIGN_OFF, S.SUBMITTED, S.INELIGIBLE, S.NOT_SUBMITTED])
def test_nobody_else_may_even_know_of_a_proposal_that_is_not_public(
    app_session: Session, as_: SignIn, state: ProposalState
) -> None:
    proposal = a_proposal(app_session, state=state)
    stranger = a_member(app_session, a_group(app_session))
    client = as_(stranger, Role.PANELLIST)
    found = {(m, p): client.open(f"/proposals/{proposal.id}{p}", method=m).status_code for m, p in OUTSIDE}
    assert set(found.values()) == {404}


def test_contact_details_never_reach_the_public(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.VOTING)
    proposal = a_proposal(app_session, round, S.ON_BALLOT, contact_name="Rose Marwood", contact_phone="01642 555 0199")
    app_session.commit()
    seen = client.get(f"/proposals/{proposal.id}").get_data(as_text=True)
    assert proposal.title in seen
    assert "Rose Marwood" not in seen
    assert "01642 555 0199" not in seen
    inside = as_(a_member(app_session, proposal.group)).get(f"/proposals/{proposal.id}")
    assert "01642 555 0199" in inside.get_data(as_text=True)


def test_one_that_the_panel_kept_off_the_ballot_is_not_told_as_lost(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.VOTING)
    kept_off = a_proposal(app_session, round, S.NOT_FUNDED, number=None, kept_off_reason="It has 40% of the points.")
    app_session.commit()
    page = text_of(client.get(f"/proposals/{kept_off.id}"))
    assert "Not on the ballot" in page
    assert "It has 40% of the points." in page
    assert "Not funded" not in text_of(client.get(f"/rounds/{round.id}"))


def test_a_steward_checks_proposals_after_the_close(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.CLOSED)
    good, bad = a_proposal(app_session, round), a_proposal(app_session, round)
    client = as_(Role.STEWARD)
    assert good.title in text_of(client.get(f"/rounds/{round.id}/screening"))
    assert client.post(f"/proposals/{good.id}/screen", data={"verdict": "yes"}).status_code == 302
    missing = client.post(f"/proposals/{bad.id}/screen", data={"verdict": "no"})
    assert missing.status_code == 422
    assert "Choose which rule it does not meet" in text_of(missing)
    body = {"verdict": "no", "code": "not_safe", "words": "Nobody looks after the children."}
    assert client.post(f"/proposals/{bad.id}/screen", data=body).status_code == 302
    app_session.rollback()
    assert (good.state, bad.state) == (S.ELIGIBLE, S.INELIGIBLE)
    assert client.post(f"/proposals/{bad.id}/reinstate", data={"reason": "They found two adults."}).status_code == 302
    app_session.rollback()
    assert bad.state is S.ELIGIBLE


def test_nobody_outside_reads_a_proposal_before_the_vote_opens(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    proposal = a_proposal(app_session, round, S.ELIGIBLE)
    app_session.commit()
    for visitor in (client, as_(Role.PANELLIST), as_(Role.RESIDENT)):
        assert visitor.get(f"/proposals/{proposal.id}").status_code == 404
        for page in (f"/rounds/{round.id}", f"/rounds/{round.id}/proposals", f"/groups/{proposal.group_id}"):
            assert proposal.title not in text_of(visitor.get(page))


def test_the_list_is_shown_when_the_vote_opens_in_an_order_of_the_visitors_own(
    app_session: Session, client: FlaskClient, clock: SetClock
) -> None:
    round = a_round(app_session, RoundState.VOTING)
    titles = {a_proposal(app_session, round, S.ON_BALLOT).title for _ in range(30)}
    app_session.commit()
    url = f"/rounds/{round.id}/proposals"

    def order(visitor: FlaskClient) -> list[str]:
        pages = [visitor.get(f"{url}?page={n}").get_data(as_text=True) for n in (1, 2)]
        return [title for page in pages for title in re.findall(r"Grow your own \d+", page)]

    mine = order(client)
    assert len(mine) == 30
    assert set(mine) == titles
    assert order(client) == mine
    assert order(client.application.test_client()) != mine


def test_the_pages_that_show_proposals_cost_the_same_however_many_there_are(
    app_session: Session, client: FlaskClient
) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    sizes = []
    for more in (2, 10):
        for _ in range(more):
            a_proposal(app_session, round, S.ELIGIBLE)
        app_session.commit()
        for path in (f"/rounds/{round.id}", f"/rounds/{round.id}/proposals"):
            with statements(client.application) as heard:
                assert client.get(path).status_code == 200
            sizes.append(len(heard))
    assert sizes[:2] == sizes[2:]


def test_what_was_not_put_in_by_the_second_is_refused_kept_and_sent(
    app_session: Session, as_: SignIn, clock: SetClock
) -> None:
    proposal = a_proposal(app_session, state=S.AWAITING_SIGN_OFF)
    signer = a_member(app_session, proposal.group)
    clock.set(proposal.round.closes_at)
    client = as_(signer)
    answer = client.post(f"/proposals/{proposal.id}/submit")
    assert answer.status_code == 422
    assert "closed for proposals at" in text_of(answer)
    runner = client.application.test_cli_runner()
    for _ in range(2):
        assert runner.invoke(args=["rounds", "tick"]).exit_code == 0
    app_session.rollback()
    assert proposal.state is S.NOT_SUBMITTED
    letters = [one.payload for one in app_session.scalars(select(OutboxRow))]
    assert len(letters) == 3
    assert all("four raised beds" in one["text"] for one in letters)


def test_one_second_before_the_close_it_is_still_taken(app_session: Session, as_: SignIn, clock: SetClock) -> None:
    proposal = a_proposal(app_session, state=S.AWAITING_SIGN_OFF)
    clock.set(proposal.round.closes_at - timedelta(seconds=1))
    client = as_(a_member(app_session, proposal.group))
    assert client.post(f"/proposals/{proposal.id}/submit").status_code == 302


def test_home_names_what_waits_for_each_person(app_session: Session, client: FlaskClient) -> None:
    from grants.web.needs import all_needs
    from tests.builders.people import actor_of

    asked = a_proposal(app_session, state=S.AWAITING_SIGN_OFF)
    waiting = a_proposal(app_session, state=S.SUBMITTED)
    signer, steward = a_member(app_session, asked.group), a_person(app_session, Role.STEWARD)
    app_session.commit()
    with client.application.test_request_context():
        needs, _ = all_needs(actor_of(app_session, signer), START)
        assert [one.text for one in needs] == [f"Sign off “{asked.title}”"]
        found, _ = all_needs(actor_of(app_session, steward), START)
        assert ("Check 1 proposal", waiting.round.title) in [(one.text, one.detail) for one in found]
