"""What is counted without names: how the questions before a proposal ended, how long its sections take."""

from uuid import UUID

from grants.kernel.upserts import count_up
from grants.kernel.work import UnitOfWork
from grants.proposals.models import EligibilityCount, SectionEffort
from grants.proposals.rules.hurdles import MAY_APPLY, Hurdle
from grants.proposals.rules.measures import LONGEST_SECONDS
from grants.rounds.models import Round


def count(uow: UnitOfWork, round_id: UUID, hurdle: Hurdle | None) -> None:
    """Count how the questions ended: the first rule that fails, or that they may apply. There is no trail entry:
    its moment beside a sign-in would tell who it was."""
    round = uow.get(Round, round_id)
    outcome = hurdle.value if hurdle else MAY_APPLY
    count_up(uow.session, EligibilityCount, {"round_id": round.id, "outcome": outcome}, times=1)


def add_effort(uow: UnitOfWork, round_id: UUID, section: str, seconds: int) -> None:
    """Add up how long a page of the form was open, at most 45 minutes of it. ``section``: its word."""
    key = {"round_id": round_id, "section": str(section)}
    count_up(uow.session, SectionEffort, key, saves=1, seconds=min(seconds, LONGEST_SECONDS))
