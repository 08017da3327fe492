"""What templates take and give, as arguments in a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.code_gen.layout import Listed, call, literal, quote
from dflow.code_gen.values import type_piece

if TYPE_CHECKING:
    from dflow.code_gen.layout import Piece
    from dflow.code_gen.names import Names
    from dflow.code_gen.values import Values
    from dflow.engine import model

__all__ = ["PortWriter", "archive_piece", "dict_piece", "json_piece", "number_piece", "text_piece"]


class PortWriter:
    """Writes declarations of inputs and outputs."""

    def __init__(self, names: Names, values: Values) -> None:
        self._names = names
        self._values = values

    def both(self, template: Any) -> list[tuple[str, Piece | None]]:
        """The arguments ``inputs`` and ``outputs`` of a template."""
        inputs, outputs = template.inputs, template.outputs
        return [
            (
                "inputs",
                self._side(
                    "Inputs",
                    {p.name: self._input_parameter(p) for p in inputs.parameters},
                    {a.name: self._input_artifact(a) for a in inputs.artifacts},
                ),
            ),
            (
                "outputs",
                self._side(
                    "Outputs",
                    {p.name: self._output_parameter(p) for p in outputs.parameters},
                    {a.name: self._output_artifact(a) for a in outputs.artifacts},
                ),
            ),
        ]

    def _side(self, name: str, parameters: dict[str, Piece], artifacts: dict[str, Piece]) -> Piece | None:
        if not parameters and not artifacts:
            return None
        return call(
            self._names.ours(name), named=[("parameters", dict_piece(parameters)), ("artifacts", dict_piece(artifacts))]
        )

    def _input_parameter(self, p: model.InputParameter) -> Piece:
        named = [
            ("type", type_piece(p.type)),
            ("value", None if p.default is None else self._values.parameter(p.default, p.type)),
            ("path", text_piece(p.path)),
            ("save_as_artifact", "True" if p.big else None),
            ("source", None if p.source is None else self._values.artifact(p.source)),
            ("description", text_piece(p.description)),
        ]
        return call(self._names.ours("InputParameter"), named=named)

    def _input_artifact(self, a: model.InputArtifact) -> Piece:
        named = [
            ("path", text_piece(a.path)),
            ("optional", "True" if a.optional else None),
            ("type", type_piece(a.type)),
            ("source", None if a.source is None else self._values.artifact(a.source)),
            ("mode", None if a.mode is None else f"0o{a.mode:o}"),
            ("sub_path", text_piece(a.sub_path)),
            ("archive", archive_piece(a)),
            ("save_as_parameter", "True" if a.save_as_parameter else None),
        ]
        return call(self._names.ours("InputArtifact"), named=named)

    def _output_parameter(self, o: model.OutputParameter) -> Piece:
        named = [
            ("value_from_path", text_piece(o.path)),
            ("type", type_piece(o.type)),
            ("default", None if o.default is None else self._values.parameter(o.default, o.type)),
            ("global_name", text_piece(o.global_name)),
            ("save_as_artifact", "True" if o.big else None),
            ("save_both", "True" if o.save_both else None),
            ("description", text_piece(o.description)),
        ]
        return call(self._names.ours("OutputParameter"), named=named)

    def _output_artifact(self, o: model.OutputArtifact) -> Piece:
        named = [
            ("path", text_piece(o.path)),
            ("type", type_piece(o.type)),
            ("save", json_piece(o.save)),
            ("archive", archive_piece(o)),
            ("global_name", text_piece(o.global_name)),
            ("optional", "True" if o.optional else None),
        ]
        return call(self._names.ours("OutputArtifact"), named=named)


def dict_piece(pieces: dict[str, Any]) -> Piece | None:
    """A dict by name, without what is None; None when nothing is left."""
    entries = tuple((f"{quote(name)}: ", piece) for name, piece in pieces.items() if piece is not None)
    return Listed("{}", entries) if entries else None


def text_piece(value: str | None) -> str | None:
    """A text; None when it is none or empty."""
    return None if not value else quote(value)


def number_piece(value: float | None) -> str | None:
    """A number; None when there is none."""
    return None if value is None else repr(value)


def json_piece(text: str | None) -> Piece | None:
    """What a JSON text says."""
    return None if text is None else literal(json.loads(text))


def archive_piece(artifact: model.InputArtifact | model.OutputArtifact) -> Piece | None:
    """``archive``, when it is not the usual one."""
    if artifact.archive == "default":
        return None
    return "None" if artifact.archive is None else quote(artifact.archive)
