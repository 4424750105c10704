"""Bids that a group writes by hand, tells somebody or records: of equal standing, and confirmed by the group."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.people.models import Group, Hosting, Person
from grants.people.rules import HostingState
from grants.proposals.models import Proposal, ProposalFile, ProposalHand
from grants.proposals.queries import hands, whole
from grants.proposals.rules.facts import Help
from grants.proposals.rules.files import FileKind, FileState
from grants.proposals.rules.hands import Hand, Source
from grants.proposals.rules.sections import Section, all_gaps
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids, typed
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.quick import a_quick_round
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_files import MP3
from tests.proposals.test_views import save, text_of
from tests.support.clock import START
from tests.support.work import work

S = ProposalState


class Scene:
    """A whole bid that Connie, a connector, types in for a group of two, and three people who may help too."""

    def __init__(self, session: Session, state: ProposalState = S.DRAFT, members: int = 2) -> None:
        self.session, self.group = session, a_group(session)
        self.members = [actor_of(session, a_member(session, self.group)) for _ in range(members)]
        self.connie = actor_of(session, a_person(session, Role.CONNECTOR, Role.STEWARD))
        self.other = actor_of(session, a_person(session, Role.CONNECTOR))
        self.steward = actor_of(session, a_person(session, Role.STEWARD))
        assert self.connie.id
        typist = session.get_one(Person, self.connie.id)
        self.bid = a_proposal(session, state=state, group=self.group, writer=typist)
        if state is S.DRAFT:
            self.bid.writer_id = None
        session.add(
            ProposalHand(
                proposal_id=self.bid.id,
                person_id=typist.id,
                part=Hand.TYPED,
                source=Source.PAPER,
                words="Rose",
                at=START,
            )
        )
        session.flush()
        session.expire_all()


def letters(session: Session) -> list[tuple[str, str]]:
    session.flush()
    return [
        (row.payload["to"], row.payload["text"]) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.key))
    ]


def test_an_officer_types_a_bid_in_and_the_help_is_recorded(any_session: Session) -> None:
    round, group = a_round(any_session, RoundState.OPEN), a_group(any_session)
    connie = actor_of(any_session, a_person(any_session, Role.CONNECTOR))
    bid = typed.start(work(any_session, connie), round.id, group.id, Source.PAPER, " Rose Khan ")
    any_session.flush()
    assert (bid.state, bid.help_received, bid.started_by_id) == (S.DRAFT, Help.OFFICER, connie.id)
    (hand,) = whole.proposal(any_session, bid.id).hands
    assert (hand.person_id, hand.part, hand.source, hand.words) == (connie.id, Hand.TYPED, Source.PAPER, "Rose Khan")
    event = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "proposal.started")).one()
    assert event.body["typed_from"] == "paper"
    assert "Rose" not in str(event.body)
    again = typed.start(work(any_session, connie), round.id, group.id, Source.PAPER, "Rose Khan")
    assert again.id == bid.id


@pytest.mark.parametrize(
    ("roles", "member"), [((), False), ((Role.PANELLIST,), False), ((Role.AUDITOR,), False), ((Role.CONNECTOR,), True)]
)
def test_only_officers_who_are_not_of_the_group_type_in(
    session: Session, roles: tuple[Role, ...], member: bool
) -> None:
    round, group, person = a_round(session, RoundState.OPEN), a_group(session), a_person(session, *roles)
    if member:
        a_member(session, group, person)
    with pytest.raises(NotAllowed):
        typed.start(work(session, actor_of(session, person)), round.id, group.id, Source.TALK, "Rose")


def test_the_round_asks_the_same_of_a_bid_that_is_typed_in(session: Session) -> None:
    connie = actor_of(session, a_person(session, Role.CONNECTOR))
    with pytest.raises(StepRefused):
        typed.start(
            work(session, connie), a_round(session, RoundState.CLOSED).id, a_group(session).id, Source.TALK, "R"
        )
    with pytest.raises(RuleBroken, match="who of the group"):
        typed.start(work(session, connie), a_round(session, RoundState.OPEN).id, a_group(session).id, Source.TALK, " ")


def test_somebody_of_the_group_confirms_it_and_then_it_is_in(any_session: Session) -> None:
    scene = Scene(any_session)
    bids.ask_for_sign_off(work(any_session, scene.connie), scene.bid.id)
    asked = dict(letters(any_session))
    assert set(asked) == {any_session.get_one(Person, one.id).email for one in scene.members}
    text = asked.popitem()[1]
    assert "from your paper form" in text
    assert "Is it what you said?" in text
    done = bids.submit(work(any_session, scene.members[0]), scene.bid.id)
    assert (done.state, done.signed_off_by_id) == (S.SUBMITTED, scene.members[0].id)


def test_a_group_of_one_confirms_what_an_officer_typed_for_them(session: Session) -> None:
    scene = Scene(session, members=1)
    bids.ask_for_sign_off(work(session, scene.connie), scene.bid.id)
    assert bids.submit(work(session, scene.members[0]), scene.bid.id).state is S.SUBMITTED


def test_who_typed_it_is_never_the_second_sign_off_not_even_as_a_later_member(session: Session) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    with pytest.raises(NotAllowed, match="somebody of the group must say that it is right"):
        bids.submit(work(session, scene.connie), scene.bid.id)
    a_member(session, scene.group, session.get_one(Person, scene.connie.id))
    scene.bid.writer_id = scene.members[0].id
    joined = actor_of(session, session.get_one(Person, scene.connie.id))
    with pytest.raises(NotAllowed, match="You typed this in"):
        bids.submit(work(session, joined), scene.bid.id)


def test_who_typed_it_neither_withdraws_nor_reopens_it(session: Session) -> None:
    scene = Scene(session, S.SUBMITTED)
    for act in (bids.withdraw, bids.reopen):
        with pytest.raises(NotAllowed):
            act(work(session, scene.connie), scene.bid.id)


def test_a_group_that_nobody_can_reach_on_a_screen_signs_on_paper(any_session: Session) -> None:
    scene = Scene(any_session, members=0)
    bids.ask_for_sign_off(work(any_session, scene.connie), scene.bid.id)
    done = typed.put_in_signed(work(any_session, scene.other), scene.bid.id, "Rose Khan, Tom Bell", "File 12")
    any_session.flush()
    assert (done.state, done.signed_off_by_id) == (S.SUBMITTED, None)
    seen = {one.part: (one.person_id, one.words) for one in whole.proposal(any_session, scene.bid.id).hands}
    assert seen[Hand.SAW_SIGNED] == (scene.other.id, "Rose Khan, Tom Bell; File 12")
    event = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "proposal.submitted")).one()
    assert event.body["signed"] == "paper"
    assert "Rose" not in str(event.body)
    to, text = letters(any_session)[-1]
    assert to == any_session.get_one(Person, scene.connie.id).email  # who brings it to them
    assert "We kept a copy" in text


def test_only_another_officer_says_that_it_was_signed(session: Session) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    stranger = actor_of(session, a_person(session))
    for who in (scene.connie, scene.members[0], stranger):
        with pytest.raises(NotAllowed):
            typed.put_in_signed(work(session, who), scene.bid.id, "Rose", "File 12")


def test_what_a_group_wrote_on_a_screen_is_not_put_in_by_an_officer(session: Session) -> None:
    bid = a_proposal(session, state=S.AWAITING_SIGN_OFF)
    helper = actor_of(session, a_person(session, Role.CONNECTOR))
    with pytest.raises(StepRefused):
        typed.put_in_signed(work(session, helper), bid.id, "Rose", "File 12")


def test_an_ask_in_a_quick_round_is_not_typed_in(session: Session) -> None:
    round = a_quick_round(session)
    connie, group = actor_of(session, a_person(session, Role.CONNECTOR)), a_group(session)
    with pytest.raises(StepRefused, match="quick round"):
        typed.start(work(session, connie), round.id, group.id, Source.TALK, "Rose")


def test_the_signed_copy_comes_before_the_deadline_to_the_second(session: Session) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    closes = scene.bid.round.closes_at
    with pytest.raises(StepRefused, match="closed"):
        typed.put_in_signed(work(session, scene.other, closes), scene.bid.id, "Rose", "File 12")
    typed.put_in_signed(work(session, scene.other, closes - timedelta(seconds=1)), scene.bid.id, "Rose", "File 12")


@pytest.mark.parametrize("part", list(Hand))
def test_whoever_had_a_hand_in_a_bid_never_checks_or_judges_it(session: Session, part: Hand) -> None:
    bid = a_proposal(session, state=S.SUBMITTED)
    helper = a_person(session, Role.STEWARD, Role.PANELLIST)
    session.add(
        ProposalHand(
            proposal_id=bid.id,
            person_id=helper.id,
            part=part,
            source=Source.TALK if part is Hand.TYPED else None,
            at=START,
        )
    )
    session.flush()
    session.expire_all()
    with pytest.raises(NotAllowed, match="You helped this group"):
        bids.screen(work(session, actor_of(session, helper)), bid.id, eligible=True)
    assert (bid.id, helper.id) in review.interested(session, [bid])
    assert (bid.id, a_person(session, Role.PANELLIST).id) not in review.interested(session, [bid])


def test_a_bid_has_one_typist(any_session: Session) -> None:
    scene = Scene(any_session)
    any_session.add(
        ProposalHand(proposal_id=scene.bid.id, person_id=scene.other.id, part=Hand.TYPED, source=Source.TALK, at=START)
    )
    with pytest.raises(IntegrityError):
        any_session.flush()


def test_that_an_officer_helped_cannot_be_unsaid(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    save(as_(app_session.get_one(Person, scene.connie.id)), scene.bid.id, "contact", help_received="nobody")
    app_session.rollback()
    assert app_session.get_one(Proposal, scene.bid.id).help_received is Help.OFFICER


# ---------------------------------------------------------------- a recording


def recorded(session: Session, bid: Proposal, state: FileState = FileState.CLEAN, name: str = "0" * 32) -> ProposalFile:
    file = ProposalFile(
        proposal_id=bid.id,
        kind=FileKind.SOUND,
        state=state,
        stored_name=f"{name}.mp3",
        size=900,
        label="Rose says what we want to do",
        added_at=START,
    )
    session.add(file)
    session.flush()
    session.expire_all()
    return file


SENTENCES = (
    "what",
    "for_whom",
    "answers_need",
    "outcomes_hoped",
    "outcomes_seen",
    "second_hoped",
    "second_seen",
    "equality",
    "poverty",
    "safeguarding",
)


def test_a_bid_whose_answers_are_a_recording_is_complete(session: Session) -> None:
    bid = a_proposal(session, state=S.DRAFT, at_risk=True, **dict.fromkeys(SENTENCES))  # type: ignore[arg-type]
    limits = whole.limits(session, bid.round)
    silent = all_gaps(whole.facts(session, whole.proposal(session, bid.id)), limits)
    assert {gap.field for gaps in silent.values() for gap in gaps} == set(SENTENCES)
    recorded(session, bid)
    assert all_gaps(whole.facts(session, whole.proposal(session, bid.id)), limits) == {}


def test_a_group_that_recorded_its_answers_is_told_that_it_need_not_write_them(
    app_session: Session, as_: SignIn
) -> None:
    bid = a_proposal(app_session, state=S.DRAFT)
    recorded(app_session, bid)
    writer, said = as_(a_member(app_session, bid.group)), "What you say in it, you need not write"
    assert said in text_of(writer.get(f"/proposals/{bid.id}/sections/approach"))
    assert said not in text_of(writer.get(f"/proposals/{bid.id}/sections/budget"))
    assert "Rose says what we want to do" in text_of(writer.get(f"/proposals/{bid.id}/check"))


def test_an_officer_writes_down_what_a_recording_says_and_the_group_is_told(any_session: Session) -> None:
    bid = a_proposal(any_session, state=S.SUBMITTED)
    file, helper = recorded(any_session, bid), actor_of(any_session, a_person(any_session, Role.CONNECTOR))
    typed.sum_up(work(any_session, helper), file.id, " We want to cook soup. ")
    any_session.flush()
    assert file.summary == "We want to cook soup."
    assert any("We want to cook soup." in text for _, text in letters(any_session))
    assert hands.to_sum_up(any_session, bid.round_id) == []
    typed.sum_up(work(any_session, helper), file.id, "We want to cook soup on Fridays.")
    assert [one.part for one in whole.proposal(any_session, bid.id).hands] == [Hand.SUMMED_UP]


def _of_the_group(session: Session, bid: Proposal) -> Actor:
    return actor_of(session, a_member(session, bid.group, a_person(session, Role.CONNECTOR)))


def test_a_recording_is_written_down_by_somebody_without_interest_who_did_not_check_it(session: Session) -> None:
    bid = a_proposal(session, state=S.ELIGIBLE)
    file = recorded(session, bid)
    checker = a_person(session, Role.STEWARD)
    bid.screened_by_id = checker.id
    for who in (_of_the_group(session, bid), actor_of(session, checker), actor_of(session, a_person(session))):
        with pytest.raises(NotAllowed):
            typed.sum_up(work(session, who), file.id, "Soup.")


@pytest.mark.parametrize("state", [S.DRAFT, S.ON_BALLOT, S.WITHDRAWN, S.AWARDED])
def test_a_recording_is_written_down_between_the_close_and_the_ballot(session: Session, state: ProposalState) -> None:
    bid = a_proposal(session, state=state)
    file = recorded(session, bid)
    with pytest.raises(StepRefused):
        typed.sum_up(work(session, actor_of(session, a_person(session, Role.CONNECTOR))), file.id, "Soup.")


def test_whoever_checks_a_bid_hears_it_in_place(app: Flask, app_session: Session, as_: SignIn) -> None:
    bid = a_proposal(app_session, a_round(app_session, RoundState.CHECKING), S.SUBMITTED)
    file = recorded(app_session, bid)
    file.stored_name, file.summary = app.extensions["files"].put(MP3, suffix="mp3"), "We want to cook soup."
    steward = as_(Role.STEWARD)
    page = steward.get(f"/proposals/{bid.id}/screen").get_data(as_text=True)
    assert f'<audio class="app-files__player" controls preload="none" src="/proposals/files/{file.id}"' in page
    assert "We want to cook soup." in page
    part = steward.get(f"/proposals/files/{file.id}", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.data) == (206, MP3[:10])  # as telephones ask for it


# ---------------------------------------------------------------- the pages


def test_a_connector_types_in_for_a_group_that_has_no_account_at_all(app_session: Session, as_: SignIn) -> None:
    round = a_round(app_session, RoundState.OPEN)
    host = a_group(app_session, can_host=True)
    connie, colleague = a_person(app_session, Role.CONNECTOR, name="Connie"), a_person(app_session, Role.CONNECTOR)
    client, other = as_(connie), as_(colleague)
    url = f"/rounds/{round.id}/type-in?q=Hill Street Cooks"
    wrong = client.post(url, data={"group": "new", "source": "paper", "told_by": ""})
    assert wrong.status_code == 422
    assert "Choose the kind of group" in text_of(wrong)
    new = {"group": "new", "new_name": "Hill Street Cooks", "new_kind": "unconstituted", "new_account": "no"}
    answer = client.post(url, data={**new, "source": "paper", "told_by": "Rose Khan"})
    bid_id = UUID(answer.location.rsplit("/", 1)[1])
    app_session.rollback()
    group = app_session.scalars(select(Group).where(Group.name == "Hill Street Cooks")).one()
    assert client.post(f"/groups/{group.id}/host", data={"host": str(host.id)}).status_code == 302
    app_session.rollback()
    app_session.scalars(select(Hosting)).one().state = HostingState.CONFIRMED
    app_session.commit()
    priority = str(rounds.priority_ids(app_session, round.id)[0])
    for section in Section:
        extra = {"priority_id": priority} if section is Section.NEED else {}
        assert save(client, bid_id, section.value, **extra).location == f"/proposals/{bid_id}"  # type: ignore[attr-defined]
    assert "You cannot confirm it for them" in text_of(client.get(f"/proposals/{bid_id}/check"))
    assert client.post(f"/proposals/{bid_id}/check").status_code == 302
    page = text_of(client.get(f"/proposals/{bid_id}"))
    assert "let two people of the group read and sign it" in page
    assert "Connie typed it in" in page
    assert client.get(f"/proposals/{bid_id}/signed").status_code == 403
    words = {"signed_by": "Rose Khan and Tom Bell", "kept_at": "File 12"}
    assert "Tick the box" in text_of(other.post(f"/proposals/{bid_id}/signed", data=words))
    assert other.post(f"/proposals/{bid_id}/signed", data={**words, "seen": "y"}).status_code == 302
    app_session.rollback()
    assert app_session.get_one(Proposal, bid_id).state is S.SUBMITTED


def words_of(answer: object) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages)  # type: ignore[attr-defined]


def test_the_form_to_write_by_hand_asks_what_the_screen_asks(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.OPEN)
    app_session.commit()
    words = " ".join(words_of(client.get(f"/rounds/{round.id}/paper-form")).split())
    for asked in (
        "What will you do?",
        "Who is it for?",
        "How can everybody it is for take part?",
        "Signed for the group",
    ):
        assert asked in words
    assert "Stockton Town Centre" in words


def test_what_was_typed_in_is_printed_to_be_signed(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session, S.AWAITING_SIGN_OFF)
    connie, stranger = as_(app_session.get_one(Person, scene.connie.id)), as_(a_person(app_session))
    words = " ".join(words_of(connie.get(f"/proposals/{scene.bid.id}/print")).split())
    assert scene.bid.title in words
    assert "We have read this" in words
    assert stranger.get(f"/proposals/{scene.bid.id}/print").status_code == 404


def test_a_connector_hears_what_is_to_be_written_down_and_no_other_draft(
    app: Flask, app_session: Session, as_: SignIn
) -> None:
    put_in, draft = a_proposal(app_session, state=S.SUBMITTED), a_proposal(app_session, state=S.DRAFT)
    heard, closed = recorded(app_session, put_in), recorded(app_session, draft, name="1" * 32)
    heard.stored_name = app.extensions["files"].put(MP3, suffix="mp3")
    client = as_(Role.CONNECTOR)
    assert client.get(f"/proposals/files/{heard.id}").data == MP3
    assert client.get(f"/proposals/files/{closed.id}").status_code == 404
    assert client.get(f"/proposals/files/{closed.id}/in-writing").status_code == 404
    assert client.post(f"/proposals/files/{heard.id}/in-writing", data={"words": "Soup."}).status_code == 302


def test_whoever_helps_groups_finds_what_waits_on_the_round_and_a_steward_on_the_desk_too(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    scene = Scene(app_session, S.AWAITING_SIGN_OFF)
    recorded(app_session, a_proposal(app_session, scene.bid.round, S.SUBMITTED))
    round_id = scene.bid.round_id
    steward, connector = as_(Role.STEWARD), as_(Role.CONNECTOR)
    for who, url in ((connector, ""), (steward, ""), (steward, "/desk")):
        page = text_of(who.get(f"/rounds/{round_id}{url}"))
        assert f"Typed in, waiting for the group’s word {scene.bid.title}" in page
        assert "Recordings to write down Rose says what we want to do" in page
        assert "Type in a proposal for a group" in page
    assert "For groups that do not write on a screen" not in text_of(client.get(f"/rounds/{round_id}"))


def test_the_way_back_is_open_to_a_connector(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session, S.AWAITING_SIGN_OFF)
    other = as_(app_session.get_one(Person, scene.other.id))
    words = {"signed_by": "Rose Khan and Tom Bell", "kept_at": "File 12", "seen": "y"}
    after = other.post(f"/proposals/{scene.bid.id}/signed", data=words, follow_redirects=True)
    assert after.status_code == 200
    assert "It is in." in text_of(after)
