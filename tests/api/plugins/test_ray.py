"""What is rendered for a Ray cluster. No cluster is there: a module in its place says what it is told."""

from __future__ import annotations

import json
import types

from dflow import OutputParameter, PythonScriptOPTemplate, ShellOPTemplate, Step, Workflow
from dflow.plugins.ray import RayClusterExecutor
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate

SCRIPT = """\
from __future__ import annotations
import json, ray
with open("/tmp/p", "w") as stream:
    json.dump(ray.init(), stream)
"""


MODULE = "import os\n\n\ndef init():\n    return os.environ['RAY_ADDRESS']\n"


def installed(tmp_path):
    (tmp_path / "ray's").mkdir()
    (tmp_path / "ray's" / "ray.py").write_text(MODULE)
    return str(tmp_path / "ray's")


def run(template, executor):
    template.outputs.parameters["p"] = OutputParameter(value_from_path="/tmp/p")
    wf = Workflow("ray")
    wf.add(Step("s", template, executor=executor, key="s"))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    return wf.query_step(key="s")[0].outputs.parameters["p"].value


def test_a_python_script_finds_the_cluster_and_the_module(tmp_path):
    executor = RayClusterExecutor("ray://head:10001", ray_remote_path=installed(tmp_path))
    assert json.loads(run(PythonScriptOPTemplate("p", script=SCRIPT), executor)) == "ray://head:10001"


def test_a_shell_script_finds_them_too(tmp_path):
    executor = RayClusterExecutor("ray://head:10001", ray_remote_path=installed(tmp_path))
    script = "#!/bin/sh\npython3 -c 'import ray; print(ray.init())' > /tmp/p"
    assert run(ShellOPTemplate("p", script=script), executor) == "ray://head:10001"
    own = ShellOPTemplate("p", script=script, envs={"RAY_ADDRESS": "auto"})
    assert run(own, executor) == "auto", "what the template says is better"


class Ask(OP):
    """Tells what ``ray.init()`` does."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"address": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        import ray

        return OPIO({"address": ray.init()})


def test_a_python_op_finds_them_too(tmp_path):
    executor = RayClusterExecutor("ray://head:10001", ray_remote_path=installed(tmp_path))
    wf = Workflow("ray")
    wf.add(Step("s", PythonOPTemplate(Ask, image="x"), executor=executor, key="s"))
    wf.submit()
    assert wf.query_step(key="s")[0].outputs.parameters["address"].value == "ray://head:10001"


def test_pods_install_ray_and_what_is_needed_with_it():
    executor = RayClusterExecutor(
        "ray://head:10001",
        ray_remote_path="/opt/ray",
        ray_install_mirror="https://index.example/simple",
        ray_dependencies=["numpy<2", types.ModuleType("pandas")],
    )
    made = executor.render(PythonScriptOPTemplate("p", image="python:3.12", script="import ray"))
    mount = {"name": "ray-python-packages", "mountPath": "/opt/ray"}
    assert made.volumes == [{"name": "ray-python-packages", "emptyDir": {}}]
    assert made.mounts == [mount]
    (installer,) = made.init_containers
    assert (installer["image"], installer["volumeMounts"]) == ("python:3.12", [mount])
    assert installer["command"][:2] == ["sh", "-c"]
    assert installer["command"][2].splitlines() == [
        "set -e",
        "python -c 'import ray' > /dev/null 2>&1 || pip install --target=/opt/ray -i https://index.example/simple ray",
        "pip install --target=/opt/ray -i https://index.example/simple 'numpy<2' pandas",
    ]
