"""Artifacts of every shape: written, read by every type, with None members and without a catalog."""

# ruff: noqa: UP006 - users write both forms

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List, Set  # noqa: UP035 - what the signs hold

import pytest
from dflow.python import NestedDict
from dflow.python.catalog import assemble, flatten, read_catalog, unflatten, write_artifact
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def make(tmp_path):
    """Write an artifact of files that it makes; the place of the artifact."""

    def made(value: object) -> Path:
        for _, name in flatten(value):
            if name is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(str(name))
        root = tmp_path / "artifact"
        write_artifact(value, root, lambda path: os.path.relpath(path, tmp_path), link)
        return root

    return made


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def relative(value: object, root: Path) -> object:
    """The same shape with texts relative to the artifact."""
    if isinstance(value, dict):
        return {key: relative(item, root) for key, item in value.items()}
    if isinstance(value, (list, set)):
        return type(value)(relative(item, root) for item in value)
    return value if value is None else os.path.relpath(value, root)


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        ("a", Path, "a"),
        (["a", "d/b"], List[Path], ["a", "d/b"]),
        (["b", "a"], List[str], ["b", "a"]),
        (["a"], Path, "a"),
        ("a", List[Path], ["a"]),
        ({"a", "b"}, Set[Path], {"a", "b"}),
        ({"x": "a", "y": "b"}, Dict[str, Path], {"x": "a", "y": "b"}),
        ({"x": "a"}, List[Path], ["a"]),
        ({"x": ["a", {"y": "b"}]}, NestedDict[Path], {"x": ["a", {"y": "b"}]}),
        (["a", None, "b"], List[Path], ["a", None, "b"]),
        ({"x": None}, Dict[str, Path], {"x": None}),
        (None, Path, None),
        ([], List[Path], []),
        (["a", "b"], Path, "."),
        ([["a"], ["b", "c"]], NestedDict[str], [["a"], ["b", "c"]]),
        ([f"f{i}" for i in range(12)], List[Path], [f"f{i}" for i in range(12)]),
    ],
)
def test_artifact_is_read_by_the_declared_type(make, value, kind, wanted):
    root = make(value)
    assert relative(assemble(root, kind), root) == wanted


def test_leaves_have_the_declared_type(make):
    root = make(["a"])
    assert [type(p) for p in assemble(root, List[str])] == [str]
    assert isinstance(assemble(root, List[Path])[0], Path)
    assert type(assemble(root, str)) is str
    assert type(assemble(make_nested(root), NestedDict[str])["k"]) is str


def make_nested(root: Path) -> Path:
    other = root.parent / "nested"
    write_artifact({"k": root / "a"}, other, lambda _: "a", link)
    return other


def test_catalog_text_is_that_of_upstream(make):
    (file,) = (make({"k": ["a", None]}) / ".dflow").iterdir()
    assert json.loads(file.read_text()) == {
        "path_list": [{"dflow_list_item": "a", "order": "k.0"}, {"dflow_list_item": None, "order": "k.1"}]
    }


def test_several_catalogs_are_read_as_one(make):
    root = make(["a"])
    (root / "b").write_text("")
    (root / ".dflow" / "zz").write_text(json.dumps({"path_list": [{"dflow_list_item": "b", "order": 1}]}))
    assert relative(assemble(root, List[Path]), root) == ["a", "b"]


def test_without_a_catalog_the_files_are_the_elements(tmp_path):
    root = tmp_path / "plain"
    (root / "sub").mkdir(parents=True)
    (root / "b").write_text("")
    assert read_catalog(root) is None
    assert assemble(root, Path) == root
    assert relative(assemble(root, List[Path]), root) == ["b", "sub"]
    assert relative(assemble(root, Dict[str, Path]), root) == {"b": "b", "sub": "sub"}
    assert assemble(root / "b", List[Path]) == [root / "b"]
    assert assemble(root / "b", Path) == root / "b"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        write_artifact("nothing", tmp_path / "a", str, link)


@pytest.fixture
def artifact(tmp_path):
    """Write an artifact of files that lie in one of the folders `one` and `two`; what is read of it, as texts."""

    def made(value: object, kind: object) -> object:
        root = tmp_path / "artifact"
        write_artifact(value, root, lambda path: path.relative_to(tmp_path).as_posix().partition("/")[2], link)
        return contents(assemble(root, kind))

    for place in ("one/data.txt", "two/data.txt", "one/res/log", "one/res/data", "one/res/in/x", "one/res/in/y"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(place)
    return made


def contents(value: object) -> object:
    """The same shape with what is in the files; of a directory the names of all files in it."""
    if isinstance(value, dict):
        return {key: contents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [contents(item) for item in value]
    if value.is_dir():
        folders = os.walk(value, followlinks=True)
        return {os.path.relpath(Path(folder, name), value) for folder, _, names in folders for name in names}
    return value.read_text()


def test_two_files_of_one_place_are_both_kept(artifact, tmp_path):
    one, two = tmp_path / "one" / "data.txt", tmp_path / "two" / "data.txt"
    assert artifact([one, two, one], List[Path]) == ["one/data.txt", "two/data.txt", "one/data.txt"]
    assert {p.name for p in (tmp_path / "artifact").iterdir()} == {".dflow", "data.txt", "1"}


RES = {"log", "data", "in/x", "in/y"}


@pytest.mark.parametrize("order", [("log", "x", "all"), ("all", "x", "log"), ("x", "all", "in", "log")])
def test_directory_is_whole_beside_its_own_parts(artifact, tmp_path, order):
    res = tmp_path / "one" / "res"
    given = {"all": res, "log": res / "log", "x": res / "in" / "x", "in": res / "in"}
    wanted = {"all": RES, "log": "one/res/log", "x": "one/res/in/x", "in": {"x", "y"}}
    got = artifact({key: given[key] for key in order}, Dict[str, Path])
    assert got == {key: wanted[key] for key in order}
    assert (tmp_path / "one" / "res" / "log").read_text() == "one/res/log"


def test_directory_takes_no_part_of_another_one(artifact, tmp_path):
    (tmp_path / "two" / "res").mkdir()
    (tmp_path / "two" / "res" / "log").write_text("other")
    given = [tmp_path / "two" / "res" / "log", tmp_path / "one" / "res", tmp_path / "two" / "res"]
    assert artifact(given, List[Path]) == ["other", RES, {"log"}]
    assert {p.name for p in (tmp_path / "one" / "res").iterdir()} == {"log", "data", "in"}


@pytest.mark.parametrize("kind", [Path, List[Path], Set[str], Dict[str, Path], NestedDict[Path]])
def test_no_artifact_is_none_for_every_type(make, kind):
    assert assemble(make(None), kind) is None


def test_keys_with_dots_are_keys(make):
    root = make({"k.1": "a", "k": "b"})
    assert relative(assemble(root, NestedDict[Path]), root) == {"k.1": "a", "k": "b"}


KEYS = st.text("abc", min_size=1, max_size=2)
SHAPES = st.recursive(
    st.sampled_from(["x", "y", "z"]),
    lambda s: st.dictionaries(KEYS, s, min_size=1, max_size=3) | st.lists(s, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, SHAPES, min_size=1, max_size=3) | st.lists(SHAPES, min_size=1, max_size=3))
def test_orders_lead_back_to_the_shape(shape):
    assert unflatten(flatten(shape)) == shape
