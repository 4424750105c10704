"""How much work applying is, where people give up, who gets through: without names, and nothing about a few."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.proposals.models import SectionEffort
from grants.proposals.queries import measured
from grants.proposals.rules.facts import Help
from grants.proposals.rules.measures import gave_up, minutes_per_hundred, rates, stopped
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import eligibility
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_member, a_person
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import WHOLE, text_of
from tests.support.clock import START
from tests.support.work import work

S = ProposalState


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=60))
def test_nothing_is_told_about_a_few_nor_by_difference(rows: list[tuple[str, bool]]) -> None:
    found = rates("", rows, 5)
    sizes = Counter(label for label, _ in rows)
    hidden = len(rows) - sum(one.asked for one in found.told)  # what a reader who knows the whole can work out
    assert {one.label for one in found.told} | set(found.untold) == set(sizes)
    assert all(one.asked == sizes[one.label] >= 5 for one in found.told)
    assert all(one.funded == sum(won for label, won in rows if label == one.label) for one in found.told)
    assert not found.untold or not found.told or (hidden >= 5 and len(found.untold) > 1)


def test_a_part_that_could_be_worked_out_from_the_rest_is_not_told() -> None:
    begun = [{part.value: 1 for part in Section}] * 5 + [{Section.WHAT.value: 1}] * 5
    told = dict(gave_up([*begun, {}]))
    assert told[SECTION_TITLES[Section.WHAT]] is None  # one of eleven
    assert told[SECTION_TITLES[Section.BUDGET]] == 6
    assert gave_up(begun[:4]) == []


def test_rules_that_stopped_hardly_anybody_are_named_without_a_number() -> None:
    told, seldom = stopped([("may_apply", 90), ("area", 9), ("who", 2), ("too_much", 7)])
    assert told == [("It must happen here, for people here", 9)]
    assert seldom == ["That is more than this round gives to one group", "This money is for groups"]


@pytest.mark.parametrize(("seconds", "asked", "said"), [(90, 10_000, "1.5"), (9, 10_000, "0.2"), (0, 10_000, None)])
def test_minutes_for_each_hundred_pounds(seconds: int, asked: int, said: str | None) -> None:
    assert minutes_per_hundred(seconds, asked) == said


def test_time_is_added_up_and_knows_nobody(any_session: Session) -> None:
    round = a_round(any_session)
    for seconds in (60, 100_000):
        eligibility.add_effort(work(any_session), round.id, Section.WHAT, seconds)
    any_session.flush()
    assert measured.effort(any_session, round.id) == {"what": (2, 60 + 45 * 60)}
    assert {column.name for column in SectionEffort.__table__.columns} == {"round_id", "section", "saves", "seconds"}


def test_a_page_that_was_open_for_two_minutes_counts_two(app_session: Session, as_: SignIn, clock: SetClock) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    writer = as_(a_member(app_session, proposal.group))
    url = f"/proposals/{proposal.id}/sections/what"
    page = writer.get(url).get_data(as_text=True)
    hidden = dict(re.findall(r'name="(version|page_token|opened)"[^>]*value="([^"]*)"', page))
    assert hidden["opened"] == str(int(START.timestamp()))
    body = {**hidden, **WHOLE["what"]}
    writer.post(f"{url}/autosave", data=body)
    writer.post(url, data={**body, "opened": str(int(START.timestamp()) - 120)})
    app_session.rollback()
    assert app_session.execute(select(SectionEffort.saves, SectionEffort.seconds)).all() == [(1, 120)]


def test_who_gets_through_is_told_with_the_decision_and_not_before(app_session: Session, as_: SignIn) -> None:
    before, after = a_round(app_session, RoundState.VOTING), a_round(app_session, RoundState.ANNOUNCED)
    for _ in range(5):
        a_proposal(app_session, before, S.ON_BALLOT)
        a_proposal(app_session, after, S.AWARDED, help_received=Help.NOBODY)
        a_proposal(app_session, after, S.NOT_FUNDED, help_received=Help.OFFICER)
    funder = as_(a_person(app_session, Role.FUNDER))
    stranger = as_(a_person(app_session))
    hidden = text_of(funder.get(f"/rounds/{before.id}/measures"))
    assert "This is told when the decision is." in hidden
    shown = text_of(funder.get(f"/rounds/{after.id}/measures"))
    assert re.search(r"Nobody: we wrote it ourselves.{0,40}5.{0,20}5.{0,20}100%", shown)
    assert stranger.get(f"/rounds/{after.id}/measures").status_code == 403


def test_a_visitor_sees_no_measures(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.ANNOUNCED)
    app_session.commit()
    assert client.get(f"/rounds/{round.id}/measures").status_code == 401


def test_a_round_whose_time_was_never_measured_says_so_in_one_sentence(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.ANNOUNCED)
    a_proposal(app_session, round, S.AWARDED)
    page = text_of(as_(Role.STEWARD).get(f"/rounds/{round.id}/measures"))
    assert "Not measured: too few people wrote on a screen in this round." in page
    assert "Too few groups asked in this round to say who gets through." in page
    assert "0.0" not in page
