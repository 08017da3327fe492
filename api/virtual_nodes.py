"""Steps as jobs of a Slurm that a cluster shows as virtual nodes."""

from __future__ import annotations

import copy
from typing import Any, Dict

from dflow.executor import Executor
from dflow.resource import Resource

__all__ = ["SlurmJob", "SlurmJobTemplate"]

_STORE = "dflow_store"
"""The parameter with the key under which slices leave their parts of artifacts."""


class SlurmJob(Resource):
    """A step is completed by a ``SlurmJob`` of the cluster: ``Step(..., use_resource=SlurmJob(…))``.

    The job is the script of the step's template. It has the template's input parameters, and no artifacts: its files
    are moved by ``prepare`` and ``results``.

    Args:
        header: lines for the head of the batch script, such as ``"#!/bin/sh\\n#SBATCH --nodes=1"``.
        node_selector: labels of the virtual node, which stands for a partition.
        prepare: ``{"to": directory, "mount": volume}``: what is brought there before.
        results: ``{"from": path, "mount": volume}``: what is fetched afterwards.
        map_tmp_dir: ``/tmp`` in the script is ``tmp`` in the job's directory.
        workdir: the directory in which the script runs; made when it is not there.
        remote_command: the program that runs the script there, in place of the template's command.
        docker_executable, singularity_executable, podman_executable: the program that runs it in the template's image.
    """

    action = "create"
    success_condition = "status.status == Succeeded"
    failure_condition = "status.status == Failed"

    def __init__(
        self,
        header: str = "",
        node_selector: Dict[str, str] | None = None,
        prepare: Dict[str, Any] | None = None,
        results: Dict[str, Any] | None = None,
        map_tmp_dir: bool = True,
        workdir: str = ".",
        remote_command: Any = None,
        docker_executable: str | None = None,
        singularity_executable: str | None = None,
        podman_executable: str | None = None,
    ) -> None:
        self.header, self.node_selector = header, node_selector
        self.prepare, self.results = prepare, results
        self.map_tmp_dir, self.workdir, self.remote_command = map_tmp_dir, workdir, remote_command
        self.docker_executable, self.singularity_executable = docker_executable, singularity_executable
        self.podman_executable = podman_executable

    def get_manifest(self, template: Any) -> str:
        """The manifest for a step of this template."""
        from dflow.slurm_job import single_manifest

        return single_manifest(self, template)


class SlurmJobTemplate(Executor):
    """Runs steps as jobs of a Slurm that a cluster shows as virtual nodes: ``Step(..., executor=…)``.

    Three steps stand for such a step: one brings the inputs to the node that runs the pods of the operator, one makes
    the ``SlurmJob`` and waits for it, one takes the outputs. Only a cluster with the wlm-operator can run them, and
    these pods must come to one node, as they do on a cluster of one. A Python OP needs dflow where the job runs, in
    its image or for its interpreter.

    Args:
        header: lines for the head of the batch script, such as ``"#!/bin/sh\\n#SBATCH --nodes=1"``.
        node_selector: labels of the virtual node, which stands for a partition.
        prepare_image, collect_image: of the first and the last step; ``config["util_image"]`` unless given.
        prepare_image_pull_policy, collect_image_pull_policy: ``config["util_image_pull_policy"]`` unless given.
        workdir: the directory of the job on the machines of Slurm; each job needs one of its own.
        remote_command: the program that runs the script there, in place of the template's command.
        docker_executable, singularity_executable, podman_executable: the program that runs it in the template's image.
    """

    def __init__(
        self,
        header: str = "",
        node_selector: Dict[str, str] | None = None,
        prepare_image: str | None = None,
        prepare_image_pull_policy: str | None = None,
        collect_image: str | None = None,
        collect_image_pull_policy: str | None = None,
        workdir: str = "dflow/workflows/{{workflow.name}}/{{pod.name}}",
        remote_command: Any = None,
        docker_executable: str | None = None,
        singularity_executable: str | None = None,
        podman_executable: str | None = None,
    ) -> None:
        from dflow.config import config

        policy = config["util_image_pull_policy"]
        self.header, self.node_selector = header, node_selector
        self.prepare_image = prepare_image or config["util_image"]
        self.collect_image = collect_image or config["util_image"]
        self.prepare_image_pull_policy = prepare_image_pull_policy or policy
        self.collect_image_pull_policy = collect_image_pull_policy or policy
        self.workdir, self.remote_command = workdir, remote_command
        self.docker_executable, self.singularity_executable = docker_executable, singularity_executable
        self.podman_executable = podman_executable

    def render(self, template: Any) -> Any:
        """The three steps that stand for a step of this template."""
        from dflow.slurm_job import PLACE, STATUS
        from dflow.step import Step
        from dflow.steps import Steps

        group = Steps(_named(template, "slurm"), memoize_key=template.memoize_key)
        group.retry_strategy = template.retry_strategy
        group.inputs, group.outputs = _without_files(template.inputs), _without_files(template.outputs)
        given = {name: group.inputs.parameters[name] for name in template.inputs.parameters}
        place = {PLACE: "{{workflow.name}}-{{=sprig.sha256sum(node.name)}}"}
        artifacts = {name: group.inputs.artifacts[name] for name in template.inputs.artifacts}
        first = Step("prepare", self._first(template), parameters={**given, **place}, artifacts=artifacts)
        made = self._second(template)
        parameters = {name: value for name, value in given.items() if name in made.inputs.parameters}
        second = Step("job", made, parameters={**parameters, **place}, continue_on_failed=True, continue_on_error=True)
        store = {name: value for name, value in given.items() if name == _STORE}
        last = Step("collect", self._last(template), parameters={**place, **store, STATUS: "{{steps.job.status}}"})
        for step in (first, second, last):
            group.add(step)
        for name, parameter in group.outputs.parameters.items():
            parameter.value_from_parameter = last.outputs.parameters[name]
        for name, artifact in group.outputs.artifacts.items():
            artifact._from = last.outputs.artifacts[name]
        return group

    def _first(self, template: Any) -> Any:
        from dflow.slurm_job import preparing

        made = self._pod(_named(template, "prepare"), self.prepare_image, self.prepare_image_pull_policy)
        made.script = preparing(template)
        made.inputs.parameters.update({name: copy.copy(port) for name, port in template.inputs.parameters.items()})
        made.inputs.artifacts.update({name: copy.copy(port) for name, port in template.inputs.artifacts.items()})
        return made

    def _second(self, template: Any) -> Any:
        from dflow.io import InputParameter
        from dflow.manifest_texts import parameters_named
        from dflow.op_template import ScriptOPTemplate
        from dflow.slurm_job import group_manifest

        manifest = group_manifest(self, template)
        resource = {
            "action": SlurmJob.action,
            "manifest": manifest,
            "success_condition": SlurmJob.success_condition,
            "failure_condition": SlurmJob.failure_condition,
        }
        made = ScriptOPTemplate(_named(template, "job"), resource=resource, timeout=template.timeout)
        made.inputs.parameters.update({name: InputParameter() for name in parameters_named(manifest)})
        return made

    def _last(self, template: Any) -> Any:
        from dflow.io import InputParameter
        from dflow.slurm_job import STATUS, collecting

        made = self._pod(_named(template, "collect"), self.collect_image, self.collect_image_pull_policy)
        made.script = collecting(template)
        made.inputs.parameters[STATUS] = InputParameter()
        if _STORE in template.inputs.parameters:
            made.inputs.parameters[_STORE] = InputParameter()
        for side in ("parameters", "artifacts"):
            for name, port in getattr(template.outputs, side).items():
                twin = copy.copy(port)
                twin.global_name = None
                getattr(made.outputs, side)[name] = twin
        return made

    @staticmethod
    def _pod(name: str, image: str, policy: str | None) -> Any:
        from dflow.io import InputParameter
        from dflow.op_template import ShellOPTemplate
        from dflow.slurm_job import PLACE, ROOT

        volume = {"name": "dflow-slurm", "hostPath": {"path": ROOT, "type": "DirectoryOrCreate"}}
        made = ShellOPTemplate(
            name,
            image=image,
            command=["sh"],
            image_pull_policy=policy,
            volumes=[volume],
            mounts=[{"name": "dflow-slurm", "mountPath": ROOT}],
        )
        made.inputs.parameters[PLACE] = InputParameter()
        return made


def _named(template: Any, what: str) -> str:
    from dflow.names import MAX_NAME

    return f"{template.name[: MAX_NAME - len(what) - 1].rstrip('-.')}-{what}"


def _without_files(side: Any) -> Any:
    """The same inputs or outputs for a Steps, which has no files."""
    twins = {
        kind: {n: copy.copy(port) for n, port in getattr(side, kind).items()} for kind in ("parameters", "artifacts")
    }
    for ports in twins.values():
        for port in ports.values():
            for field in ("path", "value_from_path"):
                if hasattr(port, field):
                    setattr(port, field, None)
    return type(side)(twins["parameters"], twins["artifacts"])
