"""What we sign ourselves is what Flask and itsdangerous sign and read, and nothing else is taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask.sessions import SecureCookieSessionInterface, session_json_serializer
from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer
from markupsafe import Markup

from grants.web.cookies import KeptKeys, PlainOrTagged, Signed

SECRET = "a secret of this test"
SESSIONS: list[dict[str, Any]] = [
    {},
    {"ballot:1": {"s": "f3", "t": "", "c": [1, [2, 40]], "b": 1, "e": 0.5, "n": None}, "kiosk": True},
    {"_flashes": [("success", "It is saved.")]},
    {"said": Markup("<b>bold</b>")},
    {"who": UUID(int=7), "raw": b"\0\1", "at": datetime(2027, 3, 1, 12, tzinfo=UTC)},
    {"held": {" t": [1, 2]}},
    {" t": [1, 2]},
    {"typed": 'somebody types {" t": [1]} or ü'},
]


@pytest.mark.parametrize("session", SESSIONS)
def test_a_session_comes_back_as_it_was_with_what_json_cannot_say(session: dict[str, Any]) -> None:
    ours = PlainOrTagged()
    found = ours.loads(ours.dumps(session))
    assert found == session
    assert [type(value) for value in found.values()] == [type(value) for value in session.values()]


@pytest.mark.parametrize("session", SESSIONS)
def test_flask_reads_what_we_write_and_we_what_flask_writes(session: dict[str, Any]) -> None:
    ours = PlainOrTagged()
    assert session_json_serializer.loads(ours.dumps(session)) == session
    assert ours.loads(session_json_serializer.dumps(session)) == session


@pytest.mark.parametrize("derivation", ["hmac", "django-concat"])
@pytest.mark.parametrize("secret", ["short", "longer than a block of SHA-1 " * 4])
def test_our_signature_is_that_of_itsdangerous(secret: str, derivation: str) -> None:
    usual = Signer(secret, salt="salt", key_derivation=derivation)
    kept = KeptKeys(secret, salt="salt", key_derivation=derivation)
    for value in (b"", b"once", b"twice" * 100):
        assert kept.get_signature(value) == usual.get_signature(value)


@pytest.mark.parametrize("size", [10, 5_000])
def test_both_ways_between_itsdangerous_and_us(size: int) -> None:
    usual, ours = URLSafeTimedSerializer(SECRET, salt="salt"), Signed(SECRET, salt="salt")
    said = {"said": "aB3" * size}
    assert usual.loads(ours.dumps(said), max_age=60) == said
    assert ours.loads(usual.dumps(said), max_age=60) == said


def test_what_another_key_or_another_purpose_signed_is_refused() -> None:
    ours = Signed(SECRET, salt="one purpose")
    for other in (Signed("another secret", salt="one purpose"), Signed(SECRET, salt="another purpose")):
        with pytest.raises(BadSignature):
            ours.loads(other.dumps({"who": "somebody else"}))
    with pytest.raises(BadSignature):
        ours.loads(Signed(SECRET, salt="another purpose").dumps(1), salt="a third")
    assert ours.loads(Signed(SECRET, salt="another purpose").dumps(1), salt="another purpose") == 1


def test_a_cookie_from_before_a_new_secret_is_still_read() -> None:
    earlier, now = Signed("old", salt="salt"), Signed(["old", "new"], salt="salt")
    assert now.loads(earlier.dumps("kept")) == "kept"
    with pytest.raises(BadSignature):
        earlier.loads(now.dumps("kept"))


def test_small_ones_are_not_packed_and_large_ones_are() -> None:
    ours = Signed(SECRET, salt="salt")
    assert not ours.dumps("aaaa").startswith(".")
    assert ours.dumps("a" * 2_000).startswith(".")
    assert len(ours.dumps("a" * 2_000)) < len(json.dumps("a" * 2_000))


def test_the_session_is_signed_as_flask_does() -> None:
    assert SecureCookieSessionInterface.key_derivation == "hmac"
    assert SecureCookieSessionInterface.digest_method().name == "sha1"
