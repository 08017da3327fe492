"""Where the OPs of a script come from."""

from __future__ import annotations

import ast
import builtins
import symtable
import textwrap
from typing import TYPE_CHECKING

from dflow.engine.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.code_gen.names import Names
    from dflow.engine.model import OpPayload

__all__ = ["Ops"]


class Ops:
    """Writes OPs: as an import, else as their recorded source, else as a pickle.

    Attributes:
        definitions: what stands before the templates.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[OpPayload, str] = {}
        self.definitions: list[str] = []

    def expression(self, op: OpPayload) -> str:
        """The text for an OP where a template wants it."""
        if op not in self._known:
            self._known[op] = self._written(op)
        return self._known[op]

    def _written(self, op: OpPayload) -> str:
        if op.kind == "import" and op.module and op.qualname:
            first, dot, rest = op.qualname.partition(".")
            return self._names.object(op.module, first) + dot + rest
        if op.source and self._defined(op.source, op.name):
            return op.name
        if op.data:
            return self._unpickled(op)
        raise UnsupportedError(f"the graph has no source of OP {op.name}, and no name to import it by")

    def _defined(self, source: str, name: str) -> bool:
        """Take the source over, when it stands by itself and nothing else in the script has its names."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return False
        imports = list(_imports(tree))
        body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
        defined = [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        if len(body) != 1 or defined != [name] or any(item is None for item in imports):
            return False
        found = [item for item in imports if item is not None]
        used = _globals(source)
        bound = {alias or what.partition(".")[0]: (module, what, alias) for module, what, alias in found}
        if not used <= {*bound, name, *dir(builtins), "__name__", "__file__"}:
            return False
        needed = [item for key, item in bound.items() if key in used or item[0] == "__future__"]
        if not self._names.take_imports(needed) or not self._names.claim([name]):
            return False
        lines = source.splitlines()
        node = body[0]
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        self.definitions.append("\n".join(lines[first - 1 : node.end_lineno]))
        return True

    def _unpickled(self, op: OpPayload) -> str:
        constant = self._names.variable(f"{op.name}_pickle")
        data = "\n".join(textwrap.wrap(op.data or "", 76))
        why = f"# OP {op.name} has no source that stands by itself: this is its pickle, of Python {op.python}"
        self.definitions.append(f'{why}\n{constant} = """\n{data}\n"""')
        loads, decode = self._names.module("cloudpickle"), self._names.module("base64")
        return f"{loads}.loads({decode}.b64decode({constant}))"


def _imports(tree: ast.Module) -> Iterator[tuple[str | None, str, str | None] | None]:
    """Module, name and alias of what is imported; None for what cannot be said in another file."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((None, alias.name, alias.asname) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                outside = node.level == 0 and node.module is not None and alias.name != "*"
                yield (node.module, alias.name, alias.asname) if outside else None


def _globals(source: str) -> set[str]:
    """The global names that a source uses, in functions and annotations too."""
    top = symtable.symtable(source, "<OP>", "exec")
    found = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    waiting = list(top.get_children())
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return found | set(_names_in_annotations(ast.parse(source)))


def _names_in_annotations(tree: ast.Module) -> Iterator[str]:
    """Of functions on the first level: the signs of an OP are made of these."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            annotations = [argument.annotation for argument in [*node.args.args, *node.args.kwonlyargs]]
            inner = [name for part in [*annotations, node.returns] if part is not None for name in ast.walk(part)]
            yield from (name.id for name in inner if isinstance(name, ast.Name))
