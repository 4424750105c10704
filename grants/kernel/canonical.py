"""One form of writing down facts, so that the same facts have the same hash on every machine."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID


def canonical_json(facts: Any) -> str:
    """``facts`` as JSON with sorted keys, no spaces and no escapes beyond those JSON demands.

    Takes text, whole numbers, truth values, nothing, lists, mappings with text keys, sets (written as sorted lists),
    ids, enumerations, days, and moments with a zone (written in UTC). Refuses floats (``TypeError``): no two languages
    write them the same way.

    >>> canonical_json({"b": [1, True, None], "a": "é"})
    '{"a":"é","b":[1,true,null]}'
    """
    return json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(facts: Any) -> str:
    """SHA-256 (64 hex digits) of the UTF-8 bytes of ``canonical_json``.

    >>> fingerprint({})
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


def _plain(facts: Any) -> Any:
    if isinstance(facts, Enum):
        return _plain(facts.value)
    if facts is None or isinstance(facts, str | bool | int):
        return facts
    if isinstance(facts, UUID):
        return str(facts)
    if isinstance(facts, datetime):
        if facts.tzinfo is None:
            raise TypeError("a moment needs a zone")
        return facts.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(facts, date):
        return facts.isoformat()
    if isinstance(facts, Mapping):
        if not all(isinstance(key, str) for key in facts):
            raise TypeError("keys must be text")
        return {key: _plain(value) for key, value in facts.items()}
    if isinstance(facts, set | frozenset):
        return sorted(_plain(fact) for fact in facts)
    if isinstance(facts, Sequence) and not isinstance(facts, bytes | bytearray):
        return [_plain(fact) for fact in facts]
    raise TypeError(f"cannot write {type(facts).__name__} down exactly")
