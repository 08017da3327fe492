"""``with Workflow(...)``, ``with Steps(...)``, ``with DAG(...)``: what is open takes the steps that are made.

The open objects are a stack, innermost last, of the thread (or asyncio task) that opened them.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Set, Tuple

from dflow.engine.errors import WrongType
from dflow.shown import Drawn

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Frame", "Openable", "claim", "close", "collect", "innermost", "note_submitted", "nothing_open", "open_"]


class Frame:
    """An open workflow or template, and what it took because it is open.

    Attributes:
        owner: the workflow or template.
        submitted: the workflow was submitted since it was opened.
    """

    __slots__ = ("_counts", "_had_entrypoint", "_misfits", "_names", "_scanned", "_taken", "owner", "submitted")

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.submitted = False
        self._had_entrypoint = self._template is not None
        self._taken: Dict[int, Any] = {}
        self._misfits: Dict[int, Any] = {}
        self._names: Set[str] = set()
        self._counts: Dict[str, int] = {}
        self._scanned = 0

    @property
    def _template(self) -> Any:
        return getattr(self.owner, "entrypoint", self.owner)

    @property
    def _items(self) -> List[Any]:
        template = self._template
        if template is None:
            return []
        items: List[Any] = template.tasks if template._takes_tasks else template.steps
        return items

    @property
    def takes_tasks(self) -> bool:
        """A function OP that is called becomes a task here, not a step."""
        return self._template is None or bool(self._template._takes_tasks)

    def free_name(self, base: str) -> str:
        """``base``, or ``base-2``, ``base-3`` … if there is a step of that name."""
        items = self._items
        for item in items[self._scanned :]:
            self._names.update(step.name for step in (item if isinstance(item, list) else [item]))
        self._scanned = len(items)
        name, count = base, self._counts.get(base, 1)
        while name in self._names:
            count += 1
            name = f"{base}-{count}"
        self._counts[base] = count
        return name

    def take(self, step: Any) -> None:
        """Add a step that was made while this is open; what does not fit may still find its place elsewhere."""
        if self.submitted:
            raise RuntimeError(f"{step._what} {step.name!r}: workflow {self.owner.name!r} was submitted already")
        if self._template is not None and self.takes_tasks and step._what != "task":
            self._misfits[id(step)] = step
            return
        self.owner.add(step)
        self._taken[id(step)] = step

    def give_back(self, step: Any) -> None:
        """Remove a step that was taken here: the script puts it somewhere itself."""
        self._misfits.pop(id(step), None)
        if self._taken.pop(id(step), None) is None:
            return
        items = self._items
        for index in range(len(items) - 1, -1, -1):
            if items[index] is step:
                del items[index]
                self._scanned -= index < self._scanned
                break
        if not items and not self._had_entrypoint and hasattr(self.owner, "entrypoint"):
            self.owner.entrypoint = None

    def check(self) -> None:
        """Raise TypeError when a step is left that has no place."""
        for step in self._misfits.values():
            raise WrongType(f"step {step.name!r} was made where a DAG is open: make it a Task, or add it to its Steps")


_frames: ContextVar[Tuple[Frame, ...]] = ContextVar("dflow_open", default=())


def open_(owner: Any) -> Frame:
    """From now on, steps that are made go into this workflow or template."""
    frame = Frame(owner)
    _frames.set((*_frames.get(), frame))
    return frame


def close(error: Any = None) -> Frame:
    """Go back to what was open before; what was closed.

    Args:
        error: the class of the exception that ended the block.

    Raises:
        TypeError: a step was made in the block that belongs nowhere.
    """
    *others, frame = _frames.get()
    _frames.set(tuple(others))
    if error is None:
        frame.check()
    return frame


def innermost() -> Frame | None:
    """What takes steps now."""
    frames = _frames.get()
    return frames[-1] if frames else None


def collect(step: Any) -> None:
    """Put a new step into what is open, if anything is."""
    frame = innermost()
    if frame is not None:
        frame.take(step)


def claim(step: Any) -> None:
    """The script adds a step or a list of steps itself: it is no longer where it went when it was made."""
    frames = _frames.get()
    if frames:
        for item in step if isinstance(step, (list, tuple)) else [step]:
            for frame in frames:
                frame.give_back(item)


def note_submitted(workflow: Any) -> None:
    """Leave nothing to submit for the end of the block of this workflow."""
    for frame in _frames.get():
        if frame.owner is workflow:
            frame.submitted = True


@contextmanager
def nothing_open() -> Iterator[None]:
    """A block in which steps go nowhere and function OPs run when they are called."""
    token = _frames.set(())
    try:
        yield
    finally:
        _frames.reset(token)


class Openable(Drawn):
    """A template that takes the steps that are made in its ``with`` block."""

    _takes_tasks = False

    def __enter__(self) -> Self:
        """Open it."""
        open_(self)
        return self

    def __exit__(self, error: object, *exc: object) -> None:
        """Close it."""
        close(error)
