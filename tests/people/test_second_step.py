"""The second step when signing in: numbers, recovery codes, and being asked again where money moves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from grants.config import SecondFactor
from grants.kernel.actors import Actor, Presence, Role, Wanted
from grants.kernel.clock import SetClock
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.keyring import KeyRing
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.people import queries, rules
from grants.people.models import Factor, Person, RecoveryCode, SignInSession
from grants.people.service import accounts
from grants.people.service import factors as service
from grants.people.service.factors import Locks, Shown
from grants.web.db import transaction
from tests.builders.actors import an_actor
from tests.builders.people import a_person, a_sign_in, actor_of
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.pages import a_page, assert_no_barriers
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.servers import serving
from tests.support.settings import KEYS
from tests.support.sign_in import lend_cookies, signed_in
from tests.support.work import work

RING = KeyRing.parse(KEYS["bank_keys"])
LOCKS = Locks(RING, rules.pepper_from(KEYS["secret_key"]))
LATER = START + timedelta(minutes=2)
HALF_MINUTE = timedelta(seconds=30)


def number_at(secret: str, at: object = START) -> str:
    return pyotp.TOTP(secret).at(at)  # type: ignore[arg-type]


def a_factor(session: Session, person: Person) -> tuple[str, list[str]]:
    """Set up through the service at ``START``; gives the secret and the recovery codes."""
    uow = work(session, actor_of(session, person))
    service.begin(uow, LOCKS)
    secret = service.secret_to_set_up(session, LOCKS, person.id)
    assert secret is not None
    made = service.confirm(uow, LOCKS, number_at(secret), a_sign_in(session, person))
    session.flush()
    return secret, made.codes


# Rules.


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(steps: int, taken: bool) -> None:
    secret = rules.new_secret()
    step = rules.step_of(number_at(secret, START + steps * HALF_MINUTE), secret, START)
    assert step == (int(START.timestamp()) // 30 + steps if taken else None)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"])
def test_what_is_no_number_is_said_at_its_field(text: str) -> None:
    with pytest.raises(RuleBroken) as broken:
        rules.number_from(text)
    assert broken.value.field == "number"


def test_a_recovery_code_is_known_however_it_is_typed_and_only_for_its_owner() -> None:
    code, me = rules.new_codes()[0], UUID(int=1)
    kept = rules.hash_of_code(code, LOCKS.pepper, me)
    assert rules.hash_of_code(f" {code.lower().replace('-', ' ')}", LOCKS.pepper, me) == kept
    assert rules.hash_of_code(code, LOCKS.pepper, UUID(int=2)) != kept
    assert len(set(rules.new_codes())) == rules.CODE_COUNT


@pytest.mark.parametrize("role", list(Role))
def test_whoever_decides_about_money_or_reads_everything_must(role: Role) -> None:
    here = Presence(an_actor(role))
    must = role not in (Role.RESIDENT, Role.GROUP_MEMBER, Role.CONNECTOR, Role.OFFICER)
    assert rules.wanted(here, required=True) == (Wanted.SET_UP if must else None)
    assert rules.wanted(here, required=False) is None
    for required in (True, False):
        assert rules.wanted(Presence(here.actor, has_factor=True), required=required) is Wanted.NUMBER
        assert rules.wanted(Presence(here.actor, has_factor=True, factor_at=START), required=required) is None


def test_a_number_is_fresh_for_a_quarter_of_an_hour() -> None:
    here = Presence(an_actor(), has_factor=True, factor_at=START)
    assert rules.is_fresh(here, START + timedelta(minutes=15))
    assert not rules.is_fresh(here, START + timedelta(minutes=15, seconds=1))
    assert rules.is_fresh(Presence(an_actor()), START)


# The service.


def test_setting_up_seals_the_secret_and_keeps_only_hashes_of_codes(any_session: Session) -> None:
    person = a_person(any_session)
    secret, codes = a_factor(any_session, person)
    factor = queries.factor_of(any_session, person.id)
    assert factor is not None
    assert secret not in factor.sealed
    kept = set(any_session.scalars(select(RecoveryCode.code_hash)))
    assert len(kept) == len(codes) == 10
    assert not any(code in hash for code in codes for hash in kept)
    assert service.secret_to_set_up(any_session, LOCKS, person.id) is None
    told = " ".join(f"{e.verb} {e.why} {e.body}" for e in any_session.scalars(select(AuditEvent)))
    assert "people.factor_confirmed" in told
    assert not any(secret in told or code in told for code in codes)


def test_a_wrong_first_number_sets_nothing_up(session: Session) -> None:
    person = a_person(session)
    uow = work(session, actor_of(session, person))
    service.begin(uow, LOCKS)
    secret = service.secret_to_set_up(session, LOCKS, person.id) or ""
    with pytest.raises(RuleBroken, match="not the number"):
        service.confirm(uow, LOCKS, number_at(secret, START + timedelta(hours=1)), a_sign_in(session, person))
    assert not session.scalar(select(Factor.confirmed_at))


def test_a_number_is_never_taken_twice_nor_one_before_it(any_session: Session) -> None:
    person = a_person(any_session)
    secret, _ = a_factor(any_session, person)
    uow, token = work(any_session, actor_of(any_session, person), LATER), a_sign_in(any_session, person)
    number, before = number_at(secret, LATER), number_at(secret, LATER - HALF_MINUTE)
    token = service.show(uow, LOCKS, Shown(number), token)
    for again in (number, before):
        with pytest.raises(RuleBroken, match="used already") as broken:
            service.show(uow, LOCKS, Shown(again), token)
        assert broken.value.field == "number"


def test_the_session_gets_a_new_token_and_is_still_the_same_visit(any_session: Session) -> None:
    person = a_person(any_session)
    secret, _ = a_factor(any_session, person)
    token = a_sign_in(any_session, person)
    before = queries.presence_of_session(any_session, token, LATER)
    fresh = service.show(
        work(any_session, actor_of(any_session, person), LATER), LOCKS, Shown(number_at(secret, LATER)), token
    )
    after = queries.presence_of_session(any_session, fresh, LATER)
    assert before is not None
    assert (before.has_factor, before.factor_at) == (True, None)
    assert after is not None
    assert after.factor_at == LATER
    assert queries.presence_of_session(any_session, token, LATER) is None


def test_a_recovery_code_works_once_and_its_owner_is_told(any_session: Session) -> None:
    person = a_person(any_session)
    _, codes = a_factor(any_session, person)
    uow = work(any_session, actor_of(any_session, person), LATER)
    token = service.show(uow, LOCKS, Shown(code=codes[3]), a_sign_in(any_session, person))
    assert queries.codes_left(any_session, person.id) == 9
    with pytest.raises(RuleBroken, match="used it") as broken:
        service.show(uow, LOCKS, Shown(code=codes[3]), token)
    assert broken.value.field == "code"
    any_session.flush()
    [letter] = any_session.scalars(select(OutboxRow))
    assert "You have 9 left" in letter.payload["text"]


def test_new_codes_put_the_old_ones_out_of_use(session: Session) -> None:
    person = a_person(session)
    secret, old = a_factor(session, person)
    uow = work(session, actor_of(session, person), LATER)
    new = service.make_codes(uow, LOCKS, Shown(number_at(secret, LATER)))
    assert not set(new) & set(old)
    with pytest.raises(RuleBroken):
        service.take_off(uow, LOCKS, Shown(code=old[0]))
    service.take_off(uow, LOCKS, Shown(code=new[0]))
    assert queries.factor_of(session, person.id) is None
    assert session.scalar(select(func.count()).select_from(RecoveryCode)) == 0


def test_nobody_takes_off_their_own_without_a_number(session: Session) -> None:
    person = a_person(session)
    a_factor(session, person)
    with pytest.raises(RuleBroken, match="6 digits"):
        service.take_off(work(session, actor_of(session, person), LATER), LOCKS, Shown())


def test_another_admin_takes_it_off_and_the_owner_gets_a_letter(any_session: Session) -> None:
    person, admin = a_person(any_session, Role.ADMIN), a_person(any_session, Role.ADMIN)
    a_factor(any_session, person)
    token = a_sign_in(any_session, person)
    with pytest.raises(RuleBroken) as broken:
        service.take_off_for(work(any_session, actor_of(any_session, admin)), person.id, " ")
    assert broken.value.field == "reason"
    service.take_off_for(work(any_session, actor_of(any_session, admin)), person.id, "Came to the office.")
    any_session.flush()
    any_session.expire_all()
    assert queries.factor_of(any_session, person.id) is None
    assert queries.presence_of_session(any_session, token, START) is None
    [letter] = any_session.scalars(select(OutboxRow))
    assert letter.payload["to"] == person.email
    entry = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "people.factor_taken_off")).one()
    assert (entry.why, entry.actor_id) == ("Came to the office.", admin.id)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_admin_takes_off_another_ones(role: Role) -> None:
    from grants.people import access

    with pytest.raises(NotAllowed):
        access.ensure_may_take_factor_off(an_actor(role), UUID(int=7))


def test_an_admin_never_takes_off_their_own_like_this(session: Session) -> None:
    admin = a_person(session, Role.ADMIN)
    a_factor(session, admin)
    with pytest.raises(NotAllowed, match="another admin"):
        service.take_off_for(work(session, actor_of(session, admin)), admin.id, "Me.")


def test_rotating_the_keys_seals_it_again(any_session: Session) -> None:
    person = a_person(any_session)
    secret, _ = a_factor(any_session, person)
    both = KeyRing("new", {"new": b"2" * 32, **RING.keys})
    assert service.rotate(work(any_session), both) == 1
    assert service.rotate(work(any_session), both) == 0
    alone = Locks(KeyRing("new", {"new": b"2" * 32}), LOCKS.pepper)
    service.take_off(work(any_session, actor_of(any_session, person), LATER), alone, Shown(number_at(secret, LATER)))
    assert queries.factor_of(any_session, person.id) is None


def test_a_secret_opens_for_its_owner_only(session: Session) -> None:
    mine, theirs = a_person(session), a_person(session)
    a_factor(session, mine)
    secret, _ = a_factor(session, theirs)
    sealed = session.scalar(select(Factor.sealed).where(Factor.person_id == theirs.id))
    session.execute(update(Factor).where(Factor.person_id == mine.id).values(sealed=sealed))
    session.expire_all()
    with pytest.raises(Exception, match="does not open"):
        service.take_off(work(session, actor_of(session, mine), LATER), LOCKS, Shown(number_at(secret, LATER)))


def test_signing_out_everywhere_leaves_it_as_it_is(session: Session) -> None:
    person = a_person(session)
    a_factor(session, person)
    accounts.leave_everywhere(work(session, actor_of(session, person)))
    assert queries.factor_of(session, person.id) is not None


def test_a_copy_of_ones_data_tells_of_it_without_the_secret(session: Session) -> None:
    person = a_person(session)
    assert queries.everything_about(session, person.id)["second_step"] is None
    a_factor(session, person)
    told = queries.everything_about(session, person.id)["second_step"]
    assert told == {"since": START.isoformat(), "recovery_codes_left": 10}


# Two at once.


def show_at_once(ready: Callable[[], None], url: str, person_id: UUID, shown: Shown, token: str, guarded: bool) -> str:
    """One racer: the service as the page calls it; or, without its guard, one that reads and then writes."""
    engine = an_engine(url)
    if not guarded:
        service._take_number = _read_then_write(ready)  # in this process only
    with Session(engine) as session:
        session.scalar(select(1))
        if guarded:
            ready()
        try:
            with transaction(session, engine, Actor(person_id), LATER) as uow:
                service.show(uow, LOCKS, shown, token)
            return "in"
        except RuleBroken:
            return "told"
        finally:
            engine.dispose()


def _read_then_write(ready: Callable[[], None]) -> Callable[[UnitOfWork, Factor, Locks, str], None]:
    def take(uow: UnitOfWork, factor: Factor, locks: Locks, number: str) -> None:
        step = rules.step_of(number, service._secret(factor, locks), uow.now)
        if step is None or (factor.last_step is not None and factor.last_step >= step):
            raise RuleBroken("used already")
        ready()  # both have read
        factor.last_step = step

    return take


def a_race(url: str, what: str, *, guarded: bool = True) -> list[str | None]:
    engine: Engine = an_engine(url)
    with Session(engine) as session, transaction(session, engine, Actor(id=None), START):
        person = a_person(session)
        secret, codes = a_factor(session, person)
        shown = Shown(number_at(secret, LATER)) if what == "number" else Shown(code=codes[0])
        tokens, person_id = [a_sign_in(session, person) for _ in range(2)], person.id
    engine.dispose()
    finishes = race(show_at_once, [(url, person_id, shown, token, guarded) for token in tokens])
    assert [one.error for one in finishes if one.error] == []
    return sorted(one.gave for one in finishes)


@pytest.mark.race
@pytest.mark.parametrize("what", ["number", "code"])
def test_of_two_that_show_the_same_at_once_one_comes_in(any_url: str, what: str) -> None:
    assert a_race(any_url, what) == ["in", "told"]


@pytest.mark.race
@pytest.mark.postgres
def test_without_its_guard_one_number_lets_two_in(postgres_url: str) -> None:
    assert a_race(postgres_url, "number", guarded=False) == ["in", "in"]


# The pages.


def typed(page: str, label: str) -> str:
    found = re.search(label, page)
    assert found, label
    return found[1]


def set_up(browser: FlaskClient, clock: SetClock, next_path: str = "/you") -> tuple[str, list[str]]:
    """Through the pages; gives the secret and the codes."""
    started = browser.post("/second-step/begin", data={"next": next_path})
    page = browser.get(started.location).get_data(as_text=True)
    secret = typed(page, r'app-secret">([A-Z2-7 ]+)<').replace(" ", "")
    answer = browser.post(started.location, data={"number": number_at(secret, clock.now()), "next": next_path})
    codes = re.findall(r'app-recovery__one"><code class="app-code">([A-Z0-9-]+)', answer.get_data(as_text=True))
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(codes) == 10
    return secret, codes


def test_from_ones_own_page_to_the_codes(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    browser = as_(a_person(app_session))
    assert "Add a second step" in browser.get("/you").get_data(as_text=True)
    set_up(browser, clock)
    assert "Set up on" in browser.get("/you").get_data(as_text=True)
    page = browser.get("/second-step").get_data(as_text=True)
    assert "10 of 10" in page
    assert browser.get("/second-step/set-up").location.startswith("/second-step")  # the secret is not shown again
    assert browser.post("/second-step/begin").status_code == 422


def test_after_the_link_the_number_is_asked_for_and_the_page_that_was_wanted_follows(
    app: Flask, as_: SignIn, app_session: Session, clock: SetClock
) -> None:
    rose = a_person(app_session, email="rose@example.org")
    secret, _ = set_up(as_(rose), clock)
    clock.advance(timedelta(hours=1))
    browser = app.test_client()
    browser.post("/sign-in", data={"email": "rose@example.org", "next": "/groups"})
    text = app_session.scalars(select(OutboxRow.payload)).one()["text"]
    came = browser.post("/sign-in/" + typed(text, r"/sign-in/([\w-]+)"))
    assert came.location == "/sign-in/number?next=%2Fgroups"
    assert "Sign out" not in browser.get("/groups").get_data(as_text=True)  # nobody yet
    assert browser.get("/you").location == "/sign-in/number?next=%2Fyou"
    assert browser.get("/second-step").location.startswith("/sign-in/number")
    assert browser.post("/second-step/begin").location.startswith("/sign-in/number")
    wrong = browser.post("/sign-in/number", data={"number": "12 34", "next": "/groups"})
    assert wrong.status_code == 422
    assert "Enter the 6 digits that your app shows" in wrong.get_data(as_text=True)
    right = browser.post("/sign-in/number", data={"number": number_at(secret, clock.now()), "next": "/groups"})
    assert right.location == "/groups"
    assert "Sign out" in browser.get("/groups").get_data(as_text=True)


def test_the_number_leads_to_no_other_site(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    person = a_person(app_session)
    secret, _ = set_up(as_(person), clock)
    clock.advance(timedelta(minutes=1))
    other = as_(person)
    answer = other.post("/sign-in/number", data={"number": number_at(secret, clock.now()), "next": "//evil.example"})
    assert answer.location == "/home"


def test_where_it_is_required_nothing_else_can_be_done(
    make_app: Callable[..., Flask], sqlite_url: str, clock: SetClock
) -> None:
    app = make_app(sqlite_url, second_factor=SecondFactor.REQUIRED)
    app.extensions["clock"] = clock
    app.config.update(WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=True)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with Session(engine) as session:
        officer = signed_in(app, session, a_person(session, Role.FINANCE_OFFICER))
        resident = signed_in(app, session, a_person(session))
    assert resident.get("/home").status_code == 200
    assert officer.get("/payments?show=ask").location == "/second-step?next=%2Fpayments%3Fshow%3Dask"
    assert officer.post("/payments/ask").location == "/second-step?next=%2Fhome"
    page = officer.get("/second-step?next=/payments").get_data(as_text=True)
    assert "Your role decides about money" in page
    assert 'value="/payments"' in page
    set_up(officer, clock, "/payments")
    assert officer.get("/payments").status_code == 200


def test_money_asks_again_before_its_form_is_shown(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    fund = UUID(int=7)
    browser = as_(Role.FINANCE_OFFICER)
    secret, _ = set_up(browser, clock)
    assert browser.get(f"/bank-runs/new/{fund}").status_code == 404  # fresh: let through to what is not there
    clock.advance(timedelta(minutes=16))
    asked = browser.get(f"/bank-runs/new/{fund}")
    assert asked.location == f"/sign-in/number?next=/bank-runs/new/{fund}"
    assert "about money" in browser.get(asked.location).get_data(as_text=True)
    browser.post(asked.location, data={"number": number_at(secret, clock.now())})
    assert browser.get(f"/bank-runs/new/{fund}").status_code == 404
    assert as_(Role.FINANCE_OFFICER).get(f"/bank-runs/new/{fund}").status_code == 404  # who has none is not asked


def test_what_was_typed_is_kept_when_the_number_has_grown_old(
    as_: SignIn, app_session: Session, clock: SetClock
) -> None:
    officer = a_person(app_session, Role.FINANCE_OFFICER)
    browser, admin = as_(officer), as_(Role.ADMIN)
    set_up(browser, clock)
    secret, _ = set_up(admin, clock)
    clock.advance(timedelta(minutes=16))
    path = f"/people/{officer.id}/second-step"
    late = admin.post(path, data={"reason": 'Lost it, "really"'})
    assert late.status_code == 403
    assert 'name="reason" value="Lost it, &#34;really&#34;"' in late.get_data(as_text=True)
    assert "What you typed is kept" in late.get_data(as_text=True)
    kept = {"reason": 'Lost it, "really"', "second_step-number": "000000"}
    wrong = admin.post(path, data=kept)
    assert wrong.status_code == 422
    assert "This is not the number" in wrong.get_data(as_text=True)
    assert app_session.scalar(select(func.count()).select_from(Factor)) == 2
    done = admin.post(path, data=kept | {"second_step-number": number_at(secret, clock.now())})
    assert done.location == f"/people/{officer.id}"
    app_session.rollback()
    assert queries.factor_of(app_session, officer.id) is None
    entry = app_session.scalars(select(AuditEvent).where(AuditEvent.verb == "people.factor_taken_off")).one()
    assert entry.why == 'Lost it, "really"'


def test_a_file_is_chosen_again_after_the_number(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    browser = as_(Role.FINANCE_OFFICER)
    secret, _ = set_up(browser, clock)
    clock.advance(timedelta(minutes=16))
    late = browser.post("/statements", data={"file": (BytesIO(b"date,amount"), "may.csv")})
    assert (late.status_code, "you choose it again" in late.get_data(as_text=True)) == (403, True)
    back = browser.post("/statements", data={"second_step-number": number_at(secret, clock.now())})
    assert back.status_code == 422
    assert 'type="file"' in back.get_data(as_text=True)


def test_a_number_shown_for_money_lets_the_same_visit_go_on(
    app: Flask, as_: SignIn, app_session: Session, clock: SetClock
) -> None:
    browser = as_(Role.ADMIN)
    secret, _ = set_up(browser, clock)
    with browser.session_transaction() as cookie:
        cookie["csrf_token"], before = "kept", cookie["_user_id"]
    clock.advance(timedelta(minutes=16))
    browser.post("/sign-in/number", data={"number": number_at(secret, clock.now())})
    with browser.session_transaction() as cookie:
        assert cookie["_user_id"] != before
        assert cookie["csrf_token"] == "kept"  # forms in other windows still go through
    assert app_session.scalar(select(func.count()).select_from(SignInSession)) == 1


def test_tries_are_counted_for_the_person(make_app: Callable[..., Flask], sqlite_url: str, clock: SetClock) -> None:
    app = make_app(sqlite_url, rate_limits=True)
    app.extensions["clock"] = clock
    app.config.update(WTF_CSRF_ENABLED=False)
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with Session(engine) as session:
        person = a_person(session)
        a_factor(session, person)
        browsers = [signed_in(app, session, person) for _ in range(2)]
    tries = [browsers[n % 2].post("/sign-in/number", data={"number": "000000"}).status_code for n in range(13)]
    assert tries == [422] * 12 + [429]


def test_whoever_is_forgotten_leaves_no_second_step(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    browser = as_(a_person(app_session))
    set_up(browser, clock)
    browser.post("/you/forget", data={"sure": "y"})
    assert app_session.scalar(select(func.count()).select_from(Factor)) == 0
    assert app_session.scalar(select(func.count()).select_from(RecoveryCode)) == 0


def test_by_command_for_the_last_admin(app: Flask, as_: SignIn, app_session: Session, clock: SetClock) -> None:
    admin = a_person(app_session, Role.ADMIN, email="ada@example.org")
    set_up(as_(admin), clock)
    run = app.test_cli_runner().invoke
    assert "Nobody has this address" in run(args=["people", "take-off-factor", "no@example.org", "Lost."]).output
    assert "taken off" in run(args=["people", "take-off-factor", "ada@example.org", "Lost the phone."]).output
    assert app_session.scalar(select(func.count()).select_from(Factor)) == 0


@pytest.mark.browser
def test_setting_up_and_the_question_are_for_everybody(
    app: Flask, as_: SignIn, app_session: Session, browser: Browser, clock: SetClock
) -> None:
    person = a_person(app_session)
    mine = as_(person)
    app.config.update(WTF_CSRF_ENABLED=True)
    with serving(app) as url, a_page(browser, url, script=True) as page:
        lend_cookies(mine, page.context, url)
        page.goto("/second-step")
        page.get_by_role("button", name="I have an app").click()
        page.get_by_text("I cannot scan it").click()
        assert_no_barriers(page)
        secret = page.locator(".app-secret").inner_text().replace(" ", "")
        page.get_by_label("Number from your app").fill(number_at(secret, clock.now()))
        page.get_by_role("button", name="Go on").click()
        assert page.locator(".app-recovery__one").count() == 10
        assert_no_barriers(page)
        clock.advance(timedelta(minutes=1))
        lend_cookies(as_(person), page.context, url)
        page.goto("/sign-in/number?next=/you")
        page.get_by_text("I do not have my phone").click()
        assert_no_barriers(page)
        page.get_by_label("Number from your app").fill(number_at(secret, clock.now()))
        page.get_by_role("button", name="Go on").click()
        assert page.get_by_role("heading", name="You", exact=True).is_visible()
