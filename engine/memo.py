"""Outputs that are kept under the ``memoize_key`` of a template, for all runs in the same folder (MM-01).

An entry is a file with the outputs; its artifacts are paths into the run that made them, as seen from the folder. An
entry whose artifacts are gone, or are not the same files any more, does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExpressionError
from dflow.engine.marks import difference, mark
from dflow.engine.moving import absolute, relative
from dflow.engine.results import gives_result
from dflow.engine.reuse import Reused
from dflow.engine.scope import resolve
from dflow.engine.state import read_text, write_json, writing

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from dflow.engine.model import Template, Value
    from dflow.engine.node import Node

__all__ = ["MemoCache", "holds", "is_memo_key", "resolve_memo_key"]

_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*\Z")


class MemoCache:
    """The entries in one folder.

    Args:
        folder: made with the first entry.
        workflow: the run that reads and writes, for messages.
    """

    def __init__(self, folder: Path, workflow: str) -> None:
        self._folder = folder
        self._workflow = workflow

    def look_up(self, node: Node, template: Template) -> Reused | None:
        """What is kept for a node; None when that is nothing, or does not hold any more."""
        try:
            entry = json.loads(read_text(self._path(node)))
            if entry["template"] != node.template or entry["key"] != node.memo_key:
                return None
            kept, folder = entry["artifacts"], str(self._folder)
            artifacts = {name: absolute(str(found["path"]), folder) for name, found in kept.items()}
            same = all(difference(path, kept[name]["mark"]) is None for name, path in artifacts.items())
            texts = {str(name): str(text) for name, text in entry["parameters"].items()}
            result = entry.get("result")
            age = getattr(template, "memoize_age", None)
            is_old = age is not None and time.time() - float(entry["created"]) > age
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        missing = [p.name for p in template.outputs.parameters if p.name not in texts and p.default is None]
        missing += [a.name for a in template.outputs.artifacts if a.name not in artifacts and not a.optional]
        own = None if node.place is None else f"{node.place.root}{os.sep}"
        is_own = own is not None and any(path.startswith(own) for path in artifacts.values())
        if is_old or (gives_result(template) and not isinstance(result, str)):
            return None
        if missing or not same or is_own:  # what lies in the step's own directory is about to be set aside
            return None
        return Reused(str(entry["key"]), str(entry.get("workflow")), texts, artifacts, result=result)

    def keep(self, node: Node) -> None:
        """Keep the outputs of a node that has succeeded.

        Raises:
            StateError: the file system refuses.
        """
        artifacts = {name: value for name, value in node.output_artifacts.items() if value is not None}
        if any(value.parts is not None for value in artifacts.values()):
            return
        entry: dict[str, Any] = {
            "template": node.template,
            "key": node.memo_key,
            "workflow": self._workflow,
            "node": node.name,
            "created": time.time(),
            "result": node.result,
            "parameters": {name: text for name, text in node.outputs.items() if text is not None},
            "artifacts": {
                name: {"path": relative(value.location, str(self._folder)), "mark": mark(value.location)}
                for name, value in artifacts.items()
            },
        }
        path = self._path(node)
        own = path.with_name(f"{path.name}.{self._workflow}")  # two runs may keep the same at the same time
        with writing(path):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_json(own, entry)
            own.replace(path)

    def keep_again(self, node: Node) -> None:
        """Keep the outputs of a node that has succeeded in an earlier attempt, where that came to nothing."""
        if not self._path(node).is_file():
            self.keep(node)

    def _path(self, node: Node) -> Path:
        digest = hashlib.sha256(f"{node.template}\0{node.memo_key}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"


def holds(file: Path) -> bool:
    """Whether the files that an entry tells of are what they were."""
    try:
        kept = json.loads(read_text(file))["artifacts"].values()
        folder = str(file.parent)
        return all(difference(absolute(str(found["path"]), folder), found["mark"]) is None for found in kept)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def is_memo_key(text: str) -> bool:
    """Whether a text can be a key: what a cluster takes as one, so no dot, underscore or slash."""
    return _KEY.match(text) is not None


def resolve_memo_key(value: Value, node: Node, names: MutableMapping[str, str | None]) -> str:
    """The key of a node, from its inputs and the workflow's names.

    Raises:
        ExpressionError: it cannot be resolved, or is no key.
    """
    inputs: MutableMapping[str, str | None] = {f"inputs.parameters.{name}": text for name, text in node.inputs.items()}
    key = resolve(value, ChainMap(inputs, names)) or ""
    if not is_memo_key(key):
        raise ExpressionError(
            f"memoize_key of {node.template!r} is {key!r}; it must consist of letters, digits and '-', "
            "and begin with a letter or digit"
        )
    return key
