"""The front page, each person's first page, and the pages about Seedbed itself."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from grants.web.db import answers
from grants.web.doors import public

bp = Blueprint("home", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Whether the application and its database answer."""
    return (jsonify(status="ok"), 200) if answers() else (jsonify(status="no database"), 503)
