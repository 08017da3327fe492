"""Tags that are more than the name of a text: expressions, nested tags, names that are not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.derived import derived
from dflow.engine.expressions.environment import Environment
from dflow.engine.expressions.evaluation import evaluate_in, to_text
from dflow.engine.expressions.mentions import names
from dflow.engine.expressions.template import ExprTag, Tag
from dflow.engine.near import near

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Filler"]

_LATE = (
    ("item",),
    ("retries",),
    ("lastRetry", "exitCode"),
    ("lastRetry", "status"),
    ("lastRetry", "duration"),
    ("lastRetry", "message"),
    ("workflow", "status"),
    ("workflow", "failures"),
)
_MISSING = object()


class Filler:
    """Gives the texts for such tags; the arguments are those of ``substitute``."""

    def __init__(
        self, scope: Mapping[str, str | None], strict: Collection[str] | None, *, complete: bool, escape_json: bool
    ) -> None:
        self.scope = scope
        self.strict = strict
        self.complete = complete
        self.escape_json = escape_json
        self.environment = Environment(scope)

    def fill(self, part: Tag | ExprTag) -> str:
        """The text for a tag, which is the tag itself when it stays.

        Raises:
            ExpressionError: it must be replaced and cannot.
        """
        return self.simple(part) if isinstance(part, Tag) else self.expression(part)

    def written(self, value: object) -> str:
        text = to_text(value)
        return json.dumps(text, ensure_ascii=False)[1:-1] if self.escape_json else text

    def simple(self, tag: Tag) -> str:
        value: object = self.scope.get(tag.name, _MISSING)
        if value is None:
            raise ExpressionError(f"{{{{{tag.source}}}}} is the output of a step that was skipped, it has no value")
        if value is not _MISSING:
            return self.written(value)
        before, braces, name = tag.source.rpartition("{{")
        inner = self.scope.get(name) if before and braces else None
        if isinstance(inner, str):
            return "{{" + before + self.written(inner)
        text = derived(tag.name, self.scope)
        if text is not None:
            return self.written(text)
        wanted = self.complete or (self.strict is not None and tag.name.partition(".")[0] in self.strict)
        if wanted and (self.complete or ".outputs.artifacts." not in tag.name):
            raise ExpressionError(
                f"{{{{{tag.source}}}}} is not known here{near(tag.inner, self.scope)}", source=tag.source
            )
        return "{{" + tag.source + "}}"

    def expression(self, tag: ExprTag) -> str:
        kept = "{{=" + tag.source + "}}"
        if tag.node is None:
            if self.strict is None and not self.complete:
                return kept
            raise tag.error or ExpressionError("no expression", source=tag.source)
        missing = [path for path in names(tag.node) if not self.known(path)]
        if not self.complete and any(path[: len(late)] == late for path in missing for late in _LATE):
            return kept
        try:
            return self.written(self.value(tag))
        except ExpressionError:
            if self.tolerant(missing):
                return kept
            raise

    def value(self, tag: ExprTag) -> object:
        value = None if tag.node is None else evaluate_in(self.environment, tag.node, tag.source)
        if value is None:
            raise ExpressionError("the expression gives nil; ?? gives it a default", source=tag.source, position=0)
        return value

    def known(self, path: tuple[str, ...]) -> bool:
        if any(".".join(path[:count]) in self.scope for count in range(1, len(path) + 1)):
            return True
        return self.environment.has_children(".".join(path))

    def tolerant(self, missing: Collection[tuple[str, ...]]) -> bool:
        """Whether an expression may stay as it is, because of names that a later pass may know."""
        if self.complete:
            return False
        return self.strict is None or any(path[0] not in self.strict for path in missing)
