"""Where a group is paid: it sets that up on Stripe's own pages, and the pretend Stripe is as strict as the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from stripe import _ApiVersion as installed

from grants.adapters import stripe_payments
from grants.adapters.stripe_payments import API_VERSION
from grants.config import Env, Settings, SettingsError
from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.payees.models import PayoutAccount
from grants.ports.payments import AccountStanding, OutcomeUnknown, ProviderRefused
from grants.web.db import WRITES
from tests.builders.people import a_group, a_member, a_person
from tests.support.clock import START
from tests.support.sign_in import signed_in
from tests.support.stripe import TYPES, World, _adapter, a_double, a_provider, a_world, check


@pytest.fixture
def world(make_app: Callable[..., Flask], sqlite_url: str) -> Iterator[World]:
    with a_world(make_app, sqlite_url) as made:
        yield made


def test_whoever_signs_off_sets_up_where_the_group_is_paid(world: World) -> None:
    with Session(world.engine) as session:
        session.connection(execution_options={WRITES: True})
        group = a_group(session)
        signer, writer = a_member(session, group), a_member(session, group, sign_off=False)
        path, group_id = f"/groups/{group.id}/paid", group.id
        signs = signed_in(world.app, session, signer)
        writes = signed_in(world.app, session, writer)
        stranger = signed_in(world.app, session, a_person(session))
        officer = signed_in(world.app, session, a_person(session, Role.FINANCE_OFFICER))
    assert stranger.get(path).status_code == 403
    assert "Somebody who signs off for the group has to do this." in writes.get(path).text
    assert writes.post(path).status_code == 403
    assert world.double.of("v2.core.account") == []
    for _ in range(2):
        assert "Go on to Stripe" in signs.post(path).text
    (account,) = world.double.of("v2.core.account")
    assert "Stripe still needs something from you." in signs.get(path).text
    world.double.onboard(account["id"])
    assert "Grants can be paid." in signs.get(path).text, "asked anew, though no event has come yet"
    world.double.send()
    with Session(world.engine) as session:
        kept = session.scalars(select(PayoutAccount).where(PayoutAccount.group_id == group_id)).one()
        assert kept.standing is AccountStanding.READY
    assert "Grants can be paid." in officer.get(path).text


def test_when_stripe_is_away_nothing_is_lost(world: World) -> None:
    with Session(world.engine) as session:
        session.connection(execution_options={WRITES: True})
        group = a_group(session)
        signs, path = signed_in(world.app, session, a_member(session, group)), f"/groups/{group.id}/paid"
    world.double.fail("accounts.create", "dropped after")
    assert "Nothing was lost. Try again in a minute." in unescape(signs.post(path).text)
    assert "Go on to Stripe" in signs.post(path).text
    assert len(world.double.of("v2.core.account")) == 1


def test_a_long_statement_is_read_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_double(SetClock(START)) as double:
        made = [double._line("charge", pence, "pi_1", "charge") for pence in range(1, 131)]
        provider = a_provider(double.url)
        assert {line["id"] for line in made} <= {line.id for line in provider.statement(START)}
        monkeypatch.setattr(stripe_payments, "PAGES", 1)
        with pytest.raises(ProviderRefused, match=r"more than 100 lines\. Read fewer days at once"):
            provider.statement(START)


def test_the_version_that_is_pinned_is_the_one_that_the_library_was_made_for() -> None:
    assert installed.CURRENT == API_VERSION


@pytest.mark.parametrize("operation", sorted(TYPES))
def test_the_double_knows_no_field_that_the_library_does_not_know(operation: str) -> None:
    _adapter(operation)
    assert "payment_method_types" in (check(operation, {"payment_method_types": ["card"]}) or "")


def test_a_field_that_is_no_longer_there_is_refused_at_every_depth() -> None:
    link = {"account": "acct_1", "use_case": {"type": "account_onboarding", "account_onboarding": {"refresh_url": "x"}}}
    assert check("account_links.create", link) is None
    link["use_case"]["account_onboarding"]["configurations"] = ["recipient"]  # type: ignore[index]
    assert "configurations" in (check("account_links.create", link) or "")


def test_a_live_key_is_refused_by_the_double_and_by_the_settings(world: World) -> None:
    with pytest.raises(OutcomeUnknown, match="does not accept our key"):
        a_provider(world.double.url, key="sk_live_0").find_payout("k")
    beside = {"GRANTS_STRIPE_WEBHOOK_SECRETS": "whsec_1"}
    for env in (Env.DEMO, Env.DEVELOPMENT, Env.TEST):
        with pytest.raises(SettingsError, match="live key"):
            Settings.from_environ({"GRANTS_ENV": env, "GRANTS_STRIPE_KEY": "sk_live_0", **beside})
    with pytest.raises(SettingsError, match="GRANTS_STRIPE_WEBHOOK_SECRETS"):
        Settings.from_environ({"GRANTS_ENV": "test", "GRANTS_STRIPE_KEY": "sk_test_0"})


def test_what_stripe_refuses_and_what_nobody_knows_are_told_apart(world: World) -> None:
    provider = a_provider(world.double.url)
    with pytest.raises(ProviderRefused, match="No such"):
        provider.account_standing("acct_none")
    world.double.fail("accounts.retrieve", "409")
    with pytest.raises(OutcomeUnknown):
        provider.account_standing("acct_none")
