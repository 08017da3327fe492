"""``dflow gc``: what can go is shown first, and only that goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from dflow import InputArtifact, OutputArtifact, ShellOPTemplate, Step, Workflow, download_artifact, upload_artifact
from dflow.engine.cleaning import Choice, plan
from dflow.engine.layout import RunLayout
from dflow.engine.lease import lease
from dflow.engine.process import hostname
from dflow.engine.removing import clean

DAY = 86400


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def found(*words: str) -> dict[str, Any]:
    return json.loads(dflow("gc", *words, "--json").stdout)


def names(data: dict[str, Any], kind: str | None = None) -> list[str]:
    return [entry["name"] for entry in data["removals"] if kind in (None, entry["kind"])]


def run(name: str, script: str = "echo x > /tmp/o", days: float = 0, **more: Any) -> Workflow:
    """A run that ended so many days ago."""
    made = ShellOPTemplate("t", script=script)
    made.outputs.artifacts = {"o": OutputArtifact(path="/tmp/o")}
    wf = Workflow(name, id=name)
    wf.add(Step("a", made, key="a", **more.pop("step", {})))
    wf.submit(**more)
    then = time.time() - days * DAY
    os.utime(Path(name) / "status", (then, then))
    return wf


def here() -> set[str]:
    return {path.name for path in Path().iterdir() if path.is_dir()}


def test_nothing_is_deleted_without_the_word(tmp_path):
    run("one", days=40)
    before = sorted(str(path) for path in Path("one").rglob("*"))
    said = dflow("gc", "--older", "30d").stdout
    assert "one" in said
    assert "40 d old" in said
    assert "nothing was changed: to delete, add --delete" in said
    assert sorted(str(path) for path in Path("one").rglob("*")) == before


def test_without_a_choice_nothing_goes():
    run("one", days=400)
    assert "say which runs can go" in dflow("gc", "--delete", status=2).stderr
    assert here() == {"one"}


def test_old_runs_go_and_new_ones_stay():
    for name, days in (("old", 31), ("older", 400), ("new", 29)):
        run(name, days=days)
    assert names(found("--older", "30d")) == ["older", "old"]
    said = dflow("gc", "--older", "30d", "--delete").stdout
    assert "deleted 2, " in said
    assert here() == {"new"}
    assert not list(Path().glob(".dflow-gc*"))
    assert "there is nothing to delete" in dflow("gc", "--older", "30d", "--delete").stdout


def test_phases_and_the_newest_runs():
    for number in range(4):
        run(f"good-{number}", days=10 - number)
    run("bad", "false", days=3)
    assert names(found("--phase", "failed,Terminated")) == ["bad"]
    assert names(found("--keep-last", "2")) == ["good-0", "good-1", "good-2"]
    assert names(found("--keep-last", "2", "--older", "9d")) == ["good-0", "good-1"]
    assert names(found("--keep-last", "9")) == []
    assert "must be one of Pending, Running, Succeeded" in dflow("gc", "--phase", "Good", status=2).stderr


def test_oldest_runs_go_until_the_others_fit():
    for number in range(3):
        run(f"run-{number}", "head -c 300000 /dev/urandom > /tmp/o", days=10 - number)
    sizes = {entry["name"]: entry["size"] for entry in found("--keep-last", "0")["removals"]}
    assert all(300_000 < size < 600_000 for size in sizes.values())
    assert names(found("--size", "10M")) == []
    assert names(found("--size", "900K")) == ["run-0"]
    assert names(found("--size", "0")) == ["run-0", "run-1", "run-2"]
    assert "--size much" in dflow("gc", "--size", "much", status=2).stderr


def test_size_is_what_the_disk_has_and_hard_links_count_once():
    run("one", "head -c 1000000 /dev/urandom > /tmp/o")
    before = found("--phase", "Succeeded")["size"]
    os.link("one/a/workdir/tmp/o", "one/a/workdir/again")
    with Path("one/a/workdir/holes").open("wb") as stream:
        stream.truncate(1 << 30)
    assert abs(found("--phase", "Succeeded")["size"] - before) <= 8192
    assert 1_000_000 < before < 1_200_000


def test_run_that_is_running_stays_whatever_is_said():
    run("live", days=100)
    with lease(RunLayout(Path("live").absolute())):
        data = found("--older", "1d", "--phase", "Succeeded", "--force", "--delete")
        assert data["kept"] == [{"name": "live", "why": "is running"}]
        assert data["removals"] == []
    assert here() == {"live"}
    assert found("--older", "1d", "--delete")["size"] > 0
    assert here() == set()


def test_unfinished_run_goes_only_when_its_phase_is_named():
    run("broken", days=100)
    Path("broken/status").write_text("Running")
    os.utime("broken/status", (1, 1))
    data = found("--older", "1d", "--delete")
    assert data["removals"] == []
    assert "is not finished" in data["kept"][0]["why"]
    assert here() == {"broken"}
    assert names(found("--phase", "Running", "--delete")) == ["broken"]
    assert here() == set()


def reusing(days: float = 0) -> None:
    run("maker", days=100)
    run("user", days=days, reuse_step=Workflow(id="maker").query_step(key="a"))
    assert Path("user/a/outputs/artifacts/o").resolve().is_relative_to(Path("maker").absolute())


def test_run_whose_outputs_another_one_has_stays():
    reusing()
    data = found("--older", "30d", "--delete")
    assert data["removals"] == []
    assert data["kept"] == [{"name": "maker", "why": "run user has outputs of it (goes with --force)"}]
    assert Path("user/a/outputs/artifacts/o").read_text() == "x\n"
    assert names(found("--older", "30d", "--artifacts")) == []
    assert names(found("--older", "30d", "--force", "--delete")) == ["maker"]
    assert here() == {"user"}


def test_run_whose_outputs_were_uploaded_for_another_one_stays():
    run("maker", days=100)
    given = upload_artifact("maker/a/outputs/artifacts/o")
    reads = ShellOPTemplate("r", script="cat /tmp/i > /dev/null; true")
    reads.inputs.artifacts = {"i": InputArtifact(path="/tmp/i")}
    wf = Workflow("reads", id="reads")
    wf.add(Step("a", reads, artifacts={"i": given}))
    wf.submit()
    assert names(found("--older", "30d", "--delete")) == []
    assert names(found("--older", "30d", "--force")) == ["maker"]


def test_run_whose_outputs_are_reused_goes_together_with_the_other():
    reusing(days=50)
    assert names(found("--older", "30d", "--delete")) == ["maker", "user"]
    assert here() == set()


def test_what_stays_keeps_what_it_needs_over_several_runs():
    reusing(days=50)
    run("last", reuse_step=Workflow(id="user").query_step(key="a"))
    assert names(found("--older", "30d")) == []
    assert {entry["name"] for entry in found("--older", "30d")["kept"]} == {"maker", "user"}


def test_run_that_a_half_finished_one_is_going_to_reuse_stays():
    reusing()
    Path("user/status").write_text("Running")
    for path in ("user/a/outputs/artifacts/o",):
        Path(path).unlink()
    assert names(found("--older", "30d")) == []


def test_artifacts_go_and_the_rest_can_still_be_queried():
    run("one", "echo text; echo x > /tmp/o")
    before = found("--phase", "Succeeded")["size"]
    assert names(found("--artifacts", "--delete"), "artifacts") == ["one"]
    assert not Path("one/a/workdir").exists()
    assert not Path("one/a/outputs/artifacts").exists()
    assert found("--phase", "Succeeded")["size"] < before
    step = Workflow(id="one").query_step(key="a")[0]
    assert (step.phase, Workflow(id="one").query_status()) == ("Succeeded", "Succeeded")
    assert dflow("logs", "one", "a").stdout.startswith("text")
    assert names(found("--artifacts")) == []


def test_set_aside_directories_go():
    gate = Path("gate").absolute()
    run("one", f"echo x > /tmp/o; test -e {gate}")
    gate.touch()
    dflow("retry", "one")
    assert Path("one/a.bk1").is_dir()
    assert names(found("--backups", "--delete"), "backup") == ["one"]
    assert not Path("one/a.bk1").exists()
    assert Path("one/a/outputs/artifacts/o").read_text() == "x\n"


def test_what_debugging_has_left_goes_with_what_was_set_aside():
    run("one", "echo x > /tmp/o")
    dflow("debug", "one", "a")
    dflow("debug", "one", "a")
    going_on = Path("one/.dflow/debug/2/one/a/phase")
    going_on.write_text("Running")
    assert [r["why"] for r in found("--backups")["removals"]] == ["1 of dflow debug"]
    found("--backups", "--delete")
    assert [p.name for p in Path("one/.dflow/debug").iterdir()] == ["2"]
    os.utime(going_on, (0, 0))  # it was killed long ago
    found("--backups", "--delete")
    assert list(Path("one/.dflow/debug").iterdir()) == []
    assert "nothing is wrong" in dflow("doctor", "one").stdout


def test_uploads_go_when_no_run_refers_to_them():
    Path("given").write_text("given")
    used, unused, fresh = (upload_artifact("given") for _ in range(3))
    reads = ShellOPTemplate("r", script="cat /tmp/i > /dev/null; true")
    reads.inputs.artifacts = {"i": InputArtifact(path="/tmp/i")}
    wf = Workflow("reads", id="reads")
    wf.add(Step("a", reads, artifacts={"i": used}))
    wf.submit()
    for artifact in (used, unused):
        os.utime(artifact.local_path, (1, 1))
    assert names(found("--uploads", "--delete")) == [Path(unused.local_path).name]
    assert {path.name for path in Path("upload").iterdir()} == {Path(a.local_path).name for a in (used, fresh)}
    assert Path("given").read_text() == "given"
    assert names(found("--uploads", "--older", "0")) == [Path(fresh.local_path).name]
    assert names(found("--uploads", "--runs", "--phase", "Succeeded,Failed"), "upload") == [Path(used.local_path).name]


def test_kept_outputs_go_by_age_and_when_their_files_are_gone():
    def memoized(name: str) -> None:
        made = ShellOPTemplate("m", script="echo x > /tmp/o", memoize_key=name)
        made.outputs.artifacts = {"o": OutputArtifact(path="/tmp/o")}
        wf = Workflow(name, id=name)
        wf.add(Step("a", made))
        wf.submit()

    memoized("one")
    memoized("two")
    assert names(found("--cache")) == []
    assert len(names(found("--cache", "--older", "0"), "cache")) == 2
    dflow("delete", "one")
    assert len(names(found("--cache", "--delete"), "cache")) == 1
    assert len(list(Path(".dflow-cache").glob("*.json"))) == 1


def test_what_links_lead_to_outside_stays():
    Path("treasure").mkdir()
    Path("treasure/x").write_text("x")
    run("one", f"mkdir /tmp/o; ln -s {Path('treasure').absolute()} /tmp/o/out", days=9)
    Path("linked").symlink_to("one")
    data = found("--older", "1d", "--force", "--delete")
    assert names(data) == ["one"]
    assert data["kept"] == [{"name": "linked", "why": "is a link to another place"}]
    assert Path("linked").is_symlink()
    assert Path("treasure/x").read_text() == "x"


def test_directories_that_cannot_be_written_go_too():
    run("one", "mkdir -p /tmp/o/d; echo x > /tmp/o/d/f; chmod 500 /tmp/o/d /tmp/o", days=9)
    dflow("gc", "--older", "1d", "--delete")
    assert here() == set()
    assert not list(Path().glob(".dflow-gc*"))


@pytest.mark.parametrize("moment", ["mkdtemp", "rename", "rmtree"])
def test_kill_leaves_a_run_or_none_and_the_next_time_ends_it(moment):
    run("one", days=9)
    run("two", days=8)
    before = {str(path) for path in Path("two").rglob("*")}
    script = (
        "import os, shutil, signal, tempfile, pathlib\n"
        "def die(*a, **k):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "real = pathlib.Path.rename\n"
        "def once(self, target):\n"
        "    real(self, target)\n"
        "    die()\n"
        f"moment = {moment!r}\n"
        "if moment == 'mkdtemp': tempfile.mkdtemp = die\n"
        "if moment == 'rename': pathlib.Path.rename = once\n"
        "if moment == 'rmtree': shutil.rmtree = die\n"
        "from dflow.cli import main\n"
        "main(['gc', '--older', '1d', '--delete'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == -9
    assert {p.name for p in Path().glob("one/*")} in (set(), {"a", "status", "type", "pid", ".dflow"})
    assert {str(path) for path in Path("two").rglob("*")} == before
    assert [line.split()[0] for line in dflow("list").stdout.splitlines()[1:]] == (
        ["two", "one"] if Path("one").exists() else ["two"]
    )
    left = list(Path().glob(".dflow-gc*"))
    assert names(found("--older", "1000d"), "leftover") == [path.name for path in left]
    dflow("gc", "--older", "1d", "--delete")
    assert here() == set()


def test_leftovers_of_a_cleaning_that_goes_on_stay():
    run("one")
    live = Path(f".dflow-gc-{hostname()}-{os.getpid()}-x")
    live.mkdir()
    assert names(found("--older", "1d", "--delete")) == []
    assert live.is_dir()


def test_run_that_is_begun_again_meanwhile_stays():
    run("one", days=9)
    made = plan(Path.cwd(), Choice(older=DAY))
    with lease(RunLayout(Path("one").absolute())):
        assert [entry.name for entry in clean(made)] == ["one"]
    assert Path("one/a/phase").is_file()
    assert clean(made) == []
    assert not Path("one").exists()


def test_download_still_works_after_others_have_gone():
    run("keep")
    run("go", days=9)
    dflow("gc", "--older", "1d", "--delete")
    step = Workflow(id="keep").query_step(key="a")[0]
    assert Path(download_artifact(step.outputs.artifacts["o"], path="got")[0]).read_text() == "x\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--older", "soon"], "a length of time such as 30d"),
        (["--artifacts", "--size", "1G"], "leave it out, or add --runs"),
        (["--runs"], "say which"),
        (["--keep-last", "-1"], "must not be negative"),
        (["--older", "1d", "--dir", "nowhere"], "cannot look for runs"),
    ],
)
def test_wrong_words_are_told(words, text):
    assert text in dflow("gc", *words, status=1 if "nowhere" in words else 2).stderr
