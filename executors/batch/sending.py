"""Sending the directories of steps to another machine: many with one stream, and once what they have in common."""

from __future__ import annotations

import os
import posixpath
import re
import threading
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.executors.batch.parcels import Entry, Objects, Parcel, write_parcel
from dflow.executors.batch.together import Together, all_or_each
from dflow.executors.bundle import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow.engine.ports import Job
    from dflow.executors.hosts import Host, Said

__all__ = ["Sending", "changer"]

SCRIPT_OF_STEP = "script"
_PATIENCE = 120.0
_UNPACK = """\
umask 077
base=$1 in=$1/.dflow/in-$2 shared=$3
mkdir -p "$base/.dflow/objects" "$base/.dflow/ops" "$base/.dflow/lib" "$shared" "$in" || exit 1
tar -xf - -C "$in" || { rm -rf "$in"; exit 1; }
cd "$in" || exit 1
for one in .dflow/objects/* .runtime/*; do
    test -e "$one" || continue
    case $one in .runtime/*) to=$shared/${one##*/} ;; *) to=$base/$one ;; esac
    test -e "$to" || mv "$one" "$to" || exit 1
done
for one in .dflow/ops/* .dflow/lib/*; do
    test -e "$one" || test -L "$one" || continue
    mv -fT "$one" "$base/$one" || exit 1
done
rm -rf .dflow .runtime
for one in *; do
    test -e "$one" || continue
    test -e "$base/$one" || mv "$one" "$base/$one" || exit 1
done
rm -rf "$in"
"""


class Sending:
    """Sends the directories of steps to one machine, one stream at a time.

    Args:
        library: the directory of dflow, which OPs are run by.

    Attributes:
        sources: what objects there are here, by their names there.
        lock: held while something is sent.
    """

    def __init__(self, host: Host, library: str) -> None:
        self._host = host
        self._library = library
        self._objects = Objects()
        self._sent: set[str] = set()
        self._bring: Together[tuple[Path, str, Job], Exception | None] = Together(self._bring_all)
        self.name = host.name or "localhost"
        self.sources = self._objects.sources
        self.lock = anyio.Lock()

    async def bring(self, step: Path, there: str, job: Job) -> None:
        """Send the directory of a step, with those that are sent in the same moment.

        Raises:
            LeafError: it cannot be read, or the machine has no room for it.
            Unanswered: the machine does not answer.
        """
        failed = await self._bring((step, there, job))
        if failed is not None:
            raise failed

    def forget(self) -> None:
        """What was sent may not be there any more."""
        self._sent.clear()

    async def _bring_all(self, wanted: Sequence[tuple[Path, str, Job]]) -> list[Exception | None]:
        async with self.lock:
            found = await anyio.to_thread.run_sync(self._parcels, wanted)
            by_base: dict[str, list[tuple[Parcel, Job, Path]]] = {}
            for (step, there, job), parcel in zip(wanted, found, strict=True):
                if isinstance(parcel, Parcel):
                    by_base.setdefault(posixpath.dirname(there), []).append((parcel, job, step))
            failed: dict[Path, LeafError] = {}
            for base, some in by_base.items():
                failed.update(await all_or_each(some, partial(self._send, base), lambda one: one[2]))
        return [
            one if isinstance(one, Exception) else failed.get(step)
            for one, (step, _, _) in zip(found, wanted, strict=True)
        ]

    def _parcels(self, wanted: Sequence[tuple[Path, str, Job]]) -> list[Parcel | LeafError]:
        found: list[Parcel | LeafError] = []
        for step, there, _ in wanted:
            try:
                texts = _changed(step, there)
                found.append(Parcel.of(step, posixpath.basename(there), self._objects, texts))
            except LeafError as exc:  # noqa: PERF203 - each for itself
                found.append(exc)
            except OSError as exc:
                found.append(LeafError(f"cannot send {exc.filename or step}: {exc.strerror or exc}"))
        return found

    async def _send(self, base: str, some: Sequence[tuple[Parcel, Job, Path]]) -> dict[Path, LeafError]:
        entries: dict[str, Entry] = {}
        objects = [name for parcel, _, _ in some for name in parcel.objects]
        fresh: list[str] = []
        for parcel, _, _ in some:
            entries.update((entry.name, entry) for entry in parcel.entries)
        shared = posixpath.join(posixpath.dirname(base), ".dflow")
        ops = {Path(job.runtime[0]): step.parent for _, job, step in some if job.runtime is not None}
        for op, run in ops.items():
            own, needed, known = await anyio.to_thread.run_sync(self._for_op, op, run, base)
            entries.update((entry.name, entry) for entry in own)
            objects += needed
            fresh += known
        if ops:
            runtime = await self._runtime(shared)
            entries.update((entry.name, entry) for entry in runtime)
            fresh += [f"{shared} {entry.name.split('/')[1]}" for entry in runtime[:1]]
        for name, parts in self._objects.closure(objects):
            if f"{base} {name}" not in self._sent:
                fresh.append(f"{base} {name}")
                entries.update((entry.name, entry) for entry in parts)
        said = await self._pipe_in(list(entries.values()), "sh", "-c", _UNPACK, "dflow", base, uuid.uuid4().hex, shared)
        if said.code != 0:
            raise LeafError(f"cannot send to {self.name}:{base}: {said.words}")
        self._sent.update(fresh)
        return {}

    def _for_op(self, op: Path, run: Path, base: str) -> tuple[list[Entry], list[str], list[str]]:
        """An OP, and the packages of its run, as far as they were not sent yet.

        Returns:
            What is to be sent, the objects that this needs, and what is known then to have been sent.
        """
        entries: dict[str, Entry] = {}
        objects = []
        state, digest = op.stat(), bundle(self._library).digest
        entries[f"{base} {op} {state.st_mtime_ns} {state.st_size}"] = Entry(f".dflow/ops/{op.name}", str(op))
        for one in sorted((run / ".dflow" / "lib").iterdir()):
            name = f".dflow/lib/{one.name}"
            if one.name == "dflow":
                entries[f"{base} {name}"] = Entry(name, link=f"../../../.dflow/{digest}/dflow")
            elif f"{base} {name}" not in self._sent:
                found = self._objects.name_of(os.path.realpath(one))
                entries[f"{base} {name}"] = Entry(name, link=f"../objects/{found}")
                objects.append(found)
        name = ".dflow/lib/packages"
        entries[f"{base} {name}"] = Entry(name, link=f"../../../.dflow/{digest}/packages")
        fresh = [known for known in entries if known not in self._sent]
        return [entries[known] for known in fresh], objects, fresh

    async def _runtime(self, shared: str) -> list[Entry]:
        """What runs OPs, unless the machine has it."""
        own = await anyio.to_thread.run_sync(bundle, self._library)
        if f"{shared} {own.digest}" in self._sent:
            return []
        said = await self._host.say(["test", "-d", f"{shared}/{own.digest}"], patience=_PATIENCE)
        if said.code == 0:
            self._sent.add(f"{shared} {own.digest}")
        return [] if said.code == 0 else [Entry(f".runtime/{own.digest}/{name}", source) for name, source in own.files]

    async def _pipe_in(self, entries: Sequence[Entry], *argv: str) -> Said:
        read, write = os.pipe()
        failed: list[Exception] = []

        def feed() -> None:
            try:
                write_parcel(entries, write)
            except BrokenPipeError:
                pass  # what reads has ended, and says why
            except Exception as exc:  # noqa: BLE001 - said below
                failed.append(exc)

        thread = threading.Thread(target=feed, name="dflow-send", daemon=True)
        thread.start()
        said = await self._host.pipe(argv, source=read)
        await anyio.to_thread.run_sync(thread.join)
        if failed:
            raise LeafError(f"cannot send {getattr(failed[0], 'filename', None) or 'a file'}: {failed[0]}")
        return said


def changer(here: str, there: str) -> Callable[[str], str]:
    """Replaces a path by another one, where it stands as a whole or before what is in it."""
    found = re.compile(r"(?<![\w./-])" + re.escape(here) + r"(?![\w@+~-]|\.\w)")
    return lambda text: found.sub(lambda _: there, text)


def _changed(step: Path, there: str) -> dict[str, bytes]:
    """The script of a step, with the paths that it has there."""
    script = step / SCRIPT_OF_STEP
    if not script.exists():
        return {}
    change = changer(str(step), there)
    text = script.read_bytes().decode("utf-8", "surrogateescape")
    return {SCRIPT_OF_STEP: change(text).encode("utf-8", "surrogateescape")}
