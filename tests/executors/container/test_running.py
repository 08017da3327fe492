"""Steps in real containers: what they see, what they leave, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dflow
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
    upload_artifact,
)
from dflow.engine.control import post_request
from dflow.engine.model import Call, Pod, ScriptTemplate, StepsTemplate, WorkflowGraph
from dflow.engine.phase import Phase
from dflow.engine.run_directory import create_run
from dflow.engine.settings import RunSettings
from dflow.python import PythonOPTemplate, Slices
from image import containers, make_old_image, podman
from until import until

pytestmark = pytest.mark.podman

OPS = '''
from pathlib import Path
from typing import Dict, List
from dflow.python import OP, OPIO, Artifact, OPIOSign

class Count(OP):
    """How many files a directory holds, and their text joined in a file that lies elsewhere."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"folder": Artifact(Path), "names": List[str]})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"count": int, "table": Dict[str, List[int]], "joined": Artifact(Path), "here": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        import sys
        files = sorted(file for file in Path(op_in["folder"]).rglob("*") if file.is_file())
        Path("/tmp/joined.txt").write_text("".join(file.read_text() for file in files))
        return OPIO({"count": len(files), "table": {"a": [len(op_in["names"])]}, "joined": Path("/tmp/joined.txt"),
                     "here": sys.version.split()[0]})

class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"file": Artifact(Path), "number": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"twice": int, "out": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("out.txt").write_text(Path(op_in["file"]).read_text() * 2)
        return OPIO({"twice": 2 * op_in["number"], "out": Path("out.txt")})
'''


@pytest.fixture
def ops(tmp_path, monkeypatch):
    """A module with OPs, which containers get as a package."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "container_ops.py").write_text(OPS)
    monkeypatch.syspath_prepend(str(folder))
    import container_ops

    yield container_ops
    del sys.modules["container_ops"]


def _shell(script, **fields):
    return ShellOPTemplate("shell", script=script, **fields)


def _workflow(*steps):
    workflow = Workflow("wf")
    for step in steps:
        workflow.add(step)
    return workflow


def _alone(script, **fields):
    return _workflow(Step("a", _shell(script, **fields)))


def test_a_script_finds_its_inputs_and_leaves_its_outputs(runner, tmp_path):
    data = tmp_path / "elsewhere" / "data.txt"
    data.parent.mkdir()
    data.write_text("from outside")
    (tmp_path / "linked.txt").symlink_to(data)
    template = _shell(
        "cat /in/data.txt > /out/copy.txt && echo -n {{inputs.parameters.x}} > /out/x",
        inputs=Inputs({"x": InputParameter()}, {"data": InputArtifact(path="/in/data.txt")}),
        outputs=Outputs(
            {"x": OutputParameter(value_from_path="/out/x")}, {"copy": OutputArtifact(path="/out/copy.txt")}
        ),
    )
    given = upload_artifact(tmp_path / "linked.txt")
    result = runner.go(_workflow(Step("a", template, parameters={"x": "7 y"}, artifacts={"data": given})))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    assert (runner.step("a") / "outputs" / "artifacts" / "copy").read_text() == "from outside"
    assert runner.output("a", "x") == "7 y"


def test_an_op_runs_in_an_image_that_has_no_dflow(runner, tmp_path, ops):
    _check_count(runner, tmp_path, ops, "3.11.2")


@pytest.mark.parametrize("version", ["3.8", "3.9"])
def test_an_op_runs_in_an_image_with_an_older_python(runner, tmp_path, ops, version):
    image = make_old_image(version)
    if image is None:
        pytest.skip(f"there is no Python {version} to make an image of")
    _check_count(runner, tmp_path, ops, version, image=image)


def _check_count(runner, tmp_path, ops, version, **fields):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "far.txt").write_text("far")
    (folder / "near.txt").write_text("near ")
    (folder / "link.txt").symlink_to(tmp_path / "far.txt")
    template = PythonOPTemplate(ops.Count, python_packages=[ops.__file__], **fields)
    step = Step("a", template, parameters={"names": ["x", "y"]}, artifacts={"folder": upload_artifact(folder)})
    result = runner.go(_workflow(step))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    assert (runner.output("a", "count"), runner.output("a", "table")) == ("2", '{"a": [2]}')
    assert runner.output("a", "here").startswith(version)
    joined = list((runner.step("a") / "outputs" / "artifacts" / "joined").rglob("*.txt"))
    assert [file.read_text() for file in joined] == ["farnear "]
    used = json.loads((runner.step("a") / ".step").read_text())["usage"]
    assert 0.01 < used["cpu"] < 20
    assert 5e6 < used["maxRss"] < 200e6
    assert not (runner.step("a") / ".usage").exists()


def test_an_op_that_is_pickled_runs_with_the_cloudpickle_of_this_machine(runner):
    from dflow.python import OP

    @OP.function
    def local(x: int) -> {"y": int}:  # noqa: F821, UP037 - names of outputs
        return {"y": x + 1}

    result = runner.go(_workflow(Step("a", PythonOPTemplate(local), parameters={"x": 1})))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    assert runner.output("a", "y") == "2"


def test_a_directory_goes_through_three_containers(runner, tmp_path):
    (tmp_path / "far.txt").write_text("far ")
    first = tmp_path / "first"
    first.mkdir()
    (first / "a.txt").symlink_to("../far.txt")
    template = _shell(
        "mkdir /out && ln -s $(realpath /in) /out/old && echo next > /out/next.txt && find -L /out/",
        inputs=Inputs(artifacts={"in": InputArtifact(path="/in")}),
        outputs=Outputs(artifacts={"out": OutputArtifact(path="/out")}),
    )
    a = Step("a", template, artifacts={"in": upload_artifact(first)})
    b = Step("b", template, artifacts={"in": a.outputs.artifacts["out"]})
    c = Step("c", template, artifacts={"in": b.outputs.artifacts["out"]})
    result = runner.go(_workflow(a, b, c))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    out = runner.step("c") / "outputs" / "artifacts" / "out"
    assert (out / "old" / "old" / "old" / "first" / "a.txt").read_text() == "far "
    assert "/out/old/old/old/first/a.txt\n" in runner.log("c")


def test_slices_run_in_containers_of_their_own(runner, tmp_path, ops):
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(str(number))
    slices = Slices("{{item}}", input_parameter=["number"], input_artifact=["file"], output_parameter=["twice"],
                    output_artifact=["out"], create_dir=True)  # fmt: skip
    template = PythonOPTemplate(ops.Double, slices=slices, python_packages=[ops.__file__])
    step = Step(
        "a",
        template,
        parameters={"number": [1, 2, 3]},
        artifacts={"file": upload_artifact(files)},
        with_param=[0, 1, 2],
    )
    result = runner.go(_workflow(step))
    assert result.phase is Phase.SUCCEEDED
    last = next(name for name in runner.names() if name.startswith("a(2"))
    assert runner.output(last, "twice") == "6"


def test_what_lies_beside_the_step_can_be_read_but_not_written(runner, tmp_path):
    other = tmp_path / "data"
    other.mkdir()
    template = _shell(
        f"! touch {runner.layout.root}/x && ! touch /in/data/x && touch ../y && echo ok",
        inputs=Inputs(artifacts={"data": InputArtifact(path="/in/data")}),
    )
    result = runner.go(_workflow(Step("a", template, artifacts={"data": upload_artifact(other)})))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    assert runner.log("a").count("Read-only file system") == 2
    assert not (runner.layout.root / "x").exists()


def test_files_belong_to_the_user_whatever_user_the_image_names(runner, image):
    podman("rmi", "-f", "localhost/dflow-tests-user:1")
    made = podman("create", image, "true").strip()
    podman("commit", "-q", "-c", "USER 1234:1234", made, "localhost/dflow-tests-user:1")
    podman("rm", made)
    result = runner.go(_alone("id -u; id -g; touch made", image="localhost/dflow-tests-user:1"))
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    found = (runner.step("a") / "workdir" / "made").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())


def test_the_environment_is_the_templates_and_not_the_engines(runner, monkeypatch):
    monkeypatch.setenv("OF_THE_ENGINE", "leaks")
    monkeypatch.setenv("PYTHONPATH", "/of/the/engine")
    runner.go(_alone("env", envs={"MINE": "a, $(b) 'c'", "PATH": "/mine:/usr/bin:/bin", "HOME": "/h", "LD_X": "1"}))
    found = dict(line.partition("=")[::2] for line in runner.log("a").splitlines())
    assert "OF_THE_ENGINE" not in found
    assert "PYTHONPATH" not in found
    assert [found[name] for name in ("MINE", "PATH", "HOME", "LD_X")] == [
        "a, $(b) 'c'", "/mine:/usr/bin:/bin", "/h", "1"]  # fmt: skip
    assert found["LANG"] == "C.UTF-8"  # the image's
    assert found["TMPDIR"] == str(runner.step("a") / "workdir")


def test_without_a_network_there_is_none(runner):
    runner.go(_alone("cat /proc/net/dev"))
    assert "lo:" in runner.log("a")
    assert "eth0" not in runner.log("a")


def test_limits_are_those_of_the_template(runner):
    limits = {"memory": "64Mi", "cpu": "500m"}
    result = runner.go(_alone("exec python3 -c 'x = bytearray(200 << 20)'", limits=limits))
    assert result.phase is Phase.FAILED
    assert result.failures[0].exit_code == 137
    assert "out of memory: its limit is 64Mi" in result.failures[0].message


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("exit 125", 125), ("exit 127", 127), ("sh -c 'kill -9 $$'; exit $?", 137)]
)
def test_the_exit_code_is_the_programs(runner, script, code):
    result = runner.go(_alone(script))
    assert (result.phase, result.failures[0].exit_code) == (Phase.FAILED, code)


def test_a_program_that_is_not_in_the_image_cannot_start(runner):
    result = runner.go(_alone("true", command=["no-such-program"]))
    assert result.failures[0].phase is Phase.ERROR
    assert "no-such-program" in result.failures[0].message


def test_what_is_printed_is_there_while_the_step_runs(runner):
    thread = threading.Thread(target=runner.go, args=(_alone("echo early; sleep 3; echo late"),))
    thread.start()
    until(lambda: list(runner.layout.root.glob("*/log.txt")) and "early" in runner.log("a"))
    assert "late" not in runner.log("a")
    thread.join()
    assert runner.log("a") == "early\nlate\n"


def test_outputs_result_is_what_a_container_printed(make_runner, image):
    runner = make_runner(image=image)
    runner.folder = runner.folder / "graphs" / "of-manifests"
    script = ScriptTemplate("shell", "shell", "echo out; echo err >&2", result=True, pod=Pod(command=("/bin/bash",)))
    create_run(
        runner.layout.root,
        WorkflowGraph("wf", "main", (StepsTemplate("main", ((Call("a", "shell"),),)), script)),
        RunSettings(library=str(Path(dflow.__file__).parent)),
    )
    assert runner.go().phase is Phase.SUCCEEDED
    assert (runner.step("a") / "outputs" / "result").read_text() == "out"
    assert set(runner.log("a").split()) == {"out", "err"}


STUBBORN = "trap '' TERM; echo began; sleep 100 & wait; sleep 100"


def test_a_step_that_is_out_of_time_is_ended(runner):
    began = time.monotonic()
    result = runner.go(_alone("echo began; sleep 100", timeout=3))
    assert result.phase is Phase.FAILED
    assert "time limit" in result.failures[0].message
    assert time.monotonic() - began < 20
    assert containers(runner.layout.root) == []


@pytest.mark.parametrize("verb", ["terminate", "stop"])
def test_a_workflow_that_is_ended_leaves_no_container(runner, verb):
    runner.create(_alone(STUBBORN))
    thread = threading.Thread(target=runner.go)
    thread.start()
    until(lambda: list(runner.layout.root.glob("*/log.txt")) and "began" in runner.log("a"))
    assert len(runner.left()) == 1
    post_request(runner.layout, verb)
    thread.join(30)
    assert not thread.is_alive()
    assert runner.left() == []


ENGINE = """
import sys
from pathlib import Path
from dflow.engine.layout import RunLayout
from dflow.engine.runner import run
from dflow.executors.container import ContainerExecutor, ContainerOptions

options = ContainerOptions("podman", image=sys.argv[2], pull="Never", network=False)
run(RunLayout(Path(sys.argv[1])), lambda settings: ContainerExecutor(options, settings.python))
"""


def _engine(runner, image):
    root = str(runner.layout.root)
    process = subprocess.Popen([sys.executable, "-c", ENGINE, root, image], start_new_session=True)
    until(lambda: list(runner.layout.root.glob("*/log.txt")) and "began" in runner.log("a"))
    assert len(runner.left()) == 1
    return process


def test_ctrl_c_leaves_no_container(runner, image):
    runner.create(_alone(STUBBORN))
    process = _engine(runner, image)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) != 0
    assert runner.left() == []
    assert (runner.layout.root / "status").read_text() == "Terminated"


def test_the_containers_of_an_engine_that_was_killed_go_with_it(runner, image):
    runner.create(_alone(STUBBORN))
    process = _engine(runner, image)
    process.kill()
    process.wait()
    until(lambda: runner.left() == [], 10)


def test_a_run_that_goes_on_removes_what_a_killed_engine_left(runner, image):
    runner.create(_alone(f"test -e ../../.dflow/again && exit 0; {STUBBORN}"))
    process = _engine(runner, image)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    guards = [int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sh")]
    assert len(guards) == 1
    for pid in (*guards, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert len(runner.left()) == 1
    (runner.layout.private / "again").touch()
    assert runner.go().phase is Phase.SUCCEEDED
    assert runner.left() == []
