"""What stands behind the ports in this application; ``app`` chose it."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app

from grants.kernel.keyring import KeyRing
from grants.ports.accounts import AccountNumbers
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


def account_numbers() -> AccountNumbers:
    found: AccountNumbers = current_app.extensions["account_numbers"]
    return found


def bank_ring() -> KeyRing:
    """The keys that seal bank details."""
    ring: KeyRing = current_app.config["SETTINGS"].bank_ring
    return ring


def geography() -> Geography:
    found: Geography = current_app.extensions["geography"]
    return found


def outbox_handlers() -> Mapping[str, Callable[[dict[str, Any], str], None]]:
    """Kind of outbox row → what sends it."""
    found: Mapping[str, Callable[[dict[str, Any], str], None]] = current_app.extensions["outbox_handlers"]
    return found
