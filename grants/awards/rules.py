"""The lives of an award and of its agreement; the agreement's words; how an award is paid in parts."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.kernel.money import share_out, show_pounds
from grants.kernel.postcodes import one_door


class AwardState(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    IN_SET_UP = "in_set_up"
    ACTIVE = "active"
    COMPLETED = "completed"
    CLOSED = "closed"
    DECLINED = "declined"
    LAPSED = "lapsed"
    ON_HOLD = "on_hold"
    TERMINATED = "terminated"


class AwardAction(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    LAPSE = "lapse"
    SET_UP = "set_up"
    ACTIVATE = "activate"
    AMEND = "amend"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    CLOSE = "close"
    TERMINATE = "terminate"


S, A = AwardState, AwardAction
STEPS = {
    (S.OFFERED, A.ACCEPT): S.ACCEPTED,
    (S.OFFERED, A.DECLINE): S.DECLINED,
    (S.OFFERED, A.LAPSE): S.LAPSED,
    (S.ACCEPTED, A.SET_UP): S.IN_SET_UP,
    (S.IN_SET_UP, A.ACTIVATE): S.ACTIVE,
    (S.ACTIVE, A.AMEND): S.ACCEPTED,
    (S.ACTIVE, A.HOLD): S.ON_HOLD,
    (S.ON_HOLD, A.RELEASE): S.ACTIVE,
    (S.ACTIVE, A.COMPLETE): S.COMPLETED,
    (S.COMPLETED, A.CLOSE): S.CLOSED,
    (S.ACCEPTED, A.TERMINATE): S.TERMINATED,
    (S.IN_SET_UP, A.TERMINATE): S.TERMINATED,
    (S.ACTIVE, A.TERMINATE): S.TERMINATED,
    (S.ON_HOLD, A.TERMINATE): S.TERMINATED,
}
HOLDS_MONEY = frozenset({S.OFFERED, S.ACCEPTED, S.IN_SET_UP, S.ACTIVE, S.COMPLETED, S.CLOSED, S.ON_HOLD, S.TERMINATED})
"""States in which money stands, or stood, against the award: what the public register counts."""


class AgreementState(StrEnum):
    SENT = "sent"
    SIGNED = "signed"
    COUNTERSIGNED = "countersigned"
    VOID = "void"


class AgreementAction(StrEnum):
    SIGN = "sign"
    COUNTERSIGN = "countersign"
    VOID = "void"


AGREEMENT_STEPS = {
    (AgreementState.SENT, AgreementAction.SIGN): AgreementState.SIGNED,
    (AgreementState.SIGNED, AgreementAction.COUNTERSIGN): AgreementState.COUNTERSIGNED,
    (AgreementState.SENT, AgreementAction.VOID): AgreementState.VOID,
    (AgreementState.SIGNED, AgreementAction.VOID): AgreementState.VOID,
    (AgreementState.COUNTERSIGNED, AgreementAction.VOID): AgreementState.VOID,
}


class ChangeRequestState(StrEnum):
    SUBMITTED = "submitted"
    QUERIED = "queried"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPLIED = "applied"


class ChangeRequestAction(StrEnum):
    QUERY = "query"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    APPLY = "apply"


CR, CA = ChangeRequestState, ChangeRequestAction
CHANGE_STEPS = {
    (CR.SUBMITTED, CA.QUERY): CR.QUERIED,
    (CR.QUERIED, CA.SUBMIT): CR.SUBMITTED,
    (CR.SUBMITTED, CA.APPROVE): CR.APPROVED,
    (CR.SUBMITTED, CA.REJECT): CR.REJECTED,
    (CR.APPROVED, CA.APPLY): CR.APPLIED,
}
CHANGE_ENDED = frozenset({CR.REJECTED, CR.APPLIED})


class ChangeKind(StrEnum):
    PLAN = "plan"
    DAYS = "days"
    MONEY = "money"
    SUM = "sum"


CHANGE_WORDS = {
    ChangeKind.PLAN: "What we do",
    ChangeKind.DAYS: "When we do it",
    ChangeKind.MONEY: "How we spend the money",
    ChangeKind.SUM: "How much we get",
}


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One line of what an award is spent on. Pence."""

    what: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a change asks for in figures; what stays as it is, is None. Pence.

    ``amount_minor``: the whole award. ``not_before``: no part that is not asked for yet is paid before this day.
    ``budget``: every line of it anew.
    """

    amount_minor: int | None = None
    not_before: date | None = None
    budget: tuple[BudgetLine, ...] | None = None


VIREMENT_PERCENT = 10
"""So much of the award may go to another line without being asked for."""


def budget_of(lines: Sequence[BudgetLine], amount_minor: int) -> tuple[BudgetLine, ...]:
    """The lines that were applied for, in proportion to what is awarded; they add up to it to the penny.

    >>> [one.amount_minor for one in budget_of([BudgetLine("Hall", 300), BudgetLine("Food", 100)], 200)]
    [150, 50]
    """
    if not lines:
        return ()
    parts = share_out(amount_minor, [one.amount_minor for one in lines])
    return tuple(BudgetLine(one.what, minor) for one, minor in zip(lines, parts, strict=True))


def virements(
    budget: Sequence[BudgetLine], spent: Sequence[BudgetLine], amount_minor: int
) -> tuple[tuple[BudgetLine, int], ...]:
    """Lines on which more was spent than was agreed and may be moved without asking, each with how much more. Pence.

    >>> [over for _, over in virements([BudgetLine("Hall", 900), BudgetLine("Food", 100)],
    ...     [BudgetLine("Hall", 799), BudgetLine("Food", 201)], 1000)]
    [101]
    """
    agreed = {one.what: one.amount_minor for one in budget}
    free = amount_minor * VIREMENT_PERCENT // 100
    more = [(one, one.amount_minor - agreed.get(one.what, 0)) for one in spent]
    return tuple((one, over) for one, over in more if over > free)


def check_wanted(kind: ChangeKind, wanted: Wanted, amount_minor: int, budget: Sequence[BudgetLine]) -> None:
    """Refuse (``RuleBroken`` at the field) figures that change nothing, or do not add up to the award. Pence."""
    if kind is ChangeKind.SUM and wanted.amount_minor is None:
        raise RuleBroken("Enter how much the award is to be.", "amount")
    if wanted.amount_minor is not None and wanted.amount_minor <= 0:
        raise RuleBroken("Enter an amount above nought.", "amount")
    if wanted.amount_minor == amount_minor:
        raise RuleBroken(f"The award is {show_pounds(amount_minor)} already. Enter another amount.", "amount")
    if wanted.budget is not None:
        if [one.what for one in wanted.budget] != [one.what for one in budget]:
            raise RuleBroken("These are not the lines of your budget. Load the page again.", "line_1")
        due = wanted.amount_minor or amount_minor
        total = sum(one.amount_minor for one in wanted.budget)
        if total != due or any(one.amount_minor < 0 for one in wanted.budget):
            word = "more" if total > due else "less"
            raise RuleBroken(
                f"The lines add up to {show_pounds(total)}: {show_pounds(abs(total - due))} {word} than the award.",
                "line_1",
            )


@dataclass(frozen=True, slots=True)
class Open:
    """An instalment as a change finds it. ``taken``: somebody asked for it, so that it stays. Pence."""

    number: int
    amount_minor: int
    due_on: date
    taken: bool


def was_asked(asked_at: datetime | None, planned_at: datetime | None) -> bool:
    """Whether a part was asked for, and not planned anew since.

    >>> was_asked(None, None), was_asked(datetime(2026, 3, 2), None)
    (False, True)
    """
    return asked_at is not None and (planned_at is None or planned_at < asked_at)


def parts_after(
    parts: Sequence[Open], amount_minor: int, not_before: date | None, today: date
) -> tuple[list[tuple[int, int, date]], tuple[int, date] | None]:
    """What becomes of the instalments: (number, pence, day) of every one, and (pence, day) of a new one.

    More goes to the last part that nobody asked for, or to a new part; less comes off the last parts first. A part of
    nought pence falls away. Raises ``RuleBroken`` when what was asked for is more than the award is to be.

    >>> day = date(2026, 3, 2)
    >>> parts_after([Open(1, 60, day, True), Open(2, 40, day, False)], 75, None, day)
    ([(1, 60, datetime.date(2026, 3, 2)), (2, 15, datetime.date(2026, 3, 2))], None)
    """
    taken = sum(one.amount_minor for one in parts if one.taken)
    if amount_minor < taken:
        raise RuleBroken(f"{show_pounds(taken)} was asked for or tried already: enter that or more.", "amount")
    more = amount_minor - sum(one.amount_minor for one in parts)
    after: list[tuple[int, int, date]] = []
    for one in sorted(parts, key=lambda part: -part.number):
        day = max(one.due_on, not_before) if not_before and not one.taken else one.due_on
        minor = one.amount_minor
        if not one.taken and more:
            minor = max(0, minor + more)
            more -= minor - one.amount_minor
        after.append((one.number, minor, day))
    new = (more, max(today, not_before or today)) if more > 0 else None
    return after[::-1], new


def check_change(wish: str, reason: str) -> tuple[str, str]:
    """What is to be different, and why, in tidy words. Raises ``RuleBroken`` at the field."""
    wanted, why = wish.strip(), reason.strip()
    for text, field, words in ((wanted, "wish", "Say what you want to change."), (why, "reason", "Say why.")):
        if not text:
            raise RuleBroken(words, field)
        if len(text) > 1000:
            raise RuleBroken("Say it in 1,000 characters or fewer.", field)
    return wanted, why


ANSWER_DAYS = 14
"""Days that a group has to answer an offer."""
REPORT_DAYS = 183
"""Days from the last signature to the report: six months."""
ONE_PART_MINOR = 100_000
"""Up to this amount an award is paid in one part."""
SECOND_PART_DAYS = 90
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Part:
    """One instalment as it is planned: pence, from which day, on which condition."""

    amount_minor: int
    due_on: date
    condition: str = ""


def reference_of(award_id: UUID) -> str:
    """A short reference to read aloud and to find on a bank statement (at most 18 characters, no I, L, O or U).

    >>> reference_of(UUID(int=7))
    'SB-0000-0007'
    """
    number, letters = award_id.int % 32**8, ""
    for _ in range(8):
        number, place = divmod(number, 32)
        letters = _LETTERS[place] + letters
    return f"SB-{letters[:4]}-{letters[4:]}"


def default_parts(amount_minor: int, first_on: date) -> tuple[Part, ...]:
    """Up to £1,000 at once; above it a larger half now and the rest three months later. Pence.

    >>> [part.amount_minor for part in default_parts(150_001, date(2026, 3, 2))]
    [75001, 75000]
    """
    if amount_minor <= ONE_PART_MINOR:
        return (Part(amount_minor, first_on),)
    half = amount_minor // 2
    later = first_on + timedelta(days=SECOND_PART_DAYS)
    return (
        Part(amount_minor - half, first_on),
        Part(half, later, "You have told us how the first part went."),
    )


def check_parts(parts: Sequence[Part], amount_minor: int) -> None:
    """Refuse (``RuleBroken``) parts that do not add up to the award, or that come in the wrong order."""
    if not parts or any(part.amount_minor <= 0 for part in parts):
        raise RuleBroken("Every part must be more than £0.", field="parts")
    total = sum(part.amount_minor for part in parts)
    if total != amount_minor:
        word = "more" if total > amount_minor else "less"
        raise RuleBroken(
            f"The parts add up to {show_pounds(total)}. "
            f"That is {show_pounds(abs(total - amount_minor))} {word} than the award ({show_pounds(amount_minor)}).",
            field="parts",
        )
    days = [part.due_on for part in parts]
    if days != sorted(days):
        raise RuleBroken("Put the parts in the order of their days.", field="parts")


def check_reason(reason: str) -> str:
    """The reason in tidy words; ``RuleBroken`` when there is none."""
    tidy = " ".join(reason.split())
    if not tidy:
        raise RuleBroken("Say why.", field="reason")
    if len(tidy) > 500:
        raise RuleBroken("Say it in 500 characters or fewer.", field="reason")
    return tidy


@dataclass(frozen=True, slots=True)
class Terms:
    """All that an agreement says. Pence; ``payee`` is empty when the group holds the money itself."""

    reference: str
    version: int
    fund: str
    group: str
    payee: str
    title: str
    summary: str
    priority: str
    amount_minor: int
    parts: tuple[Part, ...]
    extra: str = ""


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


FIRST_TEMPLATE = """\
Grant agreement {reference}, version {version}

Between {fund}, which gives the grant, and {who}.

1. What the money is for

{purpose}

It serves this priority of our community: {priority}.

2. How much

{amount}.

3. When

{when}

4. What we ask of you

• Spend the money on what you told us, and on nothing else. If your plans change, ask us first.
• Keep the receipts for six years. We may ask to see them.
• Tell us within six months how it went: what happened, who came, what you spent, and one story.
• Give back what you do not spend. It goes back to the people who gave it.
• Keep people safe. Treat everybody fairly.
• Ask people before you publish their pictures or their words.
• Tell us soon if something goes wrong. We would rather help than blame.

5. What we promise

• Pay you on time.
• Answer your questions, and say how to put things right.
• Show on our public pages who got how much, for what, and what changed.

6. If things go wrong

We may stop the next payment while we talk with you. If the money was not spent as agreed, we may ask for it \
back. We always say why, and you can ask somebody who was not involved to look again."""
"""The template that everybody begins with, version 1. A steward may add others; signed agreements keep theirs."""
BLANKS = frozenset({"reference", "version", "fund", "who", "purpose", "priority", "amount", "when"})
MUST_SAY = ("fund", "who", "purpose", "amount", "when")
_BLANK = re.compile(r"\{([a-z_]*)\}")


def check_template(body: str) -> str:
    """A template's words as they are kept. Raises ``RuleBroken`` for a blank that we do not know or that is missing.

    >>> check_template("{fund} gives {who} {amount} for {purpose}. {when}")
    '{fund} gives {who} {amount} for {purpose}. {when}'
    """
    tidy = body.replace("\r\n", "\n").strip()
    if len(tidy) > 20_000:
        raise RuleBroken("Say it in 20,000 characters or fewer.", "body")
    found = _BLANK.findall(tidy)
    unknown = sorted(set(found) - BLANKS)
    if unknown or "{" in _BLANK.sub("", tidy) or "}" in _BLANK.sub("", tidy):
        words = f"We do not know the blank {{{unknown[0]}}}." if unknown else "A { or } stands alone."
        raise RuleBroken(f"{words} Use these: " + ", ".join(f"{{{name}}}" for name in sorted(BLANKS)), "body")
    for name in MUST_SAY:
        if name not in found:
            raise RuleBroken(f"The blank {{{name}}} is missing: an agreement must say it.", "body")
    return tidy


def agreement_text(terms: Terms, template: int = 1, body: str = FIRST_TEMPLATE) -> str:
    """The agreement in plain words: the template with its blanks filled, and what else was agreed.

    Blocks are parted by a blank line; a heading is a block that begins with its number.
    """
    who = f"{terms.group}. {terms.payee} holds the money for the group" if terms.payee else terms.group
    if len(terms.parts) == 1:
        when = [f"We pay it in one part, on {_day(terms.parts[0].due_on)} or soon after."]
    else:
        when = [f"We pay it in {len(terms.parts)} parts:"]
        when += [
            f"Part {number}: {show_pounds(part.amount_minor)}, on {_day(part.due_on)} or soon after."
            + (f" Before we pay it: {part.condition}" if part.condition else "")
            for number, part in enumerate(terms.parts, 1)
        ]
    filled = {
        "reference": terms.reference,
        "version": str(terms.version),
        "fund": terms.fund,
        "who": who,
        "purpose": f"{terms.title}. {terms.summary}".strip(),
        "priority": terms.priority,
        "amount": show_pounds(terms.amount_minor),
        "when": "\n".join(when),
    }
    blocks = [_BLANK.sub(lambda blank: filled[blank[1]], body)]
    if terms.extra:
        last = max((int(number) for number in re.findall(r"^(\d{1,2})\. ", body, re.MULTILINE)), default=0)
        blocks += [f"{last + 1}. What else we agreed", terms.extra.strip()]
    blocks += [f"Written from template {template}. Two people sign for the group, and one for the fund."]
    return "\n\n".join(blocks)


def fingerprint_of(text: str) -> str:
    """SHA-256 (64 hex digits) of the agreement's text in UTF-8: printed under it, and signed with it."""
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who puts their name to an agreement, where they belong, and the mark of where they live."""

    person_id: UUID
    typed_name: str
    in_group: bool
    in_host: bool
    home: str = ""


def home_mark(secret: str, agreement_id: UUID, house: str, postcode: str) -> str:
    """A mark (64 hex digits) that is the same for two signers of one agreement at one address, and tells nothing else.

    ``house``: number or name. Keyed and bound to the agreement, so that it cannot be compared with anything outside.
    Raises ``RuleBroken`` at the field for what is no address.

    >>> home_mark("k", UUID(int=1), "Flat 2, 14", "ts18 1ab") == home_mark("k", UUID(int=1), "14, flat 2", "TS18 1AB")
    True
    """
    where = f"{agreement_id}\n{one_door(house, postcode)}"
    return hmac.new(f"home of a signer\n{secret}".encode(), where.encode(), sha256).hexdigest()


def tidy_name(typed: str) -> str:
    """A typed name without stray blanks; ``RuleBroken`` when it is no name."""
    tidy = " ".join(typed.split())
    if len(tidy) < 2 or len(tidy) > 120 or not any(letter.isalpha() for letter in tidy):
        raise RuleBroken("Type your full name.", field="typed_name")
    return tidy


def check_signer(signer: Signer, before: Sequence[Signer], *, hosted: bool, one_home: bool = False) -> None:
    """Refuse a name that adds nothing: the same person, the same name, one address, or a side that has signed already.

    ``one_home``: two officers agreed that for this award two people of one address may sign.
    """
    if any(other.person_id == signer.person_id for other in before):
        raise RuleBroken("You have signed already. Somebody else must sign too.", field="typed_name")
    if any(other.typed_name.casefold() == signer.typed_name.casefold() for other in before):
        raise RuleBroken("That name is there already. A second person must type their own.", field="typed_name")
    if not one_home and any(other.home == signer.home for other in before if other.home):
        raise RuleBroken(
            "Somebody at your address has signed already. Two people who do not live together must sign. "
            "If that cannot be, ask a steward: two officers together can allow it.",
            field="house",
        )
    if hosted and before and not signed_by_all([*before, signer], hosted=True):
        side = "the host" if before[0].in_group else "the group"
        raise RuleBroken(f"One name is from the group and one from its host: now {side} signs.", field="typed_name")


def signed_by_all(signers: Sequence[Signer], *, hosted: bool) -> bool:
    """Whether two different people have signed: two members, or (when hosted) one member and one of the host."""
    if len({signer.person_id for signer in signers}) < 2:
        return False
    if not hosted:
        return sum(1 for signer in signers if signer.in_group) >= 2
    return any(
        one.in_group and other.in_host and one.person_id != other.person_id for one in signers for other in signers
    )
