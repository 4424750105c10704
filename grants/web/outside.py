"""What stands behind the ports in this application; ``app`` chose it."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app

from grants.kernel.keyring import KeyRing
from grants.ports.accounts import AccountNumbers
from grants.ports.bank_run import BankRun
from grants.ports.geography import Geography
from grants.ports.mail import Mailer
from grants.ports.payments import PaymentGateway, PaymentProvider
from grants.ports.scanning import Scanner
from grants.ports.storage import FileStore


def mailer() -> Mailer:
    found: Mailer = current_app.extensions["mailer"]
    return found


def gateway() -> PaymentGateway:
    """The pretend bank."""
    found: PaymentGateway = providers()["memory"]
    return found


def providers() -> Mapping[str, Any]:
    """Who can move money here, by name: "stripe" is a ``PaymentProvider``, "memory" a ``PaymentGateway``."""
    found: Mapping[str, Any] = current_app.extensions["providers"]
    return found


def stripe() -> PaymentProvider | None:
    """Stripe, where it is set up: with accounts for groups, pages for funders and events."""
    found: PaymentProvider | None = providers().get("stripe")
    return found if found is not None and found.onboards else None


def bank_run_files() -> BankRun:
    found: BankRun = current_app.extensions["bank_run_files"]
    return found


def pays_by() -> str:
    """How groups are paid where a fund has not chosen."""
    return str(current_app.extensions["pays_by"])


def files() -> FileStore:
    found: FileStore = current_app.extensions["files"]
    return found


def scanner() -> Scanner:
    """Who looks for malware in what people send."""
    found: Scanner = current_app.extensions["scanner"]
    return found


def account_numbers() -> AccountNumbers:
    found: AccountNumbers = current_app.extensions["account_numbers"]
    return found


def bank_ring() -> KeyRing:
    """The keys that seal bank details."""
    ring: KeyRing = current_app.config["SETTINGS"].bank_ring
    return ring


def vote_key() -> str:
    """The key of this service under which the keys of rounds lie."""
    key: str = current_app.config["SETTINGS"].vote_key
    return key


def geography() -> Geography:
    found: Geography = current_app.extensions["geography"]
    return found


def outbox_handlers() -> Mapping[str, Callable[[dict[str, Any], str], None]]:
    """Kind of outbox row → what sends it."""
    found: Mapping[str, Callable[[dict[str, Any], str], None]] = current_app.extensions["outbox_handlers"]
    return found
