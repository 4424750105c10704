"""Finished elections of other towns, shared by our rules."""

from grants.allocation import queries
from grants.allocation.rules.elsewhere import Elsewhere
from grants.allocation.rules.states import STEPS, DecisionAction, Departure, Verdict
from grants.allocation.service.deciding import ratify
from grants.allocation.service.runs import store_run
from grants.funds.service import pots
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.people.service import accounts as people_service
from grants.proposals.service import bids as proposals_service
from grants.rounds import service as rounds_service
from grants.rounds.models import Round
from grants.voting.service import votes as voting_service


def import_election(uow: UnitOfWork, elsewhere: Elsewhere, imported_from: str) -> Round:
    """A finished election elsewhere becomes a finished round here, ballots and all. By the clock.

    Shared by the rule of ours that comes nearest to its own. Where it decided otherwise, and its file says so, that is
    what the round shows, as a departure.
    """
    fund = pots.fund_for_elsewhere(uow)
    book = elsewhere.book(fund.id)
    round = rounds_service.import_finished(uow, book, summary=elsewhere.summary, imported_from=imported_from[:200])
    reader = people_service.ensure_person(uow, "elsewhere@seedbed.invalid", "Elections from elsewhere")
    group = people_service.group_elsewhere(uow, "Groups elsewhere", "Those who proposed something in another town.")
    bids = [
        proposals_service.import_bid(uow, round, group, reader, title, cost, number)
        for number, (title, cost) in enumerate(zip(elsewhere.titles, elsewhere.costs_minor, strict=True), start=1)
    ]
    uow.session.flush()
    lines = [(bid.id, bid.applied_for_minor) for bid in bids]
    voting_service.import_count(uow, round, lines, elsewhere.kept)
    store_run(uow, round)
    selected = {bid.id: there for bid, there in zip(bids, elsewhere.selected, strict=True)}
    other_money = {bid.id for bid, other in zip(bids, elsewhere.other_money, strict=False) if other}
    titles = {bid.id: bid for bid in bids}
    for one in queries.decisions(uow.session, round.id):
        there = selected[one.proposal_id]
        departure = None
        if one.proposal_id in other_money and one.verdict is not Verdict.NOT_FUNDED:
            words = "There it was funded with money from outside this pot."
            departure = Departure(one.proposal_id, Verdict.NOT_FUNDED, words)
        elif one.proposal_id not in other_money and there not in (None, one.verdict is Verdict.AWARDED):
            verdict = Verdict.AWARDED if there else Verdict.NOT_FUNDED
            departure = Departure(one.proposal_id, verdict, f"There it was {'' if there else 'not '}funded.")
        if one.verdict is Verdict.RESERVE:
            one.verdict = Verdict.NOT_FUNDED  # nobody there waits for money of ours
        made = ratify(uow, one, titles[one.proposal_id], departure)
        before = made.state
        made.state, made.notified_at = next_state(STEPS, before, DecisionAction.NOTIFY), uow.now
        uow.record("decision.notified", made, before=before, after=made.state, proposal=made.proposal_id)
        proposals_service.note_verdict(uow, titles[one.proposal_id], made.verdict.value)
    rounds_service.finish_imported(uow, round)
    return round
