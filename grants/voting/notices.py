"""The words of letters to voters."""

from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.rounds.models import Round
from grants.rounds.rules.dates import show_moment
from grants.voting.models import EmailCheck

VALID_MINUTES = 30


def number_by_mail(uow: UnitOfWork, round: Round, check: EmailCheck, email: str, number: str) -> None:
    """The six-digit number, to be typed where it was asked for. No link does it: mail scanners open links."""
    put_mail(
        uow,
        to=email,
        subject=f"{number} is your number for voting",
        text=(
            f"Somebody gave this address to vote in “{round.title}”.\n\n"
            f"If it was you, type this number on the page where you asked for it:\n\n"
            f"    {number}\n\n"
            f"It works for {VALID_MINUTES} minutes, and once. Is that page closed? On the same device it is here:\n\n"
            f"    {address(f'/rounds/{round.id}/vote/number')}\n\n"
            "If it was not you, do nothing: without the number nobody can vote with your address. "
            "We never ask you for this number by telephone.\n"
        ),
        key=f"vote-number:{check.id}",
        subject_id=round.id,
    )


def reminder(uow: UnitOfWork, round: Round, email: str, *, key: str) -> None:
    """What somebody asked for who wants to be reminded. It does not say whether they have voted."""
    put_mail(
        uow,
        to=email,
        subject=f"Voting is open until {show_moment(round.voting_closes_at)}",
        text=(
            f"You asked us to remind you of the vote in “{round.title}”.\n\n"
            f"Voting closes at {show_moment(round.voting_closes_at)}. This is the page:\n\n"
            f"    {address(f'/rounds/{round.id}/vote')}\n\n"
            "If you had begun a ballot, show there who you are, and you find it as you left it. "
            "If you have voted meanwhile, there is nothing to do.\n\n"
            "We remind nobody more than once a day. Your address is kept sealed, and destroyed when voting closes. "
            "To be reminded no more, show who you are once more, without the tick.\n"
        ),
        key=key,
        subject_id=round.id,
    )
