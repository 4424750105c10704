"""Letters about what the panel found."""

from collections.abc import Mapping, Sequence

from grants.funds.notices import turn_elsewhere
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.review.models import PanelFinding, Review
from grants.review.rules import sentence_for
from grants.rounds.models import Round
from grants.rounds.rules.dates import show_moment
from grants.rounds.rules.panel import Criterion


def assigned(uow: UnitOfWork, round: Round, reviews: Sequence[Review]) -> None:
    """To each panellist who was given bids: how many, where, and by when. One letter each."""
    mine: dict[str, list[Review]] = {}
    for one in reviews:
        mine.setdefault(str(one.panellist_id), []).append(one)
    for given in mine.values():
        person = people.person(uow.session, given[0].panellist_id)
        if person.email is None:
            continue
        bids = "1 bid" if len(given) == 1 else f"{len(given)} bids"
        put_mail(
            uow,
            to=person.email,
            subject=f"You have {bids} to read for “{round.title}”",
            text=(
                f"Thank you for sitting on the panel of “{round.title}”. You were given {bids}.\n\n"
                "First say for each one whether you have an interest in it. Then read it and score it.\n"
                f"Please hand in by {show_moment(round.voting_opens_at)}, when voting is to open.\n\n"
                + address(f"/rounds/{round.id}/panel")
            ),
            key=f"panel:{round.id}:{given[0].id}:assigned",
            subject_id=round.id,
        )


def kept_off(
    uow: UnitOfWork,
    proposal: Proposal,
    finding: PanelFinding,
    words: Mapping[str, Sequence[str]],
    criteria: Sequence[Criterion],
) -> None:
    """To every member of a group whose bid did not pass: what the panel found and said, and where to turn."""
    parts = [
        f"We are sorry: “{proposal.title}” does not go to the vote this time.",
        finding.note,
        "WHAT THE PANEL SAID",
        panel_words(finding, words, criteria),
        "If you think that something went wrong in how this was done, answer this letter or talk to a steward before "
        "the vote opens. You can also work on the bid and ask again in another round: we are glad to help.",
        *turn_elsewhere(uow, proposal.round.fund_id),
        address(f"/proposals/{proposal.id}"),
    ]
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=f"“{proposal.title}” does not go to the vote",
            text="\n\n".join(parts),
            key=f"panel:{proposal.id}:kept_off:{person_id}",
            subject_id=proposal.id,
        )


def panel_words(finding: PanelFinding, words: Mapping[str, Sequence[str]], criteria: Sequence[Criterion]) -> str:
    """The panel's average and its reasons for each criterion, as plain text."""
    blocks = []
    for criterion in criteria:
        average = finding.by_criterion.get(criterion.id, {}).get("average")
        sentence = sentence_for(criterion, average)
        score = f"{sentence} ({average} of 3 on average)" if sentence else "There was not enough information to score."
        lines = [f"- {reason}" for reason in words.get(criterion.id, ())]
        blocks.append("\n".join([f"{criterion.name}: {score}", *lines]))
    return "\n\n".join(blocks)
