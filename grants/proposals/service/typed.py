"""Bids of equal standing from groups that do not write on a screen: an officer types, the group confirms.

Whoever typed a bid in, saw its signed copy or wrote down what a recording says is kept with it, and never checks or
judges it (``access.Parties.hands``, ``review.queries.interested``).
"""

from uuid import UUID

from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.proposals import access, notices
from grants.proposals.models import Proposal, ProposalFile, ProposalHand
from grants.proposals.queries import hands, whole
from grants.proposals.rules.facts import Help
from grants.proposals.rules.files import SPOKEN, FileState
from grants.proposals.rules.hands import HAND_WORDS_AT_MOST, SUMMARY_AT_MOST, Hand, Source
from grants.proposals.rules.states import IN_HAND, ProposalState
from grants.proposals.service.bids import _locked, begin, ensure_may_apply, put_in, send_answer
from grants.rounds import queries as rounds


def start(uow: UnitOfWork, round_id: UUID, group_id: UUID, source: Source, told_by: str) -> Proposal:
    """Begin a bid that an officer types in for a group. ``told_by``: who of the group wrote it or told it."""
    round, group = ensure_may_apply(uow, round_id, group_id)
    access.ensure_may_type_in(uow.actor, group_id, round.fund_id)
    if rounds.is_quick(round):
        raise StepRefused("A quick round is asked on one page. Help the group to fill it in on its own account.")
    told_by = words_given(told_by, "told_by", "Say who of the group wrote it or told you.", HAND_WORDS_AT_MOST)
    for known in hands.typed_by(uow.session, _me(uow), (ProposalState.DRAFT,)):
        if known.group_id == group.id and known.round_id == round.id and not known.section_versions:
            return known
    proposal = begin(uow, round, group.id)
    proposal.help_received = Help.OFFICER
    _lend(uow, proposal, Hand.TYPED, told_by, source)
    uow.record(
        "proposal.started",
        proposal,
        after=proposal.state,
        round_id=round.id,
        group_id=group.id,
        typed_from=source.value,
    )
    return proposal


def put_in_signed(uow: UnitOfWork, proposal_id: UUID, signed_by: str, kept_at: str) -> Proposal:
    """The group confirmed on paper: another officer saw the copy that its people signed, and puts the bid in.

    ``signed_by``: who signed; ``kept_at``: where the paper lies. An answer to a question is sent in the same way.
    """
    proposal = _locked(uow, proposal_id)
    parties = whole.parties(uow.session, proposal)
    access.ensure_may_see_signed(uow.actor, parties)
    if parties.typist_id is None or proposal.writer_id != parties.typist_id:
        raise StepRefused("Its group wrote this on a screen, so somebody of the group signs it off there.")
    signed_by = words_given(signed_by, "signed_by", "Write down who signed it.", 200)
    kept_at = words_given(kept_at, "kept_at", "Say where the signed copy is kept.", 90)
    asked = proposal.state is ProposalState.MORE_INFO_REQUESTED
    done = (
        send_answer(uow, proposal, signed="paper") if asked else put_in(uow, proposal, signer_id=None, signed="paper")
    )
    _lend(uow, proposal, Hand.SAW_SIGNED, f"{signed_by}; {kept_at}")
    return done


def sum_up(uow: UnitOfWork, file_id: UUID, words: str) -> ProposalFile:
    """Write down what a recording says, for those who cannot hear it, before the ballot is fixed. The group is told."""
    file = uow.get(ProposalFile, file_id)
    proposal = _locked(uow, file.proposal_id)
    parties = whole.parties(uow.session, proposal)
    access.ensure_may_sum_up(uow.actor, parties)
    if file.kind not in SPOKEN or file.state is not FileState.CLEAN:
        raise NotFound("There is no such recording.")
    if proposal.state not in IN_HAND or proposal.round.panel_locked_at is not None:
        raise StepRefused("What a recording says is written down after the bid was put in and before the vote opens.")
    if proposal.screened_by_id == uow.actor.id:
        raise NotAllowed("You checked this proposal, so somebody else must write down what its recording says.")
    words = words_given(words, "words", "Write down what they say.", SUMMARY_AT_MOST)
    file.summary = words
    if _me(uow) not in parties.hands:
        _lend(uow, proposal, Hand.SUMMED_UP, None)
    uow.record("proposal.recording_summed_up", proposal, file=file.id)
    notices.summed_up(uow, proposal, words)
    return file


def _me(uow: UnitOfWork) -> UUID:
    if uow.actor.id is None:
        raise NotAllowed("Sign in first.")
    return uow.actor.id


def _lend(uow: UnitOfWork, proposal: Proposal, part: Hand, words: str | None, source: Source | None = None) -> None:
    if words is not None and len(words) > HAND_WORDS_AT_MOST:
        raise RuleBroken(f"Use {HAND_WORDS_AT_MOST} characters or fewer.", field="words")
    hand = ProposalHand(proposal_id=proposal.id, person_id=_me(uow), part=part, source=source, words=words, at=uow.now)
    uow.add(hand)
    uow.session.expire(proposal, ["hands"])
