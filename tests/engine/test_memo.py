"""Outputs kept under a key: which runs find them, and when they do not count (MM-01)."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from dflow.engine.model import (
    Call,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Ref,
    StepsTemplate,
    Text,
)

KEY = Text("k-{{inputs.parameters.n}}")
OUTPUTS = Outputs((OutputParameter("x", path="/tmp/x"),), (OutputArtifact("f", path="/tmp/f"),))


@pytest.fixture
def witness(tmp_path):
    """Which inputs there were runs for, in order."""
    file = tmp_path / "witness"
    return lambda: file.read_text().split() if file.exists() else []


@pytest.fixture
def leaf(shell, tmp_path):
    """A leaf with a key from its input; gives it as a parameter and in a file."""
    n = "{{inputs.parameters.n}}"
    return shell(
        "leaf",
        f"echo {n} >> {tmp_path}/witness; test {n} != bad || exit 1; echo {n} > /tmp/x; echo file-{n} > /tmp/f",
        inputs=Inputs((InputParameter("n"),)),
        outputs=OUTPUTS,
        memoize=KEY,
    )


@pytest.fixture
def go(runner, steps, leaf):
    """Run one step of the leaf in a run of this id; gives its node."""

    def run(run_id, n="1", template=leaf):
        runner.id = run_id
        runner.go(steps(Call("s", template.name, (("n", Literal(n)),)), templates=[template]))
        return runner.nodes["[0].s"]

    return run


def _entries(runner):
    return sorted(runner.layout.cache.iterdir())


def test_a_second_run_takes_the_outputs_and_runs_nothing(runner, go, witness):
    go("one")
    node = go("two")
    assert witness() == ["1"]
    assert (node["phase"], node["memoized"]) == ("Succeeded", "one")
    assert node["message"] == "its outputs were kept by one under memoize_key 'k-1'"
    directory = runner.directory("[0].s")
    assert (directory / "outputs/parameters/x").read_text() == "1"
    assert (directory / "outputs/artifacts/f").read_text() == "file-1\n"


def test_another_key_is_another_entry(runner, go, witness):
    go("one", "1")
    assert "memoized" not in go("two", "2")
    assert witness() == ["1", "2"]
    assert len(_entries(runner)) == 2


def test_the_same_key_of_another_template_is_another_entry(go, leaf, witness):
    go("one")
    go("two", template=replace(leaf, name="other"))
    assert witness() == ["1", "1"]


def test_what_failed_is_not_kept(runner, go, witness):
    go("one", "bad")
    go("two", "bad")
    assert witness() == ["bad", "bad"]
    assert not runner.layout.cache.exists()


def test_an_entry_whose_run_is_gone_does_not_count(runner, go, witness):
    go("one")
    shutil.rmtree(runner.layout.root)
    assert "memoized" not in go("two")
    assert witness() == ["1", "1"]
    assert go("three")["memoized"] == "two"


def test_an_entry_whose_artifact_was_changed_does_not_count(runner, go, witness):
    go("one")
    (runner.directory("[0].s") / "outputs/artifacts/f").write_text("something else")
    go("two")
    assert witness() == ["1", "1"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"key": "k-1"}', '{"template": "leaf", "key": "k-1", "artifacts": 3}']
)
def test_a_damaged_entry_does_not_count_and_is_replaced(runner, go, witness, text):
    go("one")
    (entry,) = _entries(runner)
    entry.write_text(text)
    go("two")
    assert witness() == ["1", "1"]
    assert json.loads(entry.read_text())["workflow"] == "two"


def test_entries_without_an_output_that_is_declared_now_do_not_count(go, leaf, witness):
    go("one", template=replace(leaf, outputs=Outputs(OUTPUTS.parameters)))
    go("two")
    assert witness() == ["1", "1"]


def test_entries_are_private_and_nothing_else_is_left(runner, go):
    go("one")
    (entry,) = _entries(runner)
    assert entry.stat().st_mode & 0o777 == 0o600
    assert entry.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("n", ["a_b", "a.b", "a/b", ""])
def test_a_key_that_a_cluster_would_refuse_is_an_error(go, leaf, witness, n):
    node = go("one", n, replace(leaf, memoize=Ref("inputs.parameters.n")))
    assert node["phase"] == "Error"
    assert "memoize_key of 'leaf' is" in node["message"]
    assert witness() == []


def test_copies_of_a_loop_have_their_own_entries(runner, steps, leaf, witness):
    call = Call("s", "leaf", (("n", Ref("item")),), loop=Loop(Literal('["1", "2"]')))
    for run_id in ("one", "two"):
        runner.id = run_id
        runner.go(steps(call, templates=[leaf], parallelism=1))
    assert witness() == ["1", "2"]
    assert [runner.nodes[f"[0].s({n})"]["memoized"] for n in ("0:1", "1:2")] == ["one", "one"]


def test_a_whole_template_is_kept(runner, steps, leaf, witness):
    call = Call("s", "leaf", (("n", Ref("inputs.parameters.n")),))
    outputs = Outputs((OutputParameter("x", source=Ref("steps.s.outputs.parameters.x")),))
    inner = StepsTemplate("inner", ((call,),), Inputs((InputParameter("n"),)), outputs, memoize=KEY)
    for run_id in ("one", "two"):
        runner.id = run_id
        runner.go(steps(Call("i", "inner", (("n", Literal("1")),)), templates=[inner, replace(leaf, memoize=None)]))
    assert witness() == ["1"]
    assert runner.nodes["[0].i"]["memoized"] == "one"
    assert runner.nodes["[0].i"]["outputs"]["parameters"]["x"]["value"] == "1"
    assert set(runner.phases) == {"", "[0].i"}


def test_a_resume_keeps_what_was_taken(runner, go, witness):
    go("one")
    go("two")
    shutil.rmtree(runner.layout.cache)
    runner.go()
    assert runner.status == "Succeeded"
    assert witness() == ["1"]
    assert runner.nodes["[0].s"]["memoized"] == "one"
    assert (runner.directory("[0].s") / "outputs/parameters/x").read_text() == "1"


def test_what_a_killed_engine_had_no_time_to_keep_is_kept_by_the_next(runner, go, witness):
    go("one")
    shutil.rmtree(runner.layout.cache)
    runner.go()
    assert go("two")["memoized"] == "one"
    assert witness() == ["1"]


def test_a_step_that_is_run_again_does_not_take_its_own_files(runner, go, witness):
    go("one")
    runner.go(again=lambda _: True)
    assert runner.status == "Succeeded"
    assert witness() == ["1", "1"]
    assert (runner.directory("[0].s") / "outputs/artifacts/f").read_text() == "file-1\n"


@pytest.mark.parametrize(("age", "runs"), [(None, 1), (3600.0, 1), (0.0, 2)])
def test_an_entry_that_is_too_old_does_not_count(argo, steps, leaf, witness, age, runs):
    for number in (1, 2):
        run = replace(argo, id=f"wf-{number}")
        run.go(steps(Call("s", "leaf", (("n", Literal("1")),)), templates=[replace(leaf, memoize_age=age)]))
        assert run.status == "Succeeded"
    assert witness() == ["1"] * runs


def test_what_was_printed_is_kept_too(argo, steps, shell, witness, tmp_path):
    script = f"echo x >> {tmp_path}/witness; echo printed"
    say = shell("say", script, result=True, memoize=Text("k"))
    use = shell("use", "echo '{{inputs.parameters.n}}'", inputs=Inputs((InputParameter("n"),)), result=True)
    for number in (1, 2):
        run = replace(argo, id=f"wf-{number}")
        run.go(steps(Call("s", "say"), Call("u", "use", (("n", Ref("steps.s.outputs.result")),)), templates=[say, use]))
        assert run.directory("[1].u").joinpath("outputs", "result").read_text() == "printed"
    assert witness() == ["x"]
