"""Pages of the stage ``places``."""

from flask import Blueprint

bp = Blueprint("places", __name__)
