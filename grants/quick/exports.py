"""Quick grants as an open file."""

from collections.abc import Iterable

from grants.kernel.clock import london_day
from grants.quick.queries import Grant
from grants.web.sheets import csv_text

HEADS = (
    "What",
    "Group",
    "Priority",
    "Granted (£)",
    "Why",
    "Decided on",
    "Days to the answer",
    "Taken by the group",
    "Identifier",
)


def grants_csv(grants: Iterable[Grant]) -> str:
    """Every quick grant of a round, for a spreadsheet. Pounds with two decimals."""
    return csv_text(
        HEADS,
        (
            (
                one.title,
                one.group_name,
                one.priority_title,
                f"{one.awarded_minor // 100}.{one.awarded_minor % 100:02d}",
                one.reason,
                london_day(one.decided_at).isoformat(),
                one.days,
                "yes" if one.stands else "no",
                str(one.proposal_id),
            )
            for one in grants
        ),
    )
