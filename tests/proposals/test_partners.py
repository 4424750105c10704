"""Joint proposals, earlier proposals, kept copies: what a group adds to its own words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.proposals.models import EligibilityCount, Proposal
from grants.proposals.queries import measured, whole
from grants.proposals.rules.partners import Partner, PartnerState
from grants.proposals.rules.sections import Section, gaps
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids, eligibility, partners
from grants.rounds.rules.states import RoundState
from tests.builders.insights import an_insight
from tests.builders.people import a_group, a_member, a_person
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_service import Scene
from tests.proposals.test_views import save, text_of
from tests.support.clock import START
from tests.support.work import work

S = ProposalState
PLACES = PackagedGeography()
HALL = Partner("The library", "Lends its kitchen", "hall@example.org", 20_000)


def name_partners(scene: Scene, *joint: Partner) -> Proposal:
    version = int(scene.proposal.section_versions["partners"])
    values = {"joint": joint, "partners": ""}
    found = bids.save_section(
        scene.work(scene.writer), scene.proposal.id, Section.PARTNERS, values, version=version, geography=PLACES
    )
    scene.session.flush()
    return found


def test_a_partner_confirms_by_the_link_in_the_letter_once(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    (token,) = partners.ask(scene.work(scene.writer), proposal.id).values()
    letter = scene.letters()[0]
    assert letter["to"] == "hall@example.org"
    assert token in letter["text"]
    assert "£200 of the money" in letter["text"]
    partner = partners.answer(work(any_session), token, yes=True, name=" Ida  Bell ")
    assert (partner.state, partner.answered_by) == (PartnerState.CONFIRMED, "Ida Bell")
    facts, limits = whole.facts(any_session, proposal), whole.limits(any_session, proposal.round)
    assert gaps(Section.PARTNERS, facts, limits) == ()
    with pytest.raises(NotFound):
        partners.answer(work(any_session), token, yes=False, name="Ida Bell")
    events = any_session.scalars(select(AuditEvent).where(AuditEvent.verb.startswith("proposal.partner")))
    assert {event.verb for event in events} == {"proposal.partner_asked", "proposal.partner_confirmed"}
    kept = str([event.body for event in any_session.scalars(select(AuditEvent))])
    assert "hall@" not in kept
    assert "Ida" not in kept


def test_until_a_partner_has_said_yes_it_cannot_be_signed_off(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    with pytest.raises(RuleBroken, match="has not said yes"):
        bids.ask_for_sign_off(scene.work(scene.writer), proposal.id)
    (token,) = partners.ask(scene.work(scene.writer), proposal.id).values()
    partners.answer(work(any_session), token, yes=False, name="Ida")
    with pytest.raises(RuleBroken, match="They said no"):
        bids.ask_for_sign_off(scene.work(scene.writer), proposal.id)
    name_partners(scene)
    assert bids.ask_for_sign_off(scene.work(scene.writer), proposal.id).state is S.AWAITING_SIGN_OFF


def test_what_a_partner_said_yes_to_is_only_that(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    (token,) = partners.ask(scene.work(scene.writer), proposal.id).values()
    partners.answer(work(any_session), token, yes=True, name="Ida")
    name_partners(scene, HALL)
    assert [one.state for one in proposal.joint] == [PartnerState.CONFIRMED]
    name_partners(scene, Partner(HALL.name, HALL.role, HALL.email, 20_001))
    assert [(one.state, one.answered_by) for one in proposal.joint] == [(PartnerState.NAMED, None)]


def test_a_letter_whose_question_has_changed_cannot_be_answered(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    (token,) = partners.ask(scene.work(scene.writer), proposal.id).values()
    name_partners(scene, Partner(HALL.name, "Cooks for everybody", HALL.email, 20_000))
    with pytest.raises(NotFound):
        partners.answer(work(any_session), token, yes=True, name="Ida")


def test_a_partner_is_not_written_to_twice_in_a_day(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    first = partners.ask(scene.work(scene.writer), proposal.id)
    with pytest.raises(RuleBroken, match="nobody to ask"):
        partners.ask(scene.work(scene.writer, START + timedelta(hours=23)), proposal.id)
    again = partners.ask(scene.work(scene.writer, START + timedelta(hours=24)), proposal.id)
    assert first.keys() == again.keys()
    with pytest.raises(NotFound):
        partners.answer(work(any_session), *first.values(), yes=True, name="Ida")


def test_only_the_group_asks_its_partners_and_only_while_it_writes(any_session: Session) -> None:
    scene = Scene(any_session)
    name_partners(scene, HALL)
    with pytest.raises(NotAllowed):
        partners.ask(scene.work(scene.stranger), scene.proposal.id)
    (token,) = partners.ask(scene.work(scene.writer), scene.proposal.id).values()
    late = scene.proposal.round.closes_at
    with pytest.raises(RuleBroken):
        partners.ask(scene.work(scene.writer, late), scene.proposal.id)
    with pytest.raises(RuleBroken, match="not being written"):
        partners.answer(work(any_session, now=late), token, yes=True, name="Ida")


def test_two_partners_do_not_share_an_address(any_session: Session) -> None:
    scene = Scene(any_session)
    with pytest.raises(RuleBroken, match="same e-mail address"):
        name_partners(scene, HALL, Partner("The school", "The hall", "HALL@example.org"))


def test_a_forgotten_address_leaves_the_partner_and_takes_the_link(any_session: Session) -> None:
    scene = Scene(any_session)
    proposal = name_partners(scene, HALL)
    (token,) = partners.ask(scene.work(scene.writer), proposal.id).values()
    bids.forget_person(work(any_session), scene.stranger.id, "Hall@example.org")  # type: ignore[arg-type]
    any_session.expire_all()
    assert whole.partner_by_token(any_session, token) is None
    assert [(one.name, one.email) for one in proposal.joint] == [("The library", None)]


def test_a_partner_answers_in_the_browser_without_an_account(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    writer = as_(a_member(app_session, proposal.group))
    rows = {
        "joint-0-name": "The library",
        "joint-0-role": "Lends its kitchen",
        "joint-0-email": "hall@example.org",
        "joint-0-share_minor": "200",
        "partners": "",
    }
    lacking = save(writer, proposal.id, "partners", **rows)
    assert "has not said yes" in text_of(writer.get(lacking.location))  # type: ignore[attr-defined]
    asked = writer.post(f"/proposals/{proposal.id}/partners/ask", follow_redirects=True)
    assert "We have written to 1 partner." in text_of(asked)
    app_session.rollback()
    from grants.outbox.models import OutboxRow

    letters = [one.payload for one in app_session.scalars(select(OutboxRow))]
    path = re.search(r"/partners/\S+", next(one["text"] for one in letters if one["to"] == "hall@example.org"))
    assert path
    assert "Lends its kitchen" in text_of(client.get(path[0]))
    assert "Choose yes or no" in text_of(client.post(path[0], data={"name": "Ida"}))
    assert "You said yes." in text_of(client.post(path[0], data={"yes": "yes", "name": "Ida"}))
    gone = client.get(path[0])
    assert gone.status_code == 404
    assert "does not work any more" in text_of(gone)
    assert "Said yes" in text_of(writer.get(f"/proposals/{proposal.id}/sections/partners"))


def test_a_partner_without_a_role_is_named_at_its_field(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    writer = as_(a_member(app_session, proposal.group))
    answer = save(writer, proposal.id, "partners", **{"joint-0-name": "The library"})
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "Say what they do in it" in text_of(answer)
    assert "Give their e-mail address" in text_of(answer)


# An earlier proposal


def test_a_new_proposal_takes_over_what_an_earlier_one_says(any_session: Session) -> None:
    scene = Scene(any_session, S.NOT_FUNDED)
    insight = an_insight(any_session)
    scene.proposal.evidence = [type(scene.proposal).evidence.property.mapper.class_(insight_id=insight.id)]
    any_session.flush()
    round = a_round(any_session)
    new = bids.start(scene.work(scene.writer), round.id, scene.proposal.group_id)
    bids.take_over(scene.work(scene.writer), new.id, scene.proposal.id, PLACES)
    any_session.flush()
    old, taken = (whole.facts(any_session, whole.proposal(any_session, id)) for id in (scene.proposal.id, new.id))
    assert (taken.title, taken.lines, taken.equality, taken.insight_ids) == (
        old.title,
        old.lines,
        old.equality,
        (insight.id,),
    )
    assert (taken.starts_on, taken.priority_id) == (None, None)
    with pytest.raises(StepRefused, match="begun to write"):
        bids.take_over(scene.work(scene.writer), new.id, scene.proposal.id, PLACES)


def test_nobody_takes_over_what_another_group_wrote(any_session: Session) -> None:
    scene, other = Scene(any_session, S.NOT_FUNDED), Scene(any_session, S.NOT_FUNDED)
    new = bids.start(scene.work(scene.writer), a_round(any_session).id, scene.proposal.group_id)
    with pytest.raises(RuleBroken, match="of this group"):
        bids.take_over(scene.work(scene.writer), new.id, other.proposal.id, PLACES)


def test_the_group_is_offered_its_earlier_proposal(app_session: Session, as_: SignIn) -> None:
    earlier = a_proposal(app_session, state=S.NOT_FUNDED)
    round = a_round(app_session, RoundState.OPEN)
    writer, stranger = as_(a_member(app_session, earlier.group)), as_(a_person(app_session))
    answer = writer.post(f"/rounds/{round.id}/proposals/new", data={"group_id": str(earlier.group_id)})
    assert "You have asked before" in text_of(writer.get(answer.location))
    taken = writer.post(f"{answer.location}/take-over", data={"earlier_id": str(earlier.id)}, follow_redirects=True)
    assert "It is all here" in text_of(taken)
    assert earlier.title in text_of(taken)
    assert stranger.get(f"{answer.location}/take-over").status_code == 404


# Copies


def test_two_copies_are_compared_word_by_word(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session, S.DRAFT)
    proposal_id = scene.proposal.id
    for what in ("We cook soup in the hall.", "We cook hot soup in the hall."):
        later = START + timedelta(minutes=len(what))
        if scene.proposal.state is S.SUBMITTED:
            bids.reopen(scene.work(scene.writer, later), proposal_id)
        scene.proposal.what = what
        bids.ask_for_sign_off(scene.work(scene.writer, later), proposal_id)
        bids.submit(scene.work(scene.signer, later), proposal_id)
        app_session.flush()
    copies = [one["text"] for one in scene.letters() if one["subject"].startswith("We have")]
    assert any("We cook hot soup in the hall." in text for text in copies)
    app_session.commit()
    client = as_(a_member(app_session, scene.proposal.group))
    page = client.get(f"/proposals/{proposal_id}/copies/2/changes")
    assert "[new: hot ]" in text_of(page).replace(" ]", " ]")
    assert "What you will do" in text_of(page)
    assert text_of(page).count("[new:") == 1
    assert client.get(f"/proposals/{proposal_id}/copies/1/changes").status_code == 404
    assert as_(a_person(app_session)).get(f"/proposals/{proposal_id}/copies/2/changes").status_code == 404


# The questions before


def test_the_questions_are_counted_and_nobody_is_named(any_session: Session) -> None:
    round = a_round(any_session)
    for found in (None, None, eligibility.Hurdle.AREA):
        eligibility.count(work(any_session), round.id, found)
    any_session.flush()
    assert measured.eligibility_counts(any_session, round.id) == [("may_apply", 2), ("area", 1)]
    assert any_session.scalars(select(AuditEvent)).all() == []
    assert {column.name for column in EligibilityCount.__table__.columns} == {"round_id", "outcome", "times"}


CAN = {"asker": "informal", "in_area": "yes", "for_priority": "yes", "amount": "500", "excluded": "no"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Yes, you can apply"),
        ({"asker": "person"}, "This money is for groups"),
        ({"in_area": "no"}, "It must happen here"),
        ({"amount": "20000000"}, "more than this round gives"),
    ],
)
def test_somebody_learns_which_rule_fails_before_writing_anything(
    app_session: Session, client: FlaskClient, changed: dict[str, str], said: str
) -> None:
    round = a_round(app_session, RoundState.OPEN)
    app_session.commit()
    url = f"/rounds/{round.id}/can-we-apply"
    assert client.get(url).status_code == 200
    answer = client.post(url, data={**CAN, **changed}, follow_redirects=True)
    assert said in text_of(answer)
    assert ("Start a proposal" in text_of(answer)) is (not changed)


def test_a_question_left_open_is_named_and_not_counted(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.OPEN)
    app_session.commit()
    answer = client.post(f"/rounds/{round.id}/can-we-apply", data={**CAN, "asker": ""})
    assert answer.status_code == 422
    assert "There is a problem" in text_of(answer)
    assert measured.eligibility_counts(app_session, round.id) == []
    assert client.get(f"/rounds/{round.id}/can-we-apply/nonsense").status_code == 404


def test_a_draft_round_asks_nothing(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.DRAFT)
    app_session.commit()
    assert client.get(f"/rounds/{round.id}/can-we-apply").status_code == 404


def test_an_answer_outside_the_bank_is_refused(any_session: Session) -> None:
    scene = Scene(any_session)
    unknown = a_group(any_session).id
    values = {"priority_id": None, "answers_need": "", "insight_ids": [unknown]}
    with pytest.raises(RuleBroken, match="what people told us"):
        bids.save_section(
            scene.work(scene.writer), scene.proposal.id, Section.NEED, values, version=1, geography=PLACES
        )
