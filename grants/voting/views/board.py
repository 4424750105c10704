"""After the close: the board and the turnout at once; ballots with the results."""

from uuid import UUID

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from grants.rounds import queries as rounds
from grants.voting import exports, queries
from grants.voting.rules.board import board_lines
from grants.voting.rules.envelope import read_tracking_code, tracking_code
from grants.voting.rules.turnout import publishable
from grants.voting.views.votes import Row, ward_names
from grants.web.db import reading
from grants.web.doors import public
from grants.web.forms import asked_number
from grants.web.logs import quiet

bp = quiet(Blueprint("voting_board", __name__))


# After the close: the board and the turnout at once; ballots with the results.


@bp.get("/rounds/<uuid:round_id>/ballots")
@public
def ballots(round_id: UUID) -> ResponseReturnValue:
    """What everybody can check: the board of commitments, turnout, and (once announced) the ballots."""
    round, tally = _counted(round_id)
    book = queries.book_of(round)
    page = asked_number()
    asked = request.args.get("code", "").strip()
    wanted = read_tracking_code(asked) if asked else None
    published = _published(round, tally)
    turnout = queries.turnout(reading(), round.id)
    whole = tally.ballot_count >= book.totals_only_below
    return render_template(
        "voting/ballots.html",
        round=round,
        tally=tally,
        book=book,
        kind=queries.limits(round).kind,
        published=published,
        whole=whole,
        announced=round.announced_at is not None,
        by_channel=publishable(turnout.by_channel, book.suppress_below) if whole else {},
        by_ward=publishable(turnout.by_ward, book.suppress_below) if whole else {},
        ward_names=ward_names(),
        board=board_lines(queries.board(reading(), round.id, page=page)),
        page=page,
        pages=max(-(-tally.ballot_count // queries.BOARD_PAGE), 1),
        asked=asked,
        wanted=wanted,
        found=_find(round.id, wanted) if wanted else None,
        aside=[line for line in queries.ballot_lines(reading(), round.id) if line.set_aside_reason],
        entries=queries.entries(reading(), round.id),
        elsewhere=round.imported_from is not None,
    )


@bp.get("/rounds/<uuid:round_id>/ballots.csv")
@public
def ballots_csv(round_id: UUID) -> ResponseReturnValue:
    """Every ballot, a line each."""
    round, tally = _counted(round_id)
    if not _published(round, tally):
        abort(404)
    cast = queries.cast_ballots(reading(), round.id)
    return file_answer(
        exports.ballots_csv(cast, queries.entries(reading(), round.id), queries.limits(round)),
        "text/csv",
        "ballots.csv",
    )


@bp.get("/rounds/<uuid:round_id>/ballots.json")
@public
def ballots_json(round_id: UUID) -> ResponseReturnValue:
    """Every ballot, with what is needed to check the hash and count again."""
    round, tally = _counted(round_id)
    if not _published(round, tally):
        abort(404)
    kept = queries.kept_ballots(reading(), round.id)
    entries = queries.entries(reading(), round.id)
    text = exports.ballots_json(kept, entries, tally, round.rule_book_hash or "", queries.limits(round))
    return file_answer(text, "application/json", "ballots.json")


@bp.get("/rounds/<uuid:round_id>/board.csv")
@public
def board_csv(round_id: UUID) -> ResponseReturnValue:
    """The whole board."""
    round, _ = _counted(round_id)
    return file_answer(
        exports.board_csv(board_lines(queries.whole_board(reading(), round.id))), "text/csv", "board.csv"
    )


def _counted(round_id: UUID) -> tuple[Row, Row]:
    """The round with its tally; 404 before the count: until then nothing tells even how many voted."""
    round = rounds.published(reading(), round_id)
    tally = queries.tally(reading(), round.id)
    if tally is None:
        abort(404)
    return round, tally


def _published(round: Row, tally: Row) -> bool:
    """Ballots are published with the results, when there are enough of them to hide in."""
    return round.announced_at is not None and tally.ballot_count >= queries.book_of(round).totals_only_below


def _find(round_id: UUID, tracking: str) -> str | None:
    found = (c for c in queries.whole_board(reading(), round_id) if tracking_code(c) == tracking)
    return next(found, None)


def file_answer(text: str, kind: str, name: str) -> Response:
    """A file to take away, which nobody keeps on the way."""
    return Response(
        text,
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
