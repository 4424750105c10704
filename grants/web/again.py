"""Where money moves, whoever has a second step is asked for a number again: at most a quarter of an hour old."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

F = TypeVar("F", bound=Callable[..., Any])
Ask = Callable[[Iterable[tuple[str, str]], bool], ResponseReturnValue | None]
"""Takes what was typed into the page, and whether a file went with it. Gives the page that asks for the number, or
None once the right one came with it."""
_asks: dict[str, Any] = {}
PREFIX = "second_step-"
"""Of the fields that ask for the number, so that they are told from those of the page that was sent."""


def asks_for_number(fresh: Callable[[], bool], ask: Ask, endpoint: str) -> None:
    """Register how it is known that a number is fresh, how one is asked for, and on which page. ``people`` does."""
    _asks.update(fresh=fresh, ask=ask, endpoint=endpoint)


def number_again(view: F) -> F:
    """For views that move money. Stands below the door.

    A page with a form asks before the form is shown. A form that is sent too late is not lost: the question stands in
    its place with all that was typed, and when the number is right what was sent is done.
    """
    return _wear(view, before=True)


def number_again_to_send(view: F) -> F:
    """The same for a page that many only read: it asks when something is sent."""
    return _wear(view, before=False)


def _wear(view: F, *, before: bool) -> F:
    @wraps(view)
    def asked(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            if not _asks["fresh"]():
                page = _asks["ask"](_typed(), any(file.filename for file in request.files.values()))
                if page is not None:
                    return page
        elif before and not _asks["fresh"]():
            return redirect(url_for(_asks["endpoint"], next=request.full_path.rstrip("?")))
        return view(*args, **kwargs)

    asked.asks_number = True  # type: ignore[attr-defined]
    return asked  # type: ignore[return-value]


def _typed() -> list[tuple[str, str]]:
    """Every field of the form that was sent, in order; not its token, nor the number."""
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not name.startswith(PREFIX)
    ]
