"""The pages of a cover sheet: its letters, keying by them, a difference, a lost sheet, and the count."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.people.models import Person
from grants.voting.models import PaperSheet, Tally
from grants.voting.rules.covers import SITTING, make_cover
from tests.builders.people import a_person
from tests.builders.voting import a_booth
from tests.conftest import SignIn
from tests.support.clock import START
from tests.voting.test_covers import Pile
from tests.voting.test_service import count_of
from tests.voting.test_views import text_of


def a_declared_pile(session: Session, count: int = 2) -> Pile:
    """A batch whose letters are not drawn yet."""
    pile = Pile(session, count)
    pile.batch.cover_hash = None
    session.commit()
    return pile


def drawn(client: FlaskClient, url: str) -> str:
    """The letters of a batch, as its page shows them once."""
    shown = client.post(f"{url}/cover")
    assert shown.headers["Cache-Control"] == "no-store"
    return "-".join(re.findall(r'app-share__group">(\w{4})<', shown.text))


def keyed(serial: str, marks: str, cover: str = "", **more: str) -> dict[str, str]:
    return {"serial": serial, "marks": marks, "said": "counts", "cover": cover, **more}


class TestPages:
    def test_the_letters_are_in_no_cookie_and_no_page_after_the_first(self, as_: SignIn, app_session: Session) -> None:
        pile = a_declared_pile(app_session)
        officer, url = as_(app_session.get_one(Person, pile.first.id)), f"/batches/{pile.batch.id}"
        letters = drawn(officer, url)
        officer.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 3", letters))
        cookies = [cookie.value for cookie in (officer._cookies or {}).values()]
        pages = [officer.get(url).text, officer.get(f"{url}/papers/2").text, officer.get(f"{url}/papers/1").text]
        for text in (*cookies, *pages):
            assert letters not in text
            assert letters.replace("-", "") not in text
            assert pile.serials[0] not in text

    def test_from_the_box_to_the_count(self, as_: SignIn, app_session: Session, clock: SetClock) -> None:
        pile = Pile(app_session, 2)
        booth = a_booth(app_session, pile.round, name="Norton hub", given=2)
        app_session.delete(pile.batch)
        app_session.commit()
        one, two = (as_(app_session.get_one(Person, actor.id)) for actor in (pile.first, pile.second))
        url = one.post(f"/booths/{booth.id}/box", data={"paper_count": "2", "last": "yes"}).location
        assert "This pile needs a cover sheet" in text_of(one.get(url))
        assert "Draw the letters" in text_of(one.get(f"{url}/papers/1", follow_redirects=True))
        assert "Waits for its cover sheet" in text_of(one.get(f"/rounds/{pile.round.id}/booths"))
        letters = drawn(one, url)
        pdf = one.post(f"{url}/cover.pdf", data={"cover": letters})
        printed = " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(pdf.data)).pages).split())
        for said in (
            "Cover sheet of batch 1",
            "Norton hub",
            "2 papers",
            letters,
            "After the count, destroy this sheet",
        ):
            assert said in printed
        assert pdf.headers["Cache-Control"] == "no-store"
        refused = one.post(f"{url}/cover.pdf", data={"cover": make_cover()}, follow_redirects=True)
        assert "another cover sheet" in text_of(refused)

        missing = one.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 4"))
        assert (missing.status_code, "Type the 16 letters" in missing.text) == (422, True)
        assert 'value="1 2 4"' in missing.text  # what was typed stays
        assert one.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 4", letters)).location == f"{url}/papers/2"
        assert "Letters on the cover sheet" not in one.get(f"{url}/papers/2").text
        one.post(f"{url}/papers/2", data=keyed(pile.serials[1], "1 99"))
        assert "Key one of your papers again" in one.get(url).text
        assert "Now another person keys" in text_of(one.post(f"{url}/close", follow_redirects=True))

        assert "Letters on the cover sheet" in two.get(f"{url}/papers/1").text
        two.post(f"{url}/papers/1", data=keyed(pile.serials[0], "2 3 4", letters))
        two.post(f"{url}/papers/2", data=keyed(pile.serials[1], "1 99"))
        for person in (one, two):
            page = text_of(person.get(url))
            assert "You two do not say the same of 1 paper. Each of you looks at the paper again" in page
            assert "Paper 1 keyed once keyed once" in page
            for told in ("1 2 4", "2 3 4", *pile.serials):
                assert told not in page
        again = two.get(f"{url}/papers/1").text
        assert "You keyed this paper already" in again
        assert "The two of us did not say the same." in again
        assert pile.serials[0] not in again
        two.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 4", why="I misread it."))
        page = text_of(two.get(url))
        assert "Both of you say the same" in page
        assert "I misread it. What it said before is kept, sealed." in page
        assert "Nothing in it can change" in text_of(two.post(f"{url}/approve", follow_redirects=True))

        clock.set(pile.round.voting_closes_at)
        key, shares = f"/rounds/{pile.round.id}/key", pile.shares
        app_session.rollback()
        officers = [as_(person) for person in pile.officers[:2]]
        app_session.rollback()  # somebody who reads would keep SQLite from tidying up, and the page waits for that
        for number, officer in enumerate(officers):
            answer = officer.post(f"{key}/hand-in", data={"share": shares[number]}, follow_redirects=True)
        assert "The votes are counted" in text_of(answer), text_of(answer)
        app_session.rollback()
        assert app_session.scalars(select(Tally.paper_count)).one() == 1
        assert "What each of them said is destroyed" in text_of(officers[0].get(url))

    def test_after_half_an_hour_the_letters_are_asked_for_again_and_what_was_typed_stays(
        self, as_: SignIn, app_session: Session, clock: SetClock
    ) -> None:
        pile = a_declared_pile(app_session)
        officer, url = as_(app_session.get_one(Person, pile.first.id)), f"/batches/{pile.batch.id}"
        letters = drawn(officer, url)
        officer.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 3", letters))
        clock.set(START + SITTING + timedelta(minutes=1))
        late = officer.post(f"{url}/papers/2", data=keyed(pile.serials[1], "2 3 4"))
        assert (late.status_code, "Type the 16 letters" in late.text) == (422, True)
        assert 'value="2 3 4"' in late.text
        assert officer.post(f"{url}/papers/2", data=keyed(pile.serials[1], "2 3 4", letters)).location == url

    def test_who_stops_can_have_the_letters_forgotten(self, as_: SignIn, app_session: Session) -> None:
        pile = a_declared_pile(app_session)
        officer, url = as_(app_session.get_one(Person, pile.first.id)), f"/batches/{pile.batch.id}"
        letters = drawn(officer, url)
        officer.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 3", letters))
        assert "You have typed the letters" in text_of(officer.get(url))
        officer.post(f"{url}/cover/forget")
        assert "You have typed the letters" not in text_of(officer.get(url))
        assert "Letters on the cover sheet" in officer.get(f"{url}/papers/2").text

    def test_a_lost_cover_sheet_has_a_way_out(self, as_: SignIn, app_session: Session) -> None:
        pile = a_declared_pile(app_session)
        officer, url = as_(app_session.get_one(Person, pile.first.id)), f"/batches/{pile.batch.id}"
        first = drawn(officer, url)
        assert "Draw new letters, shown once" in officer.get(url).text
        letters = drawn(officer, url)
        assert letters != first
        officer.post(f"{url}/papers/1", data=keyed(pile.serials[0], "1 2 3", letters))
        assert "Draw new letters" not in officer.get(url).text
        assert "shown once. If they are lost" in text_of(officer.post(f"{url}/cover", follow_redirects=True))
        assert officer.post(f"{url}/anew", data={"why": ""}).status_code == 422
        fresh = officer.post(f"{url}/anew", data={"why": "The sheet was thrown away."}).location
        assert "This pile needs a cover sheet" in text_of(officer.get(fresh))
        old = text_of(officer.get(url))
        assert "The sheet was thrown away." in old
        assert "Its papers are batch 2 now." in old
        assert officer.get(f"{url}/papers/1").status_code == 404

    def test_an_officer_with_a_share_is_told_which_papers_wait(
        self, as_: SignIn, app_session: Session, clock: SetClock
    ) -> None:
        pile = a_declared_pile(app_session)
        clock.set(pile.round.voting_closes_at)
        officer, url = as_(pile.officers[0]), f"/rounds/{pile.round.id}/key"
        page = officer.get(url)
        assert "Batch 1 (Library) has 0 of 2 papers keyed" in text_of(page)
        assert "Hand in my share" not in page.text
        steward = as_(Role.STEWARD)
        desk = text_of(steward.get(f"/rounds/{pile.round.id}/vote/desk"))
        assert "Voting has closed: papers wait" in desk
        assert "Batch 1 (Library) has 0 of 2 papers keyed" in desk
        answer = officer.post(f"{url}/hand-in", data={"share": pile.shares[0]})
        assert (answer.status_code, "Nothing is counted while papers wait" in text_of(answer)) == (422, True)

    def test_nobody_else_draws_letters_or_sets_a_batch_aside(self, as_: SignIn, app_session: Session) -> None:
        pile = a_declared_pile(app_session)
        url = f"/batches/{pile.batch.id}"
        for role in (Role.AUDITOR, Role.CONNECTOR):
            other = as_(role)
            assert {other.post(f"{url}/{page}").status_code for page in ("cover", "cover.pdf", "anew")} == {403}
        stranger = as_(a_person(app_session, Role.OFFICER, scope_id=uuid4()))
        assert {stranger.post(f"{url}/{page}").status_code for page in ("cover", "anew")} == {403}
        assert count_of(app_session, PaperSheet) == 2
