"""What of a contribution was not spent: offered, carried over or asked back; and the warning before its last day."""

from datetime import date
from uuid import UUID

from grants.funds import access, notices, queries
from grants.funds.models import Contribution, Fund, UnspentOffer
from grants.funds.rules import UNSPENT_STEPS, UnspentAction, UnspentState, as_plain
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork


def offer_unspent(uow: UnitOfWork, contribution_id: UUID, reason: str) -> UnspentOffer:
    """Ask the funder what is to become of money that nobody was promised: one question at a time."""
    one = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_steward(uow.actor, one.fund_id)
    assert uow.actor.id is not None
    reason = words_given(reason, "reason", "Say why you ask. The funder reads it.", 500)
    if any(x.state in (UnspentState.OFFERED, UnspentState.TO_RETURN) for x in queries.unspent(uow.session, one.id)):
        raise StepRefused("The funder has been asked already.")
    free = queries.free_minor(uow.session, one.id)
    if not free:
        raise StepRefused(f"There is nothing to offer back. {queries.why_no_more(uow.session, one.id, 0)}")
    offer = UnspentOffer(
        contribution_id=one.id,
        amount_minor=free,
        state=UnspentState.OFFERED,
        reason=reason,
        offered_by_id=uow.actor.id,
        offered_at=uow.now,
    )
    uow.add(offer)
    uow.record("contribution.unspent_offered", one, why=offer.reason, amount_minor=free, offer=offer.id)
    notices.unspent_offered(uow, offer)
    return offer


def withdraw_unspent(uow: UnitOfWork, offer_id: UUID) -> UnspentOffer:
    """Take the question back: the money is needed after all, or nobody answers."""
    offer = uow.get(UnspentOffer, offer_id, lock=True)
    access.ensure_may_steward(uow.actor, offer.contribution.fund_id)
    offer.state = next_state(UNSPENT_STEPS, offer.state, UnspentAction.WITHDRAW)
    uow.record("contribution.unspent_withdrawn", offer.contribution, offer=offer.id)
    return offer


def carry_over(uow: UnitOfWork, offer_id: UUID, spend_by: date | None) -> UnspentOffer:
    """The funder lets its money stay; with a later last day, or with none, which then is what the money says."""
    offer = _answered(uow, offer_id, UnspentAction.CARRY_OVER)
    one = offer.contribution
    uow.get(Fund, one.fund_id, lock=True)  # whoever promises this fund's money waits, and then reads anew
    was = queries.restriction_of(one).spend_by
    if spend_by is not None and spend_by < max(was or spend_by, london_day(uow.now)):
        raise RuleBroken("Choose a day that is not before the one that holds now, nor in the past.", field="spend_by")
    offer.spend_by = spend_by
    one.restriction = {**(one.restriction or {}), "spend_by": spend_by.isoformat() if spend_by else None}
    uow.record(
        "contribution.carried_over",
        one,
        amount_minor=offer.amount_minor,
        offer=offer.id,
        was=was.isoformat() if was else None,
        spend_by=spend_by.isoformat() if spend_by else None,
        restriction=as_plain(queries.restriction_of(one)),
    )
    notices.unspent_answered(uow, offer)
    return offer


def ask_back(uow: UnitOfWork, offer_id: UUID) -> UnspentOffer:
    """The funder wants its money back: from now on it is promised to nobody, until a finance officer has paid it."""
    offer = _answered(uow, offer_id, UnspentAction.ASK_BACK)
    one = offer.contribution
    uow.get(Fund, one.fund_id, lock=True)
    free = queries.free_minor(uow.session, one.id)
    if not free:
        raise StepRefused(f"This has changed since you were asked. {queries.why_no_more(uow.session, one.id, 0)}")
    offer.amount_minor = min(offer.amount_minor, free)
    uow.record("contribution.asked_back", one, amount_minor=offer.amount_minor, offer=offer.id)
    notices.unspent_answered(uow, offer)
    return offer


def _answered(uow: UnitOfWork, offer_id: UUID, action: UnspentAction) -> UnspentOffer:
    offer = uow.get(UnspentOffer, offer_id, lock=True)
    access.ensure_may_answer_unspent(uow.actor, offer.contribution.funder_id)
    offer.state = next_state(UNSPENT_STEPS, offer.state, action)
    offer.answered_by_id, offer.answered_at = uow.actor.id, uow.now
    return offer


def settle_unspent(uow: UnitOfWork, contribution_id: UUID, amount_minor: int) -> None:
    """Money went back: what was asked back is settled by it, whole or in part."""
    for offer in queries.unspent(uow.session, contribution_id):
        if offer.state is UnspentState.TO_RETURN:
            if amount_minor >= offer.amount_minor:
                offer.state = next_state(UNSPENT_STEPS, offer.state, UnspentAction.RETURN)
            else:
                offer.amount_minor -= amount_minor


def warn_of_last_days(uow: UnitOfWork) -> int:
    """Write once to the stewards of every fund whose free money must soon be promised. Safe to run twice."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock warns.")
    warned = 0
    for near in queries.ending(uow.session, london_day(uow.now)):
        one = near.contribution
        if one.warned_for == near.spend_by:
            continue
        one.warned_for = near.spend_by
        uow.record(
            "contribution.last_day_warned", one, spend_by=near.spend_by.isoformat(), amount_minor=near.free_minor
        )
        notices.last_day_near(uow, one, near.spend_by, near.free_minor)
        warned += 1
    return warned
