"""A run in a real kernel: HTML that is replaced, and stays when the run has ended."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dflow.terminal.notebook import as_html
from dflow.terminal.texts import Part

SUBMIT = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("wf", id="wf-1")
wf.add(Step("train", ShellOPTemplate("train", script="for n in 1 2 3 4 5; do echo epoch $n; sleep 0.5; done")))
wf.add(Step("last", ShellOPTemplate("last", script="true")))
wf.submit()
print("after")
"""


@pytest.fixture
def in_notebook(tmp_path, monkeypatch):
    """Run cells in a kernel; their outputs, and all messages that made them."""
    for name in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(name, reason="notebooks need nbclient and ipykernel")
    import nbclient
    import nbformat

    def run(*cells, **env):
        for name, text in {"DFLOW_PROGRESS": "auto", **env}.items():
            monkeypatch.setenv(name, text)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        messages = []

        class Client(nbclient.NotebookClient):
            def process_message(self, msg, cell, cell_index):
                messages.append(msg)
                return super().process_message(msg, cell, cell_index)

        done = Client(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [cell.outputs for cell in done.cells], messages

    return run


@pytest.mark.waiting
def test_a_run_is_one_output_that_changes_and_stays(in_notebook):
    (outputs, other), messages = in_notebook(SUBMIT, "1 + 1")
    shown = [output for output in outputs if output.output_type == "display_data"]
    assert len(shown) == 1
    html = shown[0]["data"]["text/html"]
    assert "✔ " in html
    assert "critical" in html
    assert "<script" not in html
    assert shown[0]["data"]["text/plain"].startswith("✔ wf-1")
    updates = [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "update_display_data"]
    assert len(updates) >= 3
    assert any("│ epoch" in text for text in updates)
    printed = "".join(
        output["text"] for output in outputs if output.output_type == "stream" and output.name == "stdout"
    )
    assert printed == "Workflow is running locally (ID: wf-1)\nWorkflow wf-1 Succeeded\nafter\n"
    assert [output.output_type for output in other] == ["execute_result"]


def test_a_short_run_shows_nothing_more(in_notebook):
    (outputs,), _ = in_notebook(SUBMIT.replace("sleep 0.5", "true"))
    text = "".join(output.get("text", "") for output in outputs)
    assert text.endswith("Workflow wf-1 Succeeded\nafter\n")
    assert sum(output.output_type == "display_data" for output in outputs) <= 1


@pytest.mark.waiting
def test_it_is_silent_on_request(in_notebook):
    (outputs,), messages = in_notebook(SUBMIT, DFLOW_PROGRESS="none")
    assert {output.output_type for output in outputs} == {"stream"}
    assert not [m for m in messages if m["msg_type"] == "update_display_data"]


def test_ipython_is_not_loaded_to_find_out():
    code = "import sys; from dflow.terminal.display import chosen; print(chosen(), 'IPython' in sys.modules)"
    env = {"PYTHONPATH": ":".join(sys.path), "DFLOW_PROGRESS": "auto", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "plain False\n"


def test_what_programs_have_printed_is_text():
    html = as_html([[Part("<img src=x onerror=alert(1)>", "red")]])
    assert "<img" not in html
    assert "&lt;img" in html
