"""Draft a round, freeze its rule-book, and take each step of its life."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from grants.funds.models import Fund
from grants.kernel.actors import CLOCK
from grants.kernel.errors import NotAllowed, NotEnoughMoney, NotFound, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.sealing import make_key_pair, public_half, unwrap_share, wrap_private_key, wrap_share
from grants.kernel.shares import join, share_fingerprint, split
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState
from grants.rounds import access, queries
from grants.rounds.models import KeyShare, Round, RoundChange, RoundPriority
from grants.rounds.rules.ballots import KeyKeeping
from grants.rounds.rules.book import RoundDraft, RuleBook
from grants.rounds.rules.dates import RoundDates, put_off, show_moment
from grants.rounds.rules.panel import HEALTH_CREATION, Criterion, check_criteria, criterion_id
from grants.rounds.rules.quick import QuickDraft, put_off_quick
from grants.rounds.rules.states import RoundAction, RoundKind, RoundState, steps_of

REASON_AT_MOST = 500


class Frozen(StepRefused):
    """Somebody tried to change a round that is promised; ``note_refusal`` writes it down."""


def draft_round(uow: UnitOfWork, draft: RoundDraft | QuickDraft) -> Round:
    """Write down a new round, of either kind, that nobody but stewards (and whoever has its preview link) can see."""
    access.ensure_may_run(uow.actor, draft.fund_id)
    _check(uow.session, draft)
    round = Round(
        state=RoundState.DRAFT,
        kind=RoundKind.QUICK if isinstance(draft, QuickDraft) else RoundKind.STANDARD,
        preview_token=secrets.token_urlsafe(32),
        drafted_by_id=uow.actor.id,
        **_columns(draft),
    )
    uow.add(round)
    _write_priorities(uow, round, draft)
    uow.record("round.drafted", round, after=round.state, fund_id=draft.fund_id, pot_minor=draft.pot_minor)
    return round


def change_draft(uow: UnitOfWork, round_id: UUID, draft: RoundDraft | QuickDraft) -> Round:
    """Change a round that is still a draft. Refuses (``Frozen``) whatever was promised, whoever asks."""
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    access.ensure_may_run(uow.actor, draft.fund_id)
    if round.state is not RoundState.DRAFT:
        raise Frozen(
            "Nothing was changed. This round's rules were published, so they stand still: "
            "the money, the limits, the ballot and who may vote cannot change any more."
        )
    if isinstance(draft, QuickDraft) is not queries.is_quick(round):
        raise RuleBroken("A round with a vote and a quick round are not made into each other. Draft another one.")
    _check(uow.session, draft)
    for name, value in _columns(draft).items():
        setattr(round, name, value)
    _write_priorities(uow, round, draft)
    uow.record("round.changed", round, pot_minor=draft.pot_minor)
    return round


def write_criterion(uow: UnitOfWork, round_id: UUID, criterion: Criterion, criterion_ref: str | None = None) -> str:
    """Add a criterion to a draft, or write the one called ``criterion_ref`` anew. Gives its id."""
    round, before = _draft_criteria(uow, round_id)
    if criterion_ref is None:
        made = replace(_tidy(criterion), id=criterion_id(criterion.name, [one.id for one in before]))
        after = (*before, made)
    else:
        _ensure_asked(before, criterion_ref)
        made = replace(_tidy(criterion), id=criterion_ref)
        after = tuple(made if one.id == criterion_ref else one for one in before)
    made.check()
    _keep_criteria(uow, round, after)
    return made.id


def drop_criterion(uow: UnitOfWork, round_id: UUID, criterion_ref: str) -> None:
    """Take a criterion out of a draft. One always stays."""
    round, before = _draft_criteria(uow, round_id)
    _ensure_asked(before, criterion_ref)
    if len(before) == 1:
        raise RuleBroken("The panel needs at least one question. Add another before you take this one out.")
    _keep_criteria(uow, round, tuple(one for one in before if one.id != criterion_ref))


def copy_criteria(uow: UnitOfWork, round_id: UUID, source_id: UUID | None) -> None:
    """Begin again with the criteria of an earlier round, or (None) with the standard set."""
    round, _ = _draft_criteria(uow, round_id)
    criteria = HEALTH_CREATION
    if source_id is not None:
        source = queries.published(uow.session, source_id)
        criteria = queries.rule_book(source).criteria
    _keep_criteria(uow, round, criteria)


def _draft_criteria(uow: UnitOfWork, round_id: UUID) -> tuple[Round, tuple[Criterion, ...]]:
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    if round.state is not RoundState.DRAFT:
        raise Frozen(
            "Nothing was changed. This round's rules were published, so what the panel looks for stands still."
        )
    return round, queries.draft_of(round, ()).criteria


def _ensure_asked(criteria: Sequence[Criterion], criterion_ref: str) -> None:
    if all(one.id != criterion_ref for one in criteria):
        raise NotFound("There is no such question in this round.")


def _tidy(criterion: Criterion) -> Criterion:
    """Without stray blanks, each part on one line."""
    one, two, three, four = (" ".join(step.split()) for step in criterion.steps)
    name, question = (" ".join(text.split()) for text in (criterion.name, criterion.question))
    return replace(criterion, name=name, question=question, steps=(one, two, three, four))


def _keep_criteria(uow: UnitOfWork, round: Round, criteria: tuple[Criterion, ...]) -> None:
    check_criteria(criteria)
    round.terms = replace(queries.draft_of(round, ()), criteria=criteria).terms()
    uow.session.flush()
    weights = {one.id: one.weight for one in criteria}
    uow.record("round.criteria_written", round, weights=weights)


def note_refusal(uow: UnitOfWork, round_id: UUID, what: str) -> None:
    """Write down that somebody tried to change what is frozen. In a transaction of its own, after the refusal."""
    round = uow.get(Round, round_id)
    uow.record("round.change_refused", round, why=what, rule_book=round.rule_book_hash)


def schedule(uow: UnitOfWork, round_id: UUID, vote_key: str) -> Round:
    """Freeze and publish the rule-book: from now on nothing in it can change.

    ``vote_key``: the installation's key that wraps the private half of the ballot's key pair, or the shares of it until
    they are collected (64 hex digits).
    """
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    before = round.state
    after = next_state(steps_of(round.kind), before, RoundAction.SCHEDULE)
    if queries.is_quick(round):
        return _schedule_quick(uow, round)
    draft = queries.draft_of(round, queries.priority_ids(uow.session, round.id))
    _check(uow.session, draft)
    if round.closes_at <= uow.now:
        raise RuleBroken(f"Applications would close in the past ({show_moment(round.closes_at)}).", field="closes_at")
    uow.get(Fund, round.fund_id, lock=True)  # two rounds must not promise the same pounds
    _check_money(uow.session, draft, round.id)
    public, private = make_key_pair()
    book = draft.book(lot_seed=secrets.token_hex(16), ballot_public_key=public)
    book.check()
    round.ballot_public_key = public
    _keep_key(uow, round, draft, private, bytes.fromhex(vote_key))
    round.rule_book = book.to_canonical_json()
    round.rule_book_hash = book.sha256
    round.scheduled_at = uow.now
    round.state = after
    uow.record("round.scheduled", round, before=before, after=after, rule_book=book.sha256, pot_minor=book.pot_minor)
    return round


def _schedule_quick(uow: UnitOfWork, round: Round) -> Round:
    """Freeze and publish a quick round's rule-book. It has no vote, so it has no key."""
    draft = queries.quick_draft_of(round, queries.priority_ids(uow.session, round.id))
    _check(uow.session, draft)
    if round.closes_at <= uow.now:
        raise RuleBroken(f"It would end in the past ({show_moment(round.closes_at)}).", field="closes_at")
    uow.get(Fund, round.fund_id, lock=True)  # two rounds must not promise the same pounds
    _check_money(uow.session, draft, round.id)
    book, before = draft.book(), round.state
    round.rule_book, round.rule_book_hash = book.to_canonical_json(), book.sha256
    round.scheduled_at = uow.now
    round.state = next_state(steps_of(round.kind), before, RoundAction.SCHEDULE)
    after = round.state
    uow.record("round.scheduled", round, before=before, after=after, rule_book=book.sha256, pot_minor=book.pot_minor)
    return round


def open_early(uow: UnitOfWork, round_id: UUID, reason: str) -> Round:
    """Open for proposals now, before the published hour, for a reason that everybody can read."""
    round = _mine(uow, round_id)
    reason = words_given(reason, "reason", "Give a reason. Everybody can read it.", REASON_AT_MOST)
    if queries.phase(round, uow.now) is not RoundState.SCHEDULED:
        raise StepRefused("Only a round that is still coming can be opened early.")
    before = round.state
    _move(uow, round, "opens_at", uow.now, reason)
    round.state = next_state(steps_of(round.kind), before, RoundAction.OPEN)
    uow.record("round.opened_early", round, before=before, after=round.state, why=reason)
    return round


def extend(uow: UnitOfWork, round_id: UUID, later: Mapping[str, datetime], reason: str) -> Round:
    """Put dates off that have not come yet, for a reason that everybody can read. Nothing ever comes sooner.

    ``later``: names of ``RoundDates`` with their new moments. Refuses an overlap, naming the neighbour.
    """
    round = _mine(uow, round_id)
    reason = words_given(reason, "reason", "Give a reason. Everybody can read it.", REASON_AT_MOST)
    if queries.phase(round, uow.now) in (RoundState.DRAFT, RoundState.CANCELLED):
        raise StepRefused("Only the dates of a round that is under way can be put off.")
    dates = queries.dates_of(round)
    if queries.is_quick(round):
        return _extend_quick(uow, round, later, reason)
    moved = put_off(dates, later, uow.now)
    for name in later:
        if getattr(moved, name) != getattr(dates, name):
            _move(uow, round, name, getattr(moved, name), reason)
    uow.record("round.extended", round, why=reason, dates=sorted(later))
    return round


def _extend_quick(uow: UnitOfWork, round: Round, later: Mapping[str, datetime], reason: str) -> Round:
    """A quick round ends later: the moments that hang on its end go with it."""
    if set(later) != {"closes_at"}:
        raise RuleBroken("Choose a later day for its end.", field="closes_at")
    moved = put_off_quick(queries.dates_of(round), later["closes_at"], queries.decide_days(round), uow.now)
    _move(uow, round, "closes_at", moved.closes_at, reason)
    for name in ("voting_opens_at", "voting_closes_at", "decide_by"):
        setattr(round, name, getattr(moved, name))
    uow.record("round.extended", round, why=reason, dates=["closes_at"])
    return round


def cancel(uow: UnitOfWork, round_id: UUID, reason: str) -> Round:
    """Call a round off before it is decided, for a reason that everybody can read."""
    round = _mine(uow, round_id)
    reason = words_given(reason, "reason", "Give a reason. Everybody can read it.", REASON_AT_MOST)
    before = round.state
    round.state = next_state(steps_of(round.kind), before, RoundAction.CANCEL)
    round.cancelled_reason = reason
    _forget_key(uow, round)
    uow.record("round.cancelled", round, before=before, after=round.state, why=reason)
    return round


def begin_checking(uow: UnitOfWork, round_id: UUID) -> Round:
    """Applications have closed: begin to check what was put in."""
    round = _mine(uow, round_id)
    return _step(uow, round, RoundAction.CHECK, "round.checking_begun")


def mark_panel_locked(uow: UnitOfWork, round: Round) -> Round:
    """The panel's scores are locked; only then may the vote open. Called by the panel's own service."""
    round = uow.get(Round, round.id, lock=True)
    if round.state is not RoundState.CHECKING:
        raise StepRefused("The panel's scores are locked while a round is being checked.")
    if round.panel_locked_at is not None:
        raise StepRefused("The panel's scores are locked already.")
    round.panel_locked_at = uow.now
    uow.record("round.panel_locked", round)
    return round


def mark_voting(uow: UnitOfWork, round: Round) -> Round:
    """The ballot is frozen: voting runs from the published hour. Called by the service that froze it."""
    round = uow.get(Round, round.id, lock=True)
    if round.panel_locked_at is None:
        raise StepRefused("The vote cannot open before the panel's scores are locked.")
    if uow.now >= round.voting_closes_at:
        raise StepRefused(
            f"The vote would be over: it was to close at {show_moment(round.voting_closes_at)}. Put that off first."
        )
    return _step(uow, round, RoundAction.OPEN_VOTE, "round.voting_opened")


def mark_counted(uow: UnitOfWork, round: Round) -> Round:
    """The votes are counted and the round's private key is destroyed. Called by the service that counted."""
    round = uow.get(Round, round.id, lock=True)
    if round.state is RoundState.VOTING and uow.now < round.voting_closes_at:
        raise StepRefused(f"Voting is open until {show_moment(round.voting_closes_at)}. Nothing is counted before.")
    _step(uow, round, RoundAction.CLOSE_VOTE, "round.votes_counted")
    round.votes_counted_at = uow.now
    _forget_key(uow, round)
    return round


def mark_decided(uow: UnitOfWork, round: Round) -> Round:
    """The panel's chair has decided. Called by the service that holds the decisions."""
    return _step(uow, uow.get(Round, round.id, lock=True), RoundAction.DECIDE, "round.decided")


def mark_announced(uow: UnitOfWork, round: Round) -> Round:
    """Every decision is told, all together. Called by the service that tells them."""
    round = uow.get(Round, round.id, lock=True)
    _step(uow, round, RoundAction.ANNOUNCE, "round.announced")
    round.announced_at = uow.now
    return round


def complete(uow: UnitOfWork, round_id: UUID) -> Round:
    """Everything that the round funded is reported and settled."""
    round = _mine(uow, round_id)
    if queries.is_quick(round):
        raise StepRefused("A quick round is finished where its asks are answered.")
    return _step(uow, round, RoundAction.COMPLETE, "round.completed")


def mark_completed(uow: UnitOfWork, round_id: UUID) -> Round:
    """A quick round is over and every ask is answered. Called by the service that answers them."""
    return _step(uow, _mine(uow, round_id), RoundAction.COMPLETE, "round.completed")


def take_from_pot(uow: UnitOfWork, round_id: UUID, amount_minor: int) -> None:
    """Promise pence of a quick round's pot, never more than there is: one conditional UPDATE, a CHECK behind it.

    Called by the service that decides asks. Raises ``NotEnoughMoney`` with what is left.
    """
    taken = uow.session.execute(
        update(Round)
        .where(Round.id == round_id, Round.promised_minor + amount_minor <= Round.pot_minor)
        .values(promised_minor=Round.promised_minor + amount_minor)
        .returning(Round.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    round = uow.get(Round, round_id, lock=True)
    if taken is None:
        left = queries.left_minor(round)
        raise NotEnoughMoney(
            f"Only {show_pounds(left)} of this round’s pot is left, and they ask for {show_pounds(amount_minor)}.",
            amount_minor - left,
        )


def give_back_to_pot(uow: UnitOfWork, round_id: UUID, amount_minor: int) -> None:
    """What a quick round promised is free again: others can ask for it. Of other rounds nothing is counted here."""
    if not amount_minor:
        return
    uow.session.execute(
        update(Round)
        .where(Round.id == round_id, Round.kind == RoundKind.QUICK, Round.promised_minor >= amount_minor)
        .values(promised_minor=Round.promised_minor - amount_minor)
        .execution_options(synchronize_session=False)
    )
    uow.session.expire(uow.get(Round, round_id))


def tick(uow: UnitOfWork) -> int:
    """Write down what the clock has already done: openings and closings of applications. Safe to run twice.

    Pages do not wait for this: they ask ``queries.phase``. Returns how many rounds moved.
    """
    due = queries.in_states(uow.session, (RoundState.SCHEDULED, RoundState.OPEN), limit=500)
    return sum(_catch_up(uow, uow.get(Round, round.id, lock=True)) for round in due)


def _catch_up(uow: UnitOfWork, round: Round) -> bool:
    """Write down the openings and closings that the clock has done to one round."""
    clock = UnitOfWork(uow.session, CLOCK, uow.now)
    moved = False
    for state, action, verb, due in (
        (RoundState.SCHEDULED, RoundAction.OPEN, "round.opened", round.opens_at),
        (RoundState.OPEN, RoundAction.CLOSE, "round.closed", round.closes_at),
    ):
        if round.state is state and uow.now >= due:
            round.state = next_state(steps_of(round.kind), state, action)
            clock.record(verb, round, before=state, after=round.state, due_at=due.isoformat())
            moved = True
    return moved


def _mine(uow: UnitOfWork, round_id: UUID) -> Round:
    """The round, locked, for a steward of its fund, with what the clock did written down."""
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_run(uow.actor, round.fund_id)
    _catch_up(uow, round)
    return round


def _step(uow: UnitOfWork, round: Round, action: RoundAction, verb: str) -> Round:
    _catch_up(uow, round)
    before = round.state
    round.state = next_state(steps_of(round.kind), before, action)
    uow.record(verb, round, before=before, after=round.state)
    return round


def _move(uow: UnitOfWork, round: Round, name: str, moment: datetime, reason: str) -> None:
    assert uow.actor.id is not None  # a steward, by _mine
    uow.session.add(
        RoundChange(
            round_id=round.id,
            date_name=name,
            before_at=getattr(round, name),
            after_at=moment,
            reason=reason,
            made_by_id=uow.actor.id,
            made_at=uow.now,
        )
    )
    setattr(round, name, moment)


def _columns(draft: RoundDraft | QuickDraft) -> dict[str, object]:
    dates = draft.dates
    return {
        "fund_id": draft.fund_id,
        "title": draft.title.strip(),
        "summary": draft.summary.strip(),
        "opens_at": dates.opens_at,
        "closes_at": dates.closes_at,
        "voting_opens_at": dates.voting_opens_at,
        "voting_closes_at": dates.voting_closes_at,
        "decide_by": dates.decide_by,
        "pot_minor": draft.pot_minor,
        "floor_minor": draft.floor_minor if isinstance(draft, RoundDraft) else draft.book().floor_minor,
        "cap_minor": draft.cap_minor,
        "terms": draft.terms(),
    }


def _check(session: Session, draft: RoundDraft | QuickDraft) -> None:
    draft.check()
    states = dict(
        session.execute(select(Priority.id, Priority.state).where(Priority.id.in_(draft.priority_ids))).tuples().all()
    )
    if any(states.get(id) is not PriorityState.AGREED for id in draft.priority_ids):
        raise RuleBroken("Choose priorities that the community has agreed.", field="priority_ids")
    if isinstance(draft, RoundDraft) and draft.key_keeping is KeyKeeping.STRONG:
        may = {person.id for role in access.KEY_HOLDERS for person in people.holders(session, role, draft.fund_id)}
        if not may.issuperset(draft.key_officers):
            raise RuleBroken("Choose stewards or booth officers of this fund.", field="key_officers")


def _check_money(session: Session, draft: RoundDraft | QuickDraft, round_id: UUID) -> None:
    room = queries.room_minor(session, draft.fund_id, but_for=round_id)
    if draft.pot_minor > room:
        raise RuleBroken(
            f"There is {show_pounds(max(room, 0))} that funders have agreed to give and that is not spoken for. "
            f"The pot of this round is {show_pounds(draft.pot_minor)}: make it smaller, or record more money first.",
            field="pot_minor",
        )


def _write_priorities(uow: UnitOfWork, round: Round, draft: RoundDraft | QuickDraft) -> None:
    uow.session.execute(delete(RoundPriority).where(RoundPriority.round_id == round.id))
    uow.session.add_all(RoundPriority(round_id=round.id, priority_id=id) for id in sorted(set(draft.priority_ids)))
    uow.session.flush()


# The key of the votes, where returning officers hold it.


def _keep_key(uow: UnitOfWork, round: Round, draft: RoundDraft, private: bytes, wrapping: bytes) -> None:
    """Wrap the private half; or split it, each share to wait for its officer."""
    if draft.key_keeping is not KeyKeeping.STRONG:
        round.ballot_private_key = wrap_private_key(private, wrapping, round.id)
        return
    for person_id, (number, share) in zip(sorted(set(draft.key_officers)), split(private).items(), strict=True):
        uow.session.add(
            KeyShare(
                round_id=round.id,
                person_id=person_id,
                number=number,
                fingerprint=share_fingerprint(share, round.id, number),
                waiting=wrap_share(share, wrapping, round.id, number),
            )
        )


def _forget_key(uow: UnitOfWork, round: Round) -> None:
    round.ballot_private_key = None
    uow.session.execute(update(KeyShare).where(KeyShare.round_id == round.id).values(waiting=None, brought=None))


def collect_share(uow: UnitOfWork, round_id: UUID, vote_key: str) -> tuple[int, bytes]:
    """Give an officer their share (number, 32 bytes), and delete it: nobody can be shown it again.

    Whoever calls this should have the database give back the freed space afterwards (``web.db.give_back_space``).
    """
    round = uow.get(Round, round_id, lock=True)
    share = _my_share(uow, round)
    if share.waiting is None:
        raise StepRefused(
            "You have collected your share. It was shown once, and is not kept here."
            if share.collected_at
            else "There is no share to collect any more."
        )
    told = unwrap_share(share.waiting, bytes.fromhex(vote_key), round.id, share.number)
    share.waiting, share.collected_at = None, uow.now
    uow.record("round.share_collected", round, share=share.number)
    return share.number, told


def bring_share(uow: UnitOfWork, round: Round, number: int, told: bytes, vote_key: str) -> bytes | None:
    """After the close an officer brings their share. The first waits, wrapped; the second gives the private half.

    ``round`` is locked, so that of two who come at once one is the second. Called by the service that counts. Refuses
    (``RuleBroken``, field ``share``) what is not this officer's share.
    """
    share = _my_share(uow, round)
    if round.state is not RoundState.VOTING:
        raise StepRefused("There is no vote to count: it was counted already, or never opened.")
    if uow.now < round.voting_closes_at:
        raise StepRefused(f"Voting is open until {show_moment(round.voting_closes_at)}. Nothing is counted before.")
    if share.brought_at is not None:
        raise StepRefused("You have typed your share. Another officer must type theirs.")
    if number != share.number or share_fingerprint(told, round.id, number) != share.fingerprint:
        raise RuleBroken("This is not your share of this round’s key. Type what stands on your own page.", "share")
    wrapping = bytes.fromhex(vote_key)
    share.brought_at = uow.now
    uow.record("round.share_typed", round, share=number)
    first = uow.session.scalar(
        select(KeyShare).where(KeyShare.round_id == round.id, KeyShare.brought.is_not(None)).limit(1)
    )
    if first is None:
        share.brought = wrap_share(told, wrapping, round.id, number)
        return None
    kept = unwrap_share(first.brought or b"", wrapping, round.id, first.number)
    private = join({first.number: kept, number: told})
    if public_half(private) != round.ballot_public_key:
        raise RuleBroken("These two shares do not make this round’s key. Nothing was counted.", "share")
    return private


def _my_share(uow: UnitOfWork, round: Round) -> KeyShare:
    """The acting officer's share, locked."""
    share = uow.session.scalar(
        select(KeyShare)
        .where(KeyShare.round_id == round.id, KeyShare.person_id == uow.actor.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    access.ensure_holds_share(uow.actor, round.fund_id, share.person_id if share else None)
    assert share is not None
    return share


# Elections elsewhere.


def import_finished(uow: UnitOfWork, book: RuleBook, *, summary: str, imported_from: str) -> Round:
    """A round for a finished election elsewhere, counted and not shared yet; ``finish_imported`` ends it.

    Called by the service that reads its file, for the clock. Its rule-book is what is known of it: nobody promised it
    here, so it is not checked.
    """
    _ensure_clock(uow)
    round = Round(
        state=RoundState.PANEL,
        fund_id=book.fund_id,
        title=book.round_title,
        summary=summary,
        **{name: getattr(book.dates, name) for name in RoundDates.__dataclass_fields__},
        pot_minor=book.pot_minor,
        floor_minor=book.floor_minor,
        cap_minor=book.cap_minor,
        preview_token=secrets.token_urlsafe(32),
        rule_book=book.to_canonical_json(),
        rule_book_hash=book.sha256,
        scheduled_at=uow.now,
        votes_counted_at=uow.now,
        imported_from=imported_from,
    )
    uow.add(round)
    uow.record("round.imported", round, after=round.state, rule_book=book.sha256)
    return round


def finish_imported(uow: UnitOfWork, round: Round) -> Round:
    """An imported round is shared: its results can be read by everybody."""
    _ensure_clock(uow)
    mark_announced(uow, mark_decided(uow, round))
    return _step(uow, round, RoundAction.COMPLETE, "round.completed")


def _ensure_clock(uow: UnitOfWork) -> None:
    if not uow.actor.is_clock:
        raise NotAllowed("Elections from elsewhere are read in at the command line.")
