"""Choices in one area, or in a few: what the rule-book says, what the server refuses, and what the pages explain."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from grants.proposals.models import Proposal
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.rounds.rules.words import in_words
from grants.voting import queries
from grants.voting.rules.areas import held_by, shut_out, to_give_up
from grants.voting.rules.ballots import TooManyAreas, added, check_choices
from grants.voting.rules.paper import Invalid
from grants.voting.rules.wording import bar_words
from grants.voting.service import casting
from tests.builders.voting import a_code
from tests.support.work import work
from tests.voting.test_papers import a_desk
from tests.voting.test_service import a_vote_under_way, a_voter
from tests.voting.test_views import choose, known_by, text_of, vote

A, B, C = "E05014858", "E05014859", "E05014860"
"""Three wards of the tests' place."""
PLACES: Mapping[int, tuple[str, ...]] = {1: (A,), 2: (A,), 3: (B,), 4: (A, B), 5: (), 6: (C,), 7: (B, C), 8: ()}
ONE = BallotRules(minimum=1, areas=1)
TWO = BallotRules(minimum=1, areas=2)


class TestRules:
    @pytest.mark.parametrize(
        ("picks", "rules", "fits"),
        [
            ([1, 2, 4, 5], ONE, True),  # 4 is for A too, 5 for the whole place
            ([1, 3], ONE, False),
            ([5, 8], ONE, True),
            ([4, 7], ONE, True),  # both are for B
            ([1, 7], ONE, False),
            ([1, 3, 4, 7], TWO, True),
            ([1, 3, 6], TWO, False),
            ([1, 3, 6], BallotRules(minimum=1), True),
        ],
    )
    def test_choices_are_in_as_few_areas_as_the_rules_allow(
        self, picks: list[int], rules: BallotRules, fits: bool
    ) -> None:
        if fits:
            assert [number for number, _ in check_choices(picks, PLACES, rules)] == sorted(picks)
            return
        with pytest.raises(TooManyAreas, match=r"more than (one area|2 areas)") as refused:
            check_choices(picks, PLACES, rules)
        assert refused.value.field == "choices"

    def test_a_project_in_another_area_is_not_added(self) -> None:
        with pytest.raises(TooManyAreas):
            added({1: 1}, 3, PLACES, ONE)
        assert added({1: 1}, 4, PLACES, ONE) == {1: 1, 4: 1}

    def test_where_areas_count_nobody_forgets_to_say_where_a_project_is(self) -> None:
        with pytest.raises(TypeError):
            check_choices([1], set(PLACES), ONE)

    def test_what_cannot_be_chosen_beside_the_others_is_known(self) -> None:
        assert shut_out([1], PLACES, 1) == {3, 6, 7}
        assert shut_out([4], PLACES, 1) == {6}
        assert shut_out([5], PLACES, 1) == frozenset()
        assert shut_out([1, 3], PLACES, 2) == {6}
        assert shut_out([1], PLACES, None) == frozenset()

    def test_who_changes_areas_gives_up_what_is_only_in_the_old_one(self) -> None:
        assert to_give_up([1, 2, 4, 5], PLACES, 1, 3) == {A: {1, 2}}
        assert to_give_up([1, 3], PLACES, 2, 6) == {A: {1}, B: {3}}

    @given(
        st.dictionaries(st.integers(1, 9), st.sets(st.sampled_from("ABCDE"), max_size=3)),
        st.integers(1, 4),
    )
    def test_the_search_finds_what_trying_all_sets_finds(self, areas: dict[int, set[str]], most: int) -> None:
        def holds(few: tuple[str, ...]) -> bool:
            return all(not where or where & set(few) for where in areas.values())

        sizes = [size for size in range(most + 1) if any(holds(few) for few in combinations("ABCDE", size))]
        found = held_by(areas, areas, most)
        assert (found is None) is (not sizes)
        if found is not None:
            assert len(found) == sizes[0]
            assert holds(found)

    @given(st.dictionaries(st.integers(1, 9), st.sets(st.sampled_from("ABCD"), max_size=2), min_size=1), st.data())
    def test_after_giving_up_the_project_can_be_chosen(self, areas: dict[int, set[str]], data: st.DataObject) -> None:
        most = data.draw(st.integers(1, 2))
        picks = data.draw(st.sets(st.sampled_from(sorted(areas))))
        for target in shut_out(picks, areas, most):
            for out in to_give_up(picks, areas, most, target).values():
                assert held_by([*(picks - out), target], areas, most) is not None

    def test_the_rule_book_says_it_in_words(self, session: Session) -> None:
        one = queries.book_of(a_vote_under_way(session, ballot_areas=1))
        assert "All that you choose is in the same area." in dict(in_words(one))["How you vote"]
        two = queries.book_of(a_vote_under_way(session, ballot_areas=2))
        assert "All that you choose is in at most 2 areas." in dict(in_words(two))["How you vote"]
        assert "ballot_areas" in two.to_canonical_json()

    def test_a_rule_book_that_was_frozen_before_there_were_area_rules_keeps_its_text(self, session: Session) -> None:
        book = queries.book_of(a_vote_under_way(session))
        assert "ballot_areas" not in book.to_canonical_json()
        assert type(book).from_json(book.to_canonical_json()) == book

    def test_the_bar_says_that_choices_are_in_too_many_areas(self) -> None:
        assert bar_words({1: 1, 3: 1}, ONE, 8, False) == "2 chosen, in more than 1 area: take some out"


def a_vote_in_areas(session: Session, **fields: Any) -> Round:
    """Eight bids, in the areas of ``PLACES``, committed."""
    round = a_vote_under_way(session, bids=8, **{"ballot_minimum": 1, "ballot_areas": 1, **fields})
    for line in queries.ballot_lines(session, round.id):
        proposal = session.get_one(Proposal, line.proposal_id)
        proposal.ward_codes = list(PLACES[line.number])
    session.commit()
    return round


class TestGuard:
    def test_a_ballot_in_two_areas_is_refused_however_it_is_handed_in(self, any_session: Session) -> None:
        round = a_vote_in_areas(any_session)
        with pytest.raises(TooManyAreas):
            casting.cast(work(any_session), round.id, a_voter(), [1, 3])
        assert not casting.cast(work(any_session), round.id, a_voter(), [1, 2, 4, 8]).replaced

    def test_a_paper_in_two_areas_is_invalid_with_that_reason(self, any_session: Session) -> None:
        desk = a_desk(any_session, ballot_minimum=1, ballot_areas=1)
        for line in queries.ballot_lines(any_session, desk.round.id):
            any_session.get_one(Proposal, line.proposal_id).ward_codes = list(PLACES[line.number])
        any_session.flush()
        assert desk.key(desk.first, 1, "1 3") is Invalid.OVER_AREA
        assert desk.key(desk.first, 2, "1 2 4") is None
        assert desk.key(desk.first, 3, "") is None
        desk.close()
        for place, marks in ((1, "1 3"), (2, "1 2 4"), (3, "")):
            desk.key(desk.second, place, marks)
        desk.approve()
        tally: Any = desk.count()
        assert (tally.paper_invalid, tally.ballot_count, tally.blank_count) == ({"over_area": 1}, 2, 1)


class TestPages:
    def test_area_b_is_shown_explained_and_not_votable_once_she_chose_in_area_a(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round = a_vote_in_areas(app_session)
        assert "All of them must be in one area, or for the whole place." in text_of(client.get(vote(round)))
        choose(client, round, ["1", "5"], do="total")
        page = client.get(vote(round, "choose"))
        assert 'id="bid-3"' in page.text
        assert 'name="choices" value="3"' not in page.text
        assert 'name="choices" value="4"' in page.text  # for A too
        assert text_of(page).count("It is in another area than your choices") == 3
        assert "In this vote all your choices are in one area." in text_of(page)

    def test_where_any_area_will_do_area_b_is_votable(self, client: FlaskClient, app_session: Session) -> None:
        round = a_vote_in_areas(app_session, ballot_areas=None)
        choose(client, round, ["1"], do="total")
        page = client.get(vote(round, "choose"))
        assert 'name="choices" value="3"' in page.text
        assert "another area" not in text_of(page)

    def test_the_message_names_the_areas_and_links_to_each(self, client: FlaskClient, app_session: Session) -> None:
        round = a_vote_in_areas(app_session)
        page = choose(client, round, ["1", "2", "3"])
        assert page.status_code == 422
        assert "Your choices are in more than one area. Take out what is elsewhere." in text_of(page)
        for ward, size in ((A, 2), (B, 1)):
            assert f'href="{vote(round, "choose")}?ward={ward}#ballot"' in page.text
            assert f"({size})" in text_of(page)
        assert "You choose in Billingham Central (2), Billingham East (1)." in text_of(page)

    def test_changing_areas_with_an_unfinished_ballot_discards_it_once_that_is_confirmed(
        self, app: Flask, client: FlaskClient, app_session: Session
    ) -> None:
        round = a_vote_in_areas(app_session)
        choose(client, round, ["1", "2", "5"], do="total")
        area = vote(round, "area/3")
        assert area in client.get(vote(round, "choose")).text
        page = client.get(area)
        assert "Take these 2 out, and choose elsewhere" in text_of(page)
        assert self.held(client, round) == {1, 2, 5}  # looking changes nothing
        assert client.post(area, data={"out": B}).status_code == 200  # no area of hers
        assert self.held(client, round) == {1, 2, 5}
        assert client.post(area, data={"out": A}).location == f"{vote(round, 'choose')}#bid-3"
        assert self.held(client, round) == {5}
        assert 'name="choices" value="3"' in client.get(vote(round, "choose")).text
        assert client.get(area).location == f"{vote(round, 'choose')}#bid-3"  # nothing to give up any more

    def test_of_at_most_two_areas_she_says_which_one_goes(self, client: FlaskClient, app_session: Session) -> None:
        round = a_vote_in_areas(
            app_session, ballot_areas=2, ballot_kind=BallotKind.RANKED, ballot_minimum=1, ballot_maximum=None
        )
        shown = {"shown": [str(line) for line in range(1, 9)]}
        client.post(vote(round, "choose"), data={"mark_1": "1", "mark_3": "2", "mark_8": "3", "do": "total", **shown})
        area = vote(round, "area/6")
        assert client.get(area).text.count("Take this out, and choose elsewhere") == 2
        client.post(area, data={"out": A})
        with client.session_transaction() as cookie:
            assert cookie[f"ballot:{round.id}"]["c"] == [3, [8, 2]] or cookie[f"ballot:{round.id}"]["c"] == [3, (8, 2)]

    def test_a_crafted_post_in_two_areas_casts_nothing(self, client: FlaskClient, app_session: Session) -> None:
        round = a_vote_in_areas(app_session)
        code = a_code(app_session, round)
        app_session.commit()
        choose(client, round, ["1"], do="total")
        known_by(client, round, code)
        client.post(vote(round, "choose"), data={"choices": ["3"], "shown": ["3"], "do": "total"})
        page = client.post(vote(round, "check"), data={"do": "cast"})
        assert page.status_code == 422
        assert "more than one area" in text_of(page)
        assert queries.turnout(app_session, round.id).total == 0

    def test_from_its_own_page_a_project_in_another_area_is_not_added(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round = a_vote_in_areas(app_session)
        client.post(vote(round, "add"), data={"number": "1"})
        client.post(vote(round, "add"), data={"number": "3"})
        assert "Your choices are in more than one area" in text_of(client.get(vote(round, "choose")))
        assert self.held(client, round) == {1}

    @staticmethod
    def held(client: FlaskClient, round: Round) -> set[int]:
        with client.session_transaction() as cookie:
            return set(cookie[f"ballot:{round.id}"]["c"])


def test_an_area_limit_that_nobody_could_keep_is_refused() -> None:
    for areas in (0, 6):
        assert ("Enter a number of areas from 1 to 5.", "ballot_areas") in [
            (message, field) for broken, message, field in BallotRules(areas=areas).complaints() if broken
        ]
