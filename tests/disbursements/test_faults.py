"""Whatever goes wrong between us and Stripe: one payment or none, whole books, and a page that says what to do.

Over HTTP with the pretend Stripe, on both databases; each fault of the list in docs/money.md is a test here.
"""

from __future__ import annotations

import hmac
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from grants.demo.stripe_double import SECRET, Fault
from grants.disbursements.rules import DisbursementState
from tests.support.race import GROUND
from tests.support.stripe import KEY, World, a_provider, a_world

S = DisbursementState
SENT = 90_000
AGAIN = {"hours": 1}
"""After so long the outbox has asked again, whatever the attempt."""


@pytest.fixture
def world(make_app: Callable[..., Flask], any_url: str) -> Iterator[World]:
    with a_world(make_app, any_url) as made:
        yield made


def test_a_payment_goes_and_counts_once_stripe_tells_of_it(world: World) -> None:
    assert "It was authorised and waits to be handed to Stripe." in world.page()
    assert world.relay() == (1, 0)
    assert world.payment().state is S.SENT
    assert "Stripe has it." in world.page()
    assert world.double.send() == [200]
    assert world.payment().state is S.PAID
    world.ensure_whole(paid=SENT)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_AFTER, Fault.DROP_AFTER, Fault.ERROR_AFTER])
def test_when_the_money_moved_and_the_answer_was_lost_it_is_found_and_not_sent_again(world: World, fault: str) -> None:
    world.double.fail("transfers.create", fault)
    assert world.relay() == (0, 1)
    assert world.payment().state is S.AUTHORISED
    page = world.page()
    assert "Stripe was asked once, and the answer is not known yet." in page
    assert "asked again by itself, under the same key, so it cannot pay twice" in page
    world.later(**AGAIN)
    assert world.relay() == (1, 0)
    assert [operation for operation, _ in world.double.calls].count("transfers.create") == 1
    world.double.send()
    assert world.payment().state is S.PAID
    world.ensure_whole(paid=SENT)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.DROP_BEFORE, Fault.CONFLICT, Fault.BUSY])
def test_when_nothing_moved_and_nobody_knew_the_same_order_is_given_again_under_the_same_key(
    world: World, fault: str
) -> None:
    world.double.fail("transfers.create", fault)
    assert world.relay() == (0, 1)
    assert "the answer is not known yet" in world.page()
    world.later(**AGAIN)
    world.relay()
    assert [key for operation, key in world.double.calls if operation == "transfers.create"] == [world.key] * 2
    world.double.send()
    world.ensure_whole(paid=SENT)


def test_a_fault_of_stripe_is_repeated_under_its_key_until_the_key_is_forgotten(world: World) -> None:
    world.double.fail("transfers.create", Fault.ERROR_BEFORE)
    for _ in range(9):
        world.relay()
        world.later(hours=5)
    page = world.page()
    assert "nobody knows whether the money moved. Stripe had a fault of its own." in page
    assert "Never make a second payment by hand." in page
    assert world.double.of("transfer") == []
    world.double.forget_keys()
    world.press("ask-again")
    assert world.relay() == (1, 0)
    world.double.send()
    assert world.payment().state is S.PAID
    world.ensure_whole(paid=SENT)


def test_a_day_later_it_is_looked_for_by_what_we_wrote_on_it_before_anything_is_sent(world: World) -> None:
    world.double.fail("transfers.create", Fault.TIMEOUT_AFTER)
    world.relay()
    world.double.forget_keys()
    world.later(days=2)
    world.relay()
    world.double.send()
    world.ensure_whole(paid=SENT)


def test_a_line_that_breaks_while_it_is_looked_for_sends_nothing(world: World) -> None:
    for operation in ("transfers.create", "transfers.list"):
        world.double.fail(operation, Fault.DROP_AFTER)
        world.relay()
        world.later(**AGAIN)
    assert "Stripe was asked 2 times" in world.page()
    world.relay()
    world.double.send()
    assert len(world.double.of("transfer")) == 1
    world.ensure_whole(paid=SENT)


def test_too_little_money_at_stripe_ends_the_attempt_and_a_new_one_has_a_new_key(world: World) -> None:
    world.double.state.balance_minor = 100
    world.relay()
    page = world.page()
    assert world.payment().state is S.FAILED
    assert "Our balance with Stripe does not hold this much. Top it up" in page
    assert "ask for the part once more" in page
    assert world.pockets().committed_minor == SENT
    world.ensure_whole(paid=0)
    world.double.state.balance_minor = 1_000_000
    failed = world.payment_id
    again = world.ask_and_authorise()
    assert again.endswith(":2")
    assert "the part was asked for once more since. See the other attempts below." in world.page(failed)
    assert "ask for it once more" not in world.page(failed)
    assert "The group’s own account with Stripe" in world.page()
    world.relay()
    world.double.send()
    world.ensure_whole(paid=SENT)


def test_a_group_without_an_account_is_not_paid_and_the_page_says_why(world: World) -> None:
    world.close_account()
    world.relay()
    assert world.double.calls == []
    assert "The group has not set up the account in which it is to be paid." in world.page()
    world.ensure_whole(paid=0)


# events


def test_an_event_twice_is_one_payment(world: World) -> None:
    world.relay()
    (event,) = world.double.state.events
    assert world.double.send(event, event, event) == [200, 200, 200]
    world.ensure_whole(paid=SENT)


def test_an_event_before_the_answer_and_before_its_row_was_sent_pays_once(world: World) -> None:
    world.double.fail("transfers.create", Fault.TIMEOUT_AFTER)
    world.relay()
    world.double.send()
    assert world.payment().state is S.PAID
    world.later(**AGAIN)
    world.relay()
    assert world.payment().state is S.PAID
    world.ensure_whole(paid=SENT)


def test_events_out_of_order_end_as_they_stand_at_stripe(world: World) -> None:
    world.relay()
    (transfer,) = world.double.of("transfer")
    a_provider(world.double.url).reverse(provider_ref=transfer["id"], amount_minor=SENT, key="in Stripe's own pages")
    created, reversed = world.double.state.events
    assert world.double.send(reversed, created) == [200, 200]
    assert world.payment().state is S.FAILED
    assert world.pockets().committed_minor == SENT
    world.ensure_whole(paid=0)


def test_a_late_event_changes_what_it_tells_and_nothing_else(world: World) -> None:
    world.relay()
    world.later(days=3)
    assert world.double.send() == [200]
    world.ensure_whole(paid=SENT)


@pytest.mark.parametrize(
    ("seconds", "secret", "words"),
    [
        (0, "whsec_another", "The signature is wrong."),
        (-301, SECRET, "The signature is too old."),
        (301, SECRET, "The signature is dated in the future."),
        (3500, SECRET, "The signature is dated in the future."),
    ],
)
def test_a_wrong_an_old_or_a_future_signature_changes_nothing(
    world: World, seconds: int, secret: str, words: str
) -> None:
    world.relay()
    (event,) = world.double.state.events
    at = int(world.clock.now().timestamp()) + seconds
    body, header = world.double.signed(event, at=at, secret=secret)
    answer = world.app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.json) == (400, {"error": words})
    assert world.payment().state is S.SENT
    assert world.double.send() == [200]
    world.ensure_whole(paid=SENT)


def test_one_byte_of_an_event_changed_is_refused(world: World) -> None:
    world.relay()
    body, header = world.double.signed(world.double.state.events[0])
    changed = body.replace(b'"amount": 90000', b'"amount": 90001')
    assert changed != body
    for sent, signed in ((changed, header), (body, ""), (body, "t=x,v1=y"), (b"\xff", header)):
        answer = world.app.test_client().post("/webhooks/stripe", data=sent, headers={"Stripe-Signature": signed})
        assert answer.status_code == 400
    assert world.payment().state is S.SENT


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 50_000 + "]" * 50_000, 400),
        ("null", 400),
        ('{"id": "evt_' + "1" * 400 + '", "type": "charge.updated"}', 400),
        ('{"id": "evt_1", "type": "transfer.created", "data": {"object": ["tr_1"]}}', 200),
        ('{"id": "evt_1", "type": "v2.core.account.updated", "related_object": "acct_1"}', 200),
    ],
    ids=["deep", "nothing", "a long id", "a list", "a word"],
)
def test_what_is_signed_and_of_no_shape_that_we_know_is_answered_and_changes_nothing(
    world: World, body: str, status: int
) -> None:
    at = int(world.clock.now().timestamp())
    mac = hmac.new(SECRET.encode(), f"{at}.{body}".encode(), "sha256").hexdigest()
    header = {"Stripe-Signature": f"t={at},v1={mac}"}
    assert world.app.test_client().post("/webhooks/stripe", data=body, headers=header).status_code == status
    assert world.payment().state is S.AUTHORISED


def test_stripe_is_asked_to_bring_an_event_again_when_it_cannot_be_asked_how_things_stand(world: World) -> None:
    world.relay()
    world.double.fail("transfers.retrieve", Fault.DROP_BEFORE)
    assert world.double.send() == [503]
    assert world.payment().state is S.SENT
    assert world.double.send() == [200]
    world.ensure_whole(paid=SENT)


# what does not agree


def test_another_amount_pays_nothing_until_a_person_has_it_sent_back(world: World) -> None:
    world.double.fail("transfers.create", Fault.OTHER_AMOUNT)
    world.relay()
    world.double.send()
    assert world.payment().state is S.SENT
    page = world.page()
    assert "The provider tells of £899, and we sent £900." in page
    assert "have it sent back" in page
    assert "Have it sent back" in page
    assert "To look at" in world.officer.get("/payments?show=look").text
    world.press("recall")
    world.relay()
    world.double.send()
    assert world.payment().state is S.FAILED
    assert world.pockets().committed_minor == SENT
    world.ensure_whole(paid=0)


def test_a_payout_that_the_groups_bank_returns_after_days_is_shown_and_can_be_fetched_back(world: World) -> None:
    world.relay()
    world.double.send()
    world.later(days=4)
    world.double.return_payout(world.double.of("transfer")[0]["id"])
    assert world.double.send() == [200]
    page = world.page()
    assert "The group's bank sent it back (The bank account has been closed)." in page
    assert "The money lies in the group's account with the provider." in page
    world.ensure_whole(paid=SENT)
    world.press("recall")
    world.press("recall")
    world.relay()
    world.double.send()
    assert world.payment().state is S.RETURNED
    assert world.pockets().committed_minor == SENT
    world.ensure_whole(paid=0)


# a process that dies


def relay_and_stop(url: str, stripe: str, folder: str, when: str, reached: Any) -> None:
    """The relay in a process of its own, which stops for ever before or after it has spoken to Stripe."""
    from grants.adapters.stripe_payments import StripePayments
    from grants.app import create_app
    from grants.kernel.clock import SetClock
    from grants.outbox import service as outbox
    from grants.ports.payments import PayoutReceipt
    from grants.web.outside import outbox_handlers
    from grants.web.work import clockwork
    from tests.support.clock import START
    from tests.support.settings import settings_for

    class Stopping(StripePayments):
        def pay_out(self, **order: Any) -> PayoutReceipt:
            if when == "before":
                reached.set()
                multiprocessing.Event().wait()
            super().pay_out(**order)
            reached.set()
            multiprocessing.Event().wait()
            raise AssertionError

    app = create_app(settings_for(url, Path(folder)))
    app.extensions["clock"] = SetClock(START)
    app.extensions["providers"]["stripe"] = Stopping(KEY, (SECRET,), stripe)
    with app.app_context():
        outbox.send_due(clockwork, {"payment": outbox_handlers()["payment"]})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_while_it_pays_leaves_one_payment(
    world: World, any_url: str, tmp_path: Path, when: str
) -> None:
    """Killed by the system (SIGKILL) between the commit and the sending, or between the sending and its record."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(GROUND)
    reached = processes.Event()
    relay = processes.Process(
        target=relay_and_stop, args=(any_url, world.double.url, str(tmp_path), when, reached), daemon=True
    )
    relay.start()
    assert reached.wait(60)
    relay.kill()
    relay.join()
    assert len(world.double.of("transfer")) == (0 if when == "before" else 1)
    assert world.payment().state is S.AUTHORISED
    page = world.page()
    assert "The server stopped before it wrote down the answer." in page
    assert "asked again by itself" in page
    assert world.relay() == (0, 0), "its claim runs out first"
    world.later(minutes=6)
    assert world.relay() == (1, 0)
    world.double.send()
    assert world.payment().state is S.PAID
    assert len(world.double.of("transfer")) == 1
    world.ensure_whole(paid=SENT)
