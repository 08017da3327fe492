"""The program of a step whose script runs elsewhere, by the dpdispatcher package.

Its text is what a rendered template runs: it knows nothing of this package, and Python 3.8 is enough for it. Its words
are the settings as JSON, the texts that these refer to, and the command of the step. What users wrote comes as data, in
words of its own. No two opening braces may stand side by side in this text: they begin a tag.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import shlex
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import uuid
from typing import Any, Dict, List, Optional, Sequence, Tuple

__all__ = ["main"]

_TMP = os.sep + "tmp"
_IN, _OUT, _SCRIPT, _RUN, _STATUS, _LIBRARY = (
    "dflow_in.tar",
    "dflow_out.tar",
    "dflow_script",
    "dflow_run",
    "dflow_status",
    "dflow_packages",
)
_LONGEST_PAUSE = 10.0
_AS_USER = {
    "docker": '--user "$(id -u):$(id -g)"',
    "podman": '$(test "$(id -u)" = 0 || echo --userns=keep-id)',
}  # files belong to who submits


def main(argv: Sequence[str]) -> int:
    """Run a step elsewhere; its exit status."""
    told = json.loads(argv[0])
    texts, command = list(argv[1 : 1 + told["texts"]]), list(argv[1 + told["texts"] :])
    told = _filled(told, texts)
    script = None
    if told["is_script"]:
        with open(command.pop(), encoding="utf-8", errors="surrogateescape") as stream:
            script = stream.read()
    home = os.path.abspath(tempfile.mkdtemp(prefix="dflow-job-"))
    try:
        return _run(told, command, script, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _filled(value: Any, texts: Sequence[str]) -> Any:
    """Settings with the texts that stand beside them."""
    if isinstance(value, list):
        return [_filled(item, texts) for item in value]
    if isinstance(value, dict):
        return texts[value["$"]] if set(value) == set("$") else {name: _filled(v, texts) for name, v in value.items()}
    return value


def _run(told: Dict[str, Any], command: List[str], script: Optional[str], home: str) -> int:
    """Submit the job, again where that fails, and bring back what it left."""
    token = "DFLOWROOT" + uuid.uuid4().hex
    moved = _Paths(told, token)
    told["inputs"] = [item for item in told["inputs"] if os.path.exists(item["at"])]
    words = list(told["remote_command"] or command)
    parts = {_RUN: _shell(told, words, moved, is_script=script is not None)}
    if script is not None:
        parts[_SCRIPT + ".in"] = moved.there(script)
    here = os.getcwd()
    for attempt in range(told["retries"] + 1):
        job = os.path.join(home, f"job{attempt}")
        os.makedirs(job)
        _pack(os.path.join(job, _IN), told, parts, here)
        os.chdir(home)  # the package writes a log of its own into the working directory
        try:
            _submit(told, home, job)
            break
        except Exception as exc:
            if attempt == told["retries"]:
                raise SystemExit(f"{type(exc).__name__}: {exc}") from exc
            sys.stderr.write(f"submission failed, trying again: {exc}\n")
            time.sleep(min(_LONGEST_PAUSE, told["interval"]))
        finally:
            os.chdir(here)
    status = _status(os.path.join(job, _STATUS))
    _unpack(os.path.join(job, _OUT), told)
    _show(told, job)
    return status


class _Paths:
    """Moves paths in texts from this machine to the job's directory."""

    def __init__(self, told: Dict[str, Any], token: str) -> None:
        root = "" if told["container"] else token
        places = told["inputs"] + told["outputs"]
        self._places = {item["at"].rstrip("/"): root + "/" + item["rel"] for item in places}
        found = sorted(self._places, key=len, reverse=True)
        self._known = _pattern(found) if found else None
        self._tmp = _pattern([_TMP]) if told["map_tmp"] and not told["container"] else None
        self.token = token

    def there(self, text: str, with_tmp: bool = True) -> str:
        """The text with each path as the job has it."""
        if self._known is not None:
            text = self._known.sub(lambda match: self._places[match.group()], text)
        if self._tmp is not None and with_tmp:
            text = self._tmp.sub(self.token + _TMP, text)
        return text


def _pattern(paths: Sequence[str]) -> Any:
    """Whole paths and what lies below them, but no parts of longer names."""
    return re.compile(r"(?<![\w.~/}\-])(?:" + "|".join(map(re.escape, paths)) + r")(?![\w\-]|\.\w)")


def _quoted(word: str, token: str) -> str:
    """A word for a shell, which puts the job's directory where the token stands."""
    return '"$root"'.join(shlex.quote(part) if part else "" for part in word.split(token)) or "''"


def _shell(told: Dict[str, Any], words: List[str], moved: _Paths, is_script: bool) -> str:
    """What the job runs, in its directory: it ends well whatever the program does, and leaves the status in a file."""
    token = moved.token
    lines = ["root=$PWD", 'case "$root" in *[!A-Za-z0-9_@%+=:,./-]*) root=. ;; esac']
    parents = [os.path.dirname(item["rel"]) for item in told["outputs"]]
    lines.append("mkdir -p " + " ".join(shlex.quote(p) for p in sorted({"tmp", *filter(None, parents)})))
    known = [name for name in told["envs"] if name in os.environ]
    lines += [f"export {name}={_quoted(moved.there(os.environ[name]), token)}" for name in known]
    if told["map_tmp"] and not told["container"]:
        lines.append('export TMPDIR="$PWD/tmp"')
    if is_script:
        lines.append(f'sed "s|{token}|$root|g" {_SCRIPT}.in > {_SCRIPT} && chmod 700 {_SCRIPT}')
    if told["container"]:
        lines.append(_in_container(told, [moved.there(word) for word in words], is_script))
    else:
        if told["packages"]:
            lines.append('export PYTHONPATH="$PWD/' + _LIBRARY + '${PYTHONPATH:+:$PYTHONPATH}"')
        own = ["./" + _SCRIPT] if is_script else []
        there = [moved.there(word, with_tmp=not is_script) for word in words]  # an interpreter is where it is
        lines.append(" ".join([_quoted(word, token) for word in there] + own))
    lines += ["status=$?", "set --"]
    for item in told["outputs"]:
        place = shlex.quote(item["rel"])
        lines.append(f'[ ! -e {place} ] || set -- "$@" {place}')
    lines.append(f'if [ $# -gt 0 ]; then tar -chf {_OUT} "$@"; else : > {_OUT}; fi')
    return "\n".join([*lines, "echo $status > " + _STATUS, "exit 0", ""])


def _in_container(told: Dict[str, Any], words: List[str], is_script: bool) -> str:
    """The line that runs the program in its image, with all declared paths where it expects them."""
    box = told["container"]
    places = ["tmp"] + [item["rel"] for item in told["inputs"]]
    places += [os.path.dirname(item["rel"]) for item in told["outputs"]]
    tops: List[str] = []
    for place in sorted({p for p in places if p}):
        if not any(place == top or place.startswith(top + "/") for top in tops):
            tops.append(place)
    binds = [("", "/dflow")] + [("/" + top, "/" + top) for top in tops]
    whole = ["env", "PYTHONPATH=/dflow/" + _LIBRARY] if told["packages"] else []
    whole += words + (["/dflow/" + _SCRIPT] if is_script else [])
    line = [shlex.quote(word) for word in shlex.split(box["program"])]
    image, more = box["image"], [shlex.quote(word) for word in shlex.split(box["args"])]
    if box["engine"] == "singularity":
        line += ["exec", "--pwd", "/dflow"]
        if "://" not in image and not image.startswith(("/", "./", "../", "~")):
            image = "docker://" + image
    else:
        line += ["run", "--rm", "--init", "-w", "/dflow", _AS_USER[box["engine"]]]
        for name in told["envs"] + sorted(told["resources"].get("envs") or {}):
            line += ["-e", shlex.quote(name)]
        if whole:
            line += ["--entrypoint", shlex.quote(whole.pop(0))]
    for at, target in binds:
        line += ["--bind" if box["engine"] == "singularity" else "-v", '"$PWD"' + shlex.quote(at + ":" + target)]
    return " ".join([*line, *more, shlex.quote(image), *map(shlex.quote, whole)])


def _pack(file: str, told: Dict[str, Any], parts: Dict[str, str], here: str) -> None:
    """Everything that the job needs, in one archive: links are followed, so that nothing leads out of it."""
    with tarfile.open(file, "w", dereference=True) as archive:
        for name, text in parts.items():
            place = os.path.join(os.path.dirname(file), name)
            with open(place, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(text)
            os.chmod(place, 0o700)
            archive.add(place, name)
            os.remove(place)
        for item in told["inputs"]:
            _add(archive, os.path.join(here, item["at"]), item["rel"])
        for item in told["packages"]:
            place = os.path.join(here, item["at"])
            _add(archive, place, _LIBRARY + "/" + item["name"], without=("__pycache__", ".git"))


def _add(
    archive: tarfile.TarFile, place: str, name: str, without: Sequence[str] = (), above: Tuple[str, ...] = ()
) -> None:
    """Put a file or a whole directory into an archive; dead links, and links to a directory above, are left out."""
    real = os.path.realpath(place)
    if real in above or not os.path.exists(place):
        return
    archive.add(place, name, recursive=False)
    if os.path.isdir(place):
        for entry in sorted(os.listdir(place)):
            if entry not in without:
                _add(archive, os.path.join(place, entry), name + "/" + entry, without, (*above, real))


def _unpack(file: str, told: Dict[str, Any]) -> None:
    """Put what came back to where the step's outputs are looked for: files and directories, and nothing else."""
    if not os.path.getsize(file):
        return
    places = sorted(((item["rel"], item["at"]) for item in told["outputs"]), key=lambda pair: -len(pair[0]))
    with tarfile.open(file) as archive:
        for member in archive:
            parts = member.name.split("/")
            if ".." in parts or member.name.startswith("/"):
                raise ValueError(f"the job sent back {member.name!r}, which lies outside of its outputs")
            for rel, at in places:
                if member.name == rel or member.name.startswith(rel + "/"):
                    _extract(archive, member, at + member.name[len(rel) :])
                    break


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, place: str) -> None:
    if member.isdir():
        os.makedirs(place, exist_ok=True)
        return
    content = archive.extractfile(member) if member.isfile() or member.islnk() else None
    if content is None:
        return
    os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
    with content, open(place, "wb") as stream:
        shutil.copyfileobj(content, stream)
    os.chmod(place, member.mode & 0o777 | 0o600)


def _submit(told: Dict[str, Any], home: str, job: str) -> None:
    """Send the job off and wait for it; a signal to this program ends it."""
    package, real = _package()
    if told.get("debug"):
        logging.getLogger("dpdispatcher").setLevel(logging.DEBUG)
    try:
        machine = _machine(told, home, package)
        names = [told["task"].get(name) for name in ("outlog", "errlog")]
        logs = [name for name in dict.fromkeys(names) if name]
        task = dict(told["task"])
        task["task_work_path"] = "./"
        task["command"] = f"tar -xf {_IN} && sh ./{_RUN}"
        task["forward_files"] = [_IN, *(task.get("forward_files") or [])]
        task["backward_files"] = [_OUT, _STATUS, *logs, *(task.get("backward_files") or [])]
        submission = package.Submission(
            work_base=os.path.basename(job),
            machine=package.Machine.load_from_dict(machine),
            resources=package.Resources.load_from_dict(told["resources"]),
            task_list=[package.Task.load_from_dict(task)],
        )
        before = signal.signal(signal.SIGTERM, _terminated)
        try:
            submission.run_submission(check_interval=told["interval"], clean=told["clean"])
        except (KeyboardInterrupt, SystemExit):
            _kill(submission)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    finally:
        sys.stdout = real


def _package() -> Tuple[Any, Any]:
    """The dpdispatcher package, which is kept from writing into the step's standard output."""
    real, sys.stdout = sys.stdout, sys.stderr
    try:
        return importlib.import_module("dpdispatcher"), real
    except ImportError as exc:
        sys.stdout = real
        raise SystemExit(f"{sys.executable} has no dpdispatcher (pip install dpdispatcher): {exc}") from exc


def _terminated(number: int, _frame: Any) -> None:
    raise SystemExit(128 + number)


def _kill(submission: Any) -> None:
    """End the jobs of a submission on the machine that they are on."""
    for job in submission.belonging_jobs:
        if getattr(job, "job_id", ""):
            try:
                submission.machine.kill(job)
            except Exception as exc:  # noqa: BLE001 - the others are ended all the same
                sys.stderr.write(f"job {job.job_id} may still run: {exc}\n")


def _machine(told: Dict[str, Any], home: str, package: Any) -> Dict[str, Any]:
    """The machine, with what is only known here: the directory, the key, and the secrets."""
    machine = dict(told["machine"], local_root=home)
    profile = machine["remote_profile"] = dict(machine.get("remote_profile") or {})
    for name, variable in told["secrets"].items():
        if not os.environ.get(variable):
            raise SystemExit(f"the environment variable {variable}, with the {name}, is not set")
        profile[name] = os.environ[variable]
    keys = [key for key in told["keys"] if os.path.exists(key)]
    if told["keys"] and not keys:
        raise SystemExit("there is no private key at " + " or ".join(told["keys"]))
    if keys:
        profile["key_filename"] = keys[0]
    context = machine.get("context_type")
    if context == "LocalContext":
        machine["remote_root"] = os.path.expanduser(machine["remote_root"])
        os.makedirs(machine["remote_root"], exist_ok=True)
    if context == "SSHContext" and "create_remote_root" in package.Machine.arginfo().gen_doc():
        machine.setdefault("create_remote_root", True)
    return machine


def _status(file: str) -> int:
    """The exit status of the program of the step."""
    with open(file) as stream:
        text = stream.read().strip()
    return int(text) if text else 1


def _show(told: Dict[str, Any], job: str) -> None:
    """What the program printed, standard error last."""
    for stream, name in ((sys.stdout, "outlog"), (sys.stderr, "errlog")):
        log = told["task"].get(name)
        if log and (name == "outlog" or log != told["task"].get("outlog")):
            with open(os.path.join(job, log), encoding="utf-8", errors="replace") as file:
                stream.write(file.read())
            stream.flush()
