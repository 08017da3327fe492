"""A run in one file: its directory, and what its links lead to outside of it.

In the file that is under ``.dflow/outside/`` of the run, and links and records lead there, so that an unpacked run is
whole wherever it is.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import StateError, StorageError
from dflow.engine.inside import is_inside
from dflow.engine.layout import RunLayout, is_run
from dflow.engine.moving import absolute, moved_artifacts
from dflow.engine.records import record
from dflow.engine.state import read_text, to_json, writing
from dflow.storage.archives import Limits, refuse_inside, unpack, writing_tar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow.storage.archives import Writer

__all__ = ["OUTSIDE", "Packed", "pack_run", "unpack_run"]

OUTSIDE = ".dflow/outside"
_ID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*\Z")
_LEFT_OUT = frozenset(
    {".dflow/lease", ".dflow/lease.lock", ".dflow/slots", ".dflow/control", ".dflow/debug", ".dflow/lib/dflow"}
)
_OWN = frozenset({"graph.json", "reuse.json", "journal.jsonl"})


@record(frozen=True, slots=True)
class Packed:
    """What was packed.

    Attributes:
        outside: what is in the pack though it lies outside of the run.
        left_out: what is not in it, each with the reason.
    """

    outside: tuple[str, ...]
    left_out: tuple[str, ...]


def pack_run(layout: RunLayout, target: Path, *, uploads: bool = True) -> Packed:
    """Write a run into a tar file, gzipped unless it is called ``.tar``; it is there as a whole or not at all.

    Args:
        uploads: with what links lead to outside of the run.

    Raises:
        StorageError: something cannot be read.
        StateError: the file cannot be written.
    """
    refuse_inside(target, layout.root)
    run = _Packing(layout, uploads=uploads)
    run.look()
    with writing_tar(target, compressed=target.suffix != ".tar", times=True) as writer:
        run.write(writer)
    return Packed(tuple(run.outside), tuple(run.left_out))


class _Packing:
    """One run that is packed."""

    def __init__(self, layout: RunLayout, *, uploads: bool) -> None:
        self.root = os.path.abspath(layout.root)  # noqa: PTH100 - a text
        self.outside: dict[str, str] = {}
        self.left_out: dict[str, None] = {}
        self._real = os.path.realpath(self.root)
        self._name = layout.id
        self._uploads = uploads
        self._goals: dict[str, str] = {}

    def look(self) -> None:
        """Find out what the run needs from outside."""
        for path, found in self._walk(""):
            if stat.S_ISLNK(found.st_mode):
                goal = self._goal(f"{self.root}/{path}")
                if self._bring(path, goal):
                    self._goals[path] = goal
            elif path.endswith(("graph.json", "reuse.json")):
                self._text(path)

    def write(self, writer: Writer) -> None:
        """Write the run, then what it needs from outside."""
        for path, found in self._walk(""):
            name = f"{self._name}/{path}" if path else self._name
            if stat.S_ISDIR(found.st_mode):
                writer.folder(name, found)
            elif stat.S_ISLNK(found.st_mode):
                if path in self._goals:
                    writer.link(name, os.path.relpath(self._packed(self._goals[path]), f"{self.root}/{path}/.."))
            elif not stat.S_ISREG(found.st_mode):
                self.left_out[f"{path}: it is neither a file nor a directory"] = None
            elif (text := self._text(path)) is not None:
                writer.text(name, text, found)
            else:
                writer.tree(f"{self.root}/{path}", name)
        for goal, place in self.outside.items():
            writer.tree(goal, f"{self._name}/{place}")

    def _walk(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """All that is in the run, sorted, with paths in it."""
        place = f"{self.root}/{path}" if path else self.root
        try:
            found = os.lstat(place)
            names = sorted(os.listdir(place)) if stat.S_ISDIR(found.st_mode) else []  # noqa: PTH208 - texts
        except OSError as exc:
            raise StorageError(f"cannot pack {place}: {exc.strerror}") from exc
        yield path, found
        for name in names:
            below = f"{path}/{name}" if path else name
            if below not in _LEFT_OUT:
                yield from self._walk(below)

    def _goal(self, link: str) -> str:
        """Where a link leads, one step."""
        folder = os.path.dirname(link)  # noqa: PTH120 - a text
        goal = os.path.normpath(os.path.join(folder, os.readlink(link)))  # noqa: PTH115, PTH118
        if os.path.exists(link) and not os.path.exists(goal):  # noqa: PTH110 - a way that goes back behind a link
            goal = os.path.realpath(link)
        return self.root + goal[len(self._real) :] if is_inside(goal, self._real) else goal

    def _bring(self, path: str, goal: str) -> bool:
        """See to it that what a link leads to is in the pack; False when it is not."""
        if is_inside(goal, self.root):
            return True
        if not self._uploads:
            why = "it leads out of the run"
        elif not os.path.exists(goal):  # noqa: PTH110 - a text
            why = f"it leads to {goal}, which is gone"
        elif is_inside(self.root, goal):
            why = f"it leads to {goal}, in which the run itself lies"
        elif not os.path.isfile(goal) and not os.path.isdir(goal):  # noqa: PTH112, PTH113
            why = f"it leads to {goal}, which is neither a file nor a directory"
        else:
            if self._packed(goal) == goal:
                self.outside[goal] = f"{OUTSIDE}/{len(self.outside)}/{goal.rpartition('/')[2]}"
            return True
        self.left_out[f"{path}: {why}"] = None
        return False

    def _packed(self, path: str) -> str:
        """Where something is in the pack, as an absolute path of the run."""
        here, rest = path, ""
        while not is_inside(path, self.root) and len(here) > 1:
            if here in self.outside:
                return f"{self.root}/{self.outside[here]}{rest}"
            here, _, last = here.rpartition("/")
            rest = f"/{last}{rest}"
        return path

    def _text(self, path: str) -> str | None:
        """What is to be written in place of a file that tells of places; None for any other."""
        folder, _, name = path.rpartition("/")
        if name == ".step":
            return self._changed(path, folder.rpartition("/")[0], self._step)
        if name in _OWN and (folder == ".dflow" or folder.endswith("/.dflow")):
            change = {"graph.json": self._graph, "reuse.json": self._reuse, "journal.jsonl": self._journal}[name]
            return self._changed(path, folder.removesuffix(".dflow").rstrip("/"), change)
        return None

    def _changed(self, path: str, run: str, change: Callable[[str, str], str]) -> str | None:
        root = f"{self.root}/{run}" if run else self.root
        try:
            return change(read_text(f"{self.root}/{path}"), root)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # it is damaged, and packed as it is

    def _graph(self, text: str, root: str) -> str:
        data = json.loads(text)
        data = moved_artifacts(data, data.get("home") or root, root)
        return json.dumps({**self._with_files(data), "home": root}, ensure_ascii=False)

    def _with_files(self, data: Any) -> Any:
        """A graph whose files of this machine are in the pack."""
        if isinstance(data, list):
            return [self._with_files(item) for item in data]
        if not isinstance(data, dict):
            return data
        if data.get("is") == "LocalArtifact":
            return {**data, "path": self._given(data["path"])}
        return {name: self._with_files(item) for name, item in data.items()}

    def _given(self, path: str) -> str:
        path = os.path.normpath(path)
        if self._uploads and os.path.exists(path):  # noqa: PTH110 - a text
            self._bring(path, path)
        return self._packed(path)

    def _reuse(self, text: str, root: str) -> str:
        data = json.loads(text)
        data = data if isinstance(data, dict) else {"home": root, "steps": data}
        places = {"is": "LocalArtifact"}
        for step in data["steps"]:
            for name, path in step.get("artifacts", {}).items():
                found = moved_artifacts({**places, "path": path}, data["home"], root)
                step["artifacts"][name] = self._given(found["path"])
        return to_json({**data, "home": root}) + "\n"

    def _journal(self, text: str, root: str) -> str:
        return "".join(self._line(line, root) if '"artifacts"' in line else line for line in text.splitlines(True))

    def _line(self, text: str, root: str) -> str:
        try:
            return self._step(text, root)
        except (ValueError, TypeError, KeyError, AttributeError):
            return text  # torn

    def _step(self, text: str, root: str) -> str:
        data = json.loads(text)
        for side in ("inputs", "outputs"):
            values = data.get(side)
            for name, fields in ((values or {}).get("artifacts") or {}).items():
                if isinstance(fields, dict):
                    fields["path"] = self._place(fields["path"], root)
                else:
                    values["artifacts"][name] = self._place(fields, root)
        return to_json(data) + "\n"

    def _place(self, text: str, root: str) -> str:
        path = absolute(text, root)
        packed = self._packed(path)
        return text if packed == path else os.path.relpath(packed, root)


def unpack_run(file: Path, folder: Path, *, limits: Limits | None = None) -> RunLayout:
    """Make a run of a file that :func:`pack_run` has written; its name is that of the run.

    Raises:
        UnsafeArtifact, StorageError: the file cannot be unpacked; see ``storage.archives.unpack``.
        StateError: it is no run, or there is a run of that name already.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder)
    with place as name:
        found = RunLayout(unpack(file, Path(name, "run"), limits=limits, times=True))
        target = folder / _id(found, file)
        if os.path.lexists(target):
            raise StateError(f"there is {target} already; unpack {file} into another directory with -d")
        _make_private(found)
        with writing(target):
            found.root.rename(target)
    return RunLayout(target)


def _id(layout: RunLayout, file: Path) -> str:
    """The id of the run that was packed."""
    try:
        home = json.loads(read_text(layout.graph))["home"]
    except (OSError, ValueError, TypeError, KeyError):
        home = ""
    name = str(home).rpartition("/")[2]
    if not _ID.match(name):
        raise StateError(f"{file} holds no run of dflow: write one with dflow pack")
    return name


def _make_private(layout: RunLayout) -> None:
    """What is the engine's own is for this user alone."""
    for folder, folders, files in os.walk(layout.root):
        if Path(folder).name == ".dflow" and is_run(Path(folder).parent):
            for own in (Path(folder), Path(folder, "ops")):
                with writing(own):
                    own.chmod(0o700)
                    for file in own.iterdir():
                        if file.is_file() and not file.is_symlink():
                            file.chmod(0o600)
        folders[:] = [name for name in folders if name != "outside" or Path(folder).name != ".dflow"]
        for name in files:
            if name == ".step":
                Path(folder, name).chmod(0o600)
