"""The recorded results of the Go implementation."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

CONFORMANCE = Path(__file__).parents[2] / "conformance"


def _runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_expressions", CONFORMANCE / "expressions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = _runner()
META, VECTORS = RUNNER.load(CONFORMANCE / "data" / "expr-vectors.json")


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{i}-{v['op']}-{v.get('s', v.get('seq'))}" for i, v in enumerate(VECTORS)]
)
def test_result_is_the_one_that_the_go_code_gives(vector: dict[str, Any]) -> None:
    assert RUNNER.mismatch(vector, META) is None


def test_runner_counts_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "vectors.json"
    vectors = [{"op": "when", "s": "1 == 1", "out": False}, {"op": "when", "s": "x", "error": True}]
    path.write_text(json.dumps({"meta": {}, "vectors": vectors}))
    assert RUNNER.run(path) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
