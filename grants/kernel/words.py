"""Words that somebody must give: a reason, an answer, a name."""

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
