"""The workflow graph: frozen records without behaviour.

``api`` compiles a workflow to one :class:`WorkflowGraph`; the engine runs it, the exporters print it, the
run directory stores it (``engine.codec`` turns it into JSON and back). Records are compared by value, and two
graphs that are equal run alike.

Parameter values are texts everywhere, as on Argo; a value that is known while the workflow is built is a
:class:`Literal`, all others are resolved when the step that needs them starts.
"""

from __future__ import annotations

from typing import TypeAlias

from dflow.engine.model_payload import OpPayload
from dflow.engine.model_templates import (
    HttpTemplate,
    Pod,
    PythonOpTemplate,
    ResourceTemplate,
    Retry,
    ScriptTemplate,
    SuspendTemplate,
)
from dflow.engine.model_values import (
    NO_INPUTS,
    NO_OUTPUTS,
    ArtifactFrom,
    ArtifactList,
    ArtifactSource,
    CustomArtifact,
    Expr,
    HttpArtifact,
    InputArtifact,
    InputParameter,
    Inputs,
    Literal,
    LocalArtifact,
    OutputArtifact,
    OutputParameter,
    Outputs,
    RawArtifact,
    Ref,
    StoredArtifact,
    Text,
    Value,
)
from dflow.engine.records import record

__all__ = [
    "SCHEMA_VERSION",
    "ArtifactFrom",
    "ArtifactList",
    "ArtifactSource",
    "Call",
    "ContinueOn",
    "CustomArtifact",
    "DagTemplate",
    "ExecutorSpec",
    "Expr",
    "Hook",
    "HttpArtifact",
    "HttpTemplate",
    "InputArtifact",
    "InputParameter",
    "Inputs",
    "Literal",
    "LocalArtifact",
    "Loop",
    "OpPayload",
    "OutputArtifact",
    "OutputParameter",
    "Outputs",
    "Pod",
    "PythonOpTemplate",
    "RawArtifact",
    "Ref",
    "ResourceTemplate",
    "Retry",
    "ScriptTemplate",
    "Sequence",
    "Slices",
    "StepsTemplate",
    "StoredArtifact",
    "SuspendTemplate",
    "Template",
    "Text",
    "Value",
    "WorkflowGraph",
]

SCHEMA_VERSION = 1


@record(frozen=True, slots=True)
class ContinueOn:
    """Which failures of a step its siblings and successors do not mind.

    Attributes:
        num_success, success_ratio: of a loop: so many copies, or this part of them, suffice.
    """

    failed: bool = False
    error: bool = False
    num_success: int | None = None
    success_ratio: float | None = None


@record(frozen=True, slots=True)
class Sequence:
    """Numbers as texts: ``count`` of them from ``start``, or from ``start`` to ``end``, both included.

    Attributes:
        format: as for printf, such as ``%03d``.
    """

    count: Value | None = None
    start: Value | None = None
    end: Value | None = None
    format: Value | None = None


@record(frozen=True, slots=True)
class Slices:
    """Which inputs of a looped call are dealt out, an element to each copy, and which outputs are stacked.

    Attributes:
        index: which element a copy gets, as a value with ``item``.
        create_dir: the files of each copy go to a directory of its own in the stacked artifact.
        group_size: so many elements go to one copy, which works on them one after another; None means one to each.
        pool_size, pool_timeout: of a group: elements worked on side by side, and seconds for each of them.
        shuffle, random_seed: elements go to groups in a random order, the same for the same seed.
        raise_for_group: a group of which an element fails, fails; otherwise the element is left out.
    """

    index: Value
    input_parameters: tuple[str, ...] = ()
    input_artifacts: tuple[str, ...] = ()
    output_parameters: tuple[str, ...] = ()
    output_artifacts: tuple[str, ...] = ()
    create_dir: bool = False
    group_size: int | None = None
    pool_size: int | None = None
    pool_timeout: float | None = None
    shuffle: bool = False
    random_seed: int = 0
    raise_for_group: bool = True


@record(frozen=True, slots=True)
class Loop:
    """One copy of a call for each item.

    Attributes:
        items: a JSON list as a value, or a sequence; None for one item for each element of the sliced inputs.
        parallelism: how many copies may run at once.
        slices: inputs that are dealt out and outputs that are stacked.
        helper: the node of the loop as a whole is not shown: the template that an exporter made around it stands for
            it.
    """

    items: Value | Sequence | None
    parallelism: int | None = None
    slices: Slices | None = None
    helper: bool = False


@record(frozen=True, slots=True)
class Hook:
    """A call that is made when a step starts or ends.

    Attributes:
        name: ``success``, ``running``, ``failure``, or any other; ``exit`` is made when the step has completed.
        phases: the phases of the step at which it is made.
        expression: decides instead of the phases, when there is one.
    """

    name: str
    call: Call
    phases: tuple[str, ...] = ()
    expression: str | None = None


@record(frozen=True, slots=True)
class ExecutorSpec:
    """An executor in the words of who makes it.

    Attributes:
        kind: which one, such as ``"container"``.
        config: its settings as JSON, without secrets.
    """

    kind: str
    config: str = "{}"


@record(frozen=True, slots=True)
class Call:
    """One step or task: a template with arguments.

    Attributes:
        when: a text that must come out true; None means always.
        key: the name under which users find the node; resolved when the step starts.
        timeout: seconds, overrides the template's.
        dependencies: tasks that must be done before (DAG only), explicit and inferred.
        depends: which ends of them are wanted, such as ``a.Succeeded || b.Failed`` (DG-02, DG-03); None means that
            each has succeeded or was skipped.
        loop: run one copy for each item; None means one alone.
        hooks: other calls, made when this one starts or ends.
        isolation: overrides the template's.
        executor: where the program runs, when that is not a process of this machine.
        helper_pod: the image, pull policy and command of pods that an exporter adds for this call, as JSON text.
    """

    name: str
    template: str
    parameters: tuple[tuple[str, Value], ...] = ()
    artifacts: tuple[tuple[str, ArtifactSource], ...] = ()
    when: Value | None = None
    key: Value | None = None
    continue_on: ContinueOn = ContinueOn()
    timeout: Value | None = None
    dependencies: tuple[str, ...] = ()
    loop: Loop | None = None
    hooks: tuple[Hook, ...] = ()
    isolation: str | None = None
    depends: str | None = None
    executor: ExecutorSpec | None = None
    helper_pod: str | None = None


@record(frozen=True, slots=True)
class StepsTemplate:
    """Groups one after another; the calls of a group run side by side.

    Attributes:
        retry: when the whole of it is run again.
        fail_fast: start no more calls after one that failed.
        memoize_age, helper: as in a ScriptTemplate.
    """

    name: str
    groups: tuple[tuple[Call, ...], ...]
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    parallelism: int | None = None
    memoize: Value | None = None
    retry: Retry | None = None
    fail_fast: bool = False
    memoize_age: float | None = None
    helper: bool = False


@record(frozen=True, slots=True)
class DagTemplate:
    """Tasks that start when what they depend on is done; the rest is as in a StepsTemplate.

    Attributes:
        around_loop: made by an exporter around a loop of the user's Steps: its node is shown where it has no children.
        targets: only these tasks are wanted, with what they depend on (DG-04); empty means all.
    """

    name: str
    tasks: tuple[Call, ...]
    inputs: Inputs = NO_INPUTS
    outputs: Outputs = NO_OUTPUTS
    parallelism: int | None = None
    memoize: Value | None = None
    retry: Retry | None = None
    fail_fast: bool = False
    memoize_age: float | None = None
    helper: bool = False
    around_loop: bool = False
    targets: tuple[str, ...] = ()


Template: TypeAlias = (
    StepsTemplate | DagTemplate | ScriptTemplate | PythonOpTemplate | SuspendTemplate | HttpTemplate | ResourceTemplate
)


@record(frozen=True, slots=True)
class WorkflowGraph:
    """A whole workflow.

    Attributes:
        name: the name the user gave; a run's id is this and a few characters more.
        entrypoint: name of the template that runs first.
        templates: sorted by name; names are unique.
        parameters: workflow-level parameters, seen everywhere as ``workflow.parameters.NAME``.
        parallelism: how many leaf steps may run at once; None means the setting of the run.
        artifacts: workflow-level artifacts, which the entrypoint's inputs of these names are.
        on_exit: name of a template that runs when everything else has ended, however it ended.
        hooks: calls that are made when the workflow starts or ends, as those of a step.
        deadline: seconds that the whole may take, as a value; then it fails, and ``on_exit`` still runs (TM-01).
    """

    name: str
    entrypoint: str
    templates: tuple[Template, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    parallelism: int | None = None
    on_exit: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    kubernetes: str | None = None
    artifacts: tuple[tuple[str, ArtifactSource], ...] = ()
    hooks: tuple[Hook, ...] = ()
    deadline: Value | None = None
    schema: int = SCHEMA_VERSION
