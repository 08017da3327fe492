"""OPs that travel as pickles, and the files that they were pickled from, which somebody may edit later.

Such an OP is in the run directory as a whole and never changes. At submit its file is copied beside it, to
``.dflow/ops/DIGEST.py``: so it can be said what has changed since, and tracebacks show the lines that ran.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Sequence, Tuple

from dflow.python.definitions import parts_of, text_of
from dflow.python.file_copies import copy_of, read_as_it_was

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import OpPayload, WorkflowGraph

__all__ = ["edited_files", "edited_op", "keep_files"]


def keep_files(layout: RunLayout, graph: WorkflowGraph, earlier: RunLayout | None = None) -> None:
    """Copy the files of pickled OPs into a run directory, as they were when the OPs were pickled.

    Args:
        earlier: a run of the same graph, which may have them.

    Raises:
        StateError: the file system refuses.
    """
    from dflow.engine.state import writing

    for file, digest in sorted({(str(op.file), str(op.file_digest)) for op in _pickled(graph)}):
        target = copy_of(layout.ops, digest)
        if target.exists():
            continue
        places = [file, *([] if earlier is None else [str(copy_of(earlier.ops, digest))])]
        found = next((data for place in places if (data := read_as_it_was(place, digest)) is not None), None)
        if found is not None:
            with writing(target):
                target.write_bytes(found)
                target.chmod(0o600)


def edited_files(layout: RunLayout, graph: WorkflowGraph, path: Sequence[str], *, anew: bool = False) -> List[str]:
    """What was edited, and how the new code is run: a sentence or two for each file.

    Args:
        path: the entries of the module path of steps.
        anew: the run is not gone on with, but another one begun with its graph.
    """
    goes_on = "the new run uses the code as submitted, too" if anew else "it goes on with the code as submitted"
    return [
        f"{said}; {goes_on}. To use the new code, {_advice(layout, file, anew=anew, is_script=is_script)}"
        for file, said, is_script in _edited(layout, _pickled(graph), path)
    ]


def edited_op(layout: RunLayout, op: OpPayload, path: Sequence[str]) -> str | None:
    """That an OP, or what it uses of its file, is no more what it was at submit, in words; None where it is."""
    if op.kind != "pickle" or not op.file_digest:
        return None
    return next((said for _, said, _ in _edited(layout, [op], path)), None)


def _pickled(graph: WorkflowGraph) -> Iterator[OpPayload]:
    from dflow.engine.model import PythonOpTemplate

    for template in graph.templates:
        if isinstance(template, PythonOpTemplate) and template.op.kind == "pickle" and template.op.file_digest:
            yield template.op


def _change(layout: RunLayout, op: OpPayload, path: Sequence[str]) -> Iterator[str]:
    """The name of an OP that has changed, with what of its file has, if it is not the OP itself."""
    from dflow.python.code import module_file

    now, then = text_of(op.file), text_of(str(copy_of(layout.ops, str(op.file_digest))))
    if now is None or then is None or now == then:
        return
    qualname = str(op.qualname)
    old, new = parts_of(then, qualname), parts_of(now, qualname)
    if old is None or new is None:
        return
    own = qualname.partition(".")[0]
    different = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if own in different:
        yield op.name
    elif different and (op.module == "__main__" or module_file(str(op.module), path) != op.file):
        # the rest of a module that can be imported is taken from that, as it is
        yield f"{op.name} (which uses {', '.join(different)})"


def _edited(layout: RunLayout, ops: Iterable[OpPayload], path: Sequence[str]) -> Iterator[Tuple[str, str, bool]]:
    """Files in which pickled OPs, or what they use of it, are no more what they were at submit.

    Nothing of a file that is gone or cannot be read.

    Yields:
        The file, what has changed in words, and whether it is a script.
    """
    files: Dict[str, List[OpPayload]] = {}
    for op in ops:
        files.setdefault(str(op.file), []).append(op)
    for file, found in files.items():
        names = sorted({text for op in found for text in _change(layout, op, path)})
        if names:
            has = f"OP {names[0]} in {_short(file)} has" if len(names) == 1 else ""
            have = f"OPs {', '.join(names)} in {_short(file)} have"
            yield file, f"{has or have} changed since the run was submitted", found[0].module == "__main__"


def _advice(layout: RunLayout, file: str, *, anew: bool, is_script: bool) -> str:
    script = shlex.quote(_short(file))
    again = f"the script again (dflow run {script})" if is_script else "its script again"
    if anew:
        return f"run {again}"
    if _has_succeeded(layout):
        return f"run {again} under another id; reuse_step takes over the steps that shall be kept"
    folder = str(layout.root.parent)
    where = "" if folder == os.getcwd() else f" in {folder}"
    command = f"dflow run --id {layout.id} {script if is_script else 'SCRIPT'}"
    which = "the script" if is_script else "its script"
    return f"run {which} again with the id of this run ({command}){where}: finished steps are kept"


def _short(file: str) -> str:
    place = os.path.relpath(file)
    return file if place.startswith(os.pardir) else place


def _has_succeeded(layout: RunLayout) -> bool:
    from dflow.engine.phase import Phase
    from dflow.engine.state import read_text

    return layout.status.is_file() and read_text(layout.status).strip() == Phase.SUCCEEDED.value
