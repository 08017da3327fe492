"""A module of OPs beside each test of workflows that are mappings."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

OPS = """
    from pathlib import Path
    from dflow.python import OP, OPIO, OPIOSign, Artifact

    class Square(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"x": int})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"y": int, "note": Artifact(Path)})

        @OP.exec_sign_check
        def execute(self, op_in):
            Path("note.txt").write_text(f"{op_in['x']} squared")
            return OPIO({"y": op_in["x"] ** 2, "note": Path("note.txt")})

    @OP.function
    def total(ys: list) -> {"total": int}:
        return {"total": sum(ys)}

    @OP.function
    def words(files: Artifact(list[Path]), one: Artifact(Path)) -> {"words": list}:
        return {"words": [*(file.read_text() for file in files), one.read_text()]}

    @OP.function
    def optional(x: int, one: Artifact(Path, optional=True)) -> {"x": int}:
        return {"x": x}

    class Wrapped:
        def __init__(self, text="A"):
            self.text = text

        def render(self, template):
            template.script = f"export WRAPPED={self.text}\\n{template.script}"
            return template

    not_an_op = 3
"""


@pytest.fixture(autouse=True)
def _ops(monkeypatch: pytest.MonkeyPatch) -> Any:
    Path("wired_ops.py").write_text(textwrap.dedent(OPS))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "wired_ops", raising=False)
