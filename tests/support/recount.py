"""Sharing the pot once more, person by person and in fractions: slow, and nothing of the application's counting in it.

An oracle for what the pages print of single bids: approval ballots, no groups, no restrictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.facts import BidFacts, RunFacts, Step, Way
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.registry import RULES
from grants.rounds.rules.sharing import Options

Box = Sequence[frozenset[int]]
"""One set of places in the list of bids for each person."""


def recount(bids: Sequence[Bid], box: Box, pot: int, rule: str, options: Options | None = None) -> RunFacts:
    """What is to be told of the run."""
    options = options or {}
    votes = [sum(at in chosen for chosen in box) for at in range(len(bids))]
    share, runs, paid = None, None, dict[int, dict[int, Fraction]]()
    if rule == "equal_shares":
        share, runs, order, paid = _equal_shares(bids, box, pot, votes)
        ways = dict.fromkeys(order, Way.SHARES)
        left = pot - sum(bids[at].cost_minor for at in order)
        for at in sorted(range(len(bids)), key=lambda at: (-votes[at], bids[at].lot)):
            if at not in ways and votes[at] and bids[at].cost_minor <= left:
                ways[at] = Way.VOTES
                left -= bids[at].cost_minor
        earned = dict.fromkeys(range(len(box)), share)
    elif rule == "phragmen":
        order, paid, moments = _phragmen(bids, box, pot)
        ways = dict.fromkeys(order, Way.PACE)
        earned = dict.fromkeys(range(len(box)), moments[-1] if moments else Fraction(0))
    else:
        ways = dict.fromkeys(_most_votes(bids, votes, pot), Way.VOTES)
        earned = {}
    winners = list(ways)
    steps, left = [], pot
    turns: dict[int, int] = {}
    for place, at in enumerate(winners):
        turns[at] = left
        left -= bids[at].cost_minor
        price, paying, emptied = None, 0, 0
        if ways[at] is Way.SHARES:
            most = max(paid[at].values())
            held = {
                who: earned[who] - sum(paid[b].get(who, 0) for b in winners[:place] if b in paid) for who in paid[at]
            }
            emptied = sum(amount == held[who] for who, amount in paid[at].items())
            price, paying = int(most), len(paid[at]) - emptied
        elif ways[at] is Way.PACE:
            price = int(moments[place])
        steps.append(Step(bids[at].id, ways[at], bids[at].cost_minor, left, price, paying, emptied))
    by_votes = _most_votes(bids, votes, pot)
    told = []
    for at, bid in enumerate(bids):
        fans = [who for who, chosen in enumerate(box) if at in chosen]
        spent = [(bids[b].id, sum((paid[b].get(who, Fraction(0)) for who in fans), Fraction(0))) for b in paid]
        kept = sum((earned[who] for who in fans), Fraction(0)) - sum(amount for _, amount in spent) if earned else None
        also = [(bids[b].id, sum(b in box[who] for who in fans)) for b in winners]
        won = at in ways
        told.append(
            BidFacts(
                bid.id,
                len(fans),
                sum(any(b in box[who] for b in winners) for who in fans),
                turns.get(at, left),
                tuple((id, number) for id, number in also if number),
                tuple((id, int(amount)) for id, amount in spent if amount),
                None if kept is None else int(kept),
                None if won else _enough_cost(bids, box, pot, rule, options, at),
                None if won else _enough_people(bids, box, pot, rule, options, at),
            )
        )
    reached = [sum(any(at in chosen for at in some) for chosen in box) for some in (winners, by_votes)]
    return RunFacts(
        len(box),
        tuple(steps),
        tuple(bids[at].id for at in by_votes),
        *reached,
        tuple(told),
        None if share is None else int(share),
        runs,
    )


def _most_votes(bids: Sequence[Bid], votes: Sequence[int], pot: int) -> list[int]:
    won = []
    for at in sorted(range(len(bids)), key=lambda at: (-votes[at], bids[at].cost_minor, bids[at].lot)):
        if votes[at] and bids[at].cost_minor <= pot - sum(bids[b].cost_minor for b in won):
            won.append(at)
    return won


def _one_run(
    bids: Sequence[Bid], box: Box, pot: int, votes: Sequence[int], share: Fraction
) -> tuple[list[int], dict[int, dict[int, Fraction]]] | None:
    held = dict.fromkeys(range(len(box)), share)
    paid: dict[int, dict[int, Fraction]] = {}
    while True:
        best = None
        for at, bid in enumerate(bids):
            fans = sorted((who for who, chosen in enumerate(box) if at in chosen), key=lambda who: held[who])
            if at in paid or sum(held[who] for who in fans) < bid.cost_minor:
                continue
            rest = Fraction(bid.cost_minor)
            for place, who in enumerate(fans):
                price = rest / (len(fans) - place)
                if held[who] >= price:
                    break
                rest -= held[who]
            rank = (price / bid.cost_minor, bid.cost_minor, -votes[at], bid.lot)
            if best is None or rank < best[0]:
                best = rank, at, price, fans
        if best is None:
            return list(paid), paid
        _, at, price, fans = best
        if sum(bids[b].cost_minor for b in (*paid, at)) > pot:
            return None
        paid[at] = {who: min(held[who], price) for who in fans if held[who]}
        for who, amount in paid[at].items():
            held[who] -= amount


def _equal_shares(
    bids: Sequence[Bid], box: Box, pot: int, votes: Sequence[int]
) -> tuple[Fraction, int, list[int], dict[int, dict[int, Fraction]]]:
    """With the habits of a rule-book: by cost, from whole pounds, a pound more at a time, until nothing would fit."""
    share, runs = Fraction(pot // len(box) // 100 * 100), 1
    done = _one_run(bids, box, pot, votes, share)
    assert done is not None
    while True:
        order, paid = done
        left = pot - sum(bids[at].cost_minor for at in order)
        if not any(bids[at].cost_minor <= left and votes[at] and at not in order for at in range(len(bids))):
            return share, runs, order, paid
        after, runs = _one_run(bids, box, pot, votes, share + 100), runs + 1
        if after is None:
            return share, runs, order, paid
        share, done = share + 100, after


def _phragmen(
    bids: Sequence[Bid], box: Box, pot: int
) -> tuple[list[int], dict[int, dict[int, Fraction]], list[Fraction]]:
    last = dict.fromkeys(range(len(box)), Fraction(0))
    paid: dict[int, dict[int, Fraction]] = {}
    moments: list[Fraction] = []
    while True:
        due = []
        for at, bid in enumerate(bids):
            fans = [who for who, chosen in enumerate(box) if at in chosen]
            if at not in paid and fans and bid.cost_minor <= pot:
                moment = (bid.cost_minor + sum(last[who] for who in fans)) / Fraction(len(fans))
                due.append((moment, bid.cost_minor, -len(fans), bid.lot, at))
        if not due:
            return list(paid), paid, moments
        moment, _, _, _, at = min(due)
        left = pot - sum(bids[b].cost_minor for b in paid)
        if any(bids[one[4]].cost_minor > left for one in due if one[0] == moment):
            return list(paid), paid, moments
        paid[at] = {who: moment - last[who] for who, chosen in enumerate(box) if at in chosen}
        for who in paid[at]:
            last[who] = moment
        moments.append(moment)


def wins(bids: Sequence[Bid], box: Box, pot: int, rule: str, options: Options, at: int) -> bool:
    """Whether this bid is funded by the rule as rounds use it."""
    ballots = Ballots.merged([bids[b].id for b in chosen] for chosen in box)
    outcomes = RULES[rule].share(bids, ballots, pot, options, always_fundable)
    return any(one.bid_id == bids[at].id and one.awarded_minor for one in outcomes)


def at_cost(bids: Sequence[Bid], at: int, cost: int) -> list[Bid]:
    """The same bids, this one at another price."""
    return [Bid(bid.id, cost if b == at else bid.cost_minor, bid.lot, bid.group_id) for b, bid in enumerate(bids)]


def _enough_cost(
    bids: Sequence[Bid], box: Box, pot: int, rule: str, options: Mapping[str, object], at: int
) -> int | None:
    low, high = 0, bids[at].cost_minor
    while high - low > 1:
        middle = (low + high) // 2
        won = wins(at_cost(bids, at, middle), box, pot, rule, options, at)  # type: ignore[arg-type]
        low, high = (middle, high) if won else (low, middle)
    return low or None


def _enough_people(
    bids: Sequence[Bid], box: Box, pot: int, rule: str, options: Mapping[str, object], at: int
) -> int | None:
    for more in range(1, len(box) + 1):
        if wins(bids, [*box, *[frozenset({at})] * more], pot, rule, options, at):  # type: ignore[arg-type]
            return more
    return None
