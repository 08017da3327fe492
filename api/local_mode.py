"""A workflow that runs on this machine, as the object that ``Workflow`` hands its verbs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

from dflow.config import config

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.workflow import Workflow

__all__ = ["LocalRun", "list_workflows"]


class LocalRun:
    """The run of a workflow in a directory; everything is imported when it is used."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    def submit(self, detach: bool, reuse: Any, *, strict: bool) -> None:
        """Run it, or start it in the background; see :meth:`dflow.Workflow.submit`."""
        from dflow.ahead import server_ahead

        with server_ahead(detach=detach) as server:
            from dflow import local

            local.submit(self.workflow, detach, reuse, strict=strict, server=server)

    def read(self, fields: List[str] | None = None) -> Any:
        """All that is known of it."""
        from dflow.query import read_workflow

        return read_workflow(self.layout())

    def status(self) -> str:
        """Its phase."""
        from dflow.query import read_status

        return read_status(self.layout())

    def wait(self, interval: float) -> str:
        """Wait until it has ended; its phase."""
        from dflow.query import wait_for_end

        return wait_for_end(self.layout(), interval)

    def first_failure(self) -> Exception | None:
        """The step that failed first, as an error."""
        from dflow.report import first_failure

        return first_failure(self.layout())

    def logs(self, step: str) -> str:
        """What steps of a key, id or name have printed."""
        from dflow.query import read_nodes
        from dflow.report import no_such_step

        layout = self.layout()
        found = [node for node in read_nodes(layout) if step in (node.id, node.key, node.display, node.name)]
        if not found:
            words = [word for node in read_nodes(layout) for word in (node.key, node.display)]
            raise no_such_step(layout.id, step, words)
        files = [node.place / "log.txt" for node in found if node.place is not None]
        return "".join(file.read_text(errors="replace") for file in files if file.is_file())

    def terminate(self) -> None:
        """End it at once."""
        from dflow import local

        local.request(self.layout(), "terminate")

    def stop(self) -> None:
        """End it; it becomes Failed."""
        from dflow import local

        local.request(self.layout(), "stop")

    def suspend(self) -> None:
        """Start no more steps."""
        from dflow import local

        local.post(self.layout(), "suspend")

    def resume(self, outputs: Dict[str, Any], steps: List[str]) -> None:
        """Go on with it, or with steps that wait."""
        from dflow import local

        local.resume(self.layout(), outputs, steps)

    def retry(self, steps: List[str]) -> None:
        """Run steps once more, or all that failed."""
        from dflow import local

        local.retry(self.layout(), steps)

    def resubmit(self) -> Workflow:
        """Run it anew, under another id."""
        from dflow import local

        return local.resubmit(self.layout())

    def delete(self) -> None:
        """Delete its directory."""
        from dflow import local

        local.delete(self.layout())

    def layout(self) -> RunLayout:
        """Its directory.

        Raises:
            RunNotFound: there is none.
        """
        from dflow.engine.errors import RunNotFound
        from dflow.engine.near import near_aside
        from dflow.nested import find_run

        run = self.workflow.id
        if run is None:
            raise RunNotFound(f"workflow {self.workflow.name!r} was not submitted yet")
        layout = find_run(run)
        if layout is None:
            place = Path(str(config["debug_workdir"])).absolute()
            known = [entry.parent.name for entry in place.glob("*/.dflow")] if place.is_dir() else []
            raise RunNotFound(
                f"there is no run {run!r} in {place}{near_aside(run, known)}; go to the directory where it was "
                "submitted, or set config['debug_workdir']"
            )
        return layout


def list_workflows() -> List[Any]:
    """All workflows in the working directory, newest first."""
    from dflow.query import list_runs, read_workflow

    return [read_workflow(layout) for layout in list_runs(Path(str(config["debug_workdir"])).absolute())]
