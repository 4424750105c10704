"""Runs and decisions. What is decided is public only once it is announced: the views ask ``access`` first."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Exists, Select, Text, Uuid, bindparam, cast, exists, func, or_, select
from sqlalchemy.orm import Session, defer

from grants.allocation.models import AllocationRun, Correction, Decision, PackedBallots, PanelMeeting
from grants.allocation.rules.ballots import Ballots
from grants.allocation.rules.combined import Panel
from grants.allocation.rules.facts import RunFacts
from grants.allocation.rules.outside import About
from grants.allocation.rules.packed import packed_hash, size, unpack
from grants.allocation.rules.replay import Inputs
from grants.allocation.rules.states import DecisionState
from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.people.models import Group
from grants.proposals.models import Proposal
from grants.review import queries as review
from grants.review.models import PanelMember
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotRules
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from grants.voting.models import BallotLine


@dataclass(frozen=True, slots=True)
class Winner:
    """A bid that is funded, for a short list. Pence."""

    proposal_id: UUID
    title: str
    awarded_minor: int
    votes: int


PUBLIC_ROUND = frozenset({RoundState.ANNOUNCED, RoundState.COMPLETED})
"""States of a round in which its results are public."""


def is_announced(round: Round) -> bool:
    """Whether everybody may read the round's results."""
    return round.state in PUBLIC_ROUND and not rounds.is_quick(round)


def run(session: Session, run_id: UUID) -> AllocationRun:
    """One run, or ``NotFound``."""
    found = session.get(AllocationRun, run_id)
    if found is None:
        raise NotFound("There is no such run.")
    return found


def standing_run(session: Session, round_id: UUID) -> AllocationRun | None:
    """The run that the decisions of a round stand on; where no bid stood, the latest. Its texts are read when used."""
    return session.scalar(_standing_run(), {"round_id": round_id})


@cache
def _standing_run() -> Select[tuple[AllocationRun]]:
    round_id: BindParameter[UUID] = bindparam("round_id")
    standing = select(Decision.run_id).where(Decision.round_id == round_id, Decision.state != DecisionState.SUPERSEDED)
    return (
        select(AllocationRun)
        .options(defer(AllocationRun.inputs), defer(AllocationRun.outcome))
        .where(AllocationRun.round_id == round_id)
        .order_by(AllocationRun.id.in_(standing).desc(), AllocationRun.run_at.desc(), AllocationRun.id)
        .limit(1)
    )


def decisions(session: Session, round_id: UUID) -> list[Decision]:
    """The decisions that stand in a round, in the order of votes. Public only once announced."""
    return list(
        session.scalars(
            select(Decision)
            .where(Decision.round_id == round_id, Decision.state != DecisionState.SUPERSEDED)
            .order_by(Decision.rank, Decision.id)
            .limit(2_000)
        )
    )


def facts(run: AllocationRun | None) -> RunFacts | None:
    """What is told of a run beside its outcome, where it was kept."""
    return _read_facts(run.facts) if run is not None and run.facts else None


def facts_to_tell(run: AllocationRun | None, book: RuleBook) -> RunFacts | None:
    """The same for anybody to read: where few people voted, totals only."""
    found = facts(run)
    return found.totals_only() if found is not None and found.voters < book.totals_only_below else found


@lru_cache(maxsize=8)
def _read_facts(text: str) -> RunFacts:
    """A large election's are a megabyte of text, and its pages are read one after another."""
    return RunFacts.from_json(text)


def untried(session: Session, *, limit: int) -> list[AllocationRun]:
    """Runs that stand, of which it is not told of every bid what would have been enough; the oldest first."""
    standing = select(Decision.run_id).where(Decision.state != DecisionState.SUPERSEDED)
    return list(
        session.scalars(
            select(AllocationRun)
            .where(AllocationRun.untried_count > 0, AllocationRun.id.in_(standing))
            .order_by(AllocationRun.run_at, AllocationRun.id)
            .limit(limit)
        )
    )


def inputs(session: Session, run: AllocationRun) -> Inputs:
    """All that went into a run, with the ballots of its round. Refuses (``ValueError``) others than were counted."""
    round = session.get_one(Round, run.round_id)
    kept = session.get(PackedBallots, run.round_id)
    if kept is None:
        raise ValueError("the ballots of this round are not kept here")
    took_part = {UUID(bid["id"]) for bid in json.loads(run.inputs)["bids"]}
    lines = voting.ballot_lines(session, run.round_id)
    by_number = {line.number: line.proposal_id for line in lines if line.proposal_id in took_part}
    return Inputs.from_json(run.inputs, counted(kept, rounds.rule_book(round).ballot, by_number))


def panel_scores(
    session: Session,
    round_id: UUID,
    book: RuleBook,
    bid_ids: Collection[UUID],
) -> Panel | None:
    """What the panel has to say after the vote, of these bids; nothing where its points have no say then.

    A bid counts as judged when a quorum gave it points.
    """
    if book.panel_part is PanelPart.GATE:
        return None
    return Panel(
        book.panel_part,
        book.panel_share,
        tuple(
            (id, one.points, one.points_most)
            for id, one in sorted(review.findings(session, round_id).items())
            if id in bid_ids and one.reviews_count >= book.quorum and one.points_most
        ),
    )


def ballots_size(session: Session, round_id: UUID) -> int:
    """How many different ballots and choices on them a round's packed copy holds; 0 where there is none."""
    kept = session.get(PackedBallots, round_id)
    return size(kept.ballots) if kept is not None else 0


def about(session: Session, round: Round, place: str = "") -> About:
    """What the round's file tells beside what went into its run. ``place``: the name of the town."""
    book, rows = rounds.rule_book(round), [row for row in lines(session, round.id) if _stands(row)]
    return About(
        numbers={line.proposal_id: line.number for line in voting.ballot_lines(session, round.id)},
        ballot=book.ballot,
        title=round.title,
        place=place,
        opened_on=london_day(round.voting_opens_at),
        closed_on=london_day(round.voting_closes_at),
        groups={row.proposal_id: row.group_name for row in rows} if book.elsewhere is None else {},
        passed_over={row.proposal_id: row.reason_code for row in rows},
        elsewhere=book.elsewhere,
    )


def _stands(row: Any) -> bool:
    return bool(row.state is not DecisionState.SUPERSEDED)


def counted(kept: PackedBallots, rules: BallotRules, by_number: Mapping[int, UUID]) -> Ballots:
    """What counts of the ballots for these bids, by number on the ballot.

    Refuses (``ValueError``) a copy that is not what was packed.
    """
    if packed_hash(kept.ballots) != kept.sha256:
        raise ValueError("the ballots are not those that were packed")
    standing = by_number.keys()
    return Ballots.of_kinds(
        (
            ([(by_number[number], points) for number, points in rules.counted(marks, standing)], people)
            for marks, people in unpack(kept.ballots)
        ),
        rules.has_points,
    )


def lines(session: Session, round_id: UUID) -> Sequence[Any]:
    """The decisions that were not replaced unseen, in the order of votes, each with its bid: columns, one query.

    Those that were told and later corrected are among them (SUPERSEDED), so that both stay visible.
    """
    return _lines().named(session, round_id=round_id)


@cache
def _lines() -> Prepared:
    return Prepared(
        lambda: (
            select(
                Decision.id,
                Decision.proposal_id,
                Decision.state,
                Decision.verdict,
                Decision.awarded_minor,
                Decision.rank,
                Decision.votes,
                Decision.reason_code,
                Decision.reason,
                Decision.details,
                Decision.departure_reason,
                Decision.conditions,
                Decision.follows_id,
                Proposal.number,
                Proposal.title,
                Proposal.group_id,
                Group.name.label("group_name"),
                func.coalesce(BallotLine.cost_minor, Proposal.applied_for_minor).label("asked_minor"),
            )
            .join(Proposal, Proposal.id == Decision.proposal_id)
            .join(Group, Group.id == Proposal.group_id)
            .outerjoin(BallotLine, BallotLine.proposal_id == Decision.proposal_id)
            .where(
                Decision.round_id == bindparam("round_id", None, type_=Uuid()),
                or_(Decision.state != DecisionState.SUPERSEDED, Decision.notified_at.is_not(None)),
            )
            .order_by(Decision.rank, Decision.id)
            .limit(2_500)
        )
    )


def in_short(session: Session, round_id: UUID) -> tuple[list[Winner], int]:
    """Who won, in the order of votes, and how many bids were decided about. Public only once announced."""
    rows = session.execute(
        select(Decision.proposal_id, Proposal.title, Decision.awarded_minor, Decision.votes)
        .join(Proposal, Proposal.id == Decision.proposal_id)
        .where(Decision.round_id == round_id, Decision.state != DecisionState.SUPERSEDED)
        .order_by(Decision.rank, Decision.id)
        .limit(2_000)
    ).all()
    return [Winner(*row) for row in rows if row.awarded_minor], len(rows)


def decision(session: Session, decision_id: UUID) -> Decision:
    """One decision, or ``NotFound``."""
    found = session.get(Decision, decision_id)
    if found is None:
        raise NotFound("There is no such decision.")
    return found


def decision_for(session: Session, proposal_id: UUID) -> Decision | None:
    """The decision that stands for a proposal. Public only once announced (NOTIFIED)."""
    return session.scalar(
        select(Decision).where(Decision.proposal_id == proposal_id, Decision.state != DecisionState.SUPERSEDED)
    )


def meeting(session: Session, round_id: UUID) -> PanelMeeting | None:
    """The meeting that decided the round."""
    return session.scalar(_meeting(), {"round_id": round_id})


@cache
def _meeting() -> Select[tuple[PanelMeeting]]:
    return select(PanelMeeting).where(PanelMeeting.round_id == bindparam("round_id"))


def open_corrections(session: Session, round_ids: Collection[UUID]) -> list[Correction]:
    """Corrections of these rounds that wait for the chair's answer, the oldest first."""
    return list(
        session.scalars(
            select(Correction)
            .where(Correction.round_id.in_(round_ids), Correction.answered_at.is_(None))
            .order_by(Correction.asked_at, Correction.id)
            .limit(100)
        )
    )


def to_work_out(who: Who) -> Select[Any] | None:
    """For stewards: rounds whose votes are counted and not worked out, the first to decide first.

    Id, title, by when to decide.
    """
    if not who.holds(Role.STEWARD):
        return None
    return (
        select(Round.id, Round.title, Round.decide_by)
        .where(
            Round.state == RoundState.PANEL,
            Round.votes_counted_at.is_not(None),
            ~_worked_out(),
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.decide_by, Round.id)
        .limit(25)
    )


def last_announced(session: Session, fund_ids: Collection[UUID] | None, fund_id: UUID | None) -> Round | None:
    """The round of these funds (None: of all) that was announced last, before all of them one of ``fund_id``.

    Elections from elsewhere come last.
    """
    query = (
        select(Round)
        .where(Round.state.in_(PUBLIC_ROUND), _worked_out())
        .order_by(
            (Round.fund_id == fund_id).desc(),
            Round.imported_from.is_not(None),
            func.coalesce(Round.announced_at, Round.voting_closes_at).desc(),
            Round.id,
        )
        .limit(1)
    )
    if fund_ids is not None:
        query = query.where(Round.fund_id.in_(fund_ids))
    return session.scalar(query)


def to_announce(who: Who) -> Select[Any] | None:
    """For stewards: rounds that are decided and not announced. Id, title, by when to decide, who took part in it."""
    if not who.holds(Role.STEWARD):
        return None
    return (
        select(Round.id, Round.title, Round.decide_by, cast(PanelMeeting.took_part, Text))
        .join(PanelMeeting, PanelMeeting.round_id == Round.id)
        .where(Round.state == RoundState.DECIDED, who.within(Round.fund_id, Role.STEWARD))
        .order_by(PanelMeeting.decided_at, Round.id)
        .limit(25)
    )


def to_decide(who: Who) -> Select[Any] | None:
    """For a panel's chair: rounds that are worked out and wait for a decision. Id, title, by when to decide."""
    if not who.holds(Role.PANELLIST):
        return None
    return (
        select(Round.id, Round.title, Round.decide_by)
        .join(PanelMember, PanelMember.round_id == Round.id)
        .where(
            PanelMember.person_id == who.me,
            PanelMember.is_chair.is_(True),
            Round.state == RoundState.PANEL,
            _worked_out(),
        )
        .order_by(Round.decide_by, Round.id)
        .limit(25)
    )


def corrections_to_answer(who: Who) -> Select[Any] | None:
    """For a panel's chair: corrections that wait for an answer. The round's id and title."""
    if not who.holds(Role.PANELLIST):
        return None
    return (
        select(Round.id, Round.title)
        .join(Correction, Correction.round_id == Round.id)
        .join(PanelMember, PanelMember.round_id == Round.id)
        .where(PanelMember.person_id == who.me, PanelMember.is_chair.is_(True), Correction.answered_at.is_(None))
        .order_by(Correction.asked_at, Correction.id)
        .limit(25)
    )


def _worked_out() -> Exists:
    return exists().where(AllocationRun.round_id == Round.id)
