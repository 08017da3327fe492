"""run_op: inputs as tests write them, checks of the signs, slices, and an OP in a process of its own."""

# ruff: noqa: F821, PTH109, PTH117, UP006, UP035, UP037 - these are OPs as users write them

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Set

import pytest
from dflow.engine.errors import SignatureError, StepFailed, WrongType, WrongValue
from dflow.python import OP, OPIO, Artifact, FatalError, HDF5Datasets, NestedDict, OPIOSign, Parameter, TransientError
from dflow.testing import File, run_op


@OP.function
def repeat(n: int, data: Artifact(Path)) -> {"count": int, "out": Artifact(Path)}:
    out = Path(f"out-{n}.txt")
    out.write_text(data.read_text() * n)
    return {"count": n, "out": out}


class Scale(OP):
    def __init__(self, factor: float) -> None:
        self.factor = factor

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": float, "shift": Parameter(float, default=0.5)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": float})

    def execute(self, op_in):
        return OPIO({"y": self.factor * op_in["x"] + op_in["shift"]})


class Raises(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"kind": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({})

    def execute(self, op_in):
        if op_in["kind"] == "own":
            raise OwnError("mine")
        raise {"transient": TransientError, "fatal": FatalError, "value": ValueError}[op_in["kind"]]("it broke")


class OwnError(Exception):
    pass


def shows(kind):
    """An OP that tells what it finds in an artifact of a type."""

    class Shows(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"files": Artifact(kind)})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"seen": object})

        def execute(self, op_in):
            return OPIO({"seen": _seen(op_in["files"])})

    return Shows


def _seen(value):
    if isinstance(value, dict):
        return {key: _seen(item) for key, item in value.items()}
    if isinstance(value, (list, set)):
        return [_seen(item) for item in sorted(value, key=str)]
    if value is None:
        return None
    assert os.path.isabs(value)
    path = Path(value)
    inside = {p.name: p.read_text() for p in path.iterdir()} if path.is_dir() else path.read_text()
    return (path.name, type(value) is str, inside)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_text_becomes_the_file_of_an_artifact(isolated):
    outputs = run_op(repeat, n=2, data="line\n", isolated=isolated)
    assert outputs["count"] == 2
    assert outputs.text("out") == "line\nline\n"
    assert outputs["out"].is_absolute()
    assert outputs.workdir == outputs["out"].parent or isolated


@pytest.mark.parametrize(
    ("kind", "given", "seen"),
    [
        (Path, b"\x41", ("files", False, "A")),
        (str, "text", ("files", True, "text")),
        (Path, File("POSCAR", "Cu\n"), ("POSCAR", False, "Cu\n")),
        (Path, {"a.txt": "1", "b.txt": b"2"}, ("files", False, {"a.txt": "1", "b.txt": "2"})),
        (List[Path], ["1", File("x", "2"), None], [("0", False, "1"), ("x", False, "2"), None]),
        (Set[str], ["1"], [("0", True, "1")]),
        (Dict[str, Path], {"k": "1"}, {"k": ("k", False, "1")}),
        (NestedDict[Path], {"a": ["1", {"b": "2"}]}, {"a": [("0", False, "1"), {"b": ("b", False, "2")}]}),
    ],
)
def test_artifacts_of_every_shape_can_be_written_in_the_test(kind, given, seen):
    outputs = run_op(shows(kind), files=given)
    found = outputs["seen"]
    assert sorted(found, key=str) == sorted(seen, key=str) if isinstance(seen, list) else found == seen


def test_a_path_is_copied_so_that_an_op_may_change_its_input(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("mine")

    @OP.function
    def spoil(data: Artifact(Path)) -> {"name": str}:
        data.write_text("spoiled")
        return {"name": data.name}

    assert run_op(spoil, data=source)["name"] == "in.txt"
    assert source.read_text() == "mine"


def test_a_text_that_names_a_file_is_asked_about():
    Path("in.txt").write_text("x")
    with pytest.raises(WrongValue, match=r"give Path\('in.txt'\) for the file, or b'in.txt' for the text"):
        run_op(repeat, n=1, data="in.txt")
    assert run_op(repeat, n=1, data=b"in.txt").text("out") == "in.txt"


@pytest.mark.parametrize("name", ["../x", "/x"])
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    with pytest.raises(WrongValue, match="no name of a file inside of a folder"):
        run_op(shows(Path), files={name: "x"})


def test_a_missing_path_and_a_number_are_refused():
    with pytest.raises(FileNotFoundError, match=r"input 'data': no.txt does not exist"):
        run_op(repeat, n=1, data=Path("no.txt"))
    with pytest.raises(WrongType, match="give a Path, a text, bytes, a File or a dict of files, not 3"):
        run_op(repeat, n=1, data=3)


@pytest.mark.parametrize("isolated", [False, True])
def test_inputs_are_checked_against_the_sign(isolated):
    with pytest.raises(SignatureError, match="input 'n' must be int, not str: 'x'"):
        run_op(repeat, n="x", data="", isolated=isolated)
    with pytest.raises(SignatureError, match="input 'm' is not declared"):
        run_op(repeat, {"n": 1, "m": 2, "data": ""}, isolated=isolated)


def test_outputs_are_checked_against_the_sign_without_the_decorator_too():
    class Wrong(Scale):
        def execute(self, op_in):
            return OPIO({"y": "text"})

    with pytest.raises(SignatureError, match="output 'y' must be float, not str: 'text'"):
        run_op(Wrong(1.0), x=1.0)


def test_an_output_that_was_not_made_is_named():
    @OP.function
    def lazy() -> {"out": Artifact(Path)}:
        return {"out": Path("never.txt")}

    with pytest.raises(FileNotFoundError, match=r"output artifact 'out' is never.txt, which does not exist"):
        run_op(lazy)


@pytest.mark.parametrize("isolated", [False, True])
def test_an_optional_output_that_was_not_made_is_absent(isolated):
    @OP.function
    def lazy() -> {"out": Artifact(Path, optional=True)}:
        return {"out": Path("never.txt")}

    assert run_op(lazy, isolated=isolated)["out"] is None


@pytest.mark.parametrize("isolated", [False, True])
def test_members_of_an_optional_output_that_were_not_made_are_none(isolated):
    @OP.function
    def lazy() -> {"out": Artifact(List[Path], optional=True), "several": Artifact(Set[Path], optional=True)}:
        Path("made.txt").write_text("x")
        return {"out": [Path("never.txt"), Path("made.txt")], "several": {Path("made.txt"), Path("never.txt")}}

    result = run_op(lazy, isolated=isolated)
    missing, made = result["out"]
    assert missing is None
    assert made.read_text() == "x"
    assert {path and path.name for path in result["several"]} == {"made.txt"}


@pytest.mark.parametrize("isolated", [False, True])
def test_an_instance_keeps_its_arguments_and_defaults_are_filled_in(isolated):
    assert run_op(Scale(3.0), x=2.0, isolated=isolated)["y"] == 6.5


def test_a_class_that_needs_arguments_asks_for_an_instance():
    with pytest.raises(WrongType, match="OP Scale cannot be made without arguments; give an instance"):
        run_op(Scale, x=1.0)
    with pytest.raises(WrongType, match="run_op takes an OP class"):
        run_op(len)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(
    ("kind", "error"), [("transient", TransientError), ("fatal", FatalError), ("value", ValueError)]
)
def test_the_error_is_the_ops_own(kind, error, isolated):
    with pytest.raises(error, match=r"^it broke$"):
        run_op(Raises, kind=kind, isolated=isolated)


def test_an_error_class_of_the_users_own_is_a_failed_step_where_it_comes_from_another_process():
    with pytest.raises(OwnError, match=r"^mine$"):
        run_op(Raises, kind="own")
    with pytest.raises(StepFailed, match="OwnError: mine"):
        run_op(Raises, kind="own", isolated=True)


def test_the_traceback_shows_the_test_and_the_op_alone():
    with pytest.raises(ValueError, match="it broke") as caught:
        run_op(Raises, kind="value")
    files = [Path(str(entry.path)).name for entry in caught.traceback]
    assert files == ["test_run_op.py", "running.py", "test_run_op.py"]


def test_directory_environment_and_module_path_are_given_back():
    @OP.function
    def mess() -> {"cwd": str}:
        os.environ["MESS"] = "1"
        import sys

        sys.path.insert(0, "/mess")
        os.chdir("/")
        return {"cwd": os.getcwd()}

    import sys

    before = os.getcwd(), list(sys.path)
    assert run_op(mess)["cwd"] == "/"
    assert (os.getcwd(), sys.path) == before
    assert "MESS" not in os.environ


@pytest.mark.parametrize("isolated", [False, True])
def test_slices_run_each_element_and_stack_what_they_give(isolated):
    outputs = run_op(repeat, n=[1, 2], data=["a", "b"], slices=["n", "data"], isolated=isolated)
    assert outputs["count"] == [1, 2]
    assert [path.read_text() for path in outputs["out"]] == ["a", "bb"]


def test_slices_must_be_lists_of_one_length():
    with pytest.raises(WrongValue, match="sliced inputs must be of one length: 'n' has 2, 'data' has 1"):
        run_op(repeat, n=[1, 2], data=["a"], slices=["n", "data"])
    with pytest.raises(WrongValue, match="no input that is given"):
        run_op(repeat, n=1, data="a", slices=["m"])
    with pytest.raises(WrongType, match="input 'n' is sliced and must be a list, not 1"):
        run_op(repeat, n=1, data="a", slices=["n"])


def test_early_outputs_count_and_none_are_left_of_an_earlier_run():
    class Early(Scale):
        def execute(self, op_in):
            if op_in["x"] > 0:
                self.set_output("y", 1.0)
            return OPIO({})

    op = Early(1.0)
    assert run_op(op, x=1.0)["y"] == 1.0
    with pytest.raises(SignatureError, match="'y' was not returned"):
        run_op(op, x=-1.0)


def test_helpers_read_what_artifacts_hold():
    @OP.function
    def several() -> {"one": Artifact(Path), "many": Artifact(List[Path]), "folder": Artifact(Path)}:
        Path("a.json").write_text("[1]")
        Path("d/e").mkdir(parents=True)
        Path("d/e/f.txt").write_text("deep")
        return {"one": Path("a.json"), "many": [Path("a.json")], "folder": Path("d")}

    outputs = run_op(several)
    assert outputs.json("one") == [1]
    assert outputs.text("many", 0) == "[1]"
    assert outputs.text("folder", "e/f.txt") == "deep"
    assert {name: list(outputs.files(name)) for name in outputs} == {
        "one": ["a.json"],
        "many": ["0"],
        "folder": ["e/f.txt"],
    }
    with pytest.raises(WrongType, match="is no single path"):
        outputs.text("many")


@OP.function
def leaves(n: int) -> {"out": Artifact(Path)}:
    Path("out.txt").write_text("of the working directory")
    Path("sub").mkdir()
    os.chdir("sub")
    Path("out.txt").write_text("of sub")
    return {"out": Path("out.txt")}


def test_paths_are_those_of_where_the_op_stands_at_its_end():
    assert run_op(leaves, n=1).text("out") == "of sub"


@OP.function
def grow(items: list, n: int) -> {"count": int}:
    items.append(n)
    return {"count": len(items)}


def test_an_op_cannot_change_what_the_test_has_given():
    items = [1]
    assert run_op(grow, items=items, n=2)["count"] == 2
    assert items == [1]
    assert run_op(grow, items=[], n=[1, 2, 3], slices="n")["count"] == [1, 1, 1]


class Later(Raises):
    """Its state is set by a method, and is private."""

    _message = "none"

    def saying(self, message):
        self._message = message
        return self

    def execute(self, op_in):
        raise ValueError(self._message)


def test_private_state_of_an_instance_travels():
    with pytest.raises(ValueError, match="the third"):
        run_op(Later().saying("the third"), kind="", isolated=True)


@OP.function
def datasets(n: int) -> {"data": Artifact(HDF5Datasets)}:
    Path("x.txt").write_text("x")
    return {"data": {"a": list(range(n)), "file": Path("x.txt")}}


def test_outputs_that_are_hdf5_datasets_are_structures():
    data = run_op(datasets, n=3)["data"]
    assert data["a"] == [0, 1, 2]
    assert data["file"].read_text() == "x"


def test_a_text_for_slices_is_one_name():
    assert run_op(repeat, n=1, data=["a", "b"], slices="data")["count"] == [1, 1]
    with pytest.raises(WrongValue, match=r"slices='dta' is no input .* did you mean 'data'"):
        run_op(repeat, n=1, data=["a"], slices="dta")
