"""The form that every stage's forms build on."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm

FARTHEST = 100_000


def asked_number(name: str = "page", default: int = 1) -> int:
    """A whole number from the address, 1 or more and never farther than a database counts: a page, a version."""
    return max(1, min(request.args.get(name, default, type=int) or default, FARTHEST))


class Form(FlaskForm):  # type: ignore[misc]
    """A form in our words: ``accepted()``, ``show(broken)``, ``status``."""

    def accepted(self) -> bool:
        """Whether this is a POST and all that was given holds."""
        return bool(self.validate_on_submit())

    def show(self, broken: Any) -> None:
        """Put a broken rule beside its field, or at the head of the error summary if it names none."""
        message = str(getattr(broken, "message", "") or broken)
        name = getattr(broken, "field", None)
        if name and name in self._fields:
            self._fields[name].errors = [*self._fields[name].errors, message]
        else:
            self.form_errors.append(message)

    @property
    def status(self) -> int:
        """The page's status: 422 when something has to be put right, else 200."""
        return 422 if self.errors else 200
