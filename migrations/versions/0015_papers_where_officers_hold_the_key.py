"""papers where officers hold the key"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SERIAL = ("ix_paper_entry_serial", "paper_entry", ["round_id", "keying", "serial"])


def upgrade() -> None:
    op.add_column("paper_batch", sa.Column("cover_hash", sa.String(length=64), nullable=True))
    op.add_column("paper_batch", sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True))
    op.add_reference("paper_batch", "set_aside_by_id", "person")
    op.add_column("paper_batch", sa.Column("set_aside_why", sa.String(length=500), nullable=True))
    op.add_reference("paper_batch", "instead_of_id", "paper_batch")
    op.add_column("paper_correction", sa.Column("was_likeness", sa.LargeBinary(), nullable=True))
    op.add_column("paper_entry", sa.Column("likeness", sa.LargeBinary(), nullable=True))
    op.add_column("paper_entry", sa.Column("aside", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.replace_check(
        "paper_batch", "ck_paper_batch_paperbatchstate_known", "state IN ('declared', 'keyed', 'approved', 'set_aside')"
    )
    op.add_check(
        "paper_batch", "ck_paper_batch_set_aside_has_time", "(state = 'set_aside') = (set_aside_at IS NOT NULL)"
    )
    _number_once("invalid IS NULL AND NOT aside")


def downgrade() -> None:
    # what was set aside was keyed again: without the state for it there would be two readings of one paper
    op.execute("DELETE FROM paper_entry WHERE aside")
    op.execute("DELETE FROM paper_correction WHERE batch_id IN (SELECT id FROM paper_batch WHERE state = 'set_aside')")
    op.execute("UPDATE paper_batch SET instead_of_id = NULL")
    op.execute("DELETE FROM paper_batch WHERE state = 'set_aside'")
    _number_once("invalid IS NULL")
    op.drop_check("paper_batch", "ck_paper_batch_set_aside_has_time")
    op.replace_check(
        "paper_batch", "ck_paper_batch_paperbatchstate_known", "state IN ('declared', 'keyed', 'approved')"
    )
    op.drop_columns("paper_entry", "likeness", "aside")
    op.drop_columns("paper_correction", "was_likeness")
    op.drop_columns("paper_batch", "cover_hash", "set_aside_at", "set_aside_by_id", "set_aside_why", "instead_of_id")


def _number_once(where: str) -> None:
    """A number of a paper stands once among what one of the two has keyed and what counts."""
    op.drop_index(SERIAL[0], SERIAL[1])
    op.create_index(*SERIAL, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
