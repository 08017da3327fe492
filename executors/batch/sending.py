"""Sending the directories of steps to another machine: many with one stream, and once what they have in common."""

from __future__ import annotations

import os
import posixpath
import re
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.executors.batch.parcels import Entry, Objects, Parcel, write_parcel
from dflow.executors.batch.together import Together
from dflow.executors.bundle import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow.engine.ports import Job
    from dflow.executors.hosts import Host, Said

__all__ = ["Sending", "changer"]

SCRIPT_OF_STEP = "script"
_AT_ONCE = 200
_COLLECT = 0.2
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
        self._bring: Together[tuple[Path, str, Job], Exception | None] = Together(self._bring_all, _COLLECT, _AT_ONCE)
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
            failed: dict[Path, Exception] = {}
            for base, some in by_base.items():
                try:
                    await self._send(base, some)
                except LeafError as exc:  # noqa: PERF203 - one of them may be the reason
                    failed.update(await self._send_each(base, some) if len(some) > 1 else {some[0][2]: exc})
        return [
            one if isinstance(one, Exception) else failed.get(step)
            for one, (step, _, _) in zip(found, wanted, strict=True)
        ]

    async def _send_each(self, base: str, some: Sequence[tuple[Parcel, Job, Path]]) -> dict[Path, Exception]:
        """One after the other; what went wrong, by step."""
        failed: dict[Path, Exception] = {}
        for one in some:
            try:
                await self._send(base, [one])
            except LeafError as exc:  # noqa: PERF203 - each for itself
                failed[one[2]] = exc
        return failed

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

    async def _send(self, base: str, some: Sequence[tuple[Parcel, Job, Path]]) -> None:
        entries: dict[str, Entry] = {}
        objects = [name for parcel, _, _ in some for name in parcel.objects]
        fresh: list[str] = []
        for parcel, _, _ in some:
            entries.update((entry.name, entry) for entry in parcel.entries)
        shared = posixpath.join(posixpath.dirname(base), ".dflow")
        ops = [(job, step) for _, job, step in some if job.runtime is not None]
        for job, step in ops:
            own, needed = await anyio.to_thread.run_sync(self._for_op, job, step, base)
            entries.update((entry.name, entry) for entry in own)
            objects += needed
        if ops:
            runtime = await self._runtime(shared)
            entries.update((entry.name, entry) for entry in runtime)
            fresh += [f"{shared} {entry.name.split('/')[1]}" for entry in runtime[:1]]
        for name, parts in self._objects.closure(objects):
            if f"{base} {name}" not in self._sent:
                fresh.append(f"{base} {name}")
                entries.update((entry.name, entry) for entry in parts)
        fresh += [f"{base} {name}" for name in entries if name.startswith((".dflow/ops/", ".dflow/lib/"))]
        said = await self._pipe_in(list(entries.values()), "sh", "-c", _UNPACK, "dflow", base, uuid.uuid4().hex, shared)
        if said.code != 0:
            raise LeafError(f"cannot send to {self.name}:{base}: {said.words}")
        self._sent.update(fresh)

    def _for_op(self, job: Job, step: Path, base: str) -> tuple[list[Entry], list[str]]:
        """The OP of a job, and the packages of its run, as far as they were not sent yet."""
        assert job.runtime is not None  # noqa: S101 - checked before
        entries, objects = [], []
        private = step.parent / ".dflow"
        op = Path(job.runtime[0])
        state = op.stat()
        known = f"{base} {op} {state.st_mtime_ns} {state.st_size}"
        if known not in self._sent:
            entries.append(Entry(f".dflow/ops/{op.name}", str(op)))
        digest = bundle(self._library).digest
        for one in sorted((private / "lib").iterdir()):
            name = f".dflow/lib/{one.name}"
            if f"{base} {name}" in self._sent:
                continue
            if one.name == "dflow":
                entries.append(Entry(name, link=f"../../../.dflow/{digest}/dflow"))
                continue
            found = self._objects.name_of(os.path.realpath(one))
            entries.append(Entry(name, link=f"../objects/{found}"))
            objects.append(found)
        if f"{base} .dflow/lib/packages" not in self._sent:
            entries.append(Entry(".dflow/lib/packages", link=f"../../../.dflow/{digest}/packages"))
        return entries, objects

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
