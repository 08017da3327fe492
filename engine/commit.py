"""The commit rule in one place: a node's record first, its ``phase`` last, then one line in the journal."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

from dflow.engine.durability import sync_path, sync_tree
from dflow.engine.journal import Journal, read_events
from dflow.engine.layout import PHASE, RECORD, TYPE
from dflow.engine.marks import mark
from dflow.engine.moving import relative
from dflow.engine.phase import Phase
from dflow.engine.process import hostname
from dflow.engine.state import make_directory, set_aside, take_over_runs, write_json, write_new, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node
    from dflow.engine.scope import ArtifactValue

__all__ = ["Commits"]

_log = logging.getLogger("dflow.engine")
_OF_NODES = ("node", "moved")


def _free() -> None:
    """Nobody else can be writing."""


class Commits:
    """Writes what happens to nodes into the run directory.

    Attributes:
        guard: called before anything is written; raises when another process has taken the run over.
    """

    def __init__(self, layout: RunLayout, durability: str = "kill") -> None:
        self._waits = durability == "power"
        self._root = str(layout.root)
        self._journal = Journal(layout.journal)
        self._open: dict[str, Node] = {}
        self._host = hostname()
        self.guard: Callable[[], None] = _free

    def begin(self, node: Node, *, again: bool = True) -> None:
        """A node starts. An unfinished directory in its place is set aside, unless it goes on in there.

        Args:
            again: False: it goes on.
        """
        self.guard()
        self._open[node.id] = node
        if not again and node.place is not None:
            write_text(node.place.phase, Phase.RUNNING.value)
        elif node.place is not None:
            if node.type in ("Pod", "HTTP"):
                _begin_step(node.place, node.type)
            else:
                with writing(node.place.root):
                    node.place.root.mkdir(parents=True, exist_ok=True)
                write_text(node.place.type, node.type)
                write_text(node.place.phase, Phase.RUNNING.value)
        self._journal.append({"event": "node", **node.summary(), "phase": Phase.RUNNING.value})
        _log.debug("%s begins", node.name)

    def commit(self, node: Node, phase: Phase, template: Template) -> None:
        """A node is done. After this returns it is never run again unless somebody asks for it."""
        self.guard()
        self._open.pop(node.id, None)
        event = {**self._ended(node), "phase": phase.value}
        place = node.place
        if place is not None and os.path.isdir(place.text):
            self._settle(place, {**event, **self._values(node, template, in_files=True)}, phase)
        else:
            event.update(self._values(node, template, in_files=False))
        self._journal.append(event)
        _log.debug("%s ended %s: %s", node.name, phase, node.message or "well")

    def _ended(self, node: Node) -> dict[str, Any]:
        """The last event of a node; it names the machine where that is not the engine's."""
        event = {"event": "node", **node.summary()}
        if node.usage is not None:
            event["usage"] = node.usage
        if node.host is not None and node.host != self._host:
            event["host"] = node.host
        return event

    def _settle(self, place: StepLayout, record: dict[str, Any], phase: Phase) -> None:
        """The commit: the record, then the phase. What has to survive a loss of power is on the disk before that."""
        del record["event"]
        if record["type"] == "Pod":
            record.setdefault("host", self._host)
        write_json(place.file(RECORD), record)
        if self._waits:
            sync_tree(place.text)
        write_text(place.file(PHASE), phase.value)
        if self._waits:
            sync_path(place.file(PHASE))
            sync_path(place.text)
            sync_path(self._root)

    def moved(self, name: str, directory: str) -> None:
        """The directory of a node that is done was set aside, for one of another attempt."""
        self.guard()
        self._journal.append({"event": "moved", "name": name, "dir": directory})

    def loop(self, name: str, parent: str | None, count: int) -> None:
        """A loop begins, in this attempt too: its copies, of which there will be so many, are made as places are free.

        Args:
            name: the name of its copies without what tells them apart.
            parent: the node that they belong to.
        """
        self.guard()
        self._journal.append({"event": "loop", "name": name, "parent": parent, "count": count})

    def note(self, name: str, text: str) -> None:
        """What there is to say of a node that runs; an empty text for nothing any more."""
        self.guard()
        self._journal.append({"event": "note", "name": name, "text": text})

    def workflow(self, phase: Phase, **more: Any) -> None:
        """The workflow as a whole changed."""
        self.guard()
        host = {} if phase.is_final else {"host": self._host}
        self._journal.append({"event": "workflow", "phase": phase.value, "at": time.time(), **host, **more})

    def complete_journal(self, finished: Iterable[Node]) -> None:
        """Add to the journal what the step directories have and it has not: they win."""
        finished = list(finished)
        events = read_events(self._journal.path) if finished else ()
        known = {event.get("name"): event.get("phase") for event in events if event.get("event") in _OF_NODES}
        for node in finished:
            if known.get(node.name) != node.phase.value:
                self._journal.append(self._ended(node))

    def abandon(self) -> list[Node]:
        """The engine is interrupted: nodes that run now are Pending again."""
        self.guard()
        nodes = list(self._open.values())
        for node in nodes:
            if node.place is not None and node.place.root.is_dir():
                write_text(node.place.phase, Phase.PENDING.value)
            self._journal.append({"event": "node", **node.summary(), "phase": Phase.PENDING.value})
        return nodes

    def close(self) -> None:
        """Write no more."""
        self._journal.close()

    def _values(self, node: Node, template: Template, *, in_files: bool) -> dict[str, Any]:
        types = {p.name: p.type for p in template.inputs.parameters}
        is_loop = node.call is not None and node.call.loop is not None and node.item is None
        out_types = {p.name: "list" if is_loop else p.type for p in template.outputs.parameters}
        leaf = in_files and node.type == "Pod"
        return {
            "fingerprint": node.fingerprint,
            "inputs": {
                "parameters": _parameters(node.inputs, types, in_files=leaf),
                "artifacts": self._artifacts(node.input_artifacts, node.place),
            },
            "outputs": {
                "parameters": _parameters(node.outputs, out_types, in_files=leaf),
                "artifacts": self._artifacts(node.output_artifacts, None, marked=leaf),
            },
        }

    def _artifacts(
        self, artifacts: Mapping[str, ArtifactValue | None], place: StepLayout | None, *, marked: bool = False
    ) -> dict[str, Any]:
        """Names to places, relative to the run directory where they are in or beside it, and to how they look now.

        Args:
            place: the step that has made those for itself that were nowhere before.
        """
        result: dict[str, Any] = {}
        for name, value in artifacts.items():
            if value is not None:
                path = value.location
                if value.is_nowhere:
                    if place is None:
                        continue
                    path = str(place.input_artifacts / name)
                result[name] = {"path": relative(path, self._root)}
                if value.key is not None:
                    result[name]["key"] = value.key
                if marked:
                    result[name]["mark"] = mark(path)
        return result


def _begin_step(place: StepLayout, kind: str) -> None:
    """Make a step's directory. Nothing in it counts before its phase is final, so the rest need not be whole yet."""
    try:
        os.mkdir(place.text)
    except FileExistsError:
        set_aside(place)
        make_directory(place.text)
    except OSError:
        make_directory(place.text)  # once more, for the words
    take_over_runs(place)
    write_new(place.file(TYPE), kind)
    write_text(place.file(PHASE), Phase.RUNNING.value)


def _parameters(texts: Mapping[str, str | None], types: Mapping[str, str | None], *, in_files: bool) -> dict[str, Any]:
    """Names to type and, where no file of the step holds it, text."""
    result: dict[str, Any] = {}
    for name, text in texts.items():
        if text is not None:
            result[name] = {} if in_files else {"value": text}
            if types.get(name):
                result[name]["type"] = types[name]
    return result
