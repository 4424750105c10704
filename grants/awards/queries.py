"""Awards, who they are for and whose money they are. Read only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.awards.models import (
    Agreement,
    AgreementTemplate,
    Award,
    AwardSplit,
    AwardVersion,
    ChangeRequest,
    ChangeVersion,
    Instalment,
    Signature,
)
from grants.awards.rules import (
    CHANGE_ENDED,
    FIRST_TEMPLATE,
    HOLDS_MONEY,
    AgreementState,
    AwardState,
    BudgetLine,
    ChangeRequestState,
    budget_of,
)
from grants.funds.models import Contribution, Fund, Funder
from grants.funds.rules import ONBOARDS
from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.ledger import queries as ledger
from grants.ledger.queries import Pockets
from grants.payees import queries as payees
from grants.payees.access import OFFICERS
from grants.payees.rules.checks import ASKS
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals.models import Proposal
from grants.rounds.models import Round

PAGE = 25


@dataclass(frozen=True, slots=True)
class AwardLine:
    """An award in a list: what, who, for which priority, how much (pence)."""

    id: UUID
    reference: str
    title: str
    group_id: UUID
    group_name: str
    priority_id: UUID
    priority_title: str
    round_id: UUID
    round_title: str
    fund_id: UUID
    amount_minor: int
    state: AwardState
    offered_at: datetime
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class SplitLine:
    """So many pence of an award come from this contribution of this funder."""

    award_id: UUID
    contribution_id: UUID
    funder_id: UUID
    funder_name: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AwardPage:
    """All that an award's page shows. ``pockets``: where its money is now, from the ledger."""

    award: Award
    line: AwardLine
    payee_name: str
    splits: list[SplitLine]
    pockets: Pockets


@dataclass(frozen=True, slots=True)
class Waiting:
    """An award that waits for somebody, with what it waits for."""

    award_id: UUID
    fund_id: UUID
    title: str
    group_id: UUID
    payee_id: UUID
    group_name: str
    amount_minor: int
    answer_by: datetime


_SPLIT = AwardSplit.amount_minor - AwardSplit.reduced_minor
_TITLE = func.coalesce(func.nullif(Proposal.title, ""), "A proposal without a title")


def _lines(*where: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return (
        select(
            Award.id,
            Award.reference,
            _TITLE,
            Award.group_id,
            Group.name,
            Award.priority_id,
            Priority.title,
            Award.round_id,
            Round.title,
            Award.fund_id,
            Award.amount_minor,
            Award.state,
            Award.offered_at,
            Award.answer_by,
        )
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(Priority, Priority.id == Award.priority_id)
        .join(Round, Round.id == Award.round_id)
        .where(*where)
        .order_by(Award.offered_at.desc(), Award.reference)
    )


def _read(session: Session, *where: ColumnElement[bool], limit: int = 200, offset: int = 0) -> list[AwardLine]:
    return [AwardLine(*row) for row in session.execute(_lines(*where).limit(limit).offset(offset))]


def award(session: Session, award_id: UUID) -> Award | None:
    """The award, or nothing."""
    return session.get(Award, award_id)


def line(session: Session, award_id: UUID) -> AwardLine | None:
    """The award as lists show it, or nothing."""
    return next(iter(_read(session, Award.id == award_id)), None)


def of_group(session: Session, group_id: UUID) -> list[AwardLine]:
    """A group's awards that hold or held money, newest first."""
    return _read(session, Award.group_id == group_id, Award.state.in_(HOLDS_MONEY))


def of_priority(session: Session, priority_id: UUID) -> list[AwardLine]:
    """Awards that serve a priority, newest first."""
    return _read(session, Award.priority_id == priority_id, Award.state.in_(HOLDS_MONEY))


def of_round(session: Session, round_id: UUID) -> list[AwardLine]:
    """A round's awards, newest first."""
    return _read(session, Award.round_id == round_id, Award.state.in_(HOLDS_MONEY))


def of_fund(session: Session, fund_id: UUID, *, limit: int = 200) -> list[AwardLine]:
    """A fund's awards, newest first."""
    return _read(session, Award.fund_id == fund_id, Award.state.in_(HOLDS_MONEY), limit=limit)


def of_proposal(session: Session, proposal_id: UUID) -> AwardLine | None:
    """The award that stands for a proposal, if one does."""
    found = _of_proposal().told(session, proposal_id=proposal_id)
    return AwardLine(*found[0]) if found else None


@cache
def _of_proposal() -> Prepared:
    bid = bindparam("proposal_id", None, type_=Uuid())
    return Prepared(lambda: _lines(Award.proposal_id == bid, Award.state.in_(HOLDS_MONEY)).limit(1))


def listed(
    session: Session, states: Collection[AwardState] = tuple(AwardState), *, page: int = 1, size: int = PAGE
) -> tuple[list[AwardLine], int]:
    """One page of all awards in these states, newest first, and how many there are in all."""
    where = Award.state.in_(states)
    total = session.scalar(select(func.count()).select_from(Award).where(where)) or 0
    return _read(session, where, limit=size, offset=(page - 1) * size), total


def splits(session: Session, award_ids: Collection[UUID]) -> list[SplitLine]:
    """Whose money these awards are: every award's shares, the largest first."""
    return [
        SplitLine(*row)
        for row in session.execute(
            select(AwardSplit.award_id, AwardSplit.contribution_id, Funder.id, Funder.name, _SPLIT)
            .join(Contribution, Contribution.id == AwardSplit.contribution_id)
            .join(Funder, Funder.id == Contribution.funder_id)
            .where(AwardSplit.award_id.in_(award_ids), _SPLIT > 0)
            .order_by(AwardSplit.award_id, _SPLIT.desc(), Funder.name, AwardSplit.contribution_id)
        )
    ]


def pockets(session: Session, award_id: UUID) -> Pockets:
    """Where an award's money is now, over all contributions. ``available_minor`` is minus what it has taken."""
    return ledger.added_up(list(ledger.award_pockets(session, [award_id])[award_id].values()))


def award_page(session: Session, award_id: UUID) -> AwardPage | None:
    """An award with its instalments, agreements, shares and money; None when there is no such award."""
    found = session.scalar(
        select(Award)
        .where(Award.id == award_id)
        .options(
            joinedload(Award.payee),
            joinedload(Award.proposal),
            selectinload(Award.instalments),
            selectinload(Award.agreements).selectinload(Agreement.signatures),
        )
    )
    shown = line(session, award_id)
    if found is None or shown is None:
        return None
    return AwardPage(found, shown, found.payee.name, splits(session, [award_id]), pockets(session, award_id))


def agreement(session: Session, award_id: UUID, version: int | None = None) -> Agreement | None:
    """An award's agreement with its signatures: the given version, or the newest."""
    query = select(Agreement).where(Agreement.award_id == award_id).options(selectinload(Agreement.signatures))
    if version is not None:
        query = query.where(Agreement.version == version)
    return session.scalar(query.order_by(Agreement.version.desc()).limit(1))


def awarded_minor(session: Session, round_id: UUID) -> int:
    """Pence that a round's standing awards promise."""
    total = session.scalar(
        select(func.coalesce(func.sum(Award.amount_minor), 0)).where(
            Award.round_id == round_id, Award.state.in_(HOLDS_MONEY)
        )
    )
    return int(total or 0)


def _waiting(*where: ColumnElement[bool]) -> Select[Any]:
    """What ``Waiting`` holds, the most pressing first; at most 50."""
    return (
        select(
            Award.id,
            Award.fund_id,
            _TITLE,
            Award.group_id,
            Award.payee_id,
            Group.name,
            Award.amount_minor,
            Award.answer_by,
        )
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .where(*where)
        .order_by(Award.answer_by, Award.reference)
        .limit(50)
    )


def offers_to(who: Who) -> Select[Any] | None:
    """Offers that can still be answered to groups for which somebody signs off, the most pressing first."""
    mine = who.signs
    if not mine:
        return None
    return _waiting(Award.group_id.in_(mine), Award.state == AwardState.OFFERED, Award.answer_by >= who.now)


def to_sign(session: Session, person_id: UUID, group_ids: Collection[UUID]) -> list[Waiting]:
    """Agreements that wait for a name from these groups (or from those they host), and not yet have this person's."""
    return [Waiting(*row) for row in session.execute(_to_sign(person_id, group_ids))]


def agreements_to_sign(who: Who) -> Select[Any] | None:
    """The same for whoever asks."""
    mine = who.groups
    return _to_sign(who.me, mine) if mine else None


def _to_sign(person_id: Any, group_ids: Any) -> Select[Any]:
    signed = select(Signature.agreement_id).where(Signature.person_id == person_id)
    open_ones = select(Agreement.award_id).where(Agreement.state == AgreementState.SENT, Agreement.id.not_in(signed))
    ours = Award.group_id.in_(group_ids) | Award.payee_id.in_(group_ids)
    return _waiting(Award.state == AwardState.ACCEPTED, Award.id.in_(open_ones), ours)


def to_countersign(who: Who) -> Select[Any] | None:
    """For stewards: awards whose agreement the group has signed."""
    if not who.holds(Role.STEWARD):
        return None
    signed = select(Agreement.award_id).where(Agreement.state == AgreementState.SIGNED)
    within = who.within(Award.fund_id, Role.STEWARD)
    return _waiting(Award.state == AwardState.ACCEPTED, Award.id.in_(signed), within)


def to_settle(who: Who) -> Select[Any] | None:
    """For finance officers: awards that are over, of which money may come back."""
    if not who.holds(Role.FINANCE_OFFICER):
        return None
    return _waiting(Award.state == AwardState.COMPLETED, who.within(Award.fund_id, Role.FINANCE_OFFICER))


def _unoffered() -> tuple[ColumnElement[bool], ...]:
    return (
        Decision.verdict == Verdict.AWARDED,
        Decision.state == DecisionState.NOTIFIED,
        Decision.proposal_id.not_in(select(Award.proposal_id)),
    )


def unoffered_count(session: Session, round_id: UUID) -> int:
    """How many proposals of an announced round were funded and have no offer."""
    query = select(func.count()).select_from(Decision).where(Decision.round_id == round_id, *_unoffered())
    return session.scalar(query) or 0


def rounds_without_offers(session: Session) -> list[UUID]:
    """Announced rounds in which somebody was funded and has no offer."""
    return list(session.scalars(select(Decision.round_id).where(*_unoffered()).distinct().order_by(Decision.round_id)))


# ----------------------------------------------------------------------------------------------- before money can leave


def needs(session: Session, award: Award, today: date) -> list[payees.Need]:
    """Every check that this award asks for, and where it stands."""
    return payees.needs_of(session, award.id, award.amount_minor, award.group_id, award.payee_id, today)


def destination(session: Session, award: Award) -> payees.Destination:
    """Where the award's money goes: its fund says whether a provider keeps accounts for groups, or their bank does."""
    pays_by = session.scalar(select(Fund.pays_by).where(Fund.id == award.fund_id))
    return payees.destination(session, award.payee_id, pays_by if pays_by in ONBOARDS else None)


def lacking(session: Session, award: Award, today: date) -> list[str]:
    """What is missing before money can leave, in words; nothing when all is there. Bounded queries."""
    found = [ASKS[need.kind].title for need in needs(session, award, today) if not need.holds]
    goes_to = destination(session, award)
    if not goes_to.ready:
        found.append("The bank account" if goes_to.provider is None else "The account with the payment company")
    signed = agreement(session, award.id)
    if signed is None or signed.state is not AgreementState.COUNTERSIGNED:
        found.append("The signed agreement")
    return found


def in_set_up(session: Session, group_id: UUID) -> list[UUID]:
    """Awards that are signed by all and wait for checks of this group or this payee, in the order of their ids."""
    ours = (Award.group_id == group_id) | (Award.payee_id == group_id)
    return list(session.scalars(select(Award.id).where(Award.state == AwardState.IN_SET_UP, ours).order_by(Award.id)))


def all_in_set_up(session: Session) -> list[UUID]:
    """Every award that is signed by all and not yet under way."""
    return list(
        session.scalars(select(Award.id).where(Award.state == AwardState.IN_SET_UP).order_by(Award.id).limit(1000))
    )


def setting_up(who: Who) -> Select[Any] | None:
    """Accepted awards of somebody's groups, or held by them, that are not yet under way."""
    mine = who.groups
    if not mine:
        return None
    ours = Award.group_id.in_(mine) | Award.payee_id.in_(mine)
    return _waiting(Award.state.in_((AwardState.ACCEPTED, AwardState.IN_SET_UP)), ours)


# ---------------------------------------------------------------------------------------------- templates and changes


@dataclass(frozen=True, slots=True)
class Template:
    """The words that an agreement is written from. ``added_at`` is None for the one that Seedbed brings."""

    version: int
    body: str
    note: str
    added_at: datetime | None


_FIRST = Template(1, FIRST_TEMPLATE, "The template that Seedbed brings.", None)


def templates(session: Session) -> list[Template]:
    """Every version of the agreement's template, the newest first."""
    rows = session.scalars(select(AgreementTemplate).order_by(AgreementTemplate.version.desc()).limit(200))
    return [*(Template(row.version, row.body, row.note, row.added_at) for row in rows), _FIRST]


def template(session: Session) -> Template:
    """The version from which agreements are written now."""
    row = session.scalar(select(AgreementTemplate).order_by(AgreementTemplate.version.desc()).limit(1))
    return _FIRST if row is None else Template(row.version, row.body, row.note, row.added_at)


def changes(session: Session, award_id: UUID) -> list[ChangeRequest]:
    """What a group asked to change, the newest first."""
    return list(
        session.scalars(
            select(ChangeRequest)
            .where(ChangeRequest.award_id == award_id)
            .order_by(ChangeRequest.asked_at.desc(), ChangeRequest.id)
            .limit(100)
        )
    )


def open_change(session: Session, award_id: UUID) -> ChangeRequest | None:
    """The change of an award that is not yet settled."""
    return session.scalar(
        select(ChangeRequest).where(ChangeRequest.award_id == award_id, ChangeRequest.state.not_in(CHANGE_ENDED))
    )


def change(session: Session, change_id: UUID) -> ChangeRequest | None:
    """What a group asked to change, or nothing."""
    return session.get(ChangeRequest, change_id)


def change_versions(session: Session, change_ids: Collection[UUID]) -> dict[UUID, list[ChangeVersion]]:
    """What was asked for before it was said anew, the latest first, by change; what was never, is left out."""
    rows = session.scalars(
        select(ChangeVersion)
        .where(ChangeVersion.change_id.in_(change_ids))
        .order_by(ChangeVersion.change_id, ChangeVersion.version.desc())
    )
    found: dict[UUID, list[ChangeVersion]] = {}
    for one in rows:
        found.setdefault(one.change_id, []).append(one)
    return found


def versions(session: Session, award_id: UUID) -> list[AwardVersion]:
    """What holds since a change was applied, in order."""
    return list(
        session.scalars(select(AwardVersion).where(AwardVersion.award_id == award_id).order_by(AwardVersion.version))
    )


def budget(session: Session, award: Award) -> tuple[BudgetLine, ...]:
    """What the award is to be spent on, line by line: as it was last agreed, in proportion to what it is now."""
    latest = session.scalar(
        select(AwardVersion)
        .where(AwardVersion.award_id == award.id, AwardVersion.budget.is_not(None))
        .order_by(AwardVersion.version.desc())
        .limit(1)
    )
    if latest is not None:
        agreed = lines_in(latest.budget)
    else:
        agreed = tuple(BudgetLine(one.what, one.amount_minor) for one in award.proposal.lines if not one.in_kind)
    return budget_of(agreed, award.amount_minor)


def lines_in(kept: Sequence[dict[str, Any]] | None) -> tuple[BudgetLine, ...]:
    """Lines of a budget as they are kept with a change, a version or a report."""
    return tuple(BudgetLine(one["what"], one["amount_minor"]) for one in kept or ())


def as_asked(one: ChangeRequest) -> dict[str, object]:
    """A change as its form has it, field by field."""
    lines = {f"line_{n}": line.amount_minor for n, line in enumerate(lines_in(one.budget), 1)}
    return {
        "kind": one.kind.value,
        "wish": one.wish,
        "reason": one.reason,
        "amount": one.amount_minor,
        "not_before": one.not_before,
        **lines,
    }


def awards_with_changes(who: Who) -> Select[Any] | None:
    """For stewards: awards whose group has asked for a change that must be answered or put into force."""
    if not who.holds(Role.STEWARD):
        return None
    waiting = select(ChangeRequest.award_id).where(
        ChangeRequest.state.in_((ChangeRequestState.SUBMITTED, ChangeRequestState.APPROVED))
    )
    return _waiting(Award.id.in_(waiting), who.within(Award.fund_id, Role.STEWARD))


def holding_for(session: Session, payee_id: UUID) -> list[UUID]:
    """Awards from which this payee may still be paid, in the order of their ids."""
    paid_from = (AwardState.ACCEPTED, AwardState.IN_SET_UP, AwardState.ACTIVE, AwardState.ON_HOLD)
    return list(
        session.scalars(
            select(Award.id).where(Award.payee_id == payee_id, Award.state.in_(paid_from)).order_by(Award.id)
        )
    )


def with_answers_to_judge(who: Who) -> Select[Any] | None:
    """For officers: accepted awards, not yet under way, for which a group gave something that must be looked at."""
    if not who.holds(*OFFICERS):
        return None
    given = payees.groups_to_judge()
    open_ones = Award.state.in_((AwardState.ACCEPTED, AwardState.IN_SET_UP))
    return _waiting(open_ones, Award.group_id.in_(given) | Award.payee_id.in_(given))


def dropped(session: Session, award_id: UUID) -> list[Instalment]:
    """The parts that were taken off an award, in order."""
    return list(
        session.scalars(
            select(Instalment)
            .where(Instalment.award_id == award_id, Instalment.dropped_at.is_not(None))
            .order_by(Instalment.number)
        )
    )


def instalment(session: Session, instalment_id: UUID) -> Instalment | None:
    """One part of an award, or nothing."""
    return session.get(Instalment, instalment_id)
