"""Putting together what the copies of a sliced call give: lists of values, and artifacts of all their files."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.catalog import CATALOG
from dflow.engine.elements import Elements, parts_of, place_parts
from dflow.engine.errors import LeafError, UnsafeArtifact
from dflow.engine.linked_folders import link_folders
from dflow.engine.slice_groups import merge_parameters, natural
from dflow.engine.state import write_json, write_text, writing
from dflow.engine.texts import list_of_texts, read_value, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dflow.engine.artifact_values import Part
    from dflow.engine.layout import StepLayout
    from dflow.engine.model import OutputArtifact, OutputParameter, Template
    from dflow.engine.node import Node
    from dflow.engine.slices import Deal

__all__ = ["Clashes", "stack_artifact", "stack_parameters", "whole_artifact"]

Copies = list[tuple[int, "Node"]]


class Clashes:
    """Looks, as copies of a loop end, for artifacts that :func:`stack_artifact` will not be able to put together.

    So a loop of which all copies give files of one name ends with the second of them.
    """

    def __init__(self, template: Template, deal: Deal) -> None:
        names = () if deal.slices.create_dir else deal.slices.output_artifacts
        self._deal = deal
        self._owners: dict[str, dict[str, int]] = {a.name: {} for a in template.outputs.artifacts if a.name in names}

    def has(self, index: int, copy: Node) -> bool:
        """Whether the artifacts of this copy cannot be stacked on those of the copies before."""
        try:
            return any(self._is_taken(index, copy, name) for name in self._owners)
        except (LeafError, UnsafeArtifact):
            return True

    def _is_taken(self, index: int, copy: Node, name: str) -> bool:
        value, owners = copy.output_artifacts.get(name), self._owners[name]
        files = () if value is None else _files(index, copy, name, value, self._deal)
        return any(target is not None and owners.setdefault(target, index) != index for _, target, _ in files)


def stack_parameters(node: Node, template: Template, copies: Copies, deal: Deal) -> None:
    """Give the loop the list of the values that its copies gave, for each output that is stacked.

    Raises:
        LeafError: a group gave no list of one value for each of its elements.
    """
    for parameter in template.outputs.parameters:
        if parameter.name in deal.slices.output_parameters:
            node.outputs[parameter.name] = _stacked(parameter, copies, deal)


def _stacked(parameter: OutputParameter, copies: Copies, deal: Deal) -> str:
    texts = [(index, copy, copy.outputs.get(parameter.name)) for index, copy in copies]
    given = [(index, copy, text) for index, copy, text in texts if text is not None]
    if deal.groups is not None and not deal.has_lists:
        return merge_parameters(text for _, _, text in given)
    if deal.groups is None:
        if parameter.type is None:
            return list_of_texts([text for _, _, text in given])
        return json.dumps([value_of(text, parameter.type) for _, _, text in given], ensure_ascii=False)
    pairs: list[tuple[int, Any]] = []
    for index, copy, text in given:
        orders, listed = deal.groups[index], read_value(text)
        if not isinstance(listed, list) or len(listed) != len(orders):
            raise _no_list(f"output parameter {parameter.name!r}", copy, len(orders), repr(text)[:80])
        pairs += zip(orders, listed, strict=True)
    return json.dumps([value for _, value in sorted(pairs, key=lambda pair: pair[0])], ensure_ascii=False)


def stack_artifact(copies: Copies, artifact: OutputArtifact, deal: Deal, step: StepLayout) -> ArtifactValue:
    """One artifact from those of the copies: folders with links to their files, under the same relative paths.

    Raises:
        LeafError: two copies have files of one relative path, and ``create_dir`` is not set; or a group gave no list
            of one element for each of its own.
    """
    root = step.output_artifacts / artifact.name
    _empty(root)
    owner: dict[str, str] = {}
    items: list[dict[str, Any]] = []
    for index, copy in copies:
        value = copy.output_artifacts.get(artifact.name)
        for order, target, part in () if value is None else _files(index, copy, artifact.name, value, deal):
            if target is not None and part.place is not None:
                first = owner.setdefault(target, copy.display)
                if first != copy.display:
                    raise LeafError(
                        f"output artifact {artifact.name!r}: slices {first!r} and {copy.display!r} both have "
                        f"{target!r}; "
                        "give the files different names, or set create_dir=True in Slices"
                    )
                link_folders(part.root, part.place, root / target)
            items.append({"dflow_list_item": target, "order": order})
    if deal.groups is not None:
        items.sort(key=lambda item: natural(item["order"]))
    with writing(root):
        (root / CATALOG).mkdir(exist_ok=True)
    write_json(root / CATALOG / str(uuid.uuid4()), {"path_list": items, "stacked": True, "slices": True}, mode=0o666)
    return ArtifactValue(str(root))


def whole_artifact(value: ArtifactValue, root: Path) -> ArtifactValue:
    """Some elements of artifacts, or a text, as an artifact of their own at ``root``: links to them, or one file.

    Raises:
        LeafError: an element does not exist any more.
    """
    if value.raw is not None:
        with writing(root):
            root.parent.mkdir(parents=True, exist_ok=True)
        write_text(root, value.raw)
        return ArtifactValue(str(root))
    _empty(root)
    place_parts(value, root, "symlink")
    return ArtifactValue(str(root))


def _empty(root: Path) -> None:
    with writing(root):
        if root.exists():  # of an earlier attempt
            shutil.rmtree(root)
        root.mkdir(parents=True)


def _files(
    index: int, copy: Node, name: str, value: ArtifactValue, deal: Deal
) -> Iterator[tuple[Any, str | None, Part]]:
    """The files of one copy's artifact, each with its order and its place in the stacked one."""
    if deal.groups is not None and not deal.has_lists:  # the runtime has seen to both
        yield from ((part.order, part.place, part) for part in parts_of(value)[0])
        return
    if deal.groups is None:
        parts, _ = parts_of(value, whole=True)
        members = [(index, parts if value.parts is None else [replace(p, order=str(p.order)) for p in parts])]
    else:
        elements, orders = Elements(value), deal.groups[index]
        if len(elements) != len(orders):
            raise _no_list(f"output artifact {name!r}", copy, len(orders), f"{len(elements)} elements")
        members = [(order, elements.inside(position)) for position, order in enumerate(orders)]
    for order, parts in members:
        alone = len(parts) == 1 and parts[0].order in (0, "")
        for part in parts:
            prefixed = deal.slices.create_dir and part.place is not None
            place = f"{order}/{part.place}" if prefixed else part.place
            yield order if alone else f"{order}.{part.order}", place, part


def _no_list(what: str, copy: Node, count: int, found: str) -> LeafError:
    return LeafError(
        f"{what} of the group {copy.display!r} must be a list of {count}, one for each of its elements, not {found}; "
        "or give the sliced inputs of the template types that are no lists, and each element is run alone"
    )
