"""Loose ties: told by the panellist, ruled on by the chair, and until then nothing is shown."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.review import queries, service
from grants.review.models import Review
from grants.review.rules import ReviewState, Tie
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_member, a_person, actor_of
from tests.builders.review import a_panel, a_panellist, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import text_of
from tests.review.test_service import a_bid, events, steward
from tests.support.clock import START
from tests.support.work import work

S = ReviewState


class Scene:
    """A panel of three at work on one bid, given to one who is not the chair."""

    def __init__(self, session: Session, state: ReviewState = S.ASSIGNED) -> None:
        self.session = session
        self.round = a_round(session, RoundState.CHECKING)
        self.chair, self.reader, self.other = a_panel(session, self.round)
        self.bid = a_bid(session, self.round)
        self.review: Review = a_review(session, self.bid, self.reader, state)

    def tell(self) -> Review:
        uow = work(self.session, actor_of(self.session, self.reader))
        return service.declare_soft(uow, self.review.id, Tie.NEIGHBOUR, "Two doors down.")


def test_the_chair_rules_and_the_ruling_is_kept(any_session: Session) -> None:
    scene = Scene(any_session)
    assert scene.tell().state is S.AWAITING_RULING
    assert (scene.bid.id, scene.reader.id) in queries.recused(any_session, scene.round.id)
    chair = work(any_session, actor_of(any_session, scene.chair))
    ruled = service.rule(chair, scene.review.id, may_read=True, reason="The street is long.")
    assert (ruled.state, ruled.ruling, ruled.ruled_by_id) == (S.CLEARED, "The street is long.", scene.chair.id)
    any_session.flush()
    assert queries.recused(any_session, scene.round.id) == set()
    (told,), (ruling,) = (
        events(any_session, verb) for verb in ("review.soft_interest_declared", "review.interest_ruled")
    )
    assert told.body == {"tie": "neighbour"}
    assert ruling.body == {"may_read": True}


def test_a_ruling_against_it_is_stepping_aside(any_session: Session) -> None:
    scene = Scene(any_session, S.AWAITING_RULING)
    chair = work(any_session, actor_of(any_session, scene.chair))
    assert service.rule(chair, scene.review.id, may_read=False, reason="Too close.").state is S.RECUSED


def test_nobody_rules_on_their_own_tie_and_only_the_chair_on_others(any_session: Session) -> None:
    scene = Scene(any_session, S.AWAITING_RULING)
    for person in (scene.reader, scene.other):
        with pytest.raises(NotAllowed):
            service.rule(
                work(any_session, actor_of(any_session, person)), scene.review.id, may_read=True, reason="Fine."
            )
    with pytest.raises(NotAllowed):
        service.rule(work(any_session, steward(any_session)), scene.review.id, may_read=True, reason="Fine.")


def test_on_the_chairs_own_tie_a_steward_rules(any_session: Session) -> None:
    scene = Scene(any_session)
    own = a_review(any_session, scene.bid, scene.chair, S.AWAITING_RULING)
    with pytest.raises(NotAllowed):
        service.rule(work(any_session, actor_of(any_session, scene.chair)), own.id, may_read=True, reason="Fine.")
    ruled = service.rule(work(any_session, steward(any_session)), own.id, may_read=True, reason="Long ago.")
    assert ruled.state is S.CLEARED


def test_a_chair_who_belongs_to_the_group_does_not_rule_on_its_bid(any_session: Session) -> None:
    scene = Scene(any_session, S.AWAITING_RULING)
    a_member(any_session, scene.bid.group, scene.chair)
    with pytest.raises(NotAllowed, match="interest in this bid yourself"):
        service.rule(
            work(any_session, actor_of(any_session, scene.chair)), scene.review.id, may_read=True, reason="Fine."
        )


def test_belonging_to_the_group_is_no_loose_tie(any_session: Session) -> None:
    scene = Scene(any_session)
    a_member(any_session, scene.bid.group, scene.reader)
    with pytest.raises(RuleBroken, match="more than a loose tie"):
        scene.tell()


def test_nothing_is_read_or_scored_before_the_ruling(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    reader, chair, other = as_(scene.reader), as_(scene.chair), as_(scene.other)
    url = f"/reviews/{scene.review.id}"
    told = reader.post(f"{url}/declare", data={"interest": "soft", "tie": "neighbour", "words": "Two doors down."})
    assert told.status_code == 302
    page = text_of(reader.get(url))
    assert "The chair says whether you may read it" in page
    assert str(scene.bid.what) not in page
    assert reader.post(url, data={"version": "0"}).status_code == 404
    assert "Rule on 1 interest" in text_of(chair.get("/home"))
    assert "Rule on" not in text_of(other.get("/home"))
    assert other.get(f"{url}/ruling").status_code == 403
    asked = text_of(chair.get(f"{url}/ruling"))
    assert "Two doors down." in asked
    assert str(scene.bid.what) not in asked
    wrong = chair.post(f"{url}/ruling", data={"may_read": "yes"})
    assert wrong.status_code == 422
    assert "Say why" in text_of(wrong)
    assert chair.post(f"{url}/ruling", data={"may_read": "yes", "reason": "The street is long."}).status_code == 302
    assert str(scene.bid.what) in text_of(reader.get(url))


def test_a_loose_tie_without_its_kind_is_named(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    answer = as_(scene.reader).post(f"/reviews/{scene.review.id}/declare", data={"interest": "soft", "words": "Hm."})
    assert answer.status_code == 422
    assert "Choose which loose tie it is" in text_of(answer)


# Terms and training


def test_nobody_is_given_a_bid_after_their_term(any_session: Session) -> None:
    scene = Scene(any_session)
    boss = work(any_session, steward(any_session))
    ended = START.date() - timedelta(days=1)
    service.note_member(boss, scene.round.id, scene.other.id, term_ends_on=ended, trained_on=date(2025, 5, 1))
    with pytest.raises(RuleBroken, match="term has ended"):
        service.assign(boss, scene.bid.id, scene.other.id)
    service.share_out(boss, scene.round.id, 3)
    any_session.flush()
    readers = {one.panellist_id for one in queries.of_round(any_session, scene.round.id)}
    assert readers == {scene.chair.id, scene.reader.id}
    noted = next(one for one in queries.members(any_session, scene.round.id) if one.person_id == scene.other.id)
    assert (noted.term_ends_on, noted.trained_on) == (ended, date(2025, 5, 1))


def test_training_that_is_still_to_come_is_not_noted(session: Session) -> None:
    scene = Scene(session)
    boss = work(session, steward(session))
    with pytest.raises(RuleBroken, match="still to come"):
        service.note_member(
            boss, scene.round.id, scene.other.id, term_ends_on=None, trained_on=START.date() + timedelta(days=1)
        )
    with pytest.raises(NotFound):
        service.note_member(boss, scene.round.id, a_person(session).id, term_ends_on=None, trained_on=None)
    voting = a_round(session, RoundState.VOTING)
    sits = a_panellist(session, voting)
    with pytest.raises(StepRefused):
        service.note_member(boss, voting.id, sits.id, term_ends_on=None, trained_on=None)
