"""Runs workflows, kills their engines, and goes on with them: a process that has loaded everything and forks for each.

It reads requests from its standard input, one JSON object on each line, and answers each with one line:
``{"workflow": NAME, "kills": [[WHAT, WHERE], …], "isolation": …}`` → ``{"kills": N, "problems": […], "seconds": …}``.
The kills of a case follow one another, each in the attempt that goes on after the one before. ``WHAT`` is

- ``before``, ``half``, ``after``: the engine kills itself at its operation number ``WHERE``;
- ``inner``: so does the engine of a workflow that a step submits, and takes the one around it along;
- ``time``: the engine is killed from outside ``WHERE`` seconds after its start;
- ``orphans``: so it is, and all that works for it must end within a second;
- ``all``: with it everything that works for it;
- ``worker``: one process that works for the engine is killed, and the engine lives on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import dflow
import workflows
from dflow.compile import compile_workflow
from dflow.engine.layout import RunLayout, is_run
from dflow.engine.reuse import save_reused
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings
from dflow.executors import make_executor
from faults import PLAN, Faults, Point
from reading import differences, half_written, is_committed, outcome

PATIENCE = 20.0
_OUTSIDE = ("time", "orphans", "all", "worker")
_GONE = 1.0  # a step whose engine died, or that left its session, may take that long to end


class Case:
    """One workflow in a directory of its own.

    Attributes:
        problems: what was wrong, in words.
        kills: how many processes were killed.
    """

    def __init__(self, folder: Path, name: str, settings: RunSettings) -> None:
        self.folder = folder
        self.name = name
        self.layout = RunLayout(folder / "run")
        self.graph = compile_workflow(workflows.WORKFLOWS[name]())
        self.settings = settings
        self.problems: list[str] = []
        self.kills = 0
        self._died = False
        self._finished: list[tuple[int, set[str]]] = []
        folder.mkdir()

    def go(self, kills: list[tuple[str, float]]) -> None:
        """All the kills, one attempt for each, and then attempts to the end."""
        for what, where in kills:
            died = self._attempt(what, where)
            if not died:
                break
            self._note_what_is_finished()
        for _ in range(3):
            if self._is_over():
                break
            if self._attempt("", 0):
                self.problems.append("an engine that nobody killed has died")
        self._check_end()

    def operations(self) -> list[str]:
        """What an undisturbed engine does, in order."""
        self._attempt("count", 0)
        return (self.folder / "operations").read_text().split()

    def inner_operations(self) -> list[str]:
        """Likewise, of the workflow inside of it."""
        self._attempt("inner", -1)
        return (self.folder / "inner-operations").read_text().split()

    def _attempt(self, what: str, where: float) -> bool:
        """Whether the engine was killed."""
        pid = os.fork()
        if pid == 0:
            self._be_engine(what, int(where))
        if what in _OUTSIDE:
            time.sleep(where)
            for victim in self._victims(what, pid):
                self.kills += 1
                _kill(victim)
        status = _wait(pid)
        if status is None:
            self.problems.append(f"after {what} {where} the engine did not end in {PATIENCE:g} s")
            _kill(pid)
            os.waitpid(pid, 0)
            return True
        self._died = killed = os.WIFSIGNALED(status)
        self.kills += killed and what not in _OUTSIDE
        if killed and what == "orphans" and (left := self._left()):
            self.problems.append(f"a second after their engine was killed there are still {left}")
        if not killed and os.WEXITSTATUS(status):
            said = (self.folder / "log").read_text()[-1500:]
            self.problems.append(f"after {what} {where} the engine ended with {os.WEXITSTATUS(status)}: {said}")
        return killed

    def _be_engine(self, what: str, where: int) -> None:
        """In the child: run, or go on, and leave."""
        status = 1
        try:
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(self.folder)
            os.environ.update({workflows.CASE: str(self.folder), PLAN: str(self.folder / "plan")})
            if what in ("time", "orphans"):
                os.environ[workflows.LINGER] = "1"
            if what == "inner":
                mode = {"number": where, "mode": "before"}
                (self.folder / "plan").write_text(json.dumps(mode))
            inside = what in ("before", "half", "after")
            faults = Faults(str(self.layout.root), Point(where, what) if inside else None)
            faults.install()
            self._run()
            if what == "count":
                (self.folder / "operations").write_text(" ".join(faults.names))
            status = 0
        except BaseException:  # noqa: BLE001 - nothing of it may reach the parent's code
            traceback.print_exc()
        finally:
            os._exit(status)

    def _run(self) -> None:
        """What ``submit`` does when a script with an id is started again."""
        if is_run(self.layout.root):
            again = lambda node: node.phase.is_failure  # noqa: E731
        else:
            again = None
            create_run(self.layout.root, self.graph, self.settings)
        if self.name == "reuses" and not self.layout.reuse.exists():
            save_reused(self.layout, workflows.earlier(self.folder))
        run(self.layout, make_executor, again=again)

    def workers(self, engine: int) -> list[int]:
        """Live processes that work for the case, without the engine."""
        mark, found = f"{workflows.CASE}={self.folder}".encode(), []
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or int(entry.name) in (engine, os.getpid()):
                continue
            try:
                environ = Path(entry.path, "environ").read_bytes().split(b"\0")
                parent = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if parent[0] != "Z" and (mark in environ or int(parent[1]) == engine):
                found.append(int(entry.name))
        return found

    def _victims(self, what: str, engine: int) -> list[int]:
        if what == "all":
            return [engine, *self.workers(engine)]
        return self._one(engine) if what == "worker" else [engine]

    def _one(self, engine: int) -> list[int]:
        """One of the processes that work for the engine, as soon as there is one."""
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            if found := self.workers(engine):
                return [random.choice(found)]  # noqa: S311 - chosen by the seed of the session
        return []

    def _left(self) -> list[str]:
        """The command lines of what still works for the case after the time that it has to end."""
        deadline = time.monotonic() + _GONE
        while (left := self.workers(-1)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return [_command(pid) for pid in left]

    def _is_over(self) -> bool:
        return self.layout.status.exists() and self.layout.status.read_text() == "Succeeded"

    def _note_what_is_finished(self) -> None:
        """Steps that are committed must never say another word."""
        done = {path.parent.name for path in self.folder.glob("run/**/phase") if is_committed(path.parent)}
        if torn := half_written(self.layout.root):
            self.problems.append(f"half written: {torn}")
        witness = self.folder / "witness"
        self._finished.append((witness.stat().st_size if witness.exists() else 0, done))

    def _check_end(self) -> None:
        if not self._is_over():
            self.problems.append("it did not end")
            return
        if torn := half_written(self.layout.root):
            self.problems.append(f"half written at the end: {torn}")
        said = (self.folder / "witness").read_text()
        for size, done in self._finished:
            again = {line.split()[1].partition("#")[0] for line in said[size:].splitlines()} & done
            if again:
                self.problems.append(f"finished steps ran again: {sorted(again)}")
        if left := self._left():
            self.problems.append(f"processes are left: {left}")
            for pid in self.workers(-1):
                _kill(pid)
        names = [str(p.relative_to(self.folder)) for p in self.layout.root.rglob("*.tmp") if not self._died]
        temporary = [name for name in names if ".bk" not in name and "/." not in name]
        if temporary:
            self.problems.append(f"temporary files are left: {temporary}")
        if self.layout.lease.exists() and not self._died:
            self.problems.append("the lease is left")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:80]
    except OSError:
        return ""


def _wait(pid: int) -> int | None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Driver:
    """Answers requests in a directory.

    Attributes:
        folder: where the cases are; those without problems are deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        self._expected: dict[str, Any] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks."""
        settings = RunSettings(
            library=str(Path(next(iter(dflow.__path__))).absolute()),
            module_path=tuple(sys.path),
            pool_workers=request.get("workers", 2),
            kill_grace=0.3,
        )
        settings = replace(settings, **request.get("settings", {}))
        if "kills" not in request:
            return self._undisturbed(request["workflow"], settings)
        case = self._case(request["workflow"], settings)
        begun = time.monotonic()
        random.seed(str(request))
        case.go([tuple(kill) for kill in request["kills"]])
        if not case.problems:
            case.problems += differences(self._expected[request["workflow"]], outcome(case.layout))
        if not case.problems:
            shutil.rmtree(case.folder)
        return {"kills": case.kills, "problems": case.problems, "seconds": time.monotonic() - begun}

    def _undisturbed(self, name: str, settings: RunSettings) -> dict[str, Any]:
        """Its operations, and how long it takes; how it ends is kept to compare with."""
        case = self._case(name, settings)
        begun = time.monotonic()
        operations = case.operations()
        seconds = time.monotonic() - begun
        case._check_end()
        self._expected[name] = outcome(case.layout)
        inner = []
        if list(case.folder.glob("run/**/workflows")):
            other = self._case(name, settings)
            inner = other.inner_operations()
            case.problems += other.problems
            shutil.rmtree(other.folder)
        if not case.problems:
            shutil.rmtree(case.folder)
        return {"operations": operations, "inner": inner, "seconds": seconds, "problems": case.problems}

    def _case(self, name: str, settings: RunSettings) -> Case:
        self._count += 1
        return Case(self.folder / f"{name}-{self._count}", name, settings)


def main() -> None:
    """Answer until there are no more requests."""
    driver = Driver(Path(sys.argv[1]).resolve())
    for line in sys.stdin:
        sys.stdout.write(json.dumps(driver.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
