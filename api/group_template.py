"""What templates have in common that call others: Steps and DAG."""

from __future__ import annotations

from typing import Any

from dflow import building
from dflow.op_template import OPTemplate
from dflow.tracebacks import called_by_users

__all__ = ["GroupTemplate"]


class GroupTemplate(building.Openable, OPTemplate):
    """A template that calls others; its attributes are described there."""

    retry_strategy: Any = None
    retry_on_failure: int | None = None
    retry_on_error: int | None = None
    retry_on_failure_and_error: int | None = None
    fail_fast: bool | None = None

    @called_by_users
    def convert_to_graph(self) -> Any:
        """It as plain data, as it stands in the JSON of a graph, and the templates that it calls, as a list.

        Raises:
            CompileError: lists what cannot be read.
        """
        from dflow.pieces.graphs import of_group

        return of_group(self)

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any, templates: Any) -> Any:  # type: ignore[override] # it calls others
        """It from the data that :meth:`convert_to_graph` gives.

        Args:
            templates: what it calls, by name, or as a list.
        """
        from dflow.pieces.graphs import to_group

        return to_group(cls, graph, templates)

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any, templates: Any) -> Any:  # type: ignore[override] # it calls others
        """It from its piece of an Argo manifest; ``templates`` as for :meth:`from_graph`.

        Raises:
            CompileError: lists the fields that are wrong.
            UnsupportedError: it says something that the API has no words for.
        """
        from dflow.pieces.manifests import to_group

        return to_group(cls, d, templates)

    @called_by_users
    def run(self, workflow_id: str | None = None, context: Any = None, stepdir: Any = None) -> Any:
        """Run it as a workflow of its own on this machine, and wait; the workflow.

        Args:
            workflow_id: the id of the run.
            stepdir: not to be given; ``config["debug_workdir"]`` says where runs are.

        Raises:
            StepFailed: it has not succeeded.
        """
        from dflow.pieces.running import run_group

        return run_group(self, workflow_id, context, stepdir)
