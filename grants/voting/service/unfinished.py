"""Ballots that wait to be cast: kept for a voter on every device, and reminders for those who asked for them.

Neither writes a trail entry that names a voter, and neither tells how many have voted.
"""

from collections.abc import Mapping
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from grants.kernel.errors import StepRefused
from grants.kernel.upserts import insert_into
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.rounds import access
from grants.rounds.models import Round
from grants.voting import notices, queries
from grants.voting.models import ReminderPlan, RollMark, UnfinishedBallot, VoteReminder
from grants.voting.rules.ballots import Marks
from grants.voting.rules.envelope import open_envelope, seal
from grants.voting.rules.reminders import REST, how_many, in_fives, open_address, why_not_now
from grants.voting.rules.voters import Voter
from grants.voting.service.votes import ensure_open, hold_open, private_key


def keep(uow: UnitOfWork, round_id: UUID, voter: Voter, picks: Mapping[int, int]) -> None:
    """Keep what a voter has marked so far, sealed like a ballot, until the close: it is there on another device.

    It never counts. Whatever an envelope cannot hold (more bids or points than any ballot has) is not kept, and nothing
    where returning officers hold the key: it could not be opened for the voter.
    """
    round = hold_open(uow, round_id)
    if not queries.key_is_here(round):
        return
    try:
        sealed = seal(picks.items(), round.ballot_public_key or "", round.id).envelope if picks else b""
    except ValueError:
        return
    if not sealed:
        forget_kept(uow, round_id, voter)
        return
    put = insert_into(uow.session, UnfinishedBallot).values(round_id=round_id, voter_key=voter.key, sealed=sealed)
    uow.session.execute(
        put.on_conflict_do_update(index_elements=["round_id", "voter_key"], set_={"sealed": put.excluded.sealed})
    )


def forget_kept(uow: UnitOfWork, round_id: UUID, voter: Voter) -> None:
    """Delete what was kept for a voter."""
    uow.session.execute(
        delete(UnfinishedBallot).where(UnfinishedBallot.round_id == round_id, UnfinishedBallot.voter_key == voter.key)
    )


def kept_choices(session: Session, round: Round, voter: Voter, *, vote_key: str) -> Marks | None:
    """What the voter had marked when they last looked, on whatever device; nothing when there is none.

    Only in standard keeping, as ``votes.own_choices``.
    """
    if not queries.key_is_here(round):
        return None
    sealed = session.scalar(
        select(UnfinishedBallot.sealed).where(
            UnfinishedBallot.round_id == round.id, UnfinishedBallot.voter_key == voter.key
        )
    )
    return None if sealed is None else open_envelope(sealed, private_key(round, vote_key), round.id).choices


def plan_reminders(uow: UnitOfWork, round_id: UUID) -> ReminderPlan:
    """Count to whom a reminder would go: who asked for one, has not voted, and was not written to within a day.

    The number is told in fives, and counted once a day for a round: asked for again it is the same, so that nobody sees
    in it when somebody votes. Refuses (``StepRefused``) when voting is not open, and in its last six hours.
    """
    round = _to_remind(uow, round_id)
    plan = uow.session.get(ReminderPlan, round.id, with_for_update=True)
    if plan is not None and plan.planned_at > uow.now - REST:
        return plan
    return _plan(uow, round, plan)


def _plan(uow: UnitOfWork, round: Round, plan: ReminderPlan | None) -> ReminderPlan:
    assert uow.actor.id is not None  # a steward
    waiting = (
        update(VoteReminder)
        .where(
            VoteReminder.round_id == round.id,
            or_(VoteReminder.reminded_at.is_(None), VoteReminder.reminded_at <= uow.now - REST),
            _not_voted(round.id),
        )
        .values(planned_at=uow.now)
        .returning(VoteReminder.voter_key)
        .execution_options(synchronize_session=False)
    )
    letters = in_fives(len(uow.session.scalars(waiting).all()))
    if plan is None:
        plan = ReminderPlan(round_id=round.id)
        uow.session.add(plan)
    plan.letters, plan.planned_at, plan.planned_by_id, plan.sent_at = letters, uow.now, uow.actor.id, None
    uow.session.flush()
    uow.record("voting.reminders_counted", round, letters=how_many(plan.letters))
    return plan


def remind(uow: UnitOfWork, round_id: UUID, *, pepper: bytes) -> tuple[ReminderPlan, bool]:
    """Send the reminders that were counted, but to nobody who has voted since, and to nobody who came since.

    The plan, and whether it went out. Where so many have voted since that the number shown (in fives) would not be the
    number sent, nothing goes out: the plan is counted afresh, to be looked at first. Refuses (``StepRefused``) what was
    not counted, or sent already, and as ``plan_reminders`` does.
    """
    round = _to_remind(uow, round_id)
    plan = uow.session.get(ReminderPlan, round.id, with_for_update=True)
    if plan is None or plan.planned_at <= uow.now - REST:
        raise StepRefused("First count how many would get a reminder.")
    if plan.sent_at is not None:
        raise StepRefused("These reminders have gone out. You can remind again tomorrow.")
    # The plan is held, so that two stewards who press at once write to nobody twice.
    waiting = uow.session.scalars(
        select(VoteReminder)
        .where(VoteReminder.round_id == round.id, VoteReminder.planned_at == plan.planned_at, _not_voted(round.id))
        .with_for_update()
    ).all()
    if in_fives(len(waiting)) != plan.letters:
        return _plan(uow, round, plan), False
    for one in waiting:
        one.reminded_at = uow.now
    for address in sorted(open_address(one.address, pepper, round_id) for one in waiting):
        notices.reminder(uow, round, address, key=f"{REMINDER}{uuid4()}")
    plan.sent_at = uow.now
    uow.record("voting.reminded", round, letters=how_many(plan.letters))
    return plan, True


def _to_remind(uow: UnitOfWork, round_id: UUID) -> Round:
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    ensure_open(round, uow.now)
    if reason := why_not_now(round.voting_closes_at, uow.now):
        raise StepRefused(reason)
    return round


def _not_voted(round_id: UUID) -> ColumnElement[bool]:
    return ~exists().where(RollMark.round_id == round_id, RollMark.voter_key == VoteReminder.voter_key)


REMINDER = "vote-reminder:"


def tidy(uow: UnitOfWork) -> None:
    """Delete reminders that have left: nothing shows afterwards who was written to. Safe to run twice."""
    outbox.drop_sent(uow, prefix=REMINDER)
