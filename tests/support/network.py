"""No test reaches beyond this machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest


class OutsideNetwork(RuntimeError):
    """A test tried to reach beyond this machine. Use a memory adapter of the port instead."""


def is_local(address: Any) -> bool:
    """Whether an address is this machine's: a loopback address or a socket file."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guard_network(patch: pytest.MonkeyPatch) -> None:
    """Refuse every connection of this process that leaves the machine, whoever asks for it."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not is_local(address):
            raise OutsideNetwork(f"A test tried to reach {address!r}.")
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if not is_local(address):
            raise OutsideNetwork(f"A test tried to reach {address!r}.")
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
