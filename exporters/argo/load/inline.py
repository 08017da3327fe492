"""Templates that stand inside of a call: their tags may name what is known around the call.

A cluster replaces such tags before the template is looked at. Here each becomes an input of the template, which the
call gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import ExprTag, Tag, names, parse_text
from dflow.exporters.argo.lint.shapes import calls_of, is_looped, type_of
from dflow.exporters.argo.load.texts import flattened, has_tag

if TYPE_CHECKING:
    from dflow.exporters.argo.load.book import Book

__all__ = ["closed"]

_OWN_ROOTS = frozenset({"lastRetry", "node", "outputs", "pod", "retries", "workflow"})

Fields = dict[str, Any]


def closed(call: Fields, book: Book) -> Fields:
    """A call with an inline template, in which the template has all it needs from the arguments."""
    inline = call["inline"]
    closer = _Closer(inline, book)
    changed = closer.value(inline)
    if not closer.taken:
        return call
    inputs, arguments = changed.get("inputs", {}), call.get("arguments", {})
    declared = [{"name": name} for name in closer.taken.values()]
    given = [{"name": name, "value": tag} for tag, name in closer.taken.items()]
    return {
        **call,
        "inline": {**changed, "inputs": {**inputs, "parameters": [*inputs.get("parameters", []), *declared]}},
        "arguments": {**arguments, "parameters": [*arguments.get("parameters", []), *given]},
    }


class _Closer:
    """Replaces the tags of one template that name what is outside of it.

    Attributes:
        taken: these tags, and the names of the inputs that stand for them.
    """

    def __init__(self, inline: Fields, book: Book) -> None:
        self.taken: dict[str, str] = {}
        self._book = book
        self._own: set[tuple[str, ...]] = set()
        self._items = False
        self._declare(inline)

    def _declare(self, template: Fields) -> None:
        for what in ("parameters", "artifacts"):
            rows = template.get("inputs", {}).get(what, [])
            self._own |= {("inputs", what, row.get("name", "")) for row in rows} | (
                {("inputs", what)} if rows else set()
            )
        root = "tasks" if type_of(template) == "dag" else "steps"
        for call, _ in calls_of(template, ""):
            self._own.add((root, call.get("name", "")))
            self._items |= is_looped(call)
            if "inline" in call:
                self._declare(call["inline"])

    def value(self, value: Any) -> Any:
        """A value with the tags of its texts replaced."""
        match value:
            case str() if has_tag(value):
                return self._text(value)
            case list():
                return [self.value(child) for child in value]
            case dict():
                return {name: self.value(child) for name, child in value.items()}
        return value

    def _text(self, text: str) -> str:
        try:
            parts = parse_text(flattened(text)).parts
        except ExpressionError:
            return text
        return "".join(part if isinstance(part, str) else self._tag(part) for part in parts)

    def _tag(self, tag: Tag | ExprTag) -> str:
        if isinstance(tag, Tag):
            text, paths = f"{{{{{tag.name}}}}}", [tuple(tag.name.split("."))]
        else:
            text = f"{{{{={tag.source}}}}}"
            paths = sorted(names(tag.node)) if tag.node is not None else []
        outer = [path for path in paths if self._is_outer(path)]
        if not outer:
            return text
        if any(not self._is_outer(path) and path[0] != "workflow" for path in paths):
            self._book.problem(f"{text} mixes inputs of the inline template with what is around it; pass an argument")
        name = self.taken.setdefault(text, f"around-{len(self.taken) + 1}")
        return f"{{{{inputs.parameters.{name}}}}}"

    def _is_outer(self, path: tuple[str, ...]) -> bool:
        if path[0] == "item":
            return not self._items
        if path[0] in _OWN_ROOTS:
            return False
        own = path[:3] if path[0] == "inputs" else path[:2]
        return path[0] in {"inputs", "steps", "tasks"} and own not in self._own
