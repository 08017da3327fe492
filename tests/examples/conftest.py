"""A real scheduler, for those who ask for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slurm import SlurmService

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmService]:
    """A real scheduler on this machine."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
    from slurm import SlurmService, why_not

    if reason := why_not():
        if os.environ.get("DFLOW_TEST_SERVICES") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with SlurmService() as started:
        yield started
