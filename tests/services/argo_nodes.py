"""``status.nodes`` as Argo's controller writes it, made by hand."""

from __future__ import annotations

from typing import Any

__all__ = ["Nodes", "node_id"]

STARTED, FINISHED = "2026-01-31T12:00:00Z", "2026-01-31T12:00:05Z"


def node_id(workflow: str, name: str) -> str:
    """The id of a node: the workflow's name and the 32-bit FNV-1a sum of the node's name."""
    if name == workflow:
        return workflow
    total = 0x811C9DC5
    for byte in name.encode():
        total = ((total ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{workflow}-{total}"


class Nodes:
    """Builds the nodes of one workflow; each method gives the name of its node, to hang others below it.

    Args:
        workflow: its name, which is the name of the first node, too.
    """

    def __init__(self, workflow: str, entrypoint: str = "main", kind: str = "Steps", phase: str = "Succeeded") -> None:
        self.workflow = workflow
        self.found: dict[str, dict[str, Any]] = {}
        self.clock = 0
        self.add(workflow, kind, phase, template=entrypoint)

    def as_status(self, phase: str | None = None, **more: Any) -> dict[str, Any]:
        """A workflow's status; its phase is that of the first node unless given."""
        phase = phase or self.found[self.workflow]["phase"]
        ended = {"finishedAt": FINISHED} if phase in ("Succeeded", "Failed", "Error") else {"finishedAt": None}
        return {"phase": phase, "startedAt": STARTED, **ended, "nodes": self.found, **more}

    def add(
        self,
        name: str,
        kind: str,
        phase: str = "Succeeded",
        *,
        template: str | None = None,
        inside: str | None = None,
        below: str | None = None,
        display: str | None = None,
        **more: Any,
    ) -> str:
        """A node; ``inside`` is the Steps or DAG node it belongs to, ``below`` the node that has it as a child."""
        self.clock += 1
        fields: dict[str, Any] = {
            "id": node_id(self.workflow, name),
            "name": name,
            "displayName": display or name,
            "type": kind,
            "phase": phase,
            "templateScope": f"local/{self.workflow}",
            "startedAt": f"2026-01-31T12:00:{self.clock:02d}Z",
            "finishedAt": None if phase in ("Running", "Pending") else f"2026-01-31T12:01:{self.clock:02d}Z",
        }
        fields |= {"templateName": template} if template else {}
        fields |= {"boundaryID": node_id(self.workflow, inside)} if inside else {}
        self.found[fields["id"]] = {**fields, **more}
        if below:
            self.found[node_id(self.workflow, below)].setdefault("children", []).append(fields["id"])
        return name

    def group(self, parent: str, index: int, phase: str = "Succeeded") -> str:
        """The StepGroup ``[index]`` of a Steps node."""
        label = f"[{index}]"
        return self.add(f"{parent}{label}", "StepGroup", phase, inside=parent, below=parent, display=label)

    def pod(self, parent: str, group: str, name: str, template: str, phase: str = "Succeeded", **more: Any) -> str:
        """A pod of a step in a StepGroup; of a task where ``group`` is the DAG node itself."""
        return self.add(
            f"{group}.{name}", "Pod", phase, template=template, inside=parent, below=group, display=name, **more
        )

    def nested(self, parent: str, group: str, name: str, template: str, kind: str = "Steps", **more: Any) -> str:
        """A step whose template is a Steps or a DAG."""
        return self.add(f"{group}.{name}", kind, template=template, inside=parent, below=group, display=name, **more)

    def skipped(self, parent: str, group: str, name: str, template: str, phase: str = "Skipped") -> str:
        """A step whose ``when`` was false, or a task that was omitted."""
        return self.add(
            f"{group}.{name}", "Skipped", phase, template=template, inside=parent, below=group, display=name,
            message="when 'false' evaluated false",
        )  # fmt: skip

    def loop(self, parent: str, group: str, name: str, template: str, items: list[str], **more: Any) -> list[str]:
        """A TaskGroup with one pod for each item."""
        around = self.add(f"{group}.{name}", "TaskGroup", template=template, inside=parent, below=group, display=name)
        return [
            self.add(
                f"{group}.{name}({index}:{item})", "Pod", template=template, inside=parent, below=around,
                display=f"{name}({index}:{item})", **more,
            )
            for index, item in enumerate(items)
        ]  # fmt: skip

    def retried(self, parent: str, group: str, name: str, template: str, phases: list[str], **more: Any) -> str:
        """A Retry node with one pod for each attempt; it has the phase of the last."""
        inputs = {"inputs": more["inputs"]} if "inputs" in more else {}
        message = {} if phases[-1] == "Succeeded" else {"message": "No more retries left"}
        around = self.add(
            f"{group}.{name}", "Retry", phases[-1], template=template, inside=parent, below=group, display=name,
            **inputs, **message,
        )  # fmt: skip
        for index, phase in enumerate(phases):
            reason = {} if phase == "Succeeded" else {"message": "main: Error (exit code 3)"}
            code = {"outputs": {**more.get("outputs", {}), "exitCode": "0" if phase == "Succeeded" else "3"}}
            self.add(
                f"{around}({index})", "Pod", phase, template=template, inside=parent, below=around,
                display=f"{name}({index})", **{**more, **code, **reason},
            )  # fmt: skip
        return around

    def suspended(self, parent: str, group: str, name: str, template: str, **more: Any) -> str:
        """A step that waits for a resume."""
        return self.add(
            f"{group}.{name}", "Suspend", "Running", template=template, inside=parent, below=group, display=name, **more
        )
