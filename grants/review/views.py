"""Pages of the stage ``review``."""

from flask import Blueprint

bp = Blueprint("review", __name__)
