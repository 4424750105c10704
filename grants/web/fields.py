"""Form fields: what people type → domain values. ``components`` shows them.

Every field is required unless ``required=False``, and every message says what to do. ``message`` replaces the
one that is made from the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import wtforms
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are behind 3.3
from wtforms.validators import StopValidation, ValidationError

from grants.kernel.errors import RuleBroken
from grants.kernel.money import POUNDS, told_in
from grants.kernel.postcodes import normalise_postcode
from grants.web.filters import currency_of_page, money

LONDON = ZoneInfo("Europe/London")
LARGEST_MINOR = 100_000_000_000  # a billion pounds: far above any pot, far below what a column holds
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

Option = tuple[Any, str] | tuple[Any, str, str]
"""(value, label) or (value, label, hint)."""


_LEADS = {
    "the",
    "a",
    "an",
    "your",
    "my",
    "our",
    "their",
    "its",
    "one",
    "any",
    "at",
    "who",
    "what",
    "why",
    "how",
    "where",
}


class _Plain(wtforms.Field):
    """What all our fields share: required unless told, a hint, and words of our own for what is missing."""

    kind = "text"
    verb = "Enter"

    def __init__(
        self, label: str = "", *, required: bool = True, hint: str = "", message: str | None = None, **kwargs: Any
    ) -> None:
        validators = kwargs.pop("validators", None)
        kwargs.setdefault("description", hint)
        self.required = required
        self.message = message
        super().__init__(label, validators, **kwargs)

    @property
    def about(self) -> str:
        """The label as it reads inside a sentence: "Title" → "the title", "Your name" → "your name"."""
        words = str(self.label.text).rstrip("?:. ")
        if not (words[:2].isalpha() and words[:2].isupper()):
            words = words[:1].lower() + words[1:]
        return words if words.split(" ")[0] in _LEADS else f"the {words}"

    @property
    def missing(self) -> str:
        """What to say when nothing was given."""
        if self.message:
            return self.message
        if str(self.label.text).rstrip().endswith("?"):
            return f"Answer the question “{self.label.text}”"
        return f"{self.verb} {self.about}"

    def is_empty(self) -> bool:
        """Whether nothing was given (blanks only count as nothing)."""
        return not any(str(part).strip() for part in self.raw_data or ())

    def pre_validate(self, form: Any) -> None:
        if self.is_empty():
            raise StopValidation(self.missing) if self.required else StopValidation()
        if self.process_errors:
            raise StopValidation()
        self.check()

    def check(self) -> None:
        """More checks on what was given; raise ValidationError with plain words."""


def _tidy(text: Any) -> Any:
    """Strip blanks at both ends and turn the browser's line ends into plain ones."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(text, str) else text


class TextField(_Plain, wtforms.StringField):
    """One line of text, at most ``at_most`` characters. Optional and blank gives ""."""

    def __init__(self, label: str = "", *, at_most: int = 140, at_least: int = 0, **kwargs: Any) -> None:
        kwargs["filters"] = [_tidy, *kwargs.pop("filters", ())]
        self.at_most, self.at_least = at_most, at_least
        super().__init__(label, **kwargs)

    def check(self) -> None:
        size = len(self.data or "")
        what = self.about[:1].upper() + self.about[1:]
        if size > self.at_most:
            raise ValidationError(f"{what} must be {self.at_most:,} characters or fewer: it has {size:,}")
        if size < self.at_least:
            raise ValidationError(f"{what} must be {self.at_least:,} characters or more")
        if "\x00" in (self.data or ""):
            raise ValidationError(f"{what} holds a character that we cannot keep: type it again")


class AreaField(TextField):
    """Several lines of text. ``counted=True`` shows how many characters are left."""

    kind = "area"

    def __init__(
        self, label: str = "", *, at_most: int = 4000, rows: int = 5, counted: bool = False, **kwargs: Any
    ) -> None:
        self.rows = rows
        self.kind = "count" if counted else "area"
        super().__init__(label, at_most=at_most, **kwargs)


class EmailField(TextField):
    """An e-mail address, lower-cased."""

    def check(self) -> None:
        self.data = (self.data or "").lower()
        if len(self.data) > 254 or not re.fullmatch(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>().]{2,}", self.data):
            raise ValidationError("Enter an e-mail address in the right form, like name@example.org")


class PhoneField(TextField):
    """A telephone number, kept as typed; it must hold 7 to 15 digits."""

    def check(self) -> None:
        digits = re.sub(r"[\s()+.-]", "", self.data or "")
        if not re.fullmatch(r"[0-9]{7,15}", digits):
            raise ValidationError("Enter a telephone number, like 01642 555 0123")


class PostcodeField(TextField):
    """A British postcode in its normal form ("TS18 1AA")."""

    def check(self) -> None:
        try:
            self.data = normalise_postcode(self.data or "")
        except RuleBroken as broken:
            raise ValidationError(broken.message) from None


class NumberField(_Plain, wtforms.IntegerField):
    """A whole number between ``at_least`` and ``at_most``; "1,200" is understood. Optional and blank gives None.

    ``like``: the example in the message, for what is no number.
    """

    def __init__(
        self, label: str = "", *, at_least: int = 0, at_most: int = 1_000_000_000, like: int = 12, **kwargs: Any
    ) -> None:
        self.at_least, self.at_most, self.like = at_least, at_most, like
        super().__init__(label, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        text = str(valuelist[0]).replace(",", "").replace(" ", "") if valuelist else ""
        if not text:
            return
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError(f"Enter a whole number, like {self.like}")
        self.data = int(text)

    def check(self) -> None:
        if self.data is None or not self.at_least <= self.data <= self.at_most:
            raise ValidationError(f"Enter a whole number from {self.at_least:,} to {self.at_most:,}")


class MoneyField(_Plain):
    """Pounds and pence as typed ("1,234.50", "£20") → whole pence. Optional and blank gives None.

    ``at_least`` and ``at_most`` are in pence.
    """

    kind = "money"

    def __init__(self, label: str = "", *, at_least: int = 1, at_most: int = LARGEST_MINOR, **kwargs: Any) -> None:
        self.at_least, self.at_most = at_least, at_most
        super().__init__(label, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        text = str(valuelist[0]) if valuelist else ""
        if text.strip():
            try:
                self.data = parse_pounds(text)
            except ValueError as broken:
                raise ValueError(told_in(str(broken), currency_of_page())) from None

    def check(self) -> None:
        if self.data is None or self.data < self.at_least:
            raise ValidationError(f"The amount must be {money(self.at_least)} or more")
        if self.data > self.at_most:
            raise ValidationError(f"The amount must be {money(self.at_most)} or less")

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else money(self.data, POUNDS).removeprefix("£")


def parse_pounds(text: str) -> int:
    """Pence from pounds as people type them; ValueError with plain words otherwise.

    >>> parse_pounds("£1,234.50"), parse_pounds("20")
    (123450, 2000)
    """
    bare = re.sub(r"[£\s]", "", text)
    found = re.fullmatch(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12})(?:\.([0-9]{1,2}))?", bare)
    if not found:
        raise ValueError("Enter an amount in pounds, like 1,200 or 1,234.50")
    return int(found[1].replace(",", "")) * 100 + int((found[2] or "0").ljust(2, "0"))


class DayField(_Plain):
    """A day, month and year in three boxes of one name (or one ISO text) → ``date``. Optional and blank gives None."""

    kind = "date"
    parts = 3

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        texts = [str(v).strip() for v in valuelist]
        if any(texts):
            self.data = parse_day(texts)

    def shown(self) -> list[str]:
        """The texts of the boxes: what was typed, else the value."""
        raw = [str(v) for v in self.raw_data or ()]
        if len(raw) == 1 and self.data:
            raw = []
        if not raw and self.data:
            raw = self.texts_of(self.data)
        return (raw + [""] * self.parts)[: self.parts]

    def texts_of(self, value: Any) -> list[str]:
        """The value as the texts of the boxes."""
        return [str(value.day), str(value.month), str(value.year)]


def parse_day(texts: Sequence[str]) -> date:
    """A date from [day, month, year] (the month may be a word) or [ISO text]; ValueError with plain words."""
    if len(texts) == 1 and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", texts[0]):
        texts = texts[0].split("-")[::-1]
    names = ("a day", "a month", "a year")
    lacking = [name for name, text in zip(names, [*texts, "", "", ""], strict=False) if not text]
    if lacking:
        raise ValueError("The date must have " + " and ".join(lacking))
    day, month, year = texts[:3]
    word = month.lower()
    if len(word) >= 3 and word.isalpha():
        month = next((str(i) for i, name in enumerate(MONTHS, 1) if word.startswith(name)), "0")
    try:
        if not re.fullmatch(r"[0-9]{4}", year):
            raise ValueError
        return date(int(year), int(month), int(day))
    except ValueError:
        raise ValueError("Enter a real date, like 27 3 2027") from None


class LondonTimeField(DayField):
    """A day and a time of the clock in London → an aware UTC ``datetime``.

    Four boxes of one name (day, month, year, time), or one ISO text of London time. A time that the clocks skip in
    spring is refused; of a time that comes twice in autumn the first is taken.
    """

    kind = "moment"
    parts = 4

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        texts = [str(v).strip() for v in valuelist]
        if len(texts) == 1 and "T" in texts[0]:
            texts = [*texts[0].split("T")[0].split("-")[::-1], texts[0].split("T")[1][:5]]
        if not any(texts):
            return
        if len(texts) < 4 or not texts[3]:
            raise ValueError("Enter a date and a time, like 27 3 2027 and 12:00")
        self.data = london_moment(parse_day(texts[:3]), parse_clock(texts[3]))

    def texts_of(self, value: Any) -> list[str]:
        local = value.astimezone(LONDON)
        return [*super().texts_of(local), local.strftime("%H:%M")]


def parse_clock(text: str) -> time:
    """A time of day from "14:30", "2.30pm", "9am", "noon" or "midnight"; ValueError with plain words."""
    bare = re.sub(r"\s", "", text.lower())
    if bare in ("noon", "midday"):
        return time(12)
    if bare == "midnight":
        return time(0)
    found = re.fullmatch(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?(am|pm)?", bare)
    if found and (found[2] or found[3]):
        hour, minute = int(found[1]), int(found[2] or 0)
        if found[3] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if found[3] == "pm" else 0)
        elif found[3]:
            hour = 99
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise ValueError("Enter a time, like 14:30 or 2:30pm")


def london_moment(day: date, clock: time) -> datetime:
    """The UTC moment of a local time in London (the first of two); ValueError if the clocks skip it."""
    moment = datetime.combine(day, clock, LONDON).astimezone(UTC)
    if moment.astimezone(LONDON).replace(tzinfo=None) != datetime.combine(day, clock):
        raise ValueError("The clocks go forward then, so this time does not happen: choose one an hour later")
    return moment


def _options(given: Any) -> Any:
    """Pairs and triples as what WTForms wants; a callable is left to be called."""
    if given is None or callable(given):
        return given
    return [
        o
        if isinstance(o, SelectChoice)
        else SelectChoice(value=o[0], label=str(o[1]), render_kw={"hint": o[2]} if len(o) > 2 and o[2] else {})
        for o in given
    ]


class Chosen(_Plain, wtforms.SelectField):
    """One of several options, or several of them: each with a label, and a hint where there is one."""

    verb = "Choose"

    def __init__(
        self,
        label: str = "",
        *,
        choices: Iterable[Option] | Callable[[], Iterable[Option]] | None = None,
        coerce: Callable[[Any], Any] = str,
        **kwargs: Any,
    ) -> None:
        given = (lambda: _options(choices())) if callable(choices) else _options(choices)
        super().__init__(
            label, choices=given, coerce=coerce, invalid_value_message="Choose one from the list", **kwargs
        )

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _options(value) if name == "choices" else value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist and not str(valuelist[0]).strip():
            self.data = None
            return
        super().process_formdata(valuelist)

    def check(self) -> None:
        if not any(self.data == self.coerce(c.value) for c in self._own()):
            raise ValidationError("Choose one from the list")

    def _own(self) -> list[SelectChoice]:
        return [c for c in _options(self.choices) or [] if str(c.value) != ""]

    def rendered(self) -> list[dict[str, Any]]:
        """The options as GOV.UK items."""
        chosen = self.data if isinstance(self.data, list | tuple | set) else [self.data]
        return [
            {
                "value": str(getattr(c.value, "value", c.value)),
                "text": c.label,
                "on": self.coerce(c.value) in chosen,
                **({"hint": {"text": c.render_kw["hint"]}} if c.render_kw.get("hint") else {}),
            }
            for c in self._own()
        ]


class RadiosField(Chosen):
    """One of a few. ``choices``: (value, label) or (value, label, hint); set later with ``form.x.choices = […]``."""

    kind = "radios"

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.label.field_id = ""


class SelectField(Chosen):
    """One of many; ``empty`` is the first line, for nothing chosen."""

    kind = "select"

    def __init__(self, label: str = "", *, empty: str = "Choose one", **kwargs: Any) -> None:
        self.empty = empty
        super().__init__(label, **kwargs)


class UuidSelect(SelectField):
    """A select whose values are UUIDs."""

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        super().__init__(label, coerce=_uuid, **kwargs)


class UuidRadios(RadiosField):
    """Radios whose values are UUIDs."""

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        super().__init__(label, coerce=_uuid, **kwargs)


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


class ChecksField(Chosen):
    """Any number of a few → a list. ``at_most`` and ``at_least`` bound the count.

    ``alone``: the last choice, which goes with no other ("None of these"); the service refuses it beside others.
    """

    kind = "checks"

    def __init__(
        self, label: str = "", *, at_least: int = 0, at_most: int = 1000, alone: str = "", **kwargs: Any
    ) -> None:
        self.at_least, self.at_most, self.alone = at_least, at_most, alone
        super().__init__(label, **kwargs)

    def process_data(self, value: Any) -> None:
        self.data = [self.coerce(v) for v in value or ()]

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            self.data = [self.coerce(v) for v in valuelist]
        except (ValueError, TypeError, KeyError):
            raise ValueError("Choose from the list") from None

    def check(self) -> None:
        allowed = [self.coerce(c.value) for c in self._own()]
        if any(v not in allowed for v in self.data):
            raise ValidationError("Choose from the list")
        count = len(set(self.data))
        if count > self.at_most:
            raise ValidationError(f"Choose {self.at_most} or fewer: you chose {count}")
        if count < self.at_least:
            raise ValidationError(f"Choose {self.at_least} or more: you chose {count}")


class UuidChecks(ChecksField):
    """Checkboxes whose values are UUIDs."""

    def __init__(self, label: str = "", **kwargs: Any) -> None:
        super().__init__(label, coerce=_uuid, **kwargs)


class TickField(_Plain, wtforms.BooleanField):
    """One box → True or False. ``required=True`` means that it must be ticked."""

    kind = "tick"

    def __init__(self, label: str = "", *, required: bool = False, **kwargs: Any) -> None:
        super().__init__(label, required=required, **kwargs)

    @property
    def missing(self) -> str:
        return self.message or f"Tick the box: {self.label.text}"


class UploadField(_Plain, wtforms.FileField):
    """One file (werkzeug ``FileStorage``); ``accept`` is the browser's list of kinds, checked again by the service."""

    kind = "file"
    verb = "Choose"

    def __init__(self, label: str = "", *, accept: str = "", **kwargs: Any) -> None:
        self.accept = accept
        super().__init__(label, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        files = [f for f in valuelist if getattr(f, "filename", "")]
        self.data = files[0] if files else None

    def is_empty(self) -> bool:
        return self.data is None


class HiddenField(_Plain, wtforms.HiddenField):
    """A value that the page carries."""

    kind = "hidden"
