"""Strong keeping: returning officers hold the round's key, and two of them count by bringing their shares."""

from uuid import UUID

from grants.kernel.work import UnitOfWork
from grants.rounds import service as round_service
from grants.rounds.models import Round
from grants.voting.models import Tally
from grants.voting.rules.shares import read_share, write_share
from grants.voting.service import papers, votes


def collect(uow: UnitOfWork, round_id: UUID, *, vote_key: str) -> str:
    """The acting officer's share as it goes on paper; the service keeps it no longer."""
    number, share = round_service.collect_share(uow, round_id, vote_key)
    return write_share(number, share, round_id)


def hand_in(uow: UnitOfWork, round_id: UUID, text: str, *, vote_key: str) -> Tally | None:
    """Bring a share. The first one waits (None), the second counts (``votes.mix``), in the same transaction.

    Refuses (``NotAllowed``) who holds no share, (``StepRefused``) before the close, a second share of one person,
    when the vote is counted, and while papers wait: no share comes here before it is of use; (``RuleBroken``, field
    ``share``) what is not this officer's share.
    """
    round = uow.get(Round, round_id, lock=True)
    number, share = read_share(text, round.id)
    private = round_service.bring_share(uow, round, number, share, vote_key)
    if private is None:
        papers.ensure_all_in(uow.session, round.id)
        return None
    return votes.mix(uow, round, private)
