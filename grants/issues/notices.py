"""Letters to whoever raised an issue."""

from sqlalchemy import select

from grants.issues.models import Issue
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people.models import Person


def received(uow: UnitOfWork, issue: Issue, token: str) -> None:
    """The private link. It quotes nothing of what was typed, so that nobody can send words to a stranger through us."""
    _send(
        uow,
        issue,
        "received",
        "We have what you told us",
        "Thank you for telling us what matters to you.\n\n"
        "A neighbour who looks after Seedbed will read it. Then it is published.\n"
        "Nobody can see your e-mail address.\n\n"
        "See what becomes of it on this page. It is yours alone, so keep the link:\n\n"
        + address(f"/issues/yours/{token}")
        + "\n\nIf you did not write to us, you need do nothing.",
    )


def published(uow: UnitOfWork, issue: Issue) -> None:
    """To who raised it: everybody can read it now."""
    _send(
        uow,
        issue,
        "published",
        "Your issue is published",
        f"“{issue.title}” can now be read by everybody, and others can say that it matters to them too.\n\n"
        f"{_page(issue)}",
    )


def hidden(uow: UnitOfWork, issue: Issue) -> None:
    """To who raised it: why it is not published."""
    _send(
        uow,
        issue,
        "hidden",
        "Your issue is not published",
        f"We could not publish “{issue.title}”. This is why:\n\n{issue.hidden_reason}\n\n"
        "Only you can see this reason. You can raise it again in other words:\n\n" + address("/issues/new"),
    )


def merged(uow: UnitOfWork, issue: Issue, into: Issue) -> None:
    """To who raised it: it was joined with another one."""
    _send(
        uow,
        issue,
        "merged",
        "Your issue was joined with another",
        f"“{issue.title}” says much the same as “{into.title}”, so we put them together. Everybody who "
        f"supports one now supports the other, and you will see the answer there:\n\n{_page(into)}",
    )


def answered(uow: UnitOfWork, issue: Issue) -> None:
    """To who raised it and who supports it: the answer."""
    _send_all(
        uow,
        issue,
        "answered",
        "Your issue has an answer",
        f"This is the answer to “{issue.title}”:\n\n{issue.answer}\n\n{_page(issue)}",
    )


def taken_up(uow: UnitOfWork, issue: Issue) -> None:
    """To who raised it and who supports it: it is part of a priority."""
    _send_all(
        uow,
        issue,
        "taken_up",
        "Your issue is now part of a priority",
        f"The community agreed to act on what you raised: “{issue.title}”. See what comes of it:\n\n{_page(issue)}",
    )


def closed(uow: UnitOfWork, issue: Issue) -> None:
    """To who raised it and who supports it: it is closed, with the answer."""
    _send_all(
        uow,
        issue,
        "closed",
        "Your issue is closed",
        f"“{issue.title}” is closed. This is the answer that we leave it with:\n\n{issue.answer}\n\n{_page(issue)}",
    )


def _page(issue: Issue) -> str:
    return address(f"/issues/{issue.id}")


def _send_all(uow: UnitOfWork, issue: Issue, what: str, subject: str, text: str) -> None:
    """To its author, and to the authors of what was merged into it: an answer to one is an answer to all."""
    merged = uow.session.scalars(select(Issue).where(Issue.merged_into_id == issue.id).order_by(Issue.id))
    for one in (issue, *merged):
        _send(uow, one, what, subject, text)


def _send(uow: UnitOfWork, issue: Issue, what: str, subject: str, text: str) -> None:
    to = issue.contact_email or _address_of(uow, issue)
    if to:
        # Published a second time after it was hidden is a second letter, so the moment is part of the key.
        key = f"issue:{issue.id}:{what}:{uow.now.isoformat()}"
        put_mail(uow, to=to, subject=subject, text=text, key=key, subject_id=issue.id)


def _address_of(uow: UnitOfWork, issue: Issue) -> str | None:
    if issue.raised_by_id is None:
        return None
    author = uow.session.get(Person, issue.raised_by_id)
    return author.email if author is not None else None
