"""What requests to an Argo server are made of: bodies and selectors."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = ["PHASE_LABEL", "body", "field_selector", "item_fields", "label_selector"]

PHASE_LABEL = "workflows.argoproj.io/phase"
_LABEL_NAME = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")
_SPECIAL = re.compile(r"([\\,=])")


def body(verb: str, fields: Mapping[str, Any]) -> Any:
    """The SDK's record for the request of a verb.

    Its fields are checked by the SDK; a workflow in it is not: the SDK's model of a workflow refuses what Argo takes,
    such as numbers in ``withItems``.
    """
    module = import_module(f"argo_workflows.model.io_argoproj_workflow_v1alpha1_workflow_{verb}_request")
    record = getattr(module, f"IoArgoprojWorkflowV1alpha1Workflow{verb.title()}Request")
    return record(**fields, _check_type="workflow" not in fields)


def label_selector(labels: Mapping[str, str | None], phases: Collection[str]) -> str:
    """A selector for workflows.

    Raises:
        ConfigError: a label can have no such name or value, so nothing would ever be found.
    """
    parts = []
    for name, value in labels.items():
        if not _LABEL_NAME.match(name) or (value is not None and not _LABEL_VALUE.match(value)):
            raise ConfigError(f"no workflow can have the label {name}={value}: see Kubernetes' rules for labels")
        parts.append(name if value is None else f"{name}={value}")
    if phases and "Pending" not in phases:  # a workflow that no controller has seen yet has no label of its phase
        parts.append(f"{PHASE_LABEL} in ({','.join(sorted(phases))})")
    return ",".join(parts)


def field_selector(nodes: str | Mapping[str, str]) -> str:
    """A selector for nodes: ``displayName=approve,templateName=a``; commas and the like in values are quoted."""
    if isinstance(nodes, str):
        return nodes
    quoted = {name: _SPECIAL.sub(r"\\\1", value) for name, value in nodes.items()}
    return ",".join(f"{name}={value}" for name, value in quoted.items())


def item_fields(fields: Iterable[str]) -> str:
    """The fields of a list of workflows, by those of a workflow; the place of the next page is among them."""
    return ",".join(["metadata", *sorted(f"items.{field}" for field in fields)])
