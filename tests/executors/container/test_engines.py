"""Other engines than podman, and engines that do not do what is asked of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from dflow import InputArtifact, Inputs, OutputArtifact, Outputs, ShellOPTemplate, Step, Workflow, upload_artifact
from dflow.engine.phase import Phase
from dflow.executors.container import ContainerOptions
from dflow.python import OP, PythonOPTemplate
from image import IMAGE, docker_socket, make_sif


def _alone(template, **fields):
    workflow = Workflow("wf")
    workflow.add(Step("a", template, **fields))
    return workflow


def _said(make_runner, **options):
    """The message of a step that cannot start."""
    runner = make_runner(**options)
    result = runner.go(_alone(ShellOPTemplate("shell", script="true")))
    assert (result.phase, result.failures[0].phase) == (Phase.FAILED, Phase.ERROR)
    return result.failures[0].message


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_an_engine_that_is_not_installed_is_named(engine, make_runner):
    said = _said(make_runner, engine=engine, image="x", executable=f"/no/such/{engine}")
    assert f"there is no program '/no/such/{engine}' to run containers with: install {engine}" in said


@pytest.mark.parametrize("engine", ["singularity", "apptainer"])
def test_singularity_that_is_not_installed_is_named(engine, make_runner):
    said = _said(make_runner, engine=engine, image="x", pull=None, executable=f"/no/such/{engine}")
    assert f"there is no program '/no/such/{engine}' to run containers with: install {engine}" in said


def test_a_daemon_that_does_not_answer_is_named(tmp_path, make_runner):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///x' >&2\nexit 1\n")
    program.chmod(0o755)
    said = _said(make_runner, engine="docker", image="x", executable=str(program))
    assert "does not answer: Cannot connect to the Docker daemon at unix:///x; start its daemon" in said


def test_a_template_without_an_image_is_told_so(make_runner):
    assert "names no image" in _said(make_runner, engine="podman")


def test_never_pulling_says_what_to_do_for_singularity(make_runner):
    assert "is no file, and image_pull_policy is 'Never'" in _said(make_runner, engine="apptainer", image="alpine")


@pytest.fixture
def pretended(tmp_path, make_runner):
    """Makes a runner with a program in the place of podman, which brings images as it is told and runs nothing."""

    def make(pull="touch $0.present", pull_policy=None):
        program = tmp_path / "podman"
        program.write_text(
            f"""#!/bin/sh
            echo "$1 $2" >>$0.calls
            case $1 in
            image) test -e $0.present ;;
            pull) {pull} ;;
            esac"""
        )
        program.chmod(0o755)
        return make_runner(executable=str(program), image="quay.io/a:1", pull=pull_policy)

    return make


def _calls(tmp_path):
    words = [line.split()[0] for line in (tmp_path / "podman.calls").read_text().splitlines()]
    return [word for word in words if word in ("image", "pull", "run")]


def _two():
    made = Workflow("wf")
    made.add([Step(name, ShellOPTemplate("shell", script="true")) for name in ("a", "b")])
    return made


@pytest.mark.parametrize("policy", [None, "IfNotPresent"])
def test_an_image_is_brought_once_for_steps_side_by_side(tmp_path, pretended, policy):
    assert pretended(pull="sleep 0.3; touch $0.present", pull_policy=policy).go(_two()).phase is Phase.SUCCEEDED
    calls = _calls(tmp_path)
    assert (calls.count("pull"), calls.count("run")) == (1, 2)
    assert calls.index("pull") < calls.index("run")


@pytest.mark.parametrize(("policy", "pulls"), [("Always", 1), ("IfNotPresent", 0), ("Never", 0)])
def test_an_image_that_is_here_is_brought_when_that_is_asked_for(tmp_path, pretended, policy, pulls):
    runner = pretended(pull_policy=policy)
    (tmp_path / "podman.present").touch()
    assert runner.go(_two()).phase is Phase.SUCCEEDED
    assert _calls(tmp_path).count("pull") == pulls


def test_bringing_an_image_counts_as_the_steps_time(pretended):
    result = pretended(pull="exec sleep 60", pull_policy=None).go(
        _alone(ShellOPTemplate("shell", script="true", timeout=1))
    )
    assert "time limit of 1 s" in result.failures[0].message


@pytest.mark.podman
def test_an_image_that_is_not_here_is_not_pulled_when_that_is_forbidden(image, make_runner):
    said = _said(make_runner, image="localhost/no-such:1")
    assert said == (
        "image 'localhost/no-such:1' is not on this machine, and image_pull_policy is 'Never': "
        "bring it with: podman pull localhost/no-such:1"
    )


@pytest.mark.podman
@pytest.mark.parametrize("policy", ["Always", "IfNotPresent", None])
def test_an_image_that_cannot_be_pulled_is_named(image, policy, make_runner):
    said = _said(make_runner, image="localhost:1/no-such:1", pull=policy)
    assert said.startswith("cannot pull image 'localhost:1/no-such:1': Error: ")
    assert said.endswith("bring it with: podman pull localhost:1/no-such:1")


@pytest.mark.podman
def test_an_image_with_a_short_name_is_found_on_this_machine(image, make_runner):
    runner = make_runner(image=image.removeprefix("localhost/"))
    assert runner.go(_alone(ShellOPTemplate("shell", script="true"))).phase is Phase.SUCCEEDED


@pytest.mark.podman
def test_limits_that_are_no_quantities_are_refused(image, make_runner):
    template = ShellOPTemplate("shell", script="true", limits={"memory": "much"})
    result = make_runner(image=image).go(_alone(template))
    assert "the limit of memory is 'much'; it must be a quantity" in result.failures[0].message


@pytest.mark.podman
def test_dockers_client_runs_steps(tmp_path, image, monkeypatch, make_runner):
    if shutil.which("docker") is None:
        pytest.skip("there is no docker client")
    with docker_socket(tmp_path) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        runner = make_runner(engine="docker", image=image)
        (tmp_path / "a:b.txt").write_text("data")
        template = ShellOPTemplate(
            "shell",
            script="cat /in.txt > /out && touch made && exit $(cat /in.txt | wc -c)",
            inputs=Inputs(artifacts={"in": InputArtifact(path="/in.txt")}),
            outputs=Outputs(artifacts={"out": OutputArtifact(path="/out")}),
        )
        result = runner.go(_alone(template, artifacts={"in": upload_artifact(tmp_path / "a:b.txt")}))
        assert result.failures[0].exit_code == 4, result
        assert (runner.step("a") / "outputs" / "artifacts" / "out").read_text() == "data"
        assert (runner.step("a") / "workdir" / "made").stat().st_uid == os.geteuid()
        assert runner.left() == []


@pytest.fixture(scope="session")
def sif(image, tmp_path_factory):
    """The image as a file."""
    if shutil.which("apptainer") is None:
        pytest.skip("there is no apptainer")
    return make_sif(IMAGE, tmp_path_factory.mktemp("sif"))


@pytest.mark.podman
@pytest.mark.parametrize("engine", ["apptainer", "singularity"])
def test_apptainer_runs_scripts_and_ops(tmp_path, sif, engine, monkeypatch, make_runner):
    monkeypatch.setenv("OF_THE_ENGINE", "leaks")
    runner = make_runner(engine=engine, image=str(sif), network=True)
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("one")
    template = ShellOPTemplate(
        "shell",
        script="env && cat /in/data/a.txt > /out/copy && ! touch /in/data/x",
        inputs=Inputs(artifacts={"data": InputArtifact(path="/in")}),
        outputs=Outputs(artifacts={"out": OutputArtifact(path="/out/copy")}),
        envs={"MINE": "a, b=$(c) 'd'"},
    )

    @OP.function
    def double(x: int) -> {"y": int}:  # noqa: F821, UP037 - names of outputs
        return {"y": 2 * x}

    workflow = _alone(template, artifacts={"data": upload_artifact(data)})
    workflow.add(Step("b", PythonOPTemplate(double), parameters={"x": 4}))
    result = runner.go(workflow)
    assert result.phase is Phase.SUCCEEDED, runner.log("a")
    assert "OF_THE_ENGINE" not in runner.log("a")
    assert "MINE=a, b=$(c) 'd'\n" in runner.log("a")
    assert (runner.step("a") / "outputs" / "artifacts" / "out").read_text() == "one"
    assert runner.output("b", "y") == "8"


@pytest.mark.podman
def test_apptainer_is_ended_with_all_that_it_started(sif, make_runner):
    runner = make_runner(engine="apptainer", image=str(sif))
    result = runner.go(
        _alone(ShellOPTemplate("shell", script="trap '' TERM; sleep 987.5 & wait; sleep 987.5", timeout=2))
    )
    assert "time limit" in result.failures[0].message
    running = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(b"987.5" in words for words in running)


@pytest.mark.podman
def test_an_image_that_apptainer_cannot_open_is_named(tmp_path, sif, make_runner):
    (tmp_path / "bad.sif").write_text("no image")
    said = _said(make_runner, engine="apptainer", image=str(tmp_path / "bad.sif"), network=True)
    assert said.startswith(f"apptainer cannot run {tmp_path}/bad.sif: FATAL:")


@pytest.mark.parametrize(("field", "value"), [("engine", "rkt"), ("pull", "Sometimes")])
def test_options_that_there_are_not_are_refused(field, value):
    with pytest.raises(Exception, match=f"is '{value}'; it must be one of"):
        ContainerOptions(**{"engine": "podman", field: value})
