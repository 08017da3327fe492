"""What the dispatcher's executor says to the engine, and what it renders for clusters and vendors."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import dflow
import pytest
import yaml
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    Secret,
    ShellOPTemplate,
    SlurmRemoteExecutor,
    Step,
    Workflow,
    config,
)
from dflow.compile import compile_workflow
from dflow.executors import secrets
from dflow.exporters.argo.lint import Severity, lint_text
from dflow.manifests import export_workflow, text_of
from dflow.op_template import ContainerOPTemplate
from dflow.plugins import bohrium, dispatcher_driver
from dflow.plugins.bohrium import BohriumDatasetsArtifact
from dflow.plugins.dispatcher import DispatcherExecutor, update_dict
from dflow.python import OP, OPIOSign, PythonOPTemplate, Slices

WORD = "pass-word"
ON_BOHRIUM = {"batch_type": "Bohrium", "remote_profile": {"email": "me", "program_id": 7}}


def shell(**more):
    template = ShellOPTemplate("say", image="alpine:3", script="cat /tmp/in > /tmp/out {{inputs.parameters.n}}", **more)
    template.inputs.parameters["n"] = InputParameter(value="1")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out")
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/p")
    return template


def settings(template):
    """What the driver of a rendered template is told, as it reads it."""
    told = json.loads(template.command[3])
    return dispatcher_driver._filled(told, template.command[4 : 4 + told["texts"]])


def direct(**arguments):
    kind, found = DispatcherExecutor(**arguments).direct()
    assert kind == "dispatcher"
    return json.loads(json.dumps(found))


def test_dicts_are_put_into_dicts_and_other_values_take_the_place_of_what_is_there():
    first = {"a": {"b": 1, "c": {"d": 2}}, "l": [1], "s": "x"}
    second = {"a": {"c": {"e": 3}}, "l": [2], "s": {"t": 1}}
    assert update_dict(first, second) is None
    assert first == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "l": [2], "s": {"t": 1}}
    first["l"].append(3)
    assert second["l"] == [2], "nothing is shared"


def test_a_host_is_reached_by_ssh_and_has_slurm():
    found = direct(host="1.2.3.4", queue_name="V100", username="me")
    assert found["machine"] == {
        "batch_type": "Slurm",
        "context_type": "SSHContext",
        "local_root": "./",
        "remote_root": "~/dflow/workflows",
        "remote_profile": {"hostname": "1.2.3.4", "username": "me", "port": 22, "timeout": 10},
    }
    assert found["resources"] == {
        "number_node": 1,
        "cpu_per_node": 1,
        "gpu_per_node": 0,
        "queue_name": "V100",
        "group_size": 1,
    }
    assert found["task"] == {"task_work_path": "./", "outlog": "log", "errlog": "err"}
    assert (found["secrets"], found["container"], found["remote_command"]) == ([], None, None)
    assert found["command"] == ["python3"]
    assert found["map_tmp_dir"] is found["clean"] is True
    assert found["merge"] is False
    assert found["retries"] is found["terminate_grace_period"] is None


def test_without_a_host_jobs_go_to_the_scheduler_of_this_machine():
    found = direct(queue_name="cpu")["machine"]
    assert found == {
        "batch_type": "Slurm",
        "context_type": "LazyLocalContext",
        "local_root": "./",
        "remote_profile": {},
    }


def test_dictionaries_say_it_better_than_arguments_and_these_than_a_file(tmp_path):
    file = tmp_path / "machine.json"
    file.write_text(
        json.dumps(
            {
                "machine": {"batch_type": "PBS", "remote_profile": {"hostname": "file", "username": "u", "timeout": 5}},
                "resources": {"queue_name": "file", "cpu_per_node": 8, "envs": {"A": "file", "B": "file"}},
                "task": {"outlog": "out"},
            }
        )
    )
    found = direct(json_file=file)
    assert found["machine"]["batch_type"] == "PBS"
    profile = {"hostname": "file", "username": "u", "port": 22, "timeout": 5}
    assert found["machine"]["remote_profile"] == profile
    found = direct(
        json_file=str(file),
        host="argument",
        port=2222,
        queue_name="argument",
        envs={"B": "argument"},
        remote_root="/data",
        machine_dict={"batch_type": "lsf", "remote_profile": {"timeout": 6}, "remote_root": "/best"},
        resources_dict={"queue_name": "dict", "number_node": 2},
        task_dict={"errlog": "out"},
    )
    assert found["machine"]["batch_type"] == "LSF"
    assert found["machine"]["remote_root"] == "/best"
    assert found["machine"]["remote_profile"] == {**profile, "hostname": "argument", "port": 2222, "timeout": 6}
    resources = found["resources"]
    assert (resources["queue_name"], resources["number_node"], resources["cpu_per_node"]) == ("dict", 2, 8)
    assert resources["envs"] == {"A": "file", "B": "argument"}
    assert found["task"] == {"task_work_path": "./", "outlog": "out", "errlog": "out"}


def test_what_was_given_is_left_as_it_was():
    machine = {"batch_type": "Slurm", "remote_profile": {"hostname": "h"}}
    resources = {"envs": {"A": "1"}}
    DispatcherExecutor(machine_dict=machine, resources_dict=resources, envs={"B": "2"}, username="x").direct()
    assert machine == {"batch_type": "Slurm", "remote_profile": {"hostname": "h"}}
    assert resources == {"envs": {"A": "1"}}


@pytest.mark.parametrize(
    ("batch", "context"),
    [
        ("slurm", "SSH"),
        ("SlurmJobArray", "local"),
        ("pbs", "LocalContext"),
        ("OpenPBS", "lazylocal"),
        ("TORQUE", "sshcontext"),
        ("SGE", "LazyLocalContext"),
        ("shell", "Local"),
    ],
)
def test_schedulers_that_the_engine_knows_are_direct_however_they_are_written(batch, context):
    found = direct(host="h", machine_dict={"batch_type": batch, "context_type": context})["machine"]
    assert found["batch_type"].lower() == {"openpbs": "pbs"}.get(batch.lower(), batch.lower())
    assert found["context_type"] in ("SSHContext", "LocalContext", "LazyLocalContext")
    assert ("hostname" in found["remote_profile"]) is (found["context_type"] == "SSHContext")


@pytest.mark.parametrize("batch", ["Bohrium", "Lebesgue", "DpCloudServer", "OpenAPI", "DistributedShell", "Fugaku"])
def test_the_schedulers_of_vendors_are_not(batch):
    assert DispatcherExecutor(host="h", machine_dict={"batch_type": batch}).direct() is None


def test_what_cannot_be_is_said_where_it_is_given(tmp_path):
    with pytest.raises(ValueError, match="batch_type is 'Slrum'; dpdispatcher knows Bohrium"):
        DispatcherExecutor(machine_dict={"batch_type": "Slrum"})
    with pytest.raises(ValueError, match="no host is given"):
        DispatcherExecutor(machine_dict={"context_type": "SSHContext"})
    with pytest.raises(ValueError, match="one container engine, not in those of docker_executable and podman_exec"):
        DispatcherExecutor(docker_executable="docker", podman_executable="podman")
    with pytest.raises(ValueError, match="cannot be read"):
        DispatcherExecutor(json_file=tmp_path / "no.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold an object with machine, resources, task"):
        DispatcherExecutor(json_file=tmp_path / "list.json")


def test_a_container_is_named_with_its_program_and_its_words():
    found = direct(host="h", singularity_executable="/opt/bin/singularity", container_args="--nv -B '/a b'")
    assert found["container"] == {
        "engine": "singularity",
        "program": "/opt/bin/singularity",
        "image": None,
        "args": "--nv -B '/a b'",
    }


def test_a_key_is_a_whole_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = direct(host="h", private_key_file="key")["machine"]["remote_profile"]
    assert found["key_filename"] == str(Path("key").absolute())
    found = direct(host="h", private_key_file="~/.ssh/id")["machine"]["remote_profile"]
    assert found["key_filename"] == str(tmp_path / ".ssh/id")


def test_secrets_stay_in_this_process(monkeypatch):
    profile = {"passphrase": "pass-phrase", "totp_secret": "ABCDEF"}
    found = direct(host="h", port=2200, username="me", password=WORD, machine_dict={"remote_profile": profile})
    assert found["secrets"] == ["passphrase", "password", "totp_secret"]
    assert not {WORD, "pass-phrase", "ABCDEF"} & set(json.dumps(found).split('"'))
    assert secrets.find("me@h:2200") == {**profile, "password": WORD}


def test_a_secret_of_the_cluster_is_a_variable_here(monkeypatch):
    given = {"host": "i", "password": Secret(name="login", key="word")}
    assert direct(**given)["secrets"] == ["password"]
    assert secrets.find("root@i:22") == {}
    monkeypatch.setenv("DFLOW_DISPATCHER_PASSWORD", WORD)
    direct(**given)
    assert secrets.find("root@i:22") == {"password": WORD}


def test_slices_are_merged_where_that_is_asked_for():
    step = Step("s", shell(), slices=Slices(input_parameter=["n"]), parameters={"n": [1, 2]})
    given = step.slices
    DispatcherExecutor(host="h").modify_step(step)
    assert step.slices is given
    DispatcherExecutor(host="h", merge_sliced_step=True).modify_step(step)
    assert step.slices.group_size > 10**6
    assert given.group_size is None, "the user's own stay as they were"


# -- rendering ---------------------------------------------------------------------------------------------------------


def test_a_rendered_template_keeps_its_script_and_gets_a_program_that_sends_it():
    template = shell(node_selector={"a": "b"}, tolerations=[{"key": "x"}], affinity={"y": 1}, envs={"E": "e"})
    made = DispatcherExecutor(host="h", username="me", image="submit:1", image_pull_policy="Always").render(template)
    assert made.script == "cat /tmp/in > /tmp/out {{inputs.parameters.n}}"
    assert made.command[:2] == ["python3", "-c"]
    assert made.command[-1] == "sh"
    assert (made.image, made.image_pull_policy) == ("submit:1", "Always")
    assert (made.node_selector, made.tolerations, made.affinity) == ({}, [], None)
    compile(made.command[2], "driver", "exec")
    assert "{{" not in made.command[2] + made.command[3]
    told = settings(made)
    assert told["machine"]["remote_root"] == "/home/me/dflow/workflows"
    assert told["inputs"] == [{"at": "/tmp/in", "rel": "tmp/in"}]
    assert told["outputs"] == [{"at": "/tmp/p", "rel": "tmp/p"}, {"at": "/tmp/out", "rel": "tmp/out"}]
    assert told["envs"] == ["E"]
    assert told["resources"]["envs"]["DFLOW_WORKFLOW"] == "{{workflow.name}}"
    assert "/tmp/in" not in made.command[3], "the engine moves declared paths in all words"


def test_scheduling_strategies_stay_where_that_is_asked_for():
    made = DispatcherExecutor(host="h", remove_scheduling_strategies=False).render(shell(node_selector={"a": "b"}))
    assert made.node_selector == {"a": "b"}
    assert made.image == config["dispatcher_image"]


def test_values_of_tags_in_settings_are_words_of_their_own():
    job = "{{inputs.parameters.n}} of {{workflow.name}}"
    made = DispatcherExecutor(host="h", task_dict={"task_name": job}, envs={"N": "{{=1}}"}).render(shell())
    assert settings(made)["task"]["task_name"] == job
    assert job in made.command
    assert "{{=1}}" in made.command
    assert "inputs.parameters" not in made.command[3]


def test_lines_of_python_stand_around_the_program():
    made = DispatcherExecutor(host="h", pre_script="before = 1", post_script="after = before").render(shell())
    program = made.command[2]
    assert program.index("before = 1\n") < program.index("status = main(") < program.index("after = before\n")
    compile(program, "driver", "exec")


def test_a_password_is_a_variable_and_the_log_says_that_it_is_seen(caplog):
    executor = DispatcherExecutor(host="h", password=WORD)
    with caplog.at_level(logging.WARNING, "dflow"):
        made, again = executor.render(shell()), executor.render(shell())
    assert made.envs == again.envs == {"DFLOW_DISPATCHER_PASSWORD": "pass-word"}
    assert "pass-word" not in "".join(made.command)
    assert settings(made)["secrets"] == {"password": "DFLOW_DISPATCHER_PASSWORD"}
    (record,) = caplog.records
    assert record.getMessage().startswith("the password for h stands in the manifest, where everybody who may read")
    assert record.getMessage().endswith("use a private key, or a Secret(name=…, key=…) of the cluster in its place")


def test_a_password_may_be_a_secret_of_the_cluster(caplog):
    made = DispatcherExecutor(host="h", password=Secret(name="login", key="word")).render(shell())
    assert made.envs["DFLOW_DISPATCHER_PASSWORD"].name == "login"
    assert not caplog.records
    with pytest.raises(ValueError, match="two braces"):
        DispatcherExecutor(host="h", password="{" + "{x}}").render(shell())


def test_keys_are_mounted_from_the_node(monkeypatch):
    made = DispatcherExecutor(host="h", private_key_file="/home/me/.ssh/id").render(shell())
    assert made.volumes == [{"name": "dflow-private-keys", "hostPath": {"path": "/home/me/.ssh"}}]
    assert made.mounts == [{"name": "dflow-private-keys", "mountPath": "/dflow/keys", "readOnly": True}]
    assert settings(made)["keys"] == ["/dflow/keys/id", "/home/me/.ssh/id"]
    monkeypatch.setitem(config, "private_key_host_path", "/keys")
    made = DispatcherExecutor(host="h", private_key_file="/home/me/.ssh/id").render(shell())
    assert made.volumes[0]["hostPath"] == {"path": "/keys"}
    made = DispatcherExecutor(host="h").render(shell())
    assert made.mounts[0]["mountPath"] == "/root/.ssh"
    monkeypatch.setitem(config, "private_key_host_path", None)
    assert DispatcherExecutor(host="h").render(shell()).volumes == []


def test_a_container_without_a_command_needs_an_image():
    template = ContainerOPTemplate(name="c", image="alpine:3", args=["x"])
    with pytest.raises(ValueError, match="has no command"):
        DispatcherExecutor(host="h").render(template)
    made = DispatcherExecutor(host="h", docker_executable="docker").render(template)
    told = settings(made)
    assert (told["container"]["image"], told["is_script"], made.args) == ("alpine:3", False, ["x"])
    with pytest.raises(ValueError, match="has no image"):
        DispatcherExecutor(host="h", docker_executable="docker").render(ShellOPTemplate("n", script="true"))


def test_paths_that_are_not_whole_are_refused():
    template = ShellOPTemplate("rel", image="i", script="true")
    template.outputs.artifacts["o"] = OutputArtifact(path="out")
    with pytest.raises(ValueError, match="'out' of an input or output must be an absolute one"):
        DispatcherExecutor(host="h").render(template)


def test_on_a_cluster_a_step_runs_what_was_rendered_and_here_the_engine_does_it():
    wf = Workflow("both")
    step = Step("s", PythonScriptOPTemplate("p", image="python", script="print(1)"), executor=DispatcherExecutor("h"))
    wf.add(step)
    here, there = compile_workflow(wf), compile_workflow(wf, on_cluster=True)
    assert _call(here).executor.kind == "dispatcher"
    assert _call(there).executor is None
    (leaf,) = (template for template in there.templates if template.name == "p")
    assert (leaf.script, leaf.pod.image) == ("print(1)", config["dispatcher_image"])
    assert leaf.pod.command[0] == "python3"
    assert leaf.pod.command[-1] == "python3"
    assert leaf.pod.command[2].startswith('"""The program of a step whose script runs elsewhere')


def test_what_is_exported_has_no_errors(tmp_path):
    template = shell()
    template.inputs.artifacts = {"in": InputArtifact(path="/tmp/in", optional=True)}
    executor = DispatcherExecutor("h", private_key_file="/k/id", envs={"N": "{{inputs.parameters.n}}"})
    wf = Workflow("cluster")
    wf.add(Step("s", template, executor=executor))
    text = text_of(export_workflow(wf))
    assert [str(finding) for finding in lint_text(text) if finding.severity is Severity.ERROR] == []
    leaf = next(t for t in yaml.safe_load(text)["spec"]["templates"] if "script" in t)
    assert leaf["script"]["command"][:2] == ["python3", "-c"]
    assert "{{inputs.parameters.n}}" in leaf["script"]["command"]
    assert leaf["volumes"] == [{"name": "dflow-private-keys", "hostPath": {"path": "/k"}}]


class Same(OP):
    """Gives what it gets."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return op_in


def test_a_python_op_has_its_packages_in_the_store(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "uploaded.py").touch()
    monkeypatch.setattr(dflow.python, "upload_packages", [str(tmp_path / "uploaded.py")])
    wf = Workflow("cluster")
    template = PythonOPTemplate(Same, image="i", python_packages=[str(tmp_path / "own")])
    wf.add(Step("s", template, {"n": 1}, executor=DispatcherExecutor("h")))
    made = export_workflow(wf)
    uploaded = {Path(upload.path).name: upload.key for upload in made.uploads}
    assert {"dflow", "cloudpickle", "jsonpickle", "own", "uploaded.py"} <= set(uploaded)
    leaf = next(t for t in made.manifest["spec"]["templates"] if "script" in t)
    artifacts = {a["path"]: a["s3"]["key"] for a in leaf["inputs"]["artifacts"] if "s3" in a}
    assert {path.rpartition("/")[2]: key for path, key in artifacts.items()} == uploaded
    assert set(artifacts) <= set(leaf["script"]["command"]), "the program is told where they are"


def test_a_pod_that_submits_by_itself_is_warned_of(caplog):
    DispatcherExecutor(queue_name="cpu", image="with-slurm:1").render(shell())
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "no host is given: the pod of a step submits to Slurm by itself, and its image"
    )


def _call(graph):
    (call,) = (call for t in graph.templates for group in getattr(t, "groups", ()) for call in group)
    return call


def test_a_job_of_bohrium_is_told_who_pays_and_its_image(monkeypatch):
    for name, value in {"username": "me@x.org", "password": "pass-word", "project_id": "7"}.items():
        monkeypatch.setitem(bohrium.config, name, value)
    machine = {"batch_type": "Bohrium", "remote_profile": {"input_data": {"job_name": "j", "scass_type": "c2"}}}
    template = shell()
    template.inputs.artifacts["in"].source = BohriumDatasetsArtifact("/bohr/water-1/v1")
    made = DispatcherExecutor(machine_dict=machine, image="submit:1").render(template)
    told = settings(made)
    assert told["machine"]["context_type"] == "BohriumContext"
    assert told["machine"]["remote_profile"] == {
        "email": "me@x.org",
        "program_id": 7,
        "input_data": {
            "job_name": "j",
            "scass_type": "c2",
            "job_type": "container",
            "platform": "ali",
            "log_file": "log",
            "output_log": True,
            "image_name": "alpine:3",
            "dataset_path": ["/bohr/water-1/v1"],
        },
    }
    assert made.envs == {"DFLOW_DISPATCHER_PASSWORD": "pass-word"}
    assert "pass-word" not in "".join(made.command)


def test_a_job_of_bohrium_may_have_a_ticket(monkeypatch):
    monkeypatch.setitem(bohrium.config, "ticket", "ticket-1")
    made = DispatcherExecutor(machine_dict=ON_BOHRIUM).render(shell())
    assert made.envs == {"BOHR_TICKET": "ticket-1"}
    assert settings(made)["envs"] == [], "the job does not see it"


def test_the_package_says_more_where_that_is_asked_for():
    assert "debug" not in settings(DispatcherExecutor(host="h").render(shell()))
    config["dispatcher_debug"] = True
    assert settings(DispatcherExecutor(host="h").render(shell()))["debug"] is True


def test_steps_on_other_machines_have_the_image_that_is_configured():
    config.update(extender_image="mirror/extender", extender_image_pull_policy="Never")
    made = SlurmRemoteExecutor("h").render(shell())
    assert (made.image, made.image_pull_policy) == ("mirror/extender", "Never")
