"""The same scripts under this package and under upstream's debug mode tell the same, or the page says why not.

A script that is not in `DIFFERENCES` must tell the same under both. ``because`` is a part of a line of
docs/compatibility.md, "Where we differ on purpose"; ``found`` has by place in the report what is said here and there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPTS = Path(__file__).with_name("scripts")
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem != "told")
PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
ABSENT = "(not there)"


@dataclass(frozen=True)
class Difference:
    """What differs for one reason.

    Attributes:
        because: words of the page.
        found: ``{"steps.say.0.phase": (ours, upstream's)}``; a part of a report that one side has not is `ABSENT`.
    """

    because: str
    found: dict[str, tuple[Any, Any]]


def step(phase: str = "Succeeded", key: str | None = None, **parameters: Any) -> dict[str, Any]:
    """A step without artifacts in a report."""
    return {"phase": phase, "key": key, "parameters": parameters, "artifacts": {}}


FAILS_THERE = ("Succeeded", "Failed")
SKIPPED = "`query_step` lists Skipped and Omitted steps too"
ONLY_HERE = (step("Skipped"), ABSENT)

DIFFERENCES: dict[str, list[Difference]] = {
    "artifact_name_of_a_script": [
        Difference(
            "keeps the name of its declared path",
            {
                "steps.write.0.artifacts.file.said.txt": ("hello", ABSENT),
                "steps.write.0.artifacts.file.file": (ABSENT, "hello"),
            },
        )
    ],
    "artifact_of_one_file": [
        Difference(
            "A script that declares an input as `/tmp/foo.txt`",
            {
                "steps.again.0.parameters.name": ("quiet", "loud.txt"),
                "steps.copied.0.artifacts.out.out.txt": ("HELLO", ABSENT),
                "steps.copied.0.artifacts.out.loud.txt": (ABSENT, "HELLO"),
            },
        )
    ],
    "big_parameter": [
        Difference("no steps and outputs of upstream's own use", {"added": ([], ["dflow_bigpar_numbers"])})
    ],
    "continue_on_failed": [
        Difference(
            "upstream runs them inside the failed step's directory",
            {"steps.after": ([step(said="after")], ABSENT)},
        )
    ],
    "dag_conditions": [
        Difference(SKIPPED, {"steps.skipped": ([step("Skipped")], ABSENT)}),
        Difference("A task runs after a task that was skipped", {"steps.last": ([step(n=3)], ABSENT)}),
    ],
    "dag_when_names_a_task": [
        Difference(
            "A task waits for the tasks that its `when` names",
            {"status": FAILS_THERE, "steps.runs": ([step(n=3)], ABSENT)},
        )
    ],
    "enough_scripts_succeed": [
        Difference(
            "count the successes of scripts too",
            {"status": FAILS_THERE},
        )
    ],
    "expressions": [Difference("upstream computes `p + 1 * 2`", {"steps.both.0.parameters.n": (12, 7)})],
    "if_expression_chooses": [Difference(SKIPPED, {"steps.large.1": ONLY_HERE, "steps.small.1": ONLY_HERE})],
    "keys": [
        Difference(
            "There are no `children`, `name` and per-step `pid` files",
            {
                "files": (
                    [".step", "inputs", "log.txt", "outputs", "phase", "script", "type", "workdir"],
                    ["inputs", "log.txt", "name", "outputs", "phase", "pid", "script", "type", "workdir"],
                )
            },
        )
    ],
    "loop_over_a_text": [
        Difference(
            "A loop may be over a parameter that is not declared as a list",
            {"status": FAILS_THERE, "steps.dynamic": ([step(said="p"), step(said="q")], ABSENT)},
        )
    ],
    "loop_over_nothing": [Difference(SKIPPED, {"steps.none": ([step("Skipped")], ABSENT)})],
    "mistakes": [
        Difference(
            "Names are checked with `ValueError` (upstream: `AssertionError`)",
            {"name of a workflow": ("ValueError", "AssertionError")},
        )
    ],
    "names_of_calls": [
        Difference("upstream's end in five random characters", {"shapes": (["double", "double-2"], ["double-xxxxx"])})
    ],
    "newline_at_the_end": [
        Difference(
            "`value_from_path` drops one newline at the end",
            {
                "steps.echo.0.parameters.said": ("hello", "hello\n"),
                "steps.echo.0.parameters.two": ("a\n", "a\n\n"),
            },
        )
    ],
    "output_artifact_missing": [
        Difference(
            "Upstream crashes on the first and accepts the second",
            {
                "status": ("Failed", "Succeeded"),
                "steps.silent.0.phase": ("Error", "Succeeded"),
                "steps.silent.0.artifacts.said": (ABSENT, "missing"),
            },
        )
    ],
    "output_default": [
        Difference(
            "The default of an output parameter stands for a skipped step",
            {
                "status": FAILS_THERE,
                "steps.skipped": ([step("Skipped", said="nobody spoke")], ABSENT),
                "steps.after": ([step(said="nobody spoke")], ABSENT),
            },
        )
    ],
    "output_file_missing": [
        Difference(
            "Upstream crashes on the first and accepts the second",
            {
                "status": FAILS_THERE,
                "steps.silent.0.phase": ("Succeeded", "Running"),
                "steps.silent.0.parameters.said": ("nothing", ABSENT),
            },
        )
    ],
    "parameter_missing": [
        Difference(
            "Nothing has started by then. Upstream fails in the middle of the run.",
            {
                "crashed": ("CompileError", ABSENT),
                "status": (ABSENT, "Failed"),
                "steps": (ABSENT, {"first": [step(said="first")]}),
            },
        )
    ],
    "recursion": [Difference(SKIPPED, {"steps.again.2": ONLY_HERE})],
    "retries": [
        Difference(
            "Retries happen; upstream's local mode fails at the first error",
            {
                "status": FAILS_THERE,
                "tries": (3, 1),
                "steps.flaky.0.phase": FAILS_THERE,
                "steps.flaky.0.parameters.tries": (3, ABSENT),
            },
        )
    ],
    "same_key_twice": [
        Difference(
            "Two steps with one fixed or computed key",
            {"steps.two": ([step(key="key", said="two")], ABSENT)},
        )
    ],
    "slices_and_added_steps": [
        Difference(
            "no steps and outputs of upstream's own use",
            {"names": (["join", *(f"shouts({n}:{n})" for n in range(3))], ["join", "shouts", "shouts-init-artifact"])},
        )
    ],
    "slices_asked": [
        Difference(
            "Each step of a loop has Argo's name, `say(0:item)`, and its own outputs",
            {
                "names": (["adds(0:0)", "adds(1:1)", "adds(2:2)"], ["adds"]),
                "sums": (
                    ["11", "12", "13"],
                    [f"[{{'dflow_list_item': {10 + n}, 'order': {k}}}]" for n, k in ((1, 1), (2, 2), (3, 0))],
                ),
            },
        )
    ],
    "slices_with_one_file_name": [
        Difference(
            "Two slices that give files of one name without `create_dir`",
            {"status": ("Failed", "Succeeded"), "steps.join": (ABSENT, [step(count=2)])},
        )
    ],
    "superfunction": [
        Difference(
            "upstream's local mode cannot pickle them",
            {
                "status": FAILS_THERE,
                "steps.double": ([step(n=6)], ABSENT),
                "steps.double-2": ([step(n=12)], ABSENT),
                "steps.four-times": ([step(n=12)], ABSENT),
            },
        )
    ],
    "when_conditions": [
        Difference(SKIPPED, {f"steps.{name}": ([step("Skipped")], ABSENT) for name in ("more", "other", "false")})
    ],
    "when_with_and": [
        Difference(
            "Conditions have the whole grammar of Argo's `when`",
            {
                "status": FAILS_THERE,
                "steps.and": ([step("Skipped")], ABSENT),
                "steps.or": ([step(said="or")], ABSENT),
            },
        )
    ],
    "when_with_operators": [
        Difference(
            "Conditions have the whole grammar of Argo's `when`",
            {"status": FAILS_THERE, "steps.operators": ([step(said="operators")], ABSENT)},
        )
    ],
}

# What is wrong here, not different on purpose: the test fails as soon as it is right.
DEFECTS: dict[str, str] = {}

DIFFERING = [(script, difference) for script, found in sorted(DIFFERENCES.items()) for difference in found]


def with_defects(name: str) -> Any:
    """The name of a script as a parameter of a test; a known defect must fail."""
    marks = [pytest.mark.xfail(reason=DEFECTS[name], strict=True)] if name in DEFECTS else []
    return pytest.param(name, marks=marks, id=name)


@pytest.mark.upstream
@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", [with_defects(name) for name in NAMES])
def test_tells_the_same_as_under_upstream(
    script: str, told: Callable[[str], tuple[Any, Any]], told_again: Callable[[str], Any]
) -> None:
    """Ours runs once. Upstream's runs once more where it did not tell what was expected: its parallel steps race."""
    ours, theirs = told(script)

    expected: dict[str, Any] = {}
    for difference in DIFFERENCES.get(script, []):
        expected |= difference.found
    if dict(compare(ours, theirs)) != expected:
        theirs = told_again(script)
    assert dict(compare(ours, theirs)) == expected


def compare(ours: Any, theirs: Any, place: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The places at which two reports differ, as deep as both are alike, with what each says there."""
    if isinstance(ours, list) and isinstance(theirs, list) and all(isinstance(one, dict) for one in ours + theirs):
        yield from compare(dict(enumerate(ours)), dict(enumerate(theirs)), place)
    elif isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from compare(ours.get(key, ABSENT), theirs.get(key, ABSENT), inner)
    elif ours != theirs or type(ours) is not type(theirs):
        yield place, (ours, theirs)


def test_compare_names_every_place_that_differs() -> None:
    ours = {"same": 1, "steps": {"a": [{"n": 1}, {"n": 2}], "b": []}, "kind": 1}
    theirs = {"same": 1, "steps": {"a": [{"n": 1}], "c": [{"n": 3}]}, "kind": True}

    assert dict(compare(ours, theirs)) == {
        "steps.a.1": ({"n": 2}, ABSENT),
        "steps.b": ([], ABSENT),
        "steps.c": (ABSENT, [{"n": 3}]),
        "kind": (1, True),
    }
    assert list(compare(ours, ours)) == []


@pytest.mark.parametrize(("script", "difference"), DIFFERING, ids=[script for script, _ in DIFFERING])
def test_the_page_explains_every_difference(script: str, difference: Difference) -> None:
    _, _, page = PAGE.read_text(encoding="utf-8").partition("\n## Where we differ on purpose\n")
    section, _, _ = page.partition("\n## ")

    assert script in NAMES
    assert " ".join(difference.because.split()) in " ".join(section.split())


def test_every_known_defect_has_a_script() -> None:
    assert set(DEFECTS) <= set(NAMES) - set(DIFFERENCES)
    assert len(NAMES) >= 50
