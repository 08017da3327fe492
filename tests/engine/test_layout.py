"""Places in a run directory."""

from __future__ import annotations

from dflow.engine.layout import RunLayout, is_run


def test_declared_paths_lie_in_the_working_directory(tmp_path):
    step = RunLayout(tmp_path / "wf").step("k")
    assert step.declared("/tmp/x") == step.workdir / "tmp" / "x"
    assert step.declared("out/x") == step.workdir / "out" / "x"


def test_a_directory_without_a_graph_is_no_run(tmp_path):
    (tmp_path / "wf" / ".dflow").mkdir(parents=True)
    assert not is_run(tmp_path / "wf")
    (tmp_path / "wf" / ".dflow" / "graph.json").touch()
    assert is_run(tmp_path / "wf")
