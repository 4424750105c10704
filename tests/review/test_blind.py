"""A blind round: until the scores are locked no page and no letter tells a panellist whose bid it is."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.rules.partners import PartnerState
from grants.review import service
from grants.review.rules import ReviewState, hide
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_hosting, a_member, a_person
from tests.builders.proposals import an_unconstituted_group
from tests.builders.review import a_panel, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import text_of
from tests.review.test_service import a_bid, steward
from tests.support.work import work

S = ReviewState
GROUP, MEMBER, PARTNER, POSTCODE = "The Wobbly Teapots", "Quentin Ashdown", "Moonrakers Choir", "TS18 3QX"
MARK = "Zinnia"
"""Stands in the title of the bid and nowhere else: a page that shows it shows something of the bid."""


class Scene:
    """One bid whose every text names those behind it, and a panel of three who are given it in each state."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.round: Round = a_round(session, RoundState.CHECKING, blind=True)
        hosting = a_hosting(session, an_unconstituted_group(session, name=GROUP))
        self.host = hosting.host.name
        a_member(session, hosting.group, a_person(session, name=MEMBER))
        names = f"{GROUP}, Wobbly Teapots, {MEMBER}, {PARTNER.upper()}, {self.host} and {POSTCODE}"
        texts = ("summary", "what", "for_whom", "answers_need", "outcomes_hoped", "equality", "poverty", "partners")
        self.bid: Proposal = a_bid(
            session,
            self.round,
            group=hosting.group,
            title=f"{MARK} beds by {GROUP}",
            hosting_id=hosting.id,
            venue_postcode=POSTCODE,
            contact_name=MEMBER,
            **dict.fromkeys(texts, f"It is by {names}."),
        )
        session.add(
            ProposalPartner(
                proposal_id=self.bid.id, position=0, name=PARTNER, role="They sing.", state=PartnerState.NAMED
            )
        )
        self.chair, self.one, self.two = a_panel(session, self.round)
        session.flush()
        self.secrets = (GROUP, "Wobbly Teapots", MEMBER, PARTNER, self.host, POSTCODE)

    def told_on(self, page: str) -> list[str]:
        return [secret for secret in self.secrets if secret.casefold() in page.casefold()]


def pages_of(browser: FlaskClient, start: list[str], at_most: int = 120) -> dict[str, str]:
    """Every page that links lead to, and the text of those that show something of the bid."""
    seen: dict[str, str] = {}
    to_see = list(start)
    while to_see and len(seen) < at_most:
        address = to_see.pop(0)
        if address in seen:
            continue
        answer = browser.get(address)
        seen[address] = answer.get_data(as_text=True) if answer.mimetype.startswith("text/html") else ""
        links = re.findall(r'href="(/[^"#?]*)', seen[address])
        to_see += [link for link in links if not link.startswith(("/static", "/demo")) and link not in seen]
    return {address: page for address, page in seen.items() if MARK in page}


@pytest.mark.parametrize("state", [S.ASSIGNED, S.AWAITING_RULING, S.CLEARED, S.SUBMITTED, S.RECUSED])
def test_no_page_of_a_panellist_tells_whose_bid_it_is(app_session: Session, as_: SignIn, state: ReviewState) -> None:
    scene = Scene(app_session)
    review = a_review(app_session, scene.bid, scene.one, state, interest=None)
    app_session.commit()
    shown = pages_of(as_(scene.one), ["/home", f"/rounds/{scene.round.id}/panel", f"/reviews/{review.id}"])
    assert f"/reviews/{review.id}" in shown
    assert {address: scene.told_on(page) for address, page in shown.items() if scene.told_on(page)} == {}
    assert as_(scene.one).get(f"/proposals/{scene.bid.id}").status_code == 404


def test_the_chairs_pages_do_not_tell_it_either_and_a_stewards_do(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    waiting = a_review(app_session, scene.bid, scene.one, S.AWAITING_RULING)
    done = a_review(app_session, scene.bid, scene.two)
    app_session.commit()
    at = f"/rounds/{scene.round.id}/panel"
    addresses = ["/home", f"{at}/desk", f"{at}/lock", f"/reviews/{waiting.id}/ruling", f"/reviews/{done.id}/interest"]
    chair = as_(scene.chair)
    shown = pages_of(chair, addresses)
    assert set(addresses[1:]) <= set(shown)
    assert {address: scene.told_on(page) for address, page in shown.items() if scene.told_on(page)} == {}
    short = chair.post(f"{at}/lock", data={}).get_data(as_text=True)
    assert MARK in short
    assert scene.told_on(short) == []
    assert GROUP in text_of(as_(Role.STEWARD).get(f"{at}/desk"))


def test_letters_to_the_panel_do_not_tell_it(session: Session) -> None:
    scene = Scene(session)
    service.share_out(work(session, steward(session)), scene.round.id, 3)
    told = [str(row.payload) for row in session.scalars(select(OutboxRow)) if "assigned" in row.key]
    assert len(told) == 3
    assert [scene.told_on(letter) for letter in told] == [[], [], []]


def test_files_stay_closed_until_the_scores_are_locked_and_then_all_is_told(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    review = a_review(app_session, scene.bid, scene.one)
    a_review(app_session, scene.bid, scene.two)
    app_session.commit()
    browser, address = as_(scene.one), f"/reviews/{review.id}"
    assert "without being told whose bid this is" in text_of(browser.get(address))
    service.lock_panel(work(app_session, steward(app_session)), scene.round.id)
    app_session.commit()
    page = text_of(browser.get(address))
    assert GROUP in page
    assert PARTNER in page


def test_a_round_that_is_not_blind_tells_it(app_session: Session, as_: SignIn) -> None:
    scene = Scene(app_session)
    other = a_round(app_session, RoundState.CHECKING, fund=scene.round.fund)
    bid = a_bid(app_session, other, group=scene.bid.group)
    panel = a_panel(app_session, other)
    review = a_review(app_session, bid, panel[1], S.CLEARED)
    app_session.commit()
    assert GROUP in text_of(as_(panel[1]).get(f"/reviews/{review.id}"))


def test_names_are_left_out_where_they_stand_whole_however_they_are_written() -> None:
    words = {"The Wobbly Teapots": "the group", "Ann Lee": "somebody of the group"}
    assert hide("THE  WOBBLY\nTEAPOTS’ stall, Ann Lee", words) == "the group’ stall, somebody of the group"
    assert hide("Joann Leeds cooks.", words) == "Joann Leeds cooks."
    assert hide("Nothing here.", {}) == "Nothing here."
