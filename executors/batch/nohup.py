"""``shell`` on another machine: no scheduler, but processes there that outlive the connection."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import anyio
from dflow.executors.batch.commands import Commands
from dflow.executors.batch.ports import Full, Refused, Seen, State
from dflow.executors.batch.shell import interpreter
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Ended, Submission
    from dflow.executors.hosts import Host

__all__ = ["Nohup"]

_PAUSE = 2.0
_SUBMIT = """\
cd "$1" || exit 1
setsid {words} "$2" >> "$3" 2>&1 < /dev/null &
echo "$(uname -n):$!:$(cut -d ' ' -f 22 /proc/$!/stat 2> /dev/null)"
"""
_QUERY = """\
host=$(uname -n)
while IFS=: read -r on pid began; do
    now=$(cut -d ' ' -f 22 "/proc/$pid/stat" 2> /dev/null)
    if test "$on" != "$host"; then echo "$on:$pid:$began unknown"
    elif test -n "$now" && { test -z "$began" || test "$now" = "$began"; }; then echo "$on:$pid:$began running"
    fi
done
"""
_CANCEL = """\
host=$(uname -n) pids=
alive() { test -n "$2" && test "$(cut -d ' ' -f 22 "/proc/$1/stat" 2> /dev/null)" = "$2"; }
each() { for id in $ids; do IFS=: read -r on pid began <<END
$id
END
test "$on" = "$host" && alive "$pid" "$began" && "$@" "$pid"; done; }
polite() { kill -TERM "$1" 2> /dev/null; }
hard() { for child in $(cat "/proc/$1/task/$1/children" 2> /dev/null); do kill -KILL "-$child" 2> /dev/null; done
kill -KILL "-$1" 2> /dev/null; }
ids=$(cat)
each polite
for turn in 1 2 3 4 5 6 7 8 9 10; do test -n "$(each echo)" || exit 0; sleep 1; done
each hard
"""


class Nohup(Commands):
    """Runs job scripts on a machine in sessions of their own. An id is ``host:pid:start time``.

    Args:
        host, patience: as of :class:`~dflow.executors.batch.commands.Commands`.
        at_once: how many of those that this engine has started run at the same time; the machine's processors unless
            given.
    """

    name = "shell"
    own_id = "$(uname -n):$$:$(cut -d ' ' -f 22 /proc/$$/stat 2> /dev/null)"
    index = ""
    own_variables: tuple[str, ...] = ()

    def __init__(self, host: Host | None = None, patience: float = 60.0, at_once: int | None = None) -> None:
        super().__init__(host, patience)
        self._at_once = at_once
        self._started: set[str] = set()
        self._looking = anyio.Lock()
        self._looked = float("-inf")

    def header(self, resources: Resources) -> list[str]:
        """Extra lines that begin with ``#``; there is nobody to ask for anything else."""
        return [line for line in resources.extra if line.startswith("#")]

    async def submit(self, submission: Submission) -> str:
        """Start the script, if there is room."""
        if self._at_once is None:
            said = await self._say("nproc")
            self._at_once = int(said.output) if said.output.strip().isdigit() else 1
        if len(self._started) >= self._at_once:
            await self._look_for_room(self._at_once)
        words = shlex.join(interpreter(submission.text))
        script = _SUBMIT.format(words=words)
        said = await self._say("sh", "-c", script, "dflow", submission.cwd, submission.text, submission.log)
        known = said.output.strip()
        if said.code != 0:
            raise Refused(said.words)
        if known.count(":") != 2:
            raise Unanswered(f"a process was started, and its id is {known!r}")
        self._started.add(known)
        return known

    async def _look_for_room(self, at_once: int) -> None:
        """One look for all that wait, so often and no oftener."""
        async with self._looking:
            if len(self._started) < at_once:
                return
            await anyio.sleep(max(self._looked + _PAUSE - anyio.current_time(), 0))
            self._looked = anyio.current_time()
            if len(await self.query(self._started)) >= at_once:
                raise Full

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """Look at the processes. Those of another host are unknown, which is not ended."""
        del names  # a claim says which process it is
        if not ids:
            return {}
        said = await self._say("sh", "-c", _QUERY, given="".join(f"{known}\n" for known in ids))
        if said.code != 0:
            raise Unanswered(said.words)
        found = [line.rpartition(" ") for line in said.output.splitlines()]
        states = {known: State.RUNNING if word == "running" else State.UNKNOWN for known, _, word in found}
        self._started &= states.keys() | (self._started - set(ids))
        return {known: Seen(state) for known, state in states.items()}

    async def cancel(self, ids: Collection[str]) -> None:
        """SIGTERM for the scripts, which pass it on; what is left of their sessions after ten seconds is killed."""
        said = await self._say("sh", "-c", _CANCEL, given="\n".join(ids))
        if said.code != 0 and not said.output:
            raise Unanswered(said.words)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """Nobody knows."""
        del ids
        return {}
