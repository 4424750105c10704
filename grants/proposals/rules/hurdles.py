"""The questions before anything is written: which rule of a round fails."""

from dataclasses import dataclass
from enum import StrEnum

from grants.proposals.rules.sections import Limits


class Hurdle(StrEnum):
    """A rule of a round that the questions before a proposal look at, in the order in which they are asked."""

    WHO = "who"
    NO_HOSTED = "no_hosted"
    AREA = "area"
    PRIORITY = "priority"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    NOT_FUNDED = "not_funded"


MAY_APPLY = "may_apply"


class Asker(StrEnum):
    """Who wants to apply."""

    CONSTITUTED = "constituted"
    INFORMAL = "informal"
    PERSON = "person"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody answers before anything is written (pence)."""

    asker: Asker
    in_area: bool
    for_priority: bool
    amount_minor: int
    excluded: bool


def hurdle(answers: Answers, limits: Limits, *, constituted: bool, hosted: bool) -> Hurdle | None:
    """The first rule that fails; nothing when they may apply.

    ``constituted``, ``hosted``: whether the round takes groups with an account of their own, and groups with a host.

    >>> limits = Limits(10_000, 200_000)
    >>> hurdle(Answers(Asker.INFORMAL, True, True, 50_000, False), limits, constituted=True, hosted=True)
    >>> hurdle(Answers(Asker.PERSON, True, True, 50_000, False), limits, constituted=True, hosted=True)
    <Hurdle.WHO: 'who'>
    """
    fails = (
        (answers.asker in (Asker.PERSON, Asker.BUSINESS), Hurdle.WHO),
        (answers.asker is Asker.CONSTITUTED and not (constituted or hosted), Hurdle.WHO),
        (answers.asker is Asker.INFORMAL and not hosted, Hurdle.NO_HOSTED),
        (not answers.in_area, Hurdle.AREA),
        (not answers.for_priority, Hurdle.PRIORITY),
        (answers.amount_minor < limits.floor_minor, Hurdle.TOO_LITTLE),
        (answers.amount_minor > limits.cap_minor, Hurdle.TOO_MUCH),
        (answers.excluded, Hurdle.NOT_FUNDED),
    )
    return next((rule for failed, rule in fails if failed), None)


HURDLE_WORDS: dict[str, tuple[str, str]] = {
    Hurdle.WHO: (
        "This money is for groups",
        "One person or a business that makes money for its owners cannot ask for it. Two or three neighbours who do it "
        "together are a group already: set one up here, it takes a minute.",
    ),
    Hurdle.NO_HOSTED: (
        "This round is for groups with a bank account of their own",
        "Ask a group that has one to apply together with you, or look at other rounds: many take groups with a host.",
    ),
    Hurdle.AREA: (
        "It must happen here, for people here",
        "Look for a fund where it happens. If people here would take part, say so when you apply.",
    ),
    Hurdle.PRIORITY: (
        "It must answer one of the priorities of this round",
        "The community chose these. Does something else matter more? Raise it as an issue: that is how the next "
        "priorities are found.",
    ),
    Hurdle.TOO_LITTLE: (
        "That is less than this round gives",
        "Tell us as an issue what you need: small things can often be done at once.",
    ),
    Hurdle.TOO_MUCH: (
        "That is more than this round gives to one group",
        "Could you begin with a part of it? Many good things started small.",
    ),
    Hurdle.NOT_FUNDED: (
        "This money cannot pay for that",
        "It cannot pay for party politics, for spreading a faith, for what the law says that a public body must pay, "
        "or for what was done or bought already.",
    ),
    MAY_APPLY: ("Yes, you can apply", "Nothing that you said stands against a rule of this round."),
}
"""What is told: the rule in a heading, and what to do instead."""
