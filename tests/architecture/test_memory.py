"""A worker holds what every request needs: large libraries come with the first request that needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.settings import KEYS

ROOT = Path(__file__).parents[2]
LATER = (
    "PIL",
    "alembic",
    "boto3",
    "flask_migrate",
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


def test_a_worker_that_shows_a_page_has_read_in_no_large_library(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "GRANTS_ENV": "demo",
        "GRANTS_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}",
        "GRANTS_FILES_FOLDER": str(tmp_path / "files"),
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
    }
    page = f"LATER = {LATER!r}\n{A_PAGE}"
    done = subprocess.run(
        [sys.executable, "-c", page], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
