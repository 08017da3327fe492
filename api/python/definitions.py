"""Definitions in the text of a Python file, found without running it."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import io
import textwrap
import tokenize
from typing import Any, Dict, Iterator, List, Set

__all__ = ["definition_digest", "parts_of", "text_of"]

_BLOCKS = (ast.If, ast.Try, ast.With, ast.ExceptHandler)


def text_of(file: str | None) -> str | None:
    """The text of a Python file; None where it cannot be read."""
    if file is None:
        return None
    try:
        with tokenize.open(file) as stream:
            return stream.read()
    except (OSError, SyntaxError, ValueError):
        return None


def definition_digest(file: str | None, qualname: str) -> str | None:
    """The SHA-256 of the source of a class or function in a file, as ``pack_op`` makes it; None without one."""
    text = text_of(file)
    node: Any = None if text is None else _tree(text)
    if text is None or node is None:
        return None
    for name in qualname.split("."):
        node = next((found for found in _definitions(node) if found.name == name), None)
        if node is None:
            return None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = io.StringIO(text).readlines()[first - 1 :]
    source = textwrap.dedent("".join(inspect.getblock(lines)))
    return hashlib.sha256(source.encode()).hexdigest()


def parts_of(text: str, qualname: str) -> Dict[str, str] | None:
    """What a class or function does, and all of its file that it uses, by the names that the file has for them.

    Comments and the places of lines do not count. A definition inside of others stands for the outermost of them.

    Returns:
        None where the text is no Python.
    """
    tree = _tree(text)
    if tree is None:
        return None
    import symtable

    bound: Dict[str, List[Any]] = {}
    for statement in _statements(tree):
        for name in _bound_by(statement):
            bound.setdefault(name, []).append(statement)
    scopes: Dict[str, List[Any]] = {}
    for scope in symtable.symtable(text, "<text>", "exec").get_children():
        scopes.setdefault(scope.get_name(), []).append(scope)
    parts: Dict[str, str] = {}
    waiting = [qualname.partition(".")[0]]
    while waiting:
        name = waiting.pop()
        if name in bound and name not in parts:
            parts[name] = "\n".join(_said_of(name, statement) for statement in bound[name])
            for statement in bound[name]:
                waiting.extend(_used_by(statement, scopes))
    return parts


@functools.lru_cache(maxsize=4)
def _tree(text: str) -> Any:
    """The syntax tree of a text, which nobody changes; None where it is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _definitions(node: Any) -> List[Any]:
    """The classes and functions defined in a body, the last first; those under ``if`` and ``try`` too."""
    found: List[Any] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(child)
        elif isinstance(child, _BLOCKS):
            found.extend(reversed(_definitions(child)))
    return found[::-1]


def _statements(node: Any) -> Iterator[Any]:
    """The statements of a module that bind names, or do something, one by one; those under ``if`` and ``try`` too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _BLOCKS):
            yield from _statements(child)
        elif isinstance(child, ast.stmt):
            yield child


def _bound_by(statement: Any) -> Set[str]:
    """The names that a statement gives to the module."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _said_of(name: str, statement: Any) -> str:
    """What a statement says of one of its names."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        origin = f"{'.' * statement.level}{statement.module}" if isinstance(statement, ast.ImportFrom) else ""
        found = [alias for alias in statement.names if name in (alias.asname, alias.name.partition(".")[0])]
        return " ".join([origin, *(alias.name for alias in found)])
    return ast.dump(statement)


def _used_by(statement: Any, scopes: Dict[str, List[Any]]) -> Iterator[str]:
    """The names of the module that a statement reads, or that the functions in it read when they are called."""
    if not isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from (n.id for n in ast.walk(statement) if isinstance(n, ast.Name))
        return
    outside: List[Any] = [*statement.decorator_list]
    if isinstance(statement, ast.ClassDef):
        outside += [*statement.bases, *statement.keywords]
    else:
        outside += [statement.args, *([statement.returns] if statement.returns else [])]
    for node in outside:
        yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name))
    for scope in scopes.get(statement.name, ()):
        yield from _globals_of(scope)


def _globals_of(scope: Any) -> Iterator[str]:
    for symbol in scope.get_symbols():
        if symbol.is_global():
            yield symbol.get_name()
    for inner in scope.get_children():
        yield from _globals_of(inner)
