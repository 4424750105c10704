"""What must hold for whoever writes a bid: resume anywhere, finish later, check, get a copy, take it out."""

from __future__ import annotations

from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.queries import whole
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.review.rules import ReviewState
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_member, a_person
from tests.builders.proposals import a_proposal
from tests.builders.review import a_panellist, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import save, text_of

S = ProposalState


def test_a_half_written_bid_is_there_on_another_device_with_the_status_of_each_section(
    app_session: Session, as_: SignIn
) -> None:
    round, group = a_round(app_session, RoundState.OPEN), a_group(app_session)
    rose = a_member(app_session, group)
    phone, library = as_(rose), as_(rose)
    home = phone.post(f"/rounds/{round.id}/proposals/new", data={"group_id": str(group.id)}).location
    bid_id = UUID(home.rsplit("/", 1)[1])
    save(phone, bid_id, "what")
    save(phone, bid_id, "fairness", poverty="")
    page = text_of(library.get(home))  # the telephone is dead
    assert "What you want to do Warm hands Done" in page
    assert "Fair and safe for everybody Started" in page
    assert "What it costs Not started" in page
    assert "We cook soup in the hall." in library.get(f"{home}/sections/what").get_data(as_text=True)
    assert "There is a ramp." in library.get(f"{home}/sections/fairness").get_data(as_text=True)


def test_a_draft_saved_with_gaps_is_finished_later_and_put_in(app_session: Session, as_: SignIn) -> None:
    group = a_group(app_session)
    writer, signer = a_member(app_session, group), a_member(app_session, group)
    bid = a_proposal(app_session, state=S.DRAFT, group=group, equality=None)
    client, other, home = as_(writer), as_(signer), f"/proposals/{bid.id}"
    refused = client.post(f"{home}/check")
    assert refused.status_code == 422
    assert "These sections are not finished: “Fair and safe for everybody”" in text_of(refused)
    save(client, bid.id, "fairness")
    assert client.post(f"{home}/check").status_code == 302
    assert other.post(f"{home}/submit").status_code == 302
    app_session.rollback()
    assert app_session.get_one(Proposal, bid.id).state is S.SUBMITTED


def test_every_part_of_the_check_page_can_be_changed_from_there(app_session: Session, as_: SignIn) -> None:
    bid = a_proposal(app_session, state=S.DRAFT)
    page = as_(a_member(app_session, bid.group)).get(f"/proposals/{bid.id}/check").get_data(as_text=True)
    for section in Section:
        assert f'href="/proposals/{bid.id}/sections/{section.value}">Change<span' in page


def test_everybody_in_the_group_gets_a_copy_of_all_of_it_by_mail(app_session: Session, as_: SignIn) -> None:
    group = a_group(app_session)
    writer, signer = a_member(app_session, group), a_member(app_session, group)
    bid = a_proposal(app_session, state=S.AWAITING_SIGN_OFF, group=group, writer=writer, signer=signer)
    assert as_(signer).post(f"/proposals/{bid.id}/submit").status_code == 302
    app_session.rollback()
    rows = app_session.scalars(select(OutboxRow).where(OutboxRow.subject_id == bid.id))
    copies = {row.payload["to"]: row.payload["text"] for row in rows if "We have" in row.payload["subject"]}
    assert set(copies) == {writer.email, signer.email}
    facts = whole.facts(app_session, whole.proposal(app_session, bid.id))
    for said in (
        facts.title,
        facts.summary,
        facts.what,
        facts.for_whom,
        facts.answers_need,
        facts.outcomes_hoped,
        facts.second_seen,
        facts.equality,
        facts.poverty,
        "Seeds, pots and soil: £1,200",
        "Neighbours and local people lead it",
    ):
        assert said in copies[writer.email or ""]
    assert facts.contact_email not in copies[writer.email or ""]


def test_what_the_group_takes_out_its_reviewers_lose_and_history_keeps(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    bid = a_proposal(app_session, round, S.ELIGIBLE)
    panellist = a_panellist(app_session, round)
    review = a_review(app_session, bid, panellist, ReviewState.CLEARED)
    member, reader, steward = as_(a_member(app_session, bid.group)), as_(panellist), as_(Role.STEWARD)
    assert bid.title in reader.get(f"/reviews/{review.id}").get_data(as_text=True)
    assert member.post(f"/proposals/{bid.id}/withdraw", data={"reason": ""}).status_code == 302
    for url in (f"/reviews/{review.id}", "/home"):
        assert (bid.summary or "") not in reader.get(url).get_data(as_text=True)
    assert "took it out of this round" in text_of(steward.get(f"/proposals/{bid.id}"))
    assert steward.get(f"/proposals/{bid.id}/copies/1").status_code == 200
    app_session.rollback()
    again = a_round(app_session, RoundState.OPEN)
    app_session.commit()
    started = member.post(f"/rounds/{again.id}/proposals/new", data={"group_id": str(bid.group_id)})
    assert started.status_code == 302
    assert bid.title in text_of(member.get(f"{started.location}/take-over"))


def test_somebody_who_was_invited_by_mail_writes_on_at_once(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    bid = a_proposal(app_session, state=S.DRAFT)
    rose, stranger = as_(a_member(app_session, bid.group)), as_(a_person(app_session))
    asked = {"name": "Tom Bell", "email": "tom@example.org", "rights": ["edit"]}
    assert rose.post(f"/groups/{bid.group_id}/members/add", data=asked).status_code == 302
    app_session.rollback()
    tom = app_session.scalars(select(Person).where(Person.email == "tom@example.org")).one()
    assert save(as_(tom), bid.id, "what", title="Warm hands, warm hearts").status_code == 302  # type: ignore[attr-defined]
    assert stranger.get(f"/proposals/{bid.id}/sections/what").status_code == 404
    assert client.get(f"/proposals/{bid.id}/sections/what").status_code == 401
