"""The panel reads the bids before the vote, by the criteria that the rule-book froze."""

from collections.abc import Mapping

from grants.demo import bids
from grants.demo.play import Play
from grants.review import queries as reviews
from grants.review import service as review
from grants.review.rules import Mark, ReviewDraft, address_mark
from grants.rounds.rules.panel import HEALTH_CREATION, Criterion

PANEL = ("chris", "priya", "peter")
REASONS = {
    0: "Nothing in the bid speaks to this.",
    1: "It is mentioned, but I cannot see how.",
    2: "It is there, in what they do and how.",
    3: "This is what the whole bid is built on.",
}
OWN_QUESTION_IN = "second"
OWN_QUESTION = Criterion(
    "",
    "Warm and near",
    "In the dark months: is it somewhere warm, and can people get there and back on foot?",
    (
        "It is out in the cold, or far from a bus or a home.",
        "It is warm, but people need a lift to get there.",
        "It is warm, and most can walk there.",
        "It is warm, people can walk there, and nobody walks home alone.",
    ),
    weight=2,
)
"""What the round for the winter asks beside the standard set; it counts twice."""
WEAK = frozenset({bids.COFFEE.title})


def sit(play: Play, round_key: str, on: int) -> None:
    """Three panellists are seated, share the bids, declare their interests, score, and lock."""
    round_id = play.rounds[round_key]
    with play.as_("sue", play.at(on, 9)) as uow:
        for key in PANEL:
            review.seat(uow, round_id, play.cast.people[key][0], chair=key == "chris")
            trained, until = play.day(on - 30), play.day(on + 700)
            review.note_member(uow, round_id, play.cast.people[key][0], trained_on=trained, term_ends_on=until)
    for house, key in enumerate(PANEL, start=21):
        with play.as_(key, play.at(on, 9, 30)) as uow:
            review.say_where_i_live(uow, address_mark(play.settings.secret_key, str(house), "TS18 1AA"))
    with play.as_("sue", play.at(on, 10)) as uow:
        review.share_out(uow, round_id, 3)
    titles = {proposal_id: title for (key, title), proposal_id in play.proposals.items() if key == round_key}
    for key in PANEL:
        for one in reviews.of_panellist(play.session, round_id, play.cast.people[key][0]):
            title, review_id = titles[one.proposal_id], one.id
            if key == "peter" and title == bids.REPAIR.title:
                with play.as_(key, play.at(on + 1, 18)) as uow:
                    review.recuse(uow, review_id, "My sister mends bikes there.")
                continue
            with play.as_(key, play.at(on + 1, 19)) as uow:
                review.declare(uow, review_id)
            with play.as_(key, play.at(on + 2, 19)) as uow:
                review.submit_review(uow, review_id, ReviewDraft(version=0, marks=_marks(play, title, round_key)))
    with play.as_("chris", play.at(on + 4, 12)) as uow:
        review.lock_panel(uow, round_id)


def _marks(play: Play, title: str, round_key: str) -> tuple[Mark, ...]:
    scale: Mapping[bool, tuple[int, ...]] = {True: (0, 0, 1, 1), False: (1, 2, 2, 2, 3, 3)}
    values = [play.random.choice(scale[title in WEAK]) for _ in HEALTH_CREATION]
    marks = tuple(
        Mark(criterion=criterion.id, value=value, reason=REASONS[value])
        for criterion, value in zip(HEALTH_CREATION, values, strict=True)
    )
    if round_key != OWN_QUESTION_IN:
        return marks
    indoors = 1 if title in WEAK else 2
    return (*marks, Mark(criterion="warm_and_near", value=indoors, reason=REASONS[indoors]))
