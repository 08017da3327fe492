"""The interpreters that are compared: ours, one with upstream installed, and a bare one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

UPSTREAM = "pydflow==1.8.134"
PACKAGES = (UPSTREAM, "numpy", "scipy")  # the cases use them
CACHE = Path("~/.cache/pydflow-benchmarks/upstream")


@dataclass(frozen=True)
class Interpreter:
    """A Python with a `dflow` in it.

    Attributes:
        label: "ours", "upstream" or "floor".
        python: the path of the interpreter; not resolved, since the link decides the virtual environment.
        environment: what its processes get.
    """

    label: str
    python: Path
    environment: dict[str, str] = field(repr=False)


def ours() -> Interpreter:
    """The interpreter that runs the harness."""
    return make("ours", Path(sys.executable))


def floor() -> Interpreter:
    """The interpreter that runs the harness, for the bare process."""
    return make("floor", Path(sys.executable))


def make(label: str, python: Path) -> Interpreter:
    """An interpreter in debug mode, first on PATH: upstream starts its steps as `python3`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DFLOW_", "PYTHON"))}
    environment = kept | {"DFLOW_MODE": "debug", "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return Interpreter(label, python.absolute(), environment)


def upstream(python: Path | None) -> Interpreter:
    """The given interpreter, or one in a virtual environment that is created once and kept in the cache."""
    return make("upstream", python or cached_upstream())


def cached_upstream() -> Path:
    """The interpreter of the cached environment; a half-made one has no `ready` file and is made again."""
    folder = CACHE.expanduser()
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.is_file() and ready.read_text() == " ".join(PACKAGES):
        return python
    print(f"installing {' '.join(PACKAGES)} into {folder} (once) …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    ready.write_text(" ".join(PACKAGES))
    return python
