"""What the panel looks for, and its part beside the votes."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grants.kernel.errors import RuleBroken
from grants.kernel.words import plural


class PanelPart(StrEnum):
    """How panel and votes combine; in each, the panel passes or fails bids before the vote by the pass mark.

    ``GATE``: nothing more; votes decide the money. ``SPLIT_POT``: a part of the pot goes by votes, the rest by the
    panel's points. ``TIE_BREAK``: the panel's points decide between bids that the votes leave level.
    """

    GATE = "gate"
    SPLIT_POT = "split_pot"
    TIE_BREAK = "tie_break"


CRITERIA_MOST = 12
WEIGHT_MOST = 10
NAME_AT_MOST = 80
QUESTION_AT_MOST = 300
STEP_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing the panel looks for. ``steps``: what a score of 0, 1, 2 and 3 means, each in one sentence.

    ``weight``: how many times its points count, 1 to 10.
    """

    id: str
    name: str
    question: str
    steps: tuple[str, str, str, str]
    weight: int = 1

    def complaints(self) -> list[tuple[bool, str, str]]:
        """What is wrong with it by itself: (whether it is, what to do, the field)."""
        steps = [" ".join(step.split()) for step in self.steps]
        return [
            (not self.name.strip(), "Enter a name.", "name"),
            (len(self.name) > NAME_AT_MOST, f"Use {NAME_AT_MOST} characters or fewer.", "name"),
            (not self.question.strip(), "Enter what panellists are asked.", "question"),
            (len(self.question) > QUESTION_AT_MOST, f"Use {QUESTION_AT_MOST} characters or fewer.", "question"),
            (not 1 <= self.weight <= WEIGHT_MOST, f"Enter a weight from 1 to {WEIGHT_MOST}.", "weight"),
            *(
                (not step, f"Say in a sentence what {points} means.", f"step_{points}")
                for points, step in enumerate(steps)
            ),
            *(
                (len(step) > STEP_AT_MOST, f"Use {STEP_AT_MOST} characters or fewer.", f"step_{points}")
                for points, step in enumerate(steps)
            ),
            *(
                (step in steps[:points], "Say something else here than for fewer points.", f"step_{points}")
                for points, step in enumerate(steps)
                if step
            ),
        ]

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no panellist could score by."""
        for broken, message, name in self.complaints():
            if broken:
                raise RuleBroken(message, field=name)


def criterion_id(name: str, taken: Collection[str]) -> str:
    """A short name of letters and digits for a criterion, unlike those that are taken; it never changes again.

    >>> criterion_id("Kind to nature!", ()), criterion_id("Kind to nature", {"kind_to_nature"})
    ('kind_to_nature', 'kind_to_nature_2')
    """
    stem = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:30] or "question"
    ids = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(one for one in ids if one not in taken)


def check_criteria(criteria: Sequence[Criterion]) -> None:
    """Refuse (``RuleBroken``, with the field) a set of criteria that no panel could score by."""
    for one in criteria:
        one.check()
    if len({one.name.strip().casefold() for one in criteria}) < len(criteria):
        raise RuleBroken("There is a question with this name already. Choose another.", field="name")
    if len(criteria) > CRITERIA_MOST:
        raise RuleBroken(f"Ask {CRITERIA_MOST} questions or fewer. Panellists answer all of them for each bid.")


def part_words(criterion: Criterion, criteria: Sequence[Criterion]) -> str:
    """How much of all points a criterion can bring: "1 of 5 parts (20%)"; whole percent, halves up."""
    total = sum(one.weight for one in criteria)
    percent = (200 * criterion.weight + total) // (2 * total)
    return f"{criterion.weight} of {plural(total, 'part')} ({percent}%)"


HEALTH_CREATION: tuple[Criterion, ...] = (
    Criterion(
        "listening",
        "Listening and responding",
        "Did they listen to the people it is for, and change the plan because of what they heard?",
        (
            "Nobody it is for was asked.",
            "A few people were asked, but the plan stayed the same.",
            "People were listened to, and part of the plan comes from them.",
            "People were listened to from the start, the plan is theirs, and they will be listened to all the way.",
        ),
    ),
    Criterion(
        "truth",
        "Truth-telling",
        "Do they speak openly about what is hard, what could go wrong, and what they do not know yet?",
        (
            "It hides or does not see what is hard.",
            "It names a problem, but not what could go wrong.",
            "It is open about what is hard and what could go wrong.",
            "It is open about all of it, and says how people can speak up and how they will share what they learn.",
        ),
    ),
    Criterion(
        "strengths",
        "Strengths-focus",
        "Does it build on what people and places here already have?",
        (
            "It treats people only as having problems.",
            "It names some strengths, but does not use them.",
            "It uses skills, places or friendships that are already here.",
            "It is built on what people here already have, and it leaves them with more.",
        ),
    ),
    Criterion(
        "organising",
        "Self-organising",
        "Will people here run it themselves, and could it go on without us?",
        (
            "Others do it for people, and it ends with the money.",
            "People can take part, but others run it.",
            "People here run most of it.",
            "People here run it, bring others in, and have a way to keep it going.",
        ),
    ),
    Criterion(
        "power",
        "Power-shifting",
        "Do people with the least say get more say through it?",
        (
            "Those who decide now will go on deciding.",
            "People with little say are asked what they think.",
            "People with little say share in the decisions.",
            "People with little say make the decisions, about the money too.",
        ),
    ),
)
"""The panel's default criteria: the five features of health creation."""
