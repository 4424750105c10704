"""Takes the pictures that the README shows, from the demonstration town: ``make pictures``."""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from sqlalchemy.orm import Session

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from grants.app import create_app  # noqa: E402
from grants.config import Env  # noqa: E402
from grants.demo.people import DOMAIN  # noqa: E402
from grants.people.models import Person  # noqa: E402
from grants.web.db import db  # noqa: E402
from tests.support.browser import launch_browser  # noqa: E402
from tests.support.pages import DESK, PHONE, a_page  # noqa: E402
from tests.support.servers import serving  # noqa: E402
from tests.support.settings import settings_for  # noqa: E402
from tests.support.sign_in import lend_cookies, signed_in  # noqa: E402
from tests.support.town import load_town  # noqa: E402

COLOURS = 192


@dataclass(frozen=True, slots=True)
class Hop:
    """Follow the first link that ``selector`` finds and that leads, with ``suffix`` added, to a page that is there."""

    selector: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Which page, who looks at it, how wide; how many boxes they tick, and how far down they are."""

    start: str
    hops: tuple[Hop, ...] = ()
    who: str = ""
    width: int = DESK
    height: int = 900
    ticks: int = 0
    scroll_to: str = ""


A_ROUND, A_PROPOSAL = "main a[href^='/rounds/']", "main a[href^='/proposals/']"
PICTURES = {
    "front": Picture("/"),
    "front-phone": Picture("/", width=PHONE),
    "priority": Picture("/priorities", (Hop("main a[href^='/priorities/']"),)),
    "proposal": Picture("/rounds", (Hop(A_ROUND, "/results"), Hop(A_PROPOSAL))),
    "ballot-phone": Picture(
        "/rounds", (Hop(A_ROUND, "/vote/choose"),), width=PHONE, height=844, ticks=3, scroll_to="form .govuk-checkboxes"
    ),
    "results": Picture("/rounds", (Hop(A_ROUND, "/results"),), height=2000),
    "pot": Picture("/funds"),
    "funder": Picture("/home", (Hop("main a[href^='/funders/']"),), who="nadia"),
    "steward": Picture("/home", who="sue"),
}
"""Name of the file → its picture."""


def find(page: Page, path: str, hops: tuple[Hop, ...]) -> bool:
    """Bring ``page`` to where the hops lead; whether that is anywhere."""
    answer = page.goto(path)
    if answer is None or not answer.ok:
        return False
    if not hops:
        return urlsplit(page.url).path == path or path == "/funds"
    hrefs = page.locator(hops[0].selector).evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return any(find(page, href.split("?")[0] + hops[0].suffix, hops[1:]) for href in dict.fromkeys(hrefs))


def someone(app: Flask, key: str) -> FlaskClient:
    """A client in which that person of the town is signed in."""
    with app.app_context(), Session(db.engine) as session:
        return signed_in(app, session, session.scalars(select(Person).filter_by(email=f"{key}@{DOMAIN}")).one())


def take(app: Flask) -> list[str]:
    """Write one PNG for each picture beside this file. Gives the names of those whose page was not found."""
    lacking = []
    with sync_playwright() as playwright, serving(app) as url:
        browser = launch_browser(playwright)
        for name, picture in PICTURES.items():
            with a_page(browser, url, width=picture.width) as page:
                page.set_viewport_size({"width": picture.width, "height": picture.height})
                if picture.who:
                    lend_cookies(someone(app, picture.who), page.context, url)
                if not find(page, picture.start, picture.hops):
                    lacking.append(name)
                    continue
                for box in page.locator("main input[type=checkbox]").all()[: picture.ticks]:
                    box.check()
                if picture.scroll_to:
                    page.locator(picture.scroll_to).first.evaluate("element => element.scrollIntoView()")
                pixels = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                pixels.quantize(COLOURS).save(HERE / f"{name}.png", optimize=True)
                sys.stdout.write(f"docs/pictures/{name}.png\n")
        browser.close()
    return lacking


def main() -> None:
    """Load a town of its own, take the pictures, and leave nothing else behind."""
    with tempfile.TemporaryDirectory() as folder:
        town = load_town(Path(folder))
        lacking = take(create_app(settings_for(town.url, Path(folder), env=Env.DEMO, files_folder=town.files)))
    if lacking:
        sys.exit(f"No page was found for: {', '.join(lacking)}")


if __name__ == "__main__":
    main()
