"""Funds: the life of a contribution, what restricted money may be spent on, and which money pays for what.

Whether a set of awards can be paid is a flow problem: money flows from each source to every need that its restriction
allows; the set is fundable when the largest flow pays for all of it. Everything is exact, in whole pence, and the same
whatever order things come in.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.kernel.money import share_out, show_pounds

T = TypeVar("T")


class ContributionState(StrEnum):
    """Where a funder's money stands."""

    PLEDGED = "pledged"
    AGREED = "agreed"
    RECEIVED = "received"


class ContributionAction(StrEnum):
    """What can be done to a contribution."""

    AGREE = "agree"
    RECEIVE = "receive"


class PaysBy(StrEnum):
    """How a fund's groups are paid."""

    STRIPE = "stripe"
    BANK_RUN = "bank_run"
    MEMORY = "memory"
    """Pretend money: never in production."""


ONBOARDS = frozenset({PaysBy.STRIPE})
"""Ways in which a group has an account of its own with whoever pays it, and needs no bank account with us."""
PAYS_BY_WORDS = {
    PaysBy.STRIPE: "Stripe pays each group",
    PaysBy.BANK_RUN: "Council finance pays from a file that we make",
    PaysBy.MEMORY: "The pretend bank: no real money moves",
}


STEPS: dict[tuple[ContributionState, ContributionAction], ContributionState] = {
    (ContributionState.PLEDGED, ContributionAction.AGREE): ContributionState.AGREED,
    (ContributionState.AGREED, ContributionAction.RECEIVE): ContributionState.RECEIVED,
}


class UnspentState(StrEnum):
    """Where a question about unspent money stands."""

    OFFERED = "offered"
    CARRIED_OVER = "carried_over"
    TO_RETURN = "to_return"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class UnspentAction(StrEnum):
    """What can be done about unspent money."""

    CARRY_OVER = "carry_over"
    ASK_BACK = "ask_back"
    RETURN = "return"
    WITHDRAW = "withdraw"


UNSPENT_STEPS: dict[tuple[UnspentState, UnspentAction], UnspentState] = {
    (UnspentState.OFFERED, UnspentAction.CARRY_OVER): UnspentState.CARRIED_OVER,
    (UnspentState.OFFERED, UnspentAction.ASK_BACK): UnspentState.TO_RETURN,
    (UnspentState.OFFERED, UnspentAction.WITHDRAW): UnspentState.WITHDRAWN,
    (UnspentState.TO_RETURN, UnspentAction.RETURN): UnspentState.RETURNED,
}


@dataclass(frozen=True, slots=True)
class WayBack:
    """How far money is that goes back to a payer through a provider. ``words``: after "£5 went back …" is not sure."""

    words: str
    ask_again: bool = False


def way_back(*, handed_over: bool, tries: int, given_up: bool) -> WayBack:
    """What is told of a refund until the provider says that it is done.

    >>> way_back(handed_over=False, tries=0, given_up=False).words
    'It is handed to Stripe within minutes.'
    """
    if handed_over:
        return WayBack("Stripe has it, and has not said yet that it arrived. There is nothing to do.")
    if not tries:
        return WayBack("It is handed to Stripe within minutes.")
    asked = "once" if tries == 1 else f"{tries} times"
    if given_up:
        return WayBack(
            f"Stripe was asked {asked}, and nobody knows whether the money went. Look at this payment in the pages of "
            "Stripe. Then ask again here: what went already is found, so it cannot go twice. Never give it back by "
            "hand.",
            ask_again=True,
        )
    return WayBack(
        f"Stripe was asked {asked}, and the answer is not known yet. It is asked again by itself, so there is nothing "
        "to do: what went already is found, and cannot go twice."
    )


WARN_BEFORE = timedelta(days=60)
"""How long before its last day free money is warned of."""

BENEFICIARIES: dict[str, str] = {
    "children": "children up to 11",
    "young": "young people, 12 to 25",
    "older": "older people",
    "disabled": "disabled people",
    "carers": "people who care for somebody",
    "ethnic": "people of one or more ethnic backgrounds",
    "faith": "people of a faith",
    "lgbt": "LGBTQ+ people",
    "women": "women and girls",
    "men": "men and boys",
    "refugees": "refugees and people seeking asylum",
    "low_income": "people with little money",
    "ill": "people who live with illness",
    "addiction": "people in recovery",
    "homeless": "people without a home of their own",
    "veterans": "people who served, and their families",
}
"""Whom money can be kept for: the communities that a bid says it is above all for."""

GROUPS: dict[str, str] = {
    "unconstituted": "groups of neighbours without written rules",
    "association": "clubs and associations",
    "community_interest_company": "community interest companies",
    "charity": "registered charities",
    "partnership": "organisations that work together",
    "public_body": "public bodies",
}
"""Kinds of group, as ``people.rules.GroupKind`` has them, in a sentence."""

SPENDING: dict[str, str] = {"capital": "things that last (capital)", "revenue": "running costs (revenue)"}
"""What the money buys."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """What money may be spent on. An empty set means: any. All parts must hold together.

    ``spending``: "capital", "revenue", or "" for both. ``spend_by``: the last London day on which it may be promised.
    """

    ward_codes: frozenset[str] = frozenset()
    imd_deciles: frozenset[int] = frozenset()
    priority_ids: frozenset[UUID] = frozenset()
    beneficiaries: frozenset[str] = frozenset()
    group_kinds: frozenset[str] = frozenset()
    spending: str = ""
    spend_by: date | None = None

    @property
    def parts(self) -> int:
        """How many of the parts say what it is for: 0 means free money (it may still have to be spent by a day)."""
        return sum(
            1
            for part in (
                self.ward_codes,
                self.imd_deciles,
                self.priority_ids,
                self.beneficiaries,
                self.group_kinds,
                self.spending,
            )
            if part
        )


@dataclass(frozen=True, slots=True)
class Names:
    """Words for the codes and ids that a restriction holds."""

    wards: Mapping[str, str] = field(default_factory=dict)
    priorities: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FundDraft:
    """A fund as it is to be named. ``elsewhere``: where else a group can turn, one place on each line."""

    name: str
    purpose: str
    elsewhere: str = ""


def places_elsewhere(text: str | None) -> tuple[str, ...]:
    """Where else a group can turn, a line each; blank lines are left out.

    >>> places_elsewhere("Catalyst: help with bids\\n\\n  The town council ")
    ('Catalyst: help with bids', 'The town council')
    """
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class FunderDraft:
    """A funder; ``org_id`` as org-id.guide has it (GB-CHC-…, GB-LAE-…), where there is one."""

    name: str
    org_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContributionDraft:
    """What a funder promises: pence, and what they may be spent on. ``ward_names`` are words for its wards."""

    funder_id: UUID
    amount_minor: int
    restriction: Restriction = field(default_factory=Restriction)
    ward_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MoneyDraft:
    """Money that came or went: pence, the bank's reference, the London day, and why where that is asked."""

    amount_minor: int
    reference: str
    on: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """What an award asks of the pot: pence, where it happens, and the priority it serves.

    ``ward_codes`` and ``imd_deciles`` are all the wards, and all the deciles of the neighbourhoods, that it is for.
    Empty means "not tied to a place": such a need cannot draw on money that is tied to one. ``beneficiaries``: for whom
    above all (empty: everybody). ``spending``: what it buys, of ``SPENDING``. ``on``: the London day of the promise.
    """

    id: UUID
    amount_minor: int
    ward_codes: frozenset[str] = frozenset()
    imd_deciles: frozenset[int] = frozenset()
    priority_id: UUID | None = None
    beneficiaries: frozenset[str] = frozenset()
    group_kind: str = ""
    spending: frozenset[str] = frozenset()
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Money of one contribution that is still uncommitted (pence).

    ``order``: as it was received; among equally restricted money with the same last day the earlier is spent first.
    """

    id: UUID
    available_minor: int
    restriction: Restriction = Restriction()
    order: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """So many pence of one need come from one source."""

    need_id: UUID
    source_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """Money that is left over but may not be spent on the needs that fall short."""

    source_id: UUID
    left_minor: int
    restriction: Restriction


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a set of needs cannot be paid.

    ``need_ids``: the smallest group of needs that together ask more than all money allowed for any of them.
    ``missing_minor``: exactly how many unrestricted pence would make the whole set fundable.
    ``blocked``: what is left elsewhere and may not be used for them (the restrictions that bind).
    """

    need_ids: tuple[UUID, ...]
    asked_minor: int
    usable_minor: int
    missing_minor: int
    blocked: tuple[Blocked, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """The answer of ``match``: a split that pays for everything, or the shortfall; never both."""

    split: tuple[Share, ...]
    shortfall: Shortfall | None

    @property
    def fundable(self) -> bool:
        """Whether every need can be paid in full, no restriction broken."""
        return self.shortfall is None


def allows(restriction: Restriction, need: Need) -> bool:
    """Whether money under ``restriction`` may be spent on ``need``.

    Wards and deciles: everything the need is for lies within what is allowed (partly within is not enough, and a need
    that names no place does not qualify); likewise for whom it is and what it buys. Priority and kind of group: its own
    is among those allowed. Day: it is promised on the last day or before; where no day is told, it is in time.

    >>> from uuid import UUID
    >>> poorest_fifth = Restriction(imd_deciles=frozenset({1, 2}))
    >>> allows(poorest_fifth, Need(UUID(int=1), 100, imd_deciles=frozenset({2})))
    True
    >>> allows(poorest_fifth, Need(UUID(int=1), 100, imd_deciles=frozenset({2, 3})))
    False
    """
    return (
        (not restriction.ward_codes or _within(need.ward_codes, restriction.ward_codes))
        and (not restriction.imd_deciles or _within(need.imd_deciles, restriction.imd_deciles))
        and (not restriction.priority_ids or need.priority_id in restriction.priority_ids)
        and (not restriction.beneficiaries or _within(need.beneficiaries, restriction.beneficiaries))
        and (not restriction.group_kinds or need.group_kind in restriction.group_kinds)
        and (not restriction.spending or need.spending == {restriction.spending})
        and (restriction.spend_by is None or need.on is None or need.on <= restriction.spend_by)
    )


def _within(part: frozenset[T], whole: frozenset[T]) -> bool:
    return bool(part) and part <= whole


def as_plain(restriction: Restriction) -> dict[str, Any]:
    """A restriction in plain words and numbers, as the trail and the row keep it (JSON)."""
    return {
        "ward_codes": sorted(restriction.ward_codes),
        "imd_deciles": sorted(restriction.imd_deciles),
        "priority_ids": sorted(str(id) for id in restriction.priority_ids),
        "beneficiaries": sorted(restriction.beneficiaries),
        "group_kinds": sorted(restriction.group_kinds),
        "spending": restriction.spending,
        "spend_by": restriction.spend_by.isoformat() if restriction.spend_by else None,
    }


def describe(restriction: Restriction, names: Names) -> str:
    """One plain sentence that says what money under ``restriction`` may be spent on.

    >>> describe(Restriction(imd_deciles=frozenset({1, 2})), Names())
    'Only for neighbourhoods in the most deprived fifth of England.'
    >>> describe(Restriction(spending="capital", spend_by=date(2027, 3, 31)), Names())
    'Only for things that last (capital), to be promised to groups by 31 March 2027.'
    """
    by = f", to be promised to groups by {_day(restriction.spend_by)}" if restriction.spend_by else ""
    if not restriction.parts:
        return f"For anything this fund supports{by}."
    return f"Only {_purpose(restriction, names)}{by}."


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _purpose(restriction: Restriction, names: Names) -> str:
    parts = []
    if restriction.imd_deciles:
        parts.append(f"for neighbourhoods in {_deciles(restriction.imd_deciles)}")
    if restriction.ward_codes:
        wards = sorted(names.wards.get(code, code) for code in restriction.ward_codes)
        parts.append(("" if restriction.imd_deciles else "for people ") + f"in {_either(wards)}")
    sentence = " ".join(parts)
    others = []
    if restriction.beneficiaries:
        others.append(
            f"for {_either([words for key, words in BENEFICIARIES.items() if key in restriction.beneficiaries])}"
        )
    if restriction.group_kinds:
        others.append(f"to {_either([words for key, words in GROUPS.items() if key in restriction.group_kinds])}")
    if restriction.spending:
        others.append(f"for {SPENDING[restriction.spending]}")
    sentence = ", and ".join([sentence, *others] if sentence else others)
    if restriction.priority_ids:
        titles = sorted(f"“{names.priorities.get(key, key)}”" for key in restriction.priority_ids)
        sentence += (" and only " if sentence else "") + f"for the priority {_either(titles)}"
    return sentence


def _deciles(deciles: frozenset[int]) -> str:
    if deciles == {1}:
        return "the most deprived tenth of England"
    if deciles == {1, 2}:
        return "the most deprived fifth of England"
    if deciles == {1, 2, 3, 4, 5}:
        return "the most deprived half of England"
    return f"deprivation decile {_either([str(decile) for decile in sorted(deciles)])} of England"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def by_restrictedness(sources: Iterable[Source]) -> tuple[Source, ...]:
    """The order in which money is spent: most restricted first, then what must go soonest, then as received.

    More restricted means: more parts restrict; then fewer things are allowed in them (priorities, wards, deciles,
    people, kinds of group). ``order`` differs for every source of a fund; the id decides only where somebody forgot.
    """

    def key(source: Source) -> tuple[int, int, int, int, int, int, date, int, UUID]:
        limits = source.restriction
        return (
            -limits.parts,
            len(limits.priority_ids),
            len(limits.ward_codes),
            len(limits.imd_deciles),
            len(limits.beneficiaries),
            len(limits.group_kinds),
            limits.spend_by or date.max,
            source.order,
            source.id,
        )

    return tuple(sorted(sources, key=key))


_NOBODY = UUID(int=0)


def match(needs: Iterable[Need], sources: Iterable[Source]) -> Matching:
    """Pay for all ``needs`` from ``sources`` within their restrictions, or say what is missing. Pence, exact.

    The split spends as much as it can of the most restricted source, then of the next (``by_restrictedness``), so that
    free money is kept longest. That is also the cheapest flow for any costs that rise in this order: what the sources
    can give together is a polymatroid, on which the greedy choice is best (Edmonds 1970). Opening the sources one after
    another and only adding along augmenting paths (Ford and Fulkerson) never takes back what an earlier source gives.
    Needs that the same sources may pay for are one node, so that the graph stays small; within a node, needs by id are
    filled from sources in order, which keeps the pieces few.

    Why not networkx: see docs/decisions/0011-matching-money.md. It is the oracle in the tests.
    """
    asked = sorted((need for need in needs if need.amount_minor), key=lambda need: need.id)
    money = by_restrictedness(sources)
    if any(need.amount_minor < 0 for need in asked) or any(source.available_minor < 0 for source in money):
        raise ValueError("amounts are never negative")
    kinds: dict[tuple[int, ...], list[Need]] = {}
    verdicts: dict[Need, tuple[int, ...]] = {}
    for need in asked:
        facts = replace(need, id=_NOBODY, amount_minor=0)
        if facts not in verdicts:
            verdicts[facts] = tuple(s for s, source in enumerate(money) if allows(source.restriction, need))
        kinds.setdefault(verdicts[facts], []).append(need)
    payers = sorted(kinds)
    groups = [kinds[allowed] for allowed in payers]
    left = [source.available_minor for source in money]
    open_minor = [sum(need.amount_minor for need in group) for group in groups]
    flow = _fill(left, open_minor, payers)
    if any(open_minor):
        return Matching((), _shortfall(money, left, groups, open_minor, payers, flow))
    return Matching(tuple(_shares(money, groups, flow)), None)


Flow = list[dict[int, int]]  # per group of needs: source → pence


def _fill(left: list[int], open_minor: list[int], payers: Sequence[Sequence[int]]) -> Flow:
    """Push all that fits, source by source; ``left`` and ``open_minor`` are lowered in place."""
    flow: Flow = [{} for _ in open_minor]
    reach: list[list[int]] = [[g for g, allowed in enumerate(payers) if s in allowed] for s in range(len(left))]
    for s in range(len(left)):
        while left[s] and (path := _path(s, open_minor, reach, flow)):
            # The path visits source, group, source, group …; going back from a group to a source undoes flow.
            sources, groups = path[0::2], path[1::2]
            back = list(zip(groups, sources[1:], strict=False))
            amount = min([left[s], open_minor[groups[-1]], *(flow[g][source] for g, source in back)])
            for source, g in zip(sources, groups, strict=True):
                flow[g][source] = flow[g].get(source, 0) + amount
            for g, source in back:
                flow[g][source] -= amount
            left[s] -= amount
            open_minor[groups[-1]] -= amount
    return flow


def _path(start: int, open_minor: Sequence[int], reach: Sequence[Sequence[int]], flow: Flow) -> list[int]:
    """The shortest augmenting path from a source to a group with something still open; empty when there is none."""
    came_from: dict[int, int] = {}  # group → the source that reached it
    left_from: dict[int, int] = {start: -1}  # source → the group that reached it
    queue = deque([start])
    while queue:
        source = queue.popleft()
        for g in reach[source]:
            if g in came_from:
                continue
            came_from[g] = source
            if open_minor[g]:
                path = [g]
                while g != -1:
                    path.append(came_from[g])
                    g = left_from[came_from[g]]
                    if g != -1:
                        path.append(g)
                return path[::-1]
            for other in sorted(flow[g]):
                if flow[g][other] and other not in left_from:
                    left_from[other] = g
                    queue.append(other)
    return []


def _shares(money: Sequence[Source], groups: Sequence[Sequence[Need]], flow: Flow) -> list[Share]:
    shares = []
    for group, given in zip(groups, flow, strict=True):
        purse = [(s, given[s]) for s in sorted(given, reverse=True) if given[s]]
        for need in group:
            missing = need.amount_minor
            while missing:
                s, amount = purse.pop()
                part = min(amount, missing)
                missing -= part
                if amount > part:
                    purse.append((s, amount - part))
                shares.append(Share(need.id, money[s].id, part))
    rank = {source.id: place for place, source in enumerate(money)}
    return sorted(shares, key=lambda share: (share.need_id, rank[share.source_id]))


def _shortfall(
    money: Sequence[Source],
    left: Sequence[int],
    groups: Sequence[Sequence[Need]],
    open_minor: Sequence[int],
    payers: Sequence[Sequence[int]],
    flow: Flow,
) -> Shortfall:
    """The minimum cut nearest to the needs; it is the same for every largest flow, so the words never wobble."""
    short = {g for g, missing in enumerate(open_minor) if missing}
    queue, usable = deque(sorted(short)), set[int]()
    while queue:
        for s in payers[queue.popleft()]:
            usable.add(s)
            for g in range(len(groups)):
                if g not in short and flow[g].get(s):
                    short.add(g)
                    queue.append(g)
    needs = sorted((need for g in short for need in groups[g]), key=lambda need: need.id)
    return Shortfall(
        need_ids=tuple(need.id for need in needs),
        asked_minor=sum(need.amount_minor for need in needs),
        usable_minor=sum(money[s].available_minor for s in usable),
        missing_minor=sum(open_minor),
        blocked=tuple(Blocked(money[s].id, left[s], money[s].restriction) for s in range(len(money)) if left[s]),
    )


def explain(shortfall: Shortfall, names: Names, newest: UUID | None = None) -> str:
    """The shortfall in plain words: what falls short, which restriction binds, what would unlock it.

    ``newest``: the need that was just added to others which could be paid, if the words are for those who asked for it.
    """
    others = len(shortfall.need_ids) - 1
    asked, usable = show_pounds(shortfall.asked_minor), show_pounds(shortfall.usable_minor)
    if not others:
        opening, it = "It needs" if newest else "This award needs", "it"
    elif newest:
        winners = "1 other" if others == 1 else f"{others} others"
        opening, it = f"Together with {winners} chosen before it, it needs", "them"
    else:
        opening, it = f"{others + 1} awards together need", "them"
    sentences = [f"{opening} {asked}, and {usable} of the pot may be spent on {it}."]
    by_purpose: dict[Restriction, int] = {}
    for blocked in shortfall.blocked:
        by_purpose[blocked.restriction] = by_purpose.get(blocked.restriction, 0) + blocked.left_minor
    for restriction, amount in by_purpose.items():
        by = f"to be promised by {_day(restriction.spend_by)}" if restriction.spend_by else ""
        purpose = f"only {_purpose(restriction, names)}" if restriction.parts else ""
        said = ", ".join(part for part in (purpose, by) if part) or "for something else"
        sentences.append(f"Another {show_pounds(amount)} is {said}.")
    sentences.append(f"{show_pounds(shortfall.missing_minor)} more without restriction would pay for {it}.")
    return " ".join(sentences)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One need of a what-if: whether it could be paid beside those before it, and if not, why and what would unlock it.

    ``missing_minor``: the unrestricted pence that would unlock it; each pays for ``need / missing`` pence of it, the
    rest comes from money that lies idle.
    """

    need: Need
    shortfall: Shortfall | None

    @property
    def missing_minor(self) -> int:
        return self.shortfall.missing_minor if self.shortfall else 0

    @property
    def unlocked_minor(self) -> int:
        """Pence of this need that one unrestricted pound would unlock; nought when it needs none."""
        return 100 * self.need.amount_minor // self.missing_minor if self.missing_minor else 0


def what_if(needs: Sequence[Need], sources: Sequence[Source]) -> tuple[list[WhatIf], Matching]:
    """What could be paid today, one after another in this order, and the split of all that could be. Pence.

    >>> one, two = Need(UUID(int=1), 60), Need(UUID(int=2), 100, imd_deciles=frozenset({1}))
    >>> poor = Restriction(imd_deciles=frozenset({1}))
    >>> lines, _ = what_if([one, two], [Source(UUID(int=8), 60), Source(UUID(int=9), 80, poor)])
    >>> [(line.missing_minor, line.unlocked_minor) for line in lines]
    [(0, 0), (20, 500)]
    """
    paid: list[Need] = []
    lines = []
    for need in needs:
        shortfall = match([*paid, need], sources).shortfall
        if shortfall is None:
            paid.append(need)
        lines.append(WhatIf(need, shortfall))
    return lines, match(paid, sources)


def return_split(split: Mapping[UUID, int], amount_minor: int) -> dict[UUID, int]:
    """Pence that go back to each contribution when ``amount_minor`` of an award comes back.

    ``split`` is what each contribution still has in the award (its share, less what went back before), so that no
    contribution ever gets back more than it gave. Largest remainder (Hamilton): whole pence in proportion, then one
    penny each by the largest fraction left; ties: the larger share, then the lower id. Contributions that get nothing
    are left out.

    >>> from uuid import UUID
    >>> sorted(return_split({UUID(int=1): 200, UUID(int=2): 100}, 100).values())
    [33, 67]
    """
    total = sum(split.values())
    if not 0 < amount_minor <= total:
        raise RuleBroken(f"Enter an amount between {show_pounds(1)} and {show_pounds(total)}.", field="amount")
    keys = sorted(split, key=lambda key: (-split[key], key))
    parts = dict(zip(keys, share_out(amount_minor, [split[key] for key in keys]), strict=True))
    return {key: parts[key] for key in sorted(parts) if parts[key]}
