"""Running a script for the workflow it makes, while nothing of the workflow runs."""

from __future__ import annotations

import contextlib
import runpy
import sys
from typing import TYPE_CHECKING, Any

from dflow import artifacts, building
from dflow.cli.show import note
from dflow.engine.errors import ConfigError
from dflow.manifests import read_text
from dflow.wiring.texts import from_text, is_wiring_text
from dflow.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["refuse_arguments", "workflow_of_script"]

_NEEDS_NO_RUN = ("_", "add", "from_", "to_")
"""Beginnings of the names of methods that a workflow answers without having run."""


class _NothingRuns(BaseException):
    """Ends a script where it asks for a run that there is not; no Exception, so the script does not catch it."""


def workflow_of_script(script: Path, arguments: Sequence[str] = ()) -> Workflow:
    """The last workflow that a script submits, or, when it submits none, the last that it makes.

    The script is executed as ``python script`` would, up to where it asks for a result of the workflow. ``submit``
    starts nothing. What the script prints goes to standard error.

    Args:
        arguments: what the script is to find behind its name in ``sys.argv``.

    Raises:
        ConfigError: there is no such script, or it makes no workflow; or what takes no arguments is given some.
    """
    if not script.is_file():
        raise ConfigError(f"there is no script {script}")
    if script.suffix in (".yaml", ".yml", ".json"):
        refuse_arguments(script, arguments)
        return _of_mapping(script)
    made: list[Workflow] = []
    submitted: list[Workflow] = []
    argv, path = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        with _recording(made, submitted), contextlib.redirect_stdout(sys.stderr):
            _execute(script, submitted, has_arguments=bool(arguments))
    finally:
        sys.argv, sys.path[:] = argv, path
    found = submitted or [workflow for workflow in made if workflow.entrypoint is not None]
    if not found:
        raise ConfigError(f"{script} makes no workflow that has steps")
    return found[-1]


def refuse_arguments(source: object, arguments: Sequence[str]) -> None:
    """Say of arguments behind ``--`` that they are for a script, where there is none.

    Raises:
        ConfigError: there are some.
    """
    if arguments:
        raise ConfigError(f"{source} is no Python script, so it takes no arguments: {' '.join(arguments)}")


def _of_mapping(file: Path) -> Workflow:
    text = read_text(file)
    if not is_wiring_text(text):
        raise ConfigError(f"{file} is no script, and has no workflow with a name and steps or tasks; is it a manifest?")
    with artifacts.kept_here():
        return from_text(text, file.parent, file=str(file))


def _execute(script: Path, submitted: list[Workflow], *, has_arguments: bool) -> None:
    try:
        runpy.run_path(str(script), run_name="__main__")
    except _NothingRuns:
        return
    except SystemExit as exc:
        if exc.code and not submitted:
            if not has_arguments:
                note(f"dflow: {script} ended before it submitted a workflow; what stands behind -- is given to it")
            raise
    except Exception:
        if not submitted:  # what comes after a submit may be wrong only because there was none
            raise


@contextlib.contextmanager
def _recording(made: list[Workflow], submitted: list[Workflow]) -> Iterator[None]:
    """A block in which workflows are noted when they are made and when they are submitted, and nothing runs."""

    def init(self: Workflow, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        originals["__init__"](self, *args, **kwargs)

    def submit(self: Workflow, *args: Any, **kwargs: Any) -> Workflow:
        submitted.append(self)
        building.note_submitted(self)
        return self

    def refuse(self: Workflow, *args: Any, **kwargs: Any) -> Any:
        raise _NothingRuns

    asking = [name for name, value in vars(Workflow).items() if callable(value) and not name.startswith(_NEEDS_NO_RUN)]
    replaced: dict[str, Any] = {**dict.fromkeys(asking, refuse), "__init__": init, "submit": submit}
    originals = {name: getattr(Workflow, name) for name in replaced}
    for name, function in replaced.items():
        setattr(Workflow, name, function)
    try:
        with artifacts.kept_here():
            yield
    finally:
        for name, function in originals.items():
            setattr(Workflow, name, function)
