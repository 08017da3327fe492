"""Telling the lineage client of one run: in a thread of its own, so that no step waits for it.

What it was told, and which URNs it gave, is in the run directory, so an attempt that goes on tells nothing twice, and
knows the URNs of what was made before.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import logging
import os
import queue
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.config import config
from dflow.engine.errors import WrongType
from dflow.engine.layout import RunLayout
from dflow.engine.records import records_in
from dflow.lineage import append_line, client_of, configured_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dflow.engine.artifact_values import ArtifactValue
    from dflow.engine.layout import StepLayout
    from dflow.engine.node import Node
    from dflow.lineage import LineageClient

__all__ = ["Registrar", "flush", "registrar_of", "urns_of"]

_log = logging.getLogger("dflow")
PATIENCE = 30.0
"""Seconds that the end of the program waits for a client."""
_PAYLOADS = "dflow.python.runtime.payload"
_MANY, _LINKS = 10_000, 40


def registrar_of(layout: RunLayout) -> Registrar | None:
    """What tells the client of a run, the one of ``config`` or else the one that was kept; None when it fails."""
    try:
        client = configured_client()
        tasks = bool(config["register_tasks"])
        if client is None:
            kept = json.loads(layout.client.read_text(encoding="utf-8"))
            client, tasks = _unpacked(layout, kept["client"]), kept["tasks"]
        return Registrar(layout, client, tasks=tasks)
    except Exception as exc:  # noqa: BLE001 - the client is no part of the run
        _log.warning("lineage: nothing of run %s is registered: %s: %s", layout.id, type(exc).__name__, exc)
        return None


def _unpacked(layout: RunLayout, packed: Any) -> LineageClient:
    from dflow.engine.settings import load_settings

    sys.path.extend(entry for entry in load_settings(layout.settings).module_path if entry not in sys.path)
    if isinstance(packed, str):
        return client_of(packed)
    find = importlib.import_module(_PAYLOADS).find_op  # as on a step's side, with the same mistrust
    return client_of(find({**packed, "what": "lineage client"}, layout.client))


@dataclass(frozen=True)
class _Task:
    """A step that has succeeded, as it was then."""

    name: str
    title: str
    ended: float | None
    place: StepLayout | None
    inputs: Mapping[str, ArtifactValue | None]
    outputs: Mapping[str, ArtifactValue | None]


class Registrar:
    """Tells the client of one run what happens in it, in the order in which that happens.

    Args:
        tasks: of every step; otherwise only of outputs that an OP wants to have registered.
    """

    def __init__(self, layout: RunLayout, client: LineageClient, *, tasks: bool) -> None:
        self._layout, self._client, self._tasks = layout, client, tasks
        self._root = str(layout.root)
        self._workflow: str | None = None
        self._told: dict[str, float | None] = {}
        self._urns: dict[str, str] = {}
        self._failed, self._closed = 0, False
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._recall()
        self._thread = threading.Thread(target=self._work, name="dflow-lineage", daemon=True)
        self._thread.start()
        _open.append(self)

    def succeeded(self, node: Node) -> None:
        """A step has succeeded. One that the client knows, or that took its outputs from another, is passed over."""
        if node.reused or node.memoized or (node.name in self._told and self._told[node.name] == node.finished):
            return
        inputs, outputs = dict(node.input_artifacts), dict(node.output_artifacts)
        self._queue.put(_Task(node.name, node.key or node.display, node.finished, node.place, inputs, outputs))

    def close(self, *, wait: bool = False) -> None:
        """Nothing comes any more. What is left is told while the program goes on, or before it ends.

        Args:
            wait: it ends without further ado.
        """
        self._closed = True
        self._queue.put(None)
        if wait:
            self.wait()

    def wait(self, patience: float | None = None) -> None:
        """Wait until the client was told all, but not for ever."""
        self._thread.join(PATIENCE if patience is None else patience)
        if self._thread.is_alive():
            _log.warning(
                "lineage: the client does not answer; %d or more registrations of run %s are not made",
                self._queue.qsize(),
                self._layout.id,
            )
            self._be_done()

    @property
    def is_closed(self) -> bool:
        """Whether nothing comes any more."""
        return self._closed

    # -- in the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._try("the artifacts that are given", self._read_graph)
        self._try("the workflow", self._workflow_urn)
        while (task := self._queue.get()) is not None:
            self._try(f"step {task.title!r}", self._register, task)
        if self._failed > 1:
            _log.warning("lineage: %d registrations of run %s failed", self._failed, self._layout.id)
        self._be_done()

    def _be_done(self) -> None:
        with contextlib.suppress(ValueError):
            _open.remove(self)

    def _try(self, what: str, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except BaseException as exc:  # noqa: BLE001 - whatever a client raises is no matter of the run
            self._failed += 1
            if self._failed == 1:
                name = self._layout.id
                _log.warning("lineage: %s of run %s is not registered: %s: %s", what, name, type(exc).__name__, exc)

    def _workflow_urn(self) -> str:
        if self._workflow is None:
            self._workflow = _text("register_workflow", self._client.register_workflow(self._layout.id))
            self._keep({"workflow": self._workflow})
        return self._workflow

    def _register(self, task: _Task) -> None:
        wanted = _wanted(task.place)
        if not (self._tasks or wanted):
            return
        uris = {name: _uri(value) for name, value in task.outputs.items() if value is not None}
        urns: dict[str, str] = {}
        for name, (namespace, dataset, details) in wanted.items():
            if name in uris:
                urn = self._client.register_artifact(namespace, dataset, uris[name], **details)
                urns[name] = _text("register_artifact", urn)
        if self._tasks:
            inputs = {name: self._urn(value) for name, value in task.inputs.items() if value is not None}
            known: dict[str, Any] = {name: found for name, found in inputs.items() if found}
            given = self._client.register_task(task.title, known, uris, self._workflow_urn()) or {}
            urns = {**{str(name): _text("register_task", urn) for name, urn in given.items()}, **urns}
        places = {name: task.outputs[name] for name in urns if task.outputs.get(name) is not None}
        paths = {self._inside(value.location): urns[name] for name, value in places.items() if value is not None}
        self._learn(paths)
        self._keep({"step": task.name, "ended": task.ended, "urns": urns, "places": paths})

    def _keep(self, record: dict[str, Any]) -> None:
        append_line(str(self._layout.lineage), json.dumps(record, ensure_ascii=False))

    # -- what has which URN -----------------------------------------------------------------------------------

    def _recall(self) -> None:
        """What the client was told by earlier attempts."""
        for record in told(self._layout):
            if isinstance(record.get("workflow"), str):
                self._workflow = record["workflow"]
            elif isinstance(record.get("places"), dict):
                self._told[str(record.get("step"))] = record.get("ended")
                self._learn(record["places"])

    def _read_graph(self) -> None:
        """The URNs of artifacts that the workflow was given."""
        from dflow.engine.model import Literal, LocalArtifact, StoredArtifact
        from dflow.engine.run_directory import load_graph
        from dflow.engine.store import stored_at

        for record in records_in(load_graph(self._layout)):
            match record:
                case LocalArtifact(path=path, urn=str(urn)):
                    self._urns.setdefault(os.path.abspath(path), urn)
                case StoredArtifact(key=Literal(key), urn=str(urn)):
                    self._urns.setdefault(stored_at(str(self._layout.store), key), urn)

    def _learn(self, places: Mapping[str, str]) -> None:
        for place, urn in places.items():
            self._urns[os.path.join(self._root, place)] = urn

    def _inside(self, place: str) -> str:
        """A path of the run, without that of its directory, which may be moved."""
        return place[len(self._root) + 1 :] if place.startswith(self._root + os.sep) else place

    def _urn(self, value: ArtifactValue) -> str | list[str] | None:
        """The URN of an artifact, or those of what it is made of."""
        found = list(dict.fromkeys(urn for place in _places(value) if (urn := self._above(place))))
        return found[0] if len(found) == 1 else found or None

    def _above(self, place: str) -> str | None:
        """The URN of what a path lies in, or, link by link, of what it leads to."""
        for _ in range(_LINKS):
            above = [place, *map(str, Path(place).parents)]
            found = next((self._urns[path] for path in above if path in self._urns), None)
            link = next((path for path in above if os.path.islink(path)), None)
            if found is not None or link is None:
                return found
            place = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)) + place[len(link) :])
        return None


_open: list[Registrar] = []
"""Those of this process whose clients were not told all."""


@atexit.register
def flush() -> None:
    """Wait until the clients were told all of the runs that have ended, but not for ever."""
    end = time.monotonic() + PATIENCE
    for registrar in [one for one in _open if one.is_closed]:
        registrar.wait(max(end - time.monotonic(), 0))


def told(layout: RunLayout) -> Iterator[dict[str, Any]]:
    """What the client was told of a run; a line that was not written to its end is passed over."""
    try:
        text = layout.lineage.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def urns_of(layout: RunLayout, name: str) -> dict[str, str]:
    """The URNs of the outputs of a step, by the name of its node."""
    found = os.stat(layout.lineage)
    return _all_urns(layout.root, found.st_mtime_ns, found.st_size).get(name, {})


@functools.lru_cache(maxsize=2)
def _all_urns(root: Path, changed: int, size: int) -> dict[str, dict[str, str]]:
    """Those of all steps; read once for many, until the file changes."""
    return {record["step"]: record["urns"] for record in told(RunLayout(root)) if "step" in record}


def _places(value: ArtifactValue) -> Iterable[str]:
    """Where an artifact is, and where what it is made of is."""
    from dflow.engine.catalog import read_catalog

    if value.parts is not None:
        return [part.root if part.place is None else f"{part.root}/{part.place}" for part in value.parts]
    if value.is_nowhere:
        return []
    root = value.location
    items = read_catalog(Path(root)) if os.path.isdir(root) else None
    members = [f"{root}/{item['dflow_list_item']}" for item in (items or [])[:_MANY] if item["dflow_list_item"]]
    return [root, *members]


def _uri(value: ArtifactValue) -> str:
    return value.location if value.key is None else value.key


def _wanted(place: StepLayout | None) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Which outputs the OP of a step wants to have registered: namespace, name and what else."""
    try:
        data = json.loads(place.lineage.read_text(encoding="utf-8")) if place is not None else {}
    except OSError:
        return {}
    return {name: (entry["namespace"], entry["name"], entry["details"]) for name, entry in data.items()}


def _text(what: str, urn: Any) -> str:
    if not isinstance(urn, str):
        raise WrongType(f"{what} of the lineage client returned {urn!r}, which is no URN")
    return urn
