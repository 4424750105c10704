"""A few hundred voters with plausible ballots, from a seeded generator, through the ballot's own door."""

import re
from datetime import datetime
from uuid import UUID

from grants.demo.bids import Bid
from grants.demo.play import Play
from grants.outbox import queries as outbox
from grants.rounds.rules.ballots import Connection
from grants.voting import queries as voting_queries
from grants.voting.rules.codes import pepper_from
from grants.voting.rules.voters import Declaration, Voter
from grants.voting.service import casting, unfinished
from grants.voting.service import codes as voting_codes
from grants.voting.service import votes as voting

LIVES = Declaration(connection=Connection.LIVES, old_enough=True)
POSTCODES = (
    "TS18 1AA",
    "TS18 1NA",
    "TS19 0BU",
    "TS17 6AJ",
    "TS17 7BZ",
    "TS23 2AA",
    "TS18 3BX",
    "TS19 8BN",
    "TS20 2FW",
    "TS19 9AJ",
)


def vote(
    play: Play, round_key: str, standing: tuple[Bid, ...], first: int, days: int, *, coded: int, mailed: int
) -> None:
    """Codes are handed out, addresses are shown to be read, and ballots are cast on the days from ``first``."""
    round_id = play.rounds[round_key]
    pepper = pepper_from(play.settings.secret_key)
    warmth = {play.proposals[round_key, bid.title]: bid.warmth for bid in standing}
    numbers = {
        line.number: warmth.get(line.proposal_id, 4) for line in voting_queries.ballot_lines(play.session, round_id)
    }
    with play.as_("sue", play.at(first, 8)) as uow:
        codes = voting_codes.make_codes(
            uow, round_id, label="Handed out by connectors at the warm table", code_count=coded + 40, pepper=pepper
        )
    for place, code in enumerate(codes[:coded]):
        moment = play.at(first + place * days // coded, 11 + place % 8)
        with play.as_nobody(moment) as uow:
            voter = voting.check_code(uow, round_id, code, LIVES, pepper=pepper)
            assert isinstance(voter, Voter), voter
            casting.cast(uow, round_id, voter, _ballot(play, numbers))
    for place in range(mailed):
        moment = play.at(first + place * days // mailed, 19, place % 60)
        _by_mail(play, round_id, f"voter{place}@residents.example", _ballot(play, numbers), pepper, moment)


def begin(play: Play, round_key: str, day: int, how_many: int) -> None:
    """Some residents mark a project or two, ask to be reminded, and put the phone away."""
    for place in range(how_many):
        _by_mail(
            play,
            play.rounds[round_key],
            f"begun{place}@residents.example",
            (1 + place,),
            pepper_from(play.settings.secret_key),
            play.at(day, 18, place),
            finished=False,
        )


def _by_mail(
    play: Play,
    round_id: UUID,
    email: str,
    choices: tuple[int, ...],
    pepper: bytes,
    moment: datetime,
    *,
    finished: bool = True,
) -> None:
    place = play.places.find(play.random.choice(POSTCODES))
    with play.as_nobody(moment) as uow:
        check_id = voting.start_email_check(uow, round_id, email, place, LIVES, pepper=pepper, remind=not finished)
        assert isinstance(check_id, UUID), check_id
    letter = outbox.row_by_key(play.session, f"vote-number:{check_id}")
    number = re.search(r"\b\d{6}\b", letter.payload["text"] if letter else "")
    assert number is not None
    with play.as_nobody(moment) as uow:
        voter = voting.confirm_email(uow, round_id, check_id, number[0], pepper=pepper)
        assert isinstance(voter, Voter), voter
        if finished:
            casting.cast(uow, round_id, voter, choices)
        else:
            unfinished.keep(uow, round_id, voter, dict.fromkeys(choices, 1))


def _ballot(play: Play, numbers: dict[int, int]) -> tuple[int, ...]:
    """Each likes a bid with its warmth's chance; whoever likes too few adds what comes next to mind."""
    liked = {number for number, warmth in numbers.items() if play.random.random() < warmth / 10}
    rest = [number for number in numbers if number not in liked]
    while len(liked) < min(3, len(numbers)):
        liked.add(rest.pop(play.random.randrange(len(rest))))
    return tuple(sorted(liked))
