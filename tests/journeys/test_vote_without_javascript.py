"""The vote once more, in a browser that runs no script: choose, work out, identify, review, cast, change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from grants.kernel.clock import SetClock
from grants.proposals.rules.states import ProposalState
from grants.rounds.rules.states import RoundState
from grants.web.db import WRITES
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.builders.voting import a_ballot, a_code
from tests.journeys.people import Journey, Somebody, a_journey
from tests.support.pages import PHONE
from tests.support.servers import serving

TITLES = [
    f"{name} for all" for name in ("Swimming", "Soup", "Singing", "Seeds", "Stories", "Skating", "Sewing", "Song")
]


@pytest.fixture
def code(engine: Engine) -> str:
    """A voting code for a round whose vote is open, with eight projects and at least three to choose."""
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_round(session, RoundState.VOTING, title="Small things that matter")
        a_ballot(session, round, [a_proposal(session, round, ProposalState.ELIGIBLE, title=title) for title in TITLES])
        made = a_code(session, round)
        session.commit()
    return made


@pytest.fixture
def journey(
    make_app: Callable[..., Flask], sqlite_url: str, code: str, browser: Browser, clock: SetClock
) -> Iterator[Journey]:
    app = make_app(sqlite_url)
    app.extensions["clock"] = clock
    with serving(app) as url, a_journey(app, url, browser, clock, Journey) as journey:
        yield journey


def test_a_vote_is_whole_without_javascript(journey: Journey, code: str) -> None:
    voter = journey.somebody("Vera Voter", width=PHONE, script=False)
    it_works_out_what_is_chosen(voter)
    it_names_what_is_missing_and_keeps_what_was_typed(voter, code)
    it_casts(voter)
    it_changes(voter, code)


def it_works_out_what_is_chosen(voter: Somebody) -> None:
    voter.goes("/", signed_in=False)
    voter.follows("Vote now")
    voter.follows("See the projects and choose")
    voter.ticks("Soup for all", "Seeds for all")
    voter.sees("0 of at least 3 chosen")  # no script counts along
    voter.presses("Work out my choices")
    voter.sees("2 of at least 3 chosen: choose 1 more", "The pot is £5,000.")
    voter.presses("Check my choices")
    voter.sees("There is a problem")
    assert "choose" in voter.page.get_by_role("alert").inner_text().lower(), "it says what is missing"
    voter.ticks("Song for all")
    voter.presses("Check my choices")
    voter.sees("Show that you may vote")


def it_names_what_is_missing_and_keeps_what_was_typed(voter: Somebody, code: str) -> None:
    voter.fills("Your voting code", code)
    voter.presses("Continue")
    voter.sees("There is a problem", "Say what ties you to this place")
    assert voter.page.get_by_label("Your voting code").input_value() == code
    shows_code(voter, code)
    voter.sees("Check your choices, then cast your vote", "You choose 3 projects", "Soup for all", "Seeds for all")


def shows_code(voter: Somebody, code: str) -> None:
    voter.fills("Your voting code", code)
    voter.chooses("I live here")
    voter.ticks("I am 11 or older")
    voter.presses("Continue")


def it_casts(voter: Somebody) -> None:
    voter.presses("Cast my vote")
    voter.sees("Your vote is cast", "It will be counted.", "Your tracking code", "You can change it until 9 March 2026")
    voter.sees_not("Soup for all")
    voter.page.reload()
    voter.sees("Your vote is cast")


def it_changes(voter: Somebody, code: str) -> None:
    before = tracking_code(voter)
    voter.goes("/", signed_in=False)
    voter.follows("Vote now")
    voter.follows("I have voted and want to change my vote")
    shows_code(voter, code)
    voter.sees("These are the choices of the vote that you cast.", "3 chosen")
    voter.unticks("Song for all")
    voter.ticks("Sewing for all")
    voter.presses("Check my choices")
    voter.sees("You have voted before.", "Sewing for all")
    voter.sees_not("Song for all")
    voter.presses("Cast my vote")
    voter.sees("Your new vote is cast", "It took the place of the one that you cast before.")
    assert tracking_code(voter) != before
    voter.presses("Finish and wipe this device")
    voter.sees("This device has forgotten your ballot.")
    voter.follows("See the projects and choose")
    assert not voter.page.locator("input:checked").count()


def tracking_code(voter: Somebody) -> str:
    return re.sub(r"\s", "", voter.page.locator(".app-receipt").inner_text())
