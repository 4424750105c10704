"""Booths: where officers check people in, mark the roll, and hand out papers.

Checking somebody in writes no trail entry: entries come in the order of time, and so would tie a moment to a mark on
the roll. Which paper somebody gets is written down nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.orm import Session

from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.upserts import count_up, insert_into
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.ports.geography import Place
from grants.rounds import access as rounds_access
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import PaperPolicy, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import access, queries
from grants.voting.models import (
    Booth,
    BoothDay,
    BoothShift,
    Envelope,
    PaperBatch,
    PaperRun,
    PaperSheet,
    RollMark,
    UnfinishedBallot,
    VotingCode,
)
from grants.voting.rules.codes import hash_address, hash_code, hash_person
from grants.voting.rules.paper import PaperBatchState
from grants.voting.rules.serials import make_serial
from grants.voting.rules.states import Channel, CodeState
from grants.voting.service.votes import OUTSIDE, VOIDED, ensure_open

LARGEST_RUN = 1_000
PLANS = (RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED, RoundState.CHECKING, RoundState.VOTING)


@dataclass(frozen=True, slots=True)
class Shown:
    """How somebody at a booth shows who they are: a code, an address with a postcode, or a name with a birthday too."""

    code: str = ""
    email: str = ""
    name: str = ""
    born_on: date | None = None
    place: Place | None = None
    postcode: str = ""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """What became of it. ``voted_online``: nothing is written yet; the officer may void that vote if policy lets."""

    done: bool
    voted_online: bool = False
    may_void: bool = False


def make_booth(uow: UnitOfWork, round_id: UUID, *, name: str, place: str) -> Booth:
    """A place with a box. Only where the round's rule-book lets people vote in person."""
    round = uow.get(Round, round_id)
    rounds_access.ensure_may_run(uow.actor, round.fund_id)
    _ensure_in_person(round)
    if rounds.phase(round, uow.now) not in PLANS:
        raise StepRefused("Booths are set up before the vote closes.")
    name = words_given(name, "name", "Give the booth a name.", 140)
    place = words_given(place, "place", "Say where it is.", 200)
    assert uow.actor.id is not None  # a steward
    booth = Booth(round_id=round.id, name=name, place=place, made_by_id=uow.actor.id, made_at=uow.now)
    uow.add(booth)
    uow.record("voting.booth_made", booth, round_id=round.id)
    return booth


def give_shift(uow: UnitOfWork, booth_id: UUID, person_id: UUID, days: Sequence[date]) -> None:
    """Put an officer down for days at a booth. The same day again changes nothing."""
    booth = uow.get(Booth, booth_id)
    round = uow.get(Round, booth.round_id)
    rounds_access.ensure_may_run(uow.actor, round.fund_id)
    _ensure_not_closed(booth)
    access.ensure_is_officer(people.actor_for(uow.session, person_id, ""), round.fund_id)
    first, last = (london_day(moment) for moment in (round.voting_opens_at, round.voting_closes_at))
    for day in days:
        if not first <= day <= last:
            raise RuleBroken("Choose a day on which people can vote.", field="days")
        if uow.session.get(BoothShift, (booth.id, person_id, day)) is None:
            uow.add(BoothShift(booth_id=booth.id, person_id=person_id, on_day=day))
    uow.record("voting.shift_given", booth, person_id=person_id, days=[day.isoformat() for day in days])


def end_shift(uow: UnitOfWork, booth_id: UUID, person_id: UUID, day: date) -> None:
    """Take an officer's day at a booth away."""
    booth = uow.get(Booth, booth_id)
    rounds_access.ensure_may_run(uow.actor, uow.get(Round, booth.round_id).fund_id)
    shift = uow.session.get(BoothShift, (booth.id, person_id, day))
    if shift is None:
        raise NotFound("There is no such shift.")
    uow.session.delete(shift)
    uow.record("voting.shift_ended", booth, person_id=person_id, day=day.isoformat())


def check_in(
    uow: UnitOfWork, booth_id: UUID, shown: Shown, *, checked: bool, void_online: bool = False, pepper: bytes
) -> CheckedIn:
    """Mark somebody on the roll who gets a paper now. An officer on shift at this booth today, while voting is open.

    Who has voted online already gets one only where the rule-book lets paper replace that vote, and only when
    ``void_online`` says so: their envelope is destroyed. ``checked``: the officer has seen that they may vote.
    Refuses (``RuleBroken``, with the field) who cannot be known, and (``StepRefused``) who was given a paper before.
    """
    booth = uow.get(Booth, booth_id)
    # As a cast does: check-ins pass each other, and not the close.
    locked = select(Round).where(Round.id == booth.round_id).with_for_update(read=True, key_share=True)
    round = uow.session.scalars(locked.execution_options(populate_existing=True)).one()
    ensure_on_shift(uow, booth, round)
    ensure_open(round, uow.now)
    _ensure_not_closed(booth)
    if not checked:
        raise RuleBroken("Check that they may vote, and tick the box.", field="checked")
    key, ward_code = _key_of(uow.session, round, shown, pepper)
    mark = {
        "round_id": round.id,
        "voter_key": key,
        "channel": Channel.PAPER,
        "voted_on": london_day(uow.now),
        "ward_code": ward_code,
    }
    put = insert_into(uow.session, RollMark).values(**mark).on_conflict_do_nothing().returning(RollMark.channel)
    if uow.session.execute(put).one_or_none() is None:
        of_roll = and_(RollMark.round_id == round.id, RollMark.voter_key == key)
        channel = uow.session.scalar(select(RollMark.channel).where(of_roll).with_for_update())
        if channel is Channel.PAPER:
            raise StepRefused("This person was given a paper already. Each person votes once.")
        may_void = queries.book_of(round).paper_policy is PaperPolicy.REPLACE
        if not (void_online and may_void):
            return CheckedIn(done=False, voted_online=True, may_void=may_void)
        uow.session.execute(
            update(RollMark).where(of_roll).values(channel=Channel.PAPER).execution_options(synchronize_session=False)
        )
        uow.session.execute(delete(Envelope).where(Envelope.round_id == round.id, Envelope.voter_key == key))
    else:
        void_online = False
    unfinished = and_(UnfinishedBallot.round_id == round.id, UnfinishedBallot.voter_key == key)
    uow.session.execute(delete(UnfinishedBallot).where(unfinished))
    if shown.code:
        uow.session.execute(
            update(VotingCode)
            .where(VotingCode.round_id == round.id, VotingCode.code_hash == key)
            .values(state=CodeState.USED)
        )
    _count(uow, booth.id, voided=int(void_online))
    return CheckedIn(done=True)


def undo_check_in(uow: UnitOfWork, booth_id: UUID, shown: Shown, *, no_paper: bool, why: str, pepper: bytes) -> None:
    """Take somebody off the roll again whom an officer checked in here today by mistake: they can vote any way then.

    By the same officer, or another on shift at this booth today. ``no_paper``: they were given none, or it is back.
    Refuses (``StepRefused``) whoever was not given a paper today, and when every paper of this booth that people were
    given is in a box that was opened. An online vote that was voided for the paper is gone: they vote afresh.
    """
    booth = uow.get(Booth, booth_id, lock=True)
    locked = select(Round).where(Round.id == booth.round_id).with_for_update(read=True, key_share=True)
    round = uow.session.scalars(locked.execution_options(populate_existing=True)).one()
    ensure_on_shift(uow, booth, round)
    ensure_open(round, uow.now)
    _ensure_not_closed(booth)
    if not no_paper:
        raise RuleBroken("Undo it only when no paper of theirs is in the box. Tick when that is so.", field="no_paper")
    if not why.strip():
        raise RuleBroken("Say what happened, without a name.", field="why")
    key, _ = _key_of(uow.session, round, shown, pepper)
    _ensure_papers_left(uow.session, booth)
    given_here = (
        BoothDay.booth_id == booth.id,
        BoothDay.on_day == london_day(uow.now),
        BoothDay.undone < BoothDay.given,
    )
    none_here = uow.session.execute(
        update(BoothDay)
        .where(*given_here)
        .values(undone=BoothDay.undone + 1)
        .execution_options(synchronize_session=False)
    )
    # Only a mark that is a paper's still: another officer may have been quicker, and the person may have voted since.
    taken = uow.session.execute(
        delete(RollMark)
        .where(
            RollMark.round_id == round.id,
            RollMark.voter_key == key,
            RollMark.channel == Channel.PAPER,
            RollMark.voted_on == london_day(uow.now),
        )
        .execution_options(synchronize_session=False)
    )
    if not (none_here.rowcount and taken.rowcount):  # type: ignore[attr-defined]
        raise StepRefused("Nobody with these details was given a paper here today. Check each letter.")
    if shown.code:
        uow.session.execute(
            update(VotingCode)
            .where(VotingCode.round_id == round.id, VotingCode.code_hash == key, VotingCode.state == CodeState.USED)
            .values(state=CodeState.ISSUED)
        )
    uow.record("voting.check_in_reversed", booth, round_id=round.id, why=why.strip())


def _ensure_papers_left(session: Session, booth: Booth) -> None:
    """Refuse (``StepRefused``) where the opened boxes of a booth hold as many papers as people who were given one."""
    opened = (PaperBatch.booth_id == booth.id, PaperBatch.state != PaperBatchState.SET_ASIDE)
    declared = session.scalar(select(func.sum(PaperBatch.declared_count)).where(*opened)) or 0
    given = session.scalar(select(func.sum(BoothDay.given - BoothDay.undone)).where(BoothDay.booth_id == booth.id)) or 0
    if declared >= given:
        raise StepRefused("Every paper that was given out here is in a box that was opened, so theirs is among them.")


def ensure_on_shift(uow: UnitOfWork, booth: Booth, round: Round) -> None:
    """An officer who is put down for this booth today; whoever else holds whatever role is refused."""
    access.ensure_is_officer(uow.actor, round.fund_id)
    if uow.actor.id is None or not queries.has_shift(uow.session, booth.id, uow.actor.id, london_day(uow.now)):
        raise NotAllowed("You have no shift at this booth today. Ask a steward to put you down for it.")


def print_papers(uow: UnitOfWork, round_id: UUID, *, sheet_count: int, large_print: bool) -> PaperRun:
    """Draw the numbers of new papers; the page of the run gives the papers as PDFs."""
    round = uow.get(Round, round_id)
    rounds_access.ensure_may_run(uow.actor, round.fund_id)
    _ensure_in_person(round)
    if round.state is not RoundState.VOTING or round.votes_counted_at is not None:
        raise StepRefused("Papers can be printed once the ballot is frozen, until the vote is counted.")
    if not 1 <= sheet_count <= LARGEST_RUN:
        raise RuleBroken(f"Print from 1 to {LARGEST_RUN:,} papers at once.", field="sheet_count")
    assert uow.actor.id is not None  # a steward
    run = PaperRun(
        round_id=round.id,
        sheet_count=sheet_count,
        large_print=large_print,
        made_by_id=uow.actor.id,
        made_at=uow.now,
    )
    uow.add(run)
    taken = set(uow.session.scalars(select(PaperSheet.serial).where(PaperSheet.round_id == round.id)))
    fresh: set[str] = set()
    while len(fresh) < sheet_count:
        fresh |= {make_serial()} - taken
    uow.session.add_all(PaperSheet(round_id=round.id, serial=serial, run_id=run.id) for serial in fresh)
    uow.record("voting.papers_printed", run, round_id=round.id, papers=sheet_count, large_print=large_print)
    return run


def _key_of(session: Session, round: Round, shown: Shown, pepper: bytes) -> tuple[str, str | None]:
    methods = queries.book_of(round).vote_methods
    if shown.code:
        if VotingMethod.CODE not in methods:
            raise RuleBroken("This round has no voting codes.", field="code")
        key = hash_code(shown.code, pepper, round.id)
        state = session.scalar(
            select(VotingCode.state)
            .where(VotingCode.round_id == round.id, VotingCode.code_hash == key)
            .with_for_update()
        )
        if state is None:
            raise RuleBroken("This code is not for this round. Check each letter.", field="code")
        if state is CodeState.VOID:
            raise RuleBroken(VOIDED, field="code")
        return key, None
    if shown.place is None:
        raise RuleBroken(OUTSIDE, field="postcode")
    if shown.email:
        if VotingMethod.EMAIL_POSTCODE not in methods:
            raise RuleBroken("In this round nobody votes by e-mail. Take their name and date of birth.", field="email")
        return hash_address(shown.email, pepper, round.id), shown.place.ward_code
    if not shown.name.strip() or shown.born_on is None:
        raise RuleBroken("Take their name and date of birth.", field="name" if not shown.name.strip() else "born_on")
    return hash_person(shown.name, shown.born_on, shown.postcode, pepper, round.id), shown.place.ward_code


def _count(uow: UnitOfWork, booth_id: UUID, *, voided: int) -> None:
    key = {"booth_id": booth_id, "on_day": london_day(uow.now)}
    count_up(uow.session, BoothDay, key, given=1, voided=voided)


def _ensure_in_person(round: Round) -> None:
    if VotingMethod.IN_PERSON not in queries.book_of(round).vote_methods:
        raise StepRefused("By this round's rule-book nobody votes in person.")


def _ensure_not_closed(booth: Booth) -> None:
    if booth.closed_at is not None:
        raise StepRefused("This booth is closed, and its box was opened.")
