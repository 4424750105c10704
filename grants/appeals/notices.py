"""Letters about appeals: to the group, to who may judge, and to the stewards who put things right."""

from collections.abc import Collection

from grants.appeals.models import Appeal
from grants.appeals.rules import GROUND_WORDS, REMEDY_WORDS, AppealState, Remedy
from grants.kernel.actors import Role
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.rounds.models import Round

Readers = Collection[tuple[object, str]]


def lodged(uow: UnitOfWork, appeal: Appeal, bid: Proposal, round: Round, free: Collection[Person]) -> None:
    """To the group: we have it. To everybody who may judge: somebody must."""
    _send(
        uow,
        appeal,
        "lodged",
        people.emails_of_group(uow.session, bid.group_id),
        f"We have your appeal about “{bid.title}”",
        "Somebody who had no part in the decision reads it, and writes to you.\n\n"
        f"What it is about: {GROUND_WORDS[appeal.ground]}.\n\n{address(f'/appeals/{appeal.id}')}",
    )
    _send(
        uow,
        appeal,
        "to_judge",
        [(one.id, one.email) for one in free if one.email],
        f"An appeal waits for somebody who had no part in “{round.title}”",
        "A group says that something went wrong in how its proposal was judged. You had no part in that, so you may "
        f"judge it. One of you is enough.\n\n{address(f'/appeals/{appeal.id}')}",
    )


HEARD = {
    AppealState.ACCEPTED: "Your appeal about “{title}” is taken on",
    AppealState.OUT_OF_SCOPE: "Your appeal about “{title}” is not about how it was decided",
    AppealState.UPHELD: "Your appeal about “{title}” is upheld",
    AppealState.NOT_UPHELD: "Your appeal about “{title}” is not upheld",
}
NEXT = {
    AppealState.ACCEPTED: "It will now be judged by somebody who had no part in the decision.",
    AppealState.OUT_OF_SCOPE: "So it ends here. You can still ask for feedback, and for help with another proposal.",
    AppealState.NOT_UPHELD: "So the decision stands. You can still ask for feedback, and for help with another bid.",
}


def stepped(uow: UnitOfWork, appeal: Appeal, bid: Proposal, round: Round) -> None:
    """To the group: what the judge found, why, and what comes next; to the stewards, where they must put it right."""
    comes = NEXT.get(appeal.state) or f"So this is done: {_remedy(appeal)}. We write to you when it is."
    _send(
        uow,
        appeal,
        appeal.state.value,
        people.emails_of_group(uow.session, bid.group_id),
        HEARD[appeal.state].format(title=bid.title),
        "\n\n".join(filter(None, ["WHY", appeal.reason, comes, address(f"/appeals/{appeal.id}")])),
    )
    if appeal.state is AppealState.UPHELD:
        _send(
            uow,
            appeal,
            "to_remedy",
            people.emails_of_role(uow.session, Role.STEWARD, round.fund_id),
            f"An appeal in “{round.title}” is upheld: please put it right",
            f"What is to be done: {_remedy(appeal)}.\n\n{appeal.reason}\n\n{address(f'/appeals/{appeal.id}')}",
        )


def remedied(uow: UnitOfWork, appeal: Appeal, bid: Proposal) -> None:
    """To the group: it was put right, and how."""
    _send(
        uow,
        appeal,
        "remedied",
        people.emails_of_group(uow.session, bid.group_id),
        f"What went wrong about “{bid.title}” is put right",
        f"{appeal.remedied_words}\n\n{address(f'/appeals/{appeal.id}')}",
    )


def _remedy(appeal: Appeal) -> str:
    return REMEDY_WORDS[appeal.remedy or Remedy.REPEAT].lower()


def _send(uow: UnitOfWork, appeal: Appeal, what: str, readers: Readers, subject: str, text: str) -> None:
    for person_id, email in readers:
        put_mail(
            uow,
            to=email,
            subject=subject,
            text=text,
            key=f"appeal:{appeal.id}:{what}:{person_id}",
            subject_id=appeal.id,
        )
