"""A run directory may have been sent by a stranger: nothing in it hangs, exhausts, leads outside or hides others."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ui_client import UiProcess
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(120)

_MEMORY = 1 << 20  # kB
_PAGES = ("", "/graph", "/nodes", "/timeline")


def node(**fields: Any) -> str:
    made = {
        "event": "node",
        "id": "evil-x",
        "name": "good-1[7].x",
        "displayName": "x",
        "type": "Pod",
        "phase": "Running",
        "template": "t",
        "parent": "good-1",
        "started": 1795314591.0,
    }
    return json.dumps({**made, **fields}) + "\n"


def loop(count: Any, name: str = "good-1[7].x") -> str:
    return f'{{"event":"loop","name":"{name}","parent":"good-1","count":{count}}}\n'


def says(*lines: str) -> Callable[[Path], None]:
    """More lines at the end of the journal."""

    def write(run: Path) -> None:
        with (run / ".dflow/journal.jsonl").open("a") as stream:
            stream.writelines(lines)

    return write


def instead(name: str, make: Callable[[Path], None], status: str | None = None) -> Callable[[Path], None]:
    """Something else in the place of a file."""

    def write(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)
        if status is not None:
            (run / "status").write_text(status)

    return write


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 200 << 30)


def deep(path: Path) -> None:
    path.write_text("[" * 30_000)


def steps_of(name: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Something else in the place of a file of each step."""

    def write(run: Path) -> None:
        steps = [path.parent for path in run.glob("*/phase")]
        assert steps
        for step in steps:
            (step / name).unlink()
            make(step / name)

    return write


def record(data: Any) -> Callable[[Path], None]:
    return steps_of(".step", lambda path: path.write_text(json.dumps(data)))  # type: ignore[arg-type,return-value]


def both(*spoil: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        for one in spoil:
            one(run)

    return write


def steps_run(run: Path) -> None:
    """Only the first line of each node: all of them run."""
    seen: set[str] = set()
    kept = []
    for line in (run / ".dflow/journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event.get("event") == "workflow" and event.get("phase") != "Running":
            continue
        if event.get("event") == "node":
            if event["name"] in seen:
                continue
            seen.add(event["name"])
            line = json.dumps({**event, "phase": "Running"})  # noqa: PLW2901
        kept.append(line)
    (run / ".dflow/journal.jsonl").write_text("\n".join(kept) + "\n")


READABLE: dict[str, Callable[[Path], None]] = {
    "a time of 401 digits": says('{"event":"workflow","phase":"Running","at":1' + "0" * 400 + "}\n"),
    "a start of 401 digits": says(node(started=10**400)),
    "no number": says(node(started=float("nan"), finished=float("-inf"))),
    "a line of brackets": says('{"event":"x","a":' + "[" * 30_000 + "]" * 30_000 + "}\n"),
    "huge counts": says(loop("9" * 4300), loop("9" * 4300, "good-1[8].y")),
    "many copies": says(loop(10**9), node(name="good-1[7].x(0:0)", displayName="x(0:0)")),
    "a negative count": says(loop(-(10**9))),
    "an index of 5000 digits": says(loop(3), node(name="good-1[7].x(0:0)", displayName=f"x({'1' * 5000}:0)")),
    "lists for words": says(node(usage=[1], key=5, dir={"a": 1}, retries="x", host=[1], exitCode={})),
    "a type that is a list": says(node(type=["x"]), node(id="good-1", name="good-1", type=["x"])),
    "a directory that is a number": says(node(dir=7)),
    "parents in a circle": says(node(parent="evil-x"), node(id="a", name="a", parent="b"), node(id="b", name="b")),
    "halves of pairs": says(node(id="e\ud800", displayName="\udfff", key="\ud800", dir="\ud800", message="\ud800")),
    "a graph of brackets": instead(".dflow/graph.json", deep),
    "a lease of brackets": instead(".dflow/lease", lambda p: p.write_text("[" * 30_000) and None, "Running"),
    "a lease without a process": instead(
        ".dflow/lease", lambda p: p.write_text(json.dumps({"host": os.uname().nodename, "pid": -1})) and None, "Running"
    ),
    "a step of brackets": steps_of(".step", deep),
    "a pipe for a phase": steps_of("phase", os.mkfifo),
    "a phase without an end": steps_of("phase", zero),
    "a pipe for a phase of a step that is not said to have ended": both(
        steps_of("phase", os.mkfifo), steps_run, instead("pid", os.mkfifo)
    ),
    "a pipe for a step": steps_of(".step", os.mkfifo),
    "a step of other types": record(
        {"inputs": {"parameters": {"a": {"value": 10**400, "type": [1]}, "../../x": {}, "b\0": {}}}, "usage": [1]}
    ),
    "a journal without an end": instead(".dflow/journal.jsonl", sparse),
}

REFUSED: dict[str, Callable[[Path], None]] = {
    "a pipe for the status": instead("status", os.mkfifo),
    "a pipe for the lease": instead(".dflow/lease", os.mkfifo, "Running"),
    "a pipe for the journal": instead(".dflow/journal.jsonl", os.mkfifo),
    "a status without an end": instead("status", zero),
    "a lease without an end": instead(".dflow/lease", zero, "Running"),
    "a huge status": instead("status", sparse),
    "a huge graph": instead(".dflow/graph.json", sparse),
    "a status elsewhere": instead("status", lambda path: path.symlink_to("/etc/passwd")),
    "a journal elsewhere": instead(".dflow/journal.jsonl", lambda path: path.symlink_to("/etc/passwd")),
}

CASES = {**READABLE, **REFUSED}


@pytest.fixture(scope="module")
def folder(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good run, and an evil one for each case."""
    found = tmp_path_factory.mktemp("evil")
    shutil.copytree(runs / "good-1", found / "good-1", symlinks=True)
    for number, spoil in enumerate(CASES.values()):
        run = found / f"evil-{number}"
        shutil.copytree(runs / "good-1", run, symlinks=True)
        spoil(run)
    return found


@pytest.fixture(scope="module")
def evil(folder: Path) -> Iterator[UiProcess]:
    found = UiProcess(folder)
    yield found
    found.close()


def id_of(case: str) -> str:
    return f"evil-{list(CASES).index(case)}"


def memory(site: UiProcess) -> int:
    """The most that the server has ever had, in kB."""
    lines = Path(f"/proc/{site.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_the_list_shows_all_and_goes_on(evil, folder):
    begun = time.monotonic()
    rows = {row["id"]: row for row in evil.json("/api/runs")["runs"]}
    assert time.monotonic() - begun < 20
    assert len(rows) == len(CASES) + 1
    assert {rows[id_of(case)]["status"] for case in REFUSED} == {"unreadable"}
    for case in REFUSED:
        assert "root:" not in rows[id_of(case)]["error"]
    with evil.stream("/api/runs/stream", timeout=30) as events:
        assert len(next(events)[1]["runs"]) == len(rows)
        new = folder / "new-1"
        shutil.copytree(folder / "good-1", new, symlinks=True)
        try:
            until(lambda: any(row["id"] == "new-1" for row in next(events)[1]["runs"]), 30)
        finally:
            shutil.rmtree(new)


@pytest.mark.parametrize("case", READABLE)
def test_what_can_be_read_is_shown(evil, case):
    for page in _PAGES:
        reply = evil.get(f"/api/runs/{id_of(case)}{page}")
        assert reply.status == 200, (page, reply.body[:300])
    nodes = evil.json(f"/api/runs/{id_of(case)}/nodes")["nodes"]
    assert nodes or case == "a journal without an end"
    for found in nodes:
        if found["id"].isascii():
            assert evil.get(f"/api/runs/{id_of(case)}/nodes/{found['id']}").status == 200
    assert memory(evil) < _MEMORY


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(evil, case):
    for page in (*_PAGES, "/stream"):
        reply = evil.get(f"/api/runs/{id_of(case)}{page}")
        assert reply.status == 404
        assert "is damaged" in reply.error
    assert memory(evil) < _MEMORY


@pytest.mark.parametrize("case", CASES)
def test_following_one_does_not_end_what_others_are_followed_with(evil, folder, case):
    if case in READABLE:
        with evil.stream(f"/api/runs/{id_of(case)}/stream?since=0") as events:
            assert next(events)[0] == "change"
    with evil.stream("/api/runs/good-1/stream?since=0") as events:
        assert next(events)[0] == "change"
    assert evil.process.poll() is None


def test_a_run_that_becomes_evil_while_it_is_followed(start_site, runs, tmp_path):
    for name in ("good-1", "other"):
        shutil.copytree(runs / "good-1", tmp_path / name, symlinks=True)
    site = start_site(tmp_path)
    with site.stream("/api/runs/good-1/stream?since=0") as events:
        assert next(events)[0] == "change"
        (tmp_path / "good-1/status").unlink()
        os.mkfifo(tmp_path / "good-1/status")
        until(lambda: site.get("/api/runs/good-1").status == 404)
    with site.stream("/api/runs/other/stream?since=0") as events:
        assert next(events)[0] == "change"
    rows = {row["id"]: row["status"] for row in site.json("/api/runs")["runs"]}
    assert rows == {"good-1": "unreadable", "other": "Succeeded"}


def test_requests_are_not_written_elsewhere(start_site, runs, tmp_path):
    run, victim = tmp_path / "runs/good-1", tmp_path / "victim"
    shutil.copytree(runs / "good-1", run, symlinks=True)
    victim.mkdir()
    shutil.rmtree(run / ".dflow/control", ignore_errors=True)
    (run / ".dflow/control").symlink_to(victim)
    (run / ".dflow/lease").write_text(json.dumps({"host": "elsewhere", "pid": 1, "fence": 1}))
    (run / "status").write_text("Running")
    reply = start_site(tmp_path / "runs").post("/api/runs/good-1/suspend")
    assert (reply.status, list(victim.iterdir())) == (409, [])
    assert "link" in reply.error


def test_names_in_commands_to_copy_are_quoted(start_site, runs, tmp_path):
    name = "x;touch pwn;$(id)"
    shutil.copytree(runs / "bad-1", tmp_path / name, symlinks=True)
    journal = tmp_path / name / ".dflow/journal.jsonl"
    journal.write_text(
        journal.read_text() + node(id="plain", name="a", key="-f") + node(id="b", name="b", key="a\x03\ntouch pwn\n")
    )
    site = start_site(tmp_path)
    quoted = "'x;touch pwn;$(id)'"
    address = "/api/runs/x%3Btouch%20pwn%3B%24%28id%29/nodes"
    assert site.json(f"{address}/plain")["commands"] == {
        "retry": f"dflow retry {quoted} --step=-f",
        "debug": f"dflow debug {quoted} -- -f",
        "logs": f"dflow logs -f {quoted} -- -f",
    }
    assert site.json(f"{address}/b")["command"] == f"dflow retry {quoted} --step b"


def test_a_run_is_started_once_by_three_who_ask_at_once(start_site, runs, tmp_path):
    shutil.copytree(runs / "bad-1", tmp_path / "bad-1", symlinks=True)
    site = start_site(tmp_path)
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: site.post("/api/runs/bad-1/retry"), range(3)))
    started = [reply for reply in replies if reply.status == 200 and "in the background" in reply.json["said"]]
    assert len(started) == 1, [reply.body for reply in replies]
    log = tmp_path / "bad-1/.dflow/runner.log"
    until(lambda: site.json("/api/runs/bad-1")["status"] == "Failed", 60)
    assert "is being run by" not in log.read_text()


def test_a_download_ends_when_the_browser_has_gone(start_site, runs, tmp_path):
    run = tmp_path / "good-1"
    shutil.copytree(runs / "good-1", run, symlinks=True)
    sparse(run / "make/log.txt.new")
    (run / "make/log.txt.new").replace(run / "make/log.txt")
    site = start_site(tmp_path)
    id_ = next(found["id"] for found in site.json("/api/runs/good-1/nodes")["nodes"] if found["key"] == "make")
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request(
        "GET", f"/api/runs/good-1/nodes/{id_}/log/download", headers={"Authorization": f"Bearer {site.token}"}
    )
    answer = connection.getresponse()
    assert answer.status == 200
    assert len(answer.read(1 << 20)) == 1 << 20
    assert holds_open(site, run / "make/log.txt")
    answer.close()
    connection.close()
    until(lambda: not holds_open(site, run / "make/log.txt"), 10)


def holds_open(site: UiProcess, path: Path) -> bool:
    return str(path.resolve()) in {os.path.realpath(file) for file in Path(f"/proc/{site.process.pid}/fd").iterdir()}
