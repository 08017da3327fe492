"""A template, or one step, as a workflow of its own: ``Steps.run``, ``DAG.run`` and ``Step.run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow import building
from dflow.compile.rendering import base_name
from dflow.dag import DAG
from dflow.engine.errors import WrongType, WrongValue
from dflow.steps import Steps
from dflow.task import Task
from dflow.workflow import Workflow

if TYPE_CHECKING:
    from dflow.step import Step

__all__ = ["run_call", "run_group"]


def run_group(template: Any, workflow_id: str | None, context: Any, stepdir: Any) -> Workflow:
    """Run a Steps or DAG as a workflow on this machine and wait; the workflow.

    Args:
        workflow_id: of the run; with that of an unfinished one it goes on.

    Raises:
        CompileError: it cannot run by itself, for instance because an input has no value.
        StepFailed: it has not succeeded.
    """
    if stepdir is not None:
        raise WrongValue(
            f"stepdir is {stepdir!r}; the run gets a directory of its own in config['debug_workdir'], set that instead"
        )
    name = template.name if template._named else base_name(template)
    workflow = Workflow(name, id=workflow_id, context=context)
    workflow.entrypoint = template
    workflow.submit(mode="debug", detach=False)
    workflow.raise_for_status()
    return workflow


def run_call(step: Step, scope: Any, context: Any) -> Workflow:
    """Run one step of ``scope`` alone; its arguments may mention inputs of ``scope`` that have values."""
    if not isinstance(scope, (Steps, DAG)):
        raise WrongType(f"{step._what} {step.name!r}: scope must be the Steps or DAG that it is in, not {scope!r}")
    alone: Any = DAG(scope.name) if isinstance(step, Task) else Steps(scope.name)
    twin = scope.copy()
    alone.inputs = twin.inputs
    with building.nothing_open():
        (alone.tasks if isinstance(step, Task) else alone.steps).append(step)
    return run_group(alone, None, context, None)
