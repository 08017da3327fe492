"""What a test looks at: outputs of an OP, and the steps of a workflow that has run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Set

from dflow.engine.errors import RunNotFound, WrongType
from dflow.engine.near import near_or_all
from dflow.python.check import paths_in
from dflow.python.opio import OPIO

if TYPE_CHECKING:
    from dflow.argo_objects import ArgoStep

__all__ = ["OPResult", "RunResult", "StepResult", "files_in"]


def files_in(value: Any) -> Dict[str, Path]:
    """The files of an artifact: names relative to it, with their paths.

    Of one file its name; of a folder all files below; of several the index or the key stands before.
    """
    found: Dict[str, Path] = {}
    single = isinstance(value, (str, Path))
    for place, item in paths_in(value):
        if item is None:
            continue
        path, start = Path(item), place.strip("[]").replace("][", "/").replace("'", "")
        if path.is_dir():
            inside = {str(p.relative_to(path)): p for p in sorted(path.rglob("*")) if p.is_file()}
            found.update({f"{start}/{name}" if start else name: p for name, p in inside.items()})
        else:
            found[path.name if single else start] = path
    return found


class OPResult(OPIO):
    """Outputs of an OP by name, with the types of its sign; paths are absolute.

    Attributes:
        workdir: where it ran; None where that is not known.
    """

    workdir: Path | None = None

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
    """

    def __init__(self, id: str, phase: str, path: Path, steps: List[StepResult], report: str) -> None:
        self.id, self.phase, self.path, self.steps, self.report = id, phase, path, steps, report
        self.outputs = OPResult()

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

    def known(self) -> List[str]:
        """Keys and names of all steps."""
        return list(dict.fromkeys(word for step in self.steps for word in (step.key, step.name) if word))


def _index(name: str, loop: str, retried: Set[str]) -> int | None:
    """Which element of a loop a step is: 3 of ``fit(3:x)``; None where it is none, or an attempt of one."""
    found = re.fullmatch(re.escape(loop) + r"\((\d+):.*\)", name, re.DOTALL)
    attempt = re.fullmatch(r"(.*)\(\d+\)", name, re.DOTALL)
    return int(found[1]) if found and not (attempt and attempt[1] in retried) else None
