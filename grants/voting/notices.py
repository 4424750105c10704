"""The words of letters to voters."""

from grants.kernel.work import UnitOfWork
from grants.outbox.service import put_mail
from grants.rounds.models import Round
from grants.voting.models import EmailCheck

VALID_MINUTES = 30


def number_by_mail(uow: UnitOfWork, round: Round, check: EmailCheck, email: str, number: str) -> None:
    """The six-digit number, to be typed where it was asked for. It is no link: mail scanners open links."""
    put_mail(
        uow,
        to=email,
        subject=f"{number} is your number for voting",
        text=(
            f"Somebody gave this address to vote in “{round.title}”.\n\n"
            f"If it was you, type this number on the page where you asked for it:\n\n"
            f"    {number}\n\n"
            f"It works for {VALID_MINUTES} minutes, and once.\n\n"
            "If it was not you, do nothing: without the number nobody can vote with your address. "
            "We never ask you for this number by telephone.\n"
        ),
        key=f"vote-number:{check.id}",
        subject_id=round.id,
    )
