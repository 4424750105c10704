"""People, by command on the server."""

import click
from flask.cli import AppGroup

from grants.kernel.errors import NotFound, RuleBroken
from grants.people import queries
from grants.people.service import accounts as service
from grants.people.service import factors
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


@cli.command("take-off-factor")
@click.argument("email")
@click.argument("reason")
def take_off_factor(email: str, reason: str) -> None:
    """Take the second step off somebody who lost their phone, where no other admin can. They get a letter."""
    try:
        with clockwork() as uow:
            person = queries.person_by_email(uow.session, email)
            if person is None:
                raise NotFound("Nobody has this address.")
            factors.take_off_for(uow, person.id, reason)
    except (RuleBroken, NotFound) as broken:
        raise click.ClickException(broken.message) from None
    click.echo("It is taken off. They are signed out everywhere, and set it up again when they come in.")
