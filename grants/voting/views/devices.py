"""Devices on which others vote: a helper's own, for half an hour, and a kiosk that wipes itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.people.service import accounts as people
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.voting import access, queries
from grants.voting.service import helping
from grants.web import session as web_session
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.logs import quiet
from grants.web.sections import Section, section
from grants.web.session import current_actor, current_token
from grants.web.work import working

bp = quiet(Blueprint("devices", __name__))
HELPERS = (Role.OFFICER, Role.CONNECTOR, Role.STEWARD)
WARN_SECONDS, WIPE_SECONDS, IDLE_SECONDS = 60, 90, 180
"""Untouched so long, a kiosk warns, and wipes; without scripts it wipes when no page was asked for so long."""


def helping_until(round_id: UUID) -> datetime | None:
    """When the help session of this browser ends, if one runs for this round."""
    held = session.get("help")
    return datetime.fromisoformat(held["until"]) if held and held["round"] == str(round_id) else None


def wipe() -> None:
    """Forget everything about whoever voted here: choices, who they are, the receipt."""
    for key in [key for key in session if key.startswith(("ballot:", "receipt:"))]:
        session.pop(key)


def wipe_kiosk() -> None:
    """The next person starts clean: nothing is left but that this is a kiosk, not even somebody's sign-in."""
    kept = session["kiosk"]
    if request.method == "POST" and (token := current_token()) is not None:
        with working() as uow:
            people.leave(uow, token)
    web_session.leave()
    session["kiosk"] = {**kept, "seen": now().timestamp()}


@bp.before_app_request
def _watch() -> ResponseReturnValue | None:
    """What has run out is wiped before anything else is looked at."""
    if request.endpoint in (None, "static"):
        return None
    if "kiosk" in session:
        idle = now().timestamp() - session["kiosk"]["seen"]
        session["kiosk"] = {**session["kiosk"], "seen": now().timestamp()}
        if idle > IDLE_SECONDS:
            wipe_kiosk()
            return redirect(url_for("devices.kiosk"), 303)
    held = session.get("help")
    if held and (now() >= datetime.fromisoformat(held["until"]) or str(current_actor().id) != held["helper"]):
        _end_help()
        flash("The help session has ended, and what was chosen is wiped. Start again with the resident.", "warning")
        return redirect(url_for("voting.start", round_id=held["round"]), 303)
    return None


@bp.after_app_request
def _leave_nothing(response: Response) -> Response:
    """A page of a kiosk is not kept, so that going back shows nobody's choices."""
    if request.endpoint not in (None, "static") and ("kiosk" in session or "help" in session):
        response.headers["Cache-Control"] = "no-store"
    return response


@bp.app_context_processor
def _device() -> dict[str, Any]:
    held = session.get("help")
    return {
        "helps_until": datetime.fromisoformat(held["until"]) if held else None,
        "kiosk": {"warn": WARN_SECONDS, "wipe": WIPE_SECONDS, "idle": IDLE_SECONDS} if "kiosk" in session else None,
    }


@bp.get("/rounds/<uuid:round_id>/help")
@signed_in(*HELPERS)
def helping_page(round_id: UUID) -> ResponseReturnValue:
    """Help somebody to vote on this device, or lend it as a kiosk."""
    round = rounds.published(reading(), round_id)
    access.ensure_may_help(current_actor(), round.fund_id)
    return render_template(
        "voting/help.html",
        round=round,
        open=rounds.phase(round, now()) is RoundState.VOTING,
        minutes=int(helping.HELP_LASTS.total_seconds() // 60),
    )


@bp.post("/rounds/<uuid:round_id>/help")
@signed_in(*HELPERS)
def begin_help(round_id: UUID) -> ResponseReturnValue:
    """Begin to help: for half an hour, with a banner."""
    try:
        with working() as uow:
            until = helping.begin_help(uow, round_id)
    except RuleBroken as broken:
        flash(broken.message, "warning")
        return redirect(url_for("devices.helping_page", round_id=round_id))
    wipe()
    session["help"] = {"round": str(round_id), "until": until.isoformat(), "helper": str(current_actor().id)}
    return redirect(url_for("voting.start", round_id=round_id))


@bp.post("/help/end")
@public
def end_help() -> ResponseReturnValue:
    """End it, and wipe what the resident chose and was told."""
    held = session.get("help")
    _end_help()
    flash("The help session has ended, and this device has forgotten the ballot.", "success")
    if not held:
        return redirect(url_for("rounds.index"))
    return redirect(url_for("devices.helping_page", round_id=held["round"]))


def _end_help() -> None:
    session.pop("help", None)
    wipe()


@bp.post("/rounds/<uuid:round_id>/kiosk")
@signed_in(*HELPERS)
def open_kiosk(round_id: UUID) -> ResponseReturnValue:
    """Lend this device to residents. Whoever lends it is signed out first, for good."""
    round = rounds.published(reading(), round_id)
    access.ensure_may_help(current_actor(), round.fund_id)
    session["kiosk"] = {"round": str(round_id), "seen": now().timestamp()}
    wipe_kiosk()
    return redirect(url_for("devices.kiosk"))


@bp.get("/kiosk")
@public
def kiosk() -> ResponseReturnValue:
    """Where a kiosk begins."""
    held = session.get("kiosk")
    return redirect(url_for("voting.start", round_id=held["round"]) if held else url_for("rounds.index"), 303)


@bp.post("/kiosk/wipe")
@public
def wipe_now() -> ResponseReturnValue:
    """Somebody has finished, or has gone away."""
    if "kiosk" in session:
        wipe_kiosk()
    return redirect(url_for("devices.kiosk"), 303)


@bp.post("/kiosk/here")
@public
def here() -> ResponseReturnValue:
    """Somebody is still at the kiosk, though they have not asked for a page."""
    return "", 204


@bp.post("/kiosk/end")
@signed_in(*HELPERS)
def end_kiosk() -> ResponseReturnValue:
    """An officer has signed in again here and takes the device back."""
    if "kiosk" not in session:
        raise NotAllowed("This device is no kiosk.")
    session.pop("kiosk")
    wipe()
    flash("This device is no kiosk any more.", "success")
    return redirect(url_for("rounds.index"))


@section("round", 22)
def _in_person(round: Any) -> Section | None:
    """While voting is open: where people vote on paper, and the way for those who help."""
    if round.state is not RoundState.VOTING or rounds.phase(round, now()) is not RoundState.VOTING:
        return None
    booths = [booth for booth in queries.booths(reading(), round.id) if booth.closed_at is None]
    actor = current_actor()
    helps, keys = access.may_help(actor, round.fund_id), access.may_key(actor, round.fund_id)
    if not (booths or helps):
        return None
    html = render_template("voting/_in_person.html", round=round, booths=booths, helps=helps, keys=keys)
    return Section("in-person", "Vote in person", Markup(html))  # noqa: S704 - our own template
