"""Tests stay on this machine."""

from __future__ import annotations

import socket

import pytest

from tests.support.network import OutsideNetwork


def test_a_test_that_reaches_outside_is_stopped() -> None:
    with socket.socket() as line, pytest.raises(OutsideNetwork):
        line.connect(("192.0.2.1", 80))  # an address kept for documentation
