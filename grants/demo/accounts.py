"""How the town's groups are paid from now on: through Stripe, which here is a pretend one."""

from grants.demo.beginnings import GROUPS
from grants.demo.play import Play
from grants.demo.stripe_double import KNOWN
from grants.disbursements.service import heard
from grants.funds.rules import PaysBy
from grants.funds.service import pots
from grants.payees import service as payees
from grants.ports.payments import AccountStanding

TO_SET_UP = frozenset({"willows"})
"""Left to be clicked through: somebody who signs off for it sets up where it is paid."""


def groups_say_where_they_are_paid(play: Play) -> None:
    """The fund pays through Stripe from now on, and the groups with an account of their own have said where."""
    with play.as_("sue", play.at(-12, 9)) as uow:
        pots.choose_payments(uow, play.fund_id, PaysBy.STRIPE, "The town council")
    for key, _, _, _, has_account, _, signer, _ in GROUPS:
        if not has_account or key in TO_SET_UP:
            continue
        with play.as_(signer, play.at(-11, 18)) as uow:
            account_id = payees.open_account(uow, play.cast.groups[key], PaysBy.STRIPE).id
            payees.name_account(uow, account_id, f"{KNOWN}_{key}")
        with play.as_clock(play.at(-11, 19)) as uow:
            heard.account_stands(uow, account_id, AccountStanding.READY)


SCENES = (groups_say_where_they_are_paid,)
