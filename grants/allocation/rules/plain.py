"""The rules as a neighbour would tell them, with a round's own options."""

from grants.allocation.rules.equal_shares import EqualSharesOptions
from grants.allocation.rules.greedy import MostVotesOptions
from grants.allocation.rules.registry import rule_named
from grants.allocation.rules.result import Options
from grants.kernel.money import show_pounds

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


def options_in_words(rule: str, options: Options) -> tuple[str, ...]:
    """What a round's own options mean, a sentence or two each.

    >>> options_in_words("most_votes", {"minimum_votes": 5})[0]
    'A project needs at least 5 votes.'
    """
    rule_named(rule).check_options(options)
    told: list[str] = []
    limits = MostVotesOptions.read(
        {name: options[name] for name in ("minimum_votes", "group_limit", "group_cap_minor") if name in options}
    )
    if limits.minimum_votes > 1:
        told.append(f"A project needs at least {limits.minimum_votes:,} votes.")
    elif limits.minimum_votes == 1:
        told.append("A project needs at least 1 vote.")
    if rule == "equal_shares":
        told += _shares(EqualSharesOptions.read(options))
    elif options.get("stop_at_misfit", rule == "phragmen"):
        told.append("When the next project asks for more than is left in the pot, the sharing ends.")
    else:
        told.append(
            "A project that asks for more than is left in the pot is passed over, and the next one gets its turn."
        )
    if limits.group_limit is not None:
        many = "1 project" if limits.group_limit == 1 else f"{limits.group_limit:,} projects"
        told.append(f"Not more than {many} of one group can win.")
    if limits.group_cap_minor is not None:
        told.append(f"One group can get {show_pounds(limits.group_cap_minor)} in all, and not more.")
    return tuple(told)


def _shares(options: EqualSharesOptions) -> list[str]:
    told = [
        "When several projects could be paid for, the one whose price is shared by the most people goes first. "
        "Somebody whose purse is too empty for an equal part counts for what they can still give."
        if options.utility == "cost"
        else "When several projects could be paid for, the one that asks the least of each person goes first."
    ]
    if options.completion == "none":
        return [*told, "What the purses cannot pay for stays in the pot."]
    step = show_pounds(options.step_minor)
    start = " Purses start at whole pounds." if options.start == "floor" else ""
    until = (
        "until nothing more fits into the pot"
        if options.exhaustive_stop
        else "until one more step would cost more than the pot holds"
    )
    told.append(
        "Often the purses are too empty for one more project, though the pot is not. Then all purses grow by "
        f"{step}, and the sharing is played again from the start, {until}. This is only for counting: the pot never "
        f"pays out more than it holds.{start}"
    )
    if options.completion == "add1u":
        told.append("If money is left after that, it goes by most votes to what still fits.")
    return told
