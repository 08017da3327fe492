"""Every error that dflow raises on purpose.

::

    DflowError
    ├── CompileError          the workflow as written cannot run; lists every problem found
    ├── ExportError           the workflow cannot be written in another system's language; lists every problem found
    ├── ExpressionError       a ``{{…}}`` tag, an expression or a ``when`` text is wrong
    ├── SignatureError        a value or an artifact does not fit its declared type
    ├── PayloadError          an OP cannot be sent to where it runs
    ├── StepFailed            a step ended Failed or Error
    ├── LeafError             the machinery around a leaf step failed: the node becomes Error
    │   └── ClusterError      a cluster, or the client that asks it, did not do what was asked
    ├── CopyError             files of the user cannot be linked or copied into a step
    ├── UnsafeArtifact        an artifact reaches outside of its own directory
    ├── StateError            a run directory cannot be read, written or owned
    │   ├── RunNotFound       there is no run of that id here
    │   ├── LeaseHeld         another live process runs this workflow
    │   └── LeaseLost         another process has taken this workflow over
    ├── StorageError          an object store refuses, or does not answer; says which key, where, and what to do
    │   └── ObjectNotFound    there is no object of that key
    ├── ConfigError           a setting has no such name or no such value
    ├── WrongName             there is nothing of that name here; also a KeyError
    ├── WrongAttribute        likewise, asked for as an attribute; also an AttributeError
    ├── WrongValue            an argument cannot have that value; also a ValueError
    ├── WrongType             an argument is not of the kind that is needed; also a TypeError
    ├── NoSuchFile            a file or folder that is asked for is not there; also a FileNotFoundError
    ├── UnsupportedError      known, but not available here; says what to use instead
    └── MissingExtra          an optional package is needed; says how to install it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ClusterError",
    "CompileError",
    "ConfigError",
    "CopyError",
    "DflowError",
    "ExportError",
    "ExpressionError",
    "LeafError",
    "LeaseHeld",
    "LeaseLost",
    "MissingExtra",
    "NoSuchFile",
    "ObjectNotFound",
    "PayloadError",
    "RunNotFound",
    "SignatureError",
    "StateError",
    "StepFailed",
    "StorageError",
    "UnsafeArtifact",
    "UnsupportedError",
    "WrongAttribute",
    "WrongName",
    "WrongType",
    "WrongValue",
]


DOCS = "docs/errors.md"
"""The page on errors; messages name sections of it."""


class DflowError(Exception):
    """Base of all errors that dflow raises on purpose.

    Attributes:
        says_cause: its message says all that a user can make of what caused it.
    """

    says_cause = False


class CompileError(DflowError):
    """The workflow as written cannot run.

    Attributes:
        problems: one line each: the place, what is wrong there, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"the workflow has {head}:", *(f"  - {p}" for p in self.problems)]))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,), self.__dict__


class ExportError(DflowError):
    """The workflow cannot be written in the language of another system.

    Attributes:
        problems: one line each: the place, what is wrong there, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["the workflow cannot be exported:", *(f"  - {p}" for p in self.problems)]))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,), self.__dict__


class ExpressionError(DflowError):
    """A tag, an expression or a ``when`` text is wrong.

    Attributes:
        source: the text that was parsed or evaluated.
        position: 0-based offset of the offence in ``source``, or None when the whole text is meant.
    """

    def __init__(self, message: str, *, source: str = "", position: int | None = None) -> None:
        self.source = source
        self.position = position
        super().__init__(message + _caret(source, position))


class SignatureError(DflowError, TypeError, RuntimeError):
    """A value or an artifact does not fit its declared type."""


class PayloadError(DflowError):
    """An OP cannot be sent to where it runs."""


class StepFailed(DflowError):
    """A step ended Failed or Error."""


class LeafError(DflowError):
    """The machinery around a leaf step failed: the node becomes Error."""


class ClusterError(LeafError):
    """A cluster, or the client that asks it, did not do what was asked; the message is its own."""


class CopyError(DflowError):
    """Files of the user cannot be linked or copied: a dangling link, a device, no permission."""


class UnsafeArtifact(DflowError):
    """An artifact reaches outside of its own directory."""


class StateError(DflowError):
    """A run directory cannot be read, written or owned."""


class RunNotFound(StateError, FileNotFoundError):
    """There is no run of that id here."""


class LeaseHeld(StateError):
    """Another live process runs this workflow."""


class LeaseLost(StateError):
    """Another process has taken this workflow over; this one stops and writes nothing more."""


class StorageError(DflowError):
    """An object store refuses, or does not answer."""

    says_cause = True


class ObjectNotFound(StorageError, FileNotFoundError):
    """There is no object of that key."""


class ConfigError(DflowError, ValueError):
    """A setting has no such name or no such value."""


class WrongName(DflowError, KeyError):
    """There is nothing of that name here."""

    def __str__(self) -> str:  # a KeyError would show its text in quotes
        return Exception.__str__(self)


class WrongAttribute(DflowError, AttributeError):
    """There is nothing of that name here, and it was asked for as an attribute."""


class WrongValue(DflowError, ValueError):
    """An argument cannot have that value."""


class WrongType(DflowError, TypeError):
    """An argument is not of the kind that is needed."""


class NoSuchFile(DflowError, FileNotFoundError, RuntimeError):
    """A file or folder that is asked for is not there."""


class UnsupportedError(DflowError, NotImplementedError):
    """Known, but not available here; says what to use instead."""


class MissingExtra(DflowError, ImportError):
    """An optional package is needed; says how to install it."""


def _caret(source: str, position: int | None, width: int = 78) -> str:
    """Two lines, the source around ``position`` and a caret below it; empty without a position."""
    if position is None or not source:
        return ""
    line_start = source.rfind("\n", 0, position) + 1
    line = source[line_start:].split("\n", 1)[0]
    column = position - line_start
    if len(line) > width:
        begin = max(0, column - width // 2)
        line, column = line[begin : begin + width], column - begin
    return f"\n  {line}\n  {' ' * column}^"
