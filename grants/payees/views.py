"""Where a group's money goes: the group's page, and what officers check about it."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.payees import access, queries, service
from grants.payees.forms import NameForm, PaperForm
from grants.payees.rules.accounts import BankAccountState, NameAnswer
from grants.people import queries as people
from grants.web.again import number_again
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.limits import post_limit
from grants.web.outside import files
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.uploads import looked_at
from grants.web.work import carried_out, working

bp = Blueprint("payees", __name__)

S = BankAccountState


@bp.get("/groups/<uuid:group_id>/bank")
@signed_in()
def bank(group_id: UUID) -> ResponseReturnValue:
    """Where a group's money goes, and what is still to be done about it."""
    return _bank(group_id, PaperForm(formdata=None), NameForm(formdata=None))


def _bank(group_id: UUID, paper: PaperForm, name: NameForm) -> ResponseReturnValue:
    actor, group = current_actor(), people.group(reading(), group_id)
    access.ensure_may_look(actor, group_id)
    history = queries.accounts_of(reading(), group_id)
    account = queries.account(reading(), group_id)
    hands = (account.given_by_id, account.confirmed_by_id, account.paper_by_id) if account is not None else ()
    judges = account is not None and access.may_judge(actor, group_id, hands)
    ids = [id for one in history for id in (one.given_by_id, one.confirmed_by_id, one.verified_by_id) if id is not None]
    ids += [one.checked_by_id for one in account.name_checks] if account is not None else []
    page = render_template(
        "payees/bank.html",
        group=group,
        account=account,
        history=history,
        names=people.names(reading(), ids),
        paper_form=paper,
        name_form=name,
        may_give=actor.can_edit_for(group_id),
        may_confirm=account is not None
        and account.confirmed_by_id is None
        and actor.can_sign_off_for(group_id)
        and actor.id != account.given_by_id,
        may_show=account is not None and account.state in (S.PROVIDED, S.EVIDENCED) and actor.can_edit_for(group_id),
        may_check=judges and account is not None and account.state is S.EVIDENCED,
        may_verify=judges and account is not None and account.state is S.NAME_CHECKED,
        may_refuse=judges,
    )
    return page, max(paper.status, name.status)


def _group_of(account_id: UUID) -> UUID:
    found = queries.by_id(reading(), account_id)
    if found is None:
        raise NotFound
    return found.group_id


@bp.post("/bank-accounts/<uuid:account_id>/confirm")
@signed_in(Role.GROUP_MEMBER)
@number_again
def confirm(account_id: UUID) -> ResponseReturnValue:
    """Say that these are the group's details."""
    with working() as uow:
        group_id = service.confirm(uow, account_id).group_id
    flash("Thank you. You confirmed the bank details.", "success")
    return redirect(url_for("payees.bank", group_id=group_id))


@bp.post("/bank-accounts/<uuid:account_id>/statement")
@signed_in(Role.GROUP_MEMBER)
@post_limit("30 per hour")
def add_statement(account_id: UUID) -> ResponseReturnValue:
    """Show a statement."""
    form, group_id = PaperForm(), _group_of(account_id)
    if form.accepted():
        try:
            paper = service.keep_paper(files(), form.paper.data.read())
            with working() as uow:
                service.add_paper(uow, account_id, paper)
            flash("We have your statement. An officer looks at it next.", "success")
            return redirect(url_for("payees.bank", group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
    return _bank(group_id, form, NameForm(formdata=None))


@bp.get("/bank-accounts/<uuid:account_id>/statement")
@signed_in()
def statement(account_id: UUID) -> ResponseReturnValue:
    """The statement itself, for the group and officers."""
    found = queries.by_id(reading(), account_id)
    if found is None or found.paper is None or not access.may_look(current_actor(), found.group_id):
        raise NotFound
    return paper_answer(found.paper, "statement")


@bp.get("/checks/<uuid:check_id>/paper")
@signed_in()
def paper(check_id: UUID) -> ResponseReturnValue:
    """The paper that answers a check, for the group and officers."""
    found = queries.check(reading(), check_id)
    if found is None or found.paper is None or not access.may_look(current_actor(), found.group_id):
        raise NotFound
    return paper_answer(found.paper, found.kind.value)


def paper_answer(stored: str, name: str) -> Response:
    """A paper as a download that nothing in the browser runs; ``name`` is ours."""
    suffix = stored.rpartition(".")[2]
    return Response(
        looked_at(stored),
        mimetype="application/pdf" if suffix == "pdf" else "image/jpeg",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{suffix}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
    )


@bp.post("/bank-accounts/<uuid:account_id>/name")
@signed_in(*access.OFFICERS)
@number_again
def check_name(account_id: UUID) -> ResponseReturnValue:
    """Write down what the account's bank said of the name."""
    form, group_id = NameForm(), _group_of(account_id)
    if carried_out(
        form, lambda uow: service.check_name(uow, account_id, NameAnswer(form.answer.data), form.note.data or "")
    ):
        flash("Written down.", "success")
        return redirect(url_for("payees.bank", group_id=group_id))
    return _bank(group_id, PaperForm(formdata=None), form)


@section("group", 20)
def _on_group(group: object) -> Section | None:
    """For those who may: where the money goes."""
    group_id: UUID = group.id  # type: ignore[attr-defined]
    if not access.may_look(current_actor(), group_id):
        return None
    account = queries.account(reading(), group_id)
    html = render_template("payees/_of_group.html", group=group, account=account)
    return Section("bank", "Bank account", Markup(html))  # noqa: S704
