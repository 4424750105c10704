"""Share the pot by the rule: what goes in, what comes out, and what was recommended. The only writer of runs."""

from collections.abc import Collection
from dataclasses import replace
from math import ceil as round_up
from time import perf_counter
from uuid import UUID

from grants.allocation import queries
from grants.allocation.models import AllocationRun, Decision, PackedBallots
from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.explained import AT_ONCE, tell_facts, work_out
from grants.allocation.rules.facts import RunFacts
from grants.allocation.rules.outside import outside_checksum
from grants.allocation.rules.packed import pack, packed_hash
from grants.allocation.rules.replay import Inputs, Replayed, replay
from grants.allocation.rules.states import STEPS, DecisionAction, DecisionState, recommended
from grants.funds import queries as funds
from grants.funds.rules import Restriction, Source
from grants.kernel.clock import london_day
from grants.kernel.errors import StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.proposals.models import ExclusiveSet
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one, whole
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import exclusive
from grants.rounds import queries as rounds
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from grants.voting.rules.ballots import as_marks, ballots_hash


def run(uow: UnitOfWork, round_id: UUID) -> AllocationRun:
    """Share the pot by the round's rule, once the votes are counted; store all that went in and came out.

    Every bid that stood at the end gets a recommended decision with its reason. Running again, until the panel has
    decided, replaces what was recommended. Bids that were withdrawn are left out.
    """
    round = uow.get(Round, round_id, lock=True)
    ensure_may_run(uow.actor, round.fund_id)
    if round.state is not RoundState.PANEL or voting.tally(uow.session, round_id) is None:
        raise StepRefused("The pot is shared out when the votes are counted, and before the panel has decided.")
    return store_run(uow, round)


def store_run(uow: UnitOfWork, round: Round) -> AllocationRun:
    """Work out the round, and keep it with a recommended decision for every bid that stood at the end."""
    round_id, inputs = round.id, gather(uow, round)
    began = perf_counter()
    done = replay(inputs)
    took = perf_counter() - began
    facts = told(uow, round, inputs, done)
    made = AllocationRun(
        round_id=round_id,
        rule=inputs.rule,
        inputs=inputs.to_json(),
        outcome=done.run.outcome_json(),
        checksum=done.checksum,
        pot_minor=inputs.pot_minor,
        spent_minor=done.run.awarded_minor,
        run_at=uow.now,
        run_by_id=uow.actor.id,
        took_ms=round_up(took * 1000),
        facts=facts.to_json(),
        untried_count=sum(not bid.tried for bid in facts.bids),
    )
    replaced = _supersede_recommended(uow, round_id)
    uow.add(made)
    uow.session.add_all(
        Decision(
            round_id=round_id,
            proposal_id=outcome.bid_id,
            run_id=made.id,
            state=DecisionState.RECOMMENDED,
            verdict=recommended(outcome),
            awarded_minor=outcome.awarded_minor,
            rank=outcome.rank,
            votes=outcome.votes,
            reason_code=outcome.reason_code.value,
            reason=outcome.reason,
            details={
                "enough": outcome.enough,
                "votes_enough": outcome.votes_enough,
                "left_before_minor": outcome.left_before_minor,
                "reserve": outcome.reserve,
            },
        )
        for outcome in done.run.outcomes
    )
    uow.session.flush()
    uow.record(
        "allocation.worked_out",
        made,
        round_id=round_id,
        checksum=made.checksum,
        pot_minor=made.pot_minor,
        spent_minor=made.spent_minor,
        replaced_count=replaced,
    )
    return made


def told(uow: UnitOfWork, round: Round, inputs: Inputs, done: Replayed) -> RunFacts:
    """What pages tell of the run, with the checksum by which anybody else can know that they got the same."""
    won = [one.bid_id for one in done.run.outcomes if one.awarded_minor]
    outside = outside_checksum(inputs, queries.about(uow.session, round), won)
    return replace(tell_facts(inputs, done.run.outcomes), outside=outside)


def gather(uow: UnitOfWork, round: Round) -> Inputs:
    """All that the rule needs: the bids that stand, the ballots, the pot, and the money as it is at this moment."""
    book, kept = rounds.rule_book(round), pack_ballots(uow, round)
    lines = [line for line in voting.ballot_lines(uow.session, round.id) if not line.set_aside_reason]
    bids = {bid.id: bid for bid in proposal_lists.by_ids(uow.session, [line.proposal_id for line in lines])}
    lines = [line for line in lines if bids[line.proposal_id].state is not ProposalState.WITHDRAWN]
    sets = only_one.exclusions(uow.session, round.id)
    ballots = queries.counted(kept, book.ballot, {line.number: line.proposal_id for line in lines})
    return Inputs(
        round_id=round.id,
        rule_book_sha256=book.sha256,
        rule=book.rule,
        options=book.rule_options,
        pot_minor=book.pot_minor,
        currency=book.currency,
        bids=tuple(
            Bid(
                line.proposal_id,
                line.cost_minor,
                line.lot,
                bids[line.proposal_id].group_id,
                bids[line.proposal_id].title,
                sets.get(line.proposal_id, ()),
            )
            for line in lines
        ),
        ballots=ballots,
        totals_only=ballots.voters < book.totals_only_below,
        needs=tuple(whole.need(bids[line.proposal_id], london_day(uow.now)) for line in lines),
        sources=(Source(round.id, book.pot_minor, Restriction()),)  # elsewhere: its pot, and no funders
        if round.imported_from
        else tuple(funds.sources(uow.session, round.fund_id)),
        names=funds.names_for(uow.session),
        panel=queries.panel_scores(uow.session, round.id, book, [line.proposal_id for line in lines]),
    )


def exclude(uow: UnitOfWork, round_id: UUID, proposal_ids: Collection[UUID], reason: str) -> ExclusiveSet:
    """Say that of these bids only one can be funded (``proposals``); what was worked out is worked out again."""
    made = exclusive.exclude(uow, round_id, proposal_ids, reason)
    _again(uow, round_id)
    return made


def lift_exclusion(uow: UnitOfWork, set_id: UUID, reason: str) -> ExclusiveSet:
    """All of these bids can be funded after all; what was worked out is worked out again."""
    lifted = exclusive.lift(uow, set_id, reason)
    _again(uow, lifted.round_id)
    return lifted


def _again(uow: UnitOfWork, round_id: UUID) -> None:
    uow.session.flush()
    if queries.decisions(uow.session, round_id):
        store_run(uow, uow.get(Round, round_id, lock=True))


def _supersede_recommended(uow: UnitOfWork, round_id: UUID) -> int:
    before = queries.decisions(uow.session, round_id)
    for one in before:
        if one.state is not DecisionState.RECOMMENDED:
            raise StepRefused("The panel has decided, so nothing is worked out again.")
        one.state = next_state(STEPS, one.state, DecisionAction.SUPERSEDE)
    uow.session.flush()
    return len(before)


def pack_ballots(uow: UnitOfWork, round: Round) -> PackedBallots:
    """The packed copy of the round's ballots; made the first time, when they must be those that were counted."""
    found = uow.session.get(PackedBallots, round.id)
    if found is not None:
        return found
    tally = voting.tally(uow.session, round.id)
    kept = voting.kept_ballots(uow.session, round.id)
    if tally is None or ballots_hash(kept) != tally.ballots_hash or len(kept) != tally.ballot_count:
        raise StepRefused("The ballots are not those that were counted. Nothing was worked out.")
    packed = pack(map(as_marks, kept))
    made = PackedBallots(
        round_id=round.id, ballots=packed, sha256=packed_hash(packed), voters=len(kept), packed_at=uow.now
    )
    uow.session.add(made)
    uow.session.flush()
    uow.record("allocation.ballots_packed", round, sha256=made.sha256, voters=made.voters)
    return made


def try_on(uow: UnitOfWork) -> int:
    """Try what would have been enough for bids of large elections, a few at a time. Returns how many runs it looked at.

    By the clock; safe to run twice. The rest of the run stands still.
    """
    due = queries.untried(uow.session, limit=1)
    for run in due:
        inputs = queries.inputs(uow.session, run)
        facts = work_out(inputs, replay(inputs).run.outcomes, RunFacts.from_json(run.facts or ""), AT_ONCE)
        run.facts = facts.to_json()
        run.untried_count = sum(not bid.tried for bid in facts.bids)
        uow.record("allocation.what_ifs_tried", run, round_id=run.round_id, left=run.untried_count)
    return len(due)
