"""Objects of NumPy, ASE and pymatgen as files, for artifacts; each library is imported where it is used.

The formats are those of the libraries themselves: ``.npy`` and ``.npz`` of NumPy, every format that ``ase.io`` or
pymatgen knows by a file's name, and JSON of ``monty`` for other objects of pymatgen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dflow.engine.errors import MissingExtra, WrongType

__all__ = ["read_object", "write_object"]


def write_object(obj: Any, path: Any) -> Path:
    """Write an object to a file; missing parents are made.

    Args:
        obj: an array or a scalar of NumPy (``.npy``), a dict of arrays (``.npz``), ``ase.Atoms`` or a list of them (a
            format of ``ase.io``, by the name: ``.extxyz``, ``.traj``, ``.json``, ``.cif``, ``POSCAR`` …), or an
            object of pymatgen (``.json``; structures also in a format that they know by the name).
        path: its ending says the format.

    Returns:
        The path.

    Raises:
        TypeError: there is no such format for such an object.
    """
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if _is_atoms(obj):
        _ase_io().write(str(place), obj)
    elif place.suffix in (".npy", ".npz"):
        _write_arrays(obj, place)
    elif hasattr(obj, "as_dict") and place.suffix == ".json":
        place.write_text(json.dumps(obj, cls=_monty().MontyEncoder), encoding="utf-8")
    elif hasattr(obj, "as_dict") and hasattr(obj, "to"):
        obj.to(filename=str(place))
    else:
        raise WrongType(
            f"{place.name}: there is no such format for {type(obj).__name__}; arrays go to .npy, dicts of arrays to "
            ".npz, Atoms to a format of ase.io, objects of pymatgen to .json"
        )
    return place


def read_object(path: Any, kind: Any = None) -> Any:
    """Read the object of a file.

    Args:
        kind: the class that is wanted, where the name leaves it open: ``ase.Atoms`` (the last one of the file),
            ``list`` (all of them), or a class of pymatgen. Without it ``.npy`` and ``.npz`` are arrays, JSON with
            classes of pymatgen in it are these, and all else is ``Atoms``.

    Raises:
        TypeError: what is in the file is of another class.
    """
    place = Path(path)
    if place.suffix in (".npy", ".npz"):
        return _read_arrays(place)
    if kind is not None and hasattr(kind, "from_file") and place.suffix != ".json":
        return kind.from_file(str(place))
    text = place.read_text(encoding="utf-8") if place.suffix == ".json" else ""
    if '"@module"' in text:
        found = json.loads(text, cls=_monty().MontyDecoder)
    else:
        found = _ase_io().read(str(place), index=":" if kind is list else -1)
    if kind is not None and not isinstance(found, kind):
        raise WrongType(f"{path} holds {type(found).__name__}, not {kind.__name__}")
    return found


def _write_arrays(obj: Any, place: Path) -> None:
    import numpy

    if (place.suffix == ".npz") != isinstance(obj, dict):
        raise WrongType(f"{place.name}: a dict of arrays goes to .npz, one array to .npy; it is {type(obj).__name__}")
    if isinstance(obj, dict):
        numpy.savez_compressed(str(place), **obj)
    else:
        numpy.save(str(place), obj, allow_pickle=False)


def _read_arrays(place: Path) -> Any:
    import numpy

    found = numpy.load(str(place), allow_pickle=False)
    if place.suffix == ".npy":
        return found
    with found:
        return dict(found)


def _is_atoms(obj: Any) -> bool:
    if isinstance(obj, (list, tuple)):
        return bool(obj) and all(map(_is_one_atoms, obj))
    return _is_one_atoms(obj)


def _is_one_atoms(obj: Any) -> bool:
    return any((cls.__module__, cls.__name__) == ("ase.atoms", "Atoms") for cls in type(obj).__mro__)


def _ase_io() -> Any:
    try:
        import ase.io
    except ImportError as exc:
        raise MissingExtra("files of atoms need: pip install ase") from exc
    return ase.io


def _monty() -> Any:
    try:
        import monty.json
    except ImportError as exc:
        raise MissingExtra("objects of pymatgen need: pip install pymatgen") from exc
    return monty.json
