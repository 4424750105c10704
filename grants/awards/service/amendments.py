"""Changes of an award that stands: asked, answered, applied."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from grants.awards import access, notices, queries
from grants.awards.models import Award, AwardSplit, AwardVersion, ChangeRequest, ChangeVersion, Instalment
from grants.awards.rules import (
    CHANGE_STEPS,
    STEPS,
    AwardAction,
    AwardState,
    BudgetLine,
    ChangeKind,
    ChangeRequestAction,
    ChangeRequestState,
    Open,
    Wanted,
    check_change,
    check_reason,
    check_wanted,
    parts_after,
    was_asked,
)
from grants.awards.service import parts
from grants.awards.service.agreements import write_anew
from grants.awards.service.offers import commit_money
from grants.awards.service.standing import ensure_nothing_on_its_way
from grants.kernel.clock import london_day
from grants.kernel.errors import StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.proposals.queries.whole import need

AS_IT_IS = Wanted()


def ask_change(
    uow: UnitOfWork, award_id: UUID, kind: ChangeKind, wish: str, reason: str, figures: Wanted = AS_IT_IS
) -> ChangeRequest:
    """A group asks to do something else than was agreed: in words, and in figures where money or days change."""
    award = uow.get(Award, award_id, lock=True)
    asker = access.ensure_may_change(uow.actor, award.group_id)
    _ensure_changeable(award)
    wanted, why = check_change(wish, reason)
    if queries.open_change(uow.session, award.id) is not None:
        raise StepRefused("A change that you asked for is not settled yet. Wait for the answer.")
    _ensure_can_be(uow, award, kind, figures)
    asked = ChangeRequest(
        award_id=award.id,
        kind=kind,
        wish=wanted,
        reason=why,
        state=ChangeRequestState.SUBMITTED,
        asked_by_id=asker,
        asked_at=uow.now,
        amount_minor=figures.amount_minor,
        not_before=figures.not_before,
        budget=_kept(figures.budget),
    )
    uow.add(asked)
    uow.record(
        "change.asked", asked, after=asked.state, award=award.id, kind=kind.value, amount_minor=figures.amount_minor
    )
    return asked


def change_again(
    uow: UnitOfWork, change_id: UUID, kind: ChangeKind, wish: str, reason: str, figures: Wanted = AS_IT_IS
) -> ChangeRequest:
    """The group answers a question about the change: it says anew what it wants and why, in words and in figures.

    What it had asked for before is kept beside it with the question, and what it asks for now is tried as at first.
    """
    asked, award = _change(uow, change_id)
    asker = access.ensure_may_change(uow.actor, award.group_id)
    _ensure_changeable(award)
    before = asked.state
    after = next_state(CHANGE_STEPS, before, ChangeRequestAction.SUBMIT)
    wanted, why = check_change(wish, reason)
    _ensure_can_be(uow, award, kind, figures)
    standing = queries.change_versions(uow.session, [asked.id]).get(asked.id, [])
    uow.add(
        ChangeVersion(
            change_id=asked.id,
            version=len(standing) + 1,
            kind=asked.kind,
            wish=asked.wish,
            reason=asked.reason,
            amount_minor=asked.amount_minor,
            not_before=asked.not_before,
            budget=asked.budget,
            asked_by_id=asked.asked_by_id,
            asked_at=asked.asked_at,
            question=asked.answer,
            answered_by_id=asked.answered_by_id,
        )
    )
    asked.state, asked.kind, asked.wish, asked.reason = after, kind, wanted, why
    asked.amount_minor, asked.not_before, asked.budget = (
        figures.amount_minor,
        figures.not_before,
        _kept(figures.budget),
    )
    asked.asked_by_id, asked.asked_at = asker, uow.now
    asked.answer, asked.answered_by_id, asked.answered_at = None, None, None
    uow.record(
        "change.asked_again",
        asked,
        before=before,
        after=after,
        award=award.id,
        kind=kind.value,
        amount_minor=figures.amount_minor,
        version=len(standing) + 2,
    )
    return asked


def answer_change(uow: UnitOfWork, change_id: UUID, action: ChangeRequestAction, words: str = "") -> ChangeRequest:
    """A steward asks a question, says yes, or says no. A question and a no need words: the group reads them."""
    asked, award = _change(uow, change_id)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_changeable(award)
    if action not in (ChangeRequestAction.QUERY, ChangeRequestAction.APPROVE, ChangeRequestAction.REJECT):
        raise StepRefused("A change is answered by a question, a yes or a no.")
    before = asked.state
    after = next_state(CHANGE_STEPS, before, action)
    said = " ".join(words.split())
    if action is not ChangeRequestAction.APPROVE:
        said = check_reason(words)
    asked.state, asked.answer, asked.answered_by_id, asked.answered_at = (
        after,
        said[:500] or None,
        uow.actor.id,
        uow.now,
    )
    event = uow.record("change.answered", asked, before=before, after=after, award=award.id)
    uow.session.flush()
    notices.change_answered(uow, award, award.proposal.title, after, said, f"change:{event.id.hex}")
    return asked


def apply_change(uow: UnitOfWork, change_id: UUID) -> AwardVersion:
    """Put an approved change into force: a new version of the award says what holds from now on.

    When the sum changes, the books promise or let go the difference (``NotEnoughMoney`` names what is missing), the
    agreement is void, and a new one is sent to be signed: until all have, nothing is paid. Another steward than the one
    who said yes puts such a change into force.
    """
    asked, award = _change(uow, change_id)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_changeable(award)
    before = asked.state
    asked.state = next_state(CHANGE_STEPS, before, ChangeRequestAction.APPLY)
    was = award.amount_minor
    changes_sum = asked.amount_minor not in (None, was)
    if changes_sum:
        access.ensure_another_applies(uow.actor, asked.answered_by_id)
        ensure_nothing_on_its_way(uow, award)
    if asked.amount_minor is not None or asked.not_before is not None:
        _re_part(uow, award, Wanted(asked.amount_minor, asked.not_before))
    if changes_sum and asked.amount_minor is not None:
        _re_sum(uow, award, asked.amount_minor, asked.id)
    standing = queries.versions(uow.session, award.id)
    assert uow.actor.id is not None
    version = AwardVersion(
        award_id=award.id,
        version=standing[-1].version + 1 if standing else 2,
        change_id=asked.id,
        words=asked.wish,
        was_minor=was if changes_sum else None,
        amount_minor=award.amount_minor if changes_sum else None,
        budget=asked.budget,
        since=uow.now,
        applied_by_id=uow.actor.id,
    )
    uow.add(version)
    uow.record(
        "change.applied",
        asked,
        before=before,
        after=asked.state,
        award=award.id,
        version=version.version,
        was_minor=version.was_minor,
        amount_minor=version.amount_minor,
    )
    if changes_sum:
        latest = queries.agreement(uow.session, award.id)
        state, award.state = award.state, next_state(STEPS, award.state, AwardAction.AMEND)
        now = award.amount_minor
        uow.record("award.amended", award, before=state, after=award.state, was_minor=was, amount_minor=now)
        write_anew(uow, award, latest.extra if latest is not None else "")
    return version


def _ensure_can_be(uow: UnitOfWork, award: Award, kind: ChangeKind, figures: Wanted) -> None:
    """Refuse figures that change nothing, do not add up, or leave too little for what was asked for already."""
    check_wanted(kind, figures, award.amount_minor, queries.budget(uow.session, award))
    if figures.amount_minor is not None or figures.not_before is not None:
        _parts_after(uow, award, figures)


def _kept(budget: Sequence[BudgetLine] | None) -> list[dict[str, Any]] | None:
    return None if budget is None else [{"what": one.what, "amount_minor": one.amount_minor} for one in budget]


def _parts_after(
    uow: UnitOfWork, award: Award, figures: Wanted
) -> tuple[list[tuple[int, int, date]], tuple[int, date] | None]:
    """The instalments as they will be. What was ever asked for stays as it is."""
    standing = [
        Open(part.number, part.amount_minor, part.due_on, was_asked(part.asked_at, part.planned_at))
        for part in award.instalments
    ]
    return parts_after(standing, figures.amount_minor or award.amount_minor, figures.not_before, london_day(uow.now))


def _re_part(uow: UnitOfWork, award: Award, figures: Wanted) -> None:
    after, new = _parts_after(uow, award, figures)
    standing = {part.number: part for part in award.instalments}
    for number, minor, day in after:
        if minor:
            standing[number].amount_minor, standing[number].due_on = minor, day
        else:
            parts.fall_away(uow, standing[number], "A change of the award left nothing for it.")
    if new is not None:
        number = parts.next_number(uow, award.id)
        uow.session.add(Instalment(award_id=award.id, number=number, amount_minor=new[0], due_on=new[1]))
    uow.session.flush()
    uow.session.expire(award, ["instalments"])


def _re_sum(uow: UnitOfWork, award: Award, amount_minor: int, change_id: UUID) -> None:
    """Promise more, by the same matching as an offer, or let go what is not promised any more."""
    more, key = amount_minor - award.amount_minor, f"award:{award.id}:change:{change_id}"
    if more > 0:
        wanted = replace(need(award.proposal, london_day(uow.now)), id=award.id, amount_minor=more)
        shares = {
            share.source_id: share.amount_minor
            for share in commit_money(uow, award.fund_id, [wanted], {award.id: award.id}, key)[award.id]
        }
        for id, minor in sorted(shares.items()):
            split = uow.session.get(AwardSplit, (award.id, id))
            if split is None:
                uow.session.add(AwardSplit(award_id=award.id, contribution_id=id, amount_minor=minor))
            else:
                split.amount_minor += minor
    else:
        parts.release(uow, award, -more, key)
    award.amount_minor = amount_minor
    uow.session.flush()


def _change(uow: UnitOfWork, change_id: UUID) -> tuple[ChangeRequest, Award]:
    """The change and its award, the award locked first: everybody takes the two in this order."""
    asked = uow.get(ChangeRequest, change_id)
    award = uow.get(Award, asked.award_id, lock=True)
    return uow.get(ChangeRequest, change_id, lock=True), award


def _ensure_changeable(award: Award) -> None:
    if award.state is AwardState.ON_HOLD:
        raise StepRefused("This award is on hold, so its changes can only be read.")
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("Changes are asked for while the award is under way.")
