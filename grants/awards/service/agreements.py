"""The agreement: its parts, its text, who signs it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from grants.allocation import queries as decisions
from grants.awards import access, notices, queries
from grants.awards.models import Agreement, AgreementTemplate, Award, Instalment, Signature
from grants.awards.rules import (
    AGREEMENT_STEPS,
    STEPS,
    AgreementAction,
    AgreementState,
    AwardAction,
    AwardState,
    Part,
    Signer,
    Terms,
    agreement_text,
    check_parts,
    check_signer,
    check_template,
    fingerprint_of,
    signed_by_all,
    tidy_name,
)
from grants.awards.service.readiness import activate_if_ready
from grants.funds.models import Fund
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.payees import queries as payee_queries
from grants.payees.rules.checks import CheckKind
from grants.people import queries as people
from grants.priorities.models import Priority
from grants.review import service as review_service


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
    put_parts(uow, award, parts)
    uow.record("award.planned", award, parts_minor=[part.amount_minor for part in parts])
    latest = queries.agreement(uow.session, award.id)
    write_anew(uow, award, latest.extra if latest is not None else "")
    return award


def write_agreement(uow: UnitOfWork, award_id: UUID, extra: str = "") -> Agreement:
    """Write the agreement afresh from the template, with what else was agreed. Earlier versions and names are void."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_open(award)
    if len(extra.strip()) > 2000:
        raise RuleBroken("Say it in 2,000 characters or fewer.", field="extra")
    return write_anew(uow, award, extra.strip())


def _ensure_open(award: Award) -> None:
    if award.state is not AwardState.ACCEPTED:
        raise StepRefused("The agreement can change after the offer was accepted and before everybody has signed.")


def put_parts(uow: UnitOfWork, award: Award, parts: Sequence[Part]) -> None:
    """The award is paid in these parts from now on, in place of those that stood."""
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


def write_anew(uow: UnitOfWork, award: Award, extra: str) -> Agreement:
    """The next version of the agreement, with what else was agreed (``extra``); the one before it is void."""
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
    activate_if_ready(uow, award)
    return award


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
