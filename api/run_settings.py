"""How a run of this machine is run: the settings that it keeps, from ``config`` and this process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
from dflow import report
from dflow.config import config, s3_config
from dflow.engine.errors import ConfigError
from dflow.engine.model import PythonOpTemplate
from dflow.engine.runnable import from_elsewhere
from dflow.engine.settings import RunSettings
from dflow.login_node import how_gently
from dflow.python import upload_packages
from dflow.python.own import own_module
from dflow.stores import describe

if TYPE_CHECKING:
    from dflow.engine.model import WorkflowGraph
    from dflow.login_node import Gentleness

__all__ = ["run_settings", "warn_of_what_is_ignored"]

_log = logging.getLogger("dflow")
_OWN_FILES = ("container", "dispatcher", "remote")
_IGNORED = ("volumes", "mounts", "init_containers", "sidecars", "pvcs")


def run_settings(graph: WorkflowGraph, namespace: str | None = None) -> RunSettings:
    """The settings of a run.

    Args:
        namespace: of the workflow, in place of that of ``config``.

    Raises:
        ConfigError: one of them is wrong.
    """
    packages = [os.path.abspath(str(p)) for p in upload_packages]
    packages += [p for t in graph.templates if isinstance(t, PythonOpTemplate) for p in t.packages]
    packages += _modules_for_images(graph)
    for package in packages:
        if not os.path.exists(package):
            raise ConfigError(f"there is no package {package}, which upload_packages or python_packages= names")
    keeps_outputs = bool(config["debug_s3"])
    here = how_gently()
    settings = RunSettings(
        pool_workers=config["debug_pool_workers"],
        copy_method=str(config["debug_copy_method"]),
        save_copy_method=str(config["debug_save_copy_method"]),
        isolation=str(config["isolation"]),
        durability=str(config["durability"]),
        python=sys.executable,
        module_path=tuple(os.path.abspath(p) for p in sys.path),
        packages=tuple(dict.fromkeys(packages)),
        library=str(Path(next(iter(dflow.__path__))).absolute()),
        objects=describe() if keeps_outputs or from_elsewhere(graph) else None,
        keep_outputs=keeps_outputs,
        key_prefix=str(s3_config["prefix"] or ""),
        login_node=here.login_node,
        nice=here.nice,
        batch_size=config["debug_batch_size"],
        batch_interval=config["debug_batch_interval"],
        namespace=str(namespace or config["namespace"] or "argo"),
    )
    for line in _said_of(here, settings, graph):
        report.say(line)
    return settings


def _said_of(here: Gentleness, settings: RunSettings, graph: WorkflowGraph) -> list[str]:
    """What a person should know who does not get all of the machine; in one line, or nothing to say."""
    if not here.login_node:
        return []
    looks = f"this looks like a login node ({here.why})" if here.why else "this is said to be a login node"
    count = None if settings.pool_workers is not None else settings.places(graph.parallelism)
    if count is not None:
        done = f"at most {count} step{'s' if count > 1 else ''} at once here{', niced' if settings.nice else ''}"
        change = 'config["debug_pool_workers"] (DFLOW_DEBUG_POOL_WORKERS)'
    elif settings.nice and config["nice"] is None:
        done, change = "steps here are niced", 'config["nice"] = 0 (DFLOW_NICE)'
    else:
        return []
    return [f'{looks}: {done}; set {change} or config["login_node"] = False (DFLOW_LOGIN_NODE) to change that']


def _modules_for_images(graph: WorkflowGraph) -> list[str]:
    """The modules of the user's own that OPs are imported from which run where there is none of them."""
    templates = {template.name: template for template in graph.templates}
    calls = [c for t in graph.templates for group in getattr(t, "groups", ()) for c in group]
    calls += [c for t in graph.templates for c in getattr(t, "tasks", ())]
    found = []
    for call in calls:
        template = templates[call.template]
        if call.executor is not None and call.executor.kind in _OWN_FILES and isinstance(template, PythonOpTemplate):
            found.append(own_module(template.op.module) if template.op.kind == "import" else None)
    return [place for place in dict.fromkeys(found) if place is not None]


def warn_of_what_is_ignored(graph: WorkflowGraph) -> None:
    """One warning for what would change the result on Kubernetes, and is not done here."""
    found: dict[str, str] = {}
    for template in graph.templates:
        text: Any = getattr(getattr(template, "pod", None), "kubernetes", None) or ""
        for name in _IGNORED:
            if f'"{name}":' in text:
                found.setdefault(name, template.name)
    if found:
        _log.warning(
            "local runs ignore %s", ", ".join(f"{name} (template {template!r})" for name, template in found.items())
        )
