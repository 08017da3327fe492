"""Podman and docker: whether they answer, which images they have, how a container ended, and its removal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.engine.ports import Job
from dflow.engine.process import start_time
from dflow.engine.records import record
from dflow.executors.container.guard import Guard
from dflow.executors.container.words import identity, qualified
from dflow.executors.subprocess import SubprocessExecutor

if TYPE_CHECKING:
    from dflow.executors.container.options import ContainerOptions

__all__ = ["Ending", "Engine", "last_line", "refuse_if_missing", "size_of", "text_from"]

RUN_LABEL, ENGINE_LABEL = "dflow.run", "dflow.engine"
_PATIENCE = 60.0
_AT_ONCE = 16
_STATE = "{{.State.StartedAt}} {{.State.ExitCode}} {{.State.OOMKilled}}"
_INITS = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/local/libexec/podman", "/usr/local/lib/podman")
_UNFIT = re.compile(r"[^a-zA-Z0-9_.-]+")


@record(frozen=True, slots=True)
class Ending:
    """What an engine knows of a container that has ended."""

    started: bool
    exit_code: int
    out_of_memory: bool


class Engine:
    """One program, podman or docker, for the jobs of one run after the other.

    Attributes:
        words: of every ``run``, once it is :meth:`ready`.
    """

    def __init__(self, options: ContainerOptions) -> None:
        self.words: tuple[str, ...] = ()
        self._options = options
        self._rm = ("rm", "-f", "-t", "0") if options.engine == "podman" else ("rm", "-f")
        self._me = f"{os.getpid()}-{start_time(os.getpid()) or 0}"
        self._guard: Guard | None = None
        self._images: dict[str, str] = {}
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._swept: set[str] = set()
        self._ended: list[str] = []

    def name(self, step: Path) -> str:
        """A name for a new container of a step, which no other has."""
        return f"dflow-{_UNFIT.sub('-', step.name)[:80].strip('-.')}-{uuid.uuid4().hex[:8]}"

    def labels(self, step: Path) -> tuple[str, ...]:
        """The words that say for whom a container runs."""
        pairs = ((RUN_LABEL, str(step.parent)), ("dflow.step", str(step)), (ENGINE_LABEL, self._me))
        return tuple(word for name, value in pairs for word in ("--label", f"{name}={value}"))

    async def ready(self, run: Path) -> None:
        """Know the engine, and remove what an earlier attempt at a run has left; once each.

        Raises:
            LeafError: there is no such program, or it does not answer.
        """
        async with self._locks[""]:
            if not self.words:
                self.words = await self._learn()
            if str(run) not in self._swept:
                await self._sweep(run)
                self._swept.add(str(run))
            if self._guard is None:
                self._guard = Guard(self._options.program, f"{ENGINE_LABEL}={self._me}", self._rm)

    async def image(self, wanted: str, job: Job) -> str:
        """The name of an image that is on this machine, brought if need be; one job at a time brings it.

        Raises:
            LeafError: it is not to be had.
        """
        async with self._locks[wanted]:
            if wanted not in self._images:
                self._images[wanted] = await self._bring(wanted, job)
            return self._images[wanted]

    async def ending(self, name: str) -> Ending | None:
        """How a container ended; None when there is none of that name."""
        code, out, _ = await self._ask("container", "inspect", "--format", _STATE, name)
        words = out.split()
        if code != 0 or len(words) < 3:
            return None
        return Ending(not words[0].startswith("0001"), int(words[-2]), words[-1] == "true")

    async def remove(self, name: str) -> None:
        """End a container at once if it runs, and remove it."""
        await self._ask(*self._rm, name)

    def leave(self, name: str) -> None:
        """A container has ended and can go; several go at once."""
        self._ended.append(name)

    async def tidy(self) -> None:
        """Remove what has ended, when that is worth a process."""
        if len(self._ended) >= _AT_ONCE:
            names, self._ended = self._ended, []
            await self._ask(*self._rm, *names)

    def close(self) -> None:
        """Remove what has ended. It can be used again."""
        if self._ended:
            names, self._ended = self._ended, []
            _answer(self._options.program, *self._rm, *names)
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None
        self._images.clear()
        self._locks.clear()
        self._swept.clear()

    async def _ask(self, *words: str) -> tuple[int, str, str]:
        return await anyio.to_thread.run_sync(_answer, self._options.program, *words)

    async def _learn(self) -> tuple[str, ...]:
        options = self._options
        refuse_if_missing(options)
        if options.engine == "podman":
            return (*_init(), *identity("podman", rootless=os.geteuid() != 0))
        code, out, err = await self._ask("info", "--format", "{{.SecurityOptions}}")
        if code != 0:
            raise LeafError(
                f"{options.program} does not answer: {last_line(err)}; start its daemon, or get the right to use it, "
                "or take podman"
            )
        return ("--init", *identity("docker", rootless="rootless" in out))

    async def _sweep(self, run: Path) -> None:
        """Remove containers of a run that other engines, which were killed, have started."""
        own = (f"label={RUN_LABEL}={run}", f"label={ENGINE_LABEL}={self._me}")
        code, out, err = await self._ask("ps", "-aq", "--filter", own[0])
        if code != 0:
            raise LeafError(f"{self._options.program} does not work: {last_line(err)}")
        if found := set(out.split()):
            _, out, _ = await self._ask("ps", "-aq", "--filter", own[0], "--filter", own[1])
            if left := found - set(out.split()):
                await self._ask(*self._rm, *sorted(left))

    async def _bring(self, wanted: str, job: Job) -> str:
        options, full = self._options, qualified(self._options.engine, wanted)
        if options.pull != "Always":
            for name in dict.fromkeys((wanted, full)):
                if (await self._ask("image", "inspect", "--format", "{{.Id}}", name))[0] == 0:
                    return name
        advice = f"bring it with: {options.program} pull {full}"
        if options.pull == "Never":
            raise LeafError(f"image {wanted!r} is not on this machine, and image_pull_policy is 'Never': {advice}")
        begin = size_of(job.log)
        pull = Job(job.name, (options.program, "pull", full), Path("/"), dict(os.environ), job.log, grace=job.grace)
        outcome = await SubprocessExecutor().run(pull)
        if outcome.exit_code != 0:
            reason = outcome.message or last_line(text_from(job.log, begin))
            raise LeafError(f"cannot pull image {wanted!r}: {reason}; mend that, or {advice}")
        return full


def _init() -> tuple[str, ...]:
    """Podman's word for a first process that passes signals on, where it is installed."""
    found = any(Path(folder, "catatonit").exists() for folder in _INITS) or shutil.which("catatonit")
    return ("--init",) if found else ()


def refuse_if_missing(options: ContainerOptions) -> None:
    """Raise LeafError where the engine is not installed."""
    if shutil.which(options.program) is None:
        raise LeafError(
            f"there is no program {options.program!r} to run containers with: install {options.engine}, or say "
            "where it is, in the executor's options"
        )


def _answer(*words: str) -> tuple[int, str, str]:
    """What a command of the engine says: its exit status, its output, its complaints."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"no answer for {_PATIENCE:g} s"
    except OSError as exc:
        return 126, "", str(exc.strerror)
    return done.returncode, done.stdout, done.stderr


def size_of(log: Path) -> int:
    """Where a log ends now."""
    return log.stat().st_size if log.exists() else 0


def text_from(log: Path, begin: int) -> str:
    """What was added to a log."""
    with log.open("rb") as stream:
        stream.seek(max(begin, stream.seek(0, os.SEEK_END) - 20_000))
        return stream.read().decode(errors="replace")


def last_line(text: str) -> str:
    """What an engine says of its failure: its last complaint, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if line.lower().startswith(("error", "docker:", "fatal", "[fatal"))]
    return (complaints or lines or ["it says nothing"])[-1]
