"""The smallest Flask application: what a server on this machine can answer at all."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def bare() -> str:
    """Two letters."""
    return "ok"
