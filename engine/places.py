"""Which id and which directory a node has."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from dflow.engine.keys import name_of_key, name_step_directory, node_id
from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.engine.state import read_record, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node

__all__ = ["Places"]

_log = logging.getLogger("dflow.engine")
_OF_ITEM = "; {{item}} has several fields in this loop: {{item.order}} is the number"
_ATTEMPT = re.compile(r"\(\d+\)")


class Places:
    """Gives nodes their ids and directories, each to one node alone.

    Args:
        finished: nodes that have a directory already, by name.
        taken: names of directories, with the names of the nodes that have them.
        moved: told of the name of a node and that of the directory that it has from now on.
    """

    def __init__(
        self,
        layout: RunLayout,
        finished: Mapping[str, Node],
        taken: dict[str, str],
        moved: Callable[[str, str], None],
    ) -> None:
        self._moved = moved
        self._layout = layout
        self._finished = finished
        self._taken = taken
        self._ids: set[str] = set()
        self._keys: dict[str, str] = {}
        self._retried: set[str] = set()
        self._warned: dict[str, tuple[int, int]] = {}

    def new_id(self, name: str) -> str:
        """Argo's node id; where two names have the same hash, the second gets another."""
        candidate, extra = node_id(self._layout.id, name), 0
        while candidate in self._ids:
            extra += 1
            candidate = node_id(self._layout.id, f"{name}#{extra}")
        self._ids.add(candidate)
        return candidate

    def new_directory(self, step: str, name: str) -> StepLayout:
        """A directory for a node without a key."""
        directory = name_step_directory(self._layout.id, step, name, None, self._taken)
        self._taken[directory] = name
        return self._layout.step(directory)

    def begin_attempt(self, name: str) -> None:
        """What is in the node of this name is run anew: its steps take the directories of their keys from now on."""
        self._retried.add(name)

    def place(self, node: Node, template: Template) -> None:
        """Choose the directory of a node; a group has one only when it has a key."""
        if node.key is None and isinstance(template, StepsTemplate | DagTemplate):
            return
        earlier = self._finished.get(node.name)
        if earlier is not None and earlier.place is not None and earlier.key == node.key:
            node.place = earlier.place
            return
        stem = node.call.name if node.call else node.display
        if node.key is None:
            node.place = self.new_directory(stem, node.name)
            return
        wanted = name_of_key(node.key)
        owner = self._taken.get(wanted)
        if owner is None and self._retried:  # a failure that is to run again is not among the finished
            owner = (read_record(self._layout.step(wanted)) or {}).get("name")
        if owner is not None and self._is_of_attempt_before(owner, node.name):
            step = self._layout.step(wanted)
            self._moved(owner, step.backup().name)  # first: a kill in between leaves it where it is, to be moved again
            set_aside(step)
            self._taken.pop(wanted, None)
            self._keys.pop(node.key, None)
        directory = name_step_directory(self._layout.id, stem, node.name, wanted, self._taken)
        self._taken[directory] = node.name
        node.place = self._layout.step(directory)
        self._warn_of_another_name(node, node.key, directory)

    def _warn_of_another_name(self, node: Node, key: str, directory: str) -> None:
        """The first of many steps is named at once, the others are counted."""
        first = self._keys.setdefault(key, node.name)
        call = node.call.name if node.call else node.display
        if first != node.name:
            self._warn(
                f"steps have the key {key!r}, each in a directory of its own",
                f"steps {first!r} and {node.name!r} have the same key {key!r}; the second one's directory is "
                f"{directory!r}",
                named=2,
            )
        elif directory != key:
            hint = _OF_ITEM if '{"order":' in key else ""
            self._warn(
                f"steps {call!r} have keys that cannot name a directory here",
                f"the key {key!r} of step {node.name!r} cannot name a directory here; its directory is "
                f"{directory!r}{hint}",
            )

    def _warn(self, kind: str, text: str, named: int = 1) -> None:
        """Warn of the first of its kind, in a text that names so many steps."""
        if kind not in self._warned:
            _log.warning("%s", text)
            self._warned[kind] = (named, named)
        else:
            count, _ = self._warned[kind]
            self._warned[kind] = (count + 1, named)

    def tell_of_more(self) -> None:
        """Say of how many steps a warning was, where these were more than those that it named."""
        for kind, (count, named) in self._warned.items():
            if count > named:
                _log.warning("%d %s", count, kind)
        self._warned.clear()

    def _is_of_attempt_before(self, owner: str, name: str) -> bool:
        """Whether two nodes are in different attempts of one Steps or DAG, as in ``x(0)[0].a`` and ``x(1)[0].a``."""
        common = next((i for i, pair in enumerate(zip(owner, name, strict=False)) if pair[0] != pair[1]), len(name))
        start = name.rfind("(", 0, common)
        if start < 0 or name[:start] not in self._retried:
            return False
        one, other = _ATTEMPT.match(owner, start), _ATTEMPT.match(name, start)
        return one is not None and other is not None and one[0] != other[0]
