"""Steps of a workflow whose outputs are recorded: an OP in their place that records, or replays."""

from __future__ import annotations

import base64
import contextlib
import copy
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Sequence

from dflow.engine.errors import PayloadError, WrongName, WrongType
from dflow.engine.near import near_or_all
from dflow.python.check import check_side
from dflow.python.op import OP, check_returned
from dflow.python.payload import pickled
from dflow.testing.recording import Recording, RecordingMismatch, open_recording
from dflow.testing.results import OPResult
from dflow.testing.running import doing
from dflow.testing.states import signed

if TYPE_CHECKING:
    from dflow.python.opio import OPIO, OPIOSign

__all__ = ["RecordedOP", "replaced"]


class RecordedOP(OP):
    """Stands for an OP in a step: replays its outputs, or runs it and records them."""

    def __init__(self, op: Any, recording: Recording) -> None:
        self._data = pickled(op)
        self.recorded = signed(op)
        self.recording = recording

    def get_input_sign(self) -> OPIOSign:  # type: ignore[override]
        """That of the OP."""
        return self.recorded.takes  # type: ignore[return-value]

    def get_output_sign(self) -> OPIOSign:  # type: ignore[override]
        """That of the OP."""
        return self.recorded.gives  # type: ignore[return-value]

    def execute(self, op_in: OPIO) -> OPIO:
        """The outputs, in the working directory of the step."""
        return self.recording.run(self.recorded, op_in, Path.cwd(), lambda: self._real(op_in))

    def _real(self, op_in: OPIO) -> OPResult:
        found = pickle.loads(base64.b64decode(self._data))  # noqa: S301 - it is a part of this OP, which was pickled
        op = found() if isinstance(found, type) else found
        state = ("key", "workflow_name", "_progress_file", "_step", "_take_early")
        op.__dict__.update({name: self.__dict__[name] for name in state if name in self.__dict__})
        with doing(self.recorded.name):
            given = op.execute(op_in)
        check_returned(self.recorded.name, given)
        return OPResult(check_side(self.recorded.name, "output", self.recorded.gives, {**op.early_outputs(), **given}))


@contextlib.contextmanager
def replaced(workflow: Any, names: Sequence[str]) -> Iterator[Callable[[Any], None]]:
    """The steps of these names with OPs that record or replay, meanwhile.

    Returns:
        A check of the result: raises RecordingMismatch where that was the reason of a failure.

    Raises:
        KeyError: there is no such step.
        TypeError: a step runs no Python OP.
    """
    steps = list(_leaves(workflow.entrypoint, []))
    chosen = [(name, step) for name in names for step in _find(name, steps)]
    before = [(step, step.template) for _, step in chosen]
    try:
        for name, step in chosen:
            step.template = _recorded(step, name)
        yield _raise_mismatch
    finally:
        for step, template in before:
            step.template = template


def _leaves(template: Any, seen: List[int]) -> Iterator[Any]:
    """All steps and tasks, each once."""
    if template is None or id(template) in seen:
        return
    seen.append(id(template))
    groups = getattr(template, "tasks", None) or getattr(template, "steps", None) or ()
    for group in groups:
        for step in group if isinstance(group, (list, tuple)) else [group]:
            if id(step) not in seen:
                seen.append(id(step))
                yield step
                yield from _leaves(step.template, seen)


def _find(name: str, steps: List[Any]) -> List[Any]:
    found = [step for step in steps if name in (step.name, getattr(step, "key", None))]
    if not found:
        raise WrongName(f"replay: the workflow has no step {name!r}{near_or_all(name, [s.name for s in steps])}")
    return found


def _recorded(step: Any, name: str) -> Any:
    template = step.template
    op = getattr(template, "op_class", None)
    if op is None:
        raise WrongType(f"replay: step {name!r} runs no Python OP but {type(template).__name__}; only OPs are recorded")
    twin = copy.copy(template)
    try:
        twin.op_class = RecordedOP(op, open_recording(name))
    except PayloadError as exc:
        raise WrongType(f"replay: step {name!r}: {exc}") from exc
    return twin


def _raise_mismatch(result: Any) -> None:
    __tracebackhide__ = True
    for step in result.steps:
        if step.phase in ("Failed", "Error") and "RecordingMismatch" in _error(step):
            raise RecordingMismatch(step.message.removeprefix("RecordingMismatch: "))


def _error(step: Any) -> str:
    file = step.path / ".error" if step.path else None
    return file.read_text(encoding="utf-8") if file is not None and file.exists() else ""
