"""ClamAV's daemon, over a socket. Source: clamd(8), INSTREAM."""

import socket
import struct
from dataclasses import dataclass

from grants.ports.scanning import ScannerAway

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class ClamAv:
    """``address``: ``host:port``, or the path of a socket."""

    address: str
    seconds: float = 30.0

    def is_clean(self, content: bytes) -> bool:
        try:
            with self._connected() as line:
                line.sendall(b"zINSTREAM\0")
                for at in range(0, len(content), PIECE):
                    piece = content[at : at + PIECE]
                    line.sendall(struct.pack("!I", len(piece)) + piece)
                line.sendall(struct.pack("!I", 0))
                said = self._read(line)
        except OSError as error:
            raise ScannerAway(type(error).__name__) from error
        if said == "stream: OK":
            return True
        if said.startswith("stream: ") and said.endswith(" FOUND"):
            return False
        raise ScannerAway(said[:80] or "it said nothing")

    def _connected(self) -> socket.socket:
        if self.address.startswith("/"):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(self.seconds)
            try:
                line.connect(self.address)
            except OSError:
                line.close()
                raise
            return line
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=self.seconds)

    @staticmethod
    def _read(line: socket.socket) -> str:
        parts = []
        while part := line.recv(4096):
            parts.append(part)
            if part.endswith(b"\0"):
                break
        return b"".join(parts).rstrip(b"\0\n").decode("utf-8", "replace")
