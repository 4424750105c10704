"""What stands behind the ports in this application; ``app`` chose it."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app

from grants.ports.geography import Geography
from grants.ports.mail import Mailer
from grants.ports.payments import PaymentGateway
from grants.ports.storage import FileStore


def mailer() -> Mailer:
    found: Mailer = current_app.extensions["mailer"]
    return found


def gateway() -> PaymentGateway:
    found: PaymentGateway = current_app.extensions["gateway"]
    return found


def files() -> FileStore:
    found: FileStore = current_app.extensions["files"]
    return found


def geography() -> Geography:
    found: Geography = current_app.extensions["geography"]
    return found


def outbox_handlers() -> Mapping[str, Callable[[dict[str, Any], str], None]]:
    """Kind of outbox row → what sends it."""
    found: Mapping[str, Callable[[dict[str, Any], str], None]] = current_app.extensions["outbox_handlers"]
    return found
