"""A tired volunteer on an old phone: from the first page to a bid that is in, with and without scripts.

What is counted stands in the test: pages opened and buttons pressed. A change that makes the way longer fails here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from grants.kernel.clock import SetClock
from grants.priorities.models import Priority
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import WRITES
from tests.builders.rounds import a_round
from tests.journeys.people import Journey, Somebody, a_journey
from tests.support.pages import PHONE, assert_no_barriers
from tests.support.servers import serving

MOST_PAGES = 23
"""Links and buttons: 3 to know that they can apply, 7 for account, group and second member, 13 for the bid."""


@pytest.fixture
def priority(engine: Engine) -> str:
    """A round that is open, and the priority that it asks about."""
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_round(session, RoundState.OPEN, title="Small beginnings")
        title = session.get_one(Priority, rounds.priority_ids(session, round.id)[0]).title
        session.commit()
    return title


@pytest.fixture
def journey(
    make_app: Callable[..., Flask], sqlite_url: str, priority: str, browser: Browser, clock: SetClock
) -> Iterator[Journey]:
    app = make_app(sqlite_url)
    app.extensions["clock"] = clock
    with serving(app) as url, a_journey(app, url, browser, clock, Journey) as journey:
        yield journey


class Tired(Somebody):
    """Whoever counts what is asked of them."""

    pages = 0

    def follows(self, words: str, **more: object) -> None:
        self.pages += 1
        super().follows(words, **more)  # type: ignore[arg-type]

    def presses(self, words: str, **more: object) -> None:
        self.pages += 1
        super().presses(words, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_a_tired_volunteer_asks_for_money_on_a_phone(journey: Journey, priority: str, script: bool) -> None:
    plain = journey.somebody("Rose Tired", width=PHONE, script=script)
    rose = Tired(journey, plain.name, plain.page)
    rose.page.goto("/")
    she_finds_out_whether_they_can_apply(rose)
    she_sets_up_the_group(rose)
    she_writes(rose, priority)
    rose.presses("Ask for sign-off")
    rose.sees("It is not in so far.", "It waits for one of these to sign it off: Tom Bell")
    if script:
        assert_no_barriers(rose.page)
    assert rose.pages <= MOST_PAGES
    tom = journey.somebody("Tom Bell", width=PHONE, script=script)
    tom.needs("Sign off “Warm hands”")
    tom.sees("You are asked to sign this off", "£450")
    tom.presses("Sign off and put it in")
    tom.sees("It is in.", "Put in")
    assert "Warm hands" in journey.letter(rose.email, "We have your proposal")


def she_finds_out_whether_they_can_apply(rose: Tired) -> None:
    rose.follows("Small beginnings")
    rose.follows("Find out in a minute whether you can apply")
    rose.chooses("A group with rules of its own and a bank account")
    for question in ("Does it happen in", "Does it answer one of the priorities"):
        rose.chooses("Yes", within=rose.part(question))
    rose.fills("About how much would you ask for?", "450")
    rose.chooses("No, none of these")
    rose.presses("Find out")
    rose.sees("Yes, you can apply", "It takes about half an hour")


def she_sets_up_the_group(rose: Tired) -> None:
    rose.follows("Start a proposal")
    rose.fills("Your e-mail address", rose.email)
    rose.presses("Send me a link")
    link = re.search(r"/sign-in/\S+", rose.journey.letter(rose.email, "Your link to sign in"))
    assert link
    rose.page.goto(link[0])
    rose.fills("Your name", rose.name)
    rose.presses("Make my account")
    rose.sees("You do not belong to one here yet")
    rose.follows("Set up a group")
    rose.fills("The group's name", "Hill Street Cooks")
    rose.fills("What does the group do?", "We cook soup together.")
    rose.chooses("A club or association with written rules")
    rose.chooses("Yes", within=rose.part("Does the group have a bank account"))
    rose.presses("Start the group")
    rose.follows("Add a member")
    rose.fills("Their name", "Tom Bell")
    rose.fills("Their e-mail address", "tom@seedbed.example")
    rose.ticks("Edit", "Sign off")
    rose.presses("Add them")


def she_writes(rose: Tired, priority: str) -> None:
    rose.follows("Hill Street Cooks")
    rose.sees("There is nothing that you must do now.", "has not signed in so far")
    rose.follows("Start a proposal")
    rose.presses("Start", exact=True)
    rose.follows("What you want to do")
    rose.fills("A short name for it", "Warm hands")
    rose.fills("In one or two sentences", "Soup and a chat on Fridays.")
    rose.fills("What will you do?", "We cook soup in the hall on Fridays.")
    rose.dates("When does it start?", rose.journey.day(120))
    rose.dates("When does it end?", rose.journey.day(300))
    rose.presses("Save and continue")
    rose.fills("Who is it for?", "Older neighbours.")
    rose.ticks("Older people")
    rose.chooses("In one place or a few places")
    rose.fills("Postcode of the place", "TS18 1AA")
    rose.presses("Save and continue")
    rose.chooses(priority)
    rose.fills("How does it answer that priority?", "Fridays are lonely.")
    rose.presses("Save and continue")
    rose.ticks("None of these")
    rose.chooses("Neighbours and local people lead it")
    rose.fills("What is the first thing that you hope", "People know three more neighbours.")
    rose.fills("How will you see it?", "We ask.")
    rose.fills("What is the second thing that you hope", "Nobody eats alone.")
    rose.fills("How will you see the second one?", "We count.")
    rose.presses("Save and continue")
    rose.fills("How can everybody it is for take part?", "There is a ramp.")
    rose.fills("What does it cost people to take part?", "Nothing.")
    rose.chooses("No", exact=True)
    rose.presses("Save and continue")
    line = rose.part("Line 1")
    rose.fills("What for", "Soup", within=line)
    rose.fills("How much", "450", within=line)
    rose.presses("Save and continue")
    rose.presses("Save and continue")
    rose.chooses("Nobody: we wrote it ourselves")
    rose.presses("Save and continue")
    rose.sees("Check your answers", "You ask for £450.")
