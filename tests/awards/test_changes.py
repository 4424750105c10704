"""What may change in figures once an award is under way: the sum, the days, the lines of the budget."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from grants.audit.queries import checks, register
from grants.audit.queries.statements import shares
from grants.awards import queries
from grants.awards.models import Award, AwardVersion
from grants.awards.rules import (
    AgreementState,
    AwardState,
    BudgetLine,
    ChangeKind,
    ChangeRequestAction,
    Open,
    Wanted,
    parts_after,
    virements,
)
from grants.awards.service import agreements, amendments
from grants.disbursements.service import paying
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.ledger.queries import pockets_of
from grants.people.models import Group
from grants.proposals.models import BudgetLine as ProposalLine
from grants.web.db import WRITES
from tests.builders.awards import all_known, an_award
from tests.builders.funds import a_contribution
from tests.builders.people import a_member, a_person, actor_of
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work

DAY = START.date()


def steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def member(session: Session, award: Award) -> Actor:
    return actor_of(session, a_member(session, session.get_one(Group, award.group_id)))


def changed(session: Session, award: Award, kind: ChangeKind, figures: Wanted) -> AwardVersion:
    """Asked by a member, agreed by one steward, put into force by another."""
    asked = amendments.ask_change(
        work(session, member(session, award)), award.id, kind, "Otherwise.", "Why not.", figures
    )
    amendments.answer_change(work(session, steward(session)), asked.id, ChangeRequestAction.APPROVE)
    return amendments.apply_change(work(session, steward(session)), asked.id)


def with_lines(session: Session, award: Award, *lines: tuple[str, int]) -> Award:
    """The budget that was applied for, in pence."""
    session.add_all(
        ProposalLine(proposal_id=award.proposal_id, position=place, what=what, amount_minor=minor)
        for place, (what, minor) in enumerate(lines, 1)
    )
    session.flush()
    session.expire(award.proposal, ["lines"])
    return award


def whole(session: Session) -> bool:
    session.flush()
    return checks.first_break(session) is None


def test_a_smaller_award_lets_the_difference_go_in_the_proportions_of_its_split(any_session: Session) -> None:
    session = any_session
    one = a_contribution(session, amount_minor=60_000)
    two = a_contribution(session, one.fund, 30_000)
    award = an_award(session, contributions=[one, two], parts=[50_000, 40_000])
    version = changed(session, award, ChangeKind.SUM, Wanted(amount_minor=60_000))
    assert (version.version, version.was_minor, version.amount_minor) == (2, 90_000, 60_000)
    assert [pockets_of(session, [id])[id].available_minor for id in (one.id, two.id)] == [20_000, 10_000]
    assert [part.amount_minor for part in award.instalments] == [50_000, 10_000]
    assert [split.amount_minor for split in queries.splits(session, [award.id])] == [40_000, 20_000]
    assert whole(session)
    assert register.register_sum(session).stands_minor == 60_000
    ((row,), _) = register.register(session, register.RegisterFilter())
    assert (row.awarded_minor, row.back_minor) == (60_000, 0)


def test_a_larger_award_takes_more_from_money_that_may_pay_for_it(any_session: Session) -> None:
    session = any_session
    one = a_contribution(session, amount_minor=90_000)
    other = a_contribution(session, one.fund, 50_000, ward_codes=["E9"])
    third = a_contribution(session, one.fund, 30_000)
    award = an_award(session, contributions=[one])
    with pytest.raises(NotEnoughMoney) as short:
        changed(session, award, ChangeKind.SUM, Wanted(amount_minor=120_001))
    assert short.value.shortfall_minor == 1
    session.expire_all()
    session.delete(queries.changes(session, award.id)[0])
    session.flush()
    changed(session, award, ChangeKind.SUM, Wanted(amount_minor=120_000))
    assert pockets_of(session, [third.id])[third.id].committed_minor == 30_000
    assert pockets_of(session, [other.id])[other.id].committed_minor == 0
    assert sum(part.amount_minor for part in award.instalments) == 120_000
    assert whole(session)


def test_when_the_sum_changes_the_agreement_is_void_and_nothing_is_paid_until_all_have_signed_anew(
    session: Session,
) -> None:
    award = an_award(session, parts=[50_000, 40_000], active_at=START)
    all_known(session, award)
    signed = queries.agreement(session, award.id)
    changed(session, award, ChangeKind.SUM, Wanted(amount_minor=60_000))
    newest = queries.agreement(session, award.id)
    assert signed is not None
    assert newest is not None
    assert (signed.state, newest.state, newest.version) == (AgreementState.VOID, AgreementState.SENT, 2)
    assert "£600" in newest.text
    assert award.state is AwardState.ACCEPTED
    asks = actor_of(session, a_person(session, Role.FINANCE_OFFICER))
    with pytest.raises(StepRefused, match="not under way"):
        paying.request(work(session, asks), award.instalments[0].id)
    with pytest.raises(StepRefused, match="asks for a change"):
        agreements.plan_instalments(work(session, steward(session)), award.id, [])
    for place, one in enumerate((a_member(session, award.group), a_member(session, award.group))):
        agreements.sign(work(session, actor_of(session, one)), newest.id, one.name, home=str(place) * 64)
    agreements.countersign(work(session, steward(session)), newest.id)
    assert award.state is AwardState.ACTIVE
    paying.request(work(session, asks), award.instalments[0].id)


def test_what_was_asked_for_stays_and_is_the_least_that_an_award_can_become(session: Session) -> None:
    award = an_award(session, parts=[50_000, 40_000])
    asks = actor_of(session, a_person(session, Role.FINANCE_OFFICER))
    paying.request(work(session, asks), award.instalments[0].id)
    with pytest.raises(RuleBroken, match="£500 was asked for or tried already"):
        changed(session, award, ChangeKind.SUM, Wanted(amount_minor=49_999))
    changed(session, award, ChangeKind.SUM, Wanted(amount_minor=50_000))
    assert [part.amount_minor for part in award.instalments] == [50_000]
    assert whole(session)


def test_no_sum_changes_while_money_is_on_its_way(session: Session) -> None:
    award = an_award(session, parts=[50_000, 40_000])
    asked = paying.request(
        work(session, actor_of(session, a_person(session, Role.FINANCE_OFFICER))), award.instalments[0].id
    )
    paying.authorise(work(session, actor_of(session, a_person(session, Role.FINANCE_OFFICER))), asked.id)
    with pytest.raises(StepRefused, match="£500 is on its way"):
        changed(session, award, ChangeKind.SUM, Wanted(amount_minor=60_000))


def test_the_steward_who_agreed_to_another_sum_does_not_put_it_into_force(session: Session) -> None:
    award, agrees = an_award(session), steward(session)
    wanted = Wanted(amount_minor=60_000)
    asks = work(session, member(session, award))
    asked = amendments.ask_change(asks, award.id, ChangeKind.SUM, "Less.", "We need less.", wanted)
    amendments.answer_change(work(session, agrees), asked.id, ChangeRequestAction.APPROVE)
    with pytest.raises(NotAllowed, match="Another steward"):
        amendments.apply_change(work(session, agrees), asked.id)


def test_later_days_move_only_what_nobody_asked_for_and_leave_the_agreement(session: Session) -> None:
    award = an_award(session, parts=[50_000, 40_000])
    asks = actor_of(session, a_person(session, Role.FINANCE_OFFICER))
    paying.request(work(session, asks), award.instalments[0].id)
    later = DAY + timedelta(days=60)
    changed(session, award, ChangeKind.DAYS, Wanted(not_before=later))
    assert [part.due_on for part in award.instalments] == [DAY, later]
    assert award.state is AwardState.ACTIVE


def test_another_budget_holds_from_the_version_that_brings_it(session: Session) -> None:
    award = with_lines(session, an_award(session), ("Hall", 120_000), ("Food", 60_000))
    assert [one.amount_minor for one in queries.budget(session, award)] == [60_000, 30_000]
    lines = (BudgetLine("Hall", 20_000), BudgetLine("Food", 69_999))
    with pytest.raises(RuleBroken, match=r"add up to £899\.99: £0\.01 less"):
        changed(session, award, ChangeKind.MONEY, Wanted(budget=lines))
    changed(session, award, ChangeKind.MONEY, Wanted(budget=(lines[0], BudgetLine("Food", 70_000))))
    assert [one.amount_minor for one in queries.budget(session, award)] == [20_000, 70_000]
    assert award.state is AwardState.ACTIVE


def test_a_past_day_shows_the_award_as_it_was_before_its_sum_changed(session: Session) -> None:
    given = a_contribution(session, amount_minor=90_000)
    award = an_award(session, contributions=[given], parts=[50_000, 40_000])
    asked = amendments.ask_change(
        work(session, member(session, award)), award.id, ChangeKind.SUM, "Less.", "Less.", Wanted(amount_minor=60_000)
    )
    amendments.answer_change(work(session, steward(session)), asked.id, ChangeRequestAction.APPROVE)
    amendments.apply_change(work(session, steward(session), START + timedelta(days=2)), asked.id)
    session.flush()
    ((then,), _) = shares(session, [given.id], START + timedelta(days=1))
    ((now,), _) = shares(session, [given.id])
    assert (then.amount_minor, then.part_minor, then.pockets.committed_minor) == (90_000, 90_000, 90_000)
    assert (now.amount_minor, now.part_minor, now.pockets.committed_minor) == (60_000, 60_000, 60_000)


@pytest.mark.parametrize(
    ("amount", "after"),
    [
        (100, ([(1, 60, DAY), (2, 40, DAY)], None)),
        (130, ([(1, 60, DAY), (2, 70, DAY)], None)),
        (60, ([(1, 60, DAY), (2, 0, DAY)], None)),
    ],
)
def test_more_and_less_fall_on_the_last_parts(amount: int, after: object) -> None:
    parts = [Open(1, 60, DAY, True), Open(2, 40, DAY, False)]
    assert parts_after(parts, amount, None, DAY) == after


def test_more_becomes_a_new_part_when_all_were_asked_for() -> None:
    assert parts_after([Open(1, 60, DAY, True)], 80, None, DAY) == ([(1, 60, DAY)], (20, DAY))


@pytest.mark.parametrize(("food", "over"), [(200, ()), (201, (101,))])
def test_a_tenth_of_the_award_may_go_to_another_line_unasked(food: int, over: tuple[int, ...]) -> None:
    budget = (BudgetLine("Hall", 900), BudgetLine("Food", 100))
    found = virements(budget, (BudgetLine("Hall", 1000 - food), BudgetLine("Food", food)), 1000)
    assert tuple(more for _, more in found) == over


def test_a_group_asks_for_another_sum_and_two_stewards_put_it_into_force(as_: SignIn, app_session: Session) -> None:
    award = with_lines(app_session, an_award(app_session), ("Hall", 60_000), ("Food", 30_000))
    person = a_member(app_session, award.group)
    app_session.commit()
    path = f"/awards/{award.id}/changes"
    ask = {"kind": "sum", "wish": "A smaller feast.", "reason": "Fewer come."}
    page = as_(person).post(path, data=ask)
    assert (page.status_code, "Enter how much the award is to be" in page.text) == (422, True)
    page = as_(person).post(path, data={**ask, "amount": "600", "line_1": "400", "line_2": "100"})
    assert "The lines add up to £500: £100 less than the award." in page.text
    assert as_(person).post(path, data={**ask, "amount": "600", "line_1": "400", "line_2": "200"}).status_code == 302
    change_id = queries.changes(app_session, award.id)[0].id
    app_session.commit()
    agrees = as_(Role.STEWARD)
    agrees.post(f"/changes/{change_id}/answer", data={"action": "approve", "words": ""})
    assert "another steward must put it into force" in agrees.get(path).text
    other = as_(Role.STEWARD)
    assert "£600" in other.get(path).text
    assert other.post(f"/changes/{change_id}/apply").status_code == 302
    assert "£900 became £600" in as_(person).get(path).text


def test_a_group_that_is_asked_a_question_says_anew_what_it_wants_in_words_and_in_figures(any_session: Session) -> None:
    session = any_session
    award = with_lines(session, an_award(session, parts=[50_000, 40_000]), ("Hall", 60_000), ("Food", 30_000))
    asker, other = member(session, award), member(session, award)
    asked = amendments.ask_change(
        work(session, asker), award.id, ChangeKind.SUM, "A bigger hall.", "More people.", Wanted(amount_minor=120_000)
    )
    first, second = steward(session), steward(session)
    amendments.answer_change(work(session, first), asked.id, ChangeRequestAction.QUERY, "Would £1,000 do?")
    for wrong in (Wanted(amount_minor=90_000), Wanted(), Wanted(amount_minor=100_000, budget=(BudgetLine("Hall", 1),))):
        with pytest.raises(RuleBroken):
            amendments.change_again(work(session, other), asked.id, ChangeKind.SUM, "A hall.", "People.", wrong)
    lines = (BudgetLine("Hall", 70_000), BudgetLine("Food", 30_000))
    anew = Wanted(amount_minor=100_000, budget=lines)
    amendments.change_again(work(session, other), asked.id, ChangeKind.SUM, "A hall.", "£1,000 does.", anew)
    session.flush()
    assert (asked.amount_minor, asked.wish, asked.asked_by_id, asked.answer) == (100_000, "A hall.", other.id, None)
    assert queries.lines_in(asked.budget) == lines
    (old,) = queries.change_versions(session, [asked.id])[asked.id]
    assert (old.version, old.amount_minor, old.wish, old.question) == (1, 120_000, "A bigger hall.", "Would £1,000 do?")
    assert (old.asked_by_id, old.answered_by_id) == (asker.id, first.id)
    amendments.answer_change(work(session, first), asked.id, ChangeRequestAction.APPROVE)
    amendments.apply_change(work(session, second), asked.id)
    assert award.amount_minor == 100_000
    assert whole(session)


def test_nothing_is_said_anew_before_a_question_or_by_somebody_else(session: Session) -> None:
    award = an_award(session)
    asked = amendments.ask_change(work(session, member(session, award)), award.id, ChangeKind.PLAN, "Cake.", "Hunger.")
    with pytest.raises(StepRefused):
        amendments.change_again(work(session, member(session, award)), asked.id, ChangeKind.PLAN, "Tea.", "Thirst.")
    amendments.answer_change(work(session, steward(session)), asked.id, ChangeRequestAction.QUERY, "Why?")
    with pytest.raises(NotAllowed):
        amendments.change_again(work(session, steward(session)), asked.id, ChangeKind.PLAN, "Tea.", "Thirst.")
    assert queries.change_versions(session, [asked.id]) == {}


def test_the_page_begins_with_what_was_asked_for_and_keeps_the_old_words(as_: SignIn, app_session: Session) -> None:
    app_session.connection(execution_options={WRITES: True})
    award = an_award(app_session, parts=[50_000, 40_000])
    person = a_member(app_session, app_session.get_one(Group, award.group_id))
    asked = amendments.ask_change(
        work(app_session, actor_of(app_session, person)),
        award.id,
        ChangeKind.SUM,
        "A bigger hall.",
        "More people.",
        Wanted(amount_minor=120_000),
    )
    amendments.answer_change(work(app_session, steward(app_session)), asked.id, ChangeRequestAction.QUERY, "How big?")
    change_id, path = asked.id, f"/awards/{award.id}/changes"
    app_session.commit()
    client = as_(person)
    page = client.get(path).text
    assert "Answer the question" in page
    assert 'value="1,200"' in page or 'value="1200"' in page or 'value="1200.00"' in page or 'value="1,200.00"' in page
    wrong = client.post(f"/changes/{change_id}/again", data={"kind": "sum", "wish": "Small.", "reason": "Fine."})
    assert (wrong.status_code, "Enter how much the award is to be." in wrong.text) == (422, True)
    assert "Small." in wrong.text
    data = {"kind": "sum", "wish": "Small hall.", "reason": "Fine.", "amount": "1000"}
    assert client.post(f"/changes/{change_id}/again", data=data).status_code == 302
    page = client.get(path).text
    for words in ("Small hall.", "£1,000", "A bigger hall.", "£1,200", "How big?"):
        assert words in page
