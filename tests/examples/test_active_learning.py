"""The active-learning example stops by its own criterion, learns, and goes on after it was killed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from dflow import Workflow, config

pytestmark = pytest.mark.waiting

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

EXAMPLE = Path(__file__).parents[2] / "examples" / "active_learning" / "active_learning.py"
TOLERANCE = 0.2  # meV per atom, of the example
STEPS = ("explore", "select", "label-0", "label-1", "label-2", "label-3", "train")


class Run(NamedTuple):
    """One finished run of the example: its exit status, what it printed, and where it ran."""

    status: int
    output: str
    folder: Path


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": "utf-8"}


def finish(folder: Path, *command: str) -> Run:
    """Run Python with these arguments in the folder, to its end."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    return Run(done.returncode, done.stdout, folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finish(tmp_path_factory.mktemp("undisturbed"), str(EXAMPLE))


def errors_of(run: Run) -> list[float]:
    """The last column of the printed table."""
    rows = re.findall(r"^ +(?:start|\d+) +\d+ .*?([\d.]+)$", run.output, re.MULTILINE)
    assert rows, run.output
    return [float(error) for error in rows]


def run_directory(folder: Path) -> Path:
    (found,) = folder.glob("active-learning-*")
    return found


def keys_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setitem(config, "debug_workdir", str(folder))
    return Workflow(id=run_directory(folder).name).query_keys_of_steps()


def kill_when(folder: Path, step: str, number: int) -> None:
    """Start the example, wait until the step has begun, and send the signal to the script's process group."""
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            end = time.monotonic() + 60
            while not list(folder.glob(f"active-learning-*/{step}")):
                assert process.poll() is None, "the example ended before it could be killed"
                assert time.monotonic() < end, f"{step} did not begin"
                time.sleep(0.02)
            os.killpg(process.pid, number)
            process.wait(timeout=20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0


def test_it_ends_by_its_own_criterion(run: Run) -> None:
    assert run.status == 0, run.output
    assert "the error is below the tolerance" in run.output
    *before, last = errors_of(run)
    assert last <= TOLERANCE < min(before)  # in the first iteration that allows it
    assert 3 <= len(before) < 8  # neither at once nor by the limit of iterations


def test_the_error_falls_by_two_orders_of_magnitude(run: Run) -> None:
    errors = errors_of(run)
    assert errors[-1] == min(errors)
    assert errors[-1] < errors[0] / 50


def test_every_step_of_every_iteration_has_its_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    iterations = range(len(errors_of(run)) - 1)
    expected = {"start", "plot", *(f"iter-{n}" for n in iterations)}
    expected |= {f"iter-{n}.{step}" for n in iterations for step in STEPS}
    keys = keys_of(run.folder, monkeypatch)
    assert set(keys) == expected
    assert len(keys) == len(expected)


def test_plot_is_a_readable_picture(run: Run) -> None:
    from matplotlib.image import imread

    pixels = imread(run.folder / "active_learning.png")  # decodes the whole file
    height, width = pixels.shape[:2]
    assert 1000 <= width <= 2500
    assert 500 <= height <= 1500
    inked = (pixels[..., :3] < 0.9).any(axis=-1).mean()
    assert 0.005 < inked < 0.5  # neither blank nor a blot


@pytest.mark.crash
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_a_kill_it_goes_on_to_the_same_result(
    run: Run, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_when(tmp_path, "iter-1.label-0", number)
    directory = run_directory(tmp_path)
    kept = {name: (directory / name / ".step").read_bytes() for name in ("start", "iter-0.train", "iter-1.select")}
    assert not (directory / "iter-1.train").exists()

    resumed = finish(tmp_path, "-m", "dflow.cli", "resume", directory.name)

    assert resumed.status == 0, resumed.output
    assert kept == {name: (directory / name / ".step").read_bytes() for name in kept}  # these did not run again
    assert not list(directory.glob("start.bk*")) + list(directory.glob("iter-0*.bk*"))
    reported = finish(tmp_path, str(EXAMPLE), directory.name)
    assert reported.status == 0, reported.output
    assert errors_of(reported) == errors_of(run)
    assert sorted(keys_of(tmp_path, monkeypatch)) == sorted(keys_of(run.folder, monkeypatch))
    assert (tmp_path / "active_learning.png").read_bytes().startswith(b"\x89PNG")
