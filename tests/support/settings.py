"""The configuration that the tests run under."""

from __future__ import annotations

from pathlib import Path

from grants.config import Env, Settings

KEYS = {
    "secret_key": "tests-only-" * 4,
    "vote_key": "0123456789abcdef" * 4,
    "bank_keys": "test:" + "fedcba9876543210" * 4,
}
"""Secrets that are none."""


def settings_for(database_url: str, folder: Path, **changed: object) -> Settings:
    """Settings of a test: no limits on rates, files under ``folder``."""
    defaults: dict[str, object] = {
        "env": Env.TEST,
        "database_url": database_url,
        **KEYS,
        "base_url": "http://127.0.0.1",
        "files_folder": folder / "files",
        "rate_limits": False,
    }
    return Settings(**{**defaults, **changed})  # type: ignore[arg-type]
