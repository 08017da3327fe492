"""Steps and DAG groups as state machines: told of ends, they say what starts next."""

from __future__ import annotations

import pytest
from dflow.engine.dag_groups import make_group
from dflow.engine.model import Call, ContinueOn, DagTemplate, StepsTemplate
from dflow.engine.node import Node
from dflow.engine.phase import Phase
from dflow.engine.scope import Scope

S, F, E, SKIPPED, OMITTED = Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR, Phase.SKIPPED, Phase.OMITTED


class FakeStarter:
    """Starts nothing; the test says how each child ends."""

    def __init__(self):
        self.stopping = None
        self.started = []
        self.omitted = []
        self.ended = None
        self._open = {}

    def start(self, call, name, group):
        assert self.ended is None
        self.started.append(call.name)
        self._open[call.name] = (call, name, group)

    def omit(self, call, name, group, message):
        self.omitted.append((call.name, message))
        self._open[call.name] = (call, name, group)

    def finish_group(self, group, phase, message):
        assert self.ended is None, "a group ends once"
        self.ended = (phase, message)

    @property
    def running(self):
        return sorted(self._open)

    def name_of(self, child):
        return self._open[child][1]

    def end(self, child, phase=S):
        call, name, group = self._open.pop(child)
        group.child_done(Node(name, name, call.name, "Pod", call.template, "wf", call, phase=phase))
        for omitted, _ in self.omitted:
            if omitted in self._open:
                self.end(omitted, OMITTED)


def _begin(template):
    starter = FakeStarter()
    make_group(template, Node("wf", "wf", "wf", "", template.name, None), None, Scope(), starter).begin()
    return starter


def _steps(*groups, parallelism=None):
    of_calls = tuple(tuple(c if isinstance(c, Call) else Call(c, "t") for c in group) for group in groups)
    return _begin(StepsTemplate("main", of_calls, parallelism=parallelism))


def _dag(*tasks, parallelism=None):
    return _begin(DagTemplate("main", tasks, parallelism=parallelism))


def _task(name, *dependencies, **fields):
    return Call(name, "t", dependencies=dependencies, **fields)


# -- Steps ------------------------------------------------------------------------------------------------------------


def test_steps_groups_run_in_order_and_their_members_side_by_side():  # ST-01
    starter = _steps(["a", "b"], ["c"])
    assert starter.running == ["a", "b"]
    starter.end("b")
    assert starter.running == ["a"]
    starter.end("a")
    assert starter.running == ["c"]
    starter.end("c")
    assert starter.ended == (S, "")


def test_steps_children_are_named_after_their_group():
    starter = _steps(["a"], ["b"])
    assert starter.name_of("a") == "wf[0].a"
    starter.end("a")
    assert starter.name_of("b") == "wf[1].b"


@pytest.mark.parametrize("phase", [F, E])
def test_steps_fail_when_a_member_fails_and_later_groups_do_not_start(phase):  # ST-02
    starter = _steps(["a"], ["b"])
    starter.end("a", phase)
    assert starter.started == ["a"]
    assert starter.ended == (F, f"step 'a' ended {phase}")


def test_steps_siblings_of_a_failure_are_awaited():  # ST-04
    starter = _steps(["a", "b", "c"])
    starter.end("b", F)
    assert starter.ended is None
    starter.end("a")
    starter.end("c", F)
    assert starter.ended == (F, "step 'b' ended Failed")


@pytest.mark.parametrize("phase", [SKIPPED, OMITTED])
def test_steps_go_on_after_what_did_not_run(phase):  # PH-05
    starter = _steps(["a"], ["b"])
    starter.end("a", phase)
    assert starter.running == ["b"]


@pytest.mark.parametrize(
    ("rule", "phase", "goes_on"),
    [
        (ContinueOn(failed=True), F, True),
        (ContinueOn(failed=True), E, False),
        (ContinueOn(error=True), E, True),
        (ContinueOn(error=True), F, False),
        (ContinueOn(failed=True, error=True), F, True),
    ],
)
def test_steps_go_on_after_a_failure_that_continue_on_covers(rule, phase, goes_on):  # ST-03
    starter = _steps([Call("a", "t", continue_on=rule)], ["b"])
    starter.end("a", phase)
    assert starter.running == (["b"] if goes_on else [])


def test_continue_on_of_one_step_does_not_cover_its_sibling():
    starter = _steps([Call("a", "t", continue_on=ContinueOn(failed=True)), "b"], ["c"])
    starter.end("a", F)
    starter.end("b", F)
    assert starter.ended == (F, "step 'b' ended Failed")


@pytest.mark.parametrize("groups", [[], [[]], [[], []]])
def test_steps_without_members_succeed_at_once(groups):
    assert _steps(*groups).ended == (S, "")


def test_empty_groups_are_passed_over():
    starter = _steps([], ["a"], [], ["b"], [])
    assert starter.name_of("a") == "wf[1].a"
    starter.end("a")
    starter.end("b")
    assert starter.ended == (S, "")


def test_parallelism_of_steps_limits_active_children():
    starter = _steps(["a", "b", "c", "d"], parallelism=2)
    assert starter.running == ["a", "b"]
    starter.end("b")
    assert starter.running == ["a", "c"]
    starter.end("a", F)
    assert starter.running == ["c", "d"]
    starter.end("c")
    starter.end("d")
    assert starter.ended == (F, "step 'a' ended Failed")


def test_steps_that_are_stopped_start_nothing_more():
    starter = _steps(["a", "b", "c"], ["d"], parallelism=2)
    starter.stopping = "stopped"
    starter.end("a", F)
    assert starter.ended is None
    starter.end("b", F)
    assert starter.started == ["a", "b"]
    assert starter.ended == (F, "stopped")


# -- DAG --------------------------------------------------------------------------------------------------------------


def test_a_task_starts_when_all_it_depends_on_is_done():  # DG-02
    starter = _dag(_task("c", "a", "b"), _task("a"), _task("b"))
    assert starter.running == ["a", "b"]
    starter.end("a")
    assert starter.running == ["b"]
    starter.end("b")
    assert starter.running == ["c"]
    assert starter.name_of("c") == "wf.c"
    starter.end("c")
    assert starter.ended == (S, "")


def test_branches_do_not_wait_for_each_other():
    starter = _dag(_task("a"), _task("b"), _task("a2", "a"), _task("b2", "b"))
    starter.end("a")
    assert starter.running == ["a2", "b"]


def test_a_dependency_that_is_named_twice_counts_once():
    starter = _dag(_task("a"), _task("b", "a", "a"))
    starter.end("a")
    assert starter.running == ["b"]


def test_a_skipped_dependency_fulfils():  # DG-01
    starter = _dag(_task("a"), _task("b", "a"))
    starter.end("a", SKIPPED)
    assert starter.running == ["b"]


@pytest.mark.parametrize("phase", [F, E])
def test_a_task_after_a_failure_is_omitted_and_the_dag_has_the_phase_of_the_failure(phase):  # DG-01, DG-05
    starter = _dag(_task("a"), _task("b", "a"))
    starter.end("a", phase)
    assert starter.omitted == [("b", f"task 'a' ended {phase}")]
    assert starter.started == ["a"]
    assert starter.ended == (phase, f"task 'a' ended {phase}")


def test_omission_goes_down_the_branch_and_its_leaf_makes_the_dag_fail():  # DG-05
    starter = _dag(_task("a"), _task("b", "a"), _task("c", "b"), _task("d", "c"))
    starter.end("a", F)
    assert [name for name, _ in starter.omitted] == ["b", "c", "d"]
    assert starter.ended == (F, "task 'a' ended Failed")


def test_tasks_that_run_are_awaited_after_a_failure():  # DG-06
    starter = _dag(_task("a"), _task("b"), _task("b2", "b"))
    starter.end("a", F)
    assert starter.ended is None
    starter.end("b")
    assert starter.running == ["b2"]
    starter.end("b2")
    assert starter.ended == (F, "task 'a' ended Failed")


def test_continue_on_of_a_task_lets_its_successor_run():  # DG-01
    starter = _dag(_task("a", continue_on=ContinueOn(failed=True)), _task("b", "a"))
    starter.end("a", F)
    assert starter.running == ["b"]
    starter.end("b")
    assert starter.ended == (S, "")


def test_continue_on_of_a_target_keeps_the_dag_from_failing():  # DG-05
    starter = _dag(_task("a"), _task("b", continue_on=ContinueOn(failed=True)))
    starter.end("a")
    starter.end("b", F)
    assert starter.ended == (S, "")


def test_a_later_success_overrides_an_earlier_failure_on_its_branch():  # DG-05
    """a failed but b goes on after it; b's own success is the target's phase."""
    starter = _dag(_task("a", continue_on=ContinueOn(failed=True)), _task("b", "a"), _task("c", "b"))
    for name, phase in (("a", F), ("b", S), ("c", S)):
        starter.end(name, phase)
    assert starter.ended == (S, "")


def test_a_skipped_target_takes_the_phase_of_its_branch():  # DG-05
    starter = _dag(_task("a"), _task("b", "a"))
    starter.end("a")
    starter.end("b", SKIPPED)
    assert starter.ended == (S, "")


def test_a_join_of_a_failed_and_a_good_branch_is_omitted():
    starter = _dag(_task("a"), _task("b"), _task("c", "a", "b"))
    starter.end("a", F)
    assert starter.omitted == []
    starter.end("b")
    assert starter.omitted == [("c", "task 'a' ended Failed")]
    assert starter.ended == (F, "task 'a' ended Failed")


def test_error_wins_over_failure():
    starter = _dag(_task("a"), _task("b"))
    starter.end("a", F)
    starter.end("b", E)
    assert starter.ended == (E, "task 'b' ended Error")


def test_a_dag_without_tasks_succeeds():
    assert _dag().ended == (S, "")


def test_parallelism_of_a_dag_limits_active_children():
    starter = _dag(_task("a"), _task("b"), _task("a2", "a"), parallelism=1)
    assert starter.running == ["a"]
    starter.end("a")
    assert starter.running == ["b"]
    starter.end("b")
    assert starter.running == ["a2"]
    starter.end("a2")
    assert starter.ended == (S, "")


def test_a_dag_that_is_stopped_starts_nothing_more():
    starter = _dag(_task("a"), _task("b"), _task("a2", "a"))
    starter.stopping = "stopped"
    starter.end("a", F)
    starter.end("b", F)
    assert starter.started == ["a", "b"]
    assert starter.ended == (F, "stopped")
