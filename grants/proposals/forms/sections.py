"""What people type into a proposal, section by section. Gaps may be saved; what is malformed may not."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import wtforms

from grants.proposals.rules.facts import (
    APPROACH_WORDS,
    AT_MOST,
    COMMUNITY_WORDS,
    HELP_WORDS,
    LEVEL_WORDS,
    MOST_INSIGHTS,
    Approach,
    Community,
    Facts,
    Help,
    Level,
    Line,
)
from grants.proposals.rules.partners import MOST_PARTNERS, Partner
from grants.proposals.rules.sections import SECTION_FIELDS, Section
from grants.web import fields
from grants.web.forms import Form

SPARE_LINES = 1


class SectionForm(Form):
    """One section. Its fields read as compulsory, but an empty one is no error: the section is then not finished."""

    version = fields.HiddenField(required=False)
    page_token = fields.HiddenField(required=False)
    opened = fields.HiddenField(required=False)

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

    def seconds_open(self, now: datetime) -> int:
        """How long the page has been open; a broken one counts as not at all."""
        text = str(self.opened.data or "")
        return max(int(now.timestamp()) - int(text), 0) if text.isdecimal() and len(text) < 12 else 0

    def values(self) -> dict[str, Any]:
        """The section's values, as the service wants them."""
        skipped = ("version", "page_token", "opened", "csrf_token")
        return {one.short_name: one.data for one in self if one.short_name not in skipped}


class RowsForm(SectionForm):
    """A section with rows that come and go."""

    @property
    def rows(self) -> Any:
        """The list of them, as WTForms keeps it."""
        raise NotImplementedError


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
        hint="Write as you would tell a neighbour. What happens, how often, who runs it? "
        "If you would rather say it, leave this empty and add a recording to your files.",
        at_most=AT_MOST["what"],
        counted=True,
        rows=8,
    )
    starts_on = fields.DayField("When does it start?", hint="For example 27 3 2027. A guess will do.")
    ends_on = fields.DayField("When does it end?", hint="A guess will do.")


class WhereForm(SectionForm):
    for_whom = fields.AreaField(
        "Who is it for?",
        hint="For example: families on our street, or older people who live alone.",
        at_most=AT_MOST["for_whom"],
        rows=4,
    )
    communities = fields.ChecksField(
        "Is it above all for some of these?",
        hint="People belong to several. Tick all that fit.",
        choices=[(one.value, words) for one, words in COMMUNITY_WORDS.items()],
        alone=Community.EVERYBODY.value,
    )
    seldom_heard = fields.AreaField(
        "How do people who are seldom heard have a say in it?",
        hint="People who do not come to meetings or do not fill in forms. Who are they here, and how do you ask them?",
        at_most=AT_MOST["seldom_heard"],
        required=False,
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
            "communities": self.communities.data or [],
            "seldom_heard": self.seldom_heard.data,
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
    insight_ids = fields.UuidChecks(
        "Has somebody said it already?",
        hint="This is what people told us. Tick what your activity answers, if anything does.",
        required=False,
        at_most=MOST_INSIGHTS,
    )


class ApproachForm(SectionForm):
    approaches = fields.ChecksField(
        "Is it any of these?",
        hint="Tick what fits. It is fine if none does.",
        choices=[(one.value, words) for one, words in APPROACH_WORDS.items()],
        alone=Approach.NONE.value,
    )
    level = fields.RadiosField(
        "Which fits best?", choices=[(one, words) for one, words in LEVEL_WORDS.items()], coerce=Level
    )
    outcomes_hoped = fields.AreaField(
        "What is the first thing that you hope will be different?",
        hint="For the people who take part, or for the place. One thing, in a sentence or two.",
        at_most=AT_MOST["outcomes_hoped"],
        rows=3,
    )
    outcomes_seen = fields.AreaField(
        "How will you see it?",
        hint="For example: we count who comes back, or we ask five people at the end.",
        at_most=AT_MOST["outcomes_seen"],
        rows=3,
    )
    second_hoped = fields.AreaField(
        "What is the second thing that you hope will be different?", at_most=AT_MOST["second_hoped"], rows=3
    )
    second_seen = fields.AreaField("How will you see the second one?", at_most=AT_MOST["second_seen"], rows=3)


class FairnessForm(SectionForm):
    equality = fields.AreaField(
        "How can everybody it is for take part?",
        hint="Think of steps and toilets, languages, times of day, and who may not feel welcome. What do you do?",
        at_most=AT_MOST["equality"],
        rows=4,
    )
    poverty = fields.AreaField(
        "What does it cost people to take part?",
        hint="A fare, kit, food, time off work. How can somebody with no money to spare still come?",
        at_most=AT_MOST["poverty"],
        rows=4,
    )
    at_risk = fields.RadiosField(
        "Do children take part, or adults who need care or protection?", choices=[("yes", "Yes"), ("no", "No")]
    )
    safeguarding = fields.AreaField(
        "How do you keep them safe?",
        hint="Who is in charge of it, who is checked, and what do you do when somebody is worried?",
        at_most=AT_MOST["safeguarding"],
        rows=4,
    )

    def values(self) -> dict[str, Any]:
        told = {"yes": True, "no": False}.get(str(self.at_risk.data))
        return {
            "equality": self.equality.data,
            "poverty": self.poverty.data,
            "at_risk": told,
            "safeguarding": self.safeguarding.data if told else "",
        }


class LineForm(wtforms.Form):
    """One row of the budget; a row with nothing in it is left out."""

    what = fields.TextField("What for", at_most=140, required=False)
    amount = fields.MoneyField("How much", required=False, at_most=10**10)
    lasting = fields.TickField("It lasts: equipment or building work")
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
        return Line(self.what.data or "", self.amount.data or 0, bool(self.in_kind.data), bool(self.lasting.data))


class BudgetForm(RowsForm):
    lines = wtforms.FieldList(wtforms.FormField(LineForm), max_entries=60)
    smaller_minor = fields.MoneyField(
        "If there is less money: what smaller sum would still be of use?",
        hint="Leave this empty if it only works with all of it.",
        required=False,
        at_most=10**10,
    )
    smaller_achieves = fields.AreaField(
        "What would you do with that sum?", at_most=AT_MOST["smaller_achieves"], required=False, rows=3
    )

    @property
    def rows(self) -> Any:
        return self.lines

    def values(self) -> dict[str, Any]:
        return {
            "lines": tuple(one.form.to_line() for one in self.lines if not one.form.blank),
            "smaller_minor": self.smaller_minor.data,
            "smaller_achieves": self.smaller_achieves.data,
        }


class PartnerForm(wtforms.Form):
    """One partner; a row with nothing in it is left out."""

    name = fields.TextField("Name of the group or organisation", at_most=120, required=False)
    role = fields.AreaField("What do they do in it?", at_most=500, required=False, rows=2)
    email = fields.EmailField(
        "Their e-mail address", hint="We write to them and ask whether it is so.", at_most=254, required=False
    )
    share_minor = fields.MoneyField(
        "Their share of the money",
        hint="How much of what you ask for goes to them. Nothing is fine.",
        required=False,
        at_most=10**10,
    )

    @property
    def blank(self) -> bool:
        return not any(one.data for one in self) and not self.share_minor.errors

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        if not sound or self.blank:
            return sound
        for one, words in (
            (self.name, "Give the name of the partner"),
            (self.role, "Say what they do in it"),
            (self.email, "Give their e-mail address, so that we can ask them"),
        ):
            if not one.data:
                one.errors = [words]
                sound = False
        return sound

    def to_partner(self) -> Partner:
        return Partner(
            name=self.name.data or "",
            role=self.role.data or "",
            email=self.email.data or "",
            share_minor=self.share_minor.data or 0,
        )


class PartnersForm(RowsForm):
    joint = wtforms.FieldList(wtforms.FormField(PartnerForm), max_entries=MOST_PARTNERS + 1)

    partners = fields.AreaField(
        "Who else helps you?",
        hint="People and places that lend a hand, without a share of the money. Leave it empty if nobody does.",
        at_most=AT_MOST["partners"],
        required=False,
        rows=5,
    )

    @property
    def rows(self) -> Any:
        return self.joint

    def values(self) -> dict[str, Any]:
        return {
            "joint": tuple(one.form.to_partner() for one in self.joint if not one.form.blank),
            "partners": self.partners.data,
        }


def add_row(form: RowsForm) -> None:
    form.rows.append_entry()


def remove_row(form: RowsForm, at: int) -> None:
    """Take one row out and number the others afresh; what was typed stays."""
    kept = [
        {one.short_name: one.data for one in row.form if one.short_name != "csrf_token"}
        for index, row in enumerate(form.rows)
        if index != at
    ]
    while len(form.rows):
        form.rows.pop_entry()
    form.rows.last_index = -1
    for values in kept:
        form.rows.append_entry(values)
    if not kept:
        form.rows.append_entry()


class ContactForm(SectionForm):
    contact_name = fields.TextField("Name", at_most=AT_MOST["contact_name"])
    contact_email = fields.EmailField("E-mail address", at_most=AT_MOST["contact_email"])
    contact_phone = fields.PhoneField("Telephone number", at_most=AT_MOST["contact_phone"], required=False)
    help_received = fields.RadiosField(
        "Who helped you to write this?",
        hint="Help is fine. It counts neither for you nor against you; we want to see who needs it.",
        choices=[(one, words) for one, words in HELP_WORDS.items()],
        coerce=Help,
    )


FORMS: dict[Section, type[SectionForm]] = {
    Section.WHAT: WhatForm,
    Section.WHERE: WhereForm,
    Section.NEED: NeedForm,
    Section.APPROACH: ApproachForm,
    Section.FAIRNESS: FairnessForm,
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
    opened: int,
    wards: Sequence[fields.Option],
    priorities: Sequence[fields.Option],
    insights: Sequence[fields.Option] = (),
) -> SectionForm:
    """The section's form, filled with what is kept (or with what was posted)."""
    kept: dict[str, Any] = _KEPT[section](facts)
    form = FORMS[section](data={"version": str(version), "page_token": page_token, "opened": str(opened), **kept})
    if isinstance(form, WhereForm):
        form.ward_codes.choices = wards  # type: ignore[assignment]
    if isinstance(form, NeedForm):
        form.priority_id.choices = priorities  # type: ignore[assignment]
        form.insight_ids.choices = insights  # type: ignore[assignment]
    if isinstance(form, BudgetForm) and not form.is_submitted():
        for _ in range(SPARE_LINES if facts.lines else 3):
            add_row(form)
    return form


def _names(*names: str) -> Callable[[Facts], Mapping[str, Any]]:
    return lambda facts: {name: getattr(facts, name) for name in names}


def _where(facts: Facts) -> Mapping[str, Any]:
    started = bool(facts.venue_postcode or facts.ward_codes or facts.anywhere)
    return {
        "for_whom": facts.for_whom,
        "communities": list(facts.communities),
        "seldom_heard": facts.seldom_heard,
        "tied": ("anywhere" if facts.anywhere else "place") if started else None,
        "venue_postcode": facts.venue_postcode,
        "ward_codes": list(facts.ward_codes),
    }


def budget(facts: Facts) -> Mapping[str, Any]:
    return {
        "lines": [
            {"what": line.what, "amount": line.amount_minor, "in_kind": line.in_kind, "lasting": line.lasting}
            for line in facts.lines
        ],
        "smaller_minor": facts.smaller_minor,
        "smaller_achieves": facts.smaller_achieves,
    }


def _fairness(facts: Facts) -> Mapping[str, Any]:
    told = {True: "yes", False: "no", None: None}[facts.at_risk]
    return {**_names("equality", "poverty", "safeguarding")(facts), "at_risk": told}


def _partners(facts: Facts) -> Mapping[str, Any]:
    known = [
        {"name": one.name, "role": one.role, "email": one.email, "share_minor": one.share_minor or None}
        for one in facts.joint
    ]
    return {"joint": known, "partners": facts.partners}


_KEPT: dict[Section, Callable[[Facts], Any]] = {
    Section.WHAT: _names("title", "summary", "what", "starts_on", "ends_on"),
    Section.WHERE: _where,
    Section.NEED: _names("priority_id", "answers_need", "insight_ids"),
    Section.APPROACH: _names(*SECTION_FIELDS[Section.APPROACH]),
    Section.FAIRNESS: _fairness,
    Section.BUDGET: budget,
    Section.PARTNERS: _partners,
    Section.CONTACT: _names(*SECTION_FIELDS[Section.CONTACT]),
}
