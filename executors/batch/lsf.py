"""LSF: ``bsub``, ``bjobs`` and ``bkill``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from dflow.executors.batch.commands import Commands, beside, marked, why_no_job
from dflow.executors.batch.ports import Cause, Ended, Seen, State
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Submission

__all__ = ["Lsf"]

_STATES = {
    "PEND": State.WAITING,
    "PSUSP": State.WAITING,
    "WAIT": State.WAITING,
    "RUN": State.RUNNING,
    "PROV": State.RUNNING,
    "USUSP": State.RUNNING,
    "SSUSP": State.RUNNING,
    "DONE": State.ENDED,
    "EXIT": State.ENDED,
}
_ENDS = {
    "TERM_RUNLIMIT": Cause.TIME_LIMIT,
    "TERM_CPULIMIT": Cause.TIME_LIMIT,
    "TERM_DEADLINE": Cause.TIME_LIMIT,
    "TERM_MEMLIMIT": Cause.OUT_OF_MEMORY,
    "TERM_SWAP": Cause.OUT_OF_MEMORY,
    "TERM_PREEMPT": Cause.PREEMPTED,
    "TERM_ZOMBIE": Cause.NODE_FAILURE,
    "TERM_LOAD": Cause.PREEMPTED,
    "TERM_OWNER": Cause.CANCELLED,
    "TERM_ADMIN": Cause.CANCELLED,
    "TERM_FORCE_OWNER": Cause.CANCELLED,
    "TERM_FORCE_ADMIN": Cause.CANCELLED,
}
_SUBMITTED = re.compile(r"Job <(\d+)> is submitted")
_NO_ANSWER = re.compile(r"is down|please wait|not respond|timed out|connection refused|try later", re.IGNORECASE)
_FULL = re.compile(r"job limit|limit of pending|pending job threshold", re.IGNORECASE)


class Lsf(Commands):
    """LSF. A query asks for all jobs of this user, those included that have just ended.

    Args: as of :class:`~dflow.executors.batch.commands.Commands`.
    """

    name = "lsf"
    own_id = "${LSB_JOBID:-}"
    index = ""
    own_variables: tuple[str, ...] = ("LSB_", "LSF_", "LS_JOBPID", "CUDA_VISIBLE_DEVICES")

    def header(self, resources: Resources) -> list[str]:
        """``#BSUB`` lines. A job is not run again by LSF."""
        lines = ["-rn"]
        if resources.cpus is not None or resources.nodes is not None:
            cpus = resources.cpus or 1
            lines += [f"-n {cpus * (resources.nodes or 1)}", f'-R "span[ptile={cpus}]"']
        if resources.gpus is not None:
            lines.append(f'-gpu "num={resources.gpus}"')
        if resources.memory is not None:
            lines.append(f"-M {resources.memory}")
        if resources.queue is not None:
            lines.append(f"-q {resources.queue}")
        if resources.time is not None:
            minutes = max(math.ceil(resources.time / 60), 1)
            lines.append(f"-W {minutes // 60}:{minutes % 60:02}")
        if resources.account is not None:
            lines.append(f"-P {resources.account}")
        return marked("#BSUB", (*lines, *resources.extra))

    async def submit(self, submission: Submission) -> str:
        """``bsub``, which reads the script."""
        argv = ("bsub", "-J", submission.tag, "-cwd", submission.cwd, "-o", beside(submission.log))
        said = await self._say(*argv, given=submission.text)
        match = _SUBMITTED.search(said.output)
        if match:
            return match[1]
        raise why_no_job(said, _FULL, _NO_ANSWER)

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """``bjobs``, of all jobs of this user."""
        del ids, names
        fields = "jobid stat exit_code exit_reason job_name delimiter='|'"
        said = await self._say("bjobs", "-a", "-noheader", "-o", fields)
        if said.code != 0 and "No job found" not in said.words and "No unfinished job" not in said.words:
            raise Unanswered(said.words)
        return dict(_seen(line) for line in said.output.splitlines() if line.count("|") >= 4)

    async def cancel(self, ids: Collection[str]) -> None:
        """``bkill``; of jobs that have ended it says so, which is no error."""
        await self._cancel_with("bkill", ids, _NO_ANSWER)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """A query has said it already."""
        del ids
        return {}


def _seen(line: str) -> tuple[str, Seen]:
    number, word, code, reason, tag = line.split("|", 4)
    state = _STATES.get(word, State.UNKNOWN)
    if state is not State.ENDED:
        return number, Seen(state, "", tag)
    named = next((cause for name, cause in _ENDS.items() if name in reason), None)
    cause = named or (Cause.DONE if word == "DONE" else Cause.FAILED)
    return number, Seen(state, reason, tag, Ended(cause, code=int(code) if code.isdigit() else None))
