"""What people type becomes domain values, and what is wrong is said in words that help."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import pytest
from flask import Flask, render_template_string
from werkzeug.datastructures import MultiDict

from grants.web import components, fields
from grants.web.forms import Form
from tests.web.kitchen_sink import WARD, EverythingForm, a_bare_app

GOOD = {
    "title": "A bench",
    "story": "One.\r\n\r\n  Two.",
    "email": "Rose@Example.org",
    "postcode": "ts181ab",
    "amount": "£1,234.50",
    "people": "1,200",
    "starts": ["27", "3", "2027"],
    "closes": ["29", "6", "2027", "2:30pm"],
    "kind": "small",
    "ward": str(WARD),
    "touches": ["old", "young"],
    "agree": "y",
}


class Pace(Enum):
    QUICK = "QUICK"
    SLOW = "SLOW"


class PaceForm(Form):
    pace = fields.RadiosField("Pace", choices=[(p.value, p.name.title()) for p in Pace], coerce=Pace)


@pytest.fixture
def bare() -> Flask:
    app = a_bare_app()
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def request_of(bare: Flask) -> Iterator[Any]:
    contexts = []

    def start(form_class: type[Form] = EverythingForm, /, **given: Any) -> Any:
        data: MultiDict[str, str] = MultiDict()
        for name, value in given.items():
            data.setlist(name, value if isinstance(value, list) else [value])
        context = bare.test_request_context("/rounds", method="POST", data=data)
        context.push()
        contexts.append(context)
        return form_class()

    yield start
    for context in reversed(contexts):
        context.pop()


def test_what_was_typed_becomes_domain_values(request_of: Any) -> None:
    form = request_of(**GOOD)
    assert form.accepted(), form.errors
    assert form.data | {"picture": None} == {
        "title": "A bench",
        "story": "One.\n\n  Two.",
        "email": "rose@example.org",
        "postcode": "TS18 1AB",
        "amount": 123_450,
        "people": 1_200,
        "starts": date(2027, 3, 27),
        "closes": datetime(2027, 6, 29, 13, 30, tzinfo=UTC),
        "kind": "small",
        "ward": WARD,
        "touches": ["old", "young"],
        "agree": True,
        "picture": None,
    }


def test_everything_missing_says_what_to_do_in_the_order_of_the_page(request_of: Any) -> None:
    form = request_of()
    assert not form.accepted()
    assert form.status == 422
    assert [row["text"] for row in components.errors_of(form)] == [
        "Enter the title of your idea",
        "Answer the question “What would you do?”",
        "Enter the e-mail address",
        "Enter the amount that you need",
        "Answer the question “How many people will take part?”",
        "Enter the day it starts",
        "Choose the kind of group",
        "Choose the ward",
        "Answer the question “Who does it touch?”",
        "Tick the box to say that you read the rules",
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("title", "x" * 41, "The title of your idea must be 40 characters or fewer: it has 41"),
        ("email", "rose@example", "Enter an e-mail address in the right form, like name@example.org"),
        ("postcode", "TS18", "Enter a full postcode, like TS18 1AA"),
        ("amount", "lots", "Enter an amount in pounds, like 1,200 or 1,234.50"),
        ("amount", "12,34", "Enter an amount in pounds, like 1,200 or 1,234.50"),
        ("amount", "1.005", "Enter an amount in pounds, like 1,200 or 1,234.50"),
        ("amount", "-5", "Enter an amount in pounds, like 1,200 or 1,234.50"),
        ("amount", "99.99", "The amount must be £100 or more"),
        ("amount", "2000.01", "The amount must be £2,000 or less"),
        ("people", "some", "Enter a whole number, like 12"),
        ("people", "0", "Enter a whole number from 1 to 5,000"),
        ("starts", ["31", "2", "2027"], "Enter a real date, like 27 3 2027"),
        ("starts", ["27", "", ""], "The date must have a month and a year"),
        ("closes", ["27", "3", "2027", ""], "Enter a date and a time, like 27 3 2027 and 12:00"),
        ("closes", ["27", "3", "2027", "25:00"], "Enter a time, like 14:30 or 2:30pm"),
        (
            "closes",
            ["28", "3", "2027", "1:30am"],
            "The clocks go forward then, so this time does not happen: choose one an hour later",
        ),
        ("kind", "big", "Choose one from the list"),
        ("ward", "not-a-uuid", "Choose one from the list"),
        ("touches", ["old", "nobody"], "Choose from the list"),
    ],
)
def test_what_cannot_be_right_is_refused_in_plain_words(
    request_of: Any, name: str, value: str | list[str], words: str
) -> None:
    form = request_of(**(GOOD | {name: value}))
    assert not form.accepted()
    assert {key: list(errors) for key, errors in form.errors.items()} == {name: [words]}


def test_an_optional_field_may_be_blank(request_of: Any) -> None:
    form = request_of(**(GOOD | {"postcode": " ", "closes": ["", "", "", ""]}))
    assert form.accepted(), form.errors
    assert (form.postcode.data, form.closes.data) == ("", None)


def test_iso_dates_are_understood(request_of: Any) -> None:
    form = request_of(**(GOOD | {"starts": "2027-03-27", "closes": "2027-01-27T12:00"}))
    assert form.accepted(), form.errors
    assert form.starts.data == date(2027, 3, 27)
    assert form.closes.data == datetime(2027, 1, 27, 12, tzinfo=UTC)


def test_of_a_time_that_comes_twice_the_first_is_taken() -> None:
    moment = fields.london_moment(date(2027, 10, 31), fields.parse_clock("1:30"))
    assert moment == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "clock"), [("noon", "12:00"), ("12am", "00:00"), ("12.15 pm", "12:15"), ("9am", "09:00")]
)
def test_the_time_of_day_is_read_as_people_write_it(text: str, clock: str) -> None:
    assert fields.parse_clock(text).strftime("%H:%M") == clock


@pytest.mark.parametrize("text", ["13pm", "9", "0am", "9:60", "-1:00", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Enter a time"):
        fields.parse_clock(text)


def test_a_month_may_be_a_word() -> None:
    assert fields.parse_day(["1", "Sept", "2027"]) == date(2027, 9, 1)


def test_radios_give_the_member_of_an_enum(request_of: Any) -> None:
    form = request_of(PaceForm, pace="SLOW")
    assert form.accepted()
    assert form.pace.data is Pace.SLOW


def test_radios_show_the_chosen_member_of_an_enum(bare: Flask) -> None:
    with bare.test_request_context():
        page = str(components.render(PaceForm(pace=Pace.SLOW).pace))
    assert re.search(r'value="SLOW"\s+checked', page)


def test_the_error_summary_leads_to_each_field(bare: Flask) -> None:
    page = bare.test_client().post("/rounds", data={}).get_data(as_text=True)
    links = re.findall(r'<a href="#([\w-]+)">', page.split("govuk-error-summary__list")[1].split("</ul>")[0])
    assert len(links) == 10
    for target in links:
        assert f'id="{target}"' in page


def test_the_title_says_that_something_is_wrong(bare: Flask) -> None:
    client = bare.test_client()
    assert "<title>Kitchen sink – Seedbed</title>" in client.get("/rounds").get_data(as_text=True)
    assert "<title>Error: Kitchen sink – Seedbed</title>" in client.post("/rounds").get_data(as_text=True)


def test_what_was_typed_is_kept_and_escaped(bare: Flask) -> None:
    typed = {"title": '"><script>alert(1)</script>', "story": "One\n\n  Two <b>", "starts": ["27", "<3", "2027"]}
    page = bare.test_client().post("/rounds", data=typed).get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&#34;&gt;&lt;script&gt;" in page
    assert "One\n\n  Two &lt;b&gt;</textarea>" in page
    assert 'value="&lt;3"' in page


@pytest.mark.parametrize("name", ["title", "story", "amount", "starts", "closes"])
def test_a_blank_field_is_made_once_and_what_was_typed_is_not_kept(request_of: Any, name: str) -> None:
    components._made.cache_clear()
    typed = str(components.render(getattr(request_of(**GOOD), name)))
    assert components._made.cache_info().currsize == 0
    blank = [str(components.render(getattr(request_of(), name))) for _ in range(2)]
    assert blank[0] == blank[1] != typed
    assert (components._made.cache_info().currsize, components._made.cache_info().hits) == (1, 1)


def test_text_that_is_escaped_already_is_not_taken_for_plain_text(bare: Flask) -> None:
    with bare.app_context():
        plain = components.component("tag", "govukTag", {"html": "<b>1</b>"})
        assert components.component("tag", "govukTag", {"text": "<b>1</b>"}) != plain


def test_a_broken_rule_stands_beside_its_field_or_at_the_head(request_of: Any) -> None:
    class Broken(Exception):
        def __init__(self, message: str, field: str | None = None) -> None:
            self.message, self.field = message, field

    form = request_of(**GOOD)
    assert form.accepted()
    form.show(Broken("Ask for £500 or less.", "amount"))
    form.show(Broken("This round is not open for proposals."))
    assert form.status == 422
    assert components.errors_of(form) == [
        {"text": "This round is not open for proposals."},
        {"text": "Ask for £500 or less.", "href": "#amount"},
    ]


def test_a_page_that_was_open_too_long_says_so() -> None:
    app = a_bare_app()
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    page = app.test_client().post("/rounds", data=GOOD).get_data(as_text=True)
    assert "This page was open for too long. Send it again." in page


def test_more_words_for_the_component_are_passed_on(bare: Flask) -> None:
    with bare.test_request_context():
        page = render_template_string("{{ field(f.title, heading='l', autocomplete='name') }}", f=EverythingForm())
    assert 'autocomplete="name"' in page
    assert "<h1" in page


def test_styles_are_stamped_kept_a_year_and_compressed(bare: Flask) -> None:
    client = bare.test_client()
    link = re.findall(r'href="(/static/css/app\.css\?v=\w{12})"', client.get("/front").get_data(as_text=True))[0]
    answer = client.get(link, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    with client.get(link, headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}) as again:
        assert again.status_code == 304
    with client.get(link) as plain:
        assert "Content-Encoding" not in plain.headers
        assert plain.get_data(as_text=True).startswith("/* Seedbed")
        sent = plain.get_data()
    assert gzip.decompress(answer.get_data()) == sent
    assert hashlib.sha256(sent).hexdigest().startswith(link[-12:])


def test_what_a_style_sheet_or_a_script_names_is_stamped_too(bare: Flask) -> None:
    client = bare.test_client()
    sheet = client.get("/static/css/app.css").get_data(as_text=True)
    script = client.get("/static/js/app.js").get_data(as_text=True)
    named = [f"/static/css/{name}" for name in re.findall(r'url\("(\.[^"]+)"', sheet)]
    named += [f"/static/js/{name}" for name in re.findall(r"(?:from |import\()'(\.[^']+)'", script)]
    assert len(named) >= 7
    for name in named:
        with client.get(name) as answer:
            assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True), name


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 422, 429, 500, 503])
def test_every_error_page_has_a_heading_and_the_reference(bare: Flask, code: int) -> None:
    page = bare.test_client().get(f"/error/{code}").get_data(as_text=True)
    assert page.count("<h1") == 1
    assert "req-1234" in page


def test_the_sign_in_link_of_the_401_page_comes_back_here(bare: Flask) -> None:
    page = bare.test_client().get("/error/401").get_data(as_text=True)
    assert 'href="/sign-in?next=/rounds%3Fa%3Db%26c%3Dd"' in page
