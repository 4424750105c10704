"""Papers: what stands on one, when it does not count, and the life of a batch that two people key."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from grants.kernel.errors import RuleBroken
from grants.kernel.sealing import EnvelopeBroken

FIRST, SECOND = 1, 2
"""The two keyings of a batch, by two people."""
LARGEST_BATCH = 500
NOTE_LENGTH = 1024
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class PaperBatchState(StrEnum):
    """A batch of papers from one box."""

    DECLARED = "declared"
    KEYED = "keyed"
    APPROVED = "approved"
    SET_ASIDE = "set_aside"


class PaperBatchAction(StrEnum):
    CLOSE = "close"
    APPROVE = "approve"
    DECLARE_ANEW = "declare_anew"


BATCH_STEPS: dict[tuple[PaperBatchState, PaperBatchAction], PaperBatchState] = {
    (PaperBatchState.DECLARED, PaperBatchAction.CLOSE): PaperBatchState.KEYED,
    (PaperBatchState.KEYED, PaperBatchAction.APPROVE): PaperBatchState.APPROVED,
    (PaperBatchState.DECLARED, PaperBatchAction.DECLARE_ANEW): PaperBatchState.SET_ASIDE,
    (PaperBatchState.KEYED, PaperBatchAction.DECLARE_ANEW): PaperBatchState.SET_ASIDE,
    (PaperBatchState.APPROVED, PaperBatchAction.DECLARE_ANEW): PaperBatchState.SET_ASIDE,
}


class Invalid(StrEnum):
    """Why a paper does not count."""

    OVER_LIMIT = "over_limit"
    OVER_AREA = "over_area"
    UNKNOWN_NUMBER = "unknown_number"
    UNKNOWN_PAPER = "unknown_paper"
    COPY = "copy"
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"
    LATE = "late"


INVALID_WORDS: dict[Invalid, str] = {
    Invalid.OVER_LIMIT: "more is chosen than the rules allow",
    Invalid.OVER_AREA: "its choices are in more areas than the rules allow",
    Invalid.UNKNOWN_NUMBER: "a number is marked that is not on this ballot",
    Invalid.UNKNOWN_PAPER: "the paper is not one of ours",
    Invalid.COPY: "another paper has the same number",
    Invalid.UNSIGNED: "the slip that came with it is not signed",
    Invalid.UNREADABLE: "it cannot be read",
    Invalid.LATE: "it came after the close",
}
SAID_BY_PEOPLE = (Invalid.UNSIGNED, Invalid.UNREADABLE, Invalid.LATE, Invalid.UNKNOWN_PAPER, Invalid.COPY)
"""What whoever keys sees on the paper; the other reasons follow from what they key."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one person read on one paper. ``marks``: number on the ballot → what stands in its box (1 for a tick)."""

    serial: str | None
    marks: Mapping[int, int]
    invalid: Invalid | None = None

    def same_as(self, other: "Sheet") -> bool:
        """Whether two people read the same."""
        return (self.serial, dict(self.marks), self.invalid) == (other.serial, dict(other.marks), other.invalid)

    def to_text(self) -> str:
        """The marks as they are sealed."""
        return json.dumps({str(number): mark for number, mark in sorted(self.marks.items())}, separators=(",", ":"))


def marks_from_text(text: str) -> dict[int, int]:
    """What ``Sheet.to_text`` wrote."""
    return {int(number): int(mark) for number, mark in json.loads(text).items()}


def read_marks(text: str, kind: str) -> dict[int, int]:
    """The marks as somebody keys them. Refuses (``RuleBroken``) what is no list of numbers.

    Ticks are the numbers with blanks between them, in any order; points are ``number=points``; a ranked ballot is the
    numbers from the best liked on. Nothing at all is a blank ballot.

    >>> read_marks("4 1,7", "approval"), read_marks("3=5 12=2", "points"), read_marks("4 1", "ranked")
    ({1: 1, 4: 1, 7: 1}, {3: 5, 12: 2}, {1: 2, 4: 1})
    """
    pieces = [piece for piece in re.split(r"[\s,;>]+", text.strip()) if piece]
    shape = r"(\d{1,4})\s*[=:x*]\s*(\d{1,4})" if kind == "points" else r"(\d{1,4})"
    found = [re.fullmatch(shape, piece) for piece in pieces]
    if any(match is None for match in found):
        example = "like 3=5 12=2" if kind == "points" else "like 3 7 12"
        raise RuleBroken(f"Type the numbers with a space between them, {example}.", field="marks")
    read = [(int(match[1]), int(match[2]) if kind == "points" else 1) for match in found if match is not None]
    if len({number for number, _ in read}) < len(read):
        raise RuleBroken("A number stands there twice. Type each number once.", field="marks")
    if kind == "ranked":
        read = [(number, place) for place, (number, _) in enumerate(read, start=1)]
    return dict(sorted(read))


def show_marks(marks: Mapping[int, int], kind: str) -> str:
    """The marks as they would be keyed.

    >>> show_marks({3: 5, 12: 2}, "points"), show_marks({1: 2, 4: 1}, "ranked"), show_marks({}, "approval")
    ('3=5 12=2', '4 1', '')
    """
    if kind == "points":
        return " ".join(f"{number}={points}" for number, points in sorted(marks.items()))
    ordered = sorted(marks, key=lambda number: (marks[number], number)) if kind == "ranked" else sorted(marks)
    return " ".join(str(number) for number in ordered)


def judge(
    said: Invalid | None,
    marks: Collection[int],
    on_ballot: Collection[int],
    *,
    is_ours: bool,
    fits: bool,
    near: bool = True,
) -> Invalid | None:
    """Why a paper does not count, the gravest reason first; nothing when it does.

    ``said``: what a person saw on it. ``fits``: whether the marks keep the limits of the ballot; ``near``: whether they
    are in as few areas as these ask for. A paper with fewer
    ticks than the least that is asked for counts: nobody can hand it back to the voter.
    """
    if said is not None:
        return said
    if not is_ours:
        return Invalid.UNKNOWN_PAPER
    if any(number not in on_ballot for number in marks):
        return Invalid.UNKNOWN_NUMBER
    if not fits:
        return Invalid.OVER_LIMIT
    return None if near else Invalid.OVER_AREA


def ensure_complete(name: str, keyed: int, declared: int) -> None:
    """Refuse (``RuleBroken``) to close a batch of which papers are missing: nothing is dropped in silence."""
    if keyed != declared:
        raise RuleBroken(
            f"{keyed} of {declared} papers of {name} are keyed. Key the others, or correct the count if it was wrong."
        )


def differing(first: Mapping[int, Sheet], second: Mapping[int, Sheet]) -> list[int]:
    """The places at which two keyings of one batch do not say the same; a paper that only one has is a difference."""

    def same(place: int) -> bool:
        return place in first and place in second and first[place].same_as(second[place])

    return [place for place in sorted({*first, *second}) if not same(place)]


def papers_beyond(papers: int, marks: int) -> str:
    """Why papers cannot be counted: there are more than people who were given one. Empty when all is well.

    >>> papers_beyond(31, 30)
    'There are 31 papers that count, and 30 people were given one. Find out why before anything is counted.'
    """
    if papers <= marks:
        return ""
    people = "1 person was" if marks == 1 else f"{marks} people were"
    return f"There are {papers} papers that count, and {people} given one. Find out why before anything is counted."


def seal_marks(text: str, public_key: str, about: bytes) -> bytes:
    """Marks as nobody can read them before the count, and of one length (HPKE, as ``envelope``)."""
    bare = text.encode()
    if len(bare) > NOTE_LENGTH:
        raise RuleBroken("More numbers stand there than a ballot can have.", field="marks")
    key = X25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    return bytes(_SUITE.encrypt(bare.ljust(NOTE_LENGTH, b" "), key, b"seedbed paper v1\n" + about))


def open_marks(sealed: bytes, private: bytes, about: bytes) -> str:
    """What ``seal_marks`` sealed. Raises ``EnvelopeBroken``."""
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        return bytes(_SUITE.decrypt(sealed, key, b"seedbed paper v1\n" + about)).decode().rstrip()
    except InvalidTag as broken:
        raise EnvelopeBroken("A keyed paper does not open with this round's key.") from broken


def batch_name(number: int, place: str) -> str:
    """How people speak of a batch.

    >>> batch_name(2, "Thornaby library")
    'batch 2 (Thornaby library)'
    """
    return f"batch {number} ({place})"
