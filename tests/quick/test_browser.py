"""A neighbour asks for a bench on a phone, a second person sends it, and two people say yes."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from tests.builders.people import a_group, a_member
from tests.builders.quick import a_decider, a_quick_round
from tests.conftest import SignIn
from tests.support.pages import assert_no_barriers
from tests.support.sign_in import lend_cookies


def test_a_bench_from_the_ask_to_the_yes(app_session: Session, as_: SignIn, page: Page, live_url: str) -> None:
    group = a_group(app_session, name="Hill Street")
    writer, other = a_member(app_session, group), a_member(app_session, group)
    round = a_quick_round(app_session)
    first, second = a_decider(app_session), a_decider(app_session, Role.PANELLIST)
    clients = {one: as_(person) for one, person in enumerate((writer, other, first, second))}

    def come_in(who: int) -> None:
        page.context.clear_cookies()
        lend_cookies(clients[who], page.context, live_url)

    come_in(0)
    page.goto(f"{live_url}/rounds/{round.id}")
    assert_no_barriers(page)
    page.get_by_role("link", name="Ask for a quick grant").click()
    page.get_by_role("button", name="Start writing").click()
    assert_no_barriers(page)
    page.get_by_label("What do you want to do?").fill("A bench for our street party")
    with page.expect_response("**/autosave") as answered:
        page.get_by_label("Tell us a little more").fill("We put a bench on the green.")
    assert answered.value.status == 204
    page.get_by_role("button", name="Check and send").last.click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("It is saved, and still needs")
    summary.get_by_role("link", name="Say who it is for.").click()
    expect(page.get_by_label("Who is it for?")).to_be_focused()
    page.get_by_label("Who is it for?").fill("Everybody on Hill Street")
    page.get_by_label("Postcode of where it happens").fill("TS18 1AA")
    for part, number in (("Day", "12"), ("Month", "4"), ("Year", "2026")):
        page.get_by_role("group", name="When?").get_by_label(part).fill(number)
    page.get_by_role("group", name="First thing").get_by_label("What for").fill("A bench")
    page.get_by_role("group", name="First thing").get_by_label("How much").fill("200")
    page.get_by_label("How will we know that it went well?").fill("People sit on it.")
    page.get_by_role("button", name="Check and send").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    assert_no_barriers(page)
    page.get_by_role("button", name="Send it").click()
    address = page.url

    come_in(1)
    page.goto(address)
    page.get_by_role("button", name="Yes, it is right: send it").click()
    expect(page.get_by_text("You hear by")).to_be_visible()

    come_in(2)
    page.goto(f"{live_url}/home")
    page.get_by_role("link", name="1 quick ask waits").click()
    page.get_by_role("link", name="A bench for our street party").click()
    assert_no_barriers(page)
    page.get_by_label("Yes, fund it").check()
    page.get_by_label("Why?").fill("It stays, and everybody can sit on it.")
    page.get_by_role("button", name="Give my answer").click()

    come_in(3)
    page.goto(f"{live_url}/quick-asks/{address.rsplit('/', 1)[-1]}")
    page.get_by_label("Yes, fund it").check()
    page.get_by_role("button", name="Give my answer").click()
    expect(page.get_by_text("The money is promised")).to_be_visible()

    page.context.clear_cookies()
    page.goto(f"{live_url}/rounds/{round.id}/quick-grants")
    expect(page.get_by_text("It stays, and everybody can sit on it.")).to_be_visible()
    expect(page.get_by_text("Answered the same day")).to_be_visible()
    assert_no_barriers(page)
