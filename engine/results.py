"""``outputs.result``: what a program printed (OU-01).

Its standard output goes to a file of its own, from which the log gets it a moment later.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError
from dflow.engine.model import HttpTemplate, ScriptTemplate
from dflow.engine.state import read_text, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node

__all__ = ["Follower", "capturing", "gives_result", "keep_result", "read_result", "results_of_copies", "take_result"]

_LIMIT = 256 * 1024
_PIECE = 1 << 20


def gives_result(template: Template) -> bool:
    """Whether the nodes of a template have an ``outputs.result``."""
    return template.result if isinstance(template, ScriptTemplate) else isinstance(template, HttpTemplate)


def capturing(argv: tuple[str, ...], step: StepLayout, env: Mapping[str, str] | None) -> tuple[str, ...]:
    """A program whose standard output goes to its own file.

    Args:
        env: where the program is to be found; None where that is not known here.

    Raises:
        LeafError: there is no such program: the shell that starts it could not tell that from its failure.
    """
    path = str(step.workdir / argv[0]) if "/" in argv[0] else argv[0]
    if env is not None and shutil.which(path, path=env.get("PATH")) is None:
        raise LeafError(f"cannot start {argv[0]!r}: there is no such program")
    return ("/bin/sh", "-c", 'exec "$@" >>"$0"', str(step.stdout), *argv)


class Follower:
    """Copies what a program prints to its log."""

    def __init__(self, step: StepLayout) -> None:
        self._source = step.stdout
        self._log = step.log
        self._at = 0

    def copy(self) -> None:
        """Copy what has come since the last time.

        Raises:
            StateError: the log cannot be written.
        """
        try:
            if self._source.stat().st_size <= self._at:
                return
        except FileNotFoundError:
            return
        with writing(self._log), self._source.open("rb") as source, self._log.open("ab") as log:
            source.seek(self._at)
            while data := source.read(_PIECE):
                log.write(data)
                self._at += len(data)


def take_result(step: StepLayout) -> str | None:
    """The result of a program that has ended, which is then in the file for it; None when it never began.

    Raises:
        StateError: the file system refuses.
    """
    try:
        with step.stdout.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(size - _LIMIT - 1, 0))
            data = source.read()
    except FileNotFoundError:
        return read_result(step)
    text = data.removesuffix(b"\n")[-_LIMIT:].decode("utf-8", "surrogateescape")
    keep_result(step, text)
    with writing(step.stdout):
        step.stdout.unlink()
    return text


def keep_result(step: StepLayout, text: str) -> None:
    """Put the result of a step where a resume finds it."""
    with writing(step.result):
        step.result.parent.mkdir(parents=True, exist_ok=True)
    write_text(step.result, text)


def read_result(step: StepLayout) -> str | None:
    """The result of a step that has ended; None when there is none."""
    try:
        return read_text(step.result)
    except OSError:
        return None


def results_of_copies(copies: Iterable[Node]) -> str:
    """The JSON list of what the copies of a loop printed (LP-04).

    Raises:
        LeafError: something of that is no JSON.
    """
    pieces = []
    for copy in copies:
        text = copy.result or ""
        try:
            value = json.loads(text)
        except ValueError as exc:
            raise LeafError(
                f"outputs.result of a loop is a list of JSON values, but {copy.display!r} printed {text[:80]!r}"
            ) from exc
        is_large = isinstance(value, (list, dict))
        pieces.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")) if is_large else text.strip())
    return f"[{','.join(pieces)}]"
