"""Manifests for the tests of the loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.errors import CompileError
from dflow.exporters.argo.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import WorkflowGraph


def workflow(*templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A Workflow whose entrypoint is the first template."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf"},
        "spec": {"entrypoint": templates[0]["name"], "templates": [*templates], **spec},
    }


@pytest.fixture
def manifest() -> Callable[..., dict[str, Any]]:
    """A Workflow with these templates."""
    return workflow


@pytest.fixture
def graph() -> Callable[..., WorkflowGraph]:
    """The graph of a Workflow with these templates."""
    return lambda *templates, **spec: load(workflow(*templates, **spec)).graph


@pytest.fixture
def notes() -> Callable[..., tuple[str, ...]]:
    """What is not used of a Workflow with these templates."""
    return lambda *templates, **spec: load(workflow(*templates, **spec)).notes


@pytest.fixture
def problems() -> Callable[..., tuple[str, ...]]:
    """Why a Workflow with these templates cannot be run."""

    def find(*templates: dict[str, Any], **spec: Any) -> tuple[str, ...]:
        with pytest.raises(CompileError) as caught:
            load(workflow(*templates, **spec))
        return caught.value.problems

    return find


@pytest.fixture
def first() -> Callable[..., Any]:
    """The entrypoint template of a Workflow with these templates."""

    def find(*templates: dict[str, Any], **spec: Any) -> Any:
        loaded = load(workflow(*templates, **spec)).graph
        return next(found for found in loaded.templates if found.name == loaded.entrypoint)

    return find
