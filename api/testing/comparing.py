"""Comparing phases and outputs with what a test expects; the difference is what the failure shows."""

from __future__ import annotations

import difflib
import pprint
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

from dflow.engine.errors import DflowError
from dflow.engine.near import near
from dflow.testing.equality import array_lines, is_equal
from dflow.testing.results import OPResult, RunResult, StepResult, entries_in

__all__ = ["assert_outputs", "assert_phases", "differences"]

_MOST_LINES = 60
_MOST_NAMES = 10


def assert_phases(run: Any, expected: Mapping[str, Any]) -> None:
    """Check the phases of steps.

    ``assert_phases(run, {"prepare": "Succeeded", "train": ["Succeeded", "Failed"]})``: of a loop, one phase is that
    of all of its copies, a list has one for each element. A step of the workflow that did not come to run is ``None``.

    Args:
        run: what ``run_workflow`` gave, or a workflow that has run.

    Raises:
        AssertionError: says of each step that differs what is expected, what it is, and why.
    """
    __tracebackhide__ = True
    result = run if isinstance(run, RunResult) else _read(run)
    lines = [line for name, phases in expected.items() for line in _phase_lines(result, name, phases)]
    if lines:
        raise AssertionError("\n".join([f"phases of {result.id} (- expected, + as they are)", *lines]))


def _read(workflow: Any) -> RunResult:
    from dflow.local_mode import LocalRun
    from dflow.testing.workflows import result_of

    return result_of(LocalRun(workflow).layout(), "")


def _phase_lines(result: RunResult, name: str, expected: Any) -> Iterator[str]:
    found = result.named(name)
    if not found:
        if expected is not None or not result.may_have(name):
            known = [*result.known(), *result.declared]
            yield from (f"- {name}: {expected}", f"+ {name}: no such step{near(name, dict.fromkeys(known))}")
        return
    wanted = list(expected) if isinstance(expected, (list, tuple)) else [expected] * len(found)
    if len(wanted) != len(found):
        yield from (f"- {name}: {len(wanted)} steps", f"+ {name}: {len(found)} steps")
        return
    for step, phase in zip(found, wanted):
        if step.phase != _text(phase):
            shown = name if len(found) == 1 else step.key or step.name
            why = f" ({step.message})" if step.message else ""
            yield from (f"- {shown}: {_text(phase)}", f"+ {shown}: {step.phase}{why}")


def _text(phase: Any) -> Any:
    return getattr(phase, "value", phase)


def assert_outputs(outputs: Any, expected: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """Check some outputs of an OP or a step: ``assert_outputs(result, loss=pytest.approx(0.1), log="done\\n")``.

    A value is compared with ``==``. For an artifact may stand: the text or the bytes of its file; a ``Path``, whose
    file or folder it must equal; a list or dict of these, for an artifact of several; for a folder a dict of names to
    texts, bytes or Paths, with ``...`` for a file that is only to be there and ``{}`` for an empty folder. Arrays are
    equal when their shapes and all their elements are.

    Args:
        outputs: what ``run_op`` gave, a step of ``run_workflow``, or what ``query_step`` gives.

    Raises:
        AssertionError: shows all differences, those of texts line by line.
    """
    __tracebackhide__ = True
    given = outputs.outputs if isinstance(outputs, StepResult) else outputs
    wanted = {**(expected or {}), **more}
    lines = differences(_plain(given), wanted)
    if lines:
        what = f"outputs of {outputs!r}" if isinstance(outputs, StepResult) else "outputs"
        raise AssertionError("\n".join([f"{what} differ (- expected, + as they are)", *lines]))


def _plain(given: Any) -> Mapping[str, Any]:
    """Outputs as a mapping; those of a query's step as values and paths."""
    if isinstance(given, (OPResult, dict)) or not hasattr(given, "outputs"):
        return given  # type: ignore[no-any-return]
    from dflow.argo_objects import ArgoStep

    step = given if isinstance(given, ArgoStep) else given[0]
    return StepResult(step, {}).outputs


def differences(given: Mapping[str, Any], expected: Mapping[str, Any]) -> List[str]:
    """Lines that say where outputs differ from what is expected of some of them; none where they do not."""
    lines: List[str] = []
    for name, wanted in expected.items():
        if name not in given:
            known = ", ".join(map(repr, given)) or "none"
            lines.append(f"{name}: there is no such output; there are {known}{near(name, given)}")
        else:
            lines += _of_value(name, given[name], wanted)
    return lines


def _of_value(name: str, value: Any, wanted: Any) -> List[str]:
    if isinstance(value, (list, tuple)) and isinstance(wanted, (list, tuple)) and _has_paths(value):
        return _of_several(name, dict(enumerate(value)), dict(enumerate(wanted)))
    if isinstance(value, Mapping) and isinstance(wanted, Mapping) and _has_paths(value):
        return _of_several(name, value, wanted)
    if isinstance(value, Path) or (isinstance(value, str) and isinstance(wanted, (Path, bytes, Mapping))):
        return _of_path(name, Path(value), wanted)
    return [] if is_equal(value, wanted) else _of_values(name, value, wanted)


def _has_paths(value: Any) -> bool:
    """Whether it is a path, or a list or dict with paths at any depth."""
    if isinstance(value, Mapping):
        return any(map(_has_paths, value.values()))
    return any(map(_has_paths, value)) if isinstance(value, (list, tuple)) else isinstance(value, Path)


def _of_several(name: str, value: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> List[str]:
    """Keys are compared as texts: in a step's files they are texts."""
    found, expected = ({str(key): item for key, item in items.items()} for items in (value, wanted))
    if (len(found), len(expected)) != (len(value), len(wanted)):
        return [f"{name}: several keys are one as text: {list(value if len(found) != len(value) else wanted)!r}"]
    lines = _names(name, set(found), set(expected))
    for key in wanted:
        if str(key) in found and wanted[key] is not ...:
            lines += _of_value(f"{name}[{key!r}]", found[str(key)], wanted[key])
    return lines


def _of_values(name: str, value: Any, wanted: Any) -> List[str]:
    lines = array_lines(value, wanted)
    if lines:
        return [f"{name}:", *lines]
    if isinstance(value, str) and isinstance(wanted, str) and ("\n" in value or "\n" in wanted):
        return _of_texts(name, value, wanted)
    one, other = pprint.pformat(wanted, width=100), pprint.pformat(value, width=100)
    if one == other:  # 1 and np.int64(1) in lists, "1" and an object that prints so
        one, other = f"{one} ({type(wanted).__name__})", f"{other} ({type(value).__name__})"
    if "\n" in one or "\n" in other:
        return _of_texts(name, other + "\n", one + "\n")
    return [f"{name}:", f"- {one}", f"+ {other}"]


def _of_texts(name: str, value: str, wanted: str) -> List[str]:
    lines = []
    for line in difflib.unified_diff(wanted.splitlines(True), value.splitlines(True), "expected", name):
        lines.append(line.rstrip("\n"))
        if not line.endswith("\n"):
            lines.append("\\ no newline at the end")
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES} more lines"]
    return lines


def _of_path(name: str, path: Path, wanted: Any) -> List[str]:
    if wanted is ...:
        return [] if path.exists() else [f"{name}: {path} does not exist"]
    if isinstance(wanted, Path):
        return _of_two_paths(name, path, wanted)
    if isinstance(wanted, Mapping):
        return _of_folder(name, path, wanted)
    if isinstance(wanted, (str, bytes)):
        return _of_file(name, path, wanted)
    if wanted is None:
        return [f"{name}: expected was none, but there is {path.name}"]
    return [] if path == wanted else _of_values(name, path, wanted)


def _of_two_paths(name: str, path: Path, wanted: Path) -> List[str]:
    if not wanted.exists():
        return [f"{name}: {wanted}, which it is compared with, does not exist"]
    if not wanted.is_dir():
        return _of_file(name, path, _content(wanted))
    return _of_folder(name, path, {key: _content(file) for key, file in entries_in(wanted).items()})


def _content(file: Path) -> Any:
    """Text or bytes; of an empty folder, and of a link that leads nowhere, the name says it all."""
    if not file.is_file():
        return ...
    data = file.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _of_folder(name: str, path: Path, wanted: Mapping[str, Any]) -> List[str]:
    if not path.is_dir():
        return [f"{name}: expected was a folder, but it is the file {path.name}"]
    found, flat = entries_in(path), _flat(wanted)
    lines = _names(name, set(found), set(flat))
    for key, content in flat.items():
        if key in found and content is not ...:
            lines += _of_path(f"{name}/{key}", found[key], content)
    return lines


def _flat(files: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    """Contents by the names of :func:`entries_in`."""
    found: Dict[str, Any] = {}
    for name, content in files.items():
        inside: Any = content
        if isinstance(content, Path) and content.is_dir():
            inside = {key: file if file.is_file() else ... for key, file in entries_in(content).items()}
        if isinstance(inside, Mapping):
            found.update(_flat(inside, f"{prefix}{name}/") or {f"{prefix}{name}/": ...})
        else:
            found[f"{prefix}{name}"] = content
    return found


def _names(name: str, found: set[str], wanted: set[str]) -> List[str]:
    lines = [f"- {name}/{key}{near(key, found)}" for key in sorted(wanted - found)[:_MOST_NAMES]]
    lines += [f"+ {name}/{key}" for key in sorted(found - wanted)[:_MOST_NAMES]]
    return lines


def _of_file(name: str, path: Path, wanted: Any) -> List[str]:
    if path.is_dir():
        return [f"{name}: expected was a file, but it is a folder with {', '.join(entries_in(path)) or 'nothing'}"]
    if isinstance(wanted, bytes):
        data = path.read_bytes()
        return [] if data == wanted else [f"{name}:", *_of_bytes(data, wanted)]
    found = _content(path)
    if isinstance(found, bytes):
        return [f"{name}: expected was text, but {path.name} holds {len(found)} bytes that are none"]
    return [] if found == wanted else _of_texts(name, found, wanted)


def _of_bytes(data: bytes, wanted: bytes) -> List[str]:
    place = next((i for i, (one, other) in enumerate(zip(data, wanted)) if one != other), min(len(data), len(wanted)))
    part = slice(max(0, place - 8), place + 16)
    return [
        f"- {len(wanted)} bytes; at {place}: {wanted[part]!r}",
        f"+ {len(data)} bytes; at {place}: {data[part]!r}",
    ]


def explain(left: Any, right: Any) -> List[str] | None:
    """Why two mappings of outputs are not equal, for pytest; None where that is not for us to say."""
    if not (isinstance(left, Mapping) and isinstance(right, Mapping)):
        return None
    try:
        lines = differences(left, right)
    except (DflowError, OSError):
        return None
    lines += [f"+ {name}: {left[name]!r:.80}" for name in left if name not in right]
    return ["outputs differ (- right, + left)", *lines] if lines else None
