"""What the user sees after a slip of the pen: names, kinds of values, settings, queries."""

from __future__ import annotations

import pytest

HEAD = """
from dflow import *
from dflow.python import *
wf = Workflow("wf")
t = ShellOPTemplate("t", script="echo xyz > /tmp/o", image="img")
t.inputs.parameters["epochs"] = InputParameter(value=3)
t.outputs.parameters["loss"] = OutputParameter(value_from_path="/tmp/o")
t.outputs.artifacts["model"] = OutputArtifact(path="/tmp/o")
a = Step("train", t, key="iter-0")
"""
RUN = "wf.id = 'first-run'\nwf.add(a)\nwf.submit()\nquery = Workflow(id=wf.id)\n"

BEFORE_A_RUN = {
    "slip_output": 'Step("next", t, parameters={"epochs": a.outputs.parameters["los"]})',
    "slip_output_artifact": 'a.outputs.artifacts["modell"]',
    "slip_no_outputs": 'Step("s", ShellOPTemplate("u", script="true")).outputs.parameters["x"]',
    "slip_no_template": "@OP.function\ndef f(n: int) -> int:\n    return n\n\nStep('s', f)",
    "slip_parameters_are_a_list": 'Step("s", t, parameters=["epochs"])',
    "slip_step_name": 'Step("my step", t)',
    "slip_workflow_name": 'Workflow("My Workflow")',
    "slip_add": "wf.add(t)",
    "slip_config_key": 'config["debug_workdirr"] = "x"\nconfig["mod"]',
    "slip_setting_value": 'config["debug_pool_workers"] = "many"\nwf.add(a)\nwf.submit()',
    "slip_durability": 'config["durability"] = "never"\nwf.add(a)\nwf.submit()',
    "slip_isolation": (
        "@OP.function\ndef f(n: int) -> {'m': int}:\n    return {'m': n}\n\n"
        "wf.add(Step('s', PythonOPTemplate(f, isolation='wram'), parameters={'n': 1}))\nwf.submit()"
    ),
    "slip_kinds": 't.image = 3\nt.command = "bash -e"\nwf.add(a)\nwf.submit()',
    "slip_expression": 'wf.add(Step("s", t, parameters={"epochs": "{{=1 +}}"}))\nwf.submit()',
    "slip_id": 'wf.id = "a b"\nwf.add(a)\nwf.submit()',
    "slip_reuse": 'wf.add(a)\nwf.submit(reuse_step=["x"])',
    "slip_upload": 'upload_artifact("data.csv")',
    "slip_slices": (
        "@OP.function\ndef f(n: int, k: int) -> {'m': int}:\n    return {'m': n}\n\n"
        "slices = Slices(input_parameter=['n', 'k'], output_parameter=['m'])\n"
        "wf.add(Step('s', PythonOPTemplate(f, slices=slices), parameters={'n': [1, 2], 'k': [1, 2, 3]}))\nwf.submit()"
    ),
    "slip_package": (
        "@OP.function\ndef f(n: int) -> {'m': int}:\n    return {'m': n}\n\n"
        "wf.add(Step('s', PythonOPTemplate(f, python_packages=['mine']), parameters={'n': 1}))\nwf.submit()"
    ),
    "slip_form_of_a_drawing": 'wf.add(a)\nwf.graph("mermaidd")',
    "slip_yaml": "Workflow.from_yaml('a: [1')",
    "slip_manifest": (
        "Workflow.from_yaml('{kind: Workflow, metadata: {name: x}, spec: {entrypoint: mian, "
        "templates: [{name: main, container: {imag: a}}]}}')"
    ),
    "slip_block": 'with Workflow("wf"):\n    Step("s", t)\n    Step("s", t)',
    "slip_place": 'config["debug_workdir"] = "/proc/none"\nwf.add(a)\nwf.submit()',
    "server_is_down": 'config["host"] = "http://127.0.0.1:9"\nwf.add(a)\nwf.submit(mode="argo")',
}
AFTER_A_RUN = {
    "slip_query_field": "query.query_step()[0].outputz",
    "slip_query_output": 'query.query_step(key="iter-0").outputs.parameters["los"]',
    "slip_query_nothing_found": 'query.query_step(key="iter-1").outputs',
    "slip_query_pattern": 'query.query_step(name="[")',
    "slip_logs": 'query.logs("trian")',
    "slip_retry": 'query.retry_steps(["trian"])',
    "slip_run": "Workflow(id='frist-run').query_status()",
}


@pytest.mark.parametrize("name", BEFORE_A_RUN)
def test_a_slip_is_named_with_what_was_perhaps_meant(seen, name, tmp_path):
    done = seen(name, HEAD + BEFORE_A_RUN[name])
    assert done.returncode == 1
    assert not list(tmp_path.glob("wf-*"))


@pytest.mark.parametrize("name", AFTER_A_RUN)
def test_a_question_about_a_run_that_has_no_answer(seen, name):
    assert seen(name, HEAD + RUN + AFTER_A_RUN[name]).returncode == 1


def test_a_variable_of_the_environment_that_is_none(seen):
    done = seen("slip_variable", HEAD, env={"DFLOW_DEBUG_WORKDIRR": "x", "DFLOW_OF_ANOTHER_PACKAGE": "y"})
    assert done.returncode == 0


def test_a_script_that_does_not_compile_under_dflow_run(seen):
    done = seen("slip_under_dflow_run", HEAD + BEFORE_A_RUN["slip_kinds"], command=("-m", "dflow.cli", "run"))
    assert done.returncode == 1
