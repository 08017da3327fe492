"""Telling a catalogue of data what a workflow was made from and what it has made.

``config["lineage"]`` (or ``DFLOW_LINEAGE``) is a :class:`LineageClient`, a class of one, or the import path of either.
A client can never fail a run or hold it up: a run calls it in a thread of its own.
"""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.registering import Registrar

__all__ = [
    "JsonLinesLineage",
    "LineageClient",
    "append_line",
    "client_of",
    "configured_client",
    "flush",
    "keep_client",
    "open_registrar",
    "packed_client",
    "register",
]

_DIGEST = 32


class LineageClient(ABC):
    """What is told of workflows, tasks and artifacts. A URN is a text that the client makes as it likes."""

    @abstractmethod
    def register_workflow(self, workflow_name: str) -> str:
        """A workflow begins; its URN.

        Args:
            workflow_name: its id.
        """

    @abstractmethod
    def register_artifact(self, namespace: str, name: str, uri: str, **kwargs: Any) -> str:
        """There is an artifact; its URN.

        Args:
            uri: its path on this machine, or its key in the object store.
        """

    @abstractmethod
    def register_task(
        self, task_name: str, input_urns: Dict[str, Any], output_uris: Dict[str, str], workflow_urn: str
    ) -> Dict[str, str] | None:
        """A step has succeeded; the URNs of its output artifacts by name, of those that have one.

        Args:
            task_name: its key, or else its name.
            input_urns: of the input artifacts whose URN is known: it, or a list where the artifact is made of several.
            output_uris: paths or keys of the output artifacts.
        """

    @abstractmethod
    def get_artifact_metadata(self, urn: str) -> Any:
        """What is known of an artifact."""


class JsonLinesLineage(LineageClient):
    """Appends one JSON object for each registration to a file, which several processes may do at once.

    A URN is a hash of what is registered, so the same thing has the same URN whoever registers it, and when.

    Args:
        path: the file.
    """

    def __init__(self, path: Any = "lineage.jsonl") -> None:
        self.path = os.path.abspath(str(path))

    def register_workflow(self, workflow_name: str) -> str:
        """A workflow begins; its URN."""
        return self._add("workflow", {"name": workflow_name})

    def register_artifact(self, namespace: str, name: str, uri: str, **kwargs: Any) -> str:
        """There is an artifact; its URN. What else is given is kept with it."""
        return self._add("artifact", {"namespace": namespace, "name": name, "uri": uri, "details": kwargs})

    def register_task(
        self, task_name: str, input_urns: Dict[str, Any], output_uris: Dict[str, str], workflow_urn: str
    ) -> Dict[str, str]:
        """A step has succeeded; the URNs of its output artifacts."""
        task = {"name": task_name, "workflow": workflow_urn, "inputs": input_urns, "outputs": output_uris}
        urn = _urn("task", task)
        urns = {name: _urn("artifact", _made(urn, name, uri)) for name, uri in output_uris.items()}
        self._add("task", task, output_urns=urns)
        return urns

    def get_artifact_metadata(self, urn: str) -> Dict[str, Any]:
        """What an artifact was registered with, or which task has made it.

        Raises:
            LookupError: no artifact of this URN is in the file.
        """
        for record in self.records():
            if record["kind"] == "artifact" and record["urn"] == urn:
                return {**record["details"], **{field: record[field] for field in ("namespace", "name", "uri")}}
            for name, made in (record.get("output_urns") or {}).items():
                if made == urn:
                    return _made(record["urn"], name, record["outputs"][name])
        raise LookupError(f"{self.path} has no artifact {urn!r}")

    def records(self) -> List[Dict[str, Any]]:
        """All that was registered, in order; a line that was not written to its end is passed over."""
        try:
            with open(self.path, encoding="utf-8") as stream:
                lines = stream.read().split("\n")
        except FileNotFoundError:
            return []
        return [record for record in map(_parsed, lines) if record is not None]

    def _add(self, kind: str, record: Mapping[str, Any], **more: Any) -> str:
        urn = _urn(kind, record)
        line = json.dumps({"kind": kind, "urn": urn, **record, **more}, ensure_ascii=False, sort_keys=True)
        append_line(self.path, line)
        return urn


def _urn(kind: str, record: Mapping[str, Any]) -> str:
    import hashlib  # not for every OP that is imported

    text = json.dumps(record, sort_keys=True)
    return f"urn:dflow:{kind}:{hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]}"


def _made(task: str, name: str, uri: str) -> Dict[str, Any]:
    return {"task": task, "name": name, "uri": uri}


def _parsed(line: str) -> Dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "kind" in record and "urn" in record else None


def append_line(path: str, line: str) -> None:
    """Add one line in one write; after a line that has no end, on a line of its own."""
    data = line.encode("utf-8", "surrogateescape") + b"\n"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            data = b"\n" + data
        written = os.write(file, data)
        if written < len(data):
            raise OSError(f"{path}: only {written} of {len(data)} bytes could be written")
    finally:
        os.close(file)


def _warn(text: str, *values: Any) -> None:
    import logging  # not for every OP that is imported

    logging.getLogger("dflow").warning(text, *values)


def configured_client() -> LineageClient | None:
    """What ``config["lineage"]`` means; None without.

    Raises:
        ConfigError: it is no client, or cannot be imported.
    """
    from dflow.config import config

    return None if config["lineage"] is None else client_of(config["lineage"])


def client_of(given: Any) -> LineageClient:
    """The client that an object, a class or an import path means.

    Raises:
        ConfigError: it means none.
    """
    from dflow.engine.errors import ConfigError

    found = given
    try:
        if isinstance(given, str):
            from dflow.common import import_func

            found = import_func(given)
        client = found() if isinstance(found, type) else found
    except Exception as exc:
        raise ConfigError(f"config['lineage'] is {given!r}, which gives no client: {exc}") from exc
    methods = ("register_workflow", "register_artifact", "register_task")
    missing = [name for name in methods if not callable(getattr(client, name, None))]
    if missing:
        raise ConfigError(f"config['lineage'] is {given!r}, which is no LineageClient: it has no {missing[0]}")
    return client  # type: ignore[no-any-return]


def register(artifact: Any, namespace: str, name: str, **kwargs: Any) -> Any:
    """Register an artifact that was uploaded and give it its ``urn``; the artifact.

    Without a client nothing is done; a client that fails is told of in the log.
    """
    client = configured_client()
    if client is None:
        return artifact
    key = getattr(artifact, "key", None)
    uri = str(key if key is not None else artifact.local_path)
    try:
        artifact.urn = str(client.register_artifact(namespace, name, uri, **kwargs))
    except Exception as exc:  # noqa: BLE001 - a catalogue that cannot be reached is no reason to do no work
        _warn("lineage: the artifact %s/%s is not registered: %s: %s", namespace, name, type(exc).__name__, exc)
    return artifact


def packed_client() -> Dict[str, Any] | None:
    """How the client that ``config["lineage"]`` means is found by who goes on with a run; None without one.

    Raises:
        ConfigError: it means none.
    """
    from dflow.config import config
    from dflow.engine.errors import PayloadError
    from dflow.python.payload import pack_op

    if configured_client() is None:
        return None
    given, tasks = config["lineage"], bool(config["register_tasks"])
    if isinstance(given, str):
        return {"client": given, "tasks": tasks}
    try:
        return {"client": pack_op(given, "lineage client", "a method"), "tasks": tasks}
    except PayloadError as exc:
        _warn(
            "lineage: another process that goes on with this run registers nothing, for it cannot get the client; set "
            "config['lineage'] to an import path (%s)",
            exc,
        )
        return None


def keep_client(layout: RunLayout, packed: Mapping[str, Any] | None) -> None:
    """Keep it in a run directory, for who goes on with the run.

    Raises:
        StateError: the file system refuses.
    """
    from dflow.engine.state import write_json

    if packed is None:
        layout.client.unlink(missing_ok=True)
    else:
        write_json(layout.client, packed)


def flush() -> None:
    """Wait until the client was told all of the runs of this program that have ended, half a minute at the most."""
    registering = sys.modules.get("dflow.registering")
    if registering is not None:
        registering.flush()


def open_registrar(layout: RunLayout) -> Registrar | None:
    """What tells the client of a run, the one of ``config`` or else the one that was kept; None when there is none."""
    from dflow.config import config

    if config["lineage"] is None and not layout.client.exists():
        return None
    from dflow.registering import registrar_of

    return registrar_of(layout)
