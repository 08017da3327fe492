"""What a download gives back: of a file, a list and a dict, uploaded or made by a step."""

import os
from pathlib import Path
from typing import Dict, List

from dflow import Step, Workflow, download_artifact, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate
from told import tell


@OP.function
def make() -> {"one": Artifact(Path), "some": Artifact(List[Path]), "named": Artifact(Dict[str, Path])}:
    for name in ("a", "b"):
        Path(name).write_text(name)
    return {"one": Path("a"), "some": [Path("b"), Path("a")], "named": {"x": Path("a"), "y": Path("b")}}


def relative(found):
    if isinstance(found, dict):
        return {key: relative(value) for key, value in found.items()}
    if isinstance(found, (list, tuple, set)):
        return [relative(value) for value in found]
    return os.path.relpath(str(found))


wf = Workflow(name="download")
wf.add(Step(name="make", template=PythonOPTemplate(make)))
wf.submit()
made = wf.query_step(name="make")[0].outputs.artifacts
for folder in ("one", "some", "named", "folder"):
    Path("down", folder).mkdir(parents=True)
Path("u").mkdir()
Path("u/v.txt").write_text("v")
tell(
    wf,
    one=relative(download_artifact(made["one"], path="down/one")),
    some=relative(download_artifact(made["some"], path="down/some")),
    named=relative(download_artifact(made["named"], path="down/named")),
    folder=relative(download_artifact(upload_artifact("u"), path="down/folder")),
    files=sorted(str(path) for path in Path("down").rglob("*") if path.is_file() and ".dflow" not in path.parts),
)
