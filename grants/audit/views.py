"""Pages of the stage ``audit``: statements, the trail, the books, the public register. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, islice
from uuid import UUID

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.audit import access, rules
from grants.audit.exports.journal import SUFFIX, Format, told
from grants.audit.exports.tables import register_csv, statement_csv, statement_sheets
from grants.audit.forms import AsAtForm, BooksFileForm, PeriodForm, RegisterForm, TrailForm
from grants.audit.queries import books as books_queries
from grants.audit.queries import checks as checks_queries
from grants.audit.queries import register as register_queries
from grants.audit.queries import statements as statements_queries
from grants.audit.queries import trail as trail_queries
from grants.audit.queries import what_if as what_if_queries
from grants.audit.queries.register import PAGE, RegisterFilter
from grants.audit.queries.statements import ContributionRow, FunderRow, Given, Told
from grants.audit.queries.trail import TRAIL_PAGE, TrailFilter
from grants.audit.rules import Link, Stream
from grants.funds import queries as funds
from grants.funds import rules as pot_rules
from grants.funds.access import ensure_may_steward, may_keep_money, speaks_for
from grants.funds.rules import describe, explain
from grants.funds.views import parts_of
from grants.kernel.actors import Role
from grants.kernel.clock import LONDON, day_begins, london_day
from grants.kernel.errors import NotFound
from grants.ledger import queries as ledger
from grants.ledger.queries import Pockets
from grants.people import queries as people
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.forms import asked_number
from grants.web.kept import kept, kept_in_parts, parts
from grants.web.pdf import pdf_answer
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.sheets import xlsx_answer

bp = Blueprint("audit", __name__)

RESTS, BACK, OTHERS = "rests", "back", "others"
PRINTED = 400
"""Awards on paper at most: a spreadsheet holds them all."""
PLACES = {
    "award": "/awards/{}",
    "community_group": "/groups/{}",
    "fund": "/funds/{}",
    "funder": "/funders/{}",
    "issue": "/issues/{}",
    "priority": "/priorities/{}",
    "proposal": "/proposals/{}",
    "round": "/rounds/{}",
}
"""Where a thing of the trail has its own page."""


def _pages(count: int, size: int) -> int:
    return max(1, -(-count // size))


def _as_at() -> tuple[AsAtForm, datetime | None]:
    """The day that was asked for, as the last moment of it; None for now."""
    form = AsAtForm(request.args)
    if not form.heard() or form.as_at.data is None:
        return form, None
    return form, rules.end_of_day(form.as_at.data, now())


def _shown_page(found: int, page: int, size: int) -> int:
    """The number of pages; a page behind the last is not there."""
    pages = _pages(found, size)
    if page > pages:
        raise NotFound()
    return pages


# ---------------------------------------------------------------- a funder's statement


@bp.route("/funders/<uuid:funder_id>")
@kept_in_parts  # above the door, which asks the database who this is: what is kept names where that stood before
@signed_in(Role.ADMIN, Role.AUDITOR, Role.FINANCE_OFFICER, Role.FUNDER, Role.STEWARD)
def statement(funder_id: UUID) -> ResponseReturnValue:
    """What one funder gave, where each pound of it went, and what came of it.

    How it stands now is the same for all who may read the same contributions: that part is kept. Who may, is asked of
    everybody at each look. As at a day that somebody typed it is made afresh.
    """
    found = parts("who gave what", [funder_id], _given_by, lambda one: 500 * len(one[1]))
    funder, given, kept = statements_queries.readable(current_actor(), funder_id, found[0] if found else None)
    form, as_at = _as_at()
    asked = _Asked(funder, tuple(given), kept is not None, speaks_for(current_actor(), funder_id), asked_number())
    if request.args.get("as_at"):
        body = _statement(asked, form, as_at)
    else:
        (body,) = parts("statement", [asked], lambda _: {asked: _statement(asked, form, None)}, len)
    return render_template("audit/statement.html", funder=funder, form=form, body=body), form.status


@dataclass(frozen=True)
class _Asked:
    """All that the body of a statement depends on, beside the database and the day."""

    funder: FunderRow
    given: tuple[ContributionRow, ...]
    limited: bool
    mine: bool
    page: int

    def __hash__(self) -> int:
        return hash((self.funder.id, self.page))


def _given_by(ids: Sequence[UUID]) -> dict[UUID, tuple[FunderRow, list[ContributionRow]]]:
    return {id: found for id in ids if (found := statements_queries.given_by(reading(), id))}


def _statement(asked: _Asked, form: AsAtForm, as_at: datetime | None) -> Markup:
    """The body of a funder's page, now or as at a moment."""
    session, ids = reading(), [one.id for one in asked.given]
    if as_at is None:
        now_of = statements_queries.now_of(session, ids, page=asked.page)
        pockets, streams, shares, count = now_of.pockets, now_of.streams, now_of.shares, now_of.count
    else:
        pockets = ledger.pockets_of(session, ids, as_at)
        streams = statements_queries.streams(session, ids, as_at)
        shares, count = statements_queries.shares(session, ids, as_at, page=asked.page)
    told = _told(asked.funder, asked.given, pockets, as_at, limited=asked.limited)
    html = render_template(
        "audit/_statement.html",
        told=told,
        funder=told.funder,
        form=form,
        period=PeriodForm(formdata=None),
        as_at=as_at,
        total=told.total,
        parts=parts_of(told.total),
        flow=_streams(told.given, streams),
        shares=shares,
        count=count,
        page=asked.page,
        pages=_shown_page(count, asked.page, PAGE),
        mine=asked.mine,
        extra={"as_at": form.as_at.data.isoformat()} if as_at and form.as_at.data else {},
    )
    return Markup(html)  # noqa: S704 - rendered by our template


def _told(
    funder: FunderRow,
    given: Sequence[ContributionRow],
    pockets: Mapping[UUID, Pockets],
    as_at: datetime | None,
    *,
    limited: bool,
) -> Told:
    """What a statement tells of a funder at a moment, before anything of awards."""
    session, ids = reading(), [one.id for one in given]
    then = statements_queries.promises_at(session, ids, as_at) if as_at else {}
    names = statements_queries.names_for(session, given)
    return Told(
        funder=funder,
        given=[
            Given.of(one, pockets[one.id], then.get(one.id), names, as_at)
            for one in given
            if as_at is None or one.pledged_at <= as_at
        ],
        ids=ids,
        total=ledger.added_up(list(pockets.values())),
        limited=limited,
    )


@bp.route("/funders/<uuid:funder_id>/statement.csv")
@signed_in(Role.ADMIN, Role.AUDITOR, Role.FINANCE_OFFICER, Role.FUNDER, Role.STEWARD)
def statement_file(funder_id: UUID) -> ResponseReturnValue:
    """The same as a file."""
    session = reading()
    _, given, _ = statements_queries.statement_for(session, current_actor(), funder_id)
    _, as_at = _as_at()
    shares, _ = statements_queries.shares(session, [one.id for one in given], as_at, page=None)
    return _file(statement_csv(shares), f"statement-{funder_id}.csv")


@bp.route("/funders/<uuid:funder_id>/period")
@signed_in(Role.ADMIN, Role.AUDITOR, Role.FINANCE_OFFICER, Role.FUNDER, Role.STEWARD)
def period(funder_id: UUID) -> ResponseReturnValue:
    """A statement of any days, as a PDF or as a spreadsheet; the same for every funder."""
    session, form = reading(), PeriodForm(request.args)
    if not form.heard():
        funder, _, _ = statements_queries.statement_for(session, current_actor(), funder_id)
        return render_template("audit/period.html", form=form, funder=funder), 422
    until = rules.end_of_day(form.until.data, now()) if form.until.data else now()
    since = day_begins(form.since.data) if form.since.data else None
    funder, given, kept = statements_queries.statement_for(session, current_actor(), funder_id)
    pockets = ledger.pockets_of(session, [one.id for one in given], until)
    told = _told(funder, given, pockets, until, limited=kept is not None)
    before = None
    if since:
        before = ledger.added_up(list(ledger.pockets_of(session, told.ids, since - timedelta(microseconds=1)).values()))
    moved = statements_queries.moved_between(session, told.ids, since, until)
    last = london_day(until)
    name = f"statement-{form.since.data or 'to'}-{last}"
    days = rules.days_words(form.since.data, last)
    if request.args.get("as") == "xlsx":
        shares, _ = statements_queries.shares(session, told.ids, until, page=None)
        steps = statements_queries.movements(session, told.ids, since, until)
        sheets = statement_sheets(told, before or Pockets(), moved, shares, steps, days)
        return xlsx_answer(sheets, f"{told.funder.name}: {days}", f"{name}.xlsx")
    shares, count = statements_queries.shares(session, told.ids, until, page=1, size=PRINTED)
    return pdf_answer(
        "audit/statement_print.html",
        f"{name}.pdf",
        told=told,
        before=before or Pockets(),
        moved=moved,
        shares=shares,
        count=count,
        days=days,
        since=since,
        until=until,
        said=_said,
    )


def _file(text: str, name: str) -> Response:
    answer = Response("\ufeff" + text, mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _streams(given: Sequence[Given], streams: Sequence[statements_queries.Streamed]) -> dict[str, object]:
    """The picture of contributions → awards → priorities (on a phone in two halves), and its table."""
    names = {RESTS: "Not promised yet", BACK: "Given back", OTHERS: "Other awards"}
    found, rows = [], []
    for one in given:
        source = f"{one.contribution.id}"
        names[source] = f"{one.contribution.fund_name}, {one.contribution.pledged_at.astimezone(LONDON):%Y}"
        found += [
            Stream(source, RESTS, None, one.pockets.available_minor),
            Stream(source, BACK, None, one.pockets.returned_minor),
        ]
    known = {one.source for one in found}
    for way in streams:
        source, target = f"{way.contribution_id}", f"{way.priority_id}"
        middle = f"{way.award_id}" if way.award_id else OTHERS
        if source not in known:
            continue
        names[target] = way.priority_title
        names.setdefault(middle, way.award_title or "")
        found.append(Stream(source, middle, target, way.amount_minor))
    last = (OTHERS, RESTS, BACK)
    for stream in sorted(found, key=lambda x: (names[x.source], x.middle in last, -x.amount_minor, names[x.middle])):
        if stream.amount_minor:
            priority = names[stream.target] if stream.target else ""
            rows.append((names[stream.source], names[stream.middle], priority, stream.amount_minor))
    first = [Link(x.source, x.middle, x.amount_minor) for x in found]
    second = [Link(x.middle, x.target, x.amount_minor) for x in found if x.target]
    return {
        "narrow": rules.picture(first, names, width=340, last=last, tall=240),
        "below": rules.picture(second, names, width=340, last=last, tall=200),
        "wide": rules.picture_of_streams(found, names, width=960, side=252, last=last, tall=300),
        "rows": rows,
    }


def _flow(givers: Sequence[tuple[str, str, Pockets]], streams: Sequence[statements_queries.Flow]) -> dict[str, object]:
    """The picture of who gave → where it went, narrow and wide, and its table."""
    names = {RESTS: "Not promised yet", BACK: "Given back"}
    links = []
    merged: dict[str, str] = {}  # contribution → the giver's key: givers of one name are one block
    for key, name, pockets in givers:
        merged[key] = name
        names[name] = name
        links.append(Link(name, RESTS, pockets.available_minor))
        links.append(Link(name, BACK, pockets.returned_minor))
    for stream in streams:
        if f"{stream.contribution_id}" in merged:
            names[f"{stream.priority_id}"] = stream.priority_title
            links.append(Link(merged[f"{stream.contribution_id}"], f"{stream.priority_id}", stream.amount_minor))
    rows = []
    rests = (RESTS, BACK)
    whole: dict[tuple[str, str], int] = {}
    for link in links:
        if link.amount_minor:
            whole[link.source, link.target] = whole.get((link.source, link.target), 0) + link.amount_minor
    for (source, target), minor in sorted(
        whole.items(), key=lambda kv: (kv[0][0], kv[0][1] in rests, -kv[1], kv[0][1])
    ):
        rows.append((names[source], names[target], minor))
    return {
        "narrow": rules.picture(links, names, width=340, last=rests, tall=240),
        "wide": rules.picture(links, names, width=960, side=270, last=rests, tall=300),
        "rows": rows,
    }


@bp.route("/funds/<uuid:fund_id>/what-if")
@signed_in(Role.ADMIN, Role.STEWARD)
def what_if(fund_id: UUID) -> ResponseReturnValue:
    """What could be paid today, why not, and what one free pound would unlock. Reads only: nothing is promised."""
    session = reading()
    fund = funds.fund(session, fund_id)
    ensure_may_steward(current_actor(), fund_id)
    bids = what_if_queries.open_bids(session, fund_id, london_day(now()))
    asked, wrong = rules.chosen(
        [(one.id, one.need.amount_minor) for one in bids],
        request.args.getlist("bid"),
        {key.removeprefix("amount-"): text for key, text in request.args.items() if key.startswith("amount-")},
    )
    sources = funds.sources(session, fund_id)
    lines, matching = pot_rules.what_if(
        [replace(one.need, amount_minor=asked[one.id]) for one in bids if one.id in asked], sources
    )
    names, given = funds.names_for(session), funds.contributions(session, fund_id)
    told = {
        line.need.id: explain(line.shortfall, names, newest=line.need.id) if line.shortfall else "" for line in lines
    }
    return render_template(
        "audit/what_if.html",
        fund=fund,
        bids=bids,
        asked=asked,
        typed=request.args,
        wrong=wrong,
        free_minor=sum(source.available_minor for source in sources),
        held_up=funds.held_up(session, fund_id),
        lines={line.need.id: line for line in lines},
        told=told,
        split=matching.split,
        funders={one.id: (one.funder.name, describe(funds.restriction_of(one), names)) for one in given},
        titles={one.id: one.title for one in bids},
    ), (422 if wrong else 200)


@section("fund", 5)
def where_it_went(fund: object) -> Section | None:
    """On a fund's public page: who gave, and where it went."""
    session = reading()
    given = [one for one in funds.contributions(session, fund.id) if one.agreed_at]  # type: ignore[attr-defined]
    ids = [one.id for one in given]
    streams = statements_queries.flows(session, ids)
    if not streams:
        return None
    pockets = ledger.pockets_of(session, ids)
    flow = _flow([(f"{one.id}", one.funder.name, pockets[one.id]) for one in given], streams)
    html = render_template("audit/_fund.html", flow=flow)
    return Section("where-it-went", "Who gave, and where it went", Markup(html))  # noqa: S704  (our template)


# ---------------------------------------------------------------- the public register


@bp.route("/register")
@public
@kept(args=("page", "round", "priority"))
def register() -> ResponseReturnValue:
    """Every award in public, added up beside the books."""
    session = reading()
    form = RegisterForm(request.args)
    rounds, priorities = register_queries.rounds_and_priorities(session)
    form.round.choices, form.priority.choices = rounds, priorities
    wanted = RegisterFilter()
    if form.heard():
        wanted = RegisterFilter(form.round.data, form.priority.data, form.words.data or "")
    rows, count = register_queries.register(session, wanted, page=asked_number())
    return render_template(
        "audit/register.html",
        form=form,
        rows=rows,
        count=count,
        page=asked_number(),
        pages=_shown_page(count, asked_number(), PAGE),
        narrowed=wanted != RegisterFilter(),
        sums=register_queries.register_sum(session),
        extra={"words": wanted.words, "round": wanted.round_id, "priority": wanted.priority_id},
    ), form.status


@bp.route("/register.csv")
@public
def register_file() -> ResponseReturnValue:
    """The whole register as a file."""
    rows, _ = register_queries.register(reading(), RegisterFilter(), page=None)
    return _file(register_csv(rows), "register-of-awards.csv")


# ---------------------------------------------------------------- for the auditor


@bp.route("/audit")
@signed_in(Role.AUDITOR)
def home() -> ResponseReturnValue:
    """Everything, now or as at the end of any day."""
    session = reading()
    form, as_at = _as_at()
    moment = as_at or now()
    pots = funds.funds(session)
    given = books_queries.contributions_at(session, [fund.id for fund in pots], moment)
    ids = [one.id for one in given]
    pockets = ledger.pockets_of(session, ids, as_at)
    states = trail_queries.states_at(session, "contribution", moment, ids)
    awards, count = statements_queries.awards_at(session, moment, page=asked_number())
    return render_template(
        "audit/home.html",
        form=form,
        as_at=as_at,
        moment=moment,
        pots=[
            (fund, parts_of(ledger.added_up([pockets[one.id] for one in given if one.fund_id == fund.id])))
            for fund in pots
        ],
        given=[(one, pockets[one.id], states.get(one.id, one.state.value)) for one in given],
        counts=trail_queries.counts_at(session, moment),
        awards=awards,
        count=count,
        page=asked_number(),
        pages=_shown_page(count, asked_number(), PAGE),
        funders=funds.funders(session),
        extra={"as_at": form.as_at.data.isoformat()} if as_at and form.as_at.data else {},
    ), form.status


@bp.route("/trail")
@signed_in(Role.AUDITOR)
def trail() -> ResponseReturnValue:
    """Everything that happened, newest first."""
    return _trail(TrailFilter(), "Everything that happened", url_for("audit.trail"))


@bp.route("/trail/<kind>/<uuid:subject_id>")
@signed_in(Role.AUDITOR)
def trail_of(kind: str, subject_id: UUID) -> ResponseReturnValue:
    """Everything that happened to one thing."""
    wanted = TrailFilter(subject_type=kind, subject_ids=(subject_id,))
    if kind == "award":
        wanted = TrailFilter(subject_ids=trail_queries.parts_of_award(reading(), subject_id))
    place = PLACES.get(kind, "").format(subject_id)
    return _trail(wanted, f"What happened to this {_kind(kind).lower()}", request.path, place)


@bp.route("/trail/by/<uuid:person_id>")
@signed_in(Role.AUDITOR)
def trail_by(person_id: UUID) -> ResponseReturnValue:
    """Everything that one person did."""
    name = people.names(reading(), [person_id]).get(person_id)
    if name is None:
        raise NotFound("There is no such person.")
    return _trail(TrailFilter(actor_id=person_id), f"What {name} did", request.path)


def _trail(wanted: TrailFilter, title: str, action: str, place: str = "") -> ResponseReturnValue:
    session = reading()
    form = TrailForm(request.args)
    known = trail_queries.verbs(session)
    stages = sorted({verb.split(".")[0] for verb in known})
    form.verb.choices = [(stage, f"Anything about: {_kind(stage).lower()}") for stage in stages] + [
        (verb, _said(verb)) for verb in known
    ]
    asked = {}
    if form.heard():
        since = form.since.data and datetime.combine(form.since.data, time(), LONDON).astimezone(UTC)
        until = form.until.data and rules.end_of_day(form.until.data, datetime.max.replace(tzinfo=UTC))
        wanted = replace(wanted, verb=form.verb.data or "", since=since, until=until)
        asked = {"verb": form.verb.data, "since": form.since.data, "until": form.until.data}
    events, count = trail_queries.trail(session, wanted, page=asked_number())
    if not events and wanted.subject_ids and not (wanted.verb or wanted.since or wanted.until):
        raise NotFound("Nothing happened to such a thing.")
    names = people.names(session, [event.actor_id for event in events if event.actor_id])
    return render_template(
        "audit/trail.html",
        title=title,
        form=form,
        action=action,
        place=place,
        days=[(day, list(group)) for day, group in groupby(events, key=lambda e: e.at.astimezone(LONDON).date())],
        names=names,
        count=count,
        page=asked_number(),
        pages=_shown_page(count, asked_number(), TRAIL_PAGE),
        single=len(wanted.subject_ids) == 1,
        extra=asked,
        said=_said,
        kind=_kind,
    ), form.status


def _said(verb: str) -> str:
    stage, _, done = verb.partition(".")
    return f"{_kind(stage)} {done.replace('_', ' ')}"


def _kind(word: str) -> str:
    word = {"community_group": "group", "role_grant": "role"}.get(word, word).replace("_", " ")
    return word[:1].upper() + word[1:]


# ---------------------------------------------------------------- the books


@bp.route("/books")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def books() -> ResponseReturnValue:
    """The books of every fund that this person keeps or checks: the trial balance of each."""
    session = reading()
    read = access.books_read(current_actor())
    form, as_at = _as_at()
    shown = [fund for fund in funds.funds(session) if read is None or fund.id in read]
    balances = ledger.trial_balances(session, [fund.id for fund in shown], as_at)
    ids = [b.account.contribution_id for b in balances if b.account.contribution_id]
    names = books_queries.funder_names(session, ids)
    closed = {one.fund_id: one.through for one in ledger.closes(session, [fund.id for fund in shown])}
    return render_template(
        "audit/books.html",
        closed=closed,
        may_close={fund.id for fund in shown if may_keep_money(current_actor(), fund.id)},
        form=form,
        as_at=as_at,
        books=[(fund, [b for b in balances if b.account.fund_id == fund.id]) for fund in shown],
        words=lambda account: _account(account, names),
    ), form.status


@bp.route("/books/file")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def books_file() -> ResponseReturnValue:
    """The books for other people's tools: what ``grants books export`` prints, of the funds that this person reads."""
    session, read = reading(), access.books_read(current_actor())
    form = BooksFileForm(request.args)
    form.funder.choices = sorted(books_queries.givers(session, read), key=lambda one: one[1].lower())
    asked = "format" in request.args
    if not asked or not form.heard():
        if not asked:
            form.format.data = Format.BEANCOUNT.value
        return render_template("audit/books_file.html", form=form), 422 if asked else 200
    until = rules.end_of_day(form.until.data, now()) if form.until.data else now()
    since = day_begins(form.since.data) if form.since.data else None
    kind = Format(form.format.data)

    def told_at_one_moment() -> Iterator[str]:
        # Begun once the answer is: the request's own session is over by then, and what it held still with it.
        session = reading()
        ledger.hold_still(session)
        pieces = told(books_queries.books_told(session, until, since, form.funder.data, read), kind)
        yield from iter(lambda: "".join(islice(pieces, 2_000)), "")

    mimetype = "text/csv" if kind is Format.CSV else "text/plain"
    answer = Response(stream_with_context(told_at_one_moment()), mimetype=mimetype)
    name = f"books-{london_day(until)}.{SUFFIX[kind]}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.route("/books/<uuid:fund_id>/entries")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def entries(fund_id: UUID) -> ResponseReturnValue:
    """Every entry of a fund, newest first."""
    session, actor = reading(), current_actor()
    access.ensure_may_read_books(actor, fund_id)
    fund = funds.fund(session, fund_id)
    count = ledger.count_entries(session, fund_id)
    pages = _shown_page(count, asked_number(), PAGE)
    shown = ledger.entries(session, fund_id, limit=PAGE, offset=(asked_number() - 1) * PAGE)
    ids = [p.account.contribution_id for entry in shown for p in entry.postings if p.account.contribution_id]
    names = books_queries.funder_names(session, ids)
    return render_template(
        "audit/entries.html",
        fund=fund,
        entries=shown,
        count=count,
        page=asked_number(),
        pages=pages,
        words=lambda account: _account(account, names),
        said=_said,
        checks=actor.has(Role.AUDITOR),
    )


@bp.route("/books/entries/<uuid:entry_id>")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def entry(entry_id: UUID) -> ResponseReturnValue:
    """One entry: its event, its lines, and the trail of what it is about."""
    session, actor = reading(), current_actor()
    one = ledger.entry_of_id(session, entry_id)
    if one is None:
        raise NotFound("There is no such entry.")
    access.ensure_may_read_books(actor, one.fund_id)
    ids = [p.account.contribution_id for p in one.postings if p.account.contribution_id]
    names = books_queries.funder_names(session, ids)
    return render_template(
        "audit/entry.html",
        entry=one,
        fund=funds.fund(session, one.fund_id),
        words=lambda account: _account(account, names),
        said=_said,
        about=books_queries.about_entry(session, one),
        checks=actor.has(Role.AUDITOR),
    )


@bp.route("/books/accounts/<uuid:account_id>")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def account(account_id: UUID) -> ResponseReturnValue:
    """One account, line by line, with its balance after each."""
    session, actor = reading(), current_actor()
    one = ledger.account(session, account_id)
    if one is None:
        raise NotFound("There is no such account.")
    access.ensure_may_read_books(actor, one.fund_id)
    form, as_at = _as_at()
    lines, count = ledger.account_lines(session, account_id, as_at, limit=PAGE, offset=(asked_number() - 1) * PAGE)
    stood = ledger.sums_at(session, [account_id], as_at).get(account_id, 0) if as_at else one.balance_minor
    names = books_queries.funder_names(session, [one.contribution_id] if one.contribution_id else [])
    return render_template(
        "audit/account.html",
        account=one,
        fund=funds.fund(session, one.fund_id),
        name=_account(one, names),
        form=form,
        as_at=as_at,
        stood_minor=stood * one.side,
        lines=lines,
        count=count,
        page=asked_number(),
        pages=_shown_page(count, asked_number(), PAGE),
        extra={"as_at": form.as_at.data.isoformat()} if as_at and form.as_at.data else {},
        said=_said,
        checks=actor.has(Role.AUDITOR),
    ), form.status


@bp.route("/books/check")
@signed_in(Role.AUDITOR, Role.FINANCE_OFFICER)
def check() -> ResponseReturnValue:
    """Every rule that the money must keep, tried at this moment."""
    return render_template("audit/check.html", checks=checks_queries.checks(reading()), moment=now())


def _account(account: object, names: dict[UUID, str]) -> str:
    funder = names.get(account.contribution_id, "")  # type: ignore[attr-defined]
    return rules.account_words(account.code, account.pocket, funder)  # type: ignore[attr-defined]
