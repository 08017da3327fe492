"""A workflow in other forms: as a manifest of Argo, and as its compiled graph."""

from __future__ import annotations

from typing import Any, Dict

from dflow.engine.errors import WrongValue
from dflow.names import by_name, text_of
from dflow.shown import Drawn
from dflow.tracebacks import called_by_users

__all__ = ["Forms"]


class Forms(Drawn):
    """What a workflow can be written as, and read from."""

    @called_by_users
    def graph(self, form: str = "svg", path: Any = None) -> Any:
        """A drawing of the workflow, as text that a notebook shows as a picture; of a run, with its phases.

        Args:
            form: ``"svg"``, ``"mermaid"`` or ``"dot"``.
            path: it is written there, too.

        Raises:
            CompileError: it cannot run as it is; lists all that is wrong.
        """
        from dflow.drawing import draw

        return draw(self, form, path)

    @called_by_users
    def to_dict(self: Any) -> Dict[str, Any]:
        """The workflow as a manifest of Argo, as plain data.

        Raises:
            CompileError, ExportError: it cannot be one; lists all that is wrong.
        """
        from dflow.manifests import export_workflow

        return export_workflow(self).manifest

    @called_by_users
    def to_json(self, **kwargs: Any) -> str:
        """The manifest as JSON; ``kwargs`` as for ``json.dumps``."""
        import json

        return json.dumps(self.to_dict(), **kwargs)

    @called_by_users
    def to_yaml(self: Any, **kwargs: Any) -> str:
        """The manifest as YAML, with all documents that belong to it; ``kwargs`` is there for upstream's sake."""
        from dflow.manifests import export_workflow, text_of

        return text_of(export_workflow(self))

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any) -> Any:
        """The workflow of a manifest of Argo, to be run here; what it says is what is run.

        Raises:
            CompileError: it is wrong, or needs a cluster; lists all of that.
        """
        from dflow.manifests import from_documents

        return from_documents(d)

    @classmethod
    @called_by_users
    def from_json(cls, s: str) -> Any:
        """The workflow of a manifest in JSON."""
        return cls.from_yaml(text_of(s, "from_json: the manifest"))

    @classmethod
    @called_by_users
    def from_yaml(cls, s: str) -> Any:
        """The workflow of a manifest in YAML, which may have several documents; or of a mapping in YAML."""
        from dflow.manifests import from_text
        from dflow.wiring import texts

        text = text_of(s, "from_yaml: the manifest")
        return texts.from_text(text) if texts.is_wiring_text(text) else from_text(text)

    @classmethod
    @called_by_users
    def from_mapping(cls, d: Any, folder: Any = None) -> Any:
        """The workflow of a dict with ``name`` and ``steps`` or ``tasks``, in place of a script.

        Args:
            folder: what paths of files are relative to, and where modules of OPs are; the current directory when None.

        Raises:
            CompileError: lists all that is wrong in it.
        """
        from dflow.wiring.texts import from_mapping

        return from_mapping(d, folder)

    @classmethod
    @called_by_users
    def from_file(cls, path: Any) -> Any:
        """The workflow of a YAML or JSON file: such a mapping, or a manifest of Argo.

        Raises:
            ConfigError: it cannot be read.
            CompileError: lists all that is wrong in it, with the lines.
        """
        from dflow.manifests import from_file

        return from_file(path)

    @called_by_users
    def to_graph(self: Any) -> Dict[str, Any]:
        """The compiled workflow as plain data: for this machine in the debug mode, else for a cluster."""
        from dflow.compile import compile_workflow
        from dflow.config import is_remote
        from dflow.engine import codec

        graph = compile_workflow(self, on_cluster=is_remote())
        return {**codec.encode(graph), "schema": graph.schema}

    @called_by_users
    def to_graph_json(self, **kwargs: Any) -> str:
        """The compiled workflow as JSON; ``kwargs`` as for ``json.dumps``."""
        import json

        return json.dumps(self.to_graph(), **kwargs)

    @called_by_users
    def to_graph_yaml(self, **kwargs: Any) -> str:
        """The compiled workflow as YAML; ``kwargs`` as for ``yaml.dump``."""
        import yaml

        return str(yaml.dump(self.to_graph(), **{"sort_keys": False, **kwargs}))

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any) -> Any:
        """The workflow that :meth:`to_graph` turned into data."""
        import json

        return cls.from_graph_json(json.dumps(by_name(graph, "from_graph: the graph"), default=str))

    @classmethod
    @called_by_users
    def from_graph_json(cls, j: str, **kwargs: Any) -> Any:
        """The workflow in a JSON text."""
        from dflow.decompile import decompile
        from dflow.engine import codec

        return decompile(codec.loads(text_of(j, "from_graph_json: the graph")))

    @classmethod
    @called_by_users
    def from_graph_yaml(cls, y: str, **kwargs: Any) -> Any:
        """The workflow in a YAML text."""
        import yaml

        try:
            return cls.from_graph(yaml.safe_load(text_of(y, "from_graph_yaml: the graph")))
        except yaml.YAMLError as exc:
            raise WrongValue(f"from_graph_yaml: the text is no YAML: {exc}") from exc
