"""What was accepted is never lost: interrupted, killed, stopped and broken runs, and how they go on."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dflow.engine.control import post_request
from dflow.engine.errors import LeaseHeld, StateError
from dflow.engine.lease import is_running
from dflow.engine.model import Call, Literal, OutputParameter, Outputs, Ref, Text
from dflow.engine.phase import Phase
from until import until

RUN = """
import sys
from pathlib import Path
from dflow.engine.layout import RunLayout
from dflow.engine.runner import run
from dflow.executors import make_executor
run(RunLayout(Path(sys.argv[1])), make_executor)
"""


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def graph(steps, shell, tmp_path):
    """``a`` gives a value; ``b`` waits for the file ``go``; ``c`` uses the value. All sign the witness."""
    sign = f">> {tmp_path}/witness"
    outputs = Outputs((OutputParameter("x", path="/tmp/x"),))
    wait = f"echo b {sign}; test -e {tmp_path}/go || {{ echo $$ > {tmp_path}/pid; sleep 60 & wait; }}"
    return steps(
        (Call("a", "one", key=Literal("a")), Call("b", "two", key=Literal("b"))),
        Call("c", "three", when=Text("{{steps.a.outputs.parameters.x}} == 7")),
        templates=[
            shell("one", f"echo a {sign}; echo 7 > /tmp/x", outputs=outputs),
            shell("two", wait),
            shell("three", f"echo c {sign}"),
        ],
        outputs=Outputs((OutputParameter("y", source=Ref("steps.a.outputs.parameters.x")),)),
        parallelism=2,
    )


@pytest.fixture
def witness(tmp_path):
    """Who ran, sorted."""
    return lambda: sorted((tmp_path / "witness").read_text().split())


def _b_waits_and_a_is_done(runner, tmp_path):
    phase = runner.layout.root / "a" / "phase"
    return (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() and phase.read_text() == "Succeeded"


@pytest.fixture
def detached(runner, graph, tmp_path):
    """A runner in a process of its own, whose step ``b`` waits."""
    runner.create(graph)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(runner.layout.root)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: _b_waits_and_a_is_done(runner, tmp_path))
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()
    _end_group(tmp_path)


def _end_group(tmp_path):
    """End the step ``b`` where its engine had no chance to."""
    try:
        os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture
def background(runner, graph, tmp_path):
    """A runner in a thread of this process, whose step ``b`` waits; gives a list that will hold its result."""
    results = []
    runner.create(graph)
    thread = threading.Thread(target=lambda: results.append(runner.go()))
    thread.start()
    until(lambda: _b_waits_and_a_is_done(runner, tmp_path))
    yield thread, results
    post_request(runner.layout, "terminate")
    thread.join(10)
    assert not thread.is_alive()


def _assert_finished(runner, witness, expected):
    assert runner.status == "Succeeded"
    assert runner.phases == dict.fromkeys(["", "[0].a", "[0].b", "[1].c"], "Succeeded")
    assert runner.nodes[""]["outputs"]["parameters"]["y"]["value"] == "7"
    assert witness() == expected
    assert not is_running(runner.layout)


# -- Ctrl-C and kill --------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_steps_and_leaves_them_pending(runner, detached, tmp_path):
    detached.send_signal(signal.SIGINT)
    _, errors = detached.communicate(timeout=10)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert runner.status == "Terminated"
    assert runner.phases == {"": "Pending", "[0].a": "Succeeded", "[0].b": "Pending"}
    assert (runner.layout.root / "b" / "phase").read_text() == "Pending"
    assert not _is_alive((tmp_path / "pid").read_text().strip())
    assert not runner.layout.lease.exists()


def test_a_run_goes_on_after_ctrl_c_and_repeats_no_finished_step(runner, detached, tmp_path, witness):
    detached.send_signal(signal.SIGINT)
    detached.communicate(timeout=10)
    (tmp_path / "go").touch()
    assert runner.go().phase is Phase.SUCCEEDED
    _assert_finished(runner, witness, ["a", "b", "b", "c"])
    assert (runner.layout.root / "b.bk1" / "phase").read_text() == "Pending"


def test_a_run_goes_on_after_sigkill_and_repeats_no_finished_step(runner, detached, tmp_path, witness):
    detached.kill()
    detached.communicate(timeout=10)
    assert runner.status == "Running"
    assert not is_running(runner.layout)
    (tmp_path / "go").touch()
    assert runner.go().phase is Phase.SUCCEEDED
    _assert_finished(runner, witness, ["a", "b", "b", "c"])
    assert (runner.layout.root / "b.bk1" / "phase").read_text() == "Running"


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG or a subreaper")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_steps_die_with_their_engine(detached, tmp_path, number):
    detached.send_signal(number)
    detached.communicate(timeout=10)
    time.sleep(0.1)
    assert not _is_alive((tmp_path / "pid").read_text().strip())


def test_resume_twice_keeps_every_unfinished_directory(runner, detached, tmp_path):
    detached.kill()
    detached.communicate(timeout=10)
    (tmp_path / "go").touch()
    (runner.layout.root / "b.bk1").mkdir()
    runner.go()
    assert (runner.layout.root / "b.bk2" / "phase").read_text() == "Running"


@pytest.mark.parametrize("damage", ["phase", ".step", "outputs/parameters/x", "workdir/tmp/x"])
def test_a_finished_step_that_lost_a_file_it_needs_is_run_again(runner, graph, tmp_path, witness, damage):
    (tmp_path / "go").touch()
    runner.go(graph)
    (runner.layout.root / "a" / damage).unlink()
    assert runner.go().phase is Phase.SUCCEEDED
    repeated = [] if damage.startswith("outputs") else ["a"]
    assert witness() == sorted(["a", "b", "c", *repeated])


def test_a_finished_run_that_is_run_again_runs_nothing(runner, graph, tmp_path, witness):
    (tmp_path / "go").touch()
    runner.go(graph)
    assert runner.go().phase is Phase.SUCCEEDED
    _assert_finished(runner, witness, ["a", "b", "c"])
    assert [p.name for p in runner.layout.root.glob("*.bk*")] == []


def test_a_failed_step_stays_failed_unless_it_is_to_run_again(runner, steps, shell, tmp_path):
    runner.go(steps(Call("a", "t"), templates=[shell("t", f"echo a >> {tmp_path}/witness; test -e {tmp_path}/go")]))
    (tmp_path / "go").touch()
    assert runner.go().phase is Phase.FAILED
    assert (tmp_path / "witness").read_text() == "a\n"
    assert runner.go(again=lambda node: node.phase.is_failure).phase is Phase.SUCCEEDED
    assert (tmp_path / "witness").read_text() == "a\na\n"


def test_a_torn_journal_does_no_harm(runner, graph, tmp_path, witness):
    (tmp_path / "go").touch()
    runner.go(graph)
    text = runner.layout.journal.read_text()
    runner.layout.journal.write_text(text[: len(text) // 2])
    assert runner.go().phase is Phase.SUCCEEDED
    assert witness() == ["a", "b", "c"]


def test_a_run_without_journal_goes_on(runner, graph, tmp_path, witness):
    (tmp_path / "go").touch()
    runner.go(graph)
    runner.layout.journal.unlink()
    assert runner.go().phase is Phase.SUCCEEDED
    assert witness() == ["a", "b", "c"]


# -- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "phase", "message"),
    [("terminate", "Terminated", "terminated on request"), ("stop", "Failed", "stopped on request")],
)
def test_a_request_ends_the_run_and_its_steps(runner, background, tmp_path, verb, phase, message):
    thread, results = background
    post_request(runner.layout, verb)
    thread.join(10)
    assert results[0].phase == runner.status == phase
    assert runner.phases == {"": "Failed", "[0].a": "Succeeded", "[0].b": "Failed"}
    assert runner.nodes["[0].b"]["message"] == message
    assert not _is_alive((tmp_path / "pid").read_text().strip())


def test_steps_that_wait_for_a_place_are_stopped_too(runner, steps, shell, tmp_path):
    graph = steps(tuple(Call(f"s{n}", "t") for n in range(4)), templates=[shell("t", "sleep 60")], parallelism=1)
    runner.create(graph)
    thread = threading.Thread(target=runner.go)
    thread.start()
    until(lambda: runner.phases.get("[0].s0") == "Running")
    post_request(runner.layout, "stop")
    thread.join(10)
    assert set(runner.phases.values()) == {"Failed"}
    assert len(runner.phases) == 5


def test_a_request_that_is_not_known_is_ignored(runner, background, caplog):
    post_request(runner.layout, "dance")
    until(lambda: "does not know: dance" in caplog.text)
    assert runner.status == "Running"


def test_a_request_that_came_too_late_does_not_end_the_next_attempt(runner, graph, tmp_path):
    (tmp_path / "go").touch()
    runner.create(graph)
    post_request(runner.layout, "terminate")
    assert runner.go().phase is Phase.SUCCEEDED


# -- one runner -------------------------------------------------------------------------------------------------------


def test_a_second_runner_is_refused_and_disturbs_nothing(runner, detached):
    with pytest.raises(
        LeaseHeld, match=f"is being run by process {detached.pid} on .*; watch it with: dflow watch wf-1"
    ):
        runner.go()
    assert runner.status == "Running"
    assert runner.layout.pid.read_text() == str(detached.pid)
    assert detached.poll() is None


def test_a_second_runner_in_the_same_process_is_refused(runner, background):
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()}"):
        runner.go()


def test_a_run_works_inside_a_running_event_loop(runner, graph, tmp_path, witness):
    (tmp_path / "go").touch()
    runner.create(graph)

    async def notebook_cell():
        return runner.go()

    assert asyncio.run(notebook_cell()).phase is Phase.SUCCEEDED
    _assert_finished(runner, witness, ["a", "b", "c"])


# -- file systems that refuse -----------------------------------------------------------------------------------------


def _refuse(monkeypatch, wanted):
    """Let the file system refuse what ``wanted(name, text)`` picks, when it is written or renamed."""
    replace, write = os.replace, os.write

    def full(source, target):
        if wanted("/".join(Path(target).parts[-2:]), Path(source).read_text()):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    def full_at_once(file, data):
        target = Path(f"/proc/self/fd/{file}").resolve() if Path("/proc/self/fd").exists() else Path()
        if target.suffix != ".tmp" and wanted("/".join(target.parts[-2:]), data.decode(errors="replace")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "write", full_at_once)


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a/script", "echo a"),
        ("a/phase", "Running"),
        ("a/phase", "Succeeded"),
        ("a/.step", "{"),
        ("parameters/x", "7"),
    ],
)
def test_a_full_disk_ends_the_run_with_the_reason_and_a_later_run_finishes(
    runner, graph, tmp_path, witness, monkeypatch, name, text
):
    (tmp_path / "go").touch()
    with monkeypatch.context() as patch:
        _refuse(patch, lambda target, content: target == name and content.startswith(text))
        with pytest.raises(StateError, match=f"cannot write .*{name}: No space left on device; free some space, then"):
            runner.go(graph)
    assert runner.status == "Error"
    assert not is_running(runner.layout)
    assert runner.go().phase is Phase.SUCCEEDED
    assert set(witness()) == {"a", "b", "c"}
    assert runner.phases == dict.fromkeys(["", "[0].a", "[0].b", "[1].c"], "Succeeded")


@pytest.mark.timeout(15)
def test_a_full_disk_when_the_only_step_is_committed_does_not_hang(runner, steps, shell, monkeypatch):
    with monkeypatch.context() as patch:
        _refuse(patch, lambda target, content: target == "a/phase" and content == "Succeeded")
        with pytest.raises(StateError, match="No space left"):
            runner.go(steps(Call("a", "t", key=Literal("a")), templates=[shell("t", "exit 0")]))
    assert runner.go().phase is Phase.SUCCEEDED


@pytest.mark.timeout(15)
def test_a_full_disk_ends_the_other_steps_that_run(runner, graph, tmp_path, monkeypatch):
    def wanted(target, content):
        return target == "a/phase" and content == "Succeeded" and (tmp_path / "pid").exists()

    with monkeypatch.context() as patch:
        _refuse(patch, wanted)
        _slow_down_a(patch, tmp_path)
        with pytest.raises(StateError):
            runner.go(graph)
    assert not _is_alive((tmp_path / "pid").read_text().strip())


def _slow_down_a(monkeypatch, tmp_path):
    """Let ``a`` be collected only when ``b`` runs."""
    from dflow.engine import leaf

    collect = leaf.collect

    def late(*args, **fields):
        until((tmp_path / "pid").exists)
        return collect(*args, **fields)

    monkeypatch.setattr(leaf, "collect", late)


def test_a_run_whose_graph_is_damaged_says_so(runner, graph):
    runner.create(graph)
    runner.layout.graph.write_text("{")
    with pytest.raises(StateError, match="the graph is not valid JSON"):
        runner.go()


def test_a_run_without_settings_says_so(runner, graph):
    runner.create(graph)
    runner.layout.settings.unlink()
    with pytest.raises(StateError, match="cannot read the settings of the run in"):
        runner.go()
