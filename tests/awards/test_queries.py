"""What other stages and pages ask about awards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from grants.awards import queries
from grants.awards.rules import HOLDS_MONEY, AgreementState, AwardState
from grants.kernel.actors import Role
from tests.builders.actors import an_actor
from tests.builders.awards import an_agreement, an_award
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.support.asking import asked
from tests.support.clock import START


@pytest.mark.parametrize("state", AwardState)
def test_lists_hold_what_holds_money(session: Session, state: AwardState) -> None:
    award = an_award(session, state=state)
    found = [award.id] if state in HOLDS_MONEY else []
    assert [line.id for line in queries.of_group(session, award.group_id)] == found
    assert [line.id for line in queries.of_priority(session, award.priority_id)] == found
    assert [line.id for line in queries.of_round(session, award.round_id)] == found
    assert [line.id for line in queries.of_fund(session, award.fund_id)] == found
    assert queries.awarded_minor(session, award.round_id) == sum(
        line.amount_minor for line in queries.of_fund(session, award.fund_id)
    )


def test_an_award_names_its_funders_the_largest_share_first(any_session: Session) -> None:
    fund = a_fund(any_session)
    given = [
        a_contribution(any_session, fund, minor, funder=a_funder(any_session, name=name))
        for name, minor in (("Small", 100_000), ("Large", 300_000))
    ]
    award = an_award(any_session, amount_minor=80_000, contributions=given)
    page = queries.award_page(any_session, award.id)
    assert page is not None
    assert [(one.funder_name, one.amount_minor) for one in page.splits] == [("Large", 60_000), ("Small", 20_000)]
    assert (page.pockets.committed_minor, page.pockets.paid_minor) == (80_000, 0)


def test_an_offer_waits_until_its_day(session: Session) -> None:
    award = an_award(session, state=AwardState.OFFERED)
    signs, other = (actor_of(session, a_member(session, group)) for group in (award.group, a_group(session)))
    assert [row[0] for row in asked(session, queries.offers_to, signs)] == [award.id]
    assert asked(session, queries.offers_to, signs, START + timedelta(days=13)) == []
    assert asked(session, queries.offers_to, other) == []


def test_an_agreement_waits_for_whoever_has_not_signed(session: Session) -> None:
    host = a_group(session, can_host=True)
    award = an_award(session, state=AwardState.ACCEPTED, payee=host)
    signed, other = a_member(session, award.group), a_person(session)
    an_agreement(session, award, version=2, signers=[signed])
    award.agreements[0].state = AgreementState.VOID
    session.flush()
    assert queries.to_sign(session, signed.id, [award.group_id]) == []
    assert [one.award_id for one in queries.to_sign(session, other.id, [host.id])] == [award.id]
    assert asked(session, queries.to_countersign, an_actor(Role.STEWARD)) == []


def test_the_newest_version_is_shown_unless_another_is_asked_for(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    an_agreement(session, award, version=2)
    newest, first = queries.agreement(session, award.id), queries.agreement(session, award.id, 1)
    assert newest is not None
    assert first is not None
    assert (newest.version, first.version) == (2, 1)
    assert queries.agreement(session, award.id, 3) is None


def test_a_page_of_the_list_is_bounded_and_counts_all(session: Session) -> None:
    for _ in range(3):
        an_award(session)
    lines, total = queries.listed(session, page=2, size=2)
    assert (len(lines), total) == (1, 3)
