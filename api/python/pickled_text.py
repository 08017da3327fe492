"""jsonpickle, as values are written and read with it here."""

from __future__ import annotations

import base64
from typing import Any, Set

from dflow.engine.errors import WrongValue

__all__ = ["library", "refuse_notes"]


def library() -> Any:
    """The module, which keeps the bytes of a ``bytearray``; without that it gives back an empty one."""
    import jsonpickle
    from jsonpickle import handlers

    if handlers.get(bytearray) is None:

        class BytearrayHandler(handlers.BaseHandler):  # type: ignore[misc]
            """The bytes as base64."""

            def flatten(self, obj: bytearray, data: Any) -> Any:
                data["bytes"] = base64.b64encode(bytes(obj)).decode("ascii")
                return data

            def restore(self, obj: Any) -> bytearray:
                return bytearray(base64.b64decode(obj.get("bytes", "")))

        handlers.register(bytearray, BytearrayHandler)
    return jsonpickle


def refuse_notes(value: Any) -> None:
    """Refuse dicts with a key that jsonpickle reads as one of its notes: they would come back as something else.

    Raises:
        ValueError: names the key.
    """
    from jsonpickle import tags

    notes = {*tags.RESERVED, "py/b64", "py/b85"}
    left = [value]
    seen: Set[int] = set()
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        if isinstance(thing, (dict, list, tuple, set, frozenset)):
            seen.add(id(thing))
        if isinstance(thing, dict):
            for key in thing:
                if isinstance(key, str) and key in notes:
                    raise WrongValue(f"a dict has the key {key!r}, which jsonpickle reads as a note of its own")
            left.extend(thing.values())
        elif isinstance(thing, (list, tuple, set, frozenset)):
            left.extend(thing)
