"""What is counted without names: how the questions before a proposal ended, how long its sections take."""

from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite

from grants.kernel.work import UnitOfWork
from grants.proposals.models import EligibilityCount, SectionEffort
from grants.proposals.rules.hurdles import MAY_APPLY, Hurdle
from grants.proposals.rules.measures import LONGEST_SECONDS
from grants.proposals.rules.sections import Section
from grants.rounds.models import Round


def count(uow: UnitOfWork, round_id: UUID, hurdle: Hurdle | None) -> None:
    """Count how the questions ended: the first rule that fails, or that they may apply. There is no trail entry:
    its moment beside a sign-in would tell who it was."""
    round = uow.get(Round, round_id)
    dialect = sqlite if uow.session.get_bind().dialect.name == "sqlite" else postgresql
    outcome = hurdle.value if hurdle else MAY_APPLY
    row = dialect.insert(EligibilityCount).values(round_id=round.id, outcome=outcome, times=1)
    uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["round_id", "outcome"], set_={"times": EligibilityCount.times + row.excluded.times}
        )
    )


def add_effort(uow: UnitOfWork, round_id: UUID, section: Section, seconds: int) -> None:
    """Add up how long a page of the form was open, at most 45 minutes of it."""
    dialect = sqlite if uow.session.get_bind().dialect.name == "sqlite" else postgresql
    counted = min(seconds, LONGEST_SECONDS)
    row = dialect.insert(SectionEffort).values(round_id=round_id, section=section.value, saves=1, seconds=counted)
    uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["round_id", "section"],
            set_={
                "saves": SectionEffort.saves + row.excluded.saves,
                "seconds": SectionEffort.seconds + row.excluded.seconds,
            },
        )
    )
