"""Appeals: in time, once, judged by nobody who had a part in it; what they lead to, and what everybody can read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from grants.allocation import queries as decisions
from grants.allocation.models import Decision
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.service import afterwards, announcing, deciding
from grants.appeals import queries, service
from grants.appeals.models import Appeal
from grants.appeals.rules import AppealDraft, AppealState, Ground, Judgement, Remedy, Tie
from grants.funds.models import Contribution
from grants.kernel.actors import Actor, Rights, Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.tables import Identified
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.people.models import Hosting, Membership, Person
from grants.people.rules import HostingState
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.rules.partners import PartnerState
from grants.review.rules import KnownTie
from grants.web.db import WRITES, transaction
from tests.allocation.test_views import sound, words_of, worked_out
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.builders.review import a_tie
from tests.conftest import SignIn
from tests.support.asking import asked
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.support.statements import statements
from tests.support.work import work

A = AppealState
WORDS = "Our second budget line was not read."
DRAFT = AppealDraft(Ground.LEFT_OUT, WORDS)
PUBLIC = "A page of a proposal was not shown to the panel."


def told(session: Session) -> Counted:
    """Announced, the last bid turned down by the panel though there is money for it."""
    counted = a_counted_round(session, (200_000, 150_000, 120_000, 20_000))
    worked_out(session, counted)
    departure = Departure(counted.proposals[3].id, Verdict.NOT_FUNDED, "They have no host.")
    chair = actor_of(session, counted.panel[0])
    deciding.decide(work(session, chair), counted.round.id, [departure], [one.id for one in counted.panel])
    session.flush()
    announcing.announce(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.commit()
    return counted


def bid_of(counted: Counted) -> Proposal:
    return counted.proposals[3]


def decision_of(session: Session, counted: Counted) -> Decision:
    found = decisions.decision_for(session, bid_of(counted).id)
    assert found is not None
    return found


def writer(session: Session, counted: Counted) -> Person:
    return session.get_one(Person, bid_of(counted).writer_id)


def lodge(session: Session, counted: Counted, at: datetime = START, draft: AppealDraft = DRAFT) -> Appeal:
    member = actor_of(session, writer(session, counted))
    return service.lodge(work(session, member, at), decision_of(session, counted).id, draft)


def hear(session: Session, appeal: Appeal, person: Person, accepted: bool = True) -> Appeal:
    uow = work(session, actor_of(session, person))
    return service.hear(uow, appeal.id, accepted=accepted, reason="We look into it.", public_words=PUBLIC)


def judge(session: Session, appeal: Appeal, person: Person, remedy: Remedy | None = Remedy.CORRECT) -> Appeal:
    found = Judgement(remedy is not None, "The page was missing.", PUBLIC, remedy)
    return service.judge(work(session, actor_of(session, person)), appeal.id, found)


def ties(session: Session, counted: Counted) -> dict[UUID, set[Tie]]:
    id = decision_of(session, counted).id
    return queries.involved(session, [id])[id]


# ------------------------------------------------------------------------------------------------------------- lodging


def test_a_group_appeals_and_whoever_may_judge_is_written_to(any_session: Session) -> None:
    counted, free = told(any_session), a_person(any_session, Role.STEWARD)
    appeal = lodge(any_session, counted)
    assert (appeal.state, appeal.ground, appeal.words) == (A.LODGED, Ground.LEFT_OUT, WORDS)
    keys = [row.key for row in any_session.scalars(select(OutboxRow)) if row.key.startswith("appeal:")]
    assert f"appeal:{appeal.id}:to_judge:{free.id}" in keys
    assert not [key for key in keys if str(counted.steward.id) in key or str(counted.panel[1].id) in key]
    assert len([key for key in keys if ":lodged:" in key]) == 2
    assert "appeal.lodged" in set(any_session.scalars(select(AuditEvent.verb)))


def test_an_appeal_is_made_once_for_each_decision(session: Session) -> None:
    counted = told(session)
    lodge(session, counted)
    with pytest.raises(StepRefused, match="already"):
        lodge(session, counted)


def test_an_appeal_is_made_within_the_rule_books_days(session: Session) -> None:
    counted = told(session)
    with pytest.raises(StepRefused, match="until the end of"):
        lodge(session, counted, START + timedelta(days=21))
    assert lodge(session, counted, START + timedelta(days=20)).state is A.LODGED


def test_only_a_member_appeals_and_only_against_what_was_told_and_stands(session: Session) -> None:
    counted = told(session)
    decision = decision_of(session, counted)
    for person in (counted.steward, session.get_one(Person, counted.proposals[0].writer_id)):
        with pytest.raises(NotAllowed):
            service.lodge(work(session, actor_of(session, person)), decision.id, DRAFT)
    with pytest.raises(RuleBroken):
        lodge(session, counted, draft=AppealDraft(Ground.RULES, "  "))
    asked = afterwards.ask_correction(
        work(session, actor_of(session, counted.steward)), decision.id, Verdict.AWARDED, "They have one."
    )
    afterwards.answer_correction(work(session, actor_of(session, counted.panel[0])), asked.id, True)
    member = actor_of(session, writer(session, counted))
    with pytest.raises(StepRefused, match="the one that stands"):
        service.lodge(work(session, member), decision.id, DRAFT)
    assert lodge(session, counted).decision_id != decision.id


def test_nobody_appeals_before_the_announcement(session: Session) -> None:
    counted = a_counted_round(session)
    worked_out(session, counted)
    with pytest.raises(StepRefused, match="before the results"):
        lodge(session, counted)


# ------------------------------------------------------------------------------------------------------------- judging


def test_given_an_appeal_on_process_only_somebody_not_involved_may_judge_it(any_session: Session) -> None:
    counted, free = told(any_session), a_person(any_session, Role.PANELLIST)
    appeal = lodge(any_session, counted)
    for person in (*counted.panel, counted.steward):
        with pytest.raises(NotAllowed):
            hear(any_session, appeal, person)
    hear(any_session, appeal, free)
    for person in (*counted.panel, counted.steward):
        with pytest.raises(NotAllowed):
            judge(any_session, appeal, person)
    assert judge(any_session, appeal, free).state is A.UPHELD


def _former_member(session: Session, counted: Counted, person: Person) -> None:
    one = a_member(session, bid_of(counted).group, person)
    found = session.scalars(select(Membership).where(Membership.person_id == person.id)).one()
    found.ended_at = START
    del one


def _member_of_host(session: Session, counted: Counted, person: Person) -> None:
    host = a_group(session)
    session.add(
        Hosting(
            group_id=bid_of(counted).group_id,
            host_id=host.id,
            state=HostingState.CONFIRMED,
            asked_by_id=person.id,
            asked_at=START,
        )
    )
    a_member(session, host, person)


def _partner(session: Session, counted: Counted, person: Person) -> None:
    session.add(
        ProposalPartner(
            proposal_id=bid_of(counted).id,
            position=1,
            name="A friend",
            role="They lend the hall.",
            email=(person.email or "").upper(),
            state=PartnerState.CONFIRMED,
        )
    )


def _funder(session: Session, counted: Counted, person: Person) -> None:
    given = session.scalars(select(Contribution).where(Contribution.fund_id == counted.round.fund_id)).first()
    assert given is not None
    from grants.people.models import RoleGrant

    session.add(
        RoleGrant(person_id=person.id, role=Role.FUNDER, scope_id=given.funder_id, granted_at=START, ended_at=START)
    )


def _works_there(session: Session, counted: Counted, person: Person) -> None:
    a_tie(session, person, KnownTie.EMPLOYER, bid_of(counted).group)


def _screened(session: Session, counted: Counted, person: Person) -> None:
    work(session, actor_of(session, person)).record("proposal.screened", bid_of(counted))


def _ran_the_round(session: Session, counted: Counted, person: Person) -> None:
    work(session, actor_of(session, person)).record("round.scheduled", counted.round)


def _was_seated(session: Session, counted: Counted, person: Person) -> None:
    work(session, actor_of(session, counted.steward)).record("panel.member_seated", counted.round, person_id=person.id)


NEAR: tuple[tuple[Callable[[Session, Counted, Person], None], Tie], ...] = (
    (_former_member, Tie.GROUP),
    (_member_of_host, Tie.GROUP),
    (_partner, Tie.PARTNER),
    (_funder, Tie.FUNDER),
    (_works_there, Tie.CLOSE),
    (_screened, Tie.ACTED),
    (_ran_the_round, Tie.ACTED),
    (_was_seated, Tie.PANEL),
)


def test_who_is_involved_is_told_by_the_history_of_the_person(session: Session) -> None:
    counted = told(session)
    people = [a_person(session, Role.STEWARD) for _ in NEAR]
    assert not ties(session, counted).keys() & {person.id for person in people}
    for (near, _), person in zip(NEAR, people, strict=True):
        near(session, counted, person)
    session.flush()
    found, appeal = ties(session, counted), lodge(session, counted)
    for (near, tie), person in zip(NEAR, people, strict=True):
        assert tie in found[person.id], near.__name__
        with pytest.raises(NotAllowed):
            hear(session, appeal, person)
        assert asked(session, queries.to_judge, actor_of(session, person)) == [], near.__name__
    free = actor_of(session, a_person(session, Role.STEWARD))
    assert [row[0] for row in asked(session, queries.to_judge, free)] == [appeal.id]


def test_an_act_on_another_bid_involves_nobody(session: Session) -> None:
    counted, person = told(session), a_person(session, Role.STEWARD)
    work(session, actor_of(session, person)).record("proposal.screened", counted.proposals[0])
    session.flush()
    assert person.id not in ties(session, counted)
    appeal = lodge(session, counted)
    assert [row[0] for row in asked(session, queries.to_judge, actor_of(session, person))] == [appeal.id]


def test_other_roles_do_not_judge(session: Session) -> None:
    appeal = lodge(session, told(session))
    for role in (role for role in Role if role not in (Role.STEWARD, Role.PANELLIST, Role.ADMIN)):
        with pytest.raises(NotAllowed):
            hear(session, appeal, a_person(session, role))


def test_who_is_involved_costs_as_many_queries_for_many_as_for_one(app: Flask, app_session: Session) -> None:
    first, second = told(app_session), told(app_session)
    one, two = decision_of(app_session, first).id, decision_of(app_session, second).id
    with statements(app) as few:
        queries.involved(app_session, [one])
    with statements(app) as many:
        queries.involved(app_session, [one, two])
    assert 0 < len(many) == len(few)


def test_the_steps_come_in_their_order_and_each_has_its_words(session: Session) -> None:
    counted, free = told(session), a_person(session, Role.STEWARD)
    appeal = lodge(session, counted)
    with pytest.raises(StepRefused):
        judge(session, appeal, free)
    with pytest.raises(RuleBroken) as refused:
        service.hear(work(session, actor_of(session, free)), appeal.id, accepted=False, reason="No.", public_words="")
    assert refused.value.field == "public_words"
    session.expire_all()


def test_what_is_out_of_scope_ends_there(session: Session) -> None:
    counted, free = told(session), a_person(session, Role.STEWARD)
    appeal = hear(session, lodge(session, counted), free, accepted=False)
    assert (appeal.state, appeal.public_words) == (A.OUT_OF_SCOPE, PUBLIC)
    with pytest.raises(StepRefused):
        judge(session, appeal, free)


def test_what_is_upheld_says_what_is_to_be_done(session: Session) -> None:
    counted, free = told(session), a_person(session, Role.STEWARD)
    appeal = hear(session, lodge(session, counted), free)
    with pytest.raises(RuleBroken) as refused:
        service.judge(
            work(session, actor_of(session, free)), appeal.id, Judgement(True, "It was missing.", PUBLIC, None)
        )
    assert refused.value.field == "remedy"


# --------------------------------------------------------------------------------------------------- putting it right


def test_an_upheld_appeal_leads_to_a_correction_that_must_stand_before_it_is_done(session: Session) -> None:
    counted, free = told(session), a_person(session, Role.STEWARD, scope_id=uuid4())
    old = decision_of(session, counted)
    appeal = judge(session, hear(session, lodge(session, counted), free), free)
    steward = actor_of(session, counted.steward)
    with pytest.raises(StepRefused, match="correction first"):
        service.note_remedy(work(session, steward), appeal.id, "Done.")
    asked = afterwards.ask_correction(work(session, steward), old.id, Verdict.AWARDED, "The page is there.")
    afterwards.answer_correction(work(session, actor_of(session, counted.panel[0])), asked.id, True)
    with pytest.raises(NotAllowed):
        service.note_remedy(work(session, actor_of(session, free)), appeal.id, "Done.")
    service.note_remedy(work(session, steward), appeal.id, "The decision was corrected.")
    assert appeal.remedied_at is not None
    with pytest.raises(StepRefused):
        service.note_remedy(work(session, steward), appeal.id, "Again.")
    event = session.scalars(select(AuditEvent).where(AuditEvent.verb == "appeal.remedied")).one()
    assert event.body["decision"] == str(decision_of(session, counted).id) != str(old.id)


def test_a_step_that_is_done_again_needs_no_correction(session: Session) -> None:
    counted, free = told(session), a_person(session, Role.STEWARD)
    appeal = judge(session, hear(session, lodge(session, counted), free), free, Remedy.REPEAT)
    service.note_remedy(work(session, actor_of(session, counted.steward)), appeal.id, "The panel read it again.")
    assert appeal.remedied_words == "The panel read it again."


# ----------------------------------------------------------------------------------------------------------- the pages


def test_from_the_letter_to_the_outcome_on_the_pages(app_session: Session, as_: SignIn) -> None:
    counted, free = told(app_session), a_person(app_session, Role.STEWARD)
    app_session.commit()
    decision = decision_of(app_session, counted)
    member, other, steward, stranger = (
        as_(writer(app_session, counted)),
        as_(free),
        as_(counted.steward),
        as_(None),
    )
    proposal = f"/proposals/{bid_of(counted).id}"
    here, here_round = f"/decisions/{decision.id}/appeal", f"/rounds/{counted.round.id}"
    assert sound(member.get(here).get_data(as_text=True))
    assert member.post(here, data={"words": ""}).status_code == 422
    page = member.post(here, data={"ground": "left_out", "words": WORDS}).location
    assert page.startswith("/appeals/")
    shown = member.get(page).get_data(as_text=True)
    assert WORDS in shown
    assert sound(shown)
    assert member.get(here).location == page
    assert "Your appeal of" in member.get(proposal).get_data(as_text=True)
    assert "Read an appeal" in other.get("/home").get_data(as_text=True)
    assert "Read an appeal" not in steward.get("/home").get_data(as_text=True)
    listed = other.get("/appeals").get_data(as_text=True)
    assert "You may judge it" in listed
    assert sound(listed)
    for path, bad, good in (
        ("hear", {}, {"taken_on": "yes", "reason": "We look into it."}),
        (
            "judge",
            {"upheld": "yes", "reason": "x", "public_words": "y"},
            {"upheld": "yes", "remedy": "repeat", "reason": "It was missing.", "public_words": PUBLIC},
        ),
    ):
        assert sound(other.get(f"{page}/{path}").get_data(as_text=True))
        assert other.post(f"{page}/{path}", data=bad).status_code == 422
        assert other.post(f"{page}/{path}", data=good).location == page
    told_who = words_of(steward.get(page).get_data(as_text=True))
    assert "This waits for a steward." in told_who
    assert steward.post(f"{page}/put-right", data={"words": ""}).status_code == 422
    assert steward.post(f"{page}/put-right", data={"words": "Read again."}).location == page
    public = words_of(stranger.get(here_round).get_data(as_text=True))
    assert f"Upheld {PUBLIC} Put right: Read again." in public
    assert "It was missing." not in public
    assert WORDS not in public


def test_stewards_see_who_can_judge_and_why_not(app_session: Session, as_: SignIn) -> None:
    counted = told(app_session)
    appeal = lodge(app_session, counted)
    app_session.commit()
    page = words_of(as_(counted.steward).get(f"/appeals/{appeal.id}").get_data(as_text=True))
    assert f"{counted.steward.name} May they? acted in this round" in page
    assert f"{counted.panel[1].name} May they? sat on the panel" in page
    assert "Nobody here can judge this." in page
    assert "Somebody else must judge this appeal." in page


def test_strangers_and_the_panel_cannot_read_an_appeal(app_session: Session, as_: SignIn) -> None:
    counted = told(app_session)
    appeal = lodge(app_session, counted)
    app_session.commit()
    for visitor in (
        as_(counted.panel[1]),
        as_(Role.FUNDER),
        as_(app_session.get_one(Person, counted.proposals[0].writer_id)),
    ):
        assert visitor.get(f"/appeals/{appeal.id}").status_code == 403
    assert WORDS not in as_(counted.panel[1]).get("/appeals").get_data(as_text=True)
    assert "Bid 4" not in as_(counted.panel[1]).get("/appeals").get_data(as_text=True)


# ------------------------------------------------------------------------------------------------------------- a race


def appeal_now(
    ready: Callable[[], None], url: str, person_id: UUID, group_id: UUID, decision_id: UUID, guarded: bool
) -> str:
    """One racer: a member of the group who appeals."""
    load_models()
    engine = an_engine(url)
    held, asked = UnitOfWork.get, queries.of_decision
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Decision.id)))  # connected before the start
            if guarded:
                ready()
            else:  # a process of its own: nobody else sees this

                def look(self: UnitOfWork, model: type[Identified], id: UUID, *, lock: bool = False) -> Identified:
                    return held(self, model, id)

                def ask(session: Session, decision_id: UUID) -> Appeal | None:
                    found = asked(session, decision_id)
                    ready()  # both have looked, and neither has appealed
                    return found

                UnitOfWork.get = look  # type: ignore[method-assign, assignment]
                queries.of_decision = ask
            member = Actor(id=person_id, groups={group_id: Rights(edit=True, sign_off=False)})
            with transaction(session, engine, member, START) as uow:
                service.lodge(uow, decision_id, DRAFT)
            return "lodged"
    except StepRefused:
        return "refused"
    finally:
        UnitOfWork.get, queries.of_decision = held, asked  # type: ignore[method-assign]
        engine.dispose()


def scene(url: str, guarded: bool) -> list[tuple[Any, ...]]:
    """Two entries for one decision. Without the guard, the table has no key either."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        counted = told(session)
        bid, decision = bid_of(counted), decision_of(session, counted)
        entry = (url, bid.writer_id, bid.group_id, decision.id, guarded)
        if not guarded:
            session.execute(text("ALTER TABLE appeal DROP CONSTRAINT uq_appeal_decision_id"))
        session.commit()
    engine.dispose()
    return [entry, entry]


@pytest.mark.race
def test_of_two_who_appeal_at_once_one_does_and_the_other_is_told(any_url: str) -> None:
    came_in = race(appeal_now, scene(any_url, guarded=True))
    assert [one.error for one in came_in] == [None, None]
    assert sorted(one.gave for one in came_in) == ["lodged", "refused"]


@pytest.mark.race
@pytest.mark.postgres
def test_without_the_guards_both_appeals_are_kept(postgres_url: str) -> None:
    came_in = race(appeal_now, scene(postgres_url, guarded=False))
    assert [one.gave for one in came_in] == ["lodged", "lodged"]
