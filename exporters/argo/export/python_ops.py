"""Python OPs: a short program that starts the runtime, which the pod gets with the OP as artifacts.

Nothing of the user's is in the program's text: the OP, the packages and the inputs are files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine import codec
from dflow.exporters.argo.export.pods import container_fields
from dflow.exporters.argo.export.records import KEY, ROOT, Upload
from dflow.exporters.argo.export.trees import tree_digest

if TYPE_CHECKING:
    from dflow.engine.model import PythonOpTemplate
    from dflow.exporters.argo.export.context import Context

__all__ = ["python_fields"]

_OP = f"{ROOT}/op.json"
_LIBRARY = f"{ROOT}/lib"
_DRIVER = """\
import os
import sys

{pre}{path}from dflow.python.runtime.pod import main

if __name__ == "__main__":
    status = main({arguments})
{post}    sys.exit(status)
"""


_PATH = "sys.path[:0] = [os.path.dirname(place) for place in {}]\n"


def python_fields(template: PythonOpTemplate, made: dict[str, Any], context: Context) -> dict[str, Any]:
    """The manifest of a Python OP, from what all templates have."""
    inputs = made.setdefault("inputs", {})
    artifacts = inputs.setdefault("artifacts", [])
    data = {"op": codec.encode(template.op), "path": [], "save": "link"}
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    key = context.upload(Upload(context.key("op", f"{_content(text)}.json"), text=text))
    artifacts.append(_artifact("dflow_op", _OP, key))
    places = []
    for number, package in enumerate(packages_of(template, context)):
        place = f"{_LIBRARY}/{number}/{Path(package).name}"
        key = context.upload(Upload(context.key("packages", f"{tree_digest(package)}.tgz"), path=package, packed=True))
        artifacts.append({"name": f"dflow_package_{number}", "path": place, "s3": {"key": key}})
        places.append(place)
    env = {"DFLOW_WORKFLOW": "{{workflow.name}}"}
    if template.name in context.keyed:
        env["DFLOW_KEY"] = "{{inputs.parameters." + KEY + "}}"
    big = [p.name for p in template.outputs.parameters if p.big]
    source = _DRIVER.format(
        pre=template.pre_script.rstrip("\n") + "\n" if template.pre_script else "",
        path=_PATH.format(json.dumps(places)) if places else "",
        arguments=repr(_OP) + (f", whole={big!r}" if big else ""),
        post=_indented(template.post_script),
    )
    command = list(template.pod.command) or ["python3"]
    fields = container_fields(template.pod, context.options.python_image, env)
    return {**made, "script": {"command": command, "source": source, **fields}}


def packages_of(template: PythonOpTemplate, context: Context) -> list[str]:
    """The directories and files that a pod needs on its path: the library, and the packages of the template."""
    return [*context.options.library, *template.packages]


def _artifact(name: str, path: str, key: str) -> dict[str, Any]:
    return {"name": name, "path": path, "s3": {"key": key}, "archive": {"none": {}}}


def _content(text: str) -> str:
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
