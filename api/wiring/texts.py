"""Workflows of this form as texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CompileError
from dflow.wiring.shape import Mistakes, is_wiring

if TYPE_CHECKING:
    from dflow.workflow import Workflow

__all__ = ["from_mapping", "from_text", "is_wiring_text"]

Fields = dict[str, Any]

_DEEP = 100
_MANIFEST = re.compile(r"^apiVersion:", re.MULTILINE)


def from_mapping(data: Any, folder: Any = None) -> Workflow:
    """The workflow of plain data; ``folder`` as in ``workflow_of``, by default the current directory.

    Raises:
        CompileError: lists all that is wrong.
    """
    from dflow.wiring.build import workflow_of

    mistakes = Mistakes()
    if not _is_finite(data, 0):
        mistakes.add("", "it is nested too deeply, or holds itself")
        mistakes.check()
    return workflow_of(data, _folder(folder), mistakes)


def from_text(text: str, folder: Any = None, *, file: str | None = None, parameters: Fields | None = None) -> Workflow:
    """The workflow of a YAML or JSON text; mistakes have their lines.

    Args:
        file: what the text is called in messages.
        parameters: values of workflow parameters, in place of those in the text.

    Raises:
        CompileError: lists all that is wrong.
    """
    from dflow.wiring.build import workflow_of
    from dflow.wiring.reading import read_yaml

    parts = read_yaml(text, file)
    if len(parts) != 1:
        raise CompileError([f"{file or 'the text'} has {len(parts)} documents; a workflow is one"])
    mistakes = Mistakes(parts[0].lines, file)
    mistakes.repeated(parts[0].repeated)
    return workflow_of(parts[0].value, _folder(folder), mistakes, parameters)


def is_wiring_text(text: str) -> bool:
    """Whether a text holds a workflow of this form, and no manifest and no graph."""
    from dflow.wiring.reading import names_at_the_top

    return not _MANIFEST.search(text) and is_wiring(dict.fromkeys(names_at_the_top(text)))


def _is_finite(data: Any, depth: int) -> bool:
    """Whether lists and maps end, and not too far down."""
    if isinstance(data, (dict, list, tuple)):
        return depth < _DEEP and all(
            _is_finite(item, depth + 1) for item in (data.values() if isinstance(data, dict) else data)
        )
    return True


def _folder(given: Any) -> Path:
    return Path.cwd() if given is None else Path(given)
