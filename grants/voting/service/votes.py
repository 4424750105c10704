"""Open a vote, know a voter, and count; ``casting`` does what is between.

Casting and showing who one is write no trail entry: entries come in the order of time, and so would tie a moment to a
mark on the roll. The close writes the totals. See ``docs/decisions/0020-ballot-secrecy.md``.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, bindparam, delete, exists, func, insert, or_, select, text
from sqlalchemy.orm import Session

from grants.kernel.canonical import fingerprint
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.upserts import count_up
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people
from grants.ports.geography import Place
from grants.proposals.models import Proposal
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposal_service
from grants.rounds import access
from grants.rounds import queries as rounds
from grants.rounds import service as round_service
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.rounds.rules.dates import RoundDates, show_moment
from grants.rounds.rules.states import RoundState
from grants.voting import notices, queries
from grants.voting.models import (
    Ballot,
    BallotLine,
    BoardEntry,
    EmailCheck,
    Envelope,
    PaperEntry,
    RefusalCount,
    ReminderPlan,
    RollMark,
    Tally,
    UnfinishedBallot,
    VoteReminder,
    VotingCode,
)
from grants.voting.rules.ballots import Marks, as_kept, as_marks, ballots_hash, count, mixed, named
from grants.voting.rules.codes import hash_address, hash_code
from grants.voting.rules.envelope import (
    EnvelopeBroken,
    Opened,
    open_envelope,
    seal,
    unwrap_private_key,
)
from grants.voting.rules.lot import draw_lot
from grants.voting.rules.reminders import seal_address
from grants.voting.rules.states import Channel, CodeState, Refusal
from grants.voting.rules.voters import Declaration, Voter, check_declaration
from grants.voting.service import papers

HELD_SECRETS = (
    "envelope",
    "unfinished_ballot",
    "paper_entry",
    "paper_correction",
    "email_check",
    "vote_reminder",
    "outbox",
    "key_share",
    "round",
    "roll",
    "voting_code",
)
"""Tables whose deleted rows must not linger in the database's files."""
ABOUT_VOTERS: tuple[Any, ...] = (EmailCheck, UnfinishedBallot, VoteReminder, ReminderPlan)
"""What waits beside the envelopes, and is destroyed with them."""
NUMBERS_AN_HOUR = 5
TRIES = 5
NUMBER_VALID = timedelta(minutes=notices.VALID_MINUTES)


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why somebody cannot vote like this, and what to do. It is counted (never who), so it is no exception."""

    message: str
    field: str | None
    reason: Refusal | None = None


# The ballot is frozen.


def open_vote(uow: UnitOfWork, round_id: UUID) -> int:
    """Freeze the ballot: numbers by title, costs, and the lot from the published seed. Returns how many stand on it.

    What the trail keeps of it is a hash of, for each line: number, bid, cost, lot, areas, and the numbers of those of
    which only one can win, itself among them.

    Voting itself runs from the published hour. Refuses (``StepRefused``) while a bid waits for its eligibility check,
    before the panel's scores are locked, and when there is nothing to vote on.
    """
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    if reasons := what_keeps_it_shut(uow.session, round):
        raise StepRefused(" ".join(reasons))
    standing = proposal_lists.eligible(uow.session, round.id)
    lot = draw_lot(queries.book_of(round).lot_seed, [proposal.id for proposal in standing])
    round_service.mark_voting(uow, round)
    for number, proposal in enumerate(standing, start=1):
        uow.session.add(
            BallotLine(
                round_id=round.id,
                number=number,
                proposal_id=proposal.id,
                cost_minor=proposal.applied_for_minor,
                lot=lot[proposal.id],
            )
        )
        proposal_service.put_on_ballot(uow, proposal, number)
    uow.session.flush()
    sets = only_one.exclusions(uow.session, round.id)
    beside = {
        p.id: [n for n, o in enumerate(standing, 1) if {*sets.get(p.id, ())} & {*sets.get(o.id, ())}] for p in standing
    }
    frozen = fingerprint(
        [
            [n, str(p.id), p.applied_for_minor, lot[p.id], sorted(p.ward_codes), beside[p.id]]
            for n, p in enumerate(standing, start=1)
        ]
    )
    uow.record("voting.ballot_frozen", round, lines=len(standing), ballot_hash=frozen)
    return len(standing)


def what_keeps_it_shut(session: Session, round: Round) -> list[str]:
    """What must be done before the vote can open, in plain words; ``open_vote`` checks the same again."""
    if round.state is not RoundState.CHECKING:
        return []
    waiting = proposal_lists.unscreened_count(session, round.id)
    reasons = []
    if uncollected := rounds.uncollected_shares(session, round.id):
        has = "1 returning officer has" if uncollected == 1 else f"{uncollected} returning officers have"
        reasons.append(f"{has} not collected their share of the key yet.")
    if waiting:
        still = "1 proposal still waits" if waiting == 1 else f"{waiting} proposals still wait"
        reasons.append(f"{still} for the eligibility check: check every proposal first.")
    if round.panel_locked_at is None:
        reasons.append("Lock the panel's scores.")
    elif not waiting and not proposal_lists.eligible(session, round.id):
        reasons.append("No proposal can go on the ballot, so there is nothing to vote on.")
    return reasons


# Knowing a voter.


def is_open(round: Any, now: datetime) -> bool:
    """Whether people can vote in this round (or row with its state and dates) at this moment."""
    return rounds.phase(round, now) is RoundState.VOTING


def ensure_open(round: Any, now: datetime) -> None:
    """Refuse (``StepRefused``) when voting is not open at this moment, saying when it is or was.

    ``round``: a round, or a row with its state and dates.
    """
    if is_open(round, now):
        return
    phase = rounds.phase(round, now)
    if phase is RoundState.CANCELLED:
        raise StepRefused("This round was called off. There is no vote.")
    if now >= round.voting_closes_at:
        raise StepRefused(f"Voting closed at {show_moment(round.voting_closes_at)}.")
    if now < round.voting_opens_at:
        raise StepRefused(f"Voting opens at {show_moment(round.voting_opens_at)}.")
    raise StepRefused("Voting is not open yet: the ballot is not ready.")


def check_code(uow: UnitOfWork, round_id: UUID, code: str, said: Declaration, *, pepper: bytes) -> Voter | TurnedAway:
    """The voter behind a code of this round. One that has voted may come again, to change their vote."""
    round = uow.get(Round, round_id)
    ensure_open(round, uow.now)
    book = queries.book_of(round)
    if VotingMethod.CODE not in book.vote_methods:
        raise StepRefused("This round's rule-book has no voting codes.")
    try:
        check_declaration(book, said)
        key = hash_code(code, pepper, round.id)
    except RuleBroken as broken:
        return TurnedAway(broken.message, broken.field)
    state = uow.session.scalar(
        select(VotingCode.state).where(VotingCode.round_id == round.id, VotingCode.code_hash == key)
    )
    if state is None:
        return _turn_away(
            uow,
            round,
            Refusal.UNKNOWN_CODE,
            "This code is not for this round. Check each letter, and that your card names this round.",
            "code",
        )
    if state is CodeState.VOID:
        return _turn_away(uow, round, Refusal.VOID_CODE, VOIDED, "code")
    return _unless_on_paper(uow.session, round, Voter(key, VotingMethod.CODE), "code")


ON_PAPER = "You have already voted on paper. A paper vote counts, and cannot be changed here."
VOIDED = "This code is worth nothing any more. Ask whoever gave it to you for a new one."
OUTSIDE = (
    "This postcode is not in the area of this vote. "
    "Give the postcode of the place here where you live, work, study or volunteer."
)


def start_email_check(
    uow: UnitOfWork,
    round_id: UUID,
    email: str,
    place: Place | None,
    said: Declaration,
    *,
    pepper: bytes,
    remind: bool = False,
) -> UUID | TurnedAway:
    """Send a six-digit number to an address, for somebody whose postcode lies inside the area (``place``).

    ``remind``: they ask to be reminded while they have not voted. The answer is the same for every address, whether it
    has voted or not. Gives the id of the check.
    """
    round = uow.get(Round, round_id)
    refused = _may_vote_by_email(uow, round, place, said)
    if refused is not None or place is None:
        return refused or TurnedAway(OUTSIDE, "postcode")
    key = hash_address(email, pepper, round.id)
    uow.session.execute(
        delete(EmailCheck).where(EmailCheck.round_id == round.id, EmailCheck.expires_at < uow.now - NUMBER_VALID)
    )
    asked = uow.session.scalar(
        select(func.count()).select_from(EmailCheck).where(EmailCheck.round_id == round.id, EmailCheck.voter_key == key)
    )
    if asked is not None and asked >= NUMBERS_AN_HOUR:
        return TurnedAway(
            f"We have sent {NUMBERS_AN_HOUR} numbers to this address within the hour. "
            "Look for the latest of them, also among unwanted mail, or try again in an hour.",
            "email",
        )
    check = EmailCheck(
        id=uuid4(),
        round_id=round.id,
        voter_key=key,
        number_hash="",
        ward_code=place.ward_code,
        expires_at=uow.now + NUMBER_VALID,
        address=seal_address(email, pepper, round.id) if remind else None,
    )
    number = f"{secrets.randbelow(10**6):06d}"
    check.number_hash = _number_hash(number, check.id, pepper)
    uow.add(check)
    notices.number_by_mail(uow, round, check, email, number)
    return check.id


def confirm_email(uow: UnitOfWork, round_id: UUID, check_id: UUID, number: str, *, pepper: bytes) -> Voter | TurnedAway:
    """The voter who typed the number that was sent. Five tries; then, or after half an hour, a new one is needed."""
    round = uow.get(Round, round_id)
    hold_open(uow, round_id)
    check = uow.session.scalar(
        select(EmailCheck).where(EmailCheck.id == check_id, EmailCheck.round_id == round.id).with_for_update()
    )
    if check is None or check.expires_at <= uow.now or check.tries >= TRIES:
        return TurnedAway("This number is out of date. Ask for a new one.", "number")
    digits = "".join(character for character in number if character.isdigit())
    if not hmac.compare_digest(_number_hash(digits, check.id, pepper), check.number_hash):
        check.tries += 1
        left = TRIES - check.tries
        tries = f"You can try {left} more time{'s' if left > 1 else ''}." if left else "Ask for a new one."
        return _turn_away(
            uow, round, Refusal.WRONG_NUMBER, f"This is not the number that we sent you last. {tries}", "number"
        )
    voter = Voter(check.voter_key, VotingMethod.EMAIL_POSTCODE, check.ward_code)
    _note_address(uow, round, voter, check.address)
    uow.session.delete(check)
    return _unless_on_paper(uow.session, round, voter, "number")


def _note_address(uow: UnitOfWork, round: Round, voter: Voter, sealed: bytes | None) -> None:
    """Keep an address to remind, or forget it when they do not ask for that any more."""
    before = uow.session.get(VoteReminder, (round.id, voter.key), with_for_update=True)
    if sealed is None and before is not None:
        uow.session.delete(before)
    elif sealed is not None and before is None:
        uow.session.add(VoteReminder(round_id=round.id, voter_key=voter.key, address=sealed))


def know_signed_in(
    uow: UnitOfWork, round_id: UUID, place: Place | None, said: Declaration, *, pepper: bytes, remind: bool = False
) -> Voter | TurnedAway:
    """The voter who is signed in: they have shown already that they read their address."""
    round = uow.get(Round, round_id)
    refused = _may_vote_by_email(uow, round, place, said)
    if refused is not None or place is None:
        return refused or TurnedAway(OUTSIDE, "postcode")
    email = people.person(uow.session, uow.actor.id).email if uow.actor.id is not None else None
    if email is None:
        raise NotAllowed("Sign in first, or vote by e-mail.")
    voter = Voter(hash_address(email, pepper, round.id), VotingMethod.EMAIL_POSTCODE, place.ward_code)
    _note_address(uow, round, voter, seal_address(email, pepper, round.id) if remind else None)
    return _unless_on_paper(uow.session, round, voter, "postcode")


def hold_open(uow: UnitOfWork, round_id: UUID) -> Any:
    """A row of the round, held against the close until this transaction ends: what is written about a voter is then
    there to be destroyed by it. Casts and other voters pass. Refuses (``StepRefused``) when voting is not open."""
    columns = [
        getattr(Round, name)
        for name in ("id", "state", "ballot_public_key", "ballot_private_key", *RoundDates.__dataclass_fields__)
    ]
    row = uow.session.execute(
        select(*columns).where(Round.id == round_id).with_for_update(read=True, key_share=True)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such round.")
    ensure_open(row, uow.now)
    return row


def _unless_on_paper(session: Session, round: Round, voter: Voter, field: str) -> Voter | TurnedAway:
    """The voter, unless they were given a paper: then they are told before they choose. ``casting`` looks again."""
    channel = session.scalar(
        select(RollMark.channel).where(RollMark.round_id == round.id, RollMark.voter_key == voter.key)
    )
    return TurnedAway(ON_PAPER, field) if channel is Channel.PAPER else voter


def _may_vote_by_email(uow: UnitOfWork, round: Round, place: Place | None, said: Declaration) -> TurnedAway | None:
    hold_open(uow, round.id)
    book = queries.book_of(round)
    if VotingMethod.EMAIL_POSTCODE not in book.vote_methods:
        raise StepRefused("In this round people vote with a voting code only.")
    try:
        check_declaration(book, said)
    except RuleBroken as broken:
        return TurnedAway(broken.message, broken.field)
    if place is None:
        return _turn_away(uow, round, Refusal.OUTSIDE_AREA, OUTSIDE, "postcode")
    return None


def _turn_away(uow: UnitOfWork, round: Round, reason: Refusal, message: str, field: str) -> TurnedAway:
    note_refusal(uow, round.id, reason)
    return TurnedAway(message, field, reason)


def note_refusal(uow: UnitOfWork, round_id: UUID, reason: Refusal) -> None:
    """Count that somebody was turned away: the day and why, never who. Stewards see it on the desk."""
    key = {"round_id": round_id, "on_day": london_day(uow.now), "reason": reason}
    count_up(uow.session, RefusalCount, key, times=1)


def _number_hash(number: str, check_id: UUID, pepper: bytes) -> str:
    return hmac.digest(pepper, f"vote number\n{check_id}\n{number}".encode(), "sha256").hex()


def own_choices(session: Session, round: Round, voter: Voter, *, vote_key: str) -> Marks | None:
    """What a voter cast before, out of their own envelope, for them to change; None when they have not voted.

    Only in standard keeping, where the service holds the round's private key (wrapped by ``vote_key``, 64 hex digits);
    else None, and who has voted (``has_cast``) votes afresh.
    """
    if not queries.key_is_here(round):
        return None
    row = session.execute(
        select(Envelope.sealed, Envelope.commitment).where(
            Envelope.round_id == round.id, Envelope.voter_key == voter.key
        )
    ).one_or_none()
    if row is None:
        return None
    return open_envelope(row.sealed, private_key(round, vote_key), round.id, row.commitment).choices


def has_cast(session: Session, round: Round, voter: Voter) -> bool:
    """Whether a voter's own envelope waits for the close. For nobody but that voter."""
    return session.get(Envelope, (round.id, voter.key)) is not None


# The close.


def close_vote(uow: UnitOfWork, round_id: UUID, *, vote_key: str) -> Tally:
    """Count (``mix``) with the key that the service holds: by a steward or the clock, once voting has closed.

    Whoever runs it should have the database give back the freed space afterwards (``web.db.give_back_space``).
    """
    round = uow.get(Round, round_id, lock=True)
    if not uow.actor.is_clock:
        access.ensure_may_run(uow.actor, round.fund_id)
    _ensure_to_count(round, uow.now)
    if not queries.key_is_here(round):
        raise StepRefused("Two returning officers must type their shares of the key: then the votes are counted.")
    return mix(uow, round, private_key(round, vote_key))


def mix(uow: UnitOfWork, round: Round, private: bytes) -> Tally:
    """In one transaction: open the envelopes, shuffle, count; then destroy them and all that is held of the key.

    ``round`` is locked. Refuses (``RuleBroken``) to count when roll and envelopes differ in number.
    """
    _ensure_to_count(round, uow.now)
    envelopes = _open_all(uow.session, round, private)
    not_on_paper = (RollMark.round_id == round.id, RollMark.channel != Channel.PAPER)
    marks = uow.session.scalar(select(func.count()).select_from(RollMark).where(*not_on_paper))
    if marks != len(envelopes):
        raise RuleBroken(f"Nothing was counted: the roll has {marks} marks and there are {len(envelopes)} envelopes.")
    on_paper = papers.for_the_count(uow.session, round, private)
    opened = mixed([*envelopes, *(_as_opened(round, marks) for marks in on_paper.marks)])
    aside = _set_aside_withdrawn(uow.session, round.id)
    chosen = [ballot.choices for ballot in opened]
    rules = queries.limits(round)
    kept = [as_kept(marks, rules) for marks in chosen]
    _write_ballots(uow.session, round.id, kept, sorted(ballot.commitment for ballot in opened))
    counted = count([number for number in named(marks) if number not in aside] for marks in chosen)
    tally = Tally(
        round_id=round.id,
        closed_at=uow.now,
        ballot_count=len(chosen),
        blank_count=sum(1 for marks in chosen if not marks),
        paper_given=on_paper.given,
        paper_count=len(on_paper.marks),
        paper_invalid={reason.value: size for reason, size in sorted(on_paper.invalid.items())},
        ballots_hash=ballots_hash(kept),
        approvals={str(number): votes for number, votes in counted.items()},
    )
    uow.session.add(tally)
    forget(uow, round.id)
    _hide_when_they_came(uow.session, round.id)
    round_service.mark_counted(uow, round)
    uow.record(
        "voting.counted",
        round,
        ballots=tally.ballot_count,
        blank=tally.blank_count,
        papers=tally.paper_count,
        ballots_hash=tally.ballots_hash,
        set_aside=sorted(aside),
    )
    return tally


def _ensure_to_count(round: Round, now: datetime) -> None:
    if round.state is not RoundState.VOTING:
        raise StepRefused("There is no vote to count: it was counted already, or never opened.")
    if now < round.voting_closes_at:
        raise StepRefused(f"Voting is open until {show_moment(round.voting_closes_at)}. Nothing is counted before.")


def _as_opened(round: Round, marks: Sequence[tuple[int, int]]) -> Opened:
    """A paper among the envelopes: it stands on the board like them, with a secret number that nobody keeps."""
    sealed = seal(marks, round.ballot_public_key or "", round.id)
    return Opened(tuple(marks), sealed.nonce, sealed.commitment)


def due(session: Session, now: datetime) -> list[UUID]:
    """Rounds whose vote has closed and is not counted, and whose key is here: others wait for their officers."""
    closed = (Round.state == RoundState.VOTING, Round.voting_closes_at <= now)
    query = select(Round.id).where(*closed, Round.ballot_private_key.is_not(None))
    return list(session.scalars(query.order_by(Round.voting_closes_at, Round.id).limit(100)))


def forget_called_off(uow: UnitOfWork) -> int:
    """Destroy the envelopes of rounds that were called off: nobody will count them. Safe to run twice."""
    called_off = set(
        uow.session.scalars(
            select(Round.id).where(
                Round.state == RoundState.CANCELLED,
                or_(
                    *(exists().where(table.round_id == Round.id) for table in (Envelope, *ABOUT_VOTERS)),
                    exists().where(PaperEntry.round_id == Round.id, PaperEntry.sealed.is_not(None)),
                ),
            )
        )
    )
    for round_id in called_off:
        forget(uow, round_id)
        uow.record("voting.forgotten", uow.get(Round, round_id))
    return len(called_off)


def forget(uow: UnitOfWork, round_id: UUID) -> None:
    """Delete envelopes, unfinished ballots, what papers say, addresses, checks of them, and the letters to them."""
    papers.forget_marks(uow, round_id)
    uow.session.execute(delete(Envelope).where(Envelope.round_id == round_id))
    for table in ABOUT_VOTERS:
        uow.session.execute(delete(table).where(table.round_id == round_id))
    for prefix in ("vote-number:", "vote-reminder:"):
        outbox.drop(uow, prefix=prefix, subject_id=round_id)


def private_key(round: Round, vote_key: str) -> bytes:
    """The round's private key, unwrapped by the installation's vote key (64 hex digits)."""
    return unwrap_private_key(round.ballot_private_key or "", bytes.fromhex(vote_key), round.id)


def _open_all(session: Session, round: Round, private: bytes) -> list[Opened]:
    rows = session.execute(select(Envelope.sealed, Envelope.commitment).where(Envelope.round_id == round.id))
    try:
        return [open_envelope(row.sealed, private, round.id, row.commitment) for row in rows]
    except EnvelopeBroken as broken:
        raise RuleBroken(f"Nothing was counted: an envelope is damaged. {broken}") from broken


def _set_aside_withdrawn(session: Session, round_id: UUID) -> frozenset[int]:
    """Note on the ballot which lines the count leaves out: bids that were withdrawn while people voted."""
    lines = session.scalars(
        select(BallotLine)
        .join(Proposal, Proposal.id == BallotLine.proposal_id)
        .where(BallotLine.round_id == round_id, Proposal.state == ProposalState.WITHDRAWN)
    ).all()
    for line in lines:
        line.set_aside_reason = "The group withdrew it while voting was open."
    return frozenset(line.number for line in lines)


def _write_ballots(session: Session, round_id: UUID, kept: Sequence[list[Any]], commitments: Sequence[str]) -> None:
    if not kept:
        return
    session.execute(insert(Ballot), [{"id": uuid4(), "round_id": round_id, "choices": choices} for choices in kept])
    if commitments:
        session.execute(
            insert(BoardEntry), [{"round_id": round_id, "commitment": commitment} for commitment in commitments]
        )


_MARKED = ((cast(Table, RollMark.__table__), "voter_key"), (cast(Table, VotingCode.__table__), "code_hash"))


def _hide_when_they_came(session: Session, round_id: UUID) -> None:
    """Write roll and codes anew, in the order of their hashes.

    Else the rows' own order (``rowid``, ``ctid``) and transactions (``xmin``) told for good in which order people came,
    and, beside the trail's transactions, at what time; the roll promises a day.
    """
    for table, key in _MARKED:
        ours, names = table.c.round_id == round_id, list(table.c.keys())
        if session.get_bind().dialect.name == "postgresql":  # in one step, lest a code be voided in between
            gone = delete(table).where(ours).returning(*table.c).cte("gone")
            session.execute(insert(table).from_select(names, select(*gone.c).order_by(gone.c[key])))
            continue
        columns = ", ".join(names)
        kept = text(f"CREATE TEMP TABLE in_order AS SELECT {columns} FROM {table.name} WHERE round_id = :round_id")  # noqa: S608 - our own words
        session.execute(kept.bindparams(bindparam("round_id", round_id, table.c.round_id.type)))
        session.execute(delete(table).where(ours))
        session.execute(text(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM in_order ORDER BY {key}"))  # noqa: S608 - our own words
        session.execute(text("DROP TABLE in_order"))


def import_count(uow: UnitOfWork, round: Round, lines: Sequence[tuple[UUID, int]], kept: Sequence[list[Any]]) -> Tally:
    """The ballot and the ballots of a finished election elsewhere: nobody voted here, so there is no roll.

    ``lines``: (proposal, pence) by number on the ballot, which is also the lot. ``kept``: see ``as_kept``. Called by
    the service that reads its file.
    """
    if round.imported_from is None:
        raise StepRefused("Only ballots of elections elsewhere are read in.")
    uow.session.add_all(
        BallotLine(round_id=round.id, number=number, proposal_id=id, cost_minor=cost, lot=number)
        for number, (id, cost) in enumerate(lines, start=1)
    )
    uow.session.flush()
    _write_ballots(uow.session, round.id, kept, ())
    tally = Tally(
        round_id=round.id,
        closed_at=uow.now,
        ballot_count=len(kept),
        blank_count=sum(1 for ballot in kept if not ballot),
        ballots_hash=ballots_hash(kept),
        approvals={str(number): votes for number, votes in count(named(as_marks(ballot)) for ballot in kept).items()},
    )
    uow.session.add(tally)
    uow.record("voting.imported", round, ballots=tally.ballot_count, ballots_hash=tally.ballots_hash)
    return tally
