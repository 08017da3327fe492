"""How something of the user's travels in the graph to where it is run.

Import it from ``engine.model``.
"""

from __future__ import annotations

from dflow.engine.records import record

__all__ = ["OpPayload"]


@record(frozen=True, slots=True)
class OpPayload:
    """How the runtime finds an OP: ``kind`` is ``"import"`` or ``"pickle"``.

    Attributes:
        name: the OP's name for messages.
        module: the module to import, or that the source came from.
        qualname: the object inside the module.
        data: the pickle as base64.
        source: the OP's own definition and the imports of its file, for another version of Python.
        python: ``major.minor`` of the interpreter that packed it.
        cloudpickle: version that made the pickle.
        digest: SHA-256 of the OP's own source, where it has one.
        file: of a pickle, the file whose code is in it; None where no file was to be had.
        file_digest: SHA-256 of that file as it was then.
    """

    kind: str
    name: str
    module: str | None = None
    qualname: str | None = None
    data: str | None = None
    source: str | None = None
    python: str | None = None
    cloudpickle: str | None = None
    digest: str | None = None
    file: str | None = None
    file_digest: str | None = None
