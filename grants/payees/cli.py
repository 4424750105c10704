"""Keys of bank accounts, and the tables of account numbers, by command on the server."""

from pathlib import Path

import click
from flask.cli import AppGroup

from grants.kernel.keyring import SealBroken
from grants.payees import service
from grants.payees.rules.modulus import BadTable, Tables
from grants.people.service import factors
from grants.web.outside import bank_ring
from grants.web.work import clockwork

cli = AppGroup("bank-accounts", help="The keys that seal bank details, and the tables that check account numbers.")


@cli.command("rotate-keys")
def rotate_keys() -> None:
    """Seal accounts and second steps under the first key of GRANTS_BANK_KEYS, so that the others can go. Safe twice."""
    try:
        with clockwork() as uow:
            done = service.rotate(uow, bank_ring()) + factors.rotate(uow, bank_ring())
    except SealBroken as broken:
        raise click.ClickException(str(broken)) from None
    click.echo(f"{done} sealed again")


@cli.command("try-tables")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def try_tables(folder: Path) -> None:
    """Read Vocalink's tables of a folder, line by line, before they are used; say what they cover, or what is wrong.

    Fetch valacdos.txt and scsubtab.txt from Pay.UK (they may not be passed on), put them into FOLDER, try them with
    this, then set GRANTS_MODULUS_FOLDER to it and start Seedbed again.
    """
    for name in ("valacdos.txt", "scsubtab.txt"):
        if not (folder / name).is_file():
            raise click.ClickException(f"{name} is missing in {folder}. Vocalink gives both.")
    try:
        tables = Tables.read((folder / "valacdos.txt").read_text("ascii"), (folder / "scsubtab.txt").read_text("ascii"))
    except (BadTable, UnicodeDecodeError) as bad:
        raise click.ClickException(f"These tables cannot be read: {bad}") from None
    unknown = sorted({one.exception for one in tables.weighings} - set(range(15)))
    if unknown or not tables.weighings:
        told = (
            f"exception {unknown[0]} is newer than this version of Seedbed" if unknown else "there is no line in them"
        )
        raise click.ClickException(f"These tables cannot be used: {told}.")
    click.echo(
        f"{len(tables.weighings)} lines, from sort code {tables.weighings[0].first:06} to "
        f"{max(one.last for one in tables.weighings):06}, and {len(tables.substitutes)} substitutes. "
        f"Set GRANTS_MODULUS_FOLDER={folder} and start Seedbed again."
    )
