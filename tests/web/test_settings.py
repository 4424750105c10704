"""What an installation may be told, and what it refuses to start with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grants.cli import main
from grants.config import Env, SecondFactor, Settings, SettingsError

SECRET = "a long phrase drawn with dice: 5142-6633-1254"
VOTE_KEY = "0123456789abcdef" * 4
BANK_KEYS = "first:" + "fedcba9876543210" * 4
LIVE = {
    "GRANTS_ENV": "production",
    "GRANTS_SECRET_KEY": SECRET,
    "GRANTS_VOTE_KEY": VOTE_KEY,
    "GRANTS_BANK_KEYS": BANK_KEYS,
    "GRANTS_DATABASE_URL": "postgresql+psycopg://seedbed@db/seedbed",
    "GRANTS_BASE_URL": "https://grants.example.org/",
}


def test_a_whole_configuration_is_read() -> None:
    settings = Settings.from_environ(
        {
            **LIVE,
            "GRANTS_PLACE_NAME": "Thornaby",
            "GRANTS_TRUSTED_HOSTS": "grants.example.org, www.grants.example.org,",
            "GRANTS_PROXIES": "1",
            "GRANTS_FILES_FOLDER": "/srv/files",
            "GRANTS_UPLOAD_LIMIT": "1000",
            "GRANTS_SMTP_HOST": "mail.example.org",
            "GRANTS_SMTP_PORT": "25",
            "GRANTS_SMTP_STARTTLS": "0",
            "GRANTS_RATE_LIMITS": "0",
        }
    )
    assert settings.env is Env.PRODUCTION
    assert settings.base_url == "https://grants.example.org"
    assert settings.trusted_hosts == ("grants.example.org", "www.grants.example.org")
    assert (settings.proxies, settings.upload_limit, settings.smtp_port) == (1, 1000, 25)
    assert settings.files_folder == Path("/srv/files")
    assert (settings.smtp_starttls, settings.rate_limits) == (False, False)
    assert settings.secure_cookies
    assert not settings.demo


def test_letters_are_encrypted_and_rates_limited_unless_told() -> None:
    settings = Settings.from_environ(LIVE)
    assert (settings.smtp_starttls, settings.rate_limits) == (True, True)


def test_a_second_step_is_required_in_production_unless_told_and_offered_elsewhere() -> None:
    assert Settings.from_environ(LIVE).second_factor is SecondFactor.REQUIRED
    assert Settings.from_environ(LIVE | {"GRANTS_SECOND_FACTOR": "offered"}).second_factor is SecondFactor.OFFERED
    for env in (Env.DEVELOPMENT, Env.DEMO, Env.TEST):
        assert Settings.from_environ(LIVE | {"GRANTS_ENV": env.value}).second_factor is SecondFactor.OFFERED


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"GRANTS_ENV": "live"}, "GRANTS_ENV"),
        ({"GRANTS_SECRET_KEY": ""}, "GRANTS_SECRET_KEY"),
        ({"GRANTS_SECRET_KEY": SECRET[:31]}, "GRANTS_SECRET_KEY"),
        ({"GRANTS_SECRET_KEY": "a" * 64}, "GRANTS_SECRET_KEY"),
        ({"GRANTS_VOTE_KEY": ""}, "GRANTS_VOTE_KEY"),
        ({"GRANTS_SECOND_FACTOR": "yes"}, "GRANTS_SECOND_FACTOR"),
        ({"GRANTS_BANK_KEYS": ""}, "GRANTS_BANK_KEYS"),
        ({"GRANTS_BANK_KEYS": "first:" + "0" * 64}, "GRANTS_BANK_KEYS"),
        ({"GRANTS_BANK_KEYS": "first:short"}, "GRANTS_BANK_KEYS"),
        ({"GRANTS_VOTE_KEY": VOTE_KEY[:62]}, "GRANTS_VOTE_KEY"),
        ({"GRANTS_VOTE_KEY": "0" * 64}, "GRANTS_VOTE_KEY"),
        ({"GRANTS_VOTE_KEY": "x" + VOTE_KEY[1:]}, "GRANTS_VOTE_KEY"),
        ({"GRANTS_SECRET_KEY": VOTE_KEY}, "of its own"),
        ({"GRANTS_DATABASE_URL": ""}, "GRANTS_DATABASE_URL"),
        ({"GRANTS_BASE_URL": "http://grants.example.org"}, "https"),
        ({"GRANTS_BASE_URL": "grants.example.org"}, "GRANTS_BASE_URL"),
        ({"GRANTS_BASE_URL": "ftp://grants.example.org"}, "GRANTS_BASE_URL"),
        ({"GRANTS_PROXIES": "one"}, "GRANTS_PROXIES"),
        ({"GRANTS_PROXIES": "-1"}, "GRANTS_PROXIES"),
        ({"GRANTS_UPLOAD_LIMIT": "8 MB"}, "GRANTS_UPLOAD_LIMIT"),
        ({"GRANTS_SMTP_PORT": "smtp"}, "GRANTS_SMTP_PORT"),
        ({"GRANTS_SMTP_STARTTLS": "yes"}, "GRANTS_SMTP_STARTTLS"),
        ({"GRANTS_RATE_LIMITS": "true"}, "GRANTS_RATE_LIMITS"),
    ],
    ids=lambda value: next(iter(value.values())) or "nothing" if isinstance(value, dict) else None,
)
def test_production_refuses_what_is_not_safe_or_not_understood(changed: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Settings.from_environ({**LIVE, **changed})


@pytest.mark.parametrize("missing", ["GRANTS_SECRET_KEY", "GRANTS_VOTE_KEY", "GRANTS_DATABASE_URL", "GRANTS_BASE_URL"])
def test_production_takes_no_default_for_what_must_be_its_own(missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        Settings.from_environ({name: value for name, value in LIVE.items() if name != missing})


def test_production_on_this_machine_needs_no_certificate() -> None:
    assert not Settings.from_environ({**LIVE, "GRANTS_BASE_URL": "http://127.0.0.1:8000"}).secure_cookies


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgres_address_is_understood_as_others_write_it(scheme: str) -> None:
    settings = Settings.from_environ({**LIVE, "GRANTS_DATABASE_URL": f"{scheme}://me@db/seedbed"})
    assert settings.database_url == "postgresql+psycopg://me@db/seedbed"


def test_a_developer_needs_no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("grants.config.ROOT", tmp_path)
    first, second = Settings.from_environ({}), Settings.from_environ({})
    assert first.env is Env.DEVELOPMENT
    assert len(first.secret_key) == len(first.vote_key) == 64
    assert first.secret_key != first.vote_key
    assert (first.secret_key, first.vote_key) == (second.secret_key, second.vote_key)
    kept = tmp_path / "instance" / "secret_key"
    assert kept.stat().st_mode & 0o077 == 0


def test_a_kept_secret_never_serves_production(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(_name: str) -> Any:
        raise AssertionError("production asked for a secret of the development machine")

    monkeypatch.setattr("grants.config.kept_secret", kept)
    with pytest.raises(SettingsError):
        Settings.from_environ({**LIVE, "GRANTS_SECRET_KEY": ""})


BUCKET = {**LIVE, "GRANTS_S3_BUCKET": "seedbed", "GRANTS_S3_ENDPOINT": "https://s3.example.org/"}


def test_a_bucket_is_read_with_its_keys() -> None:
    settings = Settings.from_environ({**BUCKET, "GRANTS_S3_KEY_ID": "A", "GRANTS_S3_SECRET": "b"})
    assert (settings.s3_bucket, settings.s3_endpoint) == ("seedbed", "https://s3.example.org")
    assert (settings.s3_key_id, settings.s3_secret, settings.s3_path_style) == ("A", "b", False)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"GRANTS_S3_KEY_ID": "A"}, "GRANTS_S3_SECRET"),
        ({"GRANTS_S3_ENDPOINT": "http://s3.example.org"}, "https://"),
        ({"GRANTS_S3_ENDPOINT": "s3.example.org"}, "an address like"),
        ({"GRANTS_S3_PATH_STYLE": "yes"}, "GRANTS_S3_PATH_STYLE"),
    ],
)
def test_a_bucket_that_is_not_wholly_told_or_not_over_https_is_refused(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_environ({**BUCKET, **changed})


def test_a_command_tells_a_setting_that_cannot_be_read_and_no_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRANTS_BANK_KEYS", "bad")
    monkeypatch.setattr("sys.argv", ["grants", "books", "check"])
    with pytest.raises(SystemExit, match="GRANTS_BANK_KEYS: a key is a short name, a colon and 64 hex digits"):
        main()
    assert capsys.readouterr().err == ""
