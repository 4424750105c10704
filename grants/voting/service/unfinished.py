"""Ballots that wait to be cast: kept for a voter on every device, and reminders for those who asked for them.

Neither writes a trail entry that names a voter, and neither tells how many have voted.
"""

from collections.abc import Mapping
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from grants.kernel.errors import StepRefused
from grants.kernel.upserts import insert_into
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.rounds import access
from grants.rounds.models import Round
from grants.voting import notices, queries
from grants.voting.models import RollMark, UnfinishedBallot, VoteReminder
from grants.voting.rules.ballots import Marks
from grants.voting.rules.envelope import open_envelope, seal
from grants.voting.rules.reminders import REST, open_address, why_not_now
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


def remind(uow: UnitOfWork, round_id: UUID, *, pepper: bytes) -> int:
    """Write to everybody who asked to be reminded, has not voted, and was not written to within a day.

    Returns how many letters go out. It is told afterwards and never before: a number that can be looked at again and
    again would tell when somebody votes. Refuses (``StepRefused``) when voting is not open, and in its last six hours.
    """
    round = uow.get(Round, round_id)
    access.ensure_may_run(uow.actor, round.fund_id)
    ensure_open(round, uow.now)
    if reason := why_not_now(round.voting_closes_at, uow.now):
        raise StepRefused(reason)
    # One statement finds and marks them, so that two stewards who press at once write to nobody twice.
    waiting = (
        update(VoteReminder)
        .where(
            VoteReminder.round_id == round_id,
            or_(VoteReminder.reminded_at.is_(None), VoteReminder.reminded_at <= uow.now - REST),
            ~exists().where(RollMark.round_id == round_id, RollMark.voter_key == VoteReminder.voter_key),
        )
        .values(reminded_at=uow.now)
        .returning(VoteReminder.address)
        .execution_options(synchronize_session=False)
    )
    addresses = [open_address(sealed, pepper, round_id) for sealed in uow.session.scalars(waiting)]
    for address in sorted(addresses):
        notices.reminder(uow, round, address, key=f"{REMINDER}{uuid4()}")
    uow.record("voting.reminded", round, letters=len(addresses))
    return len(addresses)


REMINDER = "vote-reminder:"


def tidy(uow: UnitOfWork) -> None:
    """Delete reminders that have left: nothing shows afterwards who was written to. Safe to run twice."""
    outbox.drop_sent(uow, prefix=REMINDER)
