"""``outputs.result``: what programs print, for those who ask (OU-01, LP-04)."""

from __future__ import annotations

import threading
import time

import pytest
from dflow.engine.model import (
    Call,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    ScriptTemplate,
    StepsTemplate,
    Text,
    WorkflowGraph,
)
from dflow.engine.runner import run
from dflow.executors import make_executor

SEEN = Outputs((OutputParameter("r", source=Ref("steps.a.outputs.result"), global_name="r"),))


@pytest.fixture
def printed(argo, steps, shell):
    """Run a script as the step ``a``; its result."""

    def run_it(script, **fields):
        argo.go(steps(Call("a", "a"), templates=[shell("a", script, result=True, **fields)], outputs=SEEN))
        return argo.outputs()["parameters"].get("r")

    return run_it


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("echo hello", "hello"),
        ("echo hello; echo; echo", "hello\n\n"),
        ("printf 'a\\nb'", "a\nb"),
        ("true", ""),
        ("echo out; echo err >&2", "out"),
        ("printf 'ä€'", "ä€"),
        ("echo '{{steps.x}}'", "{{steps.x}}"),
    ],
)
def test_the_result_is_standard_output_without_one_newline(printed, script, result):
    assert printed(script) == result


def test_of_much_the_end_is_kept(printed, argo):
    text = printed("yes abcdefg | head -c 1000000; echo end")
    assert len(text) == 256 * 1024
    assert text.endswith("abcdefg\nend")
    assert argo.directory("[0].a").joinpath("log.txt").stat().st_size == 1000004


def test_the_log_has_both_streams_while_the_program_runs(argo, steps, shell):
    graph = steps(Call("a", "a"), templates=[shell("a", "echo out; echo err >&2; sleep 2; echo late", result=True)])
    argo.create(graph)
    thread = threading.Thread(target=run, args=(argo.layout, make_executor))
    thread.start()
    text, deadline = "", time.time() + 1.8
    while not {"out\n", "err\n"} <= set(text.splitlines(keepends=True)) and time.time() < deadline:
        time.sleep(0.02)
        text = "".join(p.read_text() for p in argo.layout.root.glob("*/log.txt"))
    thread.join()
    assert sorted(text.split()) == ["err", "out"]
    place = argo.directory("[0].a")
    assert sorted(place.joinpath("log.txt").read_text().split()) == ["err", "late", "out"]
    assert not place.joinpath(".stdout").exists()


def test_a_program_that_fails_has_a_result_too(argo, steps, shell):  # OU-03
    argo.go(steps(Call("a", "a"), templates=[shell("a", "echo why; exit 3", result=True)]))
    assert argo.nodes["[0].a"]["exitCode"] == 3
    assert argo.directory("[0].a").joinpath("outputs", "result").read_text() == "why"


def test_a_program_that_is_not_there_is_an_error_as_without_a_result(argo, steps):
    template = ScriptTemplate("a", "container", None, ("x",), pod=Pod(command=("no-such-program",)), result=True)
    assert str(argo.go(steps(Call("a", "a"), templates=[template])).phase) == "Failed"
    assert argo.phases["[0].a"] == "Error"
    assert argo.nodes["[0].a"]["message"] == "cannot start 'no-such-program': there is no such program"


def test_a_time_limit_ends_a_program_whose_output_is_kept(argo, steps, shell):
    template = shell("a", "echo begun; sleep 30", result=True, pod=Pod(timeout=Literal("0.5")))
    began = time.time()
    argo.go(steps(Call("a", "a"), templates=[template]))
    assert argo.phases["[0].a"] == "Failed"
    assert time.time() - began < 10
    assert argo.directory("[0].a").joinpath("log.txt").read_text() == "begun\n"


def test_the_result_of_a_loop_is_the_list_of_those_that_succeeded_in_order(argo, steps, shell):  # LP-04
    n = Inputs((InputParameter("n"),))
    script = "sleep 0.$((3 - {{inputs.parameters.n}})); echo '{{inputs.parameters.n}}'"
    call = Call("a", "a", (("n", Ref("item")),), loop=Loop(Literal("[0, 1, 2]")), when=Text("{{item}} != 1"))
    argo.go(steps(call, templates=[shell("a", script, inputs=n, result=True)], outputs=SEEN))
    assert argo.outputs()["parameters"]["r"] == "[0,2]"


def test_the_results_of_a_loop_are_json_values(argo, steps, shell):
    n = Inputs((InputParameter("n"),))
    items = Literal('["1.50", "{\\"a\\": 1}", "\\"w\\"", "null"]')
    call = Call("a", "a", (("n", Ref("item")),), loop=Loop(items))
    script = "cat <<'END'\n{{inputs.parameters.n}}\nEND"
    argo.go(steps(call, templates=[shell("a", script, inputs=n, result=True)], outputs=SEEN))
    assert argo.outputs()["parameters"]["r"] == '[1.50,{"a":1},"w",null]'


def test_a_plain_word_in_the_results_of_a_loop_is_an_error(argo, steps, shell):  # LP-04
    call = Call("a", "a", loop=Loop(Literal("[0]")))
    result = argo.go(steps(call, templates=[shell("a", "echo word", result=True)], outputs=SEEN))
    assert str(result.phase) == "Failed"
    assert "'a(0:0)' printed 'word'" in result.failures[0].message


def test_a_loop_without_success_has_an_empty_list(argo, steps, shell):  # LP-05
    call = Call("a", "a", loop=Loop(Literal("[0, 1]")), when=Text("{{item}} == 7"))
    argo.go(steps(call, templates=[shell("a", "echo 1", result=True)], outputs=SEEN))
    assert argo.outputs()["parameters"]["r"] == "[]"


def test_the_result_of_a_skipped_step_is_absent(argo, steps, shell):  # OU-05
    absent = Outputs(
        (OutputParameter("r", source=Ref("steps.a.outputs.result"), default=Literal("none"), global_name="r"),)
    )
    call = Call("a", "a", when=Text("1 == 2"))
    argo.go(steps(call, templates=[shell("a", "echo 1", result=True)], outputs=absent))
    assert argo.outputs()["parameters"]["r"] == "none"


def test_a_resume_has_the_result_of_a_step_that_it_does_not_repeat(argo, steps, shell):
    n = Inputs((InputParameter("n"),))
    templates = [
        shell("a", "date +%s%N", result=True),
        shell("b", "test -e ../../ok && echo {{inputs.parameters.n}}", inputs=n),
    ]
    use = Call("b", "b", (("n", Ref("steps.a.outputs.result")),))
    argo.go(steps(Call("a", "a"), use, templates=templates, outputs=SEEN))
    assert argo.status == "Failed"
    first = argo.directory("[0].a").joinpath("outputs", "result").read_text()
    argo.layout.root.joinpath("ok").touch()
    argo.go(again=lambda node: node.phase.is_failure)
    assert argo.status == "Succeeded"
    assert argo.outputs()["parameters"]["r"] == first
    assert argo.directory("[1].b").joinpath("log.txt").read_text() == f"{first}\n"


def test_the_results_of_recursion_decide_its_end(argo, shell):
    n = Inputs((InputParameter("n"),))
    count = shell("count", "echo $(({{inputs.parameters.n}} + 1))", inputs=n, result=True)
    again = Call(
        "again",
        "loop",
        (("n", Ref("steps.count.outputs.result")),),
        when=Text("{{steps.count.outputs.result}} < 4"),
    )
    loop = StepsTemplate("loop", ((Call("count", "count", (("n", Ref("inputs.parameters.n")),)),), (again,)), inputs=n)
    argo.go(WorkflowGraph("wf", "loop", (count, loop), (("n", "0"),)))
    assert argo.status == "Succeeded"
    assert [name for name in argo.phases if name.endswith("count")] == [f"{'[1].again' * i}[0].count" for i in range(4)]
