"""Each step of a proposal: what it changes, what it leaves behind, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.canonical import fingerprint
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.proposals.models import Proposal, ProposalSnapshot
from grants.proposals.queries import published, waiting, whole
from grants.proposals.rules.facts import Line
from grants.proposals.rules.screening import ScreeningCode
from grants.proposals.rules.sections import Section, all_gaps
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.rounds.rules.book import ApplicantKind
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_hosting, a_member, a_person, actor_of
from tests.builders.proposals import a_proposal, an_unconstituted_group
from tests.builders.rounds import a_round, some_dates
from tests.support.asking import asked
from tests.support.clock import START
from tests.support.work import work

S = ProposalState
PLACES = PackagedGeography()
SECOND = timedelta(seconds=1)


class Scene:
    """A proposal with the people around it."""

    def __init__(self, session: Session, state: ProposalState = S.DRAFT, **fields: object) -> None:
        self.session = session
        group = a_group(session)
        writer, signer = a_member(session, group), a_member(session, group)
        self.proposal = a_proposal(session, state=state, group=group, writer=writer, signer=signer, **fields)
        self.writer, self.signer = actor_of(session, writer), actor_of(session, signer)
        self.steward = actor_of(session, a_person(session, Role.STEWARD))
        self.stranger = actor_of(session, a_member(session, a_group(session)))

    def work(self, actor: Actor, now: datetime = START) -> UnitOfWork:
        return work(self.session, actor, now)

    def verbs(self) -> list[str]:
        query = select(AuditEvent.verb).where(AuditEvent.subject_id == self.proposal.id)
        return list(self.session.scalars(query.order_by(AuditEvent.at, AuditEvent.verb)))

    def letters(self) -> list[dict[str, str]]:
        self.session.flush()
        return [row.payload for row in self.session.scalars(select(OutboxRow).order_by(OutboxRow.key))]


@pytest.mark.parametrize("state", list(ProposalState))
def test_a_built_proposal_stands_whole_in_every_state(any_session: Session, state: ProposalState) -> None:
    built = a_proposal(any_session, state=state)
    found = whole.proposal(any_session, built.id)
    assert (found.state, found.applied_for_minor) == (state, 120_000)
    assert all_gaps(whole.facts(any_session, found), whole.limits(any_session, found.round)) == {}


# Starting and writing


def test_a_member_starts_a_proposal_and_a_second_press_gives_the_same_one(any_session: Session) -> None:
    round, group = a_round(any_session), a_group(any_session)
    actor = actor_of(any_session, a_member(any_session, group))
    first = service.start(work(any_session, actor), round.id, group.id)
    assert service.start(work(any_session, actor), round.id, group.id).id == first.id
    assert (first.state, first.started_by_id) == (S.DRAFT, actor.id)


@pytest.mark.parametrize("state", [state for state in RoundState if state not in (RoundState.OPEN, RoundState.DRAFT)])
def test_a_round_that_is_not_open_takes_no_new_proposal(session: Session, state: RoundState) -> None:
    round, group = a_round(session, state), a_group(session)
    with pytest.raises(StepRefused):
        service.start(work(session, actor_of(session, a_member(session, group))), round.id, group.id)


def test_nobody_starts_for_a_group_that_they_may_not_write_for(session: Session) -> None:
    round, group = a_round(session), a_group(session)
    stranger = actor_of(session, a_member(session, a_group(session)))
    with pytest.raises(NotAllowed):
        service.start(work(session, stranger), round.id, group.id)


@pytest.mark.parametrize(
    ("kind", "hosted", "taken"),
    [
        (ApplicantKind.CONSTITUTED, False, True),
        (ApplicantKind.CONSTITUTED, True, False),
        (ApplicantKind.HOSTED, True, True),
        (ApplicantKind.HOSTED, False, False),
    ],
)
def test_the_rule_book_says_which_groups_may_apply(
    session: Session, kind: ApplicantKind, hosted: bool, taken: bool
) -> None:
    round = a_round(session, applicant_kinds=(kind,))
    group = an_unconstituted_group(session) if hosted else a_group(session)
    actor = actor_of(session, a_member(session, group))
    if taken:
        assert service.start(work(session, actor), round.id, group.id).group_id == group.id
    else:
        with pytest.raises(RuleBroken, match="This round is for groups"):
            service.start(work(session, actor), round.id, group.id)


def test_the_budget_adds_up_and_leaves_gifts_out(any_session: Session) -> None:
    scene = Scene(any_session)
    lines = (Line("Soup", 25_050), Line("Our time", 40_000, in_kind=True), Line("Hall", 5_000))
    service.save_section(
        scene.work(scene.writer), scene.proposal.id, Section.BUDGET, {"lines": lines}, version=1, geography=PLACES
    )
    any_session.flush()
    any_session.expire_all()
    kept = whole.proposal(any_session, scene.proposal.id)
    assert kept.applied_for_minor == 30_050
    assert [(line.position, line.what, line.in_kind) for line in kept.lines] == [
        (1, "Soup", False),
        (2, "Our time", True),
        (3, "Hall", False),
    ]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"venue_postcode": "ts181aa", "ward_codes": []}, ("TS18 1AA", ["E05014882"], [1])),
        ({"venue_postcode": "TS18 1AA", "ward_codes": ["E05014880"]}, ("TS18 1AA", ["E05014880"], [1])),
        ({"anywhere": True, "venue_postcode": "TS18 1AA", "ward_codes": ["E05014880"]}, (None, [], [])),
    ],
)
def test_the_place_is_looked_up_from_the_postcode(
    session: Session, typed: dict[str, object], kept: tuple[object, ...]
) -> None:
    scene = Scene(session)
    values = {"for_whom": "All", "anywhere": False, **typed}
    service.save_section(
        scene.work(scene.writer), scene.proposal.id, Section.WHERE, values, version=1, geography=PLACES
    )
    proposal = scene.proposal
    assert (proposal.venue_postcode, proposal.ward_codes, proposal.imd_deciles) == kept


def test_the_ward_that_was_filled_in_moves_with_the_postcode(session: Session) -> None:
    scene = Scene(session)
    values = {"for_whom": "All", "anywhere": False, "venue_postcode": "TS15 0AD", "ward_codes": ["E05014882"]}
    service.save_section(
        scene.work(scene.writer), scene.proposal.id, Section.WHERE, values, version=1, geography=PLACES
    )
    assert scene.proposal.ward_codes == ["E05014880"]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"venue_postcode": "SW1A 1AA"}, "venue_postcode"), ({"ward_codes": ["E99"]}, "ward_codes")],
)
def test_a_place_outside_the_area_is_refused(session: Session, values: dict[str, object], field: str) -> None:
    scene = Scene(session)
    with pytest.raises(RuleBroken) as refused:
        service.save_section(
            scene.work(scene.writer), scene.proposal.id, Section.WHERE, values, version=1, geography=PLACES
        )
    assert refused.value.field == field


def test_saving_over_somebody_elses_words_is_refused(any_session: Session) -> None:
    scene = Scene(any_session)

    def save(actor: Actor, token: str) -> None:
        values = {"title": token, "summary": "", "what": ""}
        uow, id = scene.work(actor), scene.proposal.id
        service.save_section(uow, id, Section.WHAT, values, version=1, geography=PLACES, page_token=token)

    save(scene.writer, "a")
    with pytest.raises(service.SectionConflict) as conflict:
        save(scene.signer, "b")
    assert conflict.value.version == 2
    assert scene.proposal.title == "a"
    assert scene.verbs() == ["proposal.section_saved"]


@pytest.mark.parametrize("state", [state for state in ProposalState if state is not S.DRAFT])
def test_nothing_but_a_draft_can_be_written_in(session: Session, state: ProposalState) -> None:
    scene = Scene(session, state)
    with pytest.raises(StepRefused):
        service.save_section(
            scene.work(scene.writer), scene.proposal.id, Section.WHAT, {"title": "x"}, version=1, geography=PLACES
        )


# Signing off and putting in


def test_two_people_put_it_in_and_a_copy_with_its_hash_is_kept(any_session: Session) -> None:
    scene = Scene(any_session)
    service.ask_for_sign_off(scene.work(scene.writer), scene.proposal.id)
    assert (scene.proposal.state, scene.proposal.writer_id) == (S.AWAITING_SIGN_OFF, scene.writer.id)
    service.submit(scene.work(scene.signer), scene.proposal.id)
    any_session.flush()
    snapshot = any_session.scalars(select(ProposalSnapshot)).one()
    assert scene.proposal.state is S.SUBMITTED
    assert snapshot.sha256 == fingerprint(snapshot.body)
    assert snapshot.body["lines"] == [
        {"what": "Seeds, pots and soil", "amount_minor": 120_000, "in_kind": False, "lasting": False}
    ]
    assert "rose@example.org" not in str(snapshot.body)
    event = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "proposal.submitted")).one()
    assert (event.body["snapshot"], event.body["writer_id"]) == (snapshot.sha256, str(scene.writer.id))
    assert [letter["subject"].split(" “")[0] for letter in scene.letters()].count("We have your proposal") == 2


def test_the_writer_cannot_sign_off_what_they_wrote(session: Session) -> None:
    scene = Scene(session)
    service.ask_for_sign_off(scene.work(scene.writer), scene.proposal.id)
    with pytest.raises(NotAllowed, match="Somebody else"):
        service.submit(scene.work(scene.writer), scene.proposal.id)


def test_sign_off_cannot_be_asked_for_when_nobody_could_give_it(session: Session) -> None:
    group = a_group(session)
    writer = a_member(session, group)
    a_member(session, group, sign_off=False)
    proposal = a_proposal(session, state=S.DRAFT, group=group, writer=writer)
    with pytest.raises(RuleBroken, match="Nobody else in your group may sign off"):
        service.ask_for_sign_off(work(session, actor_of(session, writer)), proposal.id)


def test_an_unfinished_proposal_cannot_be_sent_for_sign_off(session: Session) -> None:
    scene = Scene(session, summary=None)
    with pytest.raises(RuleBroken, match="“What you want to do”"):
        service.ask_for_sign_off(scene.work(scene.writer), scene.proposal.id)


@pytest.mark.parametrize("amount", [9_999, 200_001])
def test_an_amount_outside_the_rounds_limits_cannot_be_put_in(session: Session, amount: int) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF, amount_minor=amount)
    with pytest.raises(RuleBroken, match="“What it costs”"):
        service.submit(scene.work(scene.signer), scene.proposal.id)


def test_a_host_that_left_meanwhile_stops_the_sign_off(session: Session) -> None:
    group = an_unconstituted_group(session)
    a_member(session, group)
    scene_writer, signer = a_member(session, group), a_member(session, group)
    proposal = a_proposal(session, state=S.AWAITING_SIGN_OFF, group=group, writer=scene_writer)
    with pytest.raises(RuleBroken, match="needs a host"):
        service.submit(work(session, actor_of(session, signer)), proposal.id)


def test_a_group_of_one_is_signed_off_by_its_host(any_session: Session) -> None:
    hosting = a_hosting(any_session)
    writer = any_session.get_one(Person, hosting.asked_by_id)
    host_member = a_member(any_session, hosting.host)
    proposal = a_proposal(any_session, state=S.DRAFT, group=hosting.group, writer=writer)
    service.ask_for_sign_off(work(any_session, actor_of(any_session, writer)), proposal.id)
    assert proposal.hosting_id == hosting.id
    any_session.flush()
    assert proposal.id in [
        row[0] for row in asked(any_session, waiting.hosted_waiting, actor_of(any_session, host_member))
    ]
    service.submit(work(any_session, actor_of(any_session, host_member)), proposal.id)
    assert proposal.state is S.SUBMITTED


def test_what_is_sent_back_carries_its_reason_to_the_writer(session: Session) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    with pytest.raises(RuleBroken, match="Say why"):
        service.send_back(scene.work(scene.signer), scene.proposal.id, "  ")
    service.send_back(scene.work(scene.signer), scene.proposal.id, "The hall is too small.")
    assert (scene.proposal.state, scene.proposal.sent_back_reason) == (S.DRAFT, "The hall is too small.")
    [letter] = scene.letters()
    assert "The hall is too small." in letter["text"]


def test_the_writer_can_take_it_back_without_a_letter(session: Session) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    service.send_back(scene.work(scene.writer), scene.proposal.id, "Taken back by the writer.")
    assert (scene.proposal.state, scene.proposal.sent_back_reason, scene.letters()) == (S.DRAFT, None, [])


def test_what_was_put_in_can_be_reopened_while_the_round_is_open_and_the_copy_stays(session: Session) -> None:
    round = a_round(session, RoundState.OPEN)
    scene = Scene(session, S.SUBMITTED, round=round)
    service.reopen(scene.work(scene.writer), scene.proposal.id)
    service.ask_for_sign_off(scene.work(scene.writer), scene.proposal.id)
    service.submit(scene.work(scene.signer), scene.proposal.id)
    assert [one.number for one in whole.snapshots(session, scene.proposal.id)] == [1, 2]


def test_a_copy_can_never_be_changed(any_session: Session) -> None:
    a_proposal(any_session, state=S.SUBMITTED)
    with pytest.raises(DBAPIError, match="append-only"), any_session.begin_nested():
        any_session.execute(update(ProposalSnapshot).values(sha256="0" * 64))


@pytest.mark.parametrize("early", [SECOND, timedelta(0)])
def test_the_deadline_holds_to_the_second(session: Session, early: timedelta) -> None:
    scene = Scene(session, S.AWAITING_SIGN_OFF)
    moment = scene.proposal.round.closes_at - early
    if early:
        assert service.submit(scene.work(scene.signer, moment), scene.proposal.id).state is S.SUBMITTED
    else:
        with pytest.raises(StepRefused, match="This round closed for proposals at"):
            service.submit(scene.work(scene.signer, moment), scene.proposal.id)


def test_noon_in_london_is_eleven_in_summer_time(session: Session) -> None:
    # Published in winter for a day after the clocks change: 29 March 2026.
    closes = datetime(2026, 4, 10, 11, 0, tzinfo=UTC)
    days = some_dates(RoundState.OPEN)
    dates = RoundDates(days.opens_at, closes, *(closes + timedelta(days=n) for n in (7, 14, 21)))
    scene = Scene(session, S.AWAITING_SIGN_OFF, round=a_round(session, RoundState.OPEN, dates=dates))
    with pytest.raises(StepRefused, match="midday on 10 April 2026"):
        service.submit(scene.work(scene.signer, closes), scene.proposal.id)
    assert service.submit(scene.work(scene.signer, closes - SECOND), scene.proposal.id).state is S.SUBMITTED


# After the close


def test_what_was_not_put_in_is_closed_once_and_sent_to_the_group(any_session: Session) -> None:
    draft, asked = Scene(any_session), Scene(any_session, S.AWAITING_SIGN_OFF)
    moment = max(draft.proposal.round.closes_at, asked.proposal.round.closes_at)
    assert service.close_drafts(work(any_session, CLOCK, moment - SECOND)) == 0
    assert service.close_drafts(work(any_session, CLOCK, moment)) == 2
    assert service.close_drafts(work(any_session, CLOCK, moment)) == 0
    assert {draft.proposal.state, asked.proposal.state} == {S.NOT_SUBMITTED}
    letters = draft.letters()
    assert len(letters) == 4
    assert all("four raised beds" in one["text"] and "£1,200" in one["text"] for one in letters)


def test_a_check_needs_a_rule_and_words_and_tells_the_group(session: Session) -> None:
    scene = Scene(session, S.SUBMITTED)
    act = scene.work(scene.steward)
    with pytest.raises(RuleBroken, match="Choose which rule"):
        service.screen(act, scene.proposal.id, eligible=False, words="No.")
    with pytest.raises(RuleBroken, match="Say why"):
        service.screen(act, scene.proposal.id, eligible=False, code=ScreeningCode.NOT_SAFE)
    service.screen(act, scene.proposal.id, eligible=False, code=ScreeningCode.NOT_SAFE, words="No adult is there.")
    assert (scene.proposal.state, scene.proposal.screened_by_id) == (S.INELIGIBLE, scene.steward.id)
    assert scene.proposal.round.state is RoundState.CHECKING
    assert len([one for one in scene.letters() if "No adult is there." in one["text"]]) == 2


def test_nobody_checks_before_the_round_has_closed(session: Session) -> None:
    scene = Scene(session, S.SUBMITTED, round=a_round(session, RoundState.OPEN))
    with pytest.raises(StepRefused, match="after the round has closed"):
        service.screen(scene.work(scene.steward), scene.proposal.id, eligible=True)


def test_a_proposal_is_let_in_again_only_before_the_panel_has_finished(session: Session) -> None:
    scene = Scene(session, S.INELIGIBLE)
    scene.proposal.round.panel_locked_at = START
    with pytest.raises(StepRefused, match="The panel has finished"):
        service.reinstate(scene.work(scene.steward), scene.proposal.id, "They found two adults.")
    scene.proposal.round.panel_locked_at = None
    service.reinstate(scene.work(scene.steward), scene.proposal.id, "They found two adults.")
    assert scene.proposal.state is S.ELIGIBLE


def test_a_decided_round_lets_nothing_be_withdrawn(session: Session) -> None:
    scene = Scene(session, S.ON_BALLOT, round=a_round(session, RoundState.DECIDED))
    with pytest.raises(StepRefused, match="This round is decided"):
        service.withdraw(scene.work(scene.writer), scene.proposal.id)


Act = Callable[[Scene], object]
ACTS: dict[str, tuple[Act, frozenset[ProposalState]]] = {
    "ask_for_sign_off": (lambda s: service.ask_for_sign_off(s.work(s.writer), s.proposal.id), frozenset({S.DRAFT})),
    "submit": (lambda s: service.submit(s.work(s.signer), s.proposal.id), frozenset({S.AWAITING_SIGN_OFF})),
    "send_back": (lambda s: service.send_back(s.work(s.signer), s.proposal.id, "x"), frozenset({S.AWAITING_SIGN_OFF})),
    "reopen": (lambda s: service.reopen(s.work(s.writer), s.proposal.id), frozenset()),
    "withdraw": (
        lambda s: service.withdraw(s.work(s.writer), s.proposal.id),
        frozenset({S.DRAFT, S.AWAITING_SIGN_OFF, S.SUBMITTED, S.MORE_INFO_REQUESTED, S.ELIGIBLE, S.ON_BALLOT}),
    ),
    "screen": (lambda s: service.screen(s.work(s.steward), s.proposal.id, eligible=True), frozenset({S.SUBMITTED})),
    "reinstate": (lambda s: service.reinstate(s.work(s.steward), s.proposal.id, "x"), frozenset({S.INELIGIBLE})),
    "put_on_ballot": (lambda s: service.put_on_ballot(s.work(s.steward), s.proposal, 1), frozenset({S.ELIGIBLE})),
    "keep_off": (lambda s: service.keep_off_ballot(s.work(s.steward), s.proposal, "x"), frozenset({S.ELIGIBLE})),
    "award": (
        lambda s: service.note_verdict(s.work(s.steward), s.proposal, "awarded"),
        frozenset({S.ON_BALLOT, S.RESERVE, S.NOT_FUNDED}),
    ),
    "reserve": (
        lambda s: service.note_verdict(s.work(s.steward), s.proposal, "reserve"),
        frozenset({S.ON_BALLOT, S.NOT_FUNDED}),
    ),
    "turn_down": (
        lambda s: service.note_verdict(s.work(s.steward), s.proposal, "not_funded"),
        frozenset({S.ON_BALLOT, S.RESERVE}),
    ),
}


@pytest.mark.parametrize("state", list(ProposalState))
def test_every_other_step_is_refused_and_leaves_nothing(session: Session, state: ProposalState) -> None:
    scene = Scene(session, state)
    for take in [take for take, allowed in ACTS.values() if state not in allowed]:
        with pytest.raises(StepRefused):
            take(scene)
    assert (scene.proposal.state, scene.verbs()) == (state, [])


@pytest.mark.parametrize(("act", "state"), [(act, state) for act, (_, ok) in ACTS.items() for state in sorted(ok)])
def test_each_step_leaves_one_entry_in_the_trail(session: Session, act: str, state: ProposalState) -> None:
    scene = Scene(session, state)
    ACTS[act][0](scene)
    session.flush()
    assert len(scene.verbs()) == 1
    assert scene.proposal.state is not state


@pytest.mark.parametrize("act", ["ask_for_sign_off", "submit", "send_back", "withdraw", "screen", "reinstate"])
def test_a_member_of_another_group_does_none_of_it(session: Session, act: str) -> None:
    take, allowed = ACTS[act]
    scene = Scene(session, next(iter(allowed)))
    scene.writer = scene.signer = scene.steward = scene.stranger
    with pytest.raises(NotAllowed):
        take(scene)


def test_a_steward_does_not_check_their_own_group(session: Session) -> None:
    scene = Scene(session, S.SUBMITTED)
    member = a_person(session, Role.STEWARD)
    a_member(session, scene.proposal.group, member)
    with pytest.raises(NotAllowed, match="somebody else must check it"):
        service.screen(work(session, actor_of(session, member)), scene.proposal.id, eligible=True)


def test_what_it_would_ask_of_the_pot_is_told(session: Session) -> None:
    proposal = a_proposal(session, state=S.ELIGIBLE)
    need = whole.need(proposal, START.date())
    assert (need.id, need.amount_minor, need.priority_id) == (proposal.id, 120_000, proposal.priority_id)
    assert (need.ward_codes, need.imd_deciles) == (frozenset({"E05014882"}), frozenset({1}))


def test_a_withdrawn_draft_never_becomes_public(session: Session) -> None:
    proposal = a_proposal(session, a_round(session, RoundState.VOTING), S.WITHDRAWN)
    assert not published.is_public(proposal, START)
    listed = session.get_one(Proposal, proposal.id)
    listed.number = 1
    session.flush()
    assert published.is_public(listed, START)
    assert published.public_ids(session, proposal.round_id) == [proposal.id]
