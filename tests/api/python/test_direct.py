"""OPs as plain functions."""

# ruff: noqa: F821, UP006, UP037 - the forms that users write

from __future__ import annotations

import json
from pathlib import Path
from typing import List  # noqa: UP035 - users write both forms

import pytest
from dflow.python import OP, OPIO, Artifact, HDF5Datasets, NestedDict, OPIOSign, Parameter
from dflow.python.op import get_source_code


class Join(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"files": Artifact(List[Path]), "sep": Parameter(str, default="-")})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int, "out": Artifact(Path), "log": Artifact(str, optional=True)})

    def execute(self, op_in):
        assert all(isinstance(file, Path) and file.is_absolute() for file in op_in["files"])
        self.set_output("n", 0)
        Path("out").write_text(op_in["sep"].join(file.read_text() for file in op_in["files"]))
        return OPIO({"out": Path("out"), **self.more})

    more = {"n": 2}  # noqa: RUF012 - replaced by tests


class Count(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"h": Artifact(HDF5Datasets), "d": Artifact(NestedDict[str], optional=True)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"sum": float})

    def execute(self, op_in):
        assert op_in["d"] is None or all(isinstance(path, str) for path in op_in["d"]["a"])
        return OPIO({"sum": float(op_in["h"]["x"].get_data().sum())})


@OP.function
def double(n: int, file: Artifact(Path)) -> {"m": int, "name": str}:
    return {"m": 2 * n, "name": file.name}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).write_text(name)


def test_an_op_is_called_with_its_inputs_and_gives_its_outputs():
    out = Join()(files=["a", Path("b")])
    assert dict(out) == {"n": 2, "out": Path("out"), "log": None}
    assert Path("out").read_text() == "a-b"
    assert Join()(files=["a"], sep="")["n"] == 2


def test_what_was_set_early_counts_where_nothing_is_returned_under_the_name():
    op = Join()
    op.more = {}
    assert op(files=["a", "b"])["n"] == 0


def test_a_call_leaves_nothing_in_the_op_for_the_next_one():
    op = Join()
    op(files=["a"])
    op.execute = lambda _: OPIO({"out": Path("a")})
    with pytest.raises(TypeError, match="'n' was not returned"):
        op(files=["a"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "input artifact 'files' was not given"),
        ({"files": ["a"], "set": 1}, "input 'set' is not declared"),
        ({"files": ["a"], "sep": 1}, "input 'sep' must be str"),
    ],
)
def test_what_goes_in_is_checked(given, message):
    with pytest.raises(TypeError, match=message):
        Join()(**given)


def test_what_comes_out_is_checked():
    op = Join()
    op.more = {"n": "two"}
    with pytest.raises(TypeError, match="output 'n' must be int"):
        op(files=["a"])
    op.more = {"out": Path("nix")}
    with pytest.raises(FileNotFoundError, match="'out' is nix"):
        op(files=["a"])
    op.more = {"log": "nix"}
    assert op(files=["a"])["log"] is None


def test_a_file_that_is_missing_is_named():
    with pytest.raises(FileNotFoundError, match="input artifact 'files' is nix, which does not exist"):
        Join()(files=["nix"])


def test_a_structure_stands_for_an_hdf5_file():
    np = pytest.importorskip("numpy")
    h5 = pytest.importorskip("h5py")
    assert Count()(h={"x": np.arange(4)}, d={"a": ["a", "b"]})["sum"] == 6
    with h5.File("x.h5", "w") as file:
        file.create_dataset("x", data=[1.0, 2.0]).attrs["type"] = "data"
    assert Count()(h="x.h5")["sum"] == 3
    assert sorted(p.name for p in Path().iterdir()) == ["a", "b", "x.h5"]


def test_a_function_op_takes_texts_for_paths_too():
    assert double(2, file="a") == {"m": 4, "name": "a"}
    assert double(n=2, file=Path("b")) == {"m": 4, "name": "b"}


def test_outputs_are_left_below_tmp_root(tmp_path):
    op = Join()
    op.tmp_root = str(tmp_path / "root")
    op.handle_outputs({"n": 3, "out": Path("a")})
    assert Path("root/outputs/parameters/n").read_text() == "3"
    assert [p.read_text() for p in Path("root/outputs/artifacts/out").rglob("a")] == ["a"]
    catalog = next(Path("root/outputs/artifacts/out/.dflow").iterdir())
    assert [item["order"] for item in json.loads(catalog.read_text())["path_list"]] == [0]
    assert not any(p.is_symlink() for p in Path("root").rglob("*"))
    op.handle_outputs({"out": Path("b")}, symlink=True)
    assert [p.name for p in Path("root").rglob("*") if p.is_symlink()] == ["b"]


def test_the_source_is_the_imports_and_the_definition():
    for definition in (Join, Join()):
        source = get_source_code(definition)
        assert source.startswith("from __future__ import annotations\n")
        assert "from dflow.python import OP" in source
        assert "class Join(OP):" in source
        assert "class Count" not in source
    assert "def double(" in get_source_code(double)
    with pytest.raises(TypeError, match="not to be had"):
        get_source_code(len)
