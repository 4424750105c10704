"""The bank of insights."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Identified, Utc


class Insight(Identified):
    """A piece of what communities said, with where and how it was heard."""

    __tablename__ = "insight"

    text: Mapped[str] = mapped_column(String(1000))
    how_heard: Mapped[str] = mapped_column(String(300))
    ward_code: Mapped[str | None] = mapped_column(String(9), index=True)
    heard_on: Mapped[date | None]
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    recorded_at: Mapped[datetime] = mapped_column(Utc(), index=True)
