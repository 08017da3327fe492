"""TMPL-08 to TMPL-10, X-10 and X-13: containers, where they mount volumes and where artifacts go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.findings import Severity
from dflow.exporters.argo.lint.graphs import cycle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document, Template

__all__ = ["check_template"]

_RESERVED = ("wait", "supervisor")
_PLUGIN = "artifact-plugin-"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

Fields = dict[str, Any]


def check_template(template: Template, document: Document, notes: Notes) -> None:
    """All containers of a template."""
    fields, path = template.fields, template.path
    _helpers(fields, path, notes)
    for kind, rule in (("container", "TMPL-09"), ("script", "X-10")):
        if kind in fields:
            mounts = fields[kind].get("volumeMounts", [])
            _paths(mounts, fields, f"{path}.{kind}", rule, path, notes)
    if "containerSet" in fields:
        _container_set(fields, path, notes)
    _volumes(template, document, notes)


def _helpers(fields: Fields, path: str, notes: Notes) -> None:
    for index, container in enumerate(fields.get("initContainers", [])):
        if not container.get("name"):
            notes.error("TMPL-08", f"{path}.initContainers[{index}]", "an init container needs a name")
    for index, container in enumerate(fields.get("sidecars", [])):
        place = f"{path}.sidecars[{index}]"
        if not container.get("name"):
            notes.error("TMPL-08", place, "a sidecar needs a name")
        elif container["name"] == "main":
            notes.error(
                "TMPL-08", f"{place}.name", "'main' is the name of the container of the template; rename the sidecar"
            )
        _reserved(container.get("name", ""), f"{place}.name", notes)


def _reserved(name: str, path: str, notes: Notes) -> None:
    if name in _RESERVED or name.startswith(_PLUGIN):
        notes.error("TMPL-08", path, f"{name!r} is the name of a container that Argo adds; use another name")


def _paths(mounts: list[Fields], fields: Fields, place: str, rule: str, path: str, notes: Notes) -> None:
    """No two things at one place in the container."""
    taken: dict[str, str] = {}
    for index, mount in enumerate(mounts):
        where = mount.get("mountPath", "")
        if where in taken:
            notes.error(
                rule,
                f"{place}.volumeMounts[{index}].mountPath",
                f"{where!r} is mounted twice; use another path for one volume",
            )
        if where:
            taken[where] = "a volume"
    for index, artifact in enumerate(fields.get("inputs", {}).get("artifacts", [])):
        where = artifact.get("path", "")
        if where and where in taken:
            notes.error(
                rule,
                f"{path}.inputs.artifacts[{index}].path",
                f"{taken[where]} is at {where!r} already; use another path",
            )
        if where:
            taken.setdefault(where, "another artifact")


def _container_set(fields: Fields, path: str, notes: Notes) -> None:
    place = f"{path}.containerSet"
    containers = fields["containerSet"].get("containers", [])
    if not containers:
        notes.error("TMPL-10", place, "a containerSet needs at least one container")
    names = [container.get("name", "") for container in containers]
    for index, container in enumerate(containers):
        _member(container, names[:index], names, f"{place}.containers[{index}]", notes)
    circle = cycle({row.get("name", ""): row.get("dependencies", []) for row in containers})
    if circle:
        notes.error("TMPL-10", place, f"the containers wait for each other: {' -> '.join(circle)}; remove a dependency")
    shared = fields["containerSet"].get("volumeMounts", [])
    for index, container in enumerate(containers):
        seen = [mount.get("mountPath", "") for mount in [*shared, *container.get("volumeMounts", [])]]
        for where in sorted({where for where in seen if where and seen.count(where) > 1}):
            notes.error(
                "TMPL-10", f"{place}.containers[{index}]", f"two volumes are mounted at {where!r}; use another path"
            )
    outputs = fields.get("outputs", {})
    needs = fields.get("inputs", {}).get("artifacts") or outputs.get("parameters") or outputs.get("artifacts")
    if needs and "main" not in names:
        notes.error("TMPL-10", place, "input artifacts and outputs belong to the container 'main'; call one of them so")


def _member(container: Fields, before: list[str], names: list[str], place: str, notes: Notes) -> None:
    name = container.get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 63:
        notes.error(
            "TMPL-10", f"{place}.name", f"{name!r} cannot name a container: use lower case letters, digits and '-'"
        )
    if name in before:
        notes.error("TMPL-10", f"{place}.name", f"there is another container {name!r} in this set; rename one of them")
    _reserved(name, f"{place}.name", notes)
    for index, other in enumerate(container.get("dependencies", [])):
        if other not in names:
            notes.error("TMPL-10", f"{place}.dependencies[{index}]", f"there is no container {other!r} in this set")


def _volumes(template: Template, document: Document, notes: Notes) -> None:
    spec = document.spec
    known = {volume.get("name") for volume in template.fields.get("volumes", [])}
    known |= {volume.get("name") for volume in spec.get("volumes", [])}
    known |= {volume.get("name") for volume in spec.get("templateDefaults", {}).get("volumes", [])}
    known |= {claim.get("metadata", {}).get("name") for claim in spec.get("volumeClaimTemplates", [])}
    severity = Severity.WARNING if document.is_template else Severity.ERROR
    advice = "; the workflow that uses the template must declare it" if document.is_template else ""
    for mount, place in _mounts(template.fields, template.path):
        name = mount.get("name", "")
        if name not in known and "{{" not in name:
            notes.add(
                severity, "X-13", f"{place}.name",
                f"no volume {name!r} is declared, so no pod can start; add it to the volumes of workflow or template"
                + advice,
            )  # fmt: skip


def _mounts(fields: Fields, path: str) -> Iterator[tuple[Fields, str]]:
    holders = [(fields[kind], f"{path}.{kind}") for kind in ("container", "script", "containerSet") if kind in fields]
    lists = [(fields.get(name, []), f"{path}.{name}") for name in ("initContainers", "sidecars")]
    lists.append((fields.get("containerSet", {}).get("containers", []), f"{path}.containerSet.containers"))
    for rows, place in lists:
        holders += [(row, f"{place}[{index}]") for index, row in enumerate(rows)]
    for holder, place in holders:
        for index, mount in enumerate(holder.get("volumeMounts", [])):
            yield mount, f"{place}.volumeMounts[{index}]"
