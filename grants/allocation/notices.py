"""Letters that tell each group what was decided, and why."""

from grants.allocation.models import Decision
from grants.allocation.rules.states import Verdict
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.outbox.service import address, put_mail
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.review import queries as review
from grants.review.notices import panel_words
from grants.rounds import queries as rounds
from grants.rounds.models import Round

SUBJECTS = {
    Verdict.AWARDED: "“{title}” will be funded",
    Verdict.RESERVE: "“{title}” is on the reserve list",
    Verdict.NOT_FUNDED: "“{title}” was not funded this time",
}
OPENINGS = {
    Verdict.AWARDED: "Good news: your proposal “{title}” will be funded with {awarded}.",
    Verdict.RESERVE: (
        "Your proposal “{title}” is on the reserve list. There was not enough money left for it. If money comes free, "
        "we offer it to the reserve list in the order that the results show, and we write to you again."
    ),
    Verdict.NOT_FUNDED: "We are sorry: your proposal “{title}” was not funded this time.",
}


def told(uow: UnitOfWork, round: Round, decision: Decision, proposal: Proposal, *, corrected: bool = False) -> None:
    """To every member of the group: the decision, its reason, the votes, what would have been enough, the panel's
    words, and where to turn."""
    facts = {"title": proposal.title, "awarded": show_pounds(decision.awarded_minor)}
    parts = [OPENINGS[decision.verdict].format(**facts)]
    if corrected:
        parts.insert(0, "We made a mistake in what we told you, and we are sorry. This letter replaces the one before.")
    parts.append("WHY")
    parts.append(decision.reason)
    if decision.departure_reason:
        parts.append(
            f"The panel decided otherwise than the votes alone would have. Its reason: {decision.departure_reason}"
        )
    if enough := decision.details.get("enough"):
        parts.append(enough)
    finding = review.finding_of(uow.session, proposal.id)
    if finding is not None:
        book = rounds.rule_book(round)
        words = review.words_by_criterion(uow.session, proposal.id)
        parts += ["WHAT THE PANEL SAID BEFORE THE VOTE", finding.note, panel_words(finding, words, book.criteria)]
    parts += ["WHERE TO TURN", _turn(decision), "All results, and how they were worked out:"]
    parts.append(address(f"/rounds/{round.id}/results"))
    for person_id, email in people.emails_of_group(uow.session, proposal.group_id):
        put_mail(
            uow,
            to=email,
            subject=("Corrected: " if corrected else "") + SUBJECTS[decision.verdict].format(**facts),
            text="\n\n".join(parts),
            key=f"decision:{decision.id}:{person_id}",
            subject_id=proposal.id,
        )


def _turn(decision: Decision) -> str:
    wrong = "If you think that something went wrong in how this was decided, answer this letter or talk to a steward."
    if decision.verdict is Verdict.AWARDED:
        return f"An offer with its conditions comes in a letter of its own. {wrong}"
    return f"You can ask for help with another bid at any time: answer this letter. {wrong}"
