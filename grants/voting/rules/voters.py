"""Who may vote, and what a browser holds of a vote until it is cast."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import Connection, VotingMethod
from grants.rounds.rules.book import RuleBook
from grants.voting.rules.ballots import as_marks

KNOWN_FOR = timedelta(hours=2)
"""How long somebody who has shown that they may vote need not show it again."""
CONNECTION_WORDS = {
    Connection.LIVES: "I live here",
    Connection.WORKS: "I work here",
    Connection.STUDIES: "I study here",
    Connection.VOLUNTEERS: "I volunteer here",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a voter says of themselves; it is checked and not kept."""

    connection: Connection | None
    old_enough: bool


def check_declaration(book: RuleBook, said: Declaration) -> None:
    """Refuse (``RuleBroken``, with the field) somebody whom the rule-book does not let vote."""
    if said.connection is None or said.connection not in book.vote_connections:
        raise RuleBroken("Say what ties you to this place. Only people with a tie to it vote.", field="connection")
    if book.vote_min_age and not said.old_enough:
        raise RuleBroken(
            f"You can vote from the age of {book.vote_min_age}. Tick the box if you are that old.", field="old_enough"
        )


def who_may_vote(book: RuleBook) -> str:
    """In one sentence.

    >>> import types
    >>> who_may_vote(types.SimpleNamespace(vote_connections=(Connection.LIVES, Connection.WORKS), vote_min_age=11))
    'Everybody aged 11 or over who lives or works here.'
    """
    ties = [tie.value for tie in Connection if tie in book.vote_connections]
    if not ties:
        return "People elsewhere voted, by rules of their own."
    joined = ties[0] if len(ties) == 1 else f"{', '.join(ties[:-1])} or {ties[-1]}"
    age = f" aged {book.vote_min_age} or over" if book.vote_min_age else ""
    return f"Everybody{age} who {joined} here."


@dataclass(frozen=True, slots=True)
class Voter:
    """Somebody who has shown that they may vote in one round. ``key`` is the one on the roll."""

    key: str
    method: VotingMethod
    ward_code: str | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """A ballot in hand: it lives in the voter's own signed cookie (and for a known voter sealed on the server too).

    ``picks``: what is marked so far, number → 1 for a tick, its points or its place; it may be wrong until it is cast.
    ``seed`` orders the list for this voter. ``token`` makes the envelope's secret number, so that pressing the button
    twice gives one tracking code. ``check_id``: the number by mail that is waited for.
    """

    seed: str
    token: str
    picks: Mapping[int, int] = field(default_factory=dict)
    blank: bool = False
    voter: Voter | None = None
    known_until: datetime | None = None
    voted_before: bool = False
    check_id: str = ""

    @property
    def choices(self) -> tuple[int, ...]:
        """The numbers of the bids that are marked."""
        return tuple(sorted(self.picks))

    def choosing(self, shown: Collection[int], marked: Mapping[int, int], only_one: bool = False) -> "Hand":
        """With what was marked of the lines that were shown; choices that a filter hid stay (but one where
        ``only_one`` can be chosen)."""
        kept = {} if only_one and marked else {n: value for n, value in self.picks.items() if n not in shown}
        return replace(self, picks=kept | {n: value for n, value in marked.items() if value}, blank=False)

    def known(self, voter: Voter, now: datetime, voted_before: bool) -> "Hand":
        """With a voter who has just shown that they may vote."""
        return replace(self, voter=voter, known_until=now + KNOWN_FOR, voted_before=voted_before, check_id="")

    def voter_at(self, now: datetime) -> Voter | None:
        """The voter, while we still take their word for it."""
        return self.voter if self.known_until is not None and now < self.known_until else None

    def to_cookie(self) -> dict[str, Any]:
        """As JSON can hold it."""
        held: dict[str, Any] = {
            "s": self.seed,
            "t": self.token,
            "c": [number if value == 1 else (number, value) for number, value in sorted(self.picks.items())],
        }
        if self.blank:
            held["b"] = 1
        if self.voter is not None and self.known_until is not None:
            held["v"] = [self.voter.key, self.voter.method.value, self.voter.ward_code, self.known_until.isoformat()]
            held["e"] = int(self.voted_before)
        if self.check_id:
            held["n"] = self.check_id
        return held

    @classmethod
    def from_cookie(cls, held: Mapping[str, Any]) -> "Hand":
        """What ``to_cookie`` wrote. The cookie is signed, so nobody else wrote it."""
        key, method, ward_code, until = held.get("v") or ("", "", None, "")
        return cls(
            seed=held["s"],
            token=held["t"],
            picks=dict(as_marks(held["c"])),
            blank=bool(held.get("b")),
            voter=Voter(key, VotingMethod(method), ward_code) if key else None,
            known_until=datetime.fromisoformat(until) if until else None,
            voted_before=bool(held.get("e")),
            check_id=held.get("n", ""),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a voter is told once. ``nonce`` and choices together give the commitment on the board."""

    tracking_code: str
    nonce: str
    replaced: bool
