"""OPs from everywhere: what works, and what is said of those that cannot be sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SUBMIT = """
wf = Workflow("wf")
wf.add(Step("add", PythonOPTemplate(OPERATION), parameters={"n": 1}))
wf.submit()
print("m =", wf.query_step("add").outputs.parameters["m"].value)
"""

IMPORTS = """
import threading
from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
"""

ADD = """
class Add(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"m": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"m": op_in["n"] + 1})
"""


def kind_of_payload(folder: Path) -> str:
    graph = json.loads(next(folder.glob("wf-*/.dflow/graph.json")).read_text())
    return next(t["op"]["kind"] for t in graph["templates"] if "op" in t)


def test_op_in_main(seen, tmp_path):
    seen("op_in_main", IMPORTS + ADD + SUBMIT.replace("OPERATION", "Add"))
    assert kind_of_payload(tmp_path) == "pickle"


def test_op_in_a_module_beside_the_script_travels_by_name(seen, tmp_path):
    (tmp_path / "my_ops.py").write_text(IMPORTS + ADD)
    seen("op_in_a_module", IMPORTS + "from my_ops import Add\n" + SUBMIT.replace("OPERATION", "Add"))
    assert kind_of_payload(tmp_path) == "import"


def test_op_that_uses_a_lock_of_the_script(seen, tmp_path):
    op = ADD.replace('return OPIO({"m"', 'with LOCK:\n            return OPIO({"m"')
    seen("unpicklable_global", IMPORTS + "LOCK = threading.Lock()\n" + op + SUBMIT.replace("OPERATION", "Add"))
    assert not list(tmp_path.glob("wf-*"))


def test_op_instance_that_holds_an_open_file(seen, tmp_path):
    op = ADD.replace("    @OP.exec", "    def __init__(self):\n        self.log = open('log', 'w')\n\n    @OP.exec")
    seen("unpicklable_attribute", IMPORTS + op + SUBMIT.replace("OPERATION", "Add()"))


def test_function_op_that_uses_a_lock_of_the_script(seen):
    op = """
lock = threading.Lock()

@OP.function
def add(n: int) -> {"m": int}:
    with lock:
        return {"m": n + 1}
"""
    seen("unpicklable_function_op", IMPORTS + op + SUBMIT.replace("OPERATION", "add"))


@pytest.fixture
def in_notebook(tmp_path):
    """Run texts as the cells of a notebook; what is shown below them."""
    for name in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(name, reason="notebooks need nbclient and ipykernel")
    import nbclient
    import nbformat

    def run(*cells: str) -> list[str]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        resources = {"metadata": {"path": str(tmp_path)}}
        done = nbclient.NotebookClient(notebook, timeout=60, resources=resources).execute()
        return [item.get("text") or item["data"]["text/plain"] for cell in done.cells for item in cell.outputs]

    return run


def test_ops_in_notebook_cells_run_inside_of_the_running_loop(golden, in_notebook):
    loop = "import asyncio; asyncio.get_running_loop().is_running()"
    fails = ADD.replace('return OPIO({"m": op_in["n"] + 1})', 'raise ValueError("no convergence")')
    submit = SUBMIT.replace("OPERATION", "Add")

    shown = in_notebook(IMPORTS, ADD, submit, loop, fails, submit.partition("print")[0])

    golden("ops_in_a_notebook", "".join(shown))
    assert "True" in shown, "a notebook has a running event loop"
