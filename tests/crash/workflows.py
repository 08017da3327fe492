"""The workflows that are killed: small, quick, and of every shape. Each step says when it begins and when it ends."""

# ruff: noqa: F821 - names of outputs, not annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
)
from dflow.engine.reuse import Reused
from dflow.python import OP, Artifact, PythonOPTemplate, Slices

__all__ = ["WORKFLOWS", "earlier"]

CASE = "DFLOW_CRASH_CASE"
LINGER = "DFLOW_CRASH_LINGER"
X = "{{inputs.parameters.x}}"
SAYS = 'say() { echo "$1 ${DFLOW_STEP_PATH##*/}" >> "$DFLOW_CRASH_CASE/witness"; }\nsay start\n'
ADDS = f"echo $(({X} + 1)) > /tmp/x\necho made {X} > /tmp/f\n"


def shell(script: str = ADDS, name: str = "add", takes: dict[str, Any] | None = None, **more: Any) -> ShellOPTemplate:
    """A script between its two words; it takes ``x``, gives ``x`` and, by default, the file ``f``."""
    artifacts = {"f": OutputArtifact(path="/tmp/f")} if script.endswith(ADDS) else {}
    return ShellOPTemplate(
        name,
        script=f"{SAYS}{script}\nsay end\n",
        inputs=Inputs(parameters={"x": InputParameter()}, artifacts=takes or {}),
        outputs=Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x")}, artifacts=artifacts),
        **more,
    )


def say(word: str) -> None:
    """What the scripts do, from Python: one line, appended in one write."""
    step = Path(os.environ["DFLOW_STEP_PATH"]).name
    with Path(os.environ[CASE], "witness").open("a") as stream:
        stream.write(f"{word} {step}{os.environ.get('DFLOW_SLICE', '')}\n")


def flow(*steps: Any, **more: Any) -> Workflow:
    wf = Workflow("crash", **more)
    for step in steps:
        wf.add(step)
    return wf


def gives_x(template: Any) -> Any:
    """The template, with the output of its last step as its own."""
    template.inputs.parameters["x"] = InputParameter()
    template.outputs.parameters["x"] = OutputParameter()
    return template


def chain() -> Workflow:
    """Four steps, one of them with a key; each takes a number and a file of the one before."""
    joins = shell(f"cat /tmp/in > /tmp/f\n{ADDS.replace('>', '>>')}", "join", {"in": InputArtifact(path="/tmp/in")})
    joins.outputs.artifacts["f"] = OutputArtifact(path="/tmp/f")
    first = Step("s0", shell(), parameters={"x": 1})
    steps = [first]
    for n in (1, 2, 3):
        before = steps[-1].outputs
        arguments = {"parameters": {"x": before.parameters["x"]}, "artifacts": {"in": before.artifacts["f"]}}
        steps.append(Step(f"s{n}", joins, key="second" if n == 2 else None, **arguments))
    return flow(*steps)


def dag() -> Workflow:
    """A diamond with a group of steps that has a key, global outputs, and an exit handler."""
    inner = gives_x(Steps("inner"))
    last = Step("in", shell(), parameters={"x": X})
    inner.add(last)
    inner.outputs.parameters["x"].value_from_parameter = last.outputs.parameters["x"]
    template = shell(name="tell")
    template.outputs.parameters["x"].global_name = "told"
    a = Task("a", shell(), parameters={"x": 1})
    b = Task("b", inner, parameters={"x": a.outputs.parameters["x"]}, key="group")
    c = Task("c", shell(), parameters={"x": a.outputs.parameters["x"]}, key="c")
    d = Task("d", template, parameters={"x": "{{=asInt(tasks.b.outputs.parameters.x) + 1}}"}, dependencies=[c])
    return Workflow("crash", dag=DAG("main", tasks=[a, b, c, d]), on_exit=farewell())


def farewell() -> Steps:
    template = Steps("bye")
    template.add(Step("wave", shell(name="wave"), parameters={"x": 7}))
    return template


def recursion() -> Workflow:
    """A template that calls itself until its result is small."""
    template = gives_x(Steps("halve"))
    half = Step("half", shell(f"echo $(({X} / 2)) > /tmp/x", "half"), parameters={"x": X})
    big = "{{steps.half.outputs.parameters.x}} > 2"
    again = Step("again", template, parameters={"x": half.outputs.parameters["x"]}, when=big)
    template.add(half)
    template.add(again)
    own, deeper = "steps.half.outputs.parameters.x", "steps.again.outputs.parameters.x"
    template.outputs.parameters["x"].value_from_expression = f"asInt({own}) > 2 ? {deeper} : {own}"
    count = Step("count", template, parameters={"x": 20})
    return flow(count, Step("told", shell(), parameters={"x": count.outputs.parameters["x"]}))


def retries() -> Workflow:
    """Steps that fail once or twice before they succeed, two of them side by side."""
    script = f"test {{{{retries}}}} -ge {X}\necho $(({X} * 2)) > /tmp/x"
    template = shell(f"set -e\n{script}", "stubborn", retry_strategy={"limit": 3})
    fan = Step("fan", template, parameters={"x": "{{item}}"}, with_param=[0, 1, 2])
    return flow(fan, Step("told", shell("echo {{=inputs.parameters.x}} > /tmp/x", "show"), parameters={"x": 1}))


@OP.function
def square(n: int) -> {"n": int, "f": Artifact(Path)}:
    say("start")
    file = Path(f"{n}.txt")
    file.write_text(f"{n}")
    say("end")
    return {"n": n * n, "f": file}


@OP.function
def total(n: list, f: Artifact(list[Path])) -> {"n": int}:
    say("start")
    read = sum(int(file.read_text()) for file in f)
    say("end")
    return {"n": sum(n) + 1000 * read}


def fan_out() -> Workflow:
    """Slices of an OP, and one that gathers their numbers and files."""
    slices = Slices(input_parameter=["n"], output_parameter=["n"], output_artifact=["f"])
    fan = Step("fan", PythonOPTemplate(square, slices=slices), parameters={"n": [3, 4, 5]}, with_param=argo_range(3))
    gathered = {"parameters": {"n": fan.outputs.parameters["n"]}, "artifacts": {"f": fan.outputs.artifacts["f"]}}
    return flow(fan, Step("total", PythonOPTemplate(total), **gathered))


def nested_slices() -> Workflow:
    """Slices of a group of steps that has slices itself."""
    slices = Slices(input_parameter=["n"], output_parameter=["n"], output_artifact=["f"])
    inner = Steps("inner")
    inner.inputs.parameters["n"] = InputParameter()
    inner.outputs.parameters["n"] = OutputParameter()
    fan = Step(
        "fan",
        PythonOPTemplate(square, slices=slices),
        parameters={"n": "{{inputs.parameters.n}}"},
        with_param=argo_range(2),
    )
    inner.add(fan)
    inner.outputs.parameters["n"].value_from_parameter = fan.outputs.parameters["n"]
    inner.add_slices(Slices(input_parameter=["n"], output_parameter=["n"]))
    outer = Step("outer", inner, parameters={"n": [[1, 2], [3, 4]]}, with_param=argo_range(2))
    return flow(outer)


@OP.function
def submits(n: int) -> {"x": str}:
    say("start")
    engine = Path(os.environ[CASE], "run", "pid")
    counted = faults.follow_plan(os.environ[CASE], engine)
    add = Step("fan", shell(), parameters={"x": "{{item}}"}, with_param=argo_range(n))
    wf = Workflow("inner", steps=None)
    wf.add(add)
    wf.add(Step("last", shell(name="last"), parameters={"x": 5}, key="last"))
    wf.submit()
    wf.raise_for_status()
    if counted is not None:
        Path(os.environ[CASE], "inner-operations").write_text("\n".join(counted.names))
    say("end")
    return {"x": wf.query_step(key="last")[0].outputs.parameters["x"].value}


def submitted_inside() -> Workflow:
    """An OP that submits a workflow, and a step after it."""
    outer = Step("outer", PythonOPTemplate(submits), parameters={"n": 2}, key="outer")
    return flow(outer, Step("after", shell(), parameters={"x": outer.outputs.parameters["x"]}))


def reuses() -> Workflow:
    """A step and a group of steps whose outputs come from an earlier run, and one step after them."""
    first = Step("first", shell(), parameters={"x": 1}, key="first")
    inner = gives_x(Steps("inner"))
    last = Step("in", shell(), parameters={"x": X})
    inner.add(last)
    inner.outputs.parameters["x"].value_from_parameter = last.outputs.parameters["x"]
    inner.outputs.artifacts["f"] = OutputArtifact(_from=last.outputs.artifacts["f"])
    group = Step("group", inner, parameters={"x": first.outputs.parameters["x"]}, key="group")
    takes = shell(f"cat /tmp/in\n{ADDS}", "take", {"in": InputArtifact(path="/tmp/in")})
    after = {"parameters": {"x": group.outputs.parameters["x"]}, "artifacts": {"in": group.outputs.artifacts["f"]}}
    return flow(first, group, Step("after", takes, **after))


def earlier(folder: Path) -> list[Reused]:
    """What an earlier run has left for :func:`reuses`."""
    file = folder / "earlier"
    if not file.exists():
        file.write_text("made earlier\n")
    return [Reused(key, "before", {"x": text}, {"f": str(file)}) for key, text in (("first", "5"), ("group", "6"))]


def lingers() -> Workflow:
    """Steps that, in an attempt that is about to be killed, last for ever, in sessions of their own too."""
    hangs = f'test -z "${LINGER}" || {{ (setsid sleep 600 &); sleep 600; }}\n{ADDS}'
    first = Step("first", shell(), parameters={"x": 1})
    x = first.outputs.parameters["x"]
    pair = [Step(name, shell(hangs, "hang"), parameters={"x": x}) for name in ("left", "right")]
    wf = flow(first)
    wf.add(pair)
    return wf


WORKFLOWS: dict[str, Callable[[], Workflow]] = {
    build.__name__: build
    for build in (chain, dag, recursion, retries, fan_out, nested_slices, submitted_inside, reuses, lingers)
}
