"""What the project's own tests know of the source tree: which file is which module."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Imported:
    """One import statement's target.

    Attributes:
        name: the module, or the name inside a module when it is no module of ours.
        at_import: it is executed when the module is imported, on every interpreter.
    """

    name: str
    line: int
    at_import: bool


class Source:
    """The modules of dflow on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")
        self.pyproject: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())
        self.folders: dict[str, str] = self.pyproject["tool"]["setuptools"]["package-dir"]
        self.modules: dict[str, Path] = {}
        for package, folder in self.folders.items():
            for file in sorted((root / folder).rglob("*.py")):
                self.modules[_module_name(package, file.relative_to(root / folder))] = file

    def tree(self, module: str) -> ast.Module:
        return ast.parse(self.modules[module].read_text())

    def imports(self, module: str) -> Iterator[Imported]:
        """Everything that a module imports, wherever in it; names of our own modules are complete."""
        yield from self._imports(self.tree(module).body, at_import=True)

    def _imports(self, body: list[ast.stmt], *, at_import: bool) -> Iterator[Imported]:
        for statement in body:
            match statement:
                case ast.Import(names=names):
                    yield from (Imported(alias.name, statement.lineno, at_import) for alias in names)
                case ast.ImportFrom(module=str(base), level=0, names=names):
                    for alias in names:
                        inner = f"{base}.{alias.name}"
                        name = inner if inner in self.modules else base
                        yield Imported(name, statement.lineno, at_import)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    yield from self._imports(statement.body, at_import=False)
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    yield from self._imports(statement.body, at_import=False)
                    yield from self._imports(statement.orelse, at_import=at_import)
                case _:
                    for field in ("body", "orelse", "finalbody"):
                        yield from self._imports(getattr(statement, field, []), at_import=at_import)
                    for part in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
                        yield from self._imports(part.body, at_import=at_import)


def _module_name(package: str, file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.fixture(scope="session")
def source() -> Source:
    return Source(Path(__file__).parents[2])


# -- what is built from the checkout -----------------------------------------------------------------------------------

IN_CHECKOUTS = (".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", ".cache")


@dataclass(frozen=True)
class Built:
    """The files of a release, built in a copy of the checkout: ``source`` is that copy."""

    source: Path
    wheel: Path
    sdist: Path
    said: str


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment that sees nothing of this one."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @classmethod
    def make(cls, root: Path) -> Environment:
        run([sys.executable, "-m", "venv", str(root)], root.parent)
        return cls(root)

    def pip(self, *arguments: str, seconds: float = 900) -> str:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]
        return run(command, self.root, seconds=seconds).stdout

    def run(self, *command: str, folder: Path, check: bool = True, seconds: float = 300, **variables: str) -> Any:
        """Run a program of the environment: ``python``, or a command that it has installed."""
        program = [str(self.root / "bin" / command[0]), *command[1:]]
        return run(program, folder, check=check, seconds=seconds, **variables)


def run(command: list[str], folder: Path, *, check: bool = True, seconds: float = 300, **variables: str) -> Any:
    """Run a command in a folder, with nothing of this environment's Python on its path."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DFLOW_"))}
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**inherited, "DFLOW_PROGRESS": "none", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if check:
        assert ended.returncode == 0, f"{command}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended


@pytest.fixture(scope="session")
def environments() -> type[Environment]:
    """What makes fresh environments."""
    return Environment


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheel and sdist of the checkout; nothing is written into it."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "source"
    shutil.copytree(Path(__file__).parents[2], copy, ignore=shutil.ignore_patterns(*IN_CHECKOUTS), symlinks=True)
    ended = run([sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(copy)], folder)
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return Built(copy, wheel, sdist, ended.stdout + ended.stderr)
