"""Two people and a small ask: who may say what, when it is decided, and what happens at that moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.awards.service import answers
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.ledger.queries import pockets_of
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids
from grants.proposals.service import quick as asks
from grants.quick import queries, service
from grants.quick.models import QuickDecision
from grants.quick.rules import NoCode, Says, Standing
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_group, a_hosting, a_member, a_person, actor_of
from tests.builders.proposals import a_snapshot
from tests.builders.quick import a_decider, a_quick_round, a_refusal, an_ask, an_opinion
from tests.support.clock import START
from tests.support.work import work

YES, NO = Says.YES, Says.NO


def say(
    session: Session,
    who: Person,
    ask: Proposal,
    says: Says,
    *,
    copy: int = 1,
    code: NoCode | None = None,
    reason: str = "Because.",
    at: datetime = START,
) -> Standing:
    """Say it, as that person, in a unit of work of its own."""
    code = code or (NoCode.OTHER if says is NO else None)
    return service.say(work(session, actor_of(session, who), at), ask.id, says, copy=copy, code=code, reason=reason)


def three(session: Session) -> list[Person]:
    return [a_decider(session), a_decider(session, Role.PANELLIST), a_decider(session)]


def letters(session: Session, ask: Proposal) -> list[str]:
    query = select(OutboxRow.payload).where(OutboxRow.key.like(f"quick:{ask.id}:told:%"))
    return [payload["text"] for payload in session.scalars(query)]


def test_two_yeses_fund_it_promise_the_money_and_tell_the_group(any_session: Session) -> None:
    first, second, _ = three(any_session)
    ask = an_ask(any_session, put_in_at=START - timedelta(days=3))
    round = ask.round
    assert say(any_session, first, ask, YES, reason="It brings the street together.") is Standing.SECOND
    assert (ask.state, round.promised_minor) == (ProposalState.SUBMITTED, 0)
    assert say(any_session, second, ask, YES, reason="") is Standing.FUNDED
    award = any_session.scalars(select(Award)).one()
    assert (award.amount_minor, award.state, award.proposal_id) == (20_000, AwardState.OFFERED, ask.id)
    assert (ask.state, round.promised_minor) == (ProposalState.AWARDED, 20_000)
    decision = queries.decision(any_session, ask.id)
    assert decision is not None
    assert (decision.says, decision.awarded_minor, decision.days) == (YES, 20_000, 3)
    assert decision.reason == "It brings the street together."
    split = {one.contribution_id for one in award.splits}
    held = pockets_of(any_session, list(split))
    assert sum(pockets.committed_minor for pockets in held.values()) == 20_000
    found = letters(any_session, ask)
    assert len(found) == 2
    assert all("two people said yes" in text and "It brings the street together." in text for text in found)
    verbs = set(any_session.scalars(select(AuditEvent.verb).where(AuditEvent.subject_id == ask.id)))
    assert {"quick.answered", "quick.decided", "proposal.awarded"} <= verbs


def test_two_noes_refuse_it_with_the_reason_and_where_else_to_turn(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    say(session, first, ask, NO, code=NoCode.ELSEWHERE, reason="The library lends benches.")
    assert say(session, second, ask, NO, code=NoCode.ELSEWHERE, reason="") is Standing.REFUSED
    assert ask.state is ProposalState.NOT_FUNDED
    assert session.scalars(select(Award)).all() == []
    (text, _) = letters(session, ask)
    assert "The library lends benches." in text
    assert "A steward can bring you together with whoever can do it." in text
    assert "You may ask again" in text


@pytest.mark.parametrize(("last", "state"), [(YES, ProposalState.AWARDED), (NO, ProposalState.NOT_FUNDED)])
def test_where_two_disagree_a_third_decides(session: Session, last: Says, state: ProposalState) -> None:
    first, second, third = three(session)
    ask = an_ask(session)
    say(session, first, ask, YES)
    assert say(session, second, ask, NO) is Standing.THIRD
    assert ask.state is ProposalState.SUBMITTED
    say(session, third, ask, last)
    assert ask.state is state


def test_where_two_disagree_and_nobody_else_may_decide_it_is_a_no(session: Session) -> None:
    first, second = a_decider(session), a_decider(session)
    ask = an_ask(session)
    say(session, first, ask, YES, reason="Lovely.")
    assert say(session, second, ask, NO, reason="Too loud for the ward.") is Standing.REFUSED
    decision = queries.decision(session, ask.id)
    assert decision is not None
    assert (decision.reason, decision.code) == ("Too loud for the ward.", NoCode.OTHER)


def test_somebody_with_an_interest_is_not_counted_as_a_third(session: Session) -> None:
    first, second, third = three(session)
    ask = an_ask(session)
    a_member(session, ask.group, third)
    say(session, first, ask, YES)
    assert say(session, second, ask, NO) is Standing.REFUSED


def test_the_same_person_cannot_be_both(session: Session) -> None:
    first, _, _ = three(session)
    ask = an_ask(session)
    say(session, first, ask, YES)
    with pytest.raises(NotAllowed, match="somebody else’s turn"):
        say(session, first, ask, YES)


def _writer(session: Session, ask: Proposal) -> UUID:
    return ask.started_by_id


def _signer(session: Session, ask: Proposal) -> UUID:
    assert ask.signed_off_by_id is not None
    return ask.signed_off_by_id


@pytest.mark.parametrize("who", [_writer, _signer], ids=["asker", "second person"])
def test_neither_the_asker_nor_who_signed_decides(session: Session, who: Callable[[Session, Proposal], UUID]) -> None:
    ask = an_ask(session, writer=a_decider(session), signer=a_decider(session))
    person = session.get_one(Person, who(session, ask))
    with pytest.raises(NotAllowed, match="somebody else must decide"):
        say(session, person, ask, YES)


def test_a_steward_who_typed_it_for_a_group_does_not_decide_about_it(session: Session) -> None:
    typist = a_decider(session)
    group = a_group(session)
    ask = an_ask(session, group=group, writer=typist, signer=a_member(session, group))
    with pytest.raises(NotAllowed, match="you wrote or signed this"):
        say(session, typist, ask, YES)


def test_members_of_the_group_or_its_host_do_not_decide(session: Session) -> None:
    group, steward, of_host = a_group(session, has_bank_account=False), a_decider(session), a_decider(session)
    ask = an_ask(session, group=group, writer=a_member(session, group), signer=a_member(session, group))
    hosting = a_hosting(session, group)
    a_member(session, group, steward)
    a_member(session, hosting.host, of_host)
    for person in (steward, of_host):
        with pytest.raises(NotAllowed, match="somebody else must decide"):
            say(session, person, ask, YES)


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.FINANCE_OFFICER, Role.ADMIN, Role.AUDITOR])
def test_only_stewards_and_panellists_decide(session: Session, role: Role) -> None:
    person = a_person(session) if role is Role.RESIDENT else a_person(session, role)
    with pytest.raises(NotAllowed, match="Only stewards and panellists"):
        say(session, person, an_ask(session), YES)


def test_a_yes_needs_words_and_a_no_needs_a_kind_and_words(session: Session) -> None:
    steward, ask = a_decider(session), an_ask(session)
    uow = work(session, actor_of(session, steward))
    for says, code, words, field in (
        (YES, None, " ", "reason"),
        (NO, None, "x", "code"),
        (NO, NoCode.OTHER, "", "reason"),
    ):
        with pytest.raises(RuleBroken) as refused:
            service.say(uow, ask.id, says, copy=1, code=code, reason=words)
        assert refused.value.field == field


def test_a_third_says_why_in_words_of_their_own(session: Session) -> None:
    first, second, third = three(session)
    ask = an_ask(session)
    say(session, first, ask, YES)
    say(session, second, ask, NO)
    with pytest.raises(RuleBroken, match="Say why"):
        say(session, third, ask, NO, reason="")


# ----------------------------------------------------------------------------------------------------------- the money


def test_a_yes_is_refused_where_the_pot_of_the_round_is_too_small(session: Session) -> None:
    ask = an_ask(session, a_quick_round(session, promised_minor=190_000))
    with pytest.raises(NotEnoughMoney, match=r"£100 of this round’s pot is left, and they ask for £200"):
        say(session, a_decider(session), ask, YES)


def test_a_yes_is_refused_where_no_funder_allows_it(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 200_000, ward_codes=("E05014899",))
    ask = an_ask(session, a_quick_round(session, fund=fund))
    with pytest.raises(NotEnoughMoney, match="There is not enough money for a yes"):
        say(session, a_decider(session), ask, YES)


def test_when_the_money_is_gone_the_second_says_no_for_that_and_it_is_decided(session: Session) -> None:
    first, second, _ = three(session)
    round = a_quick_round(session)
    ask = an_ask(session, round)
    say(session, first, ask, YES)
    round.promised_minor = 190_000
    session.flush()
    with pytest.raises(NotEnoughMoney):
        say(session, second, ask, YES)
    verdict = say(session, second, ask, NO, code=NoCode.NO_MONEY, reason="Others came first.")
    assert (verdict, round.promised_minor) == (Standing.REFUSED, 190_000)


def test_nobody_says_that_the_money_is_gone_while_it_is_there(session: Session) -> None:
    with pytest.raises(RuleBroken, match="There is enough money for this") as refused:
        say(session, a_decider(session), an_ask(session), NO, code=NoCode.NO_MONEY)
    assert refused.value.field == "code"


def test_an_offer_that_is_declined_can_be_asked_for_by_others(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    for person in (first, second):
        say(session, person, ask, YES)
    award = session.scalars(select(Award)).one()
    signer = session.get_one(Person, _signer(session, ask))
    answers.decline(work(session, actor_of(session, signer)), award.id, "We found a bench.")
    session.refresh(ask.round)
    assert rounds.left_minor(ask.round) == 200_000
    assert queries.counted(session, round_id=ask.round_id).funded == 0


def test_a_quick_round_sets_aside_only_what_it_has_not_promised(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    before = rounds.room_minor(session, ask.round.fund_id)
    for person in (first, second):
        say(session, person, ask, YES)
    assert rounds.room_minor(session, ask.round.fund_id) == before == 1_800_000


# -------------------------------------------------------------------------------------- what changes while it is read


def test_an_answer_to_an_older_copy_is_refused_and_what_was_said_to_it_counts_no_more(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    say(session, first, ask, YES)
    a_snapshot(session, ask, number=2)
    with pytest.raises(Conflict, match="changed it since you opened"):
        say(session, second, ask, YES)
    assert say(session, second, ask, YES, copy=2) is Standing.SECOND
    assert say(session, first, ask, YES, copy=2) is Standing.FUNDED


def test_asking_back_opens_the_page_again_and_the_answer_makes_a_new_copy(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    say(session, first, ask, YES)
    service.ask_back(work(session, actor_of(session, second)), ask.id, copy=1, words="Whose bench is it afterwards?")
    assert ask.state is ProposalState.MORE_INFO_REQUESTED
    with pytest.raises(StepRefused):
        say(session, second, ask, YES)
    writer, signer = (session.get_one(Person, id) for id in (ask.started_by_id, _signer(session, ask)))
    ask.writer_id = writer.id
    bids.give_more_info(work(session, actor_of(session, signer)), ask.id)
    found = queries.ask(session, ask.id)
    assert (found.copy, found.opinions, found.by) == (2, (), london_day(START) + timedelta(days=7))
    assert say(session, first, ask, YES, copy=2) is Standing.SECOND


def test_what_is_decided_is_not_decided_again(session: Session) -> None:
    first, second, third = three(session)
    ask = an_ask(session)
    for person in (first, second):
        say(session, person, ask, NO)
    with pytest.raises(StepRefused):
        say(session, third, ask, YES)


@pytest.mark.parametrize("change", ["UPDATE quick_opinion SET reason = 'x'", "DELETE FROM quick_decision"])
def test_the_database_itself_refuses_to_change_what_was_said(any_session: Session, change: str) -> None:
    ask = an_ask(any_session)
    an_opinion(any_session, ask)
    a_refusal(any_session, ask.round)
    with pytest.raises(DBAPIError, match="append-only"), any_session.begin_nested():
        any_session.connection().exec_driver_sql(change)


# --------------------------------------------------------------------------------------------------- again, the end


def test_a_group_asks_again_with_what_it_wrote(session: Session) -> None:
    first, second, _ = three(session)
    ask = an_ask(session)
    for person in (first, second):
        say(session, person, ask, NO)
    writer = actor_of(session, session.get_one(Person, ask.started_by_id))
    made = asks.again(work(session, writer), ask.id, PackagedGeography())
    assert made.id != ask.id
    assert (made.title, made.applied_for_minor, made.state) == (ask.title, 20_000, ProposalState.DRAFT)


def test_a_round_is_finished_when_every_ask_has_its_answer(session: Session) -> None:
    round = a_quick_round(session, RoundState.CLOSED)
    ask = an_ask(session, round, put_in_at=START - timedelta(days=3))
    first, second, _ = three(session)
    steward = actor_of(session, first)
    with pytest.raises(StepRefused, match="1 ask waits for an answer"):
        service.finish(work(session, steward), round.id)
    for person in (first, second):
        say(session, person, ask, NO)
    service.finish(work(session, steward), round.id)
    assert round.state is RoundState.COMPLETED


# ------------------------------------------------------------------------------------------------------- reminders


def at_nine(day: datetime) -> datetime:
    return day.replace(hour=9, minute=0)


def told(session: Session) -> dict[str, str]:
    rows = session.scalars(select(OutboxRow.payload).where(OutboxRow.key.like("quick:waits:%")))
    return {payload["to"]: payload["subject"] for payload in rows}


def weekday(at: datetime) -> datetime:
    while at.weekday() > 4:
        at += timedelta(days=1)
    return at


def test_whoever_can_answer_hears_once_a_working_day_what_waits(session: Session) -> None:
    first, second, third = three(session)
    round = a_quick_round(session)
    ask, _ = an_ask(session, round), an_ask(session, round)
    a_member(session, ask.group, third)
    an_opinion(session, ask, first)
    morning = at_nine(weekday(START))
    for _ in range(2):
        service.remind(work(session, CLOCK, morning))
    assert told(session) == {
        first.email: "1 quick ask waits for you",
        second.email: "2 quick asks wait for you",
        third.email: "1 quick ask waits for you",
    }


def test_nobody_is_reminded_at_night(session: Session) -> None:
    an_ask(session)
    a_decider(session)
    morning = at_nine(weekday(START))
    assert [service.remind(work(session, CLOCK, morning.replace(hour=hour))) for hour in (7, 8)] == [0, 1]


def test_nobody_is_reminded_at_the_weekend(session: Session) -> None:
    an_ask(session)
    a_decider(session)
    saturday = at_nine(START) + timedelta(days=(5 - START.weekday()) % 7)
    assert service.remind(work(session, CLOCK, saturday)) == 0


def test_only_the_clock_reminds(session: Session) -> None:
    with pytest.raises(NotAllowed):
        service.remind(work(session, Actor(id=None)))


def test_counting(session: Session) -> None:
    round: Round = a_quick_round(session)
    first, second, _ = three(session)
    ask = an_ask(session, round, put_in_at=START - timedelta(days=5))
    for person in (first, second):
        say(session, person, ask, YES)
    a_refusal(session, round, days=1, code=NoCode.TOO_MUCH)
    a_refusal(session, round, days=2, code=NoCode.TOO_MUCH)
    an_ask(session, round)
    for counted in (
        queries.counted(session, round_id=round.id),
        queries.counted(session, fund_id=round.fund_id),
    ):
        assert (counted.funded, counted.funded_minor, counted.median) == (1, 20_000, "2")
        assert (counted.refused, counted.waiting) == (((NoCode.TOO_MUCH, 2),), 1)
    assert session.scalar(select(QuickDecision.days).where(QuickDecision.says == YES)) == 5


@pytest.mark.parametrize("state", [RoundState.OPEN, RoundState.CLOSED])
def test_a_small_ask_is_not_checked_for_a_vote(session: Session, state: RoundState) -> None:
    steward = a_decider(session)
    ask = an_ask(session, a_quick_round(session, state))
    uow = work(session, actor_of(session, steward))
    for check in (
        lambda: bids.screen(uow, ask.id, eligible=True),
        lambda: bids.request_more_info(uow, ask.id, [Section.WHAT], "What is it?", START + timedelta(days=3)),
    ):
        with pytest.raises(StepRefused, match="answered by two people"):
            check()
    assert (ask.state, ask.round.state) == (ProposalState.SUBMITTED, state)
