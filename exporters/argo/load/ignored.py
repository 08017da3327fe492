"""What a manifest says that is not used here, and what cannot be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.exporters.argo.load.context import Context

__all__ = ["note_container", "note_spec", "note_template"]

_READ_HERE = frozenset({
    "activeDeadlineSeconds", "annotations", "container", "containerSet", "daemon", "dag", "data", "failFast", "http",
    "initContainers", "inputs", "memoize", "metadata", "name", "outputs", "parallelism", "plugin", "resource",
    "retryStrategy", "script", "sidecars", "steps", "suspend", "timeout",
})  # fmt: skip
_OF_CONTAINERS = frozenset({"args", "command", "env", "image", "name", "source"})
_OF_SPEC = frozenset({
    "activeDeadlineSeconds", "arguments", "entrypoint", "hooks", "onExit", "parallelism", "retryStrategy",
    "templateDefaults", "templates", "workflowMetadata", "workflowTemplateRef",
})  # fmt: skip

Fields = dict[str, Any]


def note_template(template: Fields, context: Context) -> None:
    """Fields of a template that only a cluster uses."""
    book = context.book
    for name in template:
        if name not in _READ_HERE and template[name] not in ("", [], {}, None):
            book.note(f"{name} is not used here")
    for name in ("initContainers", "sidecars"):
        for row in template.get(name, []):
            book.note(f"{name[:-1]} {row.get('name', '')!r} is not run here")
    if template.get("daemon"):
        book.problem("a daemon, which goes on while other steps use its address, cannot be run here")


def note_container(container: Fields, context: Context) -> None:
    """Fields of a container that only a cluster uses."""
    if container.get("image"):
        context.book.note(f"the image {container['image']!r} is not used, programs of this machine are run")
    for name in container:
        if name not in _OF_CONTAINERS and container[name] not in ("", [], {}, None):
            context.book.note(f"{name} of containers is not used here")


def note_spec(spec: Fields, context: Context) -> None:
    """Fields of a workflow that only a cluster uses."""
    for name in spec:
        if name not in _OF_SPEC and spec[name] not in ("", [], {}, None, False):
            context.book.note(f"{name} of the workflow is not used here")
