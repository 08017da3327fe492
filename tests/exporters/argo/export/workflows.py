"""Workflows whose manifests are kept: what a manifest can say, each thing once or twice."""

from pathlib import Path
from typing import Any

from dflow import (
    DAG,
    ContainerOPTemplate,
    HookStep,
    HTTPOPTemplate,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    PythonScriptOPTemplate,
    Resource,
    Secret,
    ShellOPTemplate,
    SlurmJob,
    SlurmJobTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    argo_sequence,
    if_expression,
)
from dflow.python import OP, OPIO, Artifact, BigParameter, OPIOSign, PythonOPTemplate, Slices, TransientError

__all__ = ["WORKFLOWS"]


class Double(OP):
    """Twice a number, and a file of it."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int, "note": str})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int, "file": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        file = Path(f"{op_in['x']}.txt")
        file.write_text(f"{op_in['note']} {{{{not a tag}}}}")
        return OPIO({"y": 2 * op_in["x"], "file": file})


@OP.function
def files(n: int) -> {"xs": list[int], "made": Artifact(list[Path])}:
    made = [Path(f"{index}.txt") for index in range(n)]
    for file in made:
        file.write_text(file.stem)
    return {"xs": list(range(n)), "made": made}


@OP.function
def total(ys: list[int], made: Artifact(list[Path])) -> {"sum": int, "texts": str}:
    return {"sum": sum(ys), "texts": " ".join(file.read_text() for file in made)}


@OP.function
def one(x: int, given: Artifact(Path)) -> {"y": int, "made": Artifact(Path)}:
    file = Path(f"of-{x}.txt")
    file.write_text(given.read_text() + "!")
    return {"y": x * x, "made": file}


@OP.function
def flaky(x: int) -> {"y": int}:
    raise TransientError("the server is busy")


def shell(name: str = "say", script: str = "echo '{{inputs.parameters.text}}'", **arguments: Any) -> ShellOPTemplate:
    return ShellOPTemplate(
        name, image="alpine:3.20", script=script, inputs=Inputs(parameters={"text": InputParameter()}), **arguments
    )


def flow(*steps: Any, name: str = "kept", **arguments: Any) -> Workflow:
    workflow = Workflow(name, **arguments)
    for step in steps:
        workflow.add(step)
    return workflow


def python_op() -> Workflow:
    double = Step("double", PythonOPTemplate(Double, image="python:3.11"), parameters={"x": 3, "note": "a {{tag}}"})
    again = Step(
        "again",
        PythonOPTemplate(Double, image="python:3.11", retry_on_transient_error=2, timeout=60),
        parameters={"x": double.outputs.parameters["y"], "note": "yes"},
        key="again",
    )
    return flow(double, again)


@OP.function
def told(several: Artifact(dict[str, Path]), some: Artifact(list[Path]), alone: Artifact(Path)) -> {"text": str}:
    texts = [f"{key}={file.read_text()}" for key, file in sorted(several.items())]
    return {"text": " ".join([*texts, *(file.read_text() for file in some), alone.name, alone.read_text()])}


def elements() -> Workflow:
    """Artifacts that are given as several, and as a part of one."""
    first = Step("first", PythonOPTemplate(files), parameters={"n": 4})
    second = Step("second", PythonOPTemplate(files), parameters={"n": 1})
    made = first.outputs.artifacts["made"]
    end = Step(
        "told",
        PythonOPTemplate(told),
        artifacts={
            "several": {"x": made[0], "y": second.outputs.artifacts["made"]},
            "some": [made[1], made[2]],
            "alone": made[3],
        },
    )
    return flow(first, second, end)


def transient() -> Workflow:
    template = PythonOPTemplate(flaky, retry_on_transient_error=3, timeout=10, timeout_as_transient_error=True)
    return flow(Step("flaky", template, parameters={"x": 1}, continue_on_failed=True))


def slices() -> Workflow:
    made = Step("files", PythonOPTemplate(files), parameters={"n": 3})
    each = Step(
        "each",
        PythonOPTemplate(
            one,
            slices=Slices(
                input_parameter=["x"], input_artifact=["given"], output_parameter=["y"], output_artifact=["made"]
            ),
        ),
        parameters={"x": made.outputs.parameters["xs"]},
        artifacts={"given": made.outputs.artifacts["made"]},
        key="each-{{item.order}}",
    )
    end = Step(
        "total",
        PythonOPTemplate(total),
        parameters={"ys": each.outputs.parameters["y"]},
        artifacts={"made": each.outputs.artifacts["made"]},
    )
    return flow(made, each, end)


def groups() -> Workflow:
    each = Step(
        "each",
        PythonOPTemplate(
            Double,
            slices=Slices(
                input_parameter=["x"], output_parameter=["y"], output_artifact=["file"], group_size=2, pool_size=2
            ),
        ),
        parameters={"x": [1, 2, 3, 4, 5], "note": "-"},
        with_param=argo_range(5),
        continue_on_success_ratio=0.6,
        key="each-{{item}}",
    )
    return flow(each, Step("say", shell(), parameters={"text": each.outputs.parameters["y"]}))


def counted() -> Workflow:
    each = Step("each", shell(), parameters={"text": "{{item}}"}, with_param=["a", "b", "c"], continue_on_num_success=2)
    return flow(each)


def loops() -> Workflow:
    return flow(
        [
            Step("words", shell(), parameters={"text": "{{item}}"}, with_param=["no", "1", "{{x}}"]),
            Step("maps", shell(), parameters={"text": "{{item.k}}"}, with_param=[{"k": "v"}]),
            Step(
                "numbers",
                shell(),
                parameters={"text": "{{item}}"},
                with_sequence=argo_sequence(start=1, count=3, format="%02d"),
                parallelism=2,
            ),
        ]
    )


def dag() -> Workflow:
    template = DAG("main")
    a = Task("a", shell(), parameters={"text": "1"})
    b = Task("b", shell(), parameters={"text": "2"}, continue_on_failed=True, dependencies=[a])
    c = Task("c", shell(), parameters={"text": "{{=workflow.name}}"}, dependencies=[a, b], when="{{=1 < 2}}")
    for task in (a, b, c):
        template.add(task)
    return Workflow("kept", dag=template)


def recursion() -> Workflow:
    steps = Steps("loop", inputs=Inputs(parameters={"n": InputParameter(value=0, type=int)}))
    count = PythonScriptOPTemplate(
        "count",
        image="python:3.11",
        script="print({{inputs.parameters.n}} + 1, file=open('/tmp/n', 'w'))",
        inputs=Inputs(parameters={"n": InputParameter(type=int)}),
        outputs=Outputs(parameters={"n": OutputParameter(value_from_path="/tmp/n", type=int)}),
    )
    first = Step("count", count, parameters={"n": steps.inputs.parameters["n"]})
    steps.add(first)
    steps.add(
        Step("next", steps, parameters={"n": first.outputs.parameters["n"]}, when=first.outputs.parameters["n"] < 3)
    )
    return Workflow("kept", steps=steps)


def artifacts() -> Workflow:
    make = ShellOPTemplate(
        "make",
        image="alpine:3.20",
        script="echo {{inputs.parameters.text}} > /tmp/made.txt",
        inputs=Inputs(parameters={"text": InputParameter(value="x")}),
        outputs=Outputs(
            artifacts={
                "made": OutputArtifact(path="/tmp/made.txt", archive=None),
                "maybe": OutputArtifact(path="/tmp/maybe", optional=True, global_name="maybe"),
            }
        ),
    )
    read = ShellOPTemplate(
        "read",
        image="alpine:3.20",
        script="cat /tmp/in.txt > /tmp/out; cat {{inputs.parameters.list}}",
        inputs=Inputs(
            parameters={"list": InputParameter(path="/tmp/list.json", value="[]")},
            artifacts={
                "file": InputArtifact(path="/tmp/in.txt"),
                "other": InputArtifact(path="/tmp/other", optional=True, mode=493),
            },
        ),
        outputs=Outputs(parameters={"text": OutputParameter(value_from_path="/tmp/out", default="nothing")}),
    )
    made = Step("make", make)
    return flow(made, Step("read", read, artifacts={"file": made.outputs.artifacts["made"]}))


def outputs_of_groups() -> Workflow:
    def give(name: str) -> ShellOPTemplate:
        outputs = Outputs(
            parameters={"x": OutputParameter(value_from_path="/tmp/x")},
            artifacts={"file": OutputArtifact(path="/tmp/file")},
        )
        return ShellOPTemplate(name, image="alpine:3.20", script="echo 1 > /tmp/x; echo > /tmp/file", outputs=outputs)

    steps = Steps("inner")
    left, right = Step("left", give("give")), Step("right", give("give"))
    steps.add([left, right])
    steps.outputs.parameters["x"] = OutputParameter(value_from_parameter=left.outputs.parameters["x"], default="-")
    steps.outputs.parameters["y"] = OutputParameter(
        value_from_expression=if_expression(
            left.outputs.parameters["x"] == "1", left.outputs.parameters["x"], right.outputs.parameters["x"]
        ),
        global_name="y",
    )
    steps.outputs.artifacts["file"] = OutputArtifact(_from=right.outputs.artifacts["file"])
    return flow(Step("inner", steps, continue_on_failed=True))


def hooks() -> Workflow:
    hook = HookStep(shell("tell"), parameters={"text": "done"})
    step = Step("work", shell(), parameters={"text": "x"}, success_hook=hook, failure_hook=hook)
    return flow(step, on_exit=ok())


def ok() -> ShellOPTemplate:
    return ShellOPTemplate("ok", image="alpine:3.20", script="echo {{workflow.status}}")


def cluster() -> Workflow:
    """What only a cluster understands."""
    template = ShellOPTemplate(
        "work",
        image="alpine:3.20",
        image_pull_policy="IfNotPresent",
        script="df -h",
        requests={"cpu": "1", "memory": "1Gi"},
        limits={"nvidia.com/gpu": "1"},
        node_selector={"kind": "gpu", "yes": "no"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        affinity={"node_affinity": {"preferred_during_scheduling_ignored_during_execution": []}},
        volumes=[{"name": "data", "host_path": {"path": "/data"}}],
        mounts=[{"name": "data", "mount_path": "/mnt/data", "read_only": True}],
        sidecars=[{"name": "watch", "image": "alpine:3.20", "command": ["sleep", "9"]}],
        init_containers=[{"name": "prepare", "image": "alpine:3.20", "command": ["true"]}],
        envs={"LEVEL": "3", "TOKEN": Secret(name="store", key="token")},
        labels={"team": "a"},
        annotations={"why": "because: it is"},
        init_progress="0/10",
    )
    return flow(
        Step("work", template),
        parallelism=3,
        pod_gc_strategy="OnPodSuccess",
        image_pull_secrets=["registry"],
        artifact_repo_key="main",
        labels={"run": "1"},
        annotations={"on": "off"},
        parameters={"size": 3, "name": "y"},
        namespace="science",
    )


def memoized() -> Workflow:
    template = shell("kept", memoize_key="text-{{inputs.parameters.text}}")
    return flow(Step("kept", template, parameters={"text": "a"}))


def request() -> Workflow:
    template = HTTPOPTemplate(
        "https://example.org/{{inputs.parameters.id}}",
        name="ask",
        inputs=Inputs(parameters={"id": InputParameter()}),
        method="post",
        headers={"Accept": "text/plain"},
        body="{}",
        timeout=20,
        success_condition="response.statusCode == 201",
    )
    return flow(Step("ask", template, parameters={"id": 7}))


def container() -> Workflow:
    template = ContainerOPTemplate(
        name="count", image="alpine:3.20", command=["seq"], args=["1", "{{workflow.parameters.n}}"]
    )
    return flow(Step("count", template), parameters={"n": 3})


class Long(OP):
    """A long text, longer."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"text": BigParameter(str)})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"text": BigParameter(str), "size": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"text": op_in["text"] + "!\n", "size": len(op_in["text"])})


def big_parameters() -> Workflow:
    first = Step("first", PythonOPTemplate(Long), parameters={"text": "x" * 100_000})
    second = Step("second", PythonOPTemplate(Long), parameters={"text": first.outputs.parameters["text"]})
    return flow(first, second, Step("say", shell(), parameters={"text": second.outputs.parameters["size"]}))


def timeouts() -> Workflow:
    template = shell("work", timeout=30)
    return flow(
        Step("short", template, parameters={"text": "a"}, timeout=1.5),
        Step("long", template, parameters={"text": "b"}),
    )


def retries() -> Workflow:
    strategy = {
        "limit": 3,
        "retryPolicy": "Always",
        "expression": "asInt(lastRetry.exitCode) != 2",
        "backoff": {"duration": "2s", "factor": 2, "maxDuration": "1m"},
    }
    return flow(Step("work", shell("work", retry_strategy=strategy), parameters={"text": "a"}))


def awkward_texts() -> Workflow:
    """What YAML 1.1 and Argo could misread."""
    words = ["yes", "n", "1e3", "1_000", "0o7", "12:30:45", "~", "=", " lead", "tail ", "}}", "a\tb", "ünï", "- x"]
    return flow(
        [Step(f"s{number}", shell(), parameters={"text": word}) for number, word in enumerate(words)],
        Step("lines", shell(), parameters={"text": "a\n  b\n\n# c\n"}),
    )


class Training(Resource):
    """An object of a cluster whose name and status are outputs."""

    action = "create"
    success_condition = "status.succeeded > 0"
    failure_condition = "status.failed > 3"

    def get_manifest(self, template: Any) -> dict[str, Any]:
        container = {"name": "main", "image": template.image, "command": ["sh", "-c", template.script]}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"generateName": "training-"},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
        }


def resource() -> Workflow:
    template = shell("train", "echo {{inputs.parameters.text}}", labels={"team": "alloys"}, timeout=3600)
    template.inputs.parameters["text"] = InputParameter(value="one")
    template.outputs.parameters["name"] = OutputParameter(value_from_path="{.metadata.name}")
    step = Step("train", template, use_resource=Training())
    return flow(step, Step("say", shell(), parameters={"text": step.outputs.parameters["name"]}))


def virtual_node() -> Workflow:
    template = shell("fit", "cp /tmp/data /tmp/made; echo {{inputs.parameters.text}} > /tmp/said")
    template.inputs.artifacts["data"] = InputArtifact(path="/tmp/data", optional=True)
    template.outputs.artifacts["made"] = OutputArtifact(path="/tmp/made", optional=True)
    template.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said")
    executor = SlurmJobTemplate("#!/bin/sh\n#SBATCH --nodes=1", {"kubernetes.io/hostname": "slurm-v100"})
    single = SlurmJob("#SBATCH --comment={{inputs.parameters.text}}", remote_command="bash")
    return flow(
        Step("fit", template, parameters={"text": "a"}, key="fit", executor=executor),
        Step("alone", shell(), parameters={"text": "b"}, use_resource=single),
    )


WORKFLOWS = {
    function.__name__: function
    for function in (
        artifacts,
        awkward_texts,
        big_parameters,
        cluster,
        container,
        counted,
        dag,
        elements,
        groups,
        hooks,
        loops,
        memoized,
        outputs_of_groups,
        python_op,
        recursion,
        request,
        resource,
        retries,
        slices,
        timeouts,
        transient,
        virtual_node,
    )
}
