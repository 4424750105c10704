"""The rules as a neighbour would tell them, with a round's own options."""

from grants.allocation.rules.registry import rule_named
from grants.kernel.money import show_pounds
from grants.rounds.rules.sharing import SHARING, EqualSharesOptions, Options, SharingRule

IN_SHORT: dict[str, tuple[str, ...]] = {
    "most_votes": (
        "The project with the most votes comes first. If the pot can pay for it, it gets its money.",
        "Then comes the project with the next most votes, and so on, until the list is through.",
    ),
    "equal_shares": (
        "Everybody who votes gets an equal part of the pot, like a purse of their own.",
        "Your purse pays only for projects that you ticked. You share the price with everybody else who ticked them.",
        "A project wins when the people who want it can pay for it together. So no group uses up everybody's money.",
    ),
    "phragmen": (
        "Everybody who votes earns money bit by bit, all at the same speed.",
        "When the people who ticked a project have enough between them, they buy it, and start again from nothing.",
        "So nobody waits long for a project that they like, and no group uses up everybody's money.",
    ),
}


def in_short(rule: str) -> tuple[str, ...]:
    """The idea of a rule in two or three sentences."""
    return IN_SHORT[rule_named(rule).name]


def options_in_words(rule: str, options: Options, *, points: bool = False) -> tuple[str, ...]:
    """What a round's own options mean, a sentence or two each. ``points``: its ballots give points.

    >>> options_in_words("most_votes", {"minimum_votes": 5})[0]
    'A project needs at least 5 votes.'
    """
    read, word = SHARING[SharingRule(rule)].read(options), "point" if points else "vote"
    told: list[str] = []
    if read.minimum_votes:
        told.append(f"A project needs at least {read.minimum_votes:,} {word}{'' if read.minimum_votes == 1 else 's'}.")
    if isinstance(read, EqualSharesOptions):
        told += _shares(read, points)
    elif read.stop_at_misfit:
        told.append("When the next project asks for more than is left in the pot, the sharing ends.")
    else:
        told.append(
            "A project that asks for more than is left in the pot is passed over, and the next one gets its turn."
        )
    if read.group_limit is not None:
        many = "1 project" if read.group_limit == 1 else f"{read.group_limit:,} projects"
        told.append(f"Not more than {many} of one group can win.")
    if read.group_cap_minor is not None:
        told.append(f"One group can get {show_pounds(read.group_cap_minor)} in all, and not more.")
    return tuple(told)


def _shares(options: EqualSharesOptions, points: bool) -> list[str]:
    first = (
        "the one whose price is shared by the most people goes first. Somebody whose purse is too empty for an equal "
        "part counts for what they can still give."
    )
    if points:
        first = "the one that costs people least for each point they gave it goes first. More points pay more."
    elif options.utility == "cardinality":
        first = "the one that asks the least of each person goes first."
    told = [f"When several projects could be paid for, {first}"]
    start = "Purses start at whole pounds. " if options.start == "floor" else ""
    if options.completion == "none":
        return [*told, f"{start}What the purses cannot pay for stays in the pot."]
    until = "until nothing more fits into the pot, or " if options.exhaustive_stop else "until "
    told.append(
        f"{start}Often the purses are too empty for one more project, though the pot is not. Then all purses grow by "
        f"{show_pounds(options.step_minor)}, and the sharing is played again from the start: again and again, {until}"
        "the next time would cost more than the pot holds. Growing is only for counting: the pot never pays out more "
        "than it holds."
    )
    if options.completion == "add1u":
        told.append(f"If money is left after that, it goes by most {'points' if points else 'votes'} to what fits.")
    return told
