"""Runs of 10,000 steps and folders of 500 runs are answered quickly, in little memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ui_client import run_script

pytestmark = pytest.mark.waiting
COUNT = 10_000
PATIENT = 3
"""How many times slower than the one that the times were taken on a machine may be."""

LOOP = """
from dflow import ShellOPTemplate, InputParameter, Step, Workflow, argo_range
template = ShellOPTemplate("nothing", image="a", script="true")
template.inputs.parameters = {"x": InputParameter()}
wf = Workflow("loop", id="loop-1")
wf.add(Step("sq", template, parameters={"x": "{{item}}"}, with_param=argo_range(10), key="sq-{{item}}"))
wf.submit()
"""
TASKS = """
from dflow import DAG, ShellOPTemplate, Task, Workflow
template = ShellOPTemplate("nothing", image="a", script="true")
dag = DAG("dag")
one = Task("t0-0", template)
dag.add(one)
dag.add(Task("t1-0", template, dependencies=[one]))
Workflow("tasks", id="tasks-1", dag=dag).submit()
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder with a loop of 10,000 copies, the journal of which is that of ten with the lines multiplied."""
    folder = tmp_path_factory.mktemp("large")
    run_script(folder, LOOP)
    journal = folder / "loop-1" / ".dflow" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    copy = [line for line in lines if '"sq(3:3)"' in line]
    assert [json.loads(line)["phase"] for line in copy] == ["Running", "Succeeded"]
    copies = [
        line.replace("sq(3:3)", f"sq({i}:{i})")
        .replace("sq-3", f"sq-{i}")
        .replace(json.loads(line)["id"], f"loop-1-{i}x")
        for i in range(COUNT)
        for line in copy
    ]
    others = [line for line in lines if "displayName" not in line or "sq(" not in line]
    others = [line.replace('"count":10', f'"count":{COUNT}') for line in others]
    journal.write_text("\n".join([*others[:3], *copies, *others[3:]]) + "\n")
    return folder


def timed(site, path):
    """The seconds that the server has computed for an answer, whatever else the machine does, and the answer."""
    begun = busy(site)
    reply = site.get(path)
    assert reply.status == 200, reply.body
    return busy(site) - begun, reply.json


def busy(site):
    fields = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(site):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{site.process.pid}/status").read_text())[1]) << 10


def test_ten_thousand_copies(large, start_site, until):
    site = start_site(large)
    seconds, found = timed(site, "/api/runs/loop-1/graph")
    assert seconds < 0.4 * PATIENT
    loop = found["root"]["calls"][0]
    assert (loop["expected"], loop["counts"], len(loop["strip"])) == (COUNT, {"Succeeded": COUNT}, 400)
    assert len(json.dumps(found)) < 5000
    for path in (
        "graph",
        "nodes?limit=500",
        "nodes?text=sq-77",
        "timeline",
        f"graph?node={found['root']['id']}&call=sq",
    ):
        assert timed(site, f"/api/runs/loop-1/{path}")[0] < 0.2 * PATIENT, path
    assert site.json("/api/runs/loop-1/nodes?text=sq-77")["total"] == 111
    assert site.json("/api/runs/loop-1/timeline?limit=2000")["left"] == COUNT - 2000

    def counted():  # a busy machine counts a long journal in several turns
        row = site.json("/api/runs")["runs"][0]
        return None if row["done"] is None else (row["done"], row["total"])

    assert until(counted) == (COUNT, COUNT)
    assert memory(site) < 150 << 20


def test_a_long_reading_holds_up_nobody(large, runs, start_site):
    """While one run is read for the first time, others are answered."""
    shutil.copytree(runs / "good-1", large / "good-1", symlinks=True, dirs_exist_ok=True)
    site = start_site(large)
    timed(site, "/api/runs/good-1")
    with site.stream("/api/runs/loop-1/stream") as events:
        begun = time.monotonic()
        site.json("/api/runs/good-1/graph")
        first = time.monotonic() - begun
        next(events)
        assert first < 0.5 * PATIENT


def multiply_tasks(folder):
    """Make 100 layers of 100 tasks of the two tasks of a run: in its graph, and in its journal."""
    graph, journal = (folder / "tasks-1" / ".dflow" / name for name in ("graph.json", "journal.jsonl"))
    data, lines = json.loads(graph.read_text()), journal.read_text().splitlines()
    dag = next(template for template in data["templates"] if template["is"] == "DagTemplate")
    task, names = dag["tasks"][1], [(i, j) for i in range(100) for j in range(100)]
    dag["tasks"] = [
        {**task, "name": f"t{i}-{j}", "dependencies": [f"t{i - 1}-{j}", f"t{i - 1}-{(j + 1) % 100}"] if i else []}
        for i, j in names
    ]
    graph.write_text(json.dumps(data))
    copy = [line for line in lines if '"t1-0"' in line]
    assert [json.loads(line)["phase"] for line in copy] == ["Running", "Succeeded"]
    identity = json.loads(copy[0])["id"]
    copies = [line.replace("t1-0", f"t{i}-{j}").replace(identity, f"x-{i}-{j}") for i, j in names for line in copy]
    others = [line for line in lines if '"t0-0"' not in line and '"t1-0"' not in line]
    journal.write_text("\n".join([*others[:2], *copies, *others[2:]]) + "\n")


def test_ten_thousand_tasks(tmp_path, start_site):
    folder = tmp_path / "not" / "so" / "near"  # the check of all graphs after each test is too slow for this one
    folder.mkdir(parents=True)
    run_script(folder, TASKS)
    multiply_tasks(folder)
    site = start_site(folder)
    seconds, found = timed(site, "/api/runs/tasks-1/graph")
    assert seconds < 0.7 * PATIENT
    calls = found["root"]["calls"]
    assert (len(calls), found["root"]["counts"]) == (COUNT, {"Succeeded": COUNT})
    assert calls[-2]["after"] == ["t98-98", "t98-99"]
    assert timed(site, "/api/runs/tasks-1/graph")[0] < 0.3 * PATIENT
    assert timed(site, "/api/runs/tasks-1/timeline")[0] < 0.3 * PATIENT
    assert memory(site) < 200 << 20


def test_five_hundred_runs(runs, tmp_path, start_site):
    for number in range(500):
        private = tmp_path / f"run-{number}" / ".dflow"
        private.mkdir(parents=True)
        for name in ("graph.json", "journal.jsonl"):
            shutil.copy(runs / "good-1" / ".dflow" / name, private / name)
        shutil.copy(runs / "good-1" / "status", private.parent / "status")
    site = start_site(tmp_path)
    seconds, found = timed(site, "/api/runs")
    assert seconds < 0.5 * PATIENT, "what takes longer is counted later"
    assert len(found["runs"]) == 500
    until = time.monotonic() + 5 * PATIENT
    while any(row["total"] is None for row in found["runs"]):
        assert time.monotonic() < until
        found = site.json("/api/runs")
    assert {(row["status"], row["done"], row["total"]) for row in found["runs"]} == {("Succeeded", 3, 3)}
    assert timed(site, "/api/runs")[0] < 0.1 * PATIENT
    assert memory(site) < 100 << 20
