"""A proposal as it is kept when it is put in, and how two copies differ."""

import re
from collections.abc import Mapping
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any
from uuid import UUID

from grants.proposals.rules.facts import Facts, Help, Level, Line
from grants.proposals.rules.partners import Partner, PartnerState
from grants.proposals.rules.sections import SECTION_FIELDS


def as_kept(facts: Facts) -> dict[str, Any]:
    """What was put in, for the copy that is kept (JSON); who to contact and where partners are asked is left out.

    ``from_kept`` reads it again.
    """
    kept: dict[str, Any] = {}
    for name in _KEPT:
        value = getattr(facts, name)
        if isinstance(value, date):
            value = value.isoformat()
        elif isinstance(value, UUID):
            value = str(value)
        elif isinstance(value, StrEnum):
            value = value.value
        elif isinstance(value, tuple):
            value = [str(one) if isinstance(one, UUID) else one for one in value]
        kept[name] = value
    kept["lines"] = [
        {"what": one.what, "amount_minor": one.amount_minor, "in_kind": one.in_kind, "lasting": one.lasting}
        for one in facts.lines
    ]
    kept["joint"] = [{"name": one.name, "role": one.role, "share_minor": one.share_minor} for one in facts.joint]
    kept["applied_for_minor"] = facts.applied_for_minor
    return kept


def from_kept(body: Mapping[str, Any]) -> Facts:
    """What a kept copy says; what an older copy does not know stays empty.

    >>> from_kept(as_kept(Facts(title="Soup", level=Level.CIVIC, starts_on=date(2027, 3, 1)))).starts_on
    datetime.date(2027, 3, 1)
    """
    known = {name: body[name] for name in _KEPT if body.get(name) is not None}
    for name in ("starts_on", "ends_on"):
        if name in known:
            known[name] = date.fromisoformat(known[name])
    for name in ("ward_codes", "imd_deciles", "communities", "approaches"):
        known[name] = tuple(known.get(name, ()))
    known["insight_ids"] = tuple(UUID(one) for one in known.get("insight_ids", ()))
    if "priority_id" in known:
        known["priority_id"] = UUID(known["priority_id"]) if known["priority_id"] != "None" else None
    if "level" in known:
        known["level"] = Level(known["level"])
    if "help_received" in known:
        known["help_received"] = Help(known["help_received"])
    known["lines"] = tuple(Line(**one) for one in body.get("lines") or ())
    known["joint"] = tuple(Partner(**one, state=PartnerState.CONFIRMED) for one in body.get("joint") or ())
    return Facts(**known)


_KEPT = (
    *(
        name
        for fields in SECTION_FIELDS.values()
        for name in fields
        if name not in ("lines", "joint", "contact_name", "contact_email", "contact_phone")
    ),
    "imd_deciles",
)


def compared(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """Two texts as pieces that are the ``same``, ``gone`` or ``new``, word by word.

    >>> compared("We cook soup.", "We cook hot soup.")
    (('same', 'We cook '), ('new', 'hot '), ('same', 'soup.'))
    """
    old, new = _words(before), _words(after)
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[i:j])))
            continue
        pieces += [("gone", "".join(old[i:j]))] if j > i else []
        pieces += [("new", "".join(new[k:m]))] if m > k else []
    return tuple(pieces)


def _words(text: str) -> list[str]:
    """Words, each with the space behind it: together they are the text."""
    return re.findall(r"\S+\s*|\s+", text)
