"""The paths in a directory that holds an artifact."""

from __future__ import annotations

import json
from pathlib import Path, PosixPath

import pytest
from dflow import utils
from dflow.utils import assemble_path_object, assemble_path_object_from_catalog, catalog_of_local_artifact


def item(path, order):
    return {"dflow_list_item": path, "order": order}


@pytest.fixture
def artifact(tmp_path):
    """An artifact of which two steps have made a part each."""
    folder = tmp_path / "art" / ".dflow"
    folder.mkdir(parents=True)
    (folder / "1").write_text(json.dumps({"path_list": [item("x", 1)]}))
    (folder / "2").write_text(json.dumps({"path_list": [item("y", 0), item(None, 2)]}))
    return tmp_path / "art"


def test_the_elements_of_all_catalogs_are_listed(artifact):
    found = catalog_of_local_artifact(artifact)
    assert sorted(found, key=lambda i: i["order"]) == [item("y", 0), item("x", 1), item(None, 2)]
    assert (artifact / ".dflow").is_dir()


def test_the_catalog_can_be_removed(artifact):
    assert len(catalog_of_local_artifact(artifact, remove=True)) == 3
    assert not (artifact / ".dflow").exists()
    assert assemble_path_object(artifact) == []


def test_the_paths_stand_in_the_order_of_the_elements(artifact):
    assert assemble_path_object(str(artifact)) == [f"{artifact}/y", f"{artifact}/x", None]


def test_what_was_a_dict_is_one():
    catalog = [item("x", "a.0"), item("y", "a.1"), item(None, "b")]
    assert assemble_path_object_from_catalog(catalog) == {"a": ["x", "y"], "b": None}
    assert assemble_path_object_from_catalog(catalog, "/r") == {"a": ["/r/x", "/r/y"], "b": None}


def test_gaps_in_the_orders_leave_no_holes():
    assert assemble_path_object_from_catalog([item("x", 5), item(None, 2)]) == [None, "x"]


def test_nothing_is_an_empty_list(tmp_path):
    assert catalog_of_local_artifact(tmp_path) == []
    assert assemble_path_object_from_catalog([]) == []


def test_the_classes_of_artifacts_can_say_where_they_are():
    classes = {
        utils.ArtifactStr: (str, "a"),
        utils.ArtifactPosixPath: (PosixPath, "a"),
        utils.ArtifactList: (list, ["a"]),
        utils.ArtifactSet: (set, {"a"}),
        utils.ArtifactDict: (dict, {"a": "b"}),
    }
    for kind, (base, value) in classes.items():
        made = kind(value)
        made.art_root = Path("/r")
        assert made == base(value)
        assert isinstance(made, base)
        assert made.art_root == Path("/r")
        assert kind(value).art_root is None
