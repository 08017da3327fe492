"""Runs recorded results of the Go implementation through ``dflow.engine.expressions``.

::

    python tests/conformance/expressions.py FILE

prints each mismatch and closes with ``N passed, N failed``. The form of FILE is described in its ``meta.about``.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError

__all__ = ["load", "mismatch", "run"]

_TYPES = {"int64": int, "int": int, "uint8": int, "float64": float, "string": str, "bool": bool, "<nil>": type(None)}


def load(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The meta data and the vectors of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["meta"], content["vectors"]


def mismatch(vector: dict[str, Any], meta: dict[str, Any]) -> str | None:
    """What is wrong with the result of one vector; None when it is as recorded."""
    try:
        result = _result(vector, meta)
    except ExpressionError as exc:
        return None if vector.get("error") else f"raised {exc}"
    if vector.get("error"):
        return f"gave {result!r}, an error was expected"
    if not _same(result, vector["out"]):
        return f"gave {result!r}, not {vector['out']!r}"
    return _type_mismatch(result, vector.get("type"))


def _result(vector: dict[str, Any], meta: dict[str, Any]) -> object:
    text, scope = vector.get("s", ""), _scope(vector, meta)
    match vector["op"]:
        case "when":
            return expressions.evaluate_when(text)
        case "expr":
            return expressions.evaluate(text, scope)
        case "bool":
            return expressions.evaluate_bool(text, scope)
        case "replace":
            return _replaced(text, scope, strict=vector.get("strict"), complete=not vector.get("allow"))
        case "sequence":
            return expressions.expand_sequence(vector["seq"])
        case "items":
            return _items(vector, scope)
        case other:
            raise ValueError(f"unknown op {other!r}")


def _scope(vector: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    if "map" in vector:
        return dict(vector["map"])
    return dict(meta[vector["env"]]) if "env" in vector else {}


def _replaced(text: str, scope: dict[str, Any], *, strict: list[str] | None, complete: bool) -> str:
    if strict is not None:
        return expressions.substitute(text, scope, strict=strict)
    return expressions.substitute(text, scope, complete=complete)


def _items(vector: dict[str, Any], scope: dict[str, Any]) -> list[list[str]]:
    items = expressions.expand_items(json.dumps(vector["items"]))
    return [
        [
            vector["name"] + expressions.item_name(index, item),
            expressions.substitute(vector["s"], {**scope, **expressions.item_scope(item)}, complete=True),
        ]
        for index, item in enumerate(items)
    ]


def _same(result: object, wanted: object) -> bool:
    """Equality that tells bool from number; ints and floats are the same in JSON."""
    if isinstance(result, bool) or isinstance(wanted, bool):
        return result is wanted
    if isinstance(result, (int, float)) and isinstance(wanted, (int, float)):
        return math.isclose(result, wanted, rel_tol=1e-15)
    if isinstance(result, list) and isinstance(wanted, list):
        return len(result) == len(wanted) and all(map(_same, result, wanted))
    if isinstance(result, dict) and isinstance(wanted, dict):
        return result.keys() == wanted.keys() and all(_same(value, wanted[key]) for key, value in result.items())
    return result == wanted


def _type_mismatch(result: object, name: str | None) -> str | None:
    if name is None:
        return None
    wanted = _TYPES.get(name, list if name.startswith("[]") else dict if name.startswith("map[") else object)
    if wanted is object or (isinstance(result, wanted) and (wanted is bool or not isinstance(result, bool))):
        return None
    return f"gave {result!r}, which is no {name}"


def run(path: Path) -> int:
    """The number of vectors that failed."""
    meta, vectors = load(path)
    failed = 0
    for vector in vectors:
        problem = mismatch(vector, meta)
        if problem is not None:
            failed += 1
            print(f"{vector['op']} {vector.get('s', vector.get('seq'))!r} {problem}")
    print(f"{len(vectors) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if run(Path(sys.argv[1])) else 0)
