"""Asking a run: steps by filters, items and attributes, typed values, and what survives a loss."""

# ruff: noqa: B018 - asking for it is the test

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest
from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Steps, Workflow, config
from dflow.argo_objects import StepList, rfc3339
from dflow.engine.errors import RunNotFound, StateError, WrongValue
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate


@pytest.fixture
def wf() -> Workflow:
    """Steps prep (key), two trains (keys) inside of a keyed group, one that failed and one that was skipped."""
    train = ShellOPTemplate(
        "train", script="echo {{inputs.parameters.n}} > /tmp/n; echo log of {{inputs.parameters.n}}"
    )
    train.inputs.parameters["n"] = InputParameter(type=int)
    train.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int, global_name="last")
    inner = Steps("inner")
    inner.add([Step(f"train-{n}", train, parameters={"n": n}, key=f"iter-0.train-{n}") for n in range(2)])
    wf = Workflow("q")
    wf.add(Step("prep", train, parameters={"n": 7}, key="prep"))
    wf.add(Step("loop", inner, key="iter-0"))
    wf.add(Step("skip", train, parameters={"n": 9}, when="1 == 2"))
    wf.add(Step("bad", ShellOPTemplate("bad", script="exit 3"), continue_on_failed=True))
    wf.submit()
    return wf


def names(steps) -> list[str]:
    return [step.displayName for step in steps]


def test_all_steps_in_the_order_of_their_start(wf):
    assert names(wf.query_step()) == ["prep", "loop", "train-0", "train-1", "skip", "bad"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"name": "train"}, ["train-0", "train-1"]),
        ({"name": "train-1"}, ["train-1"]),
        ({"name": ".*a.*"}, ["train-0", "train-1", "bad"]),
        ({"name": "rain"}, []),
        ({"name": ["prep", "bad"]}, ["prep", "bad"]),
        ({"key": "prep"}, ["prep"]),
        ({"key": ["prep", "iter-0.train-1", "no"]}, ["prep", "train-1"]),
        ({"key": "iter-0"}, ["loop"]),
        ({"phase": "Failed"}, ["bad"]),
        ({"phase": ["Failed", "Skipped"]}, ["skip", "bad"]),
        ({"type": "Steps"}, ["loop"]),
        ({"type": "Pod", "phase": "Succeeded"}, ["prep", "train-0", "train-1"]),
        ({"type": "Skipped"}, ["skip"]),
        ({"name": "train", "key": "prep"}, []),
    ],
)
def test_filters(wf, filters, found):
    assert names(wf.query_step(**filters)) == found


@pytest.mark.parametrize("phase", ["Suceeded", ["Failed", "Suceeded"]])
def test_a_phase_that_is_none_is_refused(wf, phase):
    with pytest.raises(WrongValue, match=r"there is no phase 'Suceeded'; did you mean 'Succeeded'\?"):
        wf.query_step(phase=phase)


def test_a_step_that_was_not_found_is_named(wf):
    with pytest.raises(
        IndexError, match=r"^the query found no step with key='prepp'; did you mean 'prep'\?$"
    ) as caught:
        wf.query_step(key="prepp")[0]
    assert "argo_objects" not in str([frame.filename for frame in traceback.extract_tb(caught.tb.tb_next)][1:])
    with pytest.raises(IndexError, match=r"^the query found 2 steps with name='train'$"):
        wf.query_step(name="train")[2]
    assert wf.query_step(name="train")[-2].key == "iter-0.train-0"


def test_steps_by_id_and_by_parent(wf):
    loop = wf.query_step("loop")
    assert names(wf.query_step(id=loop.id)) == ["loop"]
    assert names(wf.query_step(parent_id=loop.id)) == ["train-0", "train-1"]
    assert names(wf.query_step_by_key("prep")) == ["prep"]
    assert names(wf.query_step_by_key(["prep", "iter-0"])) == ["prep", "loop"]


def test_generation_puts_outer_steps_first(wf):
    assert names(wf.query_step(sort_by_generation=True))[-2:] == ["train-0", "train-1"]


def test_keys_of_steps(wf):
    assert wf.query_keys_of_steps() == ["prep", "iter-0", "iter-0.train-0", "iter-0.train-1"]


def test_step_has_items_and_attributes_alike(wf):
    (step,) = wf.query_step("prep")
    assert step["phase"] == step.phase == step.get("phase") == "Succeeded"
    assert (step.key, step.type, step.displayName, step.templateName) == ("prep", "Pod", "prep", "train")
    assert step.get("nothing", 1) == 1
    assert "outputs" in step
    assert step.get("outputs", {}).parameters["n"].value == 7
    assert step["outputs"]["parameters"]["n"]["value"] == 7
    assert Path(step.path).name == "prep"


def test_attribute_that_is_not_there_says_what_is(wf):
    (step,) = wf.query_step("prep")
    with pytest.raises(AttributeError, match=r"there is no 'status' here; there are: .*phase"):
        step.status
    with pytest.raises(KeyError):
        step["status"]


def test_one_step_in_a_list_can_be_used_as_the_step(wf):
    found = wf.query_step("prep")
    assert isinstance(found, StepList)
    assert found.phase == found["phase"] == found[0].phase == "Succeeded"
    assert found.outputs.parameters["n"].value == 7
    assert found.get_duration() >= 0


def test_several_steps_in_a_list_say_that_they_are_several(wf):
    with pytest.raises(AttributeError, match=r"'phase' of which step\? .* 2 steps \(train-0, train-1\)"):
        wf.query_step("train").phase
    with pytest.raises(AttributeError, match="found no step"):
        wf.query_step("none").phase


def test_step_list_is_a_list(wf):
    found = wf.query_step("train")
    assert len(found) == 2
    assert found[-1].displayName == "train-1"
    assert names(found[:1]) == ["train-0"]
    assert bool(wf.query_step("none")) is False


def test_failed_step_has_exit_code_and_message(wf):
    bad = wf.query_step("bad")
    assert (bad.exitCode, bad.phase) == (3, "Failed")
    assert "exit code 3" in bad.message


def test_times_are_written_as_argo_writes_them(wf):
    step = wf.query_step("prep")
    assert step.startedAt.endswith("Z")
    assert step.finishedAt >= step.startedAt
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(None) is None


def test_outputs_are_read_when_they_are_asked_for(wf):
    (step,) = wf.query_step("prep")
    (Path(step.path) / "outputs" / "parameters" / "n").write_text("8")
    assert step.outputs.parameters["n"].value == 8


def test_inputs_are_there_too(wf):
    assert wf.query_step("prep").inputs.parameters["n"].value == 7


def test_skipped_step_has_no_outputs(wf):
    assert dict(wf.query_step("skip").outputs.parameters) == {}


def test_global_outputs(wf):
    assert wf.query_global_outputs().parameters["last"].value in (0, 1), "of two that run side by side, the last wins"


def test_recover_gives_plain_data_that_json_can_write(wf):
    plain = wf.query_step("prep")[0].recover()
    assert json.loads(json.dumps(plain))["outputs"]["parameters"]["n"]["value"] == 7


def test_workflow_as_a_whole(wf):
    info = wf.query()
    assert info.status.phase == "Succeeded"
    assert info.metadata.name == info.id == wf.id
    assert names(info.get_step("prep")) == ["prep"]
    assert info.get_duration() >= 0


def test_another_process_finds_the_run_by_its_id(wf):
    code = (
        f"from dflow import Workflow; w = Workflow(id={wf.id!r}); print(w.query_status(), w.query_step('prep').phase)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Succeeded Succeeded\n"


def test_run_elsewhere_is_found_by_debug_workdir(wf, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    with pytest.raises(RunNotFound, match=r"there is no run .* go to the directory where it was submitted") as found:
        wf.query_status()
    assert str(tmp_path / "x") in str(found.value)
    config["debug_workdir"] = str(tmp_path)
    assert Workflow(id=wf.id).query_status() == "Succeeded"


def test_journal_that_was_deleted_is_made_up_for_by_the_directories(wf, tmp_path):
    before = {s.displayName: s.phase for s in wf.query_step()}
    (tmp_path / wf.id / ".dflow" / "journal.jsonl").unlink()
    after = {s.displayName: s.phase for s in wf.query_step()}
    assert after == {name: phase for name, phase in before.items() if name != "skip"}
    assert wf.query_step("prep").outputs.parameters["n"].value == 7


def test_torn_last_line_of_the_journal_is_passed_over(wf, tmp_path):
    with (tmp_path / wf.id / ".dflow" / "journal.jsonl").open("a") as stream:
        stream.write('{"event":"node","na')
    assert len(wf.query_step()) == 6


def test_running_status_without_a_runner_is_terminated(wf, tmp_path):
    (tmp_path / wf.id / "status").write_text("Running")
    assert wf.query_status() == "Terminated"


def test_damaged_status_is_an_error_with_the_place(wf, tmp_path):
    (tmp_path / wf.id / "status").write_text("Sleeping")
    with pytest.raises(StateError, match="cannot read the status"):
        wf.query_status()


def test_moved_run_directory_still_answers(wf, tmp_path):
    shutil.move(str(tmp_path / wf.id), str(tmp_path / "moved"))
    moved = Workflow(id="moved")
    assert moved.query_status() == "Succeeded"
    assert moved.query_step("prep").outputs.parameters["n"].value == 7


@dataclasses.dataclass
class Cell:
    """What a module of a user may hold."""

    a: float
    symbols: list[str]


VALUES = {
    "i": (int, 3),
    "f": (float, 1.5),
    "s": (str, ' "quoted" \n'),
    "digits": (str, "5"),
    "b": (bool, True),
    "none": (object, None),
    "t": (tuple, (1, "a")),
    "st": (set, {1, 2}),
    "p": (Path, Path("/tmp/x")),
    "l": (list, [1, {"a": None}]),
    "d": (dict, {"k": [1, 2]}),
    "c": (Cell, Cell(1.5, ["Cu"])),
}


class Everything(OP):
    """Gives a value of each type."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({name: kind for name, (kind, _) in VALUES.items()})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return cls.get_input_sign()

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO(op_in)


def test_values_have_the_types_that_the_sign_declares(tmp_path, monkeypatch):
    module = tmp_path / "everything_ops.py"
    module.write_text(Path(__file__).read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    import everything_ops

    assert isinstance(everything_ops, ModuleType)
    values = everything_ops.VALUES
    wf = Workflow("v")
    given = {name: value for name, (_, value) in values.items()}
    wf.add(Step("all", PythonOPTemplate(everything_ops.Everything), parameters=given))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    outputs = wf.query_step("all").outputs.parameters
    found = {name: outputs[name].value for name in given}
    plain = {name: v.recover() if hasattr(v, "recover") else v for name, v in found.items()}
    assert plain == given
    assert {name: type(v) for name, v in plain.items()} == {name: type(v) for name, v in given.items()}
    assert wf.query_step("all").inputs.parameters["c"].value == given["c"]


def test_query_reads_only(wf, tmp_path):
    def state() -> list[tuple[str, int]]:
        return sorted((str(p), os.lstat(p).st_mtime_ns) for p in tmp_path.rglob("*"))

    before = state()
    wf.query_status(), wf.query_step().copy(), wf.query_keys_of_steps(), wf.query_global_outputs()
    assert state() == before


def pickled(steps):
    return pickle.loads(pickle.dumps(steps))  # noqa: S301 - its own


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_steps_can_be_kept_in_a_pickle_and_outlive_their_run(wf, copied):
    steps = copied(wf.query_step(name="train"))
    one = copied(wf.query_step(key="prep")[0])
    shutil.rmtree(wf.id)
    assert [step.outputs.parameters["n"].value for step in (one, *steps)] == [7, 0, 1]
    assert (one.phase, one["key"], names(steps)) == ("Succeeded", "prep", ["train-0", "train-1"])


def test_a_pickled_step_can_be_reused_and_retried(wf):
    one = pickled(wf.query_step(key="prep")[0])
    one.retry()
    again = Workflow("again")
    again.add(Step("prep", ShellOPTemplate("other", script="exit 1"), key="prep"))
    again.submit(reuse_step=[one])
    assert again.query_status() == "Succeeded"


def test_a_whole_workflow_becomes_plain_data(wf):
    plain = json.loads(json.dumps(wf.query().recover()))
    found = {node["displayName"]: node["phase"] for node in plain["status"]["nodes"].values()}
    assert found["train-1"] == "Succeeded"
    assert found["bad"] == "Failed"
