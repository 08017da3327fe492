"""What executors and contexts make of templates, before these are compiled.

An executor that the engine knows leaves the template alone and is named in the call. Any other one is asked for another
template; of a Python OP it is shown a script that runs the OP, with all that it needs in its text.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import dflow
from dflow.engine import codec
from dflow.engine.errors import DflowError, PayloadError
from dflow.engine.model import ExecutorSpec, OpPayload
from dflow.io import InputArtifact, InputParameter, Inputs, Outputs
from dflow.op_template import OPTemplate, PythonScriptOPTemplate, ScriptOPTemplate
from dflow.python.payload import pack_op
from dflow.python.python_op_template import PythonOPTemplate

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.step import Step

__all__ = ["Rendering", "concrete"]

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
{pre}os.makedirs(root, exist_ok=True)
with open(os.path.join(root, "op.json"), "w", encoding="utf-8") as stream:
    stream.write({op!r})
os.chmod(os.path.join(root, "op.json"), 0o600)
from dflow.python.runtime.pod import main  # noqa: E402

if __name__ == "__main__":
    status = main(os.path.join(root, "op.json"){whole})
{post}    sys.exit(status)
"""


class Rendering:
    """Renders the templates of steps, each pair of a template and an executor once."""

    def __init__(self, problems: Problems, context: Any = None) -> None:
        self._problems, self._context = problems, context
        self._made: dict[tuple[int, int], Any] = {}
        self._kept: list[Any] = []
        self._specs: dict[int, ExecutorSpec | None] = {}

    def of(self, step: Step) -> OPTemplate:
        """The template that a step runs."""
        template = step.template
        if not isinstance(template, ScriptOPTemplate):
            if step.executor is not None:
                with self._problems.at(f"{step._what} {step.name!r}"):
                    self._problems.add(
                        "an executor is for a step with a script or a Python OP; give it to the steps inside"
                    )
            return template
        executor = None if step.executor is None or self.spec_of(step) is not None else step.executor
        if executor is None and self._context is None:
            return template
        key = (id(template), id(executor))
        if key not in self._made:
            self._kept.append((template, executor))
            with self._problems.at(f"{step._what} {step.name!r}"):
                self._made[key] = self._rendered(template, executor)
        made: OPTemplate = self._made[key]
        return made

    def spec_of(self, step: Step) -> ExecutorSpec | None:
        """The executor of a step, where the engine knows it."""
        direct = getattr(step.executor, "direct", None)
        if direct is None or not isinstance(step.template, ScriptOPTemplate):
            return None
        if id(step.executor) not in self._specs:
            self._kept.append(step.executor)
            with self._problems.at(f"{step._what} {step.name!r}"):
                self._specs[id(step.executor)] = self._spec(direct)
        return self._specs[id(step.executor)]

    def _spec(self, direct: Any) -> ExecutorSpec | None:
        try:
            found = direct()
            return None if found is None else ExecutorSpec(found[0], json.dumps(found[1], sort_keys=True))
        except (TypeError, ValueError, DflowError) as exc:
            self._problems.add(f"executor: {exc}")
            return None

    def _rendered(self, template: ScriptOPTemplate, executor: Any) -> OPTemplate:
        made: Any = template
        for renderer in (self._context, executor):
            if renderer is None:
                continue
            if not callable(getattr(renderer, "render", None)) and not callable(getattr(renderer, "get_script", None)):
                self._problems.add(f"{renderer!r} is no executor: it has no method render(template)")
                continue
            made = _render(renderer, concrete(made, self._problems))
            if not isinstance(made, OPTemplate):
                self._problems.add(f"{type(renderer).__name__}.render returned {made!r}, which is no template")
                return template
            for side in ("inputs", "outputs"):
                self._check(template, made, side, type(renderer).__name__)
        return made  # type: ignore[no-any-return]

    def _check(self, old: OPTemplate, new: OPTemplate, side: str, who: str) -> None:
        """What others refer to must still be there."""
        for kind in ("parameters", "artifacts"):
            missing = set(getattr(getattr(old, side), kind)) - set(getattr(getattr(new, side), kind))
            if missing:
                names = ", ".join(map(repr, sorted(missing)))
                self._problems.add(f"the template that {who}.render returned lacks the {side[:-1]} {kind} {names}")


def _render(renderer: Any, template: Any) -> Any:
    """What an executor makes of a template; one of the first version has ``get_script`` instead of ``render``."""
    if callable(getattr(renderer, "render", None)):
        return renderer.render(template)
    template.script = renderer.get_script(template.command, template.script)
    template.image = getattr(renderer, "image", None) or template.image
    template.command = getattr(renderer, "command", None) or template.command
    return template


def concrete(template: ScriptOPTemplate, problems: Problems) -> ScriptOPTemplate:
    """A copy of a template that may be changed; of a Python OP, the script that runs it."""
    if not isinstance(template, PythonOPTemplate):
        made = copy.copy(template)
        made.inputs = Inputs(dict(template.inputs.parameters.data), dict(template.inputs.artifacts.data), template=made)
        made.outputs = Outputs(
            dict(template.outputs.parameters.data), dict(template.outputs.artifacts.data), template=made
        )
        return made
    return _script_of(template, problems)


def _script_of(template: PythonOPTemplate, problems: Problems) -> PythonScriptOPTemplate:
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
    made = PythonScriptOPTemplate(
        name=template.name,
        inputs=inputs,
        outputs=outputs,
        memoize_key=template.memoize_key,
        image=template.image,
        command=template.command or ["python3"],
        script=_text(template, problems),
        timeout=template.timeout,
        retry_strategy=_strategy(template),
        envs=template.envs,
        requests=template.requests,
        limits=template.limits,
        image_pull_policy=template.image_pull_policy,
    )
    made._named = template._named
    return made


def _text(template: PythonOPTemplate, problems: Problems) -> str:
    try:
        op = OpPayload(**pack_op(template.op_class))
    except PayloadError as exc:
        problems.add(str(exc))
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
