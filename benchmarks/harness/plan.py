"""Which cases there are, with their sizes and limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parents[1] / "cases"
LEAN = Path(__file__).with_name("lean.py")
OPS = ("python", "shell")
IMPORTS = {
    "bare interpreter": "pass",
    "import dflow": "import dflow",
    "import all a script names": (
        "from dflow import Step, Workflow, upload_artifact, download_artifact\n"
        "from dflow.python import OP, OPIO, OPIOSign, Artifact, PythonOPTemplate"
    ),
}
FILES_SIZE = 10


class Sizes(NamedTuple):
    """Sizes of a case, for both; upstream's are small because its cost per step grows with the number of steps."""

    ours: tuple[int, ...]
    upstream: tuple[int, ...]


FULL = {
    "chain": Sizes((100, 300), (20, 100)),
    "independent": Sizes((100, 1000), (20, 100)),
    "fan_out": Sizes((100, 300, 1000, 10_000), (20, 100)),
    "warm": Sizes((300, 1000), ()),
    "layered": Sizes((50,), (5,)),
    "resume": Sizes((300, 10_000), (50,)),
    "heavy_import": Sizes((200,), (20,)),
    "many_artifacts": Sizes((50,), (50,)),
    "big_artifact": Sizes((500,), (500,)),
    "memory": Sizes((1000, 10_000), (100,)),
    "displayed": Sizes((10_000,), ()),
    "wrong_failures": Sizes((100,), (10,)),
}
QUICK = {
    "chain": Sizes((20,), (5,)),
    "independent": Sizes((20,), (5,)),
    "fan_out": Sizes((20, 100), (5,)),
    "warm": Sizes((100,), ()),
    "layered": Sizes((3,), ()),
    "resume": Sizes((30,), (5,)),
    "heavy_import": Sizes((4,), (2,)),
    "many_artifacts": Sizes((5,), (5,)),
    "big_artifact": Sizes((20,), (20,)),
    "memory": Sizes((50,), ()),
    "displayed": Sizes((300,), ()),
    "wrong_failures": Sizes((3,), (1,)),
}
# their size is a number of steps
COUNTED = ("chain", "independent", "fan_out", "warm", "resume", "memory", "displayed")
NAMES = ("import", "cold_start", "files", *FULL)


@dataclass(frozen=True)
class Job:
    """One line of the table.

    Attributes:
        case: the name of the case, for `--only`.
        label: what the table says in the column `size`.
        arguments: for the interpreter.
        repetitions: how many measured runs each interpreter makes.
        limit: seconds until a run is stopped.
        quantity: which value of a run is compared (`report.UNITS` has all).
        steps: how many steps the workflow has, 0 where there is none.
        contenders: who runs it, in this order.
        floor: the mode of `lean.py` that is the floor of this job, "" for none.
        memory: whether memory is sampled.
    """

    case: str
    label: str
    arguments: tuple[str, ...]
    repetitions: int
    limit: float
    quantity: str = "wall"
    steps: int = 0
    contenders: tuple[str, ...] = ("ours", "upstream")
    floor: str = ""
    memory: bool = False

    def command(self, contender: str) -> tuple[str, ...]:
        """The arguments of the interpreter."""
        if contender == "floor":
            return ("-I", "-S", str(LEAN), self.floor, str(self.steps))
        return self.arguments


@dataclass(frozen=True)
class Sized:
    """What the jobs of a case have in common: see :class:`Job`; `per_size` steps for each unit of the size."""

    script: str = ""
    arguments: tuple[str, ...] = ()
    repetitions: int = 0
    quantity: str = "wall"
    floor: str = ""
    memory: bool = False
    per_size: int = 1
    upstream: bool = True


@dataclass(frozen=True)
class Plan:
    """What the command line chose; `sizes` and `upstream_sizes` replace those of COUNTED."""

    only: tuple[str, ...]
    quick: bool
    repetitions: int
    limit: float
    upstream: bool = True
    sizes: tuple[int, ...] = ()
    upstream_sizes: tuple[int, ...] = ()

    def jobs(self) -> Iterator[Job]:
        """The lines of the table, in order."""
        for name in NAMES:
            if name in self.only:
                yield from getattr(self, f"{name}_jobs")()

    def import_jobs(self) -> Iterator[Job]:
        """Fresh processes that import and end; more repetitions, since they are short."""
        for label, code in IMPORTS.items():
            yield Job("import", label, ("-c", code), 3 * self.repetitions + 2, self.limit, "process_wall")

    def cold_start_jobs(self) -> Iterator[Job]:
        """A script with one step, from start to exit."""
        arguments = (str(CASES / "cold_start.py"), "1")
        yield Job("cold_start", "1", arguments, self.repetitions + 2, self.limit, "process_wall", steps=1)

    def files_jobs(self) -> Iterator[Job]:
        """How much a finished step leaves in the run directory."""
        for op in OPS:
            arguments = (str(CASES / "independent.py"), str(FILES_SIZE), "--op", op)
            yield Job("files", f"{FILES_SIZE} {op}", arguments, 1, self.limit, "step_entries", steps=FILES_SIZE)

    def chain_jobs(self) -> Iterator[Job]:
        """Steps one after the other."""
        for op in OPS:
            yield from self.sized("chain", op, arguments=("--op", op), floor="fork1" if op == "python" else "")

    def independent_jobs(self) -> Iterator[Job]:
        """Tasks side by side."""
        for op in OPS:
            yield from self.sized("independent", op, arguments=("--op", op), floor="fork2" if op == "python" else "")

    def fan_out_jobs(self) -> Iterator[Job]:
        """Slices and a step that adds up their results."""
        yield from self.sized("fan_out", floor="fork2")

    def warm_jobs(self) -> Iterator[Job]:
        """The same slices in long-lived workers."""
        yield from self.sized("warm", script="fan_out", arguments=("--isolation", "warm"), floor="warm")

    def layered_jobs(self) -> Iterator[Job]:
        """Layers of tasks, 20 deep."""
        yield from self.sized("layered", floor="fork2", per_size=20)

    def resume_jobs(self) -> Iterator[Job]:
        """The last step failed, all others are finished: the same script again, and from the command line."""
        for how, upstream in (("script", True), ("retry", False)):
            yield from self.sized("resume", how, arguments=("--how", how), quantity="resume", upstream=upstream)

    def heavy_import_jobs(self) -> Iterator[Job]:
        """Steps that import numpy, and scipy where it is."""
        yield from self.sized("heavy_import")

    def many_artifacts_jobs(self) -> Iterator[Job]:
        """Artifacts of 1 MB and a step that reads them all."""
        yield from self.sized("many_artifacts")

    def big_artifact_jobs(self) -> Iterator[Job]:
        """One artifact, its size in MB, through five steps."""
        yield from self.sized("big_artifact", per_size=0)

    def memory_jobs(self) -> Iterator[Job]:
        """Slices again, with the memory sampled; not timed."""
        yield from self.sized("memory", script="fan_out", quantity="main_memory", memory=True, repetitions=1)

    def displayed_jobs(self) -> Iterator[Job]:
        """Slices in a terminal: how much of the time is the display's?"""
        yield from self.sized("displayed", quantity="display_share")

    def wrong_failures_jobs(self) -> Iterator[Job]:
        """Workflows of twenty fast slices without keys: how many fail?"""
        yield from self.sized("wrong_failures", quantity="failed", per_size=20, repetitions=1)

    def sized(self, case: str, kind: str = "", **options: Any) -> Iterator[Job]:
        """One job for each size; see :class:`Sized`."""
        sizes = self.sizes_of(case)
        how = Sized(**options)
        for size in sorted({*sizes.ours, *(sizes.upstream if how.upstream else ())}):
            contenders = ("ours", *(["floor"] if how.floor else []))
            yield Job(
                case,
                f"{size} {kind}".strip(),
                (str(CASES / f"{how.script or case}.py"), str(size), *how.arguments),
                how.repetitions or self.repetitions,
                self.limit,
                how.quantity,
                size * how.per_size,
                (*contenders, "upstream") if how.upstream and size in sizes.upstream else contenders,
                how.floor,
                how.memory,
            )

    def sizes_of(self, case: str) -> Sizes:
        """What the command line says, or else the sizes of the case."""
        ours, theirs = (QUICK if self.quick else FULL)[case]
        if case in COUNTED:
            ours, theirs = self.sizes or ours, (self.upstream_sizes or theirs) if theirs else ()
        return Sizes(ours, theirs if self.upstream else ())
