"""What is typed on the way to a vote, and at the desk."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import MOST_POINTS, BallotRules, Connection, VotingMethod
from grants.rounds.rules.book import RuleBook
from grants.voting.rules.codes import normalise_code
from grants.voting.rules.paper import INVALID_WORDS, SAID_BY_PEOPLE, Invalid
from grants.voting.rules.voters import CONNECTION_WORDS, Declaration
from grants.web import fields
from grants.web.forms import Form


class Way(StrEnum):
    """How somebody shows that they may vote."""

    CODE = "code"
    EMAIL = "email"
    SIGNED_IN = "signed_in"


class ChooseForm(Form):
    """What is marked: ``choices`` are ticks; a line's points or place stand in ``mark_7``, where there are any.

    ``shown`` names the lines that the page had, so that a filter loses no choice.
    """

    choices = fields.ChecksField("Your choices", required=False, coerce=int)
    shown = fields.ChecksField("Shown", required=False, coerce=int)

    def prepare(self, standing: Collection[int]) -> None:
        """Offer the lines that can be chosen."""
        self.choices.choices = self.shown.choices = [(number, str(number)) for number in standing]

    def take_what_stands(self, standing: Collection[int]) -> None:
        """Drop what was withdrawn between looking and ticking: the page says so, and it is no mistake of the voter."""
        for field in (self.choices, self.shown):
            field.data = [number for number in field.data or [] if number in standing]

    def marked(self) -> dict[int, int]:
        """Number → 1 for a tick, or its points or place; what was not marked is left out."""
        values = {number: self[f"mark_{number}"].data for number in self.shown.data or [] if f"mark_{number}" in self}
        return {n: value for n, value in values.items() if value} | dict.fromkeys(self.choices.data or [], 1)

    @classmethod
    def for_ballot(cls, rules: BallotRules, numbers: Sequence[int]) -> "ChooseForm":
        """The form of a ballot of this kind, with these lines. Whether points and places hold, the rules say."""
        kind: Any = cls
        if rules.has_points:
            marks = {
                f"mark_{number}": fields.NumberField("", required=False, at_least=-MOST_POINTS, at_most=10**6, like=2)
                for number in numbers
            }
            kind = type("MarksForm", (cls,), marks)
        form: ChooseForm = kind()
        form.prepare(numbers)
        return form


class WhoForm(Form):
    """Who somebody is for this vote: with a code, or an address and a postcode."""

    code = fields.TextField(
        "Your voting code",
        required=False,
        at_most=40,
        hint="12 letters and numbers on your card, like 2345-6789-CDFH. Capitals and hyphens do not matter.",
    )
    email = fields.EmailField("Your e-mail address", required=False, hint="We send a six-digit number to it.")
    postcode = fields.PostcodeField(
        "Postcode",
        required=False,
        hint="Of the place here where you live, work, study or volunteer, like TS18 1AA. We keep the ward only.",
    )
    connection = fields.RadiosField("What ties you to this place?", message="Say what ties you to this place")
    old_enough = fields.TickField(
        "I am old enough to vote", hint="You need nobody’s leave to vote. We do not ask for your date of birth."
    )
    remind = fields.TickField(
        "Remind me by e-mail if I do not finish",
        hint="Once a day at most. Only for this we keep your address, sealed, until voting closes.",
    )

    def prepare(self, book: RuleBook, signed_in: bool, may_remind: bool = False) -> None:
        """Ask only for what the rule-book asks. Who is signed in has shown already that they read their mail."""
        self.by_code = VotingMethod.CODE in book.vote_methods
        self.by_email = VotingMethod.EMAIL_POSTCODE in book.vote_methods
        self.signed_in = signed_in and self.by_email
        self.may_remind = may_remind and self.by_email
        if not self.may_remind:
            self.remind.data = False
        self.connection.choices = [
            (tie.value, words) for tie, words in CONNECTION_WORDS.items() if tie in book.vote_connections
        ]
        self.min_age = book.vote_min_age
        self.old_enough.label.text = f"I am {book.vote_min_age} or older"
        if len(book.vote_connections) == 1:
            self.connection.required = False
            self.connection.data = book.vote_connections[0].value
        if not book.vote_min_age:
            self.old_enough.data = True

    @property
    def way(self) -> Way:
        """How they show that they may vote: with a code when they gave one, or when there is no other way."""
        if self.by_code and (self.code.data or not self.by_email):
            return Way.CODE
        return Way.SIGNED_IN if self.signed_in else Way.EMAIL

    def complete(self) -> bool:
        """Whether everything is there that their way asks for; shows what is missing."""
        if self.by_code and self.by_email and not (self.code.data or self.email.data or self.postcode.data):
            other = "your postcode" if self.signed_in else "your e-mail address and postcode"
            self.show(RuleBroken(f"Enter your voting code, or {other}", field="code"))
        else:
            self._show_missing()
        if self.errors and not self.old_enough.data:  # all at once; alone it is refused, and counted, by the rule
            self.show(RuleBroken(f"Tick the box if you are {self.min_age} or older", field="old_enough"))
        return not self.errors

    def _show_missing(self) -> None:
        wants = {
            Way.CODE: [("code", "Enter your voting code")],
            Way.EMAIL: [("email", "Enter your e-mail address"), ("postcode", "Enter your postcode")],
            Way.SIGNED_IN: [("postcode", "Enter your postcode")],
        }
        for name, message in wants[self.way]:
            if not self[name].data:
                self.show(RuleBroken(message, field=name))
        if self.way is Way.CODE and self.code.data:
            try:
                normalise_code(self.code.data)
            except RuleBroken as broken:
                self.show(broken)

    def declaration(self) -> Declaration:
        return Declaration(Connection(self.connection.data) if self.connection.data else None, self.old_enough.data)


class NumberForm(Form):
    """The number that came by mail."""

    number = fields.TextField(
        "Your six-digit number", at_most=20, hint="Like 123 456.", message="Enter the number from our letter"
    )


class CastForm(Form):
    """The last step."""

    blank = fields.TickField("I want to cast a blank ballot")
    no_receipt = fields.TickField("Show me no tracking code, so that nobody can ask me for it")


class CodesForm(Form):
    """A new batch of codes."""

    label = fields.TextField(
        "Who hands them out, or where?",
        hint="For example: Thornaby library.",
        message="Say who hands them out, or where",
    )
    code_count = fields.NumberField("How many codes?", at_least=1, at_most=5000, hint="From 1 to 5,000.")
    form_of = fields.RadiosField(
        "How do you want them?",
        choices=[
            ("cards", "As cards to print", "Eight on a page, each with a QR code that opens the vote with its code."),
            ("sheets", "As cards to print (PDF)", "Eight on a page of A4, up to 96 at once."),
            ("letters", "As letters to print (PDF)", "A page each, to put into an envelope; up to 48 at once."),
            ("csv", "As a spreadsheet (CSV)", "For a mail merge."),
        ],
        message="Choose how you want the codes",
    )


class HandOverForm(Form):
    """Who has the cards now."""

    handed_to = fields.TextField(
        "Who has them now, or where are they?",
        hint="A connector’s name, or a place. For example: Carl Connor, at the warm table.",
        message="Say who has them now, or where they are",
    )
    handed_on = fields.DayField("On which day were they handed over?")


class VoidForm(Form):
    """Codes that got lost."""

    reason = fields.TextField(
        "Why?", at_most=500, hint="For example: the box was stolen.", message="Say why these codes are worth nothing"
    )


# In person and on paper.


class BoothForm(Form):
    """A place with a box."""

    name = fields.TextField("What is the booth called?", hint="For example: Thornaby library.")
    place = fields.TextField("Where is it?", at_most=200, hint="Street and room, as people find it.")


class ShiftForm(Form):
    """An officer's days at a booth."""

    person_id = fields.UuidSelect("Which officer?", message="Choose an officer")
    days = fields.ChecksField("On which days?", message="Choose at least one day")


class PrintForm(Form):
    """New ballot papers."""

    sheet_count = fields.NumberField("How many papers?", at_least=1, at_most=1000, hint="From 1 to 1,000.")
    size = fields.RadiosField(
        "In which size?",
        choices=[
            ("usual", "Usual print", "One page for each paper."),
            ("large", "Large print", "For people who see less well. It may need two pages."),
        ],
        message="Choose a size",
    )


class ShownForm(Form):
    """How somebody at a booth shows who they are."""

    code = fields.TextField("Voting code", required=False, at_most=40, hint="If they have a card with one.")
    email = fields.EmailField("E-mail address", required=False, hint="If they would else vote by e-mail.")
    name = fields.TextField("First name and family name", required=False, hint="As it stands on what they show you.")
    born_on = fields.DayField("Date of birth", required=False)
    postcode = fields.PostcodeField("Postcode", required=False, hint="Where they live, work, study or volunteer.")

    def complete(self) -> bool:
        """Whether they can be known by what was typed; shows what is missing."""
        if not (self.code.data or self.email.data or self.name.data):
            self.show(RuleBroken("Enter a voting code, an e-mail address, or a name", field="code"))
        elif not self.code.data and not self.postcode.data:
            self.show(RuleBroken("Enter the postcode", field="postcode"))
        elif not self.code.data and not self.email.data and self.born_on.data is None and not self.born_on.errors:
            self.show(RuleBroken("Enter the date of birth", field="born_on"))
        return not self.errors


class CheckInForm(ShownForm):
    """Somebody has come to vote on paper."""

    checked = fields.TickField("I have checked that this person may vote")

    def complete(self) -> bool:
        """The same, and whether the officer has checked that they may vote."""
        super().complete()
        if not self.checked.data:
            self.show(RuleBroken("Check that they may vote, and tick the box", field="checked"))
        return not self.errors


class UndoForm(ShownForm):
    """Somebody was checked in by mistake."""

    why = fields.TextField(
        "What happened?",
        at_most=300,
        hint="For example: a neighbour of the same name. Write no name.",
        message="Say what happened, without a name",
    )
    no_paper = fields.TickField("No paper of theirs is in the box: they were given none, or it is back and torn up")


class BoxForm(Form):
    """A box was opened."""

    paper_count = fields.NumberField(
        "How many papers were in the box?", at_least=1, at_most=500, hint="Two people count them, from 1 to 500."
    )
    last = fields.RadiosField(
        "Is this the end of voting at this booth?",
        choices=[
            ("yes", "Yes", "The booth closes. Nobody can be checked in here any more."),
            ("no", "No", "More papers will come out of this box later."),
        ],
        message="Say whether voting here has ended",
    )


class PaperForm(Form):
    """What one paper says; and, where officers hold the key, the letters of the pile's cover sheet."""

    cover = fields.TextField(
        "Letters on the cover sheet",
        required=False,
        at_most=60,
        hint="16 letters and figures, on the sheet that lies on the pile. You type them once for a sitting.",
    )
    serial = fields.TextField(
        "Number of the paper",
        required=False,
        at_most=40,
        hint="At its top, like 2345-67C4. A scanner can read it. Leave it empty only when it cannot be read.",
    )
    marks = fields.TextField("What is marked on it", required=False, at_most=1000)
    said = fields.RadiosField("Can it count?", message="Say whether it can count")
    why = fields.TextField("Why is it corrected?", at_most=500, required=False)

    def prepare(self, kind: str) -> None:
        """Ask for marks in the way of this ballot."""
        self.said.choices = [("counts", "Yes, as far as I can see")] + [
            (reason.value, f"No: {INVALID_WORDS[reason]}") for reason in SAID_BY_PEOPLE
        ]
        self.marks.description = MARK_HINTS.get(kind, MARK_HINTS["approval"])

    def to_keyed(self) -> tuple[str, str, Invalid | None]:
        """Number, marks, and what the person sees is wrong with it."""
        return (
            self.serial.data or "",
            self.marks.data or "",
            None if self.said.data == "counts" else Invalid(self.said.data),
        )


MARK_HINTS = {
    "approval": "The numbers that are ticked, with a space between them, like 3 7 12. Nothing for a blank paper.",
    "choose_one": "The number that is ticked. Nothing for a blank paper.",
    "points": "Number = points, with a space between them, like 3=5 12=2. Nothing for a blank paper.",
    "ranked": "The numbers from the 1st choice on, like 7 3 12. Nothing for a blank paper.",
}


class CountForm(Form):
    """The papers of a batch were miscounted."""

    paper_count = fields.NumberField("How many papers are there?", at_least=1, at_most=500)
    why = fields.TextField("Why was it wrong?", at_most=500)


class CoverForm(Form):
    """The letters of a cover sheet, to print it."""

    cover = fields.TextField("Letters on the cover sheet", required=False, at_most=60)


class AnewForm(Form):
    """The papers of a batch are declared anew."""

    why = fields.TextField(
        "Why?",
        at_most=500,
        hint="For example: the cover sheet was lost. Write no name.",
        message="Say why these papers are keyed again from the start",
    )


class ShareForm(Form):
    """A returning officer's share of the key."""

    share = fields.AreaField(
        "Your share of the key",
        hint="The 14 groups on your page. Small letters and missing blanks do not matter.",
        at_most=200,
        rows=3,
    )
