"""Short ways to build graphs to draw, and to read drawings."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

from dflow.engine import model

LEAF = model.ScriptTemplate("leaf", "shell", "true")


def call(name: str, template: str = "leaf", **fields: object) -> model.Call:
    return model.Call(name, template, **fields)  # type: ignore[arg-type]


def steps(name: str, *groups: model.Call | tuple[model.Call, ...]) -> model.StepsTemplate:
    return model.StepsTemplate(name, tuple(g if isinstance(g, tuple) else (g,) for g in groups))


def graph(entry: model.Template, *others: model.Template, **fields: object) -> model.WorkflowGraph:
    return model.WorkflowGraph("drawn", entry.name, (entry, *others, LEAF), **fields)  # type: ignore[arg-type]


def random_dag(count: int, seed: int = 0) -> model.WorkflowGraph:
    chance = random.Random(seed)  # noqa: S311
    names = [f"t{i}" for i in range(count)]
    tasks = [call(names[0])]
    for i in range(1, count):
        wanted = {names[chance.randrange(max(0, i - 60), i)] for _ in range(chance.randrange(4))}
        tasks.append(call(names[i], dependencies=tuple(sorted(wanted))))
    return graph(model.DagTemplate("main", tuple(tasks)))


SVG = "{http://www.w3.org/2000/svg}"


def said(text: str) -> list[str]:
    """What an SVG drawing says: the tooltips of boxes and clusters, title and lines, in order; then labels of lines."""
    root = ET.fromstring(text)  # noqa: S314 - our own
    tips = [title.text or "" for group in root.iter(f"{SVG}g") for title in group.findall(f"{SVG}title")]
    return tips + [t.text or "" for t in root.iter(f"{SVG}text") if t.get("class") == "on-edge"]
