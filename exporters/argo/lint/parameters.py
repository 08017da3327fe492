"""IO: what a template declares as inputs and outputs, and how artifacts are stored (TMPL-14, CRD-02, CRD-04)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import GROUPS, LEAVES, LOCATIONS, type_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Template

__all__ = ["check_artifact", "check_template"]

_ARTIFACT = re.compile(r"[-a-zA-Z0-9_{}.]+")
_SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression", "supplied")
_FROM = {
    "container": ("path",),
    "containerSet": ("path",),
    "script": ("path",),
    "resource": ("jsonPath", "jqFilter"),
    "steps": ("parameter", "expression"),
    "dag": ("parameter", "expression"),
}
_MOST_MODE = 0o777

Fields = dict[str, Any]


def check_template(template: Template, notes: Notes) -> None:
    """The inputs and outputs of a template."""
    fields, path = template.fields, template.path
    kind = type_of(fields)
    for side, rule in (("inputs", "IO-01"), ("outputs", "IO-08")):
        for index, artifact in enumerate(fields.get(side, {}).get("artifacts", [])):
            place = f"{path}.{side}.artifacts[{index}]"
            _place(artifact, kind, rule, place, notes)
            check_artifact(artifact, place, notes)
            if side == "inputs" and artifact.get("from"):
                notes.error(
                    "IO-02", f"{place}.from", "a declared input has no source; give it where the template is called"
                )
            if side == "outputs":
                _output_artifact(artifact, kind, place, notes)
    for index, parameter in enumerate(fields.get("outputs", {}).get("parameters", [])):
        _output(parameter, kind, f"{path}.outputs.parameters[{index}]", notes)


def _place(artifact: Fields, kind: str, rule: str, path: str, notes: Notes) -> None:
    where = artifact.get("path", "")
    if kind in GROUPS and where:
        notes.error(rule, f"{path}.path", f"a {kind} template has no files; leave the path out")
    if kind not in LEAVES:
        return
    if not where:
        notes.error(rule, path, "an artifact of this template needs the path of its file or directory")
    elif ".." in where.split("/"):
        notes.error(rule, f"{path}.path", f"{where!r} leads upwards; write {posixpath.normpath(where)!r}")


def _output_artifact(artifact: Fields, kind: str, path: str, notes: Notes) -> None:
    if kind in GROUPS and not artifact.get("from") and not artifact.get("fromExpression"):
        notes.warn("X-06", path, "nothing says which artifact this is; give from or fromExpression")
    if artifact.get("from") and artifact.get("fromExpression"):
        notes.error("SPEC-09", path, "both from and fromExpression; leave one of them out")


def check_artifact(artifact: Fields, path: str, notes: Notes) -> None:
    """How an artifact is stored."""
    locations = [name for name in LOCATIONS if name in artifact]
    if len(locations) > 1:
        notes.error("CRD-04", path, f"an artifact has one location, this has {' and '.join(locations)}")
    if not 0 <= artifact.get("mode", 0) <= _MOST_MODE:
        notes.error("CRD-02", f"{path}.mode", f"{artifact['mode']} is no file mode; the bits are 0 to 511 (octal 777)")
    name = artifact.get("name", "")
    if name and not _ARTIFACT.fullmatch(name):
        notes.error(
            "CRD-02", f"{path}.name", f"the server refuses the artifact name {name!r}; use letters, digits, '-', '_'"
        )
    if "git" in artifact and not artifact["git"].get("repo"):
        notes.error("TMPL-14", f"{path}.git", "a git artifact needs the address of its repo")
    if "hdfs" in artifact:
        _hdfs(artifact["hdfs"], f"{path}.hdfs", notes)


def _hdfs(hdfs: Fields, path: str, notes: Notes) -> None:
    if not hdfs.get("addresses"):
        notes.error("TMPL-14", path, "an HDFS artifact needs addresses")
    where = hdfs.get("path", "")
    if not where.startswith("/"):
        notes.error("TMPL-14", f"{path}.path", f"an HDFS path is absolute, {where!r} is not")
    ticket, keytab = "krbCCacheSecret" in hdfs, "krbKeytabSecret" in hdfs
    if not (hdfs.get("hdfsUser") or ticket or keytab):
        notes.error("TMPL-14", path, "an HDFS artifact needs hdfsUser, krbCCacheSecret or krbKeytabSecret")
    wanted = ["krbServicePrincipalName", "krbConfigConfigMap"] if ticket or keytab else []
    wanted += ["krbUsername", "krbRealm"] if keytab else []
    missing = [name for name in wanted if not hdfs.get(name)]
    if missing or (ticket and keytab):
        problem = f"without {', '.join(missing)}" if missing else "with both a ticket cache and a keytab"
        notes.error("TMPL-14", path, f"Kerberos settings {problem}; complete them")


def _output(parameter: Fields, kind: str, path: str, notes: Notes) -> None:
    has_value, has_source = "value" in parameter, "valueFrom" in parameter
    if has_value and has_source:
        notes.error("IO-06", path, "both value and valueFrom; leave one of them out")
    if not has_value and not has_source:
        notes.error("IO-06", path, "nothing says where the value comes from; give valueFrom")
    if has_value and kind in GROUPS:
        notes.error(
            "X-08", f"{path}.value",
            f"the controller wants a valueFrom in outputs of {kind}; write valueFrom.expression, the value in quotes",
        )  # fmt: skip
    if not has_source:
        return
    source = parameter["valueFrom"]
    given = [name for name in _SOURCES if name in source and source[name] != ""]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        notes.error("IO-06", f"{path}.valueFrom", f"exactly one of {', '.join(_SOURCES)} is wanted, this has {found}")
    elif kind in _FROM and given[0] not in _FROM[kind]:
        wanted = " or ".join(_FROM[kind])
        notes.error("IO-07", f"{path}.valueFrom.{given[0]}", f"an output of a {kind} template comes from {wanted}")
