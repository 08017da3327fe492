"""Runs an OP in a pod: the inputs are files that the pod was given, the outputs files that it is asked for.

The pod's directory is laid out as that of a step; the file of the OP lies in it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Sequence

from dflow.engine.catalog import CATALOG, read_catalog
from dflow.python.runtime.files import write_parameter
from dflow.python.runtime.main import main as run

__all__ = ["main"]

_SUCCESS = "dflow_success"


def main(op_file: str, slices: str | None = None, whole: Sequence[str] = ()) -> int:
    """Run the OP of a file in the directory that it lies in; the exit status.

    Args:
        slices: which inputs and outputs are those of slices, as JSON; which elements they are say the environment
            variables ``DFLOW_ORDERS`` and ``DFLOW_AT``.
        whole: output parameters that are read as they are.
    """
    step = Path(os.path.dirname(os.path.abspath(op_file)))
    (step / "workdir").mkdir(exist_ok=True)
    os.chdir(str(step / "workdir"))
    if slices is not None:
        _take_elements(json.loads(slices), step)
    status = run([op_file, str(step), os.environ.get("DFLOW_KEY", ""), os.environ.get("DFLOW_WORKFLOW", "")])
    if slices is not None and (step / ".slices").exists():
        _count_successes(step)
    _count_elements(step)
    _end_with_a_line_break(step / "outputs" / "parameters", whole)
    return status


def _take_elements(spec: Dict[str, Any], step: Path) -> None:
    """Tell the runtime which elements it has, and leave it no others."""
    orders = json.loads(os.environ["DFLOW_ORDERS"])
    if spec["picks"]:
        positions = json.loads(os.environ["DFLOW_AT"])
        for name in spec["picks"]:
            _pick(step / "inputs" / "artifacts" / name, positions, in_group=spec["in_group"])
    if spec["in_group"]:
        (step / ".slices").write_text(json.dumps({**spec, "orders": orders}), encoding="utf-8")


def _pick(place: Path, positions: List[Any], *, in_group: bool) -> None:
    """Put links to some elements of an artifact in its place.

    Raises:
        IndexError: it has no such element.
    """
    if not place.exists():
        return
    elements = _elements(place)
    whole = place.with_name(f".whole-{place.name}")
    place.rename(whole)
    place.mkdir()
    items = []
    for number, position in enumerate(positions):
        key = str(position)
        if key not in elements:
            raise IndexError(f"there is no slice {key!r} of {place.name!r}, which has {len(elements)} elements")
        for item in elements[key]:
            inside = item["order"]
            order = inside if not in_group else number if inside == 0 else f"{number}.{inside}"
            items.append({"dflow_list_item": item["dflow_list_item"], "order": order})
            if item["dflow_list_item"] is not None:
                link = place / item["dflow_list_item"]
                link.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(str(link)):
                    link.symlink_to(os.path.realpath(str(whole / item["dflow_list_item"])))
    (place / CATALOG).mkdir()
    (place / CATALOG / "picked").write_text(json.dumps({"path_list": items}), encoding="utf-8")


def _elements(place: Path) -> Dict[str, List[Dict[str, Any]]]:
    """The entries of each element of an artifact, by its position or key, with their orders inside of it."""
    catalog = read_catalog(place)
    if catalog is None:
        names = sorted(os.listdir(str(place))) if place.is_dir() else []
        catalog = [{"dflow_list_item": name, "order": number} for number, name in enumerate(names)]
    found: Dict[str, List[Dict[str, Any]]] = {}
    for item in catalog:
        first, _, rest = str(item["order"]).partition(".")
        inside: Any = int(rest) if rest.isdecimal() else rest or 0
        found.setdefault(first, []).append({**item, "order": inside})
    if all(key.isdecimal() for key in found):  # by position, whatever the orders are
        return {str(number): found[key] for number, key in enumerate(sorted(found, key=int))}
    return found


def _count_successes(step: Path) -> None:
    """How many elements succeeded, for those who count."""
    orders = json.loads((step / ".slices").read_text(encoding="utf-8"))["orders"]
    missing = step / ".missing"
    lost = json.loads(missing.read_text(encoding="utf-8")) if missing.exists() else []
    write_parameter(_SUCCESS, str(len(orders) - len(lost)), step)


def _count_elements(step: Path) -> None:
    """How many elements each output artifact has, for loops over them."""
    folder = step / "outputs" / "artifacts"
    for name in os.listdir(str(folder)) if folder.is_dir() else ():
        write_parameter(f"dflow_count_{name}", str(len(_elements(folder / name))), step)


def _end_with_a_line_break(folder: Path, whole: Sequence[str]) -> None:
    """Who reads the files of outputs takes one line break away (OU-02)."""
    for name in set(os.listdir(str(folder)) if folder.is_dir() else ()) - set(whole):
        with open(str(folder / name), "ab") as stream:
            stream.write(b"\n")
