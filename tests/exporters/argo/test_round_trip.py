"""A workflow, and what its manifest says, end alike: same phases, outputs and keys of the user's nodes.

Each workflow is run directly; then it is exported as text, the text is loaded, and what it says is run, with nothing
of the original but the files that its upload plan names.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARITY = HERE.parents[1] / "parity"
sys.path[:0] = [str(place) for place in (PARITY, HERE / "export") if str(place) not in sys.path]

from dflow import python  # noqa: E402
from dflow.manifests import export_workflow, from_text, text_of  # noqa: E402
from odd_workflows import ODD, UPLOADED  # noqa: E402
from test_parity import CASES  # noqa: E402
from workflows import WORKFLOWS  # noqa: E402

pytestmark = pytest.mark.roundtrip

NEED_A_CLUSTER = {
    "cluster": "its volumes",
    "request": "a server",
    "resource": "it makes an object of it",
    "virtual_node": "as well",
    "big_parameters": "it has artifacts for parameters",
    "big_through_steps": "as well",
}
OWN = {name: build for name, build in {**WORKFLOWS, **ODD, **UPLOADED}.items() if name not in NEED_A_CLUSTER}


@pytest.fixture(autouse=True)
def _modules_of_ops(monkeypatch):
    """A pod has no module that nobody brings along."""
    files = [str(file) for file in (*PARITY.glob("parity_*.py"), *(HERE / "export").glob("*workflows.py"))]
    monkeypatch.setattr(python, "upload_packages", python.upload_packages)
    before = list(python.upload_packages)
    python.upload_packages += files
    yield
    python.upload_packages[:] = before


def _both(build, place: Path, monkeypatch):
    """What the user sees of a direct run and of the manifest's, each in a directory of its own."""
    for name in ("direct", "loaded"):
        (place / name).mkdir()
    monkeypatch.chdir(place / "direct")
    workflow = build()
    workflow.submit()
    direct = _told(workflow)
    monkeypatch.chdir(place / "loaded")
    made = export_workflow(build())
    uploads = {}
    for number, item in enumerate(made.uploads):
        file = place / str(number)
        if item.path is None:
            file.write_text(item.text or "", encoding="utf-8")
        uploads[item.key] = str(file) if item.path is None else item.path
    loaded = from_text(text_of(made), uploads)
    loaded.submit()
    return direct, _told(loaded)


def _told(workflow):
    nodes = [(_name(node), node.phase, node.key, _outputs(node)) for node in workflow.query_step()]
    return {"status": workflow.query_status(), "nodes": sorted(nodes, key=str)}


def _name(node) -> str:
    """Argo names a hook by its step, and copies of a loop by their items, which may carry more in a manifest."""
    if ".hooks." in node["name"]:
        return "hook " + node["name"].rpartition(".")[2]
    return re.sub(r"\((\d+):.*\)$", r"(\1)", node.displayName, flags=re.DOTALL)


def _outputs(node) -> str:
    found = {}
    for name, parameter in node.outputs.parameters.items():
        value = parameter.value
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = json.loads(value)
        if not name.startswith("dflow_"):
            found[name] = value
    return json.dumps(found, sort_keys=True)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.fact}: {case.what}") for case in CASES])
def test_what_the_manifest_says_ends_as_the_workflow(case, tmp_path, monkeypatch):
    direct, loaded = _both(case.build, tmp_path, monkeypatch)
    assert loaded == direct
    assert direct["status"] == case.status


@pytest.mark.parametrize("name", OWN)
def test_so_do_python_ops_slices_and_artifacts(name, tmp_path, monkeypatch):
    direct, loaded = _both(OWN[name], tmp_path, monkeypatch)
    assert loaded == direct
    assert direct["nodes"]


def test_the_manifest_is_all_that_is_run(tmp_path, monkeypatch):
    """A manifest that was changed gives what it says now."""
    monkeypatch.chdir(tmp_path)
    made = text_of(export_workflow(WORKFLOWS["container"]()))
    assert '"3"' in made
    workflow = from_text(made.replace('value: "3"', 'value: "2"'))
    workflow.submit()
    assert workflow.query_status() == "Succeeded"
    assert workflow.logs("count") == "1\n2\n"
