"""What is imported beside an OP works on Python 3.8."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys

import dflow
import pytest

OLDEST = (3, 8)
RUNTIME = "dflow.python.runtime"
GUARDED = ("inspect.get_annotations",)  # used behind hasattr


@pytest.fixture(scope="module")
def old_modules(source):
    """Authoring modules, the Python OPs, the runtime, and all that these import."""
    todo = {"dflow", *(f"dflow.{home}" for home in dflow._HOME.values())}
    todo |= {name for name in source.modules if name.startswith(("dflow.python.", "dflow.plugins"))}
    found = set()
    while todo:
        module = todo.pop()
        found.add(module)
        needed = {item.name for item in source.imports(module) if item.at_import or module.startswith(RUNTIME)}
        needed |= {module.rpartition(".")[0]}
        todo |= {name for name in needed if name in source.modules} - found
    return sorted(found)


def test_the_engine_modules_that_are_needed_are_few(old_modules):
    engine = {name for name in old_modules if name.startswith("dflow.engine")}
    needed = {"catalog", "errors", "inside", "keys", "layout", "near", "phase", "state"}
    assert engine == {"dflow.engine", *(f"dflow.engine.{name}" for name in needed)}


def test_the_runtime_and_the_authoring_modules_are_among_them(old_modules):
    assert {"dflow.workflow", "dflow.op_template", "dflow.python.op", RUNTIME + ".main"} <= set(old_modules)


def test_old_modules_parse_as_python_3_8(source, old_modules):
    for module in old_modules:
        file = source.modules[module]
        ast.parse(file.read_text(), str(file), feature_version=OLDEST)


def test_old_modules_use_nothing_newer_than_python_3_8(source, old_modules):
    pytest.importorskip("vermin")
    options = ["--quiet", "--no-tips", "--violations", "-t=3.8-", "--no-eval-annotations"]
    options += [word for name in GUARDED for word in ("--exclude", name)]
    files = [str(source.modules[module]) for module in old_modules]
    result = subprocess.run(
        [sys.executable, "-c", "from vermin import main; main()", *options, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_old_modules_import_on_python_3_8(old_modules, tmp_path):
    python = shutil.which("python3.8")
    # PYENV_VERSION: where pyenv manages the interpreters, its shim needs to be told
    env = {**os.environ, "PYENV_VERSION": "3.8"}
    if python is None or subprocess.run([python, "-V"], env=env, capture_output=True, check=False).returncode != 0:
        pytest.skip("there is no working python3.8 on PATH")
    shutil.copytree(dflow.__path__[0], tmp_path / "bare" / "dflow", ignore=shutil.ignore_patterns("__pycache__"))
    names = [name for name in old_modules if not name.endswith("__main__")]
    code = (
        f"import sys, importlib; sys.path.insert(0, {str(tmp_path / 'bare')!r})\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "assert sys.version_info[:2] == (3, 8)\n"
        "from dflow import *\nfrom dflow.python import *"
    )
    result = subprocess.run(
        [python, "-B", "-I", "-S", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
