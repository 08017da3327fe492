"""``dflow logs``: of one step and of all, whole and the end of it, and as it comes."""
# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from dflow import ShellOPTemplate, Step, Workflow


def test_all_logs_have_headings_and_end_their_lines(wf, dflow):
    assert dflow("logs", wf.id).stdout == (
        f"==> {wf.id}[0].good\nfine\nwarn\n"
        f"==> {wf.id}[1].loop(0:1)\nturn\n==> {wf.id}[1].loop(1:2)\nturn\n"
        f"==> {wf.id}[2].bad\nbefore\nno end\n"
    )


def test_log_of_one_step_is_printed_as_it_is(wf, dflow):
    assert dflow("logs", wf.id, "bad").stdout == "before\nno end"


def test_name_of_a_loop_means_all_its_copies(wf, dflow):
    assert dflow("logs", wf.id, "loop").stdout.count("turn\n") == 2
    assert dflow("logs", wf.id, "loop(1:2)").stdout == "turn\n"


def test_end_of_logs(wf, dflow):
    assert dflow("logs", wf.id, "good", "--tail", "1").stdout == "warn\n"
    assert dflow("logs", wf.id, "good", "--tail", "0").stdout == ""
    assert dflow("logs", wf.id, "--tail", "1").stdout.count("\n") == 8
    assert dflow.json("logs", wf.id, "bad", "--tail", "1") == [
        {**dflow.json("logs", wf.id, "bad")[0], "log": "no end"}
    ]  # fmt: skip
    assert "must not be negative" in dflow("logs", wf.id, "--tail", "-1", status=2).stderr


def test_whole_large_log_is_copied_through_little_memory(wf, dflow, until):
    log = next(Path(wf.id).glob("*bad*")) / "log.txt"
    with log.open("wb") as stream:
        stream.truncate(300 << 20)
    code = (
        "import sys\nfrom dflow.cli import main\n"
        f"main(['logs', {wf.id!r}, 'bad'])\n"
        "sys.stderr.write(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
    )
    assert int(done.stderr) < 150_000


# -- following ----------------------------------------------------------------------------------------------------


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    """What it prints, filled by a thread."""
    found: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        found.extend(process.stdout)

    threading.Thread(target=read, daemon=True).start()
    return found


def ticking(
    name: str = "ticking", script: str = "echo first; while test ! -e {go}; do sleep 0.02; done; echo last"
) -> Workflow:
    wf = Workflow("w", id=name)
    wf.add(Step("tick", ShellOPTemplate("t", script=script.format(go=Path("go").absolute()))))
    wf.add(Step("after", ShellOPTemplate("a", script="echo behind")))
    wf.submit(detach=True)
    return wf


def followed(process: subprocess.Popen[str]) -> str:
    """Standard error of a process that ends by itself, with 0."""
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()
    assert process.stderr is not None
    return process.stderr.read()


def test_step_is_followed_from_another_process_until_it_has_ended(dflow, until):
    wf = ticking()
    with dflow.start("logs", wf.id, "tick", "-f") as process:
        lines = lines_of(process)
        until(lambda: lines == ["first\n"])
        assert process.poll() is None
        Path("go").touch()
        assert followed(process) == ""
    until(lambda: lines == ["first\n", "last\n"])
    assert wf.wait(interval=0.05) == "Succeeded"


def test_run_is_followed_until_it_has_ended_with_the_step_before_each_line(dflow, until):
    wf = ticking()
    with dflow.start("logs", wf.id, "--follow") as process:
        lines = lines_of(process)
        until(lambda: lines == ["tick | first\n"])
        Path("go").touch()
        followed(process)
    until(lambda: lines == ["tick | first\n", "tick  | last\n", "after | behind\n"])


def test_step_that_has_not_begun_is_waited_for(dflow, until):
    wf = ticking()
    with dflow.start("logs", wf.id, "after", "-f") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        lines = lines_of(process)
        assert process.poll() is None
        Path("go").touch()
        assert followed(process) == ""
    assert said == "dflow: step 'after' has not begun yet\n"
    until(lambda: lines == ["behind\n"])


def test_step_that_cannot_come_is_not_waited_for(wf, dflow):
    assert "has no step 'nope'" in dflow("logs", wf.id, "nope", "-f", status=1).stderr


def test_what_has_ended_is_printed_and_not_waited_for(wf, dflow):
    assert dflow("logs", wf.id, "bad", "-f").stdout == "before\nno end"
    assert dflow("logs", wf.id, "loop", "-f").stdout == "loop(0:1) | turn\nloop(1:2) | turn\n"
    all_of_it = dflow("logs", wf.id, "-f").stdout.splitlines()
    assert all_of_it[0] == "iter-0.good | fine"
    assert all_of_it[-1].endswith(" | no end")
    assert dflow("logs", wf.id, "-f", "--tail", "0").stdout == ""


def test_attempts_of_a_step_are_followed_one_after_another(dflow, until, tmp_path):
    from dflow.python import OP, PythonOPTemplate, TransientError

    go = str(tmp_path / "go")

    @OP.function
    def flaky(go: str) -> {"n": int}:
        from pathlib import Path

        first = not Path(go + "1").exists()
        print("first" if first else "second", flush=True)
        while not Path(go).exists():
            time.sleep(0.02)
        if first:
            Path(go + "1").touch()
            raise TransientError("once more")
        return {"n": 1}

    wf = Workflow("w", id="twice")
    wf.add(Step("flaky", PythonOPTemplate(flaky, retry_on_transient_error=2), parameters={"go": go}, key="flaky"))
    wf.submit(detach=True)
    until((tmp_path / "twice/flaky/log.txt").exists)
    with dflow.start("logs", "twice", "flaky", "-f") as process:
        lines = lines_of(process)
        until(lambda: "first\n" in lines)
        Path(go).touch()
        assert followed(process) == "dflow: (it is tried again)\n"
    until(lambda: lines[0] == "first\n" and lines[-1] == "second\n")
    assert any("once more" in line for line in lines)


def test_following_ends_when_the_engine_is_killed(dflow, until, tmp_path):
    import os
    import signal

    ticking("orphan")
    with dflow.start("logs", "orphan", "-f") as process:
        lines = lines_of(process)
        until(lambda: lines == ["tick | first\n"])
        os.kill(int((tmp_path / "orphan" / "pid").read_text()), signal.SIGKILL)
        followed(process)


def test_json_and_follow_exclude_each_other(wf, dflow):
    assert "use one of them" in dflow("logs", wf.id, "-f", "--json", status=2).stderr
