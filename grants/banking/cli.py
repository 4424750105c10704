"""What a provider did with our money, compared with the books by the clock."""

from datetime import timedelta

import click
from flask.cli import AppGroup

from grants.banking import service
from grants.ports.payments import OutcomeUnknown, ProviderRefused
from grants.web.db import now
from grants.web.outside import stripe
from grants.web.work import clockwork

cli = AppGroup("payments", help="What payment providers did, compared with the books.")


@cli.command("compare")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 400), help="How far back.")
def compare(days: int) -> None:
    """Read Stripe's balance transactions: what stands there is paid, even if its event was lost. Safe twice."""
    provider = stripe()
    if provider is None:
        raise click.ClickException("Stripe is not set up here: set GRANTS_STRIPE_KEY.")
    try:
        held = provider.balance_minor()
        lines = provider.statement(now() - timedelta(days=days))
    except (OutcomeUnknown, ProviderRefused) as failed:
        raise click.ClickException(f"{failed} Nothing was changed; run it again later.") from failed
    with clockwork() as uow:
        new, alone = service.take_provider_lines(uow, provider.name, lines, held)
    click.echo(f"{new} new lines, {alone} of them about nothing that we know")
