"""The pages of voting in person: set up, check in, open the box, key, check, approve."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.rounds.models import Round
from grants.rounds.rules.ballots import PaperPolicy, VotingMethod
from grants.voting import queries
from grants.voting.models import Booth, BoothShift, PaperEntry, PaperSheet, RollMark
from grants.voting.rules.paper import Invalid
from grants.voting.rules.states import Channel
from tests.builders.people import a_person
from tests.builders.voting import a_booth, a_code, an_officer, some_papers
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements
from tests.voting.test_service import HERE, a_vote_under_way
from tests.voting.test_views import SAID, cast, text_of

ROSE = {"name": "Rose Khan", "born_on": "1950-03-02", "postcode": HERE, "checked": "y"}


@pytest.fixture
def round(app_session: Session) -> Round:
    made = a_vote_under_way(app_session, bids=8)
    app_session.commit()
    return made


@pytest.fixture
def booth(app_session: Session, round: Round) -> Booth:
    made = a_booth(app_session, round, name="Thornaby library")
    app_session.commit()
    return made


def officer_at(as_: SignIn, session: Session, round: Round, *booths: Booth) -> FlaskClient:
    person = an_officer(session, round)
    session.add_all(BoothShift(booth_id=one.id, person_id=person.id, on_day=london_day(START)) for one in booths)
    session.commit()
    return as_(person)


def fresh(session: Session) -> Session:
    session.rollback()
    return session


class TestTheBooth:
    def test_an_officer_goes_straight_to_their_booth_and_checks_somebody_in(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        officer = officer_at(as_, app_session, round, booth)
        assert officer.get("/booth").location == f"/booth/{booth.id}"
        page = text_of(officer.post(f"/booth/{booth.id}", data=ROSE, follow_redirects=True))
        assert "Checked in" in page, page
        assert fresh(app_session).scalars(select(RollMark.channel)).all() == [Channel.PAPER]
        again = officer.post(f"/booth/{booth.id}", data=ROSE)
        assert (again.status_code, "given a paper already" in again.text) == (422, True)

    def test_two_booths_must_be_chosen_between_and_none_has_no_screen(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        other = a_booth(app_session, round, name="Norton hub")
        both = officer_at(as_, app_session, round, booth, other).get("/booth")
        assert (both.status_code, "At which booth are you?" in both.text) == (200, True)
        none = officer_at(as_, app_session, round)
        assert none.get("/booth").status_code == none.get(f"/booth/{booth.id}").status_code == 403

    def test_an_admin_without_the_officers_role_is_refused(self, as_: SignIn, booth: Booth) -> None:
        for role in (Role.ADMIN, Role.STEWARD):
            assert as_(role).get(f"/booth/{booth.id}").status_code == 403

    @pytest.mark.parametrize("policy", PaperPolicy)
    def test_the_screen_says_that_somebody_voted_online(
        self, as_: SignIn, client: FlaskClient, app_session: Session, policy: PaperPolicy
    ) -> None:
        round = a_vote_under_way(app_session, bids=8, paper_policy=policy)
        booth, code = a_booth(app_session, round), a_code(app_session, round)
        officer = officer_at(as_, app_session, round, booth)
        cast(client, round, code)
        shown = {"code": code, "checked": "y"}
        page = officer.post(f"/booth/{booth.id}", data=shown)
        assert "This person has voted online" in page.text
        assert ('value="void"' in page.text) is (policy is PaperPolicy.REPLACE)
        officer.post(f"/booth/{booth.id}", data={**shown, "do": "void"})
        expected = Channel.PAPER if policy is PaperPolicy.REPLACE else Channel.ONLINE
        assert fresh(app_session).scalars(select(RollMark.channel)).all() == [expected]
        said = text_of(client.post(f"/rounds/{round.id}/vote/who", data={**SAID, "code": code}))
        assert ("already voted on paper" in said) is (policy is PaperPolicy.REPLACE)

    def test_what_is_missing_is_said_at_its_field_and_what_was_typed_stays(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        page = officer_at(as_, app_session, round, booth).post(f"/booth/{booth.id}", data={"name": "Rose Khan"})
        assert page.status_code == 422
        assert "Enter the postcode" in page.text
        assert 'value="Rose Khan"' in page.text


class TestSettingUp:
    def test_a_steward_sets_up_a_booth_puts_an_officer_down_and_prints_papers(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
    ) -> None:
        officer = an_officer(app_session, round)
        steward = as_(Role.STEWARD)
        made = steward.post(f"/rounds/{round.id}/booths", data={"name": "Norton hub", "place": "High Street"})
        day = london_day(START).isoformat()
        page = steward.post(made.location, data={"person_id": str(officer.id), "days": [day]}, follow_redirects=True)
        assert officer.name in page.text
        assert "Norton hub" in steward.get(f"/rounds/{round.id}/booths").text
        run = steward.post(f"/rounds/{round.id}/papers", data={"sheet_count": "30", "size": "large"})
        ready = steward.get(run.location)
        assert "Papers 1 to 25" in ready.text
        assert "Papers 26 to 30" in ready.text
        assert steward.get(f"{run.location}/3.pdf").status_code == 404

    def test_a_paper_shows_every_bid_in_the_order_of_numbers_with_a_box_and_its_own_number(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("grants.web.pdf.draw", lambda html: None)  # the page itself, as where no PDF can be drawn
        serials = sorted(some_papers(app_session, round, 2))
        run_id = app_session.scalars(select(PaperSheet.run_id)).first()
        app_session.commit()
        page = as_(Role.STEWARD).get(f"/rounds/{round.id}/papers/{run_id}/1.pdf").text
        entries = queries.entries(app_session, round.id)
        for serial in serials:
            paper = page.split(f'aria-label="Ballot paper {serial}"')[1].split("</section>")[0]
            places = [paper.index(entry.title) for entry in entries]
            assert places == sorted(places)
            assert paper.count('class="b-box') == len(entries)
            assert "data:image/png" in paper

    def test_every_page_of_a_paper_bears_its_number_since_sheets_come_apart(
        self, as_: SignIn, app_session: Session
    ) -> None:
        long = a_vote_under_way(app_session, bids=30)
        serials = some_papers(app_session, long, 2)
        run_id = app_session.scalars(select(PaperSheet.run_id)).first()
        app_session.commit()
        pdf = as_(Role.STEWARD).get(f"/rounds/{long.id}/papers/{run_id}/1.pdf")
        pages = [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf.data)).pages]
        for serial in serials:
            mine = [place for place, page in enumerate(pages) if f"This paper’s number: {serial}" in page]
            assert mine == list(range(mine[0], mine[-1] + 1))
            assert len(mine) > 2  # so its second sheet has it too
            assert mine[0] % 2 == 0  # printed on both sides, no sheet is of two papers
            assert "put it into the box by" in pages[mine[0]]


class TestBatches:
    def test_a_box_is_opened_keyed_checked_by_another_and_approved_through_the_pages(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        serials = some_papers(app_session, round, 2)
        one, two = (officer_at(as_, app_session, round, booth) for _ in range(2))
        batch = one.post(f"/booths/{booth.id}/box", data={"paper_count": "2", "last": "yes"}).location
        key(one, batch, 1, serials[0], "1 2 3")
        half = text_of(one.post(f"{batch}/close", follow_redirects=True))
        assert "1 of 2 papers" in half
        key(one, batch, 2, serials[1], "1 99")
        assert "Now another person keys" in text_of(one.post(f"{batch}/close", follow_redirects=True))
        assert one.post(f"{batch}/approve").status_code == 403
        blind = two.get(batch).text
        assert serials[0] not in blind
        key(two, batch, 1, serials[0], "1 2 4")
        key(two, batch, 2, serials[1], "1 99")
        page = text_of(two.get(batch))
        assert f"{serials[0]}: 1 2 3 {serials[0]}: 1 2 4" in page
        answer = two.post(
            f"{batch}/papers/1", data={"serial": serials[0], "marks": "1 2 3", "said": "counts", "why": "I misread it."}
        )
        assert answer.location == batch
        done = text_of(two.post(f"{batch}/approve", follow_redirects=True))
        assert "Nothing in it can change" in done
        assert "I misread it." in done
        first = select(PaperEntry.invalid).where(PaperEntry.keying == 1).order_by(PaperEntry.place)
        assert list(fresh(app_session).scalars(first)) == [None, Invalid.UNKNOWN_NUMBER]

    def test_a_number_that_cannot_be_one_is_said_at_its_field(
        self,
        as_: SignIn,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        officer = officer_at(as_, app_session, round, booth)
        batch = officer.post(f"/booths/{booth.id}/box", data={"paper_count": "1", "last": "no"}).location
        page = officer.post(f"{batch}/papers/1", data={"serial": "2345-6789", "marks": "1 2", "said": "counts"})
        assert (page.status_code, "8 letters and numbers" in page.text) == (422, True)
        assert 'value="1 2"' in page.text

    def test_a_round_that_waits_for_a_batch_says_so_when_a_steward_counts(
        self,
        as_: SignIn,
        clock: Any,
        app_session: Session,
        round: Round,
        booth: Booth,
    ) -> None:
        officer = officer_at(as_, app_session, round, booth)
        officer.post(f"/booths/{booth.id}/box", data={"paper_count": "3", "last": "yes"})
        clock.set(round.voting_closes_at)
        round_id = round.id
        app_session.rollback()
        page = as_(Role.STEWARD).post(f"/rounds/{round_id}/vote/count", follow_redirects=True).text
        assert "batch 1 (Thornaby library) has 0 of 3 papers keyed" in page


def key(client: FlaskClient, batch: str, place: int, serial: str, marks: str) -> Any:
    answer = client.post(f"{batch}/papers/{place}", data={"serial": serial, "marks": marks, "said": "counts"})
    assert answer.status_code == 302, answer.text
    return answer


def test_the_list_of_booths_and_batches_asks_the_same_however_long_it_is(
    app: Any, as_: SignIn, app_session: Session, round: Round
) -> None:
    steward = as_(Role.STEWARD)
    counts = []
    for _ in range(2):
        for _ in range(3):
            a_booth(app_session, round, given=1)
        app_session.commit()
        with statements(app) as seen:
            steward.get(f"/rounds/{round.id}/booths")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_nobody_else_sees_voting_in_person(as_: SignIn, app_session: Session, booth: Booth) -> None:
    for role in (Role.PANELLIST, Role.FUNDER, Role.CONNECTOR):
        assert as_(role).get(f"/rounds/{booth.round_id}/booths").status_code == 403
    assert a_person(app_session) is not None


class TestTheWayToIt:
    def test_the_vote_says_where_people_vote_on_paper(self, client: FlaskClient, round: Round, booth: Booth) -> None:
        page = text_of(client.get(f"/rounds/{round.id}/vote"))
        assert "Or vote on paper" in page
        assert "Thornaby library" in page
        assert "Show that you may vote" in page

    def test_where_all_vote_on_paper_nobody_is_led_to_a_screen(self, app_session: Session, client: FlaskClient) -> None:
        made = a_vote_under_way(app_session, bids=3, vote_methods=(VotingMethod.IN_PERSON,))
        a_booth(app_session, made, name="Thornaby library")
        app_session.commit()
        page = text_of(client.get(f"/rounds/{made.id}/vote"))
        assert "In this round people vote on paper only." in page
        assert "See the projects and choose" not in page
        for way in ("choose", "who"):
            answer = client.get(f"/rounds/{made.id}/vote/{way}")
            assert answer.location == f"/rounds/{made.id}/vote"
