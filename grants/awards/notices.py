"""The words of letters about awards. They leave through the outbox."""

from uuid import UUID

from grants.awards.models import Award
from grants.awards.rules import ChangeRequestState
from grants.kernel.clock import LONDON
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.people import queries as people


def _tell(uow: UnitOfWork, award: Award, group_id: UUID, word: str, subject: str, text: str) -> None:
    for person_id, email in people.emails_of_group(uow.session, group_id):
        key = f"award:{award.id}:{word}:{person_id.hex}"  # 120 characters at most
        outbox.put_mail(uow, to=email, subject=subject, text=text, key=key, subject_id=award.id)


def offered(uow: UnitOfWork, award: Award, title: str) -> None:
    """Tell the group what it is offered and until when it can answer."""
    until = award.answer_by.astimezone(LONDON)
    text = (
        f"Good news: “{title}” will be funded.\n\n"
        f"We offer your group {show_pounds(award.amount_minor)}.\n"
        f"Please answer by {until.day} {until:%B %Y}. A member who may sign off can say yes or no:\n"
        f"sign in, go to your page, and choose the offer.\n\n"
        f"If we do not hear from you by then, the money goes to the next group on the list.\n\n"
        f"Our reference: {award.reference}"
    )
    _tell(uow, award, award.group_id, "offered", f"Your grant offer: {title}", text)


def lapsed(uow: UnitOfWork, award: Award, title: str) -> None:
    """Tell the group that the time to answer is over."""
    text = (
        f"We did not hear from you, so our offer for “{title}” has ended. "
        f"The money goes back to the pot.\n\nOur reference: {award.reference}"
    )
    _tell(uow, award, award.group_id, "lapsed", f"Your grant offer has ended: {title}", text)


def to_sign(uow: UnitOfWork, award: Award, title: str, version: int) -> None:
    """Ask the group (and its host) to sign the agreement."""
    text = (
        f"The agreement for “{title}” is ready (version {version}).\n\n"
        f"Two people sign it: sign in, go to your page, read it, and type your name.\n\n"
        + (
            "It takes the place of the version before. Names under that one no longer count: please sign again.\n\n"
            if version > 1
            else "See there too what else we need from you before we can pay.\n\n"
        )
        + f"Our reference: {award.reference}"
    )
    for group_id in {award.group_id, award.payee_id}:
        _tell(uow, award, group_id, f"sign:{version}", f"Please sign: {title}", text)


def changed(uow: UnitOfWork, award: Award, title: str, word: str, reason: str, key: str) -> None:
    """Tell the group that its award is on hold, goes on, or has ended early, and why."""
    text = f"Your grant for “{title}” {word}.\n\nWhy: {reason}\n\nOur reference: {award.reference}"
    _tell(uow, award, award.group_id, key, f"About your grant: {title}", text)


_ANSWERED = {
    ChangeRequestState.QUERIED: "We have a question about the change that you asked for",
    ChangeRequestState.APPROVED: "We said yes to the change that you asked for",
    ChangeRequestState.REJECTED: "We could not agree to the change that you asked for",
}


def change_answered(uow: UnitOfWork, award: Award, title: str, state: ChangeRequestState, words: str, key: str) -> None:
    """Tell the group what became of the change that it asked for."""
    text = f"{_ANSWERED[state]}, for “{title}”.\n\n{words}\n\nOur reference: {award.reference}"
    _tell(uow, award, award.group_id, key, f"{_ANSWERED[state]}: {title}", text)
