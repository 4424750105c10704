"""Flask, with what it does for each request and what no page of ours needs left out."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response
from flask.globals import request_ctx
from flask.templating import Environment
from flask.typing import ResponseReturnValue
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule

_WITHOUT_BODY = (204, 304)
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


class Answer(Response):
    """An answer that is already whole goes out in one piece: the server need not come back for the next."""

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD" or not self._is_whole() or self._on_close:
            return super().get_app_iter(environ)
        return list(self.iter_encoded())

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Its own headers, not a copy, where nothing is left to do but to say how long it is."""
        if not self._is_whole() or not _PLAIN_PATH.fullmatch(self.headers.get("Location", "")):
            return super().get_wsgi_headers(environ)
        if "Content-Length" not in self.headers:
            self.headers["Content-Length"] = str(sum(map(len, self.iter_encoded())))
        return self.headers

    def _is_whole(self) -> bool:
        return self.is_sequence and self.status_code >= 200 and self.status_code not in _WITHOUT_BODY


class LazyRule(Rule):
    """Werkzeug's, which compiles two functions for each rule, to make addresses. Most are never called.

    Each is compiled when it is first called.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _first_unknown if append_unknown else _first


def _first(rule: LazyRule, **values: Any) -> tuple[str, str]:
    rule._build = Rule._compile_builder(rule, False).__get__(rule, None)
    return rule._build(**values)


def _first_unknown(rule: LazyRule, **values: Any) -> tuple[str, str]:
    rule._build_unknown = Rule._compile_builder(rule, True).__get__(rule, None)
    return rule._build_unknown(**values)


class Page(Template):
    """Jinja's, which at each import compares the names of all globals one by one, though ours are the same for all."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        if ctx is not None and ctx.globals_keys <= self.environment.globals.keys():
            ctx = None
        return super()._get_default_module(ctx)


class Pages(Environment):
    """Flask's, with templates of ours."""

    template_class = Page


class Application(Flask):
    """Views and hooks are plain functions, so nobody asks of each at each request whether it is a coroutine.

    The hooks of a stage are looked up once: Flask takes no new ones after the first request. None of ours reads
    a view's arguments before it (``url_value_preprocessor``), so nobody looks for those.
    """

    response_class = Answer
    jinja_environment = Pages
    url_rule_class = LazyRule

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._before: dict[str | None, tuple[Callable[[], Any], ...]] = {}
        self._after: dict[str | None, tuple[Callable[[Any], Any], ...]] = {}

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def preprocess_request(self) -> ResponseReturnValue | None:
        asked = request_ctx.request
        stage = asked.blueprint
        if stage not in self._before:
            names = (None, *reversed(asked.blueprints))
            self._before[stage] = tuple(hook for name in names for hook in self.before_request_funcs.get(name, ()))
        for hook in self._before[stage]:
            answer: ResponseReturnValue | None = hook()
            if answer is not None:
                return answer
        return None

    def process_response(self, response: Response) -> Response:
        context: Any = request_ctx._get_current_object()  # type: ignore[attr-defined]
        asked = context.request
        stage = asked.blueprint
        if stage not in self._after:
            names = (*asked.blueprints, None)
            self._after[stage] = tuple(hook for n in names for hook in reversed(self.after_request_funcs.get(n, ())))
        for hook in (*context._after_request_functions, *self._after[stage]):
            response = hook(response)
        if not self.session_interface.is_null_session(context._session):
            self.session_interface.save_session(self, context._session, response)
        return response
