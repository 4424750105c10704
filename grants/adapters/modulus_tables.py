"""Account numbers checked against tables in a folder: ``valacdos.txt`` and, where there is one, ``scsubtab.txt``."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from grants.payees.rules.modulus import Tables, check
from grants.ports.accounts import Modulus


@dataclass(frozen=True, slots=True)
class ModulusTables:
    """The port ``AccountNumbers``. The packaged tables hold only numbers of the demonstration: no bank has them."""

    tables: Tables

    @classmethod
    def from_folder(cls, folder: Path | None) -> "ModulusTables":
        """Tables of a folder, or the packaged ones. Raises ``BadTable`` and ``OSError``."""
        place = folder or Path(str(files("grants.payees").joinpath("data")))
        substitutes = place / "scsubtab.txt"
        return cls(
            Tables.read(
                (place / "valacdos.txt").read_text("ascii"),
                substitutes.read_text("ascii") if substitutes.exists() else "",
            )
        )

    def check(self, sort_code: str, account_number: str) -> Modulus:
        return check(self.tables, sort_code, account_number)
