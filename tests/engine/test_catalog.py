"""The catalog of an artifact."""

import json

import pytest
from dflow.engine.catalog import read_catalog, single_file
from dflow.engine.errors import UnsafeArtifact


def write_catalog(root, *items):
    (root / ".dflow").mkdir()
    text = json.dumps({"path_list": [{"dflow_list_item": item, "order": i} for i, item in enumerate(items)]})
    (root / ".dflow" / "catalog").write_text(text)


@pytest.mark.parametrize("place", ["../x", "a/../../x", "/etc/passwd", ".."])
def test_an_element_outside_of_the_artifact_is_refused(tmp_path, place):
    write_catalog(tmp_path, place)
    with pytest.raises(UnsafeArtifact, match="outside"):
        read_catalog(tmp_path)


def test_dots_in_names_are_fine(tmp_path):
    write_catalog(tmp_path, "a..b/c...d")
    assert read_catalog(tmp_path) == [{"dflow_list_item": "a..b/c...d", "order": 0}]


def test_an_artifact_without_a_catalog_has_no_elements(tmp_path):
    assert read_catalog(tmp_path) is None
    assert single_file(tmp_path) is None


def test_a_single_file_is_found_and_a_single_directory_is_not(tmp_path):
    write_catalog(tmp_path, "x")
    assert single_file(tmp_path) is None
    (tmp_path / "x").write_text("")
    assert single_file(tmp_path) == tmp_path / "x"
