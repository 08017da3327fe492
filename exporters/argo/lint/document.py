"""DOC-03, X-14 and CRD-06: the names, the labels and the size of a document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import calls_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document

__all__ = ["check", "size_of"]

_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_PART}(\.{_PART})*")
_PREFIX = re.compile(rf"({_PART}\.)*[a-z0-9][-a-z0-9]*\.?")
_KEY = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LONGEST = {"CronWorkflow": 52}
_SUFFIX = 5
_NAME = 63
_OBJECT = 1 << 20
_NEARLY = _OBJECT * 4 // 5
_PARAMETER = 128 << 10
_BIG_PARAMETER = 32 << 10
_ANNOTATIONS = 256 << 10

Fields = dict[str, Any]


def check(document: Document, original: object, notes: Notes) -> None:
    """The metadata and the sizes."""
    _name(document, notes)
    _marks(document.metadata, "metadata", notes)
    inner = document.spec.get("workflowMetadata", {})
    _marks(inner, f"{document.path}.workflowMetadata", notes)
    for template in document.listed:
        _marks(template.fields.get("metadata", {}), f"{template.path}.metadata", notes)
    _size(original, notes)
    _parameter_sizes(document, notes)


def _name(document: Document, notes: Notes) -> None:
    metadata = document.metadata
    name, prefix = metadata.get("name", ""), metadata.get("generateName", "")
    longest = _LONGEST.get(document.kind, _NAME)
    if not name and not prefix:
        notes.error("X-14", "metadata", "the object has no name; give name or generateName")
    if len(name) > longest:
        notes.error(
            "DOC-03", "metadata.name", f"{len(name)} characters, the name of a {document.kind} has at most {longest}"
        )
    if name and not _SUBDOMAIN.fullmatch(name):
        notes.error(
            "X-14", "metadata.name", f"the server refuses {name!r}; use lower case letters, digits, '-' and '.'"
        )
    if prefix and not name:
        if not _PREFIX.fullmatch(prefix):
            notes.error(
                "X-14",
                "metadata.generateName",
                f"the server refuses names with {prefix!r}; use lower case letters, digits, '-'",
            )
        if len(prefix) + _SUFFIX > _NAME:
            notes.error(
                "X-14", "metadata.generateName",
                f"{len(prefix)} characters and the {_SUFFIX} that are added are more than {_NAME}; shorten it",
            )  # fmt: skip


def _marks(metadata: Fields, path: str, notes: Notes) -> None:
    for key, value in metadata.get("labels", {}).items():
        _key(key, f"{path}.labels.{key}", notes)
        if "{{" not in value and (len(value) > _NAME or (value and not _KEY.fullmatch(value))):
            notes.error(
                "X-14", f"{path}.labels.{key}", f"{value!r} is no label; use up to 63 letters, digits, '-', '_', '.'"
            )
    total = 0
    for key, value in metadata.get("annotations", {}).items():
        _key(key, f"{path}.annotations.{key}", notes)
        total += len(key.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
    if total > _ANNOTATIONS:
        notes.error(
            "CRD-06",
            f"{path}.annotations",
            f"{total} bytes, together at most {_ANNOTATIONS} are taken; move them elsewhere",
        )


def _key(key: str, path: str, notes: Notes) -> None:
    prefix, slash, name = key.rpartition("/")
    legal = len(name) <= _NAME and _KEY.fullmatch(name) and (not slash or _SUBDOMAIN.fullmatch(prefix))
    if not legal and "{{" not in key:
        notes.error(
            "X-14", path, f"the server refuses the key {key!r}; use [domain/]name with letters, digits, '-', '_', '.'"
        )


def size_of(value: object) -> int:
    """Bytes of a value as compact JSON; 0 when JSON cannot hold it."""
    try:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    except (TypeError, ValueError, RecursionError):
        return 0


def _size(original: object, notes: Notes) -> None:
    size = size_of(original)
    advice = "move long sources and values to artifacts or ConfigMaps, or templates to a WorkflowTemplate"
    if size > _OBJECT:
        notes.error("CRD-06", "", f"the object has {size} bytes, the cluster stores about {_OBJECT}; {advice}")
    elif size > _NEARLY:
        notes.warn("CRD-06", "", f"the object has {size} of at most {_OBJECT} bytes; {advice}")


def _parameter_sizes(document: Document, notes: Notes) -> None:
    _sizes(document.spec.get("arguments", {}), f"{document.path}.arguments", notes)
    for template in document.listed:
        _sizes(template.fields.get("inputs", {}), f"{template.path}.inputs", notes)
        for call, path in calls_of(template.fields, template.path):
            _sizes(call.get("arguments", {}), f"{path}.arguments", notes)
        source = template.fields.get("script", {}).get("source", "")
        if len(source) > _PARAMETER:
            notes.warn(
                "CRD-06", f"{template.path}.script.source",
                f"{len(source)} characters, one text for a pod has at most {_PARAMETER}; ship it as an artifact",
            )  # fmt: skip


def _sizes(holder: Fields, path: str, notes: Notes) -> None:
    for index, parameter in enumerate(holder.get("parameters", [])):
        for name in ("value", "default"):
            size = len(parameter.get(name, ""))
            text = f"{size} characters in a parameter, a pod takes at most {_PARAMETER}; pass it as an artifact"
            if size > _PARAMETER:
                notes.error("CRD-06", f"{path}.parameters[{index}].{name}", text)
            elif size > _BIG_PARAMETER:
                notes.warn("CRD-06", f"{path}.parameters[{index}].{name}", text)
