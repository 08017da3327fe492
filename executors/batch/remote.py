"""Another machine, with a file system of its own: what jobs need is sent there, and what they make is brought back."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import posixpath
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.engine.records import record
from dflow.executors.batch.fetching import Fetching
from dflow.executors.batch.places import CLAIM, EXIT, claim_of, exit_of, read_exit
from dflow.executors.batch.sending import Sending, changer
from dflow.executors.batch.sites import Left, script_at, with_command
from dflow.executors.batch.together import Together
from dflow.executors.hosts import Unanswered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow.engine.ports import Job
    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.watched import Watched
    from dflow.executors.hosts import Host

__all__ = ["Remote", "RemoteOptions"]

_log = logging.getLogger("dflow.executors")
_PATIENCE = 120.0
_LOOK = """\
n=0
while IFS= read -r one; do
    if test -e "$one/{exit}"; then echo "E $n $(cat "$one/{exit}")"
    elif test -e "$one/{claim}"; then echo "C $n $(cat "$one/{claim}")"; fi
    n=$((n + 1))
done
"""
_FORBID = """\
while IFS= read -r one; do (umask 077; set -C; : > "$one/{claim}") 2> /dev/null; done
exit 0
"""
_REMOVE = 'cd "$1" 2> /dev/null || exit 0; xargs -0 rm -rf --'
_FINISH = """\
cd "$1" 2> /dev/null || exit 0
for one in *; do test ! -e "$one" || exit 0; done
rm -rf "$1"
"""


@record(frozen=True, slots=True)
class RemoteOptions:
    """How steps are run on another machine.

    Attributes:
        root: the directory there for all that is sent; ``~`` is the user's home.
        python: the words that run Python there.
        command: the words that run any script there, in place of those of its template.
        wrap: makes other words of those that run a job, with the directories that it uses.
        more: what is brought back besides outputs, relative to the directory of a step.
        clean: whether the directory of a step is removed when what it has made is here.
        library: the directory of dflow, which OPs are run by.
    """

    root: str = "~/dflow/workflows"
    python: tuple[str, ...] = ("python3",)
    command: tuple[str, ...] = ()
    wrap: Callable[[Sequence[str], Sequence[str], Job], tuple[str, ...]] | None = None
    more: tuple[str, ...] = ()
    clean: bool = True
    library: str = ""


class Remote:
    """Steps on a machine that does not share this one's files.

    Each has a directory there, below that of its run, which is below ``root``. Text in the script of a step that names
    its directory here names that one there.

    Args:
        here_python: the interpreter that jobs name which name none of their own.
    """

    def __init__(self, host: Host, options: RemoteOptions, here_python: str) -> None:
        self.name = host.name or "localhost"
        self.pause = 3.0
        self._host = host
        self._options = options
        self._here_python = here_python
        self._sending = Sending(host, options.library)
        self._fetching = Fetching(host, self._sending.sources, options.more)
        self._bases: set[str] = set()
        self._remove: Together[str, None] = Together(self._remove_all)
        self._removals: set[asyncio.Task[None]] = set()

    # -- places -------------------------------------------------------------------------------------------------------

    async def place(self, step: Path, tag: str) -> str:
        """``root/run/tag``."""
        run = step.parent
        root = await self._host.expanded(self._options.root)
        digest = hashlib.sha256(os.fsencode(await anyio.to_thread.run_sync(os.path.realpath, run))).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9._-]", "-", run.name)
        return posixpath.join(root, f"{name}-{digest}", tag)

    def seen(self, job: Job, step: Path, there: str) -> Job:
        """A job with its paths there, and of the environment what its template declares."""
        change = changer(str(step), there)
        base = posixpath.dirname(there)
        argv = tuple(change(word) for word in self._command(job))
        env = {name: change(value) for name, value in job.own_env.items()}
        env.update(DFLOW_CONTAINER=base, DFLOW_PACKAGES=f"{base}/.dflow/lib/packages")
        cwd, log = Path(change(str(job.cwd))), Path(change(str(job.log)))
        seen = replace(job, argv=argv, env=env, cwd=cwd, log=log)
        if self._options.wrap is not None:
            seen = replace(seen, argv=self._options.wrap(argv, [base, f"{posixpath.dirname(base)}/.dflow"], seen))
        return seen

    def _command(self, job: Job) -> tuple[str, ...]:
        words = list(job.argv)
        if self._options.command and words:
            return with_command(words, self._options.command)
        first = script_at(words)
        if words and words[first] == self._here_python:
            words[first : first + 1] = self._options.python
        return tuple(words)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def bring(self, step: Path, there: str, job: Job) -> None:
        """Send the directory of a step, with those that are sent in the same moment."""
        odd = next((output for output in job.outputs if "\n" in output), None)
        if odd is not None:
            raise LeafError(f"the declared path {odd!r} has a line break, and cannot be brought back")
        self._bases.add(posixpath.dirname(there))
        await self._sending.bring(step, there, job)

    # -- looking ------------------------------------------------------------------------------------------------------

    async def look(self, looked: Sequence[Watched]) -> list[Left]:
        """One command for all; what is here already was brought back, so it has ended."""
        here = await anyio.to_thread.run_sync(_exits_here, [watched.step for watched in looked])
        away = [w for w, found in zip(looked, here, strict=True) if found is None]
        said = await self._lines(_LOOK.format(exit=EXIT, claim=CLAIM), away) if away else []
        told: dict[Path, Left] = {}
        for line in said:
            kind, number, text = (*line.split(" ", 2), "", "")[:3]
            if kind in ("E", "C") and number.isdigit() and int(number) < len(away):
                left = Left(exit_of(text), None) if kind == "E" else Left(None, claim_of(text))
                told[away[int(number)].step] = left
        return [
            told.get(watched.step, Left(None, None)) if found is None else Left(found, None)
            for watched, found in zip(looked, here, strict=True)
        ]

    async def forbid(self, watched: Sequence[Watched]) -> None:
        """Make claims."""
        await self._lines(_FORBID.format(claim=CLAIM), watched)

    async def _lines(self, script: str, watched: Sequence[Watched]) -> list[str]:
        given = "".join(f"{one.there}\n" for one in watched).encode()
        said = await self._host.say(["sh", "-c", script], patience=_PATIENCE, given=given)
        if said.code != 0:
            raise Unanswered(f"{self.name}: {said.words}")
        return said.output.splitlines()

    # -- bringing back ------------------------------------------------------------------------------------------------

    async def collect(self, step: Path, there: str, outputs: Sequence[str], *, well: bool) -> None:
        """Bring back all but inputs, and of the working directory what outputs are or lead to.

        The directory there is removed then, unless its job has failed: somebody may want to see it.
        """
        self._bases.add(posixpath.dirname(there))
        if read_exit(step) is None:
            await self._fetching.collect(step, there, outputs)
        if well and there not in self._fetching.doubtful:
            self.discard(there)
        elif not well:
            _log.warning("what step %s has left is on %s in %s", step.name, self.name, there)

    # -- the end ------------------------------------------------------------------------------------------------------

    def discard(self, there: str) -> None:
        """Remove a directory, with others, in a moment."""
        if self._options.clean:
            task = asyncio.get_running_loop().create_task(self._removed(there))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def _removed(self, there: str) -> None:
        try:
            await self._remove(there)
        except Exception as exc:  # noqa: BLE001 - it is not worth a step
            _log.info("%s is left on %s: %s", there, self.name, exc)

    async def _remove_all(self, places: Sequence[str]) -> list[None]:
        given = os.fsencode("\0".join(places))
        async with self._sending.lock:  # not while something is being sent there
            await self._host.say(["sh", "-c", _REMOVE, "dflow", "/"], patience=_PATIENCE, given=given)
        return [None] * len(places)

    async def finish(self) -> None:
        """Remove what was sent for all steps, unless some directory of one is left, and end the connection."""
        if self._removals:
            await asyncio.wait(self._removals, timeout=_PATIENCE)
        if self._options.clean:
            for base in self._bases:
                try:
                    await self._host.say(["sh", "-c", _FINISH, "dflow", base], patience=_PATIENCE)
                except (Unanswered, Unreachable) as exc:  # noqa: PERF203 - a few
                    _log.info("%s is left on %s: %s", base, self.name, exc)
        self._bases.clear()
        self._sending.forget()
        await self._host.close()


def _exits_here(steps: Sequence[Path]) -> list[Exit | None]:
    return [read_exit(step) for step in steps]
