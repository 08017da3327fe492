"""Workflows: building, submitting, and what submit gives back."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    config,
    download_artifact,
    query_workflows,
)
from dflow.engine.errors import CompileError, RunNotFound, StateError, StepFailed, UnsupportedError


def shell(script: str, *inputs: str, **outputs: str) -> ShellOPTemplate:
    made = ShellOPTemplate("t", script=script)
    for name in inputs:
        made.inputs.parameters[name] = InputParameter()
    for name, path in outputs.items():
        made.outputs.parameters[name] = OutputParameter(value_from_path=path)
    return made


def test_first_thing_added_decides_what_the_workflow_is():
    steps, dag = Workflow("w"), Workflow("w")
    steps.add([Step("a", shell("true"))])
    dag.add([Task("a", shell("true"))])
    assert isinstance(steps.entrypoint, Steps)
    assert isinstance(dag.entrypoint, DAG)
    with pytest.raises(TypeError):
        dag.add(Step("b", shell("true")))


def test_steps_win_when_both_are_given():
    steps, dag = Steps("s"), DAG("d")
    assert Workflow("w", steps=steps, dag=dag).entrypoint is steps
    assert Workflow("w", dag=dag).entrypoint is dag


def test_empty_steps_succeed():
    wf = Workflow("w")
    wf.add([])
    wf.submit()
    assert wf.query_status() == "Succeeded"


def test_submit_gives_the_workflow_with_its_id(capsys):
    wf = Workflow("w")
    wf.add(Step("a", shell("true")))
    assert wf.id is None
    assert wf.submit() is wf
    assert wf.id.startswith("w-")
    assert f"Workflow is running locally (ID: {wf.id})" in capsys.readouterr().out


def test_failed_workflow_does_not_raise():
    wf = Workflow("w")
    wf.add(Step("a", shell("exit 2")))
    wf.submit()
    assert wf.query_status() == "Failed"
    assert wf.wait() == "Failed"


def test_raise_for_status_raises_the_failure_and_is_silent_after_success():
    wf = Workflow("w")
    wf.add(Step("a", shell("exit 2"), key="k-1"))
    wf.submit()
    with pytest.raises(StepFailed, match=r"step 'a' \(key k-1\) failed: exit code 2"):
        wf.raise_for_status()
    good = Workflow("w")
    good.add(Step("a", shell("true")))
    good.submit()
    good.raise_for_status()


def test_raise_for_status_does_not_let_a_run_pass_that_has_not_ended():
    wf = Workflow("w")
    wf.add(Step("a", shell("until test -e ../../../go; do sleep 0.05; done; exit 2")))
    wf.submit(detach=True)
    with pytest.raises(StateError, match=rf"{wf.id} has not ended \((Pending|Running)\); wait for it with wf.wait"):
        wf.raise_for_status()
    Path("go").touch()
    wf.wait()
    with pytest.raises(StepFailed, match="exit code 2"):
        wf.raise_for_status()


def test_dflow_raise_makes_submit_raise(monkeypatch):
    monkeypatch.setenv("DFLOW_RAISE", "1")
    wf = Workflow("w")
    wf.add(Step("a", shell("exit 2")))
    with pytest.raises(StepFailed, match="exit code 2"):
        wf.submit()


def test_nothing_is_written_for_a_workflow_that_does_not_compile(tmp_path):
    wf = Workflow("w")
    wf.add(Step("a", shell("true", "n")))
    with pytest.raises(CompileError):
        wf.submit()
    assert list(tmp_path.iterdir()) == []
    assert wf.id is None


def test_failed_submit_leaves_the_objects_as_they_were():
    template = shell("true", "n")
    step = Step("a", template)
    wf = Workflow("w")
    wf.add(step)
    with pytest.raises(CompileError):
        wf.submit()
    template.inputs.parameters["n"] = InputParameter(value=1)
    wf.submit()
    assert wf.query_status() == "Succeeded"


def test_id_can_be_chosen_and_is_refused_a_second_time(tmp_path):
    wf = Workflow("w", id="mine")
    wf.add(Step("a", shell("true")))
    wf.submit()
    assert (tmp_path / "mine" / "status").read_text() == "Succeeded"
    with pytest.raises(StateError, match="is there already"):
        wf.submit()


def test_debug_workdir_is_where_runs_go(tmp_path):
    config["debug_workdir"] = str(tmp_path / "runs")
    wf = Workflow("w")
    wf.add(Step("a", shell("true")))
    wf.submit()
    assert (tmp_path / "runs" / wf.id / "status").read_text() == "Succeeded"


def test_run_directory_has_the_documented_files(tmp_path):
    wf = Workflow("w")
    wf.add(Step("a", shell("echo hello; echo err >&2; echo 1 > /tmp/x", x="/tmp/x"), key="k-1"))
    wf.submit()
    step = tmp_path / wf.id / "k-1"
    assert (step / "phase").read_text() == "Succeeded"
    assert (step / "type").read_text() == "Pod"
    assert (step / "log.txt").read_text() == "hello\nerr\n"
    assert (step / "outputs" / "parameters" / "x").read_text() == "1"
    assert (step / "script").is_file()
    assert (step / "workdir").is_dir()
    assert (tmp_path / wf.id / "type").read_text() == "Steps"
    assert (tmp_path / wf.id / ".dflow").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / wf.id / ".dflow" / "graph.json").stat().st_mode & 0o777 == 0o600


def test_values_go_from_step_to_step():
    first = Step("a", shell("echo 20 > /tmp/x", x="/tmp/x"))
    second = Step("b", shell("echo {{inputs.parameters.n}}+1 > /tmp/y", "n", y="/tmp/y"))
    second.parameters["n"] = first.outputs.parameters["x"]
    wf = Workflow("w")
    wf.add(first)
    wf.add(second)
    wf.submit()
    assert wf.query_step("b").outputs.parameters["y"].value == "20+1"


def test_workflow_parameters_are_seen_everywhere():
    wf = Workflow("w", parameters={"lr": 0.5})
    step = Step("a", shell("echo {{workflow.parameters.lr}} {{inputs.parameters.n}} > /tmp/x", "n", x="/tmp/x"))
    step.parameters["n"] = "{{workflow.parameters.lr}}!"
    wf.add(step)
    wf.submit()
    assert wf.query_step("a").outputs.parameters["x"].value == "0.5 0.5!"


def test_templates_may_be_changed_between_step_and_submit():
    template = shell("exit 1")
    wf = Workflow("w")
    wf.add(Step("a", template))
    template.script = "echo changed"
    wf.submit()
    assert Path(wf.query_step("a").path, "log.txt").read_text() == "changed\n"


def test_when_leaves_out_a_step():
    wf = Workflow("w")
    wf.add(Step("a", shell("true"), when="1 == 2"))
    wf.add(Step("b", shell("true"), when="1 == 1"))
    wf.submit()
    assert [(s.displayName, s.phase) for s in wf.query_step()] == [("a", "Skipped"), ("b", "Succeeded")]


def test_continue_on_failed_goes_on(tmp_path):
    wf = Workflow("w")
    wf.add(Step("a", shell("exit 1"), continue_on_failed=True))
    wf.add(Step("b", shell("true")))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert [s.phase for s in wf.query_step()] == ["Failed", "Succeeded"]


def test_steps_inside_of_steps_and_dags():
    inner = Steps("inner")
    inner.inputs.parameters["n"] = InputParameter()
    step = Step("x", shell("echo {{inputs.parameters.n}}0 > /tmp/x", "n", x="/tmp/x"))
    step.parameters["n"] = inner.inputs.parameters["n"]
    inner.add(step)
    inner.outputs.parameters["x"] = OutputParameter(value_from_parameter=step.outputs.parameters["x"])
    dag = DAG("dag")
    a = Task("a", inner, parameters={"n": 1})
    dag.add([a, Task("b", inner, parameters={"n": a.outputs.parameters["x"]})])
    wf = Workflow("w", dag=dag)
    wf.submit()
    assert wf.query_step("b", type="Steps").outputs.parameters["x"].value == "100"


def test_recursive_steps_run():
    loop = Steps("loop")
    loop.inputs.parameters["n"] = InputParameter(type=int, value=0)
    count = shell("echo $(({{inputs.parameters.n}} + 1)) > /tmp/n", "n", n="/tmp/n")
    step = Step(
        "count", count, parameters={"n": loop.inputs.parameters["n"]}, key=f"count-{loop.inputs.parameters['n']}"
    )
    loop.add(step)
    n = step.outputs.parameters["n"]
    loop.add(Step("next", loop, parameters={"n": n}, when=f"{n} < 3"))
    wf = Workflow("w", steps=loop)
    wf.submit()
    assert wf.query_keys_of_steps() == ["count-0", "count-1", "count-2"]


def test_artifacts_go_from_step_to_step_and_out(tmp_path):
    make = ShellOPTemplate("make", script="mkdir /tmp/d; echo 1 > /tmp/d/f")
    make.outputs.artifacts["d"] = OutputArtifact(path="/tmp/d")
    use = ShellOPTemplate("use", script="cat /tmp/in/f > /tmp/out.txt; cat /tmp/in/f >> /tmp/out.txt")
    use.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    use.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt", global_name="result")
    a = Step("a", make)
    wf = Workflow("w")
    wf.add(a)
    wf.add(Step("b", use, artifacts={"in": a.outputs.artifacts["d"]}))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    (copy,) = download_artifact(wf.query_step("b").outputs.artifacts["out"], path="got")
    assert Path(copy).read_text() == "1\n1\n"
    assert Path(wf.query_global_outputs().artifacts["result"].local_path).read_text() == "1\n1\n"


def test_parallel_steps_with_the_same_declared_paths_do_not_meet():
    template = shell("echo {{inputs.parameters.n}} > /tmp/x; sleep 0.1; cp /tmp/x /tmp/y", "n", x="/tmp/x", y="/tmp/y")
    wf = Workflow("w")
    wf.add([Step(f"s{n}", template, parameters={"n": n}) for n in range(4)])
    wf.submit()
    assert sorted(s.outputs.parameters["y"].value for s in wf.query_step()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("method", ["symlink", "link", "copy"])
def test_artifacts_arrive_by_every_copy_method(method, tmp_path):
    config["debug_copy_method"] = config["debug_save_copy_method"] = method
    make = ShellOPTemplate("make", script="echo 1 > /tmp/f")
    make.outputs.artifacts["f"] = OutputArtifact(path="/tmp/f")
    use = ShellOPTemplate("use", script="cat /tmp/f")
    use.inputs.artifacts["f"] = InputArtifact(path="/tmp/f")
    a = Step("a", make)
    wf = Workflow("w")
    wf.add(a)
    wf.add(Step("b", use, artifacts={"f": a.outputs.artifacts["f"]}, key="b"))
    wf.submit()
    assert (tmp_path / wf.id / "b" / "log.txt").read_text() == "1\n"
    assert (tmp_path / wf.id / "b" / "inputs" / "artifacts" / "f").is_symlink() is (method == "symlink")


@pytest.mark.parametrize(
    ("name", "value"), [("debug_copy_method", "hardlink"), ("debug_pool_workers", 0), ("isolation", "thread")]
)
def test_setting_with_a_wrong_value_is_refused_at_submit(name, value):
    config[name] = value
    wf = Workflow("w")
    wf.add(Step("a", shell("true")))
    with pytest.raises(ValueError, match=name):
        wf.submit()


def test_what_this_version_does_not_do_is_said():
    wf = Workflow("w")
    wf.add(Step("a", shell("true")))
    config["mode"] = "kubernetes"
    with pytest.raises(UnsupportedError, match="'kubernetes'; use 'debug'"):
        wf.submit()


def test_warning_for_ignored_volumes_comes_once_per_run(caplog):
    template = ShellOPTemplate("t", script="true", volumes=[{"name": "v"}])
    wf = Workflow("w")
    wf.add([Step("a", template), Step("b", template)])
    with caplog.at_level(logging.WARNING):
        wf.submit()
    assert [r.message for r in caplog.records].count("local runs ignore volumes (template 't')") == 1


def test_workflow_that_was_not_submitted_says_so():
    with pytest.raises(RunNotFound, match="was not submitted yet"):
        Workflow("w").query_status()


def test_query_workflows_finds_all_newest_first_and_by_label():
    for name, labels in (("first", {"a": "1"}), ("second", {"a": "2"})):
        wf = Workflow(name, labels=labels)
        wf.add(Step("a", shell("true")))
        wf.submit()
    assert [w.id.partition("-")[0] for w in query_workflows()] == ["second", "first"]
    assert [w.id.partition("-")[0] for w in query_workflows(labels={"a": "1"})] == ["first"]


def test_timeout_ends_the_step_and_all_that_it_started(tmp_path):
    script = "sleep 30 & echo $! > ../../child; wait"
    wf = Workflow("w")
    wf.add(Step("a", shell(script), timeout=0.3))
    wf.submit()
    assert wf.query_step("a").phase == "Failed"
    assert "0.3" in wf.query_step("a").message
    child = int((tmp_path / wf.id / "child").read_text())
    assert is_gone(child)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that waits to be reaped has."""
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
