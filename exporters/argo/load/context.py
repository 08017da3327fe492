"""What all parts of one reading share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.engine.durations import seconds_of
from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import substitute
from dflow.engine.model import Literal
from dflow.exporters.argo.load.texts import has_tag, json_value, reference, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.model import Value
    from dflow.exporters.argo.load.book import Book

__all__ = ["Context"]

Fields = dict[str, Any]
_LATER = "it must be known before the workflow starts here, and this tag is not"


@dataclass(frozen=True)
class Context:
    """The workflow around what is read.

    Attributes:
        book: takes problems and notes.
        names: names of the workflow that are known already, and their texts.
        uploads: keys of the artifact store, and the local paths of what is there.
        config_maps: the data of ConfigMaps by name.
    """

    book: Book
    names: Mapping[str, str]
    uploads: Mapping[str, str]
    config_maps: Mapping[str, Mapping[str, str]]

    def value(self, text: str) -> Value:
        """The value of a text that may hold tags."""
        return self._made(value_of, text)

    def reference(self, text: str) -> Value:
        """The value of a name, in braces or without them."""
        return self._made(reference, text)

    def json(self, value: Any) -> Value:
        """Plain values as JSON."""
        return self._made(json_value, value)

    def _made(self, make: Callable[[Any], Value], given: Any) -> Value:
        try:
            return make(given)
        except ExpressionError as exc:
            self.book.problem(str(exc))
            return Literal("")

    def known(self, text: str) -> str:
        """A text with what is known before the workflow starts; other tags stay."""
        if not has_tag(text):
            return text
        try:
            return substitute(text, self.names)
        except ExpressionError as exc:
            self.book.problem(str(exc))
            return ""

    def fixed(self, text: str, what: str) -> str:
        """A text that cannot change while the workflow runs here."""
        found = self.known(text)
        if has_tag(found):
            self.book.problem(f"{what} is {found!r}; {_LATER}")
            return ""
        return found

    def count(self, given: int | str, what: str) -> int | None:
        """A whole number; None when it is not given."""
        text = self.fixed(str(given), what).strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit()):
            self.book.problem(f"{what} is {text!r}; it must be a whole number, 0 or more")
            return None
        return int(text)

    def seconds(self, given: int | str, what: str) -> float | None:
        """The seconds of a duration; None when it is not given."""
        text = self.fixed(str(given), what)
        if not text:
            return None
        seconds = seconds_of(text)
        if seconds is None:
            self.book.problem(f"{what} is {text!r}; it must be a time such as 90s, 10m or 1h30m")
        return seconds

    def from_config_map(self, selector: Fields) -> str | None:
        """What a ``configMapKeyRef`` means, when the ConfigMap is among the documents."""
        name, key = self.known(selector.get("name", "")), self.known(selector.get("key", ""))
        return self.config_maps.get(name, {}).get(key)
