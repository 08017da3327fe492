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
from dflow.exporters.argo.export.trees import text_digest, tree_digest

if TYPE_CHECKING:
    from dflow.engine.model import PythonOpTemplate
    from dflow.exporters.argo.export.context import Context

__all__ = ["PART", "driver_of", "part_name", "python_fields"]

PART = f"{ROOT}/parts"
"""Where a pod has the members of an artifact that is given as several."""
_OP = f"{ROOT}/op.json"
_LIBRARY = f"{ROOT}/lib"
_DRIVER = """\
import os
import sys

{pre}{path}from dflow.python.runtime.pod import main

if __name__ == "__main__":
{spec}    status = main({arguments})
{post}    sys.exit(status)
"""


_PATH = "sys.path[:0] = [os.path.dirname(place) for place in {}]\n"


def python_fields(template: PythonOpTemplate, made: dict[str, Any], context: Context) -> dict[str, Any]:
    """The manifest of a Python OP, from what all templates have."""
    inputs = made.setdefault("inputs", {})
    artifacts = inputs.setdefault("artifacts", [])
    data = {"op": codec.encode(template.op), "path": [], "save": "link"}
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    key = context.upload(Upload(context.key("op", f"{text_digest(text)}.json"), text=text))
    artifacts.append(_artifact("dflow_op", _OP, key))
    for place, package in _places(template, context).items():
        key = context.upload(
            Upload(context.key("packages", f"{tree_digest(package, package=True)}.tgz"), path=package, packed=True)
        )
        number = place[len(_LIBRARY) + 1 :].partition("/")[0]
        artifacts.append({"name": f"dflow_package_{number}", "path": place, "s3": {"key": key}})
    env = {"DFLOW_WORKFLOW": "{{workflow.name}}", **context.options.pod_env}
    if template.name in context.keyed:
        env["DFLOW_KEY"] = "{{inputs.parameters." + KEY + "}}"
    command = list(template.pod.command) or ["python3"]
    fields = container_fields(template.pod, context.options.python_image, env)
    return {**made, "script": {"command": command, "source": driver_of(template, context), **fields}}


def driver_of(template: PythonOpTemplate, context: Context, spec: dict[str, Any] | None = None) -> str:
    """The program of a pod.

    Args:
        spec: what the runtime must know of the elements that it works on.
    """
    big = [p.name for p in template.outputs.parameters if p.big]
    arguments = [repr(_OP), *(["spec"] if spec else []), *([f"whole={big!r}"] if big else [])]
    text = json.dumps(json.dumps(spec, sort_keys=True)).replace("{{", "{\\x7b")  # keys of the user's are no tags
    literal = f"    spec = {text}\n" if spec else ""
    places = list(_places(template, context))
    return _DRIVER.format(
        pre=_plain(template.pre_script),
        path=_PATH.format(json.dumps(places)) if places else "",
        spec=literal,
        arguments=", ".join(arguments),
        post=_indented(_plain(template.post_script)),
    )


def part_name(artifact: str, number: int) -> str:
    """The input artifact that one member of an artifact is."""
    return f"dflow_part_{artifact}_{number}"


def _places(template: PythonOpTemplate, context: Context) -> dict[str, str]:
    """Where a pod has the library and the packages of the template, and what they are here."""
    packages = [*context.options.library, *template.packages]
    return {f"{_LIBRARY}/{number}/{Path(package).name}": package for number, package in enumerate(packages)}


def _artifact(name: str, path: str, key: str) -> dict[str, Any]:
    return {"name": name, "path": path, "s3": {"key": key}, "archive": {"none": {}}}


def _plain(text: str) -> str:
    """A part of the program, in which no tag can be found, and whose lines may be moved."""
    if "{{" in text or any(mark in text for mark in ("'''", '"""', "\\\n")):
        return "exec(" + json.dumps(text).replace("{{", "{\\x7b") + ")\n"
    return text.rstrip("\n") + "\n" if text else ""


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
