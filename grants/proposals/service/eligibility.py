"""The questions before a proposal: how they ended is counted, who answered them is not known."""

from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite

from grants.kernel.work import UnitOfWork
from grants.proposals.models import EligibilityCount
from grants.proposals.rules import MAY_APPLY, Hurdle
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
