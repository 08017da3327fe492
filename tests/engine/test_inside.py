"""Whether a path lies in a folder."""

from __future__ import annotations

import pytest
from dflow.engine.inside import is_inside


@pytest.mark.parametrize(
    ("path", "folder", "inside"),
    [
        ("/a/b", "/a", True),
        ("/a/b/c", "/a", True),
        ("/a", "/a", True),
        ("/a", "/", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/", "/a", False),
        ("/a", "/a/b", False),
    ],
)
def test_a_folder_holds_itself_and_what_is_below_it(path, folder, inside):
    assert is_inside(path, folder) is inside
