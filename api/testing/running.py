"""Running one OP in a test."""

from __future__ import annotations

import contextlib
import copy
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from dflow.engine.errors import NoSuchFile, WrongType, WrongValue
from dflow.engine.near import near
from dflow.python.check import check_side, paths_in
from dflow.python.op import OP, FunctionOP, check_returned, op_name
from dflow.python.opio import OPIO, Artifact, HDF5Datasets
from dflow.python.step_files import without
from dflow.testing.current import fresh_folder
from dflow.testing.inputs import make_inputs, shape_of
from dflow.testing.results import OPResult
from dflow.tracebacks import shorten

if TYPE_CHECKING:
    from dflow.testing.recording import Recording
    from dflow.testing.states import Signed

    _Kept = Optional[Tuple[Recording, Signed]]

__all__ = ["doing", "run_op"]

_OF_THE_ENGINE = {"key", "outputs", "workflow_name", "_progress_file", "_step", "_take_early"}


def run_op(
    op: Any,
    inputs: Mapping[str, Any] | None = None,
    /,
    *,
    isolated: bool = False,
    slices: Sequence[str] | str = (),
    record: bool | str = False,
    **more: Any,
) -> OPResult:
    """Run an OP on its own, with the checks of a step, in a working directory of its own.

    ``run_op(Energy, n=3, data="1 2 3\\n")``; inputs whose names are those of arguments here go into the mapping
    ``inputs``. What may stand for an artifact: see :func:`dflow.testing.inputs.make_inputs`.

    Args:
        op: an OP class, which is made without arguments; an instance; or a function OP.
        isolated: run it as the step of a workflow, in a process of its own, its values written to files and read.
        slices: inputs that are lists, of which each element is run on its own; every output is the list of theirs.
        record: record its outputs beside the test, and take them from there next time; a text names the recording.

    Returns:
        Its outputs, checked against the sign; paths are absolute.

    Raises:
        SignatureError: an input or an output does not fit the sign.
        Exception: what the OP raises. Of an isolated one: a built-in exception, a TransientError or a FatalError of
            the same message; StepFailed for others.
        RecordingMismatch: what is recorded is of other inputs, or of another sign.
    """
    __tracebackhide__ = True
    ready = _ready(op)
    given = {**(inputs or {}), **more}
    place = fresh_folder(op_name(ready))
    try:
        kept = _opened(op, ready, record) if record else None
        if slices:
            names = [slices] if isinstance(slices, str) else slices
            return _sliced(ready, given, names, (isolated, kept), place)
        return _recorded(ready, given, isolated, kept, place)
    except Exception as exc:
        shorten(exc)
        raise


def _ready(op: Any) -> OP:
    """An instance of it."""
    if isinstance(op, type) and issubclass(op, OP):
        missing = sorted(getattr(op, "__abstractmethods__", ()))
        if missing:
            raise WrongType(f"OP {op_name(op)} lacks {', '.join(missing)}")
        try:
            return op()
        except TypeError as exc:
            raise WrongType(f"OP {op_name(op)} cannot be made without arguments; give an instance ({exc})") from exc
    if isinstance(op, OP):
        return op
    raise WrongType(f"run_op takes an OP class, an OP instance or a function decorated with @OP.function, not {op!r}")


def _opened(op: Any, ready: OP, record: bool | str) -> tuple[Recording, Signed]:
    from dflow.testing.recording import open_recording
    from dflow.testing.states import signed

    return open_recording(op_name(ready) if record is True else str(record)), signed(op, ready)


def _recorded(op: OP, given: Mapping[str, Any], isolated: bool, kept: _Kept, place: Path) -> OPResult:
    values = make_inputs(op.get_input_sign(), given, place / "inputs" / "artifacts")
    run = _isolated if isolated else _in_process
    if kept is None:
        return run(op, values, place)
    recording, known = kept
    ready = check_side(op_name(op), "input", op.get_input_sign(), values)
    return recording.run(known, ready, place, lambda: run(_unchanged(op), values, place))


def _unchanged(op: OP) -> OP:
    """One to run in its place: the attributes that a run changes are those of before in the next, as in a replay."""
    if isinstance(op, FunctionOP):
        return op
    try:
        return copy.deepcopy(op)
    except Exception:  # noqa: BLE001 - what cannot be copied is run itself
        return op


def _sliced(
    op: OP,
    given: Mapping[str, Any],
    slices: Sequence[str],
    how: tuple[bool, tuple[Recording, Signed] | None],
    place: Path,
) -> OPResult:
    """One run for each element, and the lists of what they gave."""
    count = _length(op, given, slices)
    each: List[OPResult] = []
    for number in range(count):
        element = {**given, **{name: given[name][number] for name in slices}}
        folder = place / str(number)
        folder.mkdir()
        each.append(_recorded(op, element, *how, folder))
    result = OPResult({name: [one[name] for one in each] for name in op.get_output_sign()})
    result.workdir = place
    return result


def _length(op: OP, given: Mapping[str, Any], slices: Sequence[str]) -> int:
    lengths: Dict[str, int] = {}
    for name in slices:
        if name not in given:
            raise WrongValue(f"OP {op_name(op)}: slices={name!r} is no input that is given{near(name, given)}")
        if not isinstance(given[name], (list, tuple)):
            raise WrongType(f"OP {op_name(op)}: input {name!r} is sliced and must be a list, not {given[name]!r:.80}")
        lengths[name] = len(given[name])
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{name!r} has {count}" for name, count in lengths.items())
        raise WrongValue(f"OP {op_name(op)}: sliced inputs must be of one length: {words}")
    return next(iter(lengths.values()))


def _in_process(op: OP, values: Mapping[str, Any], place: Path) -> OPResult:
    name, work = op_name(op), place / "workdir"
    work.mkdir(parents=True)
    for left in ("outputs", "_take_early"):
        op.__dict__.pop(left, None)
    takes = op.get_input_sign()
    ready = check_side(name, "input", takes, values)
    own = {n: v if isinstance(takes[n], Artifact) else _own_copy(v) for n, v in ready.items()}
    with _own_world(work), doing(name):
        given = op.execute(OPIO(own))
        check_returned(name, given)
        sign = op.get_output_sign()
        outputs = check_side(name, "output", sign, {**op.early_outputs(), **given})
        _check_existence(name, sign, outputs)
        result = OPResult({n: _absolute(v, sign[n]) for n, v in outputs.items()})  # of where the OP stands at its end
    result.workdir = work
    return result


def _own_copy(value: Any) -> Any:
    """A copy that the OP may change, as a step has its own; what cannot be copied is the same."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - copying is up to the object, and any of its errors says no
        return value


def _check_existence(op: str, sign: Mapping[str, Any], outputs: OPIO) -> None:
    """As in a run: None stands for the path of an optional artifact that does not exist, another one is an error."""
    for name, kind in sign.items():

        def is_missing(path: Any, kind: Any = kind) -> bool:
            is_file = kind.type is not HDF5Datasets or isinstance(path, Path)
            return path is not None and is_file and not os.path.exists(path)

        for place, path in paths_in(outputs[name]) if isinstance(kind, Artifact) else ():
            if is_missing(path):
                if kind.optional:
                    outputs[name] = without(outputs[name], is_missing)
                    break
                raise NoSuchFile(
                    f"OP {op}: output artifact {name!r}{place} is {path}, which does not exist in {Path.cwd()}"
                )


def _absolute(value: Any, kind: Any) -> Any:
    """The paths of an artifact, absolute; their types stay. Other values are as they are."""
    if not isinstance(kind, Artifact):
        return value
    if isinstance(value, dict):
        return {key: _absolute(item, kind) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_absolute(item, kind) for item in value)
    is_path = value is not None and (kind.type is not HDF5Datasets or isinstance(value, Path))
    return type(value)(os.path.join(os.getcwd(), value)) if is_path and not os.path.isabs(value) else value


@contextlib.contextmanager
def _own_world(work: Path) -> Iterator[None]:
    """Work in a directory; give back that before, the environment and the module path as they were."""
    cwd, environment, path = Path.cwd(), dict(os.environ), list(sys.path)
    os.chdir(work)
    try:
        yield
    finally:
        os.chdir(cwd)
        for name in [name for name in os.environ if name not in environment]:
            del os.environ[name]
        os.environ.update(environment)
        sys.path[:] = path


@contextlib.contextmanager
def doing(name: str) -> Iterator[None]:
    """Have the guard of the network, where there is one, know who is at work."""
    guard = sys.modules.get("dflow.python.offline")
    if guard is None:
        yield
        return
    with guard.named(name):
        yield


def _isolated(op: OP, values: Mapping[str, Any], place: Path) -> OPResult:
    """The same as the only step of a workflow."""
    from dflow.python.catalog import assemble

    step = _run_as_step(op, values, place)
    result = OPResult()
    root = Path(step.path or place)
    for name, kind in op.get_output_sign().items():
        if isinstance(kind, Artifact):
            artifact = root / "outputs" / "artifacts" / name
            result[name] = assemble(artifact, kind.type, sub_path=kind.sub_path) if artifact.exists() else None
        else:
            result[name] = step.outputs[name]
    result.workdir = root / "workdir"
    return result


def _run_as_step(op: OP, values: Mapping[str, Any], place: Path) -> Any:
    from dflow import Step, Workflow, upload_artifact
    from dflow.config import config
    from dflow.python import PythonOPTemplate
    from dflow.testing.workflows import quiet_settings, submit_quietly

    sign = op.get_input_sign()
    check_side(op_name(op), "input", sign, values)
    with quiet_settings(place):
        config.update(debug_artifact_dir=str(place), debug_s3=False)
        artifacts = {
            n: upload_artifact(_listed(v)) for n, v in values.items() if _is_artifact(sign, n) and v is not None
        }
        parameters = {n: v for n, v in values.items() if not _is_artifact(sign, n)}
        workflow = Workflow("test", id="run")
        workflow.add(Step("op", PythonOPTemplate(_sendable(op)), parameters=parameters, artifacts=artifacts))
        result = submit_quietly(workflow, place)
    step = result.step("op")
    if step.phase != "Succeeded":
        raise _error_of(step, result.report)
    return step


def _sendable(op: OP) -> Any:
    """The class, where a class without arguments does what the instance does: it travels as a name."""
    is_plain = vars(op).keys() <= _OF_THE_ENGINE and type(op).__init__ is OP.__init__
    return type(op) if is_plain else op


def _is_artifact(sign: Mapping[str, Any], name: str) -> bool:
    return isinstance(sign.get(name), Artifact)


def _listed(value: Any) -> Any:
    return list(value) if shape_of(type(value)) is None and isinstance(value, (set, frozenset)) else value


def _error_of(step: Any, report: str) -> Exception:
    """The error of a step, as an exception of its kind."""
    import builtins
    import json

    from dflow.engine.errors import SignatureError, StepFailed
    from dflow.python.errors import FatalError, TransientError
    from dflow.python.offline import NetworkBlocked

    file = step.path / ".error" if step.path else None
    said = json.loads(file.read_text(encoding="utf-8")) if file is not None and file.exists() else {}
    name, message = str(said.get("type")), str(said.get("message") or step.message)
    own: dict[str, Any] = {kind.__name__: kind for kind in (TransientError, FatalError, SignatureError, NetworkBlocked)}
    kind: Any = own.get(name, getattr(builtins, name, None))
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = StepFailed
    try:
        error: Exception = kind(message.removeprefix(f"{name}: ") if kind is not StepFailed else message)
    except TypeError:  # UnicodeDecodeError and its like want more than a message
        error = StepFailed(message)
    said = (line for line in report.rstrip().splitlines() if not line.startswith("Workflow "))
    error.__cause__ = StepFailed("\n".join(said))
    return error
