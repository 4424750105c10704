"""A steward writes what the panel looks for; with the rule-book it stands still."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.rounds import queries, service
from grants.rounds.models import Round
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.panel import HEALTH_CREATION, Criterion, part_words
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_person, actor_of
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import text_of
from tests.review.test_service import events, steward
from tests.support.work import work

STEPS = ("It harms plants.", "It does no harm.", "It plants something.", "Nature has more room after it.")
NATURE = Criterion("", "Kind to nature", "Does nature gain?", STEPS, weight=2)


def asked(session: Session, round: Round) -> tuple[Criterion, ...]:
    session.flush()
    return queries.draft_of(round, ()).criteria


def test_a_steward_writes_changes_and_takes_out_a_criterion(any_session: Session) -> None:
    round, uow = a_round(any_session, RoundState.DRAFT), work(any_session, steward(any_session))
    assert service.write_criterion(uow, round.id, NATURE) == "kind_to_nature"
    assert asked(any_session, round)[-1] == replace(NATURE, id="kind_to_nature")
    again = replace(NATURE, name=" Nature   gains ", weight=3)
    assert service.write_criterion(uow, round.id, again, "kind_to_nature") == "kind_to_nature"
    assert (asked(any_session, round)[-1].name, asked(any_session, round)[-1].weight) == ("Nature gains", 3)
    service.drop_criterion(uow, round.id, "listening")
    assert asked(any_session, round)[0].id == "truth"
    assert events(any_session, "round.criteria_written")[-1].body["weights"]["kind_to_nature"] == 3


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "Truth-Telling"}, "name"),
        ({"question": ""}, "question"),
        ({"weight": 0}, "weight"),
        ({"weight": 11}, "weight"),
        ({"steps": ("a", "b", "", "d")}, "step_2"),
        ({"steps": ("a", "b", "b", "d")}, "step_2"),
        ({"steps": ("a", "b", "c", "d" * 201)}, "step_3"),
    ],
)
def test_a_criterion_that_nobody_could_score_by_is_refused_at_its_field(
    session: Session, changed: dict[str, object], field: str
) -> None:
    round = a_round(session, RoundState.DRAFT)
    with pytest.raises(RuleBroken) as refused:
        service.write_criterion(work(session, steward(session)), round.id, replace(NATURE, **changed))  # type: ignore[arg-type]
    assert refused.value.field == field
    assert asked(session, round) == HEALTH_CREATION


def test_the_last_criterion_stays(session: Session) -> None:
    round, uow = a_round(session, RoundState.DRAFT), work(session, steward(session))
    for one in HEALTH_CREATION[1:]:
        service.drop_criterion(uow, round.id, one.id)
    with pytest.raises(RuleBroken, match="at least one question"):
        service.drop_criterion(uow, round.id, "listening")


def test_a_draft_begins_again_with_an_earlier_rounds_criteria_or_the_standard_set(session: Session) -> None:
    earlier = a_round(session, RoundState.OPEN, criteria=(replace(NATURE, id="nature"),))
    round, uow = a_round(session, RoundState.DRAFT), work(session, steward(session))
    assert earlier.id in [one.id for one in queries.with_a_panel(session, but_for=round.id)]
    service.copy_criteria(uow, round.id, earlier.id)
    assert asked(session, round) == (replace(NATURE, id="nature"),)
    service.copy_criteria(uow, round.id, None)
    assert asked(session, round) == HEALTH_CREATION


def test_weights_cannot_change_after_opening_and_the_try_is_written_down(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.OPEN)
    app_session.commit()
    before, browser = round.rule_book_hash, as_(Role.STEWARD)
    form = {"name": "Truth-telling", "question": "Is it open?", "weight": "9"}
    form |= {f"step_{points}": step for points, step in enumerate(STEPS)}
    for page in ("new", "truth"):
        assert browser.post(f"/rounds/{round.id}/criteria/{page}", data=form).status_code == 422
    assert browser.post(f"/rounds/{round.id}/criteria/truth/remove").status_code == 302
    assert browser.get(f"/rounds/{round.id}/criteria").location.endswith("/rule-book")
    app_session.rollback()
    assert queries.rule_book(round).sha256 == before
    assert {one.weight for one in queries.rule_book(round).criteria} == {1}
    assert len(events(app_session, "round.change_refused")) == 3


def test_weights_are_in_the_hash_and_shown_as_they_count(session: Session) -> None:
    round = a_round(session, RoundState.OPEN, criteria=(replace(NATURE, id="nature"), HEALTH_CREATION[0]))
    book = queries.rule_book(round)
    assert [part_words(one, book.criteria) for one in book.criteria] == ["2 of 3 parts (67%)", "1 of 3 parts (33%)"]
    heavier = replace(book, criteria=(replace(book.criteria[0], weight=3), book.criteria[1]))
    assert heavier.sha256 != book.sha256


def test_a_rule_book_frozen_before_there_were_weights_reads_as_it_did(session: Session) -> None:
    text = a_round(session, RoundState.OPEN).rule_book or ""
    assert 'weight":' not in text
    assert "blind" not in text
    book = RuleBook.from_json(text)
    assert (book.blind, {one.weight for one in book.criteria}) == (False, {1})
    hidden = RuleBook.from_json(replace(book, blind=True).to_canonical_json())
    assert hidden.blind


def test_somebody_elses_steward_writes_nothing(session: Session) -> None:
    round = a_round(session, RoundState.DRAFT)
    stranger = a_person(session, Role.STEWARD, scope_id=round.id)
    with pytest.raises(NotAllowed):
        service.write_criterion(work(session, actor_of(session, stranger)), round.id, NATURE)


def test_criteria_are_written_without_a_script_and_what_is_wrong_is_said_at_the_field(
    app_session: Session, as_: SignIn
) -> None:
    round = a_round(app_session, RoundState.DRAFT)
    app_session.commit()
    browser, address = as_(Role.STEWARD), f"/rounds/{round.id}/criteria"
    form = {"name": "Kind to nature", "question": "Does nature gain?", "weight": "2"}
    form |= {f"step_{points}": step for points, step in enumerate(STEPS)}
    wrong = browser.post(f"{address}/new", data=form | {"step_3": STEPS[2]})
    assert wrong.status_code == 422
    assert "Say something else here than for fewer points." in text_of(wrong)
    assert STEPS[1] in text_of(wrong)
    assert browser.post(f"{address}/new", data=form).location.endswith("/criteria")
    page = text_of(browser.get(address))
    assert "counts 2 of 7 parts (29%)" in page
    assert "up to 21 points" in page
    assert "Kind to nature" in text_of(browser.get(f"/rounds/{round.id}/edit"))
    assert browser.post(f"{address}/kind_to_nature/remove").status_code == 302
    assert "Kind to nature" not in text_of(browser.get(address))
    assert browser.post(f"{address}/copy", data={"source": "nothing"}).status_code == 422
    assert browser.post(f"{address}/copy", data={"source": "standard"}).status_code == 302
