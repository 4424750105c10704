"""Offer, answer, agree, set up, change, hold, end. The only writer of awards, agreements, instalments and changes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload

from grants.allocation import queries as decisions
from grants.allocation import service as allocation
from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.awards import access, notices, queries
from grants.awards.models import (
    Agreement,
    AgreementTemplate,
    Award,
    AwardSplit,
    AwardVersion,
    ChangeRequest,
    Instalment,
    Signature,
)
from grants.awards.rules import (
    AGREEMENT_STEPS,
    ANSWER_DAYS,
    CHANGE_STEPS,
    STEPS,
    AgreementAction,
    AgreementState,
    AwardAction,
    AwardState,
    BudgetLine,
    ChangeKind,
    ChangeRequestAction,
    ChangeRequestState,
    Open,
    Part,
    Signer,
    Terms,
    Wanted,
    agreement_text,
    check_change,
    check_parts,
    check_reason,
    check_signer,
    check_template,
    check_wanted,
    default_parts,
    fingerprint_of,
    parts_after,
    reference_of,
    signed_by_all,
    tidy_name,
)
from grants.funds import queries as funds
from grants.funds.models import Fund
from grants.funds.rules import Need, Share, explain, match, return_split
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Line, Pocket, moved
from grants.payees import queries as payee_queries
from grants.payees import service as payees
from grants.payees.models import BankAccount, GroupCheck
from grants.payees.rules.checks import CheckKind
from grants.people import queries as people
from grants.ports.payments import AccountStanding
from grants.priorities.models import Priority
from grants.proposals import queries as proposals
from grants.proposals.models import Proposal
from grants.proposals.queries import need
from grants.proposals.rules.states import ProposalState
from grants.review import service as review_service
from grants.rounds import service as rounds_service
from grants.rounds.models import Round

# ------------------------------------------------------------------------------------------------------------ offers


def announce_and_offer(uow: UnitOfWork, round_id: UUID) -> list[Award]:
    """Tell everybody what was decided and offer every award, in one step: all of it or nothing."""
    allocation.announce(uow, round_id)
    uow.session.flush()
    return offer_all(uow, round_id)


def offer_missing(uow: UnitOfWork) -> int:
    """Offer what was decided after an announcement, by a correction. Safe to run twice."""
    return sum(len(offer_all(uow, round_id)) for round_id in queries.rounds_without_offers(uow.session))


def offer_all(uow: UnitOfWork, round_id: UUID) -> list[Award]:
    """Offer an award for every proposal of the round that was decided to be funded and has none yet.

    Whose money pays is worked out for all of them together, the most restricted first, and committed in the books.
    A group that said no, or did not answer, is not offered again. Raises ``NotEnoughMoney`` with the shortfall in
    words; then none is offered.
    """
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_offer(uow.actor, round.fund_id)
    decided = uow.session.scalars(
        select(Decision)
        .where(
            Decision.round_id == round_id,
            Decision.verdict == Verdict.AWARDED,
            Decision.state.in_((DecisionState.RATIFIED, DecisionState.NOTIFIED)),
            Decision.proposal_id.not_in(select(Award.proposal_id).where(Award.round_id == round_id)),
        )
        .order_by(Decision.rank, Decision.proposal_id)
    ).all()
    amounts = {decision.proposal_id: decision.awarded_minor for decision in decided}
    return _offer(uow, round, amounts)


def offer_one(uow: UnitOfWork, proposal: Proposal) -> Award:
    """Offer an award for one ask of a quick round. Called by ``quick``, where two people agreed on it."""
    round = uow.get(Round, proposal.round_id)
    return _offer(uow, round, {proposal.id: proposal.applied_for_minor})[0]


def _offer(uow: UnitOfWork, round: Round, amounts: dict[UUID, int]) -> list[Award]:
    """Commit the money of several awards together, then write them down and tell the groups."""
    proposals = {
        proposal.id: proposal
        for proposal in uow.session.scalars(
            select(Proposal)
            .where(Proposal.id.in_(amounts))
            .options(joinedload(Proposal.group), selectinload(Proposal.lines))
            .order_by(Proposal.number, Proposal.id)
        )
    }
    ids = {proposal_id: uuid4() for proposal_id in proposals}
    needs = [
        replace(need(proposal, london_day(uow.now)), amount_minor=amounts[id]) for id, proposal in proposals.items()
    ]
    split = _commit(uow, round.fund_id, needs, ids)
    awards = []
    for proposal_id, proposal in proposals.items():
        hosting = people.confirmed_hosting(uow.session, proposal.group_id)
        if proposal.priority_id is None:
            raise RuleBroken("A proposal without a priority cannot be funded.")
        award = Award(
            id=ids[proposal_id],
            proposal_id=proposal_id,
            round_id=round.id,
            fund_id=round.fund_id,
            group_id=proposal.group_id,
            priority_id=proposal.priority_id,
            payee_id=hosting.host_id if hosting is not None else proposal.group_id,
            reference=reference_of(ids[proposal_id]),
            amount_minor=amounts[proposal_id],
            state=AwardState.OFFERED,
            offered_at=uow.now,
            answer_by=uow.now + timedelta(days=ANSWER_DAYS),
        )
        uow.add(award)
        shares = {share.source_id: share.amount_minor for share in split[proposal_id]}
        uow.session.add_all(
            AwardSplit(award_id=award.id, contribution_id=contribution_id, amount_minor=minor)
            for contribution_id, minor in shares.items()
        )
        uow.session.flush()
        uow.record(
            "award.offered",
            award,
            after=award.state,
            amount_minor=award.amount_minor,
            proposal=proposal_id,
            split={str(id): minor for id, minor in sorted(shares.items())},
        )
        notices.offered(uow, award, proposal.title)
        awards.append(award)
    return awards


def _commit(
    uow: UnitOfWork, fund_id: UUID, needs: Sequence[Need], award_ids: dict[UUID, UUID], key: str = ""
) -> dict[UUID, list[Share]]:
    """Split the needs over the fund's free money and commit it, award by award, all or nothing.

    What the split was worked out from may be spent by somebody else meanwhile: then the books refuse (a conditional
    UPDATE with a CHECK behind it), and it is worked out again from what is left.
    """
    _queue(uow, fund_id)
    for _ in range(3):
        matching = match(needs, funds.sources(uow.session, fund_id))
        if matching.shortfall is not None:
            words = explain(matching.shortfall, funds.names_for(uow.session))
            raise NotEnoughMoney(words, matching.shortfall.missing_minor)
        split: dict[UUID, list[Share]] = defaultdict(list)
        for share in matching.split:
            split[share.need_id].append(share)
        try:
            with uow.session.begin_nested():
                for need in needs:
                    _commit_one(uow, fund_id, award_ids[need.id], split[need.id], key)
        except NotEnoughMoney:
            uow.session.expire_all()
            continue
        return split
    raise NotEnoughMoney("Others are taking money from this fund at this moment. Please try again.", 0)


def _queue(uow: UnitOfWork, fund_id: UUID) -> None:
    """Wait for whoever is moving this fund's money between awards, so that no two of them wait for each other."""
    uow.get(Fund, fund_id, lock=True)


def _commit_one(uow: UnitOfWork, fund_id: UUID, award_id: UUID, shares: Sequence[Share], key: str) -> None:
    """Promise it to a new award, or, under the key of a change, more to one that stands."""
    lines: list[Line] = []
    for share in shares:
        lines += moved(share.source_id, share.amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, award_id)
    if key:
        ledger.post(uow, key=key, event="award.increased", fund_id=fund_id, lines=lines)
    else:
        ledger.post(uow, key=f"award:{award_id}:commit", event="award.committed", fund_id=fund_id, lines=lines)


def offer_reserve(uow: UnitOfWork, round_id: UUID) -> Award | None:
    """Offer the freed money to the next proposal on the reserve list whose cost fits and may be paid from it."""
    round = uow.get(Round, round_id, lock=True)
    access.ensure_may_offer(uow.actor, round.fund_id)
    return _offer_reserve(uow, round)


def _offer_reserve(uow: UnitOfWork, round: Round) -> Award | None:
    had_one = select(Award.proposal_id).where(Award.round_id == round.id)
    waiting = uow.session.execute(
        select(Proposal, Decision.details)
        .join(Decision, Decision.proposal_id == Proposal.id)
        .where(
            Decision.round_id == round.id,
            Decision.verdict == Verdict.RESERVE,
            Decision.state == DecisionState.NOTIFIED,
            Proposal.state == ProposalState.RESERVE,
            Proposal.id.not_in(had_one),
        )
        .order_by(Decision.rank, Proposal.number)
    ).all()
    left = round.pot_minor - queries.awarded_minor(uow.session, round.id)
    shut_out = _shut_out(uow, round)
    # The rule's own order where it has one: by Phragmén it is not the order of votes.
    for proposal, _ in sorted(waiting, key=lambda row: row.details.get("reserve") or len(waiting) + 1):
        amount = proposal.applied_for_minor
        if amount > left or proposal.id in shut_out:
            continue
        try:
            award = _offer(uow, round, {proposal.id: amount})[0]
        except NotEnoughMoney:
            continue
        allocation.move_up(uow, proposal.id)
        return award
    return None


def _shut_out(uow: UnitOfWork, round: Round) -> set[UUID]:
    """Proposals beside which another is funded, of which only one can be; a declined or lapsed offer funds nothing."""
    sets = proposals.exclusions(uow.session, round.id)
    if not sets:
        return set()
    ended = select(Award.proposal_id).where(
        Award.round_id == round.id, Award.state.in_((AwardState.DECLINED, AwardState.LAPSED))
    )
    funded = select(Decision.proposal_id).where(
        Decision.round_id == round.id,
        Decision.state == DecisionState.NOTIFIED,
        Decision.verdict == Verdict.AWARDED,
        Decision.proposal_id.not_in(ended),
    )
    taken = {name for id in uow.session.scalars(funded) for name in sets.get(id, ())}
    return {id for id, mine in sets.items() if taken.intersection(mine)}


# ------------------------------------------------------------------------------------------------------------ answers


def accept(uow: UnitOfWork, award_id: UUID) -> Award:
    """Say yes to an offer, in time. The agreement is written at once, so that the group can sign it."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_answer(uow.actor, award.group_id)
    _answer(uow, award, AwardAction.ACCEPT)
    uow.record("award.accepted", award, before=AwardState.OFFERED, after=award.state)
    _put_parts(uow, award, default_parts(award.amount_minor, london_day(uow.now)))
    _write(uow, award, "")
    return award


def decline(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Say no to an offer. The money goes back to where it came from, and the next in reserve is offered."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_answer(uow.actor, award.group_id)
    why = check_reason(reason)
    round = uow.get(Round, award.round_id, lock=True)
    _answer(uow, award, AwardAction.DECLINE)
    award.reason = why
    _give_back(uow, award)
    allocation.let_go(uow, award.proposal_id)
    uow.record("award.declined", award, before=AwardState.OFFERED, after=award.state, why=why)
    uow.session.flush()
    _offer_reserve(uow, round)
    return award


def _answer(uow: UnitOfWork, award: Award, action: AwardAction) -> None:
    after = next_state(STEPS, award.state, action)
    if uow.now > award.answer_by:
        raise StepRefused("The day to answer this offer has passed. Ask a steward what can be done.")
    award.state = after
    award.answered_at = uow.now
    award.answered_by_id = uow.actor.id


def lapse_due(uow: UnitOfWork) -> int:
    """End every offer whose day has passed, and offer its money to the next in reserve. Safe to run twice."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock ends offers.")
    due = uow.session.scalars(
        select(Award)
        .where(Award.state == AwardState.OFFERED, Award.answer_by < uow.now)
        .order_by(Award.answer_by, Award.id)
        .with_for_update()
    ).all()
    rounds = {id: uow.get(Round, id, lock=True) for id in sorted({award.round_id for award in due})}
    for fund_id in sorted({award.fund_id for award in due}):
        _queue(uow, fund_id)
    for award in due:
        award.state = next_state(STEPS, award.state, AwardAction.LAPSE)
        _give_back(uow, award)
        allocation.let_go(uow, award.proposal_id)
        uow.record("award.lapsed", award, before=AwardState.OFFERED, after=award.state)
        notices.lapsed(uow, award, award.proposal.title)
        uow.session.flush()
        _offer_reserve(uow, rounds[award.round_id])
    return len(due)


def _give_back(uow: UnitOfWork, award: Award) -> int:
    """Return what is still only committed to the contributions it came from. Pence."""
    _queue(uow, award.fund_id)
    held = award_pockets(uow.session, [award.id])[award.id]
    shares = {id: pockets.committed_minor for id, pockets in held.items() if pockets.committed_minor}
    lines = [
        line
        for id, minor in sorted(shares.items())
        for line in moved(id, minor, Pocket.COMMITTED, Pocket.AVAILABLE, award.id)
    ]
    if lines:
        key = f"award:{award.id}:release"
        ledger.post(uow, key=key, event="award.released", fund_id=award.fund_id, lines=lines)
        rounds_service.give_back_to_pot(uow, award.round_id, sum(shares.values()))
    return sum(shares.values())


# ---------------------------------------------------------------------------------------------------------- agreement


def plan_instalments(uow: UnitOfWork, award_id: UUID, parts: Sequence[Part]) -> Award:
    """Say in which parts the award is paid. The agreement says it too, so a new version is written."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_open(award)
    if award.active_at is not None:
        raise StepRefused(
            "This award was under way before. The group asks for a change when parts are to be otherwise."
        )
    check_parts(parts, award.amount_minor)
    _put_parts(uow, award, parts)
    uow.record("award.planned", award, parts_minor=[part.amount_minor for part in parts])
    latest = queries.agreement(uow.session, award.id)
    _write(uow, award, latest.extra if latest is not None else "")
    return award


def write_agreement(uow: UnitOfWork, award_id: UUID, extra: str = "") -> Agreement:
    """Write the agreement afresh from the template, with what else was agreed. Earlier versions and names are void."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_open(award)
    if len(extra.strip()) > 2000:
        raise RuleBroken("Say it in 2,000 characters or fewer.", field="extra")
    return _write(uow, award, extra.strip())


def _ensure_open(award: Award) -> None:
    if award.state is not AwardState.ACCEPTED:
        raise StepRefused("The agreement can change after the offer was accepted and before everybody has signed.")


def _put_parts(uow: UnitOfWork, award: Award, parts: Sequence[Part]) -> None:
    for standing in list(award.instalments):
        uow.session.delete(standing)
    uow.session.flush()
    uow.session.add_all(
        Instalment(
            award_id=award.id,
            number=number,
            amount_minor=part.amount_minor,
            due_on=part.due_on,
            condition=part.condition,
        )
        for number, part in enumerate(parts, 1)
    )
    uow.session.flush()
    uow.session.expire(award, ["instalments"])


def _asked_by_panel(uow: UnitOfWork, award: Award) -> str:
    """What the panel asked for when it decided, for the agreement."""
    decision = decisions.decision_for(uow.session, award.proposal_id)
    return f"The panel asked for this: {decision.conditions}" if decision and decision.conditions else ""


def _write(uow: UnitOfWork, award: Award, extra: str) -> Agreement:
    latest = queries.agreement(uow.session, award.id)
    version = 1
    if latest is not None:
        version = latest.version + 1
        before = latest.state
        latest.state = next_state(AGREEMENT_STEPS, before, AgreementAction.VOID)
        uow.record("agreement.voided", latest, before=before, after=latest.state)
    payee = award.payee.name if award.payee_id != award.group_id else ""
    proposal, fund, template = award.proposal, uow.get(Fund, award.fund_id), queries.template(uow.session)
    text = agreement_text(
        Terms(
            reference=award.reference,
            version=version,
            fund=fund.name,
            group=award.group.name,
            payee=payee,
            title=proposal.title,
            summary=proposal.summary or proposal.what or "",
            priority=uow.get(Priority, award.priority_id).title,
            amount_minor=award.amount_minor,
            parts=tuple(Part(part.amount_minor, part.due_on, part.condition) for part in award.instalments),
            extra="\n".join(part for part in (_asked_by_panel(uow, award), extra) if part),
        ),
        template.version,
        template.body,
    )
    agreement = Agreement(
        award_id=award.id,
        version=version,
        template=template.version,
        extra=extra,
        text=text,
        sha256=fingerprint_of(text),
        state=AgreementState.SENT,
        sent_at=uow.now,
    )
    uow.add(agreement)
    uow.record(
        "agreement.sent",
        agreement,
        after=agreement.state,
        award=award.id,
        version=version,
        template=template.version,
        sha256=agreement.sha256,
    )
    notices.to_sign(uow, award, proposal.title, version)
    return agreement


def sign(
    uow: UnitOfWork, agreement_id: UUID, typed_name: str, *, home: str, request_address: str = "", lives: str = ""
) -> Agreement:
    """Put a typed name to the agreement. When two different people of the right sides have, it is signed.

    ``home``: the mark of where the signer lives (``rules.home_mark``). Two of one address sign only where the check of
    two unrelated people was waived for this award. ``request_address``: the network address that the request came from.
    ``lives``: the mark of the same address by which a panel's interests are found (``review.rules.address_mark``).
    """
    agreement = uow.get(Agreement, agreement_id, lock=True)
    award = uow.get(Award, agreement.award_id)
    access.ensure_may_sign(uow.actor, award.group_id, award.payee_id)
    _ensure_open(award)
    if agreement.state is AgreementState.VOID:
        raise StepRefused("This version was replaced by a newer one. Read the newest one and sign that.")
    after = next_state(AGREEMENT_STEPS, agreement.state, AgreementAction.SIGN)
    hosted = award.payee_id != award.group_id
    before = _signers(uow, award, agreement)
    assert uow.actor.id is not None
    signer = Signer(
        uow.actor.id,
        tidy_name(typed_name),
        award.group_id in uow.actor.groups,
        award.payee_id in uow.actor.groups,
        home,
    )
    one_home = payee_queries.is_waived(uow.session, award.id, CheckKind.TWO_PEOPLE)
    check_signer(signer, before, hosted=hosted, one_home=one_home)
    uow.add(
        Signature(
            agreement_id=agreement.id,
            person_id=signer.person_id,
            typed_name=signer.typed_name,
            signed_at=uow.now,
            request_address=request_address[:45] or None,
            home=home,
        )
    )
    was = agreement.state
    if signed_by_all([*before, signer], hosted=hosted):
        agreement.state = after
    uow.record("agreement.signed", agreement, before=was, after=agreement.state, sha256=agreement.sha256)
    review_service.note_signatory(uow, award.group_id if signer.in_group else award.payee_id, lives)
    uow.session.expire(agreement, ["signatures"])
    return agreement


def _signers(uow: UnitOfWork, award: Award, agreement: Agreement) -> list[Signer]:
    """Who has signed, and on which side they stand now: somebody who left the group no longer counts."""
    sides = {
        group_id: {member.person_id for member in people.members(uow.session, group_id)}
        for group_id in {award.group_id, award.payee_id}
    }
    return [
        Signer(
            one.person_id,
            one.typed_name,
            one.person_id in sides[award.group_id],
            one.person_id in sides[award.payee_id],
            one.home or "",
        )
        for one in agreement.signatures
    ]


def countersign(uow: UnitOfWork, agreement_id: UUID) -> Award:
    """Sign for the fund. The award is under way at once if nothing else is missing; else it is being set up."""
    agreement = uow.get(Agreement, agreement_id, lock=True)
    award = uow.get(Award, agreement.award_id, lock=True)
    signers = [one.person_id for one in agreement.signatures]
    access.ensure_may_countersign(uow.actor, award.fund_id, award.group_id, award.payee_id, signers)
    before = agreement.state
    agreement.state = next_state(AGREEMENT_STEPS, before, AgreementAction.COUNTERSIGN)
    agreement.countersigned_by_id = uow.actor.id
    agreement.countersigned_at = uow.now
    uow.record("agreement.countersigned", agreement, before=before, after=agreement.state, sha256=agreement.sha256)
    was = award.state
    award.state = next_state(STEPS, was, AwardAction.SET_UP)
    uow.record("award.setting_up_started", award, before=was, after=award.state, agreement=agreement.id)
    uow.session.flush()
    _activate_if_ready(uow, award)
    return award


# ----------------------------------------------------------------------------------------------- before money can leave


def _activate_if_ready(uow: UnitOfWork, award: Award) -> bool:
    """Start an award that everybody has signed, once every check of its tier holds and money can go where it is due."""
    if award.state is not AwardState.IN_SET_UP or queries.lacking(uow.session, award, london_day(uow.now)):
        return False
    award.state = next_state(STEPS, award.state, AwardAction.ACTIVATE)
    award.active_at = award.active_at or uow.now
    uow.record("award.activated", award, before=AwardState.IN_SET_UP, after=award.state)
    return True


def _activate_ready(uow: UnitOfWork, group_id: UUID) -> None:
    uow.session.flush()
    for award_id in queries.in_set_up(uow.session, group_id):
        _activate_if_ready(uow, uow.get(Award, award_id, lock=True))


def activate_due(uow: UnitOfWork) -> int:
    """Start every award for which nothing is missing any more. Safe to run twice; gives how many."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock starts awards.")
    return sum(
        _activate_if_ready(uow, uow.get(Award, award_id, lock=True)) for award_id in queries.all_in_set_up(uow.session)
    )


def judge_check(
    uow: UnitOfWork, check_id: UUID, *, passed: bool, reason: str = "", expires_on: date | None = None
) -> GroupCheck:
    """An officer passes or fails a check; what waited only for it is under way."""
    judged = payees.judge(uow, check_id, passed=passed, reason=reason, expires_on=expires_on)
    _activate_ready(uow, judged.group_id)
    return judged


def answer_waiver(uow: UnitOfWork, check_id: UUID, *, agreed: bool) -> GroupCheck:
    """Another officer waives a check for one award, or does not; what waited only for it is under way."""
    answered = payees.answer_waiver(uow, check_id, agreed=agreed)
    _activate_ready(uow, answered.group_id)
    return answered


def verify_account(uow: UnitOfWork, keys: KeyRing, account_id: UUID, sort_code: str, number: str) -> BankAccount:
    """An officer verifies where the money goes; what waited only for it is under way."""
    account = payees.verify(uow, keys, account_id, sort_code, number)
    _activate_ready(uow, account.group_id)
    return account


def recipient_stands(uow: UnitOfWork, account_id: UUID, standing: AccountStanding) -> None:
    """A provider says how the account of a group stands; what waited only for it is under way.

    Call ``disbursements.service.account_stands``, which also stops what cannot be paid any more.
    """
    account = payees.account_stands(uow, account_id, standing)
    _activate_ready(uow, account.group_id)


def meet_condition(uow: UnitOfWork, instalment_id: UUID, note: str) -> Instalment:
    """A steward finds that what had to happen before a part is paid has happened, and says how they know."""
    part = uow.get(Instalment, instalment_id, lock=True)
    award = uow.get(Award, part.award_id)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("Conditions are met while the award is under way.")
    if not part.condition or part.met_at is not None:
        raise StepRefused("Nothing has to happen before this part is paid.")
    words = " ".join(note.split())
    if not words or len(words) > 300:
        raise RuleBroken("Say how you know, in 300 characters or fewer.", field="note")
    part.met_at, part.met_by_id, part.met_note = uow.now, uow.actor.id, words
    uow.record("award.condition_met", award, instalment=part.id, part=part.number)
    return part


def add_template(uow: UnitOfWork, body: str, note: str) -> AgreementTemplate:
    """A steward adds a version of the agreement's template. What is signed, or sent to be signed, keeps its words."""
    access.ensure_may_write_template(uow.actor)
    words, said = check_template(body), " ".join(note.split())
    if not said or len(said) > 200:
        raise RuleBroken("Say in one line what is different.", field="note")
    newest = queries.template(uow.session)
    if words == newest.body:
        raise RuleBroken("These are the words of the newest version. Change something first.", field="body")
    assert uow.actor.id is not None
    added = AgreementTemplate(
        version=newest.version + 1, body=words, note=said, added_by_id=uow.actor.id, added_at=uow.now
    )
    try:
        with uow.session.begin_nested():
            uow.add(added)
    except IntegrityError:
        raise Conflict("Somebody else added a version just now. Look at it, then add yours.") from None
    uow.record("agreement.template_added", _Named(added.version), version=added.version, sha256=fingerprint_of(words))
    return added


class _Named:
    """What the trail calls a version of the template: it has a number and no id."""

    __tablename__ = "agreement_template"

    def __init__(self, version: int) -> None:
        self.id = UUID(int=version)


# -------------------------------------------------------------------------------------------------------------- changes


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
    check_wanted(kind, figures, award.amount_minor, queries.budget(uow.session, award))
    if figures.amount_minor is not None or figures.not_before is not None:
        _parts_after(uow, award, figures)
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


def change_again(uow: UnitOfWork, change_id: UUID, wish: str, reason: str) -> ChangeRequest:
    """The group answers a question about the change: it says anew what it wants and why."""
    asked, award = _change(uow, change_id)
    access.ensure_may_change(uow.actor, award.group_id)
    _ensure_changeable(award)
    before = asked.state
    asked.state = next_state(CHANGE_STEPS, before, ChangeRequestAction.SUBMIT)
    asked.wish, asked.reason = check_change(wish, reason)
    uow.record("change.asked_again", asked, before=before, after=asked.state, award=award.id)
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
        _ensure_nothing_on_its_way(uow, award)
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
        _write(uow, award, latest.extra if latest is not None else "")
    return version


def _kept(budget: Sequence[BudgetLine] | None) -> list[dict[str, Any]] | None:
    return None if budget is None else [{"what": one.what, "amount_minor": one.amount_minor} for one in budget]


def _parts_after(
    uow: UnitOfWork, award: Award, figures: Wanted
) -> tuple[list[tuple[int, int, date]], tuple[int, date] | None]:
    """The instalments as they will be. What was ever asked for stays as it is."""
    parts = [Open(part.number, part.amount_minor, part.due_on, part.asked_at is not None) for part in award.instalments]
    return parts_after(parts, figures.amount_minor or award.amount_minor, figures.not_before, london_day(uow.now))


def _re_part(uow: UnitOfWork, award: Award, figures: Wanted) -> None:
    after, new = _parts_after(uow, award, figures)
    standing = {part.number: part for part in award.instalments}
    for number, minor, day in after:
        if minor:
            standing[number].amount_minor, standing[number].due_on = minor, day
        else:
            uow.session.delete(standing[number])
    if new is not None:
        number = max(standing) + 1
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
            for share in _commit(uow, award.fund_id, [wanted], {award.id: award.id}, key)[award.id]
        }
        for id, minor in sorted(shares.items()):
            split = uow.session.get(AwardSplit, (award.id, id))
            if split is None:
                uow.session.add(AwardSplit(award_id=award.id, contribution_id=id, amount_minor=minor))
            else:
                split.amount_minor += minor
    else:
        _queue(uow, award.fund_id)
        held = award_pockets(uow.session, [award.id])[award.id]
        shares = return_split({id: one.committed_minor for id, one in held.items() if one.committed_minor}, -more)
        lines = [
            line
            for id, minor in shares.items()
            for line in moved(id, minor, Pocket.COMMITTED, Pocket.AVAILABLE, award.id)
        ]
        ledger.post(uow, key=key, event="award.reduced", fund_id=award.fund_id, lines=lines)
        for id, minor in shares.items():
            uow.session.get_one(AwardSplit, (award.id, id)).reduced_minor += minor
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


# ------------------------------------------------------------------------------------------- hold, release, end, close


def hold(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Stop all payments of an award for now."""
    return _step(uow, award_id, AwardAction.HOLD, "award.held", "is on hold: no payment leaves for now", reason)


def release(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Let an award that was on hold go on."""
    return _step(uow, award_id, AwardAction.RELEASE, "award.resumed", "goes on", reason)


def terminate(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """End an award early. What was not yet paid goes back to the contributions it came from."""
    award = uow.get(Award, award_id, lock=True)
    _ensure_nothing_on_its_way(uow, award)
    award = _step(uow, award_id, AwardAction.TERMINATE, "award.terminated", "has ended early", reason)
    _give_back(uow, award)
    return award


def _step(uow: UnitOfWork, award_id: UUID, action: AwardAction, verb: str, words: str, reason: str) -> Award:
    award = uow.get(Award, award_id, lock=True)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    why = check_reason(reason)
    before = award.state
    award.state = next_state(STEPS, before, action)
    award.reason = why
    event = uow.record(verb, award, before=before, after=award.state, why=why)
    uow.session.flush()
    notices.changed(uow, award, award.proposal.title, words, why, f"{action.value}:{event.id.hex}")
    return award


def _ensure_nothing_on_its_way(uow: UnitOfWork, award: Award) -> None:
    sending = queries.pockets(uow.session, award.id).sending_minor
    if sending:
        raise StepRefused(f"{show_pounds(sending)} is on its way. Wait until it has arrived or has come back.")


def take_for_payment(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count pence of an award as being paid, never above the award: one conditional UPDATE, a CHECK behind it."""
    taken = uow.session.execute(
        update(Award)
        .where(
            Award.id == award_id,
            Award.state == AwardState.ACTIVE,
            Award.disbursing_minor + amount_minor <= Award.amount_minor,
        )
        .values(disbursing_minor=Award.disbursing_minor + amount_minor)
        .returning(Award.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    award = uow.get(Award, award_id, lock=True)
    if taken is not None:
        return
    if award.state is not AwardState.ACTIVE:
        raise StepRefused(f"This award is {award.state.value.replace('_', ' ')}, so nothing can be paid from it.")
    left = award.amount_minor - award.disbursing_minor
    raise RuleBroken(
        f"This payment of {show_pounds(amount_minor)} would go above the award: {show_pounds(left)} is left to pay."
    )


def part_asked(uow: UnitOfWork, instalment_id: UUID) -> None:
    """Somebody asks that a part be paid: from now on no change touches it."""
    part = uow.get(Instalment, instalment_id)
    part.asked_at = part.asked_at or uow.now


def give_up_payment(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Take back what ``take_for_payment`` counted: the payment failed, was cancelled or came back."""
    given = uow.session.execute(
        update(Award)
        .where(Award.id == award_id, Award.disbursing_minor >= amount_minor)
        .values(disbursing_minor=Award.disbursing_minor - amount_minor)
        .returning(Award.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if given is None:
        raise Conflict("This payment was taken back already.")
    uow.get(Award, award_id, lock=True)


def complete(uow: UnitOfWork, award_id: UUID, spent_minor: int) -> Award:
    """The report is accepted: what was never paid goes back, and the award closes once paid − returned = spent.

    Called by the stage ``reports``, which has checked who may accept.
    """
    award = uow.get(Award, award_id, lock=True)
    _ensure_nothing_on_its_way(uow, award)
    before = award.state
    award.state = next_state(STEPS, before, AwardAction.COMPLETE)
    award.accepted_spend_minor = spent_minor
    released = _give_back(uow, award)
    uow.record(
        "award.completed", award, before=before, after=award.state, spent_minor=spent_minor, released_minor=released
    )
    close_if_settled(uow, award.id)
    return award


def close_if_settled(uow: UnitOfWork, award_id: UUID) -> bool:
    """Close a completed award whose money is all accounted for: paid − returned − written off = accepted spend."""
    award = uow.get(Award, award_id, lock=True)
    kept = queries.pockets(uow.session, award_id).paid_minor
    if award.state is not AwardState.COMPLETED or kept - award.written_off_minor != award.accepted_spend_minor:
        return False
    award.state = next_state(STEPS, award.state, AwardAction.CLOSE)
    uow.record("award.closed", award, before=AwardState.COMPLETED, after=award.state, kept_minor=kept)
    return True


def write_off(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count pence that should have come back as lost. Called by ``disbursements``, where two officers agreed."""
    award = uow.get(Award, award_id, lock=True)
    award.written_off_minor += amount_minor
    uow.record("award.written_off", award, amount_minor=amount_minor)
    uow.session.flush()
    close_if_settled(uow, award_id)
