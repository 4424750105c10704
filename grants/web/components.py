"""Fields → GOV.UK components. Templates get ``field(f)``, ``error_summary(form)`` and ``submit(text)``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import wtforms
from flask import Flask, current_app
from jinja2 import Undefined
from markupsafe import Markup

from grants.kernel.money import POUNDS
from grants.web.fields import Chosen, EmailField, NumberField, PhoneField, PostcodeField, SelectField
from grants.web.filters import currency_of_page

_MACROS = {
    "text": ("input", "govukInput"),
    "money": ("input", "govukInput"),
    "area": ("textarea", "govukTextarea"),
    "count": ("character-count", "govukCharacterCount"),
    "radios": ("radios", "govukRadios"),
    "checks": ("checkboxes", "govukCheckboxes"),
    "tick": ("checkboxes", "govukCheckboxes"),
    "select": ("select", "govukSelect"),
    "date": ("date-input", "govukDateInput"),
    "moment": ("date-input", "govukDateInput"),
    "file": ("file-upload", "govukFileUpload"),
    "password": ("password-input", "govukPasswordInput"),
}
_KINDS = {
    "RadioField": "radios",
    "SelectField": "select",
    "SelectMultipleField": "checks",
    "BooleanField": "tick",
    "TextAreaField": "area",
    "FileField": "file",
    "PasswordField": "password",
    "HiddenField": "hidden",
    "CSRFTokenField": "hidden",
}
_BOXES = (("day", "Day", 2), ("month", "Month", 2), ("year", "Year", 4), ("time", "Time", 5))
# The macros leave many blank lines: two thirds of a field's weight. What stands in a textarea is a person's own.
_GAPS = re.compile(r"(<textarea.*?</textarea>)|\s*\n\s*", re.DOTALL)
_GROUPS = ("radios", "checks", "date", "moment")


def kind_of(f: Any) -> str:
    """Which component shows this field (ours say it themselves, WTForms' own by their type)."""
    return str(getattr(f, "kind", None) or _KINDS.get(f.type, "text"))


def first_id(f: Any) -> str:
    """The id of the field's first input: where its error link leads."""
    return f"{f.id}-day" if kind_of(f) in ("date", "moment") else str(f.id)


def _merge(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    for key, value in b.items():
        a[key] = _merge(dict(a[key]), value) if isinstance(value, dict) and isinstance(a.get(key), dict) else value
    return a


def _items(f: Any, on: str) -> list[dict[str, Any]]:
    rows = (
        f.rendered()
        if isinstance(f, Chosen)
        else [{"value": str(c[0]), "text": str(c[1]), "on": bool(c[2])} for c in f.iter_choices()]
    )
    items = []
    for row in rows:
        item = {**row, on: row["on"], "attributes": {}}
        del item["on"]
        items.append(item)
    return items


def params(f: Any, heading: str = "") -> dict[str, Any]:
    """The GOV.UK macro's parameters for one field; texts only, never a person's words as ``html``."""
    kind = kind_of(f)
    p: dict[str, Any] = {"id": f.id, "name": f.name}
    if f.description:
        p["hint"] = {"text": str(f.description)}
    if f.errors:
        p["errorMessage"] = {"text": str(f.errors[0]), "visuallyHiddenText": "Error"}
    optional = getattr(f, "required", True) is False and kind not in ("tick", "checks")
    label: dict[str, Any] = {"text": str(f.label.text) + (" (optional)" if optional else "")}
    size = heading or "s"
    label["classes"] = ("govuk-fieldset__legend--" if kind in _GROUPS else "govuk-label--") + size
    if heading in ("l", "xl"):
        label["isPageHeading"] = True
    if kind in _GROUPS:
        p["fieldset"] = {"legend": label}
    elif kind != "tick":
        p["label"] = label
    if kind in ("radios", "checks", "tick"):
        del p["id"]
        p["idPrefix"] = f.id
    if kind in ("radios", "checks"):
        p["items"] = _items(f, "checked")
        alone = getattr(f, "alone", "")
        for at, item in reversed(list(enumerate(p["items"]))):
            if alone and item["value"] == alone:
                item["behaviour"] = "exclusive"
                p["items"].insert(at, {"divider": "or"})
    elif kind == "tick":
        item = {"value": "y", "text": label["text"], "checked": bool(f.data)}
        if "hint" in p:  # it belongs below the box's own words
            item["hint"] = p.pop("hint")
        p["items"] = [item]
    elif kind == "select":
        first = [{"value": "", "text": f.empty}] if isinstance(f, SelectField) else []
        p["items"] = first + _items(f, "selected")
    elif kind in ("date", "moment"):
        boxes = _BOXES[: 4 if kind == "moment" else 3]
        p["items"] = [
            {
                "id": f"{f.id}-{n}",
                "name": f.name,
                "label": words,
                "value": value,
                "inputmode": "text" if n == "time" else "numeric",
                "classes": f"govuk-input--width-{width}" + (" govuk-input--error" if f.errors else ""),
            }
            for (n, words, width), value in zip(boxes, f.shown(), strict=True)
        ]
    elif kind == "file":
        accept = getattr(f, "accept", "")
        p["attributes"] = {**({"accept": accept} if accept else {})}
    elif kind != "password":
        p["value"] = f._value()
        p["attributes"] = {"dir": "auto"}
    if kind == "money":
        currency = currency_of_page()
        if currency:
            p |= {"prefix": {"text": "£"}} if currency == POUNDS else {"suffix": {"text": currency}}
        p |= {"inputmode": "decimal", "classes": "govuk-input--width-10", "spellcheck": False}
    if kind in ("area", "count"):
        p["rows"] = getattr(f, "rows", 5)
    if kind == "count":
        p["maxlength"] = f.at_most
    defaults: dict[type, dict[str, Any]] = {
        EmailField: {"type": "email", "autocomplete": "email", "spellcheck": False},
        PhoneField: {"type": "tel", "autocomplete": "tel", "classes": "govuk-input--width-20"},
        PostcodeField: {"autocomplete": "postal-code", "classes": "govuk-input--width-10"},
        NumberField: {"inputmode": "numeric", "classes": "govuk-input--width-5", "spellcheck": False},
    }
    return p | defaults.get(type(f), {})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A component with what it is given; ``words`` tells one from another, escaped text from text included."""

    folder: str
    macro: str
    words: str
    given: dict[str, Any] = field(compare=False)


def component(folder: str, macro: str, given: dict[str, Any]) -> Markup:
    """One GOV.UK Frontend component, by its folder and macro name.

    The packaged macros are slow (a date costs 2.5 ms) and say the same for the same words, so what they said is kept;
    but nothing that somebody typed.
    """
    asked = _Asked(folder, macro, repr(given), given)
    typed = given.get("value") or given.get("errorMessage") or any(one.get("value") for one in _texts(folder, given))
    return _made.__wrapped__(asked) if typed else _made(asked)


def _texts(folder: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a component in which somebody types: of a date its day, month and year."""
    return [one for one in given.get("items", ()) if one] if folder == "date-input" else []


@lru_cache(maxsize=1024)
def _made(asked: _Asked) -> Markup:
    module = current_app.jinja_env.get_template(f"govuk_frontend_jinja/components/{asked.folder}/macro.html").module
    page = _GAPS.sub(lambda found: found[1] or "\n", getattr(module, asked.macro)(asked.given))
    return Markup(page)  # noqa: S704  (the packaged macros escape every text)


def render(f: Any, heading: str = "", **over: Any) -> Markup:
    """A field as its component. ``heading="l"`` makes the label the page's h1; other keywords go to the macro."""
    if isinstance(f, Undefined) and getattr(f, "_undefined_name", "") == "csrf_token":
        return Markup("")  # the token is switched off in some tests
    kind = kind_of(f)
    if kind == "hidden":
        return Markup(f())  # noqa: S704  (WTForms escapes it)
    folder, macro = _MACROS[kind]
    return component(folder, macro, _merge(params(f, heading), over))


def errors_of(form: Any) -> list[dict[str, str]]:
    """Every error of a form, in the order of its fields, each with the address of its field."""
    if form is None or not getattr(form, "errors", None):
        return []
    rows = [{"text": str(e)} for e in getattr(form, "form_errors", ())]
    for f in form:
        if isinstance(f, wtforms.FormField):
            rows += errors_of(f.form)
        elif isinstance(f, wtforms.FieldList):
            for entry in f.entries:
                rows += errors_of(entry.form) if isinstance(entry, wtforms.FormField) else _own_error(entry)
            if f.errors and isinstance(f.errors[0], str):
                rows.append({"text": str(f.errors[0]), "href": f"#{f.id}"})
        else:
            rows += _own_error(f)
    return rows


def _own_error(f: Any) -> list[dict[str, str]]:
    if not f.errors:
        return []
    if f.type == "CSRFTokenField":
        return [{"text": "This page was open for too long. Send it again."}]
    return [{"text": str(f.errors[0]), "href": f"#{first_id(f)}"}]


def error_summary(form: Any) -> Markup:
    """The box that lists what is wrong and links to each field; nothing when all is well."""
    rows = errors_of(form)
    if not rows:
        return Markup("")
    return component("error-summary", "govukErrorSummary", {"titleText": "There is a problem", "errorList": rows})


def submit(text: str = "Continue", **over: Any) -> Markup:
    """A submit button; a second press within a second is ignored."""
    return component("button", "govukButton", _merge({"text": text, "preventDoubleClick": True}, over))


def init_app(app: Flask) -> None:
    """Give templates ``field``, ``error_summary``, ``submit``, ``errors_of`` and ``component``."""
    app.jinja_env.globals.update(
        field=render, error_summary=error_summary, submit=submit, errors_of=errors_of, component=component
    )
