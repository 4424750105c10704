"""A proposal on a phone, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from grants.proposals.rules.states import ProposalState
from tests.builders.people import a_member
from tests.builders.proposals import a_proposal
from tests.conftest import SignIn
from tests.support.pages import assert_no_barriers
from tests.support.sign_in import lend_cookies


def test_what_is_typed_is_kept_before_save_is_pressed_and_saving_goes_on_from_there(
    app_session: Session, as_: SignIn, page: Page, live_url: str
) -> None:
    proposal = a_proposal(app_session, state=ProposalState.DRAFT)
    lend_cookies(as_(a_member(app_session, proposal.group)), page.context, live_url)
    address = f"{live_url}/proposals/{proposal.id}/sections/what"
    page.goto(address)
    for text in ("We cook.", "We cook and eat together."):
        with page.expect_response("**/autosave") as answered:
            page.get_by_label("What will you do?").fill(text)
        assert answered.value.status == 204
    expect(page.get_by_text("Saved at")).to_be_visible()
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")  # everything else was done
    page.goto(address)
    expect(page.get_by_label("What will you do?")).to_have_value("We cook and eat together.")


def test_the_pages_on_which_a_proposal_is_written_hold_no_barriers(
    app_session: Session, as_: SignIn, page: Page, live_url: str
) -> None:
    proposal = a_proposal(app_session, state=ProposalState.DRAFT, section_versions={"what": 1}, outcomes_hoped=None)
    lend_cookies(as_(a_member(app_session, proposal.group)), page.context, live_url)
    for path in ("", "/check", "/sections/where", "/sections/budget", "/sections/approach?check=1"):
        page.goto(f"{live_url}/proposals/{proposal.id}{path}")
        assert_no_barriers(page)
