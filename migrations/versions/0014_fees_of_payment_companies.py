"""The fees of payment companies: what they kept, who bears it, and what they said that they held."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_reading",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_reading")),
    )
    op.create_index("ix_provider_reading_latest", "provider_reading", ["provider", "read_at"], unique=False)
    op.add_column("fund", sa.Column("fees_borne_by", sa.String(length=140), nullable=True))
    op.add_column("statement_line", sa.Column("fee_minor", sa.BigInteger(), nullable=True))
    op.add_column("statement_line", sa.Column("kind", sa.String(length=20), nullable=True))
    op.replace_check(
        "statement_line",
        "ck_statement_line_about_known",
        "about IN ('payment', 'money_in', 'returned', 'given_back', 'fee', 'own_bank', 'made_good', 'other')",
    )


def downgrade() -> None:
    op.execute(
        "UPDATE statement_line SET about = NULL, about_id = NULL WHERE about IN ('fee', 'own_bank', 'made_good', 'other')"
    )
    op.replace_check(
        "statement_line", "ck_statement_line_about_known", "about IN ('payment', 'money_in', 'returned', 'given_back')"
    )
    op.drop_columns("statement_line", "kind", "fee_minor")
    op.drop_columns("fund", "fees_borne_by")
    op.drop_index("ix_provider_reading_latest", table_name="provider_reading")
    op.drop_table("provider_reading")
