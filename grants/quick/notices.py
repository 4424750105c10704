"""Letters: to the group what was decided and why, to whoever decides what waits."""

from collections.abc import Sequence
from uuid import UUID

from grants.kernel.clock import london_day, show_day
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.quick.models import QuickDecision
from grants.quick.queries import Ask
from grants.quick.rules import NO_WORDS, STANDING_WORDS, TURN_TO, Says


def told(uow: UnitOfWork, proposal: Proposal, decision: QuickDecision) -> None:
    """To every member of the group, at once: yes or no, why, and where to turn."""
    asked = show_pounds(proposal.applied_for_minor)
    if decision.says is Says.YES:
        subject = f"Yes: “{proposal.title}” gets {asked}"
        parts = [
            f"Good news: you asked for {asked} for “{proposal.title}”, and two people said yes.",
            "WHY",
            decision.reason,
            "WHAT COMES NEXT",
            "An offer with its conditions comes in a letter of its own. Say yes to it, and we see to the payment.",
        ]
    else:
        assert decision.code is not None
        subject = f"“{proposal.title}” gets no quick grant this time"
        parts = [
            f"We are sorry: you asked for {asked} for “{proposal.title}”, and the answer is no this time.",
            "WHY",
            f"{NO_WORDS[decision.code]}.",
            decision.reason,
            "WHERE TO TURN",
            TURN_TO[decision.code],
            "You may ask again at any time. What you wrote is kept, so you can begin with it:",
        ]
    parts.append(address(f"/proposals/{proposal.id}"))
    parts.append("If you think that something went wrong in how this was decided, answer this letter.")
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=subject,
            text="\n\n".join(part for part in parts if part),
            key=f"quick:{proposal.id}:told:{person_id}",
            subject_id=proposal.id,
        )


def waits(uow: UnitOfWork, person_id: UUID, email: str, asks: Sequence[Ask]) -> None:
    """To somebody who may decide: what waits for them. One letter a day."""
    today = london_day(uow.now)
    size = "1 quick ask waits" if len(asks) == 1 else f"{len(asks)} quick asks wait"
    lines = "\n".join(
        f"- “{one.proposal.title}”, {show_pounds(one.proposal.applied_for_minor)}. {STANDING_WORDS[one.standing]}. "
        f"To be answered by {show_day(one.by)}{': that is past' if one.by < today else ''}."
        for one in asks
    )
    put_mail(
        uow,
        to=email,
        subject=f"{size} for you",
        text=(
            f"{size} for your answer:\n\n{lines}\n\nRead them and say yes or no here. It takes a few minutes each:\n\n"
            f"{address('/quick-asks')}"
        ),
        key=f"quick:waits:{today.isoformat()}:{person_id}",
    )
