"""Seat a panel, give it bids, take its scores, lock them. The only writer of panels, reviews and findings."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import delete, or_, select

from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.people.models import Group, Person
from grants.people.rules import clean_email
from grants.proposals.models import Proposal
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposals_service
from grants.review import access, notices, queries, rules
from grants.review.models import AddressMark, PanelFinding, PanelMember, PersonTie, Review, Score
from grants.review.rules import STEPS, KnownTie, ReviewAction, ReviewDraft, ReviewState, Tie
from grants.rounds import queries as rounds
from grants.rounds import service as rounds_service
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState

SEATABLE = (RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED, RoundState.CHECKING)
AT_WORK = (RoundState.CLOSED, RoundState.CHECKING)


class PanelLocked(StepRefused):
    """Somebody tried to change what the panel has locked; ``note_refusal`` writes it down."""


# ---------------------------------------------------------------------------------------------------------- the panel


def seat(uow: UnitOfWork, round_id: UUID, person_id: UUID, *, chair: bool = False) -> PanelMember:
    """Seat a panellist on a round's panel, as its chair if told so (then whoever chaired it stays as a panellist)."""
    round = _steward(uow, round_id, SEATABLE)
    person = uow.get(Person, person_id)
    if queries.member(uow.session, round_id, person_id) is not None:
        raise RuleBroken(f"{person.name} sits on this panel already.", field="person")
    access.ensure_may_sit(people.actor_for(uow.session, person.id, person.name), round.fund_id)
    member = PanelMember(round_id=round_id, person_id=person_id, joined_at=uow.now)
    uow.add(member)
    uow.record("panel.member_seated", round, person_id=person_id)
    if chair:
        appoint_chair(uow, round_id, person_id)
    return member


def note_member(
    uow: UnitOfWork, round_id: UUID, person_id: UUID, *, term_ends_on: date | None, trained_on: date | None
) -> PanelMember:
    """Write down until when somebody serves on the panel, and when they were trained."""
    round = _steward(uow, round_id, SEATABLE)
    member = queries.member(uow.session, round_id, person_id)
    if member is None:
        raise NotFound
    if trained_on is not None and trained_on > london_day(uow.now):
        raise RuleBroken("The training is still to come. Note it when it has been.", field="trained_on")
    member.term_ends_on, member.trained_on = term_ends_on, trained_on
    uow.record(
        "panel.member_noted",
        round,
        person_id=person_id,
        term_ends_on=term_ends_on.isoformat() if term_ends_on else None,
        trained_on=trained_on.isoformat() if trained_on else None,
    )
    return member


def appoint_chair(uow: UnitOfWork, round_id: UUID, person_id: UUID) -> None:
    """Make a panellist the chair: until the panel has decided there can be a new one, but never a steward."""
    round = uow.get(Round, round_id, lock=True)
    ensure_may_run(uow.actor, round.fund_id)
    phase = rounds.phase(round, uow.now)
    if phase not in (*SEATABLE, RoundState.VOTING, RoundState.PANEL):
        raise StepRefused("This round's panel has done its work, so its chair stands.")
    member = queries.member(uow.session, round_id, person_id)
    if member is None:
        raise RuleBroken("Choose somebody who sits on this panel.", field="person")
    person = uow.get(Person, person_id)
    holds_key = rounds.key_share_of(uow.session, round_id, person_id) is not None
    access.ensure_may_chair(people.actor_for(uow.session, person.id, person.name), round.fund_id, holds_key=holds_key)
    for other in uow.session.scalars(
        select(PanelMember).where(PanelMember.round_id == round_id, PanelMember.is_chair.is_(True))
    ):
        other.is_chair = False
    uow.session.flush()
    member.is_chair = True
    uow.session.flush()
    uow.record("panel.chair_appointed", round, person_id=person_id)


def unseat(uow: UnitOfWork, round_id: UUID, person_id: UUID) -> None:
    """Take somebody off the panel who has no bids to read (take those back first)."""
    round = _steward(uow, round_id, SEATABLE)
    member = queries.member(uow.session, round_id, person_id)
    if member is None:
        raise NotFound
    if queries.of_panellist(uow.session, round_id, person_id):
        raise StepRefused("This panellist was given bids, so they stay. Take back the bids that they have not begun.")
    uow.session.delete(member)
    uow.session.flush()
    uow.record("panel.member_unseated", round, person_id=person_id)


# ----------------------------------------------------------------------------------------------------- who reads what


def assign(uow: UnitOfWork, proposal_id: UUID, panellist_id: UUID) -> Review:
    """Give one bid to one panellist. Refuses whoever has a hard interest in it, and says which kind."""
    proposal = uow.get(Proposal, proposal_id)
    round = _steward(uow, proposal.round_id, AT_WORK)
    if proposal.state is not ProposalState.ELIGIBLE:
        raise StepRefused("Only bids that passed the first check are read by the panel.")
    if not queries.is_panellist(uow.session, round.id, panellist_id):
        raise RuleBroken("Choose somebody who sits on this panel.", field="reader")
    member = queries.member(uow.session, round.id, panellist_id)
    if member is not None and not _serves(member.term_ends_on, london_day(uow.now)):
        raise RuleBroken("This panellist's term has ended. Choose somebody else.", field="reader")
    if why := queries.hard_interests(uow.session, [proposal]).get((proposal.id, panellist_id)):
        words = rules.HARD_WORDS[rules.first_of(why)]
        raise RuleBroken(f"This panellist {words}. Choose somebody else.", field="reader")
    if any(one.proposal_id == proposal.id for one in queries.of_panellist(uow.session, round.id, panellist_id)):
        raise RuleBroken("This panellist was given this bid already.", field="reader")
    review = _give(uow, round, proposal.id, panellist_id)
    notices.assigned(uow, round, [review])
    return review


def share_out(uow: UnitOfWork, round_id: UUID, per_bid: int) -> tuple[int, dict[UUID, int]]:
    """Share all bids out, so that each has ``per_bid`` panellists, as evenly as their interests allow.

    What was given before stands. Returns how many were given, and how many panellists each bid is still short of.
    """
    round = _steward(uow, round_id, AT_WORK)
    panel = [
        one.person_id
        for one in queries.members(uow.session, round_id)
        if _serves(one.term_ends_on, london_day(uow.now))
    ]
    if not panel:
        raise StepRefused("Seat the panel first, with people whose term has not ended.")
    bids = proposal_lists.eligible(uow.session, round_id)
    if not bids:
        raise StepRefused("No bid has passed the first check so far.")
    ids = {bid.id for bid in bids}
    before = [one for one in queries.of_round(uow.session, round_id) if one.proposal_id in ids]
    barred = queries.interested(uow.session, bids)
    barred |= {(one.proposal_id, one.panellist_id) for one in before if one.state is ReviewState.RECUSED}
    given = {(one.proposal_id, one.panellist_id) for one in before if one.state is not ReviewState.RECUSED}
    pairs, short = rules.share_out(sorted(ids), panel, per_bid, barred, given)
    reviews = [_give(uow, round, proposal_id, person_id) for proposal_id, person_id in pairs]
    uow.record("panel.shared_out", round, per_bid=per_bid, given_count=len(reviews), short_count=sum(short.values()))
    notices.assigned(uow, round, reviews)
    return len(reviews), short


def unassign(uow: UnitOfWork, review_id: UUID) -> UUID:
    """Take a bid back from a panellist who has not begun to score it. Gives the round's id."""
    review = uow.get(Review, review_id, lock=True)
    round = _steward(uow, review.round_id, AT_WORK)
    if review.state not in rules.UNTOUCHED:
        raise StepRefused("This panellist has begun, or has stepped aside: that stays as it is.")
    uow.record("review.taken_back", review, before=review.state, person_id=review.panellist_id)
    uow.session.delete(review)
    uow.session.flush()
    return round.id


def _serves(term_ends_on: date | None, today: date) -> bool:
    return term_ends_on is None or today <= term_ends_on


def _give(uow: UnitOfWork, round: Round, proposal_id: UUID, panellist_id: UUID) -> Review:
    assert uow.actor.id is not None  # a steward, by _steward
    review = Review(
        round_id=round.id,
        proposal_id=proposal_id,
        panellist_id=panellist_id,
        state=ReviewState.ASSIGNED,
        assigned_by_id=uow.actor.id,
        assigned_at=uow.now,
        version=0,
    )
    uow.add(review)
    uow.record("review.assigned", review, after=review.state, proposal=proposal_id, person_id=panellist_id)
    return review


# ------------------------------------------------------------------------------------------------------------ reviews


def declare(uow: UnitOfWork, review_id: UUID) -> Review:
    """ "I have no interest in this bid": now its text is shown."""
    review = _mine(uow, review_id)
    proposal = uow.get(Proposal, review.proposal_id)
    if (proposal.id, review.panellist_id) in queries.interested(uow.session, [proposal]):
        raise RuleBroken("You have a tie to those who ask, so you have an interest. Say so.", field="interest")
    before = review.state
    review.state = next_state(STEPS, before, ReviewAction.DECLARE_NO_INTEREST)
    review.declared_at = uow.now
    uow.record("review.declared", review, before=before, after=review.state)
    return review


def _said_interest(words: str) -> str:
    words = words.strip()
    if not words:
        raise RuleBroken("Say in a few words what the tie is.", field="words")
    if len(words) > rules.INTEREST_AT_MOST:
        raise RuleBroken(f"Use {rules.INTEREST_AT_MOST} characters or fewer.", field="words")
    return words


def declare_soft(uow: UnitOfWork, review_id: UUID, tie: Tie, words: str) -> Review:
    """ "I have a loose tie to them": nothing is shown until the chair has ruled."""
    words = _said_interest(words)
    review = _mine(uow, review_id)
    proposal = uow.get(Proposal, review.proposal_id)
    if (proposal.id, review.panellist_id) in queries.interested(uow.session, [proposal]):
        raise RuleBroken("What ties you to those who ask is more than a loose tie. Say so.", field="interest")
    before = review.state
    review.state = next_state(STEPS, before, ReviewAction.DECLARE_SOFT_INTEREST)
    review.tie, review.interest, review.declared_at = tie, words, uow.now
    uow.record("review.soft_interest_declared", review, before=before, after=review.state, tie=tie.value)
    return review


def rule(uow: UnitOfWork, review_id: UUID, *, may_read: bool, reason: str) -> Review:
    """The chair (on the chair's own interests a steward) rules on a soft interest: they read the bid, or step aside."""
    review = uow.get(Review, review_id, lock=True)
    round = uow.get(Round, review.round_id, lock=True)
    access.ensure_may_rule(uow.actor, round.fund_id, review.panellist_id, queries.chair_id(uow.session, round.id))
    _ensure_at_work(uow, round, AT_WORK)
    reason = reason.strip()
    if not reason:
        raise RuleBroken("Say why.", field="reason")
    if len(reason) > rules.RULING_AT_MOST:
        raise RuleBroken(f"Use {rules.RULING_AT_MOST} characters or fewer.", field="reason")
    proposal = uow.get(Proposal, review.proposal_id)
    if uow.actor.id is not None and (proposal.id, uow.actor.id) in queries.interested(uow.session, [proposal]):
        raise NotAllowed("You have an interest in this bid yourself, so somebody else must rule on it.")
    before = review.state
    review.state = next_state(STEPS, before, ReviewAction.ALLOW if may_read else ReviewAction.RECUSE)
    review.ruling, review.ruled_by_id, review.ruled_at = reason, uow.actor.id, uow.now
    uow.record("review.interest_ruled", review, before=before, after=review.state, may_read=may_read)
    return review


def recuse(uow: UnitOfWork, review_id: UUID, interest: str) -> Review:
    """ "I have an interest": the panellist sees nothing more of it, and what they scored counts no more.

    What had been scored stays in the rows and in the trail; what the interest is stays in the row only.
    """
    interest = _said_interest(interest)
    review = _mine(uow, review_id)
    before = review.state
    review.state = next_state(STEPS, before, ReviewAction.RECUSE)
    review.interest, review.declared_at = interest, uow.now
    review.version += 1
    taken_out = {score.criterion: score.value for score in review.scores if score.answered}
    uow.record("review.recused", review, before=before, after=review.state, scores_taken_out=taken_out)
    return review


def mark_interest(uow: UnitOfWork, review_id: UUID, interest: str) -> Review:
    """The chair (on the chair's own interests a steward) marks an interest that came to light, until the panel decides.

    The panellist sees no more of the bid, and what they scored leaves the average, also after the lock.
    """
    interest = _said_interest(interest)
    review = uow.get(Review, review_id, lock=True)
    round = uow.get(Round, review.round_id, lock=True)
    access.ensure_may_rule(uow.actor, round.fund_id, review.panellist_id, queries.chair_id(uow.session, round.id))
    if rounds.phase(round, uow.now) not in queries.UNDECIDED:
        raise StepRefused("The panel has decided, so its scores stay as they are.")
    _take_out(uow, round, review, interest, "marked")
    return review


def find_interests(uow: UnitOfWork) -> int:
    """Take panellists off bids in which what is known now gives them a hard interest. Returns how many reviews.

    Facts change after bids were given out: somebody joins a group, moves, signs. By the clock; safe to run twice.
    """
    return _find(uow, queries.live_reviews(uow.session))


def _find(uow: UnitOfWork, reviews: Sequence[Review]) -> int:
    known = queries.hard_interests(uow.session, list({one.proposal.id: one.proposal for one in reviews}.values()))
    done = 0
    for one in reviews:
        why = known.get((one.proposal_id, one.panellist_id))
        if not why:
            continue
        round, first = uow.get(Round, one.round_id, lock=True), rules.first_of(why)
        uow.session.refresh(one, ["state", "version"])  # as it is now that nobody else can change it
        if one.state is not ReviewState.RECUSED:
            _take_out(uow, round, one, f"Found: {rules.HARD_WORDS[first]}.", first.value)
            done += 1
    return done


def _take_out(uow: UnitOfWork, round: Round, review: Review, interest: str, kind: str) -> None:
    """Recuse; the scores stay in the rows and in the trail, and what they had added to is worked out again."""
    before = review.state
    review.state = next_state(STEPS, before, ReviewAction.TAKE_OUT)
    review.interest, review.taken_out_at = interest, uow.now
    review.version += 1
    taken_out = {score.criterion: score.value for score in review.scores if score.answered}
    uow.record(
        "review.interest_found", review, before=before, after=review.state, kind=kind, scores_taken_out=taken_out
    )
    uow.session.flush()
    if before is ReviewState.LOCKED:
        _find_again(uow, round, uow.get(Proposal, review.proposal_id))


def _find_again(uow: UnitOfWork, round: Round, bid: Proposal) -> None:
    """The finding without the scores that were taken out. Whether the bid went to the vote stands."""
    finding = queries.finding_of(uow.session, bid.id)
    if finding is None:
        return
    book = rounds.rule_book(round)
    scores = [{s.criterion: s.value for s in one.scores} for one in queries.reviews_of(uow.session, bid.id)]
    found = rules.find(book.criteria, scores, book.pass_mark, book.quorum)
    had = {"points": finding.points, "points_most": finding.points_most, "reviews_count": finding.reviews_count}
    finding.points, finding.points_most, finding.reviews_count = found.points, found.points_most, found.reviews_count
    finding.by_criterion = _by_criterion(found)
    finding.note = f"{finding.note.split(rules.SINCE)[0]}{rules.since(found)}"
    uow.record(
        "panel.found_again",
        bid,
        had=had,
        points=found.points,
        points_most=found.points_most,
        reviews_count=found.reviews_count,
    )


def _by_criterion(found: rules.Finding) -> dict[str, dict[str, object]]:
    return {
        id: {"average": one.average, "counted": one.counted, "spread": one.spread}
        for id, one in found.by_criterion.items()
    }


def save_score(uow: UnitOfWork, review_id: UUID, draft: ReviewDraft) -> Review:
    """Keep a score form as it is, complete or not. ``Conflict`` when it was saved elsewhere meanwhile."""
    review = _mine(uow, review_id)
    before = review.state
    _write(uow, review, draft)
    uow.record("review.saved", review, before=before, after=review.state, version=review.version)
    return review


def submit_review(uow: UnitOfWork, review_id: UUID, draft: ReviewDraft | None = None) -> Review:
    """Hand the review in, with what was just typed if given. Each criterion needs an answer and a reason."""
    review = _mine(uow, review_id)
    before = review.state
    if draft is not None:
        _write(uow, review, draft)
    book = rounds.rule_book(uow.get(Round, review.round_id))
    marks = [rules.Mark(one.criterion, one.value, one.reason, one.answered) for one in review.scores]
    for field, message in rules.missing(marks, book.criteria)[:1]:
        raise RuleBroken(message, field=field)
    review.state = next_state(STEPS, review.state, ReviewAction.SUBMIT)
    review.submitted_at = uow.now
    uow.record("review.submitted", review, before=before, after=review.state, version=review.version)
    return review


def _write(uow: UnitOfWork, review: Review, draft: ReviewDraft) -> None:
    if draft.version != review.version:
        raise Conflict("This was saved meanwhile, perhaps by you on another device. Nothing that you typed is lost.")
    rules.check_marks(draft.marks, rounds.rule_book(uow.get(Round, review.round_id)).criteria)
    review.state = next_state(STEPS, review.state, ReviewAction.SAVE)
    uow.session.execute(delete(Score).where(Score.review_id == review.id))
    uow.session.add_all(
        Score(
            review_id=review.id,
            criterion=mark.criterion,
            value=mark.value,
            answered=mark.answered,
            reason=mark.reason.strip(),
        )
        for mark in draft.marks
    )
    review.version += 1
    review.submitted_at = None
    uow.session.flush()
    uow.session.expire(review, ["scores"])


def note_refusal(uow: UnitOfWork, review_id: UUID, what: str) -> None:
    """Write down that somebody tried to change what is locked. In a transaction of its own, after the refusal."""
    review = uow.get(Review, review_id)
    uow.record("review.change_refused", review, why=what)


# ----------------------------------------------------------------------------------------------------------- the lock


def lock_panel(uow: UnitOfWork, round_id: UUID, explanations: Mapping[UUID, str] | None = None) -> list[PanelFinding]:
    """Lock all scores for good, find who passed, and keep the others off the ballot with the reason.

    Every bid that passed the first check needs a quorum of reviews that are handed in, or an explanation in
    ``explanations`` (by proposal), which everybody can read; such a bid goes to the vote, since less than a quorum
    fails nobody. Done by a steward or the panel's chair.
    """
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_lock(uow.actor, round.fund_id, queries.chair_id(uow.session, round_id))
    if round.panel_locked_at is not None:
        raise PanelLocked("The panel's scores are locked already.")
    if rounds.phase(round, uow.now) not in AT_WORK:
        raise StepRefused("The panel's scores are locked while a round is being checked.")
    if size := proposal_lists.unscreened_count(uow.session, round_id):
        some = "1 bid still waits" if size == 1 else f"{size} bids still wait"
        raise StepRefused(f"{some} for the first check. Finish that first.")
    book = rounds.rule_book(round)
    bids = proposal_lists.eligible(uow.session, round_id)
    _find(uow, [one for one in queries.of_round(uow.session, round_id) if one.proposal_id in {bid.id for bid in bids}])
    reviews = [one for one in queries.of_round(uow.session, round_id) if one.state is ReviewState.SUBMITTED]
    by_bid: dict[UUID, list[Review]] = {bid.id: [] for bid in bids}
    for one in reviews:
        if one.proposal_id in by_bid:
            by_bid[one.proposal_id].append(one)
    said = {id: text.strip() for id, text in (explanations or {}).items()}
    _ensure_explained(bids, by_bid, said, book.quorum)
    made = []
    for bid in bids:
        scores = [{s.criterion: s.value for s in one.scores} for one in by_bid[bid.id]]
        found = rules.find(book.criteria, scores, book.pass_mark, book.quorum)
        finding = PanelFinding(
            proposal_id=bid.id,
            round_id=round_id,
            passed=found.passed,
            points=found.points,
            points_most=found.points_most,
            reviews_count=found.reviews_count,
            by_criterion=_by_criterion(found),
            note=rules.note(found, book.pass_mark, said.get(bid.id, "")),
            locked_at=uow.now,
        )
        uow.add(finding)
        uow.record(
            "panel.found",
            bid,
            passed=found.passed,
            judged=found.judged,
            points=found.points,
            points_most=found.points_most,
            reviews_count=found.reviews_count,
        )
        made.append(finding)
    for one in reviews:
        one.state = next_state(STEPS, one.state, ReviewAction.LOCK)
    uow.session.flush()
    for bid, finding in zip(bids, made, strict=True):
        if not finding.passed:
            proposals_service.keep_off_ballot(uow, bid, finding.note)
            words = queries.words_by_criterion(uow.session, bid.id)
            notices.kept_off(uow, bid, finding, words, book.criteria)
    rounds_service.mark_panel_locked(uow, round)
    return made


def _ensure_explained(
    bids: Sequence[Proposal], by_bid: Mapping[UUID, Sequence[Review]], said: Mapping[UUID, str], quorum: int
) -> None:
    for bid in bids:
        text = said.get(bid.id, "")
        if len(text) > rules.REASON_AT_MOST:
            raise RuleBroken(f"Use {rules.REASON_AT_MOST} characters or fewer.", field=explanation_field(bid.id))
        if len(by_bid[bid.id]) < quorum and not text:
            have = len(by_bid[bid.id])
            raise RuleBroken(
                f"“{bid.title}” has {have} of the {quorum} reviews that it needs. "
                "Wait for more, or explain why there are not enough.",
                field=explanation_field(bid.id),
            )


def explanation_field(proposal_id: UUID) -> str:
    """The form field in which it is explained why a bid has too few reviews."""
    return f"explain_{proposal_id.hex}"


def _steward(uow: UnitOfWork, round_id: UUID, phases: Sequence[RoundState]) -> Round:
    """The round, held, for a steward of its fund, while it is in one of these phases and its scores are not locked."""
    round = uow.get(Round, round_id, lock=True)
    ensure_may_run(uow.actor, round.fund_id)
    _ensure_at_work(uow, round, phases)
    return round


def _mine(uow: UnitOfWork, review_id: UUID) -> Review:
    """The review, held, for the panellist to whom it was given, while the panel is at work."""
    review = uow.get(Review, review_id, lock=True)
    # The round's row is held too, so that nothing is saved while somebody locks the scores.
    round = uow.get(Round, review.round_id, lock=True)
    access.ensure_is_mine(uow.actor, review.panellist_id, round.fund_id)
    _ensure_at_work(uow, round, AT_WORK)
    if uow.get(Proposal, review.proposal_id).state is ProposalState.WITHDRAWN:
        raise StepRefused("This bid was withdrawn, so there is nothing to score any more.")
    return review


def _ensure_at_work(uow: UnitOfWork, round: Round, phases: Sequence[RoundState]) -> None:
    if round.panel_locked_at is not None:
        raise PanelLocked("The panel's scores are locked, so nothing about them can change any more.")
    if rounds.phase(round, uow.now) not in phases:
        raise StepRefused("The panel is not at work on this round at the moment.")


# ------------------------------------------------------------------------------------------- ties that are told early


def note_signatory(uow: UnitOfWork, group_id: UUID, lives: str = "") -> None:
    """Whoever acts has signed for a group. Called by the stage that keeps agreements. ``lives``: ``address_mark``."""
    assert uow.actor.id is not None
    _tie(uow, KnownTie.SIGNATORY, group_id=group_id)
    if lives:
        _mark_address(uow, lives, person_id=uow.actor.id)


def say_where_i_live(uow: UnitOfWork, mark: str) -> None:
    """Keep the mark of one's own address (``rules.address_mark``); empty: forget it."""
    access.ensure_signed_in(uow.actor)
    _mark_address(uow, mark, person_id=uow.actor.id)


def say_where_group_is(uow: UnitOfWork, group_id: UUID, mark: str) -> None:
    """A member who may edit gives the group's address, as a mark; empty: forget it."""
    access.ensure_may_tell_for(uow.actor, group_id)
    _mark_address(uow, mark, group_id=group_id)


def tell_household(uow: UnitOfWork, email: str) -> None:
    """ "I live with them", by their address. The answer is the same whether they have an account or not."""
    access.ensure_signed_in(uow.actor)
    other = people.person_by_email(uow.session, clean_email(email))
    if other is None or other.id == uow.actor.id:
        assert uow.actor.id is not None
        uow.record("tie.noted", uow.get(Person, uow.actor.id), kind=KnownTie.HOUSEHOLD.value)  # as if there were one
    else:
        _tie(uow, KnownTie.HOUSEHOLD, other_id=other.id)


def untell_household(uow: UnitOfWork) -> None:
    """Take back everybody with whom one said to live. There is no list, since it would tell who has an account."""
    access.ensure_signed_in(uow.actor)
    assert uow.actor.id is not None
    mine = (PersonTie.person_id == uow.actor.id, PersonTie.kind == KnownTie.HOUSEHOLD)
    uow.session.execute(delete(PersonTie).where(*mine))
    uow.record("tie.taken_back", uow.get(Person, uow.actor.id), kind=KnownTie.HOUSEHOLD.value)


def tell_employer(uow: UnitOfWork, name: str) -> None:
    """ "I work for them": a group or organisation that is known here."""
    access.ensure_signed_in(uow.actor)
    group = people.group_by_name(uow.session, name)
    if group is None:
        raise RuleBroken(
            "No group or organisation with this name asks for money here, so there is nothing to note.", "employer"
        )
    _tie(uow, KnownTie.EMPLOYER, group_id=group.id)


def untell(uow: UnitOfWork, tie_id: UUID) -> None:
    """Take back for whom one works. That somebody signed for a group stays."""
    tie = uow.get(PersonTie, tie_id, lock=True)
    if tie.person_id != uow.actor.id or tie.kind is not KnownTie.EMPLOYER:
        raise NotFound
    uow.record("tie.taken_back", uow.get(Person, tie.person_id), kind=tie.kind.value)
    uow.session.delete(tie)
    uow.session.flush()


def forget_person(uow: UnitOfWork, person_id: UUID, email: str | None) -> None:
    """Forget where somebody lives, whom with, and for whom they work or signed."""
    uow.session.execute(delete(AddressMark).where(AddressMark.person_id == person_id))
    uow.session.execute(delete(PersonTie).where(or_(PersonTie.person_id == person_id, PersonTie.other_id == person_id)))


def _tie(uow: UnitOfWork, kind: KnownTie, *, other_id: UUID | None = None, group_id: UUID | None = None) -> None:
    assert uow.actor.id is not None
    person = uow.get(Person, uow.actor.id, lock=True)
    known = queries.ties_of(uow.session, person.id)
    if all((one.kind, one.other_id, one.group_id) != (kind, other_id, group_id) for one in known):
        uow.add(PersonTie(person_id=person.id, kind=kind, other_id=other_id, group_id=group_id, noted_at=uow.now))
    uow.record("tie.noted", person, kind=kind.value)


def _mark_address(uow: UnitOfWork, mark: str, *, person_id: UUID | None = None, group_id: UUID | None = None) -> None:
    subject: Person | Group
    if person_id is not None:
        subject = uow.get(Person, person_id, lock=True)
    else:
        assert group_id is not None  # of one of them
        subject = uow.get(Group, group_id, lock=True)
    known = queries.address_of(uow.session, person_id=person_id, group_id=group_id)
    if known is not None:
        uow.session.delete(known)
        uow.session.flush()
    if mark:
        uow.add(AddressMark(person_id=person_id, group_id=group_id, mark=mark, noted_at=uow.now))
    uow.record("tie.address_noted", subject, given=bool(mark))
