"""Loads the demonstration town, scene by scene, through the services that the pages call."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from grants.demo import accounts, beginnings, outcomes, quick, rounds
from grants.demo.play import Play
from grants.people import queries as people_queries
from grants.web.db import db, now


def is_loaded(session: Session) -> bool:
    """Whether anybody lives in this database yet."""
    return bool(people_queries.people(session)[0])


def _hurry(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def load(app: Flask, say: Callable[[str], object]) -> None:
    """Tell the town's story up to this moment. Raises whatever a service refuses: a scene that is refused is a mistake."""
    if not app.config["DEMO"]:
        raise RuntimeError("the demonstration town is for demonstrations only")
    if db.engine.dialect.name == "sqlite":  # half a town is thrown away, so nothing here need survive a power cut
        db.session().rollback()
        db.engine.dispose()
        event.listen(db.engine, "connect", _hurry)
    play = Play(app, now())
    for scene in (
        *beginnings.SCENES,
        rounds.the_first_round,
        *outcomes.SCENES,
        *quick.SCENES,
        *rounds.SCENES[1:],
        *accounts.SCENES,
    ):
        say(f"  {(scene.__doc__ or '').splitlines()[0]}")
        scene(play)
