"""The demonstration as a newcomer runs it: it comes up, says where, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.settings import KEYS
from tests.support.town import ROOT, Town

UP_SECONDS = 60


@pytest.fixture
def port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def demonstration(town: Town, port: int, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """``grants demo serve`` on a town that is loaded already, as a shell runs it in the background."""
    command = [sys.executable, "-m", "grants", "demo", "serve", "--port", str(port)]
    settings = {
        "GRANTS_ENV": "demo",
        "GRANTS_DATABASE_URL": town.url,
        "GRANTS_FILES_FOLDER": str(town.files),
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
        **environ,
    }
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def wait_until_up(process: subprocess.Popen[str], port: int) -> None:
    until = time.monotonic() + UP_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"it did not come up: {process.returncode}")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def servers_at(port: int) -> list[str]:
    """Command lines of processes that serve at ``port``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "granian" in words and str(port) in words:
            found.append(" ".join(words))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_comes_up_and_stops_cleanly(town: Town, tmp_path: Path, port: int, number: signal.Signals) -> None:
    with demonstration(town.copy_to(tmp_path / "town"), port) as process:
        wait_until_up(process, port)
        assert len(servers_at(port)) >= 2
        process.send_signal(number)
        said, _ = process.communicate(timeout=40)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}/sign-in" in said
    assert "Sue Steward" in said
    assert "Stopping" in said
    assert not listening(port)
    assert servers_at(port) == []


def test_a_port_that_is_taken_is_told_at_once(town: Town, tmp_path: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with demonstration(town.copy_to(tmp_path / "town"), port) as process:
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"make demo PORT={port + 1}" in said
    assert "Traceback" not in said
