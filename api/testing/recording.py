"""Recorded outputs of OPs: made once by the real OP, and used in place of it from then on.

Beside a test file lies ``__dflow__/<file>/<test>/<name>/<digest of OP and inputs>/`` with ``record.json`` (OP, sign,
inputs, output values, digests of files) and ``files/`` (output artifacts). There is no pickle in it. While a test
that records has not passed, there is ``.recording/`` with the digests that it has used: what is not there is recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

from dflow.engine.errors import DflowError, StateError
from dflow.io import type_to_str
from dflow.python.check import check_side
from dflow.python.opio import Artifact, Parameter
from dflow.testing.contents import of_artifact, sha
from dflow.testing.current import now
from dflow.testing.kept import copied, placed, what_differs
from dflow.testing.plain import from_plain, to_plain
from dflow.testing.results import OPResult
from dflow.testing.states import Signed, short_or_digest

__all__ = ["FOLDER", "Recording", "RecordingMismatch", "open_recording"]

FOLDER = "__dflow__"
_FORMAT = 1
_LARGE = 10 * 1024 * 1024
_LONG = 80
_MAKING = ".recording"
_SHAPE = {"op": str, "state": dict, "sign": dict, "inputs": dict, "outputs": dict, "files": dict}


class RecordingMismatch(DflowError, AssertionError):
    """What is recorded cannot stand for the outputs of this OP with these inputs."""


def open_recording(name: str) -> Recording:
    """The recording of that name of the test that runs, and whether it is made now.

    Raises:
        StateError: no test runs, or the plugin is not loaded; or nothing can be written where it is to be made.
    """
    test = now()
    if test is None:
        raise StateError(
            "outputs are recorded for a test: run it with pytest and the plugin dflow.testing.plugin, and record in a "
            "test or a fixture of the scope function"
        )
    folder = test.file.parent / FOLDER / test.file.stem / _as_name(test.name) / _as_name(name)
    recording = Recording(str(folder), name, test.nodeid, False)
    if name not in test.decided:
        is_whole = bool(_entries(folder)) and not (folder / _MAKING).exists()
        test.decided[name] = test.record == "all" or (test.record == "missing" and not is_whole)
        if test.decided[name]:
            test.when_over.append(recording.begin())
            test.when_passed.append(recording.end)
    recording.makes, recording.anew = test.decided[name], test.record == "all"
    return recording


def _entries(folder: Path) -> List[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return [entry for entry in found if entry.is_dir() and not entry.name.startswith(".")]


def _alone(folder: Path) -> Callable[[], None] | None:
    """Make a folder and lock it, which the system ends with the process; what unlocks it, or None: another has it."""
    import fcntl  # POSIX only

    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            return partial(os.close, handle)
        if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
            return partial(os.close, handle)
        os.close(handle)  # it was that of another run, which has ended just now


def _as_name(text: str) -> str:
    """A name of a folder, for what may hold anything; different texts have different names."""
    name = re.sub(r"[^\w.=-]+", "_", text).strip("._") or "_"
    return name if name == text and len(name) <= _LONG else f"{name[:_LONG]}-{sha(text.encode())[:8]}"


class Recording:
    """All that is recorded under one name of a test. It can be sent to the process of a step.

    Attributes:
        makes: what is not there is recorded.
        anew: so is what is there from before.
    """

    def __init__(self, folder: str, name: str, test: str, makes: bool, anew: bool = False) -> None:
        self.folder, self.name, self.test, self.makes, self.anew = folder, name, test, makes, anew

    def begin(self) -> Callable[[], None]:
        """Nothing is used yet; what a killed process has left goes. What is returned lets others make it again.

        Raises:
            StateError: nothing can be written there, or another run of the tests is making it.
        """
        folder, what = Path(self.folder), f"recording {self.name!r} of {self.test}"
        try:
            release = _alone(folder / _MAKING)
            if release is None:
                raise StateError(
                    f"{what} is being made by another process: another run of the tests, or one that this test has "
                    "started. Wait until that has ended; once it is made, any number of them can replay it at once"
                )
            for left in folder.glob(".*"):
                shutil.rmtree(left) if left.is_dir() and left.name != _MAKING else None
            for used in (folder / _MAKING).iterdir():
                used.unlink()
            (folder / _MAKING / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as exc:
            raise StateError(f"{what} cannot be written to {folder}: {exc.strerror}") from exc
        return release

    def end(self) -> None:
        """The test has passed: its recording is whole, and what it has not used goes."""
        folder, making = Path(self.folder), Path(self.folder, _MAKING)
        for entry in _entries(folder):
            if not (making / entry.name).exists():
                shutil.rmtree(entry, ignore_errors=True)
        shutil.rmtree(making, ignore_errors=True)

    def run(self, op: Signed, inputs: Mapping[str, Any], place: Path, real: Callable[[], OPResult]) -> OPResult:
        """The outputs of an OP: recorded ones, copied below ``place``; or those of the real one, which are recorded.

        Args:
            inputs: checked, with defaults.

        Raises:
            RecordingMismatch: there is a recording, but of something else; or none, and none is to be made.
        """
        header: Dict[str, Any] = {"format": _FORMAT, "op": op.where, "state": dict(op.state), "sign": _signs(op)}
        header["inputs"] = _digests(op, inputs)
        key = [header["op"], header["state"], header["inputs"]]
        entry = Path(self.folder, sha(json.dumps(key, sort_keys=True).encode())[:16])
        if self.makes and not self._is_made(entry):
            outputs = real()
            self._save(op, outputs, header, entry)
            return outputs
        record = self._read(entry / "record.json")
        if record is None:
            raise RecordingMismatch(self._why_not(header))
        if record["sign"] != header["sign"]:
            raise RecordingMismatch(self._said("of another signature", _changes(record["sign"], header["sign"])))
        return self._replayed(op, record, entry, place)

    # -- making -----------------------------------------------------------------------------------------------

    def _is_made(self, entry: Path) -> bool:
        """Whether it is there: with ``anew`` by this run of the test."""
        used = Path(self.folder, _MAKING, entry.name)
        return used.exists() if self.anew else (entry / "record.json").exists()

    def _save(self, op: Signed, outputs: Mapping[str, Any], header: Dict[str, Any], entry: Path) -> None:
        making = entry.with_name(f".{entry.name}-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        try:
            files: Dict[str, str] = {}
            values = {n: self._kept(op, n, outputs[n], making / "files", files) for n in op.gives}
            text = json.dumps({**header, "outputs": values, "files": files}, indent=1, sort_keys=True)
            (making / "record.json").write_text(text + "\n", encoding="utf-8")
            self._put(making, entry)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        size = sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        if size > _LARGE:
            text = f"the recording {entry} has {size / 1e6:.0f} MB: think of a smaller input, or keep it out of git"
            warnings.warn(text, stacklevel=2)

    def _put(self, made: Path, entry: Path) -> None:
        """Put it in its place, in that of what is there from before; another process may do the same meanwhile."""
        before = made.with_name(f"{made.name}-before")
        if not self._is_made(entry):
            with contextlib.suppress(OSError):
                entry.rename(before)
        try:
            made.rename(entry)
        except OSError:
            if not (entry / "record.json").exists():
                raise
        shutil.rmtree(before, ignore_errors=True)
        self._note(entry)

    def _note(self, entry: Path) -> None:
        """It is used by the test that runs."""
        if self.makes:
            Path(self.folder, _MAKING, entry.name).touch()

    def _kept(self, op: Signed, name: str, value: Any, folder: Path, files: Dict[str, str]) -> Any:
        if not isinstance(op.gives[name], Artifact):
            return to_plain(value, f"OP {op.name}: output {name!r}")
        return copied(value, folder / name, files)

    # -- replaying --------------------------------------------------------------------------------------------

    def _replayed(self, op: Signed, record: Mapping[str, Any], entry: Path, place: Path) -> OPResult:
        work = place / "workdir"
        work.mkdir(parents=True, exist_ok=True)
        differs = what_differs(entry / "files", record["files"])
        if differs:
            raise RecordingMismatch(self._said(f"damaged: files of {entry} are not those recorded", _changes(*differs)))
        try:
            values = {name: self._value(op, name, record, entry / "files", work) for name in op.gives}
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise RecordingMismatch(self._said(f"damaged: {entry / 'record.json'} ({exc!r})", [])) from exc
        self._note(entry)
        result = OPResult(check_side(op.name, "output", op.gives, values))
        result.workdir = work
        return result

    def _value(self, op: Signed, name: str, record: Mapping[str, Any], files: Path, work: Path) -> Any:
        kind, data = op.gives[name], record["outputs"][name]
        if not isinstance(kind, Artifact):
            return from_plain(data)
        return placed(data, kind.type, (files, work / ".replayed", name), record["files"])

    def _read(self, file: Path) -> Dict[str, Any] | None:
        try:
            data: Any = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as exc:
            raise RecordingMismatch(self._said(f"damaged: {file} is no JSON ({exc})", [])) from exc
        if isinstance(data, dict) and data.get("format") != _FORMAT:
            raise RecordingMismatch(self._said(f"of another format ({data.get('format')})", []))
        if not isinstance(data, dict) or not all(isinstance(data.get(n), kind) for n, kind in _SHAPE.items()):
            raise RecordingMismatch(self._said(f"damaged: {file} is no recording", []))
        return data

    # -- refusing ---------------------------------------------------------------------------------------------

    def _why_not(self, header: Mapping[str, Any]) -> str:
        folder = Path(self.folder)
        records = [record for entry in sorted(_entries(folder)) if (record := self._read(entry / "record.json"))]
        if not records:
            return f"recording {self.name!r} of {self.test} is not there: nothing is in {folder}\n{self._advice()}"
        near = min(records, key=lambda record: len(_changes(_depends(record), _depends(header))))
        what = "of other inputs"
        if near["inputs"] == header["inputs"]:
            what = "of another OP" if near["op"] != header["op"] else "of an OP with other attributes"
        several = f"; {len(records)} are recorded, the one most like it differs so" if len(records) > 1 else ""
        return self._said(what + several, _changes(_depends(near), _depends(header)))

    def _said(self, what: str, lines: List[str]) -> str:
        head = f"recording {self.name!r} of {self.test} is {what}"
        return "\n".join([head + (" (- recorded, + now):" if lines else ""), *lines, self._advice()])

    def _advice(self) -> str:
        return f"record it anew with: pytest --dflow-record=all {_quoted(self.test)}"


def _depends(header: Mapping[str, Any]) -> Dict[str, Any]:
    """What the outputs depend on, as it is named to the user."""
    state = {f"the OP's {name!r}": value for name, value in header["state"].items()}
    return {**header["inputs"], "the OP": header["op"], **state}


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _signs(op: Signed) -> Dict[str, Dict[str, str]]:
    sides = {"inputs": op.takes, "outputs": op.gives}
    return {side: {name: _kind(kind) for name, kind in sign.items()} for side, sign in sides.items()}


def _kind(kind: Any) -> str:
    if isinstance(kind, Artifact):
        return f"Artifact({type_to_str(kind.type)}{', optional' if kind.optional else ''})"
    return str(type_to_str(kind.type if isinstance(kind, Parameter) else kind))


def _digests(op: Signed, inputs: Mapping[str, Any]) -> Dict[str, Any]:
    """What the outputs depend on: short values as they are, long ones and files by digest."""
    found: Dict[str, Any] = {}
    for name, kind in op.takes.items():
        value = inputs[name]
        if isinstance(kind, Artifact):
            found[name] = None if value is None else of_artifact(value)
        else:
            found[name] = short_or_digest(value, f"outputs of OP {op.name} cannot be recorded: its input {name!r}")
    return found


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> List[str]:
    lines: List[str] = []
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        if one == other and (name in old) == (name in new):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            lines += _changes(one, other, f"{prefix}{name}/")
            continue
        lines += [f"- {prefix}{name}: {_short(one)}"] if name in old else []
        lines += [f"+ {prefix}{name}: {_short(other)}"] if name in new else []
    return lines


def _short(value: Any) -> str:
    is_digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)
    return f"sha256 {value[:12]}…" if is_digest else str(value)
