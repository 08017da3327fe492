"""What the tables are written with: the case, and short ways to build workflows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
)

if TYPE_CHECKING:
    from collections.abc import Callable

S, F, E, SKIPPED, OMITTED = "Succeeded", "Failed", "Error", "Skipped", "Omitted"


@dataclass(frozen=True)
class Case:
    """A small workflow and how it ends.

    Attributes:
        fact: the id of what Argo does, as in ``docs/semantics.md``.
        what: that, in a few words.
        phases: by the display names of all nodes; where several nodes share one, their phases in order of node names.
        outputs: texts of output parameters, as ``NAME.PARAMETER``; ``workflow.PARAMETER`` for global ones.
        status: of the workflow.
        differs: what Argo does instead, where this engine does something else on purpose.
    """

    fact: str
    what: str
    build: Callable[[], Workflow]
    phases: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    status: str = S
    differs: str = ""


# -- leaf templates -------------------------------------------------------------------------------------------------


def shell(name: str, script: str, takes: dict[str, Any] | None = None, **arguments: Any) -> ShellOPTemplate:
    """A shell script; ``takes`` are its input parameters with their defaults, ``...`` for none."""
    parameters = {n: InputParameter() if v is ... else InputParameter(value=v) for n, v in (takes or {}).items()}
    return ShellOPTemplate(name, script=script, inputs=Inputs(parameters=parameters), **arguments)


def gives(**arguments: Any) -> Outputs:
    """The output parameter ``x``, from a file."""
    return Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x", **arguments)})


def echo(x: Any = ..., **output: Any) -> ShellOPTemplate:
    """Gives its input ``x`` as its output ``x``."""
    return shell("echo", "printf %s '{{inputs.parameters.x}}' > /tmp/x", {"x": x}, outputs=gives(**output))


def ok() -> ShellOPTemplate:
    return shell("ok", "true")


def bad() -> ShellOPTemplate:
    """The program fails."""
    return shell("bad", "exit 1")


def broken() -> ShellOPTemplate:
    """The program succeeds and its output is missing, which is an Error."""
    return shell("broken", "true", outputs=gives())


def picky() -> ShellOPTemplate:
    """Like ``echo``, but fails where ``x`` begins with ``bad``."""
    script = "printf %s '{{inputs.parameters.x}}' > /tmp/x; case '{{inputs.parameters.x}}' in bad*) exit 1;; esac"
    return shell("picky", script, {"x": ...}, outputs=gives())


def counter(until: int, code: int = 1, **arguments: Any) -> ShellOPTemplate:
    """Fails until its attempt of this number, which is also its output."""
    script = f"echo {{{{retries}}}} > /tmp/x; test {{{{retries}}}} -ge {until} || exit {code}"
    return shell("counter", script, outputs=gives(), **arguments)


def maker(*, optional: bool = False, script: str = "echo made > /tmp/file") -> ShellOPTemplate:
    """Makes the artifact ``file``."""
    outputs = Outputs(artifacts={"file": OutputArtifact(path="/tmp/file", optional=optional)})
    return shell("maker", script, outputs=outputs)


def reader(*, optional: bool = False) -> ShellOPTemplate:
    """Gives the content of its input artifact ``file`` as ``x``, or ``absent``."""
    template = shell("reader", "cat /tmp/in > /tmp/x || echo absent > /tmp/x", outputs=gives())
    template.inputs.artifacts["file"] = InputArtifact(path="/tmp/in", optional=optional)
    return template


# -- steps and what is made of them ---------------------------------------------------------------------------------


def _make(kind: Any, name: str, template: Any, x: Any, arguments: dict[str, Any]) -> Any:
    if x is not None:
        arguments["parameters"] = {"x": x, **arguments.get("parameters", {})}
    return kind(name, echo() if template is None else template, **arguments)


def step(name: str, template: Any = None, x: Any = None, **arguments: Any) -> Step:
    """A step, of ``echo`` without a template."""
    made: Step = _make(Step, name, template, x, arguments)
    return made


def task(name: str, template: Any = None, x: Any = None, after: tuple[Any, ...] = (), **arguments: Any) -> Task:
    """A task, of ``echo`` without a template."""
    made: Task = _make(Task, name, template, x, {"dependencies": list(after), **arguments})
    return made


def x_of(producer: Step) -> Any:
    return producer.outputs.parameters["x"]


def flow(*groups: Any, **arguments: Any) -> Workflow:
    """A workflow of steps; a list stands for steps side by side."""
    return Workflow("parity", steps=Steps("main", steps=list(groups)), **arguments)


def dag(*tasks: Task, **arguments: Any) -> Workflow:
    return Workflow("parity", dag=DAG("main", tasks=list(tasks)), **arguments)


def inner(*groups: Any, takes: dict[str, Any] | None = None, x: Any = None, **arguments: Any) -> Steps:
    """A template of steps, with the output ``x`` when that is given."""
    template = Steps("inner", steps=list(groups), **arguments)
    return _with_ports(template, takes, x)


def inner_dag(*tasks: Task, takes: dict[str, Any] | None = None, x: Any = None, **arguments: Any) -> DAG:
    template = DAG("inner", tasks=list(tasks), **arguments)
    return _with_ports(template, takes, x)


def _with_ports(template: Any, takes: dict[str, Any] | None, x: Any) -> Any:
    for name, value in (takes or {}).items():
        template.inputs.parameters[name] = InputParameter() if value is ... else InputParameter(value=value)
    if x is not None:
        template.outputs.parameters["x"] = OutputParameter(value_from_parameter=x)
    return template


INPUT = "{{inputs.parameters.x}}"
BROKEN_TAG = "{{=asInt('word')}}"


def witness() -> Path:
    """A file in the test's directory that programs can write to."""
    return Path.cwd() / "witness"
