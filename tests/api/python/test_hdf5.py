"""Artifacts of the type HDF5Datasets: structures of arrays, values and small files in one HDF5 file."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import dflow.python
import pytest
from dflow import Step, Workflow, upload_artifact
from dflow.engine.errors import UnsafeArtifact
from dflow.python import OP, OPIO, Artifact, HDF5Datasets, OPIOSign, PythonOPTemplate, Slices
from dflow.python.hdf5 import assemble_datasets, datasets_in, write_datasets
from dflow.python.opio import HDF5Dataset

h5py = pytest.importorskip("h5py")
np = pytest.importorskip("numpy")


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plain(value: Any) -> Any:
    """A structure of datasets as plain data."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    data = None if value is None else value.get_data()
    return data.tolist() if hasattr(data, "tolist") else data


def there_and_back(value):
    write_datasets(value, "x.h5")
    return datasets_in("x.h5")


def test_a_structure_comes_back_with_a_dataset_at_each_leaf():
    value = {"a": np.arange(6).reshape(2, 3), "l": [np.zeros(2), None, 1.5], "n": {"t": True, "o": {"s": "tëxt"}}}
    found = there_and_back(value)
    assert isinstance(found["a"], HDF5Dataset)
    assert found["a"].dataset.shape == (2, 3)
    assert found["a"].dataset[1, :2].tolist() == [3, 4]
    assert plain(found) == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "l": [[0.0, 0.0], None, 1.5],
        "n": {"t": True, "o": {"s": "tëxt"}},
    }


@pytest.mark.parametrize(
    "value",
    [{}, [], "text", "", "a\0b", b"bytes", b"a\0b", b"", 3, {"a.b": 1, "c": 2}, {"0": 1, "1": 2}, [[], [1]], None],
)
def test_the_shape_and_every_text_are_kept(value):
    assert plain(there_and_back(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        {"a": {}, "b": []},
        {"a": [{}, None, {"x": []}]},
        {"a.b": 1, "a": {"c": 2}},
        {"a.b": 1, "a": {"b": 2}},
        {".": 1, "": {"..": 2}, "a/b": 3, "a": 4, "n\0l": 5, "dflow-leaf-0": {"\ud800": 6}},
        {"dflow-leaf-1": 0, "/": 1, "dflow-leaf-1'": 2, "a.b": 3, "a": {"b": 4}},
        {str(i): [{}] * 100 for i in range(300)},
    ],
    ids=lambda value: str(value)[:20],
)
def test_keys_with_dots_and_what_is_empty_inside_are_kept(value):
    assert plain(there_and_back(value)) == value


def test_sets_inside_are_lists():
    assert plain(there_and_back({"a": {"q"}, "b": ({"r"}, 1)})) == {"a": ["q"], "b": [["r"], 1]}


def test_two_keys_of_one_text_are_refused():
    with pytest.raises(ValueError, match=r"two keys of a dict have the same text: \[1, '1'\]"):
        write_datasets({"a": {1: 2, "1": 3}}, "x.h5")


def test_a_text_that_no_file_can_hold_is_named():
    with pytest.raises(ValueError, match="'a' is a text that no file can hold"):
        write_datasets({"a": "\ud800"}, "x.h5")


def test_arrays_of_texts_come_back_as_such():
    found = there_and_back({"x": np.array(["Cu", "Zn", "é"])})["x"].get_data()
    assert (found.dtype.kind, found.tolist()) == ("U", ["Cu", "Zn", "é"])


def test_files_and_directories_are_kept_and_can_be_written_again(monkeypatch, tmp_path):
    Path("d/sub").mkdir(parents=True)
    Path("d/sub/y").write_text("yy")
    Path("d/run").write_text("#!/bin/sh")
    Path("d/run").chmod(0o755)
    Path("f.txt").write_bytes(b"hello\r\n")
    Path("g.bin").write_bytes(bytes(range(256)))
    Path("empty").touch()
    names = ["f.txt", "g.bin", "empty", "d"]
    found = there_and_back({name: Path(name) for name in names})
    assert found["f.txt"].get_data() == "hello\r\n"
    assert found["g.bin"].get_data() == bytes(range(256))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert [found[name].recover() for name in names] == [Path(name) for name in names]
    assert Path("f.txt").read_bytes() == b"hello\r\n"
    assert Path("g.bin").read_bytes() == bytes(range(256))
    assert (Path("empty").read_bytes(), Path("d/sub/y").read_text()) == (b"", "yy")
    assert Path("d/run").stat().st_mode & 0o111


def test_a_file_from_elsewhere_is_kept_under_its_name(tmp_path, monkeypatch):
    Path("far.txt").write_text("x")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert there_and_back([tmp_path / "far.txt"])[0].recover() == Path("far.txt")
    assert sorted(p.name for p in Path().iterdir()) == ["far.txt", "x.h5"]


def test_what_is_no_file_is_data_when_it_is_recovered():
    assert there_and_back({"a": 5})["a"].recover() == 5


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a/../../out"])
def test_a_file_is_not_written_outside_of_the_directory(path):
    with h5py.File("evil.h5", "w") as file:
        made = file.create_dataset("x", data="evil")
        made.attrs.update({"type": "file", "dtype": "utf-8", "path": path})
    with pytest.raises(UnsafeArtifact, match="outside"):
        datasets_in("evil.h5")["x"].recover()


@pytest.mark.parametrize("kind", ["name", "link"])
def test_an_archive_is_not_unpacked_outside_of_its_directory(kind, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("d/x" if kind == "link" else "other/x")
        if kind == "link":
            member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(member)
    with h5py.File("evil.h5", "w") as file:
        made = file.create_dataset("x", data=np.void(packed.getvalue()))
        made.attrs.update({"type": "dir", "dtype": "binary", "path": "d"})
    with pytest.raises(UnsafeArtifact, match="holds"):
        datasets_in("evil.h5")["x"].recover()


def test_datasets_can_be_handed_on_copied_and_pickled():
    first = there_and_back({"a": np.arange(3), "none": None})
    write_datasets({"b": first["a"], "c": [first["none"]]}, "y.h5")
    assert plain(datasets_in("y.h5")) == {"b": [0, 1, 2], "c": [None]}
    assert copy.deepcopy(first["a"]).get_data().tolist() == [0, 1, 2]
    assert pickle.loads(pickle.dumps(first["a"])).get_data().tolist() == [0, 1, 2]  # noqa: S301 - its own


def test_a_file_in_the_known_layout_is_read():
    """As other versions of dflow write it."""
    with h5py.File("old.h5", "w") as file:
        for key, data, told in (
            ("a", np.arange(2), {"type": "data"}),
            ("l.0", "hello", {"type": "file", "dtype": "utf-8", "path": "f.txt"}),
            ("l.1", "", {"type": "null"}),
            ("s", "text", {"type": "data", "dtype": "utf-8"}),
        ):
            file.create_dataset(key, data=data).attrs.update(told)
    found = datasets_in("old.h5")
    assert plain(found) == {"a": [0, 1], "l": ["hello", None], "s": "text"}
    assert HDF5Dataset(h5py.File("old.h5", "r"), "l.1").is_none()
    assert found["l"][0].recover() == Path("f.txt")


def test_what_hdf5_has_no_place_for_is_named():
    with pytest.raises(TypeError, match=r"'a\.0' is object"):
        write_datasets({"a": [object()]}, "x.h5")
    with pytest.raises(FileNotFoundError, match="nix"):
        write_datasets([Path("nix")], "x.h5")


def test_a_file_that_is_none_is_named():
    Path("x.h5").write_text("text")
    with pytest.raises(TypeError, match=r"x\.h5 is no HDF5 file"):
        datasets_in("x.h5")


def test_without_h5py_the_message_says_what_to_install():
    code = (
        "import sys; sys.modules['h5py'] = None\n"
        "from dflow.python.hdf5 import write_datasets\n"
        "try: write_datasets({}, 'x.h5')\n"
        "except ImportError as exc: print(exc)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'pydflow[hdf5]'" in said


def test_items_of_a_catalog_are_elements_only_where_they_are_stacked(tmp_path):
    write_datasets({"a": 1}, "one.h5")
    items = [{"dflow_list_item": "one.h5", "order": 0}]
    assert plain(assemble_datasets(tmp_path, items, stacked=False)) == {"a": 1}
    assert plain(assemble_datasets(tmp_path, items, stacked=True)) == [{"a": 1}]
    assert plain(assemble_datasets(tmp_path, [{"dflow_list_item": None, "order": 1}, *items], stacked=True)) == [
        {"a": 1},
        None,
    ]


# -- in workflows -------------------------------------------------------------------------------------------------


class Make(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"h": Artifact(HDF5Datasets), "left": Artifact(HDF5Datasets, optional=True)})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("note.txt").write_text(f"n={op_in['n']}")
        return OPIO({"h": {"x": np.arange(op_in["n"] + 1), "f": Path("note.txt")}, "left": None})


class MakeMany(OP):
    """Of a group: one array for each."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": list})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"h": Artifact(HDF5Datasets)})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"h": [np.arange(n + 1) for n in op_in["n"]]})


class Tell(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"h": Artifact(HDF5Datasets), "left": Artifact(HDF5Datasets, optional=True)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"told": dflow.python.Parameter(object)})

    @OP.exec_sign_check
    def execute(self, op_in):
        def plain(value):
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items()}
            if isinstance(value, list):
                return [plain(item) for item in value]
            data = None if value is None else value.get_data()
            return data.tolist() if hasattr(data, "tolist") else data

        return OPIO({"told": plain(op_in["h"])})


def told(make, given, **more):
    """What the step, or each of its slices, says that gets the output of another one."""
    tell = Step("tell", PythonOPTemplate(Tell, **more), artifacts=given, **({"with_param": [0, 1]} if more else {}))
    wf = Workflow("hdf")
    for step in (*make, tell):
        wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded", wf.logs("tell")
    return [step.outputs.parameters["told"].value for step in wf.query_step(name="tell")]


def sliced(op, count, **slices):
    template = PythonOPTemplate(op, slices=Slices(input_parameter=["n"], output_artifact=["h"], **slices))
    return Step("make", template, parameters={"n": list(range(count))}, with_param=list(range(count)))


def value_of(n):
    return {"x": list(range(n + 1)), "f": f"n={n}"}


def test_an_op_gets_the_structure_that_another_one_returned():
    make = Step("make", PythonOPTemplate(Make), parameters={"n": 2})
    given = {"h": make.outputs.artifacts["h"], "left": make.outputs.artifacts["left"]}
    assert told([make], given) == [value_of(2)]


@pytest.mark.parametrize("count", [1, 3])
def test_slices_give_a_list_of_structures(count):
    make = sliced(Make, count)
    assert told([make], {"h": make.outputs.artifacts["h"]}) == [[value_of(n) for n in range(count)]]


@pytest.mark.parametrize(("count", "pool_size"), [(1, None), (3, 2)])
def test_groups_give_a_list_of_structures(count, pool_size):
    make = sliced(Make, count, group_size=2, pool_size=pool_size)
    assert told([make], {"h": make.outputs.artifacts["h"]}) == [[value_of(n) for n in range(count)]]


@pytest.mark.parametrize("count", [1, 3])
def test_groups_that_take_lists_give_a_list_of_arrays(count):
    make = sliced(MakeMany, count, group_size=2)
    assert told([make], {"h": make.outputs.artifacts["h"]}) == [[list(range(n + 1)) for n in range(count)]]


def test_each_slice_gets_its_own_structure():
    make = sliced(Make, 2)
    more = {"slices": Slices(input_artifact=["h"], output_parameter=["told"])}
    assert told([make], {"h": make.outputs.artifacts["h"]}, **more) == [value_of(0), value_of(1)]


def test_several_steps_make_one_list():
    makes = [Step(f"make-{n}", PythonOPTemplate(Make), parameters={"n": n}) for n in range(2)]
    assert told(makes, {"h": [m.outputs.artifacts["h"] for m in makes]}) == [[value_of(0), value_of(1)]]
    assert told(makes[:1], {"h": [makes[0].outputs.artifacts["h"]]}) == [[value_of(0)]]


def test_a_file_of_ones_own_can_be_uploaded():
    write_datasets({"x": [1, 2]}, "own.h5")
    assert told([], {"h": upload_artifact("own.h5")}) == [{"x": [1, 2]}]
