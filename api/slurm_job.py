"""The texts of jobs that a cluster gives to Slurm: the ``SlurmJob`` of the wlm-operator, and what its pods do."""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import Any, Dict, List

from dflow.engine.errors import WrongValue
from dflow.manifest_texts import Joined, manifest_text

__all__ = ["PLACE", "ROOT", "STATUS", "collecting", "group_manifest", "preparing", "single_manifest"]

ROOT = "/tmp/dflow-slurm"  # noqa: S108 - on the node that the pods of the operator run on
"""The directory in which jobs get their inputs and leave their outputs, of a node and of the pods on it."""
PLACE = "dflow_place"
"""The parameter that says which directory in there is that of a job."""
STATUS = "dflow_status"
"""The parameter that says how the job ended."""
_BASE = ROOT + "/{{inputs.parameters." + PLACE + "}}"
_CODE = "dflow-exit-code"
_PREPARE = """\
set -e
base={base}
mkdir -p "$base/inputs/files" "$base/results"
take() {{
    if [ -e "$2" ]; then
        mkdir -p "$base/inputs/files/$(dirname "$1")"
        cp -RL "$2" "$base/inputs/files/$1"
    fi
}}
{moves}cat > "$base/inputs/script" <<'{end}'
{script}
{end}
chmod -R a+rwX "$base"
"""
_COLLECT = """\
base={base}
found=$(find "$base/results" -maxdepth 4 -type f -name {code} 2>/dev/null | head -n 1)
if [ -z "$found" ]; then
    echo "the Slurm job ended as {status} and left no results; see: kubectl get slurmjobs" >&2
    rm -rf "$base"
    exit 1
fi
outputs=$(dirname "$found")
cat "$outputs/log"
give() {{
    if [ -e "$outputs/files/$1" ]; then
        mkdir -p "$(dirname "$2")"
        cp -R "$outputs/files/$1" "$2"
    fi
}}
{moves}code=$(cat "$found")
rm -rf "$base"
exit "$code"
"""
_TAG = re.compile(r"\{\{\s*(inputs|outputs)\.(parameters|artifacts)\.([\w-]+)\.path\s*\}\}")
_ODD = "case $PWD in *[!A-Za-z0-9_@%+=:,./-]*) here={relative};; *) here=$PWD{below};; esac"


def single_manifest(job: Any, template: Any) -> str:
    """The ``SlurmJob`` whose batch script is the script of a template."""
    mark = _mark(template.script)
    script = _remapped(template.script, {"/tmp": f"{mark}/tmp"} if job.map_tmp_dir else {})  # noqa: S108
    lines = [
        *_enter(job.workdir),
        *(["mkdir -p tmp"] if job.map_tmp_dir else []),
        f"cat > dflow-script <<'END_{mark}'\n{script}\nEND_{mark}",
        *_exports(template),
        *_filled(job, mark, "dflow-script", "script", ""),
        _run(job, template, ["/tmp"] if job.map_tmp_dir else [], ""),  # noqa: S108
    ]
    return _manifest(job, lines, job.prepare, job.results)


def group_manifest(job: Any, template: Any) -> str:
    """The ``SlurmJob`` that runs what :func:`preparing` has brought; it succeeds however the script ends."""
    mark, made = _mark(template.script), [path[1:] for path in _paths(template.outputs)]
    parents = sorted({path.rpartition("/")[0] for path in made})
    lines = [
        *_enter(job.workdir),
        "mkdir -p outputs/files inputs/files",
        *[f"mkdir -p inputs/files/{shlex.quote(parent)}" for parent in parents if parent],
        *_exports(template),
        *_filled(job, mark, "inputs/script", "script", "/inputs/files"),
        f"{_run(job, template, _bound(template), '/inputs/files')} > outputs/log 2>&1 < /dev/null",
        f"echo $? > outputs/{_CODE}",
    ]
    for path in map(shlex.quote, made):
        parent = shlex.quote(f"outputs/files/{shlex.split(path)[0]}".rpartition("/")[0])
        lines.append(f"[ ! -e inputs/files/{path} ] || {{ mkdir -p {parent}; cp -R inputs/files/{path} {parent}; }}")
    lines.append("exit 0")
    return _manifest(
        job,
        lines,
        {"to": job.workdir, "mount": _mount("inputs", f"{_BASE}/inputs")},
        {"from": f"{job.workdir}/outputs", "mount": _mount("results", f"{_BASE}/results")},
    )


def preparing(template: Any) -> str:
    """The shell script that puts the inputs and the script of a template where the operator takes them from."""
    mark = _mark(template.script)
    paths = [*_paths(template.inputs), *_paths(template.outputs)]
    script = _remapped(_TAG.sub(lambda tag: _path_of(tag, template), template.script), {p: mark + p for p in paths})
    moves = _moves("take", _paths(template.inputs))
    return _PREPARE.format(base=_BASE, moves=moves, script=script, end=f"END_{mark}")


def collecting(template: Any) -> str:
    """The shell script that takes the outputs of a template, and ends as the script has ended."""
    status = "{{inputs.parameters." + STATUS + "}}"
    return _COLLECT.format(base=_BASE, code=_CODE, status=status, moves=_moves("give", _paths(template.outputs)))


def _manifest(job: Any, lines: List[str], prepare: Any, results: Any) -> str:
    head = job.header.strip("\n")
    head = head if head.startswith("#!") else f"#!/bin/sh\n{head}".rstrip("\n")
    spec = {
        "batch": Joined(head + "\n", "\n".join(lines) + "\n"),
        "nodeSelector": job.node_selector,
        "prepare": prepare,
        "results": results,
    }
    return manifest_text(
        {
            "apiVersion": "wlm.sylabs.io/v1alpha1",
            "kind": "SlurmJob",
            "metadata": {"generateName": "dflow-slurm-"},
            "spec": {name: value for name, value in spec.items() if value},
        }
    )


def _mount(name: str, path: str) -> Dict[str, Any]:
    return {"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}


def _enter(workdir: str) -> List[str]:
    place = shlex.quote(workdir)
    return [f"mkdir -p {place} && cd {place} || exit 1"]


def _exports(template: Any) -> List[str]:
    for name, value in template.envs.items():
        if not isinstance(value, (str, int, float)) or "{{" in str(value):
            raise WrongValue(f"the environment variable {name!r} is no constant, and cannot be brought to a Slurm job")
    return [f"export {name}={shlex.quote(str(value))}" for name, value in template.envs.items()]


def _filled(job: Any, mark: str, source: str, target: str, below: str) -> List[str]:
    """The script with the places of its files: absolute ones, unless these would have to be quoted in it."""
    if _engine(job)[0]:
        return [f"sed 's|{mark}||g' {source} > {target} || exit 1"]
    return [
        _ODD.format(relative=below[1:] or ".", below=below),
        f'sed "s|{mark}|$here|g" {source} > {target} || exit 1',
    ]


def _run(job: Any, template: Any, bound: List[str], below: str) -> str:
    """The command that runs the script, in the template's image where a program for that is given."""
    given = job.remote_command or template.command or ["sh"]
    words = shlex.join(given.split() if isinstance(given, str) else map(str, given))
    kind, program = _engine(job)
    if not kind:
        return f"{words} script"
    if not template.image:
        raise WrongValue(f"{kind}_executable runs the script in the image of the template, which names none")
    binds = " ".join(f'-v "$PWD{below}"{shlex.quote(path)}:{shlex.quote(path)}' for path in bound)
    if kind == "singularity":
        image = (
            template.image
            if "://" in template.image or template.image.startswith("/")
            else f"docker://{template.image}"
        )
        return f'{program} exec --bind "$PWD" {binds.replace("-v ", "--bind ")} {shlex.quote(image)} {words} script'
    options = ['-v "$PWD":"$PWD"', binds, '-w "$PWD"', *(f"-e {name}" for name in template.envs)]
    if kind == "docker":
        options.append('--user "$(id -u):$(id -g)"')
    return f"{program} run --rm {' '.join(options)} {shlex.quote(template.image)} {words} script"


def _engine(job: Any) -> Any:
    given = [(kind, getattr(job, f"{kind}_executable")) for kind in ("docker", "singularity", "podman")]
    given = [(kind, program) for kind, program in given if program]
    if len(given) > 1:
        raise WrongValue(f"{type(job).__name__} takes one of {', '.join(f'{kind}_executable' for kind, _ in given)}")
    return given[0] if given else ("", "")


def _bound(template: Any) -> List[str]:
    """The directories that a container gets: ``/tmp``, and the parents of other paths that a template declares."""
    parents = {path.rpartition("/")[0] or "/" for path in (*_paths(template.inputs), *_paths(template.outputs))}
    return sorted({"/tmp" if f"{parent}/".startswith("/tmp/") else parent for parent in parents})  # noqa: S108


def _paths(side: Any) -> List[str]:
    """The absolute paths that a template declares for its files."""
    ports = (*side.parameters.values(), *side.artifacts.values())
    found = (getattr(port, "path", None) or getattr(port, "value_from_path", None) for port in ports)
    paths = sorted({str(path).rstrip("/") for path in found if path})
    wrong = [path for path in paths if not path.startswith("/") or ".." in path.split("/")]
    if wrong:
        raise WrongValue(f"the declared path {wrong[0]!r} must be absolute, for a Slurm job")
    return paths


def _moves(command: str, paths: List[str]) -> str:
    return "".join(f"{command} {shlex.quote(path[1:])} {shlex.quote(path)}\n" for path in paths)


def _path_of(tag: Any, template: Any) -> str:
    port = getattr(getattr(template, tag[1]), tag[2]).get(tag[3])
    path = getattr(port, "path", None) or getattr(port, "value_from_path", None)
    return str(path) if path else str(tag[0])


def _mark(script: str) -> str:
    """A word that a script does not have; it ends with a letter, so a path after it is a part of a longer word."""
    return f"DFLOW_{hashlib.sha256(script.encode()).hexdigest()[:16]}_HERE"


def _remapped(script: str, places: Dict[str, str]) -> str:
    from dflow.engine.paths import remap

    return remap(script, places)
