"""A transient error is tried again."""

from pathlib import Path

from dflow import Step, Workflow
from dflow.python import OP, PythonOPTemplate, TransientError
from told import tell


@OP.function
def flaky(counter: str) -> {"tries": int}:
    with open(counter, "a") as file:
        file.write("x")
    tries = len(Path(counter).read_text())
    if tries < 3:
        raise TransientError("once more")
    return {"tries": tries}


wf = Workflow(name="retries")
given = {"counter": str(Path("counter").absolute())}
wf.add(Step(name="flaky", template=PythonOPTemplate(flaky, retry_on_transient_error=3), parameters=given))
wf.submit()
tell(wf, tries=len(Path("counter").read_text()))
