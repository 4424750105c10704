"""While people vote nothing that anybody can read says how it stands: every page, list, file and feed is asked."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from grants.kernel.actors import Role
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.voting.rules.voters import Voter
from grants.voting.service import casting, unfinished
from tests.conftest import SignIn
from tests.support.work import work
from tests.voting.test_service import a_vote_under_way

SORTED = ("?sort=votes", "?order=votes", "?format=json")
"""As somebody tries who hopes that a list knows more than it says."""
CHANGES = re.compile(r'(value="[^"]*"|\?v=\w+)')
"""Tokens against forged forms, and the versions of our own files."""


def addresses(app: Flask, round: Round, proposal: Proposal) -> list[str]:
    """Every address that takes nothing, or the round, its fund, one of its proposals or that one's group."""
    takes = {"round_id": round.id, "proposal_id": proposal.id, "group_id": proposal.group_id, "fund_id": round.fund_id}
    at = app.url_map.bind("127.0.0.1")

    def asks_no_more(rule: Rule) -> bool:
        return "GET" in (rule.methods or ()) and rule.arguments <= set(takes)

    found = {
        at.build(rule.endpoint, {name: takes[name] for name in rule.arguments})
        for rule in app.url_map.iter_rules()
        if asks_no_more(rule)
    }
    return sorted({*found, *(f"{one}{more}" for one in ("/rounds", f"/rounds/{round.id}") for more in SORTED)})


def read(visitor: FlaskClient, pages: list[str]) -> dict[str, str]:
    """What each page says, and of those that are shut only that they are: they name the request."""
    answers = {page: visitor.get(page) for page in pages}
    return {
        page: CHANGES.sub("", answer.get_data().decode("latin1")) if answer.status_code == 200 else answer.status
        for page, answer in answers.items()
    }


@pytest.mark.parametrize(
    "roles", [(), (Role.STEWARD, Role.AUDITOR, Role.ADMIN, Role.OFFICER)], ids=["anybody", "who runs it"]
)
def test_no_page_list_file_or_feed_changes_when_people_vote(
    app: Flask, client: FlaskClient, as_: SignIn, app_session: Session, roles: tuple[Role, ...]
) -> None:
    round = a_vote_under_way(app_session, bids=4)
    visitor = as_(*roles) if roles else client
    app_session.commit()
    proposal = app_session.scalars(select(Proposal).where(Proposal.round_id == round.id)).all()[0]
    pages = addresses(app, round, proposal)
    app_session.rollback()
    before = read(visitor, pages)
    assert sum(not said[:3].isdigit() for said in before.values()) >= (70 if roles else 35)
    for number in range(12):
        voter = Voter(f"{number:064x}", VotingMethod.EMAIL_POSTCODE, "E05014882")
        unfinished.keep(work(app_session), round.id, voter, {1: 1})
        casting.cast(work(app_session), round.id, voter, [1, 2, 3])
    app_session.commit()
    after = read(visitor, pages)
    assert [page for page in pages if after[page] != before[page]] == []
    app_session.get_one(Proposal, proposal.id).state = ProposalState.WITHDRAWN  # and what may be seen would be
    app_session.commit()
    assert read(visitor, [f"/rounds/{round.id}/vote"]) != {
        f"/rounds/{round.id}/vote": after[f"/rounds/{round.id}/vote"]
    }
