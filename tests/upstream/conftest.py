"""Running one script under both packages: ours, and upstream pydflow in a virtual environment of its own.

Upstream is a black box here: it is installed and run. Which one: the interpreter that ``DFLOW_UPSTREAM_PYTHON``
names; else, with ``DFLOW_UPSTREAM_INSTALL=1`` and in CI (``DFLOW_TEST_SERVICES=required``), the environment of the
benchmarks, which is made once and kept in their cache. Without either the tests are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("scripts")
MARK = "TOLD "
AT_ONCE = 2
SECONDS = 100
ATTEMPTS = 10
RACE = "json.decoder.JSONDecodeError"
EXCEPTION = re.compile(r"^([\w.]+(?:Error|Exception))\b", re.MULTILINE)

Report = dict[str, Any]


def load_interpreters() -> Any:
    """The module of the benchmarks that knows both interpreters."""
    path = ROOT / "benchmarks" / "harness" / "interpreters.py"
    spec = importlib.util.spec_from_file_location("benchmarks_interpreters", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def interpreters() -> dict[str, Any]:
    """Ours and upstream's; skips where upstream is not at hand."""
    named = os.environ.get("DFLOW_UPSTREAM_PYTHON")
    wanted = os.environ.get("DFLOW_UPSTREAM_INSTALL") == "1" or os.environ.get("DFLOW_TEST_SERVICES") == "required"
    if not named and not wanted:
        pytest.skip("no upstream pydflow: set DFLOW_UPSTREAM_PYTHON to its interpreter, or DFLOW_UPSTREAM_INSTALL=1")
    module = load_interpreters()
    both = {"ours": module.ours(), "upstream": module.upstream(Path(named) if named else None)}
    ours_is = os.pathsep.join(path for path in (str(SCRIPTS), os.environ.get("PYTHONPATH", "")) if path)
    paths = {"ours": ours_is, "upstream": str(SCRIPTS)}
    return {
        label: replace(found, environment=found.environment | {"PYTHONPATH": paths[label]})
        for label, found in both.items()
    }


@pytest.fixture(scope="session")
def told(
    interpreters: dict[str, Any], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[Report, Report]]]:
    """What a script tells under both; the scripts of all selected tests run ahead, two at a time."""

    def run_both(name: str) -> tuple[Report, Report]:
        folder = tmp_path_factory.mktemp(name)
        return run(name, interpreters["ours"], folder), run(name, interpreters["upstream"], folder)

    names = [item.callspec.params["script"] for item in request.session.items if is_of_a_script(item)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ahead: dict[str, Future[tuple[Report, Report]]] = {name: pool.submit(run_both, name) for name in names}
        yield lambda name: ahead[name].result()
        for future in ahead.values():
            future.cancel()


@pytest.fixture
def told_again(interpreters: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """What a script tells under upstream in one more run: parallel steps there can lose each other's entries."""
    return lambda name: run(name, interpreters["upstream"], tmp_path_factory.mktemp(name))


def is_of_a_script(item: Any) -> bool:
    """Whether a selected test compares a script."""
    return "script" in getattr(getattr(item, "callspec", None), "params", {}) and "told" in item.fixturenames


def run(name: str, interpreter: Any, folder: Path) -> Report:
    """The report of a script, or ``{"crashed": NAME}`` with the exception that ended it, or ``"hangs"``.

    Steps that run side by side sometimes read a file of upstream's that another one is writing: a run with that error
    says nothing about the script and is repeated.
    """
    for attempt in range(ATTEMPTS):
        workdir = folder / f"{interpreter.label}-{attempt}"
        workdir.mkdir()
        try:
            ended = execute(SCRIPTS / f"{name}.py", interpreter, workdir)
        except subprocess.TimeoutExpired:
            return {"crashed": "hangs"}
        if interpreter.label == "ours" or RACE not in ended.stderr:
            break
    print(f"{interpreter.label}: {name}\n{ended.stdout}{ended.stderr}")  # pytest shows it when the first test fails
    return read_report(ended)


def execute(script: Path, interpreter: Any, workdir: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a directory of its own."""
    return subprocess.run(
        [str(interpreter.python), str(script)],
        cwd=workdir,
        env=interpreter.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def read_report(ended: subprocess.CompletedProcess[str]) -> Report:
    """What a script printed as its report; else the exception that it ended with."""
    lines = [line.removeprefix(MARK) for line in ended.stdout.splitlines() if line.startswith(MARK)]
    if len(lines) == 1:
        report: Report = json.loads(lines[0])
        return report
    found = EXCEPTION.findall(ended.stderr)
    return {"crashed": found[-1].rpartition(".")[2] if found else f"exit {ended.returncode}"}
