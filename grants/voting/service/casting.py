"""Cast a ballot. In a vote's last minute everybody comes through here, so it is written in statements, not in objects.

What stands still while a vote runs is read once by each process; whether anything else has changed (a date, a bid
withdrawn, the close) is asked of the database in the same breath as the ballot is written. Sealing comes before the
transaction, for which writers queue. Measured in ``docs/decisions/0021-casting-fast.md``; no trail entry, as 0020 says.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Table
from sqlalchemy.orm import Session

from grants.kernel.clock import london_day
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.statements import AtOnce, Kinds, Line, Statement, Turned, line_of
from grants.kernel.work import UnitOfWork
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.rounds.rules.dates import phase_at
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.models import Envelope, RollMark
from grants.voting.queries import StandingBallot
from grants.voting.rules.ballots import Mark, check_choices
from grants.voting.rules.envelope import Sealed, seal, tracking_code
from grants.voting.rules.states import Channel
from grants.voting.rules.voters import Receipt, Voter
from grants.voting.service.votes import ON_PAPER, VOIDED, ensure_open

CHANGED = "The ballot changed at this very moment, so nothing was cast. Please try again."
KEPT = 32
"""Rounds that one process remembers; few vote at a time."""


@dataclass(frozen=True, slots=True)
class ReadyBallot:
    """Choices that were checked against the round's ballot as it stood, and sealed."""

    of: StandingBallot
    choices: tuple[Mark, ...]
    blank_confirmed: bool
    token: str
    sealed: Sealed


_standing: dict[UUID, StandingBallot] = {}


def seal_ballot(
    reading: Session | Callable[[], Session],
    round_id: UUID,
    choices: Iterable[Mark] | Mapping[int, int],
    *,
    blank_confirmed: bool = False,
    token: str = "",
) -> ReadyBallot:
    """Check and seal: all that can be done before the transaction. Refuses (``RuleBroken``) what is no ballot here.

    ``token``: the same one with the same choices gives the same tracking code, so a button pressed twice tells no lie.
    """
    chosen = tuple(choices.items() if isinstance(choices, Mapping) else choices)
    if (known := _standing.get(round_id)) is not None:
        try:
            return _sealed(known, chosen, blank_confirmed, token)
        except RuleBroken:  # perhaps fewer stand by now
            pass
    session = reading if isinstance(reading, Session) else reading()
    return _sealed(_look_again(session, round_id), chosen, blank_confirmed, token)


def _look_again(session: Session, round_id: UUID) -> StandingBallot:
    if len(_standing) >= KEPT:
        _standing.clear()
    found = _standing[round_id] = queries.standing_ballot(session, round_id)
    return found


def _sealed(ballot: StandingBallot, choices: tuple[Mark, ...], blank_confirmed: bool, token: str) -> ReadyBallot:
    chosen = check_choices(choices, ballot.standing, ballot.limits, blank_confirmed)
    sealed = seal(chosen, ballot.public_key, ballot.round_id, _token_bytes(token))
    return ReadyBallot(ballot, choices, blank_confirmed, token, sealed)


def _token_bytes(token: str) -> Any:
    if not token:
        return secrets.token_bytes
    return lambda size: hashlib.shake_256(f"seedbed nonce\n{token}".encode()).digest(size)


def cast(
    uow: UnitOfWork,
    round_id: UUID,
    voter: Voter,
    choices: Iterable[Mark] | Mapping[int, int],
    *,
    blank_confirmed: bool = False,
    token: str = "",
    channel: Channel = Channel.ONLINE,
) -> Receipt:
    """Check, seal and hand in, for whoever is in no hurry. Refuses as ``seal_ballot`` and ``hand_in`` do."""
    ready = seal_ballot(uow.session, round_id, choices, blank_confirmed=blank_confirmed, token=token)
    return hand_in(uow, voter, ready, channel=channel)


def hand_in(
    work: UnitOfWork | AtOnce, voter: Voter, ready: ReadyBallot, *, channel: Channel = Channel.ONLINE
) -> Receipt:
    """Put the sealed ballot into the voter's envelope and mark the roll: one person, one ballot; again replaces it.

    Refuses (``StepRefused``) outside voting hours, and who has voted on paper; and (``RuleBroken``) a void code, and
    choices that have ceased to be a ballot of this round. What refuses has written nothing, so that the work need be
    no more than a few statements at once (``web.db.at_once``).
    """
    now = work.now
    line = work.line if isinstance(work, AtOnce) else line_of(work.session.connection())
    open_now = phase_at(ready.of.round.state, ready.of.dates, now) is RoundState.VOTING
    told = _offer(line, now, voter, ready, channel) if open_now else None
    if told is None:
        session = work.reading() if isinstance(work, AtOnce) else work.session
        ready = _sealed(_look_again(session, ready.of.round_id), ready.choices, ready.blank_confirmed, ready.token)
        ensure_open(ready.of.round, now)
        told = _offer(line, now, voter, ready, channel)
    if told is None:
        raise StepRefused(CHANGED)
    if not told.may_vote:
        raise RuleBroken(VOIDED, field="code")
    if not told.marked:
        raise StepRefused(ON_PAPER)
    return Receipt(tracking_code(ready.sealed.commitment), ready.sealed.nonce, replaced=told.replaced)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the database said: a code that is not void, a mark on the roll, and whether another vote lay there before.

    The same one is no other: a button pressed twice replaces nothing.
    """

    may_vote: bool
    marked: bool
    replaced: bool


def _offer(line: Line, now: datetime, voter: Voter, ready: ReadyBallot, channel: Channel) -> _Told | None:
    """Write mark and envelope if the round is still as it was when the ballot was sealed; else nothing."""
    if (seen := ready.of.turned.get(line.dialect.name)) is None:
        seen = _VALUES.turned(line.dialect, {**ready.of.seen, "round_id": ready.of.round_id})
        ready.of.turned[line.dialect.name] = seen
    own = {
        "voter_key": voter.key,
        "channel": channel,
        "voted_on": london_day(now),
        "ward_code": voter.ward_code,
        "sealed": ready.sealed.envelope,
        "commitment": ready.sealed.commitment,
    }
    values = Turned(seen | _VALUES.turned(line.dialect, own))
    by_code = voter.method is VotingMethod.CODE
    if line.dialect.name == "postgresql":
        return _in_one_statement(line, values, by_code)
    return _step_by_step(line, values, by_code)


# The statements. "unchanged" compares with what ``StandingBallot.seen`` holds.

_UNCHANGED = """
    r.id = :round_id AND r.state = :state
    AND r.voting_opens_at = :voting_opens_at AND r.voting_closes_at = :voting_closes_at
    AND (SELECT count(*) FROM proposal p WHERE p.round_id = r.id AND p.state = 'withdrawn') = :withdrawn
"""
_REPLACE = "ON CONFLICT (round_id, voter_key) DO UPDATE SET sealed = excluded.sealed, commitment = excluded.commitment"
_ONCE = "ON CONFLICT (round_id, voter_key) DO NOTHING"
_OTHER = "SELECT 1 FROM envelope WHERE round_id = :round_id AND voter_key = :voter_key AND commitment <> :commitment"
_ROUND, _ROLL, _ENVELOPE = (model.__table__ for model in (Round, RollMark, Envelope))
assert isinstance(_ROUND, Table)
assert isinstance(_ROLL, Table)
assert isinstance(_ENVELOPE, Table)
_SEEN = {name: _ROUND.c[name].type for name in ("state", "voting_opens_at", "voting_closes_at")}
_KINDS = {
    **_SEEN,
    "withdrawn": Integer(),
    **{column.name: column.type for table in (_ROLL, _ENVELOPE) for column in table.c},
}


_VALUES = Kinds(_KINDS)


def _statement(words: str) -> Statement:
    """With the types of those values that are named in it."""
    return Statement(words, {name: kind for name, kind in _KINDS.items() if f":{name}" in words})


# SQLite has one writer. Most come for the first time, so it marks the roll at once, and looks when that did not go.

_LOOK = _statement(
    "SELECT (SELECT channel FROM roll WHERE round_id = :round_id AND voter_key = :voter_key),"  # noqa: S608 - our words
    f" EXISTS ({_OTHER}) FROM round r WHERE {_UNCHANGED}"
)
_USE_CODE = _statement(
    "UPDATE voting_code SET state = 'used' WHERE round_id = :round_id AND code_hash = :voter_key AND state <> 'void'"
)
_MARK = _statement(
    "INSERT INTO roll (round_id, voter_key, channel, voted_on, ward_code)"  # noqa: S608 - our own words
    f" SELECT r.id, :voter_key, :channel, :voted_on, :ward_code FROM round r WHERE {_UNCHANGED} {_ONCE}"
)
_SEAL = _statement(
    "INSERT INTO envelope (round_id, voter_key, sealed, commitment)"  # noqa: S608 - our own words
    f" VALUES (:round_id, :voter_key, :sealed, :commitment) {_REPLACE}"
)


def _step_by_step(line: Line, values: Turned, by_code: bool) -> _Told | None:
    if not by_code and _MARK.run(line, values).rowcount:
        _SEAL.run(line, values)
        return _Told(may_vote=True, marked=True, replaced=False)
    seen = _LOOK.run(line, values).fetchall()
    if not seen:
        return None
    before, other = seen[0]
    if by_code and not _USE_CODE.run(line, values).rowcount:
        return _Told(may_vote=False, marked=False, replaced=False)
    if before == Channel.PAPER:
        return _Told(may_vote=True, marked=False, replaced=False)
    if before is None:
        _MARK.run(line, values)
    _SEAL.run(line, values)
    return _Told(may_vote=True, marked=True, replaced=bool(other))


# PostgreSQL has many, and each journey to it costs: so one statement, whose parts run in the order in which they use
# each other. The lock on the round lets casts pass each other, and not the close: either the close waits for us, or we
# see that it has come. A second ballot of one voter waits for the first at the roll's key, and then replaces it.

_ALL_AT_ONCE = {
    by_code: _statement(f"""
WITH open AS (
    SELECT r.id FROM round r WHERE {_UNCHANGED} FOR KEY SHARE OF r
), code AS (
    SELECT id FROM voting_code
    WHERE round_id = :round_id AND code_hash = :voter_key AND state <> 'void' FOR UPDATE
), mark AS (
    INSERT INTO roll (round_id, voter_key, channel, voted_on, ward_code)
    SELECT open.id, :voter_key, :channel, :voted_on, :ward_code FROM open {", code" if by_code else ""}
    ON CONFLICT (round_id, voter_key) DO UPDATE SET channel = roll.channel WHERE roll.channel <> 'paper'
    RETURNING round_id, voter_key
), used AS (
    UPDATE voting_code SET state = 'used' FROM code, mark
    WHERE voting_code.id = code.id AND voting_code.state <> 'used'
), sealed AS (
    INSERT INTO envelope (round_id, voter_key, sealed, commitment)
    SELECT round_id, voter_key, :sealed, :commitment FROM mark {_REPLACE}
)
SELECT (SELECT count(*) FROM open), {"(SELECT count(*) FROM code)" if by_code else "1"}, (SELECT count(*) FROM mark),
    EXISTS ({_OTHER})
""")  # noqa: S608 - our own words
    for by_code in (False, True)
}


def _in_one_statement(line: Line, values: Turned, by_code: bool) -> _Told | None:
    unchanged, may_vote, marked, replaced = _ALL_AT_ONCE[by_code].run(line, values).fetchone()
    return _Told(bool(may_vote), bool(marked), bool(replaced)) if unchanged else None
