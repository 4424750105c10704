"""The people of a journey, each in a browser of their own, and the town that they share."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.request import Request, urlopen

from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from grants.adapters.memory_mail import MemoryMailer
from grants.kernel.clock import LONDON, SetClock
from tests.support.pages import DESK, PHONE, a_page, assert_no_barriers

J = TypeVar("J", bound="Journey")
PATIENCE = 15_000
"""Milliseconds that a page may take: the machine may be busy with other tests."""
SIGNED_IN_FOR = timedelta(hours=8)


class Journey:
    """An empty Seedbed behind a real server, its clock, its post, and everybody who has opened it."""

    def __init__(self, app: Flask, url: str, browser: Browser, clock: SetClock, closing: ExitStack) -> None:
        self.app, self.url, self.browser, self.clock, self._closing = app, url, browser, clock, closing
        self.start = clock.now()

    def day(self, number: int, hour: int = 12) -> datetime:
        """The moment at this hour in London, so many days after the journey began."""
        then = self.start.astimezone(LONDON) + timedelta(days=number)
        return then.replace(hour=hour, minute=0)

    def comes_to(self, number: int, hour: int = 12) -> None:
        """Move the clock, and let it do what it does by itself."""
        self.clock.set(self.day(number, hour))
        self.runs("rounds", "tick")

    def runs(self, *command: str) -> str:
        """A command on the server. It must succeed; gives what it printed."""
        done = self.app.test_cli_runner().invoke(args=list(command))
        assert done.exit_code == 0, f"{' '.join(command)}: {done.output} {done.exception!r}"
        return str(done.output)

    def somebody(self, name: str, *, width: int = DESK, script: bool = True) -> Somebody:
        """Somebody new, who has just opened a browser."""
        page = self._closing.enter_context(a_page(self.browser, self.url, width=width, script=script))
        page.set_default_timeout(PATIENCE)
        return Somebody(self, name, page)

    def letter(self, to: str, about: str) -> str:
        """The newest letter to an address whose subject holds these words, once the relay has sent it."""
        self.runs("outbox", "send")
        mailer = self.app.extensions["mailer"]
        assert isinstance(mailer, MemoryMailer)
        found = [f"{subject}\n\n{text}" for whom, subject, text in mailer.letters.values() if whom == to]
        matching = [letter for letter in found if about in letter.splitlines()[0]]
        assert matching, f"no letter “{about}” to {to}, but {[letter.splitlines()[0] for letter in found]}"
        return matching[-1]

    def bank_says(self, told: str, key: str, amount_minor: int) -> None:
        """An event of the payment provider, signed as it signs them."""
        body = json.dumps({"id": f"event-{key}", "told": told, "key": key, "amount_minor": amount_minor}).encode()
        secret = hmac.new(self.app.config["SECRET_KEY"].encode(), b"webhook:memory", hashlib.sha256).digest()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Seedbed-Signature": signature}
        with urlopen(Request(f"{self.url}/webhooks/memory", body, headers)) as answer:
            assert json.load(answer) == {"new": True}


class Somebody:
    """One person at their own browser. The words are those that stand on the page."""

    def __init__(self, journey: Journey, name: str, page: Page) -> None:
        self.journey, self.name, self.page = journey, name, page
        self.email = f"{name.split()[0].lower()}@seedbed.example"
        self._signed_in_at: datetime | None = None

    # Coming and going.

    def signs_in(self) -> Somebody:
        """By the link that comes by mail; who is new gives a name. Nothing to do while the session lasts."""
        now = self.journey.clock.now()
        if self._signed_in_at and now - self._signed_in_at < SIGNED_IN_FOR:
            return self
        self.page.goto("/sign-in")
        self.fills("Your e-mail address", self.email)
        self.presses("Send me a link")
        self.sees("Look in your mail")
        link = re.search(r"/sign-in/\S+", self.journey.letter(self.email, "Your link to sign in"))
        assert link
        self.page.goto(link[0])
        if self._signed_in_at is None and self.page.get_by_label("Your name").count():
            self.fills("Your name", self.name)
            self.presses("Make my account")
        else:
            self.presses("Sign in", exact=True)
        self.sees(f"Hello, {self.name}")
        self._signed_in_at = now
        return self

    def goes(self, path: str, *, signed_in: bool = True) -> Somebody:
        """Open a page by its address, signed in by mail when the last session is over."""
        if signed_in:
            self.signs_in()
        self.page.goto(path)
        return self

    def goes_home(self) -> Somebody:
        """Their own page, with what needs them now."""
        return self.goes("/home")

    def follows(self, words: str, *, within: Locator | None = None, exact: bool = False) -> None:
        """A link, by its words."""
        with self.page.expect_navigation():
            (within or self.page).get_by_role("link", name=words, exact=exact).first.click()

    def presses(self, words: str, *, within: Locator | None = None, exact: bool = False) -> None:
        """A button, by its words; waits for the page that follows."""
        with self.page.expect_navigation():
            (within or self.page).get_by_role("button", name=words, exact=exact).first.click()

    @property
    def here(self) -> str:
        """The path of the page that is open."""
        return self.page.url.removeprefix(self.journey.url).split("?")[0].split("#")[0]

    # Filling in.

    def part(self, legend: str) -> Locator:
        """A group of fields, by its legend."""
        return self.page.get_by_role("group", name=legend)

    def fills(self, label: str, text: str, *, within: Locator | None = None, exact: bool = False) -> None:
        """A box, by its label."""
        (within or self.page).get_by_label(label, exact=exact).first.fill(text)

    def picks(self, label: str, option: str, *, within: Locator | None = None) -> None:
        """An option of a list."""
        (within or self.page).get_by_label(label).first.select_option(label=option)

    def chooses(self, option: str, *, within: Locator | None = None, exact: bool = False) -> None:
        """One of several round buttons."""
        (within or self.page).get_by_role("radio", name=option, exact=exact).first.check()

    def ticks(self, *options: str, within: Locator | None = None) -> None:
        """Boxes, by their labels."""
        for option in options:
            (within or self.page).get_by_role("checkbox", name=option).first.check()

    def unticks(self, *options: str, within: Locator | None = None) -> None:
        """Boxes, by their labels."""
        for option in options:
            (within or self.page).get_by_role("checkbox", name=option).first.uncheck()

    def dates(self, legend: str, when: datetime, *, clock: bool = False) -> None:
        """A day, or a day and a time, in its boxes."""
        boxes = {"Day": f"{when.day}", "Month": f"{when.month}", "Year": f"{when.year}"}
        for label, text in (boxes | ({"Time": f"{when:%H:%M}"} if clock else {})).items():
            self.part(legend).get_by_label(label, exact=True).fill(text)

    # Looking.

    def sees(self, *words: str) -> None:
        """These words stand on the page."""
        for text in words:
            expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE)

    def sees_not(self, *words: str) -> None:
        """These words stand nowhere on the page."""
        for text in words:
            expect(self.page.locator("main")).not_to_contain_text(text, timeout=PATIENCE)

    def needs(self, *words: str) -> None:
        """Their own page says that this needs them, and leads there: the last one is followed."""
        self.goes_home()
        self.sees(*words)
        self.follows(words[-1])

    def looks(self) -> None:
        """Nothing on this page is a barrier, on a desk; and on a phone too for who came with one."""
        assert_no_barriers(self.page)

    def looks_on_both(self) -> None:
        """The same at both widths."""
        for width in (PHONE, DESK):
            self.page.set_viewport_size({"width": width, "height": 844})
            assert_no_barriers(self.page)


@contextmanager
def a_journey(app: Flask, url: str, browser: Browser, clock: SetClock, kind: type[J]) -> Iterator[J]:
    """A journey; what went wrong in anybody's browser fails at its end."""
    with ExitStack() as closing:
        yield kind(app, url, browser, clock, closing)
