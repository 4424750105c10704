"""The second step when signing in: setting it up, showing it, and taking it off."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role, Wanted
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.pictures import qr_picture
from grants.kernel.work import UnitOfWork
from grants.people import access, queries, rules
from grants.people.forms import FirstNumberForm, NumberForm, TakeOffForm
from grants.people.service import factors as service
from grants.people.service.factors import Locks, Shown
from grants.web import session
from grants.web.again import PREFIX, asks_for_number, number_again
from grants.web.db import now, reading, working_as
from grants.web.doors import halfway, lead_on, signed_in
from grants.web.forgetting import forgetting
from grants.web.limits import post_limit
from grants.web.outside import bank_ring
from grants.web.work import carried_out

bp = Blueprint("factors", __name__)
T = TypeVar("T")


def _locks() -> Locks:
    return Locks(bank_ring(), rules.pepper_from(current_app.config["SECRET_KEY"]))


def _here() -> Actor:
    """Who came in by a link, let further or not."""
    presence = session.current_presence()
    if presence is None:
        raise NotAllowed("Sign in first.")
    return presence.actor


def _me() -> UUID:
    return access.ensure_signed_in(_here())


def _person_key() -> str:
    """A key for the limit on one person's tries that does not tell who it is."""
    return "factor:" + sha256(f"{current_app.config['SECRET_KEY']}{_here().id}".encode()).hexdigest()[:40]


@post_limit("12 per hour", key_func=_person_key)
def _tried(act: Callable[[UnitOfWork], T]) -> T:
    """One try at a number, counted for the person whatever page it came from."""
    with working_as(_here()) as uow:
        return act(uow)


def _token() -> str:
    token = session.current_token()
    assert token is not None, "the door lets nobody in without a session"
    return token


def _show(form: NumberForm) -> None:
    """Take what was shown, and go on under a new token. Raises ``RuleBroken``."""
    shown, token = Shown(form.number.data or "", form.code.data or ""), _token()
    session.renew(_tried(lambda uow: service.show(uow, _locks(), shown, token)))


# Signing in, and money.


@bp.route("/sign-in/number", methods=["GET", "POST"])
@halfway
def number() -> ResponseReturnValue:
    """Ask for the number: after the link, and again before money moves."""
    form = NumberForm(next=request.args.get("next", ""))
    path = rules.own_path(form.next.data)
    if session.still_wanted() is Wanted.SET_UP:
        lead_on(path)
    if session.still_wanted() is None and _is_fresh():
        return redirect(path)
    if form.accepted():
        try:
            _show(form)
            return redirect(path)
        except RuleBroken as broken:
            form.show(broken)
    return render_template(
        "people/number.html", form=form, signing_in=session.still_wanted() is not None, typed=(), has_file=False
    ), form.status


def _ask(typed: Iterable[tuple[str, str]], has_file: bool) -> ResponseReturnValue | None:
    """Ask for the number in place of what was sent, and keep that; None once the right one came with it."""
    sent = any(name.startswith(PREFIX) for name in request.form)
    form = NumberForm(prefix=PREFIX) if sent else NumberForm(formdata=None, prefix=PREFIX)
    if sent and form.accepted():
        try:
            _show(form)
            return None
        except RuleBroken as broken:
            form.show(broken)
    page = render_template(
        "people/number.html", form=form, signing_in=False, typed=list(typed), has_file=has_file, again=not sent
    )
    return page, form.status if sent else 403


def _is_fresh() -> bool:
    presence = session.current_presence()
    return presence is not None and rules.is_fresh(presence, now())


asks_for_number(_is_fresh, _ask, "factors.number")
forgetting(service.forget)


# Setting it up.


@bp.get("/second-step")
@halfway
def second_step() -> ResponseReturnValue:
    """What a second step is, and how somebody's own stands."""
    _ensure_number_given()
    factor = queries.factor_of(reading(), _me())
    return render_template(
        "people/second_step.html",
        factor=factor if factor is not None and factor.confirmed_at is not None else None,
        codes_left=queries.codes_left(reading(), _me()),
        must=session.still_wanted() is Wanted.SET_UP,
        next=_next(),
    )


def _next() -> str:
    """Where to go on once it is set up."""
    return rules.own_path(request.values.get("next") or url_for("people.you"))


def _ensure_number_given() -> None:
    """Whoever has a second step shows it before they see or change anything about it."""
    if session.still_wanted() is Wanted.NUMBER:
        lead_on()


@bp.post("/second-step/begin")
@halfway
@post_limit("20 per hour")
def begin() -> ResponseReturnValue:
    """Draw a secret for the app to read."""
    _ensure_number_given()
    with working_as(_here()) as uow:
        service.begin(uow, _locks())
    return redirect(url_for("factors.set_up", next=_next()))


@bp.route("/second-step/set-up", methods=["GET", "POST"])
@halfway
def set_up() -> ResponseReturnValue:
    """The picture and the letters for the app, and the first number from it. Then the recovery codes, once."""
    _ensure_number_given()
    form = FirstNumberForm(next=_next())
    secret = service.secret_to_set_up(reading(), _locks(), _me())
    if secret is None:
        return redirect(url_for("factors.second_step", next=_next()))
    if form.accepted():
        first, token = form.number.data or "", _token()
        try:
            made = _tried(lambda uow: service.confirm(uow, _locks(), first, token))
            session.renew(made.token)
            return render_template("people/recovery_codes.html", codes=made.codes, next=_next(), new=True)
        except RuleBroken as broken:
            form.show(broken)
    address = rules.app_address(secret, queries.person(reading(), _me()).email or "")
    return render_template(
        "people/set_up.html", form=form, picture=qr_picture(address), address=address, letters=rules.in_fours(secret)
    ), form.status


@bp.route("/second-step/codes", methods=["GET", "POST"])
@signed_in()
def codes() -> ResponseReturnValue:
    """New recovery codes instead of the old ones."""
    form = NumberForm(next=_next())
    if form.accepted():
        shown = Shown(form.number.data or "", form.code.data or "")
        try:
            made = _tried(lambda uow: service.make_codes(uow, _locks(), shown))
            return render_template("people/recovery_codes.html", codes=made, next=url_for("people.you"), new=False)
        except RuleBroken as broken:
            form.show(broken)
    return render_template("people/codes_again.html", form=form), form.status


@bp.route("/second-step/take-off", methods=["GET", "POST"])
@signed_in()
def take_off() -> ResponseReturnValue:
    """Take off one's own, with a fresh number."""
    form = NumberForm(next=_next())
    if form.accepted():
        shown = Shown(form.number.data or "", form.code.data or "")
        try:
            _tried(lambda uow: service.take_off(uow, _locks(), shown))
            flash("Your second step is taken off. A link by e-mail is now enough to sign in.", "success")
            return redirect(url_for("factors.second_step"))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("people/take_off.html", form=form), form.status


@bp.route("/people/<uuid:person_id>/second-step", methods=["GET", "POST"])
@signed_in(Role.ADMIN)
@number_again
def take_off_for(person_id: UUID) -> ResponseReturnValue:
    """An admin takes off the second step of somebody who lost their phone."""
    access.ensure_may_take_factor_off(_here(), person_id)
    person, form = queries.person(reading(), person_id), TakeOffForm()
    if carried_out(form, lambda uow: service.take_off_for(uow, person_id, form.reason.data or "")):
        flash(f"The second step of {person.name} is taken off. We have written to them.", "success")
        return redirect(url_for("people.person", person_id=person_id))
    return render_template("people/take_off_for.html", form=form, person=person), form.status
