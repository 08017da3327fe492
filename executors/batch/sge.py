"""Grid Engine: ``qsub``, ``qstat`` and ``qdel``; ``qacct`` for why a job ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from dflow.executors.batch.commands import cancel_with, clock, marked, say, user, why_no_job
from dflow.executors.batch.ports import Cause, Ended, Seen, State, Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Submission

__all__ = ["Sge"]

_NO_ANSWER = re.compile(r"unable to (contact|send)|can't|commlib error|connection refused|timed out", re.IGNORECASE)
_FULL = re.compile(r"job rejected: (only|reached|.*limit)", re.IGNORECASE)


class Sge:
    """Grid Engine. A query asks for all jobs of this user; those that have ended are not in it.

    Args:
        patience: how long a command may take.
        environment: the parallel environment for more than one core.
    """

    name = "sge"
    own_id = "${JOB_ID:-}"
    own_variables: tuple[str, ...] = ("SGE_", "JOB_ID", "NSLOTS", "PE_HOSTFILE", "NHOSTS", "TASK_ID")

    def __init__(self, patience: float = 60.0, environment: str = "smp") -> None:
        self._patience = patience
        self._environment = environment

    def header(self, resources: Resources) -> list[str]:
        """``#$`` lines. A job is not run again by Grid Engine."""
        lines = ["-S /bin/sh", "-r n"]
        cores = (resources.cpus or 1) * (resources.nodes or 1)
        if cores > 1:
            lines.append(f"-pe {self._environment} {cores}")
        if resources.gpus is not None:
            lines.append(f"-l gpu={resources.gpus}")
        if resources.memory is not None:
            lines.append(f"-l h_vmem={resources.memory}")
        if resources.time is not None:
            lines.append(f"-l h_rt={clock(resources.time)}")
        if resources.queue is not None:
            lines.append(f"-q {resources.queue}")
        if resources.account is not None:
            lines.append(f"-P {resources.account}")
        return marked("#$", (*lines, *resources.extra))

    async def submit(self, submission: Submission) -> str:
        """``qsub``."""
        output = submission.script.with_name(".job.out")
        where = ("-wd", str(submission.cwd), "-j", "y", "-o", str(output))
        argv = ("qsub", "-terse", "-N", submission.tag, *where, str(submission.script))
        said = await say(argv, patience=self._patience)
        number = said.output.split()[-1] if said.output.split() else ""
        if said.code == 0 and number.isdigit():
            return number
        raise why_no_job(said, _FULL, _NO_ANSWER)

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """``qstat``, as XML: the other form cuts names."""
        del ids, names
        said = await say(("qstat", "-u", user(), "-xml"), patience=self._patience)
        if said.code != 0:
            raise Unanswered(said.words)
        try:
            jobs = Xml.fromstring(said.output).iter("job_list")  # noqa: S314 - the scheduler's own words
            return {job.findtext("JB_job_number", ""): _seen(job) for job in jobs}
        except Xml.ParseError as exc:
            raise Unanswered(f"qstat gives no XML: {exc}") from exc

    async def cancel(self, ids: Collection[str]) -> None:
        """``qdel``; of jobs that have ended it says so, which is no error."""
        await cancel_with("qdel", ids, _NO_ANSWER, patience=self._patience)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """``qacct``, one for each job, of a few: it reads a long file."""
        known = {}
        for number in list(ids)[:20]:
            said = await say(("qacct", "-j", number), patience=self._patience)
            if said.code == 0 and (ended := _ended(said.output)) is not None:
                known[number] = ended
        return known


def _seen(job: Xml.Element) -> Seen:
    word, tag = job.findtext("state", ""), job.findtext("JB_name", "")
    if word.startswith("d"):
        return Seen(State.ENDING, word, tag)
    waits = "q" in word or "h" in word or "w" in word
    return Seen(State.WAITING if waits else State.RUNNING, word, tag)


def _ended(text: str) -> Ended | None:
    """What accounting says of a job: fields, one a line."""
    pairs = (line.split(None, 1) for line in text.splitlines())
    fields = {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
    failed, status = fields.get("failed", ""), fields.get("exit_status", "")
    if not failed:
        return None
    number, _, words = failed.partition(":")
    code = int(status.split()[0]) if status[:1].isdigit() else None
    causes = (("h_rt", Cause.TIME_LIMIT), ("h_vmem", Cause.OUT_OF_MEMORY), ("deleted", Cause.CANCELLED))
    named = next((cause for word, cause in causes if word in words), None)
    if named is None and number.strip() == "100" and "deleted_by" in fields and fields["deleted_by"] != "NONE":
        return Ended(Cause.CANCELLED, fields["deleted_by"], code)
    return Ended(named or (Cause.DONE if number.strip() == "0" else Cause.FAILED), code=code or None)
