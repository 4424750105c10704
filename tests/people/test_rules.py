"""What may be said about people and groups, apart from any database."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grants.kernel.actors import Rights, Role
from grants.kernel.errors import RuleBroken
from grants.people import rules


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "home",
        "/a\nb",
        "/ /evil.example",
        "/sign-in?next=/sign-in",
        "/" + "a" * 300,
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(path: str) -> None:
    assert rules.own_path(path) == "/home"


@pytest.mark.parametrize("path", ["/rounds", "/rounds/1?page=2&q=a//b", "/you"])
def test_signing_in_leads_back_to_a_page_of_ours(path: str) -> None:
    assert rules.own_path(path) == path


@pytest.mark.parametrize(
    "text", ["rose", "rose@", "@example.org", "a@b", "a b@example.org", "a@example.org,b@c.de", ""]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RuleBroken, match=r"name@example\.org"):
        rules.clean_email(text)


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in (Role.RESIDENT, Role.GROUP_MEMBER, Role.AUDITOR)]
)
def test_an_auditor_holds_no_other_role(role: Role) -> None:
    scope = uuid4() if role is Role.FUNDER else None
    with pytest.raises(RuleBroken):
        rules.check_grant(role, scope, {Role.AUDITOR}, in_a_group=False)
    with pytest.raises(RuleBroken):
        rules.check_grant(Role.AUDITOR, None, {role}, in_a_group=False)


def test_a_member_of_a_group_cannot_be_an_auditor() -> None:
    with pytest.raises(RuleBroken, match="group"):
        rules.check_grant(Role.AUDITOR, None, (), in_a_group=True)


def test_an_auditor_cannot_be_an_applicant() -> None:
    with pytest.raises(RuleBroken, match="cannot join"):
        rules.check_may_join({Role.AUDITOR})


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.GROUP_MEMBER])
def test_what_comes_of_itself_is_never_given(role: Role) -> None:
    with pytest.raises(RuleBroken):
        rules.check_grant(role, None, (), in_a_group=False)


def test_a_funder_speaks_for_one_funder() -> None:
    with pytest.raises(RuleBroken, match="which funder"):
        rules.check_grant(Role.FUNDER, None, (), in_a_group=False)
    rules.check_grant(Role.FUNDER, uuid4(), (), in_a_group=True)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.CONNECTOR])
def test_some_roles_are_for_everything_or_not_at_all(role: Role) -> None:
    with pytest.raises(RuleBroken):
        rules.check_grant(role, uuid4(), (), in_a_group=False)


def test_several_roles_go_together() -> None:
    rules.check_grant(Role.PANELLIST, uuid4(), {Role.STEWARD, Role.ADMIN}, in_a_group=True)


def test_a_group_keeps_an_editor() -> None:
    reads, edits = Rights(edit=False, sign_off=True), Rights(edit=True, sign_off=False)
    rules.check_editor_left([edits])
    rules.check_editor_left([reads], then=edits)
    with pytest.raises(RuleBroken):
        rules.check_editor_left([reads])
    with pytest.raises(RuleBroken):
        rules.check_editor_left([], then=reads)
