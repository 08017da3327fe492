"""A run directory can be moved: nothing that is read back tells where it was."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    download_artifact,
    upload_artifact,
)
from dflow.engine.layout import RunLayout
from dflow.engine.moving import absolute, moved, relative
from dflow.engine.reuse import load_reused
from dflow.engine.run_directory import load_graph
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices

pytestmark = pytest.mark.waiting  # whole processes, one after another


class Make(OP):
    """Writes a number and what it got into a file."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int, "data": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int, "out": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        text = Path(op_in["data"]).read_text()
        Path(f"{op_in['n']}.txt").write_text(f"{text}{op_in['n']}")
        return OPIO({"n": op_in["n"] + 1, "out": Path(f"{op_in['n']}.txt")})


class Gather(OP):
    """Hands on what it gets."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"all": Artifact(list[Path]), "up": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"out": Artifact(list[Path]), "one": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("folder").mkdir()
        Path("folder/x").write_text(Path(op_in["up"]).read_text())
        return OPIO({"out": [Path(path) for path in op_in["all"]], "one": Path("folder")})


FILES = "find -L {} -type f -not -path '*/.dflow/*' -exec cat {{}} +"


def copying(script: str = "true") -> ShellOPTemplate:
    text = f"{FILES.format('/tmp/in')} > /tmp/out; printf '%s' '{{{{inputs.parameters.t}}}}' >> /tmp/out; {script}"
    made = ShellOPTemplate("copy", script=text)
    made.inputs.parameters = {"t": InputParameter()}
    made.inputs.artifacts = {"i": InputArtifact(path="/tmp/in")}
    made.outputs.artifacts = {"o": OutputArtifact(path="/tmp/out")}
    return made


def every_kind(work: Path, last: str) -> Workflow:
    """Python and shell steps, slices, nested Steps, a DAG, uploads, stacked and global outputs; ``last`` ends it."""
    (work / "given.txt").write_text("in")
    up = upload_artifact("given.txt")
    wf = Workflow("moved", id="moved-abcde")
    make = Step("make", PythonOPTemplate(Make), parameters={"n": 1}, artifacts={"data": up}, key="make")
    sliced = PythonOPTemplate(
        Make, slices=Slices("{{item}}", input_parameter=["n"], output_parameter=["n"], output_artifact=["out"])
    )
    fan = Step(
        "fan",
        sliced,
        parameters={"n": [1, 2, 3]},
        artifacts={"data": make.outputs.artifacts["out"]},
        with_param=argo_range(3),
        key="fan-{{item}}",
    )
    shell = Step("shell", copying(), parameters={"t": "s"}, artifacts={"i": make.outputs.artifacts["out"]}, key="shell")
    gather = Step(
        "gather", PythonOPTemplate(Gather), artifacts={"all": fan.outputs.artifacts["out"], "up": up}, key="gather"
    )
    inner = Steps("inner")
    inner.inputs.artifacts["i"] = InputArtifact()
    step = Step(
        "in-steps", copying(), parameters={"t": "n"}, artifacts={"i": inner.inputs.artifacts["i"]}, key="nested"
    )
    inner.add(step)
    inner.outputs.artifacts["o"] = OutputArtifact(_from=step.outputs.artifacts["o"])
    around = Step("around", inner, artifacts={"i": shell.outputs.artifacts["o"]}, key="around")
    dag = DAG("dag")
    dag.inputs.artifacts["i"] = InputArtifact()
    task = Task("task", copying(), parameters={"t": "d"}, artifacts={"i": dag.inputs.artifacts["i"]}, key="task")
    dag.add(task)
    dag.outputs.artifacts["o"] = OutputArtifact(_from=task.outputs.artifacts["o"], global_name="whole")
    of_dag = Step("of-dag", dag, artifacts={"i": around.outputs.artifacts["o"]})
    ending = copying(last)
    ending.inputs.artifacts["up"] = InputArtifact(path="/tmp/up")
    end = Step(
        "end", ending, parameters={"t": "e"}, artifacts={"i": of_dag.outputs.artifacts["o"], "up": up}, key="end"
    )
    for group in (make, [fan, shell], gather, around, of_dag, end):
        wf.add(group)
    return wf


@pytest.fixture(params=["all", "run", "occupied"])
def how(request) -> str:
    """What is moved: the folder of runs and uploads, the run alone, or all, while another run takes the old place."""
    return request.param


def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str = "true") -> Workflow:
    work = tmp_path / "old" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    wf = every_kind(work, last)
    wf.submit()
    return wf


def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> Path:
    """Move the run; where it is now."""
    old, new = tmp_path / "old" / "work", tmp_path / "far" / "away" / "place"
    new.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    if how == "run":
        new.mkdir()
        (old / "moved-abcde").rename(new / "moved-abcde")
    else:
        old.rename(new)
    if how == "occupied":
        old.mkdir()
        for name in ("moved-abcde", "upload", "given.txt"):
            copy = shutil.copytree if (new / name).is_dir() else shutil.copy2
            copy(new / name, old / name)
        for path in old.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.write_text("of another run")
    monkeypatch.chdir(new)
    return new / "moved-abcde"


def dflow(*words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_nothing_that_is_read_back_names_the_place(tmp_path, monkeypatch):
    wf = submitted(tmp_path, monkeypatch)
    assert wf.query_status() == "Succeeded"
    root, place = Path(wf.id), str(tmp_path / "old").encode()
    naming = {
        str(p.relative_to(root))
        for p in root.rglob("*")
        if not p.is_symlink() and p.is_file() and place in p.read_bytes()
    }
    scripts = {name for name in naming if name.endswith("/script")}
    settings = {".dflow/settings.json", ".dflow/graph.json", *(n for n in naming if n.startswith(".dflow/ops/"))}
    assert scripts, "shell steps have scripts with their own place"
    assert naming - scripts <= settings
    assert json.loads((root / ".dflow/graph.json").read_text())["home"] == str(tmp_path / "old/work/moved-abcde")
    absolute_links = {
        str(p.relative_to(root)) for p in root.rglob("*") if p.is_symlink() and p.readlink().is_absolute()
    }
    assert absolute_links == {".dflow/lib/dflow"}


def test_finished_run_is_queried_after_a_move(tmp_path, monkeypatch, how):
    submitted(tmp_path, monkeypatch)
    root = move(tmp_path, monkeypatch, how)
    wf = Workflow(id="moved-abcde")
    assert wf.query_status() == "Succeeded"
    end = wf.query_step(key="end")[0]
    assert end.outputs.artifacts["o"].local_path == str(root / "end/outputs/artifacts/o")
    assert download_artifact(end.outputs.artifacts["o"], path="got") == ["got/out"]
    assert Path("got/out").read_text() == "in1snde"
    several = download_artifact(wf.query_step(key="gather")[0].outputs.artifacts["out"], path="several")
    assert [Path(path).read_text() for path in several] == ["in11", "in12", "in13"]
    assert Path(wf.query().status.outputs.artifacts["whole"].local_path).read_text() == "in1snd"
    if how != "run":
        given = wf.query_step(key="make")[0].inputs.artifacts["data"]
        assert given.local_path.startswith(f"{root.parent}/upload/")
        assert Path(download_artifact(given, path="given")[0]).read_text() == "in"
    assert "Succeeded" in dflow("get", "moved-abcde")
    assert "nothing is wrong" in dflow("doctor", "moved-abcde")


def test_journal_of_a_moved_run_can_be_made_anew(tmp_path, monkeypatch, how):
    submitted(tmp_path, monkeypatch)
    root = move(tmp_path, monkeypatch, how)
    (root / ".dflow/journal.jsonl").unlink()
    end = Workflow(id="moved-abcde").query_step(key="end")[0]
    assert Path(end.outputs.artifacts["o"].local_path).read_text() == "in1snde"


@pytest.mark.parametrize("verb", ["retry", "resume"])
def test_half_finished_run_goes_on_after_a_move(tmp_path, monkeypatch, how, verb):
    gate = tmp_path / "gate"
    wf = submitted(tmp_path, monkeypatch, f"{FILES.format('/tmp/up')} >> /tmp/out; test -e {gate}")
    assert wf.query_status() == "Failed"
    root = move(tmp_path, monkeypatch, how)
    gate.touch()
    if verb == "resume":  # as after a kill in the middle of the last step
        (root / "end/phase").write_text("Running")
        (root / "status").write_text("Running")
    before = {p.name: p.stat().st_mtime_ns for p in root.glob("*/phase")}
    started = {p.parent.name: p.read_text() for p in root.glob("*/.step")}
    dflow(verb, "moved-abcde")
    now = {p.parent.name: p.read_text() for p in root.glob("*/.step")}
    again = {name for name in started if json.loads(now[name])["started"] != json.loads(started[name])["started"]}
    assert before
    assert {name for name in again if json.loads(now[name])["type"] == "Pod"} == {"end"}
    assert (root / "end/outputs/artifacts/o").read_text() == "in1sndein"
    assert Workflow(id="moved-abcde").query_status() == "Succeeded"
    assert not list(tmp_path.glob("old/work/moved-abcde/end.bk*"))


def test_steps_of_a_moved_run_are_reused(tmp_path, monkeypatch, how):
    submitted(tmp_path, monkeypatch)
    root = move(tmp_path, monkeypatch, how)
    steps = Workflow(id="moved-abcde").query_step(key=["make", "shell", "gather"])
    new = every_kind(root.parent, "true")
    new.id = "again-abcde"
    new.submit(reuse_step=steps)
    assert new.query_status() == "Succeeded"
    assert Path("again-abcde/make/outputs/artifacts/out").resolve() == root / "make/outputs/artifacts/out"
    assert Path("again-abcde/end/outputs/artifacts/o").read_text() == "in1snde"


def test_run_that_reuses_another_one_goes_on_when_both_were_moved(tmp_path, monkeypatch):
    gate = tmp_path / "gate"
    submitted(tmp_path, monkeypatch)
    new = every_kind(Path.cwd(), f"test -e {gate}")
    new.id = "again-abcde"
    new.submit(reuse_step=Workflow(id="moved-abcde").query_step(key=["make", "shell"]))
    assert new.query_status() == "Failed"
    root = move(tmp_path, monkeypatch, "all")
    found = load_reused(RunLayout(root.with_name("again-abcde")))
    assert found["make"].artifacts == {"out": str(root / "make/outputs/artifacts/out")}
    gate.touch()
    shutil.rmtree(root.with_name("again-abcde") / "shell")  # as if it was not begun
    dflow("retry", "again-abcde")
    assert Path("again-abcde/end/outputs/artifacts/o").read_text() == "in1snde"


def test_kept_outputs_hold_when_the_folder_is_moved(tmp_path, monkeypatch):
    def memoized(number: str) -> Workflow:
        made = ShellOPTemplate(
            "memo", script=f"cat {tmp_path}/number | tee -a {tmp_path}/ran > /tmp/out", memoize_key="same"
        )
        (tmp_path / "number").write_text(number)
        made.outputs.artifacts = {"o": OutputArtifact(path="/tmp/out")}
        wf = Workflow("memo", id=f"memo-{number}")
        wf.add(Step("a", made, key="a"))
        wf.submit()
        return wf

    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    memoized("one")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path / "new")
    memoized("two")
    assert Path("memo-two/a/outputs/artifacts/o").read_text() == "one"
    assert (tmp_path / "ran").read_text() == "one"


def test_records_of_earlier_versions_are_read(tmp_path, monkeypatch):
    wf = submitted(tmp_path, monkeypatch)
    root = Path(wf.id).absolute()
    for file in [*root.glob("*/.step"), root / ".dflow/journal.jsonl"]:
        text = (
            file.read_text().replace('"path":"../', f'"path":"{root.parent}/').replace('"whole":"', f'"whole":"{root}/')
        )
        file.write_text(text)
    data = json.loads((root / ".dflow/graph.json").read_text())
    del data["home"]
    (root / ".dflow/graph.json").write_text(json.dumps(data))
    wf = Workflow(id=wf.id)
    given = wf.query_step(key="make")[0].inputs.artifacts["data"].local_path
    assert given.startswith(str(root.parent / "upload"))
    assert Path(given).exists()
    assert Path(wf.query().status.outputs.artifacts["whole"].local_path).read_text() == "in1snd"
    assert load_graph(RunLayout(root)).templates
    reuse = root / ".dflow/reuse.json"
    reuse.write_text(json.dumps([{"key": "k", "artifacts": {"a": "/some/where"}}]))
    assert load_reused(RunLayout(root))["k"].artifacts == {"a": "/some/where"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/w/run/a/b", "a/b"),
        ("/w/upload/x", "../upload/x"),
        ("/w/run2/a", "../run2/a"),
        ("/other/x", "/other/x"),
        ("/w", "/w"),
        ("/w/run", "../run"),
    ],
)
def test_paths_in_and_beside_a_run_are_written_relative(path, text):
    assert relative(path, "/w/run") == text
    assert absolute(text, "/w/run") == path


def test_run_in_the_root_directory_has_nothing_beside_it():
    assert relative("/etc/x", "/run") == "/etc/x"
    assert relative("/run/x", "/run") == "x"


def test_where_a_path_is_now(tmp_path):
    home, root = "/gone/wf", f"{tmp_path}/wf"
    (tmp_path / "upload").mkdir()
    assert moved("/gone/wf/a", home, root) == f"{root}/a"
    assert moved("/gone/upload", home, root) == f"{tmp_path}/upload"
    assert moved("/gone/not-moved", home, root) == "/gone/not-moved"
    assert moved("/etc/passwd", home, root) == "/etc/passwd"
    assert moved("/gone/upload", home, f"{tmp_path}/renamed") == f"{tmp_path}/upload"
    assert moved("/gone/upload", home, home) == "/gone/upload"


def test_what_lies_around_a_run_of_a_step_moves_with_it(tmp_path):
    home, root = "/gone/wf/step/workflows/sub", f"{tmp_path}/wf/step/workflows/sub"
    (tmp_path / "wf/step/workdir/upload").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    assert moved("/gone/wf/step/workdir/upload", home, root) == f"{tmp_path}/wf/step/workdir/upload"
    assert moved("/gone/elsewhere", home, root) == f"{tmp_path}/elsewhere"
