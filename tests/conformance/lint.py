"""Runs manifests with known verdicts through ``dflow.exporters.argo.lint``.

::

    python tests/conformance/lint.py FILE

prints each verdict that differs and closes with ``N passed, N failed``. FILE is a JSON object with ``cases``; a case
has an ``id``, a ``manifest`` (one, or a list of several) and the verdict that is wanted in ``ours``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dflow.exporters.argo.lint import Severity, lint

__all__ = ["load", "mismatch", "run"]


def load(path: Path) -> list[dict[str, Any]]:
    """The cases of a file."""
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases


def mismatch(case: dict[str, Any]) -> str | None:
    """What is wrong with the verdict on one case; None when it is as wanted."""
    errors = [finding for finding in lint(case["manifest"]) if finding.severity is Severity.ERROR]
    verdict = "reject" if errors else "accept"
    if verdict == case["ours"]:
        return None
    return f"{verdict}, not {case['ours']}" + "".join(f"\n    {finding}" for finding in errors)


def run(path: Path) -> int:
    """The number of cases that failed."""
    cases = load(path)
    failed = 0
    for case in cases:
        problem = mismatch(case)
        if problem is not None:
            failed += 1
            print(f"{case['id']} {' '.join(case.get('rules', []))}: {problem}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if run(Path(sys.argv[1])) else 0)
