"""Runs one OP in one step directory."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from dflow.engine.errors import DflowError
from dflow.python.catalog import assemble, write_artifact
from dflow.python.check import check_side, paths_in, type_of
from dflow.python.errors import FatalError, TransientError
from dflow.python.op import check_returned, op_name
from dflow.python.opio import OPIO, Artifact, OPIOSign
from dflow.python.runtime.payload import extend_path, load_op
from dflow.python.values import decode, encode

__all__ = ["main"]

UNEXPECTED, FATAL, TRANSIENT = 1, 2, 75


def main(arguments: List[str]) -> int:
    """Run the OP of the file ``arguments[0]`` in the directory ``arguments[1]`` of a step with key ``arguments[2]``."""
    op_file, step = Path(arguments[0]), Path(arguments[1])
    try:
        _run(op_file, step, key=arguments[2] if len(arguments) > 2 else None)
    except SystemExit as exc:
        return _left(step, exc)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - whatever an OP raises is reported; none of it is ours to handle
        return _report(step, exc)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run(op_file: Path, step: Path, key: str | None) -> None:
    spec = json.loads(op_file.read_text())
    extend_path(spec)
    op = load_op(spec["op"], op_file)
    name = op_name(op)
    op.key, op.workflow_name = key, step.parent.name
    inputs = check_side(name, "input", op.get_input_sign(), _read_inputs(op.get_input_sign(), step))
    given = op.execute(OPIO(inputs))
    check_returned(name, given)
    outputs = check_side(name, "output", op.get_output_sign(), given)
    _check_existence(name, op.get_output_sign(), outputs)
    _write_outputs(op.get_output_sign(), outputs, step, spec.get("save", "symlink"))


def _read_inputs(sign: OPIOSign, step: Path) -> Dict[str, Any]:
    values: Dict[str, Any] = {}
    for name, kind in sign.items():
        if isinstance(kind, Artifact):
            place = step / "inputs" / "artifacts" / name
            values[name] = assemble(place, kind.type) if place.exists() else None
        else:
            file = step / "inputs" / "parameters" / name
            if file.exists():
                values[name] = decode(_read(file), type_of(kind))
    return values


def _read(file: Path) -> str:
    with open(str(file), encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def _check_existence(op: str, sign: OPIOSign, outputs: Any) -> None:
    for name, kind in sign.items():
        if isinstance(kind, Artifact):
            for place, path in paths_in(outputs[name]):
                if path is not None and not os.path.exists(path):
                    raise FileNotFoundError(
                        f"OP {op}: output artifact {name!r}{place} is {path}, which does not exist in {os.getcwd()}"
                    )


def _write_outputs(sign: OPIOSign, outputs: Any, step: Path, method: str) -> None:
    work = step / "workdir"
    for name, kind in sign.items():
        if isinstance(kind, Artifact):
            root = step / "outputs" / "artifacts" / name
            write_artifact(outputs[name], root, lambda path: _relative(path, work, step), _linker(method))
        else:
            file = step / "outputs" / "parameters" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = encode(outputs[name], type_of(kind))
            with open(str(file), "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                stream.write(text)


def _relative(path: Path, work: Path, step: Path) -> str:
    """Where an output goes in its artifact: as it lay in the working directory, or in the input it came from."""
    text = str(path)
    for base in (str(work), os.path.realpath(str(work))):
        if text.startswith(base + os.sep):
            return text[len(base) + 1 :]
    inputs = str(step / "inputs" / "artifacts") + os.sep
    if text.startswith(inputs):
        inside = text[len(inputs) :].partition(os.sep)[2]
        return inside or path.name
    return text.lstrip(os.sep) or path.name


def _linker(method: str) -> Callable[[Path, Path], None]:
    from dflow.engine.state import link_or_copy

    return lambda source, target: link_or_copy(source, target, method)


def _left(step: Path, exc: SystemExit) -> int:
    """An OP that calls ``sys.exit``: status 0 is no success, for it returned nothing."""
    code = exc.code if isinstance(exc.code, int) else 1
    text = f"it called sys.exit({exc.code!r}) before it returned its outputs"
    _write_error(step, text, "SystemExit", "exception")
    sys.stderr.write(text + "\n")
    return code or UNEXPECTED


def _report(step: Path, exc: BaseException) -> int:
    """Print the OP's own part of the traceback, and leave the reason for the engine."""
    if os.environ.get("DFLOW_TRACEBACK") == "full":
        traceback.print_exception(type(exc), exc, exc.__traceback__)
    else:
        sys.stderr.write(_trimmed(exc))
    kind = "transient" if isinstance(exc, TransientError) else "fatal" if isinstance(exc, FatalError) else "exception"
    message = _summary(exc)
    _write_error(step, message, type(exc).__name__, kind)
    return {"transient": TRANSIENT, "fatal": FATAL}.get(kind, UNEXPECTED)


def _trimmed(exc: BaseException) -> str:
    """The traceback without our own frames."""
    frames = [frame for frame, module in _frames(exc) if not module.startswith("dflow.")]
    if not frames:
        return _summary(exc) + "\n"
    before = ""
    cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if cause is not None:
        link = "direct cause of" if exc.__cause__ is not None else "handled when this happened, before"
        before = _trimmed(cause) + "\n(the above was the " + link + " the following)\n\n"
    lines = traceback.format_list(traceback.StackSummary.from_list(frames))
    return before + "Traceback (most recent call last):\n" + "".join(lines) + _summary(exc) + "\n"


def _frames(exc: BaseException) -> List[Tuple[Any, str]]:
    summaries = traceback.extract_tb(exc.__traceback__)
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(exc.__traceback__)]
    return list(zip(summaries, modules))


def _summary(exc: BaseException) -> str:
    """The last line of a traceback; our own errors speak for themselves."""
    if isinstance(exc, DflowError):
        return str(exc)
    text = str(exc)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _write_error(step: Path, message: str, kind_of_error: str, kind: str) -> None:
    data = {"message": message, "type": kind_of_error, "kind": kind}
    with open(str(step / ".error"), "w", encoding="utf-8", errors="replace") as stream:
        json.dump(data, stream)
