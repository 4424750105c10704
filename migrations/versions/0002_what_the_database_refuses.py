"""What the database itself refuses, whoever asks: written from the models by .ci/first-migration."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = {
    "sqlite": [
        "CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END",
        "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END",
        "CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END",
        "CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END",
        "CREATE TRIGGER ledger_close_refuses BEFORE INSERT ON ledger_entry WHEN EXISTS (SELECT 1 FROM ledger_close WHERE fund_id = NEW.fund_id AND ends_at >= NEW.at) BEGIN SELECT RAISE(ABORT, 'this period of the books is closed'); END",
        "CREATE TRIGGER ledger_close_no_update BEFORE UPDATE ON ledger_close BEGIN SELECT RAISE(ABORT, 'ledger_close is append-only'); END",
        "CREATE TRIGGER ledger_close_no_delete BEFORE DELETE ON ledger_close BEGIN SELECT RAISE(ABORT, 'ledger_close is append-only'); END",
        "CREATE TRIGGER round_frozen BEFORE UPDATE ON round WHEN OLD.rule_book_hash IS NOT NULL AND (NEW.fund_id IS NOT OLD.fund_id OR NEW.title IS NOT OLD.title OR NEW.pot_minor IS NOT OLD.pot_minor OR NEW.floor_minor IS NOT OLD.floor_minor OR NEW.cap_minor IS NOT OLD.cap_minor OR NEW.terms IS NOT OLD.terms OR NEW.rule_book IS NOT OLD.rule_book OR NEW.rule_book_hash IS NOT OLD.rule_book_hash OR NEW.ballot_public_key IS NOT OLD.ballot_public_key OR NEW.closes_at < OLD.closes_at OR NEW.voting_closes_at < OLD.voting_closes_at OR (NEW.ballot_private_key IS NOT NULL AND NEW.ballot_private_key <> coalesce(OLD.ballot_private_key, ''))) BEGIN SELECT RAISE(ABORT, 'a scheduled round is frozen'); END",
        "CREATE TRIGGER ledger_posting_no_update BEFORE UPDATE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'ledger_posting is append-only'); END",
        "CREATE TRIGGER ledger_posting_no_delete BEFORE DELETE ON ledger_posting BEGIN SELECT RAISE(ABORT, 'ledger_posting is append-only'); END",
        "CREATE TRIGGER packed_ballots_no_update BEFORE UPDATE ON packed_ballots BEGIN SELECT RAISE(ABORT, 'packed_ballots is append-only'); END",
        "CREATE TRIGGER packed_ballots_no_delete BEFORE DELETE ON packed_ballots BEGIN SELECT RAISE(ABORT, 'packed_ballots is append-only'); END",
        "CREATE TRIGGER round_priority_frozen_insert BEFORE INSERT ON round_priority WHEN (SELECT rule_book_hash FROM round WHERE id = NEW.round_id) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a scheduled round is frozen'); END",
        "CREATE TRIGGER round_priority_frozen_update BEFORE UPDATE ON round_priority WHEN (SELECT rule_book_hash FROM round WHERE id = OLD.round_id) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a scheduled round is frozen'); END",
        "CREATE TRIGGER round_priority_frozen_delete BEFORE DELETE ON round_priority WHEN (SELECT rule_book_hash FROM round WHERE id = OLD.round_id) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a scheduled round is frozen'); END",
        "CREATE TRIGGER round_change_no_update BEFORE UPDATE ON round_change BEGIN SELECT RAISE(ABORT, 'round_change is append-only'); END",
        "CREATE TRIGGER round_change_no_delete BEFORE DELETE ON round_change BEGIN SELECT RAISE(ABORT, 'round_change is append-only'); END",
        "CREATE TRIGGER proposal_snapshot_no_update BEFORE UPDATE ON proposal_snapshot BEGIN SELECT RAISE(ABORT, 'proposal_snapshot is append-only'); END",
        "CREATE TRIGGER proposal_snapshot_no_delete BEFORE DELETE ON proposal_snapshot BEGIN SELECT RAISE(ABORT, 'proposal_snapshot is append-only'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$",
        "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()",
        "CREATE OR REPLACE FUNCTION ledger_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_entry is append-only'; END $$",
        "CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_refuse()",
        "CREATE OR REPLACE FUNCTION ledger_close_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS (SELECT 1 FROM ledger_close WHERE fund_id = NEW.fund_id AND ends_at >= NEW.at) THEN RAISE EXCEPTION 'this period of the books is closed'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER ledger_close_refuses BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_close_refuses()",
        "CREATE OR REPLACE FUNCTION ledger_close_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_close is append-only'; END $$",
        "CREATE TRIGGER ledger_close_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_close FOR EACH STATEMENT EXECUTE FUNCTION ledger_close_refuse()",
        "CREATE OR REPLACE FUNCTION round_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a scheduled round is frozen'; END $$",
        "CREATE TRIGGER round_frozen BEFORE UPDATE ON round FOR EACH ROW WHEN (OLD.rule_book_hash IS NOT NULL AND (NEW.fund_id::text IS DISTINCT FROM OLD.fund_id::text OR NEW.title::text IS DISTINCT FROM OLD.title::text OR NEW.pot_minor::text IS DISTINCT FROM OLD.pot_minor::text OR NEW.floor_minor::text IS DISTINCT FROM OLD.floor_minor::text OR NEW.cap_minor::text IS DISTINCT FROM OLD.cap_minor::text OR NEW.terms::text IS DISTINCT FROM OLD.terms::text OR NEW.rule_book::text IS DISTINCT FROM OLD.rule_book::text OR NEW.rule_book_hash::text IS DISTINCT FROM OLD.rule_book_hash::text OR NEW.ballot_public_key::text IS DISTINCT FROM OLD.ballot_public_key::text OR NEW.closes_at < OLD.closes_at OR NEW.voting_closes_at < OLD.voting_closes_at OR (NEW.ballot_private_key IS NOT NULL AND NEW.ballot_private_key <> coalesce(OLD.ballot_private_key, '')))) EXECUTE FUNCTION round_frozen()",
        "CREATE OR REPLACE FUNCTION ledger_posting_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger_posting is append-only'; END $$",
        "CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_posting FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_refuse()",
        "CREATE OR REPLACE FUNCTION packed_ballots_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'packed_ballots is append-only'; END $$",
        "CREATE TRIGGER packed_ballots_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON packed_ballots FOR EACH STATEMENT EXECUTE FUNCTION packed_ballots_refuse()",
        "CREATE OR REPLACE FUNCTION round_priority_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (SELECT rule_book_hash FROM round WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.round_id ELSE OLD.round_id END) IS NOT NULL THEN RAISE EXCEPTION 'a scheduled round is frozen'; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER round_priority_frozen BEFORE INSERT OR UPDATE OR DELETE ON round_priority FOR EACH ROW EXECUTE FUNCTION round_priority_frozen()",
        "CREATE OR REPLACE FUNCTION round_change_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'round_change is append-only'; END $$",
        "CREATE TRIGGER round_change_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON round_change FOR EACH STATEMENT EXECUTE FUNCTION round_change_refuse()",
        "CREATE OR REPLACE FUNCTION proposal_snapshot_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'proposal_snapshot is append-only'; END $$",
        "CREATE TRIGGER proposal_snapshot_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposal_snapshot FOR EACH STATEMENT EXECUTE FUNCTION proposal_snapshot_refuse()",
    ],
}
DOWN = {
    "sqlite": [
        "DROP TRIGGER proposal_snapshot_no_delete",
        "DROP TRIGGER proposal_snapshot_no_update",
        "DROP TRIGGER round_change_no_delete",
        "DROP TRIGGER round_change_no_update",
        "DROP TRIGGER round_priority_frozen_delete",
        "DROP TRIGGER round_priority_frozen_update",
        "DROP TRIGGER round_priority_frozen_insert",
        "DROP TRIGGER packed_ballots_no_delete",
        "DROP TRIGGER packed_ballots_no_update",
        "DROP TRIGGER ledger_posting_no_delete",
        "DROP TRIGGER ledger_posting_no_update",
        "DROP TRIGGER round_frozen",
        "DROP TRIGGER ledger_close_no_delete",
        "DROP TRIGGER ledger_close_no_update",
        "DROP TRIGGER ledger_close_refuses",
        "DROP TRIGGER ledger_entry_no_delete",
        "DROP TRIGGER ledger_entry_no_update",
        "DROP TRIGGER audit_event_no_delete",
        "DROP TRIGGER audit_event_no_update",
    ],
    "postgresql": [
        "DROP TRIGGER proposal_snapshot_append_only ON proposal_snapshot",
        "DROP FUNCTION proposal_snapshot_refuse",
        "DROP TRIGGER round_change_append_only ON round_change",
        "DROP FUNCTION round_change_refuse",
        "DROP TRIGGER round_priority_frozen ON round_priority",
        "DROP FUNCTION round_priority_frozen",
        "DROP TRIGGER packed_ballots_append_only ON packed_ballots",
        "DROP FUNCTION packed_ballots_refuse",
        "DROP TRIGGER ledger_posting_append_only ON ledger_posting",
        "DROP FUNCTION ledger_posting_refuse",
        "DROP TRIGGER round_frozen ON round",
        "DROP FUNCTION round_frozen",
        "DROP TRIGGER ledger_close_append_only ON ledger_close",
        "DROP FUNCTION ledger_close_refuse",
        "DROP TRIGGER ledger_close_refuses ON ledger_entry",
        "DROP FUNCTION ledger_close_refuses",
        "DROP TRIGGER ledger_entry_append_only ON ledger_entry",
        "DROP FUNCTION ledger_entry_refuse",
        "DROP TRIGGER audit_event_append_only ON audit_event",
        "DROP FUNCTION audit_event_refuse",
    ],
}


def upgrade() -> None:
    for statement in UP[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN[op.get_bind().dialect.name]:
        op.execute(statement)
