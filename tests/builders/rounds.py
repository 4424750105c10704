"""Rounds in any state, with dates that fit the state at ``START``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from sqlalchemy.orm import Session

from grants.funds.models import Fund
from grants.kernel.sealing import make_key_pair, wrap_private_key
from grants.priorities.models import Priority
from grants.rounds.models import Round, RoundPriority
from grants.rounds.rules.book import RoundDraft
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.states import RoundState
from tests.builders.funds import a_contribution, a_fund
from tests.builders.priorities import a_priority
from tests.support.clock import START
from tests.support.settings import KEYS

_numbers = count(1)
_S = RoundState
_DAYS: dict[RoundState, tuple[int, int, int, int, int]] = {
    _S.DRAFT: (7, 35, 42, 56, 70),
    _S.SCHEDULED: (7, 35, 42, 56, 70),
    _S.OPEN: (-7, 21, 28, 42, 56),
    _S.CLOSED: (-35, -7, 7, 21, 35),
    _S.CHECKING: (-35, -7, 7, 21, 35),
    _S.VOTING: (-49, -21, -7, 7, 21),
    _S.PANEL: (-63, -35, -21, -7, 7),
    _S.DECIDED: (-63, -35, -21, -7, 7),
    _S.ANNOUNCED: (-70, -42, -28, -14, -7),
    _S.COMPLETED: (-170, -142, -128, -114, -107),
    _S.CANCELLED: (7, 35, 42, 56, 70),
}
"""Days from ``START`` on which a round in this state opens, closes, opens and closes its vote, and is decided."""
_COUNTED = (_S.PANEL, _S.DECIDED, _S.ANNOUNCED, _S.COMPLETED)


def some_dates(state: RoundState = RoundState.OPEN, start: datetime = START) -> RoundDates:
    """Dates with which a round is in ``state`` at ``start``."""
    return RoundDates(*(start + timedelta(days=days) for days in _DAYS[state]))


def a_draft(session: Session, fund: Fund | None = None, **fields: object) -> RoundDraft:
    """What a steward writes down: £5,000 to share, £100 to £2,000 each, against one agreed priority."""
    fund = fund or a_fund(session)
    defaults: dict[str, object] = {
        "title": f"Round {next(_numbers)}",
        "summary": "Small grants for what neighbours start together.",
        "fund_id": fund.id,
        "priority_ids": fields.pop("priority_ids", None) or (a_priority(session).id,),
        "dates": some_dates(RoundState.SCHEDULED),
        "pot_minor": 500_000,
        "floor_minor": 10_000,
        "cap_minor": 200_000,
        "who_may_apply": "Groups of neighbours, with a bank account or with a host.",
    }
    return RoundDraft(**{**defaults, **fields})  # type: ignore[arg-type]


def a_round(
    session: Session,
    state: RoundState = RoundState.OPEN,
    *,
    fund: Fund | None = None,
    priorities: Sequence[Priority] = (),
    dates: RoundDates | None = None,
    draft: RoundDraft | None = None,
    **fields: object,
) -> Round:
    """A round in ``state`` at ``START``, frozen from SCHEDULED on, of a fund with £20,000 when none is given.

    ``fields`` of a draft (``cap_minor``, ``ballot_minimum`` …) go into the rule-book; others into the row. The private
    key is wrapped by the tests' vote key, and gone once the votes are counted.
    """
    if fund is None and draft is None:
        fund = a_fund(session)
        a_contribution(session, fund, 2_000_000)
    if draft is None:
        ids: tuple[UUID, ...] = tuple(one.id for one in priorities)
        mine = {name: fields.pop(name) for name in list(fields) if name in RoundDraft.__dataclass_fields__}
        draft = a_draft(session, fund, priority_ids=ids, dates=dates or some_dates(state), **mine)
    round = Round(
        **{
            "fund_id": draft.fund_id,
            "title": draft.title,
            "summary": draft.summary,
            "state": RoundState.DRAFT,
            **{name: getattr(draft.dates, name) for name in RoundDates.__dataclass_fields__},
            "pot_minor": draft.pot_minor,
            "floor_minor": draft.floor_minor,
            "cap_minor": draft.cap_minor,
            "terms": draft.terms(),
            "preview_token": f"preview-{next(_numbers)}".ljust(43, "x"),
            **fields,
        }
    )
    session.add(round)
    session.flush()
    session.add_all(RoundPriority(round_id=round.id, priority_id=id) for id in draft.priority_ids)
    session.flush()
    if state is not RoundState.DRAFT:
        public, private = make_key_pair()
        book = draft.book(lot_seed="seed", ballot_public_key=public)
        round.rule_book, round.rule_book_hash = book.to_canonical_json(), book.sha256
        round.ballot_public_key = public
        if state not in _COUNTED:
            round.ballot_private_key = wrap_private_key(private, bytes.fromhex(KEYS["vote_key"]), round.id)
        round.scheduled_at = draft.dates.opens_at - timedelta(days=7)
        round.state = state
    if state in (RoundState.VOTING, *_COUNTED):
        round.panel_locked_at = draft.dates.voting_opens_at - timedelta(days=1)
    if state in _COUNTED:
        round.votes_counted_at = draft.dates.voting_closes_at + timedelta(hours=1)
    if state in (RoundState.ANNOUNCED, RoundState.COMPLETED):
        round.announced_at = draft.dates.decide_by
    if state is RoundState.CANCELLED:
        round.cancelled_reason = "The hall is flooded."
    session.flush()
    return round
