"""Parts that could not be paid."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.make_nullable("award_version", "change_id")
    op.add_column("instalment", sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("instalment", sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_reference("instalment", "dropped_by_id", "person")
    op.add_column("instalment", sa.Column("dropped_why", sa.String(length=300), nullable=True))


def downgrade() -> None:
    # The version before knows no version of an award that nobody asked for: the books, the trail and the sum itself keep it.
    op.execute("DELETE FROM award_version WHERE change_id IS NULL")
    op.make_required("award_version", "change_id")
    op.drop_columns("instalment", "planned_at", "dropped_at", "dropped_by_id", "dropped_why")
