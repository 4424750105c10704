"""The pages of a round, as everybody, as stewards, and as somebody who tries to change what is fixed."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from uuid import UUID
from xml.etree.ElementTree import Element

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.kernel.trail import AuditEvent
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person
from tests.builders.priorities import a_priority
from tests.builders.rounds import a_round, some_dates
from tests.conftest import SignIn
from tests.support.crawl import XHTML, parse
from tests.support.statements import statements

S = RoundState


def text_of(answer: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))  # type: ignore[attr-defined]


def typed(page: str) -> dict[str, str | None]:
    """What stands in the fields of a form: text, and the radios that are on."""
    fields = parse(page).iter(f"{XHTML}input")
    on = [one for one in fields if one.get("type") == "text" or one.get("checked") is not None]
    return {one.get("name", ""): one.get("value") for one in on}


def tags_named(part: Element) -> set[str | None]:
    return {one.get("name") for one in part.iter()}


def a_whole_form(session: Session, **changed: object) -> dict[str, object]:
    """What a steward types."""
    fund = a_fund(session)
    a_contribution(session, fund, 1_000_000)
    return {
        "title": "Good food near home",
        "summary": "For food that neighbours can afford.",
        "fund_id": str(fund.id),
        "priority_ids": [str(a_priority(session).id)],
        "pot_minor": "5,000",
        "floor_minor": "100",
        "cap_minor": "1,000",
        "opens_at": "2026-03-20T09:00",
        "closes_at": "2026-04-10T12:00",
        "voting_opens_at": "2026-04-20T09:00",
        "voting_closes_at": "2026-05-01T17:00",
        "decide_by": "2026-05-10T12:00",
        "who_may_apply": "Groups of neighbours.",
        "applicant_kinds": ["constituted", "hosted"],
        "vote_connections": ["lives"],
        "vote_min_age": "11",
        "vote_methods": ["code", "email_postcode"],
        "ballot_minimum": "3",
        "ballot_kind": "approval",
        "ballot_maximum": "",
        "ballot_weights": "",
        "ballot_each": "",
        "rule": "most_votes",
        "minimum_votes": "1",
        "stop_at_misfit": "no",
        "utility": "cost",
        "completion": "add1u",
        "start": "floor",
        "step_minor": "1",
        "exhaustive_stop": "yes",
        "criteria": ["listening", "power"],
        "pass_mark": "50",
        "quorum": "2",
        "panel_part": "gate",
        "panel_share": "",
        "appeal_days": "20",
        **changed,
    }


def test_a_steward_drafts_previews_and_publishes_a_round(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session)
    app_session.commit()
    assert steward.get("/rounds/new").status_code == 200
    desk = steward.post("/rounds/new", data=form).location
    address = desk.removesuffix("/desk")
    page = steward.get(desk).get_data(as_text=True)
    preview = re.search(r"/rounds/preview/[\w-]{43}", page)
    assert preview
    assert client.get(address).status_code == 404
    assert client.get("/rounds/preview/" + "x" * 43).status_code == 404
    assert "This is a preview" in text_of(client.get(preview[0]))
    assert "not you, and not an administrator" in text_of(steward.get(f"{address}/schedule"))
    assert steward.post(f"{address}/schedule").status_code == 302
    assert "Good food near home" in text_of(client.get(address))
    assert client.get(preview[0]).location == address
    app_session.rollback()
    kept = app_session.scalars(select(Round)).one()
    # Noon in London in April is eleven in UTC: summer time has begun since the round was written down.
    assert kept.closes_at.isoformat() == "2026-04-10T11:00:00+00:00"
    assert "10 April 2026 at midday" in text_of(client.get(address))


def test_a_steward_chooses_the_ballot_and_the_rule_and_finds_both_again(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(
        app_session,
        ballot_kind="ranked",
        ballot_weights="5, 3, 1",
        rule="equal_shares",
        group_cap_minor="2,000",
        completion="add1",
        step_minor="2.50",
        exhaustive_stop="no",
    )
    app_session.commit()
    address = steward.post("/rounds/new", data=form).location.removesuffix("/desk")
    kept = typed(steward.get(f"{address}/edit").get_data(as_text=True))
    assert {name: kept[name] for name in ("ballot_kind", "ballot_weights", "ballot_maximum", "rule")} == {
        "ballot_kind": "ranked",
        "ballot_weights": "5, 3, 1",
        "ballot_maximum": "3",
        "rule": "equal_shares",
    }
    assert (kept["group_cap_minor"], kept["completion"], kept["step_minor"]) == ("2,000", "add1", "2.50")
    words = text_of(steward.get(f"{address}/desk"))
    assert "The places are worth 5, 3 and 1 points." in words
    assert "part then grows, £2.50 at a time" in words


def test_a_mistake_among_the_finer_points_is_shown_and_the_rest_is_kept(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, step_minor="nothing", rule="phragmen")
    app_session.commit()
    page = steward.post("/rounds/new", data=form).get_data(as_text=True)
    (finer,) = [one for one in parse(page).iter(f"{XHTML}details") if "step_minor" in tags_named(one)]
    assert finer.get("open") is not None
    assert typed(page)["rule"] == "phragmen"


def test_the_downloaded_rule_book_has_the_published_fingerprint(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, S.OPEN)
    app_session.commit()
    body = client.get(f"/rounds/{round.id}/rule-book.json").data
    assert hashlib.sha256(body).hexdigest() == round.rule_book_hash
    assert round.rule_book_hash in client.get(f"/rounds/{round.id}/rule-book").get_data(as_text=True)


def test_a_pot_above_what_is_promised_is_refused_with_the_amount(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, pot_minor="10,000.01")
    app_session.commit()
    address = steward.post("/rounds/new", data=form).location.removesuffix("/desk")
    answer = steward.post(f"{address}/schedule")
    assert answer.status_code == 422
    assert "There is £10,000 that funders have agreed to give" in text_of(answer)


def test_phases_that_overlap_are_refused_naming_the_neighbour(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, voting_opens_at="2026-04-10T11:59")
    app_session.commit()
    answer = steward.post("/rounds/new", data=form)
    assert answer.status_code == 422
    assert "Voting must open when applications have closed (midday on 10 April 2026)" in text_of(answer)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.STEWARD])
def test_changing_a_round_in_voting_is_refused_and_written_down(app_session: Session, as_: SignIn, role: Role) -> None:
    round = a_round(app_session, S.VOTING)
    form = a_whole_form(app_session, fund_id=str(round.fund_id), pot_minor="1,000", ballot_minimum="1")
    before = (round.rule_book_hash, round.pot_minor, round.terms)
    client = as_(role)
    answer = client.post(f"/rounds/{round.id}/edit", data=form)
    assert answer.status_code == 422
    assert "Nothing was changed" in text_of(answer)
    app_session.rollback()
    assert (round.rule_book_hash, round.pot_minor, round.terms) == before
    assert [
        e.subject_id for e in app_session.scalars(select(AuditEvent).where(AuditEvent.verb == "round.change_refused"))
    ] == [round.id]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (S.SCHEDULED, "It opens on"),
        (S.OPEN, "Start a proposal"),
        (S.CLOSED, "The proposals are being checked"),
        (S.CHECKING, "The proposals are being checked"),
        (S.VOTING, "See them all and vote"),
        (S.PANEL, "Voting has closed"),
        (S.DECIDED, "Voting has closed"),
        (S.ANNOUNCED, "See the results"),
        (S.COMPLETED, "See the results"),
        (S.CANCELLED, "The hall is flooded"),
    ],
)
def test_the_page_says_what_you_can_do_next(
    app_session: Session, as_: SignIn, client: FlaskClient, state: RoundState, words: str
) -> None:
    round = a_round(app_session, state)
    steward = as_(Role.STEWARD)
    assert words in text_of(client.get(f"/rounds/{round.id}"))
    assert round.title in text_of(client.get("/rounds"))
    for path in ("/desk", "", "/rule-book"):
        assert steward.get(f"/rounds/{round.id}{path}").status_code == 200


def test_the_clock_opens_and_closes_a_round_at_the_second(
    app_session: Session, client: FlaskClient, clock: SetClock
) -> None:
    round = a_round(app_session, S.SCHEDULED)
    app_session.commit()
    address, second = f"/rounds/{round.id}", timedelta(seconds=1)
    for moment, words in (
        (round.opens_at - second, "Coming"),
        (round.opens_at, "Open for proposals"),
        (round.closes_at - second, "Open for proposals"),
        (round.closes_at, "Being checked"),
    ):
        clock.set(moment)
        assert words in text_of(client.get(address))


def test_dates_move_later_with_a_public_reason(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    round = a_round(app_session, S.OPEN)
    steward = as_(Role.STEWARD)
    later = (round.closes_at + timedelta(days=3)).strftime("%Y-%m-%dT12:00")
    sooner = (round.closes_at - timedelta(days=3)).strftime("%Y-%m-%dT12:00")
    address = f"/rounds/{round.id}/extend"
    assert "It can only be later" in text_of(steward.post(address, data={"closes_at": sooner, "reason": "Haste."}))
    assert steward.post(address, data={"closes_at": later, "reason": ""}).status_code == 422
    assert steward.post(address, data={"closes_at": later, "reason": "The site was down."}).status_code == 302
    assert "The site was down." in text_of(client.get(f"/rounds/{round.id}"))


def test_a_round_opens_early_or_is_called_off_with_a_public_reason(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    round = a_round(app_session, S.SCHEDULED)
    steward = as_(Role.STEWARD)
    assert steward.post(f"/rounds/{round.id}/open-early", data={"reason": "We are ready."}).status_code == 302
    assert "Start a proposal" in text_of(client.get(f"/rounds/{round.id}"))
    assert steward.post(f"/rounds/{round.id}/cancel", data={"reason": "No money came."}).status_code == 302
    assert "No money came." in text_of(client.get(f"/rounds/{round.id}"))


def test_a_steward_of_another_fund_runs_nothing_here(app_session: Session, as_: SignIn) -> None:
    from tests.builders.people import a_person

    round = a_round(app_session, S.SCHEDULED)
    other = a_person(app_session, Role.STEWARD, scope_id=a_fund(app_session).id)
    client = as_(other)
    for path in ("/desk", "/schedule", "/open-early", "/extend", "/cancel"):
        assert client.get(f"/rounds/{round.id}{path}").status_code == 403
    for path in ("/schedule", "/open-early", "/extend", "/cancel", "/check", "/complete"):
        assert client.post(f"/rounds/{round.id}{path}", data={"reason": "Mine"}).status_code == 403


def test_the_list_costs_the_same_however_many_rounds_there_are(app_session: Session, client: FlaskClient) -> None:
    sizes = []
    for more in (2, 8):
        for _ in range(more):
            a_round(app_session, S.OPEN, dates=some_dates(S.OPEN))
        app_session.commit()
        with statements(client.application) as heard:
            assert client.get("/rounds").status_code == 200
        sizes.append(len(heard))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(("typed_areas", "kept"), [(("any", ""), None), (("one", ""), 1), (("few", "3"), 3)])
def test_a_draft_says_in_which_areas_one_voter_may_choose(
    app_session: Session, as_: SignIn, typed_areas: tuple[str, str], kept: int | None
) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, area_rule=typed_areas[0], ballot_areas=typed_areas[1], ballot_minimum="0")
    app_session.commit()
    address = steward.post("/rounds/new", data=form).location.removesuffix("/desk")
    app_session.rollback()
    terms = app_session.scalars(select(Round)).one().terms
    assert (terms["ballot_areas"], terms["ballot_minimum"]) == (kept, 0)
    again = typed(steward.get(f"{address}/edit").get_data(as_text=True))
    assert (again["area_rule"], again["ballot_areas"] or "") == typed_areas


def test_some_areas_without_a_number_are_asked_for_at_the_field(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, area_rule="few")
    app_session.commit()
    page = steward.post("/rounds/new", data=form)
    assert page.status_code == 422
    assert 'href="#ballot_areas"' in page.get_data(as_text=True)
    assert "Enter how many areas." in text_of(page)


def test_a_draft_whose_key_three_officers_hold_goes_through_the_form(app_session: Session, as_: SignIn) -> None:
    steward = as_(Role.STEWARD)
    form = a_whole_form(app_session, key_keeping="strong")
    fund_id = UUID(str(form["fund_id"]))
    officers = [a_person(app_session, Role.OFFICER, scope_id=fund_id) for _ in range(3)]
    app_session.commit()
    page = steward.post("/rounds/new", data={**form, "key_officers": [str(one.id) for one in officers[:2]]})
    assert page.status_code == 422
    assert 'href="#key_officers"' in page.get_data(as_text=True)
    address = steward.post("/rounds/new", data={**form, "key_officers": [str(one.id) for one in officers]}).location
    app_session.rollback()
    kept = app_session.scalars(select(Round)).one()
    assert kept.terms["key_keeping"] == "strong"
    assert set(kept.terms["key_officers"]) == {str(one.id) for one in officers}
    page = steward.get(f"{address.removesuffix('/desk')}/edit").get_data(as_text=True)
    assert page.count('name="key_officers"') >= 3
    assert all(re.search(rf'value="{one.id}"[^>]*checked', page) for one in officers)
