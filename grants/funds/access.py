"""Who may do what with funds and their money, and why not."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def ensure_may_start_fund(actor: Actor) -> None:
    """An administrator, or a steward who is not tied to one fund."""
    if actor.has(Role.ADMIN) or (actor.has(Role.STEWARD) and actor.scopes(Role.STEWARD) is None):
        return
    raise NotAllowed("Only an administrator, or a steward of all funds, may start a fund or add a funder.")


def may_steward(actor: Actor, fund_id: UUID) -> bool:
    """A steward of the fund, or an admin."""
    return actor.has(Role.STEWARD, fund_id) or actor.has(Role.ADMIN)


def ensure_may_steward(actor: Actor, fund_id: UUID) -> None:
    """A steward of this fund, or an administrator."""
    if not may_steward(actor, fund_id):
        raise NotAllowed("Only a steward of this fund may do this.")


def may_keep_money(actor: Actor, fund_id: UUID) -> bool:
    """A finance officer of the fund."""
    return actor.has(Role.FINANCE_OFFICER, fund_id)


def ensure_may_keep_money(actor: Actor, fund_id: UUID) -> None:
    """A finance officer of this fund: nobody else says that money came or went."""
    if not may_keep_money(actor, fund_id):
        raise NotAllowed("Only a finance officer of this fund may record money.")


def ensure_may_see_contribution(actor: Actor, fund_id: UUID, funder_id: UUID) -> None:
    """Who keeps the fund or its money, the auditor, and the funder who gave it."""
    allowed = (
        may_steward(actor, fund_id)
        or may_keep_money(actor, fund_id)
        or actor.has(Role.AUDITOR)
        or speaks_for(actor, funder_id)
    )
    if not allowed:
        raise NotAllowed("This contribution is open to its funder, and to those who keep and check this fund.")


def ensure_may_answer_unspent(actor: Actor, funder_id: UUID) -> None:
    """Only who speaks for the funder says what becomes of what it gave."""
    if not speaks_for(actor, funder_id):
        raise NotAllowed("Only the funder who gave this money may answer.")


def speaks_for(actor: Actor, funder_id: UUID) -> bool:
    """Whether this person holds the role of a funder for this very funder; a role without one opens nothing."""
    return any(grant.role is Role.FUNDER and grant.scope == funder_id for grant in actor.grants)


def may_pay_in(actor: Actor, fund_id: UUID, funder_id: UUID) -> bool:
    """Who speaks for the funder, or runs the fund or its money."""
    return speaks_for(actor, funder_id) or may_keep_money(actor, fund_id) or may_steward(actor, fund_id)


def ensure_may_pay_in(actor: Actor, fund_id: UUID, funder_id: UUID) -> None:
    """The funder, and those who keep the fund or its money for them."""
    if not may_pay_in(actor, fund_id, funder_id):
        raise NotAllowed("Only its funder, and those who keep this fund, may pay this contribution.")
