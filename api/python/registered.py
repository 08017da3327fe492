"""OPs by name: ``package.module:Class``, or an entry point of an installed package.

A package offers its OPs in its ``pyproject.toml``::

    [project.entry-points."dflow.ops"]
    relax = "my_ops.relax:Relax"
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any, Dict

from dflow.engine.errors import ConfigError
from dflow.engine.near import near_or_all
from dflow.python.op import OP

__all__ = ["GROUP", "is_op", "load_op", "registered_ops"]

GROUP = "dflow.ops"
"""The group of entry points."""


def registered_ops() -> Dict[str, str]:
    """The OPs of installed packages, sorted: name to ``package.module:Class``; nothing is imported."""
    points: Any = metadata.entry_points()
    group = points.select(group=GROUP) if hasattr(points, "select") else points.get(GROUP, ())
    return {point.name: point.value for point in sorted(group, key=lambda point: point.name)}


def load_op(name: str) -> Any:
    """The OP class, or function OP, of ``package.module:Class`` or of the name of an entry point; it is imported.

    Raises:
        ConfigError: there is none; says why.
    """
    if not isinstance(name, str):
        raise ConfigError(f"an OP is named by a text such as 'package.module:Class', not {name!r}")
    place = name if ":" in name else _registered(name)
    module, _, attribute = place.partition(":")
    attribute = attribute.partition("[")[0].strip()
    module = module.strip()
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"OP {name!r}: {module!r} is no name of a module; write package.module:Class")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as exc:
        raise ConfigError(f"OP {name!r}: {module!r} cannot be imported: {exc}") from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(found).items() if is_op(value)] if hasattr(found, "__dict__") else []
            raise ConfigError(f"OP {name!r}: {module!r} has no {part!r}{near_or_all(part, known)}")
        found = getattr(found, part)
    if not is_op(found):
        raise ConfigError(f"OP {name!r} is {found!r}, which is no subclass of OP and no function with @OP.function")
    return found


def is_op(thing: Any) -> bool:
    """Whether it is an OP class or an OP."""
    return isinstance(thing, OP) or (isinstance(thing, type) and issubclass(thing, OP) and thing is not OP)


def _registered(name: str) -> str:
    known = registered_ops()
    if name not in known:
        raise ConfigError(
            f"OP {name!r}: it is not written as package.module:Class, and no installed package offers it under "
            f"{GROUP!r}{near_or_all(name, known)}"
        )
    return known[name]
