"""Where the steps of a run live, and that they never meet."""

from __future__ import annotations

import logging
import stat
import threading
import time

import pytest
from dflow.engine.errors import StateError
from dflow.engine.model import (
    Call,
    Expr,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    StepsTemplate,
    Text,
)

X_IN = Inputs((InputParameter("x", path="/tmp/in"),))
XY_OUT = Outputs((OutputParameter("y", path="/tmp/out"),), (OutputArtifact("f", path="/tmp/file"),))


def _calls(count, template, **fields):
    return tuple(Call(f"s{n}", template, (("x", Literal(str(n))),), **fields) for n in range(count))


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_names_the_directory(runner, steps, shell):
    runner.go(steps(Call("a", "t", key=Literal("my-key")), templates=[shell("t", "exit 0")]))
    assert runner.nodes["[0].a"]["dir"] == runner.nodes["[0].a"]["key"] == "my-key"
    assert (runner.layout.root / "my-key" / "phase").read_text() == "Succeeded"


def test_a_key_may_hold_values_that_are_known_when_the_step_starts(runner, steps, shell):
    make = shell("make", "echo 7 > /tmp/out", outputs=Outputs((OutputParameter("y", path="/tmp/out"),)))
    key = Text("iter-{{steps.a.outputs.parameters.y}}--b")
    runner.go(steps(Call("a", "make"), Call("b", "make", key=key), templates=[make]))
    assert runner.nodes["[1].b"]["dir"] == "iter-7--b"


def test_a_key_from_a_parameter_of_the_template(runner, steps, shell):
    inputs = Inputs((InputParameter("k"),))
    inner = StepsTemplate("inner", ((Call("s", "leaf", key=Text("{{inputs.parameters.k}}-leaf")),),), inputs)
    call = Call("a", "inner", (("k", Literal("round-1")),), key=Literal("round-1"))
    runner.go(steps(call, templates=[inner, shell("leaf", "exit 0")]))
    assert runner.nodes["[0].a[0].s"]["dir"] == "round-1-leaf"
    assert (runner.layout.root / "round-1" / "phase").read_text() == "Succeeded"
    assert (runner.layout.root / "round-1" / "type").read_text() == "Steps"


def test_two_steps_with_the_same_key_have_two_directories_and_a_warning(runner, steps, shell, caplog):
    calls = (Call("a", "t", key=Literal("k")), Call("b", "t", key=Literal("k")))
    with caplog.at_level(logging.WARNING, "dflow"):
        runner.go(steps(calls, templates=[shell("t", "exit 0")]))
    first, second = runner.nodes["[0].a"], runner.nodes["[0].b"]
    assert first["dir"] == "k"
    assert second["dir"].startswith("k-")
    assert second["key"] == "k"
    assert caplog.messages == [
        f"steps 'wf-1[0].a' and 'wf-1[0].b' have the same key 'k'; the second one's directory is '{second['dir']}'"
    ]


def test_many_copies_of_one_key_have_one_warning_and_their_number(runner, steps, shell, caplog):
    loop = Loop(Literal("[1, 2, 3, 4, 5]"))
    with caplog.at_level(logging.WARNING, "dflow"):
        runner.go(steps(Call("a", "t", key=Literal("k"), loop=loop), templates=[shell("t", "exit 0")]))
    assert runner.status == "Succeeded"
    first, number = caplog.messages
    assert "have the same key 'k'; the second one's directory is 'k-" in first
    assert number == "5 steps have the key 'k', each in a directory of its own"


def test_many_copies_with_keys_that_are_no_names_have_one_warning_and_their_number(runner, steps, shell, caplog):
    loop = Loop(Literal('[{"order": 0}, {"order": 1}, {"order": 2}]'))
    with caplog.at_level(logging.WARNING, "dflow"):
        runner.go(steps(Call("a", "t", key=Text("k-{{item}}"), loop=loop), templates=[shell("t", "exit 0")]))
    first, number = caplog.messages
    assert first.endswith("; {{item}} has several fields in this loop: {{item.order}} is the number")
    assert number == "3 steps 'a' have keys that cannot name a directory here"


def test_a_reserved_key_gets_another_directory_and_a_warning(runner, steps, shell, caplog):
    with caplog.at_level(logging.WARNING, "dflow"):
        runner.go(steps(Call("a", "t", key=Literal("status")), templates=[shell("t", "exit 0")]))
    assert runner.status == "Succeeded"
    assert runner.nodes["[0].a"]["dir"].startswith("status-")
    assert "the key 'status' of step 'wf-1[0].a' cannot name a directory here" in caplog.text


@pytest.mark.parametrize("key", ["", "a\nb", "a\x1b[2J", "k" * 254])
def test_a_key_that_nobody_could_name_is_an_error(wrong, steps, shell, key):
    wrong.go(steps(Call("a", "t", key=Literal(key)), templates=[shell("t", "exit 0")]))
    assert wrong.phases["[0].a"] == "Error"
    assert "of 'a' must have 1 to 253 printable characters" in wrong.nodes["[0].a"]["message"]


@pytest.mark.parametrize("key", ["Iter_0--train", "a-", "9..x"])
def test_a_computed_key_that_can_name_a_directory_does_so(runner, steps, shell, key):
    runner.go(steps(Call("a", "t", key=Expr(f"'{key}'")), templates=[shell("t", "exit 0")]))
    assert (runner.nodes["[0].a"]["key"], runner.nodes["[0].a"]["dir"]) == (key, key)


@pytest.mark.parametrize(
    ("key", "begins"),
    [("confs/std-fcc--make", "confs-std-fcc--make-"), ("../x", "x-"), (".hidden", "hidden-"), ("ü", "key-")],
)
def test_a_computed_key_that_is_no_file_name_stays_the_key_and_its_directory_has_a_hash(
    runner, steps, shell, key, begins, caplog
):
    with caplog.at_level(logging.WARNING, "dflow"):
        runner.go(steps(Call("a", "t", key=Expr(f"'{key}'")), templates=[shell("t", "exit 0")]))
    node = runner.nodes["[0].a"]
    assert (runner.status, node["key"]) == ("Succeeded", key)
    assert node["dir"].startswith(begins)
    assert "/" not in node["dir"]
    assert f"the key {key!r} of step 'wf-1[0].a' cannot name a directory here" in caplog.text


# -- declared paths ---------------------------------------------------------------------------------------------------


def test_parallel_steps_with_the_same_declared_paths_never_meet(runner, steps, shell):
    runner.settings = {"pool_workers": 20}
    script = "test ! -e /tmp/out && cp /tmp/in /tmp/out; sleep 0.05; cat /tmp/in > /tmp/file"
    runner.go(steps(_calls(20, "t"), templates=[shell("t", script, inputs=X_IN, outputs=XY_OUT)]))
    assert runner.status == "Succeeded"
    for number in range(20):
        place = runner.directory(f"[0].s{number}")
        assert (place / "outputs" / "parameters" / "y").read_text() == str(number)
        assert (place / "outputs" / "artifacts" / "f").read_text() == str(number)


def test_names_of_paths_give_the_place_in_the_step(runner, steps, shell):
    script = "cp {{inputs.parameters.x.path}} {{outputs.parameters.y.path}}; touch {{outputs.artifacts.f.path}}"
    runner.go(steps(_calls(1, "t"), templates=[shell("t", script, inputs=X_IN, outputs=XY_OUT)]))
    assert (runner.directory("[0].s0") / "outputs" / "parameters" / "y").read_text() == "0"


def test_a_value_that_looks_like_a_declared_path_is_not_changed(runner, steps, shell):
    inputs = Inputs((InputParameter("x"),))
    template = shell(
        "t", "printf %s '{{inputs.parameters.x}}' > /tmp/out", inputs=inputs, outputs=Outputs((XY_OUT.parameters[0],))
    )
    runner.go(steps(Call("a", "t", (("x", Literal("/tmp/out")),)), templates=[template]))
    assert (runner.directory("[0].a") / "outputs" / "parameters" / "y").read_text() == "/tmp/out"


def test_paths_in_arguments_and_variables_are_moved_too(runner, steps):
    from dflow.engine.model import ScriptTemplate

    pod = Pod(command=("sh", "-c"), env=(("TARGET", "/tmp/out"),))
    outputs = Outputs((OutputParameter("y", path="/tmp/out"), OutputParameter("z", path="/tmp/z")))
    template = ScriptTemplate("t", "container", None, ("echo 1 > $TARGET; echo 2 > /tmp/z",), outputs=outputs, pod=pod)
    runner.go(steps(Call("a", "t"), templates=[template]))
    place = runner.directory("[0].a") / "outputs" / "parameters"
    assert [(place / n).read_text() for n in "yz"] == ["1", "2"]


def test_temporary_files_are_made_in_the_step(runner, steps, shell):
    runner.go(steps(Call("a", "t"), templates=[shell("t", 'touch "$(mktemp)" && ls')]))
    assert (runner.directory("[0].a") / "log.txt").read_text().startswith("tmp.")


@pytest.mark.parametrize("id_", ["my run", "it's", "a$b(c)", "été"])
def test_a_run_directory_whose_name_needs_quotes_works(runner, steps, shell, id_):
    runner.id = id_
    script = "cp /tmp/in /tmp/out; cat < '/tmp/in' > \"/tmp/file\""
    runner.go(steps(_calls(2, "t"), templates=[shell("t", script, inputs=X_IN, outputs=XY_OUT)]))
    assert runner.status == "Succeeded"
    assert (runner.directory("[0].s1") / "outputs" / "artifacts" / "f").read_text() == "1"


def test_a_run_below_a_directory_with_a_space_works(runner, steps, shell, tmp_path):
    runner.folder = tmp_path / "my runs"
    runner.go(
        steps(
            _calls(1, "t"), templates=[shell("t", "cp /tmp/in /tmp/out; touch /tmp/file", inputs=X_IN, outputs=XY_OUT)]
        )
    )
    assert runner.status == "Succeeded"


# -- files of a run ---------------------------------------------------------------------------------------------------


def test_the_log_grows_while_the_step_runs(runner, steps, shell, tmp_path):
    script = f"echo one; until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo two"
    graph = steps(Call("a", "t", key=Literal("a")), templates=[shell("t", script)])
    thread = threading.Thread(target=runner.go, args=(graph,))
    thread.start()
    log = runner.layout.root / "a" / "log.txt"
    end = time.monotonic() + 5
    while time.monotonic() < end and not (log.exists() and log.read_text()):
        time.sleep(0.01)
    seen = log.read_text()
    (tmp_path / "go").touch()
    thread.join()
    assert seen == "one\n"
    assert log.read_text() == "one\ntwo\n"


def test_the_engines_own_files_are_private(runner, steps, shell):
    runner.go(steps(Call("a", "t"), templates=[shell("t", "exit 0")]))
    layout = runner.layout
    assert stat.S_IMODE(layout.private.stat().st_mode) == 0o700
    files = [layout.graph, layout.settings, layout.journal, runner.directory("[0].a") / ".step"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 4


def test_no_temporary_file_and_no_empty_folder_is_left(runner, steps, shell):
    runner.go(steps(Call("a", "t"), templates=[shell("t", "exit 0")]))
    names = sorted(p.name for p in runner.directory("[0].a").iterdir())
    assert names == [".step", "log.txt", "phase", "script", "type", "workdir"]
    assert list(runner.layout.root.rglob("*.tmp")) == []


def test_the_script_of_a_step_runs_again_by_hand(runner, steps, shell):
    import subprocess

    runner.go(
        steps(
            _calls(1, "t"), templates=[shell("t", "cat /tmp/in; touch /tmp/file /tmp/out", inputs=X_IN, outputs=XY_OUT)]
        )
    )
    place = runner.directory("[0].s0")
    again = subprocess.run(["sh", "../script"], cwd=place / "workdir", capture_output=True, text=True, check=True)
    assert again.stdout == "0"


def test_an_id_that_is_there_already_is_refused(runner, steps, shell):
    graph = steps(Call("a", "t"), templates=[shell("t", "exit 0")])
    runner.create(graph)
    with pytest.raises(StateError, match=r"is there already: .* dflow resume wf-1"):
        runner.create(graph)


def test_siblings_see_ids_and_status(runner, steps, shell):
    show = shell("show", "echo '{{inputs.parameters.x}}'", inputs=Inputs((InputParameter("x"),)))
    text = Text("{{steps.a.id}} {{steps.a.status}} {{steps.a.exitCode}}")
    runner.go(steps(Call("a", "t"), Call("b", "show", (("x", text),)), templates=[shell("t", "exit 0"), show]))
    assert (runner.directory("[1].b") / "log.txt").read_text() == f"{runner.nodes['[0].a']['id']} Succeeded 0\n"


def test_a_value_of_the_caller_reaches_the_step_unchanged(runner, steps, shell):
    value = "a'b\"c\\n$HOME `id` {{x}} \n é"
    template = shell("t", "cat /tmp/in", inputs=X_IN)
    runner.go(steps(Call("a", "t", (("x", Literal(value)),)), templates=[template]))
    assert (runner.directory("[0].a") / "log.txt").read_text(encoding="utf-8") == value


def test_arguments_are_resolved_with_the_names_of_the_caller(runner, steps, shell):
    leaf = shell("leaf", "cat /tmp/in", inputs=X_IN)
    inner = StepsTemplate(
        "inner", ((Call("s", "leaf", (("x", Ref("inputs.parameters.y")),)),),), Inputs((InputParameter("y"),))
    )
    runner.go(steps(Call("a", "inner", (("y", Literal("v")),)), templates=[leaf, inner]))
    assert (runner.directory("[0].a[0].s") / "log.txt").read_text() == "v"
