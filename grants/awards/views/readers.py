"""Who reads an award: everybody, or those inside."""

from uuid import UUID

from grants.awards import access, queries
from grants.awards.queries import AwardPage
from grants.awards.rules import HOLDS_MONEY
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound
from grants.web.db import reading
from grants.web.session import current_actor


def shown_page(award_id: UUID) -> AwardPage:
    """The award, or 404; what was declined or has lapsed is shown only to those inside."""
    found = queries.award_page(reading(), award_id)
    if found is None or (found.award.state not in HOLDS_MONEY and not is_inside(found)):
        raise NotFound
    return found


def is_inside(page: AwardPage) -> bool:
    """Whether the person who looks belongs to the award: its group, its payee, an officer."""
    award = page.award
    return access.may_look_inside(current_actor(), award.fund_id, award.group_id, award.payee_id)


def private_page(award_id: UUID) -> AwardPage:
    """The award for those inside; others are refused (``NotAllowed``)."""
    page = shown_page(award_id)
    if not is_inside(page):
        raise NotAllowed("Only the group, its host and officers can see this page.")
    return page


def may_steward(page: AwardPage) -> bool:
    """Whether the person who looks is a steward of its fund, and neither of its group nor of its payee."""
    actor, award = current_actor(), page.award
    return actor.has(Role.STEWARD, award.fund_id) and not access.involved(actor, award.group_id, award.payee_id)
