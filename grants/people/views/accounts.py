"""Signing in, one's own page, people and their roles."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, json, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.kernel.work import UnitOfWork
from grants.people import access, queries
from grants.people.forms import (
    DeclineForm,
    EndHostingForm,
    EnterForm,
    FindGroupsForm,
    FindPeopleForm,
    ForgetForm,
    GroupForm,
    HostForm,
    MemberForm,
    NameForm,
    RightsForm,
    RoleForm,
    SignInForm,
)
from grants.people.rules import EVERYWHERE, KIND_WORDS, ROLE_WORDS, VERB_WORDS, HostingState, own_path
from grants.people.service import accounts as service
from grants.web import session
from grants.web.db import now, reading
from grants.web.doors import demo_only, lead_on, led_to, public, signed_in
from grants.web.forgetting import forget_everywhere
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

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
    lead_on(request.args.get("next"))
    form = SignInForm(next=request.args.get("next", ""))
    if carried_out(form, lambda uow: service.request_link(uow, form.email.data or "", form.next.data)):
        return redirect(url_for("people.link_sent"))
    people = _demo_people() if current_app.config["DEMO"] else []
    return render_template("people/sign_in.html", form=form, people=people), form.status


def _demo_people() -> list[tuple[str, str, list[dict[str, str]]]]:
    """(role, what it does, its people) in the order of the roles; everybody stands under their first role."""
    order = [
        Role.ADMIN,
        Role.STEWARD,
        Role.FINANCE_OFFICER,
        Role.CONNECTOR,
        Role.PANELLIST,
        Role.OFFICER,
        Role.FUNDER,
        Role.AUDITOR,
    ]
    found: dict[Role, list[dict[str, str]]] = {}
    for person, roles in queries.demo_people(reading()):
        groups = [member.group.name for member in person.memberships if member.ended_at is None]
        held = [role for role in order if role in roles]
        first = held[0] if held else Role.GROUP_MEMBER if groups else Role.RESIDENT
        also = [ROLE_WORDS[role].split(": ")[0].lower() for role in held[1:]]
        said = (["also " + " and ".join(also)] if also else []) + (["in " + ", ".join(groups)] if groups else [])
        who = current_app.config["DEMO_WHO"].get(person.email) or "; ".join(said)
        found.setdefault(first, []).append({"id": str(person.id), "name": person.name, "text": who})
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
    new = form.name.required = queries.person_by_email(reading(), email) is None
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
    session.enter(entry.token)
    path = path or entry.next_path
    wanted = session.still_wanted()
    return redirect(led_to(wanted, path) if wanted else path)


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


# One's own page.


@bp.route("/you", methods=["GET", "POST"])
@signed_in()
def you() -> ResponseReturnValue:
    """What we hold about the person who looks, and their name to change."""
    actor = current_actor()
    me = access.ensure_signed_in(actor)
    person = queries.person(reading(), me)
    form = NameForm(name=person.name)
    if carried_out(form, lambda uow: service.rename(uow, form.name.data or "")):
        flash("Your name is changed.", "success")
        return redirect(url_for("people.you"))
    return render_template(
        "people/you.html",
        form=form,
        person=person,
        roles=[ROLE_WORDS[role] for role in Role if role in actor.roles],
        memberships=queries.memberships_of(reading(), me),
        start="" if actor.has(Role.AUDITOR) else url_for("people.new_group"),
        sessions=queries.sessions_of(reading(), me, now()),
        factor=queries.factor_of(reading(), me),
    ), form.status


@bp.post("/you/sign-out-everywhere")
@signed_in()
def leave_everywhere() -> ResponseReturnValue:
    """End every session, this one too."""
    with working() as uow:
        service.leave_everywhere(uow)
    session.leave()
    flash("You have signed out on every device.", "success")
    return redirect("/")


@bp.get("/you/everything.json")
@signed_in()
def everything() -> ResponseReturnValue:
    """A copy of what we hold about the person who asks, for them to keep."""
    copy = queries.everything_about(reading(), access.ensure_signed_in(current_actor()))
    return Response(
        json.dumps(copy, indent=2, ensure_ascii=False),
        mimetype="application/json",
        headers={"Content-Disposition": 'attachment; filename="what-seedbed-holds-about-me.json"'},
    )


@bp.route("/you/forget", methods=["GET", "POST"])
@signed_in()
def forget() -> ResponseReturnValue:
    """Ask to be forgotten."""
    form = ForgetForm()
    if carried_out(form, lambda uow: _forget(uow, access.ensure_signed_in(uow.actor))):
        session.leave()
        flash("We have forgotten who you are. Thank you for what you gave.", "success")
        return redirect("/")
    return render_template("people/forget.html", form=form, person=None), form.status


def _forget(uow: UnitOfWork, person_id: UUID) -> None:
    email = queries.person(uow.session, person_id).email
    service.anonymise(uow, person_id)
    forget_everywhere(uow, person_id, email)


# People and their roles, for admins.


@bp.get("/people")
@signed_in(Role.ADMIN)
def people() -> ResponseReturnValue:
    """Everybody with an account."""
    form = FindPeopleForm(request.args, meta={"csrf": False})
    role = Role(form.role.data) if form.role.data in (*EVERYWHERE, Role.FUNDER) else None
    page = _page()
    found, pages = queries.people(reading(), words=(form.words.data or "")[:100], role=role, page=page)
    rows = [
        [
            {"text": one.name, "href": url_for("people.person", person_id=one.id)},
            one.email,
            ", ".join(sorted({_role(g.role) for g in one.roles if g.ended_at is None})) or "Resident",
        ]
        for one in found
    ]
    return render_template("people/people.html", form=form, rows=rows, page=page, pages=pages)


def _role(role: Role) -> str:
    return ROLE_WORDS[role].partition(": ")[0]


def _page() -> int:
    return max(1, min(request.args.get("page", 1, int), 10_000))


@bp.route("/people/<uuid:person_id>", methods=["GET", "POST"])
@signed_in(Role.ADMIN)
def person(person_id: UUID) -> ResponseReturnValue:
    """One person: roles to give and take, groups, what happened."""
    shown = queries.person(reading(), person_id)
    form = RoleForm()
    if carried_out(form, lambda uow: service.grant_role(uow, person_id, form.role.data)):
        flash(f"{shown.name} now has the role “{_role(form.role.data)}”.", "success")
        return redirect(url_for("people.person", person_id=person_id))
    grants = queries.grants_of(reading(), person_id, ended=True)
    return render_template(
        "people/person.html",
        person=shown,
        form=form,
        live=[grant for grant in grants if grant.ended_at is None],
        ended=[grant for grant in grants if grant.ended_at is not None],
        role_name=_role,
        is_me=current_actor().id == person_id,
        factor=queries.factor_of(reading(), person_id),
        memberships=queries.memberships_of(reading(), person_id),
        history=_history(person_id),
        extra=sections_for("person", shown),
    ), form.status


def _history(subject_id: UUID) -> list[dict[str, Any]]:
    events = queries.trail_of(reading(), subject_id)
    ids = {event.actor_id for event in events if event.actor_id}
    ids |= {UUID(event.body["person"]) for event in events if event.body.get("person")}
    names = queries.names(reading(), ids)
    return [
        {
            "title": VERB_WORDS.get(event.verb, event.verb),
            "at": event.at,
            "who": "by " + names[event.actor_id] if event.actor_id in names else "",
            "text": _event_text(event.body, names),
        }
        for event in events
    ]


def _event_text(body: dict[str, Any], names: dict[UUID, str]) -> str:
    role = body.get("given") or body.get("ended")
    if role:
        return _role(Role(role)) + (" (for one fund or funder)" if body.get("scope") not in (None, "None") else "")
    if body.get("person"):
        rights = [words for key, words in (("edit", "can edit"), ("sign_off", "can sign off")) if body.get(key)]
        return ", ".join([names.get(UUID(body["person"]), "Somebody"), *rights])
    return ""


@bp.post("/people/<uuid:person_id>/roles/<uuid:grant_id>/end")
@signed_in(Role.ADMIN)
def end_role(person_id: UUID, grant_id: UUID) -> ResponseReturnValue:
    """Take a role away."""
    try:
        with working() as uow:
            grant = service.end_role(uow, grant_id)
            words = _role(grant.role)
        flash(f"The role “{words}” has ended.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("people.person", person_id=person_id))


@bp.route("/people/<uuid:person_id>/forget", methods=["GET", "POST"])
@signed_in(Role.ADMIN)
def forget_person(person_id: UUID) -> ResponseReturnValue:
    """Forget somebody who asked an admin for it."""
    shown, form = queries.person(reading(), person_id), ForgetForm()
    if carried_out(form, lambda uow: _forget(uow, person_id)):
        flash("Their details are gone. What they did stays in the trail, without a name.", "success")
        return redirect(url_for("people.people"))
    return render_template("people/forget.html", form=form, person=shown), form.status


# Groups.


@bp.get("/groups")
@public
def groups() -> ResponseReturnValue:
    """Every group, for everybody."""
    form = FindGroupsForm(request.args, meta={"csrf": False})
    form.ward.choices = _wards()
    wards, page = dict(_wards()), _page()
    ward = form.ward.data if form.ward.data in wards else ""
    found, pages = queries.groups(reading(), words=(form.words.data or "")[:100], ward_code=ward or "", page=page)
    cards = [
        {
            "title": group.name,
            "href": url_for("people.group", group_id=group.id),
            "meta": wards.get(group.ward_code or "", "All over town"),
            "text": group.about,
            "members": members,
        }
        for group, members in found
    ]
    actor = current_actor()
    start = url_for("people.new_group")
    if actor.id is None:
        start = url_for("people.sign_in", next=start)
    elif actor.has(Role.AUDITOR):
        start = ""
    return render_template("people/groups.html", form=form, cards=cards, page=page, pages=pages, start=start)


def _wards() -> list[tuple[str, str]]:
    return [(ward.code, ward.name) for ward in geography().wards()]


@bp.route("/groups/new", methods=["GET", "POST"])
@signed_in()
@post_limit("10 per hour")
def new_group() -> ResponseReturnValue:
    """Start a group."""
    access.ensure_may_start_group(current_actor())
    form = GroupForm()
    form.ward_code.choices = _wards()
    if form.accepted():
        try:
            with working() as uow:
                made = service.start_group(uow, form.to_draft())
                group_id, needs_host = made.id, not made.has_bank_account
            flash(
                "Your group is there. Now add a second member: somebody else has to sign off what you write.", "success"
            )
            after = "people.host" if needs_host else "people.members"
            return redirect(url_for(after, group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("people/group_form.html", form=form, group=None), form.status


@bp.get("/groups/<uuid:group_id>")
@public
def group(group_id: UUID) -> ResponseReturnValue:
    """A group's public page."""
    actor, shown = current_actor(), queries.group(reading(), group_id)
    ward = geography().ward(shown.ward_code) if shown.ward_code else None
    return render_template(
        "people/group.html",
        group=shown,
        kind=KIND_WORDS[shown.kind],
        ward=ward.name if ward else "All over town",
        hosting=queries.live_hosting(reading(), group_id),
        member_count=len(queries.members(reading(), group_id)),
        is_member=group_id in actor.groups,
        may_edit=actor.can_edit_for(group_id),
        may_flag=actor.has(Role.STEWARD) or actor.has(Role.ADMIN),
        may_look=actor.has(Role.ADMIN) or actor.has(Role.AUDITOR),
        extra=sections_for("group", shown),
    )


@bp.route("/groups/<uuid:group_id>/change", methods=["GET", "POST"])
@signed_in()
def change_group(group_id: UUID) -> ResponseReturnValue:
    """Change what a group says about itself."""
    shown = queries.group(reading(), group_id)
    access.ensure_may_edit(current_actor(), group_id)
    form = GroupForm(
        name=shown.name,
        kind=shown.kind,
        about=shown.about,
        ward_code=shown.ward_code,
        has_bank_account="yes" if shown.has_bank_account else "no",
        org_id=shown.org_id,
    )
    form.ward_code.choices = _wards()
    if carried_out(form, lambda uow: service.change_group(uow, group_id, form.to_draft())):
        flash("Your changes are saved.", "success")
        return redirect(url_for("people.group", group_id=group_id))
    return render_template("people/group_form.html", form=form, group=shown), form.status


@bp.post("/groups/<uuid:group_id>/can-host")
@signed_in(Role.ADMIN, Role.STEWARD)
def can_host(group_id: UUID) -> ResponseReturnValue:
    """Say whether a group can be asked to be a host."""
    allowed = request.form.get("can_host") == "yes"
    try:
        with working() as uow:
            service.set_can_host(uow, group_id, allowed)
        flash("This group can now be a host." if allowed else "This group is no longer offered as a host.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("people.group", group_id=group_id))


@bp.get("/groups/<uuid:group_id>/members")
@signed_in()
def members(group_id: UUID) -> ResponseReturnValue:
    """Who is in the group, for its members."""
    actor, shown = current_actor(), queries.group(reading(), group_id)
    access.ensure_member(actor, group_id)
    return render_template(
        "people/members.html",
        group=shown,
        members=queries.members(reading(), group_id),
        may_change=actor.can_edit_for(group_id) or actor.has(Role.ADMIN),
        me=actor.id if group_id in actor.groups else None,
        history=_history(group_id),
    )


@bp.route("/groups/<uuid:group_id>/members/add", methods=["GET", "POST"])
@signed_in()
@post_limit("20 per hour")
def add_member(group_id: UUID) -> ResponseReturnValue:
    """Bring somebody in by e-mail."""
    shown = queries.group(reading(), group_id)
    access.ensure_may_change_members(current_actor(), group_id)
    form = MemberForm()
    if form.accepted():
        try:
            with working() as uow:
                member = service.add_member(
                    uow, group_id, form.email.data or "", form.name.data or "", form.to_rights()
                )
                name = queries.person(uow.session, member.person_id).name
            flash(f"{name} is now in the group. We have written to them.", "success")
            return redirect(url_for("people.members", group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("people/member_add.html", form=form, group=shown), form.status


@bp.route("/groups/<uuid:group_id>/members/<uuid:person_id>", methods=["GET", "POST"])
@signed_in()
def member(group_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """What a member may do."""
    access.ensure_may_change_members(current_actor(), group_id)
    shown = _member(group_id, person_id)
    rights = [key for key, has in (("edit", shown.can_edit), ("sign_off", shown.can_sign_off)) if has]
    form = RightsForm(rights=rights)
    if carried_out(form, lambda uow: service.change_rights(uow, group_id, person_id, form.to_rights())):
        flash("Their rights are changed.", "success")
        return redirect(url_for("people.members", group_id=group_id))
    return render_template(
        "people/member.html", form=form, group=queries.group(reading(), group_id), name=shown.person.name
    ), form.status


def _member(group_id: UUID, person_id: UUID) -> Any:
    found = next((one for one in queries.members(reading(), group_id) if one.person_id == person_id), None)
    if found is None:
        raise NotFound("There is no such member in this group.")
    return found


@bp.route("/groups/<uuid:group_id>/members/<uuid:person_id>/remove", methods=["GET", "POST"])
@signed_in()
def remove_member(group_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Leave a group, or take somebody out of it: asked once more, then done."""
    actor = current_actor()
    access.ensure_may_remove(actor, group_id, person_id)
    shown, me = _member(group_id, person_id), actor.id == person_id
    if request.method == "POST":
        try:
            with working() as uow:
                service.remove_member(uow, group_id, person_id)
            flash("You have left the group." if me else "They are no longer in the group.", "success")
            return redirect(url_for("people.group" if me else "people.members", group_id=group_id))
        except RuleBroken as broken:
            flash(broken.message, "error")
            return redirect(url_for("people.members", group_id=group_id))
    return render_template(
        "people/member_remove.html",
        group=queries.group(reading(), group_id),
        name=shown.person.name,
        me=me,
        person_id=person_id,
    )


# Hosts.


@bp.route("/groups/<uuid:group_id>/host", methods=["GET", "POST"])
@signed_in()
def host(group_id: UUID) -> ResponseReturnValue:
    """For a group without a bank account: ask another group to hold the money."""
    actor, shown = current_actor(), queries.group(reading(), group_id)
    helps = access.may_help_groups(actor) and not queries.members(reading(), group_id)
    if not helps:
        access.ensure_member(actor, group_id)
    form = HostForm()
    offered = [one for one in queries.hosts(reading()) if one.id != group_id]
    choices: list[Any] = [(one.id, one.name, one.about[:140]) for one in offered]
    form.host.choices = choices
    if carried_out(form, lambda uow: service.ask_host(uow, group_id, form.host.data)):
        flash("We have written to them. You hear from us when they answer.", "success")
        return redirect(url_for("people.host", group_id=group_id))
    return render_template(
        "people/host.html",
        form=form,
        group=shown,
        latest=queries.latest_hosting(reading(), group_id),
        offered=offered,
        may_edit=actor.can_edit_for(group_id) or helps,
    ), form.status


@bp.post("/groups/<uuid:group_id>/host/<uuid:hosting_id>/take-back")
@signed_in()
def take_back_host(group_id: UUID, hosting_id: UUID) -> ResponseReturnValue:
    """Take back what was asked, to ask somebody else."""
    _hosting(group_id, hosting_id)
    with working() as uow:
        service.end_hosting(uow, hosting_id)
    flash("You have taken it back. You can ask another group.", "success")
    return redirect(url_for("people.host", group_id=group_id))


def _hosting(group_id: UUID, hosting_id: UUID) -> Any:
    """The hosting, if this group is one of its two."""
    found = queries.hosting(reading(), hosting_id)
    if group_id not in (found.group_id, found.host_id):
        raise NotFound("There is no such hosting.")
    return found


@bp.get("/groups/<uuid:group_id>/hosting")
@signed_in()
def hosting(group_id: UUID) -> ResponseReturnValue:
    """For a host: who asks, and for whom it holds money."""
    actor, shown = current_actor(), queries.group(reading(), group_id)
    if not actor.has(Role.STEWARD):
        access.ensure_member(actor, group_id)
    found = queries.hostings_of(reading(), [group_id], HostingState.REQUESTED, HostingState.CONFIRMED)
    names = queries.names(reading(), {one.asked_by_id for one in found})
    return render_template(
        "people/hosting.html",
        group=shown,
        asked=[one for one in found if one.state is HostingState.REQUESTED],
        held=[one for one in found if one.state is HostingState.CONFIRMED],
        names=names,
        me=actor.id,
        may_answer=actor.can_sign_off_for(group_id),
        may_end=actor.has(Role.STEWARD) or actor.has(Role.ADMIN),
    )


@bp.post("/groups/<uuid:group_id>/hosting/<uuid:hosting_id>/confirm")
@signed_in()
def confirm_hosting(group_id: UUID, hosting_id: UUID) -> ResponseReturnValue:
    """Say yes."""
    _hosting(group_id, hosting_id)
    with working() as uow:
        service.answer_hosting(uow, hosting_id, True)
    flash("Thank you. We have told the group.", "success")
    return redirect(url_for("people.hosting", group_id=group_id))


@bp.route("/groups/<uuid:group_id>/hosting/<uuid:hosting_id>/decline", methods=["GET", "POST"])
@signed_in()
def decline_hosting(group_id: UUID, hosting_id: UUID) -> ResponseReturnValue:
    """Say no, and why."""
    found = _hosting(group_id, hosting_id)
    access.ensure_may_answer_hosting(current_actor(), found.host_id, found.asked_by_id)
    form = DeclineForm()
    if carried_out(form, lambda uow: service.answer_hosting(uow, hosting_id, False, form.reason.data or "")):
        flash("We have told the group.", "success")
        return redirect(url_for("people.hosting", group_id=group_id))
    return render_template("people/decline.html", form=form, hosting=found), form.status


@bp.route("/groups/<uuid:group_id>/hosting/<uuid:hosting_id>/end", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def end_hosting(group_id: UUID, hosting_id: UUID) -> ResponseReturnValue:
    """A steward ends what was confirmed."""
    found, form = _hosting(group_id, hosting_id), EndHostingForm()
    if carried_out(form, lambda uow: service.end_hosting(uow, hosting_id, form.reason.data or "")):
        flash("The hosting has ended.", "success")
        return redirect(url_for("people.hosting", group_id=group_id))
    return render_template("people/end_hosting.html", form=form, hosting=found), form.status


# What needs somebody now.


@needs_you(queries.hostings_asked)
def _hostings_asked(actor: Actor, _now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for host_id, host, group in rows:
        yield NeedsYou(
            f"{group} asks {host} to be its host",
            url_for("people.hosting", group_id=host_id),
            "Say yes or no, so that they can apply.",
        )


@needs_you(queries.without_host)
def _without_host(actor: Actor, _now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for id, name in rows:
        yield NeedsYou(
            f"Find a host for {name}",
            url_for("people.host", group_id=id),
            "Your group has no bank account, so another group holds the money for it.",
        )
