"""Every page in a real browser, as a reader who can reach it: no error, no barrier, no sideways scroll."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from grants.kernel.actors import Role
from tests.architecture.test_html import STARTS
from tests.support.crawl import crawl
from tests.support.pages import DESK, PHONE, a_page, assert_no_barriers
from tests.support.readers import READERS, reader
from tests.support.servers import serving
from tests.support.sign_in import lend_cookies


@pytest.fixture(scope="module")
def pages(town_app: Flask) -> dict[Role | None, list[str]]:
    """One address for each endpoint that is a page, with the first reader who comes to it."""
    told: set[str | None] = set()
    shared: dict[Role | None, list[str]] = {}
    for role in READERS:
        shared[role] = []
        for visit in crawl(town_app, reader(town_app, role), STARTS, per_endpoint=1):
            if visit.html and visit.status == 200 and (visit.endpoint not in told or visit.path == "/home"):
                told.add(visit.endpoint)
                shared[role].append(visit.path)
    return shared


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("role", READERS, ids=lambda role: role or "nobody")
def test_every_page_is_for_everybody(
    town_app: Flask, pages: dict[Role | None, list[str]], browser: Browser, role: Role | None, width: int
) -> None:
    with serving(town_app) as url, a_page(browser, url, width=width) as page:
        if role:
            lend_cookies(reader(town_app, role), page.context, url)
        for path in pages[role]:
            page.goto(path)
            assert_no_barriers(page)


def test_an_error_page_is_for_everybody(page: Page) -> None:
    page.goto("/no/such/page")
    assert_no_barriers(page)
