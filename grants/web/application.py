"""Flask, with what it does for each request and what no page of ours needs left out."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response


class Answer(Response):
    """An answer that is already whole goes out in one piece: the server need not come back for the next."""

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD" or not self.is_sequence or self._on_close:
            return super().get_app_iter(environ)
        return list(self.iter_encoded())


class Application(Flask):
    """Views and hooks are plain functions, so nobody asks of each at each request whether it is a coroutine."""

    response_class = Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func
