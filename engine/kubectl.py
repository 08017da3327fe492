"""Objects of a cluster, by way of ``kubectl``: the context that it is set up for is the cluster that is used."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import anyio
from dflow.engine.errors import ClusterError, LeafError
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Kubectl", "Ref", "why_no_cluster"]

_TIME = 60.0
_LOCAL_TIME = 10.0


@record(frozen=True, slots=True)
class Ref:
    """Which object.

    Attributes:
        kind: with version and group where it has one, as kubectl takes it: ``Job.v1.batch``.
        namespace: None for one that is in none.
    """

    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, text: str) -> Ref:
        """The object that a JSON text is.

        Raises:
            LeafError: it is not one object with a name.
        """
        data = json.loads(text)
        metadata = data.get("metadata") or {}
        group, _, version = str(data.get("apiVersion", "")).rpartition("/")
        if not data.get("kind") or not metadata.get("name"):
            raise LeafError("the manifest of a resource must be that of one object with a name")
        kind = f"{data['kind']}.{version}.{group}" if group else str(data["kind"])
        return cls(kind, str(metadata["name"]), metadata.get("namespace"))

    def words(self) -> list[str]:
        """The object in the words of kubectl."""
        return [self.kind, self.name, *([] if self.namespace is None else ["--namespace", self.namespace])]


def why_no_cluster() -> str | None:
    """Why no cluster can be asked from here; None when one can."""
    program = shutil.which("kubectl")
    if program is None:
        return "there is no kubectl on PATH"
    try:
        found = subprocess.run(
            [program, "config", "current-context"], capture_output=True, text=True, timeout=_LOCAL_TIME, check=False
        )
    except (OSError, subprocess.SubprocessError) as exc:
        return f"kubectl cannot be asked: {exc}"
    return None if found.returncode == 0 and found.stdout.strip() else "kubectl is set up for no cluster"


class Kubectl:
    """The client."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    async def change(self, action: str, manifest: str | None, flags: Sequence[str]) -> str:
        """Do what a resource template says; the object as JSON, or nothing where there is none any more.

        Raises:
            LeafError: the cluster refuses.
        """
        words = [action, *flags]
        if action == "patch":
            words += ["--type", "strategic", "-p", manifest or ""]
        if manifest is not None and not (action == "patch" and flags):
            words += ["-f", "-"]
        return await self._run([*words, "-o", "name" if action == "delete" else "json"], manifest)

    async def checked(self, manifest: str, flags: Sequence[str]) -> str:
        """The object that a manifest would make, as JSON; nothing is made.

        Raises:
            LeafError: it is no manifest.
        """
        return await self._run(["create", *flags, "--dry-run=client", "-f", "-", "-o", "json"], manifest)

    async def get(self, ref: Ref) -> str | None:
        """An object as JSON; None when it is gone.

        Raises:
            LeafError: the cluster does not answer.
        """
        return await self._run(["get", *ref.words(), "--ignore-not-found", "-o", "json"]) or None

    async def delete(self, ref: Ref) -> None:
        """End an object; what it has made goes with it.

        Raises:
            LeafError: the cluster does not answer.
        """
        await self._run(["delete", *ref.words(), "--ignore-not-found", "--wait=false"])

    async def _run(self, words: list[str], given: str | None = None) -> str:
        what = f"kubectl {words[0]}"
        try:
            with anyio.fail_after(_TIME):
                done = await anyio.run_process(
                    ["kubectl", *words],
                    input=(given or "").encode(),
                    check=False,
                    env=self._environment,
                    start_new_session=True,
                )
        except TimeoutError:
            raise ClusterError(f"{what}: no answer within {_TIME:g} s") from None
        except OSError as exc:
            raise LeafError(f"{what}: {exc.strerror or exc}") from exc
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise ClusterError(f"{what}: {said}")
        return done.stdout.decode()
