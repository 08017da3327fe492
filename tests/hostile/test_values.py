"""Values, names and files that nobody expects."""

# ruff: noqa: F821 - names of outputs, not annotations

import os
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
from dflow.engine.errors import CompileError
from dflow.engine.layout import RunLayout
from dflow.local import continue_run
from dflow.python import OP, Artifact, PythonOPTemplate, Slices


def run(*steps: Step) -> Workflow:
    wf = Workflow("hostile", id="hostile")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


@OP.function
def same(text: str) -> {"text": str, "size": int}:
    return {"text": text, "size": len(text)}


COUNTS = "printf %s '{{inputs.parameters.text}}' > /tmp/text"


@pytest.mark.parametrize("text", ["x" * 100_000, "é中" * 50_000, "a b\n" * 25_000], ids=["ascii", "unicode", "lines"])
def test_a_parameter_of_a_hundred_thousand_characters_arrives_whole(text):
    outputs = Outputs(parameters={"text": OutputParameter(value_from_path="/tmp/text")})
    shell = ShellOPTemplate("s", script=COUNTS, inputs=Inputs(parameters={"text": InputParameter()}), outputs=outputs)
    first = Step("first", PythonOPTemplate(same), parameters={"text": text})
    second = Step("second", shell, parameters={"text": first.outputs.parameters["text"]})
    third = Step("third", PythonOPTemplate(same), parameters={"text": second.outputs.parameters["text"]})
    wf = run(first, second, third)
    assert wf.query_step("third")[0].outputs.parameters["text"].value == text.removesuffix("\n")
    assert wf.query_step("first")[0].outputs.parameters["size"].value == len(text)


def test_a_command_line_that_no_system_takes_fails_its_step_alone():
    inputs = Inputs(parameters={"text": InputParameter()})
    template = ShellOPTemplate("long", command=["echo", "{{inputs.parameters.text}}"], inputs=inputs)
    long = Step("long", template, parameters={"text": "é" * 100_000}, continue_on_failed=True, continue_on_error=True)
    wf = run(long, Step("after", ShellOPTemplate("ok", script="true")))
    assert wf.query_step("after")[0].phase == "Succeeded"
    assert "rgument list too long" in wf.query_step("long")[0].message


NAMES = ["a b", " ", "-rf", "--", "é中", "*", "$HOME", "a'b\"c", "new\nline", ".hidden", "x" * 250, "back\\slash"]


@OP.function
def copies(files: Artifact(list[Path])) -> {"files": Artifact(list[Path]), "names": list}:
    made = []
    for number, file in enumerate(files):
        Path(str(number)).mkdir()
        target = Path(str(number)) / file.name
        target.write_bytes(file.read_bytes())
        made.append(target)
    return {"files": made, "names": [file.name for file in files]}


@OP.function
def one(file: Artifact(Path)) -> {"file": Artifact(Path)}:
    target = Path(file.name)
    target.write_text(file.read_text())
    return {"file": target}


@pytest.mark.parametrize("method", ["symlink", "copy"])
def test_files_of_any_name_travel_through_steps(method):
    config["debug_copy_method"] = config["debug_save_copy_method"] = method
    Path("there").mkdir()
    for name in NAMES:
        Path("there", name).write_text(name)
    uploaded = upload_artifact([Path("there", name) for name in NAMES])
    slices = Slices(input_artifact=["file"], output_artifact=["file"], create_dir=True)
    first = Step("first", PythonOPTemplate(copies), artifacts={"files": uploaded})
    fan = Step("fan", PythonOPTemplate(one, slices=slices), artifacts={"file": first.outputs.artifacts["files"]},
               with_param=list(range(len(NAMES))))  # fmt: skip
    counts = ShellOPTemplate(
        "count",
        script="cd /tmp/in && find -L . -type f ! -path '*/.dflow/*' -print0 | tr -dc '\\000' | wc -c > /tmp/n",
        inputs=Inputs(artifacts={"in": InputArtifact(path="/tmp/in")}),
        outputs=Outputs(parameters={"n": OutputParameter(value_from_path="/tmp/n")}),
    )
    last = Step("last", counts, artifacts={"in": fan.outputs.artifacts["file"]})
    wf = run(first, fan, last)
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("first")[0].outputs.parameters["names"].value == NAMES
    assert wf.query_step("last")[0].outputs.parameters["n"].value.strip() == str(len(NAMES))
    got = download_artifact(wf.query_step("first")[0].outputs.artifacts["files"], path="got")
    assert sorted(Path(p).name for p in got if Path(p).is_file()) == sorted(NAMES)


@pytest.mark.parametrize("name", ["a b", "é", "-x", "../x", "a/b", ".", "..", "", "x" * 300])
def test_a_name_that_could_leave_the_step_is_refused_or_stays_in_it(name, tmp_path):
    template = ShellOPTemplate("s", script="echo x > /tmp/f")
    template.outputs.artifacts[name] = OutputArtifact(path="/tmp/f")
    template.outputs.parameters[name] = OutputParameter(value_from_path="/tmp/f")
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    try:
        wf = run(Step("s", template))
    except CompileError as exc:
        assert repr(name[:20])[:-1] in str(exc)  # noqa: PT017 - it need not be raised
        return
    inside = Path(wf.query_step("s")[0].path).absolute()
    made = {p for p in tmp_path.rglob("*") if p.is_file() and p.read_bytes() == b"x\n"} - before
    assert made
    assert all(inside in p.parents for p in made)


@OP.function
def loops() -> {"folder": Artifact(Path)}:
    folder = Path("folder")
    (folder / "deep").mkdir(parents=True)
    (folder / "file").write_text("x")
    for name, goal in (("a", "b"), ("b", "a"), ("self", "self"), ("deep/up", ".."), ("here", "."), ("gone", "nowhere")):
        (folder / name).symlink_to(goal)
    return {"folder": folder}


@OP.function
def reads(folder: Artifact(Path)) -> {"text": str}:
    return {"text": (folder / "file").read_text()}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("method", ["symlink", "link", "copy"])
def test_links_in_circles_do_not_hang_anything(method):
    config["debug_copy_method"] = config["debug_save_copy_method"] = method
    first = Step("first", PythonOPTemplate(loops))
    wf = run(first, Step("second", PythonOPTemplate(reads), artifacts={"folder": first.outputs.artifacts["folder"]}))
    assert wf.query_step("second")[0].outputs.parameters["text"].value == "x"
    download_artifact(wf.query_step("first")[0].outputs.artifacts["folder"], path="got")
    upload_artifact(Path("got"))
    assert next(Path("got").glob("**/file")).read_text() == "x"


MEASURE = """
import resource, subprocess, sys
with open(sys.argv[1], "wb") as stream:
    status = subprocess.run(sys.argv[2:], stdout=stream, stderr=stream).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def _cli_memory(*words: str, output: str = "out") -> tuple[int, int]:
    """Exit status and peak memory, in megabytes, of a command line whose output goes to a file.

    A small process starts it: the peak of a process counts from the fork, and this one may be large.
    """
    command = [sys.executable, "-c", MEASURE, output, sys.executable, "-m", "dflow.cli", *words]
    status, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(status), int(memory)


@pytest.mark.hostile
def test_a_log_of_a_gigabyte_is_not_read_into_memory():
    script = "echo begin; truncate -s 1G ../log.txt; echo the end; test -e ../../go"
    Path("script.py").write_text(
        "from dflow import ShellOPTemplate, Step, Workflow\n"
        "wf = Workflow('big', id='big')\n"
        f"wf.add(Step('s', ShellOPTemplate('s', script={script!r}), key='s'))\n"
        "wf.submit()\n"
    )
    status, memory = _cli_memory("run", "script.py")
    assert status == 1
    assert memory < 300
    said = Path("out").read_bytes()
    assert b"the end" in said
    assert len(said) < 1_000_000
    log = Path("big/s/log.txt")
    assert log.stat().st_size > 2**30
    status, memory = _cli_memory("get", "big")
    assert status == 0
    assert memory < 300
    os.truncate(log, 2**28)
    status, memory = _cli_memory("logs", "big", "s", output="/dev/null")
    assert status == 0
    assert memory < 300
    log.unlink()


def test_a_clock_that_goes_backwards_changes_nothing_but_times(monkeypatch, chain, witness):
    now = [time.time()]

    def backwards() -> float:
        now[0] -= 3600.0
        return now[0]

    with monkeypatch.context() as patch:
        patch.setattr(time, "time", backwards)
        wf = chain()
        wf.submit()
        assert wf.query_status() == "Succeeded"
        Path("hostile/c/phase").write_text("Running")
        assert continue_run(RunLayout(Path("hostile").absolute())).phase.is_ok
    assert witness() == "abcc"
    assert [step.phase for step in wf.query_step(type="Pod")] == ["Succeeded"] * 3
