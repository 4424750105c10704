"""What can go wrong in the domain, in words that a person can act on."""


class SeedbedError(Exception):
    """Base of every error that is told to a person; ``message`` is plain words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RuleBroken(SeedbedError):
    """A rule refuses what was asked (422). ``field`` names the form field it belongs to, if one does."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class StepRefused(RuleBroken):
    """The thing is not in a state from which this step can be taken."""


class NotEnoughMoney(RuleBroken):
    """An account cannot bear the entry; ``shortfall_minor`` says by how many pence."""

    def __init__(self, message: str, shortfall_minor: int) -> None:
        super().__init__(message)
        self.shortfall_minor = shortfall_minor


class Conflict(RuleBroken):
    """Somebody else changed the same thing first (409); what was typed is kept by the caller."""


class NotAllowed(SeedbedError):
    """This person may not do this (403)."""


class NotFound(SeedbedError):
    """There is no such thing, or none that this person may know of (404)."""

    def __init__(self, message: str = "There is no such page.") -> None:
        super().__init__(message)
