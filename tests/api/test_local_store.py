"""What artifacts cost on this machine: nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    OutputArtifact,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
    download_artifact,
    upload_artifact,
)
from dflow.python import OP, Artifact, PythonOPTemplate

SIZE = 500 << 20
MEGABYTE = 1 << 20


def allocated(root: Path, known: Path) -> int:
    """The bytes on the disk below a directory; what has several names counts once, a known file does not."""
    found = {}
    for folder, _, files in os.walk(root):
        for name in files:
            state = Path(folder, name).lstat()
            found[state.st_dev, state.st_ino] = state.st_blocks * 512
    found.pop((known.stat().st_dev, known.stat().st_ino), None)
    return sum(found.values())


DATA = {"data": Artifact(Path)}


@OP.function
def pass_on(data: Artifact(Path)) -> DATA:
    return {"data": data}


@OP.function
def make_folder(data: Artifact(Path)) -> DATA:
    Path("out").mkdir()
    (Path("out") / "big").symlink_to(data)
    return {"data": Path("out")}


def shell():
    template = ShellOPTemplate("keep", image="alpine", script="ln -s /tmp/in.bin /tmp/out.bin")
    template.inputs.artifacts["data"] = InputArtifact(path="/tmp/in.bin")
    template.outputs.artifacts["data"] = OutputArtifact(path="/tmp/out.bin")
    return template


def test_half_a_gigabyte_through_five_steps_takes_no_disk(tmp_path):
    big = tmp_path / "big.bin"
    with big.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, SIZE)
    wf = Workflow("chain")
    data = upload_artifact(big)
    templates = [PythonOPTemplate(pass_on, image="i"), shell(), PythonOPTemplate(pass_on, image="i"), shell()]
    for index, template in enumerate([*templates, PythonOPTemplate(make_folder, image="i")]):
        step = Step(f"s{index}", template, artifacts={"data": data})
        wf.add(step)
        data = step.outputs.artifacts["data"]
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert allocated(tmp_path / wf.id, big) + allocated(tmp_path / "upload", big) < MEGABYTE
    last = wf.query_step(name="s4")[0].outputs.artifacts["data"]
    assert next(Path(last.local_path).rglob("big")).stat().st_size == SIZE
    assert big.samefile(next(Path(last.local_path).rglob("big")))


@pytest.mark.parametrize("method", ["symlink", "link"])
def test_links_in_a_run_are_relative_or_hard_so_it_can_be_moved(tmp_path, method):
    config["debug_copy_method"] = config["debug_save_copy_method"] = method
    (tmp_path / "data.txt").write_text("text")
    wf = Workflow("chain")
    first = Step("first", PythonOPTemplate(pass_on, image="i"), artifacts={"data": upload_artifact("data.txt")})
    second = Step(
        "second", PythonOPTemplate(make_folder, image="i"), artifacts={"data": first.outputs.artifacts["data"]}
    )
    wf.add([first])
    wf.add([second])
    wf.submit()
    assert wf.query_status() == "Succeeded"
    run = tmp_path / wf.id
    ours = [place for place in run.iterdir() if place.name != ".dflow"]
    links = [p for root in ours for p in root.rglob("*") if p.is_symlink() and "workdir" not in p.parts]
    assert [str(p) for p in links if p.readlink().is_absolute()] == []
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(run, moved / wf.id)
    shutil.move(tmp_path / "upload", moved / "upload")
    os.chdir(moved)
    step = Workflow(id=wf.id).query_step(name="second")[0]
    (folder,) = download_artifact(step.outputs.artifacts["data"], path="copy")
    assert next(Path(folder).rglob("big")).read_text() == "text" if Path(folder).is_dir() else Path(folder).read_text()


def test_copies_are_made_only_when_asked_for(tmp_path):
    (tmp_path / "data.txt").write_text("text")
    config["debug_copy_method"] = "copy"
    wf = Workflow("copies")
    step = Step("one", PythonOPTemplate(pass_on, image="i"), artifacts={"data": upload_artifact("data.txt")}, key="one")
    wf.add(step)
    wf.submit()
    (tmp_path / "data.txt").write_text("changed")
    (file,) = (tmp_path / wf.id / "one" / "inputs" / "artifacts" / "data").rglob("data.txt")
    assert file.read_text() == "text"
