"""Nothing leaks before the announcement: in two worlds that differ only in outcomes, who may not know sees the same.

Every GET endpoint is asked, for the things of one round, by everybody who may not know: status, headers and every byte.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from grants.allocation import queries
from grants.allocation.models import AllocationRun, Decision
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.service import deciding, runs
from grants.funds.models import Contribution
from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from grants.people.models import Person, RoleGrant
from grants.proposals.models import Proposal
from grants.review.rules import ReviewState
from grants.rounds.models import Round
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.states import RoundState
from grants.voting.models import Ballot, Tally
from grants.voting.rules.ballots import ballots_hash
from grants.web import pdf
from grants.web.db import db
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.people import actor_of
from tests.builders.review import a_panel, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn, _fill
from tests.support.clock import START
from tests.support.work import work

NOT_ASKED = {"static", "people.sign_out", "people.leave_everywhere"}
SWAP = {1: 4, 4: 1}
"""In the other world everybody who chose the first bid chose the last one, and the other way round."""
SECRET = "Nobody knows this sentence yet."
NO_SUCH = {"UUIDConverter": UUID(int=7), "IntegerConverter": 1, "UnicodeConverter": "none", "PathConverter": "none"}


def a_scene(session: Session) -> Counted:
    """A round whose votes are counted, with a split pot, so that points matter too; and reviews that are locked."""
    counted = a_counted_round(
        session,
        ballots=tuple((1, 2, 3) if n % 3 else (1, 4) for n in range(60)),
        panel_part=PanelPart.SPLIT_POT,
        panel_share=20,
        points=(16, 20, 24, 28),
    )
    for bid in counted.proposals:
        a_review(session, bid, counted.panel[1], ReviewState.LOCKED)
    return counted


def turn(session: Session, round_id: UUID, *, other: bool, decided: bool) -> tuple[list[UUID], str]:
    """Let one of the worlds come about: results worked out, or decided.

    Gives its decisions and runs, and the fingerprint of the ballots, which is told after the count on purpose: where
    enough people voted, nobody can guess them from it, and nobody can change them until they are published.
    """
    round = session.get_one(Round, round_id)
    bids = list(session.scalars(select(Proposal).where(Proposal.round_id == round_id).order_by(Proposal.title)))
    if other:
        ballots = list(session.scalars(select(Ballot).where(Ballot.round_id == round_id)))
        for ballot in ballots:
            ballot.choices = sorted(SWAP.get(number, number) for number in ballot.choices)
        tally = session.get_one(Tally, round_id)
        tally.ballots_hash = ballots_hash([ballot.choices for ballot in ballots])
        tally.approvals = {str(SWAP.get(int(n), int(n))): votes for n, votes in tally.approvals.items()}
        session.flush()
    everybody = {person.name: person for person in session.scalars(select(Person))}
    runs.run(work(session, actor_of(session, everybody["Steward of the round"])), round.id)
    session.flush()
    if decided:
        panel = [everybody[name] for name in ("Chair", "Panellist 1", "Panellist 2")]
        departures = [Departure(bids[1].id, Verdict.NOT_FUNDED, SECRET)] if other else []
        conditions = {bids[3].id: SECRET} if other else {}
        ids = [one.id for one in panel]
        deciding.decide(work(session, actor_of(session, panel[0])), round.id, departures, ids, conditions)
    session.commit()
    made = [*session.scalars(select(AllocationRun.id)), *session.scalars(select(Decision.id))]
    standing = [one.id for one in queries.decisions(session, round.id)]
    return [*standing, *(id for id in made if id not in standing)], session.get_one(Tally, round_id).ballots_hash


def asked(app: Flask, known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each endpoint that answers a GET, with an address made of what is known of the round."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and rule.endpoint not in NOT_ASKED:
                yield rule.endpoint, app.url_for(rule.endpoint, **_known(rule, known))


def _known(rule: Rule, known: dict[str, Any]) -> dict[str, Any]:
    return {
        name: known[name] if name in known else NO_SUCH[type(converter).__name__]
        for name, converter in rule._converters.items()
    }


Seen = dict[tuple[str, str], tuple[int, str, bytes]]


def look(app: Flask, visitors: dict[str, FlaskClient], known: dict[str, Any], hidden: list[str]) -> Seen:
    """What each visitor gets at each endpoint; what differs between worlds by nature is left out."""
    seen: Seen = {}
    for endpoint, path in list(asked(app, known)):  # a context that is held open would share who is signed in
        for name, visitor in visitors.items():
            answer = visitor.get(path)
            body = _plain(answer.data, hidden, answer.headers.get("X-Request-ID", ""))
            told = [f"{key}: {value}" for key, value in answer.headers if key not in ("X-Request-ID", "Set-Cookie")]
            headers = _plain("\n".join(sorted(told)).encode(), hidden).decode()
            seen[endpoint, name] = answer.status_code, headers, body
    return seen


def _plain(body: bytes, hidden: list[str], request_id: str = "") -> bytes:
    for id in hidden:
        body = body.replace(id.encode(), b"-" * len(id))
    body = body.replace(request_id.encode(), b"") if request_id else body
    return re.sub(rb'name="csrf_token"[^>]*value="[^"]*"|nonce="[^"]*"', b"", body)


@pytest.mark.parametrize("decided", [True, False], ids=["decided", "worked out"])
def test_in_two_worlds_that_differ_only_in_outcomes_whoever_may_not_know_sees_the_same(
    app: Flask,
    app_session: Session,
    as_: SignIn,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    decided: bool,
) -> None:
    monkeypatch.setattr("grants.voting.views.votes.secrets.token_hex", lambda size: "ab" * size)  # the order of bids
    monkeypatch.setattr(pdf, "draw", lambda html: None)  # the page that would be drawn tells as much, and sooner
    counted = a_scene(app_session)
    counted.steward.name = "Steward of the round"
    for name, person in zip(("Chair", "Panellist 1", "Panellist 2"), counted.panel, strict=True):
        person.name = name
    busy = a_panel(app_session, a_round(app_session, RoundState.CHECKING))[1]  # holds every role but none here
    for role, scope in (
        (Role.CONNECTOR, None),
        (Role.FUNDER, None),
        (Role.FINANCE_OFFICER, None),
        (Role.STEWARD, uuid4()),
    ):
        app_session.add(RoleGrant(person_id=busy.id, role=role, scope_id=scope, granted_at=START))
    given = app_session.scalars(select(Contribution).where(Contribution.fund_id == counted.round.fund_id)).first()
    assert given is not None
    bids = counted.proposals
    app_session.commit()
    visitors = {
        "nobody": client,
        "writer of a bid that wins or loses": as_(app_session.get_one(Person, bids[0].writer_id)),
        "who holds every role, but none here": as_(busy),
    }
    steward = as_(counted.steward)
    if not decided:
        visitors = {name: visitors[name] for name in list(visitors)[:1]}
    round_id = counted.round.id
    known = {
        "round_id": round_id,
        "proposal_id": bids[0].id,
        "fund_id": counted.round.fund_id,
        "group_id": bids[0].group_id,
        "person_id": bids[0].writer_id,
        "priority_id": bids[0].priority_id,
        "contribution_id": given.id,
        "funder_id": given.funder_id,
        "kind": "proposal",
        "subject_id": bids[0].id,
        "section": "what",
    }
    app_session.rollback()
    before = tmp_path / "before.db"
    with app.app_context():
        file = Path(str(db.engine.url.database))
    app_session.close()
    with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(before)) as then:
        now.backup(then)
    worlds, letters, knows = [], [], []
    for other in (False, True):
        _fill(app, file, before)
        made, fingerprint = turn(app_session, round_id, other=other, decided=decided)
        letters.append(sorted(row.key for row in app_session.scalars(select(OutboxRow))))
        app_session.close()
        knows.append(steward.get(f"/rounds/{round_id}/allocation").get_data(as_text=True))
        # What did not exist before is asked for by its own id, and must be as if it were not there.
        known |= {"decision_id": made[0], "run_id": made[-1]}
        worlds.append(look(app, visitors, known, [*map(str, made), fingerprint]))
    first, second = worlds
    different = defaultdict(list)
    for key in first:
        if first[key] != second[key]:
            different[key[0]].append(key[1])
    assert dict(different) == {}
    assert letters[0] == letters[1]
    assert knows[0] != knows[1]  # the worlds are two
    assert (SECRET in knows[1]) is decided
    for (endpoint, name), (_, headers, body) in {**first, **second}.items():
        assert SECRET.encode() not in body, (endpoint, name)
        assert SECRET not in headers
    assert len({endpoint for (endpoint, _), (status, _, _) in first.items() if status == 200}) > (60 if decided else 25)
