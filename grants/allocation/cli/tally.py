"""``grants tally``: share the pot of anybody's election, from its file. Needs no database and no application."""

import json
import os
import re
import sys
from collections.abc import Iterator
from errno import EPIPE
from fractions import Fraction
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from time import perf_counter

import click

from grants.allocation.cli.files import opened
from grants.allocation.rules.asked import RULE_NAMES, Asked
from grants.allocation.rules.tally import Result, as_json, in_words, short, tally
from grants.kernel.errors import RuleBroken

SMALLEST, LARGEST = Fraction(1, 10**9), Fraction(10**15)


class Amount(click.ParamType[Fraction]):
    """A number of nothing or more, exactly as it is written: "1", "0.50"."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        text = str(value)
        if re.search(r"[eE][+-]?\d{4}", text) or len(text) > 50:  # never worked out: it would take for ever
            self.fail(f"{text[:50]} is not a number that we can count with", param, ctx)
        try:
            amount = Fraction(text)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value} is not a number", param, ctx)
        if amount and not SMALLEST <= abs(amount) <= LARGEST:
            self.fail(f"{value} is not a number that we can count with", param, ctx)
        if amount < 0:
            self.fail(f"{value} is less than nothing", param, ctx)
        return amount


@click.command("tally")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--rule", type=click.Choice(RULE_NAMES), default="equal-shares", show_default=True)
@click.option("--utility", type=click.Choice(["cost", "cardinality"]), default="cost", show_default=True)
@click.option("--completion", type=click.Choice(["none", "add1", "add1u"]), default="add1u", show_default=True)
@click.option(
    "--start", type=click.Choice(["floor", "exact"]), help="The first share. [default: floor; exact without completion]"
)
@click.option(
    "--step",
    type=Amount(),
    default="1",
    help="By how much the share grows, in the file's currency. Smaller ones take longer, though steps that certainly "
    "change nothing are left out: 0.001 takes half a minute in a city of 90,000 voters.",
)
@click.option("--no-exhaustive-stop", is_flag=True, help="Go on until the next share would overspend.")
@click.option("--misfit", type=click.Choice(["skip", "stop"]), help="[default: skip by most votes, stop by Phragmén]")
@click.option("--min-votes", type=Amount(), help="[default: the file's own by most votes, else none]")
@click.option("--lot", metavar="SEED", help="Draw the lot that breaks ties from this. [default: the file's order]")
@click.option(
    "--explain",
    metavar="ID|all",
    help="Say why, and what would have been enough. The rule runs some four times for each.",
)
@click.option("--json", "json_", is_flag=True, help="For a program to read.")
def tally_file(
    file: Path,
    rule: str,
    utility: str,
    completion: str,
    start: str | None,
    step: Fraction,
    no_exhaustive_stop: bool,
    misfit: str | None,
    min_votes: Fraction | None,
    lot: str | None,
    explain: str | None,
    json_: bool,
) -> None:
    """Share the pot of an election in a Pabulib file. FILE: a .pb file, or - for what comes in.

    Exact, whatever the input. Amounts are in the file's currency. Ranked and points ballots: the points are what a
    project is worth to a voter. What had to be put right in the file is said on the error stream.
    """
    began = perf_counter()
    read = opened(file)
    if explain not in (None, "all", *read.ids):
        raise click.ClickException(f"There is no project {explain} in {file.name}.")
    asked = Asked(rule, utility, completion, start, step, not no_exhaustive_stop, misfit, min_votes, lot)
    bar = _Bar(began)
    try:
        result = tally(read, asked, bar.show)
    except RuleBroken as broken:
        raise click.ClickException(str(broken)) from broken
    seconds = perf_counter() - began
    bar.again()
    explained = [one.bid for one in result.told if explain in ("all", read.ids[one.bid])]
    waiting = [bid for bid in explained if bid not in result.winners]
    for done, (bid, words) in enumerate(_enough(result, waiting)):
        bar.show(done, len(waiting))
        result.know(bid, words)
    bar.clear()
    try:
        if json_:
            click.echo(json.dumps(as_json(result, seconds, explained), ensure_ascii=False, indent=1))
        else:
            _table(result, seconds, explained)
    except OSError as broken:
        if broken.errno == EPIPE:  # whoever reads has read enough
            raise
        raise click.ClickException(f"The result could not be written: {broken.strerror}.") from broken


def _enough(result: Result, bids: list[int]) -> Iterator[tuple[int, str]]:
    """What would have been enough for each of these; where there are many, on all processors at once."""
    workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, len(bids) // 2)
    if workers < 2 or len(result.file.ids) < MANY or "fork" not in get_all_start_methods():
        yield from ((bid, result.enough(bid)) for bid in bids)
        return
    _of_this_run.append(result)  # the workers are forked from here, and know it
    try:
        with get_context("fork").Pool(workers) as pool:
            yield from pool.imap_unordered(_enough_for, bids)
    finally:
        _of_this_run.clear()


_of_this_run: list[Result] = []
MANY = 40
"""With fewer projects it is done before the workers are there."""


def _enough_for(bid: int) -> tuple[int, str]:
    return bid, _of_this_run[0].enough(bid)


class _Bar:
    """Shows on a terminal's error stream how far it is, once the work has taken a second."""

    def __init__(self, began: float) -> None:
        self.began, self.shown, self.terminal = began, "", sys.stderr is not None and sys.stderr.isatty()

    def show(self, done: int, whole: int) -> None:
        if self.terminal and perf_counter() - self.began > 1:
            part = min(done / whole, 1) if whole else 1
            bar = f"\r[{'#' * int(part * 40):<40}] {part:4.0%}{self._left(part)}"
            if bar != self.shown:
                click.echo(bar, nl=False, err=True)
            self.shown = bar

    def _left(self, part: float) -> str:
        """How long it takes yet, as far as can be told from what is done; of one length."""
        took = perf_counter() - self.began
        if part < 0.02 or took < 5:
            return " " * 20
        left = took * (1 - part) / part
        told = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        return f"  about {told} left".ljust(20)

    def again(self) -> None:
        """Another part of the work begins."""
        self.began = perf_counter()

    def clear(self) -> None:
        if self.shown:
            click.echo(f"\r{' ' * 68}\r", nl=False, err=True)


def _table(result: Result, seconds: float, explained: list[int]) -> None:
    """The result for a person: who won, who did not and why."""
    file, election, words = result.file, result.file.election, result.words
    width = max([7, *(len(id) for id in file.ids)])
    title = file.meta.get("description", "")
    click.echo(f"{title}\n" if title else "", nl=bool(title))
    _say(f"{election.voters:,} voters, {len(file.ids):,} projects, a pot of {words.money(election.pot)}.")
    _say(in_words(result))
    if result.share is not None:
        _say(f"In the end each voter controlled {words.money(result.share)}.")
    for heading, funded in (("Funded, in the order bought", True), ("Not funded", False)):
        lines = [one for one in result.told if one.funded is funded]
        click.echo(f"\n{heading}: {len(lines)}")
        for one in lines:
            click.echo(
                f"  {file.ids[one.bid]:<{width}}  {words.money(election.costs[one.bid]):>18}  "
                f"{words.votes(election.votes[one.bid]):>14}  {short(file.names[one.bid])}".rstrip()
            )
            if one.bid in explained or not funded:
                _say(one.reason, width + 4)
            if one.bid in explained and not funded:
                _say(result.enough(one.bid), width + 4)
    click.echo(f"\nSpent {words.money(result.cost)}; left {words.money(result.left)}.")
    _say(f"Rule {result.rule}; {'; '.join(f'{name} {_told(value)}' for name, value in result.options.items())}.")
    click.echo(f"Checksum {result.checksum}, in {seconds:.2f} s.")


def _say(words: str, indent: int = 0) -> None:
    """A paragraph; on a terminal in lines that are not too long to be read."""
    start = " " * indent
    if sys.stdout.isatty():
        columns = min(get_terminal_size().columns, 100 + indent)
        words = fill(words, max(columns, indent + 30), initial_indent=start, subsequent_indent=start)[indent:]
    click.echo(f"{start}{words}")


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "by the file's order" if value is None else f"“{value}”" if value == "" else str(value)
