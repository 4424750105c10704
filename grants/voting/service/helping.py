"""Help to vote: that somebody helped, who, and how often on a day. Never whom, never with what.

No trail entry for it: entries come in the order of time, and so would tie a moment to a mark on the roll.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, StepRefused
from grants.kernel.upserts import count_up
from grants.kernel.work import UnitOfWork
from grants.rounds.models import Round
from grants.voting import access, queries
from grants.voting.models import HelpCount
from grants.voting.rules.states import Channel
from grants.voting.rules.voters import Receipt, Voter
from grants.voting.service import casting
from grants.voting.service.casting import ReadyBallot
from grants.voting.service.votes import ensure_open

HELP_LASTS = timedelta(minutes=30)


def begin_help(uow: UnitOfWork, round_id: UUID) -> datetime:
    """Whether this person may help somebody now, and until when. Nothing is written before a vote is cast."""
    round = uow.get(Round, round_id)
    access.ensure_may_help(uow.actor, round.fund_id)
    ensure_open(round, uow.now)
    _ensure_below_cap(_times(uow, round_id) + 1, queries.book_of(round).help_cap)
    return uow.now + HELP_LASTS


def hand_in_with_help(uow: UnitOfWork, round_id: UUID, voter: Voter, ready: ReadyBallot, until: datetime) -> Receipt:
    """Cast for a resident whom this person helps: the roll says "assisted", and one more is counted for the helper.

    Refuses (``StepRefused``) once the half hour is over, and beyond the cap of the rule-book.
    """
    if uow.now >= until:
        raise StepRefused("The help session has ended, so nothing was cast. Start again with the resident.")
    round = uow.get(Round, round_id)
    access.ensure_may_help(uow.actor, round.fund_id)
    key = {"round_id": round_id, "helper_id": uow.actor.id, "on_day": london_day(uow.now)}
    count_up(uow.session, HelpCount, key, times=1)
    _ensure_below_cap(_times(uow, round_id), queries.book_of(round).help_cap)
    return casting.hand_in(uow, voter, ready, channel=Channel.ASSISTED)


def _times(uow: UnitOfWork, round_id: UUID) -> int:
    if uow.actor.id is None:
        raise NotAllowed("Sign in first.")
    mine = (HelpCount.round_id == round_id, HelpCount.helper_id == uow.actor.id)
    return int(uow.session.scalar(select(func.coalesce(func.sum(HelpCount.times), 0)).where(*mine)) or 0)


def _ensure_below_cap(times: int, cap: int) -> None:
    if times > cap:
        raise StepRefused(
            f"By this round's rule-book one person may help {cap} others. You have reached that. Ask another helper."
            if cap
            else "By this round's rule-book nobody helps others to vote."
        )
