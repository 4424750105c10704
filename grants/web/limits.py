"""Rate limits, counted in the database that all workers share."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import Storage
from sqlalchemy import BigInteger, String, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Base
from grants.web.db import WRITES, db, gate

F = TypeVar("F", bound=Callable[..., Any])
_LOOKED = "looked_at_limits"


class RateCount(Base):
    """How often a key came within its fixed window; keys that tell a person or an address come hashed."""

    __tablename__ = "rate_count"

    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    hits: Mapped[int]
    expires: Mapped[int] = mapped_column(BigInteger, index=True)


def forget_past() -> None:
    """Delete the counts whose window is over. By the clock: where nobody posts anything, nothing else would."""
    with gate(db.engine), db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        connection.execute(delete(RateCount).where(RateCount.expires <= int(time.time())))


class DatabaseStorage(Storage):
    """Fixed windows in ``rate_count``: each hit is a short transaction of its own, and clears what is over."""

    STORAGE_SCHEME = ["seedbed"]  # noqa: RUF012 - as the base class has it

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        key, moment = key[:250], int(time.time())
        with gate(db.engine), db.engine.connect().execution_options(**{WRITES: True}) as connection:
            for _ in range(2):
                with connection.begin():
                    connection.execute(delete(RateCount).where(RateCount.expires <= moment))
                    count = connection.scalar(
                        update(RateCount)
                        .where(RateCount.key == key)
                        .values(hits=RateCount.hits + amount)
                        .returning(RateCount.hits)
                    )
                    if count is not None:
                        return int(count)
                    try:
                        with connection.begin_nested():
                            connection.execute(insert(RateCount).values(key=key, hits=amount, expires=moment + expiry))
                        return amount
                    except IntegrityError:
                        continue
        return amount

    def _row(self, key: str) -> tuple[int, int]:
        with db.engine.connect() as connection:
            row = connection.execute(
                select(RateCount.hits, RateCount.expires).where(RateCount.key == key[:250])
            ).one_or_none()
        moment = int(time.time())
        return (row.hits, row.expires) if row is not None and row.expires > moment else (0, moment)

    def get(self, key: str) -> int:
        return self._row(key)[0]

    def get_expiry(self, key: str) -> float:
        return float(self._row(key)[1])

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with gate(db.engine), db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            return connection.execute(delete(RateCount)).rowcount

    def clear(self, key: str) -> None:
        with gate(db.engine), db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            connection.execute(delete(RateCount).where(RateCount.key == key[:250]))


def _where_from() -> str:
    """The network address behind a request, hashed: it is enough to count by."""
    address = get_remote_address() or "nowhere"
    return sha256(f"{current_app.config['SECRET_KEY']}{address}".encode()).hexdigest()[:40]


class PostLimiter(Limiter):
    """Counts where a view says so. No limit of ours stands elsewhere, so nothing is looked up before each request."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        if self.enabled:  # its hooks count afterwards what is to be counted then, and put their notes away
            count: Any = app.after_request_funcs[None].pop()
            put_away: Any = app.teardown_request_funcs[None].pop()
            app.after_request(lambda answer: count(answer) if _LOOKED in g else answer)
            app.teardown_request(lambda error: put_away(error) if _LOOKED in g else None)

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware:
            setattr(g, _LOOKED, True)
            super()._check_request_limit(callable_name=callable_name, in_middleware=False)


limiter = PostLimiter(_where_from, storage_uri="seedbed://", strategy="fixed-window", headers_enabled=False)


def post_limit(rate: str, **kwargs: Any) -> Callable[[F], F]:
    """Limit the POSTs of a view from one address, e.g. ``@post_limit("10 per hour")``; reads are never counted.

    Stands below the door. ``key_func`` counts by something else than the address; what names a person comes hashed.
    """

    def count(view: F) -> F:
        return cast(F, limiter.limit(rate, methods=["POST"], **kwargs)(view))

    return count


def wait_seconds() -> int:
    """How long the caller who came too often must wait."""
    broken = limiter.current_limit
    return max(1, broken.reset_at - int(time.time())) if broken else 60


def init_app(app: Flask) -> None:
    app.config["RATELIMIT_ENABLED"] = app.config["SETTINGS"].rate_limits
    limiter.init_app(app)
