"""Every verb of the command, as a user types it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from until import until


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def shown(*words: str) -> object:
    return json.loads(dflow(*words, "--json").stdout)


@pytest.fixture
def wf(tmp_path) -> Workflow:
    """A run with a step that succeeds and one that fails until `repaired` is there; each notes that it ran."""
    good = ShellOPTemplate("good", script=f"echo good >> {tmp_path}/witness; echo fine; echo warn >&2")
    bad = ShellOPTemplate("bad", script=f"echo bad >> {tmp_path}/witness; test -e {tmp_path}/repaired")
    after = ShellOPTemplate("after", script=f"echo after >> {tmp_path}/witness")
    wf = Workflow("cli", id="cli-abc12")
    wf.add(Step("good", good, key="iter-0.good"))
    wf.add(Step("bad", bad))
    wf.add(Step("after", after))
    wf.submit()
    return wf


def witness() -> list[str]:
    return Path("witness").read_text().split() if Path("witness").exists() else []


def test_no_verb_prints_the_help():
    assert "examples:" in dflow(status=2).stdout


def test_help_and_version():
    assert "run a script" in dflow("--help").stdout
    assert dflow("--version").stdout.startswith("pydflow 2.")
    assert "unrecognized" in dflow("list", "--nonsense", status=2).stderr
    assert "there is no verb 'frobnicate'; see: dflow --help" in dflow("frobnicate", status=2).stderr


def test_list(wf):
    (row,) = shown("list")
    assert (row["id"], row["status"], row["steps"]) == (wf.id, "Failed", 2)
    assert (row["done"], row["runner"]) == (1, None)
    lines = dflow("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATUS", "STARTED", "TIME", "STEPS"]
    assert wf.id in lines[1]
    assert lines[1].endswith(" 1/2")


def test_verbs_that_only_look_take_the_latest_run_and_name_it_beside_their_output(wf):
    for verb in ("get", "getsteps", "getkeys", "logs"):
        named, latest = dflow(verb, wf.id), dflow(verb)
        assert (latest.stdout, latest.stderr, named.stderr) == (named.stdout, f"run {wf.id}\n", ""), verb
    assert dflow("watch", "--plain", status=1).stderr.startswith(f"run {wf.id}\n")
    assert shown("getkeys") == ["iter-0.good"]
    assert dflow("logs", "--tail", "1", wf.id, "good").stdout.strip() in ("fine", "warn")
    assert "the following arguments are required: ID" in dflow("terminate", status=2).stderr


def test_verbs_without_a_run_say_where_there_is_none(tmp_path):
    assert dflow("get", status=1).stderr == f"dflow: there is no run in {tmp_path}\n"


def test_get_shows_times_as_other_verbs_do(wf):
    lines = dict(line.split(":", 1) for line in dflow("get").stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d s", lines["duration"].strip())
    Path(wf.id, "status").write_text("Running")
    journal = Path(wf.id, ".dflow", "journal.jsonl")
    kept = [line for line in journal.read_text().splitlines() if '"Failed"' not in line]
    journal.write_text("\n".join(kept) + "\n")
    lines = dict(line.split(":", 1) for line in dflow("get").stdout.splitlines())
    assert lines["finishedAt"].strip() == "-"


def test_an_option_of_run_behind_the_script_is_the_scripts_and_that_is_said():
    Path("plain.py").write_text("import sys\nprint(sys.argv[1:])\n")
    done = dflow("run", "plain.py", "--detach", "-v")
    assert done.stdout == "['--detach', '-v']\n"
    assert (
        done.stderr == "--detach stands behind the script, so it is the script's; else: dflow run --detach plain.py\n"
    )
    Path("knows.py").write_text("import sys\nprint('--detach' in sys.argv)\n")
    assert dflow("run", "knows.py", "--detach").stderr == ""


def test_the_package_is_the_command_too(wf):
    done = subprocess.run([sys.executable, "-m", "dflow", "getkeys"], capture_output=True, text=True, check=True)
    assert done.stdout == "iter-0.good\n"


def test_list_of_another_directory_and_of_none(wf, tmp_path):
    (tmp_path / "empty").mkdir()
    assert shown("list", "--dir", str(tmp_path / "empty")) == []
    assert "cannot look for runs in" in dflow("list", "--dir", "nowhere", status=1).stderr


def test_get(wf):
    data = shown("get", wf.id)
    assert (data["id"], data["status"], data["phases"]) == (wf.id, "Failed", {"Succeeded": 1, "Failed": 1})
    assert data["outputs"] == {"parameters": {}, "artifacts": {}}
    text = dflow("get", wf.id).stdout
    assert "✖ Failed" in text
    assert "steps:       1 Succeeded, 1 Failed" in text


def test_getsteps(wf):
    assert [s["displayName"] for s in shown("getsteps", wf.id)] == ["good", "bad"]
    assert [s["displayName"] for s in shown("getsteps", wf.id, "--phase", "Failed,Error")] == ["bad"]
    assert [s["displayName"] for s in shown("getsteps", wf.id, "--key", "iter-0.good,x")] == ["good"]
    assert [s["displayName"] for s in shown("getsteps", wf.id, "--name", "b", "--type", "Pod")] == ["bad"]
    lines = dflow("getsteps", wf.id).stdout.splitlines()
    assert lines[0].split() == ["NAME", "KEY", "PHASE", "TYPE", "TIME", "MESSAGE"]
    assert "exit code 1" in lines[2]


def test_getkeys(wf):
    assert shown("getkeys", wf.id) == ["iter-0.good"]
    assert dflow("getkeys", wf.id).stdout == "iter-0.good\n"


@pytest.mark.parametrize("word", ["good", "iter-0.good"])
def test_logs_by_name_and_key(wf, word):
    assert dflow("logs", wf.id, word).stdout == "fine\nwarn\n"
    assert shown("logs", wf.id, word)[0]["log"] == "fine\nwarn\n"


def test_logs_of_a_step_that_is_not_there(wf):
    assert "has no step 'after'; see: dflow getsteps" in dflow("logs", wf.id, "after", status=1).stderr


def test_output_that_nobody_reads_is_no_error(wf):
    command = f"{sys.executable} -m dflow.cli getsteps {wf.id} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_beginning_of_an_id_and_path_of_a_directory_are_enough(wf, tmp_path):
    assert shown("get", "cli")["id"] == wf.id
    assert shown("get", str(tmp_path / wf.id))["id"] == wf.id


def test_latest_is_the_run_that_was_submitted_last(wf):
    other = Workflow("cli", id="another")
    other.add([])
    other.submit()
    assert shown("get", "@latest")["id"] == "another"


def test_latest_of_no_runs():
    assert "there is no run in" in dflow("get", "@latest", status=1).stderr


def test_beginning_of_several_ids_names_them(wf):
    other = Workflow("cli", id="cli-abc99")
    other.add([])
    other.submit()
    assert shown("get", wf.id)["id"] == wf.id
    stderr = dflow("get", "cli-abc", status=1).stderr
    assert "'cli-abc' is the beginning of 2 ids: " in stderr
    assert wf.id in stderr


@pytest.mark.parametrize(
    "verb", ["get", "getsteps", "getkeys", "terminate", "stop", "delete", "resume", "retry", "download"]
)
def test_run_that_is_not_there(verb):
    assert dflow(verb, "nothing", status=1).stderr.startswith("dflow: there is no run 'nothing' in ")


def test_retry_runs_only_what_failed_again(wf, tmp_path):
    assert witness() == ["good", "bad"]
    dflow("retry", wf.id, status=1)
    assert witness() == ["good", "bad", "bad"]
    (tmp_path / "repaired").touch()
    assert f"Workflow {wf.id} Succeeded" in dflow("retry", wf.id).stdout
    assert witness() == ["good", "bad", "bad", "bad", "after"]
    assert shown("get", wf.id)["status"] == "Succeeded"


def test_retry_of_one_step(wf, tmp_path):
    (tmp_path / "repaired").touch()
    dflow("retry", wf.id, "--step", "bad")
    assert witness() == ["good", "bad", "bad", "after"]
    dflow("retry", wf.id, "--step", "iter-0.good")
    assert witness() == ["good", "bad", "bad", "after", "good"]
    assert "has no step 'nope'" in dflow("retry", wf.id, "--step", "nope", status=1).stderr


def test_retry_of_one_step_does_not_blame_it_for_another_that_failed_before(wf):
    done = dflow("retry", wf.id, "--step", "good", status=1)
    assert witness() == ["good", "bad", "good"]
    assert done.stderr == (
        f"Workflow {wf.id} Failed\nstep 'bad' failed in an earlier attempt and was not run again\n"
        f"  retry: dflow retry {wf.id}\n"
    )


@pytest.mark.parametrize(("words", "again"), [((), ["bad"]), (("--step", "good"), ["good"])])
def test_retry_of_a_live_run_is_done_when_its_attempt_has_ended(tmp_path, words, again):
    wf = Workflow("bg", id="live")
    good = ShellOPTemplate("good", script=f"echo good >> {tmp_path}/witness")
    bad = ShellOPTemplate("bad", script=f"echo bad >> {tmp_path}/witness; test -e {tmp_path}/go")
    slow = ShellOPTemplate(
        "slow", script=f"echo slow >> {tmp_path}/witness; until test -e {tmp_path}/go; do sleep 0.05; done"
    )
    wf.add([Step("good", good), Step("bad", bad), Step("slow", slow)])
    wf.submit(detach=True)
    until(lambda: len(witness()) == 3 and shown("get", "live")["phases"].get("Failed"))
    assert "live is running; when its attempt has ended, " in dflow("retry", "live", *words).stdout
    (tmp_path / "go").touch()
    assert wf.wait(interval=0.05) == ("Succeeded" if again == ["bad"] else "Failed")
    assert sorted(witness()[:3]) == ["bad", "good", "slow"]
    assert witness()[3:] == again


def test_retried_step_keeps_its_earlier_directory_aside(wf, tmp_path):
    dflow("retry", wf.id, status=1)
    assert [p.name.endswith(".bk1") for p in (tmp_path / wf.id).glob("cli-abc12-bad-*")].count(True) == 1


def test_resume_of_a_finished_run_repeats_nothing(wf):
    dflow("resume", wf.id, status=1)
    assert witness() == ["good", "bad"]


def test_a_run_that_has_succeeded_stays_as_it_is_unless_something_of_it_is_gone(tmp_path):
    wf = Workflow("done", id="done-1")
    wf.add(Step("s", ShellOPTemplate("t", script=f"echo again >> {tmp_path}/witness"), key="s"))
    wf.submit()
    run = tmp_path / "done-1"
    before = {file: file.lstat().st_mtime_ns for file in run.rglob("*")}
    for words in (["resume"], ["resume", "--detach"], ["retry"]):
        done = dflow(words[0], wf.id, *words[1:])
        assert done.stdout == "Workflow done-1 has succeeded before; there is nothing left to do\n"
    assert {file: file.lstat().st_mtime_ns for file in run.rglob("*")} == before
    assert witness() == ["again"]
    shutil.rmtree(run / "s")
    dflow("resume", wf.id)
    assert witness() == ["again", "again"]


def test_resume_goes_on_after_a_kill(tmp_path):
    wf = Workflow("cli", id="killed")
    wf.add(Step("first", ShellOPTemplate("a", script=f"echo first >> {tmp_path}/witness")))
    script = f"echo second >> {tmp_path}/witness; test -e {tmp_path}/go || sleep 60"
    wf.add(Step("second", ShellOPTemplate("b", script=script)))
    wf.submit(detach=True)
    deadline = time.monotonic() + 20
    while (not Path("witness").exists() or len(witness()) < 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(int((tmp_path / "killed" / "pid").read_text()), signal.SIGKILL)
    time.sleep(0.1)
    assert shown("get", "killed")["status"] == "Terminated"
    assert shown("get", "killed")["phases"] == {"Succeeded": 1, "Pending": 1}
    assert "interrupted: the process that ran it is gone" in dflow("getsteps", "killed").stdout
    (tmp_path / "go").touch()
    dflow("resume", "killed")
    assert witness() == ["first", "second", "second"]


@pytest.mark.parametrize("status", ["Running", "Terminated", "Pending"])
def test_resume_can_be_detached_and_returns_when_the_run_has_begun(wf, tmp_path, status):
    (tmp_path / wf.id / "status").write_text(status)
    assert dflow("resume", wf.id, "--detach").stdout == (
        f"{wf.id} goes on in the background; see: dflow wait {wf.id}\n"
    )
    assert Workflow(id=wf.id).wait(interval=0.05) == "Failed"


def test_running_workflow_is_not_resumed():
    wf = Workflow("bg")
    wf.add(Step("wait", ShellOPTemplate("t", script="exec sleep 60")))
    wf.submit(detach=True)
    assert "is being run by process" in dflow("resume", wf.id, "--detach", status=1).stderr
    assert "is being run by process" in dflow("resume", wf.id, status=1).stderr
    wf.terminate()


@pytest.mark.parametrize(("verb", "phase"), [("terminate", "Terminated"), ("stop", "Failed")])
def test_terminate_and_stop(verb, phase):
    wf = Workflow("bg")
    wf.add(Step("wait", ShellOPTemplate("t", script="exec sleep 60")))
    wf.submit(detach=True)
    assert dflow(verb, wf.id).stdout == f"{wf.id} {phase}\n"


@pytest.mark.parametrize("verb", ["terminate", "stop"])
def test_ending_what_has_ended_says_so(wf, verb):
    assert dflow(verb, wf.id).stdout == f"{wf.id} had ended before, Failed; there is nothing to {verb}\n"


def of_another_host(run: Path, age: float) -> None:
    data = {"host": "elsewhere", "pid": 7, "start": "1", "fence": 4}
    (run / ".dflow/lease").write_text(json.dumps(data))
    os.utime(run / ".dflow/lease", (time.time() - age,) * 2)
    (run / "status").write_text("Running")


def test_run_of_a_silent_host_is_shown_as_such_and_taken_over_on_demand(wf, tmp_path):
    of_another_host(tmp_path / wf.id, 100)
    (tmp_path / "repaired").touch()
    assert "runner:      process 7 on elsewhere (no sign of life for 10" in dflow("get", wf.id).stdout
    assert "● Running (no sign of life for 10" in dflow("list").stdout
    for words in (["resume"], ["retry"], ["terminate"], ["resume", "--detach"]):
        done = dflow(words[0], wf.id, *words[1:], status=1)
        assert f"when that is certainly gone: dflow resume {wf.id} --takeover" in done.stderr
    assert witness() == ["good", "bad"]
    dflow("resume", wf.id, "--takeover", status=1)  # the failure is kept
    assert not (tmp_path / wf.id / ".dflow/lease").exists()
    assert witness() == ["good", "bad"]


def test_detached_takeover(wf, tmp_path):
    of_another_host(tmp_path / wf.id, 100)
    dflow("resume", wf.id, "--takeover", "--detach")
    assert Workflow(id=wf.id).wait(interval=0.05) == "Failed"
    assert shown("get", wf.id)["runner"] is None


def test_delete(wf, tmp_path):
    assert dflow("delete", wf.id).stdout == f"deleted {tmp_path / wf.id}\n"
    assert shown("list") == []


def test_damaged_run_is_listed_as_such(wf, tmp_path):
    (tmp_path / wf.id / "status").write_text("what?")
    assert shown("list")[0]["status"] == "damaged"
    assert "cannot read the status" in dflow("get", wf.id, status=1).stderr


SCRIPT = """
    import sys
    from dflow import ShellOPTemplate, Step, Workflow
    from beside import NAME
    print(__name__, sys.argv)
    for script in sys.argv[1:]:
        wf = Workflow(NAME)
        wf.add(Step("a", ShellOPTemplate("t", script=script)))
        wf.submit()
"""


@pytest.mark.parametrize(("scripts", "status"), [(["true"], 0), (["false"], 1), (["false", "true"], 0), ([], 0)])
def test_run_exits_as_the_last_workflow_of_the_script_did(tmp_path, scripts, status):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "beside.py").write_text("NAME = 'named'")
    (tmp_path / "sub" / "script.py").write_text(textwrap.dedent(SCRIPT))
    done = dflow("run", "sub/script.py", *scripts, status=status)
    assert done.stdout.startswith(f"__main__ {['sub/script.py', *scripts]}\n")


def test_run_of_a_script_that_is_not_there():
    assert dflow("run", "nothing.py", status=1).stderr == "dflow: there is no script nothing.py\n"


def test_run_passes_on_options_of_the_script(tmp_path):
    (tmp_path / "s.py").write_text("import sys; print(sys.argv[1:])")
    assert dflow("run", "s.py", "--epochs", "3", "--json").stdout == "['--epochs', '3', '--json']\n"


def test_debug_workdir_variable_is_where_runs_are_looked_for(wf, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    monkeypatch.setenv("DFLOW_DEBUG_WORKDIR", str(tmp_path))
    assert [row["id"] for row in shown("list")] == [wf.id]
    assert shown("getkeys", wf.id) == ["iter-0.good"]
