"""The letters about a proposal."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.proposals.rules import SECTION_TITLES, Facts, Section
from grants.rounds.rules import show_moment

Readers = Collection[tuple[UUID, str]]


def ask_for_sign_off(uow: UnitOfWork, proposal: Proposal, signers: Readers, writer: str) -> None:
    """To whoever may sign off."""
    for person_id, email in signers:
        put_mail(
            uow,
            to=email,
            subject=f"Please sign off “{proposal.title}”",
            text=(
                f"{writer} has finished the proposal “{proposal.title}” for {proposal.group.name}.\n\n"
                f"It asks for {show_pounds(proposal.applied_for_minor)}. Please read it. "
                "Then sign it off, or send it back and say why.\n\n"
                f"{address(f'/proposals/{proposal.id}')}\n\n"
                f"It must be in before {show_moment(proposal.round.closes_at)}. Without your sign-off it is not put in."
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


def submitted(uow: UnitOfWork, proposal: Proposal, sha256: str) -> None:
    """To every member of the group: it is in."""
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=f"We have your proposal “{proposal.title}”",
            text=(
                f"Your proposal “{proposal.title}” is in. It asks for {show_pounds(proposal.applied_for_minor)}.\n\n"
                f"You can still take it back and change it until {show_moment(proposal.round.closes_at)}:\n\n"
                f"{address(f'/proposals/{proposal.id}')}\n\n"
                f"We kept a copy of it as it is now. Its fingerprint is {sha256[:12]}."
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
            "If you think that this is wrong, answer this letter, or talk to a steward before the vote opens."
        )
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=subject,
            text=f"{text}\n\n{address(f'/proposals/{proposal.id}')}",
            key=f"proposal:{proposal.id}:check:{_stamp(uow.now)}:{person_id}",
            subject_id=proposal.id,
        )


def not_submitted(uow: UnitOfWork, proposal: Proposal, facts: Facts) -> None:
    """To every member of the group: a copy of what they wrote and did not put in."""
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=f"“{proposal.title or 'Your proposal'}” was not put in",
            text=(
                f"The round “{proposal.round.title}” closed for proposals at {show_moment(proposal.round.closes_at)}. "
                "This proposal was not put in by then. Here is what you wrote, so that nothing is lost: you can use it "
                f"in another round.\n\n{copy_of(facts)}\n\n{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"proposal:{proposal.id}:missed:{person_id}",
            subject_id=proposal.id,
        )


def copy_of(facts: Facts) -> str:
    """What was written, as plain text, but for who to contact."""
    budget = "\n".join(
        f"- {line.what}: {show_pounds(line.amount_minor)}{' (in kind)' if line.in_kind else ''}" for line in facts.lines
    )
    parts = [
        (SECTION_TITLES[Section.WHAT], [facts.title, facts.summary, facts.what]),
        (SECTION_TITLES[Section.WHERE], [facts.for_whom, facts.venue_postcode]),
        (SECTION_TITLES[Section.NEED], [facts.answers_need]),
        (SECTION_TITLES[Section.APPROACH], [facts.outcomes_hoped]),
        (SECTION_TITLES[Section.BUDGET], [budget, f"Together: {show_pounds(facts.applied_for_minor)}"]),
        (SECTION_TITLES[Section.PARTNERS], [facts.partners]),
    ]
    return "\n\n".join(
        f"{title.upper()}\n" + ("\n\n".join(text for text in texts if text) or "(nothing)") for title, texts in parts
    )


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%f")
