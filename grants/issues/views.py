"""Pages of the stage ``issues``."""

from flask import Blueprint

bp = Blueprint("issues", __name__)
