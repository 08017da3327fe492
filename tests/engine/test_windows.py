"""How many copies of a looped call are begun at the same time."""

from __future__ import annotations

import pytest
from dflow.engine.loop import Limits
from dflow.engine.model import Call, DagTemplate, ExecutorSpec, ScriptTemplate, StepsTemplate
from dflow.engine.windows import Windows

AWAY = ExecutorSpec("slurm", "{}")
HERE = ExecutorSpec("container", "{}")
LEAF = ScriptTemplate("leaf", "shell", "true")
TEMPLATES = [
    LEAF,
    StepsTemplate("with-jobs", groups=((Call("a", "leaf"),), (Call("b", "leaf"), Call("c", "leaf", executor=AWAY)))),
    StepsTemplate("without", groups=((Call("a", "leaf"), Call("b", "leaf", executor=HERE)),)),
    DagTemplate("dag", tasks=(Call("a", "without"), Call("b", "with-jobs"))),
    StepsTemplate("itself", groups=((Call("a", "leaf"),), (Call("again", "itself"),))),
    StepsTemplate("itself-away", groups=((Call("again", "itself-away"),), (Call("a", "leaf", executor=AWAY),))),
]


def windows(here, total=None):
    templates = {template.name: template for template in TEMPLATES}
    return Windows(templates, Limits(here, total), lambda call: call.executor == AWAY)


@pytest.mark.parametrize(("here", "many"), [(1, 64), (2, 64), (32, 64), (33, 66), (None, None)])
@pytest.mark.parametrize("call", [Call("x", "leaf"), Call("x", "leaf", executor=HERE), Call("x", "without")])
def test_of_what_runs_here_as_many_as_keep_all_places_taken(call, here, many):
    assert windows(here).of(call) == many


@pytest.mark.parametrize("template", ["leaf", "without"])
def test_jobs_of_other_machines_are_not_held_back_by_the_places_of_this_one(template):
    assert windows(2).of(Call("x", template, executor=AWAY)) == 1000
    assert windows(600).of(Call("x", template, executor=AWAY)) == 1200


@pytest.mark.parametrize("template", ["with-jobs", "dag", "itself-away"])
def test_nor_are_groups_with_such_jobs_in_them(template):
    assert windows(2).of(Call("x", template)) == 1000


def test_a_template_that_calls_itself_is_looked_at_once():
    assert windows(2).of(Call("x", "itself")) == 64


def test_where_the_workflow_limits_all_together_more_would_only_wait():
    assert windows(5, total=5).of(Call("x", "leaf", executor=AWAY)) == 64
