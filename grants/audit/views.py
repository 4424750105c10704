"""Pages of the stage ``audit``."""

from flask import Blueprint

bp = Blueprint("audit", __name__)
