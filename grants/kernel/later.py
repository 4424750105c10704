"""Libraries that few requests need: read in with the first one that does, not in every worker."""

from importlib import import_module
from typing import Any


class Later:
    """A module that is imported when something of it is first asked for.

    >>> Later("fractions").Fraction(1, 2)
    Fraction(1, 2)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)  # found at once from now on
        return value
