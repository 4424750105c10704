"""What must be known of a group before money leaves: the smaller the award, the lighter. Pence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from grants.kernel.errors import RuleBroken


class GroupCheckState(StrEnum):
    GIVEN = "given"
    PASSED = "passed"
    FAILED = "failed"
    WAIVER_ASKED = "waiver_asked"
    WAIVED = "waived"
    NOT_WAIVED = "not_waived"


class GroupCheckAction(StrEnum):
    PASS = "pass"  # noqa: S105 - the step, not a password
    FAIL = "fail"
    ASK_WAIVER = "ask_to_waive"
    WAIVE = "waive"
    REFUSE_WAIVER = "refuse_to_waive"


S, A = GroupCheckState, GroupCheckAction
CHECK_STEPS = {
    (S.GIVEN, A.PASS): S.PASSED,
    (S.GIVEN, A.FAIL): S.FAILED,
    (S.GIVEN, A.ASK_WAIVER): S.WAIVER_ASKED,
    (S.WAIVER_ASKED, A.WAIVE): S.WAIVED,
    (S.WAIVER_ASKED, A.REFUSE_WAIVER): S.NOT_WAIVED,
}


class CheckKind(StrEnum):
    CONSTITUTION = "constitution"
    TWO_PEOPLE = "two_people"
    SAFEGUARDING = "safeguarding"
    INSURANCE = "insurance"
    HOST = "host"
    SUBSIDY = "subsidy"


K = CheckKind
TIERS: tuple[tuple[int | None, frozenset[CheckKind]], ...] = (
    (50_000, frozenset({K.SAFEGUARDING})),
    (200_000, frozenset({K.SAFEGUARDING, K.TWO_PEOPLE, K.CONSTITUTION})),
    (500_000, frozenset({K.SAFEGUARDING, K.TWO_PEOPLE, K.CONSTITUTION, K.INSURANCE})),
    (None, frozenset({K.SAFEGUARDING, K.TWO_PEOPLE, K.CONSTITUTION, K.INSURANCE, K.SUBSIDY})),
)
"""Up to so many pence → what is checked. Everywhere the bank account; the host's word where one holds the money."""
OF_PAYEE = frozenset({K.CONSTITUTION, K.INSURANCE, K.HOST, K.SUBSIDY})
"""Asked of whoever holds the money; the others of the group itself."""
FOR_ONE_AWARD = frozenset({K.HOST, K.SUBSIDY})
"""Said for one award; the others are good for every later one while they are in date."""
LIFE_DAYS = {K.CONSTITUTION: 3 * 365, K.TWO_PEOPLE: 365, K.SAFEGUARDING: 365, K.INSURANCE: 365}
"""The longest that an answer is good for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A check in words: for the group what to give, for the officer what to look at."""

    title: str
    give: str
    look: str


ASKS = {
    K.CONSTITUTION: Ask(
        "Your rules",
        "Send your signed constitution or rules, or tell us your charity or company number.",
        "It is signed, names what the group is for, and says what becomes of its money at the end. "
        "Or: the number is on the public register.",
    ),
    K.TWO_PEOPLE: Ask(
        "Two people who are not related",
        "Give us the names of two people who look after the money. They must not be related or live together.",
        "The two are not related, do not live together, and both must approve what the account pays.",
    ),
    K.SAFEGUARDING: Ask(
        "Keeping people safe",
        "Tell us how you keep children and adults safe, or send your policy. Say who looks after it.",
        "It fits what they do, and names somebody to turn to.",
    ),
    K.INSURANCE: Ask(
        "Insurance",
        "Send the certificate of your public liability insurance, with the date it ends.",
        "It covers what they do, and lasts. Enter the day on which it ends.",
    ),
    K.HOST: Ask(
        "Your host says yes to this grant",
        "Somebody who signs for the host says that it will hold this money for the group.",
        "Somebody of the host said so for this award.",
    ),
    K.SUBSIDY: Ask(
        "Public money you have had",
        "Tell us what other public money you had in this and the last two financial years. If none, say so.",
        "Together with this award it stays under the limit for small subsidies (£315,000 in three years).",
    ),
}


PAPER_WORDS = {
    K.CONSTITUTION: "Your rules",
    K.TWO_PEOPLE: "Two people who look after the money",
    K.SAFEGUARDING: "How you keep people safe",
    K.INSURANCE: "Your insurance",
}
"""What a group gave that is good for every later grant, as its own page calls it."""


def needed(amount_minor: int, *, hosted: bool) -> tuple[CheckKind, ...]:
    """What must be known before an award of so many pence is paid.

    >>> [len(needed(pence, hosted=False)) for pence in (50_000, 50_001, 200_001, 500_001)]
    [1, 3, 4, 5]
    >>> CheckKind.HOST in needed(10_000, hosted=True)
    True
    """
    wanted = next(kinds for most, kinds in TIERS if most is None or amount_minor <= most)
    return tuple(kind for kind in CheckKind if kind in wanted or (hosted and kind is K.HOST))


def about(kind: CheckKind, group_id: UUID, payee_id: UUID) -> UUID:
    """Of whom a check is made: of the group, or of whoever holds its money."""
    return payee_id if kind in OF_PAYEE else group_id


@dataclass(frozen=True, slots=True)
class Known:
    """One answer as it stands. ``award_ref``: the one award that it is for, if it is for one only."""

    state: GroupCheckState
    award_ref: UUID | None
    expires_on: date | None


def holds(answers: Sequence[Known], award_id: UUID, today: date) -> bool:
    """Whether the newest judged answer that is for this award is a yes, and in date. ``answers``: newest first.

    A later "failed" takes back an earlier "passed". What waits to be judged changes nothing. A waiver is for one award.
    """
    for one in answers:
        if one.award_ref not in (None, award_id):
            continue
        if one.state is S.WAIVED:
            return True
        if one.state is S.PASSED:
            return one.expires_on is None or one.expires_on >= today
        if one.state is S.FAILED:
            return False
    return False


def last_day(kind: CheckKind, given: date | None, today: date) -> date | None:
    """Until when an answer is good: the day on the paper, no longer than the check lives. None: for its award only."""
    if kind not in LIFE_DAYS:
        return None
    longest = today + timedelta(days=LIFE_DAYS[kind])
    if given is None:
        if kind is K.INSURANCE:
            raise RuleBroken("Enter the day on which the insurance ends.", "expires_on")
        return longest
    if given < today:
        raise RuleBroken("This has run out. Ask the group for a newer one.", "expires_on")
    return min(given, longest)
