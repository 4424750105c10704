"""Papers out of a box: declared, keyed by one person, keyed again by another, approved, and counted with the others.

What a paper says is sealed with the round's key as soon as it is keyed, like a vote that came online, and destroyed
at the count. What stays is which papers there were, which did not count and why, and who keyed, checked and corrected.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.sealing import unwrap_private_key
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.rounds.models import Round
from grants.voting import access, queries
from grants.voting.models import Booth, BoothDay, PaperBatch, PaperCorrection, PaperEntry, PaperSheet, RollMark
from grants.voting.rules.areas import held_by
from grants.voting.rules.ballots import check_choices
from grants.voting.rules.paper import (
    BATCH_STEPS,
    FIRST,
    LARGEST_BATCH,
    SECOND,
    Invalid,
    PaperBatchAction,
    PaperBatchState,
    Sheet,
    differing,
    ensure_complete,
    judge,
    marks_from_text,
    open_marks,
    papers_beyond,
    read_marks,
    seal_marks,
)
from grants.voting.rules.serials import read_serial
from grants.voting.rules.states import Channel


@dataclass(frozen=True, slots=True)
class Keyed:
    """What somebody types of one paper. ``marks``: see ``rules.paper.read_marks``; ``said``: what they see is wrong."""

    serial: str
    marks: str
    said: Invalid | None = None


def declare_batch(uow: UnitOfWork, booth_id: UUID, *, paper_count: int, last: bool) -> PaperBatch:
    """A box was opened and its papers counted. ``last`` closes the booth: nobody is given a paper there any more."""
    booth = uow.get(Booth, booth_id, lock=True)
    round = uow.get(Round, booth.round_id, lock=True)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    if booth.closed_at is not None:
        raise StepRefused("This booth is closed already.")
    if not 1 <= paper_count <= LARGEST_BATCH:
        raise RuleBroken(f"A batch has from 1 to {LARGEST_BATCH} papers. Make two of more.", field="paper_count")
    assert uow.actor.id is not None  # an officer or a steward
    before = uow.session.scalar(
        select(func.coalesce(func.max(PaperBatch.number), 0)).where(PaperBatch.round_id == round.id)
    )
    batch = PaperBatch(
        round_id=round.id,
        number=(before or 0) + 1,
        booth_id=booth.id,
        declared_count=paper_count,
        state=PaperBatchState.DECLARED,
        declared_by_id=uow.actor.id,
        declared_at=uow.now,
    )
    uow.add(batch)
    uow.record("voting.batch_declared", batch, round_id=round.id, papers=paper_count)
    if last:
        _close(uow, booth)
    return batch


def close_booth(uow: UnitOfWork, booth_id: UUID) -> None:
    """The booth is closed, and there is nothing in its box that was not declared."""
    booth = uow.get(Booth, booth_id, lock=True)
    round = uow.get(Round, booth.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    if booth.closed_at is not None:
        raise StepRefused("This booth is closed already.")
    _close(uow, booth)


def _close(uow: UnitOfWork, booth: Booth) -> None:
    booth.closed_at = uow.now
    uow.record("voting.booth_closed", booth, round_id=booth.round_id)


def key_paper(uow: UnitOfWork, batch_id: UUID, place: int, keyed: Keyed) -> Invalid | None:
    """Key one paper of the pile, for the first time or, as another person, once more. Gives why it does not count.

    Nobody sees what the other keyed. Refuses (``RuleBroken``, with the field) what cannot be read as a number or as
    marks, and a number of which another paper was keyed already.
    """
    batch, round, keying = _batch_to_key(uow, batch_id)
    if not 1 <= place <= batch.declared_count:
        raise NotFound("There is no such paper in this batch.")
    if uow.session.get(PaperEntry, (batch.id, keying, place)) is not None:
        raise StepRefused("This paper is keyed already. Correct it, and say why.")
    sheet = _judged(uow.session, round, batch, keying, place, keyed)
    uow.add(_entry(round, batch, keying, place, sheet))
    if keying == FIRST and batch.keyed_by_id is None:
        batch.keyed_by_id = uow.actor.id
    if keying == SECOND and batch.checked_by_id is None:
        batch.checked_by_id = uow.actor.id
    return sheet.invalid


def correct_paper(uow: UnitOfWork, batch_id: UUID, place: int, keyed: Keyed, why: str) -> Invalid | None:
    """Key a paper again that was keyed wrongly. What stood there, who and when are kept. Each corrects their own."""
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    if batch.state is PaperBatchState.APPROVED:
        raise StepRefused("This batch is approved. Nothing in it can change.")
    keying = FIRST if uow.actor.id == batch.keyed_by_id else SECOND
    if keying == SECOND:
        access.ensure_checks(uow.actor, batch.keyed_by_id, batch.checked_by_id)
    entry = uow.session.get(PaperEntry, (batch.id, keying, place))
    if entry is None:
        raise NotFound("You have not keyed this paper.")
    _ensure_reason(why)
    sheet = _judged(uow.session, round, batch, keying, place, keyed)
    _keep_old(uow, batch, why, keying=keying, place=place, entry=entry)
    fresh = _entry(round, batch, keying, place, sheet)
    entry.serial, entry.invalid, entry.sealed = fresh.serial, fresh.invalid, fresh.sealed
    uow.record("voting.paper_corrected", batch, place=place, keying=keying)
    return sheet.invalid


def correct_count(uow: UnitOfWork, batch_id: UUID, paper_count: int, why: str) -> None:
    """The papers were miscounted. The old number, who and when are kept. Never fewer than were keyed."""
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    if batch.state is not PaperBatchState.DECLARED:
        raise StepRefused("The number of papers can be corrected until the batch is closed.")
    _ensure_reason(why)
    most = uow.session.scalar(select(func.max(PaperEntry.place)).where(PaperEntry.batch_id == batch.id)) or 1
    if not most <= paper_count <= LARGEST_BATCH:
        raise RuleBroken(f"Enter a number from {most} (so many are keyed) to {LARGEST_BATCH}.", field="paper_count")
    _keep_old(uow, batch, why, count=batch.declared_count)
    batch.declared_count = paper_count
    uow.record("voting.batch_count_corrected", batch, papers=paper_count)


def close_batch(uow: UnitOfWork, batch_id: UUID) -> None:
    """Whoever keyed says that it is done. Refuses (``RuleBroken``) while a paper is missing."""
    batch, _, keying = _batch_to_key(uow, batch_id)
    if keying != FIRST:
        raise StepRefused("This batch is keyed. Now another person checks it.")
    name = queries.paper_batch(uow.session, batch.id).name
    ensure_complete(name, _count(uow.session, batch, FIRST), batch.declared_count)
    batch.state = next_state(BATCH_STEPS, batch.state, PaperBatchAction.CLOSE)
    uow.record("voting.batch_keyed", batch, papers=batch.declared_count)


def approve_batch(uow: UnitOfWork, batch_id: UUID, *, vote_key: str) -> None:
    """The second person has keyed every paper again and both say the same: from now on the batch counts.

    Never whoever keyed it (``NotAllowed``). Refuses (``RuleBroken``) while papers are missing or differ.
    """
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    access.ensure_checks(uow.actor, batch.keyed_by_id, batch.checked_by_id)
    _ensure_counting_is_ahead(round)
    approved = next_state(BATCH_STEPS, batch.state, PaperBatchAction.APPROVE)
    name = queries.paper_batch(uow.session, batch.id).name
    ensure_complete(name, _count(uow.session, batch, SECOND), batch.declared_count)
    if apart := differences(uow.session, round, batch, vote_key=vote_key):
        places = ", ".join(str(place) for place in list(apart)[:10])
        raise RuleBroken(f"The two of you do not say the same of: {places}. Look at these papers again.")
    batch.state, batch.approved_by_id, batch.approved_at = approved, uow.actor.id, uow.now
    uow.record("voting.batch_approved", batch, papers=batch.declared_count)


def differences(session: Session, round: Round, batch: Any, *, vote_key: str) -> dict[int, tuple[Sheet, Sheet]]:
    """The papers of which two people do not say the same, once both have keyed all: place → what each says."""
    if min(_count(session, batch, keying) for keying in (FIRST, SECOND)) < batch.declared_count:
        return {}
    first = sheets(session, round, batch.id, FIRST, vote_key=vote_key)
    second = sheets(session, round, batch.id, SECOND, vote_key=vote_key)
    return {place: (first[place], second[place]) for place in differing(first, second)}


def sheets(session: Session, round: Round, batch_id: UUID, keying: int, *, vote_key: str) -> dict[int, Sheet]:
    """What one person keyed of a batch: place → sheet. Only for that person, and for the differences."""
    private = _private_key(round, vote_key)
    rows = session.scalars(
        select(PaperEntry)
        .where(PaperEntry.batch_id == batch_id, PaperEntry.keying == keying)
        .order_by(PaperEntry.place)
    )
    return {row.place: _opened(row, row.sealed, private, round.id) for row in rows}


def what_was(session: Session, round: Round, correction: PaperCorrection, *, vote_key: str) -> Sheet | None:
    """What stood on a paper before a correction; nothing after the count, which destroys it."""
    if correction.was_sealed is None or round.ballot_private_key is None:
        return None
    private = _private_key(round, vote_key)
    marks = marks_from_text(open_marks(correction.was_sealed, private, round.id.bytes))
    return Sheet(correction.was_serial, marks, correction.was_invalid)


# What the count asks.


def ensure_all_in(session: Session, round_id: UUID) -> None:
    """Refuse (``StepRefused``) to count while papers may be missing: a booth is open, a batch unfinished; say which."""
    given_at = select(BoothDay.booth_id).where(BoothDay.given > 0)
    still_open = session.scalars(
        select(Booth.name)
        .where(Booth.round_id == round_id, Booth.closed_at.is_(None), Booth.id.in_(given_at))
        .order_by(Booth.name)
    ).all()
    waiting = [f"the box of {name} is not opened" for name in still_open]
    for batch in queries.paper_batches(session, round_id):
        if batch.state is PaperBatchState.DECLARED:
            waiting.append(f"{batch.name} has {batch.keyed} of {batch.declared_count} papers keyed")
        elif batch.state is PaperBatchState.KEYED:
            waiting.append(f"{batch.name} waits for the second person")
    if waiting:
        raise StepRefused(f"Nothing is counted while papers wait: {'; '.join(waiting)}.")


@dataclass(frozen=True, slots=True)
class Papers:
    """What the papers bring to the count."""

    marks: Sequence[tuple[tuple[int, int], ...]]
    given: int
    invalid: dict[Invalid, int]


def for_the_count(session: Session, round: Round, private: bytes) -> Papers:
    """Every valid paper, opened. Refuses (``StepRefused``) while batches wait, and more papers than were given out."""
    ensure_all_in(session, round.id)
    of_paper = (RollMark.round_id == round.id, RollMark.channel == Channel.PAPER)
    given = session.scalar(select(func.count()).select_from(RollMark).where(*of_paper)) or 0
    rows = session.scalars(select(PaperEntry).where(PaperEntry.round_id == round.id, PaperEntry.keying == FIRST)).all()
    if not rows:
        return Papers((), given, {})
    valid = [_opened(row, row.sealed, private, round.id) for row in rows if row.invalid is None]
    if beyond := papers_beyond(len(valid), given):
        raise StepRefused(beyond)
    return Papers(
        [tuple(sorted(sheet.marks.items())) for sheet in valid],
        given,
        dict(Counter(row.invalid for row in rows if row.invalid is not None)),
    )


def forget_marks(uow: UnitOfWork, round_id: UUID) -> None:
    """Destroy what papers say, and what they were said to say before a correction."""
    batches = select(PaperBatch.id).where(PaperBatch.round_id == round_id)
    uow.session.execute(delete(PaperEntry).where(PaperEntry.round_id == round_id, PaperEntry.keying == SECOND))
    for statement in (
        update(PaperEntry).where(PaperEntry.round_id == round_id).values(sealed=None),
        update(PaperCorrection).where(PaperCorrection.batch_id.in_(batches)).values(was_sealed=None),
    ):
        uow.session.execute(statement.execution_options(synchronize_session=False))


# Pieces.


def _batch_to_key(uow: UnitOfWork, batch_id: UUID) -> tuple[PaperBatch, Round, int]:
    """The batch, its round, and whether this person keys it first or checks it."""
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    if batch.state is PaperBatchState.APPROVED:
        raise StepRefused("This batch is approved. Nothing in it can change.")
    if batch.state is PaperBatchState.DECLARED:
        access.ensure_keys_first(uow.actor, batch.keyed_by_id)
        return batch, round, FIRST
    access.ensure_checks(uow.actor, batch.keyed_by_id, batch.checked_by_id)
    return batch, round, SECOND


def _judged(session: Session, round: Round, batch: PaperBatch, keying: int, place: int, keyed: Keyed) -> Sheet:
    kind = queries.book_of(round).ballot.kind
    lacks_number = keyed.said in (Invalid.UNREADABLE, Invalid.UNKNOWN_PAPER, Invalid.LATE, Invalid.UNSIGNED)
    serial = read_serial(keyed.serial) if keyed.serial.strip() or not lacks_number else None
    try:
        marks = read_marks(keyed.marks, kind)
    except RuleBroken:
        if keyed.said is None:
            raise
        marks = {}
    is_ours = serial is not None and session.get(PaperSheet, (round.id, serial)) is not None
    # As it was printed: a bid that was withdrawn since is in its area still, so that two people judge alike.
    areas = queries.areas(session, round.id)
    most = queries.limits(round).areas
    reason = judge(
        keyed.said,
        marks,
        areas,
        is_ours=is_ours,
        fits=_fits(round, marks, areas),
        near=most is None or held_by(marks, areas, most) is not None,
    )
    if reason is None:
        _ensure_first_of_its_number(session, batch, keying, place, serial)
    return Sheet(serial, marks, reason)


def _fits(round: Round, marks: dict[int, int], on_ballot: Collection[int]) -> bool:
    """Whether the marks keep the upper limits (areas apart): too few are no fault, nobody can hand a paper back."""
    rules = replace(queries.limits(round), minimum=0, areas=None)
    known = {number: mark for number, mark in marks.items() if number in on_ballot}
    try:
        check_choices(known, on_ballot, rules, blank_confirmed=True)
    except RuleBroken:
        return False
    return True


def _ensure_first_of_its_number(
    session: Session, batch: PaperBatch, keying: int, place: int, serial: str | None
) -> None:
    other = session.execute(
        select(PaperBatch.number, PaperEntry.place)
        .join(PaperBatch, PaperBatch.id == PaperEntry.batch_id)
        .where(
            PaperEntry.round_id == batch.round_id,
            PaperEntry.keying == keying,
            PaperEntry.serial == serial,
            PaperEntry.invalid.is_(None),
            ~((PaperEntry.batch_id == batch.id) & (PaperEntry.place == place)),
        )
    ).first()
    if other is not None:
        raise RuleBroken(
            f"Paper {other.place} of batch {other.number} was keyed with this number. Check both papers. "
            "If both bear it, say that this one is a copy.",
            field="serial",
        )


def _entry(round: Round, batch: PaperBatch, keying: int, place: int, sheet: Sheet) -> PaperEntry:
    return PaperEntry(
        batch_id=batch.id,
        keying=keying,
        place=place,
        round_id=round.id,
        serial=sheet.serial,
        invalid=sheet.invalid,
        sealed=seal_marks(sheet.to_text(), round.ballot_public_key or "", round.id.bytes),
    )


def _keep_old(
    uow: UnitOfWork,
    batch: PaperBatch,
    why: str,
    *,
    keying: int = 0,
    place: int = 0,
    entry: PaperEntry | None = None,
    count: int | None = None,
) -> None:
    assert uow.actor.id is not None  # an officer or a steward
    uow.add(
        PaperCorrection(
            batch_id=batch.id,
            keying=keying,
            place=place,
            was_serial=entry.serial if entry else None,
            was_invalid=entry.invalid if entry else None,
            was_sealed=entry.sealed if entry else None,
            was_count=count,
            why=why.strip(),
            made_by_id=uow.actor.id,
            made_at=uow.now,
        )
    )


def _opened(entry: PaperEntry, sealed: bytes | None, private: bytes, round_id: UUID) -> Sheet:
    marks = marks_from_text(open_marks(sealed, private, round_id.bytes)) if sealed else {}
    return Sheet(entry.serial, marks, entry.invalid)


def _private_key(round: Round, vote_key: str) -> bytes:
    return unwrap_private_key(round.ballot_private_key or "", bytes.fromhex(vote_key), round.id)


def _count(session: Session, batch: Any, keying: int) -> int:
    of_batch = (PaperEntry.batch_id == batch.id, PaperEntry.keying == keying)
    return session.scalar(select(func.count()).select_from(PaperEntry).where(*of_batch)) or 0


def _ensure_reason(why: str) -> None:
    if not why.strip():
        raise RuleBroken("Say why.", field="why")


def _ensure_counting_is_ahead(round: Round) -> None:
    if round.votes_counted_at is not None or round.ballot_private_key is None:
        raise StepRefused("The vote is counted.")
