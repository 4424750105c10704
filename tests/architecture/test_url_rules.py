"""Addresses are made as Werkzeug makes them, though what makes them is compiled when it is first needed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.routing import IntegerConverter, Rule, UUIDConverter

from grants.web.application import Application, LazyRule


def _value(kind: Any) -> object:
    if isinstance(kind, UUIDConverter):
        return UUID(int=7)
    return 7 if isinstance(kind, IntegerConverter) else "a word"


def test_every_address_is_as_werkzeug_makes_it(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    assert len(rules) > 300
    for rule in rules:
        values = {name: _value(kind) for name, kind in rule._converters.items()}
        plain, unknown = (Rule._compile_builder(rule, more).__get__(rule, None) for more in (False, True))
        for _ in range(2):
            assert rule._build(**values) == plain(**values), rule
            assert rule._build_unknown(**values, more="x & y") == unknown(**values, more="x & y"), rule


def test_nothing_is_compiled_before_an_address_is_asked_for() -> None:
    app = Application(__name__)
    app.add_url_rule("/one/<int:number>", "one")
    [lazy] = [rule for rule in app.url_map.iter_rules() if rule.endpoint == "one"]
    assert isinstance(lazy, LazyRule)
    before = lazy._build_unknown
    assert app.url_map.bind("").build("one", {"number": 3}) == "/one/3"
    assert lazy._build_unknown is not before
    assert app.url_map.bind("").build("one", {"number": 4}) == "/one/4"
