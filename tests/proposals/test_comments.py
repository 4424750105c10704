"""Questions about a proposal on the ballot, its group's answers, and what a moderator may do."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.proposals.queries import questions
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids, comments
from tests.builders.actors import an_actor
from tests.builders.people import a_group, a_hosting, a_member, a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.conftest import SignIn
from tests.proposals.test_service import Scene
from tests.proposals.test_views import text_of
from tests.support.asking import asked

S = ProposalState


def test_somebody_asks_and_the_group_answers_and_each_has_a_letter(any_session: Session) -> None:
    scene = Scene(any_session, S.ON_BALLOT)
    question = comments.ask(scene.work(scene.stranger), scene.proposal.id, " Is there a ramp? ")
    reply = comments.answer(scene.work(scene.writer), question.id, "Yes, at the back.")
    any_session.flush()
    (found,) = questions.questions(any_session, scene.proposal.id)
    assert (found.words, [one.id for one in found.answers]) == ("Is there a ramp?", [reply.id])
    subjects = [one["subject"] for one in scene.letters()]
    assert subjects.count(f"Somebody asks about “{scene.proposal.title}”") == 2
    assert any("answered your question" in subject for subject in subjects)


def test_the_first_questions_come_with_all_their_answers(any_session: Session) -> None:
    scene = Scene(any_session, S.ON_BALLOT)
    asked = [comments.ask(scene.work(scene.stranger), scene.proposal.id, f"Question {at}?") for at in range(3)]
    for question in asked:
        for at in range(2):
            comments.answer(scene.work(scene.writer), question.id, f"Answer {at}.")
    any_session.flush()
    told = questions.questions(any_session, scene.proposal.id)
    assert {one.id for one in told} == {one.id for one in asked}
    assert [[reply.answers_id for reply in one.answers] for one in told] == [[one.id] * 2 for one in told]
    assert questions.questions(any_session, scene.proposal.id, limit=2) == told[:2]


def test_the_group_answers_and_nobody_else(any_session: Session) -> None:
    scene = Scene(any_session, S.ON_BALLOT)
    with pytest.raises(NotAllowed, match="you answer"):
        comments.ask(scene.work(scene.writer), scene.proposal.id, "Are we good?")
    question = comments.ask(scene.work(scene.stranger), scene.proposal.id, "Is there a ramp?")
    with pytest.raises(NotAllowed):
        comments.answer(scene.work(scene.stranger), question.id, "No.")
    reply = comments.answer(scene.work(scene.writer), question.id, "Yes.")
    with pytest.raises(RuleBroken, match="not an answer"):
        comments.answer(scene.work(scene.writer), reply.id, "And yes again.")


@pytest.mark.parametrize("state", [S.DRAFT, S.SUBMITTED, S.ELIGIBLE])
def test_what_is_not_public_is_not_asked_about(session: Session, state: ProposalState) -> None:
    scene = Scene(session, state)
    with pytest.raises(NotFound):
        comments.ask(scene.work(scene.stranger), scene.proposal.id, "What is this?")


def test_after_the_vote_nothing_more_is_asked(session: Session) -> None:
    scene = Scene(session, S.ON_BALLOT)
    closed = scene.proposal.round.voting_closes_at
    with pytest.raises(StepRefused, match="while people vote"):
        comments.ask(scene.work(scene.stranger, closed), scene.proposal.id, "Too late?")


def test_a_steward_hides_what_was_flagged_with_a_reason(any_session: Session) -> None:
    scene = Scene(any_session, S.ON_BALLOT)
    question = comments.ask(scene.work(scene.stranger), scene.proposal.id, "Why do you live there?")
    comments.flag(scene.work(scene.writer), question.id, "It is about us, not about the plan.")
    with pytest.raises(RuleBroken, match="already"):
        comments.flag(scene.work(scene.writer), question.id, "Again.")
    with pytest.raises(NotAllowed, match="your own"):
        comments.flag(scene.work(scene.stranger), question.id, "Hm.")
    assert questions.flags_of(any_session, scene.proposal.id) == {question.id: ["It is about us, not about the plan."]}
    flagged = asked(any_session, questions.flagged, an_actor(Role.STEWARD))
    assert [(id, size) for id, _, size in flagged] == [(scene.proposal.id, 1)]
    with pytest.raises(RuleBroken) as refused:
        comments.hide(scene.work(scene.steward), question.id, " ")
    assert refused.value.field == "why"
    comments.hide(scene.work(scene.steward), question.id, "It asks about people.")
    assert question.state is CommentState.HIDDEN
    assert asked(any_session, questions.flagged, an_actor(Role.STEWARD)) == []
    with pytest.raises(NotFound):
        comments.answer(scene.work(scene.writer), question.id, "Well…")
    assert comments.keep(scene.work(scene.steward), question.id).state is CommentState.SHOWN


def test_nobody_moderates_themselves(session: Session) -> None:
    scene = Scene(session, S.ON_BALLOT)
    own = comments.ask(scene.work(scene.steward), scene.proposal.id, "Is there a ramp?")
    with pytest.raises(NotAllowed, match="themselves"):
        comments.hide(scene.work(scene.steward), own.id, "Never mind.")
    for actor in (scene.stranger, scene.writer):
        with pytest.raises(NotAllowed):
            comments.hide(scene.work(actor), own.id, "I do not like it.")


def test_a_steward_of_the_host_does_not_moderate_what_is_asked_of_its_group(session: Session) -> None:
    scene = Scene(session, S.ON_BALLOT)
    question = comments.ask(scene.work(scene.stranger), scene.proposal.id, "Is there a ramp?")
    host = a_group(session, can_host=True)
    a_hosting(session, scene.proposal.group, host)
    of_the_host = actor_of(session, a_member(session, host, person=a_person(session, Role.STEWARD)))
    with pytest.raises(NotAllowed, match="group or its host"):
        comments.hide(scene.work(of_the_host), question.id, "It is awkward.")


def test_whose_question_it_was_is_forgotten_with_them(any_session: Session) -> None:
    scene = Scene(any_session, S.ON_BALLOT)
    question = comments.ask(scene.work(scene.stranger), scene.proposal.id, "Is there a ramp?")
    assert scene.stranger.id is not None
    bids.forget_person(scene.work(scene.steward), scene.stranger.id, None)
    any_session.refresh(question)
    assert (question.author_id, question.words) == (None, "Is there a ramp?")


def test_questions_and_answers_in_the_browser(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    proposal = a_proposal(app_session, state=S.ON_BALLOT)
    neighbour = a_person(app_session, name="Nora Nameless")
    asks, group = as_(neighbour), as_(a_member(app_session, proposal.group))
    steward = as_(a_person(app_session, Role.STEWARD))
    page = f"/proposals/{proposal.id}"
    assert "Nobody has asked anything so far" in text_of(client.get(page))
    empty = asks.post(f"{page}/questions", data={"words": ""})
    assert (empty.status_code, "Write your question" in text_of(empty)) == (422, True)
    asks.post(f"{page}/questions", data={"words": "Is there a <b>ramp</b>?"})
    shown = client.get(page).get_data(as_text=True)
    assert "Is there a &lt;b&gt;ramp&lt;/b&gt;?" in shown
    assert "Nora" not in shown
    assert "Answer 1 question" in text_of(group.get("/home"))
    app_session.rollback()
    (question,) = questions.questions(app_session, proposal.id)
    app_session.rollback()
    url = f"/questions/{question.id}"
    assert asks.get(f"{url}/answer").status_code == 403
    group.post(f"{url}/answer", data={"words": "Yes, at the back."})
    group.post(f"{url}/flag", data={"why": "It shouts."})
    assert "Look at what was flagged" in text_of(steward.get("/home"))
    assert "It shouts." in text_of(steward.get(page))
    assert "It shouts." not in text_of(client.get(page))
    assert asks.post(f"{url}/hide", data={"why": "x"}).status_code == 403
    steward.post(f"{url}/hide", data={"why": "It shouts indeed."})
    after = text_of(client.get(page))
    assert "A steward hid this: It shouts indeed." in after
    assert "ramp" not in after.split("Yes, at the back.")[0].split("Questions and answers")[-1]
    assert client.post(f"{page}/questions", data={"words": "x"}).status_code == 401
