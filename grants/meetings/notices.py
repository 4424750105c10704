"""The invitation to a panel's meeting."""

from collections.abc import Sequence
from uuid import UUID

from grants.kernel.work import UnitOfWork
from grants.meetings.models import Meeting
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.rounds.models import Round
from grants.rounds.rules.dates import show_moment


def invited(uow: UnitOfWork, round: Round, meeting: Meeting, members: Sequence[UUID]) -> None:
    """To every member of the panel: when and where, and that nobody hears of a bid in which they have an interest."""
    for person_id in members:
        email = people.person(uow.session, person_id).email
        if email is None:
            continue
        put_mail(
            uow,
            to=email,
            subject=f"The panel of “{round.title}” meets",
            text=(
                f"The panel of “{round.title}” meets {show_moment(meeting.starts_at)}, at {meeting.place}.\n\n"
                "The votes are counted. You go through what they say, bid by bid. Please step out of the room for a "
                "bid in which you have an interest; your page does not show it.\n\n"
                + address(f"/rounds/{round.id}/meeting")
            ),
            key=f"meeting:{meeting.id}:{meeting.starts_at:%Y%m%d%H%M}:{person_id}",
            subject_id=round.id,
        )
