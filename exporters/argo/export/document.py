"""The whole: a graph as a Workflow, a WorkflowTemplate or a CronWorkflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExportError
from dflow.engine.model import DagTemplate, Literal, StepsTemplate
from dflow.engine.secrets import GIVEN
from dflow.exporters.argo.export.calls import group_template, hooks_of
from dflow.exporters.argo.export.context import Context
from dflow.exporters.argo.export.flows import calls_of
from dflow.exporters.argo.export.leaves import leaf_of
from dflow.exporters.argo.export.pods import deadline_of, volume_claims
from dflow.exporters.argo.export.ports import source_of
from dflow.exporters.argo.export.records import Export, Options
from dflow.exporters.argo.export.reuse import add_caches, caches
from dflow.exporters.argo.export.texts import refuse_tags

if TYPE_CHECKING:
    from dflow.engine.model import WorkflowGraph

__all__ = ["export"]

_API = "argoproj.io/v1alpha1"


def export(graph: WorkflowGraph, options: Options | None = None) -> Export:
    """A graph as manifests of Argo. Nothing is sent or written: what must be uploaded is listed.

    The same graph gives the same manifests, byte for byte.

    Raises:
        ExportError: something in it cannot be said in a manifest; lists all of that.
    """
    options = options or Options()
    context = Context(graph, options)
    for template in graph.templates:
        kind = {StepsTemplate: "steps", DagTemplate: "dag"}.get(type(template), "template")
        place = f"{kind} {template.name!r}"
        before = len(context.problems)
        context.inside = template.name
        if isinstance(template, (StepsTemplate, DagTemplate)):
            made = group_template(template, context)
        else:
            made = leaf_of(template, context)
        context.problems[before:] = [f"{place}, {problem}" for problem in context.problems[before:]]
        context.add(made, place)
    context.notes += _executors(graph)
    context.inside = graph.entrypoint
    if options.reused:
        add_caches(context)
    _refuse_given_secrets(graph, context)
    spec = _in_store(_spec(graph, context), options)
    documents = tuple(caches(context))
    try:
        json.dumps([spec, *documents], ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        around = str(exc.object)[max(0, exc.start - 20) : exc.end + 20]
        context.problems.append(f"a text has bytes that are no UTF-8, which no manifest can hold: {around!r}")
    if context.problems:
        raise ExportError(list(dict.fromkeys(context.problems)))
    uploads = tuple(context.uploads[key] for key in sorted(context.uploads))
    return Export(_manifest(graph, spec, options), documents, uploads, dict(context.places), tuple(context.notes))


def _executors(graph: WorkflowGraph) -> list[str]:
    """Executors that a manifest has no words for; that a step is run in a container goes without saying."""
    found: dict[str, list[str]] = {}
    for template in graph.templates:
        for call in calls_of(template):
            if call.executor is not None and call.executor.kind != "container":
                found.setdefault(call.executor.kind, []).append(f"{call.name!r} in {template.name!r}")
    return [
        f"the executor {kind!r} is for runs on this machine: on Argo a pod of its template's image runs "
        f"{', '.join(dict.fromkeys(calls))}"
        for kind, calls in found.items()
    ]


def _spec(graph: WorkflowGraph, context: Context) -> dict[str, Any]:
    given = json.loads(graph.kubernetes or "{}")
    repository = given.get("artifact_repo_key") or context.options.repository
    templates = [context.templates[name] for name in sorted(_used(graph, context))]
    for name, text in graph.parameters:
        refuse_tags(f"workflow parameter {name!r} has", Literal(text), context)
    parameters = [{"name": name, "value": text} for name, text in graph.parameters]
    arguments = {
        "parameters": parameters,
        "artifacts": [{"name": name, **source_of(source, context)} for name, source in graph.artifacts],
    }
    pods = [template.pod for template in graph.templates if hasattr(template, "pod")]
    spec = {
        "entrypoint": graph.entrypoint,
        "serviceAccountName": context.options.service_account,
        "arguments": {name: value for name, value in arguments.items() if value},
        "parallelism": graph.parallelism,
        "onExit": graph.on_exit,
        "hooks": hooks_of(graph.hooks, "workflow", "", context),
        "podGC": {"strategy": given["pod_gc_strategy"]} if given.get("pod_gc_strategy") else None,
        "imagePullSecrets": [{"name": name} for name in given.get("image_pull_secrets", [])],
        "artifactRepositoryRef": {"key": repository} if repository else None,
        "volumeClaimTemplates": volume_claims(pods),
        **deadline_of(graph.deadline, context),
        "templates": templates,
    }
    return {name: value for name, value in spec.items() if value}


def _refuse_given_secrets(graph: WorkflowGraph, context: Context) -> None:
    """A manifest can be read by many, so no value of a secret is in it."""
    for template in graph.templates:
        for variable, secret, _ in template.pod.secret_env if hasattr(template, "pod") else ():
            if secret.startswith(GIVEN):
                context.problems.append(
                    f"template {template.name!r}, environment variable {variable!r}: give the Secret a name=, that of "
                    "a secret of the cluster; the value that a script gives is written nowhere"
                )


def _in_store(given: Any, options: Options) -> Any:
    """The same with the keys of artifacts in a store of the kind that is chosen; they are made for S3."""
    if options.store == "s3":
        return given
    if isinstance(given, list):
        return [_in_store(item, options) for item in given]
    if not isinstance(given, dict):
        return given
    made = {name: _in_store(value, options) for name, value in given.items()}
    if "name" in made and isinstance(made.get("s3"), dict):
        place = made["s3"]
        if "key" in place:
            place = {**place, "key": options.repo_prefix + place["key"]}
        made = {
            options.store if name == "s3" else name: place if name == "s3" else value for name, value in made.items()
        }
    return made


def _used(graph: WorkflowGraph, context: Context) -> set[str]:
    """The names of the templates that are called: others stand in for some that only loops call."""
    waiting = [graph.entrypoint, *([graph.on_exit] if graph.on_exit else []), *(h.call.template for h in graph.hooks)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _called(context.templates[name])
    return found


def _called(template: dict[str, Any]) -> list[str]:
    calls = [call for group in template.get("steps", ()) for call in group] + template.get("dag", {}).get("tasks", [])
    hooks = [hook for call in calls for hook in call.get("hooks", {}).values()]
    return [str(call["template"]) for call in (*calls, *hooks)]


def _manifest(graph: WorkflowGraph, spec: dict[str, Any], options: Options) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if options.name is not None or options.kind != "Workflow":
        metadata["name"] = options.name or graph.name
    else:
        metadata["generateName"] = f"{graph.name}-"
    if options.namespace is not None:
        metadata["namespace"] = options.namespace
    for field in ("labels", "annotations"):
        pairs = dict(getattr(graph, field))
        if pairs:
            metadata[field] = pairs
    head = {"apiVersion": _API, "kind": options.kind, "metadata": metadata}
    if options.kind != "CronWorkflow":
        return {**head, "spec": spec}
    if options.schedule is None:
        raise ExportError(["a CronWorkflow needs a schedule, such as schedule='0 2 * * *'"])
    return {**head, "spec": {"schedules": [options.schedule], **options.cron, "workflowSpec": spec}}
