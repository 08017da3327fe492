"""What the process of an OP finds under which name: modules in the submitter's order, classes of the script."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from dflow.python.runtime.payload import extend_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders with a `site-packages` each, a run with a step; and settings that say so."""
    for name in ("script", "env", "mine/site-packages", "theirs/site-packages", "run/.dflow/lib", "run/step"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def found(given: list[str], own: list[str], python: str | None = None) -> list[str]:
        sys.path[:] = [str(tmp_path / name) for name in own]
        spec = {"op": {"python": python}, "path": [str(tmp_path / name) for name in given]}
        extend_path(spec, tmp_path / "run/.dflow/ops/op.json", tmp_path / "run/step")
        return [os.path.relpath(entry, tmp_path) for entry in sys.path]

    return found


LIB, STEP, MINE, THEIRS = "run/.dflow/lib", "run/step", "mine/site-packages", "theirs/site-packages"


def test_path_is_that_of_the_submitter_without_the_step(places):
    got = places(given=["script", "gone", MINE, THEIRS], own=[LIB, STEP, MINE, "env"])
    assert got == [LIB, "script", MINE, THEIRS, "env"]


def test_pre_script_and_pythonpath_come_before_the_submitter(places, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "env"))
    assert places(given=["script", MINE], own=["mine", LIB, STEP, "env", MINE]) == ["mine", LIB, "env", "script", MINE]


def test_interpreter_with_packages_of_its_own_keeps_them_first(places):
    assert places(given=["script", THEIRS], own=[LIB, STEP, MINE]) == [LIB, "script", MINE, THEIRS]


def test_another_version_gets_no_packages_of_the_submitter(places):
    assert places(given=["script", THEIRS], own=[LIB, STEP, MINE], python="3.1") == [LIB, "script", MINE]


def run_script(folder: Path, text: str) -> str:
    (folder / "script.py").write_text(textwrap.dedent(text))
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


HEAD = """
    import dataclasses
    from typing import List, Optional
    from dflow import Step, Workflow, config
    from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
    config["mode"] = "debug"

    @dataclasses.dataclass
    class Atom:
        n: int

    @dataclasses.dataclass
    class Cell:
        atom: Atom
"""
TAIL = """
    wf = Workflow("w")
    a = Step("a", PythonOPTemplate(make), parameters={"cell": Cell(Atom(1))})
    b = Step("b", PythonOPTemplate(grow), parameters={"cells": a.outputs.parameters["cells"]})
    wf.add(a)
    wf.add(b)
    wf.submit()
    wf.raise_for_status()
    print(wf.query_step("b").outputs.parameters["cell"].value)
"""
FUNCTIONS = """
    @OP.function
    def make(cell: Cell) -> {"cells": list}:
        assert isinstance(cell, Cell) and isinstance(cell.atom, Atom)
        return {"cells": [cell, Cell(Atom(2))]}

    @OP.function
    def grow(cells: List[Cell]) -> {"cell": Optional[Cell]}:
        return {"cell": Cell(Atom(sum(c.atom.n for c in cells)))}
"""
CLASSES = """
    class make(OP):
        @classmethod
        def get_input_sign(cls): return OPIOSign({"cell": Cell})
        @classmethod
        def get_output_sign(cls): return OPIOSign({"cells": List[Cell]})
        @OP.exec_sign_check
        def execute(self, op_in):
            return OPIO({"cells": [op_in["cell"], Cell(Atom(2))]})

    class grow(OP):
        @classmethod
        def get_input_sign(cls): return OPIOSign({"cells": list})
        @classmethod
        def get_output_sign(cls): return OPIOSign({"cell": Cell})
        @OP.exec_sign_check
        def execute(self, op_in):
            return OPIO({"cell": Cell(Atom(sum(c.atom.n for c in op_in["cells"])))})
"""


@pytest.mark.parametrize("ops", [FUNCTIONS, CLASSES], ids=["functions", "classes"])
def test_classes_of_the_script_can_be_values(tmp_path, ops):
    assert run_script(tmp_path, HEAD + ops + TAIL) == "Cell(atom=Atom(n=3))"


def test_module_beside_the_script_comes_before_one_of_its_name(tmp_path):
    (tmp_path / "colorsys.py").write_text("WHERE = 'beside'\n")
    text = """
        from dflow import Step, Workflow, config
        from dflow.python import OP, PythonOPTemplate
        config["mode"] = "debug"

        @OP.function
        def where() -> {"text": str}:
            import colorsys
            return {"text": colorsys.WHERE}

        wf = Workflow("w")
        wf.add(Step("a", PythonOPTemplate(where)))
        wf.submit()
        wf.raise_for_status()
        print(wf.query_step("a").outputs.parameters["text"].value)
    """
    assert run_script(tmp_path, text) == "beside"


def test_packages_for_an_image_that_has_none_come_last(places, tmp_path, monkeypatch):
    monkeypatch.setenv("DFLOW_PACKAGES", str(tmp_path / "packages"))
    assert places(given=["script"], own=[LIB, MINE])[-2:] == [MINE, "packages"]
