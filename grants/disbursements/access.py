"""Who may ask for a payment, who may let it go, and why not. Tested on the person, not only on the role."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Facts:
    """What separates the duties of a payment: who did what in its history, and who has an interest."""

    fund_id: UUID
    group_id: UUID
    payee_id: UUID
    verified_by_id: UUID | None = None
    """Who verified the bank account that it goes to."""
    interested: Collection[UUID] = ()
    """People with an interest in the bid behind it."""
    requested_by_id: UUID | None = None
    first_by_id: UUID | None = None


def _ensure_apart(actor: Actor, facts: Facts) -> None:
    if facts.group_id in actor.groups or facts.payee_id in actor.groups:
        raise NotAllowed("Somebody else must do this: you belong to the group that gets the money, or to its host.")
    if actor.id in facts.interested:
        raise NotAllowed("Somebody else must do this: you have an interest in this bid.")


def _ensure_not_verifier(actor: Actor, facts: Facts) -> None:
    if actor.id is not None and actor.id == facts.verified_by_id:
        raise NotAllowed("Somebody else must do this: you verified the bank account that it goes to.")


def ensure_on_desk(actor: Actor, facts: Facts) -> None:
    """A finance officer or a steward of the fund, who does not belong to the group or its host."""
    if not (actor.has(Role.FINANCE_OFFICER, facts.fund_id) or actor.has(Role.STEWARD, facts.fund_id)):
        raise NotAllowed("Only a finance officer or a steward of this fund can do this.")
    _ensure_apart(actor, facts)


def ensure_may_give_up(actor: Actor, facts: Facts) -> None:
    """Somebody of the desk, and never the one who asked for the payment that failed."""
    ensure_on_desk(actor, facts)
    if actor.id == facts.requested_by_id:
        raise NotAllowed("Somebody else must do this: you asked for this payment.")


def ensure_may_request(actor: Actor, facts: Facts) -> None:
    """Somebody of the desk who did not verify the bank account."""
    ensure_on_desk(actor, facts)
    _ensure_not_verifier(actor, facts)


def ensure_may_authorise(actor: Actor, facts: Facts) -> None:
    """A finance officer of the fund who neither asked, nor authorised first, nor verified the bank account."""
    if not actor.has(Role.FINANCE_OFFICER, facts.fund_id):
        raise NotAllowed("Only a finance officer of this fund can authorise a payment.")
    if actor.id == facts.requested_by_id:
        raise NotAllowed("Somebody else must authorise this payment: you asked for it.")
    if actor.id == facts.first_by_id:
        raise NotAllowed(
            "You have authorised this payment already. It is above your limit, so a second officer must too."
        )
    _ensure_not_verifier(actor, facts)
    _ensure_apart(actor, facts)


def may_authorise(actor: Actor, facts: Facts) -> bool:
    """The same as a question, for buttons."""
    try:
        ensure_may_authorise(actor, facts)
    except NotAllowed:
        return False
    return True


def ensure_may_record(actor: Actor, facts: Facts) -> None:
    """A finance officer of the fund records money that came back; not one of the group or its host."""
    if not actor.has(Role.FINANCE_OFFICER, facts.fund_id):
        raise NotAllowed("Only a finance officer of this fund can record money that came back.")
    _ensure_apart(actor, facts)


def ensure_may_write_off(actor: Actor, facts: Facts, asked_by_id: UUID | None) -> None:
    """Somebody of the desk, and never the one who asked for it."""
    ensure_on_desk(actor, facts)
    if actor.id == asked_by_id:
        raise NotAllowed("You asked for this yourself. Another officer must agree.")


def ensure_may_set_limit(actor: Actor, person_id: UUID) -> None:
    """An admin, and never for themselves."""
    if not actor.has(Role.ADMIN):
        raise NotAllowed("Only an admin may say how much an officer can authorise alone.")
    if actor.id == person_id:
        raise NotAllowed("Nobody sets their own limit. Ask another admin.")
