"""A machine that is reached by SSH: one connection for all commands, opened again after it broke.

Needs the extra ``hpc`` (``asyncssh``). What ``~/.ssh/config`` says of the machine counts, and so does the user's agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import posixpath
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import MissingExtra
from dflow.engine.records import record
from dflow.executors.hosts.ports import Said, Unanswered, Unreachable

try:
    import asyncssh
except ImportError as exc:  # pragma: no cover - depends on what is installed
    raise MissingExtra("to reach machines by SSH needs asyncssh: pip install 'pydflow[hpc]'") from exc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["Login", "SshHost"]

_log = logging.getLogger("dflow.executors")
_KEEPALIVE = 15.0
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
_SESSIONS = 8  # servers allow ten for a connection, unless they are told otherwise
_PROBE = 'printf "%s\\n" "dflow $(id -un) $HOME"; command -v {programs} > /dev/null && echo plain'
_NEVER = (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, asyncssh.ConfigParseError)


@record(frozen=True, slots=True)
class Login:
    """How a machine is reached.

    Attributes:
        password: asked for by the machine, or else None; never shown.
        passphrase: of the key file.
        known_hosts: the file of keys that machines are known by. One that is not in it is taken as what it says it is,
            and added; one whose key has changed is refused.
        prologue: a command that comes before each other one.
    """

    hostname: str
    username: str | None = None
    port: int | None = None
    key_file: str | None = None
    password: str | None = None
    passphrase: str | None = None
    timeout: float = 20.0
    known_hosts: str = "~/.ssh/known_hosts"
    prologue: str = ""

    def __repr__(self) -> str:
        return f"Login({self.label!r})"

    @property
    def label(self) -> str:
        """The machine, as one writes it for ``ssh``."""
        user = f"{self.username}@" if self.username else ""
        return f"{user}{self.hostname}{f':{self.port}' if self.port else ''}"


class SshHost:
    """A machine that is reached by SSH.

    Args:
        programs: what its shell is to find; where it does not, commands are run in a login shell.
    """

    def __init__(self, login: Login, programs: Sequence[str] = ()) -> None:
        self.name = login.label
        self._login = login
        self._programs = " ".join(shlex.quote(program) for program in programs) or "sh"
        self._connection: asyncssh.SSHClientConnection | None = None
        self._opening: asyncio.Lock | None = None
        self._sessions = asyncio.Semaphore(_SESSIONS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_login_shell = False
        self._user = self._home = ""
        self.connections = 0

    async def say(self, argv: Sequence[str], *, patience: float, given: bytes = b"") -> Said:
        """As :class:`~dflow.executors.hosts.Host` says."""
        connection = await self._connected()
        source: dict[str, Any] = {"input": given} if given else {"stdin": asyncssh.DEVNULL}
        try:
            async with self._sessions:
                command = self._command(argv)
                done: Any = await _opened(
                    lambda: asyncio.wait_for(connection.run(command, encoding=None, check=False, **source), patience)
                )
        except asyncio.TimeoutError as exc:
            raise Unanswered(f"{argv[0]} on {self.name} did not answer within {patience:g} s") from exc
        except (asyncssh.Error, OSError) as exc:
            raise self._broken(exc) from exc
        return self._said(done.returncode, _text(done.stdout), _text(done.stderr))

    async def pipe(self, argv: Sequence[str], *, source: int | None = None, sink: int | None = None) -> Said:
        """As :class:`~dflow.executors.hosts.Host` says."""
        with contextlib.ExitStack() as ends:
            given = asyncssh.DEVNULL if source is None else ends.enter_context(os.fdopen(source, "rb", buffering=0))
            taken = asyncssh.DEVNULL if sink is None else ends.enter_context(os.fdopen(sink, "wb", buffering=0))
            connection = await self._connected()
            try:
                async with self._sessions:
                    command = self._command(argv)
                    process: Any = await _opened(
                        lambda: connection.create_process(command, stdin=given, stdout=taken, encoding=None)
                    )
                    async with process:
                        errors = _text(await process.stderr.read())
                        await process.wait_closed()
                        return self._said(process.returncode, "", errors)
            except (asyncssh.Error, OSError) as exc:
                raise self._broken(exc) from exc

    async def user(self) -> str:
        """As :class:`~dflow.executors.hosts.Host` says."""
        await self._connected()
        return self._user

    async def expanded(self, path: str) -> str:
        """As :class:`~dflow.executors.hosts.Host` says; what is relative is so to the user's home."""
        await self._connected()
        if path == "~" or path.startswith("~/"):
            path = self._home + path[1:]
        return posixpath.normpath(posixpath.join(self._home, path))

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None and self._loop is asyncio.get_running_loop():
            connection.close()
            await connection.wait_closed()

    def _command(self, argv: Sequence[str]) -> str:
        text = self._after_prologue(shlex.join(argv))
        if not self._in_login_shell:
            return text
        inner = shlex.quote(f"exec >&3 3>&-; {text}")  # what the user's profile prints is no answer
        return f"bash -lc {inner} 3>&1 > /dev/null"

    def _after_prologue(self, text: str) -> str:
        return f"{{ {self._login.prologue}\n}} > /dev/null\n{text}" if self._login.prologue else text

    def _said(self, code: int | None, output: str, errors: str) -> Said:
        if code is None or code < 0:
            raise Unanswered(f"the connection to {self.name} ended before the command did")
        return Said(code, output, errors)

    def _broken(self, exc: Exception) -> Unanswered:
        if isinstance(exc, asyncssh.ChannelOpenError):
            return Unanswered(f"{self.name} opens no more sessions: {exc}")
        if self._connection is not None:
            self._connection.abort()
        self._connection = None
        return Unanswered(f"the connection to {self.name} broke: {exc or type(exc).__name__}")

    async def _connected(self) -> asyncssh.SSHClientConnection:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a run in a thread of its own has another loop each time
            self._connection, self._opening, self._loop = None, asyncio.Lock(), loop
            self._sessions = asyncio.Semaphore(_SESSIONS)
        assert self._opening is not None  # noqa: S101 - just set
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._open()
            return self._connection

    async def _open(self) -> asyncssh.SSHClientConnection:
        login = self._login
        options: dict[str, Any] = {"keepalive_interval": _KEEPALIVE, "keepalive_count_max": 3}
        if login.port:
            options["port"] = login.port
        if login.username:
            options["username"] = login.username
        if login.key_file:
            options["client_keys"] = [str(Path(login.key_file).expanduser())]  # noqa: ASYNC240 - quick
        if login.passphrase:
            options["passphrase"] = login.passphrase
        if login.password:
            options["password"] = login.password
        known = Path(login.known_hosts).expanduser()  # noqa: ASYNC240 - quick
        trusted = str(known) if known.exists() else b""
        connection, _ = await self._within(
            asyncssh.create_connection(lambda: _Client(known), login.hostname, known_hosts=trusted, **options)
        )
        try:
            await self._within(self._look_around(connection))
        except BaseException:
            connection.close()
            raise
        self.connections += 1
        if self.connections > 1:
            _log.warning("connected to %s again", self.name)
        return connection  # type: ignore[no-any-return]

    async def _within(self, doing: Awaitable[Any]) -> Any:
        """Wait for a part of the way to the machine, and say what is wrong with it."""
        name = self.name
        try:
            return await asyncio.wait_for(doing, self._login.timeout)
        except asyncio.TimeoutError as exc:
            raise Unanswered(f"{name} did not answer within {self._login.timeout:g} s") from exc
        except asyncssh.PermissionDenied as exc:
            raise Unreachable(f"{name} refuses the login: {exc.reason}; {_tried(self._login)}") from exc
        except asyncssh.HostKeyNotVerifiable as exc:
            raise Unreachable(
                f"{name} has another key than {self._login.known_hosts} says. If the machine was set up anew, remove "
                f"the old key with: ssh-keygen -R {_entry(self._login)}"
            ) from exc
        except _NEVER as exc:
            raise Unreachable(f"cannot log in to {name}: {exc}") from exc
        except FileNotFoundError as exc:
            raise Unreachable(f"cannot log in to {name}: there is no key file {exc.filename}") from exc
        except (asyncssh.Error, OSError) as exc:
            raise Unanswered(f"cannot connect to {name}: {exc}") from exc

    async def _look_around(self, connection: asyncssh.SSHClientConnection) -> None:
        """Who the user is there, and whether the plain shell finds the programs."""
        probe = self._after_prologue(_PROBE.format(programs=self._programs))
        done = await connection.run(f"sh -c {shlex.quote(probe)}", stdin=asyncssh.DEVNULL, check=False)
        lines = [line for line in str(done.stdout).splitlines() if line.startswith("dflow ") or line == "plain"]
        if not lines or not lines[0].startswith("dflow "):
            raise asyncssh.ConnectionLost(f"its shell gives no answer ({str(done.stderr).strip()[-200:]})")
        first = str(done.stdout).splitlines()[0]
        if first != lines[0]:
            raise Unreachable(
                f"the shell of {self.name} prints {first!r} before each command, so answers cannot be told from it: "
                "have it print only where somebody sits, as with: case $- in *i*) … ;; esac"
            )
        _, self._user, self._home = lines[0].split(" ", 2)
        self._in_login_shell = "plain" not in lines


async def _opened(begin: Callable[[], Awaitable[Any]]) -> Any:
    """Open a session; a busy server still counts those that have just ended, so it is given some time."""
    for pause in _PAUSES:
        try:
            return await begin()
        except asyncssh.ChannelOpenError:  # noqa: PERF203 - seconds apart
            await asyncio.sleep(pause)
    return await begin()


class _Client(asyncssh.SSHClient):
    """Decides about machines that are not known by a key."""

    def __init__(self, known: Path) -> None:
        self._known = known

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Take an unknown machine and remember it; refuse a known one that has another key now."""
        if self._known.exists() and any(asyncssh.match_known_hosts(str(self._known), host, addr, port)):
            return False
        entry = host if port == 22 else f"[{host}]:{port}"
        line = f"{entry} {key.export_public_key().decode().strip()}\n"
        try:
            self._known.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._known.open("a", encoding="utf-8") as stream:
                stream.write(line)
        except OSError as exc:
            _log.warning("cannot remember the key of %s in %s: %s", entry, self._known, exc)
        _log.warning("%s is new: its key %s is remembered in %s", entry, key.get_fingerprint(), self._known)
        return True


def _tried(login: Login) -> str:
    ways = [f"the key {login.key_file}" if login.key_file else "your keys and agent"]
    if login.password:
        ways.append("the password")
    return f"tried: {' and '.join(ways)}"


def _entry(login: Login) -> str:
    return login.hostname if login.port in (None, 22) else shlex.quote(f"[{login.hostname}]:{login.port}")


def _text(data: Any) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else str(data or "")
