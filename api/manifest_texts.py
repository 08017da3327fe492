"""Manifests of objects with values of the workflow in them, as text that stays whole whatever the values are."""

from __future__ import annotations

import re
from typing import Any, List, NamedTuple, Tuple

__all__ = ["Joined", "dumped", "manifest_text", "parameters_named"]

_PLAIN = re.compile(r"\{\{(?:workflow\.(?:name|namespace|uid)|pod\.name|inputs\.parameters\.dflow_place)\}\}")
"""Tags whose values have no characters that mean anything to YAML or to a shell."""
_NAMED = re.compile(r"\binputs\.parameters(?:\.([\w-]+)|\[['\"]([\w-]+)['\"]\])")


class Joined(NamedTuple):
    """A text of two parts; the values in the first stay within their lines."""

    head: str
    rest: str


def manifest_text(data: Any) -> str:
    """Data as YAML. Its texts may have tags: where the value of one could be anything, an expression makes the text."""
    expressions: List[str] = []
    text = dumped(_marked(data, expressions))
    for number, source in enumerate(expressions):
        text = text.replace(_placeholder(number), source)
    return text


def dumped(data: Any) -> str:
    """Data as YAML as it is, texts of several lines as such."""
    import yaml

    return str(yaml.dump(data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=2**31))


def parameters_named(text: str) -> List[str]:
    """The input parameters that a text with tags mentions."""
    return sorted({match[1] or match[2] for match in _NAMED.finditer(text)})


def _placeholder(number: int) -> str:
    return f"dflow-expression-{number}-"


def _marked(value: Any, expressions: List[str]) -> Any:
    """Texts that only an expression can make are replaced by placeholders."""
    if isinstance(value, dict):
        return {str(key): _marked(item, expressions) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item, expressions) for item in value]
    if not isinstance(value, (str, Joined)):
        return value
    pieces = value if isinstance(value, Joined) else Joined("", value)
    if "{{" not in _PLAIN.sub("", "".join(pieces)):
        return "".join(pieces)
    expressions.append(_expression(pieces))
    return _placeholder(len(expressions) - 1)


def _expression(pieces: Joined) -> str:
    """A tag with an expression for the text as a constant of YAML."""
    parts = [part for text, one_line in zip(pieces, (True, False)) for part in _parts(text, one_line)]
    return "{{=toJson(" + (" + ".join(parts) or "''") + ")}}"


def _parts(text: str, one_line: bool) -> List[str]:
    from dflow.engine import expressions
    from dflow.exporters.argo.export.texts import guarded, name_of, quoted

    found: List[Tuple[str, bool]] = []
    for part in expressions.parse_text(text).parts:
        if isinstance(part, expressions.Tag):
            found.append((name_of(part.name), True))
        elif isinstance(part, expressions.ExprTag):
            inner = guarded(part.source)
            found.append((f"(type({inner}) == 'string' ? {inner} : toJson({inner}))", True))
        elif part:
            found.append((quoted(str(part)), False))
    return [f"join(split({source}, '\\n'), ' ')" if is_value and one_line else source for source, is_value in found]


def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as such."""

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
