"""Why each bid was or was not funded under equal shares and Phragmén, true to the penny."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grants.allocation.rules.election import Election, Gate
from grants.allocation.rules.phragmen import Paced
from grants.allocation.rules.result import Reason
from grants.allocation.rules.shares import Bought, Pass, Paths, Settings, Shared, follow, run_once
from grants.allocation.rules.words import Words, people


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one bid. ``left_before``: in the pot when its turn came, or at the end.

    ``spent``: what its supporters spent on each bid bought, ``kept``: what they had left (equal shares only).
    """

    bid: int
    code: Reason
    reason: str
    left_before: int
    spent: dict[int, Fraction] | None = None
    kept: Fraction | None = None

    @property
    def funded(self) -> bool:
        return self.code is Reason.FUNDED


def tell_shares(
    election: Election,
    settings: Settings,
    gate: Gate,
    shared: Shared,
    names: Sequence[str] | None,
    words: Words,
    totals_only: bool = False,
) -> list[Told]:
    """One for each bid: the winners in the order bought, then the others by votes. One replay of the last run.

    ``names``: of the bids; nothing: it is not said on which others the supporters' money went (where few people vote,
    that would tell who chose what). ``totals_only``: nor how much of it was left.
    """
    done = kept(election, settings, gate, shared)
    paths = follow(election, done)
    told, left = list[Told](), election.pot
    for purchase in done.purchases:
        told.append(_bought(election, purchase, done.share, paths, left, names is not None, words, totals_only))
        left -= election.costs[purchase.bid]
    after_shares = left
    top_up_before: dict[int, int] = {}
    for bid in election.for_the_rest():
        top_up_before[bid] = left
        if bid in shared.added:
            reason = (
                f"Funded from what was left, by most {words.many}: {words.votes(election.votes[bid])}. "
                f"{words.money(left)} was left when its turn came, and it asks for {words.money(election.costs[bid])}. "
                f"Before that, {_short(election, bid, paths, words, totals_only)}"
            )
            told.append(Told(bid, Reason.FUNDED, reason, left, paths.spent[bid], paths.left[bid]))
            left -= election.costs[bid]
    tops = settings.completion == "add1u"
    for bid in election.by_votes():
        if bid not in shared.winners:
            before = top_up_before[bid] if tops else after_shares
            told.append(_not_bought(election, bid, gate, shared, tops, before, paths, names, words, totals_only))
    return told


def kept(election: Election, settings: Settings, gate: Gate, shared: Shared) -> Pass:
    """The last run again, with every purchase remembered."""
    done = run_once(election, shared.final.share, settings.by_cost, gate, keep=True)
    assert done.order == shared.final.order
    return done


def _bought(
    election: Election,
    purchase: Bought,
    share: Fraction,
    paths: Paths,
    left: int,
    full: bool,
    words: Words,
    totals_only: bool,
) -> Told:
    """``full``: also who had nothing left to pay with."""
    bid = purchase.bid
    emptied, payers = int(election.people[purchase.emptied].sum()), paths.payers[bid]
    ways = []
    if payers:
        per = " for each point" if election.points is not None else " each" if payers > 1 else ""
        ways.append(f"{people(payers)} with enough left paid {words.money(purchase.price)}{per}")
    if emptied:
        ways.append(f"{people(emptied)} paid all that they had left")
    if full and (none := election.supporters[bid] - payers - emptied):
        ways.append(f"{people(none)} had nothing left")
    reason = (
        f"Funded: {people(election.supporters[bid])} chose it, and each person controlled {words.money(share)}. "
        f"Together they could pay the {words.money(election.costs[bid])} that it asks for"
    )
    reason += "." if totals_only else f": {_listed(ways)}."
    return Told(bid, Reason.FUNDED, reason, left, paths.spent[bid], paths.left[bid])


def _listed(parts: Sequence[str]) -> str:
    return ", and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def _short(election: Election, bid: int, paths: Paths, words: Words, totals_only: bool) -> str:
    supporters = election.supporters[bid]
    if not supporters:
        return "nobody had chosen it."
    if totals_only:
        return f"the {people(supporters)} who chose it could not pay for it{' together' if supporters > 1 else ''}."
    cost, left = election.costs[bid], paths.left[bid]
    return f"the {people(supporters)} who chose it had {words.money(left)} left between them of {words.money(cost)}."


def _not_bought(
    election: Election,
    bid: int,
    gate: Gate,
    shared: Shared,
    tops: bool,
    before: int,
    paths: Paths,
    names: Sequence[str] | None,
    words: Words,
    totals_only: bool,
) -> Told:
    cost, supporters = election.costs[bid], election.supporters[bid]

    def told(code: Reason, reason: str) -> Told:
        return Told(bid, code, reason, before, paths.spent[bid], paths.left[bid])

    if not gate.wants(bid):
        return told(
            Reason.TOO_FEW_VOTES,
            f"Not funded: {words.votes(election.votes[bid])}; this round asks for at least "
            f"{words.number(gate.minimum_votes)}.",
        )
    refusal = shared.final.refused.get(bid) or gate.excluded(shared.winners, bid)
    refusal = refusal or (gate.refuses(shared.winners, bid) if tops and cost <= before else None)
    if refusal:
        return told(Reason(refusal[0]), f"Not funded: {refused(refusal, gate, words)}")
    parts = [f"Not funded: it asks for {words.money(cost)}."]
    if supporters and totals_only:
        parts.append(_could_not(supporters, supporters * shared.final.share, shared.final.share, cost, words))
    elif supporters:
        spent = sorted(paths.spent[bid].items(), key=lambda one: (-one[1], election.lots[one[0]]))
        parts.append(
            f"{people(supporters)} chose it; each controlled {words.money(shared.final.share)}, "
            f"{words.money(supporters * shared.final.share)} between them."
        )
        if spent and names is None:
            gone = sum((amount for _, amount in spent), Fraction(0))
            parts.append(f"Of this, {words.money(gone)} had gone to others that they chose too.")
        elif spent and names is not None:
            most = ", ".join(
                f"{words.money(amount)}{' had gone' if at == 0 else ''} to {names[other]}"
                for at, (other, amount) in enumerate(spent[:3])
            )
            others = sum((amount for _, amount in spent[3:]), Fraction(0))
            more = f", and {words.money(others)} to {len(spent) - 3} more" if spent[3:] else ""
            parts.append(f"Of this, {most}{more}, which they chose too.")
        parts.append(f"{words.money(paths.left[bid])} was left.")
    else:
        parts.append("Nobody chose it.")
    if not tops:
        return told(Reason.SUPPORTERS_SHORT, " ".join(parts))
    parts.append(
        f"When the rest of the pot was shared by most {words.many}, {words.money(before)} was left at its turn."
    )
    return told(Reason.DOES_NOT_FIT, " ".join(parts))


def _could_not(supporters: int, between: Fraction, share: Fraction, cost: int, words: Words) -> str:
    """That they could not pay, from totals alone: where they had enough between them, some of it must have gone."""
    one = supporters == 1
    if one:
        told = f"1 person chose it, and controlled {words.money(share)}"
    else:
        told = (
            f"{people(supporters)} chose it; each controlled {words.money(share)}, {words.money(between)} between them"
        )
    if between < cost:
        return f"{told}. That is less than it asks for."
    also = "this person" if one else "they"
    return f"{told}. Too much of this had gone to others that {also} chose too, so {also} could not pay for it."


def refused(refusal: tuple[str, str | None], gate: Gate, words: Words) -> str:
    """A gate's answer in words."""
    code, said = refusal
    if said is not None:
        return said
    if code == "group_full":
        return f"only {gate.group_limit} of the same group can win, and as many did before it."
    return f"its group would get more than {words.money(gate.group_cap or 0)}, the most for one group."


def tell_phragmen(election: Election, gate: Gate, paced: Paced, words: Words, totals_only: bool = False) -> list[Told]:
    """One for each bid: the winners in the order bought, then the others by votes.

    ``totals_only``: not at which moment, since that tells what supporters had spent before.
    """
    told = []
    for bid, moment in zip(paced.order, paced.moments, strict=True):
        who = f"the {people(election.supporters[bid])} who chose it"
        asks = f"the {words.money(election.costs[bid])} that it asks for"
        reason = (
            f"Funded: {who} had earned {asks}."
            if totals_only
            else f"Funded: when each person had earned {words.money(moment)}, {who} had {asks}."
        )
        told.append(Told(bid, Reason.FUNDED, reason, paced.left_before[bid]))
    left = election.pot - sum(election.costs[bid] for bid in paced.order)
    for bid in election.by_votes():
        if bid in paced.order:
            continue
        cost, before = election.costs[bid], paced.left_before.get(bid, left)
        asks = f"it asks for {words.money(cost)}"
        if not gate.wants(bid):
            least = words.number(gate.minimum_votes)
            code, reason = (
                Reason.TOO_FEW_VOTES,
                f"{words.votes(election.votes[bid])}; this round asks for at least {least}.",
            )
        elif refusal := paced.refused.get(bid) or gate.excluded(paced.order, bid):
            code, reason = Reason(refusal[0]), refused(refusal, gate, words)
        elif not election.supporters[bid]:
            code, reason = Reason.SUPPORTERS_SHORT, "nobody chose it."
        elif cost > election.pot:
            code, reason = Reason.DOES_NOT_FIT, f"{asks}, and the whole pot is {words.money(election.pot)}."
        elif bid == paced.stopped_by or bid in paced.left_before:
            code, reason = Reason.DOES_NOT_FIT, f"{asks}, and {words.money(before)} was left when its turn came."
        else:
            code = Reason.AFTER_STOP
            reason = f"{asks}; another bid came first, asked for more than was left, and that ends the sharing."
        told.append(Told(bid, code, f"Not funded: {reason}", before))
    return told
