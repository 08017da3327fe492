"""Tracebacks that end where the user's code called dflow.

An error that dflow raises on purpose says in words what is wrong. The frames below the user's line say nothing about
it; they are left out, unless the environment variable ``DFLOW_TRACEBACK`` is ``full``. Frames of other errors stay.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Callable, List, TypeVar

from dflow.engine.errors import DflowError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["called_by_users", "complain_of_script", "is_full", "shorten"]

_F = TypeVar("_F", bound=Callable[..., Any])
_BETWEEN = frozenset(
    (
        *("anyio", "argo_workflows", "asyncssh", "cloudpickle", "filelock", "minio", "networkx", "requests"),
        *("typeguard", "urllib3", "yaml"),
    )
)
"""Packages that dflow calls, and that call dflow or code of users in turn."""
_MOST_CAUSES = 20


def is_full() -> bool:
    """Whether all frames are wanted."""
    return os.environ.get("DFLOW_TRACEBACK") == "full"


def called_by_users(function: _F) -> _F:
    """The function; of errors that it raises on purpose, tracebacks show it and the code of users, not what is below.

    What it raises stays the same object, and so does what caused it.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # for pytest
        try:
            return function(*args, **kwargs)  # to see what is below, set DFLOW_TRACEBACK=full
        except DflowError as exc:
            shorten(exc)
            raise
        except KeyboardInterrupt as exc:
            if exc.args:  # it says how to go on
                shorten(exc)
            raise

    return call  # type: ignore[return-value]


def shorten(exc: BaseException) -> None:
    """Leave out the frames of dflow below the first one, and all of them in what caused it.

    Where the message says what caused it, and no code of users had a part in that, the cause becomes the context,
    which is not printed.
    """
    if is_full():
        return
    top = exc.__traceback__
    if top is not None:
        top.tb_next = _of_users(top.tb_next)
    is_inside = True
    for cause in reversed(_causes(exc)):
        cause.with_traceback(_of_users(cause.__traceback__))
        is_inside = is_inside and cause.__traceback__ is None
        if is_inside:  # what it was raised in the midst of concerns dflow alone
            BaseException.__setattr__(cause, "__suppress_context__", True)  # some errors let nobody set attributes
    if is_inside and exc.__cause__ is not None and getattr(exc, "says_cause", False):
        exc.__context__, exc.__cause__ = exc.__cause__, None


def complain_of_script(exc: Exception) -> None:
    """Print the traceback of a script that dflow runs as Python would: it begins in the script."""
    if not is_full():
        trace = exc.__traceback__
        while trace is not None and _is_ours(str(trace.tb_frame.f_globals.get("__name__", ""))):
            trace = trace.tb_next
        exc.with_traceback(trace)
    sys.stdout.flush()
    traceback.print_exception(type(exc), exc, exc.__traceback__)


def _causes(exc: BaseException) -> List[BaseException]:
    """What a traceback shows before an error, the latest first."""
    found: List[BaseException] = []
    while len(found) < _MOST_CAUSES:
        cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        if cause is None or cause in found:
            break
        found.append(cause)
        exc = cause
    return found


def _of_users(trace: TracebackType | None) -> TracebackType | None:
    """The frames of neither dflow nor Python nor what lies between them."""
    kept: List[TracebackType] = []
    while trace is not None:
        if not _is_ours(str(trace.tb_frame.f_globals.get("__name__", ""))):
            kept.append(trace)
        trace = trace.tb_next
    for one, following in zip(kept, [*kept[1:], None]):
        one.tb_next = following
    return kept[0] if kept else None


def _is_ours(module: str) -> bool:
    package = module.partition(".")[0]
    known = getattr(sys, "stdlib_module_names", ())
    return package == "dflow" or package in _BETWEEN or (package in known and package != "__main__")
