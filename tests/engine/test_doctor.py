"""What is wrong with a run directory is named, with what a resume does; the resume then does that."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow.engine.control import post_request
from dflow.engine.doctor import examine
from dflow.engine.lease import lease
from dflow.engine.model import Call, Literal, OutputArtifact, OutputParameter, Outputs
from dflow.engine.process import STEP_VARIABLE, hostname


@pytest.fixture
def finished(runner, steps, shell, tmp_path):
    """A run of two steps, `a` with a parameter and an artifact, and `b`, that has succeeded; each notes that it ran."""
    outputs = Outputs(
        parameters=(OutputParameter("n", path="/tmp/n"),), artifacts=(OutputArtifact("data", path="/tmp/data"),)
    )
    script = (
        f"echo a >> {tmp_path}/witness; echo 3 > /tmp/n; mkdir -p /tmp/data; echo x > /tmp/data/x; echo y > /tmp/data/y"
    )
    first = shell("first", script, outputs=outputs)
    second = shell("second", f"echo b >> {tmp_path}/witness")
    runner.go(
        steps(Call("a", "first", key=Literal("a")), Call("b", "second", key=Literal("b")), templates=[first, second])
    )
    return runner


def texts(runner) -> list[str]:
    return [f"{f.place}: {f.problem}" for f in examine(runner.layout).findings if f.wrong]


def witness(tmp_path) -> list[str]:
    return (tmp_path / "witness").read_text().split()


def tree(layout) -> dict[str, tuple[float, int]]:
    return {str(p): (p.lstat().st_mtime, p.lstat().st_ino) for p in layout.root.rglob("*")}


def test_nothing_is_wrong_with_a_finished_run(finished):
    before = tree(finished.layout)
    found = examine(finished.layout)
    assert (found.findings, found.is_well) == ((), True)
    assert (found.kept, found.failed, found.again) == (2, 0, 0)
    assert found.files == len(before)
    assert tree(finished.layout) == before


def test_a_failed_step_is_nothing_wrong_and_is_counted(runner, steps, shell):
    runner.go(steps(Call("a", "t"), templates=[shell("t", "false")]))
    found = examine(runner.layout)
    assert (found.is_well, found.kept, found.failed) == (True, 1, 1)


DAMAGE = {
    "no phase": (lambda a: (a / "phase").unlink(), "a: it has no phase: its step was interrupted"),
    "unfinished": (lambda a: (a / "phase").write_text("Running"), "a: its step was interrupted (Running)"),
    "garbage": (lambda a: (a / "phase").write_text("what?"), "a: its phase is 'what?', which is none"),
    "no record": (lambda a: (a / ".step").unlink(), "a: its .step is missing or damaged"),
    "torn record": (lambda a: (a / ".step").write_text('{"id":'), "a: its .step is missing or damaged"),
    "no parameter": (lambda a: (a / "outputs/parameters/n").unlink(), "a/outputs/parameters/n: has vanished"),
    "no artifact": (lambda a: shutil.rmtree(a / "workdir"), "a/outputs/artifacts/data: has vanished"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_step_is_named_and_run_again(finished, tmp_path, damage):
    spoil, text = DAMAGE[damage]
    spoil(finished.layout.root / "a")
    if damage == "no parameter":
        shutil.rmtree(finished.layout.root / "a/workdir/tmp")
    found = examine(finished.layout)
    assert text in texts(finished)
    assert (found.is_well, found.kept, found.again) == (False, 1, 1)
    assert next(f for f in found.findings if f.problem in text).remedy.startswith("a resume sets it aside as .bk")
    finished.go()
    assert witness(tmp_path) == ["a", "b", "a"]
    assert texts(finished) == []
    assert [f.problem for f in examine(finished.layout).findings] == [
        "1 directories of earlier attempts are kept aside as .bk1 …"
    ]


def test_a_step_directory_of_another_step_is_named(finished):
    shutil.copytree(finished.layout.root / "a", finished.layout.root / "c", symlinks=True)
    assert texts(finished) == ["c: its .step is of the directory a"]


def _touch(path):
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("outputs/parameters/n", "a/outputs/parameters/n: was changed after the step had ended"),
        ("workdir/tmp/data", "a/outputs/artifacts/data: was changed (time)"),
        ("workdir/tmp/data/x", "a/outputs/artifacts/data: was changed: x is newer than the end of the step"),
    ],
)
def test_an_output_that_was_changed_is_named_and_kept(finished, tmp_path, path, text):
    _touch(finished.layout.root / "a" / path)
    assert texts(finished) == [text]
    finished.go()
    assert witness(tmp_path) == ["a", "b"]


def test_a_resume_warns_of_an_artifact_that_was_changed(finished, caplog):
    _touch(finished.layout.root / "a/workdir/tmp/data")
    finished.go()
    assert (
        "output artifact 'data' of step 'a' was changed (time) after the step had ended, and is used as it is now; "
        "to make it anew: dflow retry wf-1 --step a"
    ) in caplog.messages


@pytest.mark.parametrize("name", ["graph.json", "settings.json"])
@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"schema": 99}'])
def test_a_missing_or_damaged_file_of_the_engine_is_named(finished, name, text):
    path = finished.layout.private / name
    before = path.read_text()
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert [t.partition(":")[0] for t in texts(finished)] == [f".dflow/{name}"]
    path.write_text(before)


def test_a_torn_journal_is_named_and_made_whole(finished):
    journal = finished.layout.journal
    lines = journal.read_text().splitlines(keepends=True)
    of_b = [line for line in lines if '"dir":"b"' in line]
    kept = [line for line in lines if line not in of_b]
    journal.write_text("".join([*kept, "nonsense\n", of_b[-1][:20]]))
    assert texts(finished) == [
        ".dflow/journal.jsonl: its last line is torn",
        f".dflow/journal.jsonl: lines that are no events: {len(kept) + 1}",
        ".dflow/journal.jsonl: does not know the end of 1 finished steps: wf-1[1].b",
    ]
    finished.go()
    assert finished.phases["[1].b"] == "Succeeded"
    assert texts(finished) == [f".dflow/journal.jsonl: lines that are no events: {len(kept) + 1}"]


def test_a_lost_journal_is_named_and_written_anew(finished):
    finished.layout.journal.unlink()
    assert texts(finished)[0] == ".dflow/journal.jsonl: cannot be read: No such file or directory"
    finished.go()
    assert texts(finished) == []
    assert {name: phase for name, phase in finished.phases.items() if name} == {
        "[0].a": "Succeeded",
        "[1].b": "Succeeded",
    }


def test_a_step_directory_that_is_gone_is_named(finished):
    shutil.rmtree(finished.layout.root / "b")
    assert texts(finished) == ["b: the directory of a finished step is gone"]


def test_a_stale_lease_and_status_are_named(finished):
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    finished.layout.lease.write_text(json.dumps({"host": hostname(), "pid": process.pid, "start": "1", "fence": 1}))
    finished.layout.status.write_text("Running")
    assert texts(finished) == [
        "status: says Running, but no process runs the workflow",
        f".dflow/lease: is of process {process.pid}, which is gone",
    ]
    finished.go()
    assert texts(finished) == []


@pytest.mark.parametrize(("age", "wrong"), [(0, False), (100, True)])
def test_a_lease_of_another_host_is_wrong_when_that_is_silent(finished, age, wrong):
    finished.layout.lease.write_text(json.dumps({"host": "elsewhere", "pid": 7, "start": "1", "fence": 1}))
    os.utime(finished.layout.lease, (time.time() - age,) * 2)
    (found,) = examine(finished.layout).findings
    assert found.wrong is wrong
    assert found.remedy == "when that is certainly gone: dflow resume wf-1 --takeover"
    assert ("no sign of life for 10" in found.problem) is wrong


def test_a_damaged_lease_and_status_are_named(finished):
    finished.layout.lease.write_text("{")
    finished.layout.status.write_text("well")
    assert texts(finished) == ["status: is missing or no phase", ".dflow/lease: is damaged"]


def test_a_live_run_is_well_and_its_open_steps_are_nothing_special(finished):
    (finished.layout.root / "b/phase").write_text("Running")
    finished.layout.status.write_text("Running")
    with lease(finished.layout):
        found = examine(finished.layout)
    assert found.is_well
    assert "is being run by process" in found.findings[0].problem


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of processes is known on Linux only")
def test_processes_that_are_left_over_are_named(finished):
    env = {**os.environ, STEP_VARIABLE: str(finished.layout.root / "a")}
    process = subprocess.Popen(["sleep", "60"], env=env)
    environ = Path(f"/proc/{process.pid}/environ")
    while environ.read_bytes() == b"":  # in the middle of its exec it shows none
        time.sleep(0.001)
    try:
        assert texts(finished) == [f": processes of its steps are left over: {process.pid}"]
        finished.go()
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()


def test_requests_that_wait_are_told_of(finished):
    post_request(finished.layout, "terminate")
    finished.layout.suspended.touch()
    found = examine(finished.layout)
    assert found.is_well
    assert [(f.problem, f.remedy) for f in found.findings] == [
        ("requests wait: terminate", "a resume drops them"),
        ("the workflow is suspended", "a resume takes that back"),
    ]


def test_an_engine_folder_that_others_can_enter_is_named(finished):
    finished.layout.private.chmod(0o755)
    (found,) = examine(finished.layout).findings
    assert (found.problem, found.remedy) == ("has mode 0755", f"chmod 0700 '{finished.layout.private}'")


def test_an_interpreter_and_a_library_that_are_gone_are_named(finished):
    settings = json.loads(finished.layout.settings.read_text())
    finished.layout.settings.write_text(json.dumps({**settings, "python": "/nowhere/python"}))
    (finished.layout.lib / "dflow").unlink()
    (finished.layout.lib / "dflow").symlink_to("/nowhere/dflow")
    assert texts(finished) == [
        ".dflow/settings.json: there is no interpreter /nowhere/python any more",
        ".dflow/lib/dflow: leads to /nowhere/dflow, which is gone",
    ]
