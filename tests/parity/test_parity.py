"""Small workflows that end as Argo's semantics prescribe.

Each case of the tables names the fact it follows from; the facts are listed in ``docs/semantics.md``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from parity_dags import DAGS
from parity_loops import LOOPS
from parity_outputs import OUTPUTS
from parity_retries import RETRIES
from parity_steps import STEPS
from parity_whole import WHOLE

if TYPE_CHECKING:
    from parity_kit import Case

CASES = [*STEPS, *DAGS, *LOOPS, *OUTPUTS, *RETRIES, *WHOLE]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.fact}: {case.what}") for case in CASES])
def test_it_ends_as_on_argo(case: Case):
    workflow = case.build()
    workflow.submit()
    nodes = sorted(workflow.query_step(), key=lambda node: node["name"])
    phases = defaultdict(list)
    for node in nodes:
        phases[node.displayName].append(node.phase)
    told = "\n".join(f"{node['name']}: {node.phase} {node.message or ''}" for node in nodes)
    assert {name: " ".join(several) for name, several in phases.items()} == case.phases, told
    assert {place: _text(workflow, place) for place in case.outputs} == case.outputs, told
    assert workflow.query_status() == case.status, told


def _text(workflow, place: str) -> str:
    name, _, parameter = place.rpartition(".")
    if name == "workflow":
        return workflow.query_global_outputs().parameters[parameter].value
    (node,) = [node for node in workflow.query_step() if node.displayName == name]
    value = node.outputs.parameters[parameter].value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def test_the_tables_are_long_enough_and_no_case_stands_twice():
    assert len(CASES) >= 60
    assert len({(case.fact, case.what) for case in CASES}) == len(CASES)
