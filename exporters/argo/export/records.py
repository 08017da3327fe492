"""What an export gives, and what it may be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.engine.model import PythonOpTemplate, ScriptTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Template
    from dflow.engine.reuse import Reused

__all__ = ["ANNOTATION", "HELPER", "KEY", "ROOT", "SPEC", "Export", "Options", "Upload", "filled", "is_op", "shortened"]

ROOT = "/tmp/dflow"  # noqa: S108 - in a pod
"""Where the pods of Python OPs have their inputs and outputs."""
ANNOTATION = "dflow/parameters"
"""The annotation of a template that holds the types of its parameters."""
HELPER = "dflow/helper"
"""The annotation of a template that the exporter has made: ``true``, or ``loop-of-steps``, ``loop-of-tasks``."""
KEY = "dflow_key"
"""The input parameter that carries the key of a step."""
SPEC = "dflow_spec"
"""The input parameter that tells a script, which an executor made of a Python OP, what it works on."""


_LONGEST = 63


def filled(**fields: Any) -> dict[str, Any]:
    """The fields of a manifest that say something."""
    return {name: value for name, value in fields.items() if value is not None and value not in ([], {})}


def is_op(template: Template) -> bool:
    """Whether the program of a template is that of a Python OP, so that a copy of it can work on several elements."""
    if isinstance(template, ScriptTemplate):
        return any(parameter.name == SPEC for parameter in template.inputs.parameters)
    return isinstance(template, PythonOpTemplate)


def shortened(name: str, digest: str) -> str:
    """A name for something that is made here, told apart from others by a digest; pods are named by it, too."""
    return f"{name[: _LONGEST - 1 - len(digest)].rstrip('-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Upload:
    """Something that must be in the artifact store before the manifest can run; the key tells the content.

    Attributes:
        key: where it goes.
        path: the file or directory, or
        text: the content of the file.
        packed: it goes there as one gzipped tar file, which the pod finds unpacked.
    """

    key: str
    path: str | None = None
    text: str | None = None
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """How a workflow is exported.

    Attributes:
        kind: ``Workflow``, ``WorkflowTemplate`` or ``CronWorkflow``.
        name: ``metadata.name``; without one, a Workflow has ``generateName``.
        namespace, service_account: left out when None.
        image: of leaf templates that name none; ``python_image`` that of Python OPs.
        util_image, util_image_pull_policy: of pods that are added here, where their steps say nothing else.
        save_keys: each step with a key says the name of its pod in a global output, ``dflow_key_KEY``.
        pod_env: variables of the pods of Python OPs.
        repo_prefix: what keys in a store of the kind ``oss`` begin with, and those of uploads do not.
        library: the directories of the ``dflow`` package and of what it needs, which Python OPs bring along; none when
            their images have it.
        key_prefix: what all keys in the artifact store begin with.
        store: the kind of the cluster's artifact store: ``s3`` or ``oss``.
        repository: key of the cluster's artifact repository, where the workflow names none.
        reused: what steps of other runs gave; steps of the same key take it instead of running.
        schedule, cron: of a CronWorkflow: when it runs, and more fields of its spec.
    """

    kind: str = "Workflow"
    name: str | None = None
    namespace: str | None = None
    service_account: str | None = None
    image: str = "alpine:3.20"
    python_image: str = "python:3.11"
    util_image: str = "python:3.8"
    util_image_pull_policy: str | None = None
    save_keys: bool = False
    repo_prefix: str = ""
    pod_env: Mapping[str, str] = field(default_factory=dict)
    library: tuple[str, ...] = ()
    key_prefix: str = "dflow"
    store: str = "s3"
    repository: str | None = None
    reused: tuple[Reused, ...] = ()
    schedule: str | None = None
    cron: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Export:
    """A workflow as manifests.

    Attributes:
        manifest: the Workflow (or WorkflowTemplate, CronWorkflow).
        documents: other objects that it needs, such as the ConfigMaps of reused steps.
        uploads: what must be in the artifact store, sorted by key.
        places: where in the user's workflow a template of the manifest comes from.
        notes: what a reader of the manifest should know.
    """

    manifest: dict[str, Any]
    documents: tuple[dict[str, Any], ...] = ()
    uploads: tuple[Upload, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
