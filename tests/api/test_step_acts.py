"""Steps that were queried: their scripts, and their programs once more."""

import pytest
from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.argo_objects import ArgoStep, get_pod_name
from dflow.argo_query import to_workflow
from dflow.engine.errors import StateError, UnsupportedError
from dflow.local_mode import LocalRun
from dflow.python import OP, PythonOPTemplate

NUMBER = {"n": int}


def double(n: int) -> NUMBER:
    print(f"doubling {n}")
    return {"n": 2 * n}


@pytest.fixture
def wf(tmp_path) -> Workflow:
    """Steps say (a script; fails until ``ready`` is there), op (a Python OP) and skip (skipped)."""
    say = ShellOPTemplate(
        "say", script=f"echo x >> {tmp_path}/runs; echo saying; test -e {tmp_path}/ready; echo 5 > /tmp/n"
    )
    say.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    say.script = "set -e\n" + say.script
    wf = Workflow("acts")
    wf.add(Step("op", PythonOPTemplate(OP.function(double)), parameters={"n": 4}, key="op"))
    wf.add(Step("skip", say, when="1 == 2"))
    wf.add(Step("say", say, key="say"))
    wf.submit()
    return wf


@pytest.fixture
def one(wf):
    def step(key) -> ArgoStep:
        return wf.query_step(key=key)[0]

    return step


def test_the_script_of_a_step_is_what_it_ran(wf, one):
    assert "echo saying" in one("say").get_script()
    assert "dflow.python.runtime" in one("op").get_script()
    with pytest.raises(StateError, match=r"step 'skip' of acts-\w+ has run no program: it is of type Skipped"):
        wf.query_step(name="skip")[0].get_script()


def test_a_replay_runs_beside_the_run(wf, one, tmp_path, capsys):
    before = {path: path.read_bytes() for path in LocalRun(wf).layout().root.rglob("*") if path.is_file()}
    (tmp_path / "ready").touch()
    capsys.readouterr()
    step = one("say").replay()
    assert capsys.readouterr().out == "saying\n"
    assert (step.phase, step.exitCode, step.outputs.parameters["n"].value) == ("Succeeded", 0, 5)
    assert step.path != one("say").path
    assert (tmp_path / "runs").read_text() == "x\nx\n"
    assert one("say").phase == "Failed"
    assert {path: path.read_bytes() for path in before} == before


def test_a_replay_that_fails_says_how(one):
    step = one("say").replay()
    assert (step.phase, step.message, step.exitCode) == ("Failed", "exit code 1", 1)
    assert dict(step.outputs.parameters) == {}


def test_a_replay_takes_another_script(one, capsys):
    step = one("say")
    step.set_script(step.get_script().replace("saying", "changed").replace("test -e", "test -n"))
    assert "changed" in step.get_script()
    capsys.readouterr()
    assert step.replay().outputs.parameters["n"].value == 5
    assert capsys.readouterr().out == "changed\n"
    assert "changed" not in one("say").get_script(), "the run is as it was"


def test_an_op_is_replayed_with_the_inputs_that_it_had(one, capsys):
    capsys.readouterr()
    step = one("op").replay()
    assert (step.phase, step.outputs.parameters["n"].value) == ("Succeeded", 8)
    assert capsys.readouterr().out == "doubling 4\n"
    with pytest.raises(UnsupportedError, match="this is a replay"):
        step.replay()


def test_only_a_text_is_a_script(one):
    with pytest.raises(TypeError, match="a script is a text, not 5"):
        one("say").set_script(5)


def test_a_step_is_run_once_more_in_its_workflow(wf, one, tmp_path):
    step = one("say")
    assert step.phase == "Failed"
    (tmp_path / "ready").touch()
    step.retry()
    assert (step.phase, step.outputs.parameters["n"].value) == ("Succeeded", 5)
    assert wf.query_status() == "Succeeded"
    assert (tmp_path / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_a_step_of_this_machine_has_no_pod(one, verb):
    step = one("op")
    with pytest.raises(
        UnsupportedError, match=rf"ran on this machine, and has no pod to {verb}; its files are in {step.path}"
    ):
        getattr(step, f"{verb}_pod")()


def test_a_step_that_was_made_by_hand_is_of_no_run():
    with pytest.raises(TypeError, match="this step is of no run"):
        ArgoStep({"name": "a"}, "wf").replay()


@pytest.fixture
def away() -> ArgoStep:
    node = {
        "id": "wf-1-123",
        "name": "wf-1[0].a",
        "displayName": "a",
        "type": "Pod",
        "phase": "Failed",
        "templateName": "t",
    }
    return to_workflow(
        {
            "metadata": {"name": "wf-1", "namespace": "argo"},
            "spec": {"templates": [{"name": "t", "script": {"source": "echo {{inputs.parameters.x}}"}}]},
            "status": {"phase": "Failed", "nodes": {"wf-1-123": node}},
        }
    ).get_step(name="a")[0]


def test_the_script_of_a_step_on_a_server_is_its_templates(away):
    assert away.get_script() == "echo {{inputs.parameters.x}}"


def test_what_needs_the_cluster_says_so(away):
    with pytest.raises(UnsupportedError, match=r"kubectl -n argo get pod wf-1-t-123$"):
        away.get_pod()
    with pytest.raises(UnsupportedError, match=r"kubectl -n argo delete pod wf-1-t-123$"):
        away.delete_pod()
    with pytest.raises(UnsupportedError, match="does not run a step alone"):
        away.replay()


def test_the_name_of_a_pod_is_that_of_argo():
    assert get_pod_name("wf-1", "wf-1[0].a", "t", "wf-1-123") == "wf-1-t-123"
    assert get_pod_name("wf-1", "wf-1", "t", "wf-1") == "wf-1"
