"""Where a group is paid: bank details that it gives here, or on Stripe's pages."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.disbursements.forms import AccountForm, ReasonForm
from grants.disbursements.queries import DESK
from grants.disbursements.service import holds
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.payees import service as payees_service
from grants.people import queries as people
from grants.ports.payments import AccountStanding, OutcomeUnknown, PaymentProvider, ProviderRefused
from grants.web.again import number_again, number_again_to_send
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.forms import Form
from grants.web.limits import post_limit
from grants.web.outside import account_numbers, bank_ring, stripe
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("payment_accounts", __name__)


@bp.route("/groups/<uuid:group_id>/bank/give", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
@number_again
@post_limit("30 per hour")
def give(group_id: UUID) -> ResponseReturnValue:
    """Give a group's bank details, or new ones."""
    group = people.group(reading(), group_id)
    payees_access.ensure_may_give(current_actor(), group_id)
    form = AccountForm()
    if carried_out(
        form,
        lambda uow: holds.give_account(
            uow,
            bank_ring(),
            account_numbers(),
            group_id,
            form.account_name.data or "",
            form.sort_code.data or "",
            form.account_number.data or "",
        ),
    ):
        flash("Thank you. Now another member of your group confirms these details.", "success")
        return redirect(url_for("payees.bank", group_id=group_id))
    return render_template(
        "disbursements/give_account.html", form=form, group=group, standing=payees.account(reading(), group_id)
    ), form.status


@bp.route("/bank-accounts/<uuid:account_id>/refuse", methods=["GET", "POST"])
@signed_in(*DESK)
def refuse(account_id: UUID) -> ResponseReturnValue:
    """Refuse bank details, with a reason that the group reads."""
    account = payees.by_id(reading(), account_id)
    if account is None:
        raise NotFound
    group, form = people.group(reading(), account.group_id), ReasonForm()
    group_id = group.id
    if form.accepted():
        try:
            with working() as uow:
                holds.refuse_account(uow, account_id, form.reason.data or "")
            flash("The details were refused. Payments to them are on hold.", "success")
            return redirect(url_for("payees.bank", group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
            group = people.group(reading(), group_id)
    return render_template("disbursements/refuse_account.html", form=form, group=group), form.status


@bp.route("/groups/<uuid:group_id>/paid", methods=["GET", "POST"])
@signed_in()
@number_again_to_send
def account(group_id: UUID) -> ResponseReturnValue:
    """Where a group is paid: it gives its bank details on Stripe's pages, and we never see them."""
    provider, actor = stripe(), current_actor()
    may_set_up = actor.can_sign_off_for(group_id)
    if provider is None:
        raise NotFound("Nobody is paid through Stripe here.")
    if group_id not in actor.groups and not any(actor.has(role) for role in (*DESK, Role.AUDITOR, Role.ADMIN)):
        raise NotAllowed("Only this group, and those who pay it, may see this.")
    group = people.group(reading(), group_id)
    form, link = Form(), ""
    if form.accepted():
        try:
            link = _onboard(provider, group_id, group.name)
        except (OutcomeUnknown, ProviderRefused) as failed:
            flash(f"{failed} Nothing was lost. Try again in a minute.", "error")
        group = people.group(reading(), group_id)
    found = payees.recipient(reading(), group_id, provider.name)
    standing = found.standing if found is not None else None
    if found is not None and found.account_ref and standing is not AccountStanding.READY:
        with suppress(OutcomeUnknown, ProviderRefused):  # the event may be on its way still; what is kept waits for it
            standing = provider.account_standing(found.account_ref)
    return render_template(
        "disbursements/account.html", form=form, group=group, standing=standing, link=link, may_set_up=may_set_up
    )


def _onboard(provider: PaymentProvider, group_id: UUID, name: str) -> str:
    """The account, opened once under a key that was written down, and a link to the page where the group sets it up."""
    actor = current_actor()
    with working() as uow:
        account = payees_service.open_account(uow, group_id, provider.name)
        account_id, key, ref = account.id, account.key, account.account_ref
    if ref is None:
        email = next((mail for id, mail in people.emails_of_group(reading(), group_id) if id == actor.id), "")
        ref = provider.open_account(display_name=name, email=email, key=key)
        with working() as uow:
            payees_service.name_account(uow, account_id, ref)
    here = current_app.config["SETTINGS"].base_url + url_for("payment_accounts.account", group_id=group_id)
    return provider.onboarding_link(ref, return_url=here, refresh_url=here)


@section("group", 25)
def _on_group(group: Any) -> Section | None:
    """For the group: where it is paid."""
    if stripe() is None or group.id not in current_actor().groups:
        return None
    found = payees.recipient(reading(), group.id, "stripe")
    html = render_template("disbursements/_of_group.html", group=group, account=found)
    return Section("paid", "Where your group is paid", Markup(html))  # noqa: S704
