"""What the user sees when something around a step fails, or several of its copies, or its inputs do not fit."""

from __future__ import annotations

import pytest

HEAD = """
import os
from dflow import *
from dflow.python import *
wf = Workflow("wf")


def shell(script, **outputs):
    made = ShellOPTemplate("t", script=script)
    for name, path in outputs.items():
        made.outputs.parameters[name] = OutputParameter(value_from_path=path)
    return made


def taking(name):
    made = ShellOPTemplate("u", script="true")
    made.inputs.parameters[name] = InputParameter()
    return made


"""
OP_OF_N = """
@OP.function
def f(n: int) -> {"m": int}:
    BODY


"""
SUBMIT = "\nwf.submit()\n"
WRITES = 'first = Step("first", shell("echo xyz > /tmp/o", o="/tmp/o"))\nwf.add(first)\n'


def op(body: str, use: str = 'wf.add(Step("s", PythonOPTemplate(f), parameters={"n": 1}))') -> str:
    return OP_OF_N.replace("BODY", body.replace("\n", "\n    ")) + use


RAISES_ABOVE_1 = 'if n > 1:\n    raise ValueError(f"bad {n}")\nreturn {"m": n}'
FAILURES = {
    "op_that_crashes": op("os.kill(os.getpid(), 11)"),
    "op_that_runs_out_of_memory": op("raise MemoryError"),
    "op_that_asks_for_no_input": (
        "class F(OP):\n"
        "    @classmethod\n    def get_input_sign(cls):\n        return OPIOSign({'epochs': int})\n\n"
        "    @classmethod\n    def get_output_sign(cls):\n        return OPIOSign({'m': int})\n\n"
        "    @OP.exec_sign_check\n    def execute(self, op_in):\n        return OPIO({'m': op_in['epoch']})\n\n\n"
        "wf.add(Step('s', PythonOPTemplate(F), parameters={'epochs': 1}))"
    ),
    "input_of_a_wrong_type": WRITES
    + op(
        'return {"m": n}', 'wf.add(Step("s", PythonOPTemplate(f), parameters={"n": first.outputs.parameters["o"]}))'
    ),
    "slice_that_fails": op(
        RAISES_ABOVE_1,
        "slices = Slices(input_parameter=['n'], output_parameter=['m'])\n"
        "wf.add(Step('s', PythonOPTemplate(f, slices=slices), parameters={'n': [1, 2]}, key='s-{{item.order}}'))",
    ),
    "group_that_fails": op(
        RAISES_ABOVE_1,
        "slices = Slices(input_parameter=['n'], output_parameter=['m'], group_size=2)\n"
        "wf.add(Step('s', PythonOPTemplate(f, slices=slices), parameters={'n': [1, 2]}))",
    ),
    "slices_of_different_length": (
        "@OP.function\ndef f(n: int, k: int) -> {'m': int}:\n    return {'m': n}\n\n\n"
        "slices = Slices(input_parameter=['n', 'k'], output_parameter=['m'])\n"
        "wf.parameters = {'k': [1, 2, 3]}\n"
        "values = {'n': [1, 2], 'k': '{{workflow.parameters.k}}'}\n"
        "wf.add(Step('s', PythonOPTemplate(f, slices=slices), parameters=values))"
    ),
    "loop_over_a_text": WRITES
    + 'wf.add(Step("s", taking("n"), parameters={"n": "{{item}}"}, with_param=first.outputs.parameters["o"]))',
    "condition_of_a_text": WRITES + 'wf.add(Step("s", shell("true"), when="%s < 3" % first.outputs.parameters["o"]))',
    "output_of_a_skipped_step": (
        'first = Step("first", shell("true", o="/tmp/o"), when="1 == 2")\nwf.add(first)\n'
        'wf.add(Step("s", taking("n"), parameters={"n": first.outputs.parameters["o"]}))'
    ),
    "artifact_that_was_not_made": (
        't = shell("true")\nt.outputs.artifacts["x"] = OutputArtifact(path="/tmp/x", optional=True)\n'
        'first = Step("first", t)\nwf.add(first)\nu = shell("true")\n'
        'u.inputs.artifacts["y"] = InputArtifact(path="/y")\n'
        'wf.add(Step("s", u, artifacts={"y": first.outputs.artifacts["x"]}))'
    ),
    "artifact_of_a_server_that_is_down": (
        't = shell("true")\nt.inputs.artifacts["a"] = InputArtifact(path="/tmp/a")\n'
        'wf.add(Step("s", t, artifacts={"a": HTTPArtifact("http://127.0.0.1:9/x")}))'
    ),
    "program_that_cannot_be_executed": 'wf.add(Step("s", shell("/etc/passwd")))',
    "step_deep_inside": (
        'inner = Steps("inner")\ninner.add(Step("a", shell("exit 4")))\nouter = Steps("outer")\n'
        'outer.add(Step("in", inner))\nwf.add(Step("out", outer))'
    ),
    "retries_that_are_used_up": op(
        'raise TransientError("busy")',
        'wf.add(Step("s", PythonOPTemplate(f, retry_on_transient_error=2), parameters={"n": 1}, key="k"))',
    ),
    "module_that_is_not_there_in_the_step": (
        "from pathlib import Path\nimport sys\n"
        'Path("mine.py").write_text("from dflow.python import OP\\nimport sys\\n"\n'
        '    "if sys.argv[0] != \'script.py\':\\n    import a_package_that_is_not_there\\n\\n"\n'
        '    "@OP.function\\ndef f(n: int) -> {\'m\': int}:\\n    return {\'m\': n}\\n")\n'
        'import mine\nwf.add(Step("s", PythonOPTemplate(mine.f), parameters={"n": 1}))'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_run_that_fails_says_where_and_why_and_what_to_do(seen, name):
    done = seen(name, HEAD + FAILURES[name] + SUBMIT)
    assert done.returncode == 0
    assert "retry: dflow retry wf-" in done.stderr
