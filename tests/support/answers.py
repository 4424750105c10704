"""What a page says, and that it is sound."""

from __future__ import annotations

import re
from html import unescape

from werkzeug.test import TestResponse

from tests.support.crawl import faults


def words(answer: TestResponse) -> str:
    """The text of a page."""
    page = answer.get_data(as_text=True)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def sound(answer: TestResponse, status: int = 200) -> str:
    """The text of a page that is as it should be (the forms' token is switched off here)."""
    assert answer.status_code == status
    assert [f for f in faults(answer.get_data(as_text=True)) if "without its token" not in f] == []
    return words(answer)
