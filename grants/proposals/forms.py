"""What people type into a proposal, section by section. Gaps may be saved; what is malformed may not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wtforms

from grants.proposals.rules import (
    APPROACH_WORDS,
    AT_MOST,
    LEVEL_WORDS,
    SCREENING_WORDS,
    Facts,
    Level,
    Line,
    ScreeningCode,
    Section,
)
from grants.web import fields
from grants.web.forms import Form

SPARE_LINES = 1


class SectionForm(Form):
    """One section. Its fields read as compulsory, but an empty one is no error: the section is then not finished."""

    version = fields.HiddenField(required=False)
    page_token = fields.HiddenField(required=False)

    def validate(self, extra_validators: Any = None) -> bool:
        asked = [one for one in self if getattr(one, "required", False) is True]
        for one in asked:
            one.required = False
        try:
            return bool(super().validate(extra_validators))
        finally:
            for one in asked:
                one.required = True

    @property
    def version_seen(self) -> int:
        """The version that the page showed; a broken one counts as none."""
        text = str(self.version.data or "")
        return int(text) if text.isdecimal() and len(text) < 10 else -1

    def values(self) -> dict[str, Any]:
        """The section's values, as the service wants them."""
        skipped = ("version", "page_token", "csrf_token")
        return {one.short_name: one.data for one in self if one.short_name not in skipped}


class WhatForm(SectionForm):
    title = fields.TextField(
        "A short name for it", hint="The name that people will see when they vote.", at_most=AT_MOST["title"]
    )
    summary = fields.AreaField(
        "In one or two sentences",
        hint="This stands on the ballot. Say what will happen, and for whom.",
        at_most=AT_MOST["summary"],
        counted=True,
        rows=3,
    )
    what = fields.AreaField(
        "What will you do?",
        hint="Write as you would tell a neighbour. What happens, how often, who runs it?",
        at_most=AT_MOST["what"],
        counted=True,
        rows=8,
    )


class WhereForm(SectionForm):
    for_whom = fields.AreaField(
        "Who is it for?",
        hint="For example: families on our street, or older people who live alone.",
        at_most=AT_MOST["for_whom"],
        rows=4,
    )
    tied = fields.RadiosField(
        "Where will it happen?",
        choices=[
            (
                "anywhere",
                "It is not tied to a place",
                "Some money is for certain places only. It could not pay for this.",
            ),
            ("place", "In one place or a few places"),
        ],
    )
    venue_postcode = fields.PostcodeField(
        "Postcode of the place",
        hint="The hall, park or building where most of it happens. Everybody can see it, so do not give your home.",
        at_most=AT_MOST["venue_postcode"],
    )
    ward_codes = fields.ChecksField(
        "Wards that it is for",
        hint="Tick all that it is for. Tick none if it is only for the ward of that postcode: we look it up.",
        required=False,
    )

    def values(self) -> dict[str, Any]:
        return {
            "for_whom": self.for_whom.data,
            "anywhere": self.tied.data == "anywhere",
            "venue_postcode": self.venue_postcode.data or "",
            "ward_codes": self.ward_codes.data or [],
        }


class NeedForm(SectionForm):
    priority_id = fields.UuidRadios(
        "Which priority does it answer?", hint="The community agreed these. This round is for them."
    )
    answers_need = fields.AreaField(
        "How does it answer that priority?",
        hint="What did people tell you? What is missing now?",
        at_most=AT_MOST["answers_need"],
        counted=True,
        rows=6,
    )


class ApproachForm(SectionForm):
    approaches = fields.ChecksField(
        "Is it any of these?",
        hint="Tick what fits. It is fine if none does.",
        required=False,
        choices=[(one.value, words) for one, words in APPROACH_WORDS.items()],
    )
    level = fields.RadiosField(
        "Which fits best?", choices=[(one, words) for one, words in LEVEL_WORDS.items()], coerce=Level
    )
    outcomes_hoped = fields.AreaField(
        "What do you hope will be different?",
        hint="For the people who take part, or for the place. How would you notice?",
        at_most=AT_MOST["outcomes_hoped"],
        counted=True,
        rows=6,
    )


class LineForm(wtforms.Form):
    """One row of the budget; a row with nothing in it is left out."""

    what = fields.TextField("What for", at_most=140, required=False)
    amount = fields.MoneyField("How much", required=False, at_most=10**10)
    in_kind = fields.TickField("Given for free (we do not ask for this)")

    @property
    def blank(self) -> bool:
        return not self.what.data and self.amount.data is None and not self.amount.errors

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if sound and self.what.data and self.amount.data is None:
            self.amount.errors = ["Give the amount"]
            return False
        if sound and self.amount.data is not None and not self.what.data:
            self.what.errors = ["Say what it is for"]
            return False
        return sound

    def to_line(self) -> Line:
        return Line(self.what.data or "", self.amount.data or 0, bool(self.in_kind.data))


class BudgetForm(SectionForm):
    lines = wtforms.FieldList(wtforms.FormField(LineForm), max_entries=60)

    def values(self) -> dict[str, Any]:
        return {"lines": tuple(one.form.to_line() for one in self.lines if not one.form.blank)}

    def add_row(self) -> None:
        self.lines.append_entry()

    def remove_row(self, at: int) -> None:
        """Take one row out and number the others afresh; what was typed stays."""
        kept = [
            {"what": one.form.what.data, "amount": one.form.amount.data, "in_kind": one.form.in_kind.data}
            for index, one in enumerate(self.lines)
            if index != at
        ]
        while len(self.lines):
            self.lines.pop_entry()
        self.lines.last_index = -1
        for row in kept:
            self.lines.append_entry(row)
        if not kept:
            self.lines.append_entry()


class PartnersForm(SectionForm):
    partners = fields.AreaField(
        "Who helps you?",
        hint="Other groups, people or places that take part, and what they do. Leave it empty if nobody does.",
        at_most=AT_MOST["partners"],
        required=False,
        rows=5,
    )


class ContactForm(SectionForm):
    contact_name = fields.TextField("Name", at_most=AT_MOST["contact_name"])
    contact_email = fields.EmailField("E-mail address", at_most=AT_MOST["contact_email"])
    contact_phone = fields.PhoneField("Telephone number", at_most=AT_MOST["contact_phone"], required=False)


FORMS: dict[Section, type[SectionForm]] = {
    Section.WHAT: WhatForm,
    Section.WHERE: WhereForm,
    Section.NEED: NeedForm,
    Section.APPROACH: ApproachForm,
    Section.BUDGET: BudgetForm,
    Section.PARTNERS: PartnersForm,
    Section.CONTACT: ContactForm,
}


def section_form(
    section: Section,
    facts: Facts,
    *,
    version: int,
    page_token: str,
    wards: Sequence[fields.Option],
    priorities: Sequence[fields.Option],
) -> SectionForm:
    """The section's form, filled with what is kept (or with what was posted)."""
    kept: dict[str, Any] = _KEPT[section](facts)
    form = FORMS[section](data={"version": str(version), "page_token": page_token, **kept})
    if isinstance(form, WhereForm):
        form.ward_codes.choices = wards  # type: ignore[assignment]
    if isinstance(form, NeedForm):
        form.priority_id.choices = priorities  # type: ignore[assignment]
    if isinstance(form, BudgetForm) and not form.is_submitted():
        for _ in range(SPARE_LINES if facts.lines else 3):
            form.add_row()
    return form


def _names(*names: str) -> Callable[[Facts], Mapping[str, Any]]:
    return lambda facts: {name: getattr(facts, name) for name in names}


def _where(facts: Facts) -> Mapping[str, Any]:
    started = bool(facts.venue_postcode or facts.ward_codes or facts.anywhere)
    return {
        "for_whom": facts.for_whom,
        "tied": ("anywhere" if facts.anywhere else "place") if started else None,
        "venue_postcode": facts.venue_postcode,
        "ward_codes": list(facts.ward_codes),
    }


def _budget(facts: Facts) -> Mapping[str, Any]:
    return {
        "lines": [{"what": line.what, "amount": line.amount_minor, "in_kind": line.in_kind} for line in facts.lines]
    }


_KEPT: dict[Section, Callable[[Facts], Any]] = {
    Section.WHAT: _names("title", "summary", "what"),
    Section.WHERE: _where,
    Section.NEED: _names("priority_id", "answers_need"),
    Section.APPROACH: _names("approaches", "level", "outcomes_hoped"),
    Section.BUDGET: _budget,
    Section.PARTNERS: _names("partners"),
    Section.CONTACT: _names("contact_name", "contact_email", "contact_phone"),
}


class StartForm(Form):
    group_id = fields.UuidRadios("Which group is it for?")


class ReasonForm(Form):
    """A reason that others read."""

    reason = fields.AreaField("Why?", at_most=1000, rows=4)


class WithdrawForm(Form):
    reason = fields.AreaField("Why? It is fine to leave this empty", at_most=500, rows=3, required=False)


class ScreeningForm(Form):
    verdict = fields.RadiosField(
        "May it go on in this round?",
        choices=[("yes", "Yes", "It meets every rule of the round."), ("no", "No", "It breaks a rule.")],
    )
    code = fields.RadiosField(
        "Which rule does it not meet?",
        choices=[(one, words) for one, words in SCREENING_WORDS.items()],
        coerce=ScreeningCode,
        required=False,
    )
    words = fields.AreaField(
        "Why?", hint="The group reads these words. Say what is wrong, kindly and clearly.", at_most=1000, required=False
    )

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if self.verdict.data == "no" and self.code.data is None:
            self.code.errors = ["Choose which rule it does not meet"]
            sound = False
        if self.verdict.data == "no" and not self.words.data:
            self.words.errors = ["Say why, in words that the group will read"]
            sound = False
        return sound
