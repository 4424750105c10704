"""Pages of the stage ``review``: the panel's desk, a panellist's bids, the score form, what the panel found."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken
from grants.kernel.words import plural
from grants.people import queries as people
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import whole
from grants.proposals.rules.files import FileState
from grants.proposals.rules.states import ProposalState
from grants.review import access, queries, rules, service
from grants.review.forms import (
    AssignForm,
    InterestForm,
    MemberForm,
    RulingForm,
    SeatForm,
    ShareOutForm,
    StepAsideForm,
    lock_form,
    score_form,
)
from grants.review.rules import COUNTED, READABLE, UNTOUCHED, Mark, ReviewState
from grants.review.views.blind import hidden, hidden_reviews, is_blind
from grants.rounds import queries as rounds
from grants.rounds.access import ensure_may_run, may_run, may_see_desk
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.uploads import upload_answer
from grants.web.work import carried_out, working

bp = Blueprint("review", __name__)

AFTER_OPENING = (
    RoundState.VOTING,
    RoundState.PANEL,
    RoundState.DECIDED,
    RoundState.ANNOUNCED,
    RoundState.COMPLETED,
)
"""Phases in which what the panel found is public."""
DESK = (Role.ADMIN, Role.AUDITOR, Role.PANELLIST, Role.STEWARD)


# --------------------------------------------------------------------------------------------------- a panellist's own


@bp.get("/rounds/<uuid:round_id>/panel")
@signed_in(*DESK)
def panel(round_id: UUID) -> ResponseReturnValue:
    """The bids that this panellist was given; those who only look after the panel go on to its desk."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    if not queries.is_panellist(reading(), round_id, actor.id):
        if may_see_desk(actor, round.fund_id):
            return redirect(url_for("review.desk", round_id=round_id))
        raise NotAllowed("Only this round's panel can read this page.")
    assert actor.id is not None
    mine: list[Any] = [one for one in queries.of_panellist(reading(), round_id, actor.id) if not _gone(one)]
    blind = is_blind(actor, round)
    if blind:
        mine = hidden_reviews(mine)
    chair = queries.chair_id(reading(), round_id)
    return render_template(
        "review/panel.html",
        round=round,
        todo=[one for one in mine if one.state in (ReviewState.ASSIGNED, ReviewState.CLEARED, ReviewState.IN_PROGRESS)],
        done=[one for one in mine if one.state in COUNTED],
        waiting=[one for one in mine if one.state is ReviewState.AWAITING_RULING],
        aside=[one for one in mine if one.state is ReviewState.RECUSED],
        locked=round.panel_locked_at is not None,
        blind=blind,
        sees_desk=access.may_see_progress(actor, round.fund_id, chair),
        sits_as_chair=chair == actor.id,
        told=queries.address_of(reading(), person_id=actor.id) is not None,
        verbs=NEXT_WORDS,
    )


def _gone(review: Any) -> bool:
    """Whether its bid was withdrawn: then there is nothing to read any more."""
    return bool(review.proposal.state is ProposalState.WITHDRAWN)


NEXT_WORDS = {
    ReviewState.ASSIGNED.value: "Say if you have an interest",
    ReviewState.CLEARED.value: "Read and score it",
    ReviewState.IN_PROGRESS.value: "Go on scoring",
    ReviewState.SUBMITTED.value: "Look again or change it",
    ReviewState.LOCKED.value: "See what you scored",
}


@bp.route("/reviews/<uuid:review_id>", methods=["GET", "POST"])
@signed_in(Role.PANELLIST)
def review(review_id: UUID) -> ResponseReturnValue:
    """One bid: the question about an interest first, then its text beside the score form."""
    found = queries.review(reading(), review_id)
    round = found.proposal.round
    access.ensure_is_mine(current_actor(), found.panellist_id, round.fund_id)
    if _gone(found):
        return render_template("review/aside.html", review=_shown(found), round=round, gone=True)
    if request.method == "POST":
        return _score(review_id)
    if found.state is ReviewState.ASSIGNED:
        return _ask(found, InterestForm())
    if found.state not in READABLE:
        return render_template("review/aside.html", review=_shown(found), round=round)
    book = rounds.rule_book(round)
    form = score_form(book.criteria, _marks(found), found.version)
    return _score_page(found, book, form, 200)


def _ask(found: Any, form: InterestForm) -> ResponseReturnValue:
    hosting = people.confirmed_hosting(reading(), found.proposal.group_id)
    page = render_template(
        "review/interest.html",
        review=_shown(found),
        blind=is_blind(current_actor(), found.proposal.round),
        round=found.proposal.round,
        host=hosting.host.name if hosting else None,
        form=form,
    )
    return page, form.status


def _shown(found: Any) -> Any:
    """The review as the panellist who has it may see it."""
    blind = is_blind(current_actor(), found.proposal.round)
    return hidden_reviews([found])[0] if blind else found


def _marks(found: Any) -> list[Mark]:
    return [Mark(one.criterion, one.value, one.reason, one.answered) for one in found.scores]


def _score_page(found: Any, book: RuleBook, form: Any, status: int) -> ResponseReturnValue:
    locked = found.proposal.round.panel_locked_at is not None
    shown = _shown(found)
    page = render_template(
        "review/score.html",
        review=shown,
        proposal=shown.proposal,
        blind=shown is not found,
        files_hidden=len(found.proposal.files) if shown is not found else 0,
        round=found.proposal.round,
        book=book,
        form=form,
        locked=locked,
        given={one.criterion: one for one in found.scores},
        aside=StepAsideForm(formdata=None),
        file_of_review=lambda one: url_for("review.file", review_id=found.id, file_id=one.id),
    )
    return page, status


def _score(review_id: UUID) -> ResponseReturnValue:
    """Save the score form, or hand it in. What was typed is never lost."""
    found = queries.review(reading(), review_id)
    if found.state not in READABLE:
        raise NotFound
    book = rounds.rule_book(found.proposal.round)
    form = score_form(book.criteria)
    hand_in = request.form.get("do") == "submit"
    status = 422
    if form.accepted():
        draft = form.to_draft(book.criteria)
        missing = rules.missing(draft.marks, book.criteria) if hand_in else []
        try:
            with working() as uow:
                if hand_in and not missing:
                    service.submit_review(uow, review_id, draft)
                else:
                    service.save_score(uow, review_id, draft)
        except service.PanelLocked as broken:
            return _refused(review_id, broken, "scores after the lock")
        except Conflict as broken:
            found = queries.review(reading(), review_id)
            form.version.data = str(found.version)
            form.show(RuleBroken(f"{broken.message} Read it through, then save it again: it will replace the other."))
            status = 409
        except RuleBroken as broken:
            form.show(broken)
        else:
            if not missing:
                words = "Handed in. Thank you." if hand_in else "Saved. You can go on whenever you like."
                flash(words, "success")
                here = url_for("review.review", review_id=review_id)
                return redirect(url_for("review.panel", round_id=found.round_id) if hand_in else here)
            found = queries.review(reading(), review_id)
            form.version.data = str(found.version)
            for field, message in missing:
                form.show(RuleBroken(message, field=field))
    return _score_page(queries.review(reading(), review_id), book, form, status)


@bp.get("/reviews/<uuid:review_id>/files/<uuid:file_id>")
@signed_in(Role.PANELLIST)
def file(review_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """A file of the bid, for whoever may read its text."""
    found = queries.review(reading(), review_id)
    access.ensure_is_mine(current_actor(), found.panellist_id, found.proposal.round.fund_id)
    shown = whole.file(reading(), file_id)
    if is_blind(current_actor(), found.proposal.round):
        raise NotFound("There is no such file.")
    closed = shown.proposal_id != found.proposal_id or shown.state is not FileState.CLEAN
    if closed or found.state not in READABLE or _gone(found):
        raise NotFound("There is no such file.")
    return upload_answer(shown.stored_name, f"seedbed-{shown.id}")


@bp.post("/reviews/<uuid:review_id>/declare")
@signed_in(Role.PANELLIST)
def declare(review_id: UUID) -> ResponseReturnValue:
    """Answer whether there is an interest."""
    found = queries.review(reading(), review_id)
    access.ensure_is_mine(current_actor(), found.panellist_id, found.proposal.round.fund_id)
    form = InterestForm()
    if form.accepted():
        try:
            with working() as uow:
                if form.interest.data == "yes":
                    service.recuse(uow, review_id, form.words.data or "")
                elif form.interest.data == "soft":
                    service.declare_soft(uow, review_id, form.tie.data, form.words.data or "")
                else:
                    service.declare(uow, review_id)
        except service.PanelLocked as broken:
            return _refused(review_id, broken, "interest after the lock")
        except RuleBroken as broken:
            form.show(broken)
        else:
            if form.interest.data == "yes":
                flash("Thank you for saying so. You have stepped aside from this bid.", "success")
                return redirect(url_for("review.panel", round_id=found.round_id))
            return redirect(url_for("review.review", review_id=review_id))
    return _ask(queries.review(reading(), review_id), form)


@bp.route("/reviews/<uuid:review_id>/ruling", methods=["GET", "POST"])
@signed_in(Role.PANELLIST, Role.STEWARD)
def ruling(review_id: UUID) -> ResponseReturnValue:
    """The chair says whether somebody with a loose tie may read a bid. Its text is not shown here."""
    found = queries.review(reading(), review_id)
    round = found.proposal.round
    chair = queries.chair_id(reading(), round.id)
    access.ensure_may_rule(current_actor(), round.fund_id, found.panellist_id, chair)
    if found.state is not ReviewState.AWAITING_RULING:
        flash("This has been ruled on already.", "warning")
        return redirect(url_for("review.desk", round_id=round.id))
    form = RulingForm()
    if form.accepted():
        try:
            with working() as uow:
                service.rule(uow, review_id, may_read=form.may_read.data == "yes", reason=form.reason.data or "")
            flash("Ruled. They see it on their own page.", "success")
            return redirect(url_for("review.desk", round_id=round.id))
        except (RuleBroken, NotAllowed) as broken:
            form.show(broken)
    page = render_template(
        "review/ruling.html",
        review=_shown(found),
        round=round,
        form=form,
        name=people.names(reading(), [found.panellist_id]).get(found.panellist_id, ""),
        tie=rules.TIE_WORDS[found.tie] if found.tie else "",
    )
    return page, form.status


@bp.route("/rounds/<uuid:round_id>/panel/members/<uuid:person_id>", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def member(round_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Until when somebody serves, and when they were trained."""
    round = rounds.published(reading(), round_id)
    found = queries.member(reading(), round_id, person_id)
    if found is None:
        raise NotFound
    ensure_may_run(current_actor(), round.fund_id)
    form = MemberForm(term_ends_on=found.term_ends_on, trained_on=found.trained_on)
    if carried_out(
        form,
        lambda uow: service.note_member(
            uow, round_id, person_id, term_ends_on=form.term_ends_on.data, trained_on=form.trained_on.data
        ),
    ):
        return redirect(url_for("review.desk", round_id=round_id))
    name = people.names(reading(), [person_id]).get(person_id, "")
    return render_template("review/member.html", round=round, form=form, name=name), form.status


@bp.post("/reviews/<uuid:review_id>/recuse")
@signed_in(Role.PANELLIST)
def recuse(review_id: UUID) -> ResponseReturnValue:
    """Step aside from a bid that was read already."""
    found = queries.review(reading(), review_id)
    access.ensure_is_mine(current_actor(), found.panellist_id, found.proposal.round.fund_id)
    form = StepAsideForm()
    if form.accepted():
        try:
            with working() as uow:
                service.recuse(uow, review_id, form.words.data or "")
        except service.PanelLocked as broken:
            return _refused(review_id, broken, "interest after the lock")
        except RuleBroken as broken:
            flash(broken.message, "error")
        else:
            flash("Thank you for saying so. You have stepped aside, and your scores of it do not count.", "success")
            return redirect(url_for("review.panel", round_id=found.round_id))
    else:
        flash("Say in a few words what ties you to this bid.", "error")
    return redirect(url_for("review.review", review_id=review_id))


def _refused(review_id: UUID, broken: RuleBroken, what: str) -> ResponseReturnValue:
    """Note the refusal in the trail, then say it."""
    with working() as uow:
        service.note_refusal(uow, review_id, what)
    raise broken


# ------------------------------------------------------------------------------------------------------------ the desk


@bp.get("/rounds/<uuid:round_id>/panel/desk")
@signed_in(*DESK)
def desk(round_id: UUID) -> ResponseReturnValue:
    """Who sits on the panel, who reads what, and how far they are; no scores."""
    return _desk_page(round_id)


def _desk_page(round_id: UUID, **forms: Any) -> ResponseReturnValue:
    actor, round = current_actor(), rounds.published(reading(), round_id)
    chair = queries.chair_id(reading(), round_id)
    if not access.may_see_progress(actor, round.fund_id, chair):
        raise NotAllowed("Only stewards of this fund and the panel's chair can read this page.")
    book, phase = rounds.rule_book(round), rounds.phase(round, now())
    bids = proposal_lists.eligible(reading(), round_id)
    if round.panel_locked_at is not None:
        found = queries.findings(reading(), round_id)
        bids = [bid for bid in proposal_lists.of_round(reading(), round_id) if bid.id in found]
    if is_blind(actor, round):
        shown = hidden(bids)
        bids = [shown[bid.id] for bid in bids]
    sitting = queries.members(reading(), round_id)
    names = {one.person_id: one.name for one in sitting}
    readers: dict[UUID, list[Any]] = defaultdict(list)
    for one in queries.of_round(reading(), round_id):
        readers[one.proposal_id].append(one)
    seat, assign, share = forms.get("seat"), forms.get("assign"), forms.get("share")
    seat, assign = seat or SeatForm(formdata=None), assign or AssignForm(formdata=None)
    share = share or ShareOutForm(formdata=None, data={"per_bid": min(max(book.quorum, 3), max(len(sitting), 1))})
    seat.person.choices = queries.could_sit(reading(), round)
    _fill(assign, bids, sitting)
    runs = may_run(actor, round.fund_id)
    locked = round.panel_locked_at is not None
    form = next((one for one in forms.values() if one is not None), None)
    page = render_template(
        "review/desk.html",
        round=round,
        book=book,
        phase=phase,
        bids=bids,
        sitting=sitting,
        readers={id: sorted(given, key=lambda one: names.get(one.panellist_id, "")) for id, given in readers.items()},
        done={id: sum(1 for one in given if one.state in COUNTED) for id, given in readers.items()},
        names=names,
        chair=chair,
        unscreened=proposal_lists.unscreened_count(reading(), round_id),
        seat=seat,
        assign=assign,
        share=share,
        form=form,
        untouched=UNTOUCHED,
        sees_interests=may_see_desk(actor, round.fund_id),
        rules_on={
            one.id
            for given in readers.values()
            for one in given
            if one.state is ReviewState.AWAITING_RULING
            and access.may_rule(actor, round.fund_id, one.panellist_id, chair)
        },
        marks={
            one.id
            for given in readers.values()
            for one in given
            if one.state is not ReviewState.RECUSED
            and phase in queries.UNDECIDED
            and access.may_rule(actor, round.fund_id, one.panellist_id, chair)
        },
        told=queries.have_told(reading(), round_id),
        may_seat=runs and not locked and phase in service.SEATABLE,
        may_assign=runs and not locked and phase in service.AT_WORK,
        may_lock=access.may_lock(actor, round.fund_id, chair) and not locked and phase in service.AT_WORK,
        locked=locked,
    )
    return page, form.status if form is not None else 200


def _fill(assign: AssignForm, bids: Any, sitting: Any) -> None:
    assign.bid.choices = [(bid.id, f"{bid.title} ({bid.group.name})") for bid in bids]
    assign.reader.choices = [(one.person_id, one.name) for one in sitting]


@bp.post("/rounds/<uuid:round_id>/panel/seat")
@signed_in(Role.STEWARD)
def seat(round_id: UUID) -> ResponseReturnValue:
    """Seat a panellist."""
    form, round = SeatForm(), rounds.published(reading(), round_id)
    form.person.choices = queries.could_sit(reading(), round)
    if form.accepted():
        try:
            with working() as uow:
                service.seat(uow, round_id, form.person.data, chair=bool(form.chair.data))
            return redirect(url_for("review.desk", round_id=round_id))
        except (RuleBroken, NotAllowed) as broken:
            form.show(broken)
    return _desk_page(round_id, seat=form)


@bp.post("/rounds/<uuid:round_id>/panel/chair/<uuid:person_id>")
@signed_in(Role.STEWARD)
def chair(round_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Make a panellist the chair."""
    with working() as uow:
        service.appoint_chair(uow, round_id, person_id)
    return redirect(url_for("review.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/panel/unseat/<uuid:person_id>")
@signed_in(Role.STEWARD)
def unseat(round_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Take somebody off the panel."""
    with working() as uow:
        service.unseat(uow, round_id, person_id)
    return redirect(url_for("review.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/panel/assign")
@signed_in(Role.STEWARD)
def assign(round_id: UUID) -> ResponseReturnValue:
    """Give one bid to one panellist."""
    rounds.published(reading(), round_id)
    form = AssignForm()
    _fill(form, proposal_lists.eligible(reading(), round_id), queries.members(reading(), round_id))
    if carried_out(form, lambda uow: service.assign(uow, form.bid.data, form.reader.data)):
        return redirect(url_for("review.desk", round_id=round_id, _anchor="bids"))
    return _desk_page(round_id, assign=form)


@bp.post("/rounds/<uuid:round_id>/panel/share-out")
@signed_in(Role.STEWARD)
def share_out(round_id: UUID) -> ResponseReturnValue:
    """Share all bids out evenly."""
    form = ShareOutForm()
    if form.accepted():
        try:
            with working() as uow:
                given, short = service.share_out(uow, round_id, form.per_bid.data or 0)
            flash(f"{plural(given, 'reading')} shared out.", "success")
            if short:
                flash(
                    f"{plural(len(short), 'bid')} could not get that many panellists, because too few are free of "
                    "an interest in it. Seat another panellist and share out again.",
                    "error",
                )
            return redirect(url_for("review.desk", round_id=round_id, _anchor="bids"))
        except RuleBroken as broken:
            form.show(broken)
    return _desk_page(round_id, share=form)


@bp.post("/reviews/<uuid:review_id>/take-back")
@signed_in(Role.STEWARD)
def take_back(review_id: UUID) -> ResponseReturnValue:
    """Take a bid back from a panellist who has not begun."""
    with working() as uow:
        round_id = service.unassign(uow, review_id)
    return redirect(url_for("review.desk", round_id=round_id, _anchor="bids"))


@bp.route("/rounds/<uuid:round_id>/panel/lock", methods=["GET", "POST"])
@signed_in(Role.PANELLIST, Role.STEWARD)
def lock(round_id: UUID) -> ResponseReturnValue:
    """Check that all is handed in, and lock the scores."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    access.ensure_may_lock(actor, round.fund_id, queries.chair_id(reading(), round_id))
    if round.panel_locked_at is not None:
        return redirect(url_for("review.findings", round_id=round_id))
    book, bids = rounds.rule_book(round), proposal_lists.eligible(reading(), round_id)
    if is_blind(actor, round):
        shown = hidden(bids)
        bids = [shown[bid.id] for bid in bids]
    have = {bid.id: [0, 0] for bid in bids}
    for one in queries.of_round(reading(), round_id):
        if one.proposal_id in have and one.state is not ReviewState.RECUSED:
            have[one.proposal_id][0] += one.state is ReviewState.SUBMITTED
            have[one.proposal_id][1] += 1
    short = [(bid.id, service.explanation_field(bid.id), bid.title) for bid in bids if have[bid.id][0] < book.quorum]
    form = lock_form(short)
    if form.accepted():
        try:
            with working() as uow:
                found = service.lock_panel(uow, round_id, form.explanations(short))
            passed = sum(one.passed for one in found)
            flash(f"The scores are locked. {plural(passed, 'bid')} of {len(found)} can go to the vote.", "success")
            return redirect(url_for("review.findings", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    page = render_template(
        "review/lock.html",
        round=round,
        book=book,
        bids=bids,
        have=have,
        short=[name for _, name, _ in short],
        unfinished=sum(given - done for done, given in have.values()),
        unscreened=proposal_lists.unscreened_count(reading(), round_id),
        form=form,
    )
    return page, form.status


@bp.get("/rounds/<uuid:round_id>/panel/findings")
@signed_in(*DESK)
def findings(round_id: UUID) -> ResponseReturnValue:
    """What the panel found, with the spread and the reasons: once it is locked, for the panel and those at the desk."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    sits = queries.is_panellist(reading(), round_id, actor.id)
    if not access.may_see_findings(actor, round.fund_id, sits):
        raise NotAllowed("Only this round's panel and stewards can read this page.")
    if round.panel_locked_at is None:
        raise NotFound("There is nothing here before the panel's scores are locked.")
    found = queries.findings(reading(), round_id)
    hidden = {bid for bid, person in queries.recused(reading(), round_id) if person == actor.id}
    scores: dict[UUID, list[Any]] = defaultdict(list)
    for one in queries.of_round(reading(), round_id):
        if one.state in COUNTED and one.proposal_id not in hidden:
            scores[one.proposal_id].append(one)
    bids = [bid for bid in proposal_lists.of_round(reading(), round_id) if bid.id in found]
    return render_template(
        "review/findings.html",
        round=round,
        book=rounds.rule_book(round),
        bids=[(bid, found[bid.id]) for bid in bids if bid.id not in hidden],
        hidden=[bid for bid in bids if bid.id in hidden],
        scores=scores,
        names={one.person_id: one.name for one in queries.members(reading(), round_id)},
        public=rounds.phase(round, now()) in AFTER_OPENING,
        widest=max((one["spread"] for each in found.values() for one in each.by_criterion.values()), default=0),
    )


# ----------------------------------------------------------------------------------- on other pages, and what needs you


@section("proposal", 30)
def on_proposal(proposal: Any) -> Section | None:
    """What the panel found, once the vote has opened; to the bid's own group also why."""
    if rounds.phase(proposal.round, now()) not in AFTER_OPENING:
        return None
    finding = queries.finding_shown(reading(), proposal.id)
    if finding is None:
        return None
    actor = current_actor()
    mine = proposal.group_id in actor.groups
    words = queries.words_by_criterion(reading(), proposal.id) if mine else {}
    html = render_template(
        "review/_finding.html",
        finding=finding,
        criteria=rounds.rule_book(proposal.round).criteria,
        words=words,
    )
    return Section("panel", "What the panel found", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("desk", 10)
def on_desk(round: Any) -> Section | None:
    """How the panel gets on, from when it can be seated."""
    if rounds.phase(round, now()) in (RoundState.DRAFT, RoundState.CANCELLED) or rounds.is_quick(round):
        return None
    sitting = queries.members(reading(), round.id)
    html = render_template(
        "review/_on_desk.html",
        round=round,
        sitting=len(sitting),
        chaired=any(one.is_chair for one in sitting),
        given=sum(one.assigned for one in sitting),
        done=sum(one.done for one in sitting),
    )
    return Section("panel", "The panel", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("round", 40)
def on_round(round: Any) -> Section | None:
    """The panel, for those who work on it; once the vote has opened, what it found, for everybody."""
    if round.rule_book is None or rounds.is_quick(round):
        return None
    actor = current_actor()
    public = rounds.phase(round, now()) in AFTER_OPENING
    sits = queries.is_panellist(reading(), round.id, actor.id)
    desk = may_see_desk(actor, round.fund_id)
    if not (public or sits or desk):
        return None
    found = queries.findings(reading(), round.id) if public else {}
    bids = proposal_lists.by_ids(reading(), sorted(found)) if found else []
    if not (bids or sits or desk):
        return None
    html = render_template(
        "review/_round.html",
        round=round,
        book=rounds.rule_book(round),
        rows=[(bid, found[bid.id]) for bid in sorted(bids, key=lambda bid: (bid.number or 10**6, bid.title))],
        sits=sits,
        desk=desk,
    )
    return Section("panel", "The panel", Markup(html))  # noqa: S704  (a template of ours escapes)


@needs_you(queries.waiting)
def _to_read(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Panellists: declare and score."""
    for round_id, title, voting_opens_at, state, size in rows:
        what = "Say if you have an interest in" if state is ReviewState.ASSIGNED else "Read and score"
        yield NeedsYou(
            f"{what} {plural(size, 'bid')}",
            url_for("review.panel", round_id=round_id),
            detail=f"For the panel of “{title}”.",
            due_at=voting_opens_at,
        )


@needs_you(queries.to_rule_on)
def _to_rule_on(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Chairs and stewards: rule on interests."""
    for round_id, title, voting_opens_at, size in rows:
        yield NeedsYou(
            f"Rule on {plural(size, 'interest')}",
            url_for("review.desk", round_id=round_id),
            detail=f"For the panel of “{title}”.",
            due_at=voting_opens_at,
        )


@needs_you(queries.to_prepare)
def _to_prepare(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards: seat, share out, lock."""
    for round_id, title, voting_opens_at, sitting, left in rows:
        if not sitting:
            text = "Seat the panel"
        elif left:
            text = f"See how the panel gets on: {plural(left, 'reading')} to come"
        else:
            text = "Share the bids out to the panel, or lock its scores"
        yield NeedsYou(
            text,
            url_for("review.desk", round_id=round_id),
            detail=f"“{title}” goes to the vote when the panel's scores are locked.",
            due_at=voting_opens_at,
        )
