"""What runs beside an OP: in a process here, a container, a cluster node, a pod.

``python -m dflow.python.runtime OP_FILE STEP_DIRECTORY`` runs one OP. The contract is a directory in and a
directory out:

- in: ``inputs/parameters/NAME`` (texts), ``inputs/artifacts/NAME`` (files), the current directory to work in;
- out: ``outputs/parameters/NAME``, ``outputs/artifacts/NAME``;
- for a group of slices: ``.slices`` in (which elements, which names are sliced); sliced outputs carry the index of
  each element, ``.missing`` lists those that failed and were left out;
- while it runs: ``.progress``, or the file that ``ARGO_PROGRESS_FILE`` names, holds ``N/M``;
- where ``DFLOW_USAGE`` names a file: in it, at the end, seconds of CPU and the largest resident set in bytes;
- exit status 0 for success, 1 for an unexpected error, 2 for a fatal one, 75 for a transient one; after a failure
  ``.error`` says why, as JSON with ``message``, ``type`` and ``kind``.

Executors start it by name; nothing imports it. It needs Python 3.8 and the standard library; typeguard, jsonpickle
and cloudpickle are used where a step has need of them.
"""

from __future__ import annotations

from dflow.python.runtime.main import main

__all__ = ["main"]
