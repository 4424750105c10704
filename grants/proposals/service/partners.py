"""Joint proposals: who does it together with the group, and whether they say so themselves."""

import secrets
from datetime import timedelta
from uuid import UUID

from grants.kernel.errors import NotFound, RuleBroken
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.proposals import access, notices
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.queries import whole
from grants.proposals.rules.partners import MOST_PARTNERS, PARTNER_STEPS, Partner, PartnerAction, PartnerState
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState

AGAIN_AFTER = timedelta(hours=24)


def write_joint(uow: UnitOfWork, proposal: Proposal, partners: tuple[Partner, ...]) -> None:
    """Keep who the partners are. One of whom something else is asked than before has not said yes to it."""
    if len(partners) > MOST_PARTNERS:
        raise RuleBroken(f"A proposal has at most {MOST_PARTNERS} partners.", field="joint")
    known = {(one.email or "").lower(): one for one in proposal.joint}
    if len({one.email.lower() for one in partners}) != len(partners):
        raise RuleBroken("Two partners have the same e-mail address. Each needs one of their own.", field="joint")
    rows = []
    for at, one in enumerate(partners, 1):
        row = known.get(one.email.lower()) or ProposalPartner(state=PartnerState.NAMED, email=one.email.lower())
        if (row.name, row.role, row.share_minor) != (one.name, one.role, one.share_minor):
            row.state = next_state(PARTNER_STEPS, row.state, PartnerAction.CHANGE)
            row.token_hash = row.asked_at = row.answered_at = row.answered_by = None
        row.position, row.name, row.role, row.share_minor = at, one.name, one.role, one.share_minor
        rows.append(row)
    proposal.joint = rows


def ask(uow: UnitOfWork, proposal_id: UUID) -> dict[UUID, str]:
    """Write to every partner who has not said yes or no; again to one who was asked a day ago.

    Returns the token of each letter's link by the partner's id: told only once, to be shown to nobody else.
    """
    uow.get(Proposal, proposal_id, lock=True)
    proposal = whole.proposal(uow.session, proposal_id)
    access.ensure_may_edit(uow.actor, whole.parties(uow.session, proposal))
    if proposal.state is not ProposalState.DRAFT or rounds.phase(proposal.round, uow.now) is not RoundState.OPEN:
        raise RuleBroken("Partners are asked while the proposal is being written and its round is open.")
    due = [
        one
        for one in proposal.joint
        if one.email
        and (
            one.state is PartnerState.NAMED
            or (one.state is PartnerState.ASKED and one.asked_at is not None and one.asked_at <= uow.now - AGAIN_AFTER)
        )
    ]
    tokens = {}
    for one in due:
        tokens[one.id] = token = secrets.token_urlsafe(24)
        before = one.state
        one.state = next_state(PARTNER_STEPS, before, PartnerAction.ASK)
        one.token_hash, one.asked_at = people.token_hash(token), uow.now
        uow.record("proposal.partner_asked", one, before=before, after=one.state, proposal_id=proposal.id)
        notices.ask_partner(uow, proposal, one, token)
    if not due:
        raise RuleBroken(
            "There is nobody to ask: every partner has answered, or was written to within the last day.", field="joint"
        )
    return tokens


def answer(uow: UnitOfWork, token: str, *, yes: bool, name: str) -> ProposalPartner:
    """A partner says yes or no, by the link in the letter; ``name`` is who answers for them. The link then ends.

    Raises ``NotFound`` when the link was used, or something else is asked of them by now.
    """
    partner = whole.partner_by_token(uow.session, token)
    if partner is None:
        raise NotFound("This link was used already, or what was asked of you has changed.")
    proposal = uow.get(Proposal, partner.proposal_id, lock=True)
    uow.session.refresh(partner)
    if partner.token_hash != people.token_hash(token):
        raise NotFound("This link was used already, or what was asked of you has changed.")
    if proposal.state is not ProposalState.DRAFT or rounds.phase(proposal.round, uow.now) is not RoundState.OPEN:
        raise RuleBroken("This proposal is not being written any more, so there is nothing to answer.")
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise RuleBroken("Give your name, in 120 characters or fewer.", field="name")
    before = partner.state
    action = PartnerAction.CONFIRM if yes else PartnerAction.DECLINE
    partner.state = next_state(PARTNER_STEPS, before, action)
    partner.answered_at, partner.answered_by, partner.token_hash = uow.now, name, None
    verb = "proposal.partner_confirmed" if yes else "proposal.partner_declined"
    uow.record(verb, partner, before=before, after=partner.state, proposal_id=proposal.id)
    notices.partner_answered(uow, proposal, partner)
    return partner
