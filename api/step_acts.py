"""What a step that was queried can have done with itself: its script, and its program once more."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from dflow import local, query
from dflow.argo_objects import ArgoStep
from dflow.engine.errors import DflowError, StateError, UnsupportedError
from dflow.engine.leaf import collect, judge
from dflow.engine.model import PythonOpTemplate, ScriptTemplate
from dflow.engine.phase import Phase
from dflow.engine.ports import Outcome
from dflow.engine.run_directory import load_graph
from dflow.engine.settings import load_settings
from dflow.engine.state import read_text, write_text
from dflow.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.ports import Job
    from dflow.exporters.argo.server.nodes import ServerNode
    from dflow.query import NodeRecord

__all__ = ["LocalActs", "ServerActs"]

_CANNOT_START = 127


class LocalActs:
    """Of a step that ran on this machine."""

    def __init__(self, layout: RunLayout, node: NodeRecord) -> None:
        self._layout = layout
        self._node = node

    def script(self) -> str:
        """The program that it has run.

        Raises:
            StateError: it has run none.
        """
        node = self._node
        if node.place is None or not (node.place / "script").is_file():
            why = f"it is of type {node.type}" if node.type != "Pod" else node.message or f"it is {node.phase.value}"
            raise StateError(f"step {node.key or node.display!r} of {self._layout.id} has run no program: {why}")
        return read_text(node.place / "script")

    def replay(self, script: str | None) -> ArgoStep:
        """Run its program once more, beside the run, and show what it prints; the step that this was.

        Args:
            script: in place of its own.
        """
        own, node = self.script(), self._node
        graph, settings = load_graph(self._layout), load_settings(self._layout.settings)
        template = next((t for t in graph.templates if t.name == node.template), None)
        if not isinstance(template, (ScriptTemplate, PythonOpTemplate)):
            raise StateError(f"step {node.display!r} of {self._layout.id} runs no program here")
        scratch = Scratch(self._layout, node, template, settings)
        scratch.place_inputs(None)
        job = scratch.job(graph, together=True)
        if script is not None and script != own:
            scratch.take_script(script)
        phase, message = judge(scratch.node, Outcome(code := _shown(job)), None)
        try:
            collect(scratch.node, template, settings, strict=phase is Phase.SUCCEEDED)
        except DflowError as exc:
            phase, message = Phase.ERROR, str(exc)
        write_text(scratch.step.phase, phase.value)
        return self._replayed(scratch, phase, message, code)

    def _replayed(self, scratch: Scratch, phase: Phase, message: str, code: int) -> ArgoStep:
        node, found = self._node, scratch.node
        data = {
            "workflow": self._layout.id,
            "id": node.id,
            "name": node.name,
            "displayName": node.display,
            "key": node.key,
            "phase": phase.value,
            "type": node.type,
            "templateName": node.template,
            "boundaryID": node.parent,
            "message": message or None,
            "startedAt": None,
            "finishedAt": None,
            "exitCode": code,
            "path": str(scratch.step.root),
            "usage": None,
            "host": None,
        }
        types = {parameter.name: parameter.type for parameter in scratch.template.outputs.parameters}
        texts = {name: {"value": text, "type": types.get(name)} for name, text in found.outputs.items()}
        files = {name: {"local_path": v.location} for name, v in found.output_artifacts.items() if v is not None}
        outputs = {"parameters": texts, "artifacts": files}

        def load(what: str) -> Any:
            if what == "acts":
                raise UnsupportedError(
                    "this is a replay of a step, beside its run; ask the step itself: wf.query_step()"
                )
            return outputs if what == "outputs" else query.load_step_late(self._layout, node, what)

        return ArgoStep(data, self._layout.id, load=load)

    def retry(self) -> ArgoStep:
        """Run it once more, and all that follows it; as it is then. A runner that is at work is asked to, later."""
        local.retry(self._layout, [self._node.id])
        return query.read_step(self._layout, self._node.id)

    def pod(self, verb: str) -> Any:
        """There is none."""
        place = f"; its files are in {self._node.place}" if self._node.place else ""
        raise UnsupportedError(f"{_called(self._node.display)} ran on this machine, and has no pod to {verb}{place}")


class ServerActs:
    """Of a step of a workflow on an Argo server."""

    def __init__(self, workflow: Mapping[str, Any], node: ServerNode) -> None:
        self._workflow = workflow
        self._node = node

    def script(self) -> str:
        """The script of its template, in which names are not replaced by values yet."""
        for template in self._templates():
            if template.get("name") == self._node.template and isinstance(template.get("script"), dict):
                return str(template["script"].get("source", ""))
        raise UnsupportedError(f"{_called(self._node.display)} runs no script, but the command of its template")

    def replay(self, script: str | None) -> ArgoStep:
        """A server runs no single step."""
        del script
        raise UnsupportedError(
            "an Argo server does not run a step alone, nor with another script: use wf.retry_steps([id]), or run the "
            "workflow with config['mode'] = 'debug' and replay it there"
        )

    def retry(self) -> ArgoStep | None:
        """Have it run once more, and all that follows it; that is not waited for."""
        from dflow.argo_mode import ArgoRun
        from dflow.workflow import Workflow

        ArgoRun(Workflow(id=self._name())).retry([self._node.id])
        return None

    def pod(self, verb: str) -> Any:
        """The server gives none away."""
        namespace = (self._workflow.get("metadata") or {}).get("namespace")
        names = " ".join(self._node.pods) or "NAME"
        of = f"-n {namespace} " if namespace else ""
        raise UnsupportedError(
            f"an Argo server gives no access to the pod of {_called(self._node.display)}; "
            f"with access to its cluster: kubectl {of}{verb} pod {names}"
        )

    def _name(self) -> str:
        return str((self._workflow.get("metadata") or {}).get("name"))

    def _templates(self) -> list[dict[str, Any]]:
        spec, status = self._workflow.get("spec") or {}, self._workflow.get("status") or {}
        stored = [*(spec.get("templates") or ()), *(status.get("storedTemplates") or {}).values()]
        return stored + list((status.get("storedWorkflowTemplateSpec") or {}).get("templates") or ())


def _called(display: str) -> str:
    return f"step {display!r}"


def _shown(job: Job) -> int:
    """Run a program, and show what it prints, which its log gets too; its exit code."""
    show = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        process = subprocess.Popen(
            job.argv,
            cwd=job.cwd,
            env=dict(job.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"cannot start {job.argv[0]!r}: {exc}\n")
        return _CANNOT_START
    with job.log.open("ab") as log, process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            while piece := os.read(process.stdout.fileno(), 1 << 16):
                log.write(piece)
                log.flush()
                sys.stdout.write(show.decode(piece))
                sys.stdout.flush()
        except BaseException:
            process.terminate()
            raise
    code = process.returncode
    return code if code >= 0 else 128 - code
