"""What the scenes of the town are played with: a moment, somebody who acts, and one unit of work at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import yaml
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from grants.config import Settings
from grants.demo.people import CAST, Someone
from grants.kernel.actors import CLOCK, NOBODY, Actor
from grants.kernel.clock import LONDON, london_day
from grants.kernel.work import UnitOfWork
from grants.people import queries as people_queries
from grants.ports.geography import Geography
from grants.web.db import db, transaction
from grants.web.outside import geography

SEED = 20261122


@dataclass(slots=True)
class Cast:
    """Who has come in so far: key → (id, name)."""

    people: dict[str, tuple[UUID, str]] = field(default_factory=dict)
    groups: dict[str, UUID] = field(default_factory=dict)


class Play:
    """The town is told as scenes in the order of time, each by the service that a page would call."""

    def __init__(self, app: Flask, today: datetime) -> None:
        self.settings: Settings = app.config["SETTINGS"]
        self.today = london_day(today)
        self.started_at = today
        self.random = Random(SEED)
        self.cast = Cast()
        self.insights: list[UUID] = []
        self.issues: dict[str, UUID] = {}
        self.priorities: dict[str, UUID] = {}
        self.funders: list[UUID] = []
        self.contributions: list[UUID] = []
        self.fund_id = UUID(int=0)
        self.rounds: dict[str, UUID] = {}
        self.proposals: dict[tuple[str, str], UUID] = {}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The scenario's facts (``stockton.yaml``)."""
        loaded: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "stockton.yaml").read_text(encoding="utf-8"))
        return loaded

    @property
    def session(self) -> Session:
        session: Session = db.session()
        return session

    @property
    def engine(self) -> Engine:
        return db.engine

    @property
    def places(self) -> Geography:
        return geography()

    def day(self, offset: int) -> date:
        """The day ``offset`` days from today: past ones are negative."""
        return self.today + timedelta(days=offset)

    def at(self, offset: int, hour: int = 10, minute: int = 0) -> datetime:
        """A London wall time on the day ``offset`` days from today."""
        return datetime.combine(self.day(offset), time(hour, minute), tzinfo=LONDON)

    def actor(self, key: str) -> Actor:
        """The person with that key, with the roles that they hold now."""
        person_id, name = self.cast.people[key]
        return people_queries.actor_for(self.session, person_id, name)

    @contextmanager
    def as_(self, key: str, moment: datetime) -> Iterator[UnitOfWork]:
        """One unit of work of the person with that key."""
        with self._work(self.actor(key), moment) as uow:
            yield uow

    @contextmanager
    def as_nobody(self, moment: datetime) -> Iterator[UnitOfWork]:
        """One unit of work of somebody who is not signed in."""
        with self._work(NOBODY, moment) as uow:
            yield uow

    @contextmanager
    def as_clock(self, moment: datetime) -> Iterator[UnitOfWork]:
        with self._work(CLOCK, moment) as uow:
            yield uow

    @contextmanager
    def _work(self, actor: Actor, moment: datetime) -> Iterator[UnitOfWork]:
        if moment > self.started_at:
            raise ValueError(f"the town is told up to now, and {moment} is later")
        with transaction(self.session, self.engine, actor, moment) as uow:
            yield uow

    def someone(self, key: str) -> Someone:
        return next(one for one in CAST if one.key == key)
