"""Offers to the winners, and to the reserve list when money comes free."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.allocation.service import afterwards, announcing
from grants.awards import access, notices, queries
from grants.awards.models import Award, AwardSplit
from grants.awards.rules import ANSWER_DAYS, AwardState, reference_of
from grants.funds import queries as funds
from grants.funds.models import Fund
from grants.funds.rules import Need, Share, explain, match
from grants.kernel.clock import london_day
from grants.kernel.errors import NotEnoughMoney, RuleBroken
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, moved
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.proposals.queries import only_one
from grants.proposals.queries.whole import need
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round


def announce_and_offer(uow: UnitOfWork, round_id: UUID) -> list[Award]:
    """Tell everybody what was decided and offer every award, in one step: all of it or nothing."""
    announcing.announce(uow, round_id)
    uow.session.flush()
    return offer_all(uow, round_id)


def offer_missing(uow: UnitOfWork) -> int:
    """Offer what was decided after an announcement, by a correction. Safe to run twice."""
    return sum(len(offer_all(uow, round_id)) for round_id in queries.rounds_without_offers(uow.session))


def offer_all(uow: UnitOfWork, round_id: UUID) -> list[Award]:
    """Offer an award for every proposal of the round that was decided to be funded and has none yet.

    Whose money pays is worked out for all of them together, the most restricted first, and committed in the books.
    A group that said no, or did not answer, is not offered again. Raises ``NotEnoughMoney`` with the shortfall in
    words; then none is offered.
    """
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_offer(uow.actor, round.fund_id)
    decided = uow.session.scalars(
        select(Decision)
        .where(
            Decision.round_id == round_id,
            Decision.verdict == Verdict.AWARDED,
            Decision.state.in_((DecisionState.RATIFIED, DecisionState.NOTIFIED)),
            Decision.proposal_id.not_in(select(Award.proposal_id).where(Award.round_id == round_id)),
        )
        .order_by(Decision.rank, Decision.proposal_id)
    ).all()
    amounts = {decision.proposal_id: decision.awarded_minor for decision in decided}
    return _offer(uow, round, amounts)


def offer_one(uow: UnitOfWork, proposal: Proposal) -> Award:
    """Offer an award for one ask of a quick round. Called by ``quick``, where two people agreed on it."""
    round = uow.get(Round, proposal.round_id)
    return _offer(uow, round, {proposal.id: proposal.applied_for_minor})[0]


def _offer(uow: UnitOfWork, round: Round, amounts: dict[UUID, int]) -> list[Award]:
    """Commit the money of several awards together, then write them down and tell the groups."""
    proposals = {
        proposal.id: proposal
        for proposal in uow.session.scalars(
            select(Proposal)
            .where(Proposal.id.in_(amounts))
            .options(joinedload(Proposal.group), selectinload(Proposal.lines))
            .order_by(Proposal.number, Proposal.id)
        )
    }
    ids = {proposal_id: uuid4() for proposal_id in proposals}
    needs = [
        replace(need(proposal, london_day(uow.now)), amount_minor=amounts[id]) for id, proposal in proposals.items()
    ]
    split = commit_money(uow, round.fund_id, needs, ids)
    awards = []
    for proposal_id, proposal in proposals.items():
        hosting = people.confirmed_hosting(uow.session, proposal.group_id)
        if proposal.priority_id is None:
            raise RuleBroken("A proposal without a priority cannot be funded.")
        award = Award(
            id=ids[proposal_id],
            proposal_id=proposal_id,
            round_id=round.id,
            fund_id=round.fund_id,
            group_id=proposal.group_id,
            priority_id=proposal.priority_id,
            payee_id=hosting.host_id if hosting is not None else proposal.group_id,
            reference=reference_of(ids[proposal_id]),
            amount_minor=amounts[proposal_id],
            state=AwardState.OFFERED,
            offered_at=uow.now,
            answer_by=uow.now + timedelta(days=ANSWER_DAYS),
        )
        uow.add(award)
        shares = {share.source_id: share.amount_minor for share in split[proposal_id]}
        uow.session.add_all(
            AwardSplit(award_id=award.id, contribution_id=contribution_id, amount_minor=minor)
            for contribution_id, minor in shares.items()
        )
        uow.session.flush()
        uow.record(
            "award.offered",
            award,
            after=award.state,
            amount_minor=award.amount_minor,
            proposal=proposal_id,
            split={str(id): minor for id, minor in sorted(shares.items())},
        )
        notices.offered(uow, award, proposal.title)
        awards.append(award)
    return awards


def commit_money(
    uow: UnitOfWork, fund_id: UUID, needs: Sequence[Need], award_ids: dict[UUID, UUID], key: str = ""
) -> dict[UUID, list[Share]]:
    """Split the needs over the fund's free money and commit it, award by award, all or nothing.

    What the split was worked out from may be spent by somebody else meanwhile: then the books refuse (a conditional
    UPDATE with a CHECK behind it), and it is worked out again from what is left.
    """
    stand_in_line(uow, fund_id)
    for _ in range(3):
        matching = match(needs, funds.sources(uow.session, fund_id))
        if matching.shortfall is not None:
            words = explain(matching.shortfall, funds.names_for(uow.session)) + funds.held_up(uow.session, fund_id)
            raise NotEnoughMoney(words, matching.shortfall.missing_minor)
        split: dict[UUID, list[Share]] = defaultdict(list)
        for share in matching.split:
            split[share.need_id].append(share)
        try:
            with uow.session.begin_nested():
                for need in needs:
                    _commit_one(uow, fund_id, award_ids[need.id], split[need.id], key)
        except NotEnoughMoney:
            uow.session.expire_all()
            continue
        return split
    raise NotEnoughMoney("Others are taking money from this fund at this moment. Please try again.", 0)


def stand_in_line(uow: UnitOfWork, fund_id: UUID) -> None:
    """Wait for whoever is moving this fund's money between awards, so that no two of them wait for each other."""
    uow.get(Fund, fund_id, lock=True)


def _commit_one(uow: UnitOfWork, fund_id: UUID, award_id: UUID, shares: Sequence[Share], key: str) -> None:
    """Promise it to a new award, or, under the key of a change, more to one that stands."""
    lines: list[Line] = []
    for share in shares:
        lines += moved(share.source_id, share.amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, award_id)
    if key:
        ledger.post(uow, key=key, event="award.increased", fund_id=fund_id, lines=lines)
    else:
        ledger.post(uow, key=f"award:{award_id}:commit", event="award.committed", fund_id=fund_id, lines=lines)


def offer_next(uow: UnitOfWork, round: Round) -> Award | None:
    """Offer freed money to the next proposal on the reserve list whose cost fits and that it may pay for, if any."""
    had_one = select(Award.proposal_id).where(Award.round_id == round.id)
    waiting = uow.session.execute(
        select(Proposal, Decision.details)
        .join(Decision, Decision.proposal_id == Proposal.id)
        .where(
            Decision.round_id == round.id,
            Decision.verdict == Verdict.RESERVE,
            Decision.state == DecisionState.NOTIFIED,
            Proposal.state == ProposalState.RESERVE,
            Proposal.id.not_in(had_one),
        )
        .order_by(Decision.rank, Proposal.number)
    ).all()
    left = round.pot_minor - queries.awarded_minor(uow.session, round.id)
    shut_out = _shut_out(uow, round)
    # The rule's own order where it has one: by Phragmén it is not the order of votes.
    for proposal, _ in sorted(waiting, key=lambda row: row.details.get("reserve") or len(waiting) + 1):
        amount = proposal.applied_for_minor
        if amount > left or proposal.id in shut_out:
            continue
        try:
            award = _offer(uow, round, {proposal.id: amount})[0]
        except NotEnoughMoney:
            continue
        afterwards.move_up(uow, proposal.id)
        return award
    return None


def _shut_out(uow: UnitOfWork, round: Round) -> set[UUID]:
    """Proposals beside which another is funded, of which only one can be; a declined or lapsed offer funds nothing."""
    sets = only_one.exclusions(uow.session, round.id)
    if not sets:
        return set()
    ended = select(Award.proposal_id).where(
        Award.round_id == round.id, Award.state.in_((AwardState.DECLINED, AwardState.LAPSED))
    )
    funded = select(Decision.proposal_id).where(
        Decision.round_id == round.id,
        Decision.state == DecisionState.NOTIFIED,
        Decision.verdict == Verdict.AWARDED,
        Decision.proposal_id.not_in(ended),
    )
    taken = {name for id in uow.session.scalars(funded) for name in sets.get(id, ())}
    return {id for id, mine in sets.items() if taken.intersection(mine)}
