"""Pictures, papers and recordings that go with a proposal."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from grants.kernel.errors import RuleBroken
from grants.kernel.later import Later
from grants.kernel.papers import checked_paper

if TYPE_CHECKING:
    import filetype
else:
    filetype = Later("filetype")


class FileKind(StrEnum):
    """What a file of a proposal is."""

    PICTURE = "picture"
    PAPER = "paper"
    SOUND = "sound"
    FILM = "film"


class FileState(StrEnum):
    """Where a file stands; it is opened by nobody before it was found clean."""

    WAITING = "waiting"
    CLEAN = "clean"
    INFECTED = "infected"


class FileAction(StrEnum):
    """What a scan says."""

    FIND_CLEAN = "find_clean"
    FIND_INFECTED = "find_infected"


FILE_STEPS = {
    (FileState.WAITING, FileAction.FIND_CLEAN): FileState.CLEAN,
    (FileState.WAITING, FileAction.FIND_INFECTED): FileState.INFECTED,
}
SPOKEN = frozenset({FileKind.SOUND, FileKind.FILM})
"""Kinds that tell what a group will do as well as writing does."""
MOST_FILES = 8
LABEL_AT_MOST = 600
LARGEST_SPOKEN = 7 * 1024 * 1024
"""Bytes of a voice note or a film: some ten minutes of speech."""
_SPOKEN_KINDS = {
    "audio/mpeg": (FileKind.SOUND, "mp3"),
    "audio/mp4": (FileKind.SOUND, "m4a"),
    "audio/x-m4a": (FileKind.SOUND, "m4a"),
    "audio/ogg": (FileKind.SOUND, "ogg"),
    "audio/x-wav": (FileKind.SOUND, "wav"),
    "audio/aac": (FileKind.SOUND, "aac"),
    "video/mp4": (FileKind.FILM, "mp4"),
    "video/quicktime": (FileKind.FILM, "mov"),
    "video/webm": (FileKind.FILM, "webm"),
    "video/3gpp": (FileKind.FILM, "3gp"),
}


@dataclass(frozen=True, slots=True)
class Upload:
    """Content that may be kept."""

    content: bytes
    kind: FileKind
    suffix: str


def checked_upload(content: bytes) -> Upload:
    """What a file is by its bytes, never by its name: a voice note, a film, a picture (drawn anew), a PDF.

    Raises ``RuleBroken`` at ``file``.
    """
    spoken = filetype.guess_mime(content[:8192]) if content else None
    if spoken in _SPOKEN_KINDS:
        kind, suffix = _SPOKEN_KINDS[spoken]
        if len(content) > LARGEST_SPOKEN:
            raise RuleBroken("Choose a recording of 7 MB or less: some ten minutes of speech.", field="file")
        return Upload(content, kind, suffix)
    try:
        paper = checked_paper(content, field="file")
    except RuleBroken as broken:
        if broken.message == "Choose a PDF, or a photo (JPEG, PNG or WebP).":
            raise RuleBroken("Choose a photo, a PDF, or a recording of sound or film.", field="file") from None
        raise
    return Upload(paper.content, FileKind.PAPER if paper.suffix == "pdf" else FileKind.PICTURE, paper.suffix)
