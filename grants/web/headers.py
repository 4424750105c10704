"""Security headers on every answer."""

from flask import Flask, Response
from flask.globals import request_ctx

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
ALWAYS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def init_app(app: Flask) -> None:
    @app.after_request
    def _headers(response: Response) -> Response:
        headers, asked = response.headers, request_ctx.request
        told = {name.lower() for name, _ in headers}
        for name, value in ALWAYS:
            if name.lower() not in told:
                headers.add(name, value)
        if app.config["SESSION_COOKIE_SECURE"]:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if asked.endpoint != "static" and "cache-control" not in told:
            headers.add("Cache-Control", "no-store" if asked.method != "GET" else "private, no-cache")
        return response
