"""Every post carries a token, or is refused."""

from flask import Flask
from flask_wtf.csrf import CSRFError, CSRFProtect

protect = CSRFProtect()


def init_app(app: Flask) -> None:
    protect.init_app(app)


__all__ = ["CSRFError", "init_app", "protect"]
