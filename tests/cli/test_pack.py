"""``dflow pack`` and ``dflow unpack``: a run in one file, which is whole wherever it is unpacked."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    OutputArtifact,
    ShellOPTemplate,
    Step,
    Workflow,
    download_artifact,
    upload_artifact,
)
from dflow.engine.layout import RunLayout
from dflow.engine.lease import lease
from dflow.engine.run_directory import load_graph
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate

FILES = "find -L {} -type f -not -path '*/.dflow/*' -exec cat {{}} +"


class Add(OP):
    """Hands on a file with a letter more."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"given": Artifact(Path), "letter": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"made": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("made.txt").write_text(Path(op_in["given"]).read_text() + op_in["letter"])
        return OPIO({"made": Path("made.txt")})


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def workflow(gate: str, name: str = "packed") -> Workflow:
    """An upload, a Python step, and a shell step that fails until there is a gate."""
    Path("given.txt").write_text("in")
    up = upload_artifact("given.txt")
    wf = Workflow(name, id=f"{name}-abcde")
    make = Step("make", PythonOPTemplate(Add), parameters={"letter": "a"}, artifacts={"given": up}, key="make")
    shell = ShellOPTemplate(
        "shell", script=f"({FILES.format('/tmp/i')}; {FILES.format('/tmp/up')}) > /tmp/o; test -e {gate}"
    )
    shell.inputs.artifacts = {"i": InputArtifact(path="/tmp/i"), "up": InputArtifact(path="/tmp/up")}
    shell.outputs.artifacts = {"o": OutputArtifact(path="/tmp/o")}
    last = Step("last", shell, artifacts={"i": make.outputs.artifacts["made"], "up": up}, key="last")
    wf.add(make)
    wf.add(last)
    return wf


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that has half failed, on another machine as far as can be: nothing of its place is there any more."""
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    workflow(f"{tmp_path}/gate").submit()
    (tmp_path / "new").mkdir()
    return tmp_path


def go_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "new")
    shutil.rmtree(tmp_path / "old")


def test_unpacked_run_is_whole_and_goes_on(made, monkeypatch):
    said = dflow("pack", "packed", "-o", f"{made}/run.tar.gz").stdout
    assert "with what it links to in 1 places outside" in said
    assert "dflow unpack run.tar.gz" in said
    assert sorted(p.name for p in made.iterdir()) == ["new", "old", "run.tar.gz"]
    go_away(made, monkeypatch)
    said = dflow("unpack", "../run.tar.gz").stdout
    assert "dflow get packed-abcde" in said
    assert "only if it comes from somebody whom you trust" in said
    assert [p.name for p in Path().iterdir()] == ["packed-abcde"]
    wf = Workflow(id="packed-abcde")
    assert wf.query_status() == "Failed"
    given = wf.query_step(key="make")[0].inputs.artifacts["given"]
    assert Path(download_artifact(given, path="got")[0]).read_text() == "in"
    assert "nothing is wrong" in dflow("doctor", "packed-abcde").stdout
    (made / "gate").touch()
    started = wf.query_step(key="make")[0].startedAt
    dflow("retry", "packed-abcde")
    assert wf.query_status() == "Succeeded"
    assert wf.query_step(key="make")[0].startedAt == started, "a finished step has run again"
    assert Path("packed-abcde/last/outputs/artifacts/o").read_text() == "inain"


def test_pack_holds_together_without_anything_else(made, monkeypatch):
    dflow("debug", "packed-abcde", "make")
    assert Path("packed-abcde/.dflow/debug/1").is_dir()
    dflow("pack", "packed-abcde", "-o", f"{made}/run.tar")
    with tarfile.open(f"{made}/run.tar", "r:") as archive:  # not compressed, as its name says
        assert {name.partition("/")[0] for name in archive.getnames()} == {"packed-abcde"}
        assert not any(name.endswith(("/lease", "/lib/dflow")) for name in archive.getnames())
        assert not any("/.dflow/debug" in name for name in archive.getnames())
    go_away(made, monkeypatch)
    dflow("unpack", f"{made}/run.tar", "-d", "sub/folder")
    root = Path("sub/folder/packed-abcde").absolute()
    links = [path for path in root.rglob("*") if path.is_symlink()]
    assert links
    outside = {str(p.relative_to(root)) for p in links if not p.resolve().is_relative_to(root)}
    assert outside == {".dflow/lib/dflow"}
    assert [path for path in links if not path.exists()] == []
    assert {stat.S_IMODE(p.stat().st_mode) for p in (root / ".dflow", root / ".dflow/ops")} == {0o700}
    private = [root / ".dflow/graph.json", root / ".dflow/settings.json", root / "make/.step"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    graph = (root / ".dflow/graph.json").read_text()
    assert f"{made}/old/upload" not in graph
    artifact = json.dumps(load_graph(RunLayout(root)), default=str)
    assert str(root / ".dflow/outside") in artifact


def test_unpacked_run_can_be_moved_and_packed_again(made, monkeypatch):
    dflow("pack", "packed", "-o", f"{made}/one.tar.gz")
    go_away(made, monkeypatch)
    dflow("unpack", "../one.tar.gz")
    Path("../third").mkdir()
    Path("packed-abcde").rename("../third/packed-abcde")
    monkeypatch.chdir("../third")
    dflow("pack", "packed", "-o", "two.tar.gz")
    shutil.rmtree("packed-abcde")
    dflow("unpack", "two.tar.gz")
    (made / "gate").touch()
    dflow("retry", "packed-abcde")
    assert Path("packed-abcde/last/outputs/artifacts/o").read_text() == "inain"


def test_artifacts_of_other_runs_are_in_the_pack(made, monkeypatch):
    (made / "gate").touch()
    again = workflow(f"{made}/gate", "again")
    again.submit(reuse_step=Workflow(id="packed-abcde").query_step(key="make"))
    assert again.query_status() == "Succeeded"
    dflow("pack", "again", "-o", f"{made}/run.tar.gz")
    go_away(made, monkeypatch)
    dflow("unpack", "../run.tar.gz")
    step = Workflow(id="again-abcde").query_step(key="make")[0]
    assert Path(download_artifact(step.outputs.artifacts["made"], path="got")[0]).read_text() == "ina"
    reused = json.loads(Path("again-abcde/.dflow/reuse.json").read_text())
    assert "/.dflow/outside/" in reused["steps"][0]["artifacts"]["made"]


def test_pack_without_what_is_outside(made, monkeypatch):
    said = dflow("pack", "packed", "--no-uploads").stdout
    assert "not in it: last/inputs/artifacts/up: it leads out of the run" in said
    shutil.move("packed-abcde.tar.gz", made)
    go_away(made, monkeypatch)
    dflow("unpack", "../packed-abcde.tar.gz")
    assert not Path("packed-abcde/.dflow/outside").exists()
    step = Workflow(id="packed-abcde").query_step(key="make")[0]
    assert Path(download_artifact(step.outputs.artifacts["made"], path="got")[0]).read_text() == "ina"


def test_what_cannot_be_in_a_pack_is_said(made, monkeypatch):
    work = Path("packed-abcde/make/workdir")
    os.mkfifo(work / "pipe")
    (work / "gone").symlink_to("/no/where")
    (work / "all").symlink_to("/")
    (work / "inside").symlink_to((work / "made.txt").absolute())
    (work / "mine.tmp").write_text("mine")
    said = dflow("pack", "packed").stdout
    assert "not in it: make/workdir/pipe: it is neither a file nor a directory" in said
    assert "not in it: make/workdir/gone: it leads to /no/where, which is gone" in said
    assert "not in it: make/workdir/all: it leads to /, in which the run itself lies" in said
    shutil.move("packed-abcde.tar.gz", made)
    go_away(made, monkeypatch)
    dflow("unpack", "../packed-abcde.tar.gz")
    work = Path("packed-abcde/make/workdir")
    assert {path.name for path in work.iterdir()} >= {"inside", "made.txt", "mine.tmp"}
    assert not {path.name for path in work.iterdir()} & {"pipe", "gone", "all"}
    assert (work / "inside").read_text() == "ina"


def test_pack_is_not_written_into_what_is_packed(made):
    assert "it would lie in" in dflow("pack", "packed", "-o", "packed-abcde/make/x.tar.gz", status=1).stderr
    assert not list(Path("packed-abcde").rglob("*x.tar.gz*"))


def test_running_run_is_not_packed_unless_that_is_wanted(made):
    with lease(RunLayout(Path("packed-abcde").absolute())):
        assert "is running" in dflow("pack", "packed", status=1).stderr
        assert not Path("packed-abcde.tar.gz").exists()
        dflow("pack", "packed", "--running")
    assert Path("packed-abcde.tar.gz").exists()


def test_run_that_is_there_is_not_overwritten(made):
    dflow("pack", "packed")
    before = sorted(str(p) for p in Path().rglob("*"))
    assert "there is" in dflow("unpack", "packed-abcde.tar.gz", status=1).stderr
    assert sorted(str(p) for p in Path().rglob("*")) == before


def test_pack_from_an_interpreter_that_is_not_here(made, monkeypatch, project_root):
    monkeypatch.setenv(
        "PYTHONPATH", f"{project_root}:{os.environ.get('PYTHONPATH', '')}"
    )  # where the OP can be imported
    settings = Path("packed-abcde/.dflow/settings.json")
    data = json.loads(settings.read_text())
    settings.write_text(json.dumps({**data, "python": "/no/python", "library": "/no/dflow", "module_path": ["/no"]}))
    dflow("pack", "packed", "-o", f"{made}/run.tar.gz")
    go_away(made, monkeypatch)
    dflow("unpack", "../run.tar.gz")
    assert json.loads(Path("packed-abcde/.dflow/settings.json").read_text())["python"] == sys.executable
    (made / "gate").touch()
    shutil.rmtree("packed-abcde/make")
    dflow("retry", "packed-abcde")
    assert Path("packed-abcde/last/outputs/artifacts/o").read_text() == "inain"


def archive_of(*members: tuple[str, str]) -> Path:
    with tarfile.open("bad.tar.gz", "w:gz") as archive:
        for name, text in members:
            found = tarfile.TarInfo(name)
            found.size = len(text)
            archive.addfile(found, io.BytesIO(text.encode()))
    return Path("bad.tar.gz")


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([("x/y", "")], "holds no run"),
        ([("x/.dflow/graph.json", "{}")], "holds no run"),
        ([("x/.dflow/graph.json", '{"home": "/a/.."}')], "holds no run"),
        ([("x/.dflow/graph.json", '{"home": "/a/b"}'), ("x/../../evil", "")], r"has '..' in its path"),
    ],
)
def test_what_is_no_pack_is_refused_and_leaves_nothing(members, text):
    archive_of(*members)
    assert text in dflow("unpack", "bad.tar.gz", status=1).stderr
    assert [path.name for path in Path().iterdir()] == ["bad.tar.gz"]
    assert not Path("../evil").exists()


def test_link_out_of_a_run_is_refused_even_to_what_would_lie_beside_it(made, monkeypatch):
    dflow("pack", "packed", "-o", f"{made}/run.tar")
    with tarfile.open(f"{made}/run.tar", "a") as archive:
        found = tarfile.TarInfo("packed-abcde/make/evil")
        found.type, found.linkname = tarfile.SYMTYPE, "../../other-run/secret"
        archive.addfile(found)
    go_away(made, monkeypatch)
    assert "leads out of the archive" in dflow("unpack", "../run.tar", status=1).stderr
    assert list(Path().iterdir()) == []


def test_pack_that_is_cut_off_is_refused(made, monkeypatch):
    dflow("pack", "packed", "-o", f"{made}/run.tar.gz")
    data = (made / "run.tar.gz").read_bytes()
    (made / "run.tar.gz").write_bytes(data[: len(data) // 2])
    go_away(made, monkeypatch)
    assert "damaged or cut off" in dflow("unpack", "../run.tar.gz", status=1).stderr
    assert list(Path().iterdir()) == []
