"""Workflows that the tests of the page look at: run as ``python demo.py NAME`` in the folder where the runs go."""

# ruff: noqa: UP006, UP035 - the signs of dflow spell a list of paths List[Path]

import json
import math
import sys
import time
from pathlib import Path
from typing import List

from dflow import (
    DAG,
    InputParameter,
    Inputs,
    OutputArtifact,
    Outputs,
    PythonScriptOPTemplate,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
)
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices

HOSTILE = '<img src=x onerror="window.__pwned=1">"\'></script><script>window.__pwned=2</script>'


class Prepare(OP):
    """Write structures, a table and a picture."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"count": int, "settings": dict})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"names": List[str], "data": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        data = Path("data")
        (data / "structures").mkdir(parents=True)
        energies = [-3.2 + 0.05 * (i - 8) ** 2 + 0.2 * math.sin(i) for i in range(op_in["count"])]
        for i, energy in enumerate(energies):
            (data / "structures" / f"cu-{i:02}.xyz").write_text(f"1\nenergy={energy:.4f}\nCu 0 0 {i * 0.1:.1f}\n")
            print(f"\x1b[32mwrote\x1b[0m structure {i:2} of {op_in['count']}: energy {energy:8.4f} eV", flush=True)
        rows = [f"{i},cu-{i:02}.xyz,{energy:.4f}" for i, energy in enumerate(energies)]
        (data / "table.csv").write_text("\n".join(["index,file,energy (eV)", *rows]) + "\n")
        (data / "settings.json").write_text(json.dumps({**op_in["settings"], "big": 12345678901234567890}))
        plt.figure(figsize=(4.2, 2.4))
        plt.plot(energies, "o-")
        plt.xlabel("structure")
        plt.ylabel("energy (eV)")
        plt.tight_layout()
        plt.savefig(data / "energies.png", dpi=110)
        return OPIO({"names": [f"cu-{i:02}" for i in range(op_in["count"])], "data": data})


class Relax(OP):
    """Takes as long as its structure is large; one of them does not converge."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"name": str, "pause": float, "bad": str})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"energy": float})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        number = int(op_in["name"].partition("-")[2])
        for cycle in range(4):
            print(f"cycle {cycle}  force {1.0 / (cycle + 1):.3f} eV/A", flush=True)
            time.sleep(op_in["pause"] * (1 + number % 5) / 4)
        if op_in["name"] == op_in["bad"]:
            raise ValueError(f"{op_in['name']} did not converge in 4 cycles: the force is 0.250 eV/A")
        return OPIO({"energy": -3.2 + number / 100})


def shell(name: str, seconds: float, **given: object) -> ShellOPTemplate:
    return ShellOPTemplate(name, script=f"echo {name} begins\nsleep {seconds}\necho done", **given)


def training(pause: float) -> Steps:
    """Three models side by side, each trained and then tested."""
    one = DAG("one-model")
    build = Task("build-features", shell("features", pause))
    split = Task("split", shell("split", pause / 2))
    fit = Task("fit", shell("fit", 3 * pause), dependencies=[build, split])
    test = Task("test", shell("test", pause), dependencies=[fit])
    speed = Task("speed", shell("speed", pause / 2), dependencies=[fit])
    for task in (build, split, fit, test, speed):
        one.add(task)
    inside = Steps("train-models")
    inside.add([Step("linear", one), Step("kernel", one)])
    inside.add(Step("compare", shell("compare", pause)))
    return inside


def study(pause: float = 0.15, *, bad: str = "", count: int = 24) -> Workflow:
    """Preparing, a fan-out of relaxations beside references, training in a group of groups, a report."""
    wf = Workflow("copper-potential")
    prepare = Step(
        "prepare",
        PythonOPTemplate(Prepare),
        parameters={"count": count, "settings": {"functional": "PBE", "cutoff": 520, "kpoints": [4, 4, 4]}},
        key="prepare",
    )
    relax = Step(
        "relax",
        PythonOPTemplate(Relax, slices=Slices("{{item}}", input_parameter=["name"], output_parameter=["energy"])),
        parameters={"name": prepare.outputs.parameters["names"], "pause": pause, "bad": bad},
        with_param=argo_range(count),
        key="relax-{{item}}",
        continue_on_failed=True,
    )
    references = Step("references", shell("references", 4 * pause), key="references")
    wf.add(prepare)
    wf.add([relax, references])
    wf.add(Step("train", training(pause), key="train"))
    wf.add(Step("phonons", shell("phonons", pause), when="1 == 2"))
    wf.add(Step("report", shell("report", pause), key="report"))
    return wf


def live() -> Workflow:
    """Goes on when the files go-1 and go-2 are there."""
    wf = Workflow("live")
    here = Path.cwd()

    def waits(name: str, file: str) -> ShellOPTemplate:
        return ShellOPTemplate(
            name, script=f"echo {name} begins\nuntil test -e {here}/{file}; do sleep 0.05; done\necho {name} is done"
        )

    wf.add(Step("first", waits("first", "go-1"), key="first"))
    wf.add([Step("left", waits("left", "go-2"), key="left"), Step("right", shell("right", 0), key="right")])
    wf.add(Step("last", shell("last", 0), key="last"))
    return wf


def failing() -> Workflow:
    """Fails until the file `mended` is there."""
    wf = Workflow("failing")
    wf.add(Step("good", shell("good", 0), key="good"))
    wf.add(Step("bad", ShellOPTemplate("bad", script=f"test -e {Path.cwd()}/mended || exit 3"), key="bad"))
    return wf


MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: waiting-}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: approve, template: approve}
    - - name: say
        template: say
        arguments: {parameters: [{name: x, value: "{{steps.approve.outputs.parameters.decision}}"}]}
  - name: approve
    suspend: {}
    outputs:
      parameters:
      - {name: decision, valueFrom: {supplied: {}}}
  - name: say
    inputs: {parameters: [{name: x}]}
    script: {image: alpine, command: [sh], source: "cat <<'END'\\nit is {{inputs.parameters.x}}\\nEND\\n"}
"""


def waiting() -> Workflow:
    """Waits for a person, who has to give a decision."""
    return Workflow.from_yaml(MANIFEST)


def hostile() -> Workflow:
    """All that a page shows, as an attacker would write it."""
    wf = Workflow("hostile")
    names = [f"{HOSTILE.replace('/', '_')}.txt", "javascript:window.__pwned=3", "evil.html", "evil.svg", "table.csv"]
    texts = [HOSTILE, HOSTILE, f"<html><body>{HOSTILE}</body></html>", SVG, f"a,b\n{HOSTILE},=cmd()\n"]
    files = dict(zip(names, texts, strict=True))
    files["bad.json"] = json.dumps({"</script>": HOSTILE, "url": "javascript:window.__pwned=4"})
    files["\u202etxt.exe"] = "turned"
    python = (
        "import json, os, pathlib\n"
        f"files = json.loads({json.dumps(json.dumps(files))})\n"
        "os.makedirs('out')\n"
        "for name, text in files.items(): pathlib.Path('out', name).write_text(text)\n"
        "os.symlink('/etc', 'out/etc'); os.symlink('/etc/passwd', 'out/passwd.txt')\n"
        f"print({HOSTILE!r}); print('\\x1b]0;title\\x07\\x1b[31mred\\x1b[0m')\n"
    )
    template = PythonScriptOPTemplate(
        "op",
        command=[sys.executable],
        script=python,
        inputs=Inputs(parameters={"word": InputParameter()}),
        outputs=Outputs(artifacts={"out": OutputArtifact(path="out")}),
    )
    wf.add(Step("step", template, parameters={"word": HOSTILE}, key="hostile"))
    echo = ShellOPTemplate("echo", script="echo", inputs=Inputs(parameters={"word": InputParameter()}))
    wf.add(Step("loop", echo, parameters={"word": "{{item}}"}, with_param=[HOSTILE, "\u202eabc"]))
    wf.add(Step("bad", ShellOPTemplate("bad", script=f"cat >&2 <<'END'\n{HOSTILE}\nEND\nexit 1")))
    return wf


def deep(levels: int = 8) -> Workflow:
    """Groups in groups; in the innermost one a step."""
    inner = shell("innermost", 0)
    for level in reversed(range(levels)):
        outer = Steps(f"level-{level}")
        outer.add([Step(f"inside-{level}", inner), Step(f"beside-{level}", shell("beside", 0))])
        inner = outer
    wf = Workflow("deep")
    wf.add(Step("top", inner))
    return wf


SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.__pwned=5"><script>window.__pwned=6</script></svg>'


class Nothing(OP):
    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"y": op_in["x"]})


def wide(count: int = 10_000) -> Workflow:
    """A loop of so many slices."""
    wf = Workflow("wide")
    op = PythonOPTemplate(Nothing, slices=Slices("{{item}}", input_parameter=["x"], output_parameter=["y"]))
    wf.add(Step("squares", op, parameters={"x": list(range(count))}, with_param=argo_range(count), key="x-{{item}}"))
    return wf


def tasks(count: int = 10_000, side_by_side: int = 100) -> Workflow:
    """A DAG of so many tasks in layers; each waits for three of the layer before it."""
    dag = DAG("main")
    op = PythonOPTemplate(Nothing)
    before: list[Task] = []
    for layer in range(count // side_by_side):
        row = []
        for i in range(side_by_side):
            waits = [before[(i + shift) % side_by_side] for shift in (0, 1, 7)] if before else []
            row.append(Task(f"t-{layer}-{i}", op, parameters={"x": i}, dependencies=waits))
        for task in row:
            dag.add(task)
        before = row
    return Workflow("tasks", dag=dag)


WORKFLOWS = {
    "study": study,
    "broken": lambda: study(0.05, bad="cu-07"),
    "slow": lambda: study(0.7, bad="cu-07"),
    "live": live,
    "failing": failing,
    "waiting": waiting,
    "hostile": hostile,
    "deep": deep,
    "wide": wide,
    "tasks": tasks,
}

if __name__ == "__main__":
    workflow = WORKFLOWS[sys.argv[1]]()
    workflow.submit(detach="--detach" in sys.argv)
    if "--detach" not in sys.argv:
        workflow.wait()
    print("ID", workflow.id)
