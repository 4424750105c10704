"""What people sent, sent out again: bytes in which a browser runs nothing."""

from flask import Response, current_app, make_response, request

from grants.kernel.errors import NotFound
from grants.web.outside import files, scanner

MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "3gp": "video/3gpp",
}
"""Suffix of ours → what a browser is told."""


def upload_answer(stored_name: str, name: str) -> Response:
    """A kept file under ``name`` (ours, without suffix). Ask first whether it was found clean, and who may open it."""
    suffix = stored_name.rpartition(".")[2]
    try:
        answer = make_response(files().get(stored_name))
    except FileNotFoundError:
        raise NotFound("There is no such file.") from None
    answer.mimetype = MEDIA_TYPES[suffix]
    shown = "attachment" if suffix == "pdf" else "inline"
    answer.headers.set("Content-Disposition", shown, filename=f"{name}.{suffix}")
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=3600"
    # A telephone asks for a recording in pieces, and plays nothing where it gets it whole only.
    answer.make_conditional(request, accept_ranges=True, complete_length=answer.content_length)
    return answer


MOST_KNOWN = 10_000
"""How many files a worker remembers to be clean; their names are ours, and what stands under one never changes."""


def looked_at(stored_name: str) -> bytes:
    """A kept file, looked at for malware before it is opened; a worker looks once.

    For what is kept without a state of its own (a proposal's files have one). ``NotFound`` when it is not there, or
    something was found in it. ``ScannerAway`` when nobody could look: then it stays closed, and the page says so.
    """
    try:
        content = files().get(stored_name)
    except FileNotFoundError:
        raise NotFound("There is no such file.") from None
    known: dict[str, None] = current_app.extensions.setdefault("looked_at", {})
    if stored_name not in known:
        if not scanner().is_clean(content):
            raise NotFound("A virus was found in this file, so it stays closed. Ask for another copy.")
        if len(known) >= MOST_KNOWN:
            known.pop(next(iter(known)), None)
        known[stored_name] = None
    return content
