"""Share the pot, decide, announce, correct. The only writer of runs, decisions, meetings and corrections."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import ceil as round_up
from time import perf_counter
from uuid import UUID

from sqlalchemy import select

from grants.allocation import access, notices, queries
from grants.allocation.models import AllocationRun, Correction, Decision, PackedBallots, PanelMeeting
from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.elsewhere import Elsewhere
from grants.allocation.rules.explained import AT_ONCE, tell_facts, work_out
from grants.allocation.rules.facts import RunFacts
from grants.allocation.rules.outside import outside_checksum
from grants.allocation.rules.packed import pack, packed_hash
from grants.allocation.rules.replay import Inputs, Replayed, replay
from grants.allocation.rules.states import (
    CORRECTIONS,
    STEPS,
    DecisionAction,
    DecisionState,
    Departure,
    Verdict,
    recommended,
)
from grants.funds import queries as funds
from grants.funds.models import Fund
from grants.funds.rules import Restriction, Source, explain, match
from grants.funds.service import pots
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.people.service import accounts as people_service
from grants.proposals.models import ExclusiveSet, Proposal
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one, whole
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposals_service
from grants.proposals.service import exclusive
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds import service as rounds_service
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from grants.voting.rules.ballots import as_marks, ballots_hash
from grants.voting.service import votes as voting_service

REASON_AT_MOST = 1000


# ------------------------------------------------------------------------------------------------------------ the run


def run(uow: UnitOfWork, round_id: UUID) -> AllocationRun:
    """Share the pot by the round's rule, once the votes are counted; store all that went in and came out.

    Every bid that stood at the end gets a recommended decision with its reason. Running again, until the panel has
    decided, replaces what was recommended. Bids that were withdrawn are left out.
    """
    round = uow.get(Round, round_id, lock=True)
    ensure_may_run(uow.actor, round.fund_id)
    if round.state is not RoundState.PANEL or voting.tally(uow.session, round_id) is None:
        raise StepRefused("The pot is shared out when the votes are counted, and before the panel has decided.")
    return _work_out(uow, round)


def _work_out(uow: UnitOfWork, round: Round) -> AllocationRun:
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
        ballots=queries.counted(kept, book.ballot, {line.number: line.proposal_id for line in lines}),
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
        _work_out(uow, uow.get(Round, round_id, lock=True))


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


# --------------------------------------------------------------------------------------------------------- the decision


def decide(
    uow: UnitOfWork,
    round_id: UUID,
    departures: Sequence[Departure] = (),
    took_part: Collection[UUID] = (),
    conditions: Mapping[UUID, str] | None = None,
) -> list[Decision]:
    """The panel's chair takes the decision: what the rule recommends, but for ``departures``, each with its reason.

    ``took_part``: the panellists at the meeting; the chair is always one of them. For every bid, a quorum of them must
    have no interest in it. What is awarded must fit the pot and the funders' restrictions (``NotEnoughMoney`` names the
    shortfall). ``conditions``: what the panel asks of a group that is funded, by proposal; everybody can read it.
    """
    round = uow.get(Round, round_id, lock=True)
    chair = review.chair_id(uow.session, round_id)
    access.ensure_may_decide(uow.actor, round.fund_id, chair)
    assert chair is not None
    if round.state is not RoundState.PANEL:
        raise StepRefused("The panel decides when the votes are counted, and once.")
    standing = queries.decisions(uow.session, round_id)
    worked_out = queries.standing_run(uow.session, round_id)
    if worked_out is None:
        raise StepRefused("A steward must first work out what the votes say.")
    bids = {bid.id: bid for bid in proposal_lists.by_ids(uow.session, [one.proposal_id for one in standing])}
    if gone := [bid for bid in bids.values() if bid.state is ProposalState.WITHDRAWN]:
        raise StepRefused(f"“{gone[0].title}” was withdrawn. A steward must work the results out again first.")
    present = {chair, *took_part}
    interests = review.interested(uow.session, list(bids.values())) | review.recused(uow.session, round_id)
    _ensure_quorum(uow, round, bids.values(), present, interests)
    by_bid = _checked(departures, standing, bids, {bid for bid, person in interests if person == chair})
    verdicts = {
        one.proposal_id: by_bid[one.proposal_id].verdict if one.proposal_id in by_bid else one.verdict
        for one in standing
    }
    winners = [bids[id] for id, verdict in verdicts.items() if verdict is Verdict.AWARDED]
    _ensure_one_of_each(uow, round, winners)
    _ensure_money(uow, round, winners)
    asked = _conditions(conditions or {}, verdicts, bids, {bid for bid, person in interests if person == chair})
    made = [
        _ratify(uow, one, bids[one.proposal_id], by_bid.get(one.proposal_id), asked.get(one.proposal_id))
        for one in standing
    ]
    uow.session.add(
        PanelMeeting(
            round_id=round_id,
            run_id=worked_out.id,
            chair_id=chair,
            took_part=sorted(str(id) for id in present),
            decided_at=uow.now,
        )
    )
    uow.session.flush()
    rounds_service.mark_decided(uow, round)
    uow.record(
        "allocation.decided",
        worked_out,
        round_id=round_id,
        took_part=sorted(str(id) for id in present),
        departures_count=len(by_bid),
        awarded_minor=sum(one.awarded_minor for one in made),
    )
    return made


def _ensure_quorum(
    uow: UnitOfWork, round: Round, bids: Collection[Proposal], present: Collection[UUID], interests: Collection[object]
) -> None:
    members = set(review.member_ids(uow.session, round.id))
    if set(present) - members:
        raise RuleBroken("Only people who sit on this panel can take part.", field="took_part")
    quorum = rounds.rule_book(round).quorum
    if len(present) < quorum:
        raise RuleBroken(f"At least {quorum} panellists must take part.", field="took_part")
    for bid in bids:
        free = sum((bid.id, person) not in interests for person in present)
        if free < quorum:
            raise RuleBroken(
                f"For “{bid.title}”, only {free} of those who took part have no interest in it, and {quorum} are "
                "needed. Ask more panellists to take part.",
                field="took_part",
            )


def _checked(
    departures: Sequence[Departure],
    standing: Sequence[Decision],
    bids: Mapping[UUID, Proposal],
    not_for_chair: Collection[UUID],
) -> dict[UUID, Departure]:
    """The departures that change something, by proposal; each has a reason and is the chair's to make."""
    ruled = {one.proposal_id: one.verdict for one in standing}
    found: dict[UUID, Departure] = {}
    for one in departures:
        if one.proposal_id not in ruled or one.proposal_id in found:
            raise RuleBroken("Decide once about each bid that stood on the ballot.")
        if one.verdict is ruled[one.proposal_id]:
            continue
        title, reason = bids[one.proposal_id].title, one.reason.strip()
        if one.proposal_id in not_for_chair:
            raise NotAllowed(f"You have an interest in “{title}”, so you cannot decide otherwise than the votes there.")
        if not reason:
            raise RuleBroken(
                f"Say why the panel decides otherwise about “{title}”. Everybody can read it.",
                field=reason_field(one.proposal_id),
            )
        if len(reason) > REASON_AT_MOST:
            raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field=reason_field(one.proposal_id))
        found[one.proposal_id] = Departure(one.proposal_id, one.verdict, reason)
    return found


def _conditions(
    conditions: Mapping[UUID, str],
    verdicts: Mapping[UUID, Verdict],
    bids: Mapping[UUID, Proposal],
    not_for_chair: Collection[UUID],
) -> dict[UUID, str]:
    """What is asked of groups that are funded, by proposal; blank ones are none."""
    found = {}
    for id, words in conditions.items():
        if not (words := words.strip()):
            continue
        if id not in verdicts:
            raise RuleBroken("Decide about bids that stood on the ballot.")
        if id in not_for_chair:
            raise NotAllowed(f"You have an interest in “{bids[id].title}”, so you cannot set conditions there.")
        if verdicts[id] is not Verdict.AWARDED:
            raise RuleBroken(
                f"“{bids[id].title}” is not to be funded, so there is nothing to ask of it. Leave this empty.",
                field=conditions_field(id),
            )
        if len(words) > REASON_AT_MOST:
            raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field=conditions_field(id))
        found[id] = words
    return found


def verdict_field(proposal_id: UUID) -> str:
    """The form field in which a bid's verdict is chosen."""
    return f"verdict_{proposal_id.hex}"


def reason_field(proposal_id: UUID) -> str:
    """The form field in which a departure's reason is typed."""
    return f"reason_{proposal_id.hex}"


def conditions_field(proposal_id: UUID) -> str:
    """The form field in which the conditions of an award are typed."""
    return f"conditions_{proposal_id.hex}"


def _ensure_one_of_each(uow: UnitOfWork, round: Round, winners: Sequence[Proposal]) -> None:
    """Refuse (``RuleBroken``) two awards of which only one can be made."""
    sets = only_one.exclusions(uow.session, round.id)
    holds: dict[UUID, Proposal] = {}
    for bid in winners:
        for name in sets.get(bid.id, ()):
            if name in holds:
                raise RuleBroken(f"Only one of “{holds[name].title}” and “{bid.title}” can be funded. Choose one.")
            holds[name] = bid


def _ensure_money(uow: UnitOfWork, round: Round, winners: Sequence[Proposal]) -> None:
    """Refuse (``NotEnoughMoney``) awards that the pot, or the funders' restrictions, cannot bear together."""
    uow.get(Fund, round.fund_id, lock=True)
    asked = sum(bid.applied_for_minor for bid in winners)
    if asked > round.pot_minor:
        over = asked - round.pot_minor
        raise NotEnoughMoney(
            f"These bids ask for {show_pounds(asked)} together, and the pot is {show_pounds(round.pot_minor)}: "
            f"{show_pounds(over)} too much.",
            over,
        )
    needs = [whole.need(bid, london_day(uow.now)) for bid in winners]
    shortfall = match(needs, funds.sources(uow.session, round.fund_id)).shortfall
    if shortfall is not None:
        raise NotEnoughMoney(
            f"The funders' money cannot pay for all of these: {show_pounds(shortfall.missing_minor)} is missing. "
            + explain(shortfall, funds.names_for(uow.session))
            + funds.held_up(uow.session, round.fund_id),
            shortfall.missing_minor,
        )


def _ratify(
    uow: UnitOfWork, one: Decision, bid: Proposal, departure: Departure | None, conditions: str | None = None
) -> Decision:
    if departure is not None:
        old, before = one, one.state
        old.state = next_state(STEPS, before, DecisionAction.SUPERSEDE)
        uow.session.flush()
        one = Decision(
            round_id=old.round_id,
            proposal_id=old.proposal_id,
            run_id=old.run_id,
            state=DecisionState.RECOMMENDED,
            verdict=departure.verdict,
            awarded_minor=bid.applied_for_minor if departure.verdict is Verdict.AWARDED else 0,
            rank=old.rank,
            votes=old.votes,
            reason_code="departs",
            reason=old.reason,
            details={**old.details, "ruled": old.verdict.value},
            departs=True,
            departure_reason=departure.reason,
            follows_id=old.id,
        )
        uow.add(one)
    before = one.state
    one.state = next_state(STEPS, before, DecisionAction.RATIFY)
    one.decided_by_id, one.decided_at, one.conditions = uow.actor.id, uow.now, conditions
    uow.record(
        "decision.ratified",
        one,
        before=before,
        after=one.state,
        why=one.departure_reason,
        proposal=one.proposal_id,
        verdict=one.verdict.value,
        awarded_minor=one.awarded_minor,
        departs=one.departs,
        has_conditions=conditions is not None,
    )
    return one


# ----------------------------------------------------------------------------------------------------- the announcement


def announce(uow: UnitOfWork, round_id: UUID) -> list[Decision]:
    """Tell everybody at once: every decision stands, every group gets its letter, the results page opens.

    By a steward who took no part in deciding. A bid that was withdrawn after the decision is left out.
    """
    round = uow.get(Round, round_id, lock=True)
    meeting = queries.meeting(uow.session, round_id)
    took_part = {UUID(id) for id in meeting.took_part} if meeting else set()
    access.ensure_may_announce(uow.actor, round.fund_id, took_part)
    if round.state is not RoundState.DECIDED:
        raise StepRefused("Results are announced once the panel has decided.")
    standing = queries.decisions(uow.session, round_id)
    bids = {bid.id: bid for bid in proposal_lists.by_ids(uow.session, [one.proposal_id for one in standing])}
    told = []
    for one in standing:
        bid, before = bids[one.proposal_id], one.state
        if bid.state is ProposalState.WITHDRAWN:
            one.state = next_state(STEPS, before, DecisionAction.SUPERSEDE)
            uow.record("decision.set_aside", one, before=before, after=one.state, proposal=bid.id)
            continue
        one.state = next_state(STEPS, before, DecisionAction.NOTIFY)
        one.notified_at = uow.now
        uow.record("decision.notified", one, before=before, after=one.state, proposal=bid.id)
        proposals_service.note_verdict(uow, bid, one.verdict.value)
        one.letter = notices.told(uow, round, one, bid).facts()
        told.append(one)
    rounds_service.mark_announced(uow, round)
    return told


def ask_feedback(uow: UnitOfWork, decision_id: UUID, words: str) -> Decision:
    """Somebody of the group would like to talk about what was decided: the stewards are written to, once."""
    decision = uow.get(Decision, decision_id, lock=True)
    bid, round = whole.proposal(uow.session, decision.proposal_id), uow.get(Round, decision.round_id)
    access.ensure_is_theirs(uow.actor, bid.group_id)
    if decision.notified_at is None:
        raise StepRefused("There is nothing to talk about before the results are announced.")
    if decision.feedback_asked_at is not None:
        raise StepRefused("Your group has asked for feedback already. A steward answers you.")
    if not (words := words.strip()):
        raise RuleBroken("Say what you would like to know, and how to reach you.", field="words")
    if len(words) > REASON_AT_MOST:
        raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field="words")
    decision.feedback_asked_at = uow.now
    uow.record("decision.feedback_asked", decision, proposal=bid.id)
    notices.feedback_asked(uow, round, decision, bid, words)
    return decision


# ---------------------------------------------------------------------------------------------------------- corrections


def ask_correction(uow: UnitOfWork, decision_id: UUID, verdict: Verdict, reason: str) -> Correction:
    """A steward asks for a decision that was told to be put right; the panel's chair must agree."""
    old = uow.get(Decision, decision_id, lock=True)
    round = uow.get(Round, old.round_id)
    ensure_may_run(uow.actor, round.fund_id)
    if old.state is not DecisionState.NOTIFIED:
        raise StepRefused("Only a decision that stands and was told can be corrected.")
    reason = reason.strip()
    if not reason:
        raise RuleBroken("Say what was wrong, and what is right. Everybody can read it.", field="reason")
    if len(reason) > REASON_AT_MOST:
        raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field="reason")
    if (old.verdict, verdict) not in CORRECTIONS:
        raise RuleBroken("Money that was promised is not taken back here. End the award instead.", field="verdict")
    if any(one.decision_id == old.id for one in queries.open_corrections(uow.session, [round.id])):
        raise StepRefused("A correction of this decision waits for the chair's answer already.")
    assert uow.actor.id is not None
    asked = Correction(
        round_id=round.id,
        decision_id=old.id,
        verdict=verdict,
        reason=reason,
        asked_by_id=uow.actor.id,
        asked_at=uow.now,
    )
    uow.add(asked)
    uow.record("correction.asked", asked, why=reason, decision=old.id, verdict=verdict.value)
    return asked


def answer_correction(uow: UnitOfWork, correction_id: UUID, agreed: bool) -> Decision | None:
    """The chair agrees (then a new decision supersedes the old one, and only that group is written to) or not."""
    asked = uow.get(Correction, correction_id, lock=True)
    round = uow.get(Round, asked.round_id)
    chair = review.chair_id(uow.session, round.id)
    access.ensure_may_answer(uow.actor, round.fund_id, chair, asked.asked_by_id)
    if asked.answered_at is not None:
        raise StepRefused("This was answered already.")
    old = uow.get(Decision, asked.decision_id, lock=True)
    bid = whole.proposal(uow.session, old.proposal_id)
    if (bid.id, uow.actor.id) in review.interested(uow.session, [bid]) | review.recused(uow.session, round.id):
        raise NotAllowed(f"You have an interest in “{bid.title}”, so you cannot decide about it.")
    asked.answered_by_id, asked.answered_at, asked.agreed = uow.actor.id, uow.now, agreed
    if not agreed:
        uow.record("correction.declined", asked, decision=old.id)
        return None
    newly = asked.verdict is Verdict.AWARDED and old.verdict is not Verdict.AWARDED
    if newly:
        standing = [one for one in queries.decisions(uow.session, round.id) if one.awarded_minor]
        awarded_ids = [one.proposal_id for one in standing if one.let_go_at is None]
        _ensure_one_of_each(uow, round, [*proposal_lists.by_ids(uow.session, awarded_ids), bid])
        _ensure_room(uow, round, bid)
    before = old.state
    old.state = next_state(STEPS, before, DecisionAction.SUPERSEDE)
    uow.session.flush()
    awarded = bid.applied_for_minor if newly else old.awarded_minor
    new = Decision(
        round_id=round.id,
        proposal_id=bid.id,
        run_id=old.run_id,
        state=DecisionState.NOTIFIED,
        verdict=asked.verdict,
        awarded_minor=awarded if asked.verdict is Verdict.AWARDED else 0,
        rank=old.rank,
        votes=old.votes,
        reason_code="corrected",
        reason=asked.reason,
        details={"left_before_minor": old.details.get("left_before_minor")},
        departs=old.departs,
        departure_reason=old.departure_reason,
        conditions=old.conditions if asked.verdict is Verdict.AWARDED else None,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        notified_at=uow.now,
        follows_id=old.id,
    )
    uow.add(new)
    uow.record("decision.corrected", new, before=before, after=new.state, why=asked.reason, supersedes=old.id)
    if new.verdict is not old.verdict:
        proposals_service.note_verdict(uow, bid, new.verdict.value)
    new.letter = notices.told(uow, round, new, bid, corrected=True).facts()
    return new


def move_up(uow: UnitOfWork, proposal_id: UUID) -> Decision:
    """A bid on the reserve list gets the money that came free: a new decision supersedes the old one.

    Called by ``awards``, which has worked out that the money is there and may be spent on it.
    """
    old = uow.session.scalar(
        select(Decision)
        .where(Decision.proposal_id == proposal_id, Decision.state == DecisionState.NOTIFIED)
        .with_for_update()
    )
    if old is None or old.verdict is not Verdict.RESERVE:
        raise StepRefused("Only a bid on the reserve list can move up.")
    bid = whole.proposal(uow.session, proposal_id)
    old.state = next_state(STEPS, old.state, DecisionAction.SUPERSEDE)
    uow.session.flush()
    new = Decision(
        round_id=old.round_id,
        proposal_id=bid.id,
        run_id=old.run_id,
        state=DecisionState.NOTIFIED,
        verdict=Verdict.AWARDED,
        awarded_minor=bid.applied_for_minor,
        rank=old.rank,
        votes=old.votes,
        reason_code="moved_up",
        reason=f"Money came free after the results were told, and this bid was next in line for it. "
        f"It asks for {show_pounds(bid.applied_for_minor)}, and that much could be paid.",
        details=dict(old.details),
        departs=old.departs,
        departure_reason=old.departure_reason,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        notified_at=uow.now,
        follows_id=old.id,
    )
    uow.add(new)
    uow.record(
        "decision.moved_up", new, before=DecisionState.NOTIFIED, after=new.state, why=new.reason, supersedes=old.id
    )
    proposals_service.note_verdict(uow, bid, new.verdict.value)
    return new


def let_go(uow: UnitOfWork, proposal_id: UUID) -> None:
    """A group said no to its offer, or did not answer in time: what was decided for it can go to others.

    Called by ``awards``. The decision stands as it was told; only its money is free.
    """
    decision = uow.session.scalar(
        select(Decision)
        .where(Decision.proposal_id == proposal_id, Decision.state == DecisionState.NOTIFIED)
        .with_for_update()
    )
    if decision is not None:
        decision.let_go_at = uow.now


def _ensure_room(uow: UnitOfWork, round: Round, bid: Proposal) -> None:
    """Refuse (``NotEnoughMoney``) one more award that what is left cannot bear; the others are in the books already."""
    promised = sum(one.awarded_minor for one in queries.decisions(uow.session, round.id) if one.let_go_at is None)
    over = promised + bid.applied_for_minor - round.pot_minor
    if over > 0:
        raise NotEnoughMoney(f"The pot lacks {show_pounds(over)} for this.", over)
    shortfall = match([whole.need(bid, london_day(uow.now))], funds.sources(uow.session, round.fund_id)).shortfall
    if shortfall is not None:
        words = explain(shortfall, funds.names_for(uow.session)) + funds.held_up(uow.session, round.fund_id)
        raise NotEnoughMoney(words, shortfall.missing_minor)


# ------------------------------------------------------------------------------------------------- elections elsewhere


def import_election(uow: UnitOfWork, elsewhere: Elsewhere, imported_from: str) -> Round:
    """A finished election elsewhere becomes a finished round here, ballots and all. By the clock.

    Shared by the rule of ours that comes nearest to its own. Where it decided otherwise, and its file says so, that is
    what the round shows, as a departure.
    """
    fund = pots.fund_for_elsewhere(uow)
    book = elsewhere.book(fund.id)
    round = rounds_service.import_finished(uow, book, summary=elsewhere.summary, imported_from=imported_from[:200])
    reader = people_service.ensure_person(uow, "elsewhere@seedbed.invalid", "Elections from elsewhere")
    group = people_service.group_elsewhere(uow, "Groups elsewhere", "Those who proposed something in another town.")
    bids = [
        proposals_service.import_bid(uow, round, group, reader, title, cost, number)
        for number, (title, cost) in enumerate(zip(elsewhere.titles, elsewhere.costs_minor, strict=True), start=1)
    ]
    uow.session.flush()
    lines = [(bid.id, bid.applied_for_minor) for bid in bids]
    voting_service.import_count(uow, round, lines, elsewhere.kept)
    _work_out(uow, round)
    selected = {bid.id: there for bid, there in zip(bids, elsewhere.selected, strict=True)}
    other_money = {bid.id for bid, other in zip(bids, elsewhere.other_money, strict=False) if other}
    titles = {bid.id: bid for bid in bids}
    for one in queries.decisions(uow.session, round.id):
        there = selected[one.proposal_id]
        departure = None
        if one.proposal_id in other_money and one.verdict is not Verdict.NOT_FUNDED:
            words = "There it was funded with money from outside this pot."
            departure = Departure(one.proposal_id, Verdict.NOT_FUNDED, words)
        elif one.proposal_id not in other_money and there not in (None, one.verdict is Verdict.AWARDED):
            verdict = Verdict.AWARDED if there else Verdict.NOT_FUNDED
            departure = Departure(one.proposal_id, verdict, f"There it was {'' if there else 'not '}funded.")
        if one.verdict is Verdict.RESERVE:
            one.verdict = Verdict.NOT_FUNDED  # nobody there waits for money of ours
        made = _ratify(uow, one, titles[one.proposal_id], departure)
        before = made.state
        made.state, made.notified_at = next_state(STEPS, before, DecisionAction.NOTIFY), uow.now
        uow.record("decision.notified", made, before=before, after=made.state, proposal=made.proposal_id)
        proposals_service.note_verdict(uow, titles[one.proposal_id], made.verdict.value)
    rounds_service.finish_imported(uow, round)
    return round
