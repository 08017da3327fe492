"""Runs one OP in one step directory."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

from dflow.python.check import check_side
from dflow.python.op import check_returned, op_name
from dflow.python.opio import OPIO
from dflow.python.runtime.payload import extend_path, find_op
from dflow.python.step_files import check_existence, check_texts, read_inputs, write_output, write_outputs

__all__ = ["Prepared", "main", "report_failure"]

UNEXPECTED, FATAL, TRANSIENT = 1, 2, 75


class Prepared:
    """An OP that is loaded ahead of the steps that run it; its module path is in place.

    Attributes:
        spec: what its file says.
        present: what is in the directory of the step that is next; None when nobody has looked.
    """

    present: List[str] | None = None

    def __init__(self, op_file: str, step: str) -> None:
        """Load the OP of a file; ``step`` is a directory that is no place of modules."""
        with open(op_file, encoding="utf-8") as stream:
            self.spec: Dict[str, Any] = json.load(stream)
        extend_path(self.spec, Path(op_file), Path(step))
        self._found = found = find_op(self.spec["op"], Path(op_file))
        is_class = isinstance(found, type)
        self._signs = (found.get_input_sign(), found.get_output_sign()) if is_class else None

    def signs(self, op: Any) -> Tuple[Any, Any]:
        """What the OP takes and gives; a class says it once, an instance may have changed its mind."""
        return self._signs or (op.get_input_sign(), op.get_output_sign())

    def op(self) -> Any:
        """The OP to execute, with nothing left in it of an earlier step."""
        if isinstance(self._found, type):
            return self._found()
        for name in ("outputs", "_take_early", "_progress_file"):
            self._found.__dict__.pop(name, None)
        return self._found


def main(arguments: List[str], prepared: Prepared | None = None) -> int:
    """Run the OP of the file ``arguments[0]`` in the directory ``arguments[1]`` of a step with key ``arguments[2]``.

    A fourth argument is the name of the workflow, where the directory does not tell it. Where ``DFLOW_USAGE`` names a
    file, it holds afterwards how many seconds of CPU and how many bytes of memory were used.

    Args:
        prepared: the OP, where it is loaded already.
    """
    step, told = arguments[1], os.environ.pop("DFLOW_USAGE", "")
    in_list = bool(os.environ.pop("DFLOW_STACKED", ""))  # outputs become elements of lists, in which None has a place
    try:
        if prepared is None:
            prepared = Prepared(arguments[0], step)
        key, workflow = [*arguments[2:4], "", ""][:2]
        _run(prepared, step, key or None, workflow or step.rpartition("/")[0].rpartition("/")[2], in_list)
    except SystemExit as exc:
        return _left(step, exc)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - whatever an OP raises is reported; none of it is ours to handle
        return report_failure(step, exc)
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if told:
            _tell_usage(told)
    return 0


def _tell_usage(place: str) -> None:
    """Leave what this process and its children have used, seconds and bytes, for those who cannot see it."""
    import resource

    from dflow.python.runtime.process import RSS_UNIT

    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    try:
        with open(place, "w", encoding="ascii") as stream:
            stream.write(f"{cpu:.4f} {max(own.ru_maxrss, children.ru_maxrss) * RSS_UNIT}\n")
    except OSError:
        return


def _run(prepared: Prepared, step: str, key: str | None, workflow: str, in_list: bool) -> None:
    if "DFLOW_OFFLINE" in os.environ:
        from dflow.python.offline import guard_step

        guard_step(str(prepared.spec.get("op", {}).get("name", "")))
    op = prepared.op()
    method = prepared.spec.get("save", "symlink")
    progress = os.environ.get("ARGO_PROGRESS_FILE") or f"{step}/.progress"
    op.__dict__.update(key=key, workflow_name=workflow, _progress_file=progress, _step=step)
    present = os.listdir(step) if prepared.present is None else prepared.present
    for stale in (".error", ".missing", ".lineage"):
        if stale in present:  # of an earlier attempt in this directory
            os.unlink(f"{step}/{stale}")
    if ".slices" in present:
        _run_group(op, Path(step), method)
        return
    name = op_name(op)
    takes, sign = prepared.signs(op)
    op.__dict__["_take_early"] = lambda output, value: write_output(output, sign[output], value, step, method)
    inputs = check_side(name, "input", takes, read_inputs(takes, step))
    given = op.execute(OPIO(inputs))
    check_returned(name, given)
    outputs = check_side(name, "output", sign, {**op.early_outputs(), **given})
    check_existence(name, sign, outputs)
    if not in_list:
        check_texts(name, sign, outputs)
    write_outputs(sign, outputs, step, method)


def _run_group(op: Any, step: Path, method: str) -> None:
    from dflow.python.runtime.group import run_group

    run_group(op, json.loads((step / ".slices").read_text(encoding="utf-8")), step, method)


def _left(step: str, exc: SystemExit) -> int:
    """An OP that calls ``sys.exit``: status 0 is no success, for it returned nothing."""
    from dflow.python.runtime.report import write_error

    code = exc.code if isinstance(exc.code, int) else 1
    text = f"it called sys.exit({exc.code!r}) before it returned its outputs"
    write_error(Path(step), text, "SystemExit", "exception")
    sys.stderr.write(text + "\n")
    return code or UNEXPECTED


def report_failure(step: str, exc: BaseException, what: str = "") -> int:
    """Print the user's own part of a traceback, and leave the reason for the engine; the exit status.

    Args:
        what: the beginning of the reason.
    """
    from dflow.python.runtime.report import DEBUGGER, kind_of, stop_at, summary, trimmed, write_error

    if os.environ.get("DFLOW_TRACEBACK") == "full":
        import traceback

        traceback.print_exception(type(exc), exc, exc.__traceback__)
    else:
        sys.stderr.write(trimmed(exc))
    if DEBUGGER in os.environ:
        stop_at(exc)
    kind = kind_of(exc)
    message = what + summary(exc)
    write_error(Path(step), message, type(exc).__name__, kind)
    return {"transient": TRANSIENT, "fatal": FATAL}.get(kind, UNEXPECTED)
