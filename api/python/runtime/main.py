"""Runs one OP in one step directory."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import List

from dflow.python.check import check_side
from dflow.python.op import check_returned, op_name
from dflow.python.opio import OPIO
from dflow.python.runtime.files import check_existence, read_inputs, write_output, write_outputs
from dflow.python.runtime.group import run_group
from dflow.python.runtime.payload import extend_path, load_op
from dflow.python.runtime.report import kind_of, summary, trimmed, write_error

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
    spec = json.loads(op_file.read_text(encoding="utf-8"))
    extend_path(spec, op_file, step)
    for stale in (".error", ".missing"):
        with contextlib.suppress(FileNotFoundError):
            (step / stale).unlink()
    op = load_op(spec["op"], op_file)
    method = spec.get("save", "symlink")
    op.key, op.workflow_name = key, step.parent.name
    op.__dict__["_progress_file"] = os.environ.get("ARGO_PROGRESS_FILE") or str(step / ".progress")
    group = step / ".slices"
    if group.exists():
        run_group(op, json.loads(group.read_text(encoding="utf-8")), step, method)
        return
    name, sign = op_name(op), op.get_output_sign()
    op.__dict__["_take_early"] = lambda output, value: write_output(output, sign[output], value, step, method)
    inputs = check_side(name, "input", op.get_input_sign(), read_inputs(op.get_input_sign(), step))
    given = op.execute(OPIO(inputs))
    check_returned(name, given)
    outputs = check_side(name, "output", sign, {**op.early_outputs(), **given})
    check_existence(name, sign, outputs)
    write_outputs(sign, outputs, step, method)


def _left(step: Path, exc: SystemExit) -> int:
    """An OP that calls ``sys.exit``: status 0 is no success, for it returned nothing."""
    code = exc.code if isinstance(exc.code, int) else 1
    text = f"it called sys.exit({exc.code!r}) before it returned its outputs"
    write_error(step, text, "SystemExit", "exception")
    sys.stderr.write(text + "\n")
    return code or UNEXPECTED


def _report(step: Path, exc: BaseException) -> int:
    """Print the OP's own part of the traceback, and leave the reason for the engine."""
    if os.environ.get("DFLOW_TRACEBACK") == "full":
        traceback.print_exception(type(exc), exc, exc.__traceback__)
    else:
        sys.stderr.write(trimmed(exc))
    kind = kind_of(exc)
    message = summary(exc)
    write_error(step, message, type(exc).__name__, kind)
    return {"transient": TRANSIENT, "fatal": FATAL}.get(kind, UNEXPECTED)
