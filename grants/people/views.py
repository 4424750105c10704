"""Signing in, one's own page, people and their roles."""

from hashlib import sha256
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Role
from grants.kernel.errors import RuleBroken
from grants.people import queries, service
from grants.people.forms import EnterForm, SignInForm
from grants.people.rules import ROLE_WORDS, own_path
from grants.web import session
from grants.web.db import now, reading
from grants.web.doors import demo_only, public
from grants.web.limits import post_limit
from grants.web.work import working

bp = Blueprint("people", __name__)


def _address_key() -> str:
    """A key for the limit on one address that does not tell the address."""
    email = request.form.get("email", "").strip().lower()
    return "sign-in:" + sha256(f"{current_app.config['SECRET_KEY']}{email}".encode()).hexdigest()[:40]


@bp.route("/sign-in", methods=["GET", "POST"])
@public
@post_limit("30 per hour")
@post_limit("6 per hour", key_func=_address_key)
def sign_in() -> ResponseReturnValue:
    """Ask for a link by e-mail; in the demonstration also: choose whom to be."""
    form = SignInForm(next=request.args.get("next", ""))
    if form.accepted():
        try:
            with working() as uow:
                service.request_link(uow, form.email.data or "", form.next.data)
            return redirect(url_for("people.link_sent"))
        except RuleBroken as broken:
            form.show(broken)
    people = _demo_people() if current_app.config["DEMO"] else []
    return render_template("people/sign_in.html", form=form, people=people), form.status


def _demo_people() -> list[tuple[str, str, list[dict[str, str]]]]:
    """(role, what it does, its people) in the order of the roles; everybody stands under their first role."""
    order = [Role.ADMIN, Role.STEWARD, Role.FINANCE_OFFICER, Role.CONNECTOR, Role.PANELLIST, Role.FUNDER, Role.AUDITOR]
    found: dict[Role, list[dict[str, str]]] = {}
    for person, roles in queries.demo_people(reading()):
        groups = [member.group.name for member in person.memberships if member.ended_at is None]
        held = [role for role in order if role in roles]
        first = held[0] if held else Role.GROUP_MEMBER if groups else Role.RESIDENT
        also = [ROLE_WORDS[role].split(": ")[0].lower() for role in held[1:]]
        said = (["also " + " and ".join(also)] if also else []) + (["in " + ", ".join(groups)] if groups else [])
        found.setdefault(first, []).append({"id": str(person.id), "name": person.name, "text": "; ".join(said)})
    shown = [Role.RESIDENT, Role.GROUP_MEMBER, *order[1:], Role.ADMIN]
    return [(*_split(ROLE_WORDS[role]), found[role]) for role in shown if role in found]


def _split(words: str) -> tuple[str, str]:
    name, _, does = words.partition(": ")
    return name, does


@bp.get("/sign-in/sent")
@public
def link_sent() -> ResponseReturnValue:
    """The same answer for every address."""
    return render_template("people/link_sent.html")


@bp.get("/sign-in/<token>")
@public
def link(token: str) -> ResponseReturnValue:
    """One button. Looking uses nothing up: mail scanners open links too."""
    return _link_page(token, EnterForm())


def _link_page(token: str, form: EnterForm) -> ResponseReturnValue:
    email = queries.link_email(reading(), token, now())
    if email is None:
        return render_template("people/link_over.html"), 410
    new = queries.person_by_email(reading(), email) is None
    return render_template("people/link.html", form=form, token=token, email=email, new=new), form.status


@bp.post("/sign-in/<token>")
@public
@post_limit("30 per hour")
def enter(token: str) -> ResponseReturnValue:
    """Use the link and come in."""
    form = EnterForm()
    if not form.accepted():
        return _link_page(token, form)
    try:
        with working() as uow:
            entry = service.enter_by_link(uow, token, form.name.data or "", replaces=session.current_token())
    except RuleBroken as broken:
        form.show(broken)
        return _link_page(token, form)
    return _come_in(entry)


@bp.post("/sign-in/as/<uuid:person_id>")
@demo_only
def enter_as(person_id: UUID) -> ResponseReturnValue:
    """Come in as one of the demonstration's people."""
    with working() as uow:
        entry = service.enter_as(uow, person_id, replaces=session.current_token())
    return _come_in(entry, own_path(request.form.get("next")))


def _come_in(entry: service.Entry, path: str = "") -> ResponseReturnValue:
    session.enter(entry.token, queries.actor_for(reading(), entry.person_id, entry.name))
    return redirect(path or entry.next_path)


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End the session here; harmless for somebody who is not signed in."""
    token = session.current_token()
    if token:
        with working() as uow:
            service.leave(uow, token)
        session.leave()
        flash("You have signed out.", "success")
    return redirect("/")
