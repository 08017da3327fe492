"""dflow: scientific workflows in Python.

Names load when they are first used, so ``import dflow`` costs next to nothing, and an OP module that says
``from dflow import …`` can be imported wherever there is a bare Python 3.8 or later.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "2.0.0"

_HOME = {
    "ArgoStep": "argo_objects",
    "ArgoWorkflow": "argo_objects",
    "AutonamedDict": "io",
    "ContainerOPTemplate": "op_template",
    "ContainerExecutor": "executor",
    "Context": "context",
    "CustomArtifact": "common",
    "DAG": "dag",
    "DockerSecret": "k8s",
    "Executor": "executor",
    "HTTPArtifact": "common",
    "HTTPOPTemplate": "op_template",
    "HookStep": "step",
    "IfExpression": "io",
    "InputArtifact": "io",
    "InputParameter": "io",
    "Inputs": "io",
    "LineageClient": "common",
    "LocalArtifact": "common",
    "OPTemplate": "op_template",
    "OutputArtifact": "io",
    "OutputParameter": "io",
    "Outputs": "io",
    "PythonScriptOPTemplate": "op_template",
    "RemoteExecutor": "executor",
    "Resource": "resource",
    "S3Artifact": "common",
    "ScriptOPTemplate": "op_template",
    "Secret": "op_template",
    "ShellOPTemplate": "op_template",
    "SlurmJob": "slurm",
    "SlurmJobTemplate": "slurm",
    "SlurmRemoteExecutor": "slurm",
    "Step": "step",
    "Steps": "steps",
    "Task": "task",
    "Workflow": "workflow",
    "argo_concat": "loops",
    "argo_enumerate": "loops",
    "argo_len": "loops",
    "argo_range": "loops",
    "argo_sequence": "loops",
    "argo_sum": "loops",
    "config": "config",
    "copy_artifact": "artifacts",
    "copy_s3": "objects",
    "download_artifact": "artifacts",
    "download_s3": "objects",
    "gen_code": "code_gen",
    "if_expression": "io",
    "jsonpickle": "common",
    "path_list_of_artifact": "artifacts",
    "path_object_of_artifact": "artifacts",
    "query_archived_workflows": "workflow",
    "query_workflows": "workflow",
    "randstr": "utils",
    "s3_config": "config",
    "set_config": "config",
    "set_s3_config": "config",
    "upload_artifact": "artifacts",
    "upload_packages": "python",
    "upload_s3": "objects",
}

__all__ = [
    "DAG",
    "ArgoStep",
    "ArgoWorkflow",
    "AutonamedDict",
    "ContainerExecutor",
    "ContainerOPTemplate",
    "Context",
    "CustomArtifact",
    "DockerSecret",
    "Executor",
    "HTTPArtifact",
    "HTTPOPTemplate",
    "HookStep",
    "IfExpression",
    "InputArtifact",
    "InputParameter",
    "Inputs",
    "LineageClient",
    "LocalArtifact",
    "OPTemplate",
    "OutputArtifact",
    "OutputParameter",
    "Outputs",
    "PythonScriptOPTemplate",
    "RemoteExecutor",
    "Resource",
    "S3Artifact",
    "ScriptOPTemplate",
    "Secret",
    "ShellOPTemplate",
    "SlurmJob",
    "SlurmJobTemplate",
    "SlurmRemoteExecutor",
    "Step",
    "Steps",
    "Task",
    "Workflow",
    "argo_concat",
    "argo_enumerate",
    "argo_len",
    "argo_range",
    "argo_sequence",
    "argo_sum",
    "config",
    "copy_artifact",
    "copy_s3",
    "download_artifact",
    "download_s3",
    "gen_code",
    "if_expression",
    "jsonpickle",
    "path_list_of_artifact",
    "path_object_of_artifact",
    "query_archived_workflows",
    "query_workflows",
    "randstr",
    "s3_config",
    "set_config",
    "set_s3_config",
    "upload_artifact",
    "upload_packages",
    "upload_s3",
]

if TYPE_CHECKING:
    from dflow.argo_objects import ArgoStep, ArgoWorkflow
    from dflow.artifacts import (
        copy_artifact,
        download_artifact,
        path_list_of_artifact,
        path_object_of_artifact,
        upload_artifact,
    )
    from dflow.code_gen import gen_code
    from dflow.common import CustomArtifact, HTTPArtifact, LineageClient, LocalArtifact, S3Artifact, jsonpickle
    from dflow.config import config, s3_config, set_config, set_s3_config
    from dflow.context import Context
    from dflow.dag import DAG
    from dflow.executor import ContainerExecutor, Executor, RemoteExecutor
    from dflow.io import (
        AutonamedDict,
        IfExpression,
        InputArtifact,
        InputParameter,
        Inputs,
        OutputArtifact,
        OutputParameter,
        Outputs,
        if_expression,
    )
    from dflow.k8s import DockerSecret
    from dflow.loops import argo_concat, argo_enumerate, argo_len, argo_range, argo_sequence, argo_sum
    from dflow.objects import copy_s3, download_s3, upload_s3
    from dflow.op_template import (
        ContainerOPTemplate,
        HTTPOPTemplate,
        OPTemplate,
        PythonScriptOPTemplate,
        ScriptOPTemplate,
        Secret,
        ShellOPTemplate,
    )
    from dflow.python import upload_packages
    from dflow.resource import Resource
    from dflow.slurm import SlurmJob, SlurmJobTemplate, SlurmRemoteExecutor
    from dflow.step import HookStep, Step
    from dflow.steps import Steps
    from dflow.task import Task
    from dflow.utils import randstr
    from dflow.workflow import Workflow, query_archived_workflows, query_workflows


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'dflow' has no attribute {name!r}")
    value = getattr(importlib.import_module("dflow." + home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
