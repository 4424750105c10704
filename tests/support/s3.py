"""A store that speaks enough of S3 to be lied to: it works out every signature again and lets nobody else in.

Written from Amazon's description of "Signature Version 4", not from the library that signs.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class PretendS3:
    """A bucket behind an address of this machine. ``broken``: it answers 500 to everything."""

    bucket: str
    key_id: str
    secret: str
    url: str = ""
    broken: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def why_not(self, asked: Asked, body: bytes) -> str | None:
        """The code of what is wrong with a request's signature; nothing when it is ours."""
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            return "AccessDenied"
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        key_id, day, region, service, end = said["Credential"].split("/")
        if key_id != self.key_id:
            return "InvalidAccessKeyId"
        content = asked.headers["x-amz-content-sha256"]
        if content != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        parts = urlsplit(asked.path)
        names = said["SignedHeaders"].split(";")
        query = "&".join(
            f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}"
            for k, v in sorted(parse_qsl(parts.query, keep_blank_values=True))
        )
        lines = "".join(f"{name}:{' '.join(asked.headers[name].split())}\n" for name in names)
        canonical = "\n".join([asked.method, parts.path, query, lines, ";".join(names), content])
        scope = f"{day}/{region}/{service}/{end}"
        to_sign = "\n".join(
            ["AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = b"AWS4" + self.secret.encode()
        for step in (day, region, service, end):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        wanted = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(wanted, said["Signature"]) else "SignatureDoesNotMatch"

    def _listed(self, asked: Asked) -> bytes:
        """Two names at a time, so that whoever asks must ask again."""
        told = dict(parse_qsl(urlsplit(asked.path).query))
        keys = sorted(
            key for key in self.objects if key.startswith(told["prefix"]) and key > told.get("start-after", "")
        )
        kept = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified></Contents>"
            for key in keys[:2]
        )
        more = "true" if len(keys) > 2 else "false"
        return f"<ListBucketResult><IsTruncated>{more}</IsTruncated>{kept}</ListBucketResult>".encode()

    def answer(self, asked: Asked, body: bytes) -> tuple[int, bytes]:
        self.asked.append(asked)
        if self.broken:
            return 500, b"<Error><Code>InternalError</Code></Error>"
        if code := self.why_not(asked, body):
            return 403, f"<Error><Code>{code}</Code></Error>".encode()
        bucket, _, key = urlsplit(asked.path).path.removeprefix("/").partition("/")
        if bucket != self.bucket:
            return 404, b"<Error><Code>NoSuchBucket</Code></Error>"
        if asked.method == "DELETE":
            self.objects.pop(key, None)
            return 204, b""
        if asked.method == "GET" and bucket == self.bucket and not key:
            return 200, self._listed(asked)
        if asked.method == "PUT":
            self.objects[key] = body
            return 200, b""
        if key not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        return 200, self.objects[key]


@contextmanager
def pretend_s3(bucket: str = "seedbed", key_id: str = "SEEDBEDKEY", secret: str = "a-secret") -> Iterator[PretendS3]:
    """A pretend store on a free port of this machine, as long as the block lasts."""
    store = PretendS3(bucket, key_id, secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _go(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
            status, answer = store.answer(asked, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_DELETE = _go  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
