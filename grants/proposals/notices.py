"""The letters about a proposal."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from grants.funds.notices import turn_elsewhere
from grants.kernel.clock import show_day
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.rules.facts import APPROACH_WORDS, COMMUNITY_WORDS, LEVEL_WORDS, Approach, Community, Facts
from grants.proposals.rules.hands import Hand, Source
from grants.proposals.rules.partners import PartnerState
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.rounds import queries as rounds
from grants.rounds.rules.dates import show_moment

Readers = Collection[tuple[UUID, str]]
_FROM = {
    Source.PAPER: "from your paper form",
    Source.TALK: "from what you told them",
    Source.TELEPHONE: "from what you told them on the telephone",
    Source.RECORDING: "from your recording",
}


def readers(uow: UnitOfWork, proposal: Proposal) -> list[tuple[UUID, str]]:
    """(person id, address) of everybody in the group; where nobody there can be written to, of the officer who typed
    the bid in, who brings the letter to them."""
    found = people.emails_of_group(uow.session, proposal.group_id)
    if found:
        return found
    typists = [people.person(uow.session, one.person_id) for one in proposal.hands if one.part is Hand.TYPED]
    return [(one.id, one.email) for one in typists if one.email]


def ask_for_sign_off(
    uow: UnitOfWork, proposal: Proposal, signers: Readers, writer: str, *, source: Source | None = None
) -> None:
    """To whoever may sign off. ``source``: from what an officer typed it in, when one did."""
    finished = f"{writer} has finished the proposal “{proposal.title}” for {proposal.group.name}."
    read = "Please read it. Then sign it off, or send it back and say why."
    if source is not None:
        finished = f"{writer} has typed in the proposal “{proposal.title}” for {proposal.group.name}: {_FROM[source]}."
        read = "Please read it. Is it what you said? Then sign it off. If not, send it back and say what is wrong."
    for person_id, email in signers:
        put_mail(
            uow,
            to=email,
            subject=f"Please sign off “{proposal.title}”",
            text=(
                f"{finished}\n\n"
                f"It asks for {show_pounds(proposal.applied_for_minor)}. {read}\n\n"
                f"{address(f'/proposals/{proposal.id}')}\n\n"
                + (
                    "It is one page. Without your sign-off it does not go to those who decide."
                    if rounds.is_quick(proposal.round)
                    else f"It must be in before {show_moment(proposal.round.closes_at)}. "
                    "Without your sign-off it is not put in."
                )
            ),
            key=f"proposal:{proposal.id}:ask:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def sent_back(uow: UnitOfWork, proposal: Proposal, writer_email: str, reason: str) -> None:
    """To whoever asked for sign-off."""
    put_mail(
        uow,
        to=writer_email,
        subject=f"“{proposal.title}” came back to you",
        text=(
            f"Your proposal “{proposal.title}” was not signed off. The reason:\n\n{reason}\n\n"
            f"Change what is needed and ask for sign-off again before {show_moment(proposal.round.closes_at)}:\n\n"
            f"{address(f'/proposals/{proposal.id}')}"
        ),
        key=f"proposal:{proposal.id}:back:{_stamp(uow.now)}",
        subject_id=proposal.id,
    )


def submitted(uow: UnitOfWork, proposal: Proposal, facts: Facts, sha256: str) -> None:
    """To every member of the group: it is in, with a copy of all of it."""
    until = f"You can still take it back and change it until {show_moment(proposal.round.closes_at)}:"
    if quick := rounds.is_quick(proposal.round):
        days = rounds.decide_days(proposal.round)
        until = f"Two people read it, and we answer within {days} working days. See here where it is:"
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=f"We have your proposal “{proposal.title}”",
            text=(
                f"Your proposal “{proposal.title}” is in. It asks for {show_pounds(proposal.applied_for_minor)}.\n\n"
                f"{until}\n\n"
                f"{address(f'/proposals/{proposal.id}')}\n\n"
                f"We kept a copy of it as it is now. Its fingerprint is {sha256[:12]}. This is what it says:\n\n"
                f"{copy_of(facts, short=quick)}"
            ),
            key=f"proposal:{proposal.id}:in:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def screened(uow: UnitOfWork, proposal: Proposal, words: str | None) -> None:
    """To every member of the group: what the eligibility check said. ``words``: why not, or nothing when it passed."""
    if words is None:
        subject = f"“{proposal.title}” passed the first check"
        text = (
            f"Your proposal “{proposal.title}” may go on in this round. The panel looks at it next, then people vote "
            f"from {show_moment(proposal.round.voting_opens_at)}."
        )
    else:
        subject = f"“{proposal.title}” cannot go on in this round"
        text = (
            f"We are sorry: your proposal “{proposal.title}” cannot go on in this round. The reason:\n\n{words}\n\n"
            "If you think that this is wrong, answer this letter, or talk to a steward before the vote opens. You can "
            "also put it right and ask again in another round: we are glad to help."
        )
        text = "\n\n".join([text, *turn_elsewhere(uow, proposal.round.fund_id)])
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=subject,
            text=f"{text}\n\n{address(f'/proposals/{proposal.id}')}",
            key=f"proposal:{proposal.id}:check:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def more_info_requested(uow: UnitOfWork, proposal: Proposal) -> None:
    """To every member of the group: what is asked, where they answer, and by when."""
    assert proposal.asked_until is not None
    sections = "\n".join(f"- {SECTION_TITLES[Section(one)]}" for one in proposal.asked_sections)
    where = f"You can answer in these sections; nothing else can be changed:\n\n{sections}\n\n" if sections else ""
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=f"A question about “{proposal.title}”",
            text=(
                f"We read “{proposal.title}” and have a question:\n\n{proposal.asked_words}\n\n{where}"
                f"Please answer before {show_moment(proposal.asked_until)}. One of you writes, another sends it:\n\n"
                f"{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:question:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def not_submitted(uow: UnitOfWork, proposal: Proposal, facts: Facts) -> None:
    """To every member of the group: a copy of what they wrote and did not put in."""
    copy = copy_of(facts, short=rounds.is_quick(proposal.round))
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=f"“{proposal.title or 'Your proposal'}” was not put in",
            text=(
                f"The round “{proposal.round.title}” closed for proposals at {show_moment(proposal.round.closes_at)}. "
                "This proposal was not put in by then. Here is what you wrote, so that nothing is lost: you can use it "
                f"in another round.\n\n{copy}\n\n{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:missed:{person_id}",
            subject_id=proposal.id,
        )


def copy_of(facts: Facts, *, short: bool = False) -> str:
    """What was written, as plain text, but for who to contact. ``short``: leave out what was not asked for."""
    budget = "\n".join(
        f"- {line.what}: {show_pounds(line.amount_minor)}{' (in kind)' if line.in_kind else ''}" for line in facts.lines
    )
    joint = "\n".join(
        f"- {one.name}: {one.role}" + (f" ({show_pounds(one.share_minor)} of the money)" if one.share_minor else "")
        for one in facts.joint
    )
    when = f"From {show_day(facts.starts_on)} to {show_day(facts.ends_on)}" if facts.starts_on and facts.ends_on else ""
    smaller = (
        f"With {show_pounds(facts.smaller_minor)} we would still do this: {facts.smaller_achieves}"
        if facts.smaller_minor
        else ""
    )
    how = "\n".join(
        [f"- {APPROACH_WORDS[Approach(one)]}" for one in facts.approaches if one != Approach.NONE]
        + ([f"- {LEVEL_WORDS[facts.level]}"] if facts.level else [])
    )
    who = ", ".join(COMMUNITY_WORDS[Community(one)] for one in facts.communities)
    parts = [
        (Section.WHAT, [facts.title, facts.summary, facts.what, when]),
        (Section.WHERE, [facts.for_whom, who, facts.seldom_heard, facts.venue_postcode]),
        (Section.NEED, [facts.answers_need]),
        (Section.APPROACH, [how, facts.outcomes_hoped, facts.outcomes_seen, facts.second_hoped, facts.second_seen]),
        (Section.FAIRNESS, [facts.equality, facts.poverty, facts.safeguarding]),
        (Section.BUDGET, [budget, f"Together: {show_pounds(facts.applied_for_minor)}", smaller]),
        (Section.PARTNERS, [joint, facts.partners]),
    ]
    return "\n\n".join(
        f"{SECTION_TITLES[part].upper()}\n" + ("\n\n".join(text for text in texts if text) or "(nothing)")
        for part, texts in parts
        if not short or any(texts)
    )


def ask_partner(uow: UnitOfWork, proposal: Proposal, partner: ProposalPartner, token: str) -> None:
    """To a partner: is it so? The link works once."""
    share = f" {show_pounds(partner.share_minor)} of the money would be yours." if partner.share_minor else ""
    put_mail(
        uow,
        to=partner.email or "",
        subject=f"{proposal.group.name} names you as a partner",
        text=(
            f"{proposal.group.name} is asking for a small grant for “{proposal.title or 'an activity'}”, and says that "
            f"{partner.name} does it with them:\n\n{partner.role}\n\n"
            f"They ask for {show_pounds(proposal.applied_for_minor)} in all.{share}\n\n"
            f"Is it so? Please say yes or no here, before {show_moment(proposal.round.closes_at)}:\n\n"
            f"{address(f'/partners/{token}')}\n\nYou need no account. If you know nothing of it, say no."
        ),
        key=f"proposal:{proposal.id}:partner:{partner.id}:{_stamp(uow.now)}",
        subject_id=proposal.id,
    )


def partner_answered(uow: UnitOfWork, proposal: Proposal, partner: ProposalPartner) -> None:
    """To whoever started the proposal."""
    email = people.person(uow.session, proposal.started_by_id).email
    if not email:
        return
    yes = partner.state is PartnerState.CONFIRMED
    put_mail(
        uow,
        to=email,
        subject=f"{partner.name} said {'yes' if yes else 'no'}",
        text=(
            f"You named {partner.name} as a partner in “{proposal.title or 'your proposal'}”. "
            + ("They confirm it." if yes else "They say no: talk to them, change it, or take them out.")
            + f"\n\n{address(f'/proposals/{proposal.id}')}"
        ),
        key=f"proposal:{proposal.id}:partner:{partner.id}:answer:{_stamp(uow.now)}",
        subject_id=proposal.id,
    )


def summed_up(uow: UnitOfWork, proposal: Proposal, words: str) -> None:
    """To every member of the group: what was written down of their recording, so that they can say if it is wrong."""
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=f"What you say in “{proposal.title}”, in writing",
            text=(
                f"You told us about “{proposal.title}” in a recording. Everybody who judges it can hear it. For people "
                f"who cannot, we wrote down what you say:\n\n{words}\n\n"
                f"Is it wrong? Answer this letter and we change it.\n\n{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:summary:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def question(uow: UnitOfWork, proposal: Proposal, words: str) -> None:
    """To every member of the group: somebody asks."""
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=f"Somebody asks about “{proposal.title}”",
            text=(
                f"Somebody has a question about your proposal “{proposal.title}”:\n\n{words}\n\n"
                f"Everybody can read it, and your answer:\n\n{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:asked:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def question_answered(uow: UnitOfWork, proposal: Proposal, asker_id: UUID, words: str) -> None:
    """To whoever asked."""
    email = people.person(uow.session, asker_id).email
    if email:
        put_mail(
            uow,
            to=email,
            subject=f"{proposal.group.name} answered your question",
            text=(
                f"You asked about “{proposal.title}”. {proposal.group.name} answers:\n\n{words}\n\n"
                f"{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:replied:{_stamp(uow.now)}:{asker_id}",
            subject_id=proposal.id,
        )


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%f")
