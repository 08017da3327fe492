"""Has a class of the user's bring one artifact, as ``python -m dflow.python.runtime.bring`` in the step's directory."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, List

from dflow.python.runtime.main import report_failure
from dflow.python.runtime.payload import extend_path, find_op

__all__ = ["main"]


def main(arguments: List[str]) -> int:
    """Bring what a file tells of to ``inputs/artifacts/NAME`` of a step; the exit status is that of an OP.

    Args:
        arguments: the file; the step's directory; NAME; ``symlink``, ``link`` or ``copy`` for what lies elsewhere;
            and ``optional`` where it may bring nothing.
    """
    file, step, name, method = arguments[:4]
    work = tempfile.mkdtemp(prefix=".bring-", dir=step)
    try:
        _bring(file, Path(step), name, method, Path(work), "optional" in arguments[4:])
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - whatever a user's class raises is reported; none of it is ours
        return report_failure(step, exc, f"input artifact {name!r}: ")
    finally:
        os.chdir(step)
        shutil.rmtree(work, ignore_errors=True)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    return 0


def _bring(file: str, step: Path, name: str, method: str, work: Path, may_be_missing: bool) -> None:
    with open(file, encoding="utf-8") as stream:
        spec = json.load(stream)
    extend_path(spec, Path(file), step)
    found = find_op({**spec["op"], "what": "artifact class"}, Path(file))
    target = step / "inputs" / "artifacts" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(str(work))
    os.environ["TMPDIR"] = tempfile.tempdir = str(work)
    _settle(found.from_urn(spec["urn"]).download(name, str(target)), target, work, method)
    if not may_be_missing and not target.exists():
        raise FileNotFoundError(f"download() of {spec['op']['name']} returned None and left nothing at {target}")


def _settle(given: Any, target: Path, work: Path, method: str) -> None:
    """Have what ``download`` says it has got where it belongs."""
    if given is None:
        return
    place = Path(os.path.abspath(str(given)))
    if not place.exists():
        raise FileNotFoundError(f"download() returned {str(given)!r}, and there is no such file or directory")
    if place == target or target in place.parents:
        return
    if os.path.lexists(str(target)):
        raise FileExistsError(f"download() returned {str(given)!r}, and has left something at {target} as well")
    if work in place.parents:
        os.rename(str(place), str(target))
        return
    from dflow.engine.state import link_or_copy

    link_or_copy(place, target, method)
