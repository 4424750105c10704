"""Seating, sharing out, declaring, scoring and locking: each with its guards, its trail and its letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.people.rules import HostingState
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.review import queries, service
from grants.review.models import Review, Score
from grants.review.rules import Mark, ReviewDraft, ReviewState
from grants.review.service import PanelLocked
from grants.rounds.models import KeyShare, Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_hosting, a_member, a_person, actor_of
from tests.builders.proposals import a_proposal, an_unconstituted_group
from tests.builders.review import CRITERIA, GOOD, a_panel, a_panellist, a_review
from tests.builders.rounds import a_round
from tests.support.clock import START
from tests.support.work import work

S = ReviewState


@pytest.fixture
def checking(session: Session) -> Round:
    """A round that is being checked."""
    return a_round(session, RoundState.CHECKING)


def steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def a_bid(session: Session, round: Round, **fields: object) -> Proposal:
    return a_proposal(session, round, ProposalState.ELIGIBLE, **fields)  # type: ignore[arg-type]


def as_(session: Session, person: Person) -> Actor:
    return actor_of(session, person)


def a_draft(version: int = 0, scores: Mapping[str, int | None] = GOOD, reason: str = "They say so.") -> ReviewDraft:
    return ReviewDraft(version, tuple(Mark(criterion, value, reason) for criterion, value in scores.items()))


def events(session: Session, verb: str) -> list[AuditEvent]:
    return list(session.scalars(select(AuditEvent).where(AuditEvent.verb == verb)))


def letters(session: Session, key: str) -> list[OutboxRow]:
    return list(session.scalars(select(OutboxRow).where(OutboxRow.key.like(key))))


# ------------------------------------------------------------------------------------------------------------- the seat


def test_a_steward_seats_panellists_and_one_chair(session: Session, checking: Round) -> None:
    uow = work(session, steward(session))
    one, two = a_person(session, Role.PANELLIST), a_person(session, Role.PANELLIST)
    service.seat(uow, checking.id, one.id, chair=True)
    service.seat(uow, checking.id, two.id, chair=True)
    assert queries.chair_id(session, checking.id) == two.id
    assert queries.is_panellist(session, checking.id, one.id)
    assert len(events(session, "panel.member_seated")) == 2
    assert len(events(session, "panel.chair_appointed")) == 2


def test_who_is_no_panellist_cannot_sit(session: Session, checking: Round) -> None:
    with pytest.raises(NotAllowed, match="not a panellist"):
        service.seat(work(session, steward(session)), checking.id, a_person(session, Role.CONNECTOR).id)


def test_an_auditor_cannot_sit(session: Session, checking: Round) -> None:
    both = a_person(session, Role.PANELLIST, Role.AUDITOR)
    with pytest.raises(NotAllowed, match="auditor"):
        service.seat(work(session, steward(session)), checking.id, both.id)


def test_a_steward_cannot_chair(session: Session, checking: Round) -> None:
    both = a_person(session, Role.PANELLIST, Role.STEWARD)
    with pytest.raises(NotAllowed, match="somebody else must chair"):
        service.seat(work(session, steward(session)), checking.id, both.id, chair=True)


def test_who_holds_a_part_of_the_votes_key_cannot_chair(session: Session, checking: Round) -> None:
    officer = a_person(session, Role.PANELLIST, Role.OFFICER)
    session.add(KeyShare(round_id=checking.id, person_id=officer.id, number=1, fingerprint="0" * 64))
    session.flush()
    uow = work(session, steward(session))
    service.seat(uow, checking.id, officer.id)
    with pytest.raises(NotAllowed, match="holds a part of the key"):
        service.appoint_chair(uow, checking.id, officer.id)
    assert queries.chair_id(session, checking.id) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.STEWARD])
def test_only_a_steward_seats(session: Session, checking: Round, role: Role) -> None:
    with pytest.raises(NotAllowed):
        service.seat(
            work(session, as_(session, a_person(session, role))), checking.id, a_person(session, Role.PANELLIST).id
        )


def test_nobody_sits_twice(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    with pytest.raises(RuleBroken):
        service.seat(work(session, steward(session)), checking.id, person.id)


def test_who_has_no_bids_can_leave_and_who_has_stays(session: Session, checking: Round) -> None:
    free, busy = a_panel(session, checking, 2)
    a_review(session, a_bid(session, checking), busy, S.ASSIGNED)
    uow = work(session, steward(session))
    service.unseat(uow, checking.id, free.id)
    assert queries.member_ids(session, checking.id) == [busy.id]
    with pytest.raises(StepRefused):
        service.unseat(uow, checking.id, busy.id)


# ------------------------------------------------------------------------------------------------------ who reads what


def test_a_bid_is_given_by_hand_with_a_letter(session: Session, checking: Round) -> None:
    bid, person = a_bid(session, checking), a_panellist(session, checking)
    review = service.assign(work(session, steward(session)), bid.id, person.id)
    assert review.state is S.ASSIGNED
    assert len(letters(session, "panel:%:assigned")) == 1
    assert len(events(session, "review.assigned")) == 1
    with pytest.raises(RuleBroken, match="already"):
        service.assign(work(session, steward(session)), bid.id, person.id)


def test_members_of_the_group_are_never_given_their_bid(session: Session, checking: Round) -> None:
    bid, person = a_bid(session, checking), a_panellist(session, checking)
    a_member(session, bid.group, person, edit=False, sign_off=False)
    with pytest.raises(RuleBroken, match="belongs to the group"):
        service.assign(work(session, steward(session)), bid.id, person.id)
    a_panellist(session, checking)
    service.share_out(work(session, steward(session)), checking.id, 2)
    assert (bid.id, person.id) not in {(one.proposal_id, one.panellist_id) for one in session.scalars(select(Review))}


def test_members_of_the_host_are_never_given_the_bid(session: Session, checking: Round) -> None:
    group = an_unconstituted_group(session)
    hosting = a_hosting(session, group, state=HostingState.CONFIRMED)
    person = a_panellist(session, checking)
    a_member(session, hosting.host, person)
    bid = a_bid(session, checking, group=group)
    with pytest.raises(RuleBroken, match="host"):
        service.assign(work(session, steward(session)), bid.id, person.id)


def test_whoever_wrote_it_is_never_given_it(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    bid = a_bid(session, checking, writer=person)
    assert (bid.id, person.id) in queries.interested(session, [bid])


def test_sharing_out_is_even_and_stays_what_was_given(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    panel = a_panel(any_session, round, 3)
    bids = [a_bid(any_session, round) for _ in range(4)]
    first = a_review(any_session, bids[0], panel[0], S.SUBMITTED)
    given, short = service.share_out(work(any_session, steward(any_session)), round.id, 2)
    assert (given, short) == (7, {})
    counts = [one.assigned for one in queries.members(any_session, round.id)]
    assert sorted(counts) == [2, 3, 3]
    assert first.state is S.SUBMITTED
    assert service.share_out(work(any_session, steward(any_session)), round.id, 2) == (0, {})


def test_who_stepped_aside_is_replaced_and_not_asked_again(session: Session, checking: Round) -> None:
    one, two = a_panel(session, checking, 2)
    bid = a_bid(session, checking)
    a_review(session, bid, one, S.RECUSED)
    given, short = service.share_out(work(session, steward(session)), checking.id, 2)
    assert (given, short) == (1, {bid.id: 1})
    assert queries.of_panellist(session, checking.id, two.id)[0].proposal_id == bid.id


def test_only_bids_that_passed_the_check_are_given(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    bid = a_proposal(session, checking, ProposalState.SUBMITTED)
    with pytest.raises(StepRefused):
        service.assign(work(session, steward(session)), bid.id, person.id)


def test_a_bid_not_begun_can_be_taken_back(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    begun = a_review(session, a_bid(session, checking), person, S.IN_PROGRESS)
    uow = work(session, steward(session))
    service.unassign(uow, review.id)
    assert len(queries.of_panellist(session, checking.id, person.id)) == 1
    with pytest.raises(StepRefused):
        service.unassign(uow, begun.id)


# ------------------------------------------------------------------------------------------------------------- reviews


def test_no_interest_clears_the_way(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.ASSIGNED)
    service.declare(work(session, as_(session, person)), review.id)
    assert review.state is S.CLEARED
    assert (events(session, "review.declared")[0].before, review.declared_at) == ("assigned", START)


def test_who_joined_the_group_since_cannot_say_that_there_is_no_interest(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    bid = a_bid(session, checking)
    review = a_review(session, bid, person, S.ASSIGNED)
    a_member(session, bid.group, person)
    with pytest.raises(RuleBroken, match="Say so"):
        service.declare(work(session, as_(session, person)), review.id)


def test_recusal_takes_the_scores_out_and_keeps_them_in_the_trail(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    one, two = a_panel(any_session, round, 2)
    bid = a_bid(any_session, round)
    low = a_review(any_session, bid, one, S.SUBMITTED, dict.fromkeys(CRITERIA, 0))
    a_review(any_session, bid, two, S.SUBMITTED, dict.fromkeys(CRITERIA, 3))
    service.recuse(work(any_session, as_(any_session, one)), low.id, "My sister runs it.")
    any_session.flush()
    event = events(any_session, "review.recused")[0]
    assert event.body["scores_taken_out"] == dict.fromkeys(CRITERIA, 0)
    assert "sister" not in str(event.body) + str(event.why)
    assert len(list(any_session.scalars(select(Score).where(Score.review_id == low.id)))) == 5
    explained = {bid.id: "One of two panellists found out that they have an interest."}
    found = service.lock_panel(work(any_session, steward(any_session)), round.id, explained)
    assert (found[0].points, found[0].points_most, found[0].reviews_count) == (15, 15, 1)
    assert low.state is S.RECUSED


def test_an_interest_needs_words(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.ASSIGNED)
    with pytest.raises(RuleBroken):
        service.recuse(work(session, as_(session, person)), review.id, "  ")


def test_a_draft_may_be_incomplete_but_is_not_handed_in(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    uow = work(session, as_(session, person))
    service.save_score(uow, review.id, ReviewDraft(0, (Mark("truth", 2), Mark("power", None, "later", answered=False))))
    assert (review.state, review.version) == (S.IN_PROGRESS, 1)
    with pytest.raises(RuleBroken):
        service.submit_review(uow, review.id)
    assert review.state is S.IN_PROGRESS


def test_a_score_without_a_reason_cannot_be_handed_in(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    with pytest.raises(RuleBroken) as refused:
        service.submit_review(work(session, as_(session, person)), review.id, a_draft(reason=" "))
    assert refused.value.field == "reason_listening"


def test_a_whole_review_is_handed_in_and_can_be_changed(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    person = a_panellist(any_session, round)
    review = a_review(any_session, a_bid(any_session, round), person, S.CLEARED)
    uow = work(any_session, as_(any_session, person))
    service.submit_review(uow, review.id, a_draft(0, {**GOOD, "truth": None}))
    assert (review.state, review.submitted_at) == (S.SUBMITTED, START)
    assert {one.criterion: one.value for one in review.scores}["truth"] is None
    service.save_score(uow, review.id, a_draft(1, dict.fromkeys(CRITERIA, 3)))
    assert (review.state, review.submitted_at) == (S.IN_PROGRESS, None)
    assert {one.value for one in review.scores} == {3}
    assert queries.reviews_of(any_session, review.proposal_id) == []


def test_who_saves_over_a_newer_version_is_told(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    uow = work(session, as_(session, person))
    service.save_score(uow, review.id, a_draft(0))
    with pytest.raises(Conflict):
        service.save_score(uow, review.id, a_draft(0, dict.fromkeys(CRITERIA, 0)))
    assert {one.value for one in review.scores} == {2}


@pytest.mark.parametrize("state", list(ReviewState))
@pytest.mark.parametrize("action", ["declare", "recuse", "save", "submit"])
def test_each_action_is_taken_only_from_its_states(
    session: Session, checking: Round, state: ReviewState, action: str
) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, state)
    uow = work(session, as_(session, person))
    takes = {
        "declare": lambda: service.declare(uow, review.id),
        "recuse": lambda: service.recuse(uow, review.id, "A friend."),
        "save": lambda: service.save_score(uow, review.id, a_draft(review.version)),
        "submit": lambda: service.submit_review(uow, review.id, a_draft(review.version)),
    }
    allowed = {
        "declare": {S.ASSIGNED},
        "recuse": {S.ASSIGNED, S.AWAITING_RULING, S.CLEARED, S.IN_PROGRESS, S.SUBMITTED},
        "save": {S.CLEARED, S.IN_PROGRESS, S.SUBMITTED},
        "submit": {S.CLEARED, S.IN_PROGRESS, S.SUBMITTED},
    }
    if state in allowed[action]:
        takes[action]()
        assert review.state is not state or action in ("save", "submit")
    else:
        with pytest.raises(StepRefused):
            takes[action]()


def test_nobody_else_knows_of_a_review(session: Session, checking: Round) -> None:
    one, two = a_panel(session, checking, 2)
    review = a_review(session, a_bid(session, checking), one, S.CLEARED)
    others = [two, a_person(session, Role.STEWARD), a_person(session, Role.ADMIN), a_person(session, Role.PANELLIST)]
    for person in others:
        for take in (
            lambda uow: service.declare(uow, review.id),
            lambda uow: service.recuse(uow, review.id, "x"),
            lambda uow: service.save_score(uow, review.id, a_draft()),
            lambda uow: service.submit_review(uow, review.id, a_draft()),
        ):
            with pytest.raises(NotFound):
                take(work(session, as_(session, person)))


def test_who_is_no_panellist_any_more_is_out(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    with pytest.raises(NotFound):
        service.save_score(work(session, Actor(person.id)), review.id, a_draft())


# ------------------------------------------------------------------------------------------------------------ the lock


def a_scored(session: Session, round: Round, panel: list[Person], *values: int) -> Proposal:
    """A bid with a review of each panellist in which every criterion got that panellist's value."""
    bid = a_bid(session, round)
    for person, value in zip(panel, values, strict=False):
        a_review(session, bid, person, S.SUBMITTED, dict.fromkeys(CRITERIA, value))
    return bid


def test_the_lock_passes_and_fails_by_the_rule_book(any_session: Session) -> None:
    round = a_round(any_session, RoundState.CHECKING)
    panel = a_panel(any_session, round, 2)
    good, bad = a_scored(any_session, round, panel, 3, 1), a_scored(any_session, round, panel, 1, 1)
    service.lock_panel(work(any_session, steward(any_session)), round.id)
    any_session.flush()
    found = queries.findings(any_session, round.id)
    assert (found[good.id].passed, found[good.id].points, found[good.id].points_most) == (True, 20, 30)
    assert found[good.id].by_criterion["truth"] == {"average": "2.0", "counted": 2, "spread": 2}
    assert (found[bad.id].passed, found[bad.id].percent) == (False, 33)
    assert (good.state, bad.state) == (ProposalState.ELIGIBLE, ProposalState.NOT_FUNDED)
    assert bad.kept_off_reason == found[bad.id].note
    assert queries.notes(any_session, round.id) == {id: one.note for id, one in found.items()}
    shown = queries.finding_shown(any_session, good.id)
    assert shown is not None
    assert shown._asdict() == {name: getattr(found[good.id], name) for name in shown._fields}
    assert round.panel_locked_at == START
    assert {one.state for one in queries.of_round(any_session, round.id)} == {S.LOCKED}
    assert len(events(any_session, "panel.found")) == 2
    assert len(events(any_session, "round.panel_locked")) == 1


def test_a_group_that_did_not_pass_gets_the_panel_s_reasons_without_names(session: Session, checking: Round) -> None:
    panel = a_panel(session, checking, 2)
    bad = a_scored(session, checking, panel, 1, 0)
    service.lock_panel(work(session, steward(session)), checking.id)
    sent = letters(session, f"panel:{bad.id}:kept_off:%")
    assert len(sent) == 2
    text = sent[0].payload["text"]
    assert re.search(r"Listening and responding: [A-Z][^\n]+\. \(0\.5 of 3 on average\)", text)
    assert "- We read about listening." in text
    assert not any(person.name in text for person in panel)


def test_too_few_reviews_must_be_explained_and_then_fail_nobody(session: Session, checking: Round) -> None:
    panel = a_panel(session, checking, 2)
    bid = a_scored(session, checking, panel[:1], 0)
    uow = work(session, steward(session))
    with pytest.raises(RuleBroken) as refused:
        service.lock_panel(uow, checking.id)
    assert refused.value.field == service.explanation_field(bid.id)
    service.lock_panel(uow, checking.id, {bid.id: "Two panellists know the group."})
    finding = queries.finding_of(session, bid.id)
    assert finding is not None
    assert finding.passed
    assert finding.note.endswith("Two panellists know the group.")
    assert bid.state is ProposalState.ELIGIBLE


def test_reviews_not_handed_in_do_not_count(session: Session, checking: Round) -> None:
    panel = a_panel(session, checking, 3)
    bid = a_scored(session, checking, panel[:2], 3, 3)
    a_review(session, bid, panel[2], S.IN_PROGRESS, dict.fromkeys(CRITERIA, 0))
    found = service.lock_panel(work(session, steward(session)), checking.id)
    assert (found[0].points, found[0].points_most) == (30, 30)


def test_bids_that_wait_for_their_check_hold_the_lock(session: Session, checking: Round) -> None:
    a_proposal(session, checking, ProposalState.SUBMITTED)
    with pytest.raises(StepRefused, match="1 bid still waits"):
        service.lock_panel(work(session, steward(session)), checking.id)


def test_a_steward_or_the_chair_locks_and_nobody_else(session: Session, checking: Round) -> None:
    chair, other = a_panel(session, checking, 2)
    for person in (other, a_person(session, Role.AUDITOR), a_person(session, Role.ADMIN)):
        with pytest.raises(NotAllowed):
            service.lock_panel(work(session, as_(session, person)), checking.id)
    service.lock_panel(work(session, as_(session, chair)), checking.id)
    assert checking.panel_locked_at is not None


def test_after_the_lock_nothing_changes(session: Session, checking: Round) -> None:
    panel = a_panel(session, checking, 3)
    bid = a_scored(session, checking, panel[:2], 3, 3)
    mine = queries.of_panellist(session, checking.id, panel[0].id)[0]
    late = a_review(session, bid, panel[2], S.CLEARED)
    service.lock_panel(work(session, steward(session)), checking.id)
    session.flush()
    one, two, officer = (as_(session, panel[0]), as_(session, panel[2]), steward(session))
    takes = [
        lambda: service.save_score(work(session, one), mine.id, a_draft(mine.version)),
        lambda: service.submit_review(work(session, two), late.id, a_draft(0)),
        lambda: service.recuse(work(session, one), mine.id, "A friend."),
        lambda: service.declare(work(session, two), late.id),
        lambda: service.assign(work(session, officer), bid.id, panel[2].id),
        lambda: service.share_out(work(session, officer), checking.id, 3),
        lambda: service.unassign(work(session, officer), late.id),
        lambda: service.lock_panel(work(session, officer), checking.id),
    ]
    for take in takes:
        with pytest.raises(PanelLocked):
            take()
    assert {score.value for score in mine.scores} == {3}


def test_a_withdrawn_bid_is_not_scored_and_not_found(session: Session, checking: Round) -> None:
    panel = a_panel(session, checking, 2)
    bid = a_scored(session, checking, panel, 3, 3)
    mine = queries.of_panellist(session, checking.id, panel[0].id)[0]
    bid.state = ProposalState.WITHDRAWN
    with pytest.raises(StepRefused, match="withdrawn"):
        service.save_score(work(session, as_(session, panel[0])), mine.id, a_draft(mine.version))
    assert service.lock_panel(work(session, steward(session)), checking.id) == []


def test_nothing_is_scored_when_the_round_is_called_off(session: Session, checking: Round) -> None:
    person = a_panellist(session, checking)
    review = a_review(session, a_bid(session, checking), person, S.CLEARED)
    checking.state = RoundState.CANCELLED
    with pytest.raises(StepRefused):
        service.save_score(work(session, as_(session, person), START + timedelta(hours=1)), review.id, a_draft())
