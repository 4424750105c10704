"""A worker holds what every request needs: large libraries come with the first request that needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.settings import KEYS

ROOT = Path(__file__).parents[2]
LATER = (
    "PIL",
    "alembic",
    "boto3",
    "filetype",
    "flask_migrate",
    "grants.demo.stripe_double",
    "grants.demo.town",
    "mako",
    "numpy",
    "pygments",
    "segno",
    "stripe",
    "weasyprint",
    "xlsxwriter",
    "yaml",
)
A_PAGE = """
import json, sys
import wsgi
answer = wsgi.app.test_client().get("/privacy")
assert answer.status_code == 200, answer.status_code
print(json.dumps(sorted({name for name in sys.modules if name in LATER})))
"""
BEFORE_IT_FORKS = """
import gc, json, threading
import wsgi
from grants.kernel.tables import Base
from grants.web.db import db
with wsgi.app.app_context():
    print(json.dumps({
        "threads": threading.active_count(),
        "connections": db.engine.pool.checkedin() + db.engine.pool.checkedout(),
        "frozen": gc.get_freeze_count() > 100_000,
        "mappers": all(one.configured for one in Base.registry.mappers),
    }))
"""


def test_a_worker_that_shows_a_page_has_read_in_no_large_library(tmp_path: Path) -> None:
    assert _told(f"LATER = {LATER!r}\n{A_PAGE}", tmp_path) == []


def test_what_workers_are_forked_from_stands_whole_and_has_begun_nothing(tmp_path: Path) -> None:
    standing = {"threads": 1, "connections": 0, "frozen": True, "mappers": True}
    assert _told(BEFORE_IT_FORKS, tmp_path) == standing


def _told(program: str, folder: Path) -> Any:
    environ = {
        **os.environ,
        "GRANTS_ENV": "demo",
        "GRANTS_DATABASE_URL": f"sqlite:///{folder / 'one.db'}",
        "GRANTS_FILES_FOLDER": str(folder / "files"),
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
