"""This machine: commands run without a shell, and never for longer than they may take."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from dflow.executors.hosts.ports import Said, Unanswered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Here"]


class Here:
    """This machine."""

    name = ""

    async def say(self, argv: Sequence[str], *, patience: float, given: bytes = b"") -> Said:
        """As :class:`~dflow.executors.hosts.Host` says."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as exc:
            raise Unanswered(f"cannot run {argv[0]}: {exc.strerror or exc}") from exc
        try:
            output, errors = await asyncio.wait_for(process.communicate(given), patience)
        except asyncio.TimeoutError as exc:
            raise Unanswered(f"{argv[0]} did not answer within {patience:g} s") from exc
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                with anyio.CancelScope(shield=True):
                    await process.communicate()
        return Said(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))

    async def pipe(self, argv: Sequence[str], *, source: int | None = None, sink: int | None = None) -> Said:
        """As :class:`~dflow.executors.hosts.Host` says."""
        ends = [end for end in (source, sink) if end is not None]
        try:
            process = await anyio.open_process(
                list(argv),
                stdin=subprocess.DEVNULL if source is None else source,
                stdout=subprocess.DEVNULL if sink is None else sink,
                stderr=subprocess.PIPE,
            )
        except OSError as exc:
            raise Unanswered(f"cannot run {argv[0]}: {exc.strerror or exc}") from exc
        finally:
            for end in ends:
                os.close(end)
        async with process:
            errors = b"".join([chunk async for chunk in process.stderr]) if process.stderr is not None else b""
            return Said(await process.wait(), "", errors.decode(errors="replace"))

    async def user(self) -> str:
        """The name of this user, whatever the environment says."""
        return pwd.getpwuid(os.getuid()).pw_name

    async def expanded(self, path: str) -> str:
        """As :class:`~dflow.executors.hosts.Host` says."""
        return str(Path(path).expanduser().absolute())  # noqa: ASYNC240 - nothing is looked at

    async def close(self) -> None:
        """Nothing is kept."""
