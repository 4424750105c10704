"""The demonstration town, loaded once for all tests by the command that people use."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.settings import KEYS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Town:
    """Where the loaded town lies: its database and its uploaded files. Copied, never used in place."""

    database: Path
    files: Path

    def copy_to(self, folder: Path) -> Town:
        """A town of one's own."""
        folder.mkdir(parents=True, exist_ok=True)
        mine = Town(folder / "town.db", folder / "files")
        shutil.copyfile(self.database, mine.database)
        if self.files.exists():
            shutil.copytree(self.files, mine.files, dirs_exist_ok=True)
        return mine

    @property
    def url(self) -> str:
        """The database's address."""
        return f"sqlite:///{self.database}"


def load_town(folder: Path) -> Town:
    """Load the town into ``folder`` unless another worker of the same run has done so."""
    town = Town(folder / "town.db", folder / "town-files")
    with _alone(folder / "town.lock"):
        if not town.database.exists():
            unfinished = folder / "town.part.db"
            unfinished.unlink(missing_ok=True)
            environ = {
                **os.environ,
                "GRANTS_ENV": "demo",
                "GRANTS_DATABASE_URL": f"sqlite:///{unfinished}",
                "GRANTS_FILES_FOLDER": str(town.files),
                **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
            }
            command = [sys.executable, "-m", "grants", "demo", "load"]
            done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(command[1:])}\n{done.stdout}\n{done.stderr}"
            with sqlite3.connect(unfinished) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            unfinished.rename(town.database)
    return town


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
