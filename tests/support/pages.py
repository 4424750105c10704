"""A page of a browser that collects what went wrong in it, and the check for barriers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1280
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def a_page(browser: Browser, base_url: str, *, width: int = PHONE, script: bool = True) -> Iterator[Page]:
    """A page in a fresh session. Console errors, CSP reports and script errors in it fail at the end.

    An answer of 4xx is an answer, not a fault of the page, so the browser's note of it is passed over.
    """
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": width, "height": 844},
        locale="en-GB",
        timezone_id="Europe/London",
        reduced_motion="reduce",
        java_script_enabled=script,
    )
    page = context.new_page()
    page.set_default_timeout(5000)
    problems: list[str] = []
    page.on(
        "console",
        lambda message: (
            problems.append(f"{page.url}: {message.text}")
            if message.type == "error" and "the server responded with a status of 4" not in message.text
            else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on(
        "response", lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
    )
    try:
        yield page
    finally:
        context.close()
    assert problems == []


def assert_no_barriers(page: Page) -> None:
    """The page holds no violation of WCAG 2.2 A or AA that axe can find, and does not scroll sideways."""
    wanted = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=wanted).response["violations"]
    assert not found, f"{page.url}\n" + "\n".join(
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {[node['target'] for node in rule['nodes'][:3]]}"
        for rule in found
    )
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{page.url} scrolls sideways by {wider} px"
