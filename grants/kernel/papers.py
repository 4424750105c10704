"""Papers that prove: what kind of file the bytes are, whatever its name says."""

from dataclasses import dataclass

from grants.kernel.errors import RuleBroken
from grants.kernel.pictures import re_encoded

LARGEST = 6 * 1024 * 1024
"""Bytes of one paper."""
_ACTIVE = (
    b"/JavaScript",
    b"/JS ",
    b"/JS(",
    b"/Launch",
    b"/EmbeddedFile",
    b"/OpenAction",
    b"/AA ",
    b"/RichMedia",
    b"/XFA",
)


@dataclass(frozen=True, slots=True)
class Paper:
    """Content that may be kept: ``suffix`` is ``pdf`` or ``jpg``."""

    content: bytes
    suffix: str


def checked_paper(content: bytes, field: str = "paper") -> Paper:
    """A PDF in which nothing runs, or a picture drawn anew as JPEG. Raises ``RuleBroken`` at ``field``.

    >>> checked_paper(b"%PDF-1.4 plain %%EOF").suffix
    'pdf'
    """
    if not content:
        raise RuleBroken("Choose a file.", field)
    if len(content) > LARGEST:
        raise RuleBroken("Choose a file of 6 MB or less.", field)
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-2048:]:
            raise RuleBroken("This PDF is not whole. Save it again and send that.", field)
        if b"/Encrypt" in content:
            raise RuleBroken("This PDF is locked with a password. Send one without.", field)
        if any(word in content for word in _ACTIVE):
            raise RuleBroken(
                "This PDF holds more than a page: a script or a file. Print it to a new PDF, or send a photo.", field
            )
        return Paper(content, "pdf")
    try:
        return Paper(re_encoded(content), "jpg")
    except RuleBroken:
        raise RuleBroken("Choose a PDF, or a photo (JPEG, PNG or WebP).", field) from None
