"""Bringing back what steps have made on another machine: many with one stream."""

from __future__ import annotations

import contextlib
import logging
import os
import posixpath
import tarfile
import threading
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.executors.batch.returns import Returns
from dflow.executors.batch.together import Together, all_or_each
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dflow.executors.hosts import Host

__all__ = ["Fetching"]

_log = logging.getLogger("dflow.executors")
_HOPS = 20
_SOME_UNREADABLE = 2  # the exit status of tar
_PACK = """\
cd "$1" || exit 1
while IFS= read -r line; do
    rest=${line#??}
    case $line in
    "s "*)
        one=$rest
        test -d "$1/$one" || continue
        (
            cd "$1/$one" || exit
            find . -mindepth 1 -maxdepth 1 ! -name inputs ! -name workdir -printf "$one/%P\\0"
            test ! -d outputs || find outputs -type l -exec realpath -z --relative-base="$PWD" -- {} + 2> /dev/null |
                grep -z "^workdir/" | sed -z "s:^:$one/:"
        ) ;;
    "o "*) (cd "$1/$one" 2> /dev/null && { test -e "$rest" || test -L "$rest"; } && printf '%s\\0' "$one/$rest") ;;
    esac
done | tar -cf - --hard-dereference --null -T -
"""
_NAMED = 'cd "$1" || exit 1; tar -cf - --hard-dereference --null -T -'
_FOLLOW = 'cd "$1" || exit 1; tar -chf - --hard-dereference --null -T -'


class Fetching:
    """Brings back from one machine all but inputs, and of working directories what outputs are or lead to.

    Args:
        sources: what was sent there, by its name there.
        more: what is brought back besides, relative to the directory of a step.

    Attributes:
        doubtful: directories there of which something could not be read.
    """

    def __init__(self, host: Host, sources: Mapping[str, str], more: Sequence[str]) -> None:
        self._host = host
        self._sources = sources
        self._more = more
        self._back: Together[tuple[Path, str, tuple[str, ...]], Exception | None] = Together(self._collect_all)
        self.name = host.name or "localhost"
        self.doubtful: set[str] = set()

    async def collect(self, step: Path, there: str, outputs: Sequence[str]) -> None:
        """Bring back what a step has made, with those that are brought back in the same moment.

        Args:
            outputs: declared places of outputs, relative to the directory of the step.

        Raises:
            LeafError: it would lead outside, or cannot be written here.
            Unanswered: the machine does not answer.
        """
        failed = await self._back((step, there, tuple(outputs)))
        if failed is not None:
            raise failed

    async def _collect_all(self, wanted: Sequence[tuple[Path, str, tuple[str, ...]]]) -> list[Exception | None]:
        by_base: dict[str, list[tuple[Path, str, tuple[str, ...]]]] = {}
        for one in wanted:
            by_base.setdefault(posixpath.dirname(one[1]), []).append(one)
        failed: dict[Path, LeafError] = {}
        for base, some in by_base.items():
            failed.update(await all_or_each(some, partial(self._fetch, base), lambda one: one[0]))
        return [failed.get(step) for step, _, _ in wanted]

    async def _fetch(self, base: str, some: Sequence[tuple[Path, str, tuple[str, ...]]]) -> dict[Path, LeafError]:
        returns = Returns(base, {posixpath.basename(there): step for step, there, _ in some}, self._sources)
        lines = []
        for _, there, outputs in some:
            lines += [f"s {posixpath.basename(there)}", *(f"o {output}" for output in (*outputs, *self._more))]
        if not await self._pipe_out(returns, "\n".join([*lines, ""]), "sh", "-c", _PACK, "dflow", base):
            self.doubtful.update(there for _, there, _ in some)  # what could not be read is still there
        for _ in range(_HOPS):
            missing = await anyio.to_thread.run_sync(returns.missing)
            if not missing:
                break
            await self._pipe_out(returns, "\0".join(missing), "sh", "-c", _NAMED, "dflow", base)
        if outside := returns.outside():
            await self._pipe_out(returns, "\0".join(outside), "sh", "-c", _FOLLOW, "dflow", base)
        return await anyio.to_thread.run_sync(returns.install)

    async def _pipe_out(self, returns: Returns, given: str, *argv: str) -> bool:
        """Take a stream of what comes back; whether all of it could be read there."""
        feed_from, feed_to = os.pipe()
        taken_from, taken_to = os.pipe()
        failed: list[Exception] = []
        threads = [
            threading.Thread(target=_feed, args=(feed_to, os.fsencode(given)), name="dflow-ask", daemon=True),
            threading.Thread(target=_take, args=(taken_from, returns, failed), name="dflow-receive", daemon=True),
        ]
        for thread in threads:
            thread.start()
        said = await self._host.pipe(argv, source=feed_from, sink=taken_to)
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)
        if failed and isinstance(failed[0], tarfile.TarError):
            raise Unanswered(f"{self.name}: {said.words or failed[0]}")
        if failed:
            raise LeafError(f"cannot bring back what is on {self.name}: {failed[0]}")
        if said.code > _SOME_UNREADABLE:  # it was ended before its end
            raise Unanswered(f"{self.name}: {said.words}")
        if said.code == _SOME_UNREADABLE:
            _log.warning("%s: %s", self.name, said.words)
        return said.code < _SOME_UNREADABLE


def _feed(descriptor: int, given: bytes) -> None:
    """Write to a pipe, as long as somebody reads."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:
        stream.write(given)


def _take(descriptor: int, returns: Returns, failed: list[Exception]) -> None:
    """Read a stream to its end, whatever is wrong with it, so that who writes it is not stopped."""
    with os.fdopen(descriptor, "rb") as stream:
        try:
            returns.take(stream)
        except Exception as exc:  # noqa: BLE001 - for who waits
            failed.append(exc)
        while stream.read(1 << 16):
            pass
