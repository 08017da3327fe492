"""Things that go wrong in unusual ways, and what a user sees then."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
    download_artifact,
    upload_artifact,
)
from dflow.engine.errors import ConfigError, ExpressionError
from dflow.engine.expressions import evaluate
from dflow.python import OP, PythonOPTemplate


def shell(script: str, **arguments: object) -> ShellOPTemplate:
    return ShellOPTemplate("shell", script=script, **arguments)


def run(*steps: Step | list[Step], **arguments: object) -> Workflow:
    wf = Workflow("hostile", **arguments)
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def dflow(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dflow.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", ["../x", "a/b", "", " ", "A b", "-x", ".hidden", "x" * 300])
def test_an_id_that_is_no_name_of_a_directory_is_refused(name):
    if name:
        with pytest.raises(ConfigError, match="the id"):
            run(Step("s", shell("true")), id=name)
    assert dflow("delete", name or "").returncode != 0


def test_delete_wants_the_whole_id():
    wf = run(Step("s", shell("true")))
    refused = dflow("delete", wf.id[:-2])
    assert refused.returncode == 1
    assert f"dflow delete {wf.id}" in refused.stderr
    assert dflow("delete", wf.id).returncode == 0


def test_a_key_as_long_as_keys_may_be_fits_into_a_directory_name():
    key = "k" * 250
    wf = run([Step("a", shell("true"), key=key), Step("b", shell("true"), key=key)])
    assert wf.query_status() == "Succeeded"
    assert len(wf.query_step(key=key)) == 2


@OP.function
def broken() -> {}:
    raise ValueError("half a character: \ud800")


def test_a_message_that_no_file_can_hold_fails_its_step_alone():
    wf = run([Step("a", PythonOPTemplate(broken), continue_on_failed=True), Step("b", shell("true"))])
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("a").phase == "Failed"


def test_a_path_declared_inside_an_artifact_leaves_the_artifact_alone():
    Path("data").mkdir()
    Path("data/x").write_text("x")
    data = upload_artifact("data")
    inputs = Inputs(
        parameters={"p": InputParameter(path="/tmp/in/p.txt")}, artifacts={"data": InputArtifact(path="/tmp/in")}
    )
    outputs = Outputs(
        parameters={"seen": OutputParameter(value_from_path="/tmp/in/out/seen")},
        artifacts={"out": OutputArtifact(path="/tmp/in/out")},
    )
    script = "cat /tmp/in/p.txt /tmp/in/data/x > /tmp/in/out/seen"
    steps = [
        Step(f"s{n}", shell(script, inputs=inputs, outputs=outputs), parameters={"p": f"{n}"}, artifacts={"data": data})
        for n in range(3)
    ]
    wf = run(steps)
    assert sorted(s.outputs.parameters["seen"].value for s in wf.query_step()) == ["0x", "1x", "2x"]
    assert sorted(p.name for p in Path("data").iterdir()) == ["x"]
    assert sorted(p.name for p in Path(data.local_path).iterdir()) == [".dflow", "data"]


@pytest.mark.parametrize("method", ["copy", "link"])
def test_links_in_an_artifact_are_copied_as_what_they_are(method, monkeypatch):
    monkeypatch.setitem(config, "debug_copy_method", method)
    Path("outside").write_text("outside")
    Path("data").mkdir()
    for name, goal in (("nowhere", "gone"), ("loop", "."), ("out", str(Path("outside").absolute()))):
        Path("data", name).symlink_to(goal)
    inputs = Inputs(artifacts={"data": InputArtifact(path="/tmp/in")})
    wf = run(Step("s", shell("cat /tmp/in/data/out", inputs=inputs), artifacts={"data": upload_artifact("data")}))
    assert wf.query_status() == "Succeeded"
    copy = Path(wf.query_step("s").path, "inputs/artifacts/data/data")
    assert (copy / "nowhere").is_symlink()
    assert not (copy / "out").is_symlink()


def test_a_pattern_that_could_take_for_ever_is_refused():
    with pytest.raises(ExpressionError, match="repeats a group that repeats"):
        evaluate("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' matches '^(a+)+$'", {})


def test_one_damaged_run_does_not_hide_the_others():
    good = run(Step("s", shell("true")))
    bad = run(Step("s", shell("true")), id="damaged")
    with Path(bad.id, ".dflow", "journal.jsonl").open("a") as stream:
        stream.write('{"event":"node","name":"x","phase":"Weird"}\n{"event":"node","name":"y"}\n[]\n')
    Path(bad.id, "status").write_bytes(b"\xff\x00")
    listed = dflow("list")
    assert listed.returncode == 0
    assert good.id in listed.stdout
    assert "damaged" in listed.stdout


@pytest.mark.waiting
def test_a_second_signal_while_steps_are_being_ended_leaves_none(tmp_path):
    Path("script.py").write_text(
        "from dflow import ShellOPTemplate, Step, Workflow\n"
        "wf = Workflow('twice', id='twice')\n"
        "wf.add(Step('s', ShellOPTemplate('s', script=\"trap '' TERM; echo x > ../../begun; sleep 7733\")))\n"
        "wf.submit()\n"
    )
    with subprocess.Popen([sys.executable, "script.py"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as engine:
        deadline = time.monotonic() + 20
        while not Path("twice/begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        engine.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        engine.send_signal(signal.SIGTERM)
        _, said = engine.communicate(timeout=30)
    assert engine.returncode == 128 + signal.SIGTERM
    assert b"go on with: dflow resume twice" in said
    assert subprocess.run(["pgrep", "-f", "sleep 7733"], capture_output=True, check=False).stdout == b""


def test_other_locales_than_utf8_make_no_difference(run_script):
    script = """
    from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Workflow
    t = ShellOPTemplate("s", script="printf %s '{{inputs.parameters.x}}'", inputs=Inputs({"x": InputParameter()}))
    wf = Workflow("locale", id="locale")
    wf.add(Step("s", t, parameters={"x": "\\u00e9\\u4e2d"}))
    wf.submit()
    print(wf.query_status())
    """
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert run_script(script, env=env).stdout.split()[-1] == "Succeeded"
    assert Path("locale").joinpath(next(Path("locale").glob("*-s-*")).name, "log.txt").read_bytes() == "é中".encode()


def test_an_artifact_with_a_dangling_link_can_be_downloaded():
    Path("data").mkdir()
    Path("data/x").write_text("x")
    Path("data/nowhere").symlink_to("gone")
    download_artifact(upload_artifact("data"), path="got")
    assert Path("got/data/x").read_text() == "x"
