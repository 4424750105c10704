"""What happens to people, roles, groups and hosts, step by step, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Grant, Rights, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.people import queries
from grants.people.models import Membership, Person, RoleGrant, SignInLink
from grants.people.rules import GONE, GroupDraft, GroupKind, HostingState
from grants.people.service import accounts as service
from grants.web.db import transaction
from tests.builders.actors import an_actor
from tests.builders.people import a_group, a_hosting, a_member, a_person, a_sign_in, actor_of
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.work import work

BOTH = Rights(edit=True, sign_off=True)
EDITS = Rights(edit=True, sign_off=False)
READS = Rights(edit=False, sign_off=False)


def verbs(session: Session) -> list[str]:
    session.flush()
    return sorted(session.scalars(select(AuditEvent.verb)))


def letters_to(session: Session, email: str | None) -> list[str]:
    session.flush()
    return [row.payload["subject"] for row in session.scalars(select(OutboxRow)) if row.payload["to"] == email]


# Roles.


def test_an_admin_gives_a_role_and_takes_it(any_session: Session) -> None:
    admin, rose = actor_of(any_session, a_person(any_session, Role.ADMIN)), a_person(any_session)
    grant = service.grant_role(work(any_session, admin), rose.id, Role.STEWARD)
    assert actor_of(any_session, rose).has(Role.STEWARD)
    assert letters_to(any_session, rose.email) == ["You have a new role on Seedbed"]
    service.end_role(work(any_session, admin), grant.id)
    assert not actor_of(any_session, rose).has(Role.STEWARD)
    assert verbs(any_session) == ["people.role_ended", "people.role_given"]


def test_a_role_for_one_fund_does_not_reach_another(session: Session) -> None:
    admin, rose, fund = actor_of(session, a_person(session, Role.ADMIN)), a_person(session), uuid4()
    service.grant_role(work(session, admin), rose.id, Role.STEWARD, fund)
    actor = actor_of(session, rose)
    assert actor.has(Role.STEWARD, fund)
    assert not actor.has(Role.STEWARD, uuid4())


def test_a_role_is_held_once(any_session: Session) -> None:
    admin, rose = actor_of(any_session, a_person(any_session, Role.ADMIN)), a_person(any_session)
    service.grant_role(work(any_session, admin), rose.id, Role.PANELLIST)
    with pytest.raises(RuleBroken, match="already"):
        service.grant_role(work(any_session, admin), rose.id, Role.PANELLIST)


@pytest.mark.parametrize("role", [None, *(role for role in Role if role is not Role.ADMIN)])
def test_only_an_admin_gives_roles(session: Session, role: Role | None) -> None:
    rose = a_person(session)
    actor = an_actor(role) if role else Actor(id=None)
    with pytest.raises(NotAllowed):
        service.grant_role(work(session, actor), rose.id, Role.STEWARD)


def test_nobody_gives_a_role_to_themselves(session: Session) -> None:
    admin = a_person(session, Role.ADMIN)
    with pytest.raises(NotAllowed, match="themselves"):
        service.grant_role(work(session, actor_of(session, admin)), admin.id, Role.FINANCE_OFFICER)


def test_the_last_admin_stays(any_session: Session) -> None:
    person = a_person(any_session, Role.ADMIN)
    admin = actor_of(any_session, person)
    [grant] = queries.grants_of(any_session, person.id)
    with pytest.raises(RuleBroken, match="last admin"):
        service.end_role(work(any_session, admin), grant.id)
    with pytest.raises(RuleBroken, match="last admin"):
        service.anonymise(work(any_session, admin), person.id)
    other = a_person(any_session)
    service.grant_role(work(any_session, admin), other.id, Role.ADMIN)
    service.end_role(work(any_session, admin), grant.id)
    assert not actor_of(any_session, person).has(Role.ADMIN)


def test_a_role_ends_once(session: Session) -> None:
    admin, rose = actor_of(session, a_person(session, Role.ADMIN)), a_person(session, Role.STEWARD)
    [grant] = queries.grants_of(session, rose.id)
    service.end_role(work(session, admin), grant.id)
    with pytest.raises(RuleBroken, match="ended already"):
        service.end_role(work(session, admin), grant.id)


def test_an_auditor_invited_into_a_group_is_refused(session: Session) -> None:
    group = a_group(session)
    rose, auditor = a_member(session, group), a_person(session, Role.AUDITOR, email="audit@example.org")
    with pytest.raises(RuleBroken, match="audits"):
        service.add_member(work(session, actor_of(session, rose)), group.id, "audit@example.org", "A", BOTH)
    with pytest.raises(NotAllowed):
        service.start_group(work(session, actor_of(session, auditor)), GroupDraft("New", GroupKind.ASSOCIATION))


def test_an_auditor_invited_as_panellist_is_refused(session: Session) -> None:
    admin, auditor = actor_of(session, a_person(session, Role.ADMIN)), a_person(session, Role.AUDITOR)
    with pytest.raises(RuleBroken, match="auditor"):
        service.grant_role(work(session, admin), auditor.id, Role.PANELLIST, uuid4())


def test_a_member_of_a_group_is_not_made_an_auditor(session: Session) -> None:
    admin, rose = actor_of(session, a_person(session, Role.ADMIN)), a_member(session, a_group(session))
    with pytest.raises(RuleBroken, match="group"):
        service.grant_role(work(session, admin), rose.id, Role.AUDITOR)


def test_the_first_admin_is_made_by_command_and_twice_is_harmless(any_session: Session) -> None:
    assert service.make_admin(work(any_session, CLOCK), "Ada@example.org", "Ada")
    assert not service.make_admin(work(any_session, CLOCK), "ada@example.org", "Ada")
    person = any_session.scalars(select(Person)).one()
    assert actor_of(any_session, person).grants == {Grant(Role.ADMIN)}


def test_no_admin_makes_an_admin_by_the_command(session: Session) -> None:
    with pytest.raises(NotAllowed):
        service.make_admin(work(session, an_actor(Role.ADMIN)), "ada@example.org", "Ada")


# People.


def test_a_person_is_found_or_made(any_session: Session) -> None:
    rose = a_person(any_session, name="Rose", email="rose@example.org")
    assert service.ensure_person(work(any_session), " Rose@example.org ", "Somebody else").id == rose.id
    assert rose.name == "Rose"
    assert service.ensure_person(work(any_session), "new@example.org", "Nora").name == "Nora"


def test_being_forgotten_leaves_the_trail_and_nothing_else(any_session: Session) -> None:
    session, group = any_session, a_group(any_session)
    a_member(session, group)
    rose = a_member(session, group, a_person(session, Role.STEWARD, name="Rose Khan", email="rose@example.org"))
    token, actor = a_sign_in(session, rose), actor_of(session, rose)
    service.request_link(work(session), "rose@example.org")
    service.rename(work(session, actor), "Rose K")
    service.anonymise(work(session, actor), rose.id)
    session.flush()
    session.expire_all()
    assert (rose.name, rose.email) == (GONE, None)
    assert queries.presence_of_session(session, token, START) is None
    assert actor_of(session, rose).roles == {Role.RESIDENT}
    assert session.scalars(select(AuditEvent.actor_id).where(AuditEvent.verb == "people.renamed")).one() == rose.id
    kept = [str(row.payload) for row in session.scalars(select(OutboxRow))]
    kept += session.scalars(select(SignInLink.email))
    assert not any("rose" in one.lower() for one in kept)


def test_a_link_asked_for_before_being_forgotten_lets_nobody_in(session: Session) -> None:
    rose = a_person(session, email="rose@example.org")
    service.request_link(work(session), "rose@example.org")
    session.flush()
    text = session.scalars(select(OutboxRow)).one().payload["text"]
    token = text.split("/sign-in/")[1].split()[0]
    service.anonymise(work(session, actor_of(session, rose)), rose.id)
    session.flush()
    with pytest.raises(RuleBroken):
        service.enter_by_link(work(session), token, "Rose")


def test_somebody_else_is_not_forgotten(session: Session) -> None:
    rose, other = a_person(session), a_person(session, Role.STEWARD)
    with pytest.raises(NotAllowed):
        service.anonymise(work(session, actor_of(session, other)), rose.id)


def test_the_last_editor_of_others_first_finds_another(session: Session) -> None:
    group = a_group(session)
    rose = a_member(session, group)
    a_member(session, group, edit=False)
    with pytest.raises(RuleBroken, match="somebody else edit"):
        service.anonymise(work(session, actor_of(session, rose)), rose.id)


def test_signing_out_everywhere_ends_all_sessions(session: Session) -> None:
    rose, other = a_person(session), a_person(session)
    mine, theirs = [a_sign_in(session, rose), a_sign_in(session, rose)], a_sign_in(session, other)
    assert service.leave_everywhere(work(session, actor_of(session, rose))) == 2
    assert [queries.presence_of_session(session, token, START) for token in mine] == [None, None]
    assert queries.presence_of_session(session, theirs, START)


# Groups.


def test_whoever_starts_a_group_may_edit_and_sign_off(any_session: Session) -> None:
    rose = a_person(any_session)
    group = service.start_group(
        work(any_session, actor_of(any_session, rose)), GroupDraft("  Repair   Cafe ", GroupKind.CIC)
    )
    assert group.name == "Repair Cafe"
    assert dict(actor_of(any_session, rose).groups) == {group.id: BOTH}


def test_two_groups_do_not_share_a_name(any_session: Session) -> None:
    a_group(any_session, name="Repair Cafe")
    rose = actor_of(any_session, a_person(any_session))
    with pytest.raises(RuleBroken) as broken:
        service.start_group(work(any_session, rose), GroupDraft("repair cafe", GroupKind.CIC))
    assert broken.value.field == "name"


def test_a_new_member_gets_an_account_and_a_letter(any_session: Session) -> None:
    group = a_group(any_session, name="Walkers")
    rose = actor_of(any_session, a_member(any_session, group))
    member = service.add_member(work(any_session, rose), group.id, "Nora@example.org", "Nora", EDITS)
    assert letters_to(any_session, "nora@example.org") == ["You are now a member of Walkers"]
    assert dict(actor_of(any_session, any_session.get_one(Person, member.person_id)).groups) == {group.id: EDITS}
    with pytest.raises(RuleBroken, match="already"):
        service.add_member(work(any_session, rose), group.id, "nora@example.org", "Nora", BOTH)


def test_a_known_person_keeps_their_name_when_added(session: Session) -> None:
    group, nora = a_group(session), a_person(session, name="Nora", email="nora@example.org")
    rose = actor_of(session, a_member(session, group))
    service.add_member(work(session, rose), group.id, "nora@example.org", "Nonsense", BOTH)
    assert nora.name == "Nora"


def test_nobody_adds_themselves(session: Session) -> None:
    admin = a_person(session, Role.ADMIN, email="ada@example.org")
    with pytest.raises(NotAllowed):
        service.add_member(work(session, actor_of(session, admin)), a_group(session).id, "ada@example.org", "Ada", BOTH)


def test_the_last_editor_keeps_the_right_and_stays(any_session: Session) -> None:
    group = a_group(any_session)
    rose, sid = a_member(any_session, group), a_member(any_session, group, edit=False)
    actor = actor_of(any_session, rose)
    for refused in (
        lambda: service.change_rights(work(any_session, actor), group.id, rose.id, READS),
        lambda: service.remove_member(work(any_session, actor), group.id, rose.id),
    ):
        with pytest.raises(RuleBroken, match="at least one member who can edit"):
            refused()
    service.change_rights(work(any_session, actor), group.id, sid.id, EDITS)
    service.remove_member(work(any_session, actor), group.id, rose.id)
    assert not actor_of(any_session, rose).groups


def test_a_member_who_cannot_edit_can_leave_but_remove_nobody(session: Session) -> None:
    group = a_group(session)
    rose, sid = a_member(session, group), a_member(session, group, edit=False)
    actor = actor_of(session, sid)
    with pytest.raises(NotAllowed):
        service.remove_member(work(session, actor), group.id, rose.id)
    service.remove_member(work(session, actor), group.id, sid.id)
    assert verbs(session) == ["people.member_left"]


def test_who_left_can_come_back(any_session: Session) -> None:
    group = a_group(any_session)
    rose, sid = a_member(any_session, group), a_member(any_session, group)
    actor = actor_of(any_session, rose)
    service.remove_member(work(any_session, actor), group.id, sid.id)
    service.add_member(work(any_session, actor), group.id, sid.email or "", "Sid", READS)
    assert any_session.scalar(select(func.count()).select_from(Membership).where(Membership.person_id == sid.id)) == 2


STRANGERS: list[Callable[[Session, UUID], Actor]] = [
    lambda session, _: Actor(id=None),
    lambda session, _: actor_of(session, a_person(session)),
    lambda session, _: actor_of(session, a_member(session, a_group(session))),
    lambda session, _: actor_of(session, a_person(session, Role.STEWARD, Role.FINANCE_OFFICER)),
    lambda session, group_id: actor_of(session, _reads_along(session, group_id)),
]


def _reads_along(session: Session, group_id: UUID) -> Person:
    return a_member(session, queries.group(session, group_id), edit=False, sign_off=False)


@pytest.mark.parametrize("stranger", STRANGERS, ids=["nobody", "resident", "other_group", "staff", "reads_along"])
def test_another_group_cannot_be_changed(session: Session, stranger: Callable[[Session, UUID], Actor]) -> None:
    group, host = a_group(session, has_bank_account=False), a_group(session, can_host=True)
    rose = a_member(session, group)
    hosting = a_hosting(session, a_group(session, has_bank_account=False), host, state=HostingState.REQUESTED)
    uow = work(session, stranger(session, group.id))
    tries: list[Callable[[], object]] = [
        lambda: service.change_group(uow, group.id, GroupDraft("Mine now", GroupKind.CIC)),
        lambda: service.add_member(uow, group.id, "m@example.org", "M", BOTH),
        lambda: service.change_rights(uow, group.id, rose.id, READS),
        lambda: service.remove_member(uow, group.id, rose.id),
        lambda: service.ask_host(uow, group.id, host.id),
        lambda: service.answer_hosting(uow, hosting.id, True),
        lambda: service.end_hosting(uow, hosting.id),
    ]
    for attempt in tries:
        with pytest.raises(NotAllowed):
            attempt()
    assert verbs(session) == []


# Hosts.


def test_a_host_says_yes(any_session: Session) -> None:
    group = a_group(any_session, name="Walkers", has_bank_account=False)
    host = a_group(any_session, name="Big Hall", can_host=True)
    rose, hal = a_member(any_session, group), a_member(any_session, host)
    reader = a_member(any_session, host, sign_off=False)
    hosting = service.ask_host(work(any_session, actor_of(any_session, rose)), group.id, host.id)
    assert letters_to(any_session, hal.email) == ["Walkers asks Big Hall to be its host"]
    assert letters_to(any_session, reader.email) == []
    assert queries.confirmed_hosting(any_session, group.id) is None
    service.answer_hosting(work(any_session, actor_of(any_session, hal)), hosting.id, True)
    any_session.flush()
    confirmed = queries.confirmed_hosting(any_session, group.id)
    assert confirmed is not None
    assert confirmed.host_id == host.id
    assert letters_to(any_session, rose.email) == ["Big Hall has agreed to be your host"]
    assert verbs(any_session) == ["people.host_asked", "people.host_confirmed"]


def test_a_host_says_no_with_a_reason(session: Session) -> None:
    hosting = a_hosting(session, state=HostingState.REQUESTED)
    hal = actor_of(session, a_member(session, hosting.host))
    with pytest.raises(RuleBroken, match="why"):
        service.answer_hosting(work(session, hal), hosting.id, False, "  ")
    hosting.state = HostingState.REQUESTED
    service.answer_hosting(work(session, hal), hosting.id, False, "Our books are full.")
    assert hosting.state is HostingState.DECLINED
    with pytest.raises(StepRefused):
        service.answer_hosting(work(session, hal), hosting.id, True)


def test_nobody_answers_what_they_asked_themselves(session: Session) -> None:
    group, host = a_group(session, has_bank_account=False), a_group(session, can_host=True)
    rose = a_member(session, host, a_member(session, group))
    hosting = service.ask_host(work(session, actor_of(session, rose)), group.id, host.id)
    with pytest.raises(NotAllowed, match="yourself"):
        service.answer_hosting(work(session, actor_of(session, rose)), hosting.id, True)


def test_who_only_edits_does_not_answer_for_the_host(session: Session) -> None:
    hosting = a_hosting(session, state=HostingState.REQUESTED)
    editor = actor_of(session, a_member(session, hosting.host, sign_off=False))
    with pytest.raises(NotAllowed):
        service.answer_hosting(work(session, editor), hosting.id, True)


def test_a_group_asks_one_host_at_a_time(session: Session) -> None:
    hosting = a_hosting(session, state=HostingState.REQUESTED)
    rose, other = actor_of(session, a_member(session, hosting.group)), a_group(session, can_host=True)
    with pytest.raises(RuleBroken, match="Take that back first"):
        service.ask_host(work(session, rose), hosting.group_id, other.id)
    service.end_hosting(work(session, rose), hosting.id)
    session.flush()
    assert service.ask_host(work(session, rose), hosting.group_id, other.id).state is HostingState.REQUESTED


def test_only_a_steward_ends_what_was_confirmed(session: Session) -> None:
    hosting = a_hosting(session)
    rose = actor_of(session, a_member(session, hosting.group))
    with pytest.raises(NotAllowed, match="steward"):
        service.end_hosting(work(session, rose), hosting.id, "We fell out")
    with pytest.raises(RuleBroken, match="why"):
        service.end_hosting(work(session, an_actor(Role.STEWARD)), hosting.id)
    hosting.state = HostingState.CONFIRMED
    service.end_hosting(work(session, an_actor(Role.STEWARD)), hosting.id, "They asked for it")
    assert queries.confirmed_hosting(session, hosting.group_id) is None


@pytest.mark.parametrize("fields", [{"has_bank_account": False}, {"kind": GroupKind.UNCONSTITUTED}])
def test_a_host_has_a_bank_account_and_written_rules(session: Session, fields: dict[str, object]) -> None:
    with pytest.raises(RuleBroken, match="needs a bank account"):
        service.set_can_host(work(session, an_actor(Role.STEWARD)), a_group(session, **fields).id, True)  # type: ignore[arg-type]


def test_a_group_that_is_no_host_cannot_be_asked(session: Session) -> None:
    group = a_group(session, has_bank_account=False)
    rose = actor_of(session, a_member(session, group))
    with pytest.raises(RuleBroken, match="cannot be a host"):
        service.ask_host(work(session, rose), group.id, a_group(session).id)
    with pytest.raises(NotFound):
        service.ask_host(work(session, rose), group.id, uuid4())


def test_no_personal_detail_stands_in_the_trail(session: Session) -> None:
    group = a_group(session, name="Walkers")
    rose = actor_of(session, a_member(session, group, a_person(session, name="Rose Khan", email="rose@example.org")))
    member = service.add_member(work(session, rose), group.id, "nora@example.org", "Nora", BOTH)
    service.change_rights(work(session, rose), group.id, member.person_id, EDITS)
    service.remove_member(work(session, rose), group.id, member.person_id)
    session.flush()
    told = " ".join(f"{e.why} {e.body}" for e in session.scalars(select(AuditEvent)))
    assert not any(word in told for word in ("Nora", "Rose", "example.org"))


# Two admins at once.


def end_admin(ready: Callable[[], None], url: str, admin_id: UUID, grant_id: UUID) -> str:
    engine = an_engine(url)
    actor = Actor(id=admin_id, grants=frozenset({Grant(Role.ADMIN)}))
    with Session(engine) as session:
        session.scalar(select(1))
        ready()
        try:
            with transaction(session, engine, actor, START + timedelta(minutes=1)) as uow:
                service.end_role(uow, grant_id)
            return "ended"
        except RuleBroken:
            return "told"
        finally:
            engine.dispose()


@pytest.mark.race
def test_two_admins_cannot_end_each_other(any_url: str, tmp_path: Path) -> None:
    engine = an_engine(any_url)
    with Session(engine) as session, transaction(session, engine, CLOCK, START):
        people = [a_person(session, Role.ADMIN) for _ in range(2)]
        entries = [
            (any_url, people[0].id, queries.grants_of(session, people[1].id)[0].id),
            (any_url, people[1].id, queries.grants_of(session, people[0].id)[0].id),
        ]
    finishes = race(end_admin, entries)
    assert [f.error for f in finishes if f.error] == []
    assert sorted(f.gave for f in finishes) == ["ended", "told"]
    with Session(engine) as session:
        live = select(func.count()).select_from(RoleGrant).where(RoleGrant.ended_at.is_(None))
        assert session.scalar(live) == 1
    engine.dispose()


@pytest.mark.parametrize("role", [Role.STEWARD, Role.CONNECTOR])
def test_an_officer_puts_a_group_in_the_register_without_joining_it(any_session: Session, role: Role) -> None:
    officer = actor_of(any_session, a_person(any_session, role))
    draft = GroupDraft(name="Hill Street Cooks", kind=GroupKind.UNCONSTITUTED)
    group = service.register_group(work(any_session, officer), draft)
    any_session.flush()
    assert queries.members(any_session, group.id) == []
    host = a_group(any_session, can_host=True)
    asked = service.ask_host(work(any_session, officer), group.id, host.id)
    assert (asked.state, asked.asked_by_id) == (HostingState.REQUESTED, officer.id)


def test_nobody_else_registers_groups_nor_asks_hosts_for_them(session: Session) -> None:
    draft = GroupDraft(name="Hill Street Cooks", kind=GroupKind.UNCONSTITUTED)
    for roles in ((), (Role.PANELLIST,), (Role.ADMIN,)):
        with pytest.raises(NotAllowed):
            service.register_group(work(session, actor_of(session, a_person(session, *roles))), draft)
    group, host = a_group(session, has_bank_account=False), a_group(session, can_host=True)
    a_member(session, group)
    connector = actor_of(session, a_person(session, Role.CONNECTOR))
    with pytest.raises(NotAllowed):  # somebody of the group can ask for it
        service.ask_host(work(session, connector), group.id, host.id)
