"""Manifests as YAML text that every reader reads alike.

YAML 1.1, which Argo reads, takes plain words such as ``y``, ``no`` or ``1_000`` for something else than texts; so
every text is quoted that is not plainly a word (DOC-02).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["to_yaml"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_NOT_TEXTS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


def to_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """The documents as one YAML text, in the order of their fields; the same data gives the same text."""
    import yaml  # noqa: PLC0415 - costs 19 ms, and only exports need it

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, unused-ignore]
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name is the library's
            return True

    def text(dumper: Any, data: str) -> Any:
        style = None if _is_plain(data) else '"'
        if "\n" in data and _fits_a_block(data):
            style = "|"
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return "---\n".join(
        yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10**9, default_flow_style=False)
        for document in documents
    )


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.match(text)) and text.lower() not in _NOT_TEXTS


def _fits_a_block(text: str) -> bool:
    """Whether a text survives as a literal block: no spaces at ends of lines, no characters that need escapes."""
    if any(line != line.rstrip() for line in text.split("\n")) or text[0] in " \n\t":
        return False
    return all(char == "\n" or (char.isprintable() and char != "\ufeff") for char in text)
