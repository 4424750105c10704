"""What officers do for a group that does not write on a screen."""

from enum import StrEnum


class Hand(StrEnum):
    """What an officer did to a bid that somebody else asks for."""

    TYPED = "typed"
    SAW_SIGNED = "saw_signed"
    SUMMED_UP = "summed_up"


class Source(StrEnum):
    """From what a bid was typed in."""

    PAPER = "paper"
    TALK = "talk"
    TELEPHONE = "telephone"
    RECORDING = "recording"


SOURCE_WORDS: dict[Source, str] = {
    Source.PAPER: "They wrote it on our paper form",
    Source.TALK: "They told me face to face",
    Source.TELEPHONE: "They told me on the telephone",
    Source.RECORDING: "They recorded it",
}
SUMMARY_AT_MOST = 2000
"""Characters of what an officer writes down of a recording."""
HAND_WORDS_AT_MOST = 300
