"""Steps that a completion leaves out: only those that certainly go like the one before."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from grants.allocation.rules import shares
from grants.allocation.rules.election import Election, Gate
from grants.allocation.rules.shares import Settings, run_once, share_equally
from grants.allocation.rules.stretches import Leaps
from grants.allocation.rules.tries import Tries


def election(rng: Random) -> tuple[Election, Settings]:
    """Some dozen people and up to nine bids, often of one cost, often with points; the step is small beside them."""
    many, fine = rng.randint(2, 9), rng.choice([20, 100])
    costs = [(rng.choice([20, 30, 40]) if rng.random() < 0.3 else rng.randint(1, 60)) * fine for _ in range(many)]
    with_points = rng.random() < 0.4
    kinds = []
    for _ in range(rng.randint(2, 25)):
        chosen = sorted(rng.sample(range(many), rng.randint(1, min(many, 5))))
        kinds.append((chosen, [rng.randint(1, 5) for _ in chosen] if with_points else None, rng.randint(1, 4)))
    pot = int(sum(costs) * rng.choice([0.2, 0.4, 0.6, 0.9]))
    made = Election.packed(costs, rng.sample(range(many), many), pot, kinds)
    if rng.random() < 0.3:
        made = replace(made, groups=tuple(rng.choice(["one", "other", None]) for _ in costs))
    return made, Settings(
        by_cost=rng.random() < 0.6, step=rng.choice([1, 3]), unit=fine, exhaustive_stop=rng.random() < 0.6
    )


def gate(election: Election) -> Gate:
    return Gate(election, group_limit=1 if election.groups else None)


def test_a_completion_that_leaves_steps_out_ends_like_one_that_takes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, every, some = Random(4), 0, 0
    for _ in range(40):
        made, settings = election(rng)
        monkeypatch.setattr(shares, "STEPS_FIRST", 10**9)
        plain = share_equally(made, settings, gate(made))
        monkeypatch.setattr(shares, "STEPS_FIRST", 1)
        quick = share_equally(made, settings, gate(made))
        assert (quick.final.order, quick.final.share, quick.added) == (
            plain.final.order,
            plain.final.share,
            plain.added,
        )
        assert quick.final.refused == plain.final.refused
        assert set(quick.final.waiting) == set(plain.final.waiting)
        every, some = every + plain.runs, some + quick.runs
    assert some < every / 5


def test_every_step_that_is_left_out_would_have_gone_alike() -> None:
    rng, tried = Random(5), 0
    for _ in range(60):
        made, settings = election(rng)
        share = Fraction(made.pot, made.voters) * rng.randint(2, 6) / 2
        done = run_once(made, share, settings.by_cost, gate(made))
        many = (
            0 if done.overspent else Leaps(made, settings.by_cost, gate(made), 1).after(share, done.turns, done.order)
        )
        for steps in {rng.randint(1, many) for _ in range(6)} | {many} if many else ():
            then = run_once(made, share + steps, settings.by_cost, gate(made))
            assert (then.turns, then.order, set(then.waiting)) == (done.turns, done.order, set(done.waiting))
            tried += 1
    assert tried > 100


def test_what_would_have_been_enough_is_the_same_when_steps_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(6)
    for _ in range(4):
        made, settings = election(rng)
        told = []
        for first in (10**9, 1):
            monkeypatch.setattr(shares, "STEPS_FIRST", first)
            monkeypatch.setattr(shares, "STEPS_FIRST_LATER", first)
            shared = share_equally(made, settings, gate(made))
            tries = Tries(made, settings, gate, shared)
            lost = [bid for bid in shared.final.waiting if bid not in shared.winners]
            told.append([tries.enough(bid, 0) for bid in lost])
        assert told[0] == told[1]
