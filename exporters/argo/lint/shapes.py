"""Which kinds of templates there are, and what is where in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "GROUPS",
    "LEAVES",
    "LOCATIONS",
    "PODS",
    "TYPES",
    "calls_of",
    "has_location",
    "hooks_of",
    "is_looped",
    "texts",
    "type_of",
]

Fields = dict[str, Any]

PODS = ("container", "containerSet", "script", "resource", "data")
"""Templates that run a pod."""
LEAVES = (*PODS, "http", "plugin")
"""Templates that do something themselves."""
GROUPS = ("steps", "dag")
"""Templates that call others."""
TYPES = (*LEAVES, "suspend", *GROUPS)

LOCATIONS = {
    "artifactory": "url", "azure": "blob", "gcs": "key", "git": "repo", "hdfs": "path", "http": "url", "oss": "key",
    "plugin": "key", "raw": "", "s3": "key",
}  # fmt: skip
"""Where an artifact can be stored, and the field that says which object it is."""


def type_of(template: Fields) -> str:
    """The field that says what a template does; empty when it has none."""
    return next((name for name in TYPES if name in template), "")


def has_location(artifact: Fields) -> bool:
    """Whether an artifact says where it is stored."""
    return any(name in artifact and (not key or bool(artifact[name].get(key))) for name, key in LOCATIONS.items())


def is_looped(call: Fields) -> bool:
    """Whether a step or task runs once for each of several items."""
    return bool(call.get("withItems")) or bool(call.get("withParam")) or "withSequence" in call


def calls_of(template: Fields, path: str) -> Iterator[tuple[Fields, str]]:
    """The steps or tasks of a template and their places."""
    for index, group in enumerate(template.get("steps", [])):
        for position, step in enumerate(group):
            yield step, f"{path}.steps[{index}][{position}]"
    for index, task in enumerate(template.get("dag", {}).get("tasks", [])):
        yield task, f"{path}.dag.tasks[{index}]"


def hooks_of(call: Fields, path: str) -> Iterator[tuple[str, Fields, str]]:
    """The hooks of a step, task or workflow: name, fields and place."""
    for name, hook in call.get("hooks", {}).items():
        yield name, hook, f"{path}.hooks.{name}"


def texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a value, and its place; the names of fields too where they hold a tag."""
    waiting: list[tuple[object, str]] = [(value, path)]
    while waiting:
        current, place = waiting.pop()
        match current:
            case str():
                yield current, place
            case dict():
                waiting.extend((child, f"{place}.{name}") for name, child in reversed(current.items()))
                yield from ((name, place) for name in current if isinstance(name, str) and "{{" in name)
            case list():
                waiting.extend((child, f"{place}[{index}]") for index, child in enumerate(current))
