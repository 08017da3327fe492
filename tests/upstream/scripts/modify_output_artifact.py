"""A second workflow reuses a step with another output artifact."""

from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate
from told import tell


@OP.function
def count(n: int, counter: str) -> {"n": int, "file": Artifact(Path)}:
    with open(counter, "a") as file:
        file.write("x")
    Path("n.txt").write_text(str(n + 1))
    return {"n": n + 1, "file": Path("n.txt")}


def build():
    wf = Workflow(name="reuse")
    first = Step(
        name="first", template=PythonOPTemplate(count), parameters={"n": 0, "counter": COUNTERS[0]}, key="first"
    )
    wf.add(first)
    given = {"n": first.outputs.parameters["n"], "counter": COUNTERS[1]}
    wf.add(Step(name="second", template=PythonOPTemplate(count), parameters=given, key="second"))
    return wf


COUNTERS = [str(Path(name).absolute()) for name in ("first.count", "second.count")]
wf = build()
wf.submit()
before = wf.query_step(key="first")[0]

Path("other.txt").write_text("other")
before.modify_output_artifact("file", upload_artifact("other.txt"))
again = build()
again.submit(reuse_step=[before])
tell(again, ran=[Path(counter).read_text() for counter in COUNTERS])
