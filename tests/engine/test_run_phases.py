"""How nodes and workflows end, from graphs that really run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dflow.engine.model import (
    Call,
    ContinueOn,
    DagTemplate,
    InputParameter,
    Inputs,
    Literal,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    ScriptTemplate,
    StepsTemplate,
    Text,
    WorkflowGraph,
)
from dflow.engine.phase import Phase


def _gone(pid, seconds=2.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def templates(shell):
    return shell("ok", "exit 0"), shell("bad", "exit 3")


def test_a_good_run_says_so_everywhere(runner, steps, templates):
    result = runner.go(steps(Call("a", "ok"), templates=templates))
    assert (result.phase, result.failures) == (Phase.SUCCEEDED, ())
    assert runner.status == "Succeeded"
    assert runner.phases == {"": "Succeeded", "[0].a": "Succeeded"}
    place = runner.directory("[0].a")
    assert (place / "phase").read_text() == "Succeeded"
    assert (place / "type").read_text() == "Pod"
    assert runner.layout.type.read_text() == "Steps"


def test_the_type_of_a_dag_run_is_dag(runner, dag, templates):
    runner.go(dag(Call("a", "ok"), templates=templates))
    assert runner.layout.type.read_text() == "DAG"
    assert runner.nodes[""]["type"] == "DAG"


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ("exit 1", 1, "exit code 1"),
        ("./data", 126, "exit code 126 (the program cannot be executed)"),
        ("no-such-command", 127, "exit code 127 (no such command)"),
        ("kill -9 $$", 137, "exit code 137 (killed, probably out of memory)"),
        ("kill -15 $$", 143, "exit code 143 (terminated)"),
    ],
)
def test_a_program_that_fails_makes_its_node_failed(runner, steps, shell, script, code, message):  # PH-03
    result = runner.go(steps(Call("a", "t"), templates=[shell("t", f"touch data\n{script}")]))
    record = runner.record("[0].a")
    assert (record["phase"], record["exitCode"], record["message"]) == ("Failed", code, message)
    assert [node.display for node in result.failures] == ["a"]
    assert runner.phases[""] == runner.status == "Failed"


def test_a_program_that_cannot_start_makes_its_node_error(runner, steps):  # PH-03
    template = ScriptTemplate("t", "container", None, pod=Pod(command=("/no/such/program",)))
    runner.go(steps(Call("a", "t"), templates=[template]))
    assert runner.phases["[0].a"] == "Error"
    assert runner.nodes["[0].a"]["message"] == "cannot start '/no/such/program': No such file or directory"


def test_a_missing_output_file_makes_the_node_error_and_the_group_failed(runner, steps, shell):  # PH-07, ST-02
    outputs = Outputs((OutputParameter("x", path="/tmp/x"),), (OutputArtifact("f", path="/tmp/f"),))
    runner.go(steps(Call("a", "t"), templates=[shell("t", "exit 0", outputs=outputs)]))
    node = runner.nodes["[0].a"]
    assert (node["phase"], node["exitCode"]) == ("Error", 0)
    assert "output parameter 'x': the program wrote no /tmp/x, and there is no default" in node["message"]
    assert "output artifact 'f': the program made no /tmp/f" in node["message"]
    assert runner.phases[""] == runner.status == "Failed"


def test_outputs_of_a_program_that_failed_are_collected(runner, steps, shell):  # OU-03
    outputs = Outputs((OutputParameter("x", path="/tmp/x"), OutputParameter("y", path="/tmp/y")))
    runner.go(steps(Call("a", "t"), templates=[shell("t", "echo 7 > /tmp/x; exit 1", outputs=outputs)]))
    assert runner.phases["[0].a"] == "Failed"
    assert (runner.directory("[0].a") / "outputs" / "parameters" / "x").read_text() == "7"


def test_an_output_that_cannot_be_read_does_not_hide_why_the_program_failed(runner, steps, shell):  # OU-03
    outputs = Outputs((OutputParameter("x", path="/tmp/x"), OutputParameter("y", path="/tmp/y")))
    runner.go(steps(Call("a", "t"), templates=[shell("t", "mkdir /tmp/x; echo 7 > /tmp/y; exit 3", outputs=outputs)]))
    assert (runner.phases["[0].a"], runner.nodes["[0].a"]["message"]) == ("Failed", "exit code 3")
    assert (runner.directory("[0].a") / "outputs" / "parameters" / "y").read_text() == "7"


def test_an_output_that_cannot_be_read_is_an_error_after_a_success(runner, steps, shell):  # PH-03
    outputs = Outputs((OutputParameter("x", path="/tmp/x"),))
    runner.go(steps(Call("a", "t"), templates=[shell("t", "mkdir /tmp/x", outputs=outputs)]))
    assert runner.phases["[0].a"] == "Error"
    assert runner.nodes["[0].a"]["message"].endswith("/tmp/x: Is a directory")


def test_a_skipped_step_has_no_directory_and_counts_as_success(runner, steps, templates):  # PH-05
    runner.go(steps(Call("a", "bad", when=Literal("1 == 2")), Call("b", "ok"), templates=templates))
    assert runner.phases == {"": "Succeeded", "[0].a": "Skipped", "[1].b": "Succeeded"}
    assert runner.nodes["[0].a"]["type"] == "Skipped"
    assert "dir" not in runner.nodes["[0].a"]


def test_a_when_of_a_skipped_step_is_all_that_is_resolved(wrong, steps, templates):  # WH-05
    call = Call("a", "ok", when=Literal("1 == 2"), parameters=(("x", Ref("steps.nobody.outputs.parameters.x")),))
    wrong.go(steps(call, templates=templates))
    assert wrong.phases["[0].a"] == "Skipped"


def test_a_when_can_name_what_came_before(runner, steps, shell):
    one = shell("one", "echo 1 > /tmp/x", outputs=Outputs((OutputParameter("x", path="/tmp/x"),)))
    when = "{{steps.a.outputs.parameters.x}} == "
    runner.go(
        steps(
            Call("a", "one"),
            (Call("yes", "one", when=Text(when + "1")), Call("no", "one", when=Text(when + "2"))),
            templates=[one],
        )
    )
    assert (runner.phases["[1].yes"], runner.phases["[1].no"]) == ("Succeeded", "Skipped")


def test_a_name_that_is_not_known_makes_the_node_error(wrong, steps, shell):  # ST-05
    template = shell("t", "exit 0", inputs=Inputs((InputParameter("x"),)))
    call = Call("a", "t", parameters=(("x", Ref("steps.nobody.outputs.parameters.x")),))
    wrong.go(steps(call, Call("b", "t"), templates=[template]))
    assert wrong.phases == {"": "Error", "[0].a": "Error"}
    assert "'steps.nobody.outputs.parameters.x' is not known here" in wrong.nodes["[0].a"]["message"]


def test_later_groups_get_no_nodes_after_a_failure(runner, steps, templates):  # ST-02
    runner.go(steps((Call("a", "bad"), Call("b", "ok")), Call("c", "ok"), templates=templates))
    assert runner.phases == {"": "Failed", "[0].a": "Failed", "[0].b": "Succeeded"}


def test_continue_on_lets_the_workflow_go_on_and_succeed(runner, steps, templates):  # ST-03
    result = runner.go(
        steps(Call("a", "bad", continue_on=ContinueOn(failed=True)), Call("b", "ok"), templates=templates)
    )
    assert result.phase is Phase.SUCCEEDED
    assert runner.phases["[0].a"] == "Failed"


def test_a_task_after_a_failed_one_is_omitted(runner, dag, templates):  # DG-01, DG-05
    runner.go(dag(Call("a", "bad"), Call("b", "ok", dependencies=("a",)), Call("c", "ok"), templates=templates))
    assert runner.phases == {"": "Failed", ".a": "Failed", ".b": "Omitted", ".c": "Succeeded"}
    assert runner.nodes[".b"]["type"] == "Skipped"


def test_the_phase_of_a_dag_with_an_error_is_error(runner, dag, shell):  # DG-05
    missing = shell("t", "exit 0", outputs=Outputs((OutputParameter("x", path="/tmp/x"),)))
    runner.go(dag(Call("a", "t"), templates=[missing]))
    assert runner.phases == {"": "Error", ".a": "Error"}
    assert runner.status == "Error"


def test_a_group_with_an_error_of_its_own_is_among_the_failures(runner, steps, shell):
    """Also when a sibling that failed before has a name that begins like the group's."""
    inner = StepsTemplate(
        "inner",
        ((Call("wait", "wait"),), (Call("never", "give", when=Literal("1 == 2")),)),
        outputs=Outputs((OutputParameter("y", source=Ref("steps.never.outputs.parameters.x")),)),
    )
    give = shell("give", "exit 0", outputs=Outputs((OutputParameter("x", path="/tmp/x"),)))
    templates = [inner, give, shell("wait", "sleep 0.1"), shell("bad", "exit 1")]
    result = runner.go(steps((Call("ab", "bad"), Call("a", "inner")), templates=templates))
    assert [node.display for node in result.failures] == ["ab", "a"]


def test_a_group_that_fails_because_of_a_child_is_not_blamed(runner, steps, shell):
    inner = StepsTemplate("inner", ((Call("s", "bad"),),))
    result = runner.go(steps(Call("a", "inner"), templates=[inner, shell("bad", "exit 1")]))
    assert [node.name for node in result.failures] == ["wf-1[0].a[0].s"]


def test_steps_inside_a_dag_inside_steps(runner, steps, shell):
    inputs, outputs = Inputs((InputParameter("x"),)), Outputs((OutputParameter("y", path="/tmp/y"),))
    leaf = shell("leaf", "echo {{inputs.parameters.x}}1 > /tmp/y", inputs=inputs, outputs=outputs)
    given = (("x", Ref("inputs.parameters.x")),)

    def up(prefix):
        return Outputs((OutputParameter("y", source=Ref(f"{prefix}.outputs.parameters.y")),))

    inner = StepsTemplate("inner", ((Call("s", "leaf", given),),), inputs, up("steps.s"))
    chain = (("x", Ref("tasks.t.outputs.parameters.y")),)
    middle = DagTemplate(
        "middle",
        (Call("t", "inner", given), Call("u", "inner", chain, dependencies=("t",))),
        inputs,
        up("tasks.u"),
    )
    outer = steps(Call("d", "middle", (("x", Literal("0")),)), templates=[leaf, inner, middle], outputs=up("steps.d"))
    runner.go(outer)
    assert runner.phases == dict.fromkeys(
        ["", "[0].d", "[0].d.t", "[0].d.t[0].s", "[0].d.u", "[0].d.u[0].s"], "Succeeded"
    )
    assert runner.nodes[""]["outputs"]["parameters"]["y"]["value"] == "011"
    assert {runner.nodes[n]["type"] for n in ("[0].d", "[0].d.t", "[0].d.t[0].s")} == {"DAG", "Steps", "Pod"}


def test_a_thousand_nested_templates_need_no_deep_stack(runner, shell):
    depth = 1000
    inputs = Inputs((InputParameter("x"),))
    given = (("x", Ref("inputs.parameters.x")),)
    groups = [StepsTemplate(f"t{n:04}", ((Call("s", f"t{n + 1:04}", given),),), inputs) for n in range(depth)]
    leaf = shell(f"t{depth:04}", "test {{inputs.parameters.x}} = deep", inputs=inputs)
    result = runner.go(WorkflowGraph("wf", "t0000", (*groups, leaf), parameters=(("x", "deep"),)))
    assert result.phase is Phase.SUCCEEDED
    assert len(runner.phases) == depth + 1
    assert set(runner.phases.values()) == {"Succeeded"}


def test_a_failure_a_thousand_templates_deep_comes_up(runner, shell):
    depth = 1000
    groups = [DagTemplate(f"t{n:04}", (Call("s", f"t{n + 1:04}"),)) for n in range(depth)]
    result = runner.go(WorkflowGraph("wf", "t0000", (*groups, shell(f"t{depth:04}", "exit 1"))))
    assert result.phase is Phase.FAILED
    assert len(result.failures) == 1


def test_a_template_may_call_itself_until_a_when_is_false(runner, shell):
    name = "inputs.parameters.x"
    outputs = Outputs((OutputParameter("y", path="/tmp/y"),))
    less = shell(
        "less", f"echo $(({{{{{name}}}}} - 1)) > /tmp/y", inputs=Inputs((InputParameter("x"),)), outputs=outputs
    )
    left = Ref("steps.less.outputs.parameters.y")
    again = Call("again", "main", (("x", left),), when=Text("{{steps.less.outputs.parameters.y}} > 0"))
    main = StepsTemplate(
        "main", ((Call("less", "less", (("x", Ref(name)),)),), (again,)), Inputs((InputParameter("x"),))
    )
    runner.go(WorkflowGraph("wf", "main", (less, main), parameters=(("x", "3"),)))
    assert runner.status == "Succeeded"
    assert sorted(n for n, p in runner.phases.items() if p == "Skipped") == ["[1].again[1].again[1].again"]


# -- time limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["call", "template"])
def test_a_step_that_is_out_of_time_is_failed(runner, steps, shell, place):  # TM-01
    limit = Literal("0.2")
    template = shell("t", "sleep 30", pod=Pod(timeout=limit if place == "template" else None))
    runner.go(steps(Call("a", "t", timeout=limit if place == "call" else None), templates=[template]))
    assert runner.phases["[0].a"] == "Failed"
    assert runner.nodes["[0].a"]["message"] == "it was ended after its time limit of 0.2 s"


def test_a_timeout_ends_a_step_that_ignores_sigterm_and_its_background_child(runner, steps, shell):
    script = "trap '' TERM; (trap '' TERM; sleep 60) & echo $! $$ > pids; sleep 60; sleep 60"
    runner.go(steps(Call("a", "t", timeout=Literal("0.3")), templates=[shell("t", script)]))
    assert runner.phases["[0].a"] == "Failed"
    pids = (runner.directory("[0].a") / "workdir" / "pids").read_text().split()
    assert len(pids) == 2
    assert all(_gone(pid) for pid in pids)


@pytest.mark.parametrize("limit", ["0", "-1", "soon", "", "nan"])
def test_a_timeout_that_is_no_positive_number_is_an_error(wrong, steps, shell, limit):
    wrong.go(steps(Call("a", "t", timeout=Literal(limit)), templates=[shell("t", "exit 0")]))
    assert wrong.phases["[0].a"] == "Error"
    assert f"the timeout of 'a' is {limit!r}" in wrong.nodes["[0].a"]["message"]
