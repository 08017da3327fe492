"""A group of slices in one step.

An OP whose sliced inputs are declared as lists gets the group's elements as lists, once, as in upstream. Any other
OP, and every OP when ``pool_size`` or ``pool_timeout`` is given, is executed once for each element, in a directory
``workdir/<index of the element>``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Tuple

from dflow.engine.catalog import read_catalog
from dflow.python.catalog import assemble, assemble_items, flatten, write_items
from dflow.python.check import check_side, fits, type_of
from dflow.python.op import check_returned, op_name
from dflow.python.opio import OPIO, Artifact, HDF5Datasets, NestedDictBase
from dflow.python.runtime.pool import run_all
from dflow.python.runtime.report import GroupFailed, failure_of
from dflow.python.step_files import (
    check_existence,
    empty_artifact,
    linker,
    packed,
    read_inputs,
    read_text,
    relative_place,
    write_parameter,
    write_paths,
)
from dflow.python.values import decode, encode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run_group"]


def run_group(op: Any, spec: Dict[str, Any], step: Path, method: str) -> None:
    """Execute an OP for the elements that ``spec`` lists, and leave their outputs.

    Raises:
        GroupFailed: elements failed, and they may not be left out.
        FileExistsError: two elements gave files of one name; those behind them are not executed.
    """
    group = _Group(op, spec, step)
    op.pool_size, op.create_slice_dir = spec["pool_size"], spec["create_dir"]
    if group.takes_lists():
        results = group.run_with_lists()
        for result in results:
            group.look(result)
    else:
        results = run_all(group.run_one, spec["orders"], spec["pool_size"], spec["pool_timeout"], group.look)
    failures = [result for result in results if "message" in result]
    for failure in failures:
        sys.stderr.write(f"slice {failure['order']} failed: {failure['trace']}")
    good = [result for result in results if "message" not in result]
    if good or not spec["raise_for_group"]:
        group.write(good, method)
    if failures and spec["raise_for_group"]:
        raise GroupFailed(failures, len(results))
    if failures:
        (step / ".missing").write_text(json.dumps([failure["order"] for failure in failures]), encoding="utf-8")


class _Group:
    def __init__(self, op: Any, spec: Dict[str, Any], step: Path) -> None:
        self.op, self.spec, self.step = op, spec, step
        self.name = op_name(op)
        self.inputs, self.outputs = op.get_input_sign(), op.get_output_sign()
        self.orders: List[int] = spec["orders"]
        self._sliced = [n for n in (*spec["input_parameters"], *spec["input_artifacts"]) if n in self.inputs]
        self._common = read_inputs(self.inputs, step, self._sliced)
        self._stacked = [n for n in (*spec["output_parameters"], *spec["output_artifacts"]) if n in self.outputs]
        self._owners: Dict[str, Dict[str, Tuple[int, str]]] = {}
        self._lists = {name: list(self._elements(name)) for name in self._sliced}

    def _elements(self, name: str) -> Iterator[Any]:
        """Texts of a sliced parameter; entries in the catalog of a sliced artifact."""
        if isinstance(self.inputs[name], Artifact):
            yield from self._members(name)
            return
        for value in json.loads(read_text(self.step / "inputs" / "parameters" / name)):
            yield value if isinstance(value, str) else json.dumps(value)

    def _members(self, name: str) -> List[List[Any]]:
        """The catalog entries of each element of a sliced artifact, with their orders inside of it."""
        members: Dict[int, List[Any]] = {}
        for item in read_catalog(self.step / "inputs" / "artifacts" / name) or []:
            first, _, rest = str(item["order"]).partition(".")
            inside = int(rest) if rest.isdecimal() else rest or 0
            members.setdefault(int(first), []).append({**item, "order": inside})
        return [members[position] for position in sorted(members)]

    def _element(self, name: str, position: int) -> Any:
        sign = self.inputs[name]
        if not isinstance(sign, Artifact):
            return decode(self._lists[name][position], type_of(sign))
        return assemble_items(self.step / "inputs" / "artifacts" / name, self._lists[name][position], sign.type)

    # -- all at once ------------------------------------------------------------------------------------------

    def takes_lists(self) -> bool:
        """Whether the OP is made for lists of elements."""
        if self.spec["pool_size"] is not None or self.spec["pool_timeout"] is not None:
            return False
        if not self._sliced:
            return bool(self._stacked) and all(_is_list(self.outputs[name]) for name in self._stacked)
        return all(self._takes_list(name) for name in self._sliced)

    def _takes_list(self, name: str) -> bool:
        sign = self.inputs[name]
        if isinstance(sign, Artifact):
            is_nested = any(item["order"] != 0 for members in self._lists[name] for item in members)
            return _is_list(sign) and (_is_nested(sign) or not is_nested)
        value = self._list(name)
        return type_of(sign) is not str and isinstance(value, list) and fits(value, type_of(sign))

    def _list(self, name: str) -> Any:
        sign = self.inputs[name]
        if isinstance(sign, Artifact):
            if sign.type is HDF5Datasets:  # a list, of one element too
                return [self._element(name, position) for position in range(len(self._lists[name]))]
            return assemble(self.step / "inputs" / "artifacts" / name, sign.type)
        return decode(read_text(self.step / "inputs" / "parameters" / name), type_of(sign))

    def run_with_lists(self) -> List[Dict[str, Any]]:
        """Execute once; each sliced output is a list with a value for each element."""
        inputs = {**self._common, **{name: self._list(name) for name in self._sliced}}
        outputs = self._execute(inputs)
        for name in self._stacked:
            value = outputs[name]
            if not isinstance(value, (list, tuple)) or len(value) != len(self.orders):
                raise TypeError(
                    f"OP {self.name}: the sliced output {name!r} of a group must be a list of {len(self.orders)}, "
                    f"one for each slice, not {value!r:.80}"
                )
        return [
            self._result(order, {**outputs, **{name: outputs[name][position] for name in self._stacked}})
            for position, order in enumerate(self.orders)
        ]

    # -- one by one -------------------------------------------------------------------------------------------

    def run_one(self, position: int) -> Dict[str, Any]:
        """Execute for one element, in its own directory; what it gave, or how it failed, as plain data."""
        order = self.orders[position]
        place = self.step / "workdir" / str(order)
        place.mkdir(parents=True, exist_ok=True)
        os.chdir(str(place))
        os.environ["DFLOW_SLICE"] = place.name
        try:
            sliced = {name: self._element(name, position) for name in self._sliced}
            return self._result(order, self._execute({**self._common, **sliced}))
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - whatever an OP raises is one slice's failure
            return failure_of(order, exc)
        finally:
            os.chdir(str(self.step / "workdir"))

    def _execute(self, inputs: Mapping[str, Any]) -> Any:
        self.op.__dict__["outputs"] = {}
        ready = check_side(self.name, "input", self.inputs, inputs)
        given = self.op.execute(OPIO(ready))
        check_returned(self.name, given)
        outputs = check_side(self.name, "output", self.outputs, {**self.op.early_outputs(), **given})
        check_existence(self.name, self.outputs, outputs)
        return outputs

    def _result(self, order: int, outputs: Mapping[str, Any]) -> Dict[str, Any]:
        """What one element gave, as plain data: paths, texts, and of stacked parameters what goes into the list."""
        values: Dict[str, Any] = {}
        for name, sign in self.outputs.items():
            if isinstance(sign, Artifact):
                values[name] = _absolute(packed(sign, outputs[name], f"{self.step}/workdir/{order}"))
            elif name not in self._stacked:
                values[name] = encode(outputs[name], type_of(sign))
            else:
                values[name] = _item(outputs[name], type_of(sign))
        return {"order": order, "values": values}

    # -- outputs ----------------------------------------------------------------------------------------------

    def write(self, results: List[Dict[str, Any]], method: str) -> None:
        """Leave the outputs: lists with the index of each element; of what is not stacked the last one."""
        for name, sign in self.outputs.items():
            if name in self.spec["output_parameters"]:
                items = [{"dflow_list_item": r["values"][name], "order": r["order"]} for r in results]
                write_parameter(name, json.dumps(items), self.step)
            elif name in self.spec["output_artifacts"]:
                self._stack(name, results, method)
            elif results and isinstance(sign, Artifact):
                write_paths(name, results[-1]["values"][name], self.step, method)
            elif results:
                write_parameter(name, results[-1]["values"][name], self.step)

    def _stack(self, name: str, results: List[Dict[str, Any]], method: str) -> None:
        pairs: List[Tuple[Any, Any]] = []
        places: Dict[str, str] = {}
        for result in results:
            order = result["order"]
            members = list(flatten(result["values"][name]))
            alone = len(members) == 1 and members[0][0] == 0
            for member, path in members:
                pairs.append((order if alone else f"{order}.{member}", path))
                if path is not None:
                    places[path] = self._place(path, order)
        marks = {"slices": True, **({"stacked": True} if self.outputs[name].type is HDF5Datasets else {})}
        write_items(pairs, empty_artifact(name, self.step), lambda path: places[str(path)], linker(method), marks)

    def _place(self, path: str, order: int) -> str:
        work = self.step / "workdir"
        own = work / str(order)
        inside = any(path.startswith(base + os.sep) for base in (str(own), os.path.realpath(str(own))))
        place = relative_place(type(self.step)(path), own if inside else work, self.step)
        return f"{order}/{place}" if self.spec["create_dir"] else place

    def look(self, result: Mapping[str, Any]) -> None:
        """See, as soon as an element is done, whether its files can stand beside those of the elements before.

        Raises:
            FileExistsError: another element gave a file of the same name.
        """
        order, values = result["order"], result.get("values", {})
        for name in self.spec["output_artifacts"]:
            owners = self._owners.setdefault(name, {})
            for _, path in flatten(values[name]) if name in values else ():
                place = None if path is None else self._place(path, order)
                first = (order, path) if place is None else owners.setdefault(place, (order, path))
                if first[0] != order and first[1] != path:
                    raise FileExistsError(
                        f"OP {self.name}: output artifact {name!r}: slices {min(first[0], order)} and "
                        f"{max(first[0], order)} both have {place!r}; give the files different names, or set "
                        "create_dir=True in Slices"
                    )


def _is_list(sign: Any) -> bool:
    return getattr(type_of(sign), "__origin__", type_of(sign)) in (list, set, dict, HDF5Datasets) or _is_nested(sign)


def _is_nested(sign: Any) -> bool:
    shape = getattr(type_of(sign), "__origin__", type_of(sign))
    return isinstance(shape, type) and issubclass(shape, NestedDictBase)


def _item(value: Any, kind: Any) -> Any:
    """A value as an element of a JSON list."""
    return value if isinstance(value, str) else json.loads(encode(value, kind))


def _absolute(value: Any) -> Any:
    """An artifact value with absolute paths as texts."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: _absolute(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_absolute(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [_absolute(item) for item in sorted(value, key=str)]
    return os.path.abspath(str(value))
