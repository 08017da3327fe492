"""Recorded outputs of OPs: made once by the real OP, and used in place of it from then on.

Beside a test file lies ``__dflow__/<file>/<test>/<name>/<digest of the inputs>/`` with ``record.json`` (sign, inputs,
output values) and ``files/`` (output artifacts). There is no pickle in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple

from dflow.engine.errors import DflowError, StateError
from dflow.io import type_to_str
from dflow.python.check import check_side
from dflow.python.op import op_name
from dflow.python.opio import Artifact, Parameter
from dflow.testing.current import now
from dflow.testing.plain import from_plain, to_plain
from dflow.testing.results import OPResult, files_in

__all__ = ["FOLDER", "Recording", "RecordingMismatch", "Signed", "open_recording", "signed"]

FOLDER = "__dflow__"
_FORMAT = 1
_LARGE = 10 * 1024 * 1024
_LONG = 80


class Signed(NamedTuple):
    """The name and the signs of an OP."""

    name: str
    takes: Mapping[str, Any]
    gives: Mapping[str, Any]


def signed(op: Any) -> Signed:
    """Those of an OP."""
    return Signed(op_name(op), op.get_input_sign(), op.get_output_sign())


class RecordingMismatch(DflowError, AssertionError):
    """What is recorded cannot stand for the outputs of this OP with these inputs."""


def open_recording(name: str) -> Recording:
    """The recording of that name of the test that runs, and whether it is made now.

    Raises:
        StateError: no test runs, or the plugin is not loaded.
    """
    test = now()
    if test is None:
        raise StateError("outputs are recorded for a test: run it with pytest and the plugin dflow.testing.plugin")
    folder = test.file.parent / FOLDER / test.file.stem / _as_name(test.name) / _as_name(name)
    makes = test.decided.get(name)
    if makes is None:
        is_there = folder.is_dir() and any(folder.iterdir())
        makes = test.record == "all" or (test.record == "missing" and not is_there)
        if makes and is_there:
            shutil.rmtree(folder)
        test.decided[name] = makes
    return Recording(str(folder), name, test.nodeid, makes)


def _as_name(text: str) -> str:
    """A name of a folder, for what may hold anything; different texts have different names."""
    name = re.sub(r"[^\w.=-]+", "_", text).strip("._") or "_"
    return name if name == text and len(name) <= _LONG else f"{name[:_LONG]}-{_sha(text.encode())[:8]}"


class Recording:
    """All that is recorded under one name of a test. It can be sent to the process of a step."""

    def __init__(self, folder: str, name: str, test: str, makes: bool) -> None:
        self.folder, self.name, self.test, self.makes = folder, name, test, makes

    def run(self, op: Signed, inputs: Mapping[str, Any], place: Path, real: Callable[[], OPResult]) -> OPResult:
        """The outputs of an OP: recorded ones, copied below ``place``; or those of the real one, which are recorded.

        Args:
            inputs: checked, with defaults.

        Raises:
            RecordingMismatch: there is a recording, but of something else; or none, and none is to be made.
        """
        header: Dict[str, Any] = {"format": _FORMAT, "op": op.name, "sign": _signs(op), "inputs": _digests(op, inputs)}
        digest = _sha(json.dumps(header["inputs"], sort_keys=True).encode())[:16]
        entry = Path(self.folder, digest)
        if self.makes:
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

    def _save(self, op: Signed, outputs: Mapping[str, Any], header: Dict[str, Any], entry: Path) -> None:
        making = entry.with_name(f".{entry.name}-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        try:
            values = {n: self._kept(op, n, outputs[n], making / "files" / n) for n in op.gives}
            text = json.dumps({**header, "outputs": values}, indent=1, sort_keys=True)
            (making / "record.json").write_text(text + "\n", encoding="utf-8")
            shutil.rmtree(entry, ignore_errors=True)
            making.rename(entry)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        size = sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        if size > _LARGE:
            text = f"the recording {entry} has {size / 1e6:.0f} MB: think of a smaller input, or keep it out of git"
            warnings.warn(text, stacklevel=2)

    def _kept(self, op: Signed, name: str, value: Any, folder: Path) -> Any:
        what = f"OP {op.name}: output {name!r}"
        if not isinstance(op.gives[name], Artifact):
            return to_plain(value, what)
        return _copied(value, folder, "")

    # -- replaying --------------------------------------------------------------------------------------------

    def _replayed(self, op: Signed, record: Mapping[str, Any], entry: Path, place: Path) -> OPResult:
        work = place / "workdir"
        work.mkdir(parents=True, exist_ok=True)
        values: Dict[str, Any] = {}
        for name, kind in op.gives.items():
            data = record["outputs"][name]
            if isinstance(kind, Artifact):
                values[name] = _as_type(_placed(data, entry / "files" / name, work / ".replayed" / name), kind.type)
            else:
                values[name] = from_plain(data)
        result = OPResult(check_side(op.name, "output", op.gives, values))
        result.workdir = work
        return result

    def _read(self, file: Path) -> Dict[str, Any] | None:
        try:
            data: Dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as exc:
            raise RecordingMismatch(self._said(f"damaged: {file} is no JSON ({exc})", [])) from exc
        if data.get("format") != _FORMAT:
            raise RecordingMismatch(self._said(f"of another format ({data.get('format')})", []))
        return data

    # -- refusing ---------------------------------------------------------------------------------------------

    def _why_not(self, header: Mapping[str, Any]) -> str:
        folder = Path(self.folder)
        files = sorted(folder.glob("*/record.json")) if folder.is_dir() else []
        records = [record for record in map(self._read, files) if record is not None]
        if not records:
            return f"recording {self.name!r} of {self.test} is not there: {folder} is empty\n{self._advice()}"
        changes = min((_changes(record["inputs"], header["inputs"]) for record in records), key=len)
        several = f"; {len(records)} are recorded, the one most like it differs so" if len(records) > 1 else ""
        return self._said(f"of other inputs{several}", changes)

    def _said(self, what: str, lines: List[str]) -> str:
        head = f"recording {self.name!r} of {self.test} is {what}"
        return "\n".join([head + (" (- recorded, + now):" if lines else ""), *lines, self._advice()])

    def _advice(self) -> str:
        return f"record it anew with: pytest --dflow-record=all {_quoted(self.test)}"


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
    from dflow.python.values import encode

    found: Dict[str, Any] = {}
    for name, kind in op.takes.items():
        value = inputs[name]
        if isinstance(kind, Artifact):
            found[name] = {n: _sha(file.read_bytes()) for n, file in files_in(value).items()} if value else None
        else:
            text = encode(value)
            found[name] = text if len(text) <= _LONG else f"sha256 {_sha(text.encode())}"
    return found


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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


def _copied(value: Any, folder: Path, place: str) -> Any:
    """Copy the files of an artifact; where they lie below ``folder``, in the shape of the value."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {str(k): _copied(v, folder, f"{place}{n}/") for n, (k, v) in enumerate(value.items())}
    if isinstance(value, (list, tuple, set)):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [_copied(item, folder, f"{place}{n}/") for n, item in enumerate(items)]
    source, name = Path(value), f"{place}{Path(value).name or 'folder'}"
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    return {"$file": name}


def _placed(data: Any, folder: Path, target: Path) -> Any:
    """Copies of recorded files, for an OP that follows may change them."""
    if data is None:
        return None
    if isinstance(data, list):
        return [_placed(item, folder, target) for item in data]
    if set(data) != {"$file"}:
        return {key: _placed(item, folder, target) for key, item in data.items()}
    source, made = folder / data["$file"], target / data["$file"]
    if ".." in Path(data["$file"]).parts or Path(data["$file"]).is_absolute() or not source.exists():
        raise RecordingMismatch(f"the recording {folder} has no file {data['$file']!r}")
    made.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, made, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, made)
    return made


def _as_type(value: Any, kind: Any) -> Any:
    """Texts for paths, and a set for a list, where the sign says so."""
    shape = getattr(kind, "__origin__", None)
    leaf = (getattr(kind, "__args__", None) or (kind,))[-1]
    wants_text = leaf is str or getattr(leaf, "__name__", "") == "NestedDictStr"
    made = _texts(value) if wants_text else value
    return set(made) if shape is set and made is not None else made


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if value is None else str(value)
