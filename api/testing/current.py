"""The test that runs now, as the plugin has said it. Standard library only, and little of it: it loads with pytest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

__all__ = ["MODES", "Current", "copied", "enter", "fresh_folder", "now"]

MODES = ("missing", "all", "none")
_running: list[Current] = []


@dataclass
class Current:
    """A test.

    Attributes:
        nodeid: as pytest prints it.
        file: the file that it stands in.
        name: of the test, with its parameters.
        folder: gives a directory of the test's own.
        record: one of ``MODES``.
        decided: of each recording that the test has used, whether it is made now.
        when_passed: is called when the test has passed.
        when_over: is called when it has ended, passed or not, after these.
        passed: whether all that pytest has reported of the test, its subtests with it, has passed; None before.
    """

    nodeid: str
    file: Path
    name: str
    folder: Callable[[], Path]
    record: str = "missing"
    decided: dict[str, bool] = field(default_factory=dict)
    when_passed: list[Callable[[], None]] = field(default_factory=list)
    when_over: list[Callable[[], None]] = field(default_factory=list)
    passed: bool | None = None
    folders: int = 0


def now() -> Current | None:
    """The test that runs; None outside of one."""
    return _running[-1] if _running else None


class enter:  # noqa: N801 - used as a function
    """``with enter(test): …``: what is asked for now() meanwhile."""

    def __init__(self, test: Current) -> None:
        self._test = test

    def __enter__(self) -> Current:
        _running.append(self._test)
        return self._test

    def __exit__(self, *exc: object) -> None:
        _running.pop()
        try:
            for finish in self._test.when_passed if self._test.passed else ():
                finish()
        finally:
            for finish in self._test.when_over:
                finish()


def copied(settings: Any) -> Any:
    """A copy of settings, with copies of the lists and dicts in them."""
    if isinstance(settings, dict):
        return {name: copied(value) for name, value in settings.items()}
    return [copied(value) for value in settings] if isinstance(settings, list) else settings


def fresh_folder(name: str) -> Path:
    """A new directory: in that of the test, or, outside of one, a temporary one that goes with this process."""
    test = now()
    if test is None:
        import atexit
        import shutil
        import tempfile

        root = Path(tempfile.mkdtemp(prefix="dflow-test-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        return Path(os.path.realpath(root))
    test.folders += 1
    root = test.folder() / f"{name}-{test.folders}"
    root.mkdir(parents=True)
    return root
