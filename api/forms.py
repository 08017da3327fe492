"""A workflow in other forms: as a manifest of Argo, and as its compiled graph."""

from __future__ import annotations

from typing import Any, Dict

__all__ = ["Forms"]


class Forms:
    """What a workflow can be written as, and read from."""

    def to_dict(self: Any) -> Dict[str, Any]:
        """The workflow as a manifest of Argo, as plain data.

        Raises:
            CompileError, ExportError: it cannot be one; lists all that is wrong.
        """
        from dflow.manifests import export_workflow

        return export_workflow(self).manifest

    def to_json(self, **kwargs: Any) -> str:
        """The manifest as JSON; ``kwargs`` as for ``json.dumps``."""
        import json

        return json.dumps(self.to_dict(), **kwargs)

    def to_yaml(self: Any, **kwargs: Any) -> str:
        """The manifest as YAML, with all documents that belong to it; ``kwargs`` is there for upstream's sake."""
        from dflow.manifests import export_workflow, text_of

        return text_of(export_workflow(self))

    @classmethod
    def from_dict(cls, d: Any) -> Any:
        """The workflow of a manifest of Argo, to be run here; what it says is what is run.

        Raises:
            CompileError: it is wrong, or needs a cluster; lists all of that.
        """
        from dflow.manifests import from_documents

        return from_documents(d)

    @classmethod
    def from_json(cls, s: str) -> Any:
        """The workflow of a manifest in JSON."""
        return cls.from_yaml(s)

    @classmethod
    def from_yaml(cls, s: str) -> Any:
        """The workflow of a manifest in YAML, which may have several documents."""
        from dflow.manifests import from_text

        return from_text(s)

    def to_graph(self: Any) -> Dict[str, Any]:
        """The compiled workflow as plain data: for this machine in the debug mode, else for a cluster."""
        from dflow.compile import compile_workflow
        from dflow.config import is_remote
        from dflow.engine import codec

        graph = compile_workflow(self, on_cluster=is_remote())
        return {**codec.encode(graph), "schema": graph.schema}

    def to_graph_json(self, **kwargs: Any) -> str:
        """The compiled workflow as JSON; ``kwargs`` as for ``json.dumps``."""
        import json

        return json.dumps(self.to_graph(), **kwargs)

    def to_graph_yaml(self, **kwargs: Any) -> str:
        """The compiled workflow as YAML; ``kwargs`` as for ``yaml.dump``."""
        import yaml

        return str(yaml.dump(self.to_graph(), **{"sort_keys": False, **kwargs}))

    @classmethod
    def from_graph(cls, graph: Any) -> Any:
        """The workflow that :meth:`to_graph` turned into data."""
        import json

        return cls.from_graph_json(json.dumps(graph))

    @classmethod
    def from_graph_json(cls, j: str, **kwargs: Any) -> Any:
        """The workflow in a JSON text."""
        from dflow.decompile import decompile
        from dflow.engine import codec

        return decompile(codec.loads(j))

    @classmethod
    def from_graph_yaml(cls, y: str, **kwargs: Any) -> Any:
        """The workflow in a YAML text."""
        import yaml

        return cls.from_graph(yaml.safe_load(y))
