"""Files of what finance offices need to know."""

import csv
from collections.abc import Iterable
from io import StringIO

from grants.banking.queries import Charged
from grants.web.sheets import safe_cell

FEES_HEADS = ("Day", "Fund", "What it was", "Reference", "Amount in pounds", "Fee in pounds", "Currency", "Line")


def fees_csv(lines: Iterable[Charged]) -> str:
    """A row for each line of which a payment company kept something; a fee that it gave again is below nought."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(FEES_HEADS)
    for line in lines:
        facts = (line.on, line.fund or "No fund yet", line.words, line.reference)
        pence = (f"{line.amount_minor / 100:.2f}", f"{line.fee_minor / 100:.2f}")
        writer.writerow([*map(safe_cell, facts), *pence, "GBP", safe_cell(line.key)])
    return out.getvalue()
