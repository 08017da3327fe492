"""Steps on another machine, by ssh: a real server on this one."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    RemoteExecutor,
    S3Artifact,
    Secret,
    ShellOPTemplate,
    SlurmRemoteExecutor,
    Step,
    Workflow,
    config,
    upload_artifact,
)
from dflow.executor import RemoteExecutor as OfExecutor
from dflow.op_template import ContainerOPTemplate
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices
from dflow.slurm import SlurmRemoteExecutor as OfSlurm
from until import until

NUMBER = {"n": int}
WORD = "s3cret!"


@pytest.fixture
def server(ssh_server):
    """A real SSH server."""
    return ssh_server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory of this side, where ssh remembers the keys of hosts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def outside():
    """A directory that is not in /tmp, which scripts take for that of their workdir."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="dflow-test-") as name:
        yield Path(name)


@pytest.fixture
def host(server, home, tmp_path):
    """Makes executors; what the host has is in ``there``."""

    def make(kind=RemoteExecutor, **given):
        given = {"workdir": f"{tmp_path}/there/{{{{pod.name}}}}", "private_key_file": server.key, **given}
        return kind(server.host, port=server.port, username=server.user, **given)

    server.start()
    return make


def shell(script, *, outputs=("out",), name="say", **given):
    template = ShellOPTemplate(name, image="alpine", script=script, **given)
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in", optional=True)
    for output in outputs:
        template.outputs.artifacts[output] = OutputArtifact(path=f"/tmp/{output}")
    return template


def run(template, executor, *, phase="Succeeded", **given):
    """The step that a workflow of one ends with, and what it printed."""
    wf = Workflow("run")
    wf.add(Step("one", template, executor=executor, key="one", **given))
    wf.submit()
    step = wf.query_step(key="one")[0]
    log = Path(step.path, "log.txt").read_text()
    assert step.phase == phase, (step.message, log)
    return step, log


def text_of(step, name="out"):
    return Path(step.outputs.artifacts[name].local_path).read_text()


def sockets():
    """The directories that the connections of steps are in."""
    return set(Path("/tmp").glob("dflow-ssh.*"))


def test_both_are_where_scripts_import_them_from():
    assert OfExecutor is RemoteExecutor
    assert OfSlurm is SlurmRemoteExecutor
    assert issubclass(SlurmRemoteExecutor, RemoteExecutor)


def test_what_is_rendered_is_a_shell_script_in_the_image_with_ssh():
    config["extender_image"] = "has-ssh:1"
    config["extender_image_pull_policy"] = "IfNotPresent"
    template = shell("true", retry_strategy={"limit": 3}, timeout=7, requests={"cpu": "9"})
    made = RemoteExecutor("far", private_key_file="id").render(template)
    assert isinstance(made, ShellOPTemplate)
    assert (made.image, made.image_pull_policy, made.command) == ("has-ssh:1", "IfNotPresent", ["sh"])
    assert (made.name, made.timeout, made.retry_strategy, made.requests) == ("say", 7, {"limit": 3}, {})
    assert list(made.outputs.artifacts) == ["out"]
    own = RemoteExecutor("far", image="mine", image_pull_policy="Never", command=["bash"]).render(template)
    assert (own.image, own.image_pull_policy, own.command) == ("mine", "Never", ["bash"])
    assert RemoteExecutor("far").direct() is None


def test_a_pod_has_the_directory_of_the_key(tmp_path):
    executor = RemoteExecutor("far", private_key_file=tmp_path / "id_rsa")
    assert executor.render(shell("true")).volumes == []
    config["private_key_host_path"] = "/keys"
    made = executor.render(shell("true"))
    assert made.volumes == [{"name": "dflow-private-key", "hostPath": {"path": "/keys"}}]
    assert made.mounts == [{"name": "dflow-private-key", "mountPath": str(tmp_path), "readOnly": True}]


def test_a_password_is_in_no_script_and_on_no_command_line(caplog):
    made = RemoteExecutor("far", password=WORD).render(shell("true"))
    assert WORD not in made.script
    assert made.envs == {"DFLOW_SSH_PASSWORD": WORD}
    assert "use private_key_file" in caplog.text
    secret = Secret(name="far-away", key="password")
    assert RemoteExecutor("far", password=secret).render(shell("true")).envs == {"DFLOW_SSH_PASSWORD": secret}


def test_a_rendered_template_keeps_the_name_of_the_op():
    wf = Workflow("wf")
    template = PythonOPTemplate(Doubling, image="i")
    wf.add(
        Step(
            "one",
            template,
            parameters={"n": 1},
            artifacts={"text": S3Artifact(key="x")},
            executor=RemoteExecutor("far"),
        )
    )
    assert "- name: doubling" in wf.to_yaml()


def test_an_export_has_the_rendered_script():
    wf = Workflow("wf")
    wf.add(Step("one", shell("echo far away"), executor=SlurmRemoteExecutor("far", header="#SBATCH -p cpu")))
    manifest = wf.to_yaml()
    for text in ("echo far away", "#SBATCH -p cpu", "dflow_host=far", "image: dptechnology/dflow-extender"):
        assert text in manifest, text


@pytest.mark.ssh
def test_a_script_runs_on_the_host(host, tmp_path, monkeypatch):
    before = sockets()
    monkeypatch.setenv("ONLY_HERE", "1")
    template = shell(
        "cat /tmp/in/in/a.txt > /tmp/out; echo {{inputs.parameters.n}} > /tmp/n; echo in $PWD: $SAID; "
        'echo "here: $ONLY_HERE"; cat /tmp/in/in/a.txt >&2',
        envs={"SAID": """it's "$HOME" {{inputs.parameters.n}}"""},
    )
    template.inputs.parameters["n"] = InputParameter(value=3)
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    Path("in").mkdir()
    Path("in/a.txt").write_text("data\n")
    step, log = run(template, host(), artifacts={"in": upload_artifact("in")})
    (place,) = (tmp_path / "there").iterdir()
    assert log == f"""in {place}: it's "$HOME" 3\nhere: \ndata\n"""
    assert step.outputs.parameters["n"].value == 3
    assert text_of(step) == "data\n"
    assert (place / "tmp/out").read_text() == "data\n", "the host has what the script says is in /tmp in its workdir"
    assert sockets() <= before


class Doubling(OP):
    """Has an input and an output of each kind."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int, "text": Artifact(Path), "none": Artifact(Path, optional=True)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int, "texts": Artifact(list[Path])})

    @OP.exec_sign_check
    def execute(self, op_in):
        print("on", os.environ["SSH_CONNECTION"].split()[2])
        Path("a.txt").write_text(op_in["text"].read_text() * 2)
        Path("b.txt").write_text(str(op_in["none"]))
        return OPIO({"n": op_in["n"] * 2, "texts": [Path("a.txt"), Path("b.txt")]})


@pytest.mark.ssh
def test_a_python_op_runs_on_the_host_and_its_packages_go_with_it(host, tmp_path):
    Path("in.txt").write_text("data")
    template = PythonOPTemplate(Doubling, image="python:3.11")
    executor = host(remote_command=["env", "-i", f"SSH_CONNECTION=a b {host.__name__}", sys.executable])
    given = {"parameters": {"n": 3}, "artifacts": {"text": upload_artifact("in.txt")}}
    step, log = run(template, executor, **given)
    assert f"on {host.__name__}" in log
    assert step.outputs.parameters["n"].value == 6
    files = sorted(Path(step.outputs.artifacts["texts"].local_path).rglob("*.txt"))
    assert [file.read_text() for file in files] == ["datadata", "None"]
    (place,) = (tmp_path / "there").iterdir()
    assert (place / ".dflow/lib/dflow/python/runtime/pod.py").exists()


@pytest.mark.ssh
def test_slices_run_side_by_side_on_the_host(host):
    @OP.function
    def square(n: int) -> NUMBER:
        return {"n": n * n}

    sliced = Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    wf = Workflow("run")
    template = PythonOPTemplate(square, image="i", slices=sliced)
    executor = host(remote_command=sys.executable)
    step = Step(
        "squares", template, parameters={"n": [1, 2, 3]}, with_param=[0, 1, 2], executor=executor, key="q-{{item}}"
    )
    wf.add(step)
    wf.submit()
    assert [wf.query_step(key=f"q-{i}")[0].outputs.parameters["n"].value for i in range(3)] == [1, 4, 9]


@pytest.mark.ssh
@pytest.mark.parametrize("code", [3, 75, 137, 255])
def test_the_exit_code_is_that_of_the_script_and_it_is_run_once(host, outside, code):
    template = shell(f"echo run >> {outside}/times; echo made > /tmp/out; exit {code}")
    step, _ = run(template, host(), phase="Failed")
    assert f"exit code {code}" in step.message
    assert (outside / "times").read_text() == "run\n"
    assert next(Path(step.path).rglob("out")).read_text() == "made\n", "what it made before is brought back"


@pytest.mark.ssh
def test_odd_names_and_links_in_directories_travel(host, tmp_path):
    (tmp_path / "target").write_text("linked")
    folder = tmp_path / "in put"
    (folder / "sub dir").mkdir(parents=True)
    (folder / "sub dir" / "it's $HOME; -x.txt").write_text("odd")
    (folder / "link").symlink_to(tmp_path / "target")
    program = folder / "program"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    template = shell(
        "cp -r /tmp/in '/tmp/o ut'; ln -s '/tmp/o ut/link' '/tmp/o ut/again'; '/tmp/in/in put/program'", outputs=()
    )
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/o ut")
    executor = host(workdir=f"{tmp_path}/there, it's/{{{{pod.name}}}}")
    step, log = run(template, executor, artifacts={"in": upload_artifact(folder)})
    assert log == "ran\n"
    out = Path(step.outputs.artifacts["out"].local_path)
    found = next(path for path in [out, *out.rglob("*")] if (path / "sub dir").is_dir())
    assert (found / "sub dir" / "it's $HOME; -x.txt").read_text() == "odd"
    assert not (found / "link").is_symlink()
    assert (found / "link").read_text() == "linked"
    assert not (found / "again").is_symlink(), "a link there would lead nowhere here"
    assert os.access(found / "program", os.X_OK)


@pytest.mark.ssh
def test_a_home_directory_is_that_of_the_host(host, server):
    template = shell("pwd > /tmp/out")
    name = f"dflow-test-{os.getpid()}"
    step, _ = run(template, host(workdir=f"~/{name}"))
    place = Path(text_of(step).strip())
    assert place == server.directory / "home" / name, "HOME of this side is another one"
    shutil.rmtree(place)


@pytest.mark.ssh
def test_paths_outside_of_tmp_are_in_the_workdir_as_well(host, tmp_path):
    template = ShellOPTemplate(
        "say", image="alpine", script="cat /data/in.txt > /results/x.txt; cat /tmpfile /data/in.txt2"
    )
    template.inputs.artifacts["in"] = InputArtifact(path="/data/in.txt")
    template.outputs.artifacts["out"] = OutputArtifact(path="/results/x.txt")
    template.script = "mkdir -p $(dirname /results/x.txt); " + template.script + " || true"
    Path("in.txt").write_text("data")
    step, log = run(template, host(), artifacts={"in": upload_artifact("in.txt")})
    assert text_of(step) == "data"
    assert "/tmpfile" in log
    assert not Path("/results").exists()


@pytest.mark.ssh
def test_tmp_can_be_that_of_the_host(host, tmp_path):
    mine = f"/tmp/dflow-remote-{os.getpid()}"
    template = ShellOPTemplate("say", image="alpine", script=f"echo from the host > {mine}; cat {mine}.in")
    template.inputs.artifacts["in"] = InputArtifact(path=f"{mine}.in")
    template.outputs.artifacts["out"] = OutputArtifact(path=mine)
    Path("in.txt").write_text("data")
    try:
        step, log = run(template, host(map_tmp_dir=False), artifacts={"in": upload_artifact("in.txt")})
        assert Path(mine).read_text() == text_of(step) == "from the host\n"
        assert log == "data"
    finally:
        for path in (mine, f"{mine}.in"):
            Path(path).unlink(missing_ok=True)


@pytest.mark.ssh
def test_an_output_that_was_not_made_is_missing_even_if_another_time_made_it(host, tmp_path):
    executor = host(workdir=f"{tmp_path}/there")
    run(shell("echo 1 > /tmp/out"), executor)
    step, _ = run(shell("true"), executor, phase="Error")
    assert "out" in step.message
    assert "/tmp/out" in step.message


@pytest.mark.ssh
def test_another_interpreter_of_the_template_is_used(host):
    template = PythonScriptOPTemplate(
        "say", image="i", command=[sys.executable, "-u"], script="import sys; print(sys.stdout.write_through)"
    )
    assert run(template, host())[1] == "True\n"
    words = ContainerOPTemplate(command=["echo", "it's"], args=["$HOME", "{{inputs.parameters.n}}"], image="i")
    words.inputs.parameters["n"] = InputParameter(value=4)
    assert run(words, host())[1] == "it's $HOME 4\n"


@pytest.mark.ssh
def test_a_subclass_says_how_a_program_is_run(host):
    class Nicely(RemoteExecutor):
        def run(self, image, remote_command):
            return self.execute(f"cd {self.workdir} && IMAGE={image} nice -n 7 {' '.join(remote_command)} script")

    step, log = run(shell("nice; echo $IMAGE; echo x > /tmp/out"), host(Nicely))
    assert log == "7\nalpine\n"
    assert text_of(step) == "x\n"
    step, _ = run(shell("exit 9"), host(Nicely), phase="Failed")
    assert "exit code 9" in step.message


@pytest.mark.ssh
def test_a_subclass_says_how_files_are_sent(host, tmp_path):
    class Saying(RemoteExecutor):
        def upload(self, src, dst):
            return f"echo sending {dst.rpartition('/')[2]}\n" + super().upload(src, dst)

        def run(self, image, remote_command):
            return "echo before\n" + super().run(image, ["env", "WORD=given", *remote_command])

    Path("in.txt").write_text("data")
    _, log = run(
        shell("cat /tmp/in/in.txt; echo $WORD", outputs=()), host(Saying), artifacts={"in": upload_artifact("in.txt")}
    )
    assert log == "sending in\nbefore\ndatagiven\n"


@pytest.mark.ssh
@pytest.mark.parametrize("kind", ["docker_executable", "podman_executable", "singularity_executable"])
@pytest.mark.parametrize("is_mapped", [True, False])
def test_the_program_of_a_container_is_told_the_image_and_the_directories(host, tmp_path, kind, is_mapped):
    program = tmp_path / "pretended container program"
    program.write_text(
        '#!/bin/sh\necho "$*" | sed "s|$PWD|WORK|g"\nwhile [ "$1" != image:1 ] && [ "$1" != docker://image:1 ]\n'
        "do shift; done\n"
        'shift\nexec "$@"\n'
    )
    program.chmod(0o755)
    place = "/tmp/out" if is_mapped else "tmp/out"
    template = shell(f"echo $A > {place}", envs={"A": "1"})
    template.image = "image:1"
    step, log = run(template, host(map_tmp_dir=is_mapped, **{kind: f"'{program}'"}))
    tmp = "" if is_mapped else f" {'--bind' if 'singularity' in kind else '-v'} WORK/tmp:/tmp"
    if "singularity" in kind:
        assert log == f"exec --bind WORK:WORK --pwd WORK{tmp} docker://image:1 sh script\n"
    else:
        assert log == f"run --rm --cidfile .dflow/container -e A -v WORK:WORK -w WORK{tmp} image:1 sh script\n"
    assert text_of(step) == "1\n"


@pytest.mark.ssh
def test_a_connection_that_breaks_is_made_again_while_the_program_goes_on(host, server, outside):
    go = outside / "go"
    waiting = f"until test -e {go}; do sleep 0.1; done"
    template = shell(f"echo begin; echo run >> {outside}/times; {waiting}; echo end | tee /tmp/out; exit 5")

    def disturb():
        until((outside / "times").exists)
        server.drop()
        time.sleep(0.5)
        go.touch()

    other = threading.Thread(target=disturb)
    other.start()
    step, log = run(template, host(), phase="Failed")
    other.join()
    assert "exit code 5" in step.message
    assert (outside / "times").read_text() == "run\n"
    assert [line for line in log.splitlines() if not line.startswith("dflow:")] == ["begin", "end"]
    assert "dflow: no connection to 127.0.0.1" in log


@pytest.mark.ssh
def test_a_host_that_is_away_is_waited_for(host, server):
    server.stop()
    threading.Timer(2.5, server.start).start()
    step, log = run(shell("echo x > /tmp/out"), host())
    assert "trying again" in log
    assert text_of(step) == "x\n"


@pytest.mark.ssh
def test_a_host_that_stays_away_is_given_up(host, server):
    before = sockets()
    server.stop()
    _, log = run(shell("true"), host(action_retries=1), phase="Failed")
    assert "Connection refused" in log
    assert log.count("trying again") == 1
    assert sockets() <= before


@pytest.mark.ssh
def test_a_key_that_does_not_fit_is_said_at_once(host, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "wrong")], check=True)
    began = time.monotonic()
    _, log = run(shell("true"), host(private_key_file=tmp_path / "wrong"), phase="Failed")
    assert "Permission denied" in log
    assert "cannot log in as" in log
    assert time.monotonic() - began < 30


@pytest.mark.ssh
def test_the_key_of_a_host_is_remembered_and_another_one_refused(host, server, home):
    run(shell("true", outputs=()), host())
    known = home / ".ssh" / "known_hosts"
    known_key = (server.directory / "host_key.pub").read_text().split()[1]
    assert known_key in known.read_text()
    assert stat.S_IMODE(known.parent.stat().st_mode) & 0o077 == 0
    other = server.key.with_suffix(".pub").read_text().split()[1]
    known.write_text(f"[127.0.0.1]:{server.port} ssh-ed25519 {other}\n")
    _, log = run(shell("true", outputs=()), host(), phase="Failed")
    assert "IDENTIFICATION HAS CHANGED" in log


@pytest.mark.ssh
def test_a_program_ends_with_its_step(host, outside):
    before = sockets()
    template = shell(f"echo $$ > {outside}/pid; sleep 600 & echo $! > {outside}/child; wait", timeout=3)
    run(template, host(), phase="Failed")
    for name in ("pid", "child"):
        pid = int((outside / name).read_text())
        until(lambda pid=pid: not Path(f"/proc/{pid}/exe").exists(), 10)
    assert sockets() <= before


@pytest.mark.ssh
def test_what_an_attempt_that_was_killed_left_behind_is_ended_by_the_next(host, tmp_path, outside):
    before = sockets()
    executor = host(workdir=f"{tmp_path}/there")
    script = executor.get_script(shell(f"echo $$ > {outside}/pid; sleep 600"))
    first = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    try:
        until(lambda: (outside / "pid").exists() and (outside / "pid").read_text())
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    pid = int((outside / "pid").read_text())
    assert Path(f"/proc/{pid}/exe").exists()
    run(shell("true", outputs=()), executor)
    until(lambda: not Path(f"/proc/{pid}/exe").exists(), 5)
    for leftover in sockets() - before:
        shutil.rmtree(leftover)


class InShell(SlurmRemoteExecutor):
    """A user's own: it may override anything, so what it renders is run."""


@pytest.fixture
def queue(host, slurm):
    """Makes executors that submit to the Slurm of the host."""
    return lambda **given: host(InShell, interval=1, **given)


@pytest.mark.ssh
def test_jobs_are_watched_by_the_engine_itself(host, slurm, tmp_path):
    template = shell('echo "$WORD $SLURM_JOB_PARTITION"; cat /tmp/in/in.txt > /tmp/out; exit 4')
    Path("in.txt").write_text("data")
    header = """#!/bin/bash -f
                #SBATCH -p debug
                export WORD=*"""
    executor = host(SlurmRemoteExecutor, header=header, interval=1)
    step, log = run(template, executor, phase="Failed", artifacts={"in": upload_artifact("in.txt")})
    assert "exit code 4" in step.message
    assert log == "* debug\n"
    assert next(Path(step.path).rglob("out")).read_text() == "data"
    assert (Path(step.path) / ".job").exists()
    assert list((tmp_path / "there").glob("run-*/dflow-one-*/workdir/tmp/out")), (
        "what a failed job has left stays there"
    )


@pytest.mark.ssh
def test_another_command_runs_the_script_of_a_watched_job(host, slurm):
    executor = host(SlurmRemoteExecutor, interval=1, remote_command="sh -x")
    _, log = run(shell("true > /tmp/out"), executor)
    assert "+ true" in log


@pytest.mark.ssh
def test_a_script_is_a_job_of_the_slurm_of_the_host(queue, tmp_path):
    template = shell('echo "job $SLURM_JOB_NAME of $SLURM_JOB_PARTITION, $WORD"; cat /tmp/in/in.txt > /tmp/out; exit 4')
    Path("in.txt").write_text("data")
    header = """#!/bin/bash -f
                #SBATCH --job-name=mine
                #SBATCH -p debug
                export WORD=*"""
    step, log = run(template, queue(header=header), phase="Failed", artifacts={"in": upload_artifact("in.txt")})
    assert "exit code 4" in step.message
    assert log == "job mine of debug, *\n", "the header's own shell runs what is not for Slurm"
    assert next(Path(step.path).rglob("out")).read_text() == "data"
    (place,) = (tmp_path / "there").iterdir()
    assert (place / ".dflow/id").read_text().strip().isdigit()


@pytest.mark.ssh
def test_a_python_op_is_a_job_of_the_slurm_of_the_host(queue):
    @OP.function
    def square(n: int) -> NUMBER:
        print("job", os.environ["SLURM_JOB_ID"])
        return {"n": n * n}

    executor = queue(remote_command=sys.executable)
    step, log = run(PythonOPTemplate(square, image="i"), executor, parameters={"n": 3})
    assert log.startswith("job ")
    assert step.outputs.parameters["n"].value == 9


@pytest.mark.ssh
def test_a_job_that_slurm_will_not_have_says_why(queue):
    _, log = run(shell("true"), queue(header="#SBATCH -p nowhere"), phase="Failed")
    assert "invalid partition specified: nowhere" in log
    assert "cannot start the program on 127.0.0.1" in log


@pytest.mark.ssh
def test_a_job_is_cancelled_with_its_step(queue, slurm, outside):
    before = set(slurm.queue())
    run(shell(f"touch {outside}/began; sleep 600", timeout=6), queue(), phase="Failed")
    assert (outside / "began").exists()
    until(lambda: not {job for job in slurm.queue() if job.split()[1] in ("RUNNING", "PENDING")} - before)


@pytest.mark.ssh
def test_a_job_that_is_cancelled_from_outside_ends_its_step(queue, outside):
    def cancel():
        until((outside / "id").exists)
        subprocess.run(["scancel", "--signal=KILL", "--full", (outside / "id").read_text().strip()], check=True)

    other = threading.Thread(target=cancel)
    other.start()
    step, log = run(
        shell(f"echo $SLURM_JOB_ID > {outside}/id.new; mv {outside}/id.new {outside}/id; sleep 600"),
        queue(),
        phase="Failed",
    )
    other.join()
    # Slurm says TERM before KILL, and now and then the script has time to say that this is what ended it
    left_nothing = "of Slurm has ended and left no exit status" in log
    assert left_nothing or ("CANCELLED" in log and "terminated" in step.message), (step.message, log)
