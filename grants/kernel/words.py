"""Words: what somebody must give (a reason, an answer, a name), and a number with its word."""

from collections.abc import Sized

from grants.kernel.errors import RuleBroken


def words_given(text: str, field: str, message: str, at_most: int | None = None) -> str:
    """``text`` without blanks at its ends.

    Raises ``RuleBroken`` at ``field``: with ``message`` when nothing is left, or when it is longer than ``at_most``.

    >>> words_given(" The lamps are mended. ", "answer", "Write the answer", 40)
    'The lamps are mended.'
    """
    stripped = text.strip()
    if not stripped:
        raise RuleBroken(message, field=field)
    if at_most is not None and len(stripped) > at_most:
        raise RuleBroken(f"This must be {at_most:,} characters or fewer.", field=field)
    return stripped


def plural(count: int | Sized, one: str, many: str | None = None) -> str:
    """A count with its word.

    >>> plural(1, "vote"), plural(1200, "vote"), plural(0, "reply", "replies")
    ('1 vote', '1,200 votes', '0 replies')
    """
    size = count if isinstance(count, int) else len(count)
    return f"{size:,} {one if size == 1 else many or one + 's'}"
