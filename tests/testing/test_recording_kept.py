"""What a recording stands for, and what it survives: other OPs, failures, version control."""

# ruff: noqa: F821, UP037 - outputs of function OPs are named in annotations

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import Step, Steps, Workflow
from dflow.engine.errors import StateError, WrongType
from dflow.python import OP, OPIO, Artifact, HDF5Datasets, OPIOSign, PythonOPTemplate, Slices
from dflow.testing import File, run_op, run_workflow
from dflow.testing.contents import contents, copy_tree
from dflow.testing.current import Current, enter
from dflow.testing.plain import from_plain, to_plain
from dflow.testing.recording import RecordingMismatch
from dflow.testing.states import fixed

pytest_plugins = "pytester"


class Power(OP):
    """To an order that the instance has."""

    def __init__(self, order=1):
        self._order, self.seen = order, []

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        self.seen.append(op_in["n"])
        return OPIO({"y": op_in["n"] ** self._order})


def counted(name):
    """Note that an OP really runs."""
    with Path(os.environ["CALLS"]).open("a") as stream:
        stream.write(f"{name}\n")


@OP.function
def plus(n: int) -> {"y": int}:
    counted("plus")
    if os.environ.get("BOOM"):
        raise RuntimeError("the licence server is down")
    return {"y": n + 1}


@OP.function
def minus(n: int) -> {"y": int}:
    counted("minus")
    return {"y": n - 1}


@OP.function
def names(files: Artifact(list[Path])) -> {"names": list}:
    return {"names": [file.name for file in files]}


@OP.function
def count(folder: Artifact(Path)) -> {"n": int}:
    return {"n": sum(1 for path in folder.rglob("*") if path.is_dir())}


@OP.function
def letters(files: Artifact(set[Path]), words: set) -> {"n": int}:
    return {"n": sum(len(file.read_text()) for file in files) + len(words)}


@OP.function
def tree(n: int) -> {"out": Artifact(Path)}:
    counted("tree")
    Path("out/empty").mkdir(parents=True)
    Path("real").mkdir()
    Path("real/data.txt").write_text("data")
    Path("out/sub").symlink_to(Path("real").resolve())
    Path("out/dangling").symlink_to("nowhere")
    Path("out/again").symlink_to(".")
    return {"out": Path("out")}


@OP.function
def datasets(n: int) -> {"out": Artifact(HDF5Datasets)}:
    return {"out": {"a": [n]}}


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The names of the OPs that really ran."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return lambda: (tmp_path / "calls").read_text().split() if (tmp_path / "calls").exists() else []


@pytest.fixture
def session(tmp_path, calls):
    """``session(function, mode)``: what a function gives as a test; one that raises has not passed."""
    count = iter(range(1000))

    def run(function, mode="missing"):
        here = tmp_path / f"session-{next(count)}"
        test = Current("test_it.py::test_it", tmp_path / "test_it.py", "test_it", lambda: here, mode)
        with enter(test):
            found = function()
            test.passed = True
        return found

    return run


def records(folder):
    return sorted((folder / "__dflow__").rglob("record.json"))


def test_instances_with_other_attributes_have_recordings_of_their_own(session):
    def both():
        return [run_op(Power(order), n=2, record=True)["y"] for order in (2, 3)]

    assert session(both) == session(both, "none") == [4, 8]


def test_another_instance_or_op_is_refused_and_named(session):
    session(lambda: run_op(Power(2), n=2, record="r"))
    with pytest.raises(RecordingMismatch, match=r"of an OP with other attributes.*\n- the OP's '_order': 2\n\+ .*: 3"):
        session(lambda: run_op(Power(3), n=2, record="r"))
    session(lambda: run_op(plus, n=2, record="s"))
    with pytest.raises(RecordingMismatch, match=r"of another OP .*\n- the OP: .*:plus\n\+ the OP: .*:minus\n"):
        session(lambda: run_op(minus, n=2, record="s"))


def test_what_a_run_changes_in_an_instance_is_not_compared(session):
    def twice():
        op = Power(2)
        return [run_op(op, n=n, record=True)["y"] for n in (1, 2)]

    assert session(twice) == session(twice, "none") == [1, 4]


def test_numbers_that_a_function_takes_from_around_it_are_compared(session):
    def made(order):
        @OP.function
        def power(n: int) -> {"y": int}:
            return {"y": n**order}

        return power

    assert session(lambda: run_op(made(2), n=2, record=True))["y"] == 4
    with pytest.raises(RecordingMismatch, match=r"- the OP's 'order': 2\n\+ the OP's 'order': 3"):
        session(lambda: run_op(made(3), n=2, record=True))


def test_names_of_files_in_lists_and_empty_folders_are_compared(session, tmp_path):
    session(lambda: run_op(names, files=[File("a", "x")], record=True))
    with pytest.raises(RecordingMismatch, match=r"- files/0/a: sha256 .*\n\+ files/0/b: sha256 "):
        session(lambda: run_op(names, files=[File("b", "x")], record=True))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("")
    session(lambda: run_op(count, folder=tmp_path / "d", record=True))
    (tmp_path / "d" / "new").mkdir()
    with pytest.raises(RecordingMismatch, match=r"\n\+ folder/new/: folder\n"):
        session(lambda: run_op(count, folder=tmp_path / "d", record=True))


def test_a_text_is_no_number(session):
    @OP.function
    def kind(x: object) -> {"kind": str}:
        return {"kind": type(x).__name__}

    assert session(lambda: run_op(kind, x=2, record=True))["kind"] == "int"
    with pytest.raises(RecordingMismatch, match=r'- x: 2\n\+ x: "2"'):
        session(lambda: run_op(kind, x="2", record=True))


def test_sets_are_the_same_in_another_process():
    values = "[{'a', 'b', 'cc', 'ddd'}, {1: {'x', 'y'}}, frozenset({('p', 1), ('q', 2)})]"
    code = f"import json; from dflow.testing.states import fixed; print(json.dumps(fixed({values}, 'x')))"
    env = {**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": ":".join(filter(None, sys.path))}
    found = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout
    assert json.loads(found) == fixed(eval(values), "x")  # noqa: S307 - the text above


def test_sets_of_files_are_compared_whatever_their_order(session):
    for mode in ("missing", "none"):
        found = session(lambda: run_op(letters, files={"aa", "b", "cccc"}, words={"x", "yy", "zzz"}, record=True), mode)
        assert found["n"] == 10


def test_values_that_hold_themselves_and_objects_are_compared_by_what_they_hold():
    loop = [1]
    loop.append(loop)
    assert fixed(loop, "x") == [1, {"$above": 1}]
    one, same, other = Power(2), Power(2), Power(3)
    assert fixed(one, "x") == fixed(same, "x") != fixed(other, "x")
    with pytest.raises(WrongType, match="x holds generator, which cannot be compared"):
        fixed(iter(i for i in "a"), "x")


def test_numbers_of_numpy_are_kept():
    numpy = pytest.importorskip("numpy")
    for value in (numpy.float64(1) / 3, numpy.float32(0.1), numpy.int8(3), numpy.bool_(True), numpy.str_("text")):
        found = from_plain(json.loads(json.dumps(to_plain({"x": [value]}, "x"))))["x"][0]
        assert found == value
        assert type(found) is type(value)
    assert fixed(numpy.arange(3), "x") != fixed(numpy.arange(3.0), "x") != fixed(numpy.arange(4.0), "x")


def test_folders_with_links_and_empty_folders_come_back_after_a_clone(session, tmp_path):
    session(lambda: run_op(tree, n=1, record=True))
    inside = sorted((tmp_path / "__dflow__").rglob("*"), reverse=True)
    assert not any(path.is_symlink() for path in inside)
    for folder in (path for path in inside if path.is_dir() and not list(path.iterdir())):
        folder.rmdir()  # as git does it
    out = session(lambda: run_op(tree, n=1, record=True), "none").path("out")
    assert (out / "sub" / "data.txt").read_text() == "data"
    assert (out / "empty").is_dir()
    assert (out / "dangling").readlink() == Path("nowhere")
    assert (out / "again").readlink() == Path()


def test_input_folders_may_hold_links_that_lead_nowhere(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dangling").symlink_to("nowhere")
    copy_tree(tmp_path / "d", tmp_path / "copy")
    assert contents(tmp_path / "copy") == {"/": "folder", "/dangling": "-> nowhere"}
    assert run_op(count, folder=tmp_path / "d")["n"] == 0


@pytest.mark.parametrize("damage", [lambda file: file.write_text("other"), Path.unlink])
def test_files_that_are_not_those_recorded_are_refused(session, tmp_path, damage):
    session(lambda: run_op(tree, n=1, record=True))
    (file,) = (tmp_path / "__dflow__").rglob("data.txt")
    damage(file)
    with pytest.raises(RecordingMismatch, match=r"is damaged: files of .*\n- out/out/sub/data.txt: sha256 "):
        session(lambda: run_op(tree, n=1, record=True))


@pytest.mark.parametrize("text", ["[]", '{"format": 1}', "3"])
def test_a_record_that_is_none_is_refused(session, tmp_path, text):
    session(lambda: run_op(plus, n=1, record=True))
    records(tmp_path)[0].write_text(text)
    with pytest.raises(RecordingMismatch, match=r"is damaged: .*record.json is no recording"):
        session(lambda: run_op(plus, n=1, record=True))


def test_what_a_failed_test_has_not_recorded_is_recorded_later(session, calls, tmp_path):
    def loop(fails=False):
        for n in range(3):
            run_op(plus, n=n, record=True)
            assert not fails

    with pytest.raises(AssertionError):
        session(lambda: loop(fails=True))
    session(loop)
    assert len(calls()) == len(records(tmp_path)) == 3
    with pytest.raises(RecordingMismatch, match="of other inputs; 3 are recorded"):
        session(lambda: run_op(plus, n=7, record=True))


def test_what_a_killed_test_leaves_is_no_recording(session, calls, tmp_path):
    folder = tmp_path / "__dflow__" / "test_it" / "test_it" / "plus"
    (folder / ".0123456789abcdef-17" / "files").mkdir(parents=True)
    session(lambda: run_op(plus, n=1, record=True))
    assert [path.name for path in folder.iterdir()] == [records(tmp_path)[0].parent.name]


def test_two_runs_of_the_tests_do_not_record_the_same_at_once(session, calls, tmp_path):
    def other():
        run_op(plus, n=1, record=True)
        for mode in ("missing", "all"):
            with pytest.raises(StateError, match=r"'plus' of test_it.py::test_it is being made by another process"):
                session(lambda: run_op(plus, n=1, record=True), mode)

    session(other)
    session(lambda: run_op(plus, n=1, record=True), "none")
    assert len(calls()) == len(records(tmp_path)) == 1


def test_a_test_that_fails_lets_others_record(session, calls, tmp_path):
    def failing():
        run_op(plus, n=1, record=True)
        raise AssertionError

    with pytest.raises(AssertionError):
        session(failing)
    session(lambda: [run_op(plus, n=n, record=True) for n in (1, 2)])
    assert len(calls()) == len(records(tmp_path)) == 2
    assert not list((tmp_path / "__dflow__").rglob(".recording"))


def test_recording_anew_keeps_what_is_there_until_the_new_one_is(session, calls, tmp_path, monkeypatch):
    session(lambda: [run_op(plus, n=n, record=True) for n in (1, 2)])
    before = [file.read_text() for file in records(tmp_path)]
    monkeypatch.setenv("BOOM", "1")
    with pytest.raises(RuntimeError, match="licence"):
        session(lambda: run_op(plus, n=1, record=True), "all")
    assert [file.read_text() for file in records(tmp_path)] == before
    monkeypatch.delenv("BOOM")
    session(lambda: run_op(plus, n=1, record=True), "all")
    assert len(records(tmp_path)) == 1
    assert len(calls()) == 4


def test_a_folder_that_cannot_be_written_to_is_named_before_the_op_runs(session, calls, tmp_path):
    (tmp_path / "__dflow__").write_text("")
    with pytest.raises(StateError, match=r"recording 'plus' of test_it.py::test_it cannot be written to /"):
        session(lambda: run_op(plus, n=1, record=True))
    assert calls() == []


def test_datasets_are_refused_before_the_op_runs(session):
    with pytest.raises(WrongType, match="OP datasets cannot be recorded: 'out' is of the type HDF5Datasets"):
        session(lambda: run_op(datasets, n=1, record=True))


def test_fixtures_of_other_scopes_are_told_apart(monkeypatch):
    monkeypatch.setattr("dflow.testing.current._running", [])
    with pytest.raises(StateError, match="in a test or a fixture of the scope function"):
        run_op(plus, n=1, record=True)


def test_a_test_that_passes_leaves_a_whole_recording(check, pytester):
    source = "\ndef test_it(run_op):\n    run_op(repeat, n=2, data='', record=True)\n    assert {}\n"
    check(source.format(False)).assert_outcomes(failed=1)
    assert len(list(pytester.path.rglob(".recording"))) == 1
    check(source.format(True)).assert_outcomes(passed=1)
    assert list(pytester.path.rglob(".recording")) == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_recording_is_whole_when_the_last_subtest_has_passed(check, pytester, fails):
    source = """
import unittest

class Test(unittest.TestCase):
    def test_parts(self):
        for n in (1, 2, 3):
            with self.subTest(n):
                self.assertEqual(run_op(repeat, n=n, data="", record=True)["count"], n)
                self.assertFalse(FAILS and n == 2)
"""
    result = check(source.replace("FAILS", str(fails)))
    assert result.ret == int(fails)
    assert "FileNotFoundError" not in result.stdout.str()
    # where pytest knows no subtests, the first that fails ends the test
    assert len(records(pytester.path)) == 3 or (fails and len(records(pytester.path)) == 2)
    assert bool(list(pytester.path.rglob(".recording"))) is fails


def test_steps_of_one_name_and_equal_copies_of_a_loop_are_recorded(session):
    def nested():
        workflow = Workflow("w")
        for name, op in (("one", plus), ("two", minus)):
            inner = Steps(f"{name}-i")
            inner.add(Step("train", PythonOPTemplate(op), parameters={"n": 1}))
            workflow.add(Step(name, inner))
        slices = Slices(input_parameter=["n"], output_parameter=["y"])
        workflow.add(Step("same", PythonOPTemplate(plus, slices=slices), parameters={"n": [1] * 4}))
        run = run_workflow(workflow, replay=["train", "same"])
        return sorted(step.outputs["y"] for step in run.named("train")), run.outputs_of("same")["y"]

    assert session(nested) == session(nested, "none") == ([0, 2], [2] * 4)
