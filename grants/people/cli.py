"""People, by command on the server."""

import click
from flask.cli import AppGroup

from grants.kernel.errors import RuleBroken
from grants.people.service import accounts as service
from grants.web.work import clockwork

cli = AppGroup("people", help="Accounts and roles.")


@cli.command("make-admin")
@click.argument("email")
@click.argument("name")
def make_admin(email: str, name: str) -> None:
    """Give somebody the role of admin, with an account if they have none. Safe to run twice."""
    try:
        with clockwork() as uow:
            new = service.make_admin(uow, email, name)
    except RuleBroken as broken:
        raise click.ClickException(broken.message) from None
    click.echo("They are now an admin." if new else "They are an admin already.")
