"""Voting codes: made once, handed out, and made worthless when they are lost."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import insert, update

from grants.kernel.clock import london_day
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.rounds import access
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.models import CodeBatch, VotingCode
from grants.voting.rules.codes import hash_code, make_code
from grants.voting.rules.states import CodeState

LARGEST_BATCH = 5_000
MAKES_CODES = (
    RoundState.SCHEDULED,
    RoundState.OPEN,
    RoundState.CLOSED,
    RoundState.CHECKING,
    RoundState.VOTING,
)


def make_codes(uow: UnitOfWork, round_id: UUID, *, label: str, code_count: int, pepper: bytes) -> list[str]:
    """Make a batch of single-use codes. They are returned, and after that nobody can read them: hashes are kept."""
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    assert uow.actor.id is not None  # a steward
    if rounds.phase(round, uow.now) not in MAKES_CODES:
        raise StepRefused("Codes can be made from when a round is planned until its vote closes.")
    if VotingMethod.CODE not in queries.book_of(round).vote_methods:
        raise StepRefused("This round's rule-book has no voting codes.")
    if not 1 <= code_count <= LARGEST_BATCH:
        raise RuleBroken(f"Make from 1 to {LARGEST_BATCH:,} codes at once.", field="code_count")
    label = words_given(label, "label", "Say who hands these codes out, or where.", 140)
    batch = CodeBatch(round_id=round.id, label=label, code_count=code_count, made_by_id=uow.actor.id, made_at=uow.now)
    uow.add(batch)
    codes: dict[str, str] = {}
    while len(codes) < code_count:
        code = make_code()
        codes[hash_code(code, pepper, round.id)] = code
    uow.session.execute(
        insert(VotingCode),
        [
            {"id": uuid4(), "round_id": round.id, "batch_id": batch.id, "code_hash": key, "state": CodeState.ISSUED}
            for key in codes
        ],
    )
    uow.record("voting.codes_made", batch, round_id=round.id, codes=code_count)
    return list(codes.values())


def hand_over(uow: UnitOfWork, batch_id: UUID, *, handed_to: str, day: date) -> None:
    """Write down which connector has the cards of a batch now, or which place. It can be written anew."""
    batch = uow.get(CodeBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_run(uow.actor, round.fund_id)
    if batch.voided_at is not None:
        raise StepRefused("These codes are worth nothing any more.")
    handed_to = words_given(handed_to, "handed_to", "Say who has them now, or where they are.", 140)
    if day > london_day(uow.now):
        raise RuleBroken("Enter the day on which they were handed over, today or earlier.", field="handed_on")
    batch.handed_to, batch.handed_on = handed_to, day
    uow.record("voting.codes_handed_over", batch, round_id=round.id, day=day.isoformat())


def void_batch(uow: UnitOfWork, batch_id: UUID, reason: str) -> CodeBatch:
    """Codes of this batch that have not voted are worth nothing from now on; votes that were cast stay."""
    batch = uow.get(CodeBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_run(uow.actor, round.fund_id)
    reason = words_given(reason, "reason", "Say why these codes are worth nothing from now on.", 500)
    if batch.voided_at is not None:
        raise StepRefused("These codes are worth nothing already.")
    if round.votes_counted_at is not None:
        raise StepRefused("The vote is over.")
    batch.voided_at = uow.now
    uow.session.execute(
        update(VotingCode)
        .where(VotingCode.batch_id == batch.id, VotingCode.state == CodeState.ISSUED)
        .values(state=CodeState.VOID)
    )
    uow.record("voting.codes_voided", batch, round_id=round.id, why=reason)
    return batch
