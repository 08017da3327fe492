"""Workflows in a real kernel: pictures, tables, and errors that end in the cell's line."""

from __future__ import annotations

import re
from html import unescape

import pytest

SETUP = """
from dflow import *
t = ShellOPTemplate("leaf", script="true")
t.inputs.parameters["n"] = InputParameter()
wf = Workflow("wf")
wf.add(Step("train", t))
"""


@pytest.fixture
def cells(tmp_path):
    """Run texts as the cells of a notebook; the outputs of each."""
    for name in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(name, reason="notebooks need nbclient and ipykernel")
    import nbclient
    import nbformat

    def run(*texts: str) -> list[list[dict]]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
        resources = {"metadata": {"path": str(tmp_path)}}
        done = nbclient.NotebookClient(notebook, timeout=60, allow_errors=True, resources=resources).execute()
        return [cell.outputs for cell in done.cells]

    return run


def data(outputs: list[dict]) -> dict:
    return next(item["data"] for item in outputs if "data" in item)


def trace(outputs: list[dict]) -> str:
    found = next(item for item in outputs if item["output_type"] == "error")
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(found["traceback"]))


def test_what_a_notebook_shows(cells):
    mended = "t.inputs.parameters['n'].value = 1\nwf"
    shown = cells(SETUP, "wf", "wf.submit()", mended, "t", "Step('x', t)", "wf.submit()", "1 + 1")

    wrong, refused, drawn, template, step, run, last = shown[1:]
    assert "input parameter 'n' of template 'leaf' is not given" in unescape(data(wrong)["text/html"])
    assert "image/svg+xml" not in data(wrong)

    lines = trace(refused)
    assert "----> 1 wf.submit()" in lines
    assert lines.count("\nFile ") == 1
    assert "DFLOW_TRACEBACK=full" in lines
    assert lines.rstrip().endswith("is not given and has no default")

    assert "train" in data(drawn)["image/svg+xml"]
    assert "ShellOPTemplate leaf" in data(template)["text/html"]
    assert "Step x" in data(step)["text/html"]
    assert "Succeeded" in data(run)["image/svg+xml"]
    assert data(last)["text/plain"] == "2"
