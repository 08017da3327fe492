"""A shell step and a Python OP as jobs of the scheduler of this machine, which has none: batch type Shell."""

import sys
from pathlib import Path

from dflow import OutputParameter, ShellOPTemplate, Step, Workflow, config
from dflow.plugins.dispatcher import DispatcherExecutor
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate

config["mode"] = "debug"


class Duplicate(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"msg": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"file": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        Path("msg.txt").write_text(op_in["msg"] * 2)
        return OPIO({"file": Path("msg.txt")})


if __name__ == "__main__":
    executor = DispatcherExecutor(
        machine_dict={
            "batch_type": "Shell",
            "context_type": "LocalContext",
            "local_root": "./",
            "remote_root": str(Path("jobs").resolve()),
        },
        resources_dict={"number_node": 1, "cpu_per_node": 1, "group_size": 1},
        command=[sys.executable, "-u"],
    )
    say = ShellOPTemplate("say", image="alpine", script="printf hello > /tmp/msg")
    say.outputs.parameters["msg"] = OutputParameter(value_from_path="/tmp/msg")
    wf = Workflow("dispatcher")
    said = Step("say", say, executor=executor)
    wf.add(said)
    template = PythonOPTemplate(Duplicate, image="python:3.10")
    wf.add(Step("duplicate", template, parameters={"msg": said.outputs.parameters["msg"]}, executor=executor))
    wf.submit()
    wf.raise_for_status()
    found = wf.query_step(name="duplicate")[0].outputs.artifacts["file"]
    print("FOUND", next(Path(found.local_path).rglob("msg.txt")).read_text())
