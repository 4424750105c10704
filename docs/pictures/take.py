"""Takes the pictures that the README shows, from the demonstration town: ``make pictures``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from flask import Flask
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from grants.app import create_app  # noqa: E402
from grants.config import Env  # noqa: E402
from grants.kernel.actors import Role  # noqa: E402
from tests.support.browser import launch_browser  # noqa: E402
from tests.support.pages import DESK, PHONE, a_page  # noqa: E402
from tests.support.readers import reader  # noqa: E402
from tests.support.servers import serving  # noqa: E402
from tests.support.settings import settings_for  # noqa: E402
from tests.support.sign_in import lend_cookies  # noqa: E402
from tests.support.town import load_town  # noqa: E402

PICTURES: dict[str, tuple[str, Role | None, int]] = {
    "front-desk": ("/", None, DESK),
    "front-phone": ("/", None, PHONE),
    "steward-home": ("/home", Role.STEWARD, DESK),
}
"""Name of the file → the page, who looks at it, and how wide."""


def take(app: Flask) -> None:
    """Write one PNG for each picture beside this file."""
    with sync_playwright() as playwright, serving(app) as url:
        browser = launch_browser(playwright)
        for name, (path, role, width) in PICTURES.items():
            with a_page(browser, url, width=width) as page:
                if role:
                    lend_cookies(reader(app, role), page.context, url)
                page.goto(path)
                page.screenshot(path=HERE / f"{name}.png")
                sys.stdout.write(f"docs/pictures/{name}.png\n")
        browser.close()


def main() -> None:
    """Load a town of its own, take the pictures, and leave nothing else behind."""
    with tempfile.TemporaryDirectory() as folder:
        town = load_town(Path(folder))
        take(create_app(settings_for(town.url, Path(folder), env=Env.DEMO, files_folder=town.files)))


if __name__ == "__main__":
    main()
