"""What the project's own tests know of the source tree: which file is which module."""

from __future__ import annotations

import ast
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
