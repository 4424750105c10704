"""Pabulib's ``.pb`` files, written. Source: pabulib.org/format."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO


def write_pb(
    meta: Mapping[str, str],
    projects: Iterable[Mapping[str, str]],
    ballots: Iterable[Mapping[str, str]],
) -> str:
    """A file's text. Every project and every ballot has the columns of the first; ``vote`` holds ids with commas."""
    projects, ballots = list(projects), list(ballots)
    out = StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerows([["META"], ["key", "value"], *([key, _line(value)] for key, value in meta.items())])
    for name, rows, least in (("PROJECTS", projects, ["project_id", "cost"]), ("VOTES", ballots, ["voter_id", "vote"])):
        columns = list(rows[0]) if rows else least
        writer.writerows([[name], columns, *([_line(row[column]) for column in columns] for row in rows)])
    return out.getvalue()


def _line(text: str) -> str:
    return " ".join(text.split())


BLANK = "blank ballots are not in this file; they count as voters"
"""Pabulib knows no ballot without a choice: how many there were is told in the file's comment, and read from it."""
