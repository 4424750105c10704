"""The words of letters to people and groups."""

from collections.abc import Iterable
from uuid import UUID

from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people.models import Group, Hosting, Person, SignInLink

SIGNATURE = "\n\nSeedbed: small grants, shared out by the people who live here\n"


def sign_in_link(uow: UnitOfWork, link: SignInLink, token: str) -> None:
    """The link, for the address that asked for it."""
    put_mail(
        uow,
        to=link.email,
        subject="Your link to sign in to Seedbed",
        text="Hello,\n\nopen this link and press the button to sign in:\n\n"
        + address(f"/sign-in/{token}")
        + "\n\nIt works once, for 20 minutes. If you did not ask for it, do nothing: nobody can sign in without it."
        + SIGNATURE,
        key=f"sign-in:{link.id}",
        subject_id=link.id,
    )


def added_to_group(uow: UnitOfWork, group: Group, person: Person, key: str) -> None:
    """To somebody who was made a member of a group."""
    if person.email:
        put_mail(
            uow,
            to=person.email,
            subject=f"You are now a member of {group.name}",
            text=f"Hello {person.name},\n\n{uow.actor.name} has added you to the group “{group.name}” on Seedbed, "
            "where people who live here share out small grants.\n\nSign in with this e-mail address to see it:\n\n"
            + address(f"/groups/{group.id}")
            + "\n\nDid you not expect this? Sign in and leave the group, or tell us."
            + SIGNATURE,
            key=key,
            subject_id=group.id,
        )


def host_asked(uow: UnitOfWork, hosting: Hosting, people: Iterable[tuple[UUID, str]]) -> None:
    """To everybody in the host who may sign off."""
    for person_id, email in people:
        put_mail(
            uow,
            to=email,
            subject=f"{hosting.group.name} asks {hosting.host.name} to be its host",
            text=f"Hello,\n\nthe group “{hosting.group.name}” has no bank account. It asks “{hosting.host.name}” to be "
            "its host: to hold the money if it gets a grant, and to sign the agreement with it.\n\n"
            "Please say yes or no here:\n\n" + address(f"/groups/{hosting.host_id}/hosting") + SIGNATURE,
            key=f"hosting:{hosting.id}:asked:{person_id}",
            subject_id=hosting.id,
        )


def host_answered(uow: UnitOfWork, hosting: Hosting, people: Iterable[tuple[UUID, str]]) -> None:
    """To everybody in the group."""
    yes = hosting.reason is None
    said = "has agreed to be your host" if yes else "cannot be your host"
    after = (
        "Your group can now apply for grants." if yes else f"They say:\n\n{hosting.reason}\n\nYou can ask another host."
    )
    for person_id, email in people:
        put_mail(
            uow,
            to=email,
            subject=f"{hosting.host.name} {said}",
            text=f"Hello,\n\n“{hosting.host.name}” {said} for “{hosting.group.name}”.\n\n{after}\n\n"
            + address(f"/groups/{hosting.group_id}")
            + SIGNATURE,
            key=f"hosting:{hosting.id}:{hosting.state.value}:{person_id}",
            subject_id=hosting.id,
        )


def role_given(uow: UnitOfWork, person: Person, words: str, key: str) -> None:
    """To somebody who got a role; ``words`` name it."""
    if person.email:
        put_mail(
            uow,
            to=person.email,
            subject="You have a new role on Seedbed",
            text=f"Hello {person.name},\n\nyou now have this role:\n\n{words}\n\nSign in to see what you can do:\n\n"
            + address("/home")
            + SIGNATURE,
            key=key,
            subject_id=person.id,
        )


def factor_taken_off(uow: UnitOfWork, person: Person, *, by_another: bool = False) -> None:
    """To whom it belonged, whoever took it off."""
    if person.email:
        who = "An admin has taken off" if by_another else "You have taken off"
        put_mail(
            uow,
            to=person.email,
            subject="Your second step on Seedbed was taken off",
            text=f"Hello {person.name},\n\n{who} the second step of your account: no number from an app is asked for "
            "any more when you sign in."
            + (" You were signed out on every device.\n\n" if by_another else "\n\n")
            + "Set it up again, with your new phone, here:\n\n"
            + address("/second-step")
            + "\n\nDid you not ask for this? Tell us at once: somebody may be reading your mail."
            + SIGNATURE,
            key=f"factor:{person.id}:off:{uow.now.isoformat()}",
            subject_id=person.id,
        )


def code_used(uow: UnitOfWork, person: Person, left: int) -> None:
    """To somebody whose recovery code was used; ``left``: how many they still have."""
    if person.email:
        put_mail(
            uow,
            to=person.email,
            subject="A recovery code of yours was used on Seedbed",
            text=f"Hello {person.name},\n\none of your recovery codes was just used instead of a number from your app. "
            f"You have {left} left.\n\nMake new ones, or set up another phone, here:\n\n"
            + address("/second-step")
            + "\n\nWas it not you? Tell us at once, and sign out everywhere."
            + SIGNATURE,
            key=f"factor:{person.id}:code:{uow.now.isoformat()}",
            subject_id=person.id,
        )
