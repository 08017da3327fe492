"""The verbs ``download`` and ``upload``: artifacts of runs and of stores, and files that become artifacts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from dflow.cli.find import find_run, find_steps, pairs
from dflow.cli.parsing import WrongOption
from dflow.cli.show import print_json, say
from dflow.config import is_remote
from dflow.engine.errors import ConfigError, RunNotFound, StateError, UnsafeArtifact, UnsupportedError
from dflow.engine.near import near_aside

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["download", "upload"]


def download(options: argparse.Namespace) -> None:
    """Copy artifacts: of a step, of a workflow's outputs, or of a store."""
    from dflow.artifacts import download_artifact

    done = []
    try:
        for name, artifact, target in _wanted(options):
            found = download_artifact(artifact, path=target.absolute())
            done.append({"artifact": name, "path": str(target), "files": found})
    except RunNotFound:
        raise
    except FileNotFoundError as exc:
        raise StateError(f"cannot download: {exc}") from exc
    if options.json:
        print_json(done)
        return
    for entry in done:
        for file in _flat(entry["files"]):
            say(file)


def _wanted(options: argparse.Namespace) -> Iterator[tuple[str, Any, Path]]:
    """The artifacts that are meant: what they are called, they themselves, and where they go."""
    from dflow.common import S3Artifact

    chosen = [given for given in (options.id, options.key, options.urn) if given is not None]
    if len(chosen) != 1:
        raise WrongOption("say what to download: ID [STEP] of a run, or --key, or --urn")
    if options.id is None:
        artifact = S3Artifact(key=options.key) if options.key is not None else _registered(options.urn)
        yield chosen[0], artifact, options.path
        return
    if is_remote():
        raise UnsupportedError("artifacts of a run on a server are downloaded by their keys: dflow download --key KEY")
    yield from _of_run(options)


def _registered(urn: str) -> Any:
    """The artifact of a URN, as the catalogue knows it."""
    from dflow.common import LocalArtifact, S3Artifact
    from dflow.lineage import configured_client

    client = configured_client()
    if client is None:
        raise ConfigError("--urn is of a catalogue, and none is set: see config['lineage'] (DFLOW_LINEAGE)")
    found = client.get_artifact_metadata(urn)
    uri = found.get("uri") if isinstance(found, dict) else getattr(found, "uri", None)
    if not uri:
        raise StateError(f"the catalogue does not say where {urn} is")
    return LocalArtifact(uri, urn=urn) if os.path.exists(str(uri)) else S3Artifact(key=uri, urn=urn)


def _of_run(options: argparse.Namespace) -> Iterator[tuple[str, Any, Path]]:
    from dflow.query import read_workflow

    layout = find_run(options.id)
    if options.step is None:
        if options.inputs:
            raise WrongOption("--inputs are those of a step: name one, as in: dflow download ID STEP --inputs")
        outputs = read_workflow(layout).global_outputs()
        places = [(options.path, dict(outputs.artifacts.items()), f"workflow {layout.id}")]
    else:
        wanted = [node.id for node in find_steps(layout, options.step)]
        steps = read_workflow(layout).get_step(id=wanted)
        places = []
        for step in steps:
            side = step.inputs if options.inputs else step.outputs
            folder = options.path / (step.key or step.displayName) if len(steps) > 1 else options.path
            places.append((folder, dict(side.artifacts.items()), f"step {step.key or step.displayName!r}"))
    names = {name for _, artifacts, _ in places for name in artifacts}
    kind = "input" if options.inputs else "output"
    if options.name is not None and options.name not in names:
        raise StateError(
            f"{places[0][2]} has no {kind} artifact {options.name!r}{near_aside(options.name, names)}; {_are(names)}"
        )
    if not names:
        raise StateError(f"{places[0][2]} has no {kind} artifacts" + ("" if options.step else "; name a step"))
    for folder, artifacts, _ in places:
        for name, artifact in artifacts.items():
            if options.name in (None, name):
                target = folder / name if options.name is None else folder
                _refuse_outside(target, options.path, name)
                yield name, artifact, target


def _refuse_outside(target: Path, folder: Path, name: str) -> None:
    """Names and keys are those of the run, which may be another's: none of them leads out of the directory."""
    if target.resolve() != folder.resolve() and folder.resolve() not in target.resolve().parents:
        raise UnsafeArtifact(f"artifact {name!r} is not copied: with its name and key, it would be outside of {folder}")


def _are(names: set[str]) -> str:
    return f"it has: {', '.join(sorted(names)) or 'none'}"


def _flat(found: Any) -> Iterator[str]:
    """The paths in what ``download_artifact`` gives."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, (list, tuple, set)):
        for one in found:
            yield from _flat(one)
    elif found is not None:
        yield str(found)


def upload(options: argparse.Namespace) -> None:
    """Make an artifact, and print its key, or its path in the local store."""
    from dflow.artifacts import upload_artifact

    files = [*options.files, *(options.path or ())]
    if not files:
        raise WrongOption("say what to upload: dflow upload FILE")
    if bool(options.namespace) != bool(options.name):
        raise WrongOption("to register it, give both --namespace and --name")
    more: dict[str, Any] = {
        "description": options.description,
        "tags": options.tag,
        "properties": pairs(options.property, "--property") or None,
    }
    if any(more.values()) and not options.namespace:
        raise WrongOption("--description, --tag and --property are of what is registered: give --namespace and --name")
    given = {name: value for name, value in more.items() if value}
    try:
        artifact = upload_artifact(
            files if len(files) > 1 else files[0], namespace=options.namespace, dataset_name=options.name, **given
        )
    except FileNotFoundError as exc:
        raise ConfigError(str(exc)) from exc
    _tell(artifact, options)


def _tell(artifact: Any, options: argparse.Namespace) -> None:
    key, path, urn = (getattr(artifact, name, None) for name in ("key", "local_path", "urn"))
    use = f"S3Artifact(key={key!r})" if key else f"LocalArtifact({str(path)!r})"
    if options.json:
        print_json({"key": key, "path": None if path is None else str(path), "urn": urn or None, "use": use})
        return
    say(str(key or path))
    sys.stdout.flush()
    sys.stderr.write(f"in a script: {use}\n")
    if urn:
        sys.stderr.write(f"registered: {urn}\n")
