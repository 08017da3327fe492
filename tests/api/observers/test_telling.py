"""Observers are told what happens, in order, before ``submit()`` returns, and can do no harm."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Steps, Workflow, config
from dflow.engine.errors import ConfigError
from dflow.local_mode import LocalRun
from dflow.observers import Event, RunEnded, RunStarted, StepEnded, StepStarted
from dflow.observers.chosen import observer_of
from dflow.python import OP, PythonOPTemplate, TransientError


class Recorder:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, getattr(event, "step", "")) for event in self.events]


@pytest.fixture
def recorder():
    recorder = Recorder()
    config["observers"] = [recorder]
    yield recorder
    config["observers"] = []


def _workflow(*scripts, **fields):
    wf = Workflow("seen", **fields)
    for number, script in enumerate(scripts):
        wf.add(Step(f"s{number}", ShellOPTemplate(f"t{number}", script=script), key=f"k{number}"))
    return wf


def test_all_is_told_before_submit_returns(recorder):
    wf = _workflow("true", "exit 3")
    wf.submit()
    assert recorder.told == [
        ("run-started", ""),
        ("step-started", "s0"),
        ("step-ended", "s0"),
        ("step-started", "s1"),
        ("step-ended", "s1"),
        ("run-ended", ""),
    ]
    begun, _, first, _, second, end = recorder.events
    assert isinstance(begun, RunStarted)
    assert (begun.run, begun.path) == (wf.id, str(LocalRun(wf).layout().root))
    assert isinstance(first, StepEnded)
    assert (first.phase, first.key, first.type, first.template) == ("Succeeded", "k0", "Pod", "t0")
    assert first.usage["cpu"] >= 0
    assert first.directory == f"{first.path}/k0"
    assert 0 <= first.seconds < 30
    assert isinstance(second, StepEnded)
    assert (second.phase, second.message, second.exit_code) == ("Failed", "exit code 3", 3)
    assert isinstance(end, RunEnded)
    assert (end.phase, end.steps, end.failures) == ("Failed", {"Succeeded": 1, "Failed": 1}, (second,))
    assert end.text.endswith(" s: k1 Failed: exit code 3")


def test_groups_and_skipped_steps_are_told_of_and_not_counted_twice(recorder):
    inner = Steps("inner")
    inner.add(Step("a", ShellOPTemplate("t", script="true")))
    inner.add(Step("b", ShellOPTemplate("t", script="true"), when="1 == 2"))
    wf = Workflow("seen")
    wf.add(Step("in", inner))
    wf.submit()
    ended = [(event.step, event.type, event.phase) for event in recorder.events if isinstance(event, StepEnded)]
    assert ended == [("a", "Pod", "Succeeded"), ("b", "Skipped", "Skipped"), ("in", "Steps", "Succeeded")]
    assert recorder.events[-1].steps == {"Succeeded": 1, "Skipped": 1}


NUMBER = {"n": int}


def fail_once(place: str) -> NUMBER:
    with Path(place).open("a+") as stream:
        stream.write("x")
        stream.seek(0)
        if stream.read() == "x":
            raise TransientError("not yet")
    return {"n": 1}


def test_a_step_that_is_tried_again_begins_again(recorder, tmp_path):
    wf = Workflow("seen")
    template = PythonOPTemplate(OP.function(fail_once), retry_on_transient_error=1)
    wf.add(Step("a", template, parameters={"place": str(tmp_path / "x")}))
    wf.submit()
    assert [event.retries for event in recorder.events if type(event) is StepStarted] == [0, 1]
    assert (recorder.events[-1].phase, recorder.events[-1].failures) == ("Succeeded", ())


def test_a_resume_does_not_tell_again_what_had_ended(recorder, tmp_path):
    wf = _workflow("true", f"test -e {tmp_path}/ready", id="seen-1")
    wf.submit()
    recorder.events.clear()
    (tmp_path / "ready").touch()
    wf.retry()
    assert recorder.told == [("run-started", ""), ("step-started", "s1"), ("step-ended", "s1"), ("run-ended", "")]
    assert (recorder.events[-1].phase, recorder.events[-1].steps) == ("Succeeded", {"Succeeded": 1})


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), SystemExit(3)])
def test_an_observer_that_fails_is_named_once_and_told_on(error, recorder, caplog):
    def fail(event):
        raise error

    config["observers"] = [fail, recorder]
    wf = _workflow("true", "true")
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert len(recorder.events) == 6
    messages = [record.getMessage() for record in caplog.records if record.name == "dflow.observers"]
    assert len(messages) == 2
    assert "fail at 0x" in messages[0]
    assert f"{type(error).__name__}: " in messages[0]
    assert "failed 6 times" in messages[1]


def test_an_observer_that_hangs_holds_nobody_up_for_long(recorder, monkeypatch, caplog):
    monkeypatch.setattr("dflow.observers.feed.PATIENCE", 0.5)
    gate = threading.Event()
    config["observers"] = [lambda _: gate.wait(30), recorder]
    begun = time.monotonic()
    wf = _workflow("true")
    wf.submit()
    took = time.monotonic() - begun
    gate.set()
    assert took < 15
    assert wf.query_status() == "Succeeded"
    assert recorder.told[-1] == ("run-ended", ""), "the others are told all"
    assert "1 of its observers still work after 0.5 s" in caplog.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("no_such_module.X", "which gives no observer: No module named 'no_such_module'"),
        ("unheard-of", r"nor the name of an installed one \(none here\)"),
        (5, "which is no observer: it has no method notify"),
        ("dflow.observers.Webhook", "set DFLOW_WEBHOOK_URL"),
    ],
)
def test_what_is_no_observer_is_refused_before_anything_runs(given, words, tmp_path):
    config["observers"] = [given]
    wf = _workflow("true", id="refused")
    try:
        with pytest.raises(ConfigError, match=words):
            wf.submit()
    finally:
        config["observers"] = []
    assert not list(tmp_path.rglob("refused"))


def test_a_detached_run_takes_no_objects(recorder):
    with pytest.raises(ConfigError, match="a detached run makes its observers itself"):
        _workflow("true").submit(detach=True)


def test_functions_classes_and_import_paths_are_observers():
    seen = []
    event = RunStarted("r", "/p", 0.0)
    observer_of(seen.append)(event)
    assert seen == [event]
    assert callable(observer_of(Recorder))
    assert observer_of("builtins:print") is print


SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow, config
config["observers"] = "dflow.observers.JsonLines"
wf = Workflow("seen", id="seen-1")
wf.add(Step("a", ShellOPTemplate("t", script="test -e ready"), key="a"))
wf.submit(detach=True)
print(wf.wait(0.1))
"""


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_detached_run_and_who_goes_on_with_it_tell_the_same_observers(tmp_path, monkeypatch):
    monkeypatch.setenv("DFLOW_EVENTS_FILE", str(tmp_path / "events.jsonl"))
    (tmp_path / "script.py").write_text(SCRIPT.replace("-e ready", f"-e {tmp_path}/ready"))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "Failed"
    assert [line["kind"] for line in _lines(tmp_path / "events.jsonl")] == [
        "run-started",
        "step-started",
        "step-ended",
        "run-ended",
    ]
    (tmp_path / "ready").touch()
    subprocess.run(
        [sys.executable, "-m", "dflow.cli", "retry", "seen-1"], cwd=tmp_path, capture_output=True, check=True
    )
    last = _lines(tmp_path / "events.jsonl")[-1]
    assert (last["kind"], last["phase"], last["failures"]) == ("run-ended", "Succeeded", [])


def test_without_observers_nothing_is_kept_and_no_thread_is_there():
    wf = _workflow("true")
    wf.submit()
    assert not LocalRun(wf).layout().observers.exists()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dflow-observer")]


def test_an_installed_observer_is_known_by_its_name(tmp_path, monkeypatch):
    info = tmp_path / "chatty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chatty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dflow.observers]\nchatty = chatty_observer:Chatty\n")
    (tmp_path / "chatty_observer.py").write_text(
        "class Chatty:\n    def notify(self, event):\n        return 'heard'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert observer_of("chatty")(RunStarted("r", "/p", 0.0)) == "heard"
    with pytest.raises(ConfigError, match=r"nor the name of an installed one \(chatty\)"):
        observer_of("chatti")
