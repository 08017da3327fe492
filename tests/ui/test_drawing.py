"""What is drawn of loops and groups, made from the lines of a journal."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from dflow.engine.model import StepsTemplate
from dflow.engine.phase import Phase
from dflow.live.view import Copies, LiveNode, RunView
from dflow.ui.graphs import graph_json, strip_of

PHASES = list(Phase)
NAMES = ("Pending", "Running", "Succeeded", "Skipped", "Omitted", "Failed", "Error", "Terminated")
DIGITS = {str(index): name for index, name in enumerate(NAMES)}
WORST = "65710234"


def copy(index: int, phase: Phase) -> LiveNode:
    return LiveNode(f"i{index}", f"w.x({index}:0)", f"x({index}:0)", "Pod", "t", phase=phase)


@pytest.mark.parametrize("count", [0, 1, 7, 399, 400, 401, 799, 1000, 4003])
def test_a_cell_shows_the_worst_of_its_copies(count):
    chance = random.Random(count)  # noqa: S311 - not for secrets
    begun = {index: chance.choice(PHASES) for index in range(count) if chance.random() < 0.7}
    nodes = [copy(index, phase) for index, phase in begun.items()]
    chance.shuffle(nodes)
    truth = [begun.get(index, Phase.PENDING).value for index in range(count)]
    cells = min(count, 400)
    wanted = [
        next(DIGITS[d] for d in WORST if DIGITS[d] in truth[cell * count // cells : (cell + 1) * count // cells])
        for cell in range(cells)
    ]
    assert [DIGITS[digit] for digit in strip_of(Copies("x", nodes, total=count))] == wanted


def test_a_loop_of_a_thousand_million_copies_is_drawn_at_once():
    strip = strip_of(Copies("x", [copy(999_999_999, Phase.FAILED)], total=10**9))
    assert strip == "0" * 399 + "5"


def watched(*events: dict[str, Any]) -> Any:
    view = RunView("w")
    for event in events:
        view.apply({"event": "node", "type": "Pod", "phase": "Succeeded", "template": "t", **event})
    inner = SimpleNamespace(name="inner")
    templates: dict[str, Any] = {"inner": inner}
    source = SimpleNamespace(templates=templates, entrypoint="main")
    return SimpleNamespace(view=view, source=source, version=1, id="w", keep=lambda _name, make: make())


ROOT = {"id": "w", "name": "w", "displayName": "w", "type": "Steps", "template": "main"}


def test_a_leaf_with_hooks_counts_as_well_as_they_do():
    run = watched(
        ROOT,
        {"id": "a", "name": "w.a", "displayName": "a", "parent": "w"},
        {"id": "h", "name": "w.a.hooks.h", "displayName": "a.hooks.h", "parent": "a", "phase": "Failed"},
    )
    assert graph_json(run, None, 1)["root"]["counts"] == {"Succeeded": 1, "Failed": 1}


def test_nothing_is_drawn_inside_of_a_group_that_was_taken_as_a_whole():
    template = _steps_with_one_call()
    run = watched(
        ROOT, {"id": "g", "name": "w.g", "displayName": "g", "type": "Steps", "template": "inner", "parent": "w"}
    )
    run.source.templates["inner"] = template
    assert [call["call"] for call in graph_json(run, "g", 1)["root"]["calls"]] == ["one"]
    run.view.node("g").memoized = "somewhere"
    assert graph_json(run, "g", 1)["root"]["calls"] == []


def _steps_with_one_call() -> StepsTemplate:
    from dflow.engine.model import Call

    return StepsTemplate(name="inner", groups=((Call(name="one", template="t"),),))
