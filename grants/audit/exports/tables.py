"""Open files: the register and a funder's statement, as tables that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from grants.audit.queries import RegisterRow, Share
from grants.audit.rules import pounds, safe_cell
from grants.kernel.clock import london_day

REGISTER_HEADS = (
    "Reference", "Title", "Summary", "Group", "Group number", "Priority", "Round", "Fund", "Awarded on", "Currency",
    "Awarded", "Paid", "Came back", "Stands in the books", "State", "Identifier",
)  # fmt: skip
STATEMENT_HEADS = (
    "Reference", "Title", "Group", "Priority", "Round", "Awarded on", "Currency", "Award", "From your money",
    "Promised", "On its way", "Paid", "State", "What happened", "Identifier",
)  # fmt: skip


def register_csv(rows: Iterable[RegisterRow]) -> str:
    """The whole register: one line for each award, amounts in pounds."""
    return _csv(
        REGISTER_HEADS,
        (
            (
                row.reference, row.title, row.summary, row.group_name, row.group_org_id, row.priority_title,
                row.round_title, row.fund_name, london_day(row.awarded_on), "GBP", pounds(row.awarded_minor),
                pounds(row.paid_minor), pounds(row.back_minor), pounds(row.stands_minor), row.state.value, row.award_id,
            )
            for row in rows
        ),
    )  # fmt: skip


def statement_csv(rows: Iterable[Share]) -> str:
    """Where one funder's money went: one line for each award, amounts in pounds."""
    return _csv(
        STATEMENT_HEADS,
        (
            (
                row.reference, row.title, row.group_name, row.priority_title, row.round_title,
                london_day(row.offered_at), "GBP", pounds(row.amount_minor), pounds(row.part_minor),
                pounds(row.pockets.committed_minor), pounds(row.pockets.sending_minor), pounds(row.pockets.paid_minor),
                row.state, row.outcome.what_happened if row.outcome else "", row.award_id,
            )
            for row in rows
        ),
    )  # fmt: skip


def _csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    return out.getvalue()
