"""The vote from the frozen ballot to the count, as the services keep it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.actors import CLOCK, NOBODY, Actor, Role
from grants.kernel.canonical import fingerprint
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposal_service
from grants.proposals.service import exclusive
from grants.rounds.models import Round
from grants.rounds.rules.ballots import Connection, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.models import (
    Ballot,
    EmailCheck,
    Envelope,
    RollMark,
    UnfinishedBallot,
    VoteReminder,
    VotingCode,
)
from grants.voting.rules.ballots import BlankBallot, ballots_hash
from grants.voting.rules.codes import hash_address, hash_code
from grants.voting.rules.envelope import commitment_of, tracking_code
from grants.voting.rules.lot import draw_lot
from grants.voting.rules.states import Channel, CodeState, Refusal
from grants.voting.rules.voters import Declaration, Voter
from grants.voting.service import casting, unfinished
from grants.voting.service import codes as handing_out
from grants.voting.service import votes as service
from grants.voting.service.votes import TurnedAway
from tests.builders.actors import an_actor
from tests.builders.people import a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.builders.voting import PEPPER, a_ballot, a_code, a_vote
from tests.support.clock import START
from tests.support.settings import KEYS
from tests.support.work import work

VOTE_KEY = KEYS["vote_key"]
HERE, AWAY = "TS15 0AD", "SW1A 1AA"
SAID = Declaration(Connection.LIVES, old_enough=True)
GEOGRAPHY = PackagedGeography()
AFTER = START + timedelta(days=8)


def a_steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def a_vote_under_way(session: Session, bids: int = 4, **fields: object) -> Round:
    """A round whose vote is open, with ``bids`` on its ballot."""
    round = a_round(session, RoundState.VOTING, **fields)  # type: ignore[arg-type]
    a_ballot(session, round, [a_proposal(session, round, ProposalState.ELIGIBLE) for _ in range(bids)])
    return round


def a_voter(key: str = "") -> Voter:
    return Voter(key or uuid4().hex * 2, VotingMethod.EMAIL_POSTCODE, "E05014882")


def ticks(*numbers: int) -> tuple[tuple[int, int], ...]:
    return tuple((number, 1) for number in numbers)


def count_of(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


class TestOpening:
    def ready(self, session: Session, bids: int = 3, **fields: object) -> tuple[Actor, Round, list[Proposal]]:
        round = a_round(session, RoundState.CHECKING, panel_locked_at=START - timedelta(days=1), **fields)
        return (
            a_steward(session),
            round,
            [a_proposal(session, round, ProposalState.ELIGIBLE, title=f"Idea {9 - n}") for n in range(bids)],
        )

    def test_the_ballot_is_frozen_with_numbers_costs_and_the_lot_of_the_published_seed(self, session: Session) -> None:
        steward, round, bids = self.ready(session)
        assert service.open_vote(work(session, steward), round.id) == 3
        lines = queries.ballot_lines(session, round.id)
        by_title = sorted(bids, key=lambda bid: bid.title)
        assert [(line.number, line.proposal_id) for line in lines] == list(enumerate((b.id for b in by_title), start=1))
        assert {line.cost_minor for line in lines} == {120_000}
        lot = draw_lot("seed", [bid.id for bid in bids])
        assert {line.proposal_id: line.lot for line in lines} == lot
        assert round.state is RoundState.VOTING
        assert {bid.state for bid in bids} == {ProposalState.ON_BALLOT}
        event = session.scalars(select(AuditEvent).where(AuditEvent.verb == "voting.ballot_frozen")).one()
        assert (event.subject_id, event.body["lines"]) == (round.id, 3)

    def test_the_frozen_ballots_hash_covers_areas_and_what_cannot_win_together(self, session: Session) -> None:
        hashes = []
        for areas, together in ((False, False), (True, False), (False, True)):
            steward, round, bids = self.ready(session)
            if areas:
                bids[0].ward_codes = ["E05014858"]
            if together:
                exclusive.exclude(work(session, steward), round.id, [one.id for one in bids[:2]], "One hall.")
            service.open_vote(work(session, steward), round.id)
            event = session.scalars(
                select(AuditEvent).where(AuditEvent.verb == "voting.ballot_frozen", AuditEvent.subject_id == round.id)
            ).one()
            lot = {line.proposal_id: line.lot for line in queries.ballot_lines(session, round.id)}
            in_order = sorted(bids, key=lambda bid: bid.title)
            both = [number for number, bid in enumerate(in_order, 1) if bid in bids[:2]] if together else []
            lines = [
                [n, str(bid.id), 120_000, lot[bid.id], sorted(bid.ward_codes), both if n in both else []]
                for n, bid in enumerate(in_order, 1)
            ]
            assert event.body["ballot_hash"] == fingerprint(lines)
            hashes.append(event.body["ballot_hash"])
        assert len(set(hashes)) == 3

    def test_a_bid_that_waits_for_its_check_keeps_the_vote_shut(self, session: Session) -> None:
        steward, round, _ = self.ready(session)
        a_proposal(session, round, ProposalState.SUBMITTED)
        with pytest.raises(StepRefused, match="1 proposal still waits"):
            service.open_vote(work(session, steward), round.id)

    def test_the_panel_must_have_locked_its_scores(self, session: Session) -> None:
        steward, round, _ = self.ready(session)
        round.panel_locked_at = None
        with pytest.raises(StepRefused, match="panel"):
            service.open_vote(work(session, steward), round.id)

    def test_nothing_to_vote_on_is_no_vote(self, session: Session) -> None:
        steward, round, _ = self.ready(session, bids=0)
        with pytest.raises(StepRefused, match="nothing to vote on"):
            service.open_vote(work(session, steward), round.id)

    def test_only_a_steward_of_the_fund_opens_it(self, session: Session) -> None:
        _, round, _ = self.ready(session)
        for actor in (NOBODY, an_actor(Role.PANELLIST), an_actor(Role.STEWARD, scope=uuid4())):
            with pytest.raises(NotAllowed):
                service.open_vote(work(session, actor), round.id)

    def test_a_ballot_frozen_early_waits_for_the_published_hour(self, session: Session) -> None:
        steward, round, _ = self.ready(session)
        service.open_vote(work(session, steward), round.id)
        with pytest.raises(StepRefused, match="Voting opens at"):
            casting.cast(work(session), round.id, a_voter(), [1, 2, 3])
        casting.cast(work(session, now=round.voting_opens_at), round.id, a_voter(), [1, 2, 3])


class TestCodes:
    def test_what_is_stored_is_no_code(self, session: Session) -> None:
        round = a_vote_under_way(session)
        codes = handing_out.make_codes(
            work(session, a_steward(session)), round.id, label="Library", code_count=30, pepper=PEPPER
        )
        stored = set(session.scalars(select(VotingCode.code_hash)))
        assert len(set(codes)) == 30
        assert stored == {hash_code(code, PEPPER, round.id) for code in codes}
        assert not any(code in key or code.replace("-", "") in key for code in codes for key in stored)
        assert hash_code(codes[0], b"another pepper that is long", round.id) not in stored

    def test_a_code_lets_its_reader_vote(self, session: Session) -> None:
        round = a_vote_under_way(session)
        code = a_code(session, round)
        voter = service.check_code(work(session), round.id, f" {code.lower()} ", SAID, pepper=PEPPER)
        assert isinstance(voter, Voter)
        casting.cast(work(session), round.id, voter, [1, 2, 3])
        assert session.scalars(select(VotingCode.state)).one() is CodeState.USED
        assert session.scalars(select(RollMark)).one().channel is Channel.ONLINE

    def test_a_code_of_another_round_is_refused(self, session: Session) -> None:
        here, there = a_vote_under_way(session), a_vote_under_way(session)
        code = a_code(session, there)
        answer = service.check_code(work(session), here.id, code, SAID, pepper=PEPPER)
        assert isinstance(answer, TurnedAway)
        assert "not for this round" in answer.message
        assert queries.refusals(session, here.id) == {Refusal.UNKNOWN_CODE: 1}
        assert queries.refusals(session, there.id) == {}

    def test_refusals_are_counted_and_name_nobody(self, session: Session) -> None:
        round = a_vote_under_way(session)
        stranger = a_code(session, a_vote_under_way(session))
        for _ in range(3):
            service.check_code(work(session), round.id, stranger, SAID, pepper=PEPPER)
        service.start_email_check(work(session), round.id, "a@example.org", None, SAID, pepper=PEPPER)
        assert queries.refusals(session, round.id) == {Refusal.OUTSIDE_AREA: 1, Refusal.UNKNOWN_CODE: 3}

    def test_a_voided_batch_is_worth_nothing_but_its_votes_stay(self, session: Session) -> None:
        round = a_vote_under_way(session)
        steward = a_steward(session)
        used, lost = handing_out.make_codes(work(session, steward), round.id, label="Lost", code_count=2, pepper=PEPPER)
        voter = service.check_code(work(session), round.id, used, SAID, pepper=PEPPER)
        other = service.check_code(work(session), round.id, lost, SAID, pepper=PEPPER)
        assert isinstance(voter, Voter)
        assert isinstance(other, Voter)
        casting.cast(work(session), round.id, voter, [1, 2, 3])
        handing_out.void_batch(work(session, steward), queries.batches(session, round.id)[0].id, "The box was stolen.")
        assert isinstance(service.check_code(work(session), round.id, lost, SAID, pepper=PEPPER), TurnedAway)
        with pytest.raises(RuleBroken, match="worth nothing"):  # who was let in before is held at the last step
            casting.cast(work(session), round.id, other, [1, 2, 3])
        casting.cast(work(session), round.id, voter, [2, 3, 4])
        assert count_of(session, Envelope) == 1

    def test_only_a_steward_makes_or_voids_codes(self, session: Session) -> None:
        round = a_vote_under_way(session)
        a_code(session, round)
        for actor in (NOBODY, an_actor(Role.CONNECTOR), an_actor(Role.STEWARD, scope=uuid4())):
            with pytest.raises(NotAllowed):
                handing_out.make_codes(work(session, actor), round.id, label="L", code_count=1, pepper=PEPPER)
            with pytest.raises(NotAllowed):
                handing_out.void_batch(work(session, actor), queries.batches(session, round.id)[0].id, "Because")

    def test_a_round_without_codes_makes_none(self, session: Session) -> None:
        round = a_vote_under_way(session, vote_methods=(VotingMethod.EMAIL_POSTCODE,))
        with pytest.raises(StepRefused, match="no voting codes"):
            handing_out.make_codes(work(session, a_steward(session)), round.id, label="L", code_count=1, pepper=PEPPER)

    def test_one_who_says_they_are_too_young_is_told_the_age(self, session: Session) -> None:
        round = a_vote_under_way(session, vote_min_age=14)
        answer = service.check_code(
            work(session), round.id, a_code(session, round), Declaration(Connection.LIVES, False), pepper=PEPPER
        )
        assert isinstance(answer, TurnedAway)
        assert (answer.field, "14" in answer.message) == ("old_enough", True)


class TestEmail:
    def ask(self, session: Session, round: Round, email: str = "Rose@example.org", postcode: str = HERE) -> object:
        return service.start_email_check(work(session), round.id, email, GEOGRAPHY.find(postcode), SAID, pepper=PEPPER)

    def number(self, session: Session) -> str:
        text: str = session.scalars(select(OutboxRow)).all()[-1].payload["subject"]
        return text[:6]

    def test_the_number_that_was_sent_makes_a_voter(self, session: Session) -> None:
        round = a_vote_under_way(session)
        check_id = self.ask(session, round)
        number = self.number(session)
        voter = service.confirm_email(work(session), round.id, check_id, f"{number[:3]} {number[3:]}", pepper=PEPPER)  # type: ignore[arg-type]
        assert isinstance(voter, Voter)
        assert voter.key == hash_address("rose@EXAMPLE.org", PEPPER, round.id)
        assert voter.ward_code == GEOGRAPHY.find(HERE).ward_code  # type: ignore[union-attr]
        assert count_of(session, EmailCheck) == 0

    def test_a_postcode_outside_the_area_is_refused_by_name(self, session: Session) -> None:
        answer = self.ask(session, a_vote_under_way(session), postcode=AWAY)
        assert isinstance(answer, TurnedAway)
        assert (answer.field, answer.reason) == ("postcode", Refusal.OUTSIDE_AREA)
        assert count_of(session, OutboxRow) == 0

    def test_five_wrong_numbers_and_the_right_one_is_worth_nothing(self, session: Session) -> None:
        round = a_vote_under_way(session)
        check_id = self.ask(session, round)
        right = self.number(session)
        wrong = "000000" if right != "000000" else "111111"
        for _ in range(5):
            assert isinstance(
                service.confirm_email(work(session), round.id, check_id, wrong, pepper=PEPPER),
                TurnedAway,  # type: ignore[arg-type]
            )
        answer = service.confirm_email(work(session), round.id, check_id, right, pepper=PEPPER)  # type: ignore[arg-type]
        assert isinstance(answer, TurnedAway)
        assert "out of date" in answer.message

    def test_a_number_runs_out_after_half_an_hour(self, session: Session) -> None:
        round = a_vote_under_way(session)
        check_id = self.ask(session, round)
        late = work(session, now=START + timedelta(minutes=30))
        answer = service.confirm_email(late, round.id, check_id, self.number(session), pepper=PEPPER)  # type: ignore[arg-type]
        assert isinstance(answer, TurnedAway)

    def test_an_address_gets_five_numbers_an_hour(self, session: Session) -> None:
        round = a_vote_under_way(session)
        for _ in range(5):
            assert not isinstance(self.ask(session, round), TurnedAway)
        assert isinstance(self.ask(session, round), TurnedAway)
        assert not isinstance(self.ask(session, round, "other@example.org"), TurnedAway)

    def test_who_is_signed_in_needs_only_a_postcode(self, session: Session) -> None:
        round = a_vote_under_way(session)
        person = a_person(session, email="rose@example.org")
        voter = service.know_signed_in(
            work(session, actor_of(session, person)), round.id, GEOGRAPHY.find(HERE), SAID, pepper=PEPPER
        )
        assert isinstance(voter, Voter)
        assert voter.key == hash_address("rose@example.org", PEPPER, round.id)

    def test_a_round_with_codes_only_sends_no_numbers(self, session: Session) -> None:
        round = a_vote_under_way(session, vote_methods=(VotingMethod.CODE,))
        with pytest.raises(StepRefused, match="voting code only"):
            self.ask(session, round)


class TestCasting:
    """On both databases: each has a way of its own."""

    def test_a_ballot_is_one_mark_and_one_envelope(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        receipt = casting.cast(work(any_session), round.id, voter, [3, 1, 2, 3])
        envelope = any_session.scalars(select(Envelope)).one()
        mark = any_session.scalars(select(RollMark)).one()
        assert receipt.tracking_code == tracking_code(envelope.commitment)
        assert envelope.commitment == commitment_of([1, 2, 3], receipt.nonce)
        assert not receipt.replaced
        assert (mark.voter_key, mark.ward_code, mark.voted_on) == (voter.key, voter.ward_code, START.date())
        assert count_of(any_session, Ballot) == 0

    def test_casting_again_replaces_the_envelope(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        first = casting.cast(work(any_session), round.id, voter, [1, 2, 3])
        second = casting.cast(work(any_session, now=START + timedelta(days=1)), round.id, voter, [2, 3, 4])
        assert second.replaced
        assert first.tracking_code != second.tracking_code
        assert any_session.scalars(select(RollMark.voted_on)).one() == START.date()
        assert service.own_choices(any_session, round, voter, vote_key=VOTE_KEY) == ticks(2, 3, 4)

    def test_the_same_press_twice_has_one_tracking_code(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        first, second = (casting.cast(work(any_session), round.id, voter, [1, 2, 3], token="t" * 32) for _ in range(2))
        assert first.tracking_code == second.tracking_code
        assert not second.replaced  # else the page said that the code just shown is worth nothing

    def test_two_voters_with_the_same_choices_have_different_codes(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        one, two = (casting.cast(work(any_session), round.id, a_voter(), [1, 2, 3]) for _ in range(2))
        assert one.tracking_code != two.tracking_code
        sizes = {len(sealed) for sealed in any_session.scalars(select(Envelope.sealed))}
        assert len(sizes) == 1

    def test_nobody_without_a_vote_has_choices(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        casting.cast(work(any_session), round.id, a_voter(), [1, 2, 3])
        assert service.own_choices(any_session, round, a_voter(), vote_key=VOTE_KEY) is None

    @pytest.mark.parametrize(
        ("choices", "says"), [([1, 2], "at least 1 more"), ([1, 2, 9], "on this ballot"), ([1, 2, 3, 4], "3 at most")]
    )
    def test_what_is_no_ballot_is_refused(self, any_session: Session, choices: list[int], says: str) -> None:
        round = a_vote_under_way(any_session, ballot_minimum=3, ballot_maximum=3)
        with pytest.raises(RuleBroken, match=says):
            casting.cast(work(any_session), round.id, a_voter(), choices)
        assert count_of(any_session, RollMark) == 0

    def test_a_blank_ballot_needs_a_yes(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        with pytest.raises(BlankBallot):
            casting.cast(work(any_session), round.id, a_voter(), [])
        casting.cast(work(any_session), round.id, a_voter(), [], blank_confirmed=True)
        assert count_of(any_session, Envelope) == 1

    def test_the_fewest_choices_fall_to_what_stands(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session, bids=2)
        casting.cast(work(any_session), round.id, a_voter(), [1, 2])

    def test_a_withdrawn_bid_cannot_be_chosen(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        any_session.get(
            Proposal, queries.ballot_lines(any_session, round.id)[0].proposal_id
        ).state = ProposalState.WITHDRAWN  # type: ignore[union-attr]
        any_session.flush()
        with pytest.raises(RuleBroken, match="on this ballot"):
            casting.cast(work(any_session), round.id, a_voter(), [1, 2, 3])
        casting.cast(work(any_session), round.id, a_voter(), [2, 3, 4])

    def withdraw_the_first(self, any_session: Session, round: Round) -> None:
        bid = any_session.get(Proposal, queries.ballot_lines(any_session, round.id)[0].proposal_id)
        assert bid is not None
        bid.state = ProposalState.WITHDRAWN
        any_session.flush()

    def test_a_bid_withdrawn_after_a_ballot_was_sealed_is_not_cast(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        sealed = casting.seal_ballot(any_session, round.id, [1, 2, 3])
        self.withdraw_the_first(any_session, round)
        with pytest.raises(RuleBroken, match="on this ballot"):
            casting.hand_in(work(any_session), a_voter(), sealed)
        assert count_of(any_session, RollMark) == count_of(any_session, Envelope) == 0

    def test_another_bids_withdrawal_does_not_stop_a_sealed_ballot(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        sealed = casting.seal_ballot(any_session, round.id, [2, 3, 4])
        self.withdraw_the_first(any_session, round)
        casting.hand_in(work(any_session), voter, sealed)
        assert service.own_choices(any_session, round, voter, vote_key=VOTE_KEY) == ticks(2, 3, 4)

    def test_fewer_choices_are_enough_once_fewer_stand(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session, bids=3)
        casting.cast(work(any_session), round.id, a_voter(), [1, 2, 3])
        self.withdraw_the_first(any_session, round)
        casting.cast(work(any_session), round.id, a_voter(), [2, 3])

    def test_a_later_close_lets_people_vote_longer(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        closes_at = round.voting_closes_at
        sealed = casting.seal_ballot(any_session, round.id, [1, 2, 3])
        round.voting_closes_at = closes_at + timedelta(hours=1)
        any_session.flush()
        casting.hand_in(work(any_session, now=closes_at), a_voter(), sealed)

    def test_what_was_sealed_before_the_count_comes_too_late(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        sealed = casting.seal_ballot(any_session, round.id, [1, 2, 3])
        service.close_vote(work(any_session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)
        any_session.flush()
        with pytest.raises(StepRefused):
            casting.hand_in(work(any_session), a_voter(), sealed)
        assert count_of(any_session, RollMark) == count_of(any_session, Envelope) == 0

    def test_a_code_is_used_and_a_void_one_refused(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        good, void = (
            hash_code(a_code(any_session, round, state=s), PEPPER, round.id) for s in (CodeState.ISSUED, CodeState.VOID)
        )
        casting.cast(work(any_session), round.id, Voter(good, VotingMethod.CODE), [1, 2, 3])
        with pytest.raises(RuleBroken, match="worth nothing"):
            casting.cast(work(any_session), round.id, Voter(void, VotingMethod.CODE), [1, 2, 3])
        any_session.expire_all()
        states = {row.code_hash: row.state for row in any_session.scalars(select(VotingCode))}
        assert states == {good: CodeState.USED, void: CodeState.VOID}
        assert any_session.scalars(select(RollMark.voter_key)).one() == good

    def test_a_round_that_nobody_knows_has_no_ballot(self, any_session: Session) -> None:
        with pytest.raises(NotFound):
            casting.cast(work(any_session), uuid4(), a_voter(), [1, 2, 3])

    @pytest.mark.parametrize("moment", ["before", "at the close", "after"])
    def test_nothing_is_cast_outside_the_hours(self, any_session: Session, moment: str) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        casting.cast(work(any_session), round.id, voter, [1, 2, 3])
        now = {
            "before": round.voting_opens_at - timedelta(seconds=1),
            "at the close": round.voting_closes_at,
            "after": round.voting_closes_at + timedelta(seconds=1),
        }[moment]
        with pytest.raises(StepRefused):
            casting.cast(work(any_session, now=now), round.id, voter, [2, 3, 4])
        assert service.own_choices(any_session, round, voter, vote_key=VOTE_KEY) == ticks(1, 2, 3)

    def test_the_last_moment_counts(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        last = round.voting_closes_at - timedelta(microseconds=1)
        casting.cast(work(any_session, now=last), round.id, a_voter(), [1, 2, 3])

    def test_who_voted_on_paper_does_not_vote_here(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter = a_voter()
        casting.cast(work(any_session), round.id, voter, [1, 2, 3], channel=Channel.PAPER)
        with pytest.raises(StepRefused, match="already voted on paper"):
            casting.cast(work(any_session), round.id, voter, [1, 2, 4])

    def test_nothing_tells_another_that_somebody_signed_in_has_voted(self, session: Session) -> None:
        round, person = a_vote_under_way(session), a_person(session)
        actor = actor_of(session, person)
        voter = service.know_signed_in(
            work(session, actor), round.id, GEOGRAPHY.find(HERE), SAID, pepper=PEPPER, remind=True
        )
        assert isinstance(voter, Voter)
        unfinished.keep(work(session, actor), round.id, voter, {1: 1})
        casting.cast(work(session, actor), round.id, voter, [1, 2, 3])
        session.flush()
        assert session.scalars(select(AuditEvent).where(AuditEvent.actor_id == person.id)).all() == []
        for table in (RollMark, Envelope, UnfinishedBallot, VoteReminder):
            row = session.execute(select(table.__table__)).one()
            assert not {str(person.id), person.id.hex, person.email, str(person.email).encode()} & set(map(str, row))

    def test_casting_leaves_no_entry_that_would_tell_when(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        before = count_of(any_session, AuditEvent)
        voter = service.check_code(work(any_session), round.id, a_code(any_session, round), SAID, pepper=PEPPER)
        assert isinstance(voter, Voter)
        casting.cast(work(any_session), round.id, voter, [1, 2, 3])
        any_session.flush()
        assert count_of(any_session, AuditEvent) == before


class TestClosing:
    def test_the_mix_counts_and_destroys(self, any_session: Session) -> None:
        session = any_session
        round = a_vote_under_way(session)
        votes = [(1, 2, 3), (2, 3, 4), (), (1, 2, 3, 4)]
        for choices in votes:
            a_vote(session, round, choices)
        service.start_email_check(work(session), round.id, "a@example.org", GEOGRAPHY.find(HERE), SAID, pepper=PEPPER)
        tally = service.close_vote(work(session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)
        session.flush()
        assert (tally.ballot_count, tally.blank_count) == (4, 1)
        assert tally.approvals == {"1": 2, "2": 3, "3": 3, "4": 2}
        assert tally.ballots_hash == ballots_hash(votes)
        assert sorted(queries.cast_ballots(session, round.id)) == sorted(ticks(*vote) for vote in votes)
        assert len(queries.whole_board(session, round.id)) == queries.turnout(session, round.id).total == 4
        assert (round.state, round.ballot_private_key, round.votes_counted_at) == (RoundState.PANEL, None, AFTER)
        assert [count_of(session, model) for model in (Envelope, EmailCheck, OutboxRow)] == [0, 0, 0]

    def test_a_bid_withdrawn_while_people_voted_is_set_aside(self, session: Session) -> None:
        round = a_vote_under_way(session)
        a_vote(session, round, (1, 2, 3))
        a_vote(session, round, (1,))
        session.get(Proposal, queries.ballot_lines(session, round.id)[0].proposal_id).state = ProposalState.WITHDRAWN  # type: ignore[union-attr]
        session.flush()
        tally = service.close_vote(work(session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)
        assert tally.approvals == {"2": 1, "3": 1}
        assert tally.ballot_count == 2
        assert sorted(queries.cast_ballots(session, round.id)) == [ticks(1), ticks(1, 2, 3)]
        assert [bool(line.set_aside_reason) for line in queries.ballot_lines(session, round.id)] == [True] + [False] * 3

    def test_nothing_is_counted_while_voting_is_open(self, session: Session) -> None:
        round = a_vote_under_way(session)
        for actor in (CLOCK, a_steward(session)):
            with pytest.raises(StepRefused, match="Voting is open until"):
                service.close_vote(work(session, actor), round.id, vote_key=VOTE_KEY)

    def test_it_counts_once(self, session: Session) -> None:
        round = a_vote_under_way(session)
        service.close_vote(work(session, a_steward(session), AFTER), round.id, vote_key=VOTE_KEY)
        with pytest.raises(StepRefused, match="counted already"):
            service.close_vote(work(session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)

    def test_only_a_steward_or_the_clock_counts(self, session: Session) -> None:
        round = a_vote_under_way(session)
        for actor in (NOBODY, an_actor(Role.AUDITOR), an_actor(Role.STEWARD, scope=uuid4())):
            with pytest.raises(NotAllowed):
                service.close_vote(work(session, actor, AFTER), round.id, vote_key=VOTE_KEY)

    def test_an_envelope_without_a_mark_stops_the_count(self, session: Session) -> None:
        round = a_vote_under_way(session)
        key = a_vote(session, round, (1, 2, 3))
        session.delete(session.get(RollMark, (round.id, key)))
        with pytest.raises(RuleBroken, match="Nothing was counted"):
            service.close_vote(work(session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)

    def test_an_envelope_that_was_changed_stops_the_count(self, session: Session) -> None:
        round = a_vote_under_way(session)
        a_vote(session, round, (1, 2, 3))
        envelope = session.scalars(select(Envelope)).one()
        envelope.sealed = envelope.sealed[:-1] + bytes([envelope.sealed[-1] ^ 1])
        session.flush()
        with pytest.raises(RuleBroken, match="damaged"):
            service.close_vote(work(session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)

    def test_a_round_called_off_while_voting_keeps_no_envelopes(self, session: Session) -> None:
        round = a_vote_under_way(session)
        a_vote(session, round, (1, 2, 3))
        round.state, round.cancelled_reason = RoundState.CANCELLED, "The hall is flooded."
        session.flush()
        assert service.forget_called_off(work(session, CLOCK)) == 1
        assert service.forget_called_off(work(session, CLOCK)) == 0
        assert count_of(session, Envelope) == 0

    def test_a_round_called_off_before_anybody_voted_keeps_no_address(self, session: Session) -> None:
        round = a_vote_under_way(session)
        session.add(VoteReminder(round_id=round.id, voter_key="0" * 64, address=b"sealed"))
        round.state, round.cancelled_reason = RoundState.CANCELLED, "The hall is flooded."
        session.flush()
        assert service.forget_called_off(work(session, CLOCK)) == 1
        assert count_of(session, VoteReminder) == 0

    def test_a_withdrawal_during_the_vote_stays_listed(self, session: Session) -> None:
        round = a_vote_under_way(session)
        line = queries.ballot_lines(session, round.id)[0]
        proposal = session.get(Proposal, line.proposal_id)
        assert proposal is not None
        writer = session.get(type(a_person(session)), proposal.started_by_id)
        assert writer is not None
        proposal_service.withdraw(work(session, actor_of(session, writer)), proposal.id, "We found other money.")
        assert [entry.withdrawn for entry in queries.entries(session, round.id)] == [True, False, False, False]
