"""The command ``dflow``: each verb exits with 0, with 1 after a failure, with 2 for a wrong command."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from dflow import __version__
from dflow.cli.parsers_looking import add_looking
from dflow.cli.parsers_other import add_acting, add_argo, add_keeping
from dflow.cli.parsers_running import add_running
from dflow.cli.parsing import TopParser, Verbs, WrongOption
from dflow.engine.errors import DflowError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["main", "make_parser"]

_EXAMPLES = """\
examples:
  dflow run train.py --epochs 3      run a script; exits 1 when its workflow fails
  dflow list                         runs in this directory
  dflow getsteps my-wf-x3k9a         steps of a run (the beginning of its id is enough)
  dflow logs @latest train -f        what a step prints, as it comes
  dflow retry my-wf-x3k9a            run what failed once more

dflow VERB --help has more of them; eval "$(dflow completion bash)" completes what you type.
"""
_SECRETS = "DFLOW_KEPT_SECRETS"
"""The variable of ``dflow.executors.secrets``, which few commands need."""
_WRONG, _INTERRUPTED = 2, 130
_ONLY_LOOK = frozenset(("list", "get", "getsteps", "getkeys", "logs", "watch", "top", "explain", "graph"))
"""Verbs of which nothing is left but what they print."""
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    was_closed = _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a symbol shows a question mark
    if words[:1] == ["__complete"]:
        from dflow.cli.completion import answer

        return answer(words[1:])
    if _SECRETS in os.environ:
        from dflow.executors.secrets import take_over

        take_over()
    parser = make_parser()
    options = parser.parse(words)
    if options.verb is None:
        parser.print_help()
        return 2
    options.no_output = was_closed
    return _call(options)


def _call(options: argparse.Namespace) -> int:
    """What the verb does, and what it printed: a reader that has gone is no failure, a full disk is one."""
    only_looks = options.verb in _ONLY_LOOK
    if only_looks and options.no_output:
        _complain("dflow: standard output is closed")
        return 1
    status = None
    try:
        status = _status(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        return (0 if only_looks else 1) if status is None else status
    except OSError as exc:
        if not _is_of_output(exc):
            raise
        _let_go()
        _complain(f"dflow: standard output: {exc.strerror}")
        return status or 1
    return status


def _status(options: argparse.Namespace) -> int:
    try:
        return int(options.function(options) or 0)
    except DflowError as exc:
        from dflow.live.tails import printable

        with suppress(OSError):
            sys.stdout.flush()
        _complain(f"dflow: {printable(str(exc))}")
        return _WRONG if isinstance(exc, WrongOption) else 1
    except PermissionError as exc:
        if exc.filename is None or os.environ.get("DFLOW_TRACEBACK") == "full":
            raise
        _complain(f"dflow: {exc.filename}: {exc.strerror}")
        return 1
    except KeyboardInterrupt as exc:
        _complain(f"\nInterrupted: {exc}" if exc.args else "\nInterrupted")
        return _INTERRUPTED


def _complain(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")


def _is_of_output(exc: OSError) -> bool:
    """Whether it is standard output that cannot be written, and no file."""
    return exc.filename is None and exc.errno in _FULL


def _let_go() -> None:
    """What is left to print is not printed; the interpreter would complain of it at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(null, stream.fileno())


def _open_what_is_closed() -> bool:
    """See to it that no file that is opened later is taken for standard output; whether there was none."""
    was_closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if was_closed:
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    return was_closed


def make_parser() -> TopParser:
    """The parser of all verbs. What they do is loaded when they are used."""
    parser = TopParser(description="Run scientific workflows and look at them.", examples=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"pydflow {__version__}")
    for title, add in (
        ("run", add_running),
        ("look", add_looking),
        ("act", add_acting),
        ("Argo", add_argo),
        ("keep", add_keeping),
    ):
        add(Verbs(parser, title, _late))
    return parser


def _late(module: str, name: str) -> Callable[[argparse.Namespace], int | None]:
    """What a verb does: here, or on the server when that is the mode and it can be done there."""

    def call(options: argparse.Namespace) -> int | None:
        from importlib import import_module

        from dflow.config import is_remote

        if is_remote() and hasattr(import_module("dflow.cli.server"), name):
            found = import_module("dflow.cli.server")
        else:
            found = _module(module)
        result: int | None = getattr(found, name)(options)
        return result

    return call


def _module(name: str) -> ModuleType:
    from importlib import import_module
    from importlib.util import find_spec

    full = f"dflow.cli.{name}"
    if find_spec(full) is None:
        from dflow.engine.errors import MissingExtra

        extra = "'pydflow[ui]'" if name == "ui" else "--upgrade pydflow"
        raise MissingExtra(f"this installation has no dflow {name}: pip install {extra}")
    return import_module(full)
