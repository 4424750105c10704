"""The rules by which a pot is shared, and their options."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from grants.kernel.errors import RuleBroken


class SharingRule(StrEnum):
    """How votes become money."""

    MOST_VOTES = "most_votes"
    EQUAL_SHARES = "equal_shares"
    PHRAGMEN = "phragmen"


Options = Mapping[str, str | int | bool | None]
COMPLETIONS = ("none", "add1", "add1u")
UTILITIES = ("cost", "cardinality")
STARTS = ("floor", "exact")


@dataclass(frozen=True, slots=True)
class MostVotesOptions:
    """How a round shares by most votes.

    ``minimum_votes``: a bid with fewer is never funded. ``stop_at_misfit``: the first bid that asks more than is left
    ends the sharing (otherwise it is skipped). ``group_limit``: how many bids of one group can win (1: they exclude
    each other). ``group_cap_minor``: how many pence one group can win. Nothing: no limit.
    """

    minimum_votes: int = 1
    stop_at_misfit: bool = False
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "MostVotesOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "most votes")
        return cls(stop_at_misfit=_stop(options, default=False), **_limits(options))


@dataclass(frozen=True, slots=True)
class EqualSharesOptions:
    """How a round shares by equal shares; the defaults are those of equalshares.net. Pence.

    ``utility``: what a bid is worth to those who chose it, its ``cost`` or the same for all (``cardinality``); where
    ballots give points, these. ``completion``, ``start``, ``step_minor``, ``exhaustive_stop``: see
    ``allocation.rules.shares.share_equally``; ``floor`` is to whole pounds. The others: as for most votes.
    """

    utility: str = "cost"
    completion: str = "add1u"
    start: str = "floor"
    step_minor: int = 100
    exhaustive_stop: bool = True
    minimum_votes: int = 1
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "EqualSharesOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "equal shares")
        exhaustive = options.get("exhaustive_stop", True)
        if not isinstance(exhaustive, bool):
            raise RuleBroken("Say yes or no to stopping when nothing more would fit.", field="exhaustive_stop")
        return cls(
            utility=_one_of(options, "utility", UTILITIES, "cost"),
            completion=_one_of(options, "completion", COMPLETIONS, "add1u"),
            start=_one_of(options, "start", STARTS, "floor"),
            step_minor=_whole(options, "step_minor", 1, 100) or 100,
            exhaustive_stop=exhaustive,
            **_limits(options),
        )


@dataclass(frozen=True, slots=True)
class PhragmenOptions:
    """How a round shares by Phragmén; the same names as for most votes."""

    minimum_votes: int = 1
    stop_at_misfit: bool = True
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "PhragmenOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "Phragmén")
        return cls(stop_at_misfit=_stop(options, default=True), **_limits(options))


SharingOptions = MostVotesOptions | EqualSharesOptions | PhragmenOptions
SHARING: dict[SharingRule, type[MostVotesOptions] | type[EqualSharesOptions] | type[PhragmenOptions]] = {
    SharingRule.MOST_VOTES: MostVotesOptions,
    SharingRule.EQUAL_SHARES: EqualSharesOptions,
    SharingRule.PHRAGMEN: PhragmenOptions,
}
"""What each rule can be told."""


def _refuse_unknown(options: Options, read: type[Any], rule: str) -> None:
    if unknown := sorted(set(options) - {part.name for part in fields(read)}):
        raise RuleBroken(f"The rule “{rule}” has no option called {', '.join(unknown)}.", field="rule")


def _stop(options: Options, *, default: bool) -> bool:
    stop = options.get("stop_at_misfit", default)
    if not isinstance(stop, bool):
        raise RuleBroken("Say yes or no to stopping at the first bid that does not fit.", field="stop_at_misfit")
    return stop


def _limits(options: Options) -> dict[str, Any]:
    return {
        "minimum_votes": _whole(options, "minimum_votes", 0, 1) or 0,
        "group_limit": _whole(options, "group_limit", 1, None),
        "group_cap_minor": _whole(options, "group_cap_minor", 1, None),
    }


def _whole(options: Options, name: str, least: int, default: int | None) -> int | None:
    value = options.get(name, default)
    if value is None and default is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise RuleBroken(f"Enter a whole number, {least} or more.", field=name)
    return value


def _one_of(options: Options, name: str, choices: tuple[str, ...], default: str) -> str:
    value = options.get(name, default)
    if value not in choices:
        raise RuleBroken(f"Choose one of: {', '.join(choices)}.", field=name)
    return str(value)
