"""Names of variables, and the import statements of a script."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Names", "identifier"]

_OURS = {
    "dflow": (
        "DAG",
        "HTTPOPTemplate",
        "ContainerOPTemplate",
        "HookStep",
        "InputArtifact",
        "InputParameter",
        "Inputs",
        "LocalArtifact",
        "HTTPArtifact",
        "OutputArtifact",
        "OutputParameter",
        "Outputs",
        "S3Artifact",
        "PythonScriptOPTemplate",
        "Secret",
        "ShellOPTemplate",
        "Step",
        "Steps",
        "Task",
        "Workflow",
        "argo_range",
        "argo_sequence",
    ),
    "dflow.compile.values": ("RawText",),
    "dflow.engine.model": ("Retry",),
    "dflow.executor": ("DirectExecutor",),
    "dflow.io": ("ArgoVar",),
    "dflow.python": ("PythonOPTemplate", "Slices"),
}
_HOME = {name: module for module, names in _OURS.items() for name in names}
_FROM_THE_LIBRARY = ("base64", "cloudpickle")


class Names:
    """Every name of a script, each for one thing."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = dict.fromkeys([*keyword.kwlist, *keyword.softkwlist, *dir(builtins)], "python")
        self._taken["wf"] = "workflow"
        self._froms: dict[str, set[tuple[str, str | None]]] = defaultdict(set)
        self._plain: set[tuple[str, str | None]] = set()
        self._future = False
        for name, module in _HOME.items():
            self._taken[name] = f"{module}.{name}"
        for name in _FROM_THE_LIBRARY:
            self._taken[name] = name

    def variable(self, *wanted: str) -> str:
        """A free name like the first of some texts that is free, or like the last with a number."""
        names = [identifier(text) for text in wanted]
        name = next((name for name in names if name not in self._taken), names[-1])
        number = 2
        while name in self._taken:
            name = f"{names[-1]}_{number}"
            number += 1
        self._taken[name] = "variable"
        return name

    def ours(self, name: str) -> str:
        """One of the names of dflow, which is imported then."""
        self._froms[_HOME[name]].add((name, None))
        return name

    def module(self, name: str) -> str:
        """A module, which is imported then."""
        self._plain.add((name, None))
        return name

    def object(self, module: str, name: str) -> str:
        """The name under which an object of a module is imported."""
        meaning = f"{module}.{name}"
        if self._taken.setdefault(name, meaning) == meaning:
            self._froms[module].add((name, None))
            return name
        alias = self.variable(f"{name}_of_{module.rpartition('.')[2]}")
        self._froms[module].add((name, alias))
        return alias

    def claim(self, names: Iterable[str]) -> bool:
        """Take these very names for a definition; False when one of them has a meaning already."""
        wanted = list(names)
        if any(name in self._taken for name in wanted):
            return False
        self._taken.update(dict.fromkeys(wanted, "definition"))
        return True

    def take_imports(self, imports: Iterable[tuple[str | None, str, str | None]]) -> bool:
        """Make all of these import statements, as pairs of a module and a name in it; False when one cannot be."""
        wanted = list(imports)
        meanings = dict(map(_meaning, wanted))
        if any(self._taken.get(name, meaning) != meaning for name, meaning in meanings.items()):
            return False
        self._taken.update({name: meaning for name, meaning in meanings.items() if name != "annotations"})
        for module, name, alias in wanted:
            if module == "__future__":
                self._future = True
            elif module is None:
                self._plain.add((name, alias))
            else:
                self._froms[module].add((name, alias))
        return True

    def imports(self) -> list[str]:
        """The import statements, in blocks."""
        statements = [(name, f"import {_as(name, alias)}") for name, alias in sorted(self._plain, key=str)]
        statements += [(module, _from(module, names)) for module, names in sorted(self._froms.items())]
        library = [text for name, text in statements if name.partition(".")[0] in sys.stdlib_module_names]
        others = [text for name, text in statements if name.partition(".")[0] not in sys.stdlib_module_names]
        blocks = [["from __future__ import annotations"] if self._future else [], library, others]
        return ["\n".join(block) for block in blocks if block]


def identifier(text: str) -> str:
    """A text as the name of a variable."""
    name = re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_") or "it"
    name = f"n{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name) else name


def _meaning(imported: tuple[str | None, str, str | None]) -> tuple[str, str]:
    """The name that an import statement binds, and what it stands for then."""
    module, name, alias = imported
    if module is not None:
        return alias or name, f"{module}.{name}"
    return (alias, name) if alias else (name.partition(".")[0], name.partition(".")[0])


def _as(name: str, alias: str | None) -> str:
    return name if alias is None else f"{name} as {alias}"


def _from(module: str, names: Iterable[tuple[str, str | None]]) -> str:
    words = [_as(name, alias) for name, alias in sorted(names, key=lambda n: (_order(n[0]), n[1] or ""))]
    line = f"from {module} import {', '.join(words)}"
    return line if len(line) <= 88 else f"from {module} import (\n    " + ",\n    ".join(words) + ",\n)"


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name
