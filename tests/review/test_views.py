"""The panel's pages: who sees what and when, and that nothing typed is lost."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.review import queries
from grants.review.models import Review
from grants.review.rules import ReviewState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_person
from tests.builders.proposals import a_proposal
from tests.builders.review import CRITERIA, a_finding, a_panel, a_panellist, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.crawl import faults
from tests.support.statements import statements

S = ReviewState
SECRET = "We will build four raised beds"


@pytest.fixture
def checking(app_session: Session) -> Round:
    """A round that is being checked."""
    return a_round(app_session, RoundState.CHECKING)


def a_bid(session: Session, round: Round, **fields: object) -> Proposal:
    return a_proposal(session, round, ProposalState.ELIGIBLE, **fields)  # type: ignore[arg-type]


def sound(page: str) -> bool:
    """Whether the page is sound HTML; forms have no token in these tests."""
    return [fault for fault in faults(page) if "without its token" not in fault] == []


def a_form(version: int = 0, do: str = "submit", **changed: str) -> dict[str, str]:
    form = {"version": str(version), "do": do}
    for criterion in CRITERIA:
        form |= {f"value_{criterion}": "2", f"reason_{criterion}": "They say so."}
    return {**form, **changed}


# ------------------------------------------------------------------------------------------------------- before reading


def test_before_a_declaration_only_group_and_title_show(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    bid = a_bid(app_session, checking)
    review = a_review(app_session, bid, person, S.ASSIGNED)
    visitor = as_(person)
    for path in (f"/rounds/{checking.id}/panel", f"/reviews/{review.id}"):
        page = visitor.get(path).get_data(as_text=True)
        assert bid.title in page
        assert bid.group.name in page
        assert SECRET not in page
        assert "raised beds" not in page.lower()
    assert visitor.post(f"/reviews/{review.id}", data=a_form()).status_code == 404


def test_no_interest_opens_the_bid(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.ASSIGNED)
    visitor = as_(person)
    answer = visitor.post(f"/reviews/{review.id}/declare", data={"interest": "no"}, follow_redirects=True)
    page = answer.get_data(as_text=True)
    assert SECRET in page
    assert "People were listened to, and part of the plan comes from them." in page
    assert sound(page)


def test_an_interest_closes_it_for_good(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.ASSIGNED)
    visitor = as_(person)
    blank = visitor.post(f"/reviews/{review.id}/declare", data={"interest": "yes", "words": ""})
    assert blank.status_code == 422
    visitor.post(f"/reviews/{review.id}/declare", data={"interest": "yes", "words": "My sister runs it."})
    page = visitor.get(f"/reviews/{review.id}").get_data(as_text=True)
    assert "You stepped aside" in page
    assert SECRET not in page
    assert visitor.post(f"/reviews/{review.id}", data=a_form()).status_code == 404


def test_an_answer_is_needed(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.ASSIGNED)
    answer = as_(person).post(f"/reviews/{review.id}/declare", data={})
    assert answer.status_code == 422
    assert "Choose one of these" in answer.get_data(as_text=True)


def test_a_withdrawn_bid_is_taken_away_from_its_readers(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    bid = a_bid(app_session, checking)
    review = a_review(app_session, bid, person, S.IN_PROGRESS)
    bid.state = ProposalState.WITHDRAWN
    visitor = as_(person)
    page = visitor.get(f"/reviews/{review.id}").get_data(as_text=True)
    assert "This bid was withdrawn" in page
    assert SECRET not in page
    assert bid.title not in visitor.get(f"/rounds/{checking.id}/panel").get_data(as_text=True)
    assert "Read and score" not in visitor.get("/home").get_data(as_text=True)


# -------------------------------------------------------------------------------------------------------------- access


@pytest.mark.parametrize("state", [S.ASSIGNED, S.CLEARED, S.SUBMITTED, S.LOCKED])
def test_another_panellist_typing_the_address_finds_nothing(
    app_session: Session, checking: Round, as_: SignIn, state: ReviewState
) -> None:
    owner, other = a_panel(app_session, checking, 2)
    review = a_review(app_session, a_bid(app_session, checking), owner, state)
    visitor = as_(other)
    assert visitor.get(f"/reviews/{review.id}").status_code == 404
    assert visitor.post(f"/reviews/{review.id}", data=a_form(review.version)).status_code == 404
    assert visitor.post(f"/reviews/{review.id}/declare", data={"interest": "no"}).status_code == 404
    assert visitor.post(f"/reviews/{review.id}/recuse", data={"words": "x"}).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PANELLIST])
def test_other_roles_cannot_open_a_review(app_session: Session, checking: Round, as_: SignIn, role: Role) -> None:
    review = a_review(app_session, a_bid(app_session, checking), state=S.CLEARED)
    assert as_(role).get(f"/reviews/{review.id}").status_code == 403


def test_a_panellist_of_another_round_sees_nothing_here(app_session: Session, checking: Round, as_: SignIn) -> None:
    a_review(app_session, a_bid(app_session, checking))
    stranger = a_panellist(app_session, a_round(app_session, RoundState.CHECKING))
    visitor = as_(stranger)
    for path in ("panel", "panel/desk", "panel/findings", "panel/lock"):
        assert visitor.get(f"/rounds/{checking.id}/{path}").status_code == 403


def test_a_plain_panellist_has_no_desk(app_session: Session, checking: Round, as_: SignIn) -> None:
    chair, other = a_panel(app_session, checking, 2)
    assert as_(chair).get(f"/rounds/{checking.id}/panel/desk").status_code == 200
    assert as_(other).get(f"/rounds/{checking.id}/panel/desk").status_code == 403
    assert as_(other).get(f"/rounds/{checking.id}/panel/lock").status_code == 403


@pytest.mark.parametrize("role", [Role.STEWARD, Role.AUDITOR, Role.ADMIN])
def test_those_who_look_after_the_panel_go_on_to_its_desk(
    app_session: Session, checking: Round, as_: SignIn, role: Role
) -> None:
    answer = as_(role).get(f"/rounds/{checking.id}/panel")
    assert answer.location == f"/rounds/{checking.id}/panel/desk"


def test_an_auditor_only_looks(app_session: Session, checking: Round, as_: SignIn) -> None:
    page = as_(Role.AUDITOR).get(f"/rounds/{checking.id}/panel/desk").get_data(as_text=True)
    assert "Share out" not in page
    assert "Seat on the panel" not in page
    assert "Check and lock" not in page


# ---------------------------------------------------------------------------------------------------------- the scores


def test_a_review_is_handed_in(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    form = a_form(value_power="none", reason_power="It does not say.")
    answer = as_(person).post(f"/reviews/{review.id}", data=form)
    assert answer.location == f"/rounds/{checking.id}/panel"
    app_session.rollback()
    found = app_session.get_one(Review, review.id)
    assert found.state is S.SUBMITTED
    assert {one.criterion: one.value for one in found.scores} == dict.fromkeys(CRITERIA, 2) | {"power": None}


def test_what_is_missing_is_named_and_what_was_typed_is_kept(
    app_session: Session, checking: Round, as_: SignIn
) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    visitor = as_(person)
    form = a_form(reason_truth="", reason_power="Long thoughts about power.")
    del form["value_strengths"]
    answer = visitor.post(f"/reviews/{review.id}", data=form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Say why, for “Truth-telling”" in page
    assert "Choose a sentence for “Strengths-focus”" in page
    assert "Long thoughts about power." in page
    assert sound(page)
    # It was saved as a draft, so the same form can be sent again.
    again = visitor.post(f"/reviews/{review.id}", data=a_form(1))
    assert again.status_code == 302


def test_a_draft_is_saved_with_gaps(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    visitor = as_(person)
    form = {"version": "0", "do": "save", "reason_listening": "To think about."}
    assert visitor.post(f"/reviews/{review.id}", data=form).status_code == 302
    assert "To think about." in visitor.get(f"/reviews/{review.id}").get_data(as_text=True)


def test_an_old_form_is_a_conflict_and_keeps_what_was_typed(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    visitor = as_(person)
    visitor.post(f"/reviews/{review.id}", data=a_form(0, "save"))
    answer = visitor.post(f"/reviews/{review.id}", data=a_form(0, "save", reason_truth="My second thoughts."))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "My second thoughts." in page
    assert 'name="version" type="hidden" value="1"' in page
    assert visitor.post(f"/reviews/{review.id}", data=a_form(1, "save")).status_code == 302


def test_a_forged_score_is_refused(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    answer = as_(person).post(f"/reviews/{review.id}", data=a_form(value_truth="9"))
    assert answer.status_code == 422
    app_session.rollback()
    assert app_session.get_one(Review, review.id).state is S.CLEARED


def test_nobody_sees_another_s_scores_before_the_lock(app_session: Session, checking: Round, as_: SignIn) -> None:
    chair, other = a_panel(app_session, checking, 2)
    bid = a_bid(app_session, checking)
    a_review(app_session, bid, other, S.SUBMITTED)
    a_review(app_session, bid, chair, S.CLEARED)
    steward = a_person(app_session, Role.STEWARD)
    for person in (chair, steward):
        visitor = as_(person)
        assert visitor.get(f"/rounds/{checking.id}/panel/findings").status_code == 404
        for path in ("panel", "panel/desk", "panel/lock"):
            page = visitor.get(f"/rounds/{checking.id}/{path}", follow_redirects=True).get_data(as_text=True)
            assert "We read about" not in page


def test_after_the_lock_an_edit_is_refused_and_logged(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    review = a_review(app_session, a_bid(app_session, checking), person, S.LOCKED)
    checking.panel_locked_at = checking.closes_at
    visitor = as_(person)
    assert "Your scores" in visitor.get(f"/reviews/{review.id}").get_data(as_text=True)
    answer = visitor.post(f"/reviews/{review.id}", data=a_form(review.version))
    assert answer.status_code == 422
    assert "nothing about them can change" in answer.get_data(as_text=True)
    app_session.rollback()
    event = app_session.scalars(select(AuditEvent).where(AuditEvent.verb == "review.change_refused")).one()
    assert (event.subject_id, event.actor_id) == (review.id, person.id)
    assert visitor.post(f"/reviews/{review.id}/recuse", data={"words": "A friend."}).status_code == 422


# ------------------------------------------------------------------------------------------------------ desk and lock


def test_the_round_s_desk_leads_to_the_panel(app_session: Session, checking: Round, as_: SignIn) -> None:
    a_review(app_session, a_bid(app_session, checking), state=S.SUBMITTED)
    page = as_(Role.STEWARD).get(f"/rounds/{checking.id}/desk").get_data(as_text=True)
    assert "1 of 1 reading handed in" in page
    assert f"/rounds/{checking.id}/panel/desk" in page


def test_what_an_interest_is_stays_between_stewards_and_auditors(
    app_session: Session, checking: Round, as_: SignIn
) -> None:
    chair, other = a_panel(app_session, checking, 2)
    a_review(app_session, a_bid(app_session, checking), other, S.RECUSED)
    here = f"/rounds/{checking.id}/panel/desk"
    assert "My sister runs it." in as_(Role.STEWARD).get(here).get_data(as_text=True)
    assert "My sister runs it." in as_(Role.AUDITOR).get(here).get_data(as_text=True)
    assert "My sister runs it." not in as_(chair).get(here).get_data(as_text=True)


def test_a_steward_seats_shares_out_and_locks(app_session: Session, checking: Round, as_: SignIn) -> None:
    people = [a_person(app_session, Role.PANELLIST) for _ in range(3)]
    bids = [a_bid(app_session, checking) for _ in range(2)]
    panel = {person.id: as_(person) for person in people}
    visitor, here = as_(Role.STEWARD), f"/rounds/{checking.id}/panel"
    for number, person in enumerate(people):
        visitor.post(f"{here}/seat", data={"person": str(person.id), **({"chair": "y"} if not number else {})})
    app_session.rollback()
    assert queries.chair_id(app_session, checking.id) == people[0].id
    answer = visitor.post(f"{here}/share-out", data={"per_bid": "2"}, follow_redirects=True)
    page = answer.get_data(as_text=True)
    assert "4 readings shared out" in page
    assert sound(page)
    app_session.rollback()
    for review in app_session.scalars(select(Review)).all():
        panel[review.panellist_id].post(f"/reviews/{review.id}/declare", data={"interest": "no"})
        panel[review.panellist_id].post(f"/reviews/{review.id}", data=a_form())
    answer = visitor.post(f"{here}/lock", data={}, follow_redirects=True)
    assert "2 bids of 2 can go to the vote" in answer.get_data(as_text=True)
    app_session.rollback()
    assert app_session.get_one(Round, checking.id).panel_locked_at is not None
    assert set(queries.findings(app_session, checking.id)) == {bid.id for bid in bids}


def test_the_lock_page_asks_why_a_bid_has_too_few_reviews(app_session: Session, checking: Round, as_: SignIn) -> None:
    bid = a_bid(app_session, checking)
    a_panel(app_session, checking, 2)
    visitor = as_(Role.STEWARD)
    answer = visitor.post(f"/rounds/{checking.id}/panel/lock", data={})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "too few reviews" in page
    assert sound(page)
    done = visitor.post(f"/rounds/{checking.id}/panel/lock", data={f"explain_{bid.id.hex}": "All of them know it."})
    assert done.status_code == 302


def test_a_bad_seat_is_told_at_the_desk(app_session: Session, checking: Round, as_: SignIn) -> None:
    auditor = a_person(app_session, Role.PANELLIST, Role.AUDITOR)
    answer = as_(Role.STEWARD).post(f"/rounds/{checking.id}/panel/seat", data={"person": str(auditor.id)})
    assert answer.status_code == 422
    assert "an auditor only looks" in answer.get_data(as_text=True)


def test_a_recused_panellist_does_not_see_what_the_panel_found(
    app_session: Session, checking: Round, as_: SignIn
) -> None:
    one, two = a_panel(app_session, checking, 2)
    bid, other = a_bid(app_session, checking), a_bid(app_session, checking)
    a_review(app_session, bid, one, S.RECUSED)
    a_review(app_session, bid, two, S.LOCKED)
    for each in (bid, other):
        a_finding(app_session, each, note=f"Found of {each.title}.")
    checking.panel_locked_at = checking.closes_at
    aside = as_(one).get(f"/rounds/{checking.id}/panel/findings").get_data(as_text=True)
    assert f"Found of {bid.title}." not in aside
    assert "We read about" not in aside
    assert f"Found of {other.title}." in aside
    whole = as_(two).get(f"/rounds/{checking.id}/panel/findings").get_data(as_text=True)
    assert f"Found of {bid.title}." in whole
    assert "We read about truth." in whole
    assert sound(whole)


# ------------------------------------------------------------------------------------------------------ what is public


def test_findings_are_public_only_once_the_vote_opens(
    app_session: Session, as_: SignIn, client: object, app: Flask, clock: SetClock
) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    bid = a_bid(app_session, round)
    a_finding(app_session, bid, note="The panel liked the beds.")
    round.panel_locked_at = round.closes_at
    app_session.commit()
    visitor = app.test_client()
    for path in (f"/rounds/{round.id}", f"/proposals/{bid.id}"):
        assert "The panel liked the beds." not in visitor.get(path).get_data(as_text=True)
    round.state = RoundState.VOTING  # the ballot is frozen, the hour has not come
    app_session.commit()
    assert "The panel liked the beds." not in visitor.get(f"/proposals/{bid.id}").get_data(as_text=True)
    clock.set(round.voting_opens_at)
    assert "The panel liked the beds." in visitor.get(f"/proposals/{bid.id}").get_data(as_text=True)
    assert "See what the panel found" in visitor.get(f"/rounds/{round.id}").get_data(as_text=True)


def test_only_the_group_reads_the_panel_s_reasons(app_session: Session, as_: SignIn, app: Flask) -> None:
    bid = a_proposal(app_session, state=ProposalState.ON_BALLOT)
    a_finding(app_session, bid)
    a_review(app_session, bid, state=S.LOCKED)
    app_session.commit()
    assert "We read about truth." not in app.test_client().get(f"/proposals/{bid.id}").get_data(as_text=True)
    writer = app_session.get_one(Person, bid.writer_id)
    page = as_(writer).get(f"/proposals/{bid.id}").get_data(as_text=True)
    assert "We read about truth." in page
    assert sound(page)


# ------------------------------------------------------------------------------------------------------- what needs you


def test_panellists_and_stewards_are_told_what_waits(app_session: Session, checking: Round, as_: SignIn) -> None:
    person = a_panellist(app_session, checking)
    a_review(app_session, a_bid(app_session, checking), person, S.ASSIGNED)
    a_review(app_session, a_bid(app_session, checking), person, S.CLEARED)
    a_review(app_session, a_bid(app_session, checking), person, S.SUBMITTED)
    page = as_(person).get("/home").get_data(as_text=True)
    assert "Say if you have an interest in 1 bid" in page
    assert "Read and score 1 bid" in page
    assert "See how the panel gets on: 2 readings to come" in as_(Role.STEWARD).get("/home").get_data(as_text=True)


# -------------------------------------------------------------------------------------------------------------- budget


def test_pages_ask_no_more_when_there_is_more(app: Flask, app_session: Session, as_: SignIn) -> None:
    def asked(size: int) -> dict[str, int]:
        round = a_round(app_session, RoundState.CHECKING)
        panel = a_panel(app_session, round, 2)
        for _ in range(size):
            bid = a_bid(app_session, round)
            for person in panel:
                a_review(app_session, bid, person, S.LOCKED)
            a_finding(app_session, bid)
        counts = {}
        chair, steward = as_(panel[0]), as_(Role.STEWARD)
        for visitor, path in ((chair, "panel"), (steward, "panel/desk"), (steward, "panel/lock")):
            with statements(app) as heard:
                assert visitor.get(f"/rounds/{round.id}/{path}").status_code == 200
            counts[path] = len(heard)
        round.panel_locked_at = round.closes_at
        app_session.commit()
        with statements(app) as heard:
            assert steward.get(f"/rounds/{round.id}/panel/findings").status_code == 200
        counts["panel/findings"] = len(heard)
        return counts

    a_person(app_session, Role.PANELLIST)  # who could be seated
    few, many = asked(1), asked(6)
    assert few == many
