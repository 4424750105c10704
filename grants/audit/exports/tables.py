"""Open files: the register and a funder's statement, as tables that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from grants.audit.queries.register import RegisterRow
from grants.audit.queries.statements import Moved, Movement, Share, Told
from grants.audit.rules import POCKETS, pounds, safe_cell
from grants.kernel.clock import london_day
from grants.ledger.queries import Pockets
from grants.web.sheets import Pence, Sheet

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


_POCKET_HEADS = ("Not promised yet", "Promised", "On its way", "Paid", "Given back", "Together")


def _pockets(pockets: Pockets) -> tuple[Pence, ...]:
    values = (
        pockets.available_minor, pockets.committed_minor, pockets.sending_minor, pockets.paid_minor,
        pockets.returned_minor, pockets.received_minor,
    )  # fmt: skip
    return tuple(Pence(minor) for minor in values)


def said(event: str) -> str:
    """An event of the books in words."""
    stage, _, done = event.partition(".")
    return f"{stage.capitalize()} {done.replace('_', ' ')}"


def statement_sheets(
    told: Told,
    before: Pockets,
    moved: Sequence[Moved],
    shares: Iterable[Share],
    steps: Iterable[Movement],
    days: str,
) -> list[Sheet]:
    """A funder's statement as a workbook: the sums, what was given, every award with its share, every movement."""
    notes = (f"{told.funder.name}: {days}", "Pounds, to the penny; every funder gets the same.")
    funds = {one.contribution.id: one.contribution.fund_name for one in told.given}
    return [
        Sheet(
            "What happened",
            ("What happened", *_POCKET_HEADS),
            [("Stood at the beginning", *_pockets(before)), *((said(m.event), *_pockets(m.pockets)) for m in moved)],
            notes,
            ("Stands at the end", *_pockets(told.total)),
        ),
        Sheet(
            "What was given",
            ("Fund", "What it is for", "State", "Promised", *_POCKET_HEADS, "Promise it by"),
            [
                (
                    one.contribution.fund_name, one.sentence, one.state, Pence(one.promised_minor),
                    *_pockets(one.pockets), one.spend_by,
                )
                for one in told.given
            ],
            notes,
            ("Together", "", "", Pence(told.promised_minor), *_pockets(told.total)),
        ),
        Sheet(
            "Awards",
            (
                "Reference", "Title", "Group", "Priority", "Round", "Awarded on", "Award", "From this funder",
                "Promised", "On its way", "Paid", "State", "What happened",
            ),
            (
                (
                    row.reference, row.title, row.group_name, row.priority_title, row.round_title,
                    london_day(row.offered_at), Pence(row.amount_minor), Pence(row.part_minor),
                    Pence(row.pockets.committed_minor), Pence(row.pockets.sending_minor), Pence(row.pockets.paid_minor),
                    row.state, row.outcome.what_happened if row.outcome else "",
                )
                for row in shares
            ),
            notes,
        ),
        Sheet(
            "Every movement",
            ("Day", "What happened", "Award", "Fund", "Pocket", "In or out", "Bank's reference"),
            (
                (
                    london_day(one.at), said(one.event), one.award, funds.get(one.contribution_id, ""),
                    POCKETS[one.pocket], Pence(one.amount_minor), one.memo,
                )
                for one in steps
            ),
            notes,
        ),
    ]  # fmt: skip


def _csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    return out.getvalue()
