"""Bids as a panellist reads them in a blind round: without whose they are, until the scores are locked."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from grants.kernel.actors import Actor
from grants.review import queries
from grants.review.rules import THE_GROUP, THE_PLACE, hide
from grants.rounds import queries as rounds
from grants.rounds.access import may_see_desk
from grants.web.db import reading
from grants.web.outside import geography


class Hidden:
    """A proposal of which every text is told without names, and files, partners and the group itself not at all."""

    def __init__(self, proposal: Any, words: Mapping[str, str]) -> None:
        self._proposal, self._words = proposal, words

    def __getattr__(self, name: str) -> Any:
        if name in ("files", "joint"):
            return []
        if name in ("partners", "contact_name", "contact_email", "contact_phone", "venue_postcode"):
            return None
        if name == "group":
            return _Named(THE_GROUP)
        value = getattr(self._proposal, name)
        if name == "lines":
            return [Hidden(line, self._words) for line in value]
        return hide(value, self._words) if isinstance(value, str) and name != "state" else value


class _Named:
    """A group that is not told."""

    id = None

    def __init__(self, name: str) -> None:
        self.name = name


class HiddenReview:
    """A review whose bid is hidden."""

    def __init__(self, review: Any, proposal: Any) -> None:
        self._review, self.proposal = review, proposal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._review, name)


def is_blind(actor: Actor, round: Any) -> bool:
    """Whether this person must not learn whose bids these are: the round is blind, its scores are not locked, and they
    look as a panellist and not as one who looks after the round."""
    if round.panel_locked_at is not None or not rounds.rule_book(round).blind:
        return False
    return queries.is_panellist(reading(), round.id, actor.id) or not may_see_desk(actor, round.fund_id)


def words_of(proposals: Sequence[Any]) -> dict[UUID, dict[str, str]]:
    """Proposal → what would tell whose it is, each with what stands for it. Names of wards come from the map."""
    wards = {ward.code: ward.name for ward in geography().wards()}
    found = queries.telling_words(reading(), proposals)
    for one in proposals:
        for code in (*one.ward_codes, one.group.ward_code):
            if code in wards:
                found[one.id][wards[code]] = THE_PLACE
    return found


def hidden(proposals: Sequence[Any]) -> dict[UUID, Any]:
    """The proposals as a panellist may see them, by id."""
    words = words_of(proposals)
    return {one.id: Hidden(one, words[one.id]) for one in proposals}


def hidden_reviews(reviews: Sequence[Any]) -> list[Any]:
    """Reviews with their proposals hidden, in the same order."""
    shown = hidden([one.proposal for one in reviews])
    return [HiddenReview(one, shown[one.proposal_id]) for one in reviews]
