"""The books as text that other people's tools check: beancount, hledger, or a plain table. Streams, line by line.

Every account is opened, stands at its opening balance, and is asserted to end where the application says that it
stands: so a penny changed in any line fails in a tool that we did not write.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from io import StringIO

from grants.audit.rules import ToldBooks, pounds
from grants.kernel.clock import london_day
from grants.web.sheets import safe_cell


class Format(StrEnum):
    """For whose tool."""

    BEANCOUNT = "beancount"
    HLEDGER = "hledger"
    CSV = "csv"


SUFFIX = {Format.BEANCOUNT: "beancount", Format.HLEDGER: "journal", Format.CSV: "csv"}


def told(books: ToldBooks, format: Format) -> Iterator[str]:
    """The whole file, a piece at a time."""
    if format is Format.BEANCOUNT:
        return _beancount(books)
    return _hledger(books) if format is Format.HLEDGER else _csv(books)


def _beancount(books: ToldBooks) -> Iterator[str]:
    before, after = books.since - timedelta(days=1), books.until + timedelta(days=1)
    yield f'option "title" "{_quoted(books.title)}"\noption "operating_currency" "GBP"\n'
    yield '; Without this a balance may be wrong by a penny\noption "tolerance_multiplier" "0.1"\n\n'
    for one in books.accounts.values():
        yield f'{before} open {one.name} GBP\n  words: "{_quoted(one.words)}"\n'
    if opening := books.opening():
        yield f'\n; What stood in the books before {books.since}\n{before} * "Opening balances"\n'
        yield "".join(f"  {one.name}  {pounds(one.opening_minor)} GBP\n" for one in opening)
    yield "\n; Where every account stood at the beginning\n"
    for one in books.accounts.values():
        yield f"{books.since} balance {one.name}  {pounds(one.opening_minor)} GBP\n"
    names = {id: one.name for id, one in books.accounts.items()}
    for entry in books.entries:
        lines = "".join(f"  {names[id]}  {pounds(minor)} GBP\n" for id, minor in entry.lines)
        yield (
            f"\n; {entry.event} {_line(entry.key)}\n"
            f'{london_day(entry.at)} * "{_quoted(entry.memo)}" "{_said(entry.event)}"\n{lines}'
        )
    yield f"\n; Where every account stood at the end of {books.until}\n"
    for one in books.accounts.values():
        yield f"{after} balance {one.name}  {pounds(one.closing_minor)} GBP\n"


def _hledger(books: ToldBooks) -> Iterator[str]:
    """Two spaces before each amount, or hledger takes the amount for a part of the account's name."""
    before = books.since - timedelta(days=1)
    yield f"; {_line(books.title)}\ncommodity 1000.00 GBP\n\n"
    for one in books.accounts.values():
        yield f"account {one.name}  ; {_line(one.words)}\n"
    yield f"\n; What stood in the books before {books.since}\n{before} * Opening balances\n"
    for one in books.accounts.values():
        yield f"    {one.name}  {pounds(one.opening_minor)} GBP = {pounds(one.opening_minor)} GBP\n"
    names = {id: one.name for id, one in books.accounts.items()}
    for entry in books.entries:
        lines = "".join(f"    {names[id]}  {pounds(minor)} GBP\n" for id, minor in entry.lines)
        memo = _line(entry.memo).replace(";", ",").replace("|", "/")
        yield (
            f"\n; {entry.event} {_line(entry.key)}\n"
            f"{london_day(entry.at)} * {_said(entry.event)}{' | ' + memo if memo else ''}\n{lines}"
        )
    yield f"\n; Where every account stood at the end\n{books.until} * Closing assertions\n"
    for one in books.accounts.values():
        yield f"    {one.name}  0.00 GBP = {pounds(one.closing_minor)} GBP\n"


HEADS = ("Kind", "Day", "Moment (UTC)", "Event", "Key", "Account", "Account in words", "Pounds", "Currency", "Note")


def _csv(books: ToldBooks) -> Iterator[str]:
    """One row for each line, debit positive; first where every account stood, last where it stands."""
    out = StringIO()
    writer = csv.writer(out)

    def piece(*rows: Sequence[object]) -> str:
        writer.writerows(rows)
        text = out.getvalue()
        out.seek(0)
        out.truncate()
        return text

    named = {id: (one.name, safe_cell(one.words)) for id, one in books.accounts.items()}
    yield piece(HEADS)
    for id, one in books.accounts.items():
        yield piece(("opening", books.since, "", "", "", *named[id], pounds(one.opening_minor), "GBP", ""))
    for entry in books.entries:
        first = ("entry", london_day(entry.at), f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.event, entry.key)
        note = safe_cell(entry.memo)
        yield piece(*((*first, *named[id], pounds(minor), "GBP", note) for id, minor in entry.lines))
    for id, one in books.accounts.items():
        yield piece(("closing", books.until, "", "", "", *named[id], pounds(one.closing_minor), "GBP", ""))


def _said(event: str) -> str:
    stage, _, done = event.partition(".")
    return f"{stage.capitalize()} {done.replace('_', ' ')}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace('"', "'")
