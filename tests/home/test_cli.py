"""The commands of the relay and of the first admin."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.memory_mail import MemoryMailer
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.people.service import accounts as service
from tests.builders.people import actor_of
from tests.support.work import work


def run(app: Flask, *args: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=list(args))
    return done.exit_code, done.output


def test_the_relay_sends_letters_with_whole_addresses(app: Flask, app_session: Session) -> None:
    app.extensions["mailer"] = mailer = MemoryMailer()
    service.request_link(work(app_session), "rose@example.org")
    app_session.commit()
    assert run(app, "outbox", "status") == (0, "0 sent, 1 waiting (0 of them failed before), 0 given up\n")
    assert run(app, "outbox", "send") == (0, "1 sent, 0 failed\n")
    assert run(app, "outbox", "send") == (0, "0 sent, 0 failed\n")
    [(to, _subject, text)] = mailer.letters.values()
    assert to == "rose@example.org"
    assert "http://127.0.0.1/sign-in/" in text
    assert "seedbed:" not in text
    assert app_session.scalars(select(OutboxRow.sent_at)).one() is not None


def test_what_cannot_be_sent_is_said(app: Flask, app_session: Session) -> None:
    class NoMailer:
        def send(self, **_letter: str) -> None:
            raise OSError("rose@example.org: mailbox unavailable")

    app.extensions["mailer"] = NoMailer()
    service.request_link(work(app_session), "rose@example.org")
    app_session.commit()
    assert run(app, "outbox", "send") == (0, "0 sent, 1 failed\n")
    assert run(app, "outbox", "status") == (0, "0 sent, 1 waiting (1 of them failed before), 0 given up\n")
    assert app_session.scalars(select(OutboxRow.last_error)).one() == "OSError"


def test_the_first_admin_is_made_by_command(app: Flask, app_session: Session) -> None:
    assert run(app, "people", "make-admin", "Ada@example.org", "Ada")[0] == 0
    assert run(app, "people", "make-admin", "ada@example.org", "Ada") == (0, "They are an admin already.\n")
    person = app_session.scalars(select(Person)).one()
    assert "admin" in actor_of(app_session, person).roles


def test_what_is_no_address_makes_no_admin(app: Flask, app_session: Session) -> None:
    status, said = run(app, "people", "make-admin", "ada", "Ada")
    assert status == 1
    assert "name@example.org" in said
    assert app_session.scalar(select(func.count()).select_from(Person)) == 0
