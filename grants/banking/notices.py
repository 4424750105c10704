"""The words of letters about bank runs. They leave through the outbox."""

from collections.abc import Iterable
from itertools import groupby

from grants.banking.models import BankRun
from grants.banking.queries import RunLine
from grants.kernel.clock import show_day
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people


def advice(uow: UnitOfWork, run: BankRun, lines: Iterable[RunLine]) -> None:
    """Tell each payee what is coming and under which references."""
    for payee_id, its_lines in groupby(sorted(lines, key=lambda line: line.payee_id), key=lambda line: line.payee_id):
        coming = list(its_lines)
        total = show_pounds(sum(line.amount_minor for line in coming))
        parts = "\n".join(f"{line.reference}: {show_pounds(line.amount_minor)} for “{line.title}”" for line in coming)
        text = (
            f"{total} is on its way to {coming[0].payee} and should arrive by {show_day(run.pay_by)}.\n\n"
            f"Look for these references on your bank statement:\n\n{parts}"
        )
        for person_id, email in people.emails_of_group(uow.session, payee_id):
            outbox.put_mail(
                uow,
                to=email,
                subject=f"On its way: {total}",
                text=text,
                key=f"run:{run.id}:{person_id}",
                subject_id=run.id,
            )
