"""The desk of a finance officer in a real browser: pages that are seldom seen, full and with mistakes."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.banking import service
from grants.banking.models import StatementLine
from grants.disbursements.rules import DisbursementState
from grants.kernel.actors import Role
from grants.ports.bank_run import BankLine
from grants.ports.payments import StatementKind
from grants.web.db import WRITES
from tests.banking.test_banking import handed_over, waiting
from tests.banking.test_fees import a_paid_checkout, officer, take, told
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.pages import a_page, assert_no_barriers
from tests.support.servers import serving
from tests.support.sign_in import lend_cookies, signed_in
from tests.support.work import work


def test_lines_fees_runs_and_parts_that_failed_are_for_everybody(
    app: Flask, app_session: Session, browser: Browser
) -> None:
    app_session.connection(execution_options={WRITES: True})
    fund_id = a_paid_checkout(app_session)
    a_paid_checkout(app_session, ref="pi_2")
    take(
        app_session,
        told(1, StatementKind.MONEY_IN, 10_000, 170, "pi_1"),
        told(2, StatementKind.FEE, 0, 200),
        told(3, StatementKind.DISPUTE, -10_000, 2_000, "pi_1"),
    )
    service.take_statement(work(app_session, officer(app_session)), fund_id, [BankLine(START.date(), 100, "COUNCIL")])
    lines = {
        one.kind: one.id for one in app_session.scalars(select(StatementLine).where(StatementLine.about.is_(None)))
    }
    run = handed_over(app_session, waiting(app_session))
    failed = a_disbursement(app_session, an_award(app_session, parts=[60_000, 30_000]), state=DisbursementState.FAILED)
    person = a_person(app_session, Role.FINANCE_OFFICER)
    run_id, failed_id = run.id, failed.id
    app_session.commit()
    with serving(app) as url, a_page(browser, url) as page:
        lend_cookies(signed_in(app, app_session, person), page.context, url)
        page.goto("/statements/stripe")
        expect(page.get_by_text("Fees it kept").first).to_be_visible()
        assert_no_barriers(page)
        page.goto(f"/statements/{lines['fee']}")
        page.get_by_role("button", name="Put it into this fund’s books").click()
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        assert_no_barriers(page)
        page.goto(f"/statements/{lines[None]}")
        expect(page.get_by_text("Does it make fees good?")).to_be_visible()
        assert_no_barriers(page)
        page.goto(f"/bank-runs/{run_id}")
        page.get_by_role("button", name="Take in the answer").click()
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        assert_no_barriers(page)
        page.goto(f"/payments/{failed_id}/part")
        page.get_by_label("Why?").fill("They are gone.")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        expect(page.get_by_label("Why?")).to_have_value("They are gone.")
        assert_no_barriers(page)
