"""Artifacts on their way between a run and an object store: its inputs come from there, its outputs can go there."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from dflow.engine.errors import CompileError, ExpressionError, LeafError, StorageError, UnsafeArtifact
from dflow.engine.runnable import from_elsewhere
from dflow.engine.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template, WorkflowGraph
    from dflow.engine.node import Node
    from dflow.engine.ports import ObjectStore

__all__ = ["Shipping", "bring_inputs"]

_T = TypeVar("_T")


def bring_inputs(graph: WorkflowGraph, layout: RunLayout, objects: ObjectStore) -> None:
    """Bring what the graph names by its key, and does not make itself, into the run's own store.

    That is done before anything starts, so a wrong key is told before anything was computed; what is there already,
    from an earlier attempt, is not fetched again.

    Raises:
        CompileError: there is nothing under a key, or it cannot be used; lists all of these.
        StorageError: the object store refuses or does not answer.
    """
    store, problems = Store(layout.store), []
    for place, key, is_optional in sorted(
        from_elsewhere(graph), key=lambda found: len(found[1])
    ):  # what holds others first
        try:
            target = store.place_for(key)
            found = target.exists() or objects.fetch(key, target)
        except (ExpressionError, LeafError, UnsafeArtifact) as exc:
            problems.append(f"{place}: {exc}")
            continue
        if not found and not is_optional:
            problems.append(f"{place}: the object store has nothing under the key {key!r}")
    if problems:
        raise CompileError(problems)


class Shipping:
    """Brings artifacts to nodes of a run while it goes on, and takes away what they have made.

    Args:
        outputs: the outputs of leaf steps go to the object store.
        prefix: what their keys begin with.
    """

    def __init__(self, layout: RunLayout, objects: ObjectStore, *, outputs: bool, prefix: str) -> None:
        self._objects = objects
        self._outputs = outputs
        self._prefix = f"{prefix}{layout.id}"
        self._store = Store(layout.store)
        self._locks: dict[str, threading.Lock] = {}

    async def bring(self, node: Node, template: Template) -> None:
        """Bring the inputs of a node that are under keys which were not known before the run.

        Raises:
            LeafError: one cannot be brought, and is not optional.
            StateError: the file system refuses.
        """
        optional = {artifact.name for artifact in template.inputs.artifacts if artifact.optional}
        for name, value in node.input_artifacts.items():
            if value is not None and value.key is not None:
                found = await _in_thread(f"input artifact {name!r}", partial(self._fetch, value.key, Path(value.path)))
                if not found and name not in optional:
                    raise LeafError(f"input artifact {name!r}: nothing is under the key {value.key!r}")

    def _fetch(self, key: str, target: Path) -> bool:
        with self._locks.setdefault(key, threading.Lock()):  # of many slices the first one fetches
            if target.exists():
                return True
            if self._store.root in target.parents:
                target = self._store.place_for(key)
            return self._objects.fetch(key, target)

    async def take(self, node: Node, template: Template) -> None:
        """Store the outputs of a leaf that has succeeded.

        Raises:
            LeafError: one cannot be stored.
        """
        if not self._outputs:
            return
        for artifact in template.outputs.artifacts:
            value = node.output_artifacts.get(artifact.name)
            if value is not None and not value.is_nowhere:
                earlier = len(node.place.backups()) if node.place is not None else 0
                attempt = f"-{earlier}" if earlier else ""  # what an earlier one has stored must not be among it
                key = f"{self._prefix}/{node.id}{attempt}/{artifact.name}"
                store = partial(self._objects.keep, Path(value.location), key, artifact.archive)
                stored = await _in_thread(f"output artifact {artifact.name!r}", store)
                node.output_artifacts[artifact.name] = replace(value, key=stored)


async def _in_thread(what: str, call: Callable[[], _T]) -> _T:
    try:
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    except (StorageError, UnsafeArtifact) as exc:
        raise LeafError(f"{what}: {exc}") from exc
