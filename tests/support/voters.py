"""Many voters of one round, each with a ballot in hand, and what the database says of them afterwards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from grants.app import create_app
from grants.kernel.actors import CLOCK
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting.models import Envelope, RollMark
from grants.voting.rules.envelope import tracking_code
from grants.voting.rules.voters import Hand, Voter
from grants.voting.service.votes import close_vote
from grants.web.db import WRITES, db, engine_options, load_models, prepare_engine, transaction
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round, some_dates
from tests.builders.voting import a_ballot
from tests.support.load import Answer, Served, ask_all, get, post
from tests.support.settings import KEYS, settings_for

CHOICES = (1, 2, 3, 4, 5)
_TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Scene:
    """A round in which people vote, in the database at ``url``."""

    url: str
    folder: Path
    round_id: UUID
    public_key: str
    environ: dict[str, str]

    @property
    def check_path(self) -> str:
        """The page where a ballot is cast."""
        return f"/rounds/{self.round_id}/vote/check"


def a_scene(url: str, folder: Path) -> Scene:
    """A round with twenty bids whose vote is open, committed; the tables are there."""
    load_models()
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_round(session, RoundState.VOTING, dates=some_dates(RoundState.VOTING, datetime.now(UTC)))
        a_ballot(session, round, [a_proposal(session, round, ProposalState.ELIGIBLE) for _ in range(20)])
        found = round.id, round.ballot_public_key or ""
        session.commit()
    engine.dispose()
    environ = {
        "GRANTS_ENV": "test",
        "GRANTS_DATABASE_URL": url,
        "GRANTS_FILES_FOLDER": str(folder / "files"),
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
    }
    return Scene(url, folder, *found, environ)


@dataclass(frozen=True)
class Cast:
    """A ballot on its way: the voter's key, and the request that casts it."""

    key: str
    request: bytes


class Voters:
    """They have shown who they are and have chosen: all of that is in the cookie of each."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.app: Flask = create_app(settings_for(scene.url, scene.folder))
        self.cookies: Any = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]

    def pages(self, count: int) -> tuple[list[str], list[str], list[bytes]]:
        """So many new voters: their keys, their cookies, and the requests for the page with the button."""
        keys = [uuid4().hex * 2 for _ in range(count)]
        cookies = [self.cookies.dumps({f"ballot:{self.scene.round_id}": self._hand(key)}) for key in keys]
        return keys, cookies, [get(self.scene.check_path, cookie) for cookie in cookies]

    def _hand(self, key: str) -> dict[str, Any]:
        voter = Voter(key, VotingMethod.EMAIL_POSTCODE, "E05014880")
        picks = dict.fromkeys(CHOICES, 1)
        return Hand("s", uuid4().hex, picks).known(voter, datetime.now(UTC), False).to_cookie()

    def casts(self, keys: Sequence[str], cookies: Sequence[str], pages: Sequence[Answer]) -> list[Cast]:
        """What pressing the button on each page sends."""
        made = []
        for key, cookie, page in zip(keys, cookies, pages, strict=True):
            token = _TOKEN.search(page.body)
            assert page.status == 200, page.status
            assert token
            body = f"do=cast&csrf_token={token.group(1).decode()}"
            made.append(Cast(key, post(self.scene.check_path, page.cookie or cookie, body)))
        return made

    def at_the_button(self, served: Served, count: int, connections: int) -> tuple[list[Cast], list[Answer]]:
        """So many new voters who have the page with the button before them; and how that page was served."""
        keys, cookies, requests = self.pages(count)
        pages = ask_all(served.port, requests, connections, persist=True)
        return self.casts(keys, cookies, pages), pages

    def acknowledged(self, casts: Sequence[Cast], answers: Sequence[Answer]) -> dict[str, str]:
        """The tracking code that each voter was told, by their key; only of those whose vote was acknowledged."""
        return {
            cast.key: self.cookies.loads(answer.cookie)[f"receipt:{self.scene.round_id}"]["tracking_code"]
            for cast, answer in zip(casts, answers, strict=True)
            if answer.status == 303
        }

    def leave(self) -> None:
        """Let go of the database."""
        with self.app.app_context():
            db.engine.dispose()


def in_the_box(scene: Scene) -> dict[str, str]:
    """The tracking code of each envelope whose voter is on the roll, by the voter's key."""
    engine = create_engine(scene.url, **engine_options(scene.url))
    of = (Envelope.round_id == RollMark.round_id) & (Envelope.voter_key == RollMark.voter_key)
    with engine.connect() as connection:
        rows = connection.execute(
            select(Envelope.voter_key, Envelope.commitment)
            .join(RollMark, of)
            .where(Envelope.round_id == scene.round_id)
        ).all()
    engine.dispose()
    return {row.voter_key: tracking_code(row.commitment) for row in rows}


def counted(scene: Scene) -> int:
    """Close the vote, and tell how many ballots were counted."""
    engine = create_engine(scene.url, **engine_options(scene.url))
    prepare_engine(engine)
    with Session(engine) as session:
        closes_at = session.scalars(select(Round.voting_closes_at).where(Round.id == scene.round_id)).one()
        with transaction(session, engine, CLOCK, closes_at) as uow:
            ballots = close_vote(uow, scene.round_id, vote_key=KEYS["vote_key"]).ballot_count
    engine.dispose()
    return ballots
