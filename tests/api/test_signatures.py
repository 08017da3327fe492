"""Positional order and defaults of the classes and functions that scripts call, against upstream's."""

from __future__ import annotations

import inspect

import dflow
import pytest
from dflow.python import OP, Artifact, BigParameter, Parameter, PythonOPTemplate, Slices
from dflow.utils import randstr, run_command, set_directory

SCRIPT = (
    "name=None, inputs=None, outputs=None, memoize_key=None, pvcs=None, annotations=None, labels=None, "
    "node_selector=None, tolerations=None, affinity=None, image=None, command=None, script=None, volumes=None, "
    "mounts=None, init_progress='0/1', timeout=None, retry_strategy=None, image_pull_policy=None, requests=None, "
    "limits=None, envs=None, init_containers=None, sidecars=None, script_rendered=False"
)
STEP = (
    "name, template, parameters=None, artifacts=None, when=None, with_param=None, continue_on_failed=False, "
    "continue_on_error=False, continue_on_num_success=None, continue_on_success_ratio=None, with_sequence=None, "
    "key=None, executor=None, use_resource=None, util_image=None, util_image_pull_policy=None, util_command=None, "
    "parallelism=None, slices=None, success_hook=None, running_hook=None, failure_hook=None"
)
TABLE = {
    dflow.Step: STEP,
    dflow.Task: "name, template, dependencies=None, **kwargs",
    dflow.Steps: (
        "name=None, inputs=None, outputs=None, steps=None, memoize_key=None, annotations=None, parallelism=None"
    ),
    dflow.DAG: "name=None, inputs=None, outputs=None, tasks=None, memoize_key=None, annotations=None, parallelism=None",
    dflow.Workflow: (
        "name='workflow', steps=None, dag=None, namespace=None, id=None, uid=None, host=None, token=None, "
        "k8s_config_file=None, k8s_api_server=None, context=None, annotations=None, labels=None, parallelism=None, "
        "pod_gc_strategy=None, image_pull_secrets=None, artifact_repo_key=None, parameters=None, on_exit=None"
    ),
    dflow.ShellOPTemplate: SCRIPT,
    dflow.PythonScriptOPTemplate: SCRIPT,
    dflow.ScriptOPTemplate: SCRIPT.replace("image_pull_policy=", "resource=None, image_pull_policy="),
    dflow.OPTemplate: (
        "name=None, inputs=None, outputs=None, memoize_key=None, pvcs=None, annotations=None, labels=None"
    ),
    PythonOPTemplate: (
        "op_class, image=None, command=None, annotations=None, labels=None, node_selector=None, tolerations=None, "
        "affinity=None, output_artifact_save=None, output_artifact_archive=None, output_parameter_default=None, "
        "input_artifact_prefix=None, input_artifact_slices=None, input_parameter_slices=None, "
        "output_artifact_slices=None, output_parameter_slices=None, output_artifact_global_name=None, "
        "output_parameter_global_name=None, slices=None, python_packages=None, timeout=None, "
        "retry_on_transient_error=None, retry_on_failure=None, retry_on_error=None, retry_on_failure_and_error=None, "
        "timeout_as_transient_error=False, memoize_key=None, volumes=None, mounts=None, image_pull_policy=None, "
        "requests=None, limits=None, upload_dflow=True, envs=None, init_containers=None, sidecars=None, "
        "tmp_root='/tmp', pre_script='', post_script='', success_tag=False, create_slice_dir=False, "
        "skip_slice_input=False"
    ),
    Slices: (
        "slices=None, input_parameter=None, input_artifact=None, output_parameter=None, output_artifact=None, "
        "sub_path=False, group_size=None, shuffle=False, random_seed=0, pool_size=None, pool_timeout=None, "
        "register_first_only=False, create_dir=False, raise_for_group=False"
    ),
    dflow.InputParameter: (
        "name=None, step=None, template=None, type=None, save_as_artifact=False, path=None, source=None, **kwargs"
    ),
    dflow.OutputParameter: (
        "value_from_path=None, value_from_parameter=None, name=None, step=None, template=None, type=None, "
        "global_name=None, value_from_expression=None, save_as_artifact=False, save_both=False, **kwargs"
    ),
    dflow.InputArtifact: (
        "path=None, name=None, step=None, template=None, optional=False, type=None, source=None, mode=None, "
        "sub_path=None, archive='default', save_as_parameter=False, **kwargs"
    ),
    dflow.OutputArtifact: (
        "path=None, _from=None, name=None, step=None, template=None, type=None, save=None, archive='default', "
        "global_name=None, from_expression=None, optional=False"
    ),
    dflow.Inputs: "parameters=None, artifacts=None, step=None, template=None",
    dflow.Outputs: "parameters=None, artifacts=None, step=None, template=None",
    dflow.Secret: "value=None, name=None, key='secret'",
    dflow.S3Artifact: "key=None, path_list=None, urn='', debug_s3=False, *args, **kwargs",
    dflow.LocalArtifact: "local_path",
    dflow.ContainerOPTemplate: "command='', args=None, **kwargs",
    Artifact: "type, archive='default', save=None, optional=False, global_name=None, sub_path=True, **kwargs",
    Parameter: "type, global_name=None, **kwargs",
    BigParameter: "type, **kwargs",
    OP: "*args, **kwargs",
    dflow.upload_artifact: "path, archive='default', namespace=None, dataset_name=None, **kwargs",
    dflow.download_artifact: (
        "artifact, extract=True, sub_path=None, slice=None, path='.', remove_catalog=True, **kwargs"
    ),
    dflow.if_expression: "_if, _then, _else",
    dflow.Workflow.submit: "reuse_step=None",
    dflow.Workflow.wait: "interval=1",
    dflow.Workflow.query: "fields=None, retry=3",
    dflow.Workflow.query_step: (
        "name=None, key=None, phase=None, id=None, type=None, parent_id=None, sort_by_generation=False"
    ),
    dflow.Workflow.query_step_by_key: "key, name=None, phase=None, id=None, type=None",
    dflow.query_workflows: "labels=None, fields=None",
    dflow.query_archived_workflows: "labels=None, id=None",
    run_command: (
        "cmd, raise_error=True, input=None, try_bash=False, login=True, interactive=True, shell=False, "
        "print_oe=False, stdout=None, stderr=None, **kwargs"
    ),
    set_directory: "dirname, mkdir=False",
    randstr: "length=5",
}


def parameters_of(function: object) -> list[str]:
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [str(p.replace(annotation=p.empty)) for p in found if p.name != "self"]


@pytest.mark.parametrize("function", list(TABLE), ids=lambda f: f.__qualname__)
def test_arguments_have_upstreams_order_and_defaults(function):
    ours, theirs = parameters_of(function), TABLE[function].split(", ")
    extra = [text for text in ours if text not in theirs]
    assert [text for text in ours if text in theirs] == theirs
    positions = [i for i, text in enumerate(ours) if text in extra]
    named = [text for text in theirs if not text.startswith("*")]
    assert all(i >= len(named) for i in positions), f"{extra} come before arguments that upstream has"


def test_everything_in_all_exists():
    for module in (dflow, dflow.python):
        assert all(hasattr(module, name) for name in module.__all__)


def test_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Wrkflow'"):
        _ = dflow.Wrkflow
