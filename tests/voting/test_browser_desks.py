"""Devices, booths, papers and shares of a key in a real browser: scripts do as they say, and nothing bars anybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.people.models import Person
from grants.rounds.rules.states import RoundState
from grants.voting.rules.covers import read_cover
from grants.voting.service import papers
from grants.voting.service.papers import Keyed
from grants.voting.views.devices import WARN_SECONDS, WIPE_SECONDS
from tests.builders.people import a_person, actor_of
from tests.builders.rounds import a_round
from tests.builders.voting import a_booth, a_code, a_vote, an_officer, give_key_to, some_papers
from tests.support.pages import a_page, assert_no_barriers
from tests.support.servers import serving
from tests.support.sign_in import lend_cookies, signed_in
from tests.support.work import work
from tests.voting.test_browser import show_who
from tests.voting.test_cover_views import a_declared_pile
from tests.voting.test_keys import Strong, strongly
from tests.voting.test_service import HERE, a_vote_under_way

SignedIn = Callable[[Person], Page]


@pytest.fixture
def page_of(app: Flask, app_session: Session, browser: Browser) -> Iterator[SignedIn]:
    """A phone's page on which somebody is signed in; another person, and the same page is theirs."""
    with serving(app) as url, a_page(browser, url) as page:

        def opened(person: Person) -> Page:
            page.context.clear_cookies()
            lend_cookies(signed_in(app, app_session, person), page.context, url)
            return page

        yield opened


def test_a_kiosk_warns_when_nobody_touches_it_wipes_itself_and_the_next_person_starts_clean(
    page_of: SignedIn, app_session: Session
) -> None:
    round = a_vote_under_way(app_session, bids=3)
    page = page_of(an_officer(app_session, round))
    page.clock.install()
    page.goto(f"/rounds/{round.id}/help")
    page.get_by_role("button", name="Sign me out and open the kiosk").click()
    page.goto(f"/rounds/{round.id}/vote/choose")
    box, warning = page.locator("input[data-choice]").first, page.locator("[data-kiosk-warning]")
    box.check()
    expect(warning).to_be_hidden()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.clock.run_for(1000 * (WARN_SECONDS + 2))
    expect(warning).to_be_in_viewport()  # however far down somebody has read
    expect(page.locator("[data-kiosk-rest]")).to_be_hidden()
    assert_no_barriers(page)
    box.focus()
    page.keyboard.press("Shift")
    expect(warning).to_be_hidden()  # somebody is here
    expect(box).to_be_checked()
    page.get_by_role("button", name="Check my choices").last.click()  # too few, but kept
    expect(page.locator("input[data-choice]:checked")).to_have_count(1)
    page.clock.run_for(1000 * (WIPE_SECONDS + 2))
    page.wait_for_url(f"**/rounds/{round.id}/vote")
    page.goto(f"/rounds/{round.id}/vote/choose")
    expect(page.locator("input[data-choice]:checked")).to_have_count(0)
    page.goto("/booth")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Check somebody in")  # nor the officer's session


def test_a_cards_code_is_taken_out_of_the_address_and_stands_in_its_field_once(
    page: Page, app_session: Session
) -> None:
    round = a_vote_under_way(app_session, bids=3)
    code = a_code(app_session, round)
    app_session.commit()
    page.goto(f"/rounds/{round.id}/vote#code={code}")
    expect(page).to_have_url(re.compile("/vote$"))
    page.goto(f"/rounds/{round.id}/vote/who")
    field = page.get_by_label("Your voting code")
    expect(field).to_have_value(code)
    assert_no_barriers(page)
    page.reload()
    expect(field).to_have_value("")
    page.goto(f"/rounds/{round.id}/vote#code=<script>")
    page.goto(f"/rounds/{round.id}/vote/who")
    expect(field).to_have_value("")
    show_who(page, code)
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Show that you may vote")


def test_a_booth_from_check_in_to_a_keyed_batch(page_of: SignedIn, app_session: Session) -> None:
    round = a_vote_under_way(app_session, bids=3)
    booth = a_booth(app_session, round, name="Library")
    first, second = (an_officer(app_session, round, booth) for _ in range(2))
    serials = some_papers(app_session, round, 2)
    app_session.commit()
    page = page_of(first)
    page.goto(f"/booth/{booth.id}")
    assert_no_barriers(page)
    page.get_by_role("button", name="Check in").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert_no_barriers(page)
    page.get_by_label("First name and family name").fill("Rose O’Brien")
    for part, value in (("Day", "2"), ("Month", "3"), ("Year", "1950")):
        page.get_by_label(part, exact=True).fill(value)
    page.get_by_label("Postcode").fill(HERE)
    page.get_by_label("I have checked that this person may vote").check()
    page.get_by_role("button", name="Check in").click()
    expect(page.get_by_text("Checked in.")).to_be_visible()
    page.get_by_role("link", name="Somebody was checked in by mistake").click()
    page.get_by_role("button", name="Take them off the roll again").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert_no_barriers(page)
    page.goto(f"/booths/{booth.id}/box")
    assert_no_barriers(page)
    page.get_by_label("How many papers were in the box?").fill("2")
    page.get_by_label("No", exact=True).check()
    page.locator("main form .govuk-button").first.click()
    assert_no_barriers(page)
    batch = page.url
    page.locator("main .govuk-button").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paper 1 of 2")
    page.get_by_role("button", name="Next paper").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert_no_barriers(page)
    for serial, button in zip(serials, ("Next paper", "Save the last paper"), strict=True):
        page.get_by_label("Number of the paper").fill(serial)
        page.get_by_label("What is marked on it").fill("1 2 3")
        page.get_by_label("Yes, as far as I can see").check()
        page.get_by_role("button", name=button).click()
    page.get_by_role("button", name="Hand it to the second person").click()
    app_session.rollback()
    batch_id = papers.queries.paper_batches(app_session, round.id)[0].id
    other = work(app_session, actor_of(app_session, second))
    for place, marks in ((1, "1 2"), (2, "1 2 3")):
        papers.key_paper(other, batch_id, place, Keyed(serials[place - 1], marks))
    app_session.commit()
    page = page_of(second)
    page.goto(batch)
    expect(page.get_by_text("You two do not say the same of 1 paper.")).to_be_visible()
    assert_no_barriers(page)


def test_a_share_of_a_key_is_collected_without_a_barrier(page_of: SignedIn, app_session: Session) -> None:
    people = [a_person(app_session, Role.OFFICER) for _ in range(3)]
    round = a_round(app_session, RoundState.OPEN, **strongly(people))
    give_key_to(app_session, round, people, collected=False)
    app_session.commit()
    page = page_of(people[0])
    page.goto(f"/rounds/{round.id}/key")
    assert_no_barriers(page)
    app_session.rollback()
    page.get_by_role("button", name="Show my share, this once").click()
    expect(page.locator(".app-share__group")).to_have_count(14)
    assert_no_barriers(page)


def test_shares_of_a_key_from_waiting_to_counted(page_of: SignedIn, app_session: Session, clock: SetClock) -> None:
    strong = Strong(app_session)
    a_vote(app_session, strong.round, [1, 2, 3])
    app_session.commit()
    address = f"/rounds/{strong.round.id}/key"
    page = page_of(strong.people[0])
    page.goto(address)
    expect(page.get_by_text("Keep it safe until voting closes")).to_be_visible()
    assert_no_barriers(page)
    clock.set(strong.after + timedelta(minutes=1))
    page = page_of(strong.people[0])
    page.goto(address)
    page.get_by_label("Your share of the key").fill("0400 0000")
    page.get_by_role("button", name="Hand in my share").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert_no_barriers(page)
    page.get_by_label("Your share of the key").fill(strong.texts[0])
    page.get_by_role("button", name="Hand in my share").click()
    expect(page.get_by_text("Your share is in, since")).to_be_visible()
    assert_no_barriers(page)
    page = page_of(strong.people[1])
    page.goto(address)
    page.get_by_label("Your share of the key").fill(strong.texts[1].lower())
    page.get_by_role("button", name="Hand in my share").click()
    expect(page.get_by_text("Destroy your share now")).to_be_visible()
    assert_no_barriers(page)


def test_who_has_a_batch_of_codes_is_written_down_without_a_barrier(page_of: SignedIn, app_session: Session) -> None:
    round = a_vote_under_way(app_session, bids=3)
    a_code(app_session, round, batch="Food bank")
    app_session.commit()
    page = page_of(a_person(app_session, Role.STEWARD, scope_id=round.fund_id))
    page.goto(f"/rounds/{round.id}/vote/desk")
    assert_no_barriers(page)
    page.get_by_role("link", name="Hand over the codes of Food bank").click()
    page.get_by_label("Who has them now, or where are they?").fill("")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert_no_barriers(page)


def test_a_pile_with_a_cover_sheet_from_its_letters_to_a_difference(page_of: SignedIn, app_session: Session) -> None:
    pile = a_declared_pile(app_session)
    first, second = (app_session.get_one(Person, actor.id) for actor in (pile.first, pile.second))
    page = page_of(first)
    page.goto(f"/batches/{pile.batch.id}")
    page.get_by_role("button", name="Show the letters, this once").click()
    letters = " ".join(page.locator(".app-share__group").all_inner_texts())
    assert_no_barriers(page)
    page.get_by_role("link", name="It lies on the pile").click()
    page.get_by_role("link", name="Key paper 1").click()
    page.get_by_role("button", name="Next paper").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    expect(page.get_by_text("Type the 16 letters on the batch’s cover sheet.").first).to_be_visible()
    assert_no_barriers(page)
    for serial, button in zip(pile.serials, ("Next paper", "Save the last paper"), strict=True):
        if button == "Next paper":
            page.get_by_label("Letters on the cover sheet").fill(letters)
        page.get_by_label("Number of the paper").fill(serial)
        page.get_by_label("What is marked on it").fill("1 2 3")
        page.get_by_label("Yes, as far as I can see").check()
        page.get_by_role("button", name=button).click()
    expect(page.get_by_text("You have typed the letters")).to_be_visible()
    page.get_by_role("button", name="Hand it to the second person").click()
    app_session.rollback()
    pile.cover = papers.open_cover(pile.batch, read_cover(letters))
    for place, marks in ((1, "1 2"), (2, "1 2 3")):
        pile.key(pile.second, place, marks)
    app_session.commit()
    page = page_of(second)
    page.goto(f"/batches/{pile.batch.id}")
    expect(page.get_by_text("Each of you looks at the paper again")).to_be_visible()
    page.get_by_text("The cover sheet is lost").click()
    assert_no_barriers(page)
