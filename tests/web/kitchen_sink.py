"""One page with every piece of the page kit on it, served from a bare Flask app, for tests and for looking at."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from flask import Flask, Response, flash, render_template, render_template_string
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect

from grants.web import components, fields, filters, statics
from grants.web.forms import Form

ROOT = Path(__file__).parents[2]
WARD = UUID("7a1f6f4e-0000-4000-8000-000000000001")


class EverythingForm(Form):
    """One field of each kind."""

    title = fields.TextField("Title of your idea", hint="A few plain words.", at_most=40)
    story = fields.AreaField("What would you do?", at_most=200, counted=True)
    email = fields.EmailField("E-mail address")
    postcode = fields.PostcodeField("Postcode", required=False)
    amount = fields.MoneyField("Amount that you need", at_least=10000, at_most=200000)
    people = fields.NumberField("How many people will take part?", at_least=1, at_most=5000)
    starts = fields.DayField("Day it starts", hint="For example, 27 3 2027.")
    closes = fields.LondonTimeField("When does the round close?", required=False)
    kind = fields.RadiosField(
        "Kind of group", choices=[("small", "A small group", "No bank account"), ("other", "Other")]
    )
    ward = fields.UuidSelect("Ward", choices=[(WARD, "Parkfield & Oxbridge")])
    touches = fields.ChecksField("Who does it touch?", choices=[("old", "Older people"), ("young", "Young people")])
    agree = fields.TickField(
        "I have read the rules", required=True, message="Tick the box to say that you read the rules"
    )
    picture = fields.UploadField("A picture", required=False, accept="image/*")


HERE = Path(__file__).parent
PAGE = (HERE / "kitchen_sink.html").read_text(encoding="utf-8")
FRONT = (HERE / "front.html").read_text(encoding="utf-8")
BALLOT = (HERE / "ballot.html").read_text(encoding="utf-8")


def a_bare_app() -> Flask:
    """A Flask app with the page kit only."""
    app = Flask("kitchen_sink", root_path=str(ROOT), template_folder="templates", static_folder=str(ROOT / "static"))
    app.config.update(SECRET_KEY="tests only", DEMO=True, PLACE_NAME="Stockton-on-Tees", TESTING=True)
    CSRFProtect(app)
    for part in (filters, components, statics):
        part.init_app(app)

    @app.after_request
    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @app.route("/rounds", methods=["GET", "POST"])
    def sink() -> ResponseReturnValue:
        form = EverythingForm()
        if form.accepted():
            return "accepted"
        if not form.errors:
            flash("Your idea was saved.", "success")
        return render_template_string(PAGE, form=form), form.status

    @app.get("/error/<int:code>")
    def error(code: int) -> str:
        return render_template(f"errors/{code}.html", reference="req-1234", next_path="/rounds?a=b&c=d")

    @app.get("/front")
    def front() -> str:
        return render_template_string(FRONT)

    @app.get("/ballot")
    def ballot() -> str:
        return render_template_string(BALLOT)

    return app
