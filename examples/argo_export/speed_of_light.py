"""Michelson's measurements of the speed of light, series by series: run here, exported to Argo, run from the manifest.

    describe (a slice for each of five series) ──► combine: do the series agree, and with today's value?

The OPs need nothing but Python, so the plain image `python:3.11` will do on a cluster. With `--compare` the script
compares the outputs of all its runs in this directory, however they were started.
"""

# ruff: noqa: F821, UP006, UP035 - annotations are signs here

import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, List

from dflow import Step, Workflow, argo_range, query_workflows, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices

MEASUREMENTS = Path(__file__).with_name("speed_of_light.csv")
SERIES = 5
TODAY = 734.5  # km/s above 299,000: in air, as Michelson's


@OP.function
def describe(series: int, measurements: Artifact(Path)) -> {"summary": Dict[str, float]}:
    """Number, mean and standard deviation (km/s above 299,000) of one series."""
    lines = [line for line in measurements.read_text().splitlines() if line[:1].isdigit()]
    values = [float(value) for value in lines[series].split(",")[1].split()]
    return {"summary": {"number": len(values), "mean": mean(values), "deviation": stdev(values)}}


@OP.function
def combine(summaries: List[Dict[str, float]], today: float) -> {"table": str, "result": Dict[str, float]}:
    """The analysis of variance between the series, and two standard errors: if they agreed, and as they are."""
    means = [summary["mean"] for summary in summaries]
    size, count = summaries[0]["number"], len(summaries)  # all series have the same number
    within = mean(summary["deviation"] ** 2 for summary in summaries)
    overall, between = mean(means), size * stdev(means) ** 2
    variance = ((count - 1) * between + count * (size - 1) * within) / (count * size - 1)
    naive, honest = (variance / (count * size)) ** 0.5, (between / (count * size)) ** 0.5
    lines = [f"series {n}: {s['mean']:6.1f} ± {s['deviation'] / size**0.5:4.1f}" for n, s in enumerate(summaries, 1)]
    lines.append(f"all:      {overall:6.1f} ± {naive:4.1f} if the series agreed, ± {honest:4.1f} as they are")
    lines.append(f"between the series / within them: F = {between / within:.2f}; above 2.47 by chance in 5 % of cases")
    lines.append(f"today's value is {today}: {(overall - today) / honest:.1f} standard errors below")
    return {
        "table": "\n".join(lines),
        "result": {"mean": overall, "naive": naive, "honest": honest, "F": between / within},
    }


def build_workflow() -> Workflow:
    """Two steps; the file is an uploaded artifact, which an export puts beside the manifest."""
    slices = Slices(output_parameter=["summary"])
    first = Step(
        "describe",
        PythonOPTemplate(describe, image="python:3.11", slices=slices),
        parameters={"series": "{{item}}"},
        artifacts={"measurements": upload_artifact(MEASUREMENTS)},
        with_param=argo_range(SERIES),
        key="series-{{item}}",
    )
    second = Step(
        "combine",
        PythonOPTemplate(combine, image="python:3.11"),
        parameters={"summaries": first.outputs.parameters["summary"], "today": TODAY},
        key="combine",
    )
    workflow = Workflow("speed-of-light")
    workflow.add(first)
    workflow.add(second)
    return workflow


def outputs_of(workflow: Any) -> Dict[str, Any]:
    """The output parameters of all steps with a key."""
    steps = [step for step in workflow.query_step() if step.key]
    return {step.key: {name: p.value for name, p in step.outputs.parameters.items()} for step in steps}


def main() -> None:
    """Run the workflow and print the table, or compare the runs that there are.

    Raises SystemExit when outputs differ.
    """
    if "--compare" in sys.argv:
        runs = [outputs_of(Workflow(id=run.id)) for run in query_workflows()]
        if len(runs) < 2 or any(run != runs[0] for run in runs):
            raise SystemExit(f"{len(runs)} runs, and not all outputs are the same")
        print(f"{len(runs)} runs, {len(runs[0])} steps each: all outputs are the same")
        return
    workflow = build_workflow()
    workflow.submit()
    workflow.wait()  # it has ended already, unless it runs detached or on a server
    workflow.raise_for_status()
    print(workflow.query_step(key="combine")[0].outputs.parameters["table"].value)


if __name__ == "__main__":
    main()
