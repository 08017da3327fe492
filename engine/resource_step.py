"""Running resource templates: an object is given to a cluster, and watched until a condition is met."""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import TYPE_CHECKING

import anyio
from dflow.engine.errors import ClusterError, LeafError
from dflow.engine.fingerprint import changes
from dflow.engine.kubectl import Kubectl, Ref
from dflow.engine.leaf_outputs import collect
from dflow.engine.phase import Phase
from dflow.engine.records import record
from dflow.engine.resource_conditions import filled, requirements, verdict
from dflow.engine.state import read_text, write_json, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import ResourceTemplate
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["Around", "run_resource"]

_log = logging.getLogger("dflow.engine")
_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 0.2, 5.0, 1.5
_FAULTS = 10
"""How often in a row the cluster may fail to answer while an object is watched."""
_FAREWELL = 15.0
"""Seconds that the deletion of an object may take when its step is ended."""
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@record(frozen=True, slots=True)
class Around:
    """What a node gets from the run that it is in.

    Attributes:
        environment: that of kubectl.
        begin: notes that the node starts, in a new directory (True) or in the one that an earlier engine has left.
        limit: seconds that the node has at most.
    """

    settings: RunSettings
    environment: Mapping[str, str]
    begin: Callable[[bool], None]
    limit: float | None


class _Object:
    """The object of one attempt, and what the step's directory knows of it."""

    def __init__(self, step: StepLayout, client: Kubectl, lines: list[str] | None = None) -> None:
        self.client, self._step, self._lines = client, step, lines or []
        self.ref: Ref | None = None
        self.text: str | None = None

    def say(self, line: str) -> None:
        """One more line of the log."""
        self._lines.append(f"{time.strftime('%H:%M:%S')} {line}\n")
        write_text(self._step.log, "".join(self._lines))

    def keep(self, asked: Mapping[str, str], *, ended: bool = False) -> None:
        """Note which object this is, so that an engine that comes after this one goes on with it."""
        ref = self.ref
        known = None if ref is None else [ref.kind, ref.name, ref.namespace]
        write_json(self._step.object, {"ref": known, "asked": asked, "ended": ended, "text": self.text})


async def run_resource(
    node: Node,
    template: ResourceTemplate,
    values: Mapping[str, str | None],
    around: Around,
) -> tuple[Phase, str, bool]:
    """Run a node: phase, message, and whether its time was over. When it is ended, what it created is deleted.

    Raises:
        LeafError: the cluster cannot be asked, or an output is missing.
        ExpressionError: a tag or a condition is wrong.
    """
    if node.place is None:
        raise LeafError(f"node {node.name} has no directory")
    step, client = node.place, Kubectl(around.environment)
    left = await _left_behind(node, step, client, template)
    around.begin(left is None)
    made = _Object(step, client, [] if left is None else [f"{_log_of(step)}"])
    made.ref = left
    is_done = False
    try:
        with anyio.move_on_after(around.limit):
            phase, message = await _made_and_watched(made, node, template, values)
            is_done = True
            made.keep(node.fingerprint, ended=True)
            collect(node, template, around.settings, strict=phase is Phase.SUCCEEDED)
            return phase, message, False
    except ClusterError as exc:
        is_done = True
        made.say(str(exc))
        return Phase.FAILED, str(exc), False
    except LeafError:
        is_done = True
        raise
    finally:
        if not is_done:
            await _end(made, template, node)
    return Phase.FAILED, f"it was ended after its time limit of {around.limit:g} s", True


async def _made_and_watched(
    made: _Object, node: Node, template: ResourceTemplate, values: Mapping[str, str | None]
) -> tuple[Phase, str]:
    success = requirements(filled(template.success_condition, values) or "")
    failure = requirements(filled(template.failure_condition, values) or "")
    manifest = filled(template.manifest, values)
    flags = [filled(flag, values) or "" for flag in template.flags]
    made.text = None if made.ref is None else await made.client.get(made.ref)
    if made.text is None:
        await _make(made, template.action, manifest, flags, node)
    if not (success or failure) or made.ref is None:
        return Phase.SUCCEEDED, ""
    wait, faults = _FIRST_WAIT, 0
    while True:
        found = verdict(made.text or "{}", success, failure)
        if found is not None:
            return _ended(made, *found)
        await anyio.sleep(wait)
        wait = min(wait * _GROWTH, _LONGEST_WAIT)
        try:
            seen, faults = await made.client.get(made.ref), 0
        except ClusterError as exc:
            faults += 1
            if faults == _FAULTS:
                raise
            made.say(str(exc))
            continue
        if seen is None:
            return Phase.FAILED, f"{_named(made.ref)} was deleted before a condition was met"
        made.text = seen


def _ended(made: _Object, is_good: bool, why: str) -> tuple[Phase, str]:
    made.say(f"{'succeeded' if is_good else 'failed'}: {why or 'made'}")
    if is_good:
        return Phase.SUCCEEDED, ""
    what = "the object" if made.ref is None else _named(made.ref)
    return Phase.FAILED, f"{what} met the failure condition {why!r}"


async def _make(made: _Object, action: str, manifest: str | None, flags: list[str], node: Node) -> None:
    """Give the manifest to the cluster. The name of what is created is known, and noted, before it is there."""
    if manifest is None and action not in ("get", "delete"):
        raise LeafError(f"there is no manifest, which {action!r} needs")
    if action == "create" and manifest is not None:
        if made.ref is None:
            manifest = _with_name(await made.client.checked(manifest, flags))
            made.ref = Ref.of(manifest)
        else:
            manifest = _with_name(await made.client.checked(manifest, flags), made.ref.name)
        made.keep(node.fingerprint)
    text = await made.client.change(action, manifest, flags)
    if action == "delete":
        made.say(f"deleted: {text.strip()}")
        made.ref = None
        return
    made.ref, made.text = Ref.of(text), text
    made.say(f"{action}: {_named(made.ref)}")
    made.keep(node.fingerprint)


def _with_name(manifest: str, name: str | None = None) -> str:
    """A manifest in JSON whose object has a name; one that the cluster was to find is found here."""
    data = json.loads(manifest)
    metadata = data.get("metadata") or {}
    if not metadata.get("name") and metadata.get("generateName"):
        chosen = name or metadata["generateName"] + "".join(secrets.choice(_LETTERS) for _ in range(5))
        data["metadata"] = {**{k: v for k, v in metadata.items() if k != "generateName"}, "name": chosen}
    return json.dumps(data)


async def _end(made: _Object, template: ResourceTemplate, node: Node) -> None:
    """The step is ended: delete what it created. What was there before, or may have been, stays."""
    if template.action != "create" or made.ref is None:
        return
    with anyio.move_on_after(_FAREWELL, shield=True):
        try:
            await made.client.delete(made.ref)
        except LeafError as exc:
            _log.warning("%s of step %r is left: %s", _named(made.ref), node.key or node.display, exc)
        else:
            made.say(f"deleted: {_named(made.ref)}")
            made.keep(node.fingerprint, ended=True)
        return
    _log.warning("%s of step %r is left: kubectl did not end", _named(made.ref), node.key or node.display)


def _named(ref: Ref) -> str:
    kind = ref.kind.partition(".")[0]
    return f"{kind} {ref.name!r}" + ("" if ref.namespace is None else f" in namespace {ref.namespace!r}")


async def _left_behind(node: Node, step: StepLayout, client: Kubectl, template: ResourceTemplate) -> Ref | None:
    """The object that an engine has made for this node and was watching when it was killed.

    One that was made from something else is deleted.
    """
    try:
        known = json.loads(read_text(step.object))
    except (OSError, ValueError):
        return None
    if known.get("ended") or not known.get("ref"):
        return None
    ref = Ref(*known["ref"])
    if not changes(known.get("asked") or {"": ""}, node.fingerprint):
        return ref
    _log.warning("the object of step %r is deleted: it was made from something else", node.key or node.display)
    if template.action == "create":
        await client.delete(ref)
    return None


def _log_of(step: StepLayout) -> str:
    try:
        return read_text(step.log)
    except OSError:
        return ""
