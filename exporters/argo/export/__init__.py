"""The graph as manifests of Argo: ``export`` gives them as plain data, ``to_yaml`` as text."""

from __future__ import annotations

from dflow.exporters.argo.export.document import export
from dflow.exporters.argo.export.records import Export, Options, Upload
from dflow.exporters.argo.export.yamltext import to_yaml

__all__ = ["Export", "Options", "Upload", "export", "to_yaml"]
