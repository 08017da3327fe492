"""A run directory that somebody or something has damaged: the run goes on, and does again only what was damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from dflow.engine.layout import RunLayout
from dflow.local import continue_run


def _half_deleted(step):
    shutil.rmtree(step / "workdir")
    (step / "script").unlink()


def _a_file_instead(step):
    shutil.rmtree(step)
    step.write_text("")


def _a_link_to_nowhere_instead(step):
    shutil.rmtree(step)
    step.symlink_to("nowhere")


def _phase_is_a_directory(step):
    (step / "phase").unlink()
    (step / "phase").mkdir()


DAMAGE = {
    "garbage in phase": lambda step: (step / "phase").write_bytes(b"\xff\x00Succeeded"),
    "an empty phase": lambda step: (step / "phase").write_text(""),
    "phase is a directory": _phase_is_a_directory,
    "half of the record": lambda step: (step / ".step").write_text((step / ".step").read_text()[:40]),
    "a record of something else": lambda step: (step / ".step").write_text('{"type": "Pod", "dir": "b", "phase": 3}'),
    "a record with odd values": lambda step: _change(step, usage=3, exitCode="x", fingerprint=[], started="now"),
    "half deleted": _half_deleted,
    "deleted": shutil.rmtree,
    "a file instead": _a_file_instead,
    "a link to nowhere instead": _a_link_to_nowhere_instead,
}


def _change(step, **fields):
    record = json.loads((step / ".step").read_text())
    (step / ".step").write_text(json.dumps({**record, **fields}))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_step_runs_again_and_the_others_do_not(chain, witness, damage):
    wf = chain()
    wf.submit()
    DAMAGE[damage](Path("hostile/b"))
    assert continue_run(RunLayout(Path("hostile").absolute())).phase.is_ok
    assert [wf.query_step(key=key)[0].outputs.parameters["x"].value for key in "abc"] == ["2", "3", "4"]
    assert witness() in (("abc", "abcb") if damage == "a record with odd values" else ("abcb",))
    assert Path("hostile/b/phase").read_text() == "Succeeded"


@pytest.mark.parametrize("name", ["journal.jsonl", "lease", "lease.lock", "slots", "control", "suspended"])
def test_what_the_engine_keeps_for_itself_may_be_damaged(chain, witness, name):
    wf = chain()
    wf.submit()
    (Path("hostile/b") / "phase").write_text("Running")
    place = Path("hostile/.dflow", name)
    if place.is_dir():
        shutil.rmtree(place)
    place.write_bytes(b'{"torn\xff\x00')
    assert continue_run(RunLayout(Path("hostile").absolute())).phase.is_ok
    assert wf.query_status() == "Succeeded"
    assert len(wf.query_step(phase="Succeeded", type="Pod")) == 3
    assert witness() == "abcb"


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"Weird"])
def test_a_damaged_status_is_named_and_mended_by_resume(chain, dflow_cli, text):
    chain().submit()
    Path("hostile/status").write_bytes(text)
    shown = dflow_cli("get", "hostile")
    assert "Traceback" not in shown.stderr
    assert dflow_cli("resume", "hostile").returncode == 0
    assert Path("hostile/status").read_text() == "Succeeded"


@pytest.mark.parametrize("name", ["graph.json", "settings.json"])
@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"{", b"[]", b"null", b'{"schema": 99}', b'{"schema": 1}'])
def test_a_run_without_its_graph_or_settings_says_so_and_no_more(chain, dflow_cli, name, text):
    chain().submit()
    place = Path("hostile/.dflow", name)
    whole = place.read_bytes()
    place.write_bytes(text)
    resumed = dflow_cli("resume", "hostile")
    place.write_bytes(whole)
    assert resumed.returncode == 1
    assert name in resumed.stderr
    assert "Traceback" not in resumed.stderr
