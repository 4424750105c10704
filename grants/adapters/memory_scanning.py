"""A scanner that knows one virus: the harmless test file that every scanner knows (EICAR)."""

from dataclasses import dataclass, field

from grants.ports.scanning import ScannerAway

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""Source: eicar.org, Anti-Malware Testfile; in two pieces, so that no scanner takes this file for it."""


@dataclass(slots=True)
class MemoryScanner:
    away: bool = False
    scanned: list[int] = field(default_factory=list)
    """How many bytes each file had."""

    def is_clean(self, content: bytes) -> bool:
        if self.away:
            raise ScannerAway("told to be away")
        self.scanned.append(len(content))
        return EICAR not in content


class NoScanner:
    """Nothing is set up to look, so nothing is ever found clean: what people send stays closed."""

    def is_clean(self, content: bytes) -> bool:
        raise ScannerAway("no scanner is set up: GRANTS_CLAMD")
