"""The runtime by its contract: a directory in, a directory out, exit statuses, the error file."""

# ruff: noqa: F821, UP006, UP037 - names of outputs, not annotations

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import List  # noqa: UP035 - as users write it

import pytest
from dflow.python import OP, Artifact, FatalError, TransientError
from dflow.python.catalog import assemble
from dflow.python.payload import pack_op


def run(folder: Path, op: object, inputs: dict[str, str] | None = None, **changes: object):
    """Run an OP in `folder/run/step`, as an executor does; the ended process."""
    private, step = folder / "run" / ".dflow", folder / "run" / "step"
    (private / "ops").mkdir(parents=True, mode=0o700)
    (step / "inputs" / "parameters").mkdir(parents=True)
    (step / "workdir").mkdir()
    for name, text in (inputs or {}).items():
        (step / "inputs" / "parameters" / name).write_text(text)
    file = private / "ops" / "op.json"
    file.write_text(json.dumps({"op": {**pack_op(op), **changes}, "path": sys.path}))
    file.chmod(0o600)
    command = [sys.executable, "-m", "dflow.python.runtime", str(file), str(step), "k-1"]
    return subprocess.run(command, cwd=step / "workdir", capture_output=True, text=True, check=False)


def error(folder: Path) -> dict[str, str]:
    return json.loads((folder / "run" / "step" / ".error").read_text())


def test_success_is_0_and_leaves_the_outputs(tmp_path):
    @OP.function
    def add(n: int) -> {"m": int, "text": str}:
        print("working")
        return {"m": n + 1, "text": "a\nb"}

    done = run(tmp_path, add, {"n": "1"})
    outputs = tmp_path / "run" / "step" / "outputs" / "parameters"
    assert (done.returncode, done.stdout, done.stderr) == (0, "working\n", "")
    assert {p.name: p.read_text() for p in outputs.iterdir()} == {"m": "2", "text": "a\nb"}
    assert not (tmp_path / "run" / "step" / ".error").exists()


@pytest.mark.parametrize(
    ("raised", "status", "kind"),
    [
        (ValueError("no"), 1, "exception"),
        (FatalError("no"), 2, "fatal"),
        (TransientError("no"), 75, "transient"),
        (SystemExit(0), 1, "exception"),
        (SystemExit(7), 7, "exception"),
        (SystemExit("bye"), 1, "exception"),
    ],
)
def test_failures_have_exit_statuses_and_an_error_file(tmp_path, raised, status, kind):
    @OP.function
    def fail(n: int) -> {"m": int}:
        raise raised

    done = run(tmp_path, fail, {"n": "1"})
    assert done.returncode == status
    assert error(tmp_path)["kind"] == kind
    assert error(tmp_path)["type"] == type(raised).__name__
    assert error(tmp_path)["message"] in done.stderr


def test_trace_shows_the_users_frames_and_all_frames_when_asked(tmp_path, monkeypatch):
    @OP.function
    def fail(n: int) -> {"m": int}:
        raise ValueError("diverged")

    short = run(tmp_path / "a", fail, {"n": "1"}).stderr
    assert "raise ValueError" in short
    assert "python/op.py" not in short
    assert short.endswith("ValueError: diverged\n")
    monkeypatch.setenv("DFLOW_TRACEBACK", "full")
    assert "python/op.py" in run(tmp_path / "b", fail, {"n": "1"}).stderr


def test_input_that_does_not_fit_is_refused_before_execute(tmp_path):
    @OP.function
    def add(n: int) -> {"m": int}:
        print("never")

    done = run(tmp_path, add, {"n": "one"})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "OP add: input 'n' must be int, not str: 'one'\n"


def run_again(folder: Path) -> subprocess.CompletedProcess[str]:
    step = folder / "run" / "step"
    command = [sys.executable, "-m", "dflow.python.runtime", str(folder / "run/.dflow/ops/op.json"), str(step)]
    return subprocess.run(command, cwd=step / "workdir", capture_output=True, text=True, check=False)


def test_second_run_replaces_what_the_first_one_left(tmp_path):
    @OP.function
    def make(n: int) -> {"file": Artifact(Path), "files": Artifact(List[Path])}:
        if n == 0:
            raise ValueError("no")
        names = [Path(f"f{i}") for i in range(n)]
        for name in names:
            name.write_text("")
        return {"file": names[0], "files": names}

    step = tmp_path / "run" / "step"
    assert run(tmp_path, make, {"n": "0"}).returncode == 1
    for number in ("3", "2"):
        (step / "inputs" / "parameters" / "n").write_text(number)
        done = run_again(tmp_path)
        assert done.returncode == 0, done.stderr
        assert not (step / ".error").exists()
    artifacts = step / "outputs" / "artifacts"
    assert assemble(artifacts / "file", Path) == artifacts / "file" / "f0"
    assert [path.name for path in assemble(artifacts / "files", List[Path])] == ["f0", "f1"]
    assert {path.name for path in (artifacts / "files").iterdir()} == {".dflow", "f0", "f1"}


@pytest.mark.parametrize("place", ["run/.dflow/ops/op.json", "run/.dflow/ops", "run/.dflow", "run"])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_pickle_that_others_can_write_is_refused(tmp_path, place, mode):
    @OP.function
    def add(n: int) -> {"m": int}:
        return {"m": n}

    run(tmp_path, add, {"n": "1"})
    (tmp_path / place).chmod(mode)
    file, step = tmp_path / "run/.dflow/ops/op.json", tmp_path / "run/step"
    done = subprocess.run(
        [sys.executable, "-m", "dflow.python.runtime", str(file), str(step)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{tmp_path / place} can be written by others" in done.stderr
    assert f"chmod go-w '{tmp_path / place}'" in done.stderr


def test_a_pickle_is_trusted_under_an_open_umask_and_an_open_folder_above(tmp_path, run_script):
    tmp_path.chmod(0o1777)
    text = """
        import os
        os.umask(0o002)
        from dflow import Step, Workflow
        from dflow.python import OP, PythonOPTemplate
        @OP.function
        def add(n: int) -> {"m": int}:
            return {"m": n + 1}
        wf = Workflow("wf", id="wf-1")
        wf.add(Step("a", PythonOPTemplate(add), parameters={"n": 1}))
        wf.submit()
        assert wf.query_status() == "Succeeded"
    """
    run_script(text)
    assert (tmp_path / "wf-1").stat().st_mode & 0o022 == 0


def test_another_python_runs_the_op_from_its_source(tmp_path):
    (tmp_path / "users_ops.py").write_text(
        textwrap.dedent("""
            import math
            from dflow.python import OP
            raise_when_run = 1 / 0 if __name__ != "users_ops" else None

            @OP.function
            def root(n: int) -> {"m": float}:
                return {"m": math.sqrt(n)}
        """)
    )
    sys.path.insert(0, str(tmp_path))
    try:
        from users_ops import root
    finally:
        sys.path.remove(str(tmp_path))
    done = run(tmp_path, type(root)(root.func), {"n": "4"}, python="3.1", data="not a pickle")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/step/outputs/parameters/m").read_text() == "2.0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"python": "3.1", "source": None}, "was packed by Python 3.1, this is "),
        ({"python": "3.1", "source": "x = 1"}, "the source of OP add defines no OP of that name"),
        ({"data": "AAAA"}, "OP add cannot be unpickled here"),
        ({"kind": "import", "module": "no_such_module"}, "OP add cannot be imported from no_such_module by "),
        ({"kind": "import", "module": "json", "qualname": "Nothing"}, "OP add cannot be imported from json by "),
    ],
)
def test_op_that_cannot_be_had_is_explained(tmp_path, changes, message):
    @OP.function
    def add(n: int) -> {"m": int}:
        return {"m": n}

    done = run(tmp_path, add, {"n": "1"}, **changes)
    assert done.returncode == 1
    assert message in done.stderr
    assert error(tmp_path)["type"] == "PayloadError"
