"""``dflow lint`` of what holds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("text", ["", "\n", "# a remark\n---\n"])
def test_file_without_a_manifest_is_no_manifest_without_errors(dflow, text):
    Path("empty.yaml").write_text(text)
    done = dflow("lint", "empty.yaml", status=1)
    assert (done.stdout, done.stderr) == ("", "dflow: empty.yaml holds no manifest: it is empty\n")
