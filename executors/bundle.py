"""What runs OPs where dflow is not installed: this package, and the few others that it uses there."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from importlib.util import find_spec

from dflow.engine.records import record

__all__ = ["Bundle", "bundle", "packages"]

_PACKAGES = ("cloudpickle", "jsonpickle", "typeguard", "typing_extensions")


@record(frozen=True, slots=True)
class Bundle:
    """Files, and a name that depends on what they are.

    Attributes:
        files: where each goes, and where it is: ``dflow/…`` and ``packages/…``.
    """

    digest: str
    files: tuple[tuple[str, str], ...]


def packages() -> tuple[str, ...]:
    """The packages and modules that the runtime uses beside the standard library."""
    specs = [find_spec(name) for name in _PACKAGES]
    places = [[*(spec.submodule_search_locations or ()), spec.origin][0] for spec in specs if spec is not None]
    return tuple(os.path.realpath(place) for place in places if place)


@lru_cache(maxsize=4)
def bundle(library: str) -> Bundle:
    """The bundle whose ``dflow`` is at ``library``."""
    files = list(_files(library, "dflow"))
    for place in packages():
        files += _files(place, f"packages/{os.path.basename(place)}")
    digest = hashlib.sha256()
    for name, source in files:
        found = os.stat(source)
        digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return Bundle(f"runtime-{digest.hexdigest()[:16]}", tuple(files))


def _files(place: str, name: str) -> list[tuple[str, str]]:
    if os.path.isfile(place):
        return [(name, place)]
    found = []
    for folder, folders, files in os.walk(place, followlinks=True):
        folders[:] = sorted(one for one in folders if one != "__pycache__")
        inside = os.path.relpath(folder, place)
        found += [
            (os.path.normpath(os.path.join(name, inside, one)), os.path.join(folder, one)) for one in sorted(files)
        ]
    return found
