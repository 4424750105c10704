"""Strong keeping: three officers hold the key, two of them count, and nobody opens a vote before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import SetClock
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.tables import Identified
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.people.models import Person
from grants.people.queries import actor_for
from grants.proposals.rules.states import ProposalState
from grants.rounds import service as round_service
from grants.rounds.models import KeyShare, Round
from grants.rounds.rules.ballots import KeyKeeping, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting.models import Ballot, Envelope, Tally, UnfinishedBallot
from grants.voting.rules.shares import GROUPS, read_share, write_share
from grants.voting.service import casting, keys, unfinished
from grants.voting.service import votes as service
from grants.web.db import WRITES, transaction
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_draft, a_round
from tests.builders.voting import a_code, a_vote, give_key_to
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.support.work import work
from tests.voting.test_races import gave
from tests.voting.test_service import VOTE_KEY, a_steward, a_vote_under_way, a_voter, count_of, ticks
from tests.voting.test_views import cast, choose, known_by, text_of, vote

ROUND = UUID(int=7)
ONLINE = (VotingMethod.CODE, VotingMethod.EMAIL_POSTCODE)


class Strong:
    """A vote under way whose key three officers hold."""

    def __init__(self, session: Session, bids: int = 4) -> None:
        self.session = session
        self.people = [a_person(session, Role.OFFICER, name=name) for name in ("Ann Lee", "Bea Roy", "Cem Ak")]
        self.round = a_vote_under_way(session, bids, **strongly(self.people))
        self.texts = give_key_to(session, self.round, self.people)
        self.after = self.round.voting_closes_at

    def hand_in(self, officer: int, text: str | None = None, at: Any = None) -> Tally | None:
        actor = actor_of(self.session, self.people[officer])
        text = self.texts[officer] if text is None else text
        return keys.hand_in(work(self.session, actor, at or self.after), self.round.id, text, vote_key=VOTE_KEY)


def strongly(officers: list[Person]) -> dict[str, Any]:
    ids = tuple(person.id for person in officers)
    return {"key_keeping": KeyKeeping.STRONG, "key_officers": ids, "vote_methods": ONLINE}


def shares_of(session: Session, round: Round) -> list[KeyShare]:
    return list(session.scalars(select(KeyShare).where(KeyShare.round_id == round.id).order_by(KeyShare.number)))


class TestOnPaper:
    @given(st.sampled_from((1, 2, 3)), st.binary(min_size=32, max_size=32), st.uuids())
    def test_a_share_is_read_back_however_it_is_typed(self, number: int, share: bytes, round_id: UUID) -> None:
        text = write_share(number, share, round_id)
        assert len(text.split()) == GROUPS
        sloppy = text.replace(" ", "-").lower().replace("0", "o").replace("1", "l")
        assert read_share(text, round_id) == read_share(f" {sloppy}\n", round_id) == (number, share)

    def test_one_wrong_letter_is_caught_wherever_it_stands(self) -> None:
        text = write_share(2, bytes(range(32)), ROUND)
        for place, letter in enumerate(text):
            if letter != " ":
                wrong = text[:place] + ("7" if letter != "7" else "8") + text[place + 1 :]
                with pytest.raises(RuleBroken) as refused:
                    read_share(wrong, ROUND)
                assert refused.value.field == "share"

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            (lambda text: text[:-1], "56 in all. You typed 55"),
            (lambda text: "U" + text[1:], "no U"),
            (lambda text: text[5:9] + text[4] + text[:4] + text[9:], "mistyped"),
        ],
    )
    def test_the_message_says_what_to_do(self, spoil: Callable[[str], str], says: str) -> None:
        with pytest.raises(RuleBroken, match=says):
            read_share(spoil(write_share(2, bytes(range(32)), ROUND)), ROUND)

    def test_a_share_for_another_round_is_refused(self) -> None:
        with pytest.raises(RuleBroken, match="another round"):
            read_share(write_share(2, bytes(range(32)), ROUND), UUID(int=8))

    def test_only_shares_are_written(self) -> None:
        for number, share in ((4, bytes(32)), (1, bytes(31))):
            with pytest.raises(ValueError, match="32 bytes"):
                write_share(number, share, ROUND)


class TestCollecting:
    def scheduled(self, session: Session) -> tuple[Round, list[Person]]:
        fund = a_fund(session)
        a_contribution(session, fund, 2_000_000)
        officers = [a_person(session, Role.OFFICER, scope_id=fund.id) for _ in range(3)]
        draft = a_draft(session, fund, **strongly(officers))
        steward = a_steward(session)
        round = round_service.draft_round(work(session, steward), draft)
        round_service.schedule(work(session, steward), round.id, VOTE_KEY)
        return round, officers

    def test_scheduling_leaves_no_private_half_and_a_share_for_each_officer(self, any_session: Session) -> None:
        round, officers = self.scheduled(any_session)
        assert round.ballot_private_key is None
        shares = shares_of(any_session, round)
        assert {share.person_id for share in shares} == {person.id for person in officers}
        assert [share.number for share in shares] == [1, 2, 3]

    def test_each_officer_is_shown_their_share_once_and_then_it_is_gone(self, any_session: Session) -> None:
        round, officers = self.scheduled(any_session)
        told = []
        for officer in officers:
            actor = actor_of(any_session, officer)
            told.append(keys.collect(work(any_session, actor), round.id, vote_key=VOTE_KEY))
            with pytest.raises(StepRefused, match="shown once"):
                keys.collect(work(any_session, actor), round.id, vote_key=VOTE_KEY)
        assert len(set(told)) == 3
        assert [share.waiting for share in shares_of(any_session, round)] == [None] * 3
        events = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "round.share_collected")).all()
        assert [event.actor_id for event in events] == [person.id for person in officers]
        written = " ".join(str(event.body) for event in events)
        assert not any(group in written for text in told for group in text.split())

    def test_nobody_else_is_shown_a_share_whatever_their_role(self, session: Session) -> None:
        round, officers = self.scheduled(session)
        others = [a_person(session, role) for role in (Role.STEWARD, Role.OFFICER, Role.ADMIN)]
        for other in others:
            with pytest.raises(NotAllowed):
                keys.collect(work(session, actor_of(session, other)), round.id, vote_key=VOTE_KEY)
        with pytest.raises(NotAllowed):  # who was an officer
            keys.collect(work(session, Actor(id=officers[0].id)), round.id, vote_key=VOTE_KEY)

    def test_the_vote_cannot_open_before_all_three_have_theirs(self, session: Session) -> None:
        people = [a_person(session, Role.OFFICER) for _ in range(3)]
        locked = {"panel_locked_at": START - timedelta(days=1)}
        round = a_round(session, RoundState.CHECKING, **strongly(people), **locked)  # type: ignore[arg-type]
        a_proposal(session, round, ProposalState.ELIGIBLE)
        give_key_to(session, round, people, collected=False)
        for person, still in zip(
            people, ("3 returning officers have", "2 ret", "1 returning officer has"), strict=True
        ):
            with pytest.raises(StepRefused, match=still):
                service.open_vote(work(session, a_steward(session)), round.id)
            keys.collect(work(session, actor_of(session, person)), round.id, vote_key=VOTE_KEY)
        assert service.open_vote(work(session, a_steward(session)), round.id) == 1

    def test_calling_a_round_off_destroys_what_waits(self, session: Session) -> None:
        round, officers = self.scheduled(session)
        round_service.cancel(work(session, a_steward(session)), round.id, "The hall is flooded.")
        assert [share.waiting for share in shares_of(session, round)] == [None] * 3
        with pytest.raises(StepRefused, match="no share to collect"):
            keys.collect(work(session, actor_of(session, officers[0])), round.id, vote_key=VOTE_KEY)

    @pytest.mark.parametrize("who", ["two", "one twice", "a stranger"])
    def test_three_different_officers_of_the_fund_are_named(self, session: Session, who: str) -> None:
        fund = a_fund(session)
        officers = [a_person(session, Role.OFFICER, scope_id=fund.id) for _ in range(2)]
        third = {"two": [], "one twice": [officers[0]], "a stranger": [a_person(session, Role.CONNECTOR)]}[who]
        with pytest.raises(RuleBroken) as refused:
            round_service.draft_round(
                work(session, a_steward(session)), a_draft(session, fund, **strongly([*officers, *third]))
            )
        assert refused.value.field == "key_officers"


class TestVoting:
    def test_a_voter_votes_afresh_and_nothing_of_theirs_can_be_opened(self, any_session: Session) -> None:
        strong, voter = Strong(any_session), a_voter()
        assert not service.has_cast(any_session, strong.round, voter)
        for choices in (ticks(1, 2, 3), ticks(2, 3, 4)):
            unfinished.keep(work(any_session, CLOCK), strong.round.id, voter, dict(choices))
            casting.cast(work(any_session, CLOCK), strong.round.id, voter, choices)
        assert service.own_choices(any_session, strong.round, voter, vote_key=VOTE_KEY) is None
        assert unfinished.kept_choices(any_session, strong.round, voter, vote_key=VOTE_KEY) is None
        assert service.has_cast(any_session, strong.round, voter)
        assert (count_of(any_session, Envelope), count_of(any_session, UnfinishedBallot)) == (1, 0)

    def test_the_clock_and_the_steward_cannot_count(self, any_session: Session) -> None:
        strong = Strong(any_session)
        a_vote(any_session, strong.round, [1, 2, 3])
        assert service.due(any_session, strong.after) == []
        for actor in (CLOCK, a_steward(any_session)):
            with pytest.raises(StepRefused, match="Two returning officers"):
                service.close_vote(work(any_session, actor, strong.after), strong.round.id, vote_key=VOTE_KEY)


class TestCounting:
    @pytest.mark.parametrize("pair", list(combinations(range(3), 2)))
    def test_any_two_officers_count(self, any_session: Session, pair: tuple[int, int]) -> None:
        strong = Strong(any_session)
        for choices in ((1, 2, 3), (2, 3, 4)):
            a_vote(any_session, strong.round, choices)
        first, second = pair
        assert strong.hand_in(first) is None
        assert (strong.round.state, count_of(any_session, Ballot)) == (RoundState.VOTING, 0)
        tally = strong.hand_in(second)
        assert tally is not None
        assert (tally.ballot_count, tally.approvals) == (2, {"1": 1, "2": 2, "3": 2, "4": 1})
        assert (strong.round.state, count_of(any_session, Envelope)) == (RoundState.PANEL, 0)
        any_session.expire_all()
        assert [(share.waiting, share.brought) for share in shares_of(any_session, strong.round)] == [(None, None)] * 3

    def test_the_first_share_waits_wrapped(self, session: Session) -> None:
        strong = Strong(session)
        strong.hand_in(0)
        _, share = read_share(strong.texts[0], strong.round.id)
        waiting = shares_of(session, strong.round)[0].brought
        assert waiting is not None
        assert share not in waiting

    def test_one_officer_cannot_bring_two_shares(self, session: Session) -> None:
        strong = Strong(session)
        with pytest.raises(RuleBroken, match="not your share"):
            strong.hand_in(0, strong.texts[1])
        strong.hand_in(0)
        for text in strong.texts:
            with pytest.raises(StepRefused, match="Another officer"):
                strong.hand_in(0, text)

    def test_a_well_written_share_that_is_false_is_refused_at_the_field(self, session: Session) -> None:
        strong = Strong(session)
        strong.hand_in(0)
        number, share = read_share(strong.texts[1], strong.round.id)
        false = write_share(number, bytes([share[0] ^ 1]) + share[1:], strong.round.id)
        with pytest.raises(RuleBroken, match="not your share") as refused:
            strong.hand_in(1, false)
        assert refused.value.field == "share"
        assert strong.hand_in(1) is not None

    def test_two_shares_that_make_another_key_count_nothing(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strong = Strong(session)
        strong.hand_in(0)
        monkeypatch.setattr(round_service, "join", lambda _: bytes(32))
        with pytest.raises(RuleBroken, match="do not make this round") as refused:
            strong.hand_in(1)
        assert refused.value.field == "share"

    def test_nobody_counts_before_the_close_or_twice(self, session: Session) -> None:
        strong = Strong(session)
        with pytest.raises(StepRefused, match="Voting is open until"):
            strong.hand_in(0, at=strong.after - timedelta(seconds=1))
        strong.hand_in(0)
        strong.hand_in(1)
        with pytest.raises(StepRefused, match="counted already"):
            strong.hand_in(2)

    def test_who_holds_no_share_brings_none(self, session: Session) -> None:
        strong = Strong(session)
        for actor in (a_steward(session), CLOCK):
            with pytest.raises(NotAllowed):
                keys.hand_in(work(session, actor, strong.after), strong.round.id, strong.texts[0], vote_key=VOTE_KEY)


def bring(ready: Callable[[], None], url: str, round_id: UUID, person_id: UUID, text: str, guarded: bool) -> str:
    """One racer: an officer types their share; when not ``guarded``, without holding the round."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            actor = actor_for(session, person_id, "")
            closes_at = session.scalars(select(Round.voting_closes_at).where(Round.id == round_id)).one()
            session.rollback()
            if guarded:
                ready()
            else:  # a process of its own: nobody else sees this
                _unlock(ready)
            with transaction(session, engine, actor, closes_at) as uow:
                tally = keys.hand_in(uow, round_id, text, vote_key=VOTE_KEY)
                return "waits" if tally is None else f"counted {tally.ballot_count}"
    except StepRefused:
        return "refused"
    finally:
        engine.dispose()


def _unlock(ready: Callable[[], None]) -> None:
    """Both look for another's share before either writes theirs."""
    held, wrap = UnitOfWork.get, round_service.wrap_share

    def look(self: UnitOfWork, model: type[Identified], id: UUID, *, lock: bool = False) -> Identified:
        return held(self, model, id, lock=lock and model is not Round)

    def wrap_when_both_have_looked(*about: Any) -> bytes:
        ready()
        return wrap(*about)

    UnitOfWork.get = look  # type: ignore[method-assign, assignment]
    round_service.wrap_share = wrap_when_both_have_looked


def a_closed_vote(url: str) -> list[tuple[str, UUID, UUID, str]]:
    """One ballot waits to be counted; what each of the three officers needs for that."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        strong = Strong(session)
        a_vote(session, strong.round, [1, 2, 3])
        officers = zip(strong.people, strong.texts, strict=True)
        entries = [(url, strong.round.id, person.id, text) for person, text in officers]
        session.commit()
    engine.dispose()
    return entries


def counted(url: str) -> tuple[int, int]:
    engine = an_engine(url)
    with Session(engine) as session:
        sizes = (count_of(session, Ballot), count_of(session, Tally))
    engine.dispose()
    return sizes


@pytest.mark.race
@pytest.mark.parametrize("told", [["counted 1", "waits"], ["counted 1", "refused", "waits"]], ids=["two", "three"])
def test_officers_who_type_at_once_count_once(any_url: str, told: list[str]) -> None:
    entries = [(*entry, True) for entry in a_closed_vote(any_url)]
    assert gave(race(bring, entries[: len(told)])) == told
    assert counted(any_url) == (1, 1)


@pytest.mark.race
def test_without_the_held_round_both_wait_for_each_other(postgres_url: str) -> None:
    entries = [(*entry, False) for entry in a_closed_vote(postgres_url)]
    assert gave(race(bring, entries[:2])) == ["waits", "waits"]
    assert counted(postgres_url) == (0, 0)


class TestPages:
    @pytest.fixture
    def strong(self, app_session: Session) -> Strong:
        made = Strong(app_session, bids=8)
        app_session.commit()
        return made

    def at_the_close(self, app: Flask, strong: Strong) -> None:
        app.extensions["clock"] = SetClock(strong.after)

    def test_a_share_is_collected_once_and_never_kept_by_a_browser(self, as_: SignIn, app_session: Session) -> None:
        people = [a_person(app_session, Role.OFFICER) for _ in range(3)]
        round = a_round(app_session, RoundState.OPEN, **strongly(people))  # type: ignore[arg-type]
        texts = give_key_to(app_session, round, people, collected=False)
        app_session.commit()
        officer, url = as_(people[0]), f"/rounds/{round.id}/key"
        app_session.rollback()  # somebody who reads would keep SQLite from tidying up, and the page waits for that
        assert "Collect your share of the key" in text_of(officer.get("/home"))
        assert texts[0].split()[3] not in officer.get(url).text
        shown = officer.post(f"{url}/collect")
        assert re.findall(r'app-share__group">(\w{4})<', shown.text) == texts[0].split()
        assert shown.headers["Cache-Control"] == "no-store"
        again = officer.post(f"{url}/collect", follow_redirects=True)
        assert "It was shown once" in text_of(again)
        assert texts[0].split()[3] not in again.text

    def test_others_see_no_page_of_a_share(self, as_: SignIn, app_session: Session, strong: Strong) -> None:
        for role in (Role.STEWARD, Role.OFFICER):
            other = as_(a_person(app_session, role))
            assert other.get(f"/rounds/{strong.round.id}/key").status_code == 403
            assert other.post(f"/rounds/{strong.round.id}/key/collect").status_code == 403

    def test_two_officers_type_their_shares_and_the_votes_are_counted(
        self, app: Flask, as_: SignIn, app_session: Session, strong: Strong
    ) -> None:
        a_vote(app_session, strong.round, [1, 2, 3])
        app_session.commit()
        self.at_the_close(app, strong)
        url = f"/rounds/{strong.round.id}/key"
        first = as_(strong.people[0])
        assert "Type your share of the key" in text_of(first.get("/home"))
        wrong = first.post(f"{url}/hand-in", data={"share": strong.texts[1]})
        assert (wrong.status_code, "This is not your share" in wrong.text) == (422, True)
        assert strong.texts[1] in wrong.text  # what was typed is kept
        waits = text_of(first.post(f"{url}/hand-in", data={"share": strong.texts[0]}, follow_redirects=True))
        assert "Ask one of them: Bea Roy or Cem Ak." in waits
        second = as_(strong.people[1])
        done = second.post(f"{url}/hand-in", data={"share": strong.texts[1]}, follow_redirects=True)
        assert "The votes are counted" in text_of(done)
        assert "Destroy your share now" in text_of(done)
        app_session.rollback()
        assert count_of(app_session, Ballot) == 1

    def test_the_desk_names_the_officers_and_offers_no_count(
        self, app: Flask, as_: SignIn, app_session: Session, strong: Strong
    ) -> None:
        self.at_the_close(app, strong)
        steward = as_(a_person(app_session, Role.STEWARD))
        page = text_of(steward.get(vote(strong.round, "desk")))
        assert "Ann Lee: has their share" in page
        assert "Voting has closed: two officers count" in page
        assert "Count the votes" not in page
        assert "Count the votes" not in text_of(steward.get("/home"))
        answer = steward.post(vote(strong.round, "count"), follow_redirects=True)
        assert "Two returning officers must type their shares" in text_of(answer)

    def test_who_has_voted_chooses_afresh(self, client: FlaskClient, app_session: Session, strong: Strong) -> None:
        code = a_code(app_session, strong.round)
        app_session.commit()
        assert "vote afresh as often as you like" in text_of(client.get(vote(strong.round)))
        cast(client, strong.round, code)
        client.post(vote(strong.round, "leave"))
        answer = known_by(client, strong.round, code)
        page = client.get(answer.location)
        assert "Nobody can open that vote, so choose afresh" in text_of(page)
        assert not re.findall(r"data-choice[^>]* checked", page.text)
        choose(client, strong.round, ["4", "5", "6"])
        check = client.get(vote(strong.round, "check"))
        assert "This ballot replaces that one" in text_of(check)
        assert 'value="earlier"' not in check.text
        assert client.post(vote(strong.round, "check"), data={"do": "earlier"}).status_code == 200
        assert client.post(vote(strong.round, "check"), data={"do": "cast"}).status_code == 303
        app_session.rollback()
        assert count_of(app_session, Envelope) == 1

    def test_a_steward_drafts_a_strong_round(self, as_: SignIn, app_session: Session) -> None:
        steward = a_person(app_session, Role.STEWARD)
        round = a_round(app_session, RoundState.DRAFT)
        officers = [a_person(app_session, Role.OFFICER) for _ in range(3)]
        app_session.commit()
        page = as_(steward).get(f"/rounds/{round.id}/edit")
        assert "Who holds the key that opens the votes?" in page.text
        assert all(person.name in page.text for person in officers)
