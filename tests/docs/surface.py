"""The names of upstream's surface, and how they are looked up in the package."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

NAMES = json.loads(Path(__file__).with_name("data").joinpath("api-names.json").read_text(encoding="utf-8"))
NOT_IN_THE_PACKAGE = ("config", "s3_config", "environment", "behaviour")
IN_THE_PACKAGE = [item for item in NAMES if item["kind"] not in NOT_IN_THE_PACKAGE]


def look_up(name: str) -> Any:
    """The object of a dotted name; LookupError when there is none."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                raise LookupError(name)
            found = getattr(found, part)
        return found
    raise LookupError(name)
