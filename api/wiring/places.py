"""Where in a text the steps are that the compiler speaks of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dflow.wiring.shape import Mistakes

__all__ = ["Places"]

_STEP = re.compile(r"(?:(?:steps|dag) '[^']*': )?(step|task|template) '([^']*)': ")
_CIRCLE = re.compile(r"dag '[^']*': (?=.* in a circle: (\S+))")
_ARGUMENT = re.compile(r"(parameter|artifact) '([^']*)': ")


class Places:
    """The places of the steps of a workflow.

    Args:
        paths: by name of the step.
        scripts: names of steps whose template is called like them.
        mistakes: knows the lines.
    """

    def __init__(self, paths: Mapping[str, str], scripts: Collection[str], mistakes: Mistakes) -> None:
        self._paths = paths
        self._scripts = scripts
        self._mistakes = mistakes

    def placed(self, problems: Sequence[str]) -> list[str]:
        """Problems of the compiler with their places in the text; those of no single step stay as they are."""
        return [self._placed(problem) for problem in problems]

    def _placed(self, problem: str) -> str:
        circle = _CIRCLE.match(problem)
        if circle is not None and circle[1] in self._paths:
            return self._mistakes.placed(self._paths[circle[1]], problem[circle.end() :])
        step = _STEP.match(problem)
        if step is None or step[2] not in (self._scripts if step[1] == "template" else self._paths):
            return problem
        path, rest = self._paths[step[2]], problem[step.end() :]
        argument = _ARGUMENT.match(rest)
        if argument is not None:
            path, rest = f"{path}.{argument[1]}s.{argument[2]}", rest[argument.end() :]
        return self._mistakes.placed(path, rest)
