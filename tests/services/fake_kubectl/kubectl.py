"""A look-alike of kubectl and its cluster, for tests. Its state is one directory, $FAKE_KUBECTL:

objects/KIND.NAME   one object each, as JSON; gone when it is deleted
calls               one line for each call: the words
context             there when a cluster is set up
down                there while the cluster does not answer

An object goes through the statuses in its annotation ``fake/statuses``: a JSON list of pairs, seconds since it was made
and the status from then on. A SlurmJob is run by a process that does what the operator for it does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import yaml

STATE = Path(os.environ["FAKE_KUBECTL"])
OBJECTS = STATE / "objects"


def refuse(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    raise SystemExit(1)


def option(words: list[str], *names: str) -> str | None:
    """The value of an option, which is taken out of the words."""
    for name in names:
        for place, word in enumerate(words):
            if word == name:
                value = words[place + 1]
                del words[place : place + 2]
                return value
            if word.startswith(f"{name}="):
                del words[place]
                return word.partition("=")[2]
    return None


def place_of(kind: str, name: str) -> Path:
    return OBJECTS / f"{kind.partition('.')[0].lower()}.{name}"


def write(path: Path, data: dict) -> None:
    part = STATE / f"part.{os.getpid()}"  # several are written at the same time
    part.write_text(json.dumps(data))
    part.rename(path)


def seen(path: Path) -> dict:
    """An object as it is now."""
    data = json.loads(path.read_text())
    age = time.time() - data["metadata"]["born"]
    for after, status in json.loads(data["metadata"].get("annotations", {}).get("fake/statuses", "[]")):
        if age >= after:
            data["status"] = status
    operated = STATE / f"status.{path.name}"
    if operated.exists():
        data["status"] = {"status": operated.read_text()}
    return data


def made(given: dict, *, dry: bool) -> dict:
    if not isinstance(given, dict) or "kind" not in given:
        refuse('error: error validating "STDIN": error validating data: kind not set')
    metadata = given.setdefault("metadata", {})
    if dry:
        return given
    if "name" not in metadata:
        metadata["name"] = metadata.pop("generateName") + uuid.uuid4().hex[:5]
    metadata |= {"namespace": metadata.get("namespace", "default"), "uid": str(uuid.uuid4()), "born": time.time()}
    return given


def operate(path: Path, data: dict) -> None:
    """Do with a SlurmJob what the operator does, in a process of its own."""
    if os.fork():
        return
    os.setsid()
    for number in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    home, spec, status = STATE / "slurm home", data["spec"], STATE / f"status.{path.name}"
    home.mkdir(exist_ok=True)
    status.write_text("Running")
    if "prepare" in spec:
        source = Path(spec["prepare"]["mount"]["hostPath"]["path"])
        shutil.copytree(source, home / spec["prepare"]["to"] / source.name)
    (STATE / f"batch.{path.name}").write_text(spec["batch"])
    (STATE / f"batch.{path.name}").chmod(0o755)
    try:
        code = subprocess.run([STATE / f"batch.{path.name}"], cwd=home, check=False).returncode
    except OSError:
        code = 127
    if code == 0 and "results" in spec:
        source = home / spec["results"]["from"]
        shutil.copytree(source, Path(spec["results"]["mount"]["hostPath"]["path"]) / source.name)
    status.write_text("Succeeded" if code == 0 else "Failed")
    os._exit(0)


def change(action: str, words: list[str]) -> None:
    dry = "--dry-run=client" in words
    given = yaml.safe_load(sys.stdin)
    data = made(given, dry=dry)
    if dry:
        print(json.dumps(data))
        return
    path = place_of(data["kind"], data["metadata"]["name"])
    if action == "create" and path.exists():
        refuse(f"Error from server (AlreadyExists): {path.name} already exists")
    if action in ("replace", "patch") and not path.exists():
        refuse(f'Error from server (NotFound): "{path.name}" not found')
    write(path, data)
    if data["kind"] == "SlurmJob":
        operate(path, data)
    print(json.dumps(seen(path)))


def ask(words: list[str]) -> None:
    """The verbs that make nothing."""
    action, form = words.pop(0), option(words, "-o")
    option(words, "--namespace")
    if option(words, "-f") == "-":
        data = yaml.safe_load(sys.stdin)
        words[:0] = [data["kind"], data["metadata"]["name"]]
    path = place_of(words[0], words[1])
    if not path.exists():
        if "--ignore-not-found" in words:
            return
        refuse(f'Error from server (NotFound): "{path.name}" not found')
    if action == "get":
        print(json.dumps(seen(path)))
    elif action == "delete":
        if form not in (None, "name"):
            refuse(f"error: unexpected -o output mode: {form}. We only support '-o name'")
        path.unlink()
        print(f"{words[0].lower()}/{words[1]}")
    else:
        refuse(f'error: unknown command "{action}" for "kubectl"')


def main() -> None:
    words = sys.argv[1:]
    with (STATE / "calls").open("a") as calls:
        calls.write(" ".join(word.replace("\n", " ") for word in words) + "\n")
    if words[:2] == ["config", "current-context"]:
        if not (STATE / "context").exists():
            refuse("error: current-context is not set")
        print((STATE / "context").read_text())
    elif (STATE / "down").exists():
        refuse("The connection to the server localhost:8080 was refused - did you specify the right host or port?")
    elif words[0] in ("create", "apply", "replace", "patch"):
        change(words[0], words[1:])
    else:
        ask(words)


main()
