"""Code without its guard, for races that show what the guard is for."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select, update

from grants.kernel.errors import NotEnoughMoney
from grants.kernel.work import UnitOfWork
from grants.ledger.models import Account
from grants.ledger.rules import Pocket


def look_then_write(ready: Callable[[], None]) -> Callable[[UnitOfWork, str, int], UUID]:
    """What a first draft does: read the balance, find it enough, write. Both racers look before either writes."""

    def change(uow: UnitOfWork, code: str, by_minor: int) -> UUID:
        id, balance, side = uow.session.execute(
            select(Account.id, Account.balance_minor, Account.side).where(Account.code == code)
        ).one()
        if code.endswith(Pocket.AVAILABLE):
            ready()
        if (balance + by_minor) * side < 0:
            raise NotEnoughMoney("There is not enough money.", 0)
        uow.session.execute(
            update(Account).where(Account.id == id).values(balance_minor=Account.balance_minor + by_minor)
        )
        return UUID(str(id))

    return change
