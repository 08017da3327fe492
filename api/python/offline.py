"""Keeping tests, and the steps that they run, off the network.

The interpreter tells of every use of its sockets (``sys.addaudithook``), whatever library makes it. The variable
``DFLOW_OFFLINE`` has the steps of runs do the same in their own processes; there it holds ``all`` or ``loopback``, a
colon, and the file that what they tried is written to. What is not seen: libraries that speak to the network in C
themselves (ctypes, ZeroMQ, gRPC, libcurl, libpq), and other programs: scripts of steps, and what an OP starts.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import sys
import tempfile
from typing import Any, Dict, Iterator, List

from dflow.engine.errors import DflowError

__all__ = ["VARIABLE", "NetworkBlocked", "guard_step", "named", "offline", "tried"]

VARIABLE = "DFLOW_OFFLINE"
_CONNECTS = {"socket.connect": "connect to", "socket.sendto": "send to", "socket.sendmsg": "send to"}
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_HERE = ("localhost", "localhost.localdomain", "ip6-localhost")


class NetworkBlocked(DflowError, ConnectionError):
    """Something wanted to use the network while the test is offline.

    It is an OSError, so that libraries tidy up as after any refusal; a test whose OP passes over it fails at its end.
    """


class _Guard:
    """What is allowed now; the hook cannot be taken away, so it is told to look on.

    Attributes:
        mode: ``"all"`` (nothing but Unix sockets is allowed), ``"loopback"`` (this machine is allowed) or ``""`` (off).
        who: the OP at work.
        tried: what was refused, a line each.
    """

    def __init__(self) -> None:
        self.mode, self.who, self.file = "", "", ""
        self.is_there = False
        self.tried: List[str] = []

    def turn_on(self, mode: str, file: str) -> None:
        self.mode, self.file, self.tried = mode, file, []
        if not self.is_there:
            self.is_there = True
            sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: Any) -> None:
        """Called by the interpreter for whatever it does: what is not about sockets must cost nothing."""
        if self.mode and event[:7] == "socket.":
            self._judge(event, arguments)

    def _judge(self, event: str, arguments: Any) -> None:
        if event in _CONNECTS or event == "socket.bind":
            address = arguments[1]
            if not _is_internet(arguments[0]) or address is None or self._is_allowed(_host(address)):
                return
            if event == "socket.bind" and _is_loopback(_host(address)) and address[1] == 0:
                return  # libraries do so when they are loaded, to see whether there is IPv6; it reaches nobody
            self._refuse(_CONNECTS.get(event, "listen on"), _shown(address))
        elif event in _LOOKS_UP:
            host = _text(arguments[0])
            if _is_number(host) or self._is_allowed(host):
                return
            port = arguments[1] if event == "socket.getaddrinfo" else None
            self._refuse("look up" if port in (None, 0, "0") else "connect to", _shown((host, port)))
        elif event == "socket.getnameinfo":  # of a number, too, somebody is asked for its name
            host = _host(arguments[0])
            if not self._is_allowed(host):
                self._refuse("look up the name of", _shown((host, None)))

    def _is_allowed(self, host: str) -> bool:
        return self.mode == "loopback" and (host in _HERE or _is_loopback(host))

    def _refuse(self, verb: str, address: str) -> None:
        who = f"OP {self.who}" if self.who else "the test"
        said = f"{who} wanted to {verb} {address}"
        self.tried.append(said)
        if self.file:
            with contextlib.suppress(OSError), open(self.file, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(said) + "\n")
        more = "" if not _is_here(address) else ", or allow this machine (--dflow-loopback)"
        raise NetworkBlocked(
            f"{said}, but this test is offline. Give it a file in place of what it fetches, or replay a "
            f"recording (record=True){more}"
        )


_guard = _Guard()


def guard_step(op: str) -> None:
    """Do for a step what ``DFLOW_OFFLINE`` says."""
    mode, _, file = os.environ[VARIABLE].partition(":")
    _guard.who = op
    _guard.turn_on(mode, file)


@contextlib.contextmanager
def named(op: str) -> Iterator[None]:
    """Say which OP is at work."""
    before, _guard.who = _guard.who, op
    try:
        yield
    finally:
        _guard.who = before


@contextlib.contextmanager
def offline(loopback: bool = False) -> Iterator[List[str]]:
    """Refuse the network meanwhile, here and in steps of workflows that are submitted: NetworkBlocked is raised.

    Args:
        loopback: this machine may be spoken to; without it only Unix sockets are left.

    Returns:
        What was refused, a line each: complete when the block is left.
    """
    before: Dict[str, Any] = dict(vars(_guard))
    variable = os.environ.get(VARIABLE)
    mode = "loopback" if loopback else "all"
    handle, file = tempfile.mkstemp(prefix="dflow-offline-")
    os.close(handle)
    os.environ[VARIABLE] = f"{mode}:{file}"
    found: List[str] = []
    _guard.turn_on(mode, file)
    try:
        yield found
    finally:
        for name in ("mode", "file", "tried"):
            setattr(_guard, name, before[name])
        _set(VARIABLE, variable)
        found.extend(_read(file))
        os.unlink(file)


def tried() -> List[str]:
    """What was refused so far, here and in steps; empty where nothing is refused."""
    return _read(_guard.file) if _guard.mode else []


def _read(file: str) -> List[str]:
    with open(file, encoding="utf-8") as stream:
        return list(dict.fromkeys(json.loads(line) for line in stream if line.endswith("\n")))


def _set(variable: str, value: Any) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value


def _is_internet(sock: Any) -> bool:
    import socket

    return getattr(sock, "family", None) in (socket.AF_INET, socket.AF_INET6)


def _host(address: Any) -> str:
    return _text(address[0]) if isinstance(address, tuple) else _text(address)


def _text(host: Any) -> str:
    return (
        host.decode("utf-8", "replace") if isinstance(host, (bytes, bytearray)) else "" if host is None else str(host)
    )


def _shown(address: Any) -> str:
    if not isinstance(address, tuple):
        return _text(address)
    host = _text(address[0])
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{_text(address[1])}" if address[1] not in (None, 0) else host


def _is_number(host: str) -> bool:
    """Whether nobody needs to be asked what it means."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == ""
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]") or address
    return host in _HERE or _is_loopback(host)
