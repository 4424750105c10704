"""The letter of a decision: what it says to whom, as mail, page and paper; conditions, and asking for feedback."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.models import Decision
from grants.allocation.rules.letter import Letter
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.service import afterwards, announcing, deciding
from grants.funds.models import Fund
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.review.rules import ReviewState
from tests.allocation.test_views import decided, sound, words_of, worked_out
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.people import a_person, actor_of
from tests.builders.review import a_review
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work

ELSEWHERE = "Catalyst Stockton: help with bids, 01642 000000\n\nThe town council: small grants"
CONDITION = "Agree the day with the school first."


def told(session: Session, **conditions: str) -> Counted:
    """Bids 1 and 2 funded, 3 not (the panel departs), 4 in reserve; announced."""
    counted = a_counted_round(session)
    session.get_one(Fund, counted.round.fund_id).elsewhere = ELSEWHERE
    for bid in counted.proposals:
        a_review(session, bid, counted.panel[1], ReviewState.LOCKED)
    worked_out(session, counted)
    deciding.decide(
        work(session, actor_of(session, counted.panel[0])),
        counted.round.id,
        [Departure(counted.proposals[2].id, Verdict.NOT_FUNDED, "The hall burned down.")],
        [one.id for one in counted.panel],
        {counted.proposals[0].id: CONDITION, counted.proposals[3].id: "  "},
    )
    session.flush()
    announcing.announce(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.commit()
    return counted


def decision_of(session: Session, bid: Proposal) -> Decision:
    found = queries.decision_for(session, bid.id)
    assert found is not None
    return found


def letter_of(session: Session, bid: Proposal) -> Letter:
    kept = decision_of(session, bid).letter
    assert kept is not None
    return Letter.from_facts(kept)


def parts(letter: Letter) -> dict[str, str]:
    return {part.heading: "\n".join(part.lines) for part in letter.parts}


def test_each_letter_has_its_own_reason_the_scale_s_sentences_and_ways_on(session: Session) -> None:
    counted = told(session)
    won, lost, reserve = (parts(letter_of(session, counted.proposals[at])) for at in (0, 2, 3))
    assert won["What the panel asks of you"] == CONDITION
    assert "Where else to turn" not in won
    assert "What would have been enough" not in won
    assert "5 people of 6 who voted chose it." in won["Why"]
    assert "Its reason: The hall burned down." in lost["Why"]
    assert "What would have been enough" not in lost  # the votes had been enough
    assert lost["Where else to turn"].splitlines()[1:] == [
        "• Catalyst Stockton: help with bids, 01642 000000",
        "• The town council: small grants",
    ]
    assert reserve["What would have been enough"].startswith("For £300 it would have been funded. For one penny more")
    assert "With 1 more person who chooses only this" in reserve["What would have been enough"]
    for one in (won, lost, reserve):
        heard = one["What the panel said before the vote"]
        assert "People were listened to, and part of the plan comes from them. (2.0 of 3 on average)" in heard
        assert "• We read about listening." in heard
        assert "You have 20 days: until the end of" in one["If something went wrong"]
    assert len({one["Why"] for one in (won, lost, reserve)}) == 3


def test_the_last_day_to_appeal_is_the_rule_books_days_after_the_announcement(session: Session) -> None:
    counted = a_counted_round(session, appeal_days=30)
    decided(session, counted)
    announcing.announce(work(session, actor_of(session, counted.steward)), counted.round.id)
    last = (START + timedelta(days=30)).date()
    words = parts(letter_of(session, counted.proposals[0]))["If something went wrong"]
    assert f"You have 30 days: until the end of {last.day} {last:%B %Y}." in words


def test_mail_page_and_paper_say_the_same(app: Flask, app_session: Session, as_: SignIn) -> None:
    counted = told(app_session)
    bid = counted.proposals[3]
    letter, decision = letter_of(app_session, bid), decision_of(app_session, bid)
    mails = [
        row.payload for row in app_session.scalars(select(OutboxRow)) if row.key.startswith(f"decision:{decision.id}:")
    ]
    assert len(mails) == 2
    member = as_(app_session.get_one(Person, bid.writer_id))
    page = member.get(f"/decisions/{decision.id}/letter").get_data(as_text=True)
    paper = member.get(f"/decisions/{decision.id}/letter.pdf")
    assert paper.status_code == 200
    assert sound(page)
    for part in letter.parts:
        for line in part.lines:
            assert line in mails[0]["text"]
            assert line.removeprefix("• ") in words_of(page)
    assert f'href="/decisions/{decision.id}/appeal"' in page
    assert f'href="/decisions/{decision.id}/letter"' in member.get(f"/proposals/{bid.id}").get_data(as_text=True)


def test_only_the_group_and_the_desk_read_the_letter_and_nobody_before_it_was_sent(
    app_session: Session, as_: SignIn
) -> None:
    counted = a_counted_round(app_session)
    decided(app_session, counted)
    app_session.commit()
    bid = counted.proposals[0]
    decision = decision_of(app_session, bid)
    writer, steward = as_(app_session.get_one(Person, bid.writer_id)), as_(counted.steward)
    for visitor in (writer, steward):
        for end in ("letter", "letter.pdf", "feedback"):
            assert visitor.get(f"/decisions/{decision.id}/{end}").status_code == 404
    announcing.announce(work(app_session, actor_of(app_session, counted.steward)), counted.round.id)
    app_session.commit()
    assert writer.get(f"/decisions/{decision.id}/letter").status_code == 200
    assert steward.get(f"/decisions/{decision.id}/letter").status_code == 200
    other = as_(app_session.get_one(Person, counted.proposals[1].writer_id))
    for visitor in (other, as_(counted.panel[1]), as_(Role.FUNDER)):
        assert visitor.get(f"/decisions/{decision.id}/letter").status_code == 403
    assert steward.get(f"/decisions/{decision.id}/feedback").status_code == 403


def test_a_correction_leaves_both_letters_and_says_which_stands(app_session: Session, as_: SignIn) -> None:
    counted = told(app_session)
    bid = counted.proposals[2]
    old = decision_of(app_session, bid)
    asked = afterwards.ask_correction(
        work(app_session, actor_of(app_session, counted.steward)), old.id, Verdict.RESERVE, "The hall stands."
    )
    afterwards.answer_correction(work(app_session, actor_of(app_session, counted.panel[0])), asked.id, True)
    app_session.commit()
    new = decision_of(app_session, bid)
    member = as_(app_session.get_one(Person, bid.writer_id))
    before = member.get(f"/decisions/{old.id}/letter").get_data(as_text=True)
    assert "it was corrected" in before
    assert f'href="/decisions/{new.id}/letter"' in before
    after = words_of(member.get(f"/decisions/{new.id}/letter").get_data(as_text=True))
    assert "This letter replaces the one before." in after
    assert "The hall stands." in after


# ----------------------------------------------------------------------------------------------------------- conditions


def test_conditions_are_set_by_the_panel_for_what_it_funds_and_read_by_everybody(
    app_session: Session, as_: SignIn
) -> None:
    counted = told(app_session)
    page = as_(None).get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "What the panel asks of the group:" in page
    assert CONDITION in page
    assert CONDITION in as_(None).get(f"/rounds/{counted.round.id}/results.csv").get_data(as_text=True)
    assert decision_of(app_session, counted.proposals[3]).conditions is None


def test_nothing_is_asked_of_a_bid_that_is_not_funded(session: Session) -> None:
    counted = a_counted_round(session)
    worked_out(session, counted)
    with pytest.raises(RuleBroken, match="nothing to ask") as refused:
        deciding.decide(
            work(session, actor_of(session, counted.panel[0])),
            counted.round.id,
            (),
            [one.id for one in counted.panel],
            {counted.proposals[3].id: CONDITION},
        )
    assert refused.value.field == deciding.conditions_field(counted.proposals[3].id)


def test_a_chair_with_an_interest_sets_no_conditions(session: Session) -> None:
    counted = a_counted_round(session)
    worked_out(session, counted)
    a_review(session, counted.proposals[0], counted.panel[0], ReviewState.RECUSED)
    with pytest.raises(NotAllowed, match="interest"):
        deciding.decide(
            work(session, actor_of(session, counted.panel[0])),
            counted.round.id,
            (),
            [one.id for one in counted.panel],
            {counted.proposals[0].id: CONDITION},
        )


# ------------------------------------------------------------------------------------------------------------- feedback


def test_a_group_asks_for_feedback_once_and_the_stewards_are_written_to(app_session: Session, as_: SignIn) -> None:
    counted = told(app_session)
    bid = counted.proposals[2]
    decision = decision_of(app_session, bid)
    member, here = as_(app_session.get_one(Person, bid.writer_id)), f"/decisions/{decision.id}/feedback"
    assert sound(member.get(here).get_data(as_text=True))
    assert member.post(here, data={"words": " "}).status_code == 422
    page = member.post(here, data={"words": "Call us at the hall."}, follow_redirects=True).get_data(as_text=True)
    assert "Your group asked for feedback on" in page
    again = member.post(here, data={"words": "Again."})
    assert again.status_code == 422
    app_session.rollback()
    letters = [row for row in app_session.scalars(select(OutboxRow)) if row.key.startswith("feedback:")]
    assert letters
    assert all("Call us at the hall." in row.payload["text"] for row in letters)


def test_only_members_ask_for_feedback_and_only_when_they_were_told(session: Session) -> None:
    counted = a_counted_round(session)
    decided(session, counted)
    bid = counted.proposals[0]
    decision, writer = decision_of(session, bid), session.get_one(Person, bid.writer_id)
    with pytest.raises(StepRefused):
        announcing.ask_feedback(work(session, actor_of(session, writer)), decision.id, "Hello")
    with pytest.raises(NotAllowed):
        announcing.ask_feedback(work(session, actor_of(session, a_person(session))), decision.id, "Hello")


def test_who_did_not_pass_the_check_is_told_why_and_where_to_turn(session: Session) -> None:
    from grants.proposals import notices
    from tests.builders.proposals import a_proposal
    from tests.builders.rounds import a_round

    round = a_round(session)
    session.get_one(Fund, round.fund_id).elsewhere = ELSEWHERE
    bid = a_proposal(session, round, ProposalState.INELIGIBLE)
    notices.screened(work(session, actor_of(session, a_person(session))), bid, "It is outside the area.")
    text = session.scalars(select(OutboxRow)).first()
    assert text is not None
    for words in ("It is outside the area.", "another round", "WHERE ELSE TO TURN", "- The town council: small grants"):
        assert words in text.payload["text"]
