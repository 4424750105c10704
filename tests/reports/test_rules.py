"""What a whole report holds, when it is due, and pictures as we keep them."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO

import pytest
from PIL import Image

from grants.kernel.errors import RuleBroken
from grants.kernel.pictures import LARGEST_PICTURE, LARGEST_SIDE, re_encoded
from grants.reports.rules import (
    MeasureDraft,
    Reminder,
    ReportDraft,
    due_from,
    missing,
    reminder_on,
)

DUE = date(2026, 9, 1)
WHOLE = ReportDraft(
    what_happened="We cooked.",
    story="Ada came.",
    story_consent=True,
    spent_minor=90_000,
    measures=(MeasureDraft("people who came", 27, 62, "the register"),),
)


def but(**changed: object) -> ReportDraft:
    return ReportDraft(**{**{name: getattr(WHOLE, name) for name in WHOLE.__slots__}, **changed})  # type: ignore[attr-defined, arg-type]


def test_a_whole_report_lacks_nothing() -> None:
    assert missing(WHOLE, 90_000) == []


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (but(what_happened=""), "Say what happened."),
        (but(measures=()), "Give at least one number."),
        (but(measures=(MeasureDraft("people", 3, None, "a list"),)), "Say out of how many: “people”."),
        (but(measures=(MeasureDraft("people", 3, 4),)), "Say how you counted: “people”."),
        (but(spent_minor=None), "Say how much you spent."),
        (but(spent_minor=90_001), "You were paid £900. You cannot have spent £900.01 of it: check the amount."),
        (but(spent_minor=80_000), "Say why you spent £100 less than you were paid."),
        (but(story=""), "Tell one story."),
        (
            but(story_consent=False),
            "Ask the people in the story whether it may be published, then tick the box.",
        ),
    ],
)
def test_what_is_missing_is_named(draft: ReportDraft, words: str) -> None:
    assert missing(draft, 90_000) == [words]


def test_an_underspend_with_its_reason_is_whole() -> None:
    assert missing(but(spent_minor=80_000, underspend_reason="The hall was free."), 90_000) == []


def test_a_part_larger_than_its_whole_is_refused() -> None:
    with pytest.raises(RuleBroken, match="63 cannot be out of 62"):
        MeasureDraft("people", 63, 62).check()


@pytest.mark.parametrize(
    ("days", "reminder"),
    [
        (-8, None),
        (-7, Reminder.SOON),
        (-1, Reminder.SOON),
        (0, Reminder.TODAY),
        (6, Reminder.TODAY),
        (7, Reminder.LATE),
        (60, Reminder.LATE),
        (61, None),
    ],
)
def test_letters_come_a_week_before_on_the_day_and_a_week_late(days: int, reminder: Reminder | None) -> None:
    assert reminder_on(DUE, DUE + timedelta(days=days)) is reminder


def test_a_report_is_due_six_months_after_the_last_signature() -> None:
    assert due_from(date(2026, 3, 2)) == DUE


def a_picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **saved: object) -> bytes:
    content = BytesIO()
    Image.new("RGB", size, "teal").save(content, kind, **saved)
    return content.getvalue()


def test_a_picture_loses_where_it_was_taken_and_stands_upright() -> None:
    facts = Image.Exif()
    facts[0x0112] = 6  # lies on its side
    facts[0x010F] = "A phone"
    facts.get_ifd(0x8825)[2] = (54.0, 34.0, 0.0)
    kept = Image.open(BytesIO(re_encoded(a_picture(exif=facts.tobytes()))))
    assert kept.size == (40, 60)
    assert dict(kept.getexif()) == {}
    assert b"A phone" not in re_encoded(a_picture(exif=facts.tobytes()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_known_kind_is_kept_as_jpeg(kind: str) -> None:
    assert re_encoded(a_picture(kind))[:3] == b"\xff\xd8\xff"


def test_a_large_picture_is_made_smaller_and_a_clear_one_gets_a_white_ground() -> None:
    kept = Image.open(BytesIO(re_encoded(a_picture(size=(4000, 2000)))))
    assert kept.size == (LARGEST_SIDE, LARGEST_SIDE // 2)
    clear = BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(clear, "PNG")
    assert Image.open(BytesIO(re_encoded(clear.getvalue()))).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"GIF89a" + b"\0" * 40,
        b"\xff\xd8\xff\xe0 not really",
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_of_ours_is_refused_by_its_content(content: bytes) -> None:
    with pytest.raises(RuleBroken, match="JPEG, PNG or WebP"):
        re_encoded(content)


def test_too_many_bytes_or_pixels_are_refused() -> None:
    with pytest.raises(RuleBroken, match="6 MB"):
        re_encoded(b"\0" * (LARGEST_PICTURE + 1))
    with pytest.raises(RuleBroken, match="too many pixels"):
        re_encoded(a_picture("PNG", (8000, 6000)))
