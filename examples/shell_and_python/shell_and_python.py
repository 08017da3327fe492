"""Count the words of some texts with the shell, draw the counts with Python.

    texts ──► count (shell) ──► top (a Python class) ──► chart (a Python function)

The three kinds of OP meet here, and the two kinds of data: *artifacts* are files, *parameters* are values.
The three steps form a `Steps`, which the workflow then uses as one step with inputs and outputs of its own.
"""

# ruff: noqa: F821, S108, UP006, UP035 - annotations are signs here; declared /tmp paths are mapped into the step

from pathlib import Path
from typing import Dict

from dflow import (
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    download_artifact,
    upload_artifact,
)
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))

COUNT_WORDS = r"""
set -e
export LC_ALL=C
find -L /tmp/corpus -name '*.txt' -exec cat {} + | tr '[:upper:]' '[:lower:]' | tr -cs '[:alpha:]' '\n' > words
awk 'length >= {{inputs.parameters.shortest}}' words | sort | uniq -c | sort -k1,1nr -k2 > /tmp/counts.txt
awk 'END {print NR}' /tmp/counts.txt > /tmp/distinct.txt
"""


def count_template(image: str) -> ShellOPTemplate:
    """A shell OP: the files it reads and writes are declared by path, here all under /tmp."""
    return ShellOPTemplate(
        name="count-words",
        image=image,
        script=COUNT_WORDS,
        inputs=Inputs(
            parameters={"shortest": InputParameter(type=int, value=1)},
            artifacts={"corpus": InputArtifact(path="/tmp/corpus")},
        ),
        outputs=Outputs(
            parameters={"distinct": OutputParameter(value_from_path="/tmp/distinct.txt", type=int)},
            artifacts={"counts": OutputArtifact(path="/tmp/counts.txt")},
        ),
    )


class TopWords(OP):
    """Pick the most frequent words from the output of `sort | uniq -c | sort -nr`."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"counts": Artifact(Path), "number": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"top": Dict[str, int]})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        top = {}
        for line in op_in["counts"].read_text(encoding="utf-8").splitlines()[: op_in["number"]]:
            count, word = line.split()
            top[word] = int(count)
        return OPIO({"top": top})


@OP.function
def draw_chart(top: Dict[str, int], distinct: int) -> {"chart": Artifact(Path)}:
    """Write one bar per word; the annotations of the function are its signs."""
    width = max(map(len, top), default=0)
    bars = [f"{word:>{width}} {count:3d} {'█' * count}" for word, count in top.items()]
    path = Path("chart.txt")
    path.write_text("\n".join([f"{distinct} different words, the most frequent ones:", *bars, ""]), encoding="utf-8")
    return {"chart": path}


def word_statistics(image: str) -> Steps:
    """The three steps as one template: artifact `corpus` in, parameter `distinct` and artifact `chart` out."""
    steps = Steps(
        "word-statistics",
        inputs=Inputs(
            parameters={"shortest": InputParameter(type=int), "number": InputParameter(type=int)},
            artifacts={"corpus": InputArtifact()},
        ),
        outputs=Outputs(parameters={"distinct": OutputParameter(type=int)}, artifacts={"chart": OutputArtifact()}),
    )
    count = Step(
        "count",
        template=count_template(image),
        parameters={"shortest": steps.inputs.parameters["shortest"]},
        artifacts={"corpus": steps.inputs.artifacts["corpus"]},
    )
    top = Step(
        "top",
        template=PythonOPTemplate(TopWords, image=image),
        parameters={"number": steps.inputs.parameters["number"]},
        artifacts={"counts": count.outputs.artifacts["counts"]},
    )
    chart = Step(
        "chart",
        template=PythonOPTemplate(draw_chart, image=image),
        parameters={"top": top.outputs.parameters["top"], "distinct": count.outputs.parameters["distinct"]},
    )
    for step in (count, top, chart):
        steps.add(step)
    steps.outputs.parameters["distinct"].value_from_parameter = count.outputs.parameters["distinct"]
    steps.outputs.artifacts["chart"]._from = chart.outputs.artifacts["chart"]
    return steps


def build_workflow(*, shortest: int = 4, number: int = 8, image: str = "python:3.11") -> Workflow:
    """Count the words of at least `shortest` letters and draw the `number` most frequent ones."""
    workflow = Workflow("shell-and-python")
    workflow.add(
        Step(
            "statistics",
            template=word_statistics(image),
            parameters={"shortest": shortest, "number": number},
            artifacts={"corpus": upload_artifact(CORPUS)},
            key="statistics",
        )
    )
    return workflow


def main() -> None:
    """Run the workflow and print the chart, which is also left in the current directory.

    Raises StepFailed, which names the step, when the workflow did not succeed.
    """
    workflow = build_workflow()
    workflow.submit()
    workflow.wait()
    workflow.raise_for_status()

    statistics = workflow.query_step(key="statistics")[0]
    download_artifact(statistics.outputs.artifacts["chart"])  # the file keeps its name: ./chart.txt
    print(Path("chart.txt").read_text(encoding="utf-8"), end="")
    print("different words:", statistics.outputs.parameters["distinct"].value)


if __name__ == "__main__":
    main()
