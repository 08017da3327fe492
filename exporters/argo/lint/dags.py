"""DAG: tasks and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine import depends
from dflow.engine.near import near
from dflow.exporters.argo.lint import graphs
from dflow.exporters.argo.lint.shapes import is_looped

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Template

__all__ = ["check_template", "waiting"]

_RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
_OF_LOOPS = ("AnySucceeded", "AllFailed")

Fields = dict[str, Any]


def waiting(tasks: list[Fields]) -> dict[str, list[str]]:
    """For each task the tasks that it names in ``depends`` or ``dependencies``."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        named = [name for name, _ in depends.parse(task.get("depends", "")).tasks]
        found.setdefault(task.get("name", ""), []).extend([*named, *task.get("dependencies", [])])
    return found


def check_template(template: Template, notes: Notes) -> None:
    """The tasks of a dag template."""
    if "dag" not in template.fields:
        return
    dag, path = template.fields["dag"], f"{template.path}.dag"
    tasks: list[Fields] = dag.get("tasks", [])
    if not tasks:
        notes.error("DAG-01", path, "a dag needs at least one task")
    by_name = {task.get("name", ""): task for task in tasks}
    for index, task in enumerate(tasks):
        place = f"{path}.tasks[{index}]"
        _dependencies(task, by_name, place, notes)
        _depends(task, by_name, place, notes)
        _server(task, place, notes)
    _mixture(tasks, path, notes)
    circle = graphs.cycle(waiting(tasks))
    if circle:
        notes.error("DAG-03", path, f"these tasks wait for each other: {' -> '.join(circle)}; remove a dependency")
    for name in dag.get("target", "").split():
        if name not in by_name and "{{" not in name and "}}" not in name:
            notes.error("DAG-09", f"{path}.target", f"there is no task {name!r}{near(name, by_name)}")


def _dependencies(task: Fields, by_name: dict[str, Fields], path: str, notes: Notes) -> None:
    for index, name in enumerate(task.get("dependencies", [])):
        if name not in by_name:
            notes.error("DAG-02", f"{path}.dependencies[{index}]", f"there is no task {name!r}{near(name, by_name)}")


def _depends(task: Fields, by_name: dict[str, Fields], path: str, notes: Notes) -> None:
    text = task.get("depends", "")
    read = depends.parse(text)
    place = f"{path}.depends"
    if read.problem:
        notes.error("X-03", place, f"{text!r} cannot be read: {read.problem}; combine tasks with &&, ||, ! and ( )")
    for name, result in read.tasks:
        if name not in by_name:
            notes.error("DAG-02", place, f"there is no task {name!r}{near(name, by_name)}")
        elif result and result not in _RESULTS:
            notes.error("DAG-07", place, f"{result!r} is no result of a task; use one of {', '.join(_RESULTS)}")
        elif result in _OF_LOOPS and not is_looped(by_name[name]):
            notes.error(
                "DAG-08",
                place,
                f"{result} is about the items of a loop, and {name!r} has none; use Succeeded or Failed",
            )


def _server(task: Fields, path: str, notes: Notes) -> None:
    if "depends" not in task:
        return
    for name in ("dependencies", "continueOn"):
        if name in task:
            notes.error(
                "CRD-03", f"{path}.{name}", f"the server refuses {name} beside depends, even if empty; leave one out"
            )
    if task.get("name", "")[:1].isdigit():
        notes.error("CRD-03", f"{path}.name", "with depends the name of a task must not begin with a digit; rename it")


def _mixture(tasks: list[Fields], path: str, notes: Notes) -> None:
    using = [task for task in tasks if task.get("depends")]
    listing = [task for task in tasks if task.get("dependencies")]
    if using and listing:
        notes.error("DAG-04", path, "some tasks have depends and some dependencies; use one of them in the whole dag")
    for index, task in enumerate(tasks):
        place = f"{path}.tasks[{index}]"
        if using and "continueOn" in task:
            notes.error(
                "DAG-05", f"{place}.continueOn",
                "with depends, say it in the tasks that follow: depends: 'NAME.Succeeded || NAME.Failed'",
            )  # fmt: skip
        if (using or listing) and task.get("name", "")[:1].isdigit():
            notes.error(
                "DAG-06",
                f"{place}.name",
                "in a dag with dependencies the name of a task must not begin with a digit; rename it",
            )
