"""Another machine, with a file system of its own: what jobs need is sent there, and what they make is brought back."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import posixpath
import re
import tarfile
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.engine.records import record
from dflow.executors.batch.parcels import Entry, Objects, Parcel, write_parcel
from dflow.executors.batch.places import CLAIM, EXIT, claim_of, exit_of, read_exit
from dflow.executors.batch.returns import Returns
from dflow.executors.batch.sites import Left, script_at, with_command
from dflow.executors.batch.together import Together
from dflow.executors.bundle import bundle
from dflow.executors.hosts import Unanswered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow.engine.ports import Job
    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.watched import Watched
    from dflow.executors.hosts import Host, Said

__all__ = ["Remote", "RemoteOptions"]

_log = logging.getLogger("dflow.executors")
_AT_ONCE = 200
_SOME_UNREADABLE = 2  # the exit status of tar
_HOPS = 20
_COLLECT = 0.2
_PATIENCE = 120.0
SCRIPT_OF_STEP = "script"
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
_LOOK = """\
n=0
while IFS= read -r one; do
    if test -e "$one/{exit}"; then echo "E $n $(cat "$one/{exit}")"
    elif test -e "$one/{claim}"; then echo "C $n $(cat "$one/{claim}")"; fi
    n=$((n + 1))
done
"""
_FORBID = """\
while IFS= read -r one; do (umask 077; set -C; : > "$one/{claim}") 2> /dev/null; done
exit 0
"""
_PACK = """\
cd "$1" || exit 1
while IFS= read -r line; do
    rest=${line#??}
    case $line in
    "s "*)
        one=$rest
        test -d "$1/$one" || continue
        (
            cd "$1/$one" || exit
            find . -mindepth 1 -maxdepth 1 ! -name inputs ! -name workdir -printf "$one/%P\\0"
            test ! -d outputs || find outputs -type l -exec realpath -z --relative-base="$PWD" -- {} + 2> /dev/null |
                grep -z "^workdir/" | sed -z "s:^:$one/:"
        ) ;;
    "o "*) (cd "$1/$one" 2> /dev/null && { test -e "$rest" || test -L "$rest"; } && printf '%s\\0' "$one/$rest") ;;
    esac
done | tar -cf - --hard-dereference --null -T -
"""
_NAMED = 'cd "$1" || exit 1; tar -cf - --hard-dereference --null -T -'
_FOLLOW = 'cd "$1" || exit 1; tar -chf - --hard-dereference --null -T -'
_REMOVE = 'cd "$1" 2> /dev/null || exit 0; xargs -0 rm -rf --'
_FINISH = """\
cd "$1" 2> /dev/null || exit 0
for one in *; do test ! -e "$one" || exit 0; done
rm -rf "$1"
"""


@record(frozen=True, slots=True)
class RemoteOptions:
    """How steps are run on another machine.

    Attributes:
        root: the directory there for all that is sent; ``~`` is the user's home.
        python: the words that run Python there.
        command: the words that run any script there, in place of those of its template.
        wrap: makes other words of those that run a job, with the directories that it uses.
        more: what is brought back besides outputs, relative to the directory of a step.
        clean: whether the directory of a step is removed when what it has made is here.
        library: the directory of dflow, which OPs are run by.
    """

    root: str = "~/dflow/workflows"
    python: tuple[str, ...] = ("python3",)
    command: tuple[str, ...] = ()
    wrap: Callable[[Sequence[str], Sequence[str], Job], tuple[str, ...]] | None = None
    more: tuple[str, ...] = ()
    clean: bool = True
    library: str = ""


class Remote:
    """Steps on a machine that does not share this one's files.

    Each has a directory there, below that of its run, which is below ``root``. Text in the script of a step that names
    its directory here names that one there.

    Args:
        here_python: the interpreter that jobs name which name none of their own.
    """

    def __init__(self, host: Host, options: RemoteOptions, here_python: str) -> None:
        self.name = host.name or "localhost"
        self.pause = 3.0
        self._host = host
        self._options = options
        self._here_python = here_python
        self._objects = Objects()
        self._sent: set[str] = set()
        self._bases: set[str] = set()
        self._doubtful: set[str] = set()
        self._sending: anyio.Lock | None = None
        self._bring: Together[tuple[Path, str, Job], Exception | None] = Together(self._bring_all, _COLLECT, _AT_ONCE)
        self._remove: Together[str, None] = Together(self._remove_all, _COLLECT, _AT_ONCE)
        self._removals: set[asyncio.Task[None]] = set()
        self._back: Together[tuple[Path, str, tuple[str, ...]], Exception | None] = Together(
            self._collect_all, _COLLECT, _AT_ONCE
        )

    # -- places -------------------------------------------------------------------------------------------------------

    async def place(self, step: Path, tag: str) -> str:
        """``root/run/tag``."""
        run = step.parent
        root = await self._host.expanded(self._options.root)
        digest = hashlib.sha256(os.fsencode(await anyio.to_thread.run_sync(os.path.realpath, run))).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9._-]", "-", run.name)
        return posixpath.join(root, f"{name}-{digest}", tag)

    def seen(self, job: Job, step: Path, there: str) -> Job:
        """A job with its paths there, and of the environment what its template declares."""
        change = _changer(str(step), there)
        base = posixpath.dirname(there)
        argv = tuple(change(word) for word in self._command(job))
        env = {name: change(value) for name, value in job.own_env.items()}
        env.update(DFLOW_CONTAINER=base, DFLOW_PACKAGES=f"{base}/.dflow/lib/packages")
        cwd, log = Path(change(str(job.cwd))), Path(change(str(job.log)))
        seen = replace(job, argv=argv, env=env, cwd=cwd, log=log)
        if self._options.wrap is not None:
            seen = replace(seen, argv=self._options.wrap(argv, [base, f"{posixpath.dirname(base)}/.dflow"], seen))
        return seen

    def _command(self, job: Job) -> tuple[str, ...]:
        words = list(job.argv)
        if self._options.command and words:
            return with_command(words, self._options.command)
        first = script_at(words)
        if words and words[first] == self._here_python:
            words[first : first + 1] = self._options.python
        return tuple(words)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def bring(self, step: Path, there: str, job: Job) -> None:
        """Send the directory of a step, with those that are sent in the same moment."""
        odd = next((output for output in job.outputs if "\n" in output), None)
        if odd is not None:
            raise LeafError(f"the declared path {odd!r} has a line break, and cannot be brought back")
        failed = await self._bring((step, there, job))
        if failed is not None:
            raise failed

    async def _bring_all(self, wanted: Sequence[tuple[Path, str, Job]]) -> list[Exception | None]:
        async with self._turn():
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

    def _turn(self) -> anyio.Lock:
        if self._sending is None:
            self._sending = anyio.Lock()
        return self._sending

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
        self._bases.add(base)
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
        digest = bundle(self._options.library).digest
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
        own = await anyio.to_thread.run_sync(bundle, self._options.library)
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

    # -- looking ------------------------------------------------------------------------------------------------------

    async def look(self, looked: Sequence[Watched]) -> list[Left]:
        """One command for all; what is here already was brought back, so it has ended."""
        here = await anyio.to_thread.run_sync(_exits_here, [watched.step for watched in looked])
        away = [w for w, found in zip(looked, here, strict=True) if found is None]
        said = await self._lines(_LOOK.format(exit=EXIT, claim=CLAIM), away) if away else []
        told: dict[Path, Left] = {}
        for line in said:
            kind, number, text = (*line.split(" ", 2), "", "")[:3]
            if kind in ("E", "C") and number.isdigit() and int(number) < len(away):
                left = Left(exit_of(text), None) if kind == "E" else Left(None, claim_of(text))
                told[away[int(number)].step] = left
        return [
            told.get(watched.step, Left(None, None)) if found is None else Left(found, None)
            for watched, found in zip(looked, here, strict=True)
        ]

    async def forbid(self, watched: Sequence[Watched]) -> None:
        """Make claims."""
        await self._lines(_FORBID.format(claim=CLAIM), watched)

    async def _lines(self, script: str, watched: Sequence[Watched]) -> list[str]:
        given = "".join(f"{one.there}\n" for one in watched).encode()
        said = await self._host.say(["sh", "-c", script], patience=_PATIENCE, given=given)
        if said.code != 0:
            raise Unanswered(f"{self.name}: {said.words}")
        return said.output.splitlines()

    # -- bringing back ------------------------------------------------------------------------------------------------

    async def collect(self, step: Path, there: str, outputs: Sequence[str], *, well: bool) -> None:
        """Bring back all but inputs, and of the working directory what outputs are or lead to.

        The directory there is removed then, unless its job has failed: somebody may want to see it.
        """
        self._bases.add(posixpath.dirname(there))
        if read_exit(step) is None:
            failed = await self._back((step, there, tuple(outputs)))
            if failed is not None:
                raise failed
        if well and there not in self._doubtful:
            self.discard(there)
        elif not well:
            _log.warning("what step %s has left is on %s in %s", step.name, self.name, there)

    async def _collect_all(self, wanted: Sequence[tuple[Path, str, tuple[str, ...]]]) -> list[Exception | None]:
        by_base: dict[str, list[tuple[Path, str, tuple[str, ...]]]] = {}
        for one in wanted:
            by_base.setdefault(posixpath.dirname(one[1]), []).append(one)
        failed: dict[Path, Exception] = {}
        for base, some in by_base.items():
            try:
                failed.update(await self._fetch(base, some))
            except LeafError as exc:  # noqa: PERF203 - one of them may be the reason
                failed.update(await self._fetch_each(base, some) if len(some) > 1 else {some[0][0]: exc})
        return [failed.get(step) for step, _, _ in wanted]

    async def _fetch_each(self, base: str, some: Sequence[tuple[Path, str, tuple[str, ...]]]) -> dict[Path, Exception]:
        failed: dict[Path, Exception] = {}
        for one in some:
            try:
                failed.update(await self._fetch(base, [one]))
            except LeafError as exc:  # noqa: PERF203 - each for itself
                failed[one[0]] = exc
        return failed

    async def _fetch(self, base: str, some: Sequence[tuple[Path, str, tuple[str, ...]]]) -> dict[Path, Exception]:
        returns = Returns(base, {posixpath.basename(there): step for step, there, _ in some}, self._objects.sources)
        lines = []
        for _, there, outputs in some:
            lines += [f"s {posixpath.basename(there)}", *(f"o {output}" for output in (*outputs, *self._options.more))]
        if not await self._pipe_out(returns, "\n".join([*lines, ""]), "sh", "-c", _PACK, "dflow", base):
            self._doubtful.update(there for _, there, _ in some)  # what could not be read is still there
        for _ in range(_HOPS):
            missing = await anyio.to_thread.run_sync(returns.missing)
            if not missing:
                break
            await self._pipe_out(returns, "\0".join(missing), "sh", "-c", _NAMED, "dflow", base)
        if outside := returns.outside():
            await self._pipe_out(returns, "\0".join(outside), "sh", "-c", _FOLLOW, "dflow", base)
        return await anyio.to_thread.run_sync(returns.install)

    async def _pipe_out(self, returns: Returns, given: str, *argv: str) -> bool:
        """Take a stream of what comes back; whether all of it could be read there."""
        feed_from, feed_to = os.pipe()
        taken_from, taken_to = os.pipe()
        failed: list[Exception] = []
        threads = [
            threading.Thread(target=_feed, args=(feed_to, os.fsencode(given)), name="dflow-ask", daemon=True),
            threading.Thread(target=_take, args=(taken_from, returns, failed), name="dflow-receive", daemon=True),
        ]
        for thread in threads:
            thread.start()
        said = await self._host.pipe(argv, source=feed_from, sink=taken_to)
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)
        if failed and isinstance(failed[0], tarfile.TarError):
            raise Unanswered(f"{self.name}: {said.words or failed[0]}")
        if failed:
            raise LeafError(f"cannot bring back what is on {self.name}: {failed[0]}")
        if said.code > _SOME_UNREADABLE:  # it was ended before its end
            raise Unanswered(f"{self.name}: {said.words}")
        if said.code == _SOME_UNREADABLE:
            _log.warning("%s: %s", self.name, said.words)
        return said.code < _SOME_UNREADABLE

    # -- the end ------------------------------------------------------------------------------------------------------

    def discard(self, there: str) -> None:
        """Remove a directory, with others, in a moment."""
        if self._options.clean:
            task = asyncio.get_running_loop().create_task(self._removed(there))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def _removed(self, there: str) -> None:
        try:
            await self._remove(there)
        except Exception as exc:  # noqa: BLE001 - it is not worth a step
            _log.info("%s is left on %s: %s", there, self.name, exc)

    async def _remove_all(self, places: Sequence[str]) -> list[None]:
        given = os.fsencode("\0".join(places))
        async with self._turn():  # not while something is being sent there
            await self._host.say(["sh", "-c", _REMOVE, "dflow", "/"], patience=_PATIENCE, given=given)
        return [None] * len(places)

    async def finish(self) -> None:
        """Remove what was sent for all steps, unless some directory of one is left, and end the connection."""
        if self._removals:
            await asyncio.wait(self._removals, timeout=_PATIENCE)
        if self._options.clean:
            for base in self._bases:
                try:
                    await self._host.say(["sh", "-c", _FINISH, "dflow", base], patience=_PATIENCE)
                except (Unanswered, Unreachable) as exc:  # noqa: PERF203 - a few
                    _log.info("%s is left on %s: %s", base, self.name, exc)
        self._bases.clear()
        self._sent.clear()
        await self._host.close()


def _changer(here: str, there: str) -> Callable[[str], str]:
    """Replaces a path by another one, where it stands as a whole or before what is in it."""
    found = re.compile(r"(?<![\w./-])" + re.escape(here) + r"(?![\w@+~-]|\.\w)")
    return lambda text: found.sub(lambda _: there, text)


def _changed(step: Path, there: str) -> dict[str, bytes]:
    """The script of a step, with the paths that it has there."""
    script = step / SCRIPT_OF_STEP
    if not script.exists():
        return {}
    change = _changer(str(step), there)
    text = script.read_bytes().decode("utf-8", "surrogateescape")
    return {SCRIPT_OF_STEP: change(text).encode("utf-8", "surrogateescape")}


def _exits_here(steps: Sequence[Path]) -> list[Exit | None]:
    return [read_exit(step) for step in steps]


def _feed(descriptor: int, given: bytes) -> None:
    """Write to a pipe, as long as somebody reads."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:
        stream.write(given)


def _take(descriptor: int, returns: Returns, failed: list[Exception]) -> None:
    """Read a stream to its end, whatever is wrong with it, so that who writes it is not stopped."""
    with os.fdopen(descriptor, "rb") as stream:
        try:
            returns.take(stream)
        except Exception as exc:  # noqa: BLE001 - for who waits
            failed.append(exc)
        while stream.read(1 << 16):
            pass
