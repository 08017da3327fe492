"""Every block of code of both guides: which test runs it, or why none does.

A line names the guide, the section, the first line of the block as the guide has it, and either tests that hold the
block word for word, or the reason why it cannot run here.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent

CLUSTER = "needs a Kubernetes cluster"
OTHER = "the package index has another version; CI installs this one"
NO_SCRIPT = "the script is not in the guide; our examples have tests of their own"

# Tests that hold several blocks, or a block of both guides.
HELLO = "1_overview::test_1_1_the_op_copies_foo_to_bar_and_repeats_the_message"
SHELL = "1_overview_1_0::test_1_2_the_shell_template_copies_foo_and_writes_the_message"
PYTHON = "1_overview_1_0::test_1_3_the_python_op_copies_its_artifact_and_repeats_the_message"
CHOICE = "3_1_conditions::test_3_1_5_a_condition_chooses_the_step_the_parameter_and_the_artifact"
STEPS = "3_1_steps_and_dag::test_3_1_3_a_steps_is_a_template_with_inputs_and_outputs_of_its_own"
TREE = "3_1_run_directory::test_3_1_19_the_directory_of_a_run_has_the_names_that_the_guide_shows"
SLICES = "3_2_slices::test_3_2_1_each_step_gets_its_slice_and_the_logs_are_one_artifact"
PACKAGES = "3_2_packages::test_3_2_4_an_op_imports_a_package_that_is_uploaded_for_all"
PROGRESS = "3_2_progress::test_3_2_3_progress_is_seen_while_the_op_runs"
UPLOAD = "3_1_artifacts::test_3_1_2_a_list_of_files_is_uploaded_and_given_to_a_step"
EXECUTOR = "3_1_executor::test_3_1_14_an_executor_renders_the_template_of_its_step"
EXECUTOR_1_0 = "3_1_executor::test_1_0_3_1_13_an_executor_of_the_first_version_rewrites_the_script"
STORAGE = "3_1_storage::test_3_1_20_a_client_with_the_methods_of_the_guide_keeps_the_artifacts"
WITH_PARAM = "3_1_loops::test_3_1_6_with_param_makes_a_step_for_each_item_of_a_list"
WITH_SEQUENCE = "3_1_loops::test_3_1_6_with_sequence_makes_a_step_for_each_number"


class Block(NamedTuple):
    """A block of a guide."""

    section: str
    begins: str
    tests: str = ""
    why_not: str = ""


GUIDE = [
    Block("introduction", "pip install cookiecutter", why_not="another tool, and a template on another host"),
    Block("1.1.2", "class SimpleExample(OP):", HELLO),
    Block("1.1.2", "@OP.function", HELLO),
    Block("1.1.2", 'PythonOPTemplate(SimpleExample, image="python:3.8")', HELLO),
    Block("1.1.3", "simple_example_step = Step(", HELLO),
    Block("1.1.4", 'wf = Workflow(name="hello-world")', HELLO),
    Block("1.1.4", "wf.submit()", HELLO),
    Block("2.2", "pip install pydflow", why_not=OTHER),
    Block("2.3", "python examples/test_python.py", why_not=NO_SCRIPT),
    Block("3.1.2", "artifact = upload_artifact([path1, path2])", UPLOAD),
    Block("3.1.3", 'steps.inputs.parameters["msg"] = InputParameter()', STEPS),
    Block("3.1.3", "steps.add(step)", STEPS),
    Block("3.1.3", 'steps.outputs.parameters["msg"].value_from_parameter', STEPS),
    Block("3.1.3", 'steps.outputs.artifacts["foo"]._from', STEPS),
    Block(
        "3.1.4", "dag.add(task)", "3_1_steps_and_dag::test_3_1_4_dependencies_are_found_from_parameters_and_artifacts"
    ),
    Block(
        "3.1.4",
        "task_3 = Task(..., dependencies=[task_1, task_2])",
        "3_1_steps_and_dag::test_3_1_4_a_task_waits_for_its_dependencies_whatever_the_order_of_adding",
    ),
    Block("3.1.5", 'steps.outputs.parameters["msg"].value_from_expression = if_expression(', CHOICE),
    Block("3.1.5", 'steps.outputs.artifacts["foo"].from_expression = if_expression(', CHOICE),
    Block("3.1.6", 'with_param=steps.inputs.parameters["msg_list"]', WITH_PARAM),
    Block("3.1.6", 'with_sequence=argo_sequence(argo_len(steps.inputs.parameters["msg_list"]))', WITH_SEQUENCE),
    Block("3.1.14", "class Executor(ABC):", EXECUTOR),
    Block("3.1.15", "from dflow.plugins.dispatcher import DispatcherExecutor", why_not="needs an HPC scheduler"),
    Block("3.1.16", "kubectl get nodes", why_not=CLUSTER),
    Block("3.1.16", "executor=SlurmJobTemplate(", why_not=CLUSTER),
    Block("3.1.17", "class Resource(ABC):", why_not=CLUSTER + ", and is not Python as it stands"),
    Block("3.1.19", 'config["mode"] = "debug"', TREE),
    Block("3.1.19", "python-lsev6", TREE),
    Block("3.1.20", "class StorageClient(ABC):", STORAGE),
    Block("3.2.1", 'step = Step(name="parallel-tasks",', SLICES),
    Block("3.2.1", "log = [None] * 5", "3_2_slices::test_3_2_1_the_pseudocode_gives_the_same"),
    Block(
        "3.2.1",
        "slices=Slices(sub_path=True,",
        "3_2_slices::test_3_2_1_in_sub_path_mode_the_lists_say_how_many_steps_there_are",
    ),
    Block("3.2.3", "class Progress(OP):", PROGRESS),
    Block("3.2.4", "from dflow.python import upload_packages", PACKAGES),
]

GUIDE_1_0 = [
    Block("1.2.2", "simple_example_templ = ShellOPTemplate(", SHELL),
    Block("1.2.2", "from dflow import InputParameter, InputArtifact, OutputParameter, OutputArtifact", SHELL),
    Block(
        "1.2.2",
        'simple_example=PythonScriptOPTemplate(name = "Hello",',
        "1_overview_1_0::test_1_2_2_the_same_operation_as_a_python_script",
    ),
    Block("1.2.3", "simple_example_step = Step(", SHELL),
    Block("1.2.4", 'wf = Workflow(name="hello-world")', SHELL),
    Block("1.2.4", "wf.submit()", SHELL),
    Block("1.3.1", "class SimpleExample(OP):", PYTHON),
    Block("1.3.1", 'PythonOPTemplate(SimpleExample, image="dptechnology/dflow")', PYTHON),
    Block("2.1", "minikube start", why_not=CLUSTER),
    Block("2.2", "kubectl create ns argo", why_not=CLUSTER),
    Block("2.2", "kubectl -n argo port-forward deployment/argo-server 2746:2746", why_not=CLUSTER),
    Block("2.2", "kubectl -n argo port-forward deployment/minio 9000:9000", why_not=CLUSTER),
    Block("2.3", "pip install pydflow", why_not=OTHER),
    Block("2.4", "python examples/test_steps.py", why_not=NO_SCRIPT),
    Block("3.1.2", "artifact = upload_artifact([path1, path2])", UPLOAD),
    Block(
        "3.1.2",
        'step = wf.query_step(name="hello")',
        "3_1_workflow_management::test_1_0_3_1_2_the_one_step_that_a_query_found_can_be_used_itself",
    ),
    Block("3.1.4", 'steps.outputs.parameters["msg"].value_from_expression = if_expression(', CHOICE),
    Block("3.1.4", 'steps.outputs.artifacts["foo"].from_expression = if_expression(', CHOICE),
    Block("3.1.5", 'with_param=steps.inputs.parameters["msg_list"]', WITH_PARAM),
    Block("3.1.5", 'with_sequence=argo_sequence(argo_len(steps.inputs.parameters["msg_list"]))', WITH_SEQUENCE),
    Block("3.1.13", "class Executor(object):", EXECUTOR_1_0),
    Block("3.1.13", "executor=SlurmRemoteExecutor(", why_not="needs an HPC scheduler"),
    Block("3.1.14", "kubectl get nodes", why_not=CLUSTER),
    Block("3.1.14", "executor=SlurmJobTemplate(", why_not=CLUSTER),
    Block("3.2.1", 'slices=Slices("{{item}}",', SLICES),
    Block("3.2.3", "class Progress(OP):", PROGRESS),
    Block("3.2.4", "from dflow import upload_packages", PACKAGES),
]

# Sections whose only code stands within their sentences; the tests hold the phrase.
PHRASES = [
    Block("3.1.1", "wf.query_step(", "3_1_workflow_management::test_3_1_1_query_step_by_phase_id_and_type"),
    Block(
        "3.1.1",
        "wf.terminate()",
        "3_1_workflow_management::test_3_1_1_terminate_of_a_workflow_that_has_ended_changes_nothing",
    ),
    Block(
        "3.1.7", "timeout=t", "3_1_conditions::test_3_1_7_a_step_that_takes_longer_than_its_timeout_is_ended_and_failed"
    ),
    Block(
        "3.1.8", "continue_on_failed=True", "3_1_conditions::test_3_1_8_a_workflow_goes_on_after_a_step_that_may_fail"
    ),
    Block(
        "3.1.9",
        "continue_on_success_ratio=r",
        "3_1_loops::test_3_1_9_a_workflow_goes_on_when_enough_parallel_steps_succeed",
    ),
    Block("3.1.10", ".optional = True", "3_1_artifacts::test_3_1_10_an_optional_input_artifact_may_be_left_out"),
    Block(
        "3.1.11",
        ".default = default_value",
        "3_1_conditions::test_3_1_11_the_default_of_an_output_parameter_is_used_when_the_step_is_skipped",
    ),
    Block("3.1.12", 'key="some-key"', "3_1_workflow_management::test_3_1_12_a_unique_key_finds_a_singleton_list"),
    Block(
        "3.1.13",
        "wf.submit(reuse_step=[step0, step1])",
        "3_1_reuse::test_3_1_13_a_failed_workflow_is_restarted_from_a_point_with_the_outputs_of_finished_steps",
    ),
    Block(
        "3.1.13",
        "step0.modify_output_parameter(par_name, value)",
        "3_1_reuse::test_3_1_13_an_output_parameter_is_changed_before_it_is_reused",
    ),
    Block(
        "3.1.13",
        "step0.modify_output_artifact(art_name, artifact)",
        "3_1_reuse::test_3_1_13_an_output_artifact_is_changed_before_it_is_reused",
    ),
    Block("3.1.18", "Static", why_not="a table; its examples are tested in test_3_1_names.py"),
    Block(
        "3.2.2",
        "PythonOPTemplate(..., retry_on_transient_error=n)",
        "3_2_retry::test_3_2_2_a_transient_error_is_tried_again_up_to_n_times",
    ),
    Block(
        "3.2.2",
        "PythonOPTemplate(..., timeout_as_transient_error=True)",
        "3_2_retry::test_3_2_2_a_timeout_can_be_a_transient_error",
    ),
]

ALL = [*GUIDE, *GUIDE_1_0, *PHRASES]
TESTED = [block for block in ALL if block.tests]


@pytest.mark.parametrize("block", TESTED, ids=[f"{block.section}-{block.begins[:30]}" for block in TESTED])
def test_the_test_of_a_block_is_there_and_holds_the_block(block):
    name, _, test = block.tests.partition("::")
    text = (HERE / f"test_{name}.py").read_text(encoding="utf-8")
    found = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}

    assert test in found
    assert block.begins in text


def test_every_block_is_tested_or_says_why_not():
    assert [block for block in ALL if bool(block.tests) == bool(block.why_not)] == []
    assert (len(GUIDE), len(GUIDE_1_0)) == (33, 27)
