"""What a test looks at: outputs of an OP, and the steps of a workflow that has run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Set, Tuple

from dflow.engine.errors import RunNotFound, WrongType
from dflow.engine.near import near_or_all
from dflow.python.check import paths_in
from dflow.python.opio import OPIO

if TYPE_CHECKING:
    from dflow.argo_objects import ArgoStep

__all__ = ["OPResult", "RunResult", "StepResult", "entries_in", "files_in"]


def files_in(value: Any) -> Dict[str, Path]:
    """The files of an artifact: names relative to it, with their paths.

    Of one file its name; of a folder all files below; of several the index or the key stands before.
    """
    return {name: path for name, path in entries_in(value).items() if path.is_file()}


def entries_in(value: Any) -> Dict[str, Path]:
    """As :func:`files_in`, with ``sub/`` for an empty folder and ``link -> target`` for a link that leads nowhere.

    Folders that are linked are looked into, but not those that a link in them leads back to: these are ``link -> …``.
    """
    found: Dict[str, Path] = {}
    single = isinstance(value, (str, Path))
    for place, item in paths_in(value):
        if item is None:
            continue
        path, start = Path(item), place.strip("[]").replace("][", "/").replace("'", "")
        if path.is_dir():
            inside = sorted(_below(path, "", ()))
            found.update({f"{start}/{name}" if start else name: p for name, p in inside})
        else:
            found[path.name if single else start] = path
    return found


def _below(folder: Path, prefix: str, above: Tuple[str, ...]) -> Iterator[Tuple[str, Path]]:
    here = (*above, os.path.realpath(folder))
    for path in folder.iterdir():
        name = f"{prefix}{path.name}"
        if path.is_symlink() and (not path.exists() or os.path.realpath(path) in here):
            yield f"{name} -> {os.readlink(path)}", path
        elif not path.is_dir():
            yield name, path
        else:
            entries = list(_below(path, f"{name}/", here))
            yield from entries or [(f"{name}/", path)]


class OPResult(OPIO):
    """Outputs of an OP by name, with the types of its sign; paths are absolute.

    Attributes:
        workdir: where it ran; None where that is not known.
    """

    workdir: Path | None = None
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Whether the values are equal, arrays with their shapes."""
        from dflow.testing.equality import is_equal

        return is_equal(dict(self), dict(other)) if isinstance(other, Mapping) else NotImplemented

    def __ne__(self, other: object) -> bool:
        is_equal = self.__eq__(other)
        return is_equal if is_equal is NotImplemented else not is_equal

    def path(self, name: str, inside: Any = None) -> Path:
        """The path of an artifact; ``inside`` is an index, a key, or the name of a file in it.

        Raises:
            TypeError: it is no artifact, or several paths.
        """
        value = self[name]
        if inside is not None and isinstance(value, (list, dict)):
            value = value[inside]
        elif inside is not None:
            value = Path(value) / inside
        if not isinstance(value, (str, Path)):
            raise WrongType(f"output {name!r} is no single path but {value!r:.80}; say which one: path({name!r}, …)")
        return Path(value)

    def text(self, name: str, inside: Any = None) -> str:
        """What a text file of an artifact holds; arguments as of :meth:`path`."""
        return self.path(name, inside).read_text(encoding="utf-8")

    def json(self, name: str, inside: Any = None) -> Any:
        """What a JSON file of an artifact holds; arguments as of :meth:`path`."""
        return json.loads(self.text(name, inside))

    def files(self, name: str) -> Dict[str, Path]:
        """All files of an artifact: names relative to it, with their paths."""
        return files_in(self[name])


class StepResult:
    """A step that has run.

    Attributes:
        name, key, id, phase, type, message: what is known of it.
        path: its directory; None where it has none.
    """

    def __init__(self, step: ArgoStep, types: Mapping[str, str]) -> None:
        self._step, self._types = step, types
        self.name, self.key, self.id = str(step.displayName), step.key, str(step.id)
        self.phase, self.type, self.message = str(step.phase), str(step.type), step.message or ""
        self.full_name = str(step.name)
        self.path = Path(step.path) if step.path else None

    def __repr__(self) -> str:
        return f"StepResult({self.key or self.name!r}, {self.phase})"

    @property
    def inputs(self) -> OPResult:
        """What it was given."""
        return self._side("inputs")

    @property
    def outputs(self) -> OPResult:
        """What it gave; artifacts as paths, lists or dicts of paths."""
        return self._side("outputs")

    @property
    def log(self) -> str:
        """What it has printed."""
        file = self.path / "log.txt" if self.path else None
        return file.read_text(encoding="utf-8", errors="replace") if file and file.exists() else ""

    def _side(self, side: str) -> OPResult:
        from dflow.testing.artifacts import read_artifact

        data = getattr(self._step, side)
        kinds = {name: self._types.get(f"{side}.{name}", "") for name in data.artifacts}
        is_stacked = side == "outputs" and self.type in ("StepGroup", "TaskGroup")
        values = {name: parameter.value for name, parameter in data.parameters.items()}
        for name, artifact in data.artifacts.items():
            place = Path(artifact["local_path"])
            values[name] = read_artifact(place, "list" if is_stacked else kinds[name]) if place.exists() else None
        result = OPResult(values)
        result.workdir = self.path / "workdir" if self.path else None
        return result


class RunResult:
    """A workflow that has run.

    Attributes:
        id, phase: of the workflow.
        path: its directory.
        steps: all of its steps, in the order in which they started.
        report: what dflow printed.
        declared: names and fixed keys of the steps of its graph, whether or not they came to run.
        key_patterns: regular expressions of its computed keys; None where the graph is not known.
    """

    def __init__(self, id: str, phase: str, path: Path, steps: List[StepResult], report: str) -> None:
        self.id, self.phase, self.path, self.steps, self.report = id, phase, path, steps, report
        self.outputs = OPResult()
        self.declared: List[str] = []
        self.key_patterns: List[str] | None = None

    def __repr__(self) -> str:
        return f"RunResult({self.id!r}, {self.phase}, {len(self.steps)} steps)"

    def named(self, name: str) -> List[StepResult]:
        """The steps of a key or a name; of a loop all its copies, in the order of its elements."""
        keyed = [step for step in self.steps if step.key == name]
        exact = [step for step in self.steps if step.name == name]
        if keyed or any(step.type == "Retry" for step in exact):
            return keyed or exact
        retried = {step.name for step in self.steps if step.type == "Retry"}
        copies = [(index, step) for step in self.steps if (index := _index(step.name, name, retried)) is not None]
        return [step for _, step in sorted(copies, key=lambda pair: pair[0])] or exact

    def step(self, name: str) -> StepResult:
        """The step of a key or a name; of a loop ``name(0)`` … are its copies.

        Raises:
            RunNotFound: there is none, or more than one.
        """
        exact = [step for step in self.steps if name in (step.key, step.name)]
        found = exact or self.named(name) or [step for step in self.steps if step.name.startswith(f"{name[:-1]}:")]
        if len(found) == 1:
            return found[0]
        if found:
            raise RunNotFound(f"run {self.id} has {len(found)} steps {name!r}: {', '.join(s.name for s in found[:5])}")
        known = [word for step in self.steps for word in (step.key, step.name) if word]
        raise RunNotFound(f"run {self.id} has no step {name!r}{near_or_all(name, known)}")

    def outputs_of(self, name: str) -> OPResult:
        """Outputs of a step; of a loop the lists of those of its copies, in the order of its elements."""
        found = self.named(name)
        if not found or (len(found) == 1 and name in (found[0].key, found[0].name)):
            return self.step(name).outputs
        each = [step.outputs for step in found]
        return OPResult({output: [one.get(output) for one in each] for output in each[0]})

    def may_have(self, name: str) -> bool:
        """Whether a step, or a copy ``name(0)`` of a loop, can have this name or key."""
        if self.key_patterns is None:
            return True
        plain = re.sub(r"\(\d+(:.*)?\)$|\.onExit$", "", name, flags=re.DOTALL)
        is_declared = name in self.declared or plain in self.declared
        return is_declared or any(re.fullmatch(p, name, re.DOTALL) for p in self.key_patterns)

    def known(self) -> List[str]:
        """Keys and names of all steps."""
        return list(dict.fromkeys(word for step in self.steps for word in (step.key, step.name) if word))


def _index(name: str, loop: str, retried: Set[str]) -> int | None:
    """Which element of a loop a step is: 3 of ``fit(3:x)``; None where it is none, or an attempt of one."""
    found = re.fullmatch(re.escape(loop) + r"\((\d+):.*\)", name, re.DOTALL)
    attempt = re.fullmatch(r"(.*)\(\d+\)", name, re.DOTALL)
    return int(found[1]) if found and not (attempt and attempt[1] in retried) else None
