"""Grid Engine: ``qsub``, ``qstat`` and ``qdel``; ``qacct`` for why a job ended."""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from dflow.executors.batch.commands import Commands, beside, clock, marked, why_no_job
from dflow.executors.batch.ports import Cause, Ended, Seen, State
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Submission
    from dflow.executors.hosts import Host

__all__ = ["Sge"]

_log = logging.getLogger("dflow.executors")
_NO_ANSWER = re.compile(r"unable to (contact|send)|can't|commlib error|connection refused|timed out", re.IGNORECASE)
_MEMORY = re.compile(r"([0-9]+(?:[.][0-9]+)?)([KMGT]?)B?\Z", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_FULL = re.compile(r"job rejected: (only|reached|.*limit)", re.IGNORECASE)
_SAFE = re.compile(r"/[\w./+=~ '%@-]*\Z")  # it reads others as variables, hosts and lists


class Sge(Commands):
    """Grid Engine. A query asks for all jobs of this user; those that have ended are not in it.

    Args:
        host, patience: as of :class:`~dflow.executors.batch.commands.Commands`.
        environment: the parallel environment for more than one core.
    """

    name = "sge"
    own_id = "${JOB_ID:-}"
    index = ""
    own_variables: tuple[str, ...] = ("SGE_", "JOB_ID", "NSLOTS", "PE_HOSTFILE", "NHOSTS", "TASK_ID")

    def __init__(self, host: Host | None = None, patience: float = 60.0, environment: str = "smp") -> None:
        super().__init__(host, patience)
        self._environment = environment
        self._stuck: dict[str, Ended] = {}

    def header(self, resources: Resources) -> list[str]:
        """``#$`` lines. A job is not run again by Grid Engine."""
        lines = ["-S /bin/sh", "-r n"]
        cores = (resources.cpus or 1) * (resources.nodes or 1)
        if cores > 1:
            lines.append(f"-pe {self._environment} {cores}")
        if resources.gpus is not None:
            lines.append(f"-l gpu={resources.gpus}")
        if resources.memory is not None:
            lines.append(f"-l h_vmem={_share(resources.memory, resources.cpus or 1)}")
        if resources.time is not None:
            lines.append(f"-l h_rt={clock(resources.time)}")
        if resources.queue is not None:
            lines.append(f"-q {resources.queue}")
        if resources.account is not None:
            lines.append(f"-P {resources.account}")
        return marked("#$", (*lines, *resources.extra))

    async def submit(self, submission: Submission) -> str:
        """``qsub``, which reads the script."""
        cwd, output = submission.cwd, beside(submission.log)
        where = (
            "-wd",
            cwd if _SAFE.match(cwd) else "/",
            "-j",
            "y",
            "-o",
            output if _SAFE.match(output) else "/dev/null",
        )
        said = await self._say("qsub", "-terse", "-N", submission.tag, *where, given=submission.text)
        number = said.output.split()[-1] if said.output.split() else ""
        if said.code == 0 and number.isdigit():
            return number
        raise why_no_job(said, _FULL, _NO_ANSWER)

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """``qstat``, as XML: the other form cuts names."""
        del names
        said = await self._say("qstat", "-u", await self.host.user(), "-xml")
        if said.code != 0:
            raise Unanswered(said.words)
        try:
            jobs = list(Xml.fromstring(said.output).iter("job_list"))  # noqa: S314 - the scheduler's own words
        except Xml.ParseError as exc:
            raise Unanswered(f"qstat gives no XML: {exc}") from exc
        seen = {job.findtext("JB_job_number", ""): _seen(job) for job in jobs}
        if stuck := [number for number in ids if number in seen and seen[number].ended is not None]:
            await self._give_up(stuck)
        return seen

    async def _give_up(self, ids: Collection[str]) -> None:
        """Delete jobs that could not be begun: they would stay in the queue, as errors, until somebody does."""
        for number in ids:
            if number not in self._stuck:
                self._stuck[number] = Ended(Cause.FAILED)
                said = await self._say("qstat", "-j", number)
                reasons = [
                    line.partition(":")[2].strip() for line in said.output.splitlines() if "error reason" in line
                ]
                _log.warning(
                    "job %s could not be begun: %s", number, "; ".join(reasons) or "Grid Engine does not say why"
                )
        await self.cancel(ids)

    async def cancel(self, ids: Collection[str]) -> None:
        """``qdel``; of jobs that have ended it says so, which is no error."""
        await self._cancel_with("qdel", ids, _NO_ANSWER)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """``qacct``, one for each job, of a few: it reads a long file."""
        known = {number: self._stuck[number] for number in ids if number in self._stuck}
        for number in [number for number in ids if number not in known][:20]:
            said = await self._say("qacct", "-j", number)
            if said.code == 0 and (ended := _ended(said.output)) is not None:
                known[number] = ended
        return known


def _share(memory: str, cores: int) -> str:
    """The part of one core, which is what Grid Engine wants to know."""
    found = _MEMORY.match(memory)
    if found is None:
        return memory
    size = float(found.group(1)) * _UNITS[found.group(2).upper()]
    return f"{math.ceil(size / cores / _UNITS['M'])}M"


def _seen(job: Xml.Element) -> Seen:
    word, tag = job.findtext("state", ""), job.findtext("JB_name", "")
    if "E" in word:
        return Seen(State.ENDED, word, tag, Ended(Cause.FAILED))
    if word.startswith("d"):
        return Seen(State.ENDING, word, tag)
    waits = "q" in word or "h" in word or "w" in word
    if waits:
        return Seen(State.WAITING, "held" if "h" in word else "", tag)
    return Seen(State.RUNNING, word, tag)


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
