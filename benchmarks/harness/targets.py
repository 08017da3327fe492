"""What this project promises of its speed, compared with what was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.report import aligned, divided

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.report import Row

HEADER = ("target", "size", "measured", "wanted", "")
WARM = {"wall": 0.7, "cpu": 0.9}  # ms per step
LUIGI = {"wall": 4.5, "cpu": 7.7}  # ms per step, on two cores: the fastest peer with a process for each task


@dataclass(frozen=True)
class Verdict:
    """A number beside the one that is wanted: at most `bound`, or at least that."""

    name: str
    size: str
    measured: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the target holds."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def texts(self) -> tuple[str, ...]:
        """The columns of HEADER."""
        wanted = f"{'>=' if self.at_least else '<='} {self.bound:g}{self.unit}"
        return self.name, self.size, f"{self.measured:.3g}{self.unit}", wanted, "met" if self.is_met else "not met"

    def as_json(self) -> dict[str, Any]:
        """The fields and the verdict."""
        return asdict(self) | {"met": self.is_met}


def table(found: Sequence[Verdict]) -> str:
    """All targets that were measured."""
    return aligned([HEADER, *(verdict.texts() for verdict in found)])


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """The targets of which there is a measurement."""
    found = []
    for row in rows:
        numbers = OF_ROW.get(row.job.case)
        for name, measured, bound, unit in numbers(row) if numbers else ():
            if measured is not None:
                found.append(Verdict(name, row.job.label, measured, bound, unit))
        if row.job.case == "fan_out" and row.job.steps >= 100 and (ratio := row.ratio()) is not None:
            found.append(Verdict("fan-out, upstream / ours", row.job.label, ratio, 150, " x", at_least=True))
    return found + list(across(rows))


Number = tuple[str, "float | None", float, str]


def import_(row: Row) -> Iterator[Number]:
    """The time of `import dflow`."""
    if row.job.label == "import dflow":
        yield "import, whole process", milli(row.value("ours")), 150, " ms"


def cold_start(row: Row) -> Iterator[Number]:
    """A script with one step."""
    yield "one step, whole process", milli(row.value("ours")), 150, " ms"
    yield "one step, whole process, stretch", milli(row.value("ours")), 110, " ms"


def files(row: Row) -> Iterator[Number]:
    """Files, directories and links of a finished step."""
    if row.job.label.endswith("python"):
        yield "inodes per step", row.value("ours"), 13, ""


def fan_out(row: Row) -> Iterator[Number]:
    """Per step, from 100 to 1,000 slices: start-up does not count much, nor does size."""
    if not 100 <= row.job.steps <= 1000:
        return
    for name in ("wall", "cpu"):
        yield f"fan-out, {name} / floor", row.times_floor(name), 2.3, " x"
        yield f"fan-out, {name} per step, luigi", milli(row.per_step("ours", name)), LUIGI[name], " ms"


def chain(row: Row) -> Iterator[Number]:
    """Per step, Python OPs."""
    if row.job.label.endswith("python") and row.job.steps >= 100:
        for name in ("wall", "cpu"):
            yield f"chain, {name} / floor", row.times_floor(name), 2.5, " x"


def warm(row: Row) -> Iterator[Number]:
    """Per step in long-lived workers."""
    for name, bound in WARM.items():
        yield f"warm, {name} per step", milli(row.per_step("ours", name)), bound, " ms"


def resume(row: Row) -> Iterator[Number]:
    """From start to exit of the process that goes on."""
    if row.job.steps >= 300:
        yield "resume, whole process", row.value("ours"), 0.3 if row.job.steps <= 300 else 3, " s"


def memory(row: Row) -> Iterator[Number]:
    """Peaks of the engine."""
    if row.job.steps < 1000:
        return
    if row.job.steps == 1000:
        yield "memory, first process", row.value("ours", "main_memory"), 45, " MB"
        yield "memory, all but steps", row.value("ours", "engine_memory"), 80, " MB"
    else:
        yield "memory, all but steps", row.value("ours", "engine_memory"), 300, " MB"


def big_artifact(row: Row) -> Iterator[Number]:
    """Nothing is copied; the files and directories of the steps may take two per cent."""
    if (size := float(row.job.label)) < 100:
        return
    yield "artifact through five steps, disk / size", divided(row.value("ours", "disk"), size), 1.02, " x"
    yield "artifact, per link", milli(row.value("ours", "link")), 5, " ms"


def wrong_failures(row: Row) -> Iterator[Number]:
    """Runs that fail without a reason."""
    yield "wrong failures", row.value("ours"), 0, ""


def displayed(row: Row) -> Iterator[Number]:
    """The thread that shows a run in a terminal."""
    if row.job.steps >= 1000:
        yield "display in a terminal, of the time", row.value("ours"), 2, " %"


OF_ROW = {
    "import": import_,
    "cold_start": cold_start,
    "files": files,
    "fan_out": fan_out,
    "chain": chain,
    "warm": warm,
    "resume": resume,
    "memory": memory,
    "big_artifact": big_artifact,
    "displayed": displayed,
    "wrong_failures": wrong_failures,
}


def across(rows: Sequence[Row]) -> Iterator[Verdict]:
    """Targets that compare rows: growth with the number of slices, layers beside slices."""
    fans = {row.job.steps: row for row in rows if row.job.case == "fan_out"}
    small, middle, large = (fans.get(steps) for steps in (100, 1000, 10_000))
    layered = next((row for row in rows if row.job.case == "layered" and row.job.steps in fans), None)
    beside = fans.get(layered.job.steps) if layered else None
    for name in ("wall", "cpu"):
        floor = middle.per_step("floor", name) if middle else None
        few, many = further(small, middle, name), further(middle, large, name)
        numbers = (
            (f"fan-out, {name} / floor, each further step", "100 to 1000", divided(few, floor), 2.3),
            (
                f"fan-out, {name} per step, 10000 / 100",
                "10000",
                divided(per_step(large, name), per_step(small, name)),
                1.15,
            ),
            (f"fan-out, {name} of further steps, to 10000 / to 1000", "10000", divided(many, few), 1.15),
            (
                f"layered / fan-out, {name} per step",
                "1000",
                divided(per_step(layered, name), per_step(beside, name)),
                1.1,
            ),
        )
        for title, size, measured, bound in numbers:
            if measured is not None:
                yield Verdict(title, size, measured, bound, " x")


def per_step(row: Row | None, name: str) -> float | None:
    """Our seconds per step."""
    return row.per_step("ours", name) if row else None


def further(small: Row | None, large: Row | None, name: str) -> float | None:
    """Our seconds for each step that the larger run has more: without what every run costs once."""
    if small is None or large is None:
        return None
    before, after = small.value("ours", name), large.value("ours", name)
    if before is None or after is None:
        return None
    return (after - before) / (large.job.steps - small.job.steps)


def milli(seconds: float | None) -> float | None:
    """Seconds in milliseconds."""
    return None if seconds is None else seconds * 1000
