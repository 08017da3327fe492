"""What a real service needs of this machine, and what becomes of a test where that is not there."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["is_required", "lacking", "need"]


def is_required() -> bool:
    """Whether a missing service is an error, as in CI, instead of a reason to skip."""
    return os.environ.get("DFLOW_TEST_SERVICES") == "required"


def need(reason: str) -> None:
    """Skip the test for a reason, if there is one; fail it where services are required."""
    import pytest  # benchmarks start services without it

    if reason:
        (pytest.fail if is_required() else pytest.skip)(reason)


def lacking(service: str, programs: Iterable[str], *folders: str, installs: bool = False) -> str:
    """Why a service cannot be started here; empty if it can.

    Args:
        folders: where its programs may be, beside those of ``PATH``.
        installs: its script installs what is missing where services are required.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return f"only root can start {service}"
    where = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])
    missing = [program for program in programs if shutil.which(program, path=where) is None]
    if missing and not (installs and is_required()):
        return f"{service} needs {', '.join(missing)}"
    return ""
