"""PBS: ``qsub``, ``qstat`` and ``qdel``, of OpenPBS, PBS Professional and Torque."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.executors.batch.commands import Commands, beside, clock, marked, why_no_job
from dflow.executors.batch.ports import Cause, Ended, Seen, State
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Submission

__all__ = ["Pbs"]

_STATES = {
    "Q": State.WAITING,
    "H": State.WAITING,
    "W": State.WAITING,
    "T": State.WAITING,
    "M": State.WAITING,
    "R": State.RUNNING,
    "B": State.RUNNING,
    "S": State.RUNNING,
    "U": State.RUNNING,
    "E": State.ENDING,
    "C": State.ENDED,
    "F": State.ENDED,
    "X": State.ENDED,
}
_ENDS = {-29: Cause.TIME_LIMIT, -27: Cause.OUT_OF_MEMORY, -11: Cause.NODE_FAILURE, 271: Cause.CANCELLED}
_NO_ANSWER = re.compile(
    r"cannot connect|connection refused|timed out|no route|communication|server.*down", re.IGNORECASE
)
_FULL = re.compile(r"would exceed|maximum number of jobs|limit on jobs", re.IGNORECASE)
_FIELD = re.compile(r"^\s+(\w+) = (.*)$")


class Pbs(Commands):
    """PBS. A query asks for the jobs by their ids; by name they are found with one more command.

    Args: as of :class:`~dflow.executors.batch.commands.Commands`.
    """

    name = "pbs"
    own_id = "${PBS_JOBID:-}"
    index = ""
    own_variables: tuple[str, ...] = ("PBS_", "CUDA_VISIBLE_DEVICES")

    def header(self, resources: Resources) -> list[str]:
        """``#PBS`` lines. A job is not run again by PBS."""
        chunk = (("ncpus", resources.cpus), ("ngpus", resources.gpus), ("mem", resources.memory))
        parts = [f"{name}={value}" for name, value in chunk if value is not None]
        lines = ["-r n"]
        if parts or resources.nodes is not None:
            lines.append(f"-l {':'.join([f'select={resources.nodes or 1}', *parts])}")
        if resources.time is not None:
            lines.append(f"-l walltime={clock(resources.time)}")
        if resources.queue is not None:
            lines.append(f"-q {resources.queue}")
        if resources.account is not None:
            lines.append(f"-A {resources.account}")
        return marked("#PBS", (*lines, *resources.extra))

    async def submit(self, submission: Submission) -> str:
        """``qsub``, which reads the script. What it prints is kept beside the log: PBS writes over files."""
        argv = ("qsub", "-N", submission.tag, "-j", "oe", "-o", beside(submission.log))
        said = await self._say(*argv, given=submission.text)
        if said.code == 0 and said.output.strip():
            return said.output.split()[-1]
        raise why_no_job(said, _FULL, _NO_ANSWER, said.words.removeprefix("qsub: "))

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """``qstat -f``; of jobs that it does not know it says so, which is an answer."""
        wanted = list(ids)
        if names:
            listed = await self._say("qselect", "-u", await self.host.user())
            if listed.code != 0:
                raise Unanswered(listed.words)
            wanted = list(dict.fromkeys([*wanted, *listed.output.split()]))
        if not wanted:
            return {}
        said = await self._say("qstat", "-f", *wanted)
        if said.code != 0 and (_NO_ANSWER.search(said.errors) or not _says_unknown(said.errors)):
            raise Unanswered(said.words)
        return _jobs(said.output)

    async def cancel(self, ids: Collection[str]) -> None:
        """``qdel``; of jobs that have ended it says so, which is no error."""
        await self._cancel_with("qdel", ids, _NO_ANSWER)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """The history, where the server keeps one."""
        said = await self._say("qstat", "-x", "-f", *ids)
        return {number: seen.ended for number, seen in _jobs(said.output).items() if seen.ended is not None}


def _says_unknown(errors: str) -> bool:
    return "Unknown Job" in errors or "has finished" in errors


def _jobs(text: str) -> dict[str, Seen]:
    """The jobs in the long form of ``qstat``: a line with the id, then indented fields."""
    jobs: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in text.replace("\n\t", "").splitlines():
        if line.startswith("Job Id: "):
            fields = jobs.setdefault(line.partition(": ")[2].strip(), {})
        elif match := _FIELD.match(line):
            fields[match[1]] = match[2].strip()
    return {number: _seen(fields) for number, fields in jobs.items()}


def _seen(fields: Mapping[str, str]) -> Seen:
    state = _STATES.get(fields.get("job_state", ""), State.UNKNOWN)
    reason, tag = fields.get("comment", ""), fields.get("Job_Name", "")
    if state is not State.ENDED:
        queue = fields.get("queue", "")
        return Seen(state, reason, tag, where=f"queue {queue}" if queue else "")
    text = fields.get("Exit_status", "")
    code = int(text) if text.lstrip("-").isdigit() else 0
    cause = _ENDS.get(code) or (Cause.TIME_LIMIT if "walltime" in reason else Cause.FAILED if code else Cause.DONE)
    return Seen(state, reason, tag, Ended(cause, code=None if cause.is_outside or code < 0 else code or None))
