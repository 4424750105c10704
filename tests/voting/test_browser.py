"""A resident votes on a phone: every step is open to everybody, with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from tests.builders.voting import a_code
from tests.support.pages import a_page, assert_no_barriers
from tests.support.servers import serving
from tests.voting.test_service import a_vote_under_way

TRACKING = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}")


@pytest.fixture
def scene(app: Flask, app_session: Session) -> tuple[Round, str]:
    round = a_vote_under_way(app_session, bids=9)
    code = a_code(app_session, round)
    app_session.commit()
    return round, code


@pytest.fixture
def without_scripts(app: Flask, browser: Browser) -> Iterator[Page]:
    with serving(app) as url, a_page(browser, url, script=False) as page:
        yield page


def show_who(page: Page, code: str) -> None:
    page.get_by_label("Your voting code").fill(code)
    page.get_by_label("I live here").check()
    page.get_by_label("I am 11 or older").check()
    page.get_by_role("button", name="Continue").click()


def test_on_a_phone(page: Page, scene: tuple[Round, str]) -> None:
    round, code = scene
    page.goto(f"/rounds/{round.id}/vote")
    assert_no_barriers(page)
    page.get_by_role("button", name="See the projects and choose").or_(
        page.get_by_role("link", name="See the projects and choose")
    ).click()
    assert_no_barriers(page)
    boxes, total = page.locator("input[data-choice]"), page.locator("[data-total]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(total).to_have_text("2 of at least 3 chosen: choose 1 more")
    expect(page.locator("[data-money]")).to_have_text("They cost £2,400 together. The pot is £5,000.")
    expect(page.locator("[data-say]")).to_have_text("2 of at least 3 chosen: choose 1 more")
    bar = page.locator(".app-total").bounding_box()
    assert bar is not None
    assert 0 < bar["y"] < 844 - bar["height"] + 1  # the bar stays in sight
    page.locator("summary", has_text="Read more").first.click()
    expect(boxes.nth(0)).to_be_checked()
    page.get_by_role("button", name="Check my choices").click()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    page.get_by_role("link", name="Choose at least 1 more.").click()
    expect(boxes.nth(0)).to_be_focused()
    assert_no_barriers(page)
    boxes.nth(2).check()
    page.get_by_role("button", name="Check my choices").click()
    assert_no_barriers(page)
    show_who(page, code)
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your choices, then cast your vote")
    assert_no_barriers(page)
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your vote is cast")
    expect(page.locator(".app-receipt")).to_have_text(TRACKING)
    assert_no_barriers(page)
    page.get_by_role("button", name="Finish and wipe this device").click()
    expect(page.get_by_text("This device has forgotten your ballot")).to_be_visible()


def test_without_scripts(without_scripts: Page, scene: tuple[Round, str]) -> None:
    page, (round, code) = without_scripts, scene
    page.goto(f"/rounds/{round.id}/vote/choose")
    boxes = page.locator("input[data-choice]")
    for n in range(2):
        boxes.nth(n).check()
    page.get_by_role("button", name="Work out my choices").click()
    expect(page.locator("[data-total]")).to_have_text("2 of at least 3 chosen: choose 1 more")
    expect(boxes.nth(1)).to_be_checked()
    boxes.nth(2).check()
    page.get_by_role("button", name="Check my choices").last.click()
    show_who(page, code)
    page.get_by_role("button", name="Cast my vote").click()
    first = page.locator(".app-receipt").inner_text()
    assert TRACKING.search(first)
    page.goto(f"/rounds/{round.id}/vote/who")
    show_who(page, code)
    expect(boxes.nth(0)).to_be_checked()
    boxes.nth(5).check()
    page.get_by_role("button", name="Check my choices").last.click()
    page.get_by_role("button", name="Cast my vote").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your new vote is cast")
    assert page.locator(".app-receipt").inner_text() != first


@pytest.fixture
def kinds(app: Flask, app_session: Session) -> dict[str, Round]:
    """A vote with points and a vote with places."""
    found = {
        "points": a_vote_under_way(
            app_session, bids=3, ballot_kind=BallotKind.POINTS, ballot_minimum=2, ballot_maximum=5, ballot_each=3
        ),
        "ranked": a_vote_under_way(
            app_session, bids=3, ballot_kind=BallotKind.RANKED, ballot_minimum=1, ballot_maximum=2
        ),
        "one": a_vote_under_way(
            app_session, bids=3, ballot_kind=BallotKind.CHOOSE_ONE, ballot_minimum=1, ballot_maximum=1
        ),
    }
    app_session.commit()
    return found


def test_points_are_stepped_typed_and_counted_down(page: Page, kinds: dict[str, Round]) -> None:
    page.goto(f"/rounds/{kinds['points'].id}/vote/choose")
    total, boxes = page.locator("[data-total]"), page.locator("input[data-points]")
    expect(total).to_have_text("5 of 5 points left: choose 2 more")
    more = page.get_by_role("button", name=re.compile("^One point more for"))
    for _ in range(4):
        more.nth(0).click()
    expect(boxes.nth(0)).to_have_value("3")  # the most for one project
    expect(total).to_have_text("2 of 5 points left: choose 1 more")
    boxes.nth(1).fill("2")
    expect(total).to_have_text("0 of 5 points left")
    more.nth(2).click()
    expect(boxes.nth(2)).to_have_value("")
    expect(page.locator("[data-say]")).to_have_text("No points are left. Take one back from another project first.")
    boxes.nth(1).fill("4")
    expect(total).to_have_text("2 points too many: take 2 back")
    page.get_by_role("button", name=re.compile("^One point less for")).nth(0).focus()
    page.keyboard.press("Enter")
    expect(boxes.nth(0)).to_have_value("2")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar covers nothing
    assert_no_barriers(page)
    page.get_by_role("button", name="Check my choices").last.click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    page.get_by_role("link", name="You gave 4 points here. One project can get 3 at most.").click()
    expect(boxes.nth(1)).to_be_focused()


def test_places_are_given_and_a_double_one_is_said_at_once(page: Page, kinds: dict[str, Round]) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"/rounds/{kinds['ranked'].id}/vote/choose")
    total, places = page.locator("[data-total]"), page.locator("select[data-place]")
    expect(total).to_have_text("0 of 2 places given: place 1 more")
    places.nth(0).select_option("2")
    expect(total).to_have_text("There is no 1st choice yet")
    places.nth(1).select_option("2")
    expect(total).to_have_text("There is no 1st choice yet")
    places.nth(1).select_option("1")
    expect(total).to_have_text("2 of 2 places given")
    expect(page.locator("[data-say]")).to_have_text("2 of 2 places given")
    places.nth(2).select_option("1")
    expect(total).to_have_text("Two are your 1st choice: change one")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar covers nothing
    assert_no_barriers(page)


def test_one_is_chosen_by_keyboard_and_another_takes_its_place(page: Page, kinds: dict[str, Round]) -> None:
    page.goto(f"/rounds/{kinds['one'].id}/vote/choose")
    total, boxes = page.locator("[data-total]"), page.locator("input[data-choice]")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    expect(total).to_have_text("1 of 1 chosen")
    page.keyboard.press("ArrowDown")
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(0)).not_to_be_checked()
    expect(total).to_have_text("1 of 1 chosen")
    expect(page.locator("[data-money]")).to_have_text("It costs £1,200. The pot is £5,000.")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar covers nothing
    assert_no_barriers(page)
