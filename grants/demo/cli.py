"""``grants demo``: load the demonstration town, serve it, start it over."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import AppGroup

from grants.config import ROOT
from grants.demo import people
from grants.kernel.later import Later
from grants.web.db import reading

if TYPE_CHECKING:
    from grants.demo import stripe_double
else:
    stripe_double = Later("grants.demo.stripe_double")

TOWN = ROOT / "instance" / "demo.sqlite3"
FILES = ROOT / "instance" / "demo-files"
LOG = ROOT / "instance" / "demo.log"
STRIPE_STATE = ROOT / "instance" / "demo-stripe.json"
LOOPBACK = "127.0.0.1"
WORKERS = 2
THREADS = 8
"""In each worker: as many as there are connections to the database."""
PATIENCE = 10
"""Seconds that a process may take to stop."""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

demo = AppGroup("demo", help="The demonstration town: made-up people and amounts in a real place.")


@demo.command("load", with_appcontext=False)
def load() -> None:
    """Load the town; a town that is there is kept."""
    settle()
    make_town()


@demo.command("build", hidden=True)
def build() -> None:
    """Migrate the configured database and load the town into it."""
    if not current_app.config["DEMO"]:
        raise click.ClickException("The demonstration is only loaded where GRANTS_ENV is demo.")
    from flask_migrate import upgrade  # these two when a town is built, not in every worker

    from grants.demo import town

    upgrade(str(ROOT / "migrations"))
    if town.is_loaded(reading()):
        click.echo("The town is there already; it is kept.")
        return
    town.load(current_app, say=click.echo)


@demo.command("reset", with_appcontext=False)
def reset() -> None:
    """Forget what was done in the town, and load it afresh."""
    settle()
    if os.environ["GRANTS_DATABASE_URL"] != default_url():
        raise click.ClickException(
            "Only the built-in town is reset: empty the database of GRANTS_DATABASE_URL yourself."
        )
    forget(TOWN)
    STRIPE_STATE.unlink(missing_ok=True)
    make_town()


@demo.command("serve", with_appcontext=False)
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="PORT", default=8000, show_default=True, type=click.IntRange(1, 65535))
def serve(host: str, port: int) -> None:
    """Serve the town until Ctrl-C; what is done in it is kept for the next time."""
    address = f"http://{host}:{port}"
    os.environ.setdefault("GRANTS_BASE_URL", address)
    settle()
    ensure_free(host, port)
    stripe = offer_stripe(host, port)
    make_town()
    click.echo(f"\n  Seedbed's demonstration town: {click.style(address, bold=True)}\n")
    click.echo(f"  Choose who to be at {address}/sign-in:")
    for someone in people.CAST:
        click.echo(f"    {someone.name:<24}{someone.who}")
    click.echo(f"\n  The pretend Stripe, through which groups are paid: {stripe}")
    click.echo(f"  Letters that it would send: {address}/demo/mail")
    click.echo(f"  What the server says: {LOG.relative_to(ROOT)}")
    click.echo("  Ctrl-C stops it; make demo-reset starts the town over.\n")
    run_until_stopped(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", str(WORKERS),
         "--blocking-threads", str(THREADS), "--host", host,
         "--port", str(port), "--log-level", "warning", "--no-access-log", "wsgi:app"],
        [sys.executable, "-m", "grants", "outbox", "send", "--every", "2"],
        [sys.executable, "-m", "grants", "demo", "stripe", "--port", stripe.rpartition(":")[2]],
    )  # fmt: skip


@demo.command("stripe", hidden=True, with_appcontext=False)
@click.option("--port", required=True, type=click.IntRange(1, 65535))
def stripe(port: int) -> None:
    """Serve the pretend Stripe on loopback; it brings its events to ``GRANTS_BASE_URL``."""
    settle()
    click.echo(f"The pretend Stripe: http://{LOOPBACK}:{port}")
    stripe_double.serve(LOOPBACK, port, os.environ["GRANTS_BASE_URL"], STRIPE_STATE)


def offer_stripe(host: str, port: int) -> str:
    """Set the town up to pay through the pretend Stripe, one port on. Gives its address."""
    beside = port + 1 if port < 65535 else port - 1
    ensure_free(LOOPBACK, beside)
    address = f"http://{LOOPBACK}:{beside}"
    os.environ["GRANTS_STRIPE_KEY"] = "sk_test_of_the_demonstration"
    os.environ["GRANTS_STRIPE_WEBHOOK_SECRETS"] = stripe_double.SECRET
    os.environ["GRANTS_STRIPE_API"] = address
    return address


def default_url() -> str:
    return f"sqlite:///{TOWN}"


def settle() -> None:
    """Give the environment what a demonstration needs; refuse where it says that this is no demonstration."""
    if os.environ.setdefault("GRANTS_ENV", "demo") != "demo":
        raise click.ClickException(f"GRANTS_ENV is {os.environ['GRANTS_ENV']}: the demonstration is refused here.")
    if "GRANTS_DATABASE_URL" not in os.environ:
        os.environ["GRANTS_DATABASE_URL"] = default_url()
        os.environ.setdefault("GRANTS_FILES_FOLDER", str(FILES))


def make_town() -> None:
    """Have the town in the configured database: the built-in one appears whole or not at all."""
    environ = dict(os.environ)
    built_in = environ["GRANTS_DATABASE_URL"] == default_url()
    unfinished = TOWN.with_name("demo.unfinished.sqlite3")
    if built_in and not TOWN.exists():
        click.echo("Loading the demonstration town (about half a minute, once) …")
        forget(unfinished)
        environ["GRANTS_DATABASE_URL"] = f"sqlite:///{unfinished}"
    done = subprocess.run([sys.executable, "-m", "grants", "demo", "build"], cwd=ROOT, env=environ, check=False)
    if done.returncode:
        raise click.ClickException("The town could not be loaded; what went wrong stands above.")
    if built_in and not TOWN.exists():
        unfinished.rename(TOWN)
        forget(unfinished)


def forget(database: Path) -> None:
    """Remove an SQLite database with what stands beside it."""
    for beside in ("", "-wal", "-shm", ".lock"):
        database.with_name(database.name + beside).unlink(missing_ok=True)


def ensure_free(host: str, port: int) -> None:
    """Refuse, before anything is loaded, a port at which somebody listens already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Port {port} of {host} cannot be used ({error.strerror}). Choose another: make demo PORT={port + 1}"
            ) from None


def end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask each process and all that it started to stop, and again every second: a worker that is still loading does not
    hear it, and granian waits for it. Whoever is there after ten seconds is killed."""
    for number in [*[signal.SIGTERM] * PATIENCE, signal.SIGKILL]:
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + 1
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0, until - time.monotonic()))
        if all(process.poll() is not None for process in running):
            return


def run_until_stopped(*commands: list[str]) -> None:
    """Run the commands side by side; when one ends, or somebody stops us, end them all and wait."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for number in STOPS:
        signal.signal(number, stop)
    running: list[subprocess.Popen[bytes]] = []
    status = 0
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log:
        try:
            for command in commands:  # each leads a group of its own: Ctrl-C reaches us alone, and we end them in order
                running.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True))
            status = os.waitpid(-1, 0)[1]
        except KeyboardInterrupt:
            click.echo("\nStopping …")
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        end(running)
    if os.waitstatus_to_exitcode(status):
        said = LOG.read_text(errors="replace").splitlines()[-20:]
        raise click.ClickException("The server ended by itself. It said:\n" + "\n".join(said))
