"""The life of a disbursement, and what providers tell of it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from grants.kernel.errors import RuleBroken


class DisbursementState(StrEnum):
    REQUESTED = "requested"
    ON_HOLD = "on_hold"
    AUTHORISED = "authorised"
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class DisbursementAction(StrEnum):
    AUTHORISE = "authorise"
    SEND = "send"
    SETTLE = "settle"
    FAIL = "fail"
    RETURN = "return"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"


S, A = DisbursementState, DisbursementAction
STEPS = {
    (S.REQUESTED, A.AUTHORISE): S.AUTHORISED,
    (S.REQUESTED, A.CANCEL): S.CANCELLED,
    (S.REQUESTED, A.HOLD): S.ON_HOLD,
    (S.ON_HOLD, A.RELEASE): S.REQUESTED,
    (S.ON_HOLD, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.SEND): S.SENT,
    (S.AUTHORISED, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.FAIL): S.FAILED,
    (S.AUTHORISED, A.HOLD): S.ON_HOLD,
    (S.SENT, A.SETTLE): S.PAID,
    (S.SENT, A.FAIL): S.FAILED,
    (S.PAID, A.RETURN): S.RETURNED,
}
LIVE = frozenset({S.REQUESTED, S.ON_HOLD, S.AUTHORISED, S.SENT, S.PAID})
"""States that use up an instalment: at most one such row for each."""


GIVEN_UP = frozenset({S.FAILED, S.RETURNED, S.CANCELLED})
"""States in which nothing of a payment is under way, and its money is promised to the group again."""


class RepaymentState(StrEnum):
    RAISED = "raised"
    RECEIVED = "received"
    WRITTEN_OFF = "written_off"


class RepaymentAction(StrEnum):
    RECEIVE = "receive"
    WRITE_OFF = "write_off"


REPAYMENT_STEPS = {
    (RepaymentState.RAISED, RepaymentAction.RECEIVE): RepaymentState.RECEIVED,
    (RepaymentState.RAISED, RepaymentAction.WRITE_OFF): RepaymentState.WRITTEN_OFF,
}
REPAY_DAYS = 28
"""Days that a group has to give money back."""
LIMIT_MINOR = 500_000
"""Pence that an officer may authorise alone, unless an admin has set another limit for them."""


class Told(StrEnum):
    """What a provider can tell of a payment."""

    PAID = "paid"
    FAILED = "failed"
    CAME_BACK = "came_back"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a provider: ``id`` is the provider's and unique; ``key`` is our key of the payment. Pence."""

    id: str
    told: Told
    key: str
    amount_minor: int
    provider_ref: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts of one payment that decide what a person is told of it."""

    state: DisbursementState
    provider: str
    """In words: "Stripe"."""
    by_run: bool = False
    """Whether it goes in a bank run, which people make."""
    tries: int = 0
    given_up: bool = False
    trouble: str | None = None
    problem: str | None = None
    failure: str | None = None
    refused: bool = False
    recalled: bool = False
    newer: bool = False
    """Whether the same part was asked for once more since."""
    award_over: bool = False

    @property
    def provider_first(self) -> str:
        """The provider's name where a sentence begins."""
        return self.provider[:1].upper() + self.provider[1:]


@dataclass(frozen=True, slots=True)
class Situation:
    """What happened to a payment, in plain words, and what to do now. ``calm``: nobody need do anything."""

    happened: str
    to_do: str
    calm: bool = True


def situation(it: Standing) -> Situation:
    """What a person is told of a payment, in every state and after every fault.

    >>> situation(Standing(DisbursementState.AUTHORISED, "Stripe", tries=1, trouble="Stripe did not answer.")).calm
    True
    """
    if it.problem and it.recalled:
        return Situation(
            f"{it.problem} Somebody asked {it.provider} to send it back.",
            "Wait until it is back: then this payment ends, and the part can be asked for again.",
        )
    if it.problem:
        return Situation(
            it.problem,
            f"Look at this payment in the pages of {it.provider}. If the money must not stay where it is, have it "
            "sent back. Ask for no new payment before that is done.",
            calm=False,
        )
    return {S.AUTHORISED: _authorised, S.FAILED: _failed, S.RETURNED: _returned}.get(it.state, _others)(it)


def _authorised(it: Standing) -> Situation:
    if it.by_run:
        return Situation(
            "It was authorised and waits for a bank run.", "A finance officer puts it into the next bank run.", False
        )
    if not it.tries:
        return Situation(
            f"It was authorised and waits to be handed to {it.provider}.", "Nothing: it goes by itself within minutes."
        )
    known = it.trouble or "The server stopped before it wrote down the answer."
    if it.given_up:
        return Situation(
            f"{it.provider_first} was asked {_times(it.tries)}, and nobody knows whether the money moved. {known}",
            f"Look at this payment in the pages of {it.provider}. Then ask again here: it is the same order under the "
            "same key, so it cannot pay twice. Never make a second payment by hand.",
            calm=False,
        )
    return Situation(
        f"{it.provider_first} was asked {_times(it.tries)}, and the answer is not known yet. {known}",
        "Nothing: it is asked again by itself, under the same key, so it cannot pay twice.",
    )


def _ended(it: Standing, happened: str) -> Situation | None:
    """What is told of a payment that failed or came back, and that nobody need ask for again."""
    if it.newer:
        return Situation(happened, "Nothing: the part was asked for once more since. See the other attempts below.")
    if it.award_over:
        return Situation(happened, "Nothing: the award is over, and the money is free in the pot again.")
    return None


def _failed(it: Standing) -> Situation:
    happened = f"It was not paid. {it.failure or ''}".strip()
    return _ended(it, happened) or Situation(
        happened,
        "No money moved, and what it was to pay is promised to the group again. Put right what stands here, then ask "
        "for the part once more.",
        calm=False,
    )


def _returned(it: Standing) -> Situation:
    happened = f"It arrived and came back. {it.failure or ''}".strip()
    return _ended(it, happened) or Situation(
        happened,
        "The money is promised to the group again. Ask the group to check its account, then ask for the part once "
        "more.",
        calm=False,
    )


def _others(it: Standing) -> Situation:
    why = f" {it.failure}" if it.failure else ""
    return {
        S.REQUESTED: Situation("It was asked for.", "Somebody else must authorise it.", calm=False),
        S.ON_HOLD: Situation(
            f"It is on hold.{why}", "Put right why it was stopped. Then let it go on, or take it back.", calm=False
        ),
        S.SENT: Situation(
            f"{it.provider_first} has it.", "Nothing: it counts as paid once we are told that it arrived."
        ),
        S.PAID: Situation("It arrived.", "Nothing: all is done."),
        S.CANCELLED: Situation(f"It was stopped.{why}", "Ask for the part again when it is to be paid."),
    }.get(it.state, Situation("It waits.", "Nothing for now."))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def payment_key(instalment_id: UUID, attempt: int) -> str:
    """The key under which a provider moves money once, however often it is asked.

    >>> payment_key(UUID(int=1), 2)
    'pay:00000000-0000-0000-0000-000000000001:2'
    """
    return f"pay:{instalment_id}:{attempt}"


def read_notice(facts: object) -> Notice:
    """A notice from what a provider sent; ``RuleBroken`` when it is not one.

    >>> read_notice({"id": "e1", "told": "paid", "key": "k", "amount_minor": 5}).told
    <Told.PAID: 'paid'>
    """
    if not isinstance(facts, dict):
        raise RuleBroken("This is not an event.")
    texts = {name: facts.get(name, "") for name in ("id", "told", "key", "provider_ref", "reason")}
    amount = facts.get("amount_minor")
    known = {told.value for told in Told}
    if (
        not all(isinstance(text, str) for text in texts.values())
        or not 0 < len(texts["id"]) <= 80
        or not texts["key"]
        or texts["told"] not in known
        or not isinstance(amount, int)
        or isinstance(amount, bool)
    ):
        raise RuleBroken("This is not an event that we know.")
    return Notice(
        texts["id"], Told(texts["told"]), texts["key"], amount, texts["provider_ref"][:80], texts["reason"][:300]
    )
