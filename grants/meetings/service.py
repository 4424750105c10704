"""Plan a panel's meeting, run it bid by bid, close it with the decision. The only writer of meetings and agendas."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete

from grants.allocation import queries as allocation
from grants.allocation.access import ensure_may_decide
from grants.allocation.models import Decision
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.service import deciding
from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.meetings import access, notices, queries
from grants.meetings.models import AgendaBid, Meeting
from grants.meetings.queries import Item
from grants.meetings.rules import (
    NOTE_AT_MOST,
    PLACE_AT_MOST,
    STEPS,
    WORDS_AT_MOST,
    AgendaOrder,
    MeetingAction,
    MeetingState,
    Settled,
    agenda,
    spread_of,
)
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState


def plan(uow: UnitOfWork, round_id: UUID, starts_at: datetime, place: str, order: AgendaOrder) -> Meeting:
    """A steward says when and where, and in which order; or says it anew until the meeting is closed.

    The agenda holds every bid that stood on the ballot. Planned anew, what was noted of a bid stays with it. Every
    member gets a letter.
    """
    round = uow.get(Round, round_id, lock=True)
    ensure_may_run(uow.actor, round.fund_id)
    place = " ".join(place.split())
    if not place:
        raise RuleBroken("Say where the panel meets.", field="place")
    if len(place) > PLACE_AT_MOST:
        raise RuleBroken(f"Use {PLACE_AT_MOST} characters or fewer.", field="place")
    if round.state is not RoundState.PANEL or allocation.standing_run(uow.session, round_id) is None:
        raise StepRefused("The panel meets when the votes are counted and worked out, and before it has decided.")
    assert uow.actor.id is not None  # a steward
    meeting = queries.of_round(uow.session, round_id)
    if meeting is None:
        meeting = Meeting(
            round_id=round_id,
            state=MeetingState.PLANNED,
            starts_at=starts_at,
            place=place,
            agenda_order=order,
            planned_by_id=uow.actor.id,
            present=[],
            members_count=0,
        )
        uow.add(meeting)
    meeting.starts_at, meeting.place, meeting.agenda_order = starts_at, place, order
    _write_agenda(uow, meeting, allocation.decisions(uow.session, round_id))
    uow.record("meeting.planned", meeting, round_id=round_id, starts_at=starts_at.isoformat(), order=order.value)
    notices.invited(uow, round, meeting, review.member_ids(uow.session, round_id))
    return meeting


def _write_agenda(uow: UnitOfWork, meeting: Meeting, standing: Collection[Decision]) -> None:
    findings = review.findings(uow.session, meeting.round_id)
    spread = {id: spread_of(one.by_criterion) for id, one in findings.items()}
    kept = {row.proposal_id: row for row in queries.rows(uow.session, meeting.id)}
    fields = ("note", "verdict", "reason", "conditions", "took_part", "settled_at")
    said = {id: {name: getattr(row, name) for name in fields} for id, row in kept.items()}
    uow.session.execute(delete(AgendaBid).where(AgendaBid.meeting_id == meeting.id))
    uow.session.expire_all()
    placed = agenda(meeting.agenda_order, [one.proposal_id for one in standing], spread)
    uow.session.add_all(
        AgendaBid(meeting_id=meeting.id, proposal_id=id, position=position, **said.get(id, {}))
        for position, id in enumerate(placed, start=1)
    )
    uow.session.flush()


def begin(uow: UnitOfWork, round_id: UUID) -> Meeting:
    """The chair opens the meeting, and is there."""
    round, meeting = _held(uow, round_id)
    ensure_may_decide(uow.actor, round.fund_id, review.chair_id(uow.session, round_id))
    before = meeting.state
    meeting.state = next_state(STEPS, before, MeetingAction.BEGIN)
    meeting.chair_id, meeting.opened_at = uow.actor.id, uow.now
    meeting.present = sorted({*meeting.present, str(uow.actor.id)})
    uow.record("meeting.begun", meeting, before=before, after=meeting.state)
    return meeting


def attend(uow: UnitOfWork, round_id: UUID, present: Collection[UUID]) -> Meeting:
    """Write down who is there now. The chair always is; it can change while the meeting goes on."""
    round, meeting = _open(uow, round_id)
    access.ensure_may_note(uow.actor, round.fund_id, review.chair_id(uow.session, round_id))
    if set(present) - set(review.member_ids(uow.session, round_id)):
        raise RuleBroken("Only people who sit on this panel can be there.", field="present")
    meeting.present = sorted({str(id) for id in present} | {str(meeting.chair_id)})
    uow.record("meeting.attended", meeting, present=meeting.present)
    return meeting


def settle(uow: UnitOfWork, round_id: UUID, position: int, said: Settled) -> AgendaBid:
    """Keep the note of what was said of a bid, and what the meeting recommends if the chair says so.

    Too few members without an interest: no recommendation can be taken. Other than the votes say: with a reason.
    """
    round, meeting = _open(uow, round_id)
    chair = review.chair_id(uow.session, round_id)
    access.ensure_may_note(uow.actor, round.fund_id, chair)
    item = _item(uow, round, meeting, position)
    access.ensure_is_part(uow.actor, uow.actor.id in item.out)
    row, note = item.row, said.note.strip()
    if len(note) > NOTE_AT_MOST:
        raise RuleBroken(f"Use {NOTE_AT_MOST:,} characters or fewer.", field="note")
    row.note = note
    if said.verdict is not None:
        ensure_may_decide(uow.actor, round.fund_id, chair)
        _recommend(uow, round, item, said, said.verdict)
    uow.session.flush()
    uow.record(
        "meeting.bid_settled" if said.verdict is not None else "meeting.bid_noted",
        meeting,
        proposal=row.proposal_id,
        verdict=row.verdict.value if row.verdict else None,
        took_part_count=len(item.present),
    )
    return row


def _recommend(uow: UnitOfWork, round: Round, item: Item, said: Settled, verdict: Verdict) -> None:
    row, reason, conditions = item.row, said.reason.strip(), said.conditions.strip()
    _ensure_quorum(item, rounds.rule_book(round).quorum)
    if item.decision is None:
        raise StepRefused("The results were worked out again. A steward must plan the meeting anew.")
    ruled = item.decision.verdict
    if verdict is not ruled and not reason:
        raise RuleBroken("Say why the panel decides otherwise than the votes. Everybody can read it.", field="reason")
    if len(reason) > WORDS_AT_MOST:
        raise RuleBroken(f"Use {WORDS_AT_MOST:,} characters or fewer.", field="reason")
    if conditions and verdict is not Verdict.AWARDED:
        raise RuleBroken("It is not to be funded, so there is nothing to ask of it. Leave this empty.", "conditions")
    if len(conditions) > WORDS_AT_MOST:
        raise RuleBroken(f"Use {WORDS_AT_MOST:,} characters or fewer.", field="conditions")
    row.verdict, row.settled_at = verdict, uow.now
    row.reason = reason if verdict is not ruled else ""
    row.conditions = conditions
    row.took_part = sorted(str(id) for id in item.present)


def _ensure_quorum(item: Item, quorum: int) -> None:
    if item.lacking:
        raise StepRefused(
            f"Of those who are there, {len(item.present)} have no interest in bid {item.row.position}, and {quorum} "
            "are needed. The panel cannot decide about it before more members come."
        )


def close(uow: UnitOfWork, round_id: UUID) -> Meeting:
    """The chair closes the meeting: what it recommends becomes the panel's decision, and the minutes stand.

    Every bid must be settled, but for those of which the chair is no part: they stay as the votes have them.
    """
    round, meeting = _open(uow, round_id)
    ensure_may_decide(uow.actor, round.fund_id, review.chair_id(uow.session, round_id))
    items, quorum = queries.agenda(uow.session, round, meeting), rounds.rule_book(round).quorum
    standing = {one.proposal_id: one for one in allocation.decisions(uow.session, round_id)}
    if set(standing) != {one.row.proposal_id for one in items}:
        raise StepRefused("The results were worked out again. A steward must plan the meeting anew.")
    departures, conditions, there = [], {}, set(meeting.present)
    for item in items:
        row, ruled = item.row, standing[item.row.proposal_id].verdict
        if uow.actor.id in item.out:
            _ensure_quorum(item, quorum)
            row.took_part = sorted(str(id) for id in item.present)
            continue
        if row.verdict is None:
            raise StepRefused(f"Bid {row.position} is not settled. Go through it first.")
        if sum(UUID(id) not in item.out for id in row.took_part) < quorum:
            raise StepRefused(f"An interest in bid {row.position} came to light meanwhile. Go through it again.")
        there |= set(row.took_part)
        if row.verdict is not ruled:
            departures.append(Departure(row.proposal_id, row.verdict, row.reason))
        if row.conditions:
            conditions[row.proposal_id] = row.conditions
    deciding.decide(uow, round_id, departures, [UUID(id) for id in there], conditions=conditions)
    before = meeting.state
    meeting.state = next_state(STEPS, before, MeetingAction.CLOSE)
    meeting.closed_at, meeting.present = uow.now, sorted(there)
    meeting.members_count = len(review.member_ids(uow.session, round_id))
    uow.record("meeting.closed", meeting, before=before, after=meeting.state, departures_count=len(departures))
    return meeting


def _held(uow: UnitOfWork, round_id: UUID) -> tuple[Round, Meeting]:
    """The round and its meeting, both held."""
    round = uow.get(Round, round_id, lock=True)
    found = queries.of_round(uow.session, round_id)
    if found is None:
        raise NotFound("No meeting is planned for this round.")
    return round, uow.get(Meeting, found.id, lock=True)


def _open(uow: UnitOfWork, round_id: UUID) -> tuple[Round, Meeting]:
    round, meeting = _held(uow, round_id)
    if meeting.state is not MeetingState.OPEN:
        raise StepRefused("The meeting is not open: the chair opens it, and once it is closed its minutes stand.")
    return round, meeting


def _item(uow: UnitOfWork, round: Round, meeting: Meeting, position: int) -> Item:
    for one in queries.agenda(uow.session, round, meeting):
        if one.row.position == position:
            return one
    raise NotFound("There is no such bid on the agenda.")
