"""A simulated scheduler, and workflows whose steps are its jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dflow import config

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A simulated Slurm, first on the path; its directory."""
    state = tmp_path / "scheduler"
    state.mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(state))
    monkeypatch.setenv("PATH", f"{SERVICES / 'fake_slurm'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(config, "dispatcher_interval", 0.5)
    return state
