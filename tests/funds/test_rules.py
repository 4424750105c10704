"""Which money pays for what: nothing lost, no restriction broken, always the same answer."""

import random
from datetime import date, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.funds.rules import (
    STEPS,
    ContributionAction,
    ContributionState,
    Names,
    Need,
    Restriction,
    Source,
    allows,
    by_restrictedness,
    describe,
    explain,
    match,
    return_split,
)
from grants.kernel.errors import RuleBroken

DAY = date(2027, 3, 31)
WARDS = ["A", "B", "C"]
PRIORITIES = [UUID(int=n) for n in range(900, 903)]

# Many restrictions overlap, so that needs compete for the same money.
restrictions = st.builds(
    Restriction,
    ward_codes=st.just(frozenset()) | st.frozensets(st.sampled_from(WARDS), min_size=1, max_size=2),
    imd_deciles=st.just(frozenset()) | st.frozensets(st.integers(1, 3), min_size=2),
    priority_ids=st.just(frozenset()) | st.frozensets(st.sampled_from(PRIORITIES), min_size=2),
    beneficiaries=st.just(frozenset()) | st.just(frozenset({"young", "older"})),
    group_kinds=st.just(frozenset()) | st.just(frozenset({"charity"})),
    spending=st.sampled_from(["", "", "revenue"]),
    spend_by=st.none() | st.just(DAY),
)


@st.composite
def needs_lists(draw: st.DrawFn, max_size: int = 6, biggest: int = 40) -> list[Need]:
    size = draw(st.integers(1, max_size))
    return [
        Need(
            UUID(int=n + 1),
            draw(st.integers(0, biggest)),
            draw(st.frozensets(st.sampled_from(WARDS), max_size=2)),
            draw(st.frozensets(st.integers(1, 3), max_size=2)),
            draw(st.sampled_from(PRIORITIES)),
            draw(st.just(frozenset({"young"})) | st.frozensets(st.sampled_from(["young", "men"]), max_size=2)),
            draw(st.sampled_from(["charity", "association"])),
            draw(st.just(frozenset({"revenue"})) | st.just(frozenset({"revenue", "capital"}))),
            draw(st.sampled_from([DAY, DAY, DAY + timedelta(days=1)])),
        )
        for n in range(size)
    ]


@st.composite
def sources_lists(draw: st.DrawFn, max_size: int = 5, biggest: int = 80) -> list[Source]:
    size = draw(st.integers(1, max_size))
    limits = st.just(Restriction()) | restrictions
    return [
        Source(UUID(int=n + 101), draw(st.integers(0, biggest)), draw(limits), draw(st.integers(0, 2)))
        for n in range(size)
    ]


def oracle_graph(needs: list[Need], sources: list[Source]) -> "nx.DiGraph[Any]":
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(["in", "out"])
    for rank, source in enumerate(by_restrictedness(sources)):
        graph.add_edge("in", source.id, capacity=source.available_minor, weight=rank)
        for need in needs:
            if allows(source.restriction, need):
                graph.add_edge(source.id, need.id, weight=0)
    for need in needs:
        graph.add_edge(need.id, "out", capacity=need.amount_minor, weight=0)
    return graph


@given(needs_lists(), sources_lists())
def test_no_penny_is_lost_and_no_restriction_broken(needs: list[Need], sources: list[Source]) -> None:
    matching = match(needs, sources)
    if not matching.fundable:
        assert matching.split == ()
        return
    need_by_id, source_by_id = {n.id: n for n in needs}, {s.id: s for s in sources}
    paid, spent = dict.fromkeys(need_by_id, 0), dict.fromkeys(source_by_id, 0)
    for share in matching.split:
        assert share.amount_minor > 0
        assert allows(source_by_id[share.source_id].restriction, need_by_id[share.need_id])
        paid[share.need_id] += share.amount_minor
        spent[share.source_id] += share.amount_minor
    assert paid == {n.id: n.amount_minor for n in needs}
    assert all(spent[s.id] <= s.available_minor for s in sources)
    assert len({(share.need_id, share.source_id) for share in matching.split}) == len(matching.split)


@given(needs_lists(max_size=4), sources_lists(max_size=4))
def test_fundable_exactly_when_no_group_of_needs_asks_more_than_its_money(
    needs: list[Need], sources: list[Source]
) -> None:
    """Brute force (Hall's condition for flows) over every group of needs; the largest gap is what is missing."""
    gaps = [0]
    for size in range(1, len(needs) + 1):
        for group in combinations(needs, size):
            usable = sum(s.available_minor for s in sources if any(allows(s.restriction, need) for need in group))
            gaps.append(sum(need.amount_minor for need in group) - usable)
    matching = match(needs, sources)
    assert matching.fundable == (max(gaps) <= 0)
    if matching.shortfall:
        assert matching.shortfall.missing_minor == max(gaps)
        assert matching.shortfall.asked_minor - matching.shortfall.usable_minor == max(gaps)


@given(needs_lists(), sources_lists())
def test_the_split_is_a_cheapest_flow_as_networkx_finds_it(needs: list[Need], sources: list[Source]) -> None:
    graph = oracle_graph(needs, sources)
    asked = sum(need.amount_minor for need in needs)
    matching = match(needs, sources)
    assert matching.fundable == (nx.maximum_flow_value(graph, "in", "out") == asked)
    if matching.fundable:
        cheapest = nx.max_flow_min_cost(graph, "in", "out")
        spent = {source.id: 0 for source in sources}
        for share in matching.split:
            spent[share.source_id] += share.amount_minor
        # Ranks differ, so the total of every source is the same in every cheapest flow.
        assert spent == {source.id: cheapest["in"].get(source.id, 0) for source in sources}


@given(needs_lists(), sources_lists(), st.randoms())
def test_the_order_of_input_changes_nothing(needs: list[Need], sources: list[Source], chance: random.Random) -> None:
    before = match(needs, sources)
    mixed_needs, mixed_sources = chance.sample(needs, len(needs)), chance.sample(sources, len(sources))
    assert match(mixed_needs, mixed_sources) == before


@given(needs_lists(), sources_lists())
def test_exactly_the_missing_pence_unlock_the_set(needs: list[Need], sources: list[Source]) -> None:
    shortfall = match(needs, sources).shortfall
    if shortfall is None:
        return
    spare = UUID(int=999)
    assert match(needs, [*sources, Source(spare, shortfall.missing_minor)]).fundable
    assert not match(needs, [*sources, Source(spare, shortfall.missing_minor - 1)]).fundable


@given(needs_lists(), sources_lists())
def test_blocked_money_may_not_be_spent_on_what_falls_short(needs: list[Need], sources: list[Source]) -> None:
    shortfall = match(needs, sources).shortfall
    if shortfall is None:
        return
    short = [need for need in needs if need.id in shortfall.need_ids]
    for blocked in shortfall.blocked:
        assert not any(allows(blocked.restriction, need) for need in short)
    spendable = sum(source.available_minor for source in sources)
    assert sum(blocked.left_minor for blocked in shortfall.blocked) <= spendable


def test_restricted_money_is_spent_before_free_money_and_older_before_newer() -> None:
    deprived = Restriction(imd_deciles=frozenset({1, 2}))
    need = Need(UUID(int=1), 100, imd_deciles=frozenset({1}))
    sources = [
        Source(UUID(int=11), 500, order=0),
        Source(UUID(int=12), 30, deprived, order=2),
        Source(UUID(int=13), 50, deprived, order=1),
    ]
    split = [(share.source_id.int, share.amount_minor) for share in match([need], sources).split]
    assert split == [(13, 50), (12, 30), (11, 20)]


def test_free_money_gives_way_when_only_it_can_pay_for_another() -> None:
    deprived = Restriction(imd_deciles=frozenset({1}))
    here, elsewhere = Need(UUID(int=1), 100, imd_deciles=frozenset({1})), Need(UUID(int=2), 100)
    matching = match([here, elsewhere], [Source(UUID(int=11), 100), Source(UUID(int=12), 100, deprived)])
    assert {(share.need_id.int, share.source_id.int) for share in matching.split} == {(1, 12), (2, 11)}


def test_narrow_money_gives_way_when_only_it_can_pay_for_another() -> None:
    """The narrowest source is opened first and must move on from a need that a later one can pay too."""
    narrow = Restriction(ward_codes=frozenset("AB"), priority_ids=frozenset(PRIORITIES[:2]))
    only_a = Restriction(ward_codes=frozenset("A"))
    here, there = (
        Need(UUID(int=n), 10, frozenset(ward), priority_id=PRIORITIES[0]) for n, ward in ((1, "A"), (2, "B"))
    )
    matching = match([here, there], [Source(UUID(int=11), 10, narrow), Source(UUID(int=12), 10, only_a)])
    assert {(share.need_id.int, share.source_id.int) for share in matching.split} == {(1, 12), (2, 11)}


def test_the_shortfall_says_which_restriction_binds_and_what_would_unlock_it() -> None:
    work = PRIORITIES[0]
    walk = Need(UUID(int=1), 60_000, priority_id=PRIORITIES[1])
    sources = [Source(UUID(int=11), 25_000), Source(UUID(int=12), 80_000, Restriction(priority_ids=frozenset({work})))]
    shortfall = match([walk], sources).shortfall
    assert shortfall is not None
    assert explain(shortfall, Names(priorities={work: "Work and health"})) == (
        "This award needs £600, and £250 of the pot may be spent on it. "
        "Another £800 is only for the priority “Work and health”. "
        "£350 more without restriction would pay for it."
    )


def test_a_need_that_takes_the_money_of_another_is_part_of_the_shortfall() -> None:
    """What is missing shows at the second, but both compete for the same free money."""
    deprived = Restriction(imd_deciles=frozenset({1}))
    here, elsewhere = Need(UUID(int=1), 50, imd_deciles=frozenset({1})), Need(UUID(int=2), 100)
    shortfall = match([here, elsewhere], [Source(UUID(int=11), 100), Source(UUID(int=12), 20, deprived)]).shortfall
    assert shortfall is not None
    assert (shortfall.need_ids, shortfall.blocked) == ((here.id, elsewhere.id), ())
    assert (shortfall.asked_minor, shortfall.usable_minor, shortfall.missing_minor) == (150, 120, 30)
    assert explain(shortfall, Names()) == (
        "2 awards together need £1.50, and £1.20 of the pot may be spent on them. "
        "£0.30 more without restriction would pay for them."
    )
    assert explain(shortfall, Names(), newest=elsewhere.id).startswith(
        "Together with 1 other chosen before it, it needs £1.50"
    )


def test_the_shortfall_leaves_out_needs_that_are_paid_for_anyway() -> None:
    deprived = Restriction(imd_deciles=frozenset({1}))
    paid, short = Need(UUID(int=1), 50, imd_deciles=frozenset({1})), Need(UUID(int=2), 50)
    shortfall = match([paid, short], [Source(UUID(int=11), 90, deprived), Source(UUID(int=12), 40)]).shortfall
    assert shortfall is not None
    assert shortfall.need_ids == (short.id,)
    assert [(b.source_id.int, b.left_minor) for b in shortfall.blocked] == [(11, 40)]


@pytest.mark.parametrize(
    ("need", "allowed"),
    [
        (Need(UUID(int=1), 1, frozenset("A"), frozenset({1}), PRIORITIES[0]), True),
        (Need(UUID(int=1), 1, frozenset("AB"), frozenset({1}), PRIORITIES[0]), True),
        (Need(UUID(int=1), 1, frozenset("AC"), frozenset({1}), PRIORITIES[0]), False),
        (Need(UUID(int=1), 1, frozenset(), frozenset({1}), PRIORITIES[0]), False),
        (Need(UUID(int=1), 1, frozenset("A"), frozenset({1, 5}), PRIORITIES[0]), False),
        (Need(UUID(int=1), 1, frozenset("A"), frozenset(), PRIORITIES[0]), False),
        (Need(UUID(int=1), 1, frozenset("A"), frozenset({1}), PRIORITIES[1]), False),
        (Need(UUID(int=1), 1, frozenset("A"), frozenset({1})), False),
    ],
)
def test_every_part_of_a_restriction_must_hold(need: Need, allowed: bool) -> None:
    limits = Restriction(frozenset("AB"), frozenset({1, 2}), frozenset({PRIORITIES[0]}))
    assert allows(limits, need) is allowed
    assert allows(Restriction(), need)


def test_a_restriction_is_described_in_one_sentence() -> None:
    names = Names({"A": "Newtown", "B": "Hardwick"}, {PRIORITIES[0]: "Work and health", PRIORITIES[1]: "Good food"})
    assert describe(Restriction(), names) == "For anything this fund supports."
    assert describe(Restriction(ward_codes=frozenset("AB")), names) == "Only for people in Hardwick or Newtown."
    assert describe(Restriction(frozenset("A"), frozenset({1}), frozenset(PRIORITIES[:2])), names) == (
        "Only for neighbourhoods in the most deprived tenth of England in Newtown"
        " and only for the priority “Good food” or “Work and health”."
    )
    assert describe(Restriction(imd_deciles=frozenset({4, 3})), names) == (
        "Only for neighbourhoods in deprivation decile 3 or 4 of England."
    )


def test_every_part_of_a_restriction_stands_in_its_sentence() -> None:
    def said(**parts: object) -> str:
        return describe(Restriction(**parts), Names({"A": "Newtown"}, {PRIORITIES[0]: "Good food"}))  # type: ignore[arg-type]

    assert said(spend_by=DAY) == "For anything this fund supports, to be promised to groups by 31 March 2027."
    assert said(beneficiaries=frozenset({"older", "young"})) == "Only for young people, 12 to 25 or older people."
    assert said(group_kinds=frozenset({"charity"}), spending="revenue") == (
        "Only to registered charities, and for running costs (revenue)."
    )
    assert said(
        ward_codes=frozenset("A"), spending="capital", priority_ids=frozenset(PRIORITIES[:1]), spend_by=DAY
    ) == (
        "Only for people in Newtown, and for things that last (capital) and only for the priority “Good food”, "
        "to be promised to groups by 31 March 2027."
    )


@pytest.mark.parametrize(
    ("limits", "facts", "allowed"),
    [
        ({"beneficiaries": {"young"}}, {"beneficiaries": {"young"}}, True),
        ({"beneficiaries": {"young", "older"}}, {"beneficiaries": {"young"}}, True),
        ({"beneficiaries": {"young"}}, {"beneficiaries": {"young", "older"}}, False),
        ({"beneficiaries": {"young"}}, {}, False),
        ({"group_kinds": {"charity"}}, {"group_kind": "charity"}, True),
        ({"group_kinds": {"charity"}}, {"group_kind": "association"}, False),
        ({"spending": "capital"}, {"spending": {"capital"}}, True),
        ({"spending": "capital"}, {"spending": {"capital", "revenue"}}, False),
        ({"spending": "capital"}, {}, False),
        ({"spend_by": DAY}, {"on": DAY}, True),
        ({"spend_by": DAY}, {"on": DAY + timedelta(days=1)}, False),
    ],
)
def test_money_goes_only_where_all_its_parts_allow(
    limits: dict[str, Any], facts: dict[str, Any], allowed: bool
) -> None:
    def frozen(parts: dict[str, Any]) -> dict[str, Any]:
        return {key: frozenset(value) if isinstance(value, set) else value for key, value in parts.items()}

    assert allows(Restriction(**frozen(limits)), Need(UUID(int=1), 100, **frozen(facts))) is allowed


def test_among_equally_restricted_money_what_must_go_soonest_goes_first_then_what_came_first() -> None:
    soon, later = DAY, DAY + timedelta(days=1)
    sources = [
        Source(UUID(int=1), 10, Restriction(), order=0),
        Source(UUID(int=2), 10, Restriction(spend_by=later), order=1),
        Source(UUID(int=3), 10, Restriction(spend_by=soon), order=3),
        Source(UUID(int=4), 10, Restriction(spend_by=soon), order=2),
        Source(UUID(int=5), 10, Restriction(spending="capital"), order=4),
    ]
    assert [source.id.int for source in by_restrictedness(sources)] == [5, 4, 3, 2, 1]


def test_money_whose_day_has_passed_is_named_in_the_shortfall() -> None:
    late = Need(UUID(int=1), 50, on=DAY + timedelta(days=1))
    shortfall = match([late], [Source(UUID(int=11), 60, Restriction(spend_by=DAY))]).shortfall
    assert shortfall is not None
    assert "Another £0.60 is to be promised by 31 March 2027." in explain(shortfall, Names())


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.data())
def test_a_return_loses_no_penny_and_gives_nobody_more_than_they_gave(shares: list[int], data: st.DataObject) -> None:
    split = {UUID(int=n + 1): share for n, share in enumerate(shares)}
    amount = data.draw(st.integers(1, sum(shares)))
    back = return_split(split, amount)
    assert sum(back.values()) == amount
    for key, share in split.items():
        assert abs(back.get(key, 0) * sum(shares) - share * amount) < sum(shares)
        assert back.get(key, 0) <= share
    assert return_split(dict(reversed(split.items())), amount) == back


@pytest.mark.parametrize("amount", [0, -1, 301])
def test_a_return_outside_what_was_given_is_refused(amount: int) -> None:
    with pytest.raises(RuleBroken, match=r"between £0\.01 and £3"):
        return_split({UUID(int=1): 200, UUID(int=2): 100}, amount)


def test_a_contribution_is_pledged_then_agreed_then_received_and_nothing_else() -> None:
    walked = {
        (state, action): STEPS.get((state, action)) for state in ContributionState for action in ContributionAction
    }
    assert {pair: after for pair, after in walked.items() if after} == {
        (ContributionState.PLEDGED, ContributionAction.AGREE): ContributionState.AGREED,
        (ContributionState.AGREED, ContributionAction.RECEIVE): ContributionState.RECEIVED,
    }
