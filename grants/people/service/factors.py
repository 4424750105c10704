"""The second step when signing in: numbers from an app, recovery codes, and how both are taken off again."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.keyring import KeyRing
from grants.kernel.work import UnitOfWork
from grants.people import access, notices, queries, rules
from grants.people.models import Factor, Person, RecoveryCode, SignInSession
from grants.people.service.accounts import end_sessions


@dataclass(frozen=True, slots=True)
class Locks:
    """What opens secrets (``keys``), and what recovery codes are hashed under (``pepper``)."""

    keys: KeyRing
    pepper: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows: the number of their app, or else a recovery code."""

    number: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class SetUp:
    """A second step that is set up: the codes, once, and the new token of this session."""

    codes: list[str] = field(repr=False)
    token: str = field(repr=False)


# Setting it up.


def begin(uow: UnitOfWork, locks: Locks) -> None:
    """Draw a secret for the person who acts; one that was begun and never confirmed is replaced."""
    person = uow.get(Person, access.ensure_signed_in(uow.actor), lock=True)
    factor = queries.factor_of(uow.session, person.id)
    if factor is not None and factor.confirmed_at is not None:
        raise RuleBroken("You have a second step already. Take it off first if you want another.")
    sealed = locks.keys.seal(rules.new_secret().encode(), _about(person.id))
    if factor is None:
        uow.add(Factor(person_id=person.id, sealed=sealed, begun_at=uow.now))
    else:
        factor.sealed, factor.begun_at = sealed, uow.now
    uow.record("people.factor_begun", person)


def secret_to_set_up(session: Session, locks: Locks, person_id: UUID) -> str | None:
    """The secret, to be read into an app, until its first number was given; None if there is none to read."""
    factor = queries.factor_of(session, person_id)
    if factor is None or factor.confirmed_at is not None:
        return None
    return _secret(factor, locks)


def confirm(uow: UnitOfWork, locks: Locks, number: str, token: str) -> SetUp:
    """Take the first number, and give the recovery codes. From now on a number is asked for at every sign-in."""
    person = uow.get(Person, access.ensure_signed_in(uow.actor), lock=True)
    factor = queries.factor_of(uow.session, person.id)
    if factor is None or factor.confirmed_at is not None:
        raise RuleBroken("There is nothing to set up. Begin again from your own page.")
    _take_number(uow, factor, locks, number)
    factor.confirmed_at = uow.now
    others = update(SignInSession).where(SignInSession.person_id == person.id).values(factor_at=None)
    uow.session.execute(others)  # every other device is asked for a number too
    codes = _new_codes(uow, person.id, locks)
    uow.record("people.factor_confirmed", person, codes=len(codes))
    return SetUp(codes, _renew_session(uow, token))


# Showing it.


def show(uow: UnitOfWork, locks: Locks, shown: Shown, token: str) -> str:
    """Take a number or a recovery code, for signing in or for money. Gives the session's new token."""
    person, how = _shown(uow, locks, shown)
    uow.record("people.factor_number_given", person, how=how)
    return _renew_session(uow, token)


def make_codes(uow: UnitOfWork, locks: Locks, shown: Shown) -> list[str]:
    """New recovery codes instead of the old ones, for whoever shows a fresh number."""
    person, how = _shown(uow, locks, shown)
    uow.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    codes = _new_codes(uow, person.id, locks)
    uow.record("people.factor_codes_made", person, how=how, codes=len(codes))
    return codes


# Taking it off.


def take_off(uow: UnitOfWork, locks: Locks, shown: Shown) -> None:
    """Take off one's own, with a fresh number or a recovery code."""
    person, how = _shown(uow, locks, shown)
    _remove(uow, person.id)
    notices.factor_taken_off(uow, person)
    uow.record("people.factor_taken_off", person, how=how)


def take_off_for(uow: UnitOfWork, person_id: UUID, reason: str) -> None:
    """Take off somebody else's who lost their phone. They are signed out everywhere, and told by a letter."""
    access.ensure_may_take_factor_off(uow.actor, person_id)
    person, reason = uow.get(Person, person_id, lock=True), reason.strip()
    factor = queries.factor_of(uow.session, person_id)
    if factor is None or factor.confirmed_at is None:
        raise RuleBroken("This person has no second step.")
    if not reason:
        raise RuleBroken("Say why, and how you know that it is them who ask", "reason")
    _remove(uow, person_id)
    sessions = end_sessions(uow, person_id)
    notices.factor_taken_off(uow, person, by_another=True)
    uow.record("people.factor_taken_off", person, why=reason[:500], sessions=sessions)


def forget(uow: UnitOfWork, person_id: UUID, _email: str | None) -> None:
    """Nothing is left of it when somebody is forgotten."""
    _remove(uow, person_id)


def rotate(uow: UnitOfWork, keys: KeyRing) -> int:
    """Seal again, under the ring's current key, whatever another key seals. Safe to run twice; gives how many."""
    old = uow.session.scalars(
        select(Factor).where(Factor.sealed.not_like(f"{keys.current}.%")).order_by(Factor.person_id).with_for_update()
    ).all()
    for factor in old:
        about = _about(factor.person_id)
        factor.sealed = keys.seal(keys.open(factor.sealed, about), about)
        uow.record("people.factor_sealed_again", uow.get(Person, factor.person_id), key=keys.current)
    return len(old)


# What the above stand on.


def _about(person_id: UUID) -> bytes:
    return b"seedbed second step v1\n" + person_id.bytes


def _secret(factor: Factor, locks: Locks) -> str:
    return locks.keys.open(factor.sealed, _about(factor.person_id)).decode()


def _shown(uow: UnitOfWork, locks: Locks, shown: Shown) -> tuple[Person, str]:
    """Who shows it, and how: "number" or "code". What was shown is used up."""
    person = uow.get(Person, access.ensure_signed_in(uow.actor))
    factor = queries.factor_of(uow.session, person.id)
    if factor is None or factor.confirmed_at is None:
        raise RuleBroken("You have no second step yet.")
    if not shown.code:
        _take_number(uow, factor, locks, shown.number)
        return person, "number"
    _take_code(uow, person.id, locks, shown.code)
    notices.code_used(uow, person, queries.codes_left(uow.session, person.id))
    return person, "code"


def _take_number(uow: UnitOfWork, factor: Factor, locks: Locks, number: str) -> None:
    """Of two that bring one number at the same moment the conditional UPDATE lets one through."""
    step = rules.step_of(number, _secret(factor, locks), uow.now)
    if step is None:
        raise RuleBroken("This is not the number. Enter the one that your app shows now", "number")
    taken = uow.session.execute(
        update(Factor)
        .where(Factor.person_id == factor.person_id, or_(Factor.last_step.is_(None), Factor.last_step < step))
        .values(last_step=step)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]  # a CursorResult: it is an UPDATE
        raise RuleBroken("This number was used already. Wait until your app shows the next one", "number")


def _take_code(uow: UnitOfWork, person_id: UUID, locks: Locks, code: str) -> None:
    taken = uow.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.person_id == person_id,
            RecoveryCode.code_hash == rules.hash_of_code(code, locks.pepper, person_id),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=uow.now)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        raise RuleBroken("This is not one of your codes, or you have used it. Try another", "code")


def _new_codes(uow: UnitOfWork, person_id: UUID, locks: Locks) -> list[str]:
    codes = rules.new_codes()
    for code in codes:
        uow.session.add(RecoveryCode(person_id=person_id, code_hash=rules.hash_of_code(code, locks.pepper, person_id)))
    uow.session.flush()
    return codes


def _renew_session(uow: UnitOfWork, token: str) -> str:
    """The same visit under a new token, from which it tells that a number was given; the old one ends."""
    fresh = secrets.token_urlsafe(32)
    renewed = uow.session.execute(
        update(SignInSession)
        .where(
            SignInSession.token_hash == queries.token_hash(token),
            SignInSession.person_id == uow.actor.id,
            SignInSession.ended_at.is_(None),
        )
        .values(token_hash=queries.token_hash(fresh), factor_at=uow.now)
        .execution_options(synchronize_session=False)
    )
    if renewed.rowcount != 1:  # type: ignore[attr-defined]
        raise NotAllowed("You are not signed in here any more. Sign in again.")
    return fresh


def _remove(uow: UnitOfWork, person_id: UUID) -> None:
    uow.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    uow.session.execute(delete(Factor).where(Factor.person_id == person_id))
    uow.session.execute(update(SignInSession).where(SignInSession.person_id == person_id).values(factor_at=None))
