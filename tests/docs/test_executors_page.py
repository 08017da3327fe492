"""What docs/executors.md shows compiles, and its own executor runs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from dflow import ShellOPTemplate, Step, Workflow
from dflow.compile import compile_workflow
from test_pages import blocks_of


def test_what_executors_md_shows_is_so(tmp_path: Path) -> None:
    kinds = []
    for language, text in blocks_of("executors.md"):
        assert language == "python"
        names: dict[str, object] = {}
        exec(text, names)  # noqa: S102 - a block of the page
        step = names.get("step")
        if isinstance(step, Step):
            wf = Workflow("page")
            wf.add(step)
            graph = compile_workflow(wf)
            kinds += [c.executor.kind for t in graph.templates for g in getattr(t, "groups", ()) for c in g]
        else:
            wf = Workflow("page")
            template = ShellOPTemplate("say", image="", script="nice\n")
            wf.add(Step("say", template, key="say", executor=names["Nicely"]()))
            wf.submit()
            assert int(Path(wf.query_step(key="say")[0].path, "log.txt").read_text()) >= 10
            kinds.append("own")
    assert kinds == ["container", "slurm", "dispatcher", "own"]
