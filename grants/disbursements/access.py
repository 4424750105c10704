"""Who may ask for a payment, who may let it go, and why not. Tested on the person, not only on the role."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def _ensure_apart(actor: Actor, group_id: UUID, payee_id: UUID) -> None:
    if group_id in actor.groups or payee_id in actor.groups:
        raise NotAllowed("Somebody else must do this: you belong to the group that gets the money, or to its host.")


def ensure_may_request(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> None:
    """A finance officer or a steward of the fund, who does not belong to the group or its host."""
    if not (actor.has(Role.FINANCE_OFFICER, fund_id) or actor.has(Role.STEWARD, fund_id)):
        raise NotAllowed("Only a finance officer or a steward of this fund can ask for a payment.")
    _ensure_apart(actor, group_id, payee_id)


def ensure_may_authorise(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID, requested_by_id: UUID) -> None:
    """A finance officer of the fund, not the person who asked, and not of the group or its host."""
    if not actor.has(Role.FINANCE_OFFICER, fund_id):
        raise NotAllowed("Only a finance officer of this fund can authorise a payment.")
    if actor.id == requested_by_id:
        raise NotAllowed("Somebody else must authorise this payment: you asked for it.")
    _ensure_apart(actor, group_id, payee_id)


def ensure_may_set_up(actor: Actor, group_id: UUID) -> None:
    """A member of the group who may sign off: the account is where the group's money will come."""
    if not actor.can_sign_off_for(group_id):
        raise NotAllowed("Only a member of this group who can sign off may set up where it is paid.")


def ensure_may_record(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> None:
    """A finance officer of the fund records money that came back; not one of the group or its host."""
    if not actor.has(Role.FINANCE_OFFICER, fund_id):
        raise NotAllowed("Only a finance officer of this fund can record money that came back.")
    _ensure_apart(actor, group_id, payee_id)
