"""Keys of bank accounts, by command on the server."""

import click
from flask.cli import AppGroup

from grants.kernel.keyring import SealBroken
from grants.payees import service
from grants.web.outside import bank_ring
from grants.web.work import clockwork

cli = AppGroup("bank-accounts", help="The keys that seal bank details.")


@cli.command("rotate-keys")
def rotate_keys() -> None:
    """Seal every account under the first key of GRANTS_BANK_KEYS, so that the others can be taken off. Safe twice."""
    try:
        with clockwork() as uow:
            done = service.rotate(uow, bank_ring())
    except SealBroken as broken:
        raise click.ClickException(str(broken)) from None
    click.echo(f"{done} sealed again")
