"""Artifacts that are one HDF5 file: nested dicts and lists of arrays, values and small files.

A file has a dataset for each leaf, under its keys joined by dots (``a.0.b``). Attributes of a dataset say what it is:
``type`` is ``data``, ``file``, ``dir`` (packed) or ``null``; ``dtype`` is ``utf-8`` or ``binary`` for texts and bytes;
``path`` says where a file or directory was. What names cannot tell (empty dicts and lists, keys with dots) stands as
JSON in attributes of the file, ``dflow_structure_0``, ``…_1`` ….
"""

from __future__ import annotations

import io
import os
import tarfile
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Dict, List

from dflow.engine.errors import MissingExtra, NoSuchFile, UnsafeArtifact, WrongType, WrongValue
from dflow.python.catalog import flatten, marks_of, unflatten
from dflow.python.hdf5_structure import filled, is_awkward, read_structure, safe_names, structure_of, write_structure

__all__ = ["HDF5Dataset", "assemble_datasets", "datasets_in", "in_memory", "pack_value", "write_datasets"]


class HDF5Dataset:
    """One leaf of an artifact that is an HDF5 file, read when it is asked for.

    Args:
        file: an ``h5py.File`` that is open.
        key: the name of the dataset.
    """

    def __init__(self, file: Any, key: str) -> None:
        self.file = file
        self.key = key

    @property
    def dataset(self) -> Any:
        """The ``h5py.Dataset``; a slice of it reads that part only."""
        return self.file[self.key]

    def is_none(self) -> bool:
        """Whether it stands for None."""
        return bool(self.dataset.attrs.get("type") == "null")

    def get_data(self) -> Any:
        """The data: an array, a scalar of NumPy, a text or bytes; of a file what is in it, of a directory a tar.gz."""
        found = self.dataset
        if self.is_none():
            return None
        value, kind = found[()], found.attrs.get("dtype")
        if kind == "utf-8" and found.shape:
            return found.asstr()[()].astype(str)
        if kind == "utf-8":
            return _bytes(value).decode("utf-8")
        return _bytes(value) if kind == "binary" else value

    def recover(self) -> Any:
        """The data; a file or directory is written below the current directory, and its relative path is given.

        Raises:
            UnsafeArtifact: it would be written elsewhere.
        """
        attributes = self.dataset.attrs
        kind = attributes.get("type")
        if kind not in ("file", "dir"):
            return self.get_data()
        place = _inside(str(attributes["path"]), self.file.filename)
        place.parent.mkdir(parents=True, exist_ok=True)
        data = self.get_data()
        if kind == "dir":
            _unpack(data, place, self.file.filename)
        else:
            place.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        return place

    def __deepcopy__(self, memo: Any) -> HDF5Dataset:
        return HDF5Dataset(self.file, self.key)

    def __reduce__(self) -> Any:
        """Pickle as the path and the key."""
        return _reopened, (os.path.abspath(self.file.filename), self.key)

    def __repr__(self) -> str:
        return f"HDF5Dataset({self.file.filename!r}, {self.key!r})"


def _reopened(path: str, key: str) -> HDF5Dataset:
    return HDF5Dataset(_opened(path), key)


def assemble_datasets(root: Path, items: List[Any], *, stacked: bool) -> Any:
    """What an OP is given for an artifact of HDF5 files.

    Args:
        items: of its catalog.
        stacked: each item is an element of a list; otherwise a single file is all of it.
    """
    if len(items) == 1 and not stacked and items[0].get("order") in (0, ""):
        return _element(root, items[0])
    orders = [item["order"] for item in items]
    if all(isinstance(order, int) for order in orders):
        return [_element(root, item) for item in sorted(items, key=lambda item: item["order"])]
    return unflatten((item["order"], _element(root, item)) for item in items)


def _element(root: Path, item: Any) -> Any:
    place = item["dflow_list_item"]
    return None if place is None else datasets_in(root / place)


def datasets_in(file: Any) -> Any:
    """The structure in an HDF5 file: dicts and lists as they were written, with an :class:`HDF5Dataset` at each leaf.

    Raises:
        TypeError: it is no HDF5 file.
        MissingExtra: h5py is not installed.
    """
    return _structure_of(_opened(str(file)))


def in_memory(value: Any) -> Any:
    """The structure that an OP is given for one that another OP has returned, without a file on disk."""
    file = _h5py().File(f"{uuid.uuid4()}.h5", "w", driver="core", backing_store=False)
    _fill(value, file)
    return _structure_of(file)


def _structure_of(opened: Any) -> Any:
    found: Dict[str, Any] = {}

    def visit(name: str, thing: Any) -> None:
        if hasattr(thing, "dtype"):
            leaf = HDF5Dataset(opened, name)
            found[name] = None if leaf.is_none() else leaf

    opened.visititems(visit)
    structure = read_structure(opened.attrs)
    if structure is not None:
        return filled(structure, found)
    shape = opened.attrs.get("dflow")
    if shape == "leaf":
        return found["0"]
    if shape == "flat":
        return found
    if not found:
        return {} if shape == "dict" else []
    return unflatten(found.items())


def pack_value(value: Any, folder: Path) -> Path | None:
    """Write a value to a new file in a folder; None for None."""
    if value is None:
        return None
    file = folder / f"{uuid.uuid4()}.h5"
    write_datasets(value, file)
    return file


def write_datasets(value: Any, file: Any) -> None:
    """Write nested dicts and lists to an HDF5 file.

    Args:
        value: its leaves are arrays, numbers, texts, bytes, None, paths of files or directories (what is in them is
            written), and datasets of another such artifact.

    Raises:
        FileNotFoundError: a path does not exist.
        TypeError: HDF5 has no place for a leaf.
        ValueError: it has none for a text or a key.
        MissingExtra: h5py is not installed.
    """
    with _h5py().File(str(file), "w") as target:
        _fill(value, target)


def _fill(value: Any, target: Any) -> None:
    pairs = [(str(order), leaf) for order, leaf in flatten(value)]
    names = [order for order, _ in pairs]
    if marks_of(value).get("nested") is False and safe_names(names) == names:
        target.attrs["dflow"] = "flat"
    elif not isinstance(value, (Mapping, list, tuple, set, frozenset)):
        target.attrs["dflow"] = "leaf"
    elif not value:
        target.attrs["dflow"] = "dict" if isinstance(value, Mapping) else "list"
    elif is_awkward(value):
        names = safe_names(names)
        write_structure(structure_of(value, names), target.attrs)
    for name, (order, leaf) in zip(names, pairs):
        _write(target, name, order, leaf)


def _write(target: Any, name: str, key: str, leaf: Any) -> None:
    if isinstance(leaf, HDF5Dataset):
        leaf.file.copy(leaf.dataset, target, name=name)
        return
    try:
        data, told = _of_path(leaf) if isinstance(leaf, Path) else _of_value(leaf)
        made = target.create_dataset(name, data=data)
    except UnicodeEncodeError as exc:
        raise WrongValue(f"{key!r} is a text that no file can hold: {exc}") from exc
    except (TypeError, ValueError) as exc:
        raise WrongType(f"{key!r} is {type(leaf).__name__}, which an HDF5 file has no place for: {exc}") from exc
    made.attrs.update(told)


def _of_value(leaf: Any) -> Any:
    """What is written for a leaf, and its attributes."""
    if leaf is None:
        return "", {"type": "null"}
    if isinstance(leaf, str):
        return _text_or_void(leaf.encode("utf-8")), {"type": "data", "dtype": "utf-8"}
    if isinstance(leaf, bytes) and b"\0" in leaf:
        return _void(leaf), {"type": "data", "dtype": "binary"}
    if getattr(getattr(leaf, "dtype", None), "kind", "") == "U":
        return leaf.astype(_h5py().string_dtype()), {"type": "data", "dtype": "utf-8"}
    return leaf, {"type": "data"}


def _of_path(path: Path) -> Any:
    if not path.exists():
        raise NoSuchFile(f"{path} does not exist")
    place = _relative(path)
    if path.is_dir():
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as archive:
            archive.add(str(path), arcname=place)
        return _void(packed.getvalue()), {"type": "dir", "dtype": "binary", "path": place}
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _void(data), {"type": "file", "dtype": "binary", "path": place}
    return _text_or_void(data), {"type": "file", "dtype": "utf-8", "path": place}


def _text_or_void(data: bytes) -> Any:
    """A text of HDF5; one with a NUL, which ends those, as plain bytes."""
    return _void(data) if b"\0" in data else data.decode("utf-8")


def _void(data: bytes) -> Any:
    import numpy

    return numpy.void(data)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(value.tobytes())


def _relative(path: Path) -> str:
    """Where a path is below the current directory; of one elsewhere its name."""
    for base in (os.getcwd(), os.path.realpath(os.getcwd())):
        text = os.path.abspath(str(path))
        if text.startswith(base + os.sep):
            return PurePosixPath(text[len(base) + 1 :]).as_posix()
    return path.absolute().name


def _inside(path: str, file: str) -> Path:
    place = PurePosixPath(path)
    if place.is_absolute() or ".." in place.parts or not place.parts:
        raise UnsafeArtifact(f"{file} names {path!r}, which lies outside of the current directory")
    return Path(place)


def _unpack(data: bytes, place: Path, file: str) -> None:
    """Unpack the files and directories of an archive; they lie in ``place``."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            target = _inside(os.path.normpath(member.name), file)
            if target != place and place not in target.parents:
                raise UnsafeArtifact(f"{file}: the archive of {place} holds {member.name!r}")
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            source = archive.extractfile(member) if member.isfile() else None
            if source is None:
                raise UnsafeArtifact(f"{file}: the archive of {place} holds {member.name!r}, which is no file")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read())
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _opened(path: str) -> Any:
    h5py = _h5py()
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except BlockingIOError:  # another has it open, or the file system has no locks; it is only read here
        return h5py.File(path, "r", locking=False)
    except OSError as exc:
        raise WrongType(f"{path} is no HDF5 file: {exc}") from exc


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as exc:
        raise MissingExtra("an artifact of the type HDF5Datasets needs: pip install 'pydflow[hdf5]'") from exc
    return h5py
