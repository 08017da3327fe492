"""Retries of leaf steps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypedDict

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.python import OP, FatalError, PythonOPTemplate, TransientError


class Result(TypedDict):
    attempt: int


KINDS = {"transient": TransientError, "fatal": FatalError, "other": ValueError}


@OP.function
def flaky(witness: str, kind: str, good_from: int) -> Result:
    path = Path(witness)
    attempt = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (attempt + 1))
    if attempt < good_from:
        if kind == "slow":
            time.sleep(30)
        raise KINDS[kind](f"attempt {attempt}")
    return {"attempt": attempt}


def run(kind: str, good_from: int, **arguments: object) -> tuple[str, int]:
    wf = Workflow("retry")
    parameters = {"witness": str(Path("witness").absolute()), "kind": kind, "good_from": good_from}
    wf.add(Step("flaky", PythonOPTemplate(flaky, **arguments), parameters=parameters))
    wf.submit()
    return wf.query_status(), len(Path("witness").read_text())


@pytest.mark.parametrize(
    ("kind", "good_from", "arguments", "status", "attempts"),
    [
        ("transient", 2, {"retry_on_transient_error": 3}, "Succeeded", 3),
        ("transient", 5, {"retry_on_transient_error": 2}, "Failed", 3),
        ("transient", 1, {}, "Failed", 1),
        ("fatal", 1, {"retry_on_transient_error": 2}, "Failed", 1),
        ("other", 1, {"retry_on_transient_error": 2}, "Failed", 1),
        ("other", 1, {"retry_on_failure": 2}, "Succeeded", 2),
        ("other", 1, {"retry_on_error": 2}, "Failed", 1),
        ("other", 1, {"retry_on_failure_and_error": 2}, "Succeeded", 2),
        ("slow", 1, {"timeout": 1, "retry_on_transient_error": 1, "timeout_as_transient_error": True}, "Succeeded", 2),
        ("slow", 1, {"timeout": 1, "retry_on_transient_error": 1}, "Failed", 1),
    ],
)
def test_a_failure_is_tried_again_where_it_is_worth_it(kind, good_from, arguments, status, attempts):
    assert run(kind, good_from, **arguments) == (status, attempts)


def shell(script: str, strategy: object) -> Workflow:
    wf = Workflow("retry")
    wf.add(Step("s", ShellOPTemplate("s", script=script, retry_strategy=strategy), key="s"))
    wf.submit()
    return wf


def test_earlier_attempts_are_kept_beside_the_last():
    wf = shell("echo {{retries}}; test {{retries}} = 2", {"limit": 3})
    assert wf.query_status() == "Succeeded"
    logs = [Path(wf.id, name, "log.txt").read_text().strip() for name in ("s.bk1", "s.bk2", "s")]
    assert logs == ["0", "1", "2"]


@pytest.mark.parametrize(("code", "attempts"), [(3, 3), (4, 1)])
def test_the_expression_decides(code, attempts):
    strategy = {"limit": 2, "expression": "asInt(lastRetry.exitCode) == 3"}
    shell(f"echo x >> {Path('w').absolute()}; exit {code}", strategy)
    assert len(Path("w").read_text().split()) == attempts


def test_the_wait_grows_by_the_factor_up_to_the_cap():
    begin = time.monotonic()
    shell("exit 1", {"limit": 3, "backoff": {"duration": "0.1", "factor": 4, "cap": "0.3s"}})
    assert 0.1 + 0.3 + 0.3 <= time.monotonic() - begin < 3
