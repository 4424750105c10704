"""The words of letters about payments. They leave through the outbox."""

from grants.awards.models import Award
from grants.disbursements.models import Disbursement, Repayment
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people


def paid(uow: UnitOfWork, award: Award, payment: Disbursement) -> None:
    """Tell the group, and its host, that money has arrived."""
    text = (
        f"{show_pounds(payment.amount_minor)} for “{award.proposal.title}” has been paid"
        + (f" to {award.payee.name}" if award.payee_id != award.group_id else "")
        + f".\n\nOn the bank statement it says: {award.reference}\n\n"
        + f"See the grant: {outbox.address(f'/awards/{award.id}')}"
    )
    for group_id in sorted({award.group_id, award.payee_id}):
        for person_id, email in people.emails_of_group(uow.session, group_id):
            outbox.put_mail(
                uow,
                to=email,
                subject=f"Paid: {award.proposal.title}",
                text=text,
                key=f"payment:{payment.id}:paid:{person_id}",
                subject_id=award.id,
            )


def repay(uow: UnitOfWork, award: Award, asked: Repayment) -> None:
    """Ask the group, and its host, to give money back."""
    text = (
        f"Please give back {show_pounds(asked.amount_minor)} of the grant for “{award.proposal.title}”, "
        f"by {asked.due_on.day} {asked.due_on:%B %Y}.\n\nWhy: {asked.why}\n\n"
        f"Write this on the payment: {award.reference}\n\n"
        f"It goes back to the people who gave it. If you cannot pay it, tell us: we would rather help than blame.\n\n"
        f"See the grant: {outbox.address(f'/awards/{award.id}')}"
    )
    for group_id in sorted({award.group_id, award.payee_id}):
        for person_id, email in people.emails_of_group(uow.session, group_id):
            outbox.put_mail(
                uow,
                to=email,
                subject=f"Please give back: {award.proposal.title}",
                text=text,
                key=f"repayment:{asked.id}:{person_id}",
                subject_id=award.id,
            )
