"""Who opens a proposal: whoever may read all of it, whoever may write in it."""

from typing import Any
from uuid import UUID

from grants.kernel.errors import NotAllowed, NotFound
from grants.proposals import access
from grants.proposals.access import Parties
from grants.proposals.queries import whole
from grants.web.db import reading
from grants.web.session import current_actor


def readable(proposal_id: UUID) -> tuple[Any, Parties]:
    """The proposal for those who may read all of it; for everybody else there is no such page."""
    proposal = whole.proposal(reading(), proposal_id)
    parties = whole.parties(reading(), proposal)
    if not access.may_read_all(current_actor(), parties):
        raise NotFound("There is no such proposal.")
    return proposal, parties


def editable(proposal_id: UUID) -> tuple[Any, Parties]:
    """The same for those who may write in it; others are refused (``NotAllowed``)."""
    proposal, parties = readable(proposal_id)
    if not access.may_edit(current_actor(), parties):
        raise NotAllowed("Only members of the group who may write for it can do this.")
    return proposal, parties
