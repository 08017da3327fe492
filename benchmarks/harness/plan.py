"""Which cases there are, with their sizes and limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parents[1] / "cases"
NAMES = ("import", "cold_start", "chain", "independent", "files")
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


@dataclass(frozen=True)
class Job:
    """One line of the table.

    Attributes:
        case: the name of the case, for `--only`.
        label: what the table says in the column `size`.
        arguments: for the interpreter.
        repetitions: how many measured runs each interpreter makes.
        limit: seconds until a run is stopped.
        quantity: what is compared: "process" or "workflow" (seconds), or "entries" (per step, in the run directory).
        steps: how many steps the workflow has, 0 where there is none.
        upstream: whether upstream runs it, too.
    """

    case: str
    label: str
    arguments: tuple[str, ...]
    repetitions: int
    limit: float
    quantity: str
    steps: int = 0
    upstream: bool = True


@dataclass(frozen=True)
class Plan:
    """What the command line chose."""

    only: tuple[str, ...]
    sizes: tuple[int, ...]
    upstream_sizes: tuple[int, ...]
    repetitions: int
    limit: float

    def jobs(self) -> Iterator[Job]:
        """The lines of the table, in order."""
        for name in NAMES:
            if name in self.only:
                yield from getattr(self, f"{name}_jobs")()

    def import_jobs(self) -> Iterator[Job]:
        """Fresh processes that import and end; more repetitions, since they are short."""
        for label, code in IMPORTS.items():
            yield Job("import", label, ("-c", code), 3 * self.repetitions + 2, self.limit, "process")

    def cold_start_jobs(self) -> Iterator[Job]:
        """A script with one step, from start to exit."""
        arguments = (str(CASES / "cold_start.py"), "1")
        yield Job("cold_start", "1 python", arguments, self.repetitions + 2, self.limit, "process", steps=1)

    def chain_jobs(self) -> Iterator[Job]:
        """Steps one after the other."""
        return self.sized_jobs("chain")

    def independent_jobs(self) -> Iterator[Job]:
        """Tasks side by side."""
        return self.sized_jobs("independent")

    def files_jobs(self) -> Iterator[Job]:
        """How much a finished step leaves in the run directory."""
        for op in OPS:
            arguments = (str(CASES / "independent.py"), str(FILES_SIZE), "--op", op)
            yield Job("files", f"{FILES_SIZE} {op}", arguments, 1, self.limit, "entries", steps=FILES_SIZE)

    def sized_jobs(self, case: str) -> Iterator[Job]:
        """One job per kind of OP and size; upstream takes part in its own sizes."""
        for op in OPS:
            for size in sorted({*self.sizes, *self.upstream_sizes}):
                yield Job(
                    case,
                    f"{size} {op}",
                    (str(CASES / f"{case}.py"), str(size), "--op", op),
                    self.repetitions,
                    self.limit,
                    "workflow",
                    steps=size,
                    upstream=size in self.upstream_sizes,
                )
