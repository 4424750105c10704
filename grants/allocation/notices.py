"""Letters that tell each group what was decided, and why."""

from collections.abc import Mapping, Sequence

from grants.allocation import queries
from grants.allocation.models import Decision
from grants.allocation.rules.facts import BidFacts
from grants.allocation.rules.letter import Heard, Letter, Told, enough_words, write
from grants.allocation.rules.states import last_day_to_appeal
from grants.funds.models import Fund
from grants.funds.rules import places_elsewhere
from grants.kernel.actors import Role
from grants.kernel.clock import show_day
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.proposals.notices import readers
from grants.review import queries as review
from grants.review.models import PanelFinding
from grants.review.rules import sentence_for
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.panel import Criterion


def told(uow: UnitOfWork, round: Round, decision: Decision, proposal: Proposal, *, corrected: bool = False) -> Letter:
    """To every member of the group: the decision, its reason, the votes, what would have been enough, the panel's
    words, where to turn, and how to appeal. Gives the letter, to be kept as it was sent."""
    letter = _letter(uow, round, decision, proposal, corrected)
    for person_id, email in readers(uow, proposal):
        put_mail(
            uow,
            to=email,
            subject=letter.subject,
            text=letter.text(address),
            key=f"decision:{decision.id}:{person_id}",
            subject_id=proposal.id,
        )
    return letter


def _letter(uow: UnitOfWork, round: Round, decision: Decision, proposal: Proposal, corrected: bool) -> Letter:
    book = rounds.rule_book(round)
    facts = queries.facts_to_tell(queries.run(uow.session, decision.run_id), book)
    mine: BidFacts | None = facts.of(proposal.id) if facts else None
    finding = review.finding_of(uow.session, proposal.id)
    words = review.words_by_criterion(uow.session, proposal.id) if finding is not None else {}
    return write(
        Told(
            decision_id=decision.id,
            round_id=round.id,
            verdict=decision.verdict,
            title=proposal.title,
            awarded_minor=decision.awarded_minor,
            reason=decision.reason,
            departure_reason=decision.departure_reason,
            conditions=decision.conditions,
            enough=() if decision.departs else enough_words(mine, decision.details.get("enough") or ""),
            voters=facts.voters if facts else 0,
            supporters=mine.supporters if mine else None,
            finding=finding.note if finding is not None else None,
            heard=_heard(finding, words, book.criteria),
            elsewhere=places_elsewhere(uow.get(Fund, round.fund_id).elsewhere),
            appeal_days=book.appeal_days,
            appeal_until=show_day(last_day_to_appeal(uow.now, book.appeal_days)),
            corrected=corrected,
        )
    )


def _heard(
    finding: PanelFinding | None, words: Mapping[str, Sequence[str]], criteria: Sequence[Criterion]
) -> tuple[Heard, ...]:
    if finding is None:
        return ()
    heard = []
    for criterion in criteria:
        average = finding.by_criterion.get(criterion.id, {}).get("average")
        sentence = sentence_for(criterion, average)
        heard.append(Heard(criterion.name, sentence, average, tuple(words.get(criterion.id, ()))))
    return tuple(heard)


def feedback_asked(uow: UnitOfWork, round: Round, decision: Decision, proposal: Proposal, words: str) -> None:
    """To the stewards of the fund: a group would like to talk about what was decided."""
    for person_id, email in people.emails_of_role(uow.session, Role.STEWARD, round.fund_id):
        put_mail(
            uow,
            to=email,
            subject=f"The group of “{proposal.title}” asks for feedback",
            text=(
                f"The group of “{proposal.title}” would like to talk about what was decided. They write:\n\n{words}\n\n"
                f"The letter that they got:\n{address(f'/decisions/{decision.id}/letter')}\n\n"
                f"The proposal, with who is in the group:\n{address(f'/proposals/{proposal.id}')}"
            ),
            key=f"feedback:{decision.id}:{_moment(uow)}:{person_id}",
            subject_id=proposal.id,
        )


def _moment(uow: UnitOfWork) -> str:
    return f"{uow.now:%Y%m%dT%H%M%S%f}"
