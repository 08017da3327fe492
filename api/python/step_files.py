"""Inputs and outputs of one step, as files in its directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Container, Dict

from dflow.engine.errors import SignatureError
from dflow.engine.inside import is_inside
from dflow.python.catalog import assemble, write_artifact
from dflow.python.check import paths_in, type_of
from dflow.python.opio import Artifact, BigParameter, HDF5Datasets, OPIOSign
from dflow.python.values import decode, encode

_BLOCK = 1 << 12

__all__ = [
    "check_existence",
    "check_texts",
    "empty_artifact",
    "linker",
    "packed",
    "read_inputs",
    "read_text",
    "relative_place",
    "without",
    "write_output",
    "write_outputs",
    "write_parameter",
    "write_paths",
]


def read_inputs(sign: OPIOSign, step: Path | str, without: Container[str] = ()) -> Dict[str, Any]:
    """The values of the inputs in a step directory, but for some."""
    values: Dict[str, Any] = {}
    for name, kind in sign.items():
        if name in without:
            continue
        if isinstance(kind, Artifact):
            place = Path(step, "inputs", "artifacts", name)
            values[name] = assemble(place, kind.type, sub_path=kind.sub_path) if place.exists() else None
        else:
            file = f"{step}/inputs/parameters/{name}"
            if os.access(file, os.F_OK):
                values[name] = decode(read_text(file), type_of(kind))
    return values


def read_text(file: Path | str) -> str:
    """The text of a parameter, whatever bytes are in it."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, _BLOCK)
        while len(data) % _BLOCK == 0 and (more := os.read(fd, _BLOCK)):
            data += more
    finally:
        os.close(fd)
    return data.decode("utf-8", "surrogateescape")


def check_existence(op: str, sign: OPIOSign, outputs: Any) -> None:
    """Raise FileNotFoundError where an output artifact names a path that does not exist.

    Of an optional one that path is absent then: None stands for it in ``outputs``.
    """
    for name, kind in sign.items():
        if isinstance(kind, Artifact) and kind.type is not HDF5Datasets:
            for place, path in paths_in(outputs[name]):
                if _is_missing(path):
                    if kind.optional:
                        outputs[name] = without(outputs[name], _is_missing)
                        break
                    raise FileNotFoundError(
                        f"OP {op}: output artifact {name!r}{place} is {path}, which does not exist in {os.getcwd()}"
                    )


def _is_missing(path: Any) -> bool:
    return path is not None and not os.path.exists(path)


def without(value: Any, is_missing: Callable[[Any], bool]) -> Any:
    """The value of an artifact with None in place of each path that is missing; a set has no such member."""
    if isinstance(value, dict):
        return {key: without(item, is_missing) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without(item, is_missing) for item in value]
    if isinstance(value, (set, frozenset)):
        return {item for item in value if not is_missing(item)}
    return None if is_missing(value) else value


def check_texts(op: str, sign: OPIOSign, outputs: Any) -> None:
    """Raise SignatureError where an output parameter that must be a text is None: the next step would get "null"."""
    for name, kind in sign.items():
        if outputs[name] is None and type_of(kind) is str and not isinstance(kind, (Artifact, BigParameter)):
            raise SignatureError(
                f"OP {op}: output parameter {name!r} is None, but declared as str: return a text, or declare it as "
                "Optional[str]"
            )


def write_outputs(sign: OPIOSign, outputs: Any, step: Path | str, method: str) -> None:
    """Leave all outputs in a step directory."""
    for name, kind in sign.items():
        write_output(name, kind, outputs[name], step, method)


def write_output(name: str, kind: Any, value: Any, step: Path | str, method: str) -> None:
    """Leave one output in a step directory, in place of what was there under its name."""
    if isinstance(kind, Artifact):
        write_paths(name, packed(kind, value, f"{step}/workdir"), step, method)
    else:
        write_parameter(name, encode(value, type_of(kind)), step)


def write_paths(name: str, value: Any, step: Path | str, method: str) -> None:
    """The same of an artifact, from its paths."""
    step = Path(step)
    root, work = empty_artifact(name, step), step / "workdir"
    write_artifact(value, root, lambda path: relative_place(path, work, step), linker(method))


def packed(kind: Artifact, value: Any, folder: str) -> Any:
    """The value of an output artifact as paths: of one that is an HDF5 file, a file made in a folder."""
    if kind.type is not HDF5Datasets:
        return value
    from dflow.python.hdf5 import pack_value

    os.makedirs(folder, exist_ok=True)
    return pack_value(value, Path(folder))


def write_parameter(name: str, text: str, step: Path | str) -> None:
    """Leave the text of a parameter, whole or not at all."""
    folder = f"{step}/outputs/parameters"
    if not os.access(folder, os.F_OK):
        _make_folder(folder)
    file = f"{folder}/{name}"
    temporary = f"{file}.tmp"
    data = text.encode("utf-8", "surrogateescape")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)
    os.replace(temporary, file)


def _make_folder(folder: str) -> None:
    """``os.makedirs`` for a folder that mostly lacks only itself and its parent: in a fork each call counts."""
    try:
        os.mkdir(folder[: folder.rindex("/")])
        os.mkdir(folder)
    except FileExistsError:
        os.makedirs(folder, exist_ok=True)


def empty_artifact(name: str, step: Path) -> Path:
    """The place of an output artifact, with nothing in it that was set early, or by an earlier run."""
    root = step / "outputs" / "artifacts" / name
    if root.is_symlink() or root.is_file():
        root.unlink()
    elif root.exists():
        import shutil

        shutil.rmtree(str(root))
    return root


def relative_place(path: Path, work: Path, step: Path) -> str:
    """Where an output goes in its artifact: as it lay in the working directory, or in the input it came from."""
    text = str(path)
    for base in (str(work), os.path.realpath(str(work))):
        if text.startswith(base + os.sep):
            return text[len(base) + 1 :]
    inputs = str(step / "inputs" / "artifacts") + os.sep
    if text.startswith(inputs):
        inside = text[len(inputs) :].partition(os.sep)[2]
        return inside or path.name
    return text.lstrip(os.sep) or path.name


def linker(method: str) -> Callable[[Path, Path], None]:
    """What makes one path stand for another.

    A folder becomes a folder of hard links, not one link: a program that looks through an artifact, or copies it,
    sees files. Where its files cannot be linked, being on another file system, it is one link after all.

    What lies outside of the run's directory is gone with the container that a step runs in, so it is copied there;
    ``DFLOW_CONTAINER`` says that there is one, and names that directory.
    """
    from dflow.engine.state import link_or_copy

    away = os.environ.get("DFLOW_CONTAINER", "")

    def link(source: Path, target: Path) -> None:
        is_lost = bool(away) and not is_inside(os.path.realpath(source), os.path.realpath(away))
        way = "copy" if is_lost else method
        if way == "symlink" and source.is_dir():
            os.makedirs(str(target.parent), exist_ok=True)
            way = "link" if source.stat().st_dev == target.parent.stat().st_dev else method
        link_or_copy(source, target, way)

    return link
