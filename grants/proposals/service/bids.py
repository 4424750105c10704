"""Write a proposal, have it signed off, put it in, check it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from grants.insights import queries as insights
from grants.kernel.canonical import fingerprint
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.people.models import Group, Person
from grants.ports.geography import Geography
from grants.proposals import access, notices
from grants.proposals.models import (
    BudgetLine,
    Proposal,
    ProposalComment,
    ProposalInsight,
    ProposalPartner,
    ProposalSnapshot,
)
from grants.proposals.queries import lists, waiting, whole
from grants.proposals.rules.asks import ask_gaps
from grants.proposals.rules.copies import as_kept
from grants.proposals.rules.facts import (
    APPROACH_WORDS,
    AT_MOST,
    MOST_INSIGHTS,
    MOST_LINES,
    Approach,
    Community,
    Facts,
    Help,
    Line,
    ensure_alone,
    total_minor,
)
from grants.proposals.rules.hands import Hand
from grants.proposals.rules.partners import PartnerState
from grants.proposals.rules.screening import ScreeningCode
from grants.proposals.rules.sections import SECTION_FIELDS, SECTION_TITLES, Section, all_gaps
from grants.proposals.rules.states import STEPS, ProposalAction, ProposalState, steps_of
from grants.proposals.service.eligibility import add_effort
from grants.proposals.service.partners import write_joint
from grants.rounds import queries as rounds
from grants.rounds import service as round_service
from grants.rounds.models import Round
from grants.rounds.rules.book import ApplicantKind
from grants.rounds.rules.dates import show_moment
from grants.rounds.rules.states import RoundKind, RoundState

ELIGIBLE = "eligible"


class SectionConflict(Conflict):
    """Somebody else saved this section first. ``version`` is theirs; what was typed is still in the caller's hands."""

    def __init__(self, section: Section, version: int) -> None:
        super().__init__(f"Somebody else saved “{SECTION_TITLES[section]}” while you were writing.")
        self.version = version


def start(uow: UnitOfWork, round_id: UUID, group_id: UUID) -> Proposal:
    """Begin a proposal of a group in an open round. An untouched one of the same group is handed out again."""
    access.ensure_may_start(uow.actor, group_id)
    round, _ = ensure_may_apply(uow, round_id, group_id)
    for known in lists.of_groups(uow.session, [group_id], (ProposalState.DRAFT,), round_id=round_id):
        if not known.section_versions and not known.hands:
            return known
    proposal = begin(uow, round, group_id)
    uow.record("proposal.started", proposal, after=proposal.state, round_id=round_id, group_id=group_id)
    return proposal


def ensure_may_apply(uow: UnitOfWork, round_id: UUID, group_id: UUID) -> tuple[Round, Group]:
    """The round is open, and takes groups of this kind. Holds the group's row."""
    round = uow.get(Round, round_id)
    group = uow.get(Group, group_id, lock=True)
    _ensure_open(uow, round)
    kind = ApplicantKind.HOSTED if whole.needs_host(group) else ApplicantKind.CONSTITUTED
    allowed = rounds.promises(round).applicant_kinds
    if kind not in allowed:
        raise RuleBroken(
            "This round is for groups that have a host."
            if ApplicantKind.HOSTED in allowed
            else "This round is for groups that are constituted and have a bank account of their own.",
            field="group_id",
        )
    return round, group


def begin(uow: UnitOfWork, round: Round, group_id: UUID) -> Proposal:
    """An untouched proposal. Called by services that have asked whether it may be."""
    assert uow.actor.id is not None
    proposal = Proposal(
        round_id=round.id,
        group_id=group_id,
        state=ProposalState.DRAFT,
        started_by_id=uow.actor.id,
        started_at=uow.now,
    )
    uow.add(proposal)
    return proposal


def save_section(
    uow: UnitOfWork,
    proposal_id: UUID,
    section: Section,
    values: Mapping[str, Any],
    *,
    version: int,
    geography: Geography,
    page_token: str = "",
    seconds: int = 0,
) -> Proposal:
    """Keep one section, whole or with gaps.

    ``version``: which version of the section the page showed. When somebody else has saved it since, nothing is kept
    (``SectionConflict``). ``page_token`` names the open page, so that a page can save over its own earlier savings;
    the trail has one entry for each version. ``seconds``: how long the page was open; it is added up without names.
    ``values``: the fields of ``rules.SECTION_FIELDS[section]``; the budget's
    ``lines`` are ``rules.Line``.
    """
    proposal = writable(uow, proposal_id)
    if proposal.state is ProposalState.MORE_INFO_REQUESTED:
        _ensure_asked(uow, proposal, section)
        proposal.writer_id = uow.actor.id
    else:
        ensure_draft_and_open(uow, proposal)
    current = int(proposal.section_versions.get(section, 0))
    own = bool(page_token) and proposal.section_versions.get(f"{section}:page") == page_token
    if version != current and not own:
        raise SectionConflict(section, current)
    write(uow, proposal, section, values, geography)
    if seconds > 0:
        add_effort(uow, proposal.round_id, section, seconds)
    if not own:
        proposal.section_versions = {
            **proposal.section_versions,
            section.value: current + 1,
            f"{section}:page": page_token,
        }
        uow.record("proposal.section_saved", proposal, section=section.value, version=current + 1)
    return proposal


def take_over(uow: UnitOfWork, proposal_id: UUID, earlier_id: UUID, geography: Geography) -> Proposal:
    """Fill an untouched proposal with what an earlier one of the same group says; each section is to be read again.

    Days are not taken over, nor a priority that this round does not have, nor what partners said.
    """
    proposal = writable(uow, proposal_id)
    ensure_draft_and_open(uow, proposal)
    if proposal.section_versions:
        raise StepRefused("You have begun to write already, so nothing is taken over from an earlier proposal.")
    earlier = next(
        (one for one in lists.reusable(uow.session, proposal.group_id, proposal.round_id) if one.id == earlier_id),
        None,
    )
    if earlier is None:
        raise RuleBroken("Choose one of the earlier proposals of this group.", field="earlier_id")
    facts = whole.facts(uow.session, whole.proposal(uow.session, earlier.id))
    fits = facts.priority_id in rounds.priority_ids(uow.session, proposal.round_id)
    facts = replace(
        facts,
        starts_on=None,
        ends_on=None,
        priority_id=facts.priority_id if fits else None,
        joint=tuple(replace(one, state=PartnerState.NAMED) for one in facts.joint if one.email),
    )
    versions: dict[str, Any] = {}
    for section, names in SECTION_FIELDS.items():
        if earlier.section_versions.get(section):
            write(uow, proposal, section, {name: getattr(facts, name) for name in names}, geography)
            versions[section.value] = 1
    proposal.section_versions = versions
    uow.record("proposal.taken_over", proposal, earlier_id=earlier.id)
    return proposal


def ask_for_sign_off(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """The writer says that it is whole. Somebody else of the group is asked to read it and put it in."""
    proposal = writable(uow, proposal_id)
    after = next_state(STEPS, proposal.state, ProposalAction.ASK_FOR_SIGN_OFF)
    _ensure_open(uow, proposal.round)
    _ensure_whole(uow, proposal)
    signers = signers_of(uow, proposal, uow.actor.id)
    mine = (one for one in proposal.hands if one.part is Hand.TYPED and one.person_id == uow.actor.id)
    source = next((one.source for one in mine), None)
    if not signers and source is None:
        raise RuleBroken(
            "Nobody else in your group may sign off. Add a second member to your group and give them the right to "
            "sign off; or, if you are on your own, ask a host."
            if not rounds.is_quick(proposal.round)
            else "Nobody else can say that it is right so far. Add a second member to your group, or ask a host."
        )
    before = proposal.state
    hosting = people.confirmed_hosting(uow.session, proposal.group_id)
    proposal.hosting_id = hosting.id if hosting else None
    proposal.writer_id = uow.actor.id
    proposal.sent_back_reason = None
    proposal.state = after
    uow.record("proposal.sign_off_asked", proposal, before=before, after=after)
    notices.ask_for_sign_off(uow, proposal, signers, uow.actor.name, source=source)
    return proposal


def send_back(uow: UnitOfWork, proposal_id: UUID, reason: str) -> Proposal:
    """Whoever was asked to sign off gives it back with a reason; or the writer takes it back."""
    proposal = _locked(uow, proposal_id)
    parties = whole.parties(uow.session, proposal)
    if uow.actor.id != proposal.writer_id or not access.may_edit(uow.actor, parties):
        _ensure_may_sign(uow, proposal)
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.SEND_BACK)
    reason = words_given(reason, "reason", "Say why you send it back.", 1000)
    proposal.state = after
    proposal.sent_back_reason = reason if uow.actor.id != proposal.writer_id else None
    uow.record("proposal.sent_back", proposal, before=before, after=after, why=reason)
    if uow.actor.id != proposal.writer_id and proposal.writer_id is not None:
        email = people.person(uow.session, proposal.writer_id).email
        if email:
            notices.sent_back(uow, proposal, email, reason)
    return proposal


def submit(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """An other person of the group (for a group of one, its host) signs it off and puts it in. A copy is kept."""
    proposal = _locked(uow, proposal_id)
    _ensure_may_sign(uow, proposal)
    return put_in(uow, proposal, signer_id=uow.actor.id)


def put_in(uow: UnitOfWork, proposal: Proposal, *, signer_id: UUID | None, **more: Any) -> Proposal:
    """Keep a copy of what is put in, and tell the group. Called once somebody of the group has confirmed it;
    ``signer_id``: who did, unless on paper."""
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.SUBMIT)
    _ensure_open(uow, proposal.round)
    facts = _ensure_whole(uow, proposal)
    proposal.state = after
    proposal.signed_off_by_id = signer_id
    proposal.submitted_at = uow.now
    snapshot = _take_snapshot(uow, proposal, facts, "submitted")
    uow.record(
        "proposal.submitted",
        proposal,
        before=before,
        after=after,
        applied_for_minor=proposal.applied_for_minor,
        snapshot=snapshot.sha256,
        writer_id=proposal.writer_id,
        **more,
    )
    notices.submitted(uow, proposal, facts, snapshot.sha256)
    return proposal


def reopen(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """The group takes back what it put in, to change it, while the round is open. The copy stays for officers."""
    proposal = writable(uow, proposal_id)
    access.ensure_of_group(uow.actor, whole.parties(uow.session, proposal))
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.REOPEN)
    _ensure_open(uow, proposal.round)
    proposal.state = after
    proposal.submitted_at = None
    proposal.signed_off_by_id = None
    uow.record("proposal.reopened", proposal, before=before, after=after)
    return proposal


def withdraw(uow: UnitOfWork, proposal_id: UUID, reason: str = "") -> Proposal:
    """The group takes its proposal out of the round. On a frozen ballot it stays listed as withdrawn."""
    proposal = writable(uow, proposal_id)
    access.ensure_of_group(uow.actor, whole.parties(uow.session, proposal))
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.WITHDRAW)
    if rounds.phase(proposal.round, uow.now) in (RoundState.DECIDED, RoundState.ANNOUNCED, RoundState.COMPLETED):
        raise StepRefused("This round is decided. If you are offered a grant, you can decline the offer.")
    reason = reason.strip()
    if len(reason) > 500:
        raise RuleBroken("The reason must be 500 characters or fewer.", field="reason")
    proposal.state = after
    proposal.withdrawn_at = uow.now
    proposal.withdrawn_reason = reason or None
    uow.record("proposal.withdrawn", proposal, before=before, after=after)
    return proposal


def screen(
    uow: UnitOfWork, proposal_id: UUID, *, eligible: bool, code: ScreeningCode | None = None, words: str = ""
) -> Proposal:
    """A steward without interest checks whether it may go on. "No" needs a code and words; the group is told.

    The first check begins the checking of the round.
    """
    proposal = _locked(uow, proposal_id)
    access.ensure_may_screen(uow.actor, whole.parties(uow.session, proposal))
    before = proposal.state
    action = ProposalAction.PASS_SCREENING if eligible else ProposalAction.FAIL_SCREENING
    after = next_state(STEPS, before, action)
    _ensure_checking(uow, proposal.round)
    if eligible:
        proposal.screening_code, proposal.screening_reason = ELIGIBLE, words.strip()[:1000] or None
    else:
        if code is None:
            raise RuleBroken("Choose which rule it does not meet.", field="code")
        proposal.screening_code = code.value
        proposal.screening_reason = words_given(words, "words", "Say why, in words that the group will read.", 1000)
    proposal.screened_by_id = uow.actor.id
    proposal.state = after
    uow.record("proposal.screened", proposal, before=before, after=after, screening=proposal.screening_code)
    notices.screened(uow, proposal, None if eligible else proposal.screening_reason)
    return proposal


def request_more_info(
    uow: UnitOfWork, proposal_id: UUID, sections: Collection[Section], words: str, until: datetime
) -> Proposal:
    """A steward without interest asks something before the check is finished. Only the named sections open again.

    ``until``: the moment by which the group answers; it must lie before the vote opens.
    """
    proposal = _locked(uow, proposal_id)
    access.ensure_may_screen(uow.actor, whole.parties(uow.session, proposal))
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.REQUEST_MORE_INFO)
    _ensure_checking(uow, proposal.round)
    if not sections:
        raise RuleBroken("Choose the sections that they may change.", field="sections")
    words = words_given(words, "words", "Say what you need to know, in words that the group will read.", 1000)
    if until <= uow.now:
        raise RuleBroken("Choose a day that is still to come.", field="until")
    if until >= proposal.round.voting_opens_at:
        raise RuleBroken(
            f"Choose a day before the vote opens ({show_moment(proposal.round.voting_opens_at)}).", field="until"
        )
    proposal.asked_sections = [section.value for section in Section if section in sections]
    proposal.asked_words, proposal.asked_until, proposal.asked_by_id = words, until, uow.actor.id
    proposal.writer_id = None
    proposal.state = after
    uow.record("proposal.more_info_requested", proposal, before=before, after=after, sections=proposal.asked_sections)
    notices.more_info_requested(uow, proposal)
    return proposal


def give_more_info(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """Somebody of the group who did not write the answer sends it. What it says now is kept as a new copy."""
    proposal = _locked(uow, proposal_id)
    _ensure_may_sign(uow, proposal)
    return send_answer(uow, proposal)


def send_answer(uow: UnitOfWork, proposal: Proposal, **more: Any) -> Proposal:
    """Keep a copy of the answer. Called once somebody of the group has confirmed it."""
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.GIVE_MORE_INFO)
    assert proposal.asked_until is not None  # set with the state
    if uow.now >= proposal.asked_until:
        raise StepRefused(f"You could answer until {show_moment(proposal.asked_until)}. A steward decides now.")
    if proposal.writer_id is None:
        raise StepRefused("Nothing was changed so far. Answer in one of the sections first, and save it.")
    facts = _ensure_whole(uow, proposal)
    proposal.state = after
    snapshot = _take_snapshot(uow, proposal, facts, "answered")
    uow.record(
        "proposal.more_info_given",
        proposal,
        before=before,
        after=after,
        applied_for_minor=proposal.applied_for_minor,
        snapshot=snapshot.sha256,
        writer_id=proposal.writer_id,
        **more,
    )
    return proposal


def close_questions(uow: UnitOfWork) -> int:
    """Questions that were not answered in time go back to whoever checks. Safe to run twice. Returns how many."""
    ids = waiting.unanswered(uow.session, uow.now)
    for proposal_id in ids:
        proposal = _locked(uow, proposal_id)
        before = proposal.state
        proposal.state = next_state(STEPS, before, ProposalAction.MISS_MORE_INFO)
        uow.record("proposal.more_info_missed", proposal, before=before, after=proposal.state)
    return len(ids)


def reinstate(uow: UnitOfWork, proposal_id: UUID, reason: str) -> Proposal:
    """A steward without interest lets a proposal go on after all, before the vote opens."""
    proposal = _locked(uow, proposal_id)
    access.ensure_may_screen(uow.actor, whole.parties(uow.session, proposal))
    before = proposal.state
    after = next_state(STEPS, before, ProposalAction.REINSTATE)
    _ensure_checking(uow, proposal.round)
    if proposal.round.panel_locked_at is not None:
        raise StepRefused("The panel has finished, so nothing can be added to this round any more.")
    reason = words_given(reason, "words", "Say why it may go on after all.", 1000)
    proposal.screening_code, proposal.screening_reason = ELIGIBLE, reason
    proposal.screened_by_id = uow.actor.id
    proposal.state = after
    uow.record("proposal.reinstated", proposal, before=before, after=after, why=reason)
    notices.screened(uow, proposal, None)
    return proposal


def forget_person(uow: UnitOfWork, person_id: UUID, email: str | None) -> None:
    """Blank the contact of proposals that name somebody's address; their group gives another when it is asked.

    What they asked about others' proposals stays, and nobody knows whose it was.
    """
    uow.session.execute(update(ProposalComment).where(ProposalComment.author_id == person_id).values(author_id=None))
    if email:
        uow.session.execute(
            update(Proposal)
            .where(func.lower(Proposal.contact_email) == email.lower())
            .values(contact_name=None, contact_email=None, contact_phone=None)
        )
        uow.session.execute(
            update(ProposalPartner)
            .where(func.lower(ProposalPartner.email) == email.lower())
            .values(email=None, answered_by=None, token_hash=None)
        )


def put_on_ballot(uow: UnitOfWork, proposal: Proposal, number: int) -> Proposal:
    """Give it its number on the frozen ballot. Called by the service that freezes the ballot."""
    before = proposal.state
    proposal.state = next_state(STEPS, before, ProposalAction.PUT_ON_BALLOT)
    proposal.number = number
    uow.record("proposal.put_on_ballot", proposal, before=before, after=proposal.state, number=number)
    return proposal


def keep_off_ballot(uow: UnitOfWork, proposal: Proposal, reason: str) -> Proposal:
    """It does not come on the ballot, for a reason that everybody can read. Called by the panel's service."""
    before = proposal.state
    proposal.state = next_state(STEPS, before, ProposalAction.KEEP_OFF_BALLOT)
    proposal.kept_off_reason = words_given(reason, "reason", "Say why it does not come on the ballot.", 1000)
    uow.record("proposal.kept_off_ballot", proposal, before=before, after=proposal.state, why=proposal.kept_off_reason)
    return proposal


VERDICTS = {
    "awarded": ProposalAction.AWARD,
    "reserve": ProposalAction.HOLD_IN_RESERVE,
    "not_funded": ProposalAction.TURN_DOWN,
}


def note_verdict(uow: UnitOfWork, proposal: Proposal, verdict: str) -> Proposal:
    """What was decided about it: ``awarded``, ``reserve`` or ``not_funded``. Called when decisions are announced."""
    before = proposal.state
    proposal.state = next_state(steps_of(quick=rounds.is_quick(proposal.round)), before, VERDICTS[verdict])
    uow.record(f"proposal.{proposal.state}", proposal, before=before, after=proposal.state)
    return proposal


def close_drafts(uow: UnitOfWork) -> int:
    """The deadline has passed: what was not put in is closed, and the group is sent a copy. Safe to run twice.

    Returns how many were closed.
    """
    ids = waiting.past_deadline(uow.session, uow.now)
    for proposal_id in ids:
        proposal = _locked(uow, proposal_id)
        before = proposal.state
        proposal.state = next_state(STEPS, before, ProposalAction.MISS_DEADLINE)
        uow.record("proposal.not_submitted", proposal, before=before, after=proposal.state)
        if proposal.section_versions:
            notices.not_submitted(uow, proposal, whole.facts(uow.session, proposal))
    return len(ids)


def signers_of(uow: UnitOfWork, proposal: Proposal, writer_id: UUID | None) -> list[tuple[UUID, str]]:
    """(person id, address) of everybody who could sign off what this writer asks to have signed off."""
    found = whole.signers(uow.session, proposal, writer_id)
    return [(one.person_id, one.person.email) for one in found if one.person.email]


def _ensure_may_sign(uow: UnitOfWork, proposal: Proposal) -> None:
    """The second person, other than the writer; in a quick round a lighter rule says who."""
    parties = whole.parties(uow.session, proposal)
    if rounds.is_quick(proposal.round):
        access.ensure_may_second(uow.actor, parties, proposal.writer_id)
    else:
        access.ensure_may_sign_off(uow.actor, parties, proposal.writer_id, _alone(uow, proposal))


def _alone(uow: UnitOfWork, proposal: Proposal) -> bool:
    return whole.is_alone(people.members(uow.session, proposal.group_id), proposal.writer_id)


def _locked(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    uow.get(Proposal, proposal_id, lock=True)
    return whole.proposal(uow.session, proposal_id)


def writable(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """The proposal, its row held, for a member of its group who may write."""
    proposal = _locked(uow, proposal_id)
    access.ensure_may_edit(uow.actor, whole.parties(uow.session, proposal))
    return proposal


def _ensure_open(uow: UnitOfWork, round: Round) -> None:
    """The round takes proposals at this very moment."""
    now = rounds.phase(round, uow.now)
    if now is RoundState.OPEN:
        return
    if now in (RoundState.DRAFT, RoundState.SCHEDULED):
        raise StepRefused(f"This round opens for proposals at {show_moment(round.opens_at)}.")
    if now is RoundState.CANCELLED:
        raise StepRefused("This round was called off.")
    raise StepRefused(
        f"This round closed for proposals at {show_moment(round.closes_at)}. Nothing can be put in or changed any more."
    )


def ensure_draft_and_open(uow: UnitOfWork, proposal: Proposal) -> None:
    """Refuse to change what waits, or was put in, or whose round is not open."""
    if proposal.state is ProposalState.AWAITING_SIGN_OFF:
        raise StepRefused("It waits for sign-off, so nobody can change it. Take it back first.")
    if proposal.state is not ProposalState.DRAFT:
        raise StepRefused("It was put in, so nobody can change it. Reopen it first, while the round is open.")
    _ensure_open(uow, proposal.round)


def _ensure_asked(uow: UnitOfWork, proposal: Proposal, section: Section) -> None:
    """Only what was asked for may be changed, and only until the day that was given."""
    if section.value not in proposal.asked_sections:
        raise StepRefused("Only the sections that you were asked about can be changed now.")
    assert proposal.asked_until is not None  # set with the state
    if uow.now >= proposal.asked_until:
        raise StepRefused(f"You could answer until {show_moment(proposal.asked_until)}.")


def _ensure_checking(uow: UnitOfWork, round: Round) -> None:
    if round.kind is RoundKind.QUICK:
        raise StepRefused("What is asked in a quick round is answered by two people. It is not checked for a vote.")
    now = rounds.phase(round, uow.now)
    if now is RoundState.CLOSED:
        round_service.begin_checking(uow, round.id)
    elif now is not RoundState.CHECKING or round.state is RoundState.VOTING:
        raise StepRefused(
            f"Proposals are checked after the round has closed for proposals ({show_moment(round.closes_at)}) "
            "and before its ballot is fixed."
        )


def _ensure_whole(uow: UnitOfWork, proposal: Proposal) -> Facts:
    facts = whole.facts(uow.session, proposal)
    if rounds.is_quick(proposal.round):
        for gap in ask_gaps(facts, whole.limits(uow.session, proposal.round))[:1]:
            raise RuleBroken(gap.message, field=gap.field)
        return facts
    lacking = all_gaps(facts, whole.limits(uow.session, proposal.round))
    if lacking:
        titles = ", ".join(f"“{SECTION_TITLES[section]}”" for section in lacking)
        first = next(iter(lacking.values()))[0].message
        raise RuleBroken(f"These sections are not finished: {titles}. {first}")
    return facts


def write(
    uow: UnitOfWork, proposal: Proposal, section: Section, values: Mapping[str, Any], geography: Geography
) -> None:
    """Keep the values of a section; ``RuleBroken`` at the field that does not fit."""
    unknown = set(values) - set(SECTION_FIELDS[section])
    if unknown:
        raise ValueError(f"{sorted(unknown)} do not belong to {section}")
    for name, value in values.items():
        if isinstance(value, str) and len(value) > AT_MOST[name]:
            raise RuleBroken(f"This must be {AT_MOST[name]:,} characters or fewer.", field=name)
    rest = dict(values)
    if section is Section.WHERE:
        ensure_alone(values.get("communities", ()), Community.EVERYBODY, "communities", "Everybody who lives there")
        _write_place(
            proposal, {name: rest.pop(name, None) for name in ("anywhere", "venue_postcode", "ward_codes")}, geography
        )
    elif section is Section.APPROACH:
        ensure_alone(values.get("approaches", ()), Approach.NONE, "approaches", APPROACH_WORDS[Approach.NONE])
    elif section is Section.NEED:
        _write_evidence(uow, proposal, rest.pop("insight_ids", ()))
    elif section is Section.BUDGET:
        _write_lines(uow, proposal, tuple(rest.pop("lines")))
    elif section is Section.PARTNERS:
        write_joint(uow, proposal, tuple(rest.pop("joint", ())))
    if section is Section.CONTACT and any(one.part is Hand.TYPED for one in proposal.hands):
        rest["help_received"] = Help.OFFICER
    for name, value in rest.items():
        setattr(proposal, name, sorted(value) if isinstance(value, list | tuple | set) else value)


def _write_evidence(uow: UnitOfWork, proposal: Proposal, ids: Collection[UUID]) -> None:
    """Link what communities said that it answers."""
    wanted = set(ids)
    if len(wanted) > MOST_INSIGHTS:
        raise RuleBroken(f"Tick {MOST_INSIGHTS} or fewer.", field="insight_ids")
    if len(insights.by_ids(uow.session, wanted)) != len(wanted):
        raise RuleBroken("Choose from what people told us.", field="insight_ids")
    kept = {one.insight_id: one for one in proposal.evidence}
    proposal.evidence = [kept.get(id) or ProposalInsight(insight_id=id) for id in sorted(wanted)]


def _write_lines(uow: UnitOfWork, proposal: Proposal, lines: tuple[Line, ...]) -> None:
    if len(lines) > MOST_LINES:
        raise RuleBroken(f"A budget has at most {MOST_LINES} lines.", field="lines")
    for line in lines:
        if not line.what.strip() or len(line.what) > 140:
            raise RuleBroken("Say in a few words what each line is for (140 characters at most).", field="lines")
        if not 0 < line.amount_minor <= 10**10:
            raise RuleBroken("Give each line an amount above nought.", field="lines")
    proposal.lines = [
        BudgetLine(
            position=at,
            what=line.what.strip(),
            amount_minor=line.amount_minor,
            in_kind=line.in_kind,
            lasting=line.lasting,
        )
        for at, line in enumerate(lines, 1)
    ]
    proposal.applied_for_minor = total_minor(lines)


def _write_place(proposal: Proposal, values: Mapping[str, Any], geography: Geography) -> None:
    """Keep where it happens; the ward and the decile of the postcode are looked up, never typed."""
    anywhere = bool(values.get("anywhere"))
    codes = set() if anywhere else set(values.get("ward_codes") or ())
    if any(geography.ward(code) is None for code in codes):
        raise RuleBroken("Choose wards from the list.", field="ward_codes")
    postcode = "" if anywhere else str(values.get("venue_postcode") or "")
    place = geography.find(postcode) if postcode else None
    if postcode and place is None:
        raise RuleBroken("We do not know this postcode. It must be one inside our area.", field="venue_postcode")
    old = geography.find(proposal.venue_postcode) if proposal.venue_postcode else None
    moved = old is not None and place is not None and old.postcode != place.postcode and codes == {old.ward_code}
    if place is not None and (moved or not codes):  # the ward that we filled in moves with the postcode
        codes = {place.ward_code}
    proposal.anywhere = anywhere
    proposal.ward_codes = sorted(codes)
    proposal.venue_postcode = place.postcode if place else None
    proposal.imd_deciles = [place.imd_decile] if place else []


def _take_snapshot(uow: UnitOfWork, proposal: Proposal, facts: Facts, why: str) -> ProposalSnapshot:
    """Keep what was put in. Who to contact is left out: it is nobody's business later, and must be erasable."""
    latest = uow.session.scalar(
        select(func.max(ProposalSnapshot.number)).where(ProposalSnapshot.proposal_id == proposal.id)
    )
    body = {
        **as_kept(facts),
        "group_id": str(proposal.group_id),
        "round_id": str(proposal.round_id),
        "put_in_on": london_day(uow.now).isoformat(),
    }
    snapshot = ProposalSnapshot(
        proposal_id=proposal.id,
        number=(latest or 0) + 1,
        taken_at=uow.now,
        why=why,
        body=body,
        sha256=fingerprint(body),
    )
    uow.add(snapshot)
    return snapshot


def import_bid(
    uow: UnitOfWork, round: Round, group: Group, started_by: Person, title: str, cost_minor: int, number: int
) -> Proposal:
    """A bid of a finished election elsewhere, on its ballot. Called by the service that reads its file."""
    if round.imported_from is None:
        raise StepRefused("Only bids of elections elsewhere are read in.")
    proposal = Proposal(
        round_id=round.id,
        group_id=group.id,
        state=ProposalState.ON_BALLOT,
        number=number,
        started_by_id=started_by.id,
        started_at=uow.now,
        submitted_at=uow.now,
        title=title,
        applied_for_minor=cost_minor,
        anywhere=True,
    )
    uow.add(proposal)
    uow.record("proposal.imported", proposal, after=proposal.state, number=number)
    return proposal
