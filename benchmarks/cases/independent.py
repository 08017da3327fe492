"""A DAG of n trivial tasks that do not depend on each other.

The tasks have keys: without them, upstream fails most runs (its record of parallel steps is a race).
"""

from dflow import DAG, Task, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate


class PlusOne(OP):
    """y = x + 1; in the script itself, because upstream's steps import a module only from PYTHONPATH."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"y": op_in["x"] + 1})


if __name__ == "__main__":
    # Below the OP: upstream copies everything above it into the step, where these modules are not importable.
    import measured
    import shell

    options = measured.arguments()
    size, op = options.size, options.op
    template = PythonOPTemplate(PlusOne, image="python:3.11") if op == "python" else shell.PLUS_ONE
    dag = DAG("tasks")
    for index in range(size):
        dag.add(Task(f"task-{index}", template=template, parameters={"x": index}, key=f"task-{index}"))
    measured.run(Workflow("independent", dag=dag), steps=size, last=f"task-{size - 1}", expected=size)
