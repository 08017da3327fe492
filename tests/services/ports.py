"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import socket

__all__ = ["free_port", "two_free_ports"]


def free_port() -> int:
    """One of them."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def two_free_ports() -> int:
    """The first of two that follow each other."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no two free ports")
