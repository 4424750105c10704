"""The panel's decision: what the rule recommends, but for its departures, within the pot and the restrictions."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from grants.allocation import access, queries
from grants.allocation.models import Decision, PanelMeeting
from grants.allocation.rules.states import STEPS, DecisionAction, DecisionState, Departure, Verdict
from grants.funds import queries as funds
from grants.funds.models import Fund
from grants.funds.rules import explain, match
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.proposals.models import Proposal
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one, whole
from grants.proposals.rules.states import ProposalState
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds import service as rounds_service
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState

REASON_AT_MOST = 1000


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
    ensure_one_of_each(uow, round, winners)
    _ensure_money(uow, round, winners)
    asked = _conditions(conditions or {}, verdicts, bids, {bid for bid, person in interests if person == chair})
    made = [
        ratify(uow, one, bids[one.proposal_id], by_bid.get(one.proposal_id), asked.get(one.proposal_id))
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


def ensure_one_of_each(uow: UnitOfWork, round: Round, winners: Sequence[Proposal]) -> None:
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


def ratify(
    uow: UnitOfWork, one: Decision, bid: Proposal, departure: Departure | None, conditions: str | None = None
) -> Decision:
    """A recommended decision becomes the panel's own: as it is, or, where they depart, as a new one that follows it."""
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
