"""Put what was heard into the bank."""

from grants.insights import access, rules
from grants.insights.models import Insight
from grants.insights.rules import InsightDraft
from grants.kernel.clock import london_day
from grants.kernel.work import UnitOfWork


def add(uow: UnitOfWork, draft: InsightDraft) -> Insight:
    """Write down what was heard, where and how."""
    access.ensure_may_add(uow.actor)
    draft = rules.checked(draft, london_day(uow.now))
    insight = Insight(
        text=draft.text.strip(),
        how_heard=draft.how_heard.strip(),
        ward_code=draft.ward_code,
        heard_on=draft.heard_on,
        recorded_by_id=uow.actor.id,
        recorded_at=uow.now,
    )
    uow.add(insight)
    uow.record("insight.added", insight)
    return insight
