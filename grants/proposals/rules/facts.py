"""What a proposal says, in the words of its answers."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.proposals.rules.partners import Partner


class Approach(StrEnum):
    """A way of working that the community looks for; ``NONE`` stands alone."""

    RESTORATIVE = "restorative"
    INTERGENERATIONAL = "intergenerational"
    COMMUNITY_OWNERSHIP = "community_ownership"
    NONE = "none"


class Community(StrEnum):
    """A community of identity that an activity is for; people belong to several. ``EVERYBODY`` stands alone."""

    CHILDREN = "children"
    YOUNG = "young"
    OLDER = "older"
    DISABLED = "disabled"
    CARERS = "carers"
    ETHNIC = "ethnic"
    FAITH = "faith"
    LGBT = "lgbt"
    WOMEN = "women"
    MEN = "men"
    REFUGEES = "refugees"
    LOW_INCOME = "low_income"
    ILL = "ill"
    ADDICTION = "addiction"
    HOMELESS = "homeless"
    VETERANS = "veterans"
    EVERYBODY = "everybody"


class Help(StrEnum):
    """Who helped to write a proposal. Help counts neither for nor against it."""

    NOBODY = "nobody"
    FRIEND = "friend"
    CONNECTOR = "connector"
    OFFICER = "officer"
    GROUP = "group"
    PROGRAM = "program"


class Level(StrEnum):
    """Where the activity stands in the population intervention triangle."""

    CIVIC = "civic"
    COMMUNITY = "community"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a budget, in pence: cash asked for, or something given in kind."""

    what: str
    amount_minor: int
    in_kind: bool = False
    lasting: bool = False
    """It buys something that lasts (capital), not running costs (revenue)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a proposal says. ``spoken``: a voice note or a film tells it;
    ``needs_host``: the group cannot hold the money; ``hosted``: a host has confirmed."""

    title: str = ""
    summary: str = ""
    what: str = ""
    spoken: bool = False
    starts_on: date | None = None
    ends_on: date | None = None
    for_whom: str = ""
    communities: tuple[str, ...] = ()
    seldom_heard: str = ""
    anywhere: bool = False
    ward_codes: tuple[str, ...] = ()
    venue_postcode: str = ""
    imd_deciles: tuple[int, ...] = ()
    priority_id: UUID | None = None
    answers_need: str = ""
    insight_ids: tuple[UUID, ...] = ()
    approaches: tuple[str, ...] = ()
    level: Level | None = None
    outcomes_hoped: str = ""
    outcomes_seen: str = ""
    second_hoped: str = ""
    second_seen: str = ""
    equality: str = ""
    poverty: str = ""
    at_risk: bool | None = None
    safeguarding: str = ""
    lines: tuple[Line, ...] = ()
    smaller_minor: int | None = None
    smaller_achieves: str = ""
    partners: str = ""
    joint: tuple[Partner, ...] = ()
    policy_held: bool = False
    """Its group gave its way of keeping people safe for an earlier grant, and it is in date until the round closes."""
    needs_host: bool = False
    hosted: bool = False
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    help_received: Help | None = None

    def unsaid(self, name: str) -> bool:
        """Whether an answer in sentences is neither written nor told in a recording."""
        return not getattr(self, name) and not self.spoken

    @property
    def applied_for_minor(self) -> int:
        """The cash that is asked for, in pence; what is given in kind is not."""
        return total_minor(self.lines)

    @property
    def in_kind_minor(self) -> int:
        """What the gifts in kind are worth, in pence."""
        return sum(line.amount_minor for line in self.lines if line.in_kind)


def total_minor(lines: tuple[Line, ...] | list[Line]) -> int:
    """The cash asked for, in pence.

    >>> total_minor([Line("Seeds", 5000), Line("Our time", 20000, in_kind=True), Line("Pots", 250)])
    5250
    """
    return sum(line.amount_minor for line in lines if not line.in_kind)


APPROACH_WORDS: dict[Approach, str] = {
    Approach.RESTORATIVE: "Restorative: it mends harm and brings people back together",
    Approach.INTERGENERATIONAL: "Intergenerational: young and old do it together",
    Approach.COMMUNITY_OWNERSHIP: "Community ownership: people here will own or run a space or a thing",
    Approach.NONE: "None of these",
}
COMMUNITY_WORDS: dict[Community, str] = {
    Community.CHILDREN: "Children up to 11",
    Community.YOUNG: "Young people, 12 to 25",
    Community.OLDER: "Older people",
    Community.DISABLED: "Disabled people",
    Community.CARERS: "People who care for somebody",
    Community.ETHNIC: "People of one or more ethnic backgrounds",
    Community.FAITH: "People of a faith",
    Community.LGBT: "LGBTQ+ people",
    Community.WOMEN: "Women and girls",
    Community.MEN: "Men and boys",
    Community.REFUGEES: "Refugees and people seeking asylum",
    Community.LOW_INCOME: "People with little money",
    Community.ILL: "People who live with illness, of body or mind",
    Community.ADDICTION: "People in recovery",
    Community.HOMELESS: "People without a home of their own",
    Community.VETERANS: "People who served, and their families",
    Community.EVERYBODY: "Everybody who lives there",
}
HELP_WORDS: dict[Help, str] = {
    Help.NOBODY: "Nobody: we wrote it ourselves",
    Help.FRIEND: "A friend or a neighbour",
    Help.CONNECTOR: "A connector",
    Help.OFFICER: "Somebody from the council or the fund, who wrote down what we said",
    Help.GROUP: "Another group or an organisation",
    Help.PROGRAM: "A computer program that writes",
}
LEVEL_WORDS: dict[Level, str] = {
    Level.CIVIC: "It changes a place, a rule or a plan for everybody",
    Level.COMMUNITY: "Neighbours and local people lead it",
    Level.SERVICE: "It is a service that a person or a team gives",
}

AT_MOST: dict[str, int] = {
    "title": 140,
    "summary": 300,
    "what": 4000,
    "for_whom": 2000,
    "seldom_heard": 2000,
    "venue_postcode": 8,
    "answers_need": 3000,
    "level": 32,
    "help_received": 32,
    "outcomes_hoped": 1000,
    "outcomes_seen": 1000,
    "second_hoped": 1000,
    "second_seen": 1000,
    "equality": 2000,
    "poverty": 2000,
    "safeguarding": 2000,
    "smaller_achieves": 1000,
    "partners": 2000,
    "contact_name": 120,
    "contact_email": 254,
    "contact_phone": 30,
}
"""How many characters each text may have."""
MOST_LINES = 40
MOST_INSIGHTS = 12


def ensure_alone(chosen: tuple[str, ...] | list[str], alone: str, field: str, words: str) -> None:
    """Refuse (``RuleBroken``) an answer that stands alone beside others.

    >>> ensure_alone(["none"], "none", "approaches", "None of these")
    """
    if alone in chosen and len(chosen) > 1:
        raise RuleBroken(f"Tick “{words}” alone, or take its tick away.", field=field)
