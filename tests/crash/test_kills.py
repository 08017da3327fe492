"""After kills at any place, a run ends as an undisturbed one does, and no finished step runs twice."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from faults import Point, kill_points

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]

INLINE = {"isolation": "inline"}
FORK = {"isolation": "fork"}
WARM = {"isolation": "warm"}
COPY = {"copy_method": "copy", "save_copy_method": "copy"}
LINK = {"copy_method": "link", "save_copy_method": "link"}
_BEGINS = 60
_SECOND = 0.3  # of all cases are killed again while they go on, and again


@dataclass(frozen=True)
class Plan:
    """One workflow and one way to kill it.

    Attributes:
        way: what to kill: ``writes``, ``instants``, ``everything``, ``workers`` or ``inner``, see ``driver.py``.
        share: of all kills, in thousandths.
    """

    workflow: str
    way: str
    share: int
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.workflow, self.way, *sorted(map(str, self.settings.values()))])


SHELL = ("chain", "dag", "recursion", "retries", "reuses")
PYTHON = ("fan_out", "nested_slices", "submitted_inside")
OUTSIDE = ("instants", "everything", "workers")
PLANS = [
    *(Plan(name, "writes", 70) for name in SHELL),
    *(Plan(name, "writes", 70, INLINE) for name in PYTHON),
    Plan("chain", "writes", 30, COPY),
    Plan("fan_out", "writes", 30, INLINE | LINK),
    Plan("fan_out", "writes", 20, FORK),
    *(Plan(name, way, 15) for name in SHELL for way in OUTSIDE),
    *(Plan(name, way, 15, how) for name in PYTHON for way in OUTSIDE for how in (FORK, WARM)),
    Plan("submitted_inside", "inner", 30),
    Plan("lingers", "instants", 40),
]


def cases(plan: Plan, known: dict[str, Any], rng: random.Random, number: int | None) -> Iterator[list[Any]]:
    """Lists of kills: each list is one run, and each kill of it one attempt."""
    if plan.way in ("writes", "inner"):
        points = kill_points(known["operations" if plan.way == "writes" else "inner"])
        if plan.way == "inner":
            points = [point for point in points if point.mode == "before"]
        rng.shuffle(points)
        for point in points:
            first = [_name(plan, point)]
            while number is not None and len(first) < 4 and rng.random() < _SECOND:
                early = Point(rng.randrange(_BEGINS))  # while it takes up what there is
                first.append(_name(plan, rng.choice([early, rng.choice(points)])))
            yield first
    else:
        words = {"instants": ["time", "orphans"], "everything": ["all"], "workers": ["worker"]}[plan.way]
        for _ in range(2 * (number or 50)):
            moments = [rng.uniform(0, known["seconds"]) for _ in range(1 + (rng.random() < _SECOND))]
            yield [[rng.choice(words), round(moment, 4)] for moment in moments]


def _name(plan: Plan, point: Point) -> list[Any]:
    return ["inner" if plan.way == "inner" else point.mode, point.number]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_killed_run_ends_as_if_nothing_had_been(driver, count, plan):
    known = driver.ask(workflow=plan.workflow, settings=plan.settings)
    assert known["problems"] == []
    number = None if count.wanted is None else max(1, count.wanted * plan.share // 1000)
    wrong, kills = [], 0
    rng = random.Random(f"{count.seed} {plan}")  # noqa: S311 - to be repeated
    for case in cases(plan, known, rng, number):
        answer = driver.ask(workflow=plan.workflow, settings=plan.settings, kills=case)
        kills += answer["kills"]
        count.tried += answer["kills"]
        if answer["problems"]:
            wrong.append(f"{case}: " + "; ".join(answer["problems"]))
        else:
            count.survived += answer["kills"]
        if number is not None and kills >= number:
            break
    assert kills > 0
    assert wrong == [], f"what is left of it is in {driver.folder}"
