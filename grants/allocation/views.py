"""Pages of the stage ``allocation``."""

from flask import Blueprint

bp = Blueprint("allocation", __name__)
