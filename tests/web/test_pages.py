"""The page kit in a real browser: no barriers, no sideways scroll, and whole without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.pages import a_page, assert_no_barriers
from tests.support.servers import serving
from tests.web.kitchen_sink import a_bare_app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(a_bare_app()) as url:
        yield url


@pytest.mark.parametrize("path", ["/front", "/rounds", "/ballot", "/error/404"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_piece_is_free_of_barriers(browser: Browser, address: str, path: str, width: int) -> None:
    with a_page(browser, address, width=width) as page:
        page.goto(path)
        assert page.locator("h1").count() == 1
        assert_no_barriers(page)


def test_the_first_tab_is_the_skip_link(browser: Browser, address: str) -> None:
    with a_page(browser, address) as page:
        page.goto("/front")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to main content"


def test_the_error_summary_takes_focus_and_a_link_reaches_its_field(browser: Browser, address: str) -> None:
    with a_page(browser, address) as page:
        page.goto("/rounds")
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/rounds")
        page.locator(".govuk-error-summary").wait_for()
        assert page.title().startswith("Error: ")
        assert page.evaluate("document.activeElement.className") == "govuk-error-summary"
        assert_no_barriers(page)
        page.get_by_role("link", name="Enter the day it starts").click()
        assert page.evaluate("document.activeElement.id") == "starts-day"


def test_the_menu_is_there_without_scripts(browser: Browser, address: str) -> None:
    with a_page(browser, address, script=False) as page:
        page.goto("/front")
        assert page.get_by_role("link", name="Priorities").is_visible()


def test_the_first_view_is_light(browser: Browser, address: str) -> None:
    weights: list[int] = []
    with a_page(browser, address) as page:
        page.on("requestfinished", lambda request: weights.append(request.sizes()["responseBodySize"]))
        page.goto("/front", wait_until="networkidle")
    assert sum(weights) <= 120_000


def test_the_ballot_counts_as_it_is_filled_and_says_so(browser: Browser, address: str) -> None:
    with a_page(browser, address) as page:
        page.goto("/ballot")
        page.get_by_label("Bench 1").check()
        page.get_by_label("Bench 2").check()
        assert page.locator("[data-total]").text_content() == "2 of 2 chosen"
        page.get_by_label("Bench 3").check()
        assert page.locator("[data-total]").text_content() == "3 of 2 chosen: take out 1"
        expect(page.locator("[data-say]")).to_have_text("3 of 2 chosen: take out 1")


def test_focus_is_never_under_the_bar_of_the_ballot(browser: Browser, address: str) -> None:
    with a_page(browser, address) as page:
        page.goto("/ballot")
        for number in range(1, 9):
            box = page.get_by_label(f"Bench {number}")
            box.focus()
            bar = page.locator(".app-total").bounding_box()
            here = box.bounding_box()
            assert bar is not None
            assert here is not None
            assert here["y"] + here["height"] <= bar["y"]
