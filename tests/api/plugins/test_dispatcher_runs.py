"""What is rendered for dpdispatcher, run with the real package: a shell is the scheduler, and this machine the other.

The executors of these tests have no direct way, as those for the schedulers of vendors.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
    upload_artifact,
)
from dflow.op_template import ContainerOPTemplate
from dflow.plugins.dispatcher import DispatcherExecutor
from dflow.python import PythonOPTemplate
from image import CONFIGURATION, make_image, make_sif
from image import why_not as why_no_image
from needed import need
from sshd import SshService
from sshd import why_not as why_no_ssh

PYTHON = os.environ.get("DFLOW_TEST_HPC_PYTHON", sys.executable)


def has_dpdispatcher():
    look = "import sys; from importlib.util import find_spec; sys.exit(find_spec('dpdispatcher') is None)"
    return subprocess.run([PYTHON, "-c", look], check=False).returncode == 0


pytestmark = [
    pytest.mark.hpc,
    pytest.mark.skipif(not has_dpdispatcher(), reason=f"{PYTHON} has no dpdispatcher (set DFLOW_TEST_HPC_PYTHON)"),
]


class Rendered(DispatcherExecutor):
    """Is rendered in local runs too."""

    def direct(self):
        return None


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setitem(config, "dispatcher_interval", 1)


@pytest.fixture(params=["LocalContext", "LazyLocalContext"])
def context(request):
    return request.param


def executor(remote, context="LocalContext", **more):
    machine = {"batch_type": "Shell", "context_type": context, "remote_root": str(remote), **more.pop("machine", {})}
    return Rendered(machine_dict=machine, command=[PYTHON], **more)


def run(*steps, status="Succeeded"):
    wf = Workflow("run")
    for step in steps:
        wf.add(step)
    wf.submit()
    assert wf.query_status() == status, [(s.name, s.message, log(s)) for s in wf.query_step()]
    return wf


def log(step):
    file = Path(step.path, "log.txt")
    return file.read_text() if file.exists() else ""


def output(step, name):
    return (Path(step.path) / "outputs" / "artifacts" / name).read_text()


def test_a_script_runs_in_a_directory_of_its_job_with_its_inputs_and_outputs(tmp_path, context):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("linked")
    (tmp_path / "data" / "b.txt").symlink_to("a.txt")
    script = """\
printf '%s' "$(cat /tmp/in/data/b.txt)" > /tmp/out.txt
mkdir -p /srv/many/below
cp /tmp/in/data/a.txt '/srv/many/below/x y'
printf '%s' '{{inputs.parameters.word}}'"$E$F" > /tmp/word
echo undeclared > /tmp/undeclared-by-any
pwd > /data/where
echo said
echo warned >&2
"""
    template = ShellOPTemplate("say", image="alpine", script=script, envs={"E": "it's e"})
    template.inputs.parameters["word"] = InputParameter()
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.parameters["word"] = OutputParameter(value_from_path="/tmp/word")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    template.outputs.artifacts["many"] = OutputArtifact(path="/srv/many")
    template.outputs.parameters["where"] = OutputParameter(value_from_path="/data/where")
    word = '"quoted\\ $HOME {"'
    step = Step(
        "s",
        template,
        parameters={"word": word},
        artifacts={"in": upload_artifact("data")},
        key="s",
        executor=executor(tmp_path / "remote", context, envs={"F": 'f"$x'}),
    )
    (found,) = run(step).query_step(key="s")
    assert found.outputs.parameters["word"].value == word + "it's e" + 'f"$x'
    assert output(found, "out") == "linked"
    assert output(found, "many/below/x y") == "linked"
    where = found.outputs.parameters["where"].value.strip()
    near = tmp_path / "remote" if context == "LocalContext" else Path(found.path).resolve()
    assert Path(where).is_relative_to(near)
    assert not Path(where).exists(), "the directory of the job is removed"
    assert not Path("/tmp/undeclared-by-any").exists()
    said = log(found)
    assert said.endswith("said\nwarned\n")


def test_standard_output_is_that_of_the_script_and_nothing_else(tmp_path):
    (tmp_path / "script").write_text("import sys; print('a result'); sys.exit(4)")
    template = PythonScriptOPTemplate("say", image="x", command=[sys.executable], script="is in the file")
    words = executor(tmp_path / "remote").render(template).command
    done = subprocess.run([*words, str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "a result\n"), done.stderr
    assert "was submitted" in done.stderr, "the package says what it does in the log"


def test_a_script_that_fails_gives_its_status_and_is_not_run_again(tmp_path):
    runs = tmp_path / "runs"
    template = ShellOPTemplate("bad", script=f"echo run >> {runs}; echo the cause >&2; exit 3")
    step = Step("s", template, key="s", executor=executor(tmp_path / "remote", map_tmp_dir=False))
    (found,) = run(step, status="Failed").query_step(key="s")
    assert "exit code 3" in found.message
    assert log(found).endswith("the cause\n")
    assert runs.read_text() == "run\n"


def test_lines_before_and_after_run_where_the_submission_does(tmp_path):
    marks = tmp_path / "marks"
    note = f"open({str(marks)!r}, 'a').write('%s ')"
    template = ShellOPTemplate("say", script=f"printf 'job ' >> {marks}")
    lines = {"pre_script": note % "before", "post_script": note % "after"}
    run(Step("s", template, executor=executor(tmp_path / "remote", map_tmp_dir=False, **lines)))
    assert marks.read_text() == "before job after "


def test_a_container_template_keeps_its_words(tmp_path):
    words = ["printf %s \"$0\" > /tmp/o; cat '/tmp/o'", "a 'b' $c"]
    template = ContainerOPTemplate(name="c", image="x", command=["sh", "-c"], args=words)
    template.outputs.artifacts["o"] = OutputArtifact(path="/tmp/o")
    (found,) = run(Step("s", template, key="s", executor=executor(tmp_path / "remote"))).query_step(key="s")
    assert output(found, "o") == "a 'b' $c"


def test_an_output_that_is_not_there_is_missed_where_it_is_needed(tmp_path):
    template = ShellOPTemplate("say", script="true")
    template.outputs.artifacts["maybe"] = OutputArtifact(path="/tmp/maybe", optional=True)
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/p", default="other")
    (found,) = run(Step("s", template, key="s", executor=executor(tmp_path / "r"))).query_step(key="s")
    assert found.outputs.parameters["p"].value == "other"
    template = ShellOPTemplate("say", script="true")
    template.outputs.artifacts["must"] = OutputArtifact(path="/tmp/must")
    wf = run(Step("s", template, key="s", executor=executor(tmp_path / "r")), status="Failed")
    assert "must" in wf.query_step(key="s")[0].message


def test_a_python_op_goes_along_with_its_package(tmp_path, context, monkeypatch):
    name = f"ops_for_{context.lower()}"  # modules stay imported
    package = tmp_path / "mine" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("FACTOR = 3\n")
    (package / "op.py").write_text(
        "from pathlib import Path\n"
        "from dflow.python import OP, OPIO, OPIOSign, Artifact\n"
        f"from {name} import FACTOR, __file__ as where\n\n\n"
        "class Times(OP):\n"
        "    @classmethod\n"
        "    def get_input_sign(cls):\n"
        "        return OPIOSign({'n': int, 'f': Artifact(Path)})\n\n"
        "    @classmethod\n"
        "    def get_output_sign(cls):\n"
        "        return OPIOSign({'n': int, 'where': str, 'g': Artifact(Path)})\n\n"
        "    @OP.exec_sign_check\n"
        "    def execute(self, op_in):\n"
        "        Path('g.txt').write_text(op_in['f'].read_text() * 2)\n"
        "        return OPIO({'n': op_in['n'] * FACTOR, 'where': where, 'g': Path('g.txt')})\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    op = importlib.import_module(f"{name}.op").Times

    (tmp_path / "f.txt").write_text("ab")
    template = PythonOPTemplate(op, image="x", command=[sys.executable], python_packages=[str(package)])
    step = Step(
        "s",
        template,
        parameters={"n": 4},
        artifacts={"f": upload_artifact("f.txt")},
        key="s",
        executor=executor(tmp_path / "remote", context),
    )
    (found,) = run(step).query_step(key="s")
    assert found.outputs.parameters["n"].value == 12
    assert f"dflow_packages/{name}" in found.outputs.parameters["where"].value, "it ran with what was sent"
    (made,) = Path(found.path, "outputs/artifacts/g").rglob("g.txt")
    assert made.read_text() == "abab"


def test_a_submission_that_fails_is_tried_again_as_often_as_said(tmp_path):
    (tmp_path / "remote").write_text("no directory")
    template = ShellOPTemplate("say", script="true")
    step = Step("s", template, key="s", executor=executor(tmp_path / "remote", retry_on_submission_error=2))
    (found,) = run(step, status="Failed").query_step(key="s")
    said = log(found)
    assert said.count("submission failed, trying again: ") == 2
    assert re.fullmatch(r"FileExistsError: .*remote'", said.strip().splitlines()[-1])


def test_a_job_ends_with_its_step(tmp_path):
    beat = tmp_path / "beat"
    script = f"for i in $(seq 300); do echo x >> {beat}; sleep 0.1; done"
    template = ShellOPTemplate("long", script=script, timeout=4)
    wf = run(Step("s", template, executor=executor(tmp_path / "remote", map_tmp_dir=False)), status="Failed")
    assert wf.query_step(name="s")[0].phase == "Failed"
    assert beat.read_text(), "it was running"
    time.sleep(0.5)
    before = beat.read_text()
    time.sleep(1)
    assert beat.read_text() == before


def test_without_the_package_the_log_says_what_to_install(tmp_path):
    machine = {"batch_type": "Shell", "context_type": "LocalContext", "remote_root": str(tmp_path / "r")}
    lacking = Rendered(machine_dict=machine, command=["python3", "-S", "-I"])
    step = Step("s", ShellOPTemplate("say", script="true"), key="s", executor=lacking)
    (found,) = run(step, status="Failed").query_step(key="s")
    assert "has no dpdispatcher (pip install dpdispatcher)" in log(found)


@pytest.fixture
def image(monkeypatch):
    """An image with a shell and Python, and without dflow."""
    need(why_no_image())
    monkeypatch.setenv("CONTAINERS_CONF", str(CONFIGURATION))
    return make_image()


@pytest.mark.podman
@pytest.mark.parametrize("engine", ["podman", "singularity"])
def test_a_job_may_run_in_the_image_of_its_template(tmp_path, image, engine):
    if engine == "singularity" and shutil.which("apptainer") is None:
        pytest.skip("there is no apptainer")
    box = {"podman_executable": "podman", "container_args": "--network=none --pull=never"}
    if engine == "singularity":
        image = str(make_sif(image, tmp_path))
        box = {"singularity_executable": "apptainer"}
    (tmp_path / "in.txt").write_text("in")
    script = "cat /data/in.txt > /tmp/out.txt; echo $E$F > /tmp/deep/p; pwd > /srv/x"
    template = ShellOPTemplate("say", image=image, script=f"mkdir -p /tmp/deep; {script}", envs={"E": "e e"})
    template.inputs.artifacts["in"] = InputArtifact(path="/data/in.txt")
    template.inputs.artifacts["none"] = InputArtifact(path="/data/none", optional=True)
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    template.outputs.artifacts["x"] = OutputArtifact(path="/srv/x")
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/deep/p")
    inside = executor(tmp_path / "remote", envs={"F": "f"}, **box)
    step = Step("s", template, artifacts={"in": upload_artifact("in.txt")}, key="s", executor=inside)
    (found,) = run(step).query_step(key="s")
    assert (output(found, "out"), output(found, "x")) == ("in", "/dflow\n")
    assert found.outputs.parameters["p"].value == "e ef"


@pytest.mark.podman
def test_a_python_op_in_an_image_has_dflow_and_its_own_module_with_it(tmp_path, image, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "op_that_tells.py").write_text(
        "import dflow\n"
        "from dflow.python import OP\n\n\n"
        "@OP.function\n"
        "def tell(n: int) -> {'where': list}:\n"
        "    return {'where': [dflow.__file__, __file__]}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    tell = importlib.import_module("op_that_tells").tell
    box = {"podman_executable": "podman", "container_args": "--network=none --pull=never"}
    inside = executor(tmp_path / "remote", **box)
    step = Step("s", PythonOPTemplate(tell, image=image), {"n": 1}, key="s", executor=inside)
    (found,) = run(step).query_step(key="s")
    there = "/dflow/dflow_packages"
    assert found.outputs.parameters["where"].value == [f"{there}/dflow/__init__.py", f"{there}/op_that_tells.py"]


@pytest.mark.ssh
def test_a_job_goes_to_another_machine_by_ssh(tmp_path):
    need(why_no_ssh())
    with SshService(tmp_path / "ssh") as server:
        profile = {"port": server.port, "look_for_keys": False}
        there = Rendered(
            host=server.host,
            username=server.user,
            private_key_file=server.key,
            remote_root=str(tmp_path / "far" / "away"),
            machine_dict={"batch_type": "Shell", "remote_profile": profile},
            command=[PYTHON],
        )
        (tmp_path / "in.txt").write_text("in")
        template = ShellOPTemplate("say", script="cat /tmp/in.txt > /tmp/out; pwd; exit {{inputs.parameters.status}}")
        template.inputs.parameters["status"] = InputParameter()
        template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in.txt")
        template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out")
        arguments = {"artifacts": {"in": upload_artifact("in.txt")}, "executor": there, "continue_on_failed": True}
        good = Step("good", template, parameters={"status": 0}, key="good", **arguments)
        bad = Step("bad", template, parameters={"status": 5}, key="bad", **arguments)
        wf = run(good, bad)
        found = wf.query_step(key="good")[0]
        assert output(found, "out") == "in"
        assert str(tmp_path / "far" / "away") in log(found)
        assert "exit code 5" in wf.query_step(key="bad")[0].message
