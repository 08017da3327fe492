"""Runs an OP in a pod: the inputs are files that the pod was given, the outputs files that it is asked for.

The pod's directory is laid out as that of a step; the file of the OP lies in it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Sequence

from dflow.engine.catalog import CATALOG, read_catalog, read_marks
from dflow.python.runtime.main import main as run
from dflow.python.step_files import write_parameter

__all__ = ["main"]

_SUCCESS = "dflow_success"


def main(op_file: str, spec: str = "{}", whole: Sequence[str] = ()) -> int:
    """Run the OP of a file in the directory that it lies in; the exit status.

    Args:
        spec: which inputs are put together, taken apart or sliced, as JSON; which elements a slice has say the
            environment variables ``DFLOW_ORDERS`` and ``DFLOW_AT``.
        whole: output parameters that are read as they are.
    """
    step = Path(os.path.dirname(os.path.abspath(op_file)))
    (step / "workdir").mkdir(exist_ok=True)
    os.chdir(str(step / "workdir"))
    told = json.loads(spec)
    _prepare(told, step)
    status = run([op_file, str(step), os.environ.get("DFLOW_KEY", ""), os.environ.get("DFLOW_WORKFLOW", "")])
    if (step / ".slices").exists():
        _count_successes(step)
        _name_catalogs(step, told["slices"]["output_artifacts"])
    _count_elements(step)
    _end_with_a_line_break(step / "outputs" / "parameters", whole)
    return status


def _prepare(spec: Dict[str, Any], step: Path) -> None:
    """Lay the inputs out as the runtime expects them, and tell it which elements it has."""
    slices = spec.get("slices")
    for place in sorted((step / "inputs" / "artifacts").glob("*")):
        _refuse_overwritten(place)
    for name, members in spec.get("parts", {}).items():
        _put_together(step, name, members)
    for name, fixed in spec.get("picks", {}).items():
        positions = json.loads(os.environ["DFLOW_AT"]) if fixed is None else fixed
        _pick(step / "inputs" / "artifacts" / name, positions, in_group=bool(slices and slices["in_group"]))
    if slices:
        orders = json.loads(os.environ["DFLOW_ORDERS"])
        (step / ".slices").write_text(json.dumps({**slices, "orders": orders}), encoding="utf-8")


def _refuse_overwritten(place: Path) -> None:
    """Raise FileExistsError where two slices left a file under one name: the store has one of them only."""
    folder = place / CATALOG
    owners: Dict[str, Path] = {}
    for catalog in sorted(folder.iterdir()) if folder.is_dir() else ():
        for item in json.loads(catalog.read_text(encoding="utf-8")).get("path_list", []):
            name = item["dflow_list_item"]
            if name is not None and owners.setdefault(name, catalog) != catalog:
                raise FileExistsError(
                    f"input artifact {place.name!r}: two slices both have {name!r}; "
                    "give the files different names, or set create_dir=True in Slices"
                )


def _name_catalogs(step: Path, artifacts: Sequence[str]) -> None:
    """Name the catalogs of what is stacked by the slice: another attempt replaces that of the one before."""
    orders = json.loads((step / ".slices").read_text(encoding="utf-8"))["orders"]
    for name in artifacts:
        folder = step / "outputs" / "artifacts" / name / CATALOG
        files = list(folder.iterdir()) if folder.is_dir() else []
        if len(files) == 1 and orders:
            files[0].rename(folder / f"slice-{orders[0]}")


def _put_together(step: Path, name: str, members: Dict[str, Any]) -> None:
    """Make one artifact of several."""
    place = step / "inputs" / "artifacts" / name
    place.mkdir(parents=True, exist_ok=True)
    items = []
    for number, (key, element) in enumerate(zip(members["keys"], members["elements"])):
        member = step / "parts" / name / str(number)
        if element is not None:
            _pick(member, [element], in_group=False)
        entries = read_catalog(member) or [{"dflow_list_item": "", "order": 0}]
        alone = len(entries) == 1 and entries[0]["order"] in (0, "")
        for entry in entries:
            item = entry["dflow_list_item"]
            order = key if alone else f"{key}.{entry['order']}"
            link = f"{number}/{item}" if item else f"{number}/{_own_name(member)}"
            _link(place / link, member / item if item else member)
            items.append({"dflow_list_item": link, "order": order if members["dict"] or "." in order else int(order)})
    (place / CATALOG).mkdir(exist_ok=True)
    (place / CATALOG / "parts").write_text(json.dumps({"path_list": items, "stacked": True}), encoding="utf-8")


def _own_name(member: Path) -> str:
    """The name of a file that came without a catalog: it is that of its own place, wherever it was."""
    return Path(os.path.realpath(str(member))).name


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(str(link)):
        link.symlink_to(os.path.realpath(str(target)))


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
        if key.startswith("-") and key[1:].isdecimal() and key not in elements:  # from the end
            key = str(len(elements) + int(key))
        if key not in elements and key.isdecimal() and int(key) < len(elements):  # a dict by position
            key = list(elements)[int(key)]
        if key not in elements:
            raise IndexError(f"there is no slice {key!r} of {place.name!r}, which has {len(elements)} elements")
        for item in elements[key]:
            inside = item["order"]
            order = inside if not in_group else number if inside == 0 else f"{number}.{inside}"
            items.append({"dflow_list_item": item["dflow_list_item"], "order": order})
            if item["dflow_list_item"] is not None:
                _link(place / item["dflow_list_item"], whole / item["dflow_list_item"])
    (place / CATALOG).mkdir()
    (place / CATALOG / "picked").write_text(json.dumps({"path_list": items}), encoding="utf-8")


def _elements(place: Path) -> Dict[str, List[Dict[str, Any]]]:
    """The entries of each element of an artifact, by its position or key, with their orders inside of it."""
    catalog = read_catalog(place)
    if catalog is None:
        names = sorted(os.listdir(str(place))) if place.is_dir() else []
        catalog = [{"dflow_list_item": name, "order": number} for number, name in enumerate(names)]
    nested = read_marks(place).get("nested") is not False if (place / CATALOG).is_dir() else True
    found: Dict[str, List[Dict[str, Any]]] = {}
    for item in catalog:
        first, _, rest = str(item["order"]).partition(".") if nested else (str(item["order"]), "", "")
        inside: Any = int(rest) if rest.isdecimal() else rest or 0
        found.setdefault(first, []).append({**item, "order": inside})
    is_list = any(isinstance(item["order"], int) for item in catalog) or set(found) == set(map(str, range(len(found))))
    if is_list and all(key.isdecimal() for key in found):  # by position: what failed has left a hole
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
