"""What a script says at its end: the state of its workflow and of every step, as one line of JSON.

Left out is what no script should rely on: ids, times, the order of parallel steps, the nodes that stand for loops,
and the steps and outputs that upstream adds for its own use. Steps of one name stand in a list, loops without their
"(0:item)".
"""

import json
import tempfile
from pathlib import Path

from dflow import download_artifact

MARK = "TOLD "
SHOWN = ("Pod", "Steps", "DAG", "Skipped")
ADDED_BY_UPSTREAM = ("-init-artifact", "-check-num-success", "-check-success-ratio")


def tell(wf, without=(), **more):
    """Print the report of a workflow that has been submitted, with whatever else the script wants compared.

    ``without`` names sliced steps: what a query says of one slice has no common form (``slices_asked.py`` shows it).
    """
    steps = {}
    for step in wf.query_step():
        name = step.displayName.split("(")[0]
        if step.type in SHOWN and name not in without and not name.endswith(ADDED_BY_UPSTREAM):
            steps.setdefault(name, []).append(
                {
                    "phase": step.phase,
                    "key": step.get("key"),
                    "parameters": outputs(step),
                    "artifacts": artifacts(step),
                }
            )
    for same_name in steps.values():
        same_name.sort(key=as_text)
    print(MARK + as_text({"status": wf.query_status(), "steps": steps, **more}))


def as_text(value):
    """JSON on one line, with the objects of queries as plain lists and dicts."""
    return json.dumps(value, default=lambda found: found.recover(), sort_keys=True)


def outputs(step):
    """The values of the output parameters by name."""
    parameters = (step.get("outputs") or {}).get("parameters") or {}
    own = {name: parameter for name, parameter in dict(parameters).items() if not name.startswith("dflow_")}
    return {name: getattr(parameter, "value", None) for name, parameter in own.items()}


def artifacts(step):
    """The files of the output artifacts by name."""
    found = (step.get("outputs") or {}).get("artifacts") or {}
    return {name: files(artifact) for name, artifact in dict(found).items() if not name.startswith("dflow_")}


def files(artifact):
    """What a download of an artifact brings: the text of each file by its path."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            download_artifact(artifact, path=folder)
        except FileNotFoundError:
            return "missing"
        found = (path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text() for path in found}
