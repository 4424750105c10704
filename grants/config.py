"""Frozen settings, read once from the environment (prefix ``GRANTS_``)."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from grants.kernel.keyring import KeyRing

ROOT = Path(__file__).resolve().parent.parent


class Env(StrEnum):
    PRODUCTION = "production"
    DEVELOPMENT = "development"
    DEMO = "demo"
    TEST = "test"


class SecondFactor(StrEnum):
    """Whether people who decide about money or see everything must set up a second step when they sign in."""

    REQUIRED = "required"
    OFFERED = "offered"


class SettingsError(Exception):
    """The environment does not make a whole configuration; says which name and what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs from one installation to another."""

    env: Env = Env.DEVELOPMENT
    database_url: str = f"sqlite:///{ROOT / 'instance' / 'seedbed.sqlite3'}"
    secret_key: str = ""
    """Signs cookies and peppers the hashes of codes and links."""
    vote_key: str = ""
    """Wraps the private half of every round's ballot key: 64 hex digits."""
    bank_keys: str = ""
    """Seal bank details of groups and secrets of second steps: ``name:64 hex digits``, with commas between; the first
    seals, all open."""
    second_factor: SecondFactor = SecondFactor.OFFERED
    modulus_folder: Path | None = None
    """Where Vocalink's tables of account numbers lie."""
    place_name: str = "Stockton-on-Tees"
    base_url: str = "http://127.0.0.1:8000"
    """The address that goes into letters."""
    trusted_hosts: tuple[str, ...] = ()
    proxies: int = 0
    """How many reverse proxies stand in front."""
    files_folder: Path = ROOT / "instance" / "files"
    s3_bucket: str = ""
    """Keeps files in this bucket; empty: in ``files_folder``."""
    s3_endpoint: str = ""
    s3_region: str = "eu-west-2"
    s3_key_id: str = ""
    s3_secret: str = ""
    s3_path_style: bool = False
    clamd: str = ""
    """ClamAV's daemon: ``host:port``, or the path of its socket."""
    upload_limit: int = 8 * 1024 * 1024
    """Bytes in one request."""
    page_memory: int = 4 * 1024 * 1024
    """Bytes of public pages that each worker may keep while nothing happens; 0: none."""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_starttls: bool = True
    mail_from: str = "Seedbed <no-reply@seedbed.example>"
    rate_limits: bool = True
    cost_centre: str = ""
    account_code: str = ""
    """What council finance wants to read beside every payment of a bank run."""
    stripe_key: str = ""
    """Empty: nothing is paid through Stripe."""
    stripe_webhook_secrets: tuple[str, ...] = ()
    stripe_api: str = "https://api.stripe.com"

    @property
    def demo(self) -> bool:
        return self.env is Env.DEMO

    @property
    def bank_ring(self) -> KeyRing:
        return KeyRing.parse(self.bank_keys)

    @property
    def secure_cookies(self) -> bool:
        return self.base_url.startswith("https://")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``GRANTS_…``. Raises ``SettingsError`` when production is not safe or a word cannot be understood."""

        def text(name: str, default: str) -> str:
            return environ.get(f"GRANTS_{name}", default)

        try:
            env = Env(text("ENV", Env.DEVELOPMENT.value))
        except ValueError:
            raise SettingsError("GRANTS_ENV is one of: " + ", ".join(e.value for e in Env)) from None
        secret, vote_key, bank_keys = text("SECRET_KEY", ""), text("VOTE_KEY", ""), text("BANK_KEYS", "")
        base_url = text("BASE_URL", cls.base_url).rstrip("/")
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise SettingsError("GRANTS_BASE_URL is an address like https://grants.example.org")
        if env is Env.PRODUCTION:
            if len(secret) < 32 or _is_weak(secret):
                raise SettingsError("GRANTS_SECRET_KEY needs at least 32 random characters in production")
            if len(vote_key) != 64 or _is_weak(vote_key) or vote_key == secret:
                raise SettingsError("GRANTS_VOTE_KEY needs 64 random hex digits of its own in production")
            if not bank_keys or _is_weak(bank_keys.partition(",")[0].partition(":")[2]):
                raise SettingsError("GRANTS_BANK_KEYS needs a name, a colon and 64 random hex digits in production")
            if not text("DATABASE_URL", "") or not text("BASE_URL", ""):
                raise SettingsError("GRANTS_DATABASE_URL and GRANTS_BASE_URL must be set in production")
            if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
                raise SettingsError("GRANTS_BASE_URL begins with https:// in production")
        else:
            secret = secret or kept_secret("secret_key")
            vote_key = vote_key or kept_secret("vote_key")
            bank_keys = bank_keys or f"here:{kept_secret('bank_key')}"
        _ensure_stripe(env, text("STRIPE_KEY", ""), text("STRIPE_WEBHOOK_SECRETS", ""), text("STRIPE_API", ""))
        _ensure_bucket(
            env, text("S3_BUCKET", ""), text("S3_ENDPOINT", ""), text("S3_KEY_ID", ""), text("S3_SECRET", "")
        )
        if len(vote_key) != 64 or any(c not in "0123456789abcdef" for c in vote_key):
            raise SettingsError("GRANTS_VOTE_KEY is 64 hex digits (0-9, a-f)")
        try:
            KeyRing.parse(bank_keys)
        except ValueError as wrong:
            raise SettingsError(f"GRANTS_BANK_KEYS: {wrong}") from None
        usual = SecondFactor.REQUIRED if env is Env.PRODUCTION else SecondFactor.OFFERED
        try:
            second_factor = SecondFactor(text("SECOND_FACTOR", usual.value))
        except ValueError:
            raise SettingsError("GRANTS_SECOND_FACTOR is required or offered") from None
        modulus_folder = text("MODULUS_FOLDER", "")
        return cls(
            env=env,
            database_url=_with_driver(text("DATABASE_URL", cls.database_url)),
            secret_key=secret,
            vote_key=vote_key,
            bank_keys=bank_keys,
            second_factor=second_factor,
            modulus_folder=Path(modulus_folder) if modulus_folder else None,
            place_name=text("PLACE_NAME", cls.place_name),
            base_url=base_url,
            trusted_hosts=tuple(h.strip() for h in text("TRUSTED_HOSTS", "").split(",") if h.strip()),
            proxies=_number(text("PROXIES", "0"), "PROXIES"),
            files_folder=Path(text("FILES_FOLDER", str(cls.files_folder))),
            s3_bucket=text("S3_BUCKET", ""),
            s3_endpoint=text("S3_ENDPOINT", "").rstrip("/"),
            s3_region=text("S3_REGION", cls.s3_region),
            s3_key_id=text("S3_KEY_ID", ""),
            s3_secret=text("S3_SECRET", ""),
            s3_path_style=_yes(text("S3_PATH_STYLE", "0"), "S3_PATH_STYLE"),
            clamd=text("CLAMD", ""),
            upload_limit=_number(text("UPLOAD_LIMIT", str(cls.upload_limit)), "UPLOAD_LIMIT"),
            page_memory=_number(text("PAGE_MEMORY", str(cls.page_memory)), "PAGE_MEMORY"),
            smtp_host=text("SMTP_HOST", ""),
            smtp_port=_number(text("SMTP_PORT", "587"), "SMTP_PORT"),
            smtp_user=text("SMTP_USER", ""),
            smtp_password=text("SMTP_PASSWORD", ""),
            smtp_starttls=_yes(text("SMTP_STARTTLS", "1"), "SMTP_STARTTLS"),
            mail_from=text("MAIL_FROM", cls.mail_from),
            rate_limits=_yes(text("RATE_LIMITS", "1"), "RATE_LIMITS"),
            cost_centre=text("COST_CENTRE", ""),
            account_code=text("ACCOUNT_CODE", ""),
            stripe_key=text("STRIPE_KEY", ""),
            stripe_webhook_secrets=tuple(s.strip() for s in text("STRIPE_WEBHOOK_SECRETS", "").split(",") if s.strip()),
            stripe_api=text("STRIPE_API", cls.stripe_api).rstrip("/"),
        )


def _ensure_bucket(env: Env, bucket: str, endpoint: str, key_id: str, secret: str) -> None:
    """A bucket is reached by a whole pair of keys, and in production over HTTPS."""
    if not bucket:
        return
    if bool(key_id) != bool(secret):
        raise SettingsError("GRANTS_S3_KEY_ID and GRANTS_S3_SECRET are set together, or neither")
    address = urlsplit(endpoint)
    if endpoint and (address.scheme not in ("http", "https") or not address.hostname):
        raise SettingsError("GRANTS_S3_ENDPOINT is an address like https://s3.example.org")
    here = address.hostname in ("127.0.0.1", "localhost", "::1")
    if env is Env.PRODUCTION and endpoint and address.scheme != "https" and not here:
        raise SettingsError("GRANTS_S3_ENDPOINT begins with https:// in production")


def _ensure_stripe(env: Env, key: str, secrets: str, api: str) -> None:
    """Real money moves in production only, and a real key goes to Stripe only."""
    if not key:
        return
    if not key.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
        raise SettingsError("GRANTS_STRIPE_KEY begins with sk_test_ or sk_live_ (or rk_…)")
    live = key[3:].startswith("live_")
    if live and env is not Env.PRODUCTION:
        raise SettingsError("GRANTS_STRIPE_KEY is a live key: outside production only sk_test_ keys are taken")
    if live and api.rstrip("/") not in ("", Settings.stripe_api):
        raise SettingsError(
            "GRANTS_STRIPE_API is not Stripe, and GRANTS_STRIPE_KEY is a live key: it stays with Stripe"
        )
    if not secrets.strip(" ,"):
        raise SettingsError("GRANTS_STRIPE_WEBHOOK_SECRETS is needed beside GRANTS_STRIPE_KEY: whsec_…, comma between")


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"GRANTS_{name} is a whole number")
    return int(text)


def _yes(text: str, name: str) -> bool:
    if text not in ("0", "1"):
        raise SettingsError(f"GRANTS_{name} is 1 for yes or 0 for no")
    return text == "1"


def _is_weak(key: str) -> bool:
    """Whether a key was typed rather than drawn: 64 random hex digits hold at least 8 different ones."""
    return len(set(key)) < 8


def _with_driver(url: str) -> str:
    """The address of a PostgreSQL as others write it, with the driver that we have."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def kept_secret(name: str) -> str:
    """A random secret kept in ``instance/``, so that several workers and a restart agree; never for production."""
    file = ROOT / "instance" / name
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        mine = file.with_name(f".{name}.{os.getpid()}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(mine, file)
        mine.unlink()
    return file.read_text()
