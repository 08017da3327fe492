"""What the page is told of runs, and what it can do to them."""

from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow.engine.layout import RunLayout
from dflow.engine.lease import is_running
from dflow.query import read_nodes, read_status
from until import until

sys.path.insert(0, str(Path(__file__).parent))

from ui_client import environment, run_script


def calls(group):
    return {call["call"]: call for call in group["calls"]}


def node_of(site, run, title):
    found = site.json(f"/api/runs/{run}/nodes?limit=500")["nodes"]
    return next(node for node in found if title in (node["key"], node["title"]))


# -- reading ------------------------------------------------------------------------------------------------------


def test_the_list_has_all_runs_newest_first(site, runs):
    rows = site.json("/api/runs")["runs"]
    assert [row["id"] for row in rows] == ["dag-1", "bad-1", "good-1"]
    good, bad = rows[2], rows[1]
    assert (good["status"], good["done"], good["total"], good["failed"], good["running"]) == ("Succeeded", 3, 3, 0, 0)
    assert (bad["status"], bad["total"], bad["failed"]) == ("Failed", 6, 1)
    assert good["finished"] > good["started"] > time.time() - 3600
    assert good["runner"] is None
    assert good["source"] == "local"


def test_the_session_tells_the_folder_and_the_time(site, runs):
    found = site.json("/api/session")
    assert found["folder"] == str(runs)
    assert abs(found["now"] - time.time()) < 60
    assert found["server"] is False


def test_a_run_has_what_dflow_get_tells(site, runs):
    found = site.json("/api/runs/bad-1")
    assert (found["status"], found["attempts"], found["directory"]) == ("Failed", 1, str(runs / "bad-1"))
    assert (found["counts"], found["total"]) == ({"Succeeded": 5, "Failed": 1}, 6)
    assert found["can"] == ["retry"]
    assert site.json("/api/runs/good-1")["can"] == []


def test_the_graph_has_calls_in_groups_with_what_they_wait_for(site):
    root = site.json("/api/runs/good-1/graph")["root"]
    found = calls(root)
    assert (root["type"], root["phase"], root["counts"]) == ("Steps", "Succeeded", {"Succeeded": 3})
    assert [(c["call"], c["kind"], c["after"]) for c in root["calls"]] == [
        ("make", "step", []),
        ("inner", "group", ["make"]),
        ("use", "step", ["make"]),
    ]
    assert found["make"]["key"] == "make"
    inner = found["inner"]["inside"]
    assert [call["call"] for call in inner["calls"]] == ["deep"]
    assert site.json("/api/runs/good-1/graph?depth=0")["root"]["calls"][1]["inside"] is None
    assert site.json("/api/runs/good-1/graph?depth=0")["root"]["calls"][1]["size"] == 1
    assert site.json(f"/api/runs/good-1/graph?node={inner['id']}")["root"]["calls"] == inner["calls"]


def test_a_loop_is_folded_to_a_strip_and_its_copies_come_by_pages(site):
    root = site.json("/api/runs/bad-1/graph")["root"]
    loop, never = calls(root)["sq"], calls(root)["never"]
    assert (loop["kind"], loop["expected"], loop["strip"]) == ("loop", 6, "222522")
    assert loop["counts"] == {"Succeeded": 5, "Failed": 1}
    assert (never["phase"], never["id"], never["after"]) == ("Pending", None, ["sq"])
    page = site.json(f"/api/runs/bad-1/graph?node={root['id']}&call=sq&offset=2&limit=2")
    assert [copy["title"] for copy in page["copies"]] == ["sq(2:2)", "sq(3:3)"]
    assert page["total"] == 6
    failed = site.json(f"/api/runs/bad-1/graph?node={root['id']}&call=sq&phase=Failed,Error")["copies"]
    assert [copy["key"] for copy in failed] == ["sq-3"]
    assert site.get(f"/api/runs/bad-1/graph?node={root['id']}&call=other").status == 404


def test_the_loop_of_a_dag_is_a_group_of_its_own(site):
    root = site.json("/api/runs/dag-1/graph")["root"]
    found = calls(root)
    assert {name: call["after"] for name, call in found.items()} == {"one": [], "two": ["one"], "many": ["one"]}
    assert found["many"]["strip"] == "222"
    page = site.json(f"/api/runs/dag-1/graph?node={found['many']['id']}")
    assert [copy["title"] for copy in page["copies"]] == ["many(0:0)", "many(1:1)", "many(2:2)"]


def test_nodes_are_found_by_phase_and_by_a_part_of_the_name(site):
    assert site.json("/api/runs/bad-1/nodes?limit=0")["total"] == 6
    found = site.json("/api/runs/bad-1/nodes?phase=Failed")["nodes"]
    assert [(node["title"], node["key"], node["exitCode"]) for node in found] == [("sq(3:3)", "sq-3", 1)]
    assert "three is not squared" in found[0]["message"]
    assert site.json("/api/runs/good-1/nodes?text=DEEP")["nodes"][0]["title"] == "deep"
    assert site.json("/api/runs/good-1/nodes?text=nothing-like-it")["nodes"] == []
    assert [n["title"] for n in site.json("/api/runs/good-1/nodes?offset=1&limit=1")["nodes"]] != ["make"]


def test_the_timeline_has_leaves_with_the_critical_ones_marked(site):
    found = site.json("/api/runs/good-1/timeline")
    assert {row["title"] for row in found["rows"]} == {"make", "deep", "use"}
    assert found["critical"][0] == node_of(site, "good-1", "make")["id"]
    assert [row["id"] for row in found["rows"] if row["critical"]] == sorted(
        found["critical"], key=lambda name: next(r["started"] for r in found["rows"] if r["id"] == name)
    )
    assert found["start"] <= min(row["started"] for row in found["rows"])
    assert found["end"] >= max(row["finished"] for row in found["rows"])
    short = site.json("/api/runs/bad-1/timeline?limit=1")
    assert (len(short["rows"]), short["total"], short["left"]) == (1, 6, 5)
    assert short["rows"][0]["critical"]


def test_a_node_has_its_values_artifacts_and_commands(site, runs):
    node = node_of(site, "good-1", "make")
    found = site.json(f"/api/runs/good-1/nodes/{node['id']}")
    assert found["inputs"]["parameters"] == {"n": {"value": "1", "type": "int"}}
    assert found["outputs"]["parameters"] == {"m": {"value": "2", "type": "int"}}
    assert found["outputs"]["artifacts"] == {"data": {"path": "outputs/artifacts/data", "key": None}}
    assert (found["script"], found["log"], found["attempts"]) == (True, True, [])
    assert found["directory"] == str(runs / "good-1" / "make")
    assert found["command"] == "dflow retry good-1 --step make"
    assert found["usage"]["cpu"] >= 0
    use = node_of(site, "good-1", "use")
    value = site.json(f"/api/runs/good-1/nodes/{use['id']}")["inputs"]["parameters"]["text"]
    assert (len(value["value"]), value["cut"]) == (10_000, True)


def test_the_values_of_a_step_are_those_of_a_query(site, runs):
    layout = RunLayout(runs / "bad-1")
    for record in read_nodes(layout):
        found = site.json(f"/api/runs/bad-1/nodes/{record.id}")
        assert (found["name"], found["phase"], found["key"]) == (record.name, record.phase.value, record.key)
        assert found["started"] == record.started


def test_artifacts_are_trees_also_those_that_another_step_has_made(site):
    make, use = (node_of(site, "good-1", name)["id"] for name in ("make", "use"))
    for node, side in ((make, "outputs"), (use, "inputs")):
        address = f"/api/runs/good-1/nodes/{node}/files?side={side}&name=data"
        assert [entry["name"] for entry in site.json(address)["entries"]] == ["data"]
        entries = {entry["name"]: entry for entry in site.json(f"{address}&path=data")["entries"]}
        assert entries["inner"]["kind"] == "directory"
        assert (entries["a.json"]["kind"], entries["a.json"]["size"]) == ("file", 8)
        assert site.json(f"{address}&path=data/inner/deep.txt") == {"kind": "file", "size": 4, "preview": "text"}
        previews = {name: site.json(f"{address}&path=data/{name}")["preview"] for name in entries if "." in name}
        assert previews == {
            "a.json": "json",
            "t.csv": "csv",
            "page.html": "text",
            "drawing.svg": "text",
            "dot.png": "image",
            "numbers.bin": "none",
        }


def test_files_are_shown_and_kept(site):
    node = node_of(site, "good-1", "make")["id"]
    address = f"/api/runs/good-1/nodes/{node}/file?side=outputs&name=data&path=data/"
    assert site.get(f"{address}t.csv").body == b"x,y\n1,2\n"
    kept = site.get(f"{address}numbers.bin&as=download")
    assert kept.body == bytes(range(256)) * 10
    assert 'filename="numbers.bin"' in kept.headers["Content-Disposition"]
    assert site.get(f"{address}numbers.bin").status == 400
    assert site.get(f"{address}inner&as=download").status == 400
    assert site.get(f"{address}a.json&as=nonsense").status == 400


def test_a_log_comes_from_its_end_and_from_an_offset(site):
    node = node_of(site, "good-1", "make")["id"]
    text = "making 1 of wörds\n"
    found = site.json(f"/api/runs/good-1/nodes/{node}/log")
    assert found == {"text": text, "offset": len(text.encode()), "size": len(text.encode()), "from": 0}
    with site.stream(f"/api/runs/good-1/nodes/{node}/log/stream?offset=7") as events:
        assert list(events) == [("text", {"text": text[7:], "offset": len(text.encode()), "skipped": 0}), ("end", {})]
    kept = site.get(f"/api/runs/good-1/nodes/{node}/log/download")
    assert kept.body.decode() == text
    assert 'filename="make-log.txt"' in kept.headers["Content-Disposition"]
    script = site.get(f"/api/runs/good-1/nodes/{node}/script")
    assert (script.headers["Content-Type"], b"Runs step make" in script.body) == ("text/plain; charset=utf-8", True)


def test_what_is_not_there_is_said_in_words(site):
    for path, words in (
        ("/api/runs/nothing-1", "There is no run nothing-1"),
        ("/api/runs/good-1/nodes/nothing-1", "The run good-1 has no step 'nothing-1'"),
        ("/api/runs/good-1/graph?node=nothing-1", "has no step"),
        ("/api/nothing", "There is no such page"),
    ):
        reply = site.get(path)
        assert reply.status == 404
        assert words in reply.error


def test_a_long_answer_is_packed_for_who_can_unpack_it(site):
    plain = site.get("/api/runs/bad-1/nodes?limit=500")
    assert "Content-Encoding" not in plain.headers
    page = site.get("/api/runs", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in page.headers, "a short one is not"


def test_a_damaged_run_does_not_spoil_the_list(runs, tmp_path, start_site):
    (tmp_path / "good-1").symlink_to(runs / "good-1")
    for name, graph, journal in (("one", "{", ""), ("two", "{}", "nonsense\n{}\n")):
        private = tmp_path / name / ".dflow"
        private.mkdir(parents=True)
        (private / "graph.json").write_text(graph)
        (private / "journal.jsonl").write_text(journal)
    (tmp_path / "no-run").mkdir()
    (tmp_path / "file").write_text("x")
    site = start_site(tmp_path)
    rows = {row["id"]: row for row in site.json("/api/runs")["runs"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "good-1": "Succeeded",
        "one": "damaged",
        "two": "damaged",
    }
    assert "cannot read the status" in rows["one"]["error"]
    for name in ("one", "two"):
        assert site.json(f"/api/runs/{name}")["status"] == "damaged"
        assert site.json(f"/api/runs/{name}/graph")["root"]["calls"] == []


def test_a_folder_without_runs_has_an_empty_list(tmp_path, start_site):
    assert start_site(tmp_path).json("/api/runs") == {"runs": []}


# -- live ---------------------------------------------------------------------------------------------------------

SLOW = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("slow", id="slow-1")
script = "echo line 1; until test -e {folder}/go; do sleep 0.1; done; echo line 2"
said = ShellOPTemplate("said", image="alpine", script=script)
wf.add(Step("first", said, key="first"))
wf.add(Step("second", ShellOPTemplate("long", image="alpine", script="sleep 60"), key="second"))
wf.submit()
"""


@pytest.fixture
def slow(tmp_path):
    """A run in the background: its first step waits for a file ``go``, its second takes a minute."""
    run_script(tmp_path, SLOW.format(folder=tmp_path), DFLOW_DETACH="1")
    layout = RunLayout(tmp_path / "slow-1")
    yield layout
    if is_running(layout):
        subprocess.run(
            [sys.executable, "-m", "dflow.cli", "terminate", "slow-1"], cwd=tmp_path, env=environment(), check=True
        )


def test_a_running_run_is_followed(slow, tmp_path, start_site):
    site = start_site(tmp_path)
    until(lambda: site.json("/api/runs/slow-1/nodes?phase=Running")["total"])
    version = site.json("/api/runs/slow-1/graph")["version"]
    (tmp_path / "go").touch()
    phases = {}
    with site.stream(f"/api/runs/slow-1/stream?since={version}") as events:
        for name, data in events:
            assert name == "change"
            assert data["version"] > version
            assert data["total"] == sum(data["counts"].values())
            phases.update((node["title"], node["phase"]) for node in data["nodes"])
            if data["many"]:
                phases = {n["title"]: n["phase"] for n in site.json("/api/runs/slow-1/nodes")["nodes"]}
            if phases.get("second") == "Running":
                break
    assert phases["first"] == "Succeeded"
    row = site.json("/api/runs")["runs"][0]
    assert (row["status"], row["done"], row["running"]) == ("Running", 1, 1)
    assert row["runner"]["pid"] > 0
    assert site.json("/api/runs/slow-1")["can"] == ["terminate", "stop", "suspend"]


def test_a_log_is_followed_until_its_step_ends(slow, tmp_path, start_site):
    site = start_site(tmp_path)
    node = until(lambda: next((n for n in site.json("/api/runs/slow-1/nodes")["nodes"] if n["key"] == "first"), 0))
    with site.stream(f"/api/runs/slow-1/nodes/{node['id']}/log/stream") as events:
        assert next(events) == ("text", {"text": "line 1\n", "offset": 7, "skipped": 0})
        (tmp_path / "go").touch()
        assert list(events) == [("text", {"text": "line 2\n", "offset": 14, "skipped": 0}), ("end", {})]


def test_a_log_that_is_replaced_begins_again(runs, tmp_path, start_site):
    import shutil

    shutil.copytree(runs / "good-1", tmp_path / "good-1", symlinks=True)
    journal, log = (tmp_path / "good-1" / p for p in (".dflow/journal.jsonl", "make/log.txt"))
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    begun = next(e for e in lines if e.get("key") == "make" and e["phase"] == "Running")
    with journal.open("a") as stream:
        stream.write(json.dumps(begun) + "\n")
    (tmp_path / "good-1" / "status").write_text("Running")
    site = start_site(tmp_path)
    with site.stream(f"/api/runs/good-1/nodes/{begun['id']}/log/stream?offset=0") as events:
        assert next(events)[1]["text"].startswith("making 1")
        other = log.with_name("other")
        other.write_text("another attempt\n")
        other.replace(log)
        assert next(events) == ("restart", {"offset": 0})
        assert next(events)[1]["text"] == "another attempt\n"


def test_the_list_is_sent_when_it_changes(slow, tmp_path, start_site):
    site = start_site(tmp_path)
    with site.stream("/api/runs/stream") as events:
        name, data = next(events)
        assert (name, data["runs"][0]["status"]) == ("runs", "Running")
        site.post("/api/runs/slow-1/terminate")
        statuses = []
        for _, data in events:
            statuses.append(data["runs"][0]["status"])
            if statuses[-1] == "Terminated":
                break


# -- doing --------------------------------------------------------------------------------------------------------


def test_terminate_ends_the_run(slow, tmp_path, start_site):
    site = start_site(tmp_path)
    (tmp_path / "go").touch()
    until(lambda: site.json("/api/runs/slow-1/nodes?text=second")["total"])
    reply = site.post("/api/runs/slow-1/terminate")
    assert (reply.status, reply.json["said"]) == (200, "slow-1 has ended: Terminated")
    assert not is_running(slow)
    assert read_status(slow) == "Terminated"
    again = site.post("/api/runs/slow-1/terminate")
    assert (again.status, again.error) == (409, "slow-1 had ended before, Terminated")


def test_suspend_and_resume_leave_the_requests_of_the_command_line(slow, tmp_path, start_site):
    site = start_site(tmp_path)
    assert site.post("/api/runs/slow-1/suspend").status == 200
    until(slow.suspended.exists)
    assert site.json("/api/runs/slow-1")["can"] == ["terminate", "stop", "resume"]
    assert site.post("/api/runs/slow-1/resume").json["said"] == "slow-1 goes on"
    until(lambda: not slow.suspended.exists())
    assert site.post("/api/runs/slow-1/suspend", {"steps": ["second"]}).status == 400
    assert site.post("/api/runs/slow-1/stop").json["said"] == "slow-1 has ended: Failed"
    for verb in ("suspend", "stop"):
        assert site.post(f"/api/runs/slow-1/{verb}").status == 409


FLAKY = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("flaky", id="flaky-1")
script = "test -e {folder}/mended"
wf.add(Step("one", ShellOPTemplate("one", image="alpine", script="echo one >> {folder}/count"), key="one"))
wf.add(Step("two", ShellOPTemplate("two", image="alpine", script="test -e {folder}/mended"), key="two"))
wf.submit()
"""


def test_retry_runs_what_failed_in_the_background_after_the_server_has_ended(tmp_path, start_site):
    run_script(tmp_path, FLAKY.format(folder=tmp_path))
    layout = RunLayout(tmp_path / "flaky-1")
    site = start_site(tmp_path)
    assert site.json("/api/runs/flaky-1")["can"] == ["retry"]
    (tmp_path / "mended").touch()
    reply = site.post("/api/runs/flaky-1/retry")
    assert (reply.status, reply.json["said"]) == (200, "flaky-1 goes on in the background")
    site.close()
    until(lambda: read_status(layout) == "Succeeded")
    assert (tmp_path / "count").read_text() == "one\n", "what had succeeded was not repeated"


def test_one_step_is_run_again(tmp_path, start_site):
    run_script(tmp_path, FLAKY.format(folder=tmp_path))
    layout = RunLayout(tmp_path / "flaky-1")
    site = start_site(tmp_path)
    node = node_of(site, "flaky-1", "one")
    assert "retry" in site.json(f"/api/runs/flaky-1/nodes/{node['id']}")["can"]
    assert site.post("/api/runs/flaky-1/retry", {"steps": ["nothing"]}).status == 404
    assert site.post("/api/runs/flaky-1/retry", {"steps": [node["id"]]}).status == 200
    until(lambda: not is_running(layout))
    assert (tmp_path / "count").read_text() == "one\none\n"
    attempts = site.json(f"/api/runs/flaky-1/nodes/{node['id']}")["attempts"]
    assert [attempt["directory"] for attempt in attempts] == ["one.bk1"]


def test_a_step_that_waits_is_given_its_values(tmp_path, start_site):
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "ask-1"},
        "spec": {
            "entrypoint": "main",
            "templates": [
                {
                    "name": "main",
                    "steps": [
                        [{"name": "approve", "template": "approve"}],
                        [
                            {
                                "name": "say",
                                "template": "say",
                                "arguments": {
                                    "parameters": [
                                        {"name": "x", "value": "{{steps.approve.outputs.parameters.answer}}"}
                                    ]
                                },
                            }
                        ],
                    ],
                },
                {
                    "name": "approve",
                    "suspend": {},
                    "outputs": {"parameters": [{"name": "answer", "valueFrom": {"supplied": {}}}]},
                },
                {
                    "name": "say",
                    "inputs": {"parameters": [{"name": "x"}]},
                    "container": {"image": "a", "command": ["echo"], "args": ["{{inputs.parameters.x}}"]},
                },
            ],
        },
    }
    (tmp_path / "ask.json").write_text(json.dumps(manifest))
    command = [sys.executable, "-m", "dflow.cli", "run", "--detach", "ask.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site = start_site(tmp_path)
    run = site.json("/api/runs")["runs"][0]["id"]
    layout = RunLayout(tmp_path / run)
    node = until(lambda: next((n for n in site.json(f"/api/runs/{run}/nodes")["nodes"] if n["title"] == "approve"), 0))
    detail = site.json(f"/api/runs/{run}/nodes/{node['id']}")
    assert (detail["can"], detail["supplied"], detail["needed"]) == (["resume"], ["answer"], ["answer"])
    assert site.json(f"/api/runs/{run}/graph")["root"]["calls"][0]["kind"] == "suspend"
    wrong = site.post(f"/api/runs/{run}/resume", {"steps": [node["id"]], "outputs": {"anser": "yes"}})
    assert (wrong.status, "did you mean 'answer'" in wrong.error) == (400, True)
    assert site.post(f"/api/runs/{run}/resume", {"steps": [node["id"]]}).status == 400
    right = site.post(f"/api/runs/{run}/resume", {"steps": [node["id"]], "outputs": {"answer": "yes & no"}})
    assert (right.status, right.json) == (200, {"said": f"{run} goes on"})
    until(lambda: read_status(layout) == "Succeeded")
    said = node_of(site, run, "say")
    assert site.json(f"/api/runs/{run}/nodes/{said['id']}/log")["text"] == "yes & no\n"


# -- starting and ending ------------------------------------------------------------------------------------------


def test_one_line_has_the_address_and_ends_in_the_token(site):
    lines = [line for line in site.printed.splitlines() if "http" in line]
    assert len(lines) == 1
    assert re.fullmatch(r"\s*http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", lines[0])
    assert "ssh -L" not in site.printed


def test_what_is_printed_is_what_the_page_of_the_docs_shows(runs, start_site, project_root):
    site = start_site(runs, env={"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"})
    text = site.printed.replace(str(site.port), "8765").replace(site.token, "qXb…")
    text = text.replace(str(runs), "/home/me/project").replace(socket.gethostname(), "login1")
    assert f"```text\n{text}```\n" in (project_root / "docs" / "web-page.md").read_text()


def test_a_session_by_ssh_is_told_of_the_tunnel(runs, start_site):
    site = start_site(runs, env={"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"})
    assert f"  ssh -L {site.port}:127.0.0.1:{site.port} {socket.gethostname()}\n" in site.printed
    assert site.printed.count("http") == 1


def test_a_run_can_be_opened_by_its_id_the_beginning_of_it_and_as_the_latest_one(runs, start_site):
    for word, run in (("@latest", "dag-1"), ("bad", "bad-1"), (str(runs / "good-1"), "good-1")):
        site = start_site(runs, word)
        assert site.path == f"/run/{run}"
        assert site.ask("GET", f"{site.path}?token={site.token}").headers["Location"] == f"/#/run/{run}"


def test_a_path_elsewhere_opens_its_own_folder(runs, tmp_path, start_site):
    site = start_site(tmp_path, str(runs / "good-1"))
    assert site.json("/api/session")["folder"] == str(runs)


def command(*words, cwd):
    return run_command([sys.executable, "-m", "dflow.cli", "ui", "--no-browser", *words], cwd)


def run_command(words, cwd):
    return subprocess.run(
        words,
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_port_that_is_taken_is_said_when_it_was_asked_for(site, runs):
    found = command("--port", str(site.port), cwd=runs)
    assert found.returncode == 1
    assert found.stderr == (f"dflow: port {site.port} of 127.0.0.1 is taken; choose another one, or leave --port out\n")
    assert command("--port", "99999", cwd=runs).returncode == 1


def test_without_a_port_another_one_is_taken(runs, start_site):
    one, other = (start_site(runs, "--port", "8765") for _ in range(2))
    assert one.port != other.port
    assert other.get("/api/runs").status == one.get("/api/runs").status == 200


def test_a_folder_that_is_not_there_and_a_run_that_is_not_there(tmp_path):
    assert "there is no directory" in command("--dir", str(tmp_path / "no"), cwd=tmp_path).stderr
    assert "there is no run 'nothing'" in command("nothing", cwd=tmp_path).stderr


def test_it_says_what_to_install(tmp_path):
    text = (
        "import importlib.util as u, sys\nreal = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'uvicorn' else real(name, package)\n"
        "from dflow.cli import main\nsys.exit(main(['ui', '--no-browser', '--port', '0']))\n"
    )
    found = run_command([sys.executable, "-c", text], tmp_path)
    assert found.returncode == 1
    assert found.stderr == "dflow: dflow ui needs uvicorn: pip install 'pydflow[ui]'\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_at_once_although_pages_are_open(runs, start_site, number):
    site = start_site(runs)
    with site.stream("/api/runs/stream") as events, site.stream("/api/runs/good-1/stream") as more:
        next(events)
        next(more)
        begun = time.monotonic()
        site.process.send_signal(number)
        site.process.wait(10)
        assert time.monotonic() - begun < 2.5
        list(events)
    if number == signal.SIGINT:
        assert site.process.returncode == 0
        assert site.close() == ""


def test_ctrl_c_ends_it_although_a_download_hangs(runs, tmp_path, start_site):
    site = start_site(runs)
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(f"GET /api/runs?token={site.token} HTTP/1.1\r\nHost: {site.host}\r\n".encode())
        begun = time.monotonic()
        site.process.send_signal(signal.SIGINT)
        site.process.wait(10)
        assert time.monotonic() - begun < 4


# -- size ---------------------------------------------------------------------------------------------------------


def test_a_client_that_reads_nothing_stops_nobody(site):
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        head = f"Host: {site.host}\r\nAuthorization: Bearer {site.token}\r\n\r\n"
        connection.sendall(f"GET /api/runs/stream HTTP/1.1\r\n{head}".encode())
        for _ in range(5):
            assert site.get("/api/runs").status == 200


def test_a_page_that_goes_is_forgotten(runs, start_site):
    site = start_site(runs)
    for _ in range(80):
        with site.stream("/api/runs/good-1/stream") as events:
            next(events)
    descriptors = len(list(Path(f"/proc/{site.process.pid}/fd").iterdir()))
    assert descriptors < 60
    assert until(lambda: site.get("/api/runs/good-1").status == 200)


def test_a_graph_is_packed(runs, tmp_path, start_site):
    make_dag(tmp_path, 400)
    site = start_site(tmp_path)
    packed = site.get("/api/runs/wide-1/graph", **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body)) == site.json("/api/runs/wide-1/graph")


def make_dag(folder, count):
    run_script(
        folder,
        f"""
from dflow import DAG, ShellOPTemplate, Task, Workflow
dag = DAG("dag")
nothing = ShellOPTemplate("nothing", image="a", script="true")
before = None
for i in range({count}):
    dag.add(Task(f"t{{i}}", nothing, when="1 == 2"))
Workflow("wide", id="wide-1", dag=dag).submit()
""",
    )
