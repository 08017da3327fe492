"""Slurm: ``sbatch``, ``squeue`` and ``scancel``; ``sacct``, where there is accounting, for why a job ended."""

from __future__ import annotations

import pwd
import re
from typing import TYPE_CHECKING

from dflow.executors.batch.commands import Commands, clock, marked, why_no_job
from dflow.executors.batch.ports import Cause, Ended, Seen, State
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Submission
    from dflow.executors.hosts import Host

__all__ = ["Slurm"]

_ACTIVE = {
    "PENDING": State.WAITING,
    "CONFIGURING": State.WAITING,
    "REQUEUED": State.WAITING,
    "REQUEUE_HOLD": State.WAITING,
    "REQUEUE_FED": State.WAITING,
    "RESV_DEL_HOLD": State.WAITING,
    "SPECIAL_EXIT": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUSPENDED": State.RUNNING,
    "STOPPED": State.RUNNING,
    "RESIZING": State.RUNNING,
    "SIGNALING": State.RUNNING,
    "STAGE_OUT": State.RUNNING,
    "COMPLETING": State.ENDING,
}
_ENDED = {
    "COMPLETED": Cause.DONE,
    "FAILED": Cause.FAILED,
    "TIMEOUT": Cause.TIME_LIMIT,
    "DEADLINE": Cause.TIME_LIMIT,
    "OUT_OF_MEMORY": Cause.OUT_OF_MEMORY,
    "NODE_FAIL": Cause.NODE_FAILURE,
    "BOOT_FAIL": Cause.NODE_FAILURE,
    "PREEMPTED": Cause.PREEMPTED,
    "CANCELLED": Cause.CANCELLED,
    "REVOKED": Cause.CANCELLED,
}
_NO_ANSWER = re.compile(
    r"unable to contact|timed out|connection (refused|reset|timed)|communication connection failure|temporarily unable"
    r"|resource temporarily unavailable|slurm(ctld|_persist)|zero bytes were transmitted|in standby|not responding"
    r"|unexpected message|transport endpoint|authenticat|munge|no route to host|cannot run",
    re.IGNORECASE,
)
_FULL = re.compile(r"MaxSubmitJob|job submit limit|MaxJobCount|JobHeldUser|too many jobs", re.IGNORECASE)
_PREFIX = re.compile(r"^sbatch: (error: )?(Batch job submission failed: )?")
_FIELDS = 5
_SIGNALS = 65


class Slurm(Commands):
    """Slurm, from 20.11 on.

    A query asks for all jobs of this user, those included that ended within the last minutes, with their end.

    Args: as of :class:`~dflow.executors.batch.commands.Commands`.
    """

    name = "slurm"
    own_id = "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-${SLURM_JOB_ID:-}}"
    index = "${SLURM_ARRAY_TASK_ID:-}"
    own_variables: tuple[str, ...] = (
        "SLURM_",
        "SLURMD_",
        "SRUN_",
        "PMI",
        "CUDA_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
        "ROCR_VISIBLE",
    )

    def __init__(self, host: Host | None = None, patience: float = 60.0) -> None:
        super().__init__(host, patience)
        self._accounting = True

    def header(self, resources: Resources) -> list[str]:
        """``#SBATCH`` lines. A job is not requeued: what runs it again begins in a fresh directory."""
        asked = (
            ("nodes", resources.nodes),
            ("cpus-per-task", resources.cpus),
            ("gpus-per-node", resources.gpus),
            ("mem", resources.memory),
            ("partition", resources.queue),
            ("time", None if resources.time is None else clock(resources.time)),
            ("account", resources.account),
        )
        lines = [f"--{name}={value}" for name, value in asked if value is not None]
        return marked("#SBATCH", (*lines, "--no-requeue", *resources.extra))

    async def submit(self, submission: Submission) -> str:
        """``sbatch``, which reads the script."""
        argv = (
            "sbatch",
            "--parsable",
            f"--job-name={submission.tag}",
            f"--chdir={submission.cwd}",
            f"--output={_output(submission.log)}",
            "--open-mode=append",
            *(() if submission.count is None else (f"--array=0-{submission.count - 1}",)),
        )
        said = await self._say(*argv, given=submission.text)
        if said.code == 0:
            lines = said.output.split()
            known = lines[-1].partition(";")[0] if lines else ""
            if not known.isdigit():
                raise Unanswered(f"sbatch said {said.words!r}, which is no job")
            return known
        words = "; ".join(_PREFIX.sub("", line) for line in said.errors.splitlines() if line)
        raise why_no_job(said, _FULL, _NO_ANSWER, words)

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """``squeue``, of all jobs of this user."""
        del ids, names
        user = await self.host.user()
        argv = ("squeue", "--noheader", "--array", f"--user={user}", "--states=all", "--format=%i|%T|%r|%P|%j")
        said = await self._say(*argv)
        if said.code != 0:
            raise Unanswered(said.words)
        return dict(_seen(line) for line in said.output.splitlines() if line.count("|") >= _FIELDS - 1)

    async def cancel(self, ids: Collection[str]) -> None:
        """``scancel``; of jobs that have ended it says so, which is no error."""
        said = await self._say("scancel", "--quiet", *ids)
        if said.code != 0 and _NO_ANSWER.search(said.words):
            raise Unanswered(said.words)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """``sacct``; empty where there is no accounting."""
        if not self._accounting:
            return {}
        argv = ("sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State,ExitCode")
        said = await self._say(*argv, f"--jobs={','.join(ids)}")
        if said.code != 0 or not said.output.strip():
            self._accounting = "disabled" not in said.words
            return {}
        known = (_ended(line.split("|")) for line in said.output.splitlines() if line.count("|") == 2)
        return {number: ended for number, ended in known if ended is not None}


def _seen(line: str) -> tuple[str, Seen]:
    number, word, reason, partition, tag = line.split("|", _FIELDS - 1)
    number = number.strip()
    _, array, index = number.partition("_")
    tag = f"{tag}_{index}" if array else tag
    if word in _ENDED:
        return number, Seen(State.ENDED, reason, tag, Ended(_ENDED[word]))
    return number, Seen(_ACTIVE.get(word, State.UNKNOWN), reason, tag, where=f"partition {partition.strip()}")


def _ended(fields: list[str]) -> tuple[str, Ended | None]:
    """A line of accounting, such as ``17|CANCELLED by 1000|0:15``."""
    number, state, exit_code = fields
    word, _, by = state.partition(" by ")
    cause = _ENDED.get(word.rstrip("+"))
    if cause is None:
        return number, None
    code, _, signal = exit_code.partition(":")
    status = int(code) if code.isdigit() else 0
    if not status and signal.isdigit() and 0 < int(signal) < _SIGNALS:
        status = 128 + int(signal)
    return number, Ended(cause, _user_named(by) if by else None, status or None)


def _user_named(number: str) -> str:
    try:
        return pwd.getpwuid(int(number)).pw_name
    except (KeyError, ValueError):
        return number


def _output(path: str) -> str:
    """Where Slurm's own words go; it cannot be kept from replacing parts of some names."""
    return "/dev/null" if "%" in path or "\\" in path else path
