"""Before a check is finished, something is asked: only what is named opens again, and only for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.proposals.queries import lists, whole
from grants.proposals.rules.facts import Line
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids
from tests.builders.people import a_member, a_person
from tests.conftest import SignIn
from tests.proposals.test_partners import PLACES
from tests.proposals.test_service import Scene
from tests.proposals.test_views import save, text_of
from tests.support.clock import START
from tests.support.work import work

S = ProposalState
MORE = {"lines": (Line("Soil, two tonnes", 60_000),), "smaller_minor": None, "smaller_achieves": ""}


def asked(session: Session) -> tuple[Scene, datetime]:
    """A proposal about which a steward has asked something, and until when."""
    scene = Scene(session, S.SUBMITTED)
    until = scene.proposal.round.voting_opens_at - timedelta(days=1)
    bids.request_more_info(
        scene.work(scene.steward), scene.proposal.id, [Section.BUDGET], "What is the line for soil?", until
    )
    session.flush()
    return scene, until


def test_only_the_named_section_opens_again(any_session: Session) -> None:
    scene, _ = asked(any_session)
    assert scene.proposal.state is S.MORE_INFO_REQUESTED
    assert {one["subject"] for one in scene.letters()} == {f"A question about “{scene.proposal.title}”"}
    with pytest.raises(StepRefused, match="asked about"):
        bids.save_section(
            scene.work(scene.writer), scene.proposal.id, Section.WHAT, {"title": "New"}, version=1, geography=PLACES
        )
    bids.save_section(scene.work(scene.writer), scene.proposal.id, Section.BUDGET, MORE, version=1, geography=PLACES)
    assert scene.proposal.applied_for_minor == 60_000


def test_an_other_person_sends_the_answer_and_a_copy_is_kept(any_session: Session) -> None:
    scene, _ = asked(any_session)
    with pytest.raises(StepRefused, match="Nothing was changed"):
        bids.give_more_info(scene.work(scene.signer), scene.proposal.id)
    bids.save_section(scene.work(scene.writer), scene.proposal.id, Section.BUDGET, MORE, version=1, geography=PLACES)
    with pytest.raises(NotAllowed):
        bids.give_more_info(scene.work(scene.writer), scene.proposal.id)
    bids.give_more_info(scene.work(scene.signer), scene.proposal.id)
    any_session.flush()
    assert scene.proposal.state is S.SUBMITTED
    assert [one.why for one in whole.snapshots(any_session, scene.proposal.id)] == ["submitted", "answered"]
    with pytest.raises(StepRefused):
        bids.save_section(
            scene.work(scene.writer), scene.proposal.id, Section.BUDGET, MORE, version=2, geography=PLACES
        )


def test_what_is_not_whole_is_not_sent(any_session: Session) -> None:
    scene, _ = asked(any_session)
    bids.save_section(
        scene.work(scene.writer), scene.proposal.id, Section.BUDGET, {**MORE, "lines": ()}, version=1, geography=PLACES
    )
    with pytest.raises(RuleBroken, match="not finished"):
        bids.give_more_info(scene.work(scene.signer), scene.proposal.id)


def test_after_the_day_nothing_is_changed_and_the_check_goes_on(any_session: Session) -> None:
    scene, until = asked(any_session)
    moment = timedelta(seconds=1)
    bids.save_section(
        scene.work(scene.writer, until - moment), scene.proposal.id, Section.BUDGET, MORE, version=1, geography=PLACES
    )
    with pytest.raises(StepRefused):
        bids.save_section(
            scene.work(scene.writer, until), scene.proposal.id, Section.BUDGET, MORE, version=2, geography=PLACES
        )
    with pytest.raises(StepRefused):
        bids.give_more_info(scene.work(scene.signer, until), scene.proposal.id)
    assert lists.unscreened_count(any_session, scene.proposal.round_id) == 1
    assert bids.close_questions(work(any_session, now=until - moment)) == 0
    assert [bids.close_questions(work(any_session, now=until)) for _ in range(2)] == [1, 0]
    assert scene.proposal.state is S.SUBMITTED


@pytest.mark.parametrize(
    ("sections", "words", "days", "field"),
    [
        ([], "Why?", 1, "sections"),
        ([Section.WHAT], " ", 1, "words"),
        ([Section.WHAT], "Why?", -1, "until"),
        ([Section.WHAT], "Why?", 365, "until"),
    ],
)
def test_a_question_names_sections_words_and_a_day_before_the_vote(
    session: Session, sections: list[Section], words: str, days: int, field: str
) -> None:
    scene = Scene(session, S.SUBMITTED)
    with pytest.raises(RuleBroken) as refused:
        bids.request_more_info(
            scene.work(scene.steward), scene.proposal.id, sections, words, START + timedelta(days=days)
        )
    assert refused.value.field == field


def test_only_a_steward_without_interest_asks(session: Session) -> None:
    scene = Scene(session, S.SUBMITTED)
    with pytest.raises(NotAllowed):
        bids.request_more_info(
            scene.work(scene.writer), scene.proposal.id, [Section.WHAT], "Why?", START + timedelta(days=1)
        )


def test_the_group_answers_in_the_browser(app_session: Session, as_: SignIn) -> None:
    scene, until = asked(app_session)
    writer, signer = as_(a_member(app_session, scene.proposal.group)), as_(a_member(app_session, scene.proposal.group))
    stranger = as_(a_person(app_session))
    url = f"/proposals/{scene.proposal.id}"
    page = text_of(writer.get(url))
    assert "What is the line for soil?" in page
    assert "Answer a question about" in text_of(writer.get("/home"))
    assert writer.get(f"{url}/sections/what").status_code == 302
    saved = save(writer, scene.proposal.id, "budget")
    assert saved.status_code == 302  # type: ignore[attr-defined]
    assert "Send our answer" not in text_of(writer.get(url))
    assert "Send our answer" in signer.get(url).get_data(as_text=True)
    assert stranger.post(f"{url}/answer").status_code == 404
    assert "Sent." in text_of(signer.post(f"{url}/answer", follow_redirects=True))
    assert until > START
