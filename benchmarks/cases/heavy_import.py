"""A DAG of n tasks whose OP needs numpy, and scipy where it is installed: imported at the top, as scripts do."""

import contextlib
import json
import sys

from dflow import DAG, Task, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate

with contextlib.suppress(ImportError):
    import numpy as np
    import scipy.linalg


class Norm(OP):
    """The largest absolute value of x ones: one."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        ones = np.ones(op_in["x"] + 1)
        return OPIO({"y": int(scipy.linalg.norm(ones, np.inf) if "scipy" in globals() else ones.max())})


if __name__ == "__main__":
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    if "np" not in globals():
        print(json.dumps({"status": "skipped", "reason": "numpy is not installed"}))
        sys.exit()
    size = measured.arguments().size
    template = PythonOPTemplate(Norm, image="python:3.11")
    dag = DAG("norms")
    for index in range(size):
        dag.add(Task(f"task-{index}", template=template, parameters={"x": index}, key=f"task-{index}"))
    measured.run(Workflow("heavy-import", dag=dag), steps=size, last=f"task-{size - 1}", expected=1)
