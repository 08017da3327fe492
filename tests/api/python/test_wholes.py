"""All of an artifact that slices left, or that was uploaded with members missing, by the type of the one who reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List  # noqa: UP035 - what the signs hold

import pytest
from dflow import config, upload_artifact
from dflow.python import NestedDict
from dflow.python.catalog import assemble

NESTED, DICT, LIST = NestedDict[Path], Dict[str, Path], List[Path]  # noqa: UP006 - as users write them


def names(value: object) -> object:
    if isinstance(value, dict):
        return {key: names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [names(item) for item in value]
    return value if value is None else value.name


@pytest.mark.parametrize(
    ("orders", "kind", "wanted"),
    [
        ({"0.x": "a", "1.y": "b"}, DICT, {"x": "a", "y": "b"}),
        ({"0.x": "a", "1.x": "b"}, DICT, {"x": "b"}),
        ({"0.10": "a", "1.11": "b"}, DICT, {"10": "a", "11": "b"}),
        ({"0.0": "a", "0.1": "b", "1.0": "c", "1.1": "d"}, DICT, {"0.0": "a", "0.1": "b", "1.0": "c", "1.1": "d"}),
        ({"0.x.p": "a", "1.x.q": "b", "1.y": "c"}, NESTED, {"x": {"p": "a", "q": "b"}, "y": "c"}),
        ({"0.x.0": "a", "0.x.1": "b", "1.x.0": "c"}, NESTED, {"x": ["c"]}),
        ({"0.0": "a", "0.1": "b", "1.0": "c", "1.1": "d"}, NESTED, ["a", "b", "c", "d"]),
        ({"0.0": "a", "0.1": "b", 1: "c"}, NESTED, ["a", "b", "c"]),
        ({"0.x": "a", 1: "b"}, NESTED, [{"x": "a"}, "b"]),
        ({0: "a", 1: None, 2: "b"}, NESTED, ["a", None, "b"]),
        ({0: "a", 1: None, 2: "b"}, LIST, ["a", None, "b"]),
        ({"0.x": "a", "1.y": "b"}, LIST, ["a", "b"]),
    ],
)
def test_outputs_of_slices(tmp_path, orders, kind, wanted):
    items = [{"dflow_list_item": place, "order": order} for order, place in orders.items()]
    (tmp_path / ".dflow").mkdir()
    (tmp_path / ".dflow/c").write_text(json.dumps({"path_list": items, "slices": True}))
    assert names(assemble(tmp_path, kind)) == wanted


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        (["a", None, "b"], LIST, ["a", "b"]),
        (["a", None, "b"], NESTED, ["a", "b"]),
        (["a", None], Path, "a"),
        ([None], LIST, []),
        ({"k": "a", "l": None}, DICT, {"k": "a"}),
        ({"k": None}, DICT, {}),
        ({"p": ["a", None], "q": {"z": "b", "y": None}}, NESTED, {"p": ["a"], "q": {"z": "b"}}),
        ({"p": ["a", None, "b"]}, NESTED, {"p": ["a", None, "b"]}),
        ([["a"], [None], ["b"]], NESTED, [["a"], None, ["b"]]),
        ({"p": ["a", None, "b"]}, LIST, ["a", "b"]),
    ],
)
def test_members_that_were_missing_at_the_upload_are_left_out(tmp_path, monkeypatch, value, kind, wanted):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).write_text(name)
    config["mode"] = "debug"
    assert names(assemble(Path(upload_artifact(value).local_path), kind)) == wanted


def test_a_walk_through_several_uploaded_folders_finds_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b/c"):
        Path(name).mkdir(parents=True)
        Path(name, "log").write_text(name)
    config["mode"] = "debug"
    root = assemble(Path(upload_artifact(["a", "b"]).local_path), Path)
    assert sorted(str(log.relative_to(root)) for log in root.rglob("log")) == ["a/log", "b/c/log"]
    assert not (root / "a").is_symlink()
    assert Path(upload_artifact("a").local_path, "a").is_symlink()  # one folder is a link: nothing goes through it
