"""A finished round's ballots under other rules: reads only, keeps nothing, decides nothing."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from grants.allocation import access, queries
from grants.allocation.forms import SandboxForm
from grants.allocation.rules.outside import asked, command
from grants.allocation.rules.plain import options_in_words
from grants.allocation.rules.registry import RULES
from grants.allocation.rules.sandbox import MOST_CHOICES, Tried, options_for, start_from, try_rule
from grants.allocation.views.lines import lines_of
from grants.kernel.actors import Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.kernel.money import POUNDS, told_in
from grants.rounds import queries as rounds
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.sharing import Options, SharingRule
from grants.rounds.rules.words import level_words, split_words
from grants.voting import queries as voting
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.filters import money
from grants.web.sections import Section, section
from grants.web.session import current_actor

bp = Blueprint("sandbox", __name__)


@bp.get("/rounds/<uuid:round_id>/sandbox")
@signed_in(Role.ADMIN, Role.AUDITOR, Role.STEWARD)
def page(round_id: UUID) -> ResponseReturnValue:
    """Last round's ballots under other rules, beside what came out: for stewards and auditors, once it is announced."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    if not queries.is_announced(round):
        raise NotFound("There is no such page, or its results are not announced yet.")
    access.ensure_may_try(actor, round.fund_id)
    run, book = queries.standing_run(reading(), round_id), voting.book_of(round)
    facts = queries.facts(run)
    if run is None or facts is None:
        raise NotFound("The pot of this round was not shared here.")
    real = Tried(
        tuple(step.bid_id for step in facts.steps), run.pot_minor, run.spent_minor, facts.voters, facts.with_one or 0
    )
    g.currency = round.currency  # what is typed and what is wrong with it, too
    full = facts.voters >= book.totals_only_below
    form, heard = _form(book, run.pot_minor, full)
    tried: Tried | None = None
    asked_book = book
    options: Options = {}
    if heard and form.heard():
        rule = form.rule.data
        options = options_for(book.rule, book.rule_options, rule, form.options())
        try:
            part = form.panel_part.data
            share = form.panel_share.data if part is PanelPart.SPLIT_POT else None
            if part is PanelPart.SPLIT_POT and share is None:
                raise RuleBroken("Enter how much of the pot goes by the panel's points.", field="panel_share")
            asked_book = replace(book, panel_part=part, panel_share=share, pot_minor=form.pot_minor.data)
            tried = _try(run, asked_book, rule, options)
        except RuleBroken as broken:
            form.show(broken)
    lines = lines_of(round_id)
    return render_template(
        "allocation/sandbox.html",
        round=round,
        book=book,
        form=form,
        full=full,
        word="point" if book.ballot.has_points else "vote",
        real=real,
        tried=tried,
        own=RULES[book.rule].title,
        rule=RULES[form.rule.data].title if tried else "",
        told=_told(asked_book, form.rule.data, options) if tried else (),
        lines={line.proposal_id: line for line in lines},
        otherwise=sum(bool(line.departure_reason or line.corrected) for line in lines),
        command=_command(form, options, round_id)
        if tried and full and tried.pot_minor == run.pot_minor and asked_book.panel_part is PanelPart.GATE
        else "",
        finer=_finer(form),
    ), form.status


def _form(book: RuleBook, pot_minor: int, full: bool) -> tuple[SandboxForm, bool]:
    """The form as the address has it, and whether it asks for a try. What the address leaves out is as in the round.

    What the asked rule does not know is passed over. Where few people voted, the pot stays: with many pots, a reader
    could work out what somebody chose.
    """
    given: dict[str, str] = request.args.to_dict()
    try:
        rule = SharingRule(given.get("rule", book.rule))
    except ValueError:
        rule = book.rule  # the field says what is wrong with it
    begin = start_from(book.rule, book.rule_options, rule)
    typed = {name: ("yes" if begin[name] else "no") if name in SandboxForm.YES_OR_NO else begin[name] for name in begin}
    typed |= {"panel_part": book.panel_part.value, "panel_share": book.panel_share or ""}
    typed |= {"rule": book.rule.value, "pot_minor": _typed(pot_minor), "step_minor": _typed(begin["step_minor"])}
    for name in SandboxForm.SHARES if rule is not SharingRule.EQUAL_SHARES else ("stop_at_misfit",):
        given.pop(name, None)
    if not full:
        given.pop("pot_minor", None)
    known = {name: text for name, text in given.items() if name in typed}
    form = SandboxForm(MultiDict({name: str(value) for name, value in (typed | known).items()}))
    form.tell_in(book.currency)
    return form, bool(known)


def _typed(minor: int) -> str:
    return money(minor, POUNDS).removeprefix("£")


def _told(asked: RuleBook, rule: SharingRule, options: Options) -> tuple[str, ...]:
    """What was tried, in sentences."""
    ties = (f"Where votes are equal: {level_words(asked)}",) if asked.panel_part is PanelPart.TIE_BREAK else ()
    words = (*split_words(asked), *options_in_words(rule, options, points=asked.ballot.has_points), *ties)
    return tuple(told_in(sentence, asked.currency) for sentence in words)


def _try(run: Any, asked: RuleBook, rule: SharingRule, options: Options) -> Tried:
    if queries.ballots_size(reading(), run.round_id) > MOST_CHOICES:
        raise RuleBroken(
            "There are too many ballots to share them out again while you wait. Download the .pb file of this round’s "
            "results, and use the command “grants tally”."
        )
    inputs = queries.inputs(reading(), run)
    panel = inputs.panel
    if panel is None or (panel.part, panel.share) != (asked.panel_part, asked.panel_share):
        bids = [bid.id for bid in inputs.bids]
        panel = queries.panel_scores(reading(), run.round_id, asked, bids)
    return try_rule(replace(inputs, panel=panel), rule, options, asked.pot_minor)


def _command(form: SandboxForm, options: Options, round_id: UUID) -> str:
    """The one command that does the same elsewhere; nothing where one group can win only so much."""
    ask = asked(form.rule.data, options)
    return command(ask, f"results-{round_id}.pb") if ask else ""


def _finer(form: SandboxForm) -> bool:
    """Whether something among the finer points is not as usual, so that they are shown."""
    usual = start_from(form.rule.data, {}, form.rule.data) if not form.rule.errors else {}
    names = ("stop_at_misfit", *form.SHARES)
    return any(form[name].errors for name in names) or any(
        form.options()[name] != usual[name] for name in names if name in usual
    )


@section("round_form", 10)
def on_round_form(round: Any) -> Section | None:
    """Beside the choice of a rule: try it on the ballots of the round that was announced last."""
    funds = current_actor().scopes(Role.STEWARD)
    last = queries.last_announced(reading(), funds, round.fund_id if round is not None else None)
    if last is None:
        return None
    html = render_template("allocation/_round_form.html", last=last, href=url_for("sandbox.page", round_id=last.id))
    return Section("sandbox", "Try it", Markup(html))  # noqa: S704  (a template of ours escapes)
