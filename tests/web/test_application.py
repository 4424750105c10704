"""What our Flask leaves out changes no answer: beside one that leaves nothing out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask, Response, abort, after_this_request, redirect, request, session

from grants.web.application import Application

heard: list[str] = []


@pytest.fixture(autouse=True)
def nobody_has_said_anything() -> Iterator[None]:
    heard.clear()
    yield
    heard.clear()


def an_app(kind: type[Flask]) -> Flask:
    """A house with a stage and a room in it, each with hooks, and answers of every kind."""
    app = kind(__name__)
    app.secret_key = "a secret of this test"
    stage, room = Blueprint("stage", __name__), Blueprint("room", __name__, url_prefix="/room")

    @app.before_request
    def _house_before() -> None:
        heard.append("house before")

    @app.after_request
    def _house_after(answer: Response) -> Response:
        heard.append("house after")
        answer.headers["X-House"] = "ours"
        return answer

    @stage.before_request
    def _stage_before() -> Response | None:
        heard.append("stage before")
        return Response("shut", 403) if "shut" in request.args else None

    @stage.after_request
    def _stage_after(answer: Response) -> Response:
        heard.append("stage after")
        return answer

    @room.before_request
    def _room_before() -> None:
        heard.append("room before")

    @stage.get("/words")
    def words() -> str:
        @after_this_request
        def _once(answer: Response) -> Response:
            heard.append("once")
            return answer

        session["seen"] = 1
        return "Grüße"

    @stage.get("/nothing")
    def nothing() -> tuple[str, int]:
        return "", 204

    @stage.get("/same")
    def same() -> Response:
        return Response("left out", 304, headers={"Content-Type": "text/plain", "ETag": '"x"'})

    @stage.get("/stream")
    def stream() -> Response:
        return Response(piece for piece in ("one", "two"))

    @stage.get("/away/<path:to>")
    def away(to: str) -> object:
        return redirect(f"/{to}", 303)

    @room.get("/broken")
    def broken() -> None:
        abort(418)

    stage.register_blueprint(room)
    app.register_blueprint(stage)
    return app


PATHS = [
    "/words",
    "/words?shut",
    "/nothing",
    "/same",
    "/stream",
    "/away/room/there",
    "/away/a room/straße?page=2",
    "/away//elsewhere.example/x",
    "/room/broken",
    "/no-such-page",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", PATHS)
def test_an_answer_is_that_of_plain_flask(path: str, method: str) -> None:
    told = []
    for kind in (Flask, Application):
        heard.clear()
        app = an_app(kind)
        for _ in range(2):  # the second time, what was looked up is known
            answer = app.test_client().open(path, method=method)
        headers = sorted((name, value) for name, value in answer.headers if name != "Set-Cookie")
        told.append((answer.status, headers, answer.data, list(heard), bool(answer.headers.getlist("Set-Cookie"))))
    usual, ours = told
    assert ours == usual


def test_a_whole_answer_leaves_in_one_piece() -> None:
    app = an_app(Application)
    with app.test_request_context("/words"):
        whole = app.make_response("Grüße")
    assert whole.get_app_iter({"REQUEST_METHOD": "GET"}) == ["Grüße".encode()]
