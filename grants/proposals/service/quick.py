"""Write an ask of a quick round on one page, and ask back about it. Sign-off and putting in are those of all bids."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID

from grants.kernel.clock import LONDON, london_day
from grants.kernel.errors import Conflict, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.people.service import accounts as people_service
from grants.ports.geography import Geography
from grants.proposals import notices
from grants.proposals.models import Proposal
from grants.proposals.queries import whole
from grants.proposals.rules.asks import ANSWER_DAYS, ASK_KEY, ASK_PARTS
from grants.proposals.rules.states import QUICK_STEPS, ProposalAction, ProposalState
from grants.proposals.service import bids
from grants.proposals.service.eligibility import add_effort
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.quick import working_days_later


class PageConflict(Conflict):
    """Somebody else saved the page first. ``version`` is theirs; what was typed is still in the caller's hands."""

    def __init__(self, version: int) -> None:
        super().__init__("Somebody else saved this page while you were writing.")
        self.version = version


def start(uow: UnitOfWork, round_id: UUID, group_id: UUID) -> Proposal:
    """Begin an ask of a group, while there is money to ask for. An untouched one is handed out again."""
    round = uow.get(Round, round_id)
    if not rounds.is_quick(round):
        raise StepRefused("This round asks for a whole proposal.")
    if rounds.left_minor(round) < round.floor_minor:
        raise StepRefused("The pot of this round is empty, so there is nothing left to ask for.")
    return bids.start(uow, round_id, group_id)


def save(
    uow: UnitOfWork,
    proposal_id: UUID,
    values: Mapping[str, Any],
    *,
    version: int,
    geography: Geography,
    page_token: str = "",
    seconds: int = 0,
) -> Proposal:
    """Keep the one page, whole or with gaps, while it is a draft or something was asked about it.

    ``values``: the fields of ``rules.ASK_PARTS``; the others as for ``bids.save_section``.
    """
    proposal = bids.writable(uow, proposal_id)
    if proposal.state is ProposalState.MORE_INFO_REQUESTED:
        assert proposal.asked_until is not None  # set with the state
        if uow.now >= proposal.asked_until:
            raise StepRefused("The time to answer is over.")
        proposal.writer_id = uow.actor.id
    else:
        bids.ensure_draft_and_open(uow, proposal)
    current = int(proposal.section_versions.get(ASK_KEY, 0))
    own = bool(page_token) and proposal.section_versions.get(f"{ASK_KEY}:page") == page_token
    if version != current and not own:
        raise PageConflict(current)
    for section, names in ASK_PARTS.items():
        bids.write(uow, proposal, section, {name: values[name] for name in names if name in values}, geography)
    if seconds > 0:
        add_effort(uow, proposal.round_id, ASK_KEY, seconds)
    if not own:
        proposal.section_versions = {
            **proposal.section_versions,
            ASK_KEY: current + 1,
            f"{ASK_KEY}:page": page_token,
        }
        uow.record("proposal.section_saved", proposal, section=ASK_KEY, version=current + 1)
    return proposal


def ask_host(uow: UnitOfWork, proposal_id: UUID, host_id: UUID) -> Proposal:
    """Ask a host to hold the money, from the same page."""
    proposal = bids.writable(uow, proposal_id)
    people_service.ask_host(uow, proposal.group_id, host_id)
    return proposal


def again(uow: UnitOfWork, proposal_id: UUID, geography: Geography) -> Proposal:
    """Begin a new ask in the same round with what an ask that was refused, or missed its day, says."""
    earlier = bids.writable(uow, proposal_id)
    if earlier.state not in (ProposalState.NOT_FUNDED, ProposalState.WITHDRAWN, ProposalState.NOT_SUBMITTED):
        raise StepRefused("You can ask again once there is an answer.")
    made = start(uow, earlier.round_id, earlier.group_id)
    if made.section_versions:
        return made
    facts = whole.facts(uow.session, earlier)
    values = {name: getattr(facts, name) for names in ASK_PARTS.values() for name in names}
    return save(uow, made.id, values, version=0, geography=geography)


def request_more(uow: UnitOfWork, proposal: Proposal, words: str) -> Proposal:
    """Ask the group something before an answer; its page opens again. Called by whoever decides, who was checked."""
    before = proposal.state
    after = next_state(QUICK_STEPS, before, ProposalAction.REQUEST_MORE_INFO)
    words = words_given(words, "words", "Say what you need to know, in words that the group will read.", 1000)
    last = working_days_later(london_day(uow.now), ANSWER_DAYS)
    proposal.asked_sections = []
    proposal.asked_words, proposal.asked_by_id = words, uow.actor.id
    proposal.asked_until = datetime.combine(last, time(23, 59), LONDON)
    proposal.writer_id = None
    proposal.state = after
    uow.record("proposal.more_info_requested", proposal, before=before, after=after, sections=[ASK_KEY])
    notices.more_info_requested(uow, proposal)
    return proposal
