"""Twenty layers of n tasks; each task depends on two or three tasks of the layer before it.

A task takes its number from one of them, so that it leaves as many files as a slice does.
"""

from dflow import DAG, Task, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate

LAYERS = 20


class PlusOne(OP):
    """y = x + 1."""

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
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    size = measured.arguments().size
    template = PythonOPTemplate(PlusOne, image="python:3.11")
    dag = DAG("layers")
    before: list[Task] = []
    for layer in range(LAYERS):
        tasks = []
        for place in range(size):
            needed = [before[(place + shift) % size] for shift in range(2 + place % 2)] if before else []
            x = needed[0].outputs.parameters["y"] if needed else 0
            name = f"task-{layer}-{place}"
            tasks.append(Task(name, template, dependencies=needed, parameters={"x": x}, key=name))
            dag.add(tasks[-1])
        before = tasks
    workflow = Workflow("layered", dag=dag)
    measured.run(workflow, steps=LAYERS * size, last=f"task-{LAYERS - 1}-{size - 1}", expected=LAYERS)
