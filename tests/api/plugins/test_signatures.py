"""Names of plugins, their arguments and defaults are upstream's."""

from __future__ import annotations

import inspect

import pytest
from dflow.plugins import bohrium, datasets, dispatcher, lebesgue, ray

TABLE = {
    dispatcher.DispatcherExecutor: (
        "host=None, queue_name=None, port=22, username='root', password=None, private_key_file=None, image=None, "
        "image_pull_policy=None, command='python3', remote_command=None, map_tmp_dir=True, machine_dict=None, "
        "resources_dict=None, task_dict=None, json_file=None, docker_executable=None, singularity_executable=None, "
        "container_args='', podman_executable=None, remote_root=None, retry_on_submission_error=None, "
        "merge_sliced_step=False, pre_script='', post_script='', clean=True, remove_scheduling_strategies=True, "
        "envs=None, merge_bohrium_job_group=False, terminate_grace_period=None"
    ),
    dispatcher.DispatcherExecutor.modify_step: "step",
    dispatcher.DispatcherExecutor.render: "template",
    dispatcher.DispatcherArtifact.modify_config: "name, machine",
    dispatcher.DispatcherArtifact.remote_download: "name, path",
    dispatcher.DispatcherArtifact.bohrium_download: "name, path",
    dispatcher.update_dict: "d1, d2",
    bohrium.BohriumContext: (
        "username=None, phone=None, password=None, bohrium_url=None, executor=None, extra=None, authorization=None"
    ),
    bohrium.BohriumContext.login: "",
    bohrium.BohriumDatasetsArtifact: "path, sub_path=None",
    bohrium.BohriumExecutor: "executor=None, extra=None",
    bohrium.TiefblueClient: (
        "bohrium_url=None, username=None, phone=None, password=None, authorization=None, project_id=None, token=None, "
        "prefix=None, sharePath=None, userSharePath=None, tiefblue_url=None, ticket=None, access_key=None, "
        "openapi_url=None, app_key=None"
    ),
    bohrium.TiefblueClient.get_token: "retry=1",
    bohrium.TiefblueClient.list: "prefix, recursive=False",
    bohrium.create_job_group: "job_group_name",
    bohrium.login: "username=None, phone=None, password=None, bohrium_url=None",
    bohrium.update_headers: "",
    datasets.DatasetsArtifact: (
        "element, version, type='datasets', rclone_image=None, rclone_image_pull_policy=None, rclone_type=None, "
        "ftp_host=None, webdav_host=None, user=None, password=None, rclone_kwargs=None, sub_path=None"
    ),
    datasets.DatasetsArtifact.get_bohrium_urn: "name",
    datasets.wait_for_mount: "point, timeout=60",
    lebesgue.LebesgueContext: (
        "username=None, password=None, bohrium_url='https://lbg-api.dp.tech', login_url=None, app_name=None, "
        "org_id=None, user_id=None, tag=None, executor=None, extra=None, authorization=None"
    ),
    lebesgue.LebesgueExecutor: "executor=None, extra=None",
    ray.RayClusterExecutor: (
        "ray_host, ray_remote_path='/tmp/ray', workdir='~/dflow/workflows/{{workflow.name}}/{{pod.name}}', "
        "ray_install_mirror=None, ray_dependencies=None"
    ),
}


@pytest.mark.parametrize("function", list(TABLE), ids=lambda f: f.__qualname__)
def test_arguments_have_upstreams_order_and_defaults(function):
    found = inspect.signature(function).parameters.values()
    assert ", ".join(str(p.replace(annotation=p.empty)) for p in found if p.name != "self") == TABLE[function]


@pytest.mark.parametrize("module", [bohrium, datasets, dispatcher, lebesgue, ray])
def test_all_is_sorted_and_there(module):
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
