"""A browser for the tests: the one named in ``E2E_BROWSER``, Playwright's own, or the system's."""

from __future__ import annotations

import os
import shutil
import sys

from playwright.sync_api import Browser, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

SYSTEM_BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "microsoft-edge",
    "chrome-headless-shell",
)
ADVICE = (
    "No browser for the tests. Do one of: playwright install --only-shell chromium | "
    "apt-get install chromium-headless-shell | set E2E_BROWSER to the path of one."
)


class NoBrowser(Exception):
    """No browser could be started; the message says what to do and what was tried."""


def launch_browser(playwright: Playwright) -> Browser:
    """Start the first browser that works. One named in ``E2E_BROWSER`` must work. Raises NoBrowser."""
    args = ["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        args.append("--no-sandbox")  # Chromium's sandbox refuses root, as in containers
    chosen = os.environ.get("E2E_BROWSER")
    if chosen:
        return playwright.chromium.launch(executable_path=chosen, args=args)
    tried = []
    for path in (None, *filter(None, map(shutil.which, SYSTEM_BROWSERS))):
        try:
            return playwright.chromium.launch(executable_path=path, args=args)
        except PlaywrightError as error:
            tried.append(f"{path or 'Playwright’s own'}: {str(error).splitlines()[0]}")
    raise NoBrowser(f"{ADVICE} Tried: {'; '.join(tried)}")


def main() -> None:
    """Say which browser the tests will use, or fail with advice."""
    with sync_playwright() as playwright:
        try:
            browser = launch_browser(playwright)
        except (NoBrowser, PlaywrightError) as error:
            sys.exit(str(error))
        sys.stdout.write(f"Browser for the tests: Chromium {browser.version}\n")
        browser.close()


if __name__ == "__main__":
    main()
