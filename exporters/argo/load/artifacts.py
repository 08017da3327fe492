"""Where artifacts come from, and what templates declare of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.model import (
    ArtifactFrom,
    Expr,
    HttpArtifact,
    InputArtifact,
    Literal,
    LocalArtifact,
    OutputArtifact,
    RawArtifact,
    Ref,
    StoredArtifact,
)
from dflow.exporters.argo.lint.shapes import LOCATIONS
from dflow.exporters.argo.load.texts import has_tag

if TYPE_CHECKING:
    from dflow.engine.model import ArtifactSource, Value
    from dflow.exporters.argo.load.context import Context

__all__ = ["input_artifact", "output_artifact", "path_of", "source_of"]

_STORES = {"s3": "key", "oss": "key", "gcs": "key", "azure": "blob"}
_UNUSED = ("artifactGC", "archiveLogs", "recurseMode")

Fields = dict[str, Any]


def source_of(row: Fields, context: Context) -> ArtifactSource | None:
    """Where an artifact comes from; None when the row does not say."""
    sub_path = _sub_path(row, context)
    if row.get("fromExpression"):
        return ArtifactFrom(Expr(row["fromExpression"].strip()), sub_path)
    if row.get("from"):
        value = context.reference(row["from"])
        if isinstance(value, (Ref, Expr)):
            return ArtifactFrom(value, sub_path)
        context.book.problem(f"from is {row['from']!r}; it must be one tag, such as {{{{inputs.artifacts.NAME}}}}")
        return None
    return _located(row, sub_path, context)


def _sub_path(row: Fields, context: Context) -> str | None:
    return context.known(row.get("subPath", "")) or None


def _located(row: Fields, sub_path: str | None, context: Context) -> ArtifactSource | None:
    kind = next((name for name in LOCATIONS if name in row), None)
    if kind is None:
        return None
    if kind == "raw":
        return RawArtifact(context.value(row["raw"].get("data", "")))
    if kind == "http":
        return _fetched(row["http"], sub_path, context)
    key = _key(row, context)
    if key is None:
        context.book.problem(f"the location {kind!r} cannot be reached from here; use raw, http, or a key of a store")
        return None
    return _stored(key, sub_path, context)


def _fetched(http: Fields, sub_path: str | None, context: Context) -> ArtifactSource | None:
    if http.get("auth") or http.get("headers"):
        context.book.problem("an http artifact with headers or auth cannot be fetched here; use a URL without")
    if sub_path is not None:
        context.book.problem("a part (subPath) of an http artifact cannot be taken here")
    return HttpArtifact(context.value(http.get("url", "")))


def _key(row: Fields, context: Context) -> Value | None:
    """The key under which an artifact is stored; None when there is none."""
    for kind, field in _STORES.items():
        text = row.get(kind, {}).get(field, "")
        if text:
            known = context.known(text)
            return context.value(known) if has_tag(known) else Literal(known)
    return None


def _stored(key: Value, sub_path: str | None, context: Context) -> ArtifactSource:
    if isinstance(key, Literal):
        for upload, path in context.uploads.items():
            if key.text == upload:
                return LocalArtifact(path, sub_path)
            if key.text.startswith(f"{upload.rstrip('/')}/"):
                inner = key.text[len(upload.rstrip("/")) + 1 :]
                return LocalArtifact(path, f"{inner}/{sub_path}" if sub_path else inner)
    return StoredArtifact(key, sub_path)


def input_artifact(row: Fields, context: Context) -> InputArtifact:
    """A declared input artifact."""
    with context.book.at(f"input artifact {row.get('name', '')!r}"):
        source = source_of(row, context)
        _unused(row, context)
        return InputArtifact(
            row.get("name", ""),
            path_of(row, context),
            bool(row.get("optional")),
            source=source,
            mode=row.get("mode"),
            sub_path=None if source is not None else _sub_path(row, context),
            archive=_archive(row),
        )


def output_artifact(row: Fields, context: Context) -> OutputArtifact:
    """A declared output artifact."""
    with context.book.at(f"output artifact {row.get('name', '')!r}"):
        _unused(row, context)
        if "mode" in row:
            context.book.note(f"the mode of output artifact {row.get('name', '')!r} is not set")
        key = _key(row, context)
        other = next((name for name in LOCATIONS if name in row and name not in _STORES), None)
        if other is not None:
            context.book.problem(f"nothing can be put into a location {other!r} from here; use a key of a store")
        is_group = bool(row.get("from") or row.get("fromExpression"))
        return OutputArtifact(
            row.get("name", ""),
            path_of(row, context),
            source_of({name: row[name] for name in ("from", "fromExpression", "subPath") if name in row}, context)
            if is_group
            else None,
            bool(row.get("optional")),
            archive=_archive(row),
            global_name=context.fixed(row.get("globalName", ""), "globalName") or None,
            key=key,
        )


def path_of(row: Fields, context: Context) -> str | None:
    """A declared path."""
    return context.fixed(row.get("path", ""), "path") or None


def _archive(row: Fields) -> str | None:
    """How it is packed, by the names of the graph."""
    archive = row.get("archive")
    if archive is None:
        return "default"
    return None if "none" in archive else next((name for name in ("tar", "zip") if name in archive), "default")


def _unused(row: Fields, context: Context) -> None:
    for name in _UNUSED:
        if row.get(name):
            context.book.note(f"{name} of artifacts is not used here")
    for kind in _STORES:
        bucket = row.get(kind, {}).get("bucket") or row.get(kind, {}).get("container")
        if bucket:
            context.book.note(f"the store {bucket!r} is not asked; its keys are looked for in the run's own store")
