"""Tracebacks of errors that dflow raises on purpose end in the line of the user."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from dflow import DAG, InputParameter, ShellOPTemplate, Step, Steps, Workflow, config, upload_artifact
from dflow.engine.errors import CompileError, DflowError, NoSuchFile, WrongName, WrongType, WrongValue
from dflow.tracebacks import called_by_users, complain_of_script


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.delenv("DFLOW_TRACEBACK", raising=False)


def frames(exc: BaseException) -> list[str]:
    return [frame.filename.rpartition("/")[2] for frame in traceback.extract_tb(exc.__traceback__)]


def leaf() -> ShellOPTemplate:
    made = ShellOPTemplate("leaf", script="true")
    made.inputs.parameters["epochs"] = InputParameter()
    return made


def submit_what_does_not_compile() -> None:
    workflow = Workflow("wf")
    workflow.add(Step("s", leaf()))
    workflow.submit()


def leave_a_block() -> None:
    with Workflow("wf"):
        Step("s", leaf())


CALLS = {
    "submit": (submit_what_does_not_compile, CompileError),
    "a with block": (leave_a_block, CompileError),
    "to_yaml": (lambda: Workflow("wf").to_yaml(), CompileError),
    "from_yaml": (lambda: Workflow.from_yaml("a: ["), CompileError),
    "graph": (lambda: Workflow("wf").graph("png"), WrongValue),
    "a name": (lambda: Workflow("Not A Name"), WrongValue),
    "an argument": (lambda: Step("s", leaf(), parameters={"epoch": 1}), WrongName),
    "a template": (lambda: Step("s", 3), WrongType),
    "an output": (lambda: Step("s", leaf()).outputs.parameters["x"], WrongName),
    "Steps.add": (lambda: Steps("s").add(3), WrongType),
    "DAG.add": (lambda: DAG("d").add(3), WrongType),
    "upload": (lambda: upload_artifact("not-there"), NoSuchFile),
    "a query": (lambda: Workflow(id="none").query_status(), DflowError),
}


@pytest.mark.parametrize("what", CALLS)
def test_one_frame_of_dflow_is_left_which_says_how_to_see_all(what):
    function, kind = CALLS[what]
    with pytest.raises(kind) as caught:
        function()
    shown = frames(caught.value)
    assert shown[-1] == "tracebacks.py"
    assert set(shown[:-1]) == {"test_tracebacks.py"}
    assert "DFLOW_TRACEBACK=full" in "".join(traceback.format_tb(caught.value.__traceback__))


@pytest.mark.parametrize("what", ["submit", "a with block", "an argument"])
def test_all_frames_are_there_when_they_are_asked_for(what, monkeypatch):
    monkeypatch.setenv("DFLOW_TRACEBACK", "full")
    with pytest.raises(DflowError) as caught:
        CALLS[what][0]()
    assert len(set(frames(caught.value)) - {"test_tracebacks.py", "tracebacks.py"}) >= 1


@called_by_users
def works_with(function, before=None):
    if before is None:
        return function()
    try:
        before()
    except OSError as exc:
        raise DflowError("it did not work") from exc


def opened() -> None:
    Path("/not/there").read_text()


def test_the_cause_stays_with_the_frames_of_users():
    with pytest.raises(DflowError) as caught:
        works_with(None, opened)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert "test_tracebacks.py" in frames(caught.value.__cause__)


def test_frames_of_users_below_dflow_stay():
    def render() -> None:
        Step("s", 3)

    with pytest.raises(WrongType) as caught:
        works_with(render)
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-1] == "render"


def test_an_error_that_is_not_on_purpose_keeps_all_frames(monkeypatch):
    monkeypatch.setattr("dflow.local_mode.LocalRun.status", lambda _: {}["a bug"])
    with pytest.raises(KeyError) as caught:
        Workflow(id="x").query_status()
    assert "workflow.py" in frames(caught.value)


def test_wrong_names_are_key_errors_whose_text_is_not_in_quotes():
    with pytest.raises(KeyError) as caught:
        config["mod"]
    assert str(caught.value) == "there is no setting 'mod'; did you mean 'mode'?"


def test_names_and_documentation_of_functions_stay():
    assert Workflow.submit.__name__ == "submit"
    assert "Run the workflow" in Workflow.submit.__doc__
    with pytest.raises(TypeError, match=r"submit\(\) got an unexpected keyword argument 'deatch'"):
        Workflow("wf").submit(deatch=True)


def test_a_script_that_dflow_runs_is_shown_from_its_first_line_on(capfd):
    try:
        works_with(lambda: {}["x"])
    except KeyError as exc:
        complain_of_script(exc)
    assert capfd.readouterr().err.count("\n  File ") >= 2


def test_dflow_run_shows_what_python_shows(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from dflow import Workflow\nWorkflow('wf').submit()\n")
    shown = [
        subprocess.run(
            [sys.executable, *command, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for command in ((), ("-m", "dflow.cli", "run"))
    ]
    assert "it has no steps" in shown[0].stderr
    plain = [done.stderr.replace(f"{tmp_path}/", "") for done in shown]
    assert plain[0] == plain[1]
    assert [done.returncode for done in shown] == [1, 1]


class Frozen(Exception):
    """An error of a library that lets nobody change it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"frozen: {name}")


STORE = """
def keep():
    try:
        try:
            raise ValueError("first")
        except ValueError:
            raise Frozen("the cause")
    except Frozen as exc:
        raise DflowError("what it means") from exc
"""


def test_a_cause_that_nobody_can_change_stays_the_cause():
    module = {"Frozen": Frozen, "DflowError": DflowError, "__name__": "dflow.storage.store"}
    exec(compile(STORE, "store.py", "exec"), module)  # noqa: S102
    with pytest.raises(DflowError, match="what it means") as caught:
        called_by_users(module["keep"])()
    assert isinstance(caught.value.__cause__, Frozen)
