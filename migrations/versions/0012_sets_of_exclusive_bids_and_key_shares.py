"""sets of exclusive bids, and key shares

They stood in 0001 for an afternoon after that had been published. So a database has them if it was made then, and not if it was made
before: they are made where they are missing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    there = set(sa.inspect(op.get_bind()).get_table_names())
    if "exclusive_set" not in there:
        op.create_table(
            "exclusive_set",
            sa.Column("round_id", sa.Uuid(), nullable=False),
            sa.Column("reason", sa.String(length=500), nullable=False),
            sa.Column("set_by_id", sa.Uuid(), nullable=False),
            sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("after_vote", sa.Boolean(), nullable=False),
            sa.Column("lifted_by_id", sa.Uuid(), nullable=True),
            sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("lifted_reason", sa.String(length=500), nullable=True),
            sa.Column("lifted_after_vote", sa.Boolean(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.CheckConstraint(
                "(lifted_at IS NULL) = (lifted_reason IS NULL)", name=op.f("ck_exclusive_set_lifted_with_a_reason")
            ),
            sa.ForeignKeyConstraint(["lifted_by_id"], ["person.id"], name=op.f("fk_exclusive_set_lifted_by_id")),
            sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_exclusive_set_round_id")),
            sa.ForeignKeyConstraint(["set_by_id"], ["person.id"], name=op.f("fk_exclusive_set_set_by_id")),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusive_set")),
        )
        op.create_index(op.f("ix_exclusive_set_round_id"), "exclusive_set", ["round_id"], unique=False)
    if "key_share" not in there:
        op.create_table(
            "key_share",
            sa.Column("round_id", sa.Uuid(), nullable=False),
            sa.Column("person_id", sa.Uuid(), nullable=False),
            sa.Column("number", sa.Integer(), nullable=False),
            sa.Column("fingerprint", sa.String(length=64), nullable=False),
            sa.Column("waiting", sa.LargeBinary(), nullable=True),
            sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("brought", sa.LargeBinary(), nullable=True),
            sa.Column("brought_at", sa.DateTime(timezone=True), nullable=True),
            sa.CheckConstraint("number IN (1, 2, 3)", name=op.f("ck_key_share_number_known")),
            sa.CheckConstraint(
                "waiting IS NULL OR collected_at IS NULL", name=op.f("ck_key_share_collected_is_deleted")
            ),
            sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_key_share_person_id")),
            sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_key_share_round_id")),
            sa.PrimaryKeyConstraint("round_id", "person_id", name=op.f("pk_key_share")),
            sa.UniqueConstraint("round_id", "number", name=op.f("uq_key_share_round_id_number")),
        )
        op.create_index(op.f("ix_key_share_person_id"), "key_share", ["person_id"], unique=False)
    if "exclusive_bid" not in there:
        op.create_table(
            "exclusive_bid",
            sa.Column("set_id", sa.Uuid(), nullable=False),
            sa.Column("proposal_id", sa.Uuid(), nullable=False),
            sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_exclusive_bid_proposal_id")),
            sa.ForeignKeyConstraint(["set_id"], ["exclusive_set.id"], name=op.f("fk_exclusive_bid_set_id")),
            sa.PrimaryKeyConstraint("set_id", "proposal_id", name=op.f("pk_exclusive_bid")),
        )
        op.create_index(op.f("ix_exclusive_bid_proposal_id"), "exclusive_bid", ["proposal_id"], unique=False)


def downgrade() -> None:
    op.drop_table("exclusive_bid")
    op.drop_table("key_share")
    op.drop_table("exclusive_set")
