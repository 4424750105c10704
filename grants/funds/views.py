"""Pages of the stage ``funds``: the pot in public, and the desk of those who keep it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.funds import access, queries
from grants.funds.forms import (
    AmountForm,
    AnswerUnspentForm,
    CloseForm,
    ContributionForm,
    FunderForm,
    FundForm,
    GiveBackForm,
    MadeGoodForm,
    NewRestrictionForm,
    PayForm,
    PaysByForm,
    ReceiptForm,
    RefundForm,
    RestrictionForm,
    ScopedRoleForm,
    UnspentForm,
)
from grants.funds.rules import (
    PAYS_BY_WORDS,
    WARN_BEFORE,
    ContributionState,
    Names,
    PaysBy,
    Restriction,
    describe,
)
from grants.funds.service import checkouts, contributions, pots, taken_back, unspent
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound, RuleBroken
from grants.ledger import queries as books
from grants.ledger.queries import Pockets
from grants.people import queries as people
from grants.people.service import accounts as people_service
from grants.ports.payments import CheckoutStanding, OutcomeUnknown, PaymentProvider, ProviderRefused
from grants.web.again import number_again
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.filters import day, money
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography, pays_by, providers, stripe
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("funds", __name__)

KEEPERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.ADMIN, Role.AUDITOR)


def parts_of(pockets: Pockets) -> list[tuple[str, int]]:
    """The pot in the words of its page, as a money bar takes it."""
    parts = [
        ("Not promised yet", pockets.available_minor),
        ("Promised to groups", pockets.committed_minor),
        ("On its way to groups", pockets.sending_minor),
        ("Paid to groups", pockets.paid_minor),
    ]
    return [*parts, ("Given back to funders", pockets.returned_minor)] if pockets.returned_minor else parts


@bp.route("/funds")
@public
def index() -> ResponseReturnValue:
    """Every pot; straight to the only one, if there is only one."""
    session, actor = reading(), current_actor()
    funds = queries.funds(session)
    if len(funds) == 1:
        return redirect(url_for("funds.show", fund_id=funds[0].id))
    pots = queries.pots(session, [fund.id for fund in funds])
    may_start = actor.has(Role.ADMIN) or (actor.has(Role.STEWARD) and actor.scopes(Role.STEWARD) is None)
    return render_template("funds/index.html", funds=funds, pots=pots, parts_of=parts_of, may_start=may_start)


@bp.route("/funds/new", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def new() -> ResponseReturnValue:
    """Start a fund."""
    access.ensure_may_start_fund(current_actor())
    form = FundForm()
    if form.accepted():
        try:
            with working() as uow:
                fund_id = pots.start_fund(uow, form.to_draft()).id
            flash("The fund is open. Add what funders promise.", "success")
            return redirect(url_for("funds.show", fund_id=fund_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("funds/edit.html", form=form, fund=None), form.status


@bp.route("/funds/<uuid:fund_id>")
@public
def show(fund_id: UUID) -> ResponseReturnValue:
    """The pot in public: what came in, from whom and for what, and where it stands."""
    session, actor = reading(), current_actor()
    fund = queries.fund(session, fund_id)
    keeps = bool(set(KEEPERS) & actor.roles)
    given = [
        one
        for one in queries.contributions(session, fund_id)
        if keeps or one.state is not ContributionState.PLEDGED or access.speaks_for(actor, one.funder_id)
    ]
    pockets = books.pockets_of(session, [one.id for one in given])
    names = queries.names_for(session)
    pot = books.added_up(list(pockets.values()))
    promised = sum(one.amount_minor for one in given if one.state is not ContributionState.PLEDGED)
    return render_template(
        "funds/show.html",
        fund=fund,
        pot=pot,
        parts=parts_of(pot),
        to_come_minor=promised - pot.received_minor,
        given=[(one, pockets[one.id], describe(queries.restriction_of(one), names)) for one in given],
        keeps=keeps,
        may_steward=access.may_steward(actor, fund_id),
        shortfall_minor=books.shortfall_minor(session, fund_id),
        extra=sections_for("fund", fund),
    )


@bp.route("/funds/<uuid:fund_id>/change", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def change(fund_id: UUID) -> ResponseReturnValue:
    """Put the fund into better words."""
    fund = queries.fund(reading(), fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    form = FundForm(obj=fund)
    if carried_out(form, lambda uow: pots.change_fund(uow, fund_id, form.to_draft())):
        flash("The words are saved.", "success")
        return redirect(url_for("funds.show", fund_id=fund_id))
    return render_template("funds/edit.html", form=form, fund=fund), form.status


@bp.route("/funders")
@signed_in(*KEEPERS)
def funders() -> ResponseReturnValue:
    """Who gives."""
    session, actor = reading(), current_actor()
    may_add = actor.has(Role.ADMIN) or (actor.has(Role.STEWARD) and actor.scopes(Role.STEWARD) is None)
    return render_template("funds/funders.html", rows=queries.funders_with_totals(session), may_add=may_add)


@bp.route("/funders/new", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def new_funder() -> ResponseReturnValue:
    """Add somebody who gives."""
    access.ensure_may_start_fund(current_actor())
    form = FunderForm()
    if form.accepted():
        try:
            with working() as uow:
                name = pots.add_funder(uow, form.to_draft()).name
            flash(f"{name} is added.", "success")
            return redirect(url_for("funds.funders"))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("funds/new_funder.html", form=form), form.status


# ---------------------------------------------------------------- contributions


@bp.route("/funds/<uuid:fund_id>/contributions/new", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def contribute(fund_id: UUID) -> ResponseReturnValue:
    """Write down a promise; what it may be spent on is shown as one sentence before it is kept."""
    session = reading()
    fund = queries.fund(session, fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    form = ContributionForm()
    wards, sentence = _offer(form), ""
    form.funder_id.choices = [(one.id, one.name) for one in queries.funders(session)]
    if form.accepted():
        sentence = _sentence(form, wards)
        if form.checked.data == sentence:
            try:
                with working() as uow:
                    contribution_id = contributions.pledge(uow, fund_id, form.to_draft(wards)).id
                flash(
                    "The promise is written down. Mark it as agreed when the funder has agreed in writing.", "success"
                )
                return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
            except RuleBroken as broken:
                form.show(broken)
        form.checked.data = sentence
    return render_template("funds/contribute.html", form=form, fund=fund, sentence=sentence), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>")
@signed_in(*KEEPERS, Role.FUNDER)
def contribution(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """One contribution: its life, its money, and what can be done now."""
    session, actor = reading(), current_actor()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_see_contribution(actor, fund_id, one.funder_id)
    pockets = books.pockets_of(session, [one.id])[one.id]
    taken = queries.taken_back(session, one.id)
    return render_template(
        "funds/contribution.html",
        fund=one.fund,
        one=one,
        pockets=pockets,
        parts=parts_of(pockets),
        sentence=describe(queries.restriction_of(one), queries.names_for(session)),
        receipts=queries.receipts(session, one.id),
        given_back=queries.given_back(session, one.id),
        to_come_minor=one.amount_minor - pockets.received_minor,
        may_steward=access.may_steward(actor, fund_id),
        may_keep_money=access.may_keep_money(actor, fund_id),
        may_restrict=not (pockets.committed_minor or pockets.sending_minor or pockets.paid_minor),
        checks=actor.has(Role.AUDITOR),
        unspent=queries.unspent(session, one.id),
        may_answer=access.speaks_for(actor, one.funder_id),
        last_day=warning_words(queries.restriction_of(one), pockets, now()),
        checkouts=queries.checkouts(session, one.id),
        taken_back=taken,
        ways_back=queries.ways_back(session, taken),
        may_pay=stripe() is not None and access.may_pay_in(actor, fund_id, one.funder_id),
        came_back=request.args.get("paid") == "1",
    )


def warning_words(limits: Restriction, pockets: Pockets, moment: datetime) -> str:
    """What a page says when free money has a last day that is near or past; else nothing."""
    last = limits.spend_by
    if last is None or not pockets.available_minor or last > london_day(moment + WARN_BEFORE):
        return ""
    amount = money(pockets.available_minor)
    if last < london_day(moment):
        return f"{amount} of this money had to be promised by {day(last)}. Offer it back, or ask for more time."
    return f"{amount} of this money must be promised to groups by {day(last)}."


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/agree", methods=["POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def agree(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """The funder has agreed in writing."""
    queries.contribution(reading(), contribution_id, fund_id)
    try:
        with working() as uow:
            contributions.agree(uow, contribution_id)
        flash("Agreed. A finance officer records the money when it arrives.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/amount", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def amount(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Promise more, or less."""
    one = queries.contribution(reading(), contribution_id, fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    form = AmountForm(data={"amount": one.amount_minor})
    if carried_out(
        form, lambda uow: contributions.change_amount(uow, contribution_id, form.amount.data, form.why.data or "")
    ):
        flash("The amount is changed.", "success")
        return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
    return render_template("funds/amount.html", form=form, one=one), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/restriction", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def restriction(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Say anew what the money may be spent on."""
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    kept = queries.restriction_of(one)
    form = NewRestrictionForm(
        data={
            "ward_codes": sorted(kept.ward_codes),
            "imd_deciles": sorted(kept.imd_deciles),
            "priority_ids": sorted(kept.priority_ids),
            "beneficiaries": sorted(kept.beneficiaries),
            "group_kinds": sorted(kept.group_kinds),
            "spending": kept.spending or "both",
            "spend_by": kept.spend_by,
        }
    )
    wards, sentence = _offer(form, kept), ""
    if form.accepted():
        sentence = _sentence(form, wards)
        if form.checked.data == sentence:
            try:
                with working() as uow:
                    contributions.change_restriction(
                        uow, contribution_id, form.restriction(), wards, form.why.data or ""
                    )
                flash("Saved.", "success")
                return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
            except RuleBroken as broken:
                form.show(broken)
        form.checked.data = sentence
    now_says = describe(kept, queries.names_for(session))
    return render_template("funds/restriction.html", form=form, one=one, now_says=now_says, sentence=sentence), (
        form.status
    )


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/receive", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def receive(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Record money that arrived."""
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_keep_money(current_actor(), fund_id)
    missing = one.amount_minor - queries.received_minor(session, [one.id])[one.id]
    form = ReceiptForm(data={"amount": missing or None})
    if carried_out(form, lambda uow: contributions.receive(uow, contribution_id, form.to_draft())):
        flash(f"{money(form.amount.data)} is in the pot.", "success")
        return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
    return render_template("funds/receive.html", form=form, one=one, missing_minor=missing), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/give-back", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def give_back(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Record money that went back to its funder."""
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_keep_money(current_actor(), fund_id)
    form = GiveBackForm()
    if carried_out(form, lambda uow: contributions.give_back(uow, contribution_id, form.to_draft())):
        flash(f"{money(form.amount.data)} is given back.", "success")
        return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
    return render_template(
        "funds/give_back.html", form=form, one=one, free_minor=queries.free_minor(reading(), one.id)
    ), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/unspent", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
def offer_unspent(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Ask the funder what is to become of its unspent money."""
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    free = queries.free_minor(session, one.id)
    form = UnspentForm()
    if carried_out(form, lambda uow: unspent.offer_unspent(uow, contribution_id, form.reason.data or "")):
        flash("The funder is asked.", "success")
        return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
    return render_template("funds/unspent.html", form=form, one=one, free_minor=free), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/unspent/<uuid:offer_id>", methods=["GET", "POST"])
@signed_in(Role.FUNDER)
def answer_unspent(fund_id: UUID, contribution_id: UUID, offer_id: UUID) -> ResponseReturnValue:
    """The funder says what is to become of its unspent money."""
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_answer_unspent(current_actor(), one.funder_id)
    offer = queries.unspent_offer(session, offer_id, contribution_id)
    form = AnswerUnspentForm(data={"spend_by": queries.restriction_of(one).spend_by})
    if form.accepted():
        try:
            with working() as uow:
                if form.answer.data == "stay":
                    unspent.carry_over(uow, offer_id, form.spend_by.data)
                else:
                    unspent.ask_back(uow, offer_id)
            flash("Thank you. Those who keep the fund are told.", "success")
            return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("funds/answer_unspent.html", form=form, one=one, offer=offer), form.status


@bp.route(
    "/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/unspent/<uuid:offer_id>/withdraw", methods=["POST"]
)
@signed_in(Role.ADMIN, Role.STEWARD)
def withdraw_unspent(fund_id: UUID, contribution_id: UUID, offer_id: UUID) -> ResponseReturnValue:
    """Take the question back."""
    queries.contribution(reading(), contribution_id, fund_id)
    queries.unspent_offer(reading(), offer_id, contribution_id)
    try:
        with working() as uow:
            unspent.withdraw_unspent(uow, offer_id)
        flash("The question is taken back.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))


@bp.route("/funds/<uuid:fund_id>/close-books", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def close_books(fund_id: UUID) -> ResponseReturnValue:
    """Close a period of the books, for good."""
    session = reading()
    fund = queries.fund(session, fund_id)
    access.ensure_may_keep_money(current_actor(), fund_id)
    form = CloseForm()
    if carried_out(form, lambda uow: pots.close_books(uow, fund_id, form.through.data)):
        flash("The period is closed. From now on nothing can be entered in it.", "success")
        return redirect(url_for("audit.books"))
    return render_template("funds/close_books.html", form=form, fund=fund, last=books.last_close(session, fund_id)), (
        form.status
    )


def _offer(form: RestrictionForm, kept: Restriction | None = None) -> dict[str, str]:
    """Fill the form's boxes: the wards we know, the agreed priorities, and whatever stands already."""
    priorities = queries.priorities_to_choose(reading(), kept.priority_ids if kept else ())
    wards = {ward.code: ward.name for ward in geography().wards()}
    form.offer(wards, priorities)
    return wards


def _sentence(form: RestrictionForm, wards: dict[str, str]) -> str:
    return describe(form.restriction(), Names(wards, form.priorities))


# ---------------------------------------------------------------- roles for one fund or funder, on a person's page


FOR_ONE_FUND = {
    Role.STEWARD: "Steward of {}",
    Role.FINANCE_OFFICER: "Finance officer of {}",
    Role.PANELLIST: "Panellist of {}",
}


def _roles_to_give() -> dict[str, str]:
    """What a role and its scope are called, by "role:scope"."""
    session = reading()
    speakers = {f"{Role.FUNDER.value}:{one.id}": f"Speaks for {one.name}" for one in queries.funders(session)}
    return speakers | {
        f"{role.value}:{fund.id}": words.format(fund.name)
        for fund in queries.funds(session)
        for role, words in FOR_ONE_FUND.items()
    }


@section("person", 20)
def scoped_roles(person: Any) -> Section | None:
    """Where an administrator gives a role for one fund or funder; what is held so is named."""
    actor = current_actor()
    if not actor.has(Role.ADMIN) or actor.id == person.id or person.anonymised_at is not None:
        return None
    roles, form = _roles_to_give(), ScopedRoleForm()
    form.what.choices = list(roles.items())
    grants = people.grants_of(reading(), person.id)
    held = [words for g in grants if (words := roles.get(f"{g.role.value}:{g.scope_id}"))]
    html = render_template("funds/_roles.html", form=form, person=person, held=sorted(held))
    return Section("roles-for-one", "Roles for one fund or funder", Markup(html))  # noqa: S704  (our template)


@bp.route("/people/<uuid:person_id>/roles", methods=["POST"])
@signed_in(Role.ADMIN)
def give_role(person_id: UUID) -> ResponseReturnValue:
    """Give a role for one fund or funder."""
    form = ScopedRoleForm()
    form.what.choices = list(_roles_to_give().items())
    if form.accepted():
        role, _, scope = str(form.what.data).partition(":")
        try:
            with working() as uow:
                people_service.grant_role(uow, person_id, Role(role), UUID(scope))
            flash("The role is given.", "success")
        except RuleBroken as broken:
            flash(broken.message, "error")
    else:
        flash("Choose a role from the list.", "error")
    return redirect(f"/people/{person_id}")


# ---------------------------------------------------------------- what needs somebody now


@needs_you(queries.promised)
def pledges_to_agree(actor: Actor, now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards: promises that wait for the funder's written word."""
    for fund_id, id, amount_minor, _, funder, _ in rows:
        yield NeedsYou(
            f"Agree {money(amount_minor)} with {funder}",
            url_for("funds.contribution", fund_id=fund_id, contribution_id=id),
            "Promised, not agreed in writing yet.",
        )


@needs_you(queries.awaited)
def money_to_come(actor: Actor, now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Finance officers: agreed money to look for on the bank statement."""
    for fund_id, id, amount_minor, arrived_minor, funder, fund in rows:
        yield NeedsYou(
            f"Record {money(amount_minor - arrived_minor)} from {funder} when it arrives",
            url_for("funds.contribution", fund_id=fund_id, contribution_id=id),
            f"Agreed for {fund}; look for it on the bank statement.",
        )


# ---------------------------------------------------------------------------------- how groups are paid, and money in


@bp.route("/funds/<uuid:fund_id>/payments", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.STEWARD)
@number_again
def payments(fund_id: UUID) -> ResponseReturnValue:
    """Say how this fund's groups are paid."""
    fund = queries.fund(reading(), fund_id)
    access.ensure_may_steward(current_actor(), fund_id)
    form = PaysByForm(data={"pays_by": fund.pays_by or pays_by(), "fees_borne_by": fund.fees_borne_by or ""})
    here = [PaysBy.BANK_RUN, *(PaysBy(name) for name in sorted(providers()))]
    form.pays_by.choices = [(way.value, PAYS_BY_WORDS[way]) for way in here]
    if carried_out(
        form, lambda uow: pots.choose_payments(uow, fund_id, PaysBy(form.pays_by.data), form.fees_borne_by.data or "")
    ):
        flash("Saved. What is on its way already goes on as it began.", "success")
        return redirect(url_for("funds.show", fund_id=fund_id))
    return render_template("funds/payments.html", form=form, fund=fund), form.status


@bp.route("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/pay", methods=["GET", "POST"])
@signed_in(*KEEPERS, Role.FUNDER)
def pay(fund_id: UUID, contribution_id: UUID) -> ResponseReturnValue:
    """Pay a contribution by card, from a bank or by Direct Debit, on Stripe's own page.

    The page links there instead of sending the browser: our forms may lead to ourselves only.
    """
    session = reading()
    one = queries.contribution(session, contribution_id, fund_id)
    access.ensure_may_pay_in(current_actor(), fund_id, one.funder_id)
    provider = stripe()
    if provider is None:
        raise NotFound("Nothing can be paid through Stripe here.")
    missing = one.amount_minor - queries.received_minor(session, [one.id])[one.id]
    form = PayForm(data={"amount": missing or None})
    if form.accepted():
        assert form.amount.data is not None
        try:
            _open_checkout(provider, fund_id, one.id, one.fund.name, form.amount.data)
            return redirect(url_for("funds.pay", fund_id=fund_id, contribution_id=contribution_id))
        except RuleBroken as broken:
            form.show(broken)
        one = queries.contribution(session, contribution_id, fund_id)
    ready = next((c for c in queries.checkouts(session, one.id) if c.state == CheckoutStanding.OPEN and c.url), None)
    return render_template("funds/pay.html", form=form, one=one, missing_minor=missing, ready=ready), form.status


def _open_checkout(provider: PaymentProvider, fund_id: UUID, id: UUID, fund: str, amount_minor: int) -> None:
    """Begin, then ask Stripe for its page under the key that was written down, then keep where it is."""
    with working() as uow:
        begun = checkouts.start_checkout(uow, id, amount_minor, provider.name)
        checkout_id, key, amount = begun.id, begun.key, begun.amount_minor
    back = url_for("funds.contribution", fund_id=fund_id, contribution_id=id)
    base, what = current_app.config["SETTINGS"].base_url, f"Contribution to {fund}"[:120]
    try:
        page = provider.start_checkout(
            amount_minor=amount, what=what, key=key, return_url=f"{base}{back}?paid=1", cancel_url=f"{base}{back}"
        )
    except (OutcomeUnknown, ProviderRefused) as failed:
        raise RuleBroken(f"{failed} Nothing was paid. Try again in a minute.", field="amount") from failed
    with working() as uow:
        checkouts.checkout_opened(uow, checkout_id, page)


@bp.route(
    "/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/paid/<uuid:checkout_id>/refund", methods=["GET", "POST"]
)
@signed_in(Role.FINANCE_OFFICER)
@number_again
def refund(fund_id: UUID, contribution_id: UUID, checkout_id: UUID) -> ResponseReturnValue:
    """Give money back the way it came."""
    one = queries.contribution(reading(), contribution_id, fund_id)
    access.ensure_may_keep_money(current_actor(), fund_id)
    through = queries.checkout(reading(), checkout_id, contribution_id)
    form = RefundForm()
    if form.accepted():
        assert form.amount.data is not None
        try:
            with working() as uow:
                taken_back.refund(uow, checkout_id, form.amount.data, form.reason.data or "")
            flash("It goes back within moments, the way it came.", "success")
            return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
        except RuleBroken as broken:
            form.show(broken)
            one = queries.contribution(reading(), contribution_id, fund_id)
            through = queries.checkout(reading(), checkout_id, contribution_id)
    return render_template("funds/refund.html", form=form, one=one, through=through), form.status


@bp.post("/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/back/<uuid:taken_back_id>/again")
@signed_in(Role.FINANCE_OFFICER)
def refund_again(fund_id: UUID, contribution_id: UUID, taken_back_id: UUID) -> ResponseReturnValue:
    """Ask the provider once more for money that goes back, when nobody knows whether it went."""
    queries.one_taken_back(reading(), taken_back_id, contribution_id)
    queries.contribution(reading(), contribution_id, fund_id)
    try:
        with working() as uow:
            taken_back.ask_again(uow, taken_back_id)
        flash("Stripe is asked again within moments.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))


@bp.route(
    "/funds/<uuid:fund_id>/contributions/<uuid:contribution_id>/missing/<uuid:taken_back_id>", methods=["GET", "POST"]
)
@signed_in(Role.FINANCE_OFFICER)
@number_again
def make_good(fund_id: UUID, contribution_id: UUID, taken_back_id: UUID) -> ResponseReturnValue:
    """Write down money that makes good what a payer's bank took back."""
    one = queries.contribution(reading(), contribution_id, fund_id)
    access.ensure_may_keep_money(current_actor(), fund_id)
    taken = queries.one_taken_back(reading(), taken_back_id, contribution_id)
    form = MadeGoodForm(data={"amount": taken.short_minor or None})
    if form.accepted():
        assert form.amount.data is not None
        try:
            with working() as uow:
                taken_back.make_good(uow, taken_back_id, form.amount.data, form.reference.data or "")
            flash("Written down.", "success")
            return redirect(url_for("funds.contribution", fund_id=fund_id, contribution_id=contribution_id))
        except RuleBroken as broken:
            form.show(broken)
            one = queries.contribution(reading(), contribution_id, fund_id)
            taken = queries.one_taken_back(reading(), taken_back_id, contribution_id)
    return render_template("funds/make_good.html", form=form, one=one, taken=taken), form.status


@needs_you(queries.near_their_end)
def last_days(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards: free money whose last day is near."""
    for fund_id, id, free_minor, funder, last in rows:
        yield NeedsYou(
            f"Promise {money(free_minor)} from {funder} by {day(date.fromisoformat(last))}",
            url_for("funds.contribution", fund_id=fund_id, contribution_id=id),
            "Nobody is promised it yet. Award it, or offer it back to the funder.",
        )


@needs_you(queries.unspent_to_answer)
def unspent_to_answer(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Funders: what is to become of their unspent money."""
    for offer_id, amount_minor, fund_id, id, _ in rows:
        yield NeedsYou(
            f"Say what shall become of {money(amount_minor)}",
            url_for("funds.answer_unspent", fund_id=fund_id, contribution_id=id, offer_id=offer_id),
            "It is promised to nobody. Let it stay, or have it back.",
        )


@needs_you(queries.unspent_to_return)
def unspent_to_return(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Finance officers: what to pay back."""
    for _, amount_minor, fund_id, id, funder in rows:
        yield NeedsYou(
            f"Pay {money(amount_minor)} back to {funder}",
            url_for("funds.give_back", fund_id=fund_id, contribution_id=id),
            "The funder asked for it. Pay it, then record the payment.",
        )
