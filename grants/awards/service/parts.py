"""Parts of an award that could not be paid: taken off it, or planned anew. ``disbursements`` has checked who may."""

from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from grants.awards import notices, queries
from grants.awards.models import Award, AwardSplit, AwardVersion, Instalment
from grants.awards.rules import AwardState, was_asked
from grants.awards.service.offers import stand_in_line
from grants.funds.rules import return_split
from grants.kernel.clock import london_day, show_day
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Pocket, moved
from grants.rounds import service as rounds


def part_asked(uow: UnitOfWork, instalment_id: UUID) -> None:
    """Somebody asks that a part be paid: from now on no change touches it."""
    part = uow.get(Instalment, instalment_id)
    if part.dropped_at is not None:
        raise StepRefused("This part was taken off the award, so it is not paid any more.")
    if not was_asked(part.asked_at, part.planned_at):
        part.asked_at = uow.now


def take_off(uow: UnitOfWork, instalment_id: UUID, why: str) -> AwardVersion:
    """A part that cannot be paid comes off the award: its money is free again where it came from.

    The award is smaller by it, in the books, the register and its own history; the group is told why.
    """
    part, award = _tried(uow, instalment_id)
    was, now = award.amount_minor, award.amount_minor - part.amount_minor
    if now <= 0:
        raise StepRefused("This part is all of the award. End the award instead: its money then goes back.")
    release(uow, award, part.amount_minor, f"award:{award.id}:part:{part.id}")
    _drop(uow, part, why)
    award.amount_minor = now
    standing = queries.versions(uow.session, award.id)
    assert uow.actor.id is not None
    version = AwardVersion(
        award_id=award.id,
        version=standing[-1].version + 1 if standing else 2,
        change_id=None,
        words=f"Part {part.number} of {show_pounds(part.amount_minor)} could not be paid and was taken off.",
        was_minor=was,
        amount_minor=now,
        since=uow.now,
        applied_by_id=uow.actor.id,
    )
    uow.add(version)
    event = uow.record(
        "award.part_taken_off",
        award,
        part=part.number,
        why=why,
        was_minor=was,
        amount_minor=now,
        version=version.version,
    )
    uow.session.flush()
    uow.session.expire(award, ["instalments"])
    words = f"is {show_pounds(now)} from now on: a part of {show_pounds(part.amount_minor)} could not be paid"
    notices.changed(uow, award, award.proposal.title, words, why, f"part:{event.id.hex}")
    return version


def plan_anew(uow: UnitOfWork, instalment_id: UUID, due_on: date, why: str) -> Instalment:
    """A part that could not be paid is to be paid from another day on; until then a change may make it another."""
    part, award = _tried(uow, instalment_id)
    if due_on < london_day(uow.now):
        raise RuleBroken("Choose today or a later day.", field="due_on")
    part.due_on, part.planned_at = due_on, uow.now
    event = uow.record("award.part_planned_anew", award, part=part.number, why=why, due_on=due_on.isoformat())
    uow.session.flush()
    words = f"goes on: a part of {show_pounds(part.amount_minor)} that could not be paid is due on {show_day(due_on)}"
    notices.changed(uow, award, award.proposal.title, words, why, f"part:{event.id.hex}")
    return part


def release(uow: UnitOfWork, award: Award, amount_minor: int, key: str) -> None:
    """Let go so much of what is promised and not on its way, in the proportions in which it was promised."""
    stand_in_line(uow, award.fund_id)
    held = award_pockets(uow.session, [award.id])[award.id]
    shares = return_split({id: one.committed_minor for id, one in held.items() if one.committed_minor}, amount_minor)
    lines = [
        line for id, minor in shares.items() for line in moved(id, minor, Pocket.COMMITTED, Pocket.AVAILABLE, award.id)
    ]
    ledger.post(uow, key=key, event="award.reduced", fund_id=award.fund_id, lines=lines)
    rounds.give_back_to_pot(uow, award.round_id, amount_minor)
    for id, minor in shares.items():
        uow.session.get_one(AwardSplit, (award.id, id)).reduced_minor += minor


def next_number(uow: UnitOfWork, award_id: UUID) -> int:
    """The number of a new part: numbers of parts that were taken off are not given again."""
    last = uow.session.scalar(select(func.max(Instalment.number)).where(Instalment.award_id == award_id))
    return (last or 0) + 1


def fall_away(uow: UnitOfWork, part: Instalment, why: str) -> None:
    """A change leaves nothing for a part: it is gone, or stands on for the payments of it that were tried."""
    if part.asked_at is None:
        uow.session.delete(part)
    else:
        _drop(uow, part, why)


def _drop(uow: UnitOfWork, part: Instalment, why: str) -> None:
    part.dropped_at, part.dropped_by_id, part.dropped_why = uow.now, uow.actor.id, why[:300]


def _tried(uow: UnitOfWork, instalment_id: UUID) -> tuple[Instalment, Award]:
    """A part that was tried, and its award, both locked, the award first."""
    award = uow.get(Award, uow.get(Instalment, instalment_id).award_id, lock=True)
    part = uow.get(Instalment, instalment_id, lock=True)
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("This award is not under way, so its parts stay as they are.")
    if part.dropped_at is not None:
        raise Conflict("Somebody has taken this part off the award already.")
    return part, award
