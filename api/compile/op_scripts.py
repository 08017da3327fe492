"""Python OPs as scripts: what executors and contexts are shown of them."""

from __future__ import annotations

import copy
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import dflow
from dflow.engine import codec
from dflow.engine.errors import PayloadError
from dflow.engine.model import OpPayload
from dflow.io import InputArtifact, InputParameter, Inputs, OutputParameter, Outputs
from dflow.op_template import PythonScriptOPTemplate
from dflow.python.own import own_module
from dflow.python.payload import pack_op

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.python.python_op_template import PythonOPTemplate

__all__ = ["script_of"]

_TRANSIENT = {"expression": "lastRetry.exitCode == '75'"}
_SCRIPT = """\
import os
import sys

root = os.path.abspath({root})
for place in {library!r}:
    if os.path.isdir(os.path.join(place, "dflow")) and place not in sys.path:
        sys.path.insert(0, place)
if sys.version_info[:2] == {version!r}:  # where this interpreter is another one of the machine that it was written on
    sys.path[:0] = [place for place in {path!r} if place not in sys.path]
{pre}{told}os.makedirs(root, exist_ok=True)
with open(os.path.join(root, "op.json"), "w", encoding="utf-8") as stream:
    stream.write({op!r})
os.chmod(os.path.join(root, "op.json"), 0o600)
from dflow.python.runtime.pod import main  # noqa: E402

if __name__ == "__main__":
    status = main(os.path.join(root, "op.json"){spec}{whole})
{post}    sys.exit(status)
"""

_TOLD = """\
def told(name):
    with open(os.path.join(root, "inputs", "parameters", name), encoding="utf-8") as stream:
        return stream.read()


os.environ.update(DFLOW_ORDERS=told("dflow_orders"), DFLOW_AT=told("dflow_at"))
"""
_STORE = "dflow_store"
_SUCCESS = "dflow_success"
_OF_SLICES = {"dflow_spec": "{}", "dflow_orders": "[]", "dflow_at": "[]"}
"""Inputs of a script that works on slices, in files, and what they are where nobody slices anything."""


def script_of(
    template: PythonOPTemplate, complain: Callable[[str], None], *, is_sliced: bool
) -> PythonScriptOPTemplate:
    """The script that runs an OP, with all that it needs in its text, or in files that it declares.

    Args:
        complain: is told of an OP that cannot travel.
        is_sliced: it takes artifacts apart, and makes its part of others, as it is told by inputs.
    """
    root = template.tmp_root
    inputs, outputs = Inputs(), Outputs()
    for name, parameter in template.inputs.parameters.items():
        given = {} if getattr(parameter, "value", None) is None else {"value": parameter.value}
        inputs.parameters[name] = InputParameter(type=parameter.type, path=f"{root}/inputs/parameters/{name}", **given)
    for name, artifact in template.inputs.artifacts.items():
        place = f"{root}/inputs/artifacts/{name}"
        inputs.artifacts[name] = InputArtifact(path=place, optional=artifact.optional, type=artifact.type)
    for name, parameter in template.outputs.parameters.items():
        outputs.parameters[name] = copy.copy(parameter)
    for name, artifact in template.outputs.artifacts.items():
        outputs.artifacts[name] = copy.copy(artifact)
    for name, artifact in outputs.artifacts.items() if is_sliced else ():
        artifact._key = "{{inputs.parameters." + _STORE + "}}/" + name
    for name, text in _OF_SLICES.items() if is_sliced else ():
        inputs.parameters[name] = InputParameter(path=f"{root}/inputs/parameters/{name}", value=text)
    if is_sliced:
        inputs.parameters[_STORE] = InputParameter(value="")
        place = f"{root}/outputs/parameters/{_SUCCESS}"
        outputs.parameters[_SUCCESS] = OutputParameter(value_from_path=place, default="1")
    made = PythonScriptOPTemplate(
        inputs=inputs,
        outputs=outputs,
        memoize_key=template.memoize_key,
        image=template.image,
        command=template.command or ["python3"],
        script=_text(template, complain, is_sliced=is_sliced),
        timeout=template.timeout,
        retry_strategy=_strategy(template),
        envs=template.envs,
        requests=template.requests,
        limits=template.limits,
        image_pull_policy=template.image_pull_policy,
    )
    made.packages = [str(next(iter(dflow.__path__))), *map(str, template.python_packages), *_own(template.op_class)]
    return made


def _own(op_class: Any) -> list[str]:
    """Where the module of an OP is, if it is one of the user's own."""
    name = op_class.module if isinstance(op_class, OpPayload) else getattr(op_class, "__module__", None)
    found = None if name == "__main__" else own_module(name)
    return [] if found is None else [found]


def _text(template: PythonOPTemplate, complain: Callable[[str], None], *, is_sliced: bool) -> str:
    try:
        op = OpPayload(**pack_op(template.op_class))
    except PayloadError as exc:
        complain(str(exc))
        return ""
    big = [name for name, sign in template.outputs.parameters.items() if getattr(sign, "save_as_artifact", False)]
    library = os.path.dirname(os.path.abspath(str(next(iter(dflow.__path__)))))
    return _SCRIPT.format(
        root=_root_of(template),
        library=[library, *(os.path.dirname(os.path.abspath(str(p))) for p in template.python_packages)],
        version=tuple(sys.version_info[:2]),
        path=_own_path(),
        op=json.dumps({"op": codec.encode(op), "path": [], "save": "link"}, sort_keys=True).replace("{{", "{\\u007b"),
        pre=_lines(template.pre_script),
        told=_TOLD if is_sliced else "",
        spec=', spec=told("dflow_spec")' if is_sliced else "",
        post="".join(f"    {line}\n" for line in (template.post_script or "").splitlines()),
        whole=f", whole={big!r}" if big else "",
    )


def _root_of(template: PythonOPTemplate) -> str:
    """Code for the directory that the files of the OP lie in: local runs move the paths that are declared."""
    root = template.tmp_root
    places = [f"{root}/inputs/parameters/{name}" for name in template.inputs.parameters]
    places += [f"{root}/inputs/artifacts/{name}" for name in template.inputs.artifacts]
    places += [f"{root}/outputs/parameters/{name}" for name in template.outputs.parameters]
    places += [f"{root}/outputs/artifacts/{name}" for name in template.outputs.artifacts]
    return f'os.path.join({places[0]!r}, "..", "..", "..")' if places else repr("op")


def _own_path() -> list[str]:
    """Where this interpreter finds modules, but for those that come with it."""
    import sysconfig

    standard = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    found = dict.fromkeys(os.path.abspath(place) for place in sys.path)
    own = (p for p in found if not p.endswith(".zip") and os.path.basename(p) != "lib-dynload")
    return [place for place in own if place not in standard]


def _lines(text: str | None) -> str:
    return f"{text.rstrip()}\n" if text else ""


def _strategy(template: PythonOPTemplate) -> Any:
    """Retries of a Python OP, in the words of a script: exit status 75 is that of a TransientError."""
    for argument, policy in (
        ("retry_on_failure", "OnFailure"),
        ("retry_on_error", "OnError"),
        ("retry_on_failure_and_error", "Always"),
    ):
        limit = getattr(template, argument, None)
        if limit is not None:
            return {"limit": limit, "retryPolicy": policy}
    limit = template.retry_on_transient_error
    return None if limit is None else {"limit": limit, **_TRANSIENT}
