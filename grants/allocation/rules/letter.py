"""The letter that tells a group what was decided: one text, for the page, the mail and the paper."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from grants.allocation.rules.facts import BidFacts
from grants.allocation.rules.states import Verdict
from grants.kernel.money import show_pounds

SUBJECTS = {
    Verdict.AWARDED: "“{title}” will be funded",
    Verdict.RESERVE: "“{title}” is on the reserve list",
    Verdict.NOT_FUNDED: "“{title}” was not funded this time",
}
OPENINGS = {
    Verdict.AWARDED: "Good news: your proposal “{title}” will be funded with {awarded}.",
    Verdict.RESERVE: (
        "Your proposal “{title}” is on the reserve list. There was not enough money left for it. If money comes free, "
        "we offer it to the reserve list in the order that the results show, and we write to you again."
    ),
    Verdict.NOT_FUNDED: "We are sorry: your proposal “{title}” was not funded this time.",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the panel said for one criterion: the scale's sentence nearest to its average, and its members' words.

    ``sentence`` is nothing where there was not enough information.
    """

    name: str
    sentence: str | None
    average: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """All that a letter is written from. Pence. ``elsewhere``: places to turn to. ``appeal_until``: a day in words."""

    decision_id: UUID
    round_id: UUID
    verdict: Verdict
    title: str
    awarded_minor: int
    reason: str
    departure_reason: str | None
    conditions: str | None
    enough: Sequence[str]
    voters: int
    supporters: int | None
    finding: str | None
    heard: Sequence[Heard]
    elsewhere: Sequence[str]
    appeal_days: int
    appeal_until: str
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with paragraphs; a paragraph that begins with "• " is one of a list. ``links``: (words, path)."""

    heading: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter: what stands above it, its first words, and its parts."""

    subject: str
    opening: tuple[str, ...]
    parts: tuple[Part, ...]

    def text(self, address: Callable[[str], str]) -> str:
        """As plain text for a mail. ``address``: of a page of ours."""
        blocks = list(self.opening)
        for part in self.parts:
            blocks.append(part.heading.upper())
            blocks += _blocks(part.lines)
            blocks += [f"{words}:\n{address(path)}" for words, path in part.links]
        return "\n\n".join(blocks)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Letter":
        """What ``facts`` told."""
        return cls(
            facts["subject"],
            tuple(facts["opening"]),
            tuple(
                Part(one["heading"], tuple(one["lines"]), tuple((words, path) for words, path in one["links"]))
                for one in facts["parts"]
            ),
        )


def _blocks(lines: Sequence[str]) -> list[str]:
    """Paragraphs, with those of one list together."""
    blocks: list[str] = []
    for line in lines:
        if line.startswith("• ") and blocks and blocks[-1].startswith("• "):
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return blocks


WITHHELD = (
    "At which price it would have been funded is not told: few people voted, and it would show what those who chose it "
    "had left."
)


def enough_words(found: BidFacts | None, said: str = "") -> tuple[str, ...]:
    """What would have been enough, in sentences: what was tried, or what the rule ``said`` itself; nothing if unknown.

    >>> enough_words(BidFacts(UUID(int=1), 3, 2, 0, enough_cost_minor=90_000, enough_supporters=2))[1]
    'With 2 more people who choose only this it would have been funded, all else as it was.'
    """
    if found is None or not found.tried:
        return (said,) if said else ()
    cost, more = found.enough_cost_minor, found.enough_supporters
    return (
        WITHHELD
        if found.withheld
        else f"For {show_pounds(cost)} it would have been funded. For one penny more it would not."
        if cost
        else "At no price would it have been funded.",
        f"With {more:,} more {'person who chooses' if more == 1 else 'people who choose'} only this it would have been "
        "funded, all else as it was."
        if more
        else "Even twice as many voters, all choosing only this, would not have been enough.",
    )


def write(told: Told) -> Letter:
    """The letter for one decision. Nothing in it tells of another group, or who said what on the panel."""
    facts = {"title": told.title, "awarded": show_pounds(told.awarded_minor)}
    opening = [OPENINGS[told.verdict].format(**facts)]
    if told.corrected:
        opening.insert(
            0, "We made a mistake in what we told you, and we are sorry. This letter replaces the one before."
        )
    here = f"/decisions/{told.decision_id}"
    parts = [Part("Why", tuple(_why(told)))]
    if told.conditions and told.verdict is Verdict.AWARDED:
        parts.append(Part("What the panel asks of you", tuple(told.conditions.splitlines())))
    if told.verdict is not Verdict.AWARDED and told.enough:
        parts.append(Part("What would have been enough", tuple(told.enough)))
    if told.finding is not None:
        lines = [told.finding]
        for one in told.heard:
            said = (
                f"{one.sentence} ({one.average} of 3 on average)" if one.sentence else "There was not enough to go by."
            )
            lines.append(f"{one.name}: {said}")
            lines += [f"• {words}" for words in one.words]
        parts.append(Part("What the panel said before the vote", tuple(lines)))
    if told.verdict is Verdict.AWARDED:
        parts.append(Part("What comes next", ("An offer comes in a letter of its own. Please answer it in time.",)))
    elif told.elsewhere:
        parts.append(
            Part(
                "Where else to turn",
                ("These may help too:", *(f"• {place}" for place in told.elsewhere)),
            )
        )
    parts.append(
        Part(
            "If you want to talk about it",
            ("You can ask for feedback, or for help with another bid, at any time. A steward answers you.",),
            (("Ask for feedback", f"{here}/feedback"),),
        )
    )
    parts.append(
        Part(
            "If something went wrong",
            (
                "You can appeal when the rules of the round were not kept, when somebody who judged had an interest, "
                "or when something that you put in was left out. An appeal is about how it was decided. That others "
                "were preferred is no ground.",
                f"You have {told.appeal_days} days: until the end of {told.appeal_until}. Somebody who had no part in "
                "it decides, and tells you why.",
            ),
            (("Appeal", f"{here}/appeal"),),
        )
    )
    parts.append(
        Part(
            "All results",
            ("Everybody can read all results, and how they were worked out.",),
            (("The results of the round", f"/rounds/{told.round_id}/results"), ("This letter", f"{here}/letter")),
        )
    )
    subject = SUBJECTS[told.verdict].format(**facts)
    return Letter(f"Corrected: {subject}" if told.corrected else subject, tuple(opening), tuple(parts))


def _why(told: Told) -> list[str]:
    lines = [told.reason]
    if told.supporters is not None:
        people = "1 person" if told.supporters == 1 else f"{told.supporters:,} people"
        lines.append(f"{people} of {told.voters:,} who voted chose it.")
    if told.departure_reason:
        lines.append(
            f"The panel decided otherwise than the votes alone would have. Its reason: {told.departure_reason}"
        )
    return lines
