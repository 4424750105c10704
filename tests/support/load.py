"""A production server, many people at once at its door, and somebody who kills its workers."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS, ANSWER_SECONDS = 180, 120
STANDS_SECONDS = 6
"""Granian gives up when a worker dies within 5.5 seconds of being put in place of another."""


@dataclass(frozen=True)
class Answer:
    """What came back, and the seconds it took from the last asking; understood only when somebody looks."""

    got: bytes
    seconds: float

    @property
    def status(self) -> int:
        """Its status; 0 when nothing came."""
        return int(self.got[9:12] or 0)

    @property
    def cookie(self) -> str:
        """The cookie that it set, or nothing."""
        return _field(self.got.partition(b"\r\n\r\n")[0], b"set-cookie: seedbed=").split(";")[0]

    @property
    def body(self) -> bytes:
        return self.got.partition(b"\r\n\r\n")[2]


@dataclass
class Served:
    """A server that runs: its port, and the pid of what watches over its workers."""

    port: int
    pid: int

    def workers(self) -> list[int]:
        """The pids of its workers."""
        return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Seconds of CPU that those workers have spent who live now."""
        tasks = [task for worker in self.workers() for task in Path(f"/proc/{worker}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


PLAIN = "from granian.cli import cli; from grants.serve import in_whole_turns; in_whole_turns(); cli()"
"""Any other application: without what ours holds, and its processes take turns as ours do."""


@contextlib.contextmanager
def granian(
    target: str, environ: Mapping[str, str], log: Path, *, workers: int = 2, threads: int = 2, respawn: bool = False
) -> Iterator[Served]:
    """Serve ``target`` ("module:app") with granian on a free port of 127.0.0.1; ours by ``grants.serve``.

    Whatever it serves is scheduled alike, so that a bare view is measured as ours are.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    options = {"interface": "wsgi", "workers": workers, "blocking-threads": threads, "host": "127.0.0.1", "port": port}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    again = ["--respawn-failed-workers", "--respawn-interval", "0.01"] if respawn else []
    begin = ["-m", "grants.serve"] if target == "wsgi:app" else ["-c", PLAIN]
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, *begin, *words, *again, target],
            env={**os.environ, **environ},
            stdout=out,
            stderr=out,
        )
    served = Served(port, server.pid)
    try:
        _wait_until_answering(served, workers)
        yield served
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            for process in (*served.workers(), server.pid):
                os.kill(process, signal.SIGKILL)
            server.wait(10)


def _wait_until_answering(served: Served, workers: int) -> None:
    """Until every worker has answered a first request: they take turns, so a few more than there are."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            answers = ask_all(served.port, [get("/no-such-page")] * 4 * workers, workers * 2)
            if all(answer.status for answer in answers) and len(served.workers()) == workers:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def get(path: str, cookie: str = "") -> bytes:
    """A GET as a browser sends it."""
    return _request("GET", path, cookie, b"")


def post(path: str, cookie: str, body: str) -> bytes:
    """A POST of a form."""
    return _request("POST", path, cookie, body.encode())


def _request(method: str, path: str, cookie: str, body: bytes) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if cookie:
        head.append(f"Cookie: seedbed={cookie}")
    if method == "POST":
        head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def ask_all(
    port: int,
    requests: Sequence[bytes],
    connections: int,
    *,
    persist: bool = False,
    heard: Callable[[int], None] = lambda _: None,
) -> list[Answer]:
    """Send every request once over so many kept connections; the answers in the order of the requests.

    A connection that breaks gives status 0; with ``persist`` it is asked again until there is an answer, as by somebody
    who presses the button again. ``heard`` is told how many answers there are.
    """
    crowd = _Crowd(port, requests, persist, heard)
    return crowd.ask(connections)


class _Line:
    """One connection and what it waits for: ``whole`` is how many bytes the answer has, once its head is there."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.at = -1
        self.began = 0.0
        self.got = b""
        self.whole = 0


class _Crowd:
    """One thread with nothing to do while it is asked but to send bytes that are ready: it shares the cores with the
    server, so answers are read only as far as to see their end."""

    def __init__(self, port: int, requests: Sequence[bytes], persist: bool, heard: Callable[[int], None]) -> None:
        self.port, self.requests, self.persist, self.heard = port, requests, persist, heard
        self.left = deque(range(len(requests)))
        self.answers: dict[int, Answer] = {}
        self.lines: dict[int, _Line] = {}
        self.poll = select.epoll()

    def ask(self, connections: int) -> list[Answer]:
        for _ in range(min(connections, len(self.requests))):
            self._next(_Line())
        while self.lines:
            ready = self.poll.poll(ANSWER_SECONDS)
            if not ready:
                raise AssertionError("the server does not answer")
            for number, _ in ready:
                self._read(self.lines[number])
        self.poll.close()
        return [self.answers[at] for at in range(len(self.requests))]

    def _next(self, line: _Line) -> None:
        """Send the next request on this line; close it when there is none."""
        while self.left:
            line.at = self.left.popleft()
            try:
                if line.socket is None:
                    line.socket = socket.create_connection(("127.0.0.1", self.port), 5)
                    line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.lines[line.socket.fileno()] = line
                    self.poll.register(line.socket, select.EPOLLIN)
                line.got, line.whole, line.began = b"", 0, time.perf_counter()
                line.socket.sendall(self.requests[line.at])
                return
            except OSError:
                self._broken(line)
        self._hang_up(line)

    def _read(self, line: _Line) -> None:
        assert line.socket is not None
        try:
            some = line.socket.recv(262_144)
        except OSError:
            some = b""
        if not some:
            self._broken(line)
            self._next(line)
            return
        line.got = line.got + some if line.got else some
        if not line.whole:
            if (end := line.got.find(b"\r\n\r\n")) < 0:
                return
            line.whole = end + 4 + int(_field(line.got[:end], b"content-length: ") or 0)
        if len(line.got) >= line.whole:
            self.answers[line.at] = Answer(line.got, time.perf_counter() - line.began)
            self.heard(len(self.answers))
            self._next(line)

    def _broken(self, line: _Line) -> None:
        self._hang_up(line)
        if self.persist:
            self.left.appendleft(line.at)
            time.sleep(0.01)
        else:
            self.answers[line.at] = Answer(b"", time.perf_counter() - line.began)

    def _hang_up(self, line: _Line) -> None:
        if line.socket is not None:
            self.lines.pop(line.socket.fileno(), None)
            line.socket.close()  # which also ends its being polled
            line.socket = None


def _field(head: bytes, name: bytes) -> str:
    at = head.lower().find(name)
    return "" if at < 0 else head[at + len(name) :].split(b"\r\n", 1)[0].decode()


class Killer:
    """Told of every answer, kills a worker with SIGKILL after so many more: the one that has lived longest."""

    def __init__(self, served: Served, every: int) -> None:
        self.served, self.every, self.next = served, every, every
        self.killed = 0
        self._born = dict.fromkeys(served.workers(), time.monotonic() - STANDS_SECONDS)

    def __call__(self, heard: int) -> None:
        if heard < self.next:
            return
        alive = [worker for worker in self.served.workers() if worker in self._born or self._meet(worker)]
        worker = min(alive, key=lambda one: self._born[one], default=None)
        if worker is not None and time.monotonic() - self._born[worker] >= STANDS_SECONDS:
            os.kill(worker, signal.SIGKILL)
            del self._born[worker]
            self.killed += 1
            self.next = heard + self.every

    def _meet(self, worker: int) -> bool:
        """Note when a worker was first seen; one that was killed may still be listed for a moment."""
        try:
            state = Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        if state in "ZX":
            return False
        self._born[worker] = time.monotonic()
        return True
