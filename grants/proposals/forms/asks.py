"""A small ask, on one page."""

from collections.abc import Sequence
from typing import Any

import wtforms

from grants.proposals.forms.sections import LineForm, RowsForm, budget
from grants.proposals.rules.asks import ASK_PARTS, MOST_ASK_LINES
from grants.proposals.rules.facts import AT_MOST, HELP_WORDS, Facts, Help
from grants.web import fields
from grants.web.forms import Form


class AskForm(RowsForm):
    """An ask of a quick round: one page. Gaps may be saved."""

    title = fields.TextField(
        "What do you want to do?", hint="In a few words, like “A bench for our street party”.", at_most=AT_MOST["title"]
    )
    what = fields.AreaField(
        "Tell us a little more",
        hint="What happens, and who runs it? A few sentences are enough.",
        at_most=2000,
        rows=4,
    )
    starts_on = fields.DayField("When?", hint="For example 27 6 2027. A guess will do.")
    ends_on = fields.DayField("Until when, if it takes longer than a day", required=False)
    priority_id = fields.UuidRadios("Which of these does it answer?", message="Choose one")
    for_whom = fields.AreaField(
        "Who is it for?", hint="For example: everybody on Hill Street.", at_most=AT_MOST["for_whom"], rows=2
    )
    venue_postcode = fields.PostcodeField(
        "Postcode of where it happens",
        hint="Everybody can see it if you get the money, so do not give your home.",
        at_most=AT_MOST["venue_postcode"],
    )
    anywhere = fields.TickField("It is not tied to a place")
    lines = wtforms.FieldList(wtforms.FormField(LineForm), max_entries=MOST_ASK_LINES + 1)
    outcomes_seen = fields.AreaField(
        "How will we know that it went well?",
        hint="What will people see or say? A photo or a few words are enough.",
        at_most=AT_MOST["outcomes_seen"],
        rows=3,
    )
    contact_name = fields.TextField("Name", at_most=AT_MOST["contact_name"])
    contact_email = fields.EmailField("E-mail address", at_most=AT_MOST["contact_email"], required=False)
    contact_phone = fields.PhoneField("Telephone number", at_most=AT_MOST["contact_phone"], required=False)
    help_received = fields.SelectField(
        "Did somebody help you to write this?",
        hint="Help is fine. It counts neither for you nor against you.",
        choices=[(one, words) for one, words in HELP_WORDS.items()],
        coerce=Help,
        required=False,
    )

    @property
    def rows(self) -> Any:
        return self.lines

    def values(self) -> dict[str, Any]:
        told = super().values()
        told["lines"] = tuple(one.form.to_line() for one in self.lines if not one.form.blank)
        told["ends_on"] = self.ends_on.data or self.starts_on.data
        told["anywhere"] = bool(self.anywhere.data)
        return told


def ask_form(
    facts: Facts, *, version: int, page_token: str, opened: int, priorities: Sequence[fields.Option]
) -> AskForm:
    """The one page, filled with what is kept (or with what was posted)."""
    kept: dict[str, Any] = {name: getattr(facts, name) for names in ASK_PARTS.values() for name in names}
    kept["lines"] = budget(facts)["lines"]
    if facts.ends_on == facts.starts_on:
        kept["ends_on"] = None
    form = AskForm(data={"version": str(version), "page_token": page_token, "opened": str(opened), **kept})
    form.priority_id.choices = priorities  # type: ignore[assignment]
    if not form.is_submitted():
        for _ in range(max(1, 2 - len(facts.lines))):
            form.lines.append_entry()
    return form


class AskHostForm(Form):
    """Who holds the money for a group without an account."""

    host_id = fields.UuidSelect("Who could hold the money for you?")
