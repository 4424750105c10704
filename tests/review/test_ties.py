"""Hard interests that the system finds by itself, before a bid is given out and after it was scored."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.payees import service as payees
from grants.people.models import Person
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.rules.partners import PartnerState
from grants.review import queries, service
from grants.review.rules import Hard, KnownTie, ReviewState, address_mark, share_out
from grants.rounds.rules.states import RoundState
from tests.builders.payees import RING, a_bank_account
from tests.builders.people import a_group, a_hosting, a_member, a_person, actor_of
from tests.builders.proposals import an_unconstituted_group
from tests.builders.review import CRITERIA, a_panel, a_panellist, a_review, a_tie, lives_at
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import text_of
from tests.review.test_service import a_bid, events, steward
from tests.support.work import work

S = ReviewState
Make = Callable[[Session, Proposal, Person], object]


def another_group_with_their_account(session: Session, bid: Proposal, person: Person) -> None:
    theirs, other = bid.group, a_group(session)
    mark = RING.mark(b"99001266374958", b"bank account")
    a_bank_account(session, theirs, mark=mark)
    a_bank_account(session, other, mark=mark)
    a_member(session, other, person)


def looks_after_their_account(session: Session, bid: Proposal, person: Person) -> None:
    a_bank_account(session, bid.group, confirmed_by_id=person.id)


def shares_the_address(session: Session, bid: Proposal, person: Person) -> None:
    lives_at(session, bid.group, "Flat 2, 14")
    lives_at(session, person, "flat 2 14")


def lives_at_a_members_address(session: Session, bid: Proposal, person: Person) -> None:
    lives_at(session, a_member(session, bid.group), "7")
    lives_at(session, person, "7")


def a_partner(session: Session, bid: Proposal, **fields: object) -> None:
    named = {"position": 0, "name": "A friend", "role": "They cook.", "state": PartnerState.NAMED, **fields}
    session.add(ProposalPartner(proposal_id=bid.id, **named))


def is_a_partner(session: Session, bid: Proposal, person: Person) -> None:
    a_partner(session, bid, email=person.email)


def belongs_to_a_partner(session: Session, bid: Proposal, person: Person) -> None:
    partner = a_group(session, name="Tilery Growers")
    a_partner(session, bid, name="tilery growers", email="grow@example.org")
    a_member(session, partner, person)


WAYS: list[tuple[Make, Hard]] = [
    (lambda s, bid, person: a_member(s, bid.group, person), Hard.GROUP),
    (looks_after_their_account, Hard.SIGNATORY),
    (lambda s, bid, person: a_tie(s, person, KnownTie.SIGNATORY, bid.group), Hard.SIGNATORY),
    (another_group_with_their_account, Hard.ACCOUNT),
    (shares_the_address, Hard.ADDRESS),
    (lives_at_a_members_address, Hard.HOUSEHOLD),
    (lambda s, bid, person: a_tie(s, person, KnownTie.HOUSEHOLD, a_member(s, bid.group)), Hard.HOUSEHOLD),
    (lambda s, bid, person: a_tie(s, a_member(s, bid.group), KnownTie.HOUSEHOLD, person), Hard.HOUSEHOLD),
    (lambda s, bid, person: a_tie(s, person, KnownTie.EMPLOYER, bid.group), Hard.EMPLOYER),
    (is_a_partner, Hard.PARTNER),
    (belongs_to_a_partner, Hard.PARTNER),
]


def tied(session: Session, person: Person) -> set[UUID]:
    """The bids in which somebody has a hard interest, found from the person."""
    return set(session.scalars(select(Proposal.id).where(queries.tied_to(person.id))))


@pytest.mark.parametrize(("make", "why"), WAYS)
def test_given_a_reviewer_who_is_a_signatory_or_shares_the_address_assignment_is_blocked(
    session: Session, make: Make, why: Hard
) -> None:
    round = a_round(session, RoundState.CHECKING)
    bid, person, free = a_bid(session, round), a_panellist(session, round), a_panellist(session, round)
    make(session, bid, person)
    session.flush()
    assert queries.hard_interests(session, [bid])[bid.id, person.id] == {why}
    assert tied(session, person) == {bid.id}
    assert tied(session, free) == set()
    with pytest.raises(RuleBroken, match="This panellist ") as refused:
        service.assign(work(session, steward(session)), bid.id, person.id)
    assert refused.value.field == "reader"
    service.share_out(work(session, steward(session)), round.id, 2)
    assert [one.panellist_id for one in queries.of_round(session, round.id)] == [free.id]


def test_interests_are_found_on_both_databases_and_around_the_host(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    hosting = a_hosting(any_session, an_unconstituted_group(any_session))
    bid = a_bid(any_session, round, group=hosting.group)
    clerk, spouse, works = (a_panellist(any_session, round) for _ in range(3))
    a_member(any_session, hosting.host, clerk)
    a_tie(any_session, spouse, KnownTie.HOUSEHOLD, clerk)
    a_tie(any_session, works, KnownTie.EMPLOYER, hosting.host)
    expected = {}
    for make, why in WAYS:
        other, person = a_bid(any_session, round), a_panellist(any_session, round)
        make(any_session, other, person)
        expected[other, person] = {why}
    any_session.flush()
    found = queries.hard_interests(any_session, [bid, *(other for other, _ in expected)])
    for (other, person), why_here in expected.items():
        assert found[other.id, person.id] == why_here
        assert tied(any_session, person) == {other.id}
    assert [tied(any_session, person) for person in (clerk, works, spouse)] == [{bid.id}, {bid.id}, set()]
    assert found[bid.id, clerk.id] == {Hard.HOST}
    assert found[bid.id, works.id] == {Hard.EMPLOYER}
    # A large host has many clerks: who lives with one of them is not thereby tied to the group.
    assert (bid.id, spouse.id) not in found


def test_finding_interests_takes_no_more_queries_for_more_bids(session: Session) -> None:
    round = a_round(session, RoundState.CHECKING)
    bids = [a_bid(session, round) for _ in range(2)]
    counted: list[int] = []
    statements: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *told: statements.append(told[2]))
    for some in (bids[:1], bids + [a_bid(session, round) for _ in range(6)]):
        session.flush()
        statements.clear()
        queries.hard_interests(session, some)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 12


def test_a_conflict_found_after_scoring_takes_the_score_out_and_keeps_it_in_history(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    bid = a_bid(any_session, round)
    one, two, three = a_panel(any_session, round)
    fond = a_review(any_session, bid, one, scores=dict.fromkeys(CRITERIA, 3))
    for person in (two, three):
        a_review(any_session, bid, person, scores=dict.fromkeys(CRITERIA, 1))
    lives_at_a_members_address(any_session, bid, one)
    any_session.flush()
    assert service.find_interests(work(any_session)) == 1
    assert service.find_interests(work(any_session)) == 0
    assert (fond.state, fond.interest) == (S.RECUSED, "Found: lives with somebody of the group.")
    assert {score.value for score in fond.scores} == {3}
    (told,) = events(any_session, "review.interest_found")
    assert told.body == {"kind": "household", "scores_taken_out": dict.fromkeys(CRITERIA, 3)}
    (finding,) = service.lock_panel(work(any_session, steward(any_session)), round.id)
    assert (finding.points, finding.points_most, finding.passed) == (10, 30, False)


def test_the_lock_looks_for_interests_first(session: Session) -> None:
    round = a_round(session, RoundState.CHECKING)
    bid, panel = a_bid(session, round), a_panel(session, round)
    for person in panel:
        a_review(session, bid, person)
    a_tie(session, panel[2], KnownTie.EMPLOYER, bid.group)
    (finding,) = service.lock_panel(work(session, steward(session)), round.id)
    assert finding.reviews_count == 2


def test_a_conflict_marked_after_the_lock_recomputes_what_the_panel_found(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    bid, panel = a_bid(any_session, round), a_panel(any_session, round)
    reviews = [
        a_review(any_session, bid, person, scores=dict.fromkeys(CRITERIA, value))
        for person, value in zip(panel, (2, 2, 3), strict=True)
    ]
    (finding,) = service.lock_panel(work(any_session, steward(any_session)), round.id)
    assert (finding.points, finding.points_most) == (35, 45)
    chair = actor_of(any_session, panel[0])
    service.mark_interest(work(any_session, chair), reviews[2].id, "His brother keeps their books.")
    assert (finding.points, finding.points_most, finding.reviews_count, finding.passed) == (20, 30, 2, True)
    assert finding.by_criterion["truth"] == {"average": "2.0", "counted": 2, "spread": 0}
    assert "without them it has 20 of 30 points" in finding.note
    assert (bid.id, panel[2].id) in queries.recused(any_session, round.id)
    (again,) = events(any_session, "panel.found_again")
    assert again.body["had"] == {"points": 35, "points_most": 45, "reviews_count": 3}
    assert "brother" not in str([one.body for one in events(any_session, "review.interest_found")])


def test_nobody_marks_their_own_interest_or_after_the_decision(session: Session) -> None:
    round = a_round(session, RoundState.CHECKING)
    bid, panel = a_bid(session, round), a_panel(session, round)
    own = a_review(session, bid, panel[0])
    with pytest.raises(NotAllowed):
        service.mark_interest(work(session, actor_of(session, panel[0])), own.id, "Mine.")
    with pytest.raises(RuleBroken):
        service.mark_interest(work(session, steward(session)), own.id, "  ")
    round.state = RoundState.DECIDED
    with pytest.raises(RuleBroken, match="has decided"):
        service.mark_interest(work(session, steward(session)), own.id, "Too late.")


def test_one_account_is_found_by_its_mark_also_after_the_keys_rotated(session: Session) -> None:
    one, two = a_group(session), a_group(session)
    for group in (one, two):
        a_bank_account(session, group)  # given before there were marks
    assert payees.rotate(work(session), RING) == 2
    assert queries.payees.same_account(session, [one.id]) == [(one.id, two.id)]
    assert payees.rotate(work(session), RING) == 0


def test_an_address_is_kept_as_a_mark_that_depends_on_the_secret() -> None:
    assert address_mark("a", "Flat 2, 14", "ts181aa") == address_mark("a", "flat 2 14", "TS18 1AA")
    assert address_mark("a", "14 High St, Flat 2", "TS18 1AA") == address_mark("a", "Flat 2, 14 High Street", "ts181aa")
    for other in ("14", "214", "Flat 2a, 14", "Rose Cottage"):  # it may be the same home, or not: nothing is claimed
        assert address_mark("a", other, "TS18 1AA") != address_mark("a", "Flat 2, 14", "TS18 1AA")
    assert address_mark("a", "14", "TS18 1AA") != address_mark("b", "14", "TS18 1AA")
    with pytest.raises(RuleBroken):
        address_mark("a", "  ", "TS18 1AA")


def test_people_tell_of_their_ties_and_take_them_back(app_session: Session, as_: SignIn) -> None:
    person = a_person(app_session, Role.PANELLIST)
    other = a_person(app_session, email="sam@example.org")
    group = a_group(app_session, name="Tea Table")
    app_session.commit()
    browser = as_(person)
    assert browser.post("/you/ties", data={"what": "address", "house": "14", "postcode": "here"}).status_code == 422
    assert browser.post("/you/ties", data={"what": "employer", "employer": "Nobody Ltd"}).status_code == 422
    for told in (
        {"what": "address", "house": "14", "postcode": "TS18 1AA"},
        {"what": "household", "email": "Sam@Example.org"},
        {"what": "household", "email": "stranger@example.org"},
        {"what": "employer", "employer": "tea table"},
        {"what": "employer", "employer": "Tea Table"},
    ):
        assert browser.post("/you/ties", data=told).status_code == 302
    app_session.rollback()
    ties = queries.ties_of(app_session, person.id)
    assert {(one.kind, one.other_id, one.group_id) for one in ties} == {
        (KnownTie.HOUSEHOLD, other.id, None),
        (KnownTie.EMPLOYER, None, group.id),
    }
    mark = queries.address_of(app_session, person_id=person.id)
    assert mark is not None
    assert len(mark.mark) == 64
    page = text_of(browser.get("/you/ties"))
    assert "Tea Table" in page
    assert "sam@example.org" not in page
    with pytest.raises(NotFound):
        service.untell(work(app_session, actor_of(app_session, other)), ties[0].id)
    work_tie = next(one for one in ties if one.kind is KnownTie.EMPLOYER)
    for address in (f"{work_tie.id}/remove", "household/forget", "address/forget"):
        assert browser.post(f"/you/ties/{address}").status_code == 302
    app_session.rollback()
    # Nothing tells which of the two addresses has an account.
    assert [one.body["kind"] for one in events(app_session, "tie.noted")].count("household") == 2
    assert queries.ties_of(app_session, person.id) == []
    assert queries.address_of(app_session, person_id=person.id) is None


def test_who_is_forgotten_leaves_no_mark_and_no_tie(session: Session) -> None:
    one, two = a_person(session), a_person(session)
    lives_at(session, one, "14")
    a_tie(session, one, KnownTie.HOUSEHOLD, two)
    service.forget_person(work(session), two.id, None)
    assert queries.ties_of(session, one.id) == []
    service.forget_person(work(session), one.id, None)
    assert queries.address_of(session, person_id=one.id) is None


def test_a_member_says_where_the_group_is_and_a_stranger_cannot(app_session: Session, as_: SignIn) -> None:
    group = a_group(app_session)
    member = a_member(app_session, group)
    app_session.commit()
    address, typed = f"/groups/{group.id}/address", {"house": "The Hall", "postcode": "TS18 1AA"}
    assert as_(a_person(app_session)).get(address).status_code == 403
    browser = as_(member)
    assert "Say where your group is" in text_of(browser.get(f"/groups/{group.id}"))
    assert browser.post(address, data=typed).status_code == 302
    app_session.rollback()
    assert queries.address_of(app_session, group_id=group.id) is not None


def test_the_chair_marks_an_interest_on_a_page(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    bid, panel = a_bid(app_session, round), a_panel(app_session, round)
    review = a_review(app_session, bid, panel[1])
    app_session.commit()
    chair, address = as_(panel[0]), f"/reviews/{review.id}/interest"
    assert address in chair.get(f"/rounds/{round.id}/panel/desk").get_data(as_text=True)
    assert "Take" in text_of(chair.get(address))
    assert chair.post(address, data={"words": ""}).status_code == 422
    assert chair.post(address, data={"words": "They share a flat."}).status_code == 302
    app_session.rollback()
    app_session.refresh(review)
    assert review.state is S.RECUSED
    assert "It came to light" in text_of(as_(panel[1]).get(f"/reviews/{review.id}"))


@given(
    bids=st.integers(1, 10),
    people=st.integers(2, 6),
    barred=st.sets(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=3),
)
def test_given_uneven_load_no_reviewer_differs_by_more_than_one_and_hard_conflicts_stay_empty(
    bids: int, people: int, barred: set[tuple[int, int]]
) -> None:
    """One reader for each bid, at most as many conflicts as leave somebody free of all of them."""
    panel, ids = [UUID(int=100 + n) for n in range(people)], [UUID(int=n) for n in range(bids)]
    closed = {(UUID(int=bid), UUID(int=100 + person)) for bid, person in barred if bid < bids and person < people}
    pairs, short = share_out(ids, panel, 1, closed)
    assert not set(pairs) & closed
    assert len(pairs) + sum(short.values()) == bids
    loads = {person: sum(1 for _, other in pairs if other == person) for person in panel}
    for busy in panel:
        for free in panel:
            if loads[busy] - loads[free] > 1:  # only where every bid of the busier one is closed to the other
                assert all((bid, free) in closed for bid, person in pairs if person == busy)
