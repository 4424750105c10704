"""What may be read of a vote: the ballot, the codes, and after the close the count.

Nothing here reads choices before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, case, exists, func, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.kernel.errors import NotFound
from grants.people.models import Group, Person
from grants.priorities.models import Priority
from grants.proposals.models import ExclusiveBid, Proposal
from grants.proposals.queries.only_one import only_one_words
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotRules, KeyKeeping
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.states import RoundState
from grants.voting.models import (
    Ballot,
    BallotLine,
    BoardEntry,
    Booth,
    BoothDay,
    BoothShift,
    CodeBatch,
    HelpCount,
    PaperBatch,
    PaperCorrection,
    PaperEntry,
    PaperRun,
    PaperSheet,
    RefusalCount,
    ReminderPlan,
    RollMark,
    Tally,
    VotingCode,
)
from grants.voting.rules.ballots import Marks, as_marks
from grants.voting.rules.paper import PaperBatchState, batch_name
from grants.voting.rules.states import CodeState, Refusal
from grants.voting.rules.turnout import Turnout

BOARD_PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ballot as voters read it. ``withdrawn``: it cannot be chosen any more."""

    number: int
    proposal_id: UUID
    title: str
    summary: str
    group_name: str
    cost_minor: int
    what: str
    for_whom: str
    ward_codes: tuple[str, ...]
    priority_id: UUID | None
    priority_title: str
    withdrawn: bool
    only_one: str = ""
    """Beside which others it cannot win, and why; nothing for nearly all."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of codes as the steward sees it; nothing that says how many have voted."""

    id: UUID
    label: str
    code_count: int
    made_at: date
    void: bool
    handed_to: str | None
    handed_on: date | None


@lru_cache(maxsize=64)
def _read_book(text: str) -> RuleBook:
    return RuleBook.from_json(text)


def limits(round: Any) -> BallotRules:
    """What a ballot may say, by the frozen rule-book."""
    return book_of(round).ballot


def book_of(round: Any) -> RuleBook:
    """The frozen rule-book, read once for each text: a vote asks for it at every step."""
    return _read_book(round.rule_book or "")


def key_is_here(round: Any) -> bool:
    """Whether the service holds the private half of an open vote's key; else returning officers do."""
    return round.ballot_private_key is not None


def key_by_officers(round: Any) -> bool:
    """Whether returning officers hold the round's key, by its rule-book."""
    return book_of(round).key_keeping is KeyKeeping.STRONG


def ballot_lines(session: Session, round_id: UUID) -> list[BallotLine]:
    """The frozen ballot, by number; ``set_aside_reason`` is known from the close on."""
    return list(session.scalars(select(BallotLine).where(BallotLine.round_id == round_id).order_by(BallotLine.number)))


@dataclass(frozen=True, slots=True)
class StandingBallot:
    """A round's ballot as it stood when somebody looked: what a cast has to know, and no more.

    ``round``: its state and ``dates``. ``standing``: the numbers that can be chosen, so without bids that were
    withdrawn, and of each the areas that it is for (none: the whole place).
    ``seen``: what may change while people vote, for the next one to ask whether it has; ``turned``: the same as a
    driver takes it, by the name of its dialect, put there by whoever asks first.
    """

    round_id: UUID
    round: Any
    dates: RoundDates
    public_key: str
    limits: BallotRules
    standing: Mapping[int, Sequence[str]]
    seen: Mapping[str, Any]
    turned: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def standing_ballot(session: Session, round_id: UUID) -> StandingBallot:
    """The ballot as it stands at this moment. Refuses (``NotFound``) a round that is not published."""
    columns = (Round.state, *(getattr(Round, name) for name in RoundDates.__dataclass_fields__))
    withdrawn = (
        select(func.count())
        .where(Proposal.round_id == Round.id, Proposal.state == ProposalState.WITHDRAWN)
        .scalar_subquery()
    )
    round = session.execute(
        select(*columns, Round.rule_book, Round.ballot_public_key, withdrawn.label("withdrawn")).where(
            Round.id == round_id
        )
    ).one_or_none()
    if round is None or round.rule_book is None:
        raise NotFound("There is no such round.")
    standing = session.execute(  # after the count: a withdrawal between the two shows as a change, never as none
        select(BallotLine.number, Proposal.ward_codes)
        .join(Proposal, Proposal.id == BallotLine.proposal_id)
        .where(BallotLine.round_id == round_id, Proposal.state != ProposalState.WITHDRAWN)
    )
    seen = {name: getattr(round, name) for name in ("state", "voting_opens_at", "voting_closes_at", "withdrawn")}
    dates = RoundDates(**{name: getattr(round, name) for name in RoundDates.__dataclass_fields__})
    return StandingBallot(round_id, round, dates, round.ballot_public_key or "", limits(round), _areas(standing), seen)


def areas(session: Session, round_id: UUID) -> dict[int, tuple[str, ...]]:
    """The whole frozen ballot: number → the areas (ward codes) that a bid is for; none where it is the whole place."""
    return _areas(
        session.execute(
            select(BallotLine.number, Proposal.ward_codes)
            .join(Proposal, Proposal.id == BallotLine.proposal_id)
            .where(BallotLine.round_id == round_id)
            .order_by(BallotLine.number)
        )
    )


def _areas(rows: Iterable[Any]) -> dict[int, tuple[str, ...]]:
    return {number: tuple(ward_codes or ()) for number, ward_codes in rows}


def entries(session: Session, round_id: UUID) -> list[Entry]:
    """The ballot as voters read it, by number; in one query, where no projects exclude each other."""
    rows = _entries().told(session, round_id=round_id)
    only_one = only_one_words(session, round_id) if any(row[-1] for row in rows) else {}
    return [
        Entry(
            number=number,
            proposal_id=proposal_id,
            title=title,
            summary=summary or "",
            group_name=group_name,
            cost_minor=cost_minor,
            what=what or "",
            for_whom=for_whom or "",
            ward_codes=tuple(ward_codes or ()),
            priority_id=priority_id,
            priority_title=priority_title or "",
            withdrawn=state is ProposalState.WITHDRAWN,
            only_one=only_one.get(proposal_id, ""),
        )
        for (
            number,
            cost_minor,
            proposal_id,
            title,
            summary,
            what,
            for_whom,
            ward_codes,
            state,
            group_name,
            priority_id,
            priority_title,
            _,
        ) in rows
    ]


@cache
def _entries() -> Prepared:
    return Prepared(
        lambda: (
            select(
                BallotLine.number,
                BallotLine.cost_minor,
                Proposal.id,
                Proposal.title,
                Proposal.summary,
                Proposal.what,
                Proposal.for_whom,
                Proposal.ward_codes,
                Proposal.state,
                Group.name,
                Priority.id,
                Priority.title,
                exists().where(ExclusiveBid.proposal_id == Proposal.id),
            )
            .join(Proposal, Proposal.id == BallotLine.proposal_id)
            .join(Group, Group.id == Proposal.group_id)
            .outerjoin(Priority, Priority.id == Proposal.priority_id)
            .where(BallotLine.round_id == bindparam("round_id", None, type_=Uuid()))
            .order_by(BallotLine.number)
        )
    )


class LineShown(NamedTuple):
    """What a bid's page says of its line on the ballot."""

    number: int
    cost_minor: int
    set_aside_reason: str | None


def line_of(session: Session, proposal_id: UUID) -> LineShown | None:
    """The line of the ballot that a proposal stands on, if it does."""
    return next((LineShown(*row) for row in _line().told(session, proposal_id=proposal_id)), None)


@cache
def _line() -> Prepared:
    return Prepared(
        lambda: select(BallotLine.number, BallotLine.cost_minor, BallotLine.set_aside_reason).where(
            BallotLine.proposal_id == bindparam("proposal_id", None, type_=Uuid())
        )
    )


def batches(session: Session, round_id: UUID) -> list[Batch]:
    """The batches of codes of a round, the latest first."""
    rows = session.execute(
        select(
            CodeBatch.id,
            CodeBatch.label,
            CodeBatch.code_count,
            CodeBatch.made_at,
            CodeBatch.voided_at,
            CodeBatch.handed_to,
            CodeBatch.handed_on,
        )
        .where(CodeBatch.round_id == round_id)
        .order_by(CodeBatch.made_at.desc(), CodeBatch.id)
        .limit(200)
    )
    return [
        Batch(
            row.id,
            row.label,
            row.code_count,
            row.made_at,
            row.voided_at is not None,
            row.handed_to,
            row.handed_on,
        )
        for row in rows
    ]


def codes_used(session: Session, round_id: UUID) -> dict[UUID, int]:
    """How many codes of each batch have voted. Only for after the close: before it, this would tell the turnout."""
    rows = session.execute(
        select(VotingCode.batch_id, func.count())
        .where(VotingCode.round_id == round_id, VotingCode.state == CodeState.USED)
        .group_by(VotingCode.batch_id)
    )
    return {row[0]: row[1] for row in rows}


def refusals(session: Session, round_id: UUID) -> dict[Refusal, int]:
    """How often somebody was turned away, by reason."""
    rows = session.execute(
        select(RefusalCount.reason, func.sum(RefusalCount.times))
        .where(RefusalCount.round_id == round_id)
        .group_by(RefusalCount.reason)
        .order_by(RefusalCount.reason)
    )
    return {row[0]: int(row[1]) for row in rows}


def reminder_plan(session: Session, round_id: UUID, since: datetime) -> ReminderPlan | None:
    """The reminders that were counted last, when that was after ``since``."""
    found = session.get(ReminderPlan, round_id)
    return found if found is not None and found.planned_at > since else None


def tally(session: Session, round_id: UUID) -> Tally | None:
    """The count, once the vote was closed."""
    return session.scalar(_tally(), {"round_id": round_id})


@cache
def _tally() -> Select[tuple[Tally]]:
    return select(Tally).where(Tally.round_id == bindparam("round_id"))


def cast_ballots(session: Session, round_id: UUID) -> list[Marks]:
    """Every ballot as it was cast: (number, 1) for a tick, (number, points) or (number, place), by number."""
    return [as_marks(choices) for choices in kept_ballots(session, round_id)]


def kept_ballots(session: Session, round_id: UUID) -> list[list[Any]]:
    """Every ballot as it is kept (``rules.ballots.as_kept``), which ``Tally.ballots_hash`` is of."""
    return list(session.scalars(select(Ballot.choices).where(Ballot.round_id == round_id).order_by(Ballot.id)))


def turnout(session: Session, round_id: UUID) -> Turnout:
    """How many voted. Show it only after the close, and through ``rules.turnout.publishable``."""
    rows = _marked().told(session, round_id=round_id)
    by_channel: dict[str, int] = {}
    by_ward: dict[str, int] = {}
    for channel, ward_code, size in rows:
        by_channel[channel.value] = by_channel.get(channel.value, 0) + size
        by_ward[ward_code or ""] = by_ward.get(ward_code or "", 0) + size
    return Turnout(sum(by_channel.values()), dict(sorted(by_channel.items())), dict(sorted(by_ward.items())))


@cache
def _marked() -> Prepared:
    return Prepared(
        lambda: (
            select(RollMark.channel, RollMark.ward_code, func.count())
            .where(RollMark.round_id == bindparam("round_id", None, type_=Uuid()))
            .group_by(RollMark.channel, RollMark.ward_code)
        )
    )


def board(session: Session, round_id: UUID, *, page: int = 1) -> list[str]:
    """One page of the board's commitments, sorted by themselves."""
    return list(
        session.scalars(
            select(BoardEntry.commitment)
            .where(BoardEntry.round_id == round_id)
            .order_by(BoardEntry.commitment)
            .offset((page - 1) * BOARD_PAGE)
            .limit(BOARD_PAGE)
        )
    )


def whole_board(session: Session, round_id: UUID) -> list[str]:
    """Every commitment, sorted: for the download and to find one by its tracking code."""
    return list(
        session.scalars(
            select(BoardEntry.commitment).where(BoardEntry.round_id == round_id).order_by(BoardEntry.commitment)
        )
    )


def in_states(session: Session, states: Sequence[RoundState], fund_ids: frozenset[UUID] | None) -> list[Round]:
    """Rounds whose vote a steward of these funds (None: of all) may have to see to."""
    query = select(Round).where(Round.state.in_(states))
    if fund_ids is not None:
        query = query.where(Round.fund_id.in_(fund_ids))
    return list(session.scalars(query.order_by(Round.voting_opens_at, Round.id).limit(50)))


def to_open_or_count(who: Who) -> Select[Any] | None:
    """For stewards: rounds whose ballot waits to be frozen, and those whose votes wait to be counted with our key.

    Id, title, state, when the vote opens.
    """
    if not who.holds(Role.STEWARD):
        return None
    ready = (Round.state == RoundState.CHECKING) & Round.panel_locked_at.is_not(None)
    over = (Round.state == RoundState.VOTING) & (Round.voting_closes_at <= who.now)
    return (
        select(Round.id, Round.title, Round.state, Round.voting_opens_at)
        .where(
            ready | (over & Round.ballot_private_key.is_not(None)),
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.voting_opens_at, Round.id)
        .limit(50)
    )


# In person and on paper.


@dataclass(frozen=True, slots=True)
class BoothRow:
    """A booth as its people see it. ``given``: papers handed out so far (those undone left out);
    ``officers``: (person, name, day) to come."""

    id: UUID
    round_id: UUID
    fund_id: UUID
    round_title: str
    name: str
    place: str
    closed_at: datetime | None
    given: int
    voided: int


def _booth_rows() -> Select[Any]:
    counts = (func.sum(BoothDay.given - BoothDay.undone).label("given"), func.sum(BoothDay.voided).label("voided"))
    sums = select(BoothDay.booth_id, *counts).group_by(BoothDay.booth_id).subquery()
    return (
        select(
            Booth.id,
            Booth.round_id,
            Round.fund_id,
            Round.title,
            Booth.name,
            Booth.place,
            Booth.closed_at,
            func.coalesce(sums.c.given, 0),
            func.coalesce(sums.c.voided, 0),
        )
        .join(Round, Round.id == Booth.round_id)
        .outerjoin(sums, sums.c.booth_id == Booth.id)
        .order_by(Booth.name, Booth.id)
        .limit(200)
    )


def booths(session: Session, round_id: UUID) -> list[BoothRow]:
    """The booths of a round, by name."""
    return [BoothRow(*row) for row in _booths_of().told(session, round_id=round_id)]


@cache
def _booths_of() -> Prepared:
    return Prepared(lambda: _booth_rows().where(Booth.round_id == bindparam("round_id", None, type_=Uuid())))


def booth(session: Session, booth_id: UUID) -> BoothRow:
    """One booth, or ``NotFound``."""
    row = session.execute(_booth_rows().where(Booth.id == booth_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such booth.")
    return BoothRow(*row)


def booths_today(session: Session, person_id: UUID, day: date) -> list[BoothRow]:
    """The open booths at which this person has a shift on ``day``."""
    shift = select(BoothShift.booth_id).where(BoothShift.person_id == person_id, BoothShift.on_day == day)
    rows = session.execute(_booth_rows().where(Booth.id.in_(shift), Booth.closed_at.is_(None)))
    return [BoothRow(*row) for row in rows]


def shifts_today(who: Who) -> Select[Any] | None:
    """For officers: the open booths at which they have a shift today. Id, name, the round's title."""
    if not who.holds(Role.OFFICER):
        return None
    shift = select(BoothShift.booth_id).where(BoothShift.person_id == who.me, BoothShift.on_day == who.today)
    return (
        select(Booth.id, Booth.name, Round.title)
        .join(Round, Round.id == Booth.round_id)
        .where(Booth.id.in_(shift), Booth.closed_at.is_(None))
        .order_by(Booth.name, Booth.id)
        .limit(20)
    )


def has_shift(session: Session, booth_id: UUID, person_id: UUID, day: date) -> bool:
    """Whether this person is put down for this booth on ``day``."""
    return session.get(BoothShift, (booth_id, person_id, day)) is not None


def shifts(session: Session, booth_id: UUID) -> list[tuple[UUID, str, date]]:
    """Who is put down for a booth: person, name, day; by day."""
    rows = session.execute(
        select(BoothShift.person_id, Person.name, BoothShift.on_day)
        .join(Person, Person.id == BoothShift.person_id)
        .where(BoothShift.booth_id == booth_id)
        .order_by(BoothShift.on_day, Person.name, BoothShift.person_id)
        .limit(500)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def runs(session: Session, round_id: UUID) -> list[PaperRun]:
    """Ballot papers printed for a round, the latest first."""
    query = select(PaperRun).where(PaperRun.round_id == round_id)
    return list(session.scalars(query.order_by(PaperRun.made_at.desc(), PaperRun.id).limit(200)))


def run(session: Session, run_id: UUID) -> PaperRun:
    """One print run, or ``NotFound``."""
    found = session.get(PaperRun, run_id)
    if found is None:
        raise NotFound("There is no such print run.")
    return found


def serials(session: Session, run_id: UUID, *, first: int, size: int) -> list[str]:
    """Numbers of papers of a run: ``size`` of them from the place ``first`` (0 is the first), in order of number."""
    query = select(PaperSheet.serial).where(PaperSheet.run_id == run_id).order_by(PaperSheet.serial)
    return list(session.scalars(query.offset(first).limit(size)))


@dataclass(frozen=True, slots=True)
class PaperBatchRow:
    """A batch of papers as its people see it. ``keyed``, ``checked``: how many papers each of the two has keyed."""

    id: UUID
    round_id: UUID
    number: int
    booth_id: UUID
    booth_name: str
    declared_count: int
    state: PaperBatchState
    keyed_by_id: UUID | None
    checked_by_id: UUID | None
    approved_by_id: UUID | None
    cover_hash: str | None
    set_aside_at: datetime | None
    set_aside_by_id: UUID | None
    set_aside_why: str | None
    instead_of_id: UUID | None
    keyed: int
    checked: int

    @property
    def name(self) -> str:
        """How people speak of it."""
        return batch_name(self.number, self.booth_name)


def _paper_batch_rows() -> Select[Any]:
    counts = (
        select(
            PaperEntry.batch_id,
            func.sum(case((PaperEntry.keying == 1, 1), else_=0)).label("keyed"),
            func.sum(case((PaperEntry.keying == 2, 1), else_=0)).label("checked"),
        )
        .group_by(PaperEntry.batch_id)
        .subquery()
    )
    return (
        select(
            PaperBatch.id,
            PaperBatch.round_id,
            PaperBatch.number,
            PaperBatch.booth_id,
            Booth.name,
            PaperBatch.declared_count,
            PaperBatch.state,
            PaperBatch.keyed_by_id,
            PaperBatch.checked_by_id,
            PaperBatch.approved_by_id,
            PaperBatch.cover_hash,
            PaperBatch.set_aside_at,
            PaperBatch.set_aside_by_id,
            PaperBatch.set_aside_why,
            PaperBatch.instead_of_id,
            func.coalesce(counts.c.keyed, 0),
            func.coalesce(counts.c.checked, 0),
        )
        .join(Booth, Booth.id == PaperBatch.booth_id)
        .outerjoin(counts, counts.c.batch_id == PaperBatch.id)
        .order_by(PaperBatch.number)
        .limit(500)
    )


def paper_batches(session: Session, round_id: UUID) -> list[PaperBatchRow]:
    """The batches of papers of a round, by number."""
    return [PaperBatchRow(*row) for row in session.execute(_paper_batch_rows().where(PaperBatch.round_id == round_id))]


def open_batches(who: Who) -> Select[Any] | None:
    """For officers and stewards: batches that still have to be keyed or checked, of rounds that are not counted.

    Id, number, the booth's name, state. None that this person keyed and somebody else must check.
    """
    if not who.holds(Role.OFFICER, Role.STEWARD):
        return None
    return (
        select(PaperBatch.id, PaperBatch.number, Booth.name, PaperBatch.state)
        .join(Booth, Booth.id == PaperBatch.booth_id)
        .join(Round, Round.id == PaperBatch.round_id)
        .where(
            Round.state == RoundState.VOTING,
            PaperBatch.state.in_((PaperBatchState.DECLARED, PaperBatchState.KEYED)),
            (PaperBatch.state != PaperBatchState.KEYED) | PaperBatch.keyed_by_id.is_distinct_from(who.me),
            who.within(Round.fund_id, Role.OFFICER, Role.STEWARD),
        )
        .order_by(PaperBatch.number, PaperBatch.id)
        .limit(20)
    )


def paper_batch(session: Session, batch_id: UUID) -> PaperBatchRow:
    """One batch, or ``NotFound``."""
    row = session.execute(_paper_batch_rows().where(PaperBatch.id == batch_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such batch of papers.")
    return PaperBatchRow(*row)


def declared_instead(session: Session, batch_id: UUID) -> Any:
    """The batch (id, number) as which the papers of one that was set aside were declared anew; None for others."""
    columns = (PaperBatch.id, PaperBatch.number)
    return session.execute(select(*columns).where(PaperBatch.instead_of_id == batch_id).limit(1)).one_or_none()


def keyed_places(session: Session, batch_id: UUID, keying: int) -> list[int]:
    """Which papers of a batch one of the two has keyed."""
    of_one = (PaperEntry.batch_id == batch_id, PaperEntry.keying == keying)
    return list(session.scalars(select(PaperEntry.place).where(*of_one).order_by(PaperEntry.place)))


def corrections(session: Session, batch_id: UUID) -> list[tuple[PaperCorrection, str]]:
    """What was corrected in a batch, and by whom; the latest first."""
    rows = session.execute(
        select(PaperCorrection, Person.name)
        .join(Person, Person.id == PaperCorrection.made_by_id)
        .where(PaperCorrection.batch_id == batch_id)
        .order_by(PaperCorrection.made_at.desc(), PaperCorrection.id)
        .limit(500)
    )
    return [(row[0], row[1]) for row in rows]


def helped(session: Session, round_id: UUID) -> list[tuple[str, int]]:
    """Who helped, and how often, by name."""
    rows = session.execute(
        select(Person.name, func.sum(HelpCount.times))
        .join(Person, Person.id == HelpCount.helper_id)
        .where(HelpCount.round_id == round_id)
        .group_by(Person.id, Person.name)
        .order_by(Person.name, Person.id)
        .limit(500)
    )
    return [(row[0], int(row[1])) for row in rows]
