"""Where a group gives its bank details, in a real browser."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Browser, expect
from sqlalchemy.orm import Session

from tests.builders.payees import a_bank_account
from tests.builders.people import a_group, a_member
from tests.support.pages import a_page, assert_no_barriers
from tests.support.servers import serving
from tests.support.sign_in import lend_cookies, signed_in


def test_new_bank_details_are_given_without_a_barrier_and_a_mistake_is_said_at_its_field(
    app: Flask, app_session: Session, browser: Browser
) -> None:
    group = a_group(app_session)
    a_bank_account(app_session, group)
    member = a_member(app_session, group)
    app_session.commit()
    with serving(app) as url, a_page(browser, url) as page:
        lend_cookies(signed_in(app, app_session, member), page.context, url)
        page.goto(f"/groups/{group.id}/bank/give")
        expect(page.get_by_text("Payments stop until the new account is verified.")).to_be_visible()
        page.get_by_label("Sort code").fill("99-00-12")
        page.get_by_label("Account number").fill("123")
        page.get_by_role("button", name="Give these details").click()
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        expect(page.get_by_label("Sort code")).to_have_value("99-00-12")
        assert_no_barriers(page)
