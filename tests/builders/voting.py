"""Frozen ballots, codes, sealed envelopes, and votes that were counted."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import count as numbers

from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.kernel.sealing import unwrap_private_key, wrap_share
from grants.kernel.shares import share_fingerprint, split
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import KeyShare, Round
from grants.rounds.rules.states import RoundState
from grants.voting.models import (
    Ballot,
    BallotLine,
    BoardEntry,
    Booth,
    BoothDay,
    BoothShift,
    CodeBatch,
    Envelope,
    PaperRun,
    PaperSheet,
    RollMark,
    Tally,
    VotingCode,
)
from grants.voting.queries import limits
from grants.voting.rules.ballots import Mark, as_kept, as_marks, ballots_hash, count, named
from grants.voting.rules.codes import hash_code, make_code, pepper_from
from grants.voting.rules.envelope import seal
from grants.voting.rules.serials import make_serial
from grants.voting.rules.shares import write_share
from grants.voting.rules.states import Channel, CodeState
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.settings import KEYS

_numbers = numbers(1)
PEPPER = pepper_from(KEYS["secret_key"])
"""What the tests' application hashes codes and addresses with."""


def a_ballot(session: Session, round: Round, proposals: Sequence[Proposal]) -> list[BallotLine]:
    """The frozen ballot: numbers and lots 1, 2, 3 … in the order given; the proposals are ON_BALLOT."""
    lines = []
    for number, proposal in enumerate(proposals, start=1):
        proposal.state, proposal.number = ProposalState.ON_BALLOT, number
        lines.append(
            BallotLine(
                round_id=round.id,
                number=number,
                proposal_id=proposal.id,
                cost_minor=proposal.applied_for_minor,
                lot=number,
            )
        )
    session.add_all(lines)
    session.flush()
    return lines


def a_count(
    session: Session,
    round: Round,
    ballots: Sequence[Collection[Mark]],
    *,
    ward_codes: Sequence[str | None] = (None,),
    at: datetime | None = None,
) -> Tally:
    """A vote that was held and counted: roll, ballots, board and tally; the round is with the panel."""
    at = at or round.voting_closes_at
    marks = [as_marks(ballot) for ballot in ballots]
    chosen = [as_kept(ballot, limits(round)) for ballot in marks]
    for place, choices in enumerate(chosen):
        mark = f"{next(_numbers):064x}"
        session.add_all(
            [
                RollMark(
                    round_id=round.id,
                    voter_key=mark,
                    channel=Channel.ONLINE,
                    voted_on=london_day(at),
                    ward_code=ward_codes[place % len(ward_codes)],
                ),
                BoardEntry(round_id=round.id, commitment=hashlib.sha256(mark.encode()).hexdigest()),
                Ballot(round_id=round.id, choices=choices),
            ]
        )
    tally = Tally(
        round_id=round.id,
        closed_at=at,
        ballot_count=len(chosen),
        blank_count=sum(1 for choices in chosen if not choices),
        ballots_hash=ballots_hash(chosen),
        approvals={str(number): votes for number, votes in count(map(named, marks)).items()},
    )
    session.add(tally)
    round.state, round.votes_counted_at, round.ballot_private_key = RoundState.PANEL, at, None
    session.flush()
    return tally


def a_code(
    session: Session, round: Round, *, by: Person | None = None, state: CodeState = CodeState.ISSUED, batch: str = ""
) -> str:
    """A voting code that was handed out, as it is printed."""
    code = make_code()
    made = CodeBatch(
        round_id=round.id,
        label=batch or f"Batch {next(_numbers)}",
        code_count=1,
        made_by_id=(by or a_person(session)).id,
        made_at=START - timedelta(days=1),
        voided_at=START if state is CodeState.VOID else None,
    )
    session.add(made)
    session.flush()
    session.add(
        VotingCode(round_id=round.id, batch_id=made.id, code_hash=hash_code(code, PEPPER, round.id), state=state)
    )
    session.flush()
    return code


def a_vote(
    session: Session, round: Round, choices: Collection[Mark], *, voter_key: str = "", ward_code: str | None = None
) -> str:
    """A vote that waits in its envelope, with its mark on the roll. Gives the voter's key."""
    key = voter_key or f"{next(_numbers):064x}"
    sealed = seal(choices, round.ballot_public_key or "", round.id)
    session.add_all(
        [
            RollMark(
                round_id=round.id,
                voter_key=key,
                channel=Channel.ONLINE,
                voted_on=london_day(round.voting_opens_at),
                ward_code=ward_code,
            ),
            Envelope(round_id=round.id, voter_key=key, sealed=sealed.envelope, commitment=sealed.commitment),
        ]
    )
    session.flush()
    return key


def give_key_to(session: Session, round: Round, officers: Sequence[Person], *, collected: bool = True) -> list[str]:
    """Strong keeping: the round's key goes to three officers. Gives what stands on their pages, in their order."""
    wrapping = bytes.fromhex(KEYS["vote_key"])
    private = unwrap_private_key(round.ballot_private_key or "", wrapping, round.id)
    round.ballot_private_key = None
    told = []
    for officer, (number, share) in zip(officers, split(private).items(), strict=True):
        session.add(
            KeyShare(
                round_id=round.id,
                person_id=officer.id,
                number=number,
                fingerprint=share_fingerprint(share, round.id, number),
                waiting=None if collected else wrap_share(share, wrapping, round.id, number),
                collected_at=round.scheduled_at if collected else None,
            )
        )
        told.append(write_share(number, share, round.id))
    session.flush()
    return told


def an_officer(session: Session, round: Round, booth: Booth | None = None, *, day: date | None = None) -> Person:
    """A booth officer of the round's fund, on shift at ``booth`` on ``day`` (today)."""
    officer = a_person(session, Role.OFFICER, scope_id=round.fund_id)
    if booth is not None:
        session.add(BoothShift(booth_id=booth.id, person_id=officer.id, on_day=day or london_day(START)))
        session.flush()
    return officer


def a_booth(session: Session, round: Round, *, name: str = "", given: int = 0, closed: bool = False) -> Booth:
    """A booth where ``given`` people were given a paper; they are marked on the roll."""
    booth = Booth(
        round_id=round.id,
        name=name or f"Booth {next(_numbers)}",
        place="High Street",
        made_by_id=a_person(session).id,
        made_at=START - timedelta(days=3),
        closed_at=START if closed else None,
    )
    session.add(booth)
    session.flush()
    day = london_day(START)
    if given:
        session.add(BoothDay(booth_id=booth.id, on_day=day, given=given, voided=0))
        keys = [f"{next(_numbers):064x}" for _ in range(given)]
        session.add_all(
            RollMark(round_id=round.id, voter_key=key, channel=Channel.PAPER, voted_on=day, ward_code=None)
            for key in keys
        )
    session.flush()
    return booth


def some_papers(session: Session, round: Round, count: int) -> list[str]:
    """Numbers of papers that were printed."""
    run = PaperRun(
        round_id=round.id,
        sheet_count=count,
        large_print=False,
        made_by_id=a_person(session).id,
        made_at=START - timedelta(days=3),
    )
    session.add(run)
    session.flush()
    fresh = [make_serial() for _ in range(count)]
    session.add_all(PaperSheet(round_id=round.id, serial=serial, run_id=run.id) for serial in fresh)
    session.flush()
    return fresh
