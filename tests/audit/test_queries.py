"""Whose money went where, the register beside the books, and the checks that name what does not hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from grants.audit.queries import checks as checks_queries
from grants.audit.queries import register as register_queries
from grants.audit.queries import statements as statements_queries
from grants.audit.queries import trail as trail_queries
from grants.audit.queries.register import RegisterFilter
from grants.audit.queries.statements import PICTURED
from grants.audit.queries.trail import TrailFilter
from grants.awards.models import Award, AwardSplit, Instalment
from grants.awards.rules import AwardState
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.funds.models import Contribution, Receipt
from grants.kernel.actors import Role
from grants.kernel.money import share_out
from grants.ledger import queries as ledger_queries
from grants.ledger import service as ledger
from grants.ledger.queries import Pockets
from grants.ledger.rules import Line, Pocket, bank_code, grants_code, moved
from grants.reports.rules import ReportState
from tests.builders.actors import an_actor
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_fund
from tests.builders.reports import a_report
from tests.ledger.test_queries import unguarded
from tests.support.clock import START
from tests.support.work import work

HOUR = timedelta(hours=1)


def two_givers(session: Session) -> tuple[Contribution, Contribution]:
    fund = a_fund(session)
    return a_contribution(session, fund, 200_000), a_contribution(session, fund, 100_000)


def released(session: Session, award: Award, amount_minor: int) -> None:
    """Part of an award that is let go, as completing an underspent one does."""
    parts = share_out(amount_minor, [s.amount_minor for s in award.splits])
    lines = [
        line
        for split, part in zip(award.splits, parts, strict=True)
        for line in moved(split.contribution_id, part, Pocket.COMMITTED, Pocket.AVAILABLE, award.id)
    ]
    ledger.post(work(session), key=f"{award.id}:release", event="award.released", fund_id=award.fund_id, lines=lines)


def test_a_funder_sees_its_part_of_every_award_to_the_penny(any_session: Session) -> None:
    one, two = two_givers(any_session)
    award = an_award(any_session, amount_minor=1_000, contributions=[one, two])
    an_award(any_session, contributions=[a_contribution(any_session)])
    [mine], count = statements_queries.shares(any_session, [one.id])
    [theirs], _ = statements_queries.shares(any_session, [two.id])
    assert (count, mine.award_id, mine.amount_minor, mine.state) == (1, award.id, 1_000, "active")
    assert (mine.part_minor, theirs.part_minor) == (667, 333)
    assert (mine.pockets.committed_minor, theirs.pockets.committed_minor) == (667, 333)
    [both], _ = statements_queries.shares(any_session, [one.id, two.id])
    assert (both.part_minor, both.pockets.committed_minor) == (1_000, 1_000)
    [flow] = statements_queries.flows(any_session, [one.id])
    assert (flow.contribution_id, flow.priority_id, flow.amount_minor) == (one.id, award.priority_id, 667)


def test_a_statement_as_at_a_day_knows_nothing_of_later(any_session: Session) -> None:
    one, _ = two_givers(any_session)
    award = an_award(any_session, amount_minor=1_000, contributions=[one], state=AwardState.COMPLETED)
    work(any_session, now=START - HOUR).record("award.offered", award, after=AwardState.OFFERED)
    work(any_session, now=START + HOUR).record(
        "award.completed", award, before=AwardState.ACTIVE, after=AwardState.COMPLETED
    )
    assert statements_queries.shares(any_session, [one.id], START - timedelta(days=5)) == ([], 0)
    [then], _ = statements_queries.shares(any_session, [one.id], START)
    assert (then.state, then.pockets.committed_minor, then.outcome) == ("offered", 1_000, None)
    [now], _ = statements_queries.shares(any_session, [one.id])
    assert now.state == "completed"
    assert trail_queries.states_at(any_session, "award", START - 2 * HOUR) == {}


def test_an_accepted_report_tells_what_came_of_the_money(session: Session) -> None:
    one, _ = two_givers(session)
    award = an_award(session, contributions=[one])
    a_report(session, award, state=ReportState.SUBMITTED)
    assert statements_queries.shares(session, [one.id])[0][0].outcome is None
    accepted = a_report(session, award, state=ReportState.ACCEPTED)
    told = statements_queries.shares(session, [one.id])[0][0].outcome
    assert told is not None
    assert (told.report_id, told.what_happened) == (accepted.id, accepted.what_happened)
    assert statements_queries.shares(session, [one.id], START - timedelta(hours=40))[0][0].outcome is None


def test_a_funder_s_page_is_told_in_one_question_what_the_separate_ones_tell(any_session: Session) -> None:
    one, two = two_givers(any_session)
    theirs = a_contribution(any_session, one.fund)
    paid = an_award(any_session, amount_minor=30_001, contributions=[one, two, theirs])
    a_disbursement(any_session, paid, state=DisbursementState.PAID)
    released(any_session, an_award(any_session, amount_minor=9_000, contributions=[one], state=AwardState.COMPLETED), 7)
    an_award(any_session, amount_minor=500, contributions=[two], state=AwardState.OFFERED)
    an_award(any_session, amount_minor=700, contributions=[one], state=AwardState.DECLINED)
    an_award(any_session, amount_minor=800, contributions=[theirs])
    a_report(any_session, paid, state=ReportState.ACCEPTED)
    for number in range(PICTURED):
        an_award(any_session, amount_minor=100 + number, contributions=[two], offered_at=START + number * HOUR)
    ids = [one.id, two.id]
    for page in (1, 2, 4):
        told = statements_queries.now_of(any_session, ids, page=page, size=4)
        assert (told.shares, told.count) == statements_queries.shares(any_session, ids, page=page, size=4)
        assert told.streams == statements_queries.streams(any_session, ids)
        assert told.pockets == ledger_queries.pockets_of(any_session, ids)
    assert told.shares == []
    several = statements_queries.now_of(any_session, ids, size=100)
    assert len(several.shares) == several.count == PICTURED + 3
    assert sum(x.amount_minor for x in several.streams) == sum(
        x.committed_minor + x.sending_minor + x.paid_minor for x in several.pockets.values()
    )
    assert None in {x.award_id for x in several.streams}
    assert next(x for x in several.shares if x.award_id == paid.id).outcome is not None
    nothing = statements_queries.now_of(any_session, [])
    assert (nothing.pockets, nothing.streams, nothing.shares, nothing.count) == ({}, [], [], 0)


def test_the_register_adds_up_to_the_books(any_session: Session) -> None:
    one, two = two_givers(any_session)
    paid = an_award(any_session, amount_minor=30_000, contributions=[one, two])
    a_disbursement(any_session, paid, state=DisbursementState.PAID)
    underspent = an_award(any_session, amount_minor=10_001, contributions=[one, two], state=AwardState.COMPLETED)
    released(any_session, underspent, 2_000)
    an_award(any_session, amount_minor=500, contributions=[one], state=AwardState.OFFERED)
    an_award(any_session, amount_minor=700, contributions=[one], state=AwardState.DECLINED)
    rows, count = register_queries.register(any_session, RegisterFilter())
    assert count == 3
    by_id = {row.award_id: row for row in rows}
    assert (by_id[paid.id].paid_minor, by_id[paid.id].back_minor) == (30_000, 0)
    assert (by_id[underspent.id].back_minor, by_id[underspent.id].stands_minor) == (2_000, 8_001)
    sums = register_queries.register_sum(any_session)
    assert sum(row.awarded_minor - row.back_minor for row in rows) == sums.stands_minor == sums.books_minor == 38_501
    assert (sums.count, sums.books.paid_minor, sums.agrees) == (3, 30_000, True)
    assert [check.says for check in checks_queries.checks(any_session) if not check.holds] == []


def test_the_register_can_be_narrowed(session: Session) -> None:
    one, _ = two_givers(session)
    soup, seeds = an_award(session, contributions=[one]), an_award(session, contributions=[one])
    seeds.proposal.title = "100% seeds"
    session.flush()

    def found(**wanted: object) -> set[UUID]:
        return {row.award_id for row in register_queries.register(session, RegisterFilter(**wanted))[0]}  # type: ignore[arg-type]

    assert found(round_id=soup.round_id) == {soup.id}
    assert found(priority_id=seeds.priority_id) == {seeds.id}
    assert found(words="SEEDS 100%") == {seeds.id}
    assert found(words=soup.reference.lower()) == {soup.id}
    assert found(words="100_") == set()
    assert register_queries.register(session, RegisterFilter(), page=2) == ([], 2)


def test_a_page_of_the_register_tells_what_its_file_tells(any_session: Session) -> None:
    one, two = two_givers(any_session)
    awards = [an_award(any_session, amount_minor=900 + at, contributions=[one, two]) for at in range(3)]
    a_disbursement(any_session, awards[0], state=DisbursementState.PAID)
    any_session.flush()
    for wanted in (
        RegisterFilter(),
        RegisterFilter(round_id=awards[0].round_id),
        RegisterFilter(priority_id=awards[1].priority_id),
        RegisterFilter(round_id=awards[2].round_id, priority_id=awards[2].priority_id),
        RegisterFilter(round_id=awards[0].round_id, priority_id=awards[1].priority_id),
    ):
        told = register_queries.register(any_session, wanted)
        assert told == register_queries.register(any_session, wanted, page=None)
    assert told == ([], 0)


def test_the_trail_is_told_by_thing_by_person_and_by_day(session: Session) -> None:
    fund, other = a_fund(session), a_fund(session)
    ada, ben = an_actor(Role.ADMIN), an_actor(Role.STEWARD)
    work(session, ada, START).record("fund.started", fund)
    work(session, ben, START + HOUR).record("fund.changed", fund)
    work(session, ada, START + 2 * HOUR).record("funder.added", other)
    session.flush()

    def told(**wanted: object) -> list[str]:
        events, count = trail_queries.trail(session, TrailFilter(**wanted))  # type: ignore[arg-type]
        assert count == len(events)
        return [event.verb for event in events]

    assert told() == ["funder.added", "fund.changed", "fund.started"]
    assert told(verb="fund") == ["fund.changed", "fund.started"]
    assert told(verb="fund.started") == ["fund.started"]
    assert told(subject_type="fund", subject_ids=(fund.id,)) == ["fund.changed", "fund.started"]
    assert told(actor_id=ada.id) == ["funder.added", "fund.started"]
    assert told(since=START + HOUR, until=START + HOUR) == ["fund.changed"]
    assert trail_queries.trail(session, TrailFilter(), page=2) == ([], 3)
    assert trail_queries.verbs(session) == ["fund.changed", "fund.started", "funder.added"]


# ---------------------------------------------------------------- each check finds what it is for


def receipt_without_entry(session: Session, award: Award) -> str:
    one = award.splits[0].contribution_id
    session.execute(update(Receipt).where(Receipt.contribution_id == one).values(amount_minor=199_999))
    return "What arrived of every contribution stands in the books"


def receipt_taken_away(session: Session, award: Award) -> str:
    session.execute(delete(Receipt).where(Receipt.contribution_id == award.splits[0].contribution_id))
    return "Every receipt has one entry, and every entry of money in has its receipt"


def promise_made_smaller(session: Session, award: Award) -> str:
    one = award.splits[0].contribution_id
    session.execute(update(Contribution).where(Contribution.id == one).values(amount_minor=5))
    return "No contribution got more than was promised"


def split_changed(session: Session, award: Award) -> str:
    session.execute(update(AwardSplit).where(AwardSplit.award_id == award.id).values(amount_minor=7))
    return "The split of every award adds up to the award"


def award_changed(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(amount_minor=900_000, disbursing_minor=0))
    session.execute(update(AwardSplit).where(AwardSplit.award_id == award.id).values(amount_minor=900_000))
    return "Every award holds in the books what its split says, less what came back"


def declined_with_money(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(state=AwardState.DECLINED))
    return "Every award holds in the books what its split says, less what came back"


def restriction_made_narrower(session: Session, award: Award) -> str:
    narrow = {"ward_codes": ["E1"], "imd_deciles": [], "priority_ids": []}
    one = award.splits[0].contribution_id
    session.execute(update(Contribution).where(Contribution.id == one).values(restriction=narrow))
    return "Money goes only where its funder allows"


def payment_called_failed(session: Session, award: Award) -> str:
    session.execute(update(Disbursement).values(state=DisbursementState.FAILED))
    return "Payments and returns agree with the books"


def award_in_the_register_made_larger(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(amount_minor=900_001))
    return "The public register adds up to the books"


def contribution_given_to_another_fund(session: Session, award: Award) -> str:
    one, other = award.splits[0].contribution_id, a_fund(session)
    session.execute(update(Contribution).where(Contribution.id == one).values(fund_id=other.id))
    return "Every account belongs to a contribution of its fund"


def counted_as_less(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(disbursing_minor=0))
    return "What an award counts as being paid is what its payments say"


def part_made_larger(session: Session, award: Award) -> str:
    session.execute(update(Instalment).where(Instalment.award_id == award.id).values(amount_minor=1_001))
    return "The parts of every award add up to it, and each payment is of one part"


def payment_of_a_part_of_another_award(session: Session, award: Award) -> str:
    other = an_award(session, amount_minor=1_000)
    session.execute(update(Disbursement).values(instalment_id=other.instalments[0].id))
    return "The parts of every award add up to it, and each payment is of one part"


def closed_with_money_left(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(state=AwardState.CLOSED, accepted_spend_minor=999))
    return CLOSED


def written_off_by_nobody(session: Session, award: Award) -> str:
    session.execute(update(Award).where(Award.id == award.id).values(written_off_minor=1))
    return CLOSED


def trigger_taken_away(session: Session, award: Award) -> str:
    if session.get_bind().dialect.name == "postgresql":  # on SQLite they are all gone by now
        session.execute(text("ALTER TABLE ledger_posting DISABLE TRIGGER ledger_posting_append_only"))
    return "The database refuses to change, to take away and to replace what was entered"


CLOSED = "A closed award is accounted for: paid, less what came back and was written off, is what was spent"
TAMPERINGS: list[Callable[[Session, Award], str]] = [
    receipt_without_entry,
    receipt_taken_away,
    promise_made_smaller,
    split_changed,
    award_changed,
    declined_with_money,
    restriction_made_narrower,
    payment_called_failed,
    award_in_the_register_made_larger,
    contribution_given_to_another_fund,
    counted_as_less,
    part_made_larger,
    payment_of_a_part_of_another_award,
    closed_with_money_left,
    written_off_by_nobody,
    trigger_taken_away,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_check_finds_what_it_is_for(any_session: Session, tamper: Callable[[Session, Award], str]) -> None:
    award = an_award(any_session, amount_minor=1_000, contributions=[a_contribution(any_session, amount_minor=200_000)])
    a_disbursement(any_session, award, state=DisbursementState.PAID)
    any_session.flush()
    assert checks_queries.first_break(any_session) is None
    unguarded(any_session)
    says = tamper(any_session, award)
    any_session.expire_all()
    broken = {check.says for check in checks_queries.checks(any_session) if not check.holds}
    first = checks_queries.first_break(any_session)
    if any_session.get_bind().dialect.name == "postgresql":
        any_session.rollback()
        any_session.execute(text("SET session_replication_role = DEFAULT"))
    assert says in broken
    assert first


def test_money_that_came_back_is_counted_once(any_session: Session) -> None:
    one, two = two_givers(any_session)
    award = an_award(any_session, amount_minor=3_000, contributions=[one, two])
    a_disbursement(any_session, award, state=DisbursementState.PAID)
    lines = [
        *moved(one.id, 200, Pocket.PAID, Pocket.AVAILABLE, award.id),
        *moved(two.id, 100, Pocket.PAID, Pocket.AVAILABLE, award.id),
        Line(bank_code(award.fund_id), 300, award.id),
        Line(grants_code(award.fund_id), -300, award.id),
    ]
    ledger.post(work(any_session), key="back", event="payment.returned", fund_id=award.fund_id, lines=lines)
    [row], _ = register_queries.register(any_session, RegisterFilter())
    assert (row.paid_minor, row.back_minor, row.stands_minor) == (2_700, 300, 2_700)
    [mine], _ = statements_queries.shares(any_session, [one.id])
    assert mine.pockets == Pockets(available_minor=-1_800, paid_minor=1_800)
    assert register_queries.register_sum(any_session).agrees
