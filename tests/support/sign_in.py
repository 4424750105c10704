"""Signs people in without the letter, for tests that are about something else."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext
from sqlalchemy.orm import Session

from grants.people.models import Person
from tests.builders.people import a_sign_in


def signed_in(app: Flask, session: Session, person: Person) -> FlaskClient:
    """A client in which ``person`` is signed in. Commits ``session``."""
    token = a_sign_in(session, person)
    session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie.update({"_user_id": token, "_fresh": True, "seen_at": app.extensions["clock"].now().timestamp()})
    return client


def lend_cookies(client: FlaskClient, context: BrowserContext, url: str) -> None:
    """Sign a browser in as whoever is signed in in ``client``."""
    name = client.application.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    context.add_cookies([{"name": name, "value": cookie.value, "url": url}])
