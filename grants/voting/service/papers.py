"""Papers out of a box: declared, keyed by one person, keyed again by another, approved, and counted with the others.

What a paper says is sealed with the round's key as soon as it is keyed, like a vote that came online, and destroyed
at the count. What stays is which papers there were, which did not count and why, and who keyed, checked and corrected.
Where officers hold that key, two readings are compared by their likeness (``rules.covers``), and nobody is shown any.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.sealing import EnvelopeBroken, unwrap_private_key
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.rounds import access as rounds_access
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting import access, queries
from grants.voting.models import Booth, BoothDay, PaperBatch, PaperCorrection, PaperEntry, PaperSheet, RollMark
from grants.voting.rules.areas import held_by
from grants.voting.rules.ballots import check_choices
from grants.voting.rules.covers import cover_fits, cover_hash, cover_key, likeness, make_cover, read_cover
from grants.voting.rules.paper import (
    BATCH_STEPS,
    FIRST,
    LARGEST_BATCH,
    SECOND,
    Invalid,
    PaperBatchAction,
    PaperBatchState,
    Sheet,
    batch_name,
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
    batch = _declared(uow, round, booth.id, paper_count)
    if last:
        _close(uow, booth)
    return batch


def declare_anew(uow: UnitOfWork, batch_id: UUID, why: str) -> PaperBatch:
    """Begin again with the papers of a batch, as a new one: its cover was lost, or its readings cannot be compared.

    What was keyed is set aside, never to be counted; who, when and why stay. An approved batch: by a steward only.
    """
    found = uow.get(PaperBatch, batch_id)
    round = uow.get(Round, found.round_id, lock=True)  # before the batch, as whoever declares or counts
    batch = uow.get(PaperBatch, batch_id, lock=True)
    access.ensure_may_key(uow.actor, round.fund_id)
    if batch.state is PaperBatchState.APPROVED:
        rounds_access.ensure_may_run(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    _ensure_not_aside(batch)
    _ensure_reason(why)
    keyed = {str(keying): _count(uow.session, batch, keying) for keying in (FIRST, SECOND)}
    batch.state = next_state(BATCH_STEPS, batch.state, PaperBatchAction.DECLARE_ANEW)
    batch.set_aside_at, batch.set_aside_by_id, batch.set_aside_why = uow.now, uow.actor.id, why.strip()
    batch.cover_hash = None
    uow.session.execute(
        update(PaperEntry)
        .where(PaperEntry.batch_id == batch.id)
        .values(aside=True)
        .execution_options(synchronize_session="fetch")
    )
    anew = _declared(uow, round, batch.booth_id, batch.declared_count, instead_of_id=batch.id)
    uow.record("voting.batch_set_aside", batch, keyed=keyed, instead=str(anew.id))
    return anew


def _declared(
    uow: UnitOfWork, round: Round, booth_id: UUID, paper_count: int, *, instead_of_id: UUID | None = None
) -> PaperBatch:
    assert uow.actor.id is not None  # an officer or a steward
    before = uow.session.scalar(
        select(func.coalesce(func.max(PaperBatch.number), 0)).where(PaperBatch.round_id == round.id)
    )
    batch = PaperBatch(
        round_id=round.id,
        number=(before or 0) + 1,
        booth_id=booth_id,
        declared_count=paper_count,
        state=PaperBatchState.DECLARED,
        declared_by_id=uow.actor.id,
        declared_at=uow.now,
        instead_of_id=instead_of_id,
    )
    uow.add(batch)
    uow.record("voting.batch_declared", batch, round_id=round.id, papers=paper_count)
    return batch


def draw_cover(uow: UnitOfWork, batch_id: UUID) -> str:
    """New letters for a batch's cover sheet, where officers hold the key. They are told this once; a hash is kept.

    Refuses (``StepRefused``) once a paper is keyed: its likeness was made with the letters that were drawn before.
    """
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    if not queries.key_by_officers(round):
        raise StepRefused("This round’s batches need no cover sheet.")
    if batch.state is not PaperBatchState.DECLARED or _count(uow.session, batch, FIRST):
        raise StepRefused("The letters of this cover sheet were shown once. If they are lost, declare the batch anew.")
    letters = make_cover()
    batch.cover_hash = cover_hash(cover_key(letters, round.id, batch.id))
    uow.record("voting.cover_issued", batch)
    return letters


def open_cover(batch: Any, text: str) -> bytes:
    """The key that the letters on a batch's cover sheet make, as somebody types them. Nothing of it is kept here.

    Refuses (``RuleBroken``, field ``cover``) other letters than those of this batch.
    """
    key = cover_key(read_cover(text), batch.round_id, batch.id)
    _ensure_cover(batch.cover_hash, key)
    return key


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


def key_paper(
    uow: UnitOfWork, batch_id: UUID, place: int, keyed: Keyed, *, cover: bytes | None = None
) -> Invalid | None:
    """Key one paper of the pile, for the first time or, as another person, once more. Gives why it does not count.

    Nobody sees what the other keyed. Refuses (``RuleBroken``, with the field) what cannot be read as a number or as
    marks, and a number of which another paper was keyed already. ``cover``: where officers hold the round's key, what
    ``open_cover`` made of the batch's letters.
    """
    batch, round, keying = _batch_to_key(uow, batch_id)
    cover = _cover_for(round, batch, cover)
    if not 1 <= place <= batch.declared_count:
        raise NotFound("There is no such paper in this batch.")
    if uow.session.get(PaperEntry, (batch.id, keying, place)) is not None:
        raise StepRefused("This paper is keyed already. Correct it, and say why.")
    sheet = _judged(uow.session, round, batch, keying, place, keyed)
    uow.add(_entry(round, batch, keying, place, sheet, cover))
    if keying == FIRST and batch.keyed_by_id is None:
        batch.keyed_by_id = uow.actor.id
    if keying == SECOND and batch.checked_by_id is None:
        batch.checked_by_id = uow.actor.id
    return sheet.invalid


def correct_paper(
    uow: UnitOfWork, batch_id: UUID, place: int, keyed: Keyed, why: str, *, cover: bytes | None = None
) -> Invalid | None:
    """Key a paper again that was keyed wrongly. What stood there, who and when are kept. Each corrects their own."""
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    _ensure_not_done(batch)
    keying = FIRST if uow.actor.id == batch.keyed_by_id else SECOND
    if keying == SECOND:
        access.ensure_checks(uow.actor, batch.keyed_by_id, batch.checked_by_id)
    entry = uow.session.get(PaperEntry, (batch.id, keying, place))
    if entry is None:
        raise NotFound("You have not keyed this paper.")
    _ensure_reason(why)
    cover = _cover_for(round, batch, cover)
    sheet = _judged(uow.session, round, batch, keying, place, keyed)
    _keep_old(uow, batch, why, keying=keying, place=place, entry=entry)
    fresh = _entry(round, batch, keying, place, sheet, cover)
    entry.serial, entry.invalid = fresh.serial, fresh.invalid
    entry.sealed, entry.likeness = fresh.sealed, fresh.likeness
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
    _ensure_not_aside(batch)
    approved = next_state(BATCH_STEPS, batch.state, PaperBatchAction.APPROVE)
    name = queries.paper_batch(uow.session, batch.id).name
    ensure_complete(name, _count(uow.session, batch, SECOND), batch.declared_count)
    if apart := (
        places_apart(uow.session, batch)
        if queries.key_by_officers(round)
        else list(differences(uow.session, round, batch, vote_key=vote_key))
    ):
        places = ", ".join(str(place) for place in apart[:10])
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


def places_apart(session: Session, batch: Any) -> list[int]:
    """Where officers hold the key: the papers of which two people do not say the same, once both have keyed all.

    Which places, and nothing of what either said.
    """
    if min(_count(session, batch, keying) for keying in (FIRST, SECOND)) < batch.declared_count:
        return []
    rows = session.execute(
        select(PaperEntry.place, PaperEntry.likeness).where(PaperEntry.batch_id == batch.id).order_by(PaperEntry.place)
    )
    said: dict[int, list[bytes | None]] = {}
    for place, one in rows:
        said.setdefault(place, []).append(one)
    return [place for place, found in said.items() if None in found or len(set(found)) > 1 or len(found) < 2]


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


def what_waits(session: Session, round_id: UUID) -> list[str]:
    """Why papers may be missing: a booth is open, a batch unfinished. In words, one for each."""
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
    return waiting


def ensure_all_in(session: Session, round_id: UUID) -> None:
    """Refuse (``StepRefused``) to count while papers may be missing, and say which."""
    if waiting := what_waits(session, round_id):
        raise StepRefused(f"Nothing is counted while papers wait: {'; '.join(waiting)}.")


@dataclass(frozen=True, slots=True)
class Papers:
    """What the papers bring to the count."""

    marks: Sequence[tuple[tuple[int, int], ...]]
    given: int
    invalid: dict[Invalid, int]


def for_the_count(session: Session, round: Round, private: bytes) -> Papers:
    """Every valid paper, opened.

    Refuses (``StepRefused``) while batches wait, more papers than were given out, and, by batch and place, papers that
    do not open, or of which the two readings are not the same once they are open.
    """
    ensure_all_in(session, round.id)
    of_paper = (RollMark.round_id == round.id, RollMark.channel == Channel.PAPER)
    given = session.scalar(select(func.count()).select_from(RollMark).where(*of_paper)) or 0
    read = _readings(session, round, private)
    valid = [sheet for sheet in read if sheet.invalid is None]
    if beyond := papers_beyond(len(valid), given):
        raise StepRefused(beyond)
    return Papers(
        [tuple(sorted(sheet.marks.items())) for sheet in valid],
        given,
        dict(Counter(sheet.invalid for sheet in read if sheet.invalid is not None)),
    )


def _readings(session: Session, round: Round, private: bytes) -> list[Sheet]:
    """What stands on each paper of the round: both readings are opened, and compared once more."""
    rows = session.execute(
        select(PaperEntry, PaperBatch.number, Booth.name)
        .join(PaperBatch, PaperBatch.id == PaperEntry.batch_id)
        .join(Booth, Booth.id == PaperBatch.booth_id)
        .where(PaperEntry.round_id == round.id, PaperEntry.aside.is_(False))
        .order_by(PaperBatch.number, PaperEntry.place, PaperEntry.keying)
    )
    both: dict[tuple[int, str, int], list[Sheet | None]] = {}
    for entry, number, booth in rows:
        try:
            sheet = _opened(entry, entry.sealed, private, round.id) if entry.sealed else None
        except EnvelopeBroken:
            sheet = None
        both.setdefault((number, booth, entry.place), []).append(sheet)
    read = [one[0] for one in both.values() if len(one) == 2 and one[0] and one[1] and one[0].same_as(one[1])]
    if len(read) < len(both):
        apart: dict[str, list[str]] = {}
        for (number, booth, place), (one, *others) in both.items():
            if not (one and others and others[0] and one.same_as(others[0])):
                apart.setdefault(batch_name(number, booth), []).append(str(place))
        named = "; ".join(f"{name}, paper {', '.join(places[:10])}" for name, places in apart.items())
        raise StepRefused(
            f"Nothing was counted: when they were opened, the two readings were not the same of {named}. "
            "A steward declares that batch anew, two people key it again from its papers, and then the count can start."
        )
    return read


def forget_marks(uow: UnitOfWork, round_id: UUID) -> None:
    """Destroy what papers say, what they were said to say before a correction, and by what these were compared."""
    batches = select(PaperBatch.id).where(PaperBatch.round_id == round_id)
    uow.session.execute(delete(PaperEntry).where(PaperEntry.round_id == round_id, PaperEntry.keying == SECOND))
    for statement in (
        update(PaperEntry).where(PaperEntry.round_id == round_id).values(sealed=None, likeness=None),
        update(PaperCorrection).where(PaperCorrection.batch_id.in_(batches)).values(was_sealed=None, was_likeness=None),
        update(PaperBatch).where(PaperBatch.round_id == round_id).values(cover_hash=None),
    ):
        uow.session.execute(statement.execution_options(synchronize_session=False))


# Pieces.


def _batch_to_key(uow: UnitOfWork, batch_id: UUID) -> tuple[PaperBatch, Round, int]:
    """The batch, its round, and whether this person keys it first or checks it."""
    batch = uow.get(PaperBatch, batch_id, lock=True)
    round = uow.get(Round, batch.round_id)
    access.ensure_may_key(uow.actor, round.fund_id)
    _ensure_counting_is_ahead(round)
    _ensure_not_done(batch)
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
            PaperEntry.aside.is_(False),
            ~((PaperEntry.batch_id == batch.id) & (PaperEntry.place == place)),
        )
    ).first()
    if other is not None:
        raise RuleBroken(
            f"Paper {other.place} of batch {other.number} was keyed with this number. Check both papers. "
            "If both bear it, say that this one is a copy.",
            field="serial",
        )


def _entry(round: Round, batch: PaperBatch, keying: int, place: int, sheet: Sheet, cover: bytes | None) -> PaperEntry:
    return PaperEntry(
        batch_id=batch.id,
        keying=keying,
        place=place,
        round_id=round.id,
        serial=sheet.serial,
        invalid=sheet.invalid,
        sealed=seal_marks(sheet.to_text(), round.ballot_public_key or "", round.id.bytes),
        likeness=likeness(cover, round.id, batch.id, place, sheet) if cover else None,
    )


def _cover_for(round: Round, batch: PaperBatch, cover: bytes | None) -> bytes | None:
    """The key to compare with: none in standard keeping, and in strong keeping none but the batch's own."""
    if not queries.key_by_officers(round):
        return None
    _ensure_cover(batch.cover_hash, cover)
    return cover


def _ensure_cover(kept: str | None, cover: bytes | None) -> None:
    if kept is None:
        raise StepRefused("This batch has no cover sheet yet. Draw its letters first.")
    if cover is None:
        raise RuleBroken("Type the 16 letters on the batch’s cover sheet.", field="cover")
    if not cover_fits(cover, kept):
        raise RuleBroken("These are the letters of another cover sheet. Type those that lie on this pile.", "cover")


def _ensure_not_done(batch: PaperBatch) -> None:
    _ensure_not_aside(batch)
    if batch.state is PaperBatchState.APPROVED:
        raise StepRefused("This batch is approved. Nothing in it can change.")


def _ensure_not_aside(batch: PaperBatch) -> None:
    if batch.state is PaperBatchState.SET_ASIDE:
        raise StepRefused("This batch is set aside. Its papers were declared anew.")


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
            was_likeness=entry.likeness if entry else None,
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
    ahead = queries.key_is_here(round) or (queries.key_by_officers(round) and round.state is RoundState.VOTING)
    if round.votes_counted_at is not None or not ahead:
        raise StepRefused("The vote is counted.")
