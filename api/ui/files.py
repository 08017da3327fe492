"""Artifacts and working directories as trees that can be looked through, with previews and downloads."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, Any

from dflow.ui.answers import FileStream, Refused, safe_name
from dflow.ui.inside import Area, Opened, clean_path

if TYPE_CHECKING:
    from dflow.engine.layout import StepLayout
    from dflow.ui.inside import Opened
    from starlette.responses import Response

__all__ = ["file_response", "files_json", "place_of"]

_MOST_ENTRIES = 1000
_MOST_NAMES = 200_000
_PREVIEW = 256 << 10
_MOST_IMAGE = 32 << 20
_IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_TABLES = (".csv", ".tsv")
_CATALOG = ".dflow"


def place_of(step: StepLayout, side: str, name: str, path: str) -> str:
    """The path that is meant by what a request names; not looked at yet.

    Args:
        side: ``inputs``, ``outputs`` or ``workdir``.
        name: of the artifact.
        path: in it.

    Raises:
        Refused: they are no such names.
    """
    inner = clean_path(path)
    if side == "workdir":
        base = step.file("workdir")
    elif side in ("inputs", "outputs"):
        if not name or "/" in name or "\0" in name or name in (".", ".."):
            raise Refused(404, "There is no such artifact")
        base = f"{step.text}/{side}/artifacts/{name}"
    else:
        raise Refused(400, "side must be inputs, outputs or workdir")
    return f"{base}/{inner}" if inner else base


def files_json(area: Area, path: str) -> dict[str, Any]:
    """What is in a directory, or what a file is."""
    opened = area.open(path)
    try:
        if opened.is_directory:
            return _directory(area, opened)
        return {"kind": "file", "size": opened.found.st_size, "preview": _preview(opened)}
    finally:
        os.close(opened.file)


def _directory(area: Area, opened: Opened) -> dict[str, Any]:
    try:
        names = []
        with os.scandir(opened.file) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) == _MOST_NAMES:
                    break
    except OSError as exc:
        raise Refused(403, f"It cannot be read: {exc.strerror}") from exc
    names = sorted(name for name in names if name != _CATALOG)
    found = [_entry(area, opened, name) for name in names[:_MOST_ENTRIES]]
    return {"kind": "directory", "entries": found, "more": max(0, len(names) - _MOST_ENTRIES)}


def _entry(area: Area, opened: Opened, name: str) -> dict[str, Any]:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    missing = {"name": shown, "kind": "other", "size": None, "mtime": None}
    try:
        found = os.stat(name, dir_fd=opened.file, follow_symlinks=False)
        if S_ISLNK(found.st_mode):
            real = os.path.realpath(os.path.join(opened.path, name), strict=True)
            if not area.holds(real):
                return {**missing, "kind": "link-out"}
            found = os.stat(real, follow_symlinks=False)
    except (OSError, ValueError):
        return missing
    kind = "directory" if S_ISDIR(found.st_mode) else "file" if S_ISREG(found.st_mode) else "other"
    if shown != name:
        kind = "other"  # its name is no text that an address could hold
    return {"name": shown, "kind": kind, "size": found.st_size, "mtime": found.st_mtime}


def _preview(opened: Opened) -> str:
    """How the page can show a file: by what is in it, and of texts by the ending of the name."""
    head = os.pread(opened.file, 8192, 0)
    if _image_type(head) is not None:
        return "image" if opened.found.st_size <= _MOST_IMAGE else "none"
    if not _is_text(head):
        return "none"
    name = opened.path.lower()
    return "json" if name.endswith(".json") else "csv" if name.endswith(_TABLES) else "text"


def _image_type(head: bytes) -> str | None:
    return next((kind for mark, kind in _IMAGES.items() if head.startswith(mark)), None)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as exc:
        return exc.start >= len(head) - 3 and len(head) == 8192
    return True


def file_response(area: Area, path: str, how: str) -> Response:
    """A file to look at, or to keep.

    To look at, there are pictures in formats that hold no scripts, and the beginnings of texts, as plain text whatever
    they are.
    """
    if how not in ("preview", "download"):
        raise Refused(400, "as must be preview or download")
    opened = area.open(path)
    try:
        return _file(opened, how)
    except BaseException:
        os.close(opened.file)
        raise


def _file(opened: Opened, how: str) -> Response:
    if opened.is_directory:
        raise Refused(400, "It is a directory")
    size = opened.found.st_size
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    if how == "download":
        headers |= {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": safe_name(os.path.basename(opened.path)),
        }
        return FileStream(opened.file, size, headers)
    kind = _image_type(os.pread(opened.file, 16, 0))
    if kind is not None:
        if size > _MOST_IMAGE:
            raise Refused(400, "The picture is too large to be shown; download it")
        return FileStream(opened.file, size, {**headers, "Content-Type": kind})
    if _preview(opened) == "none":
        raise Refused(400, "It is no text and no picture; download it")
    return FileStream(opened.file, min(size, _PREVIEW), {**headers, "Content-Type": "text/plain; charset=utf-8"})
