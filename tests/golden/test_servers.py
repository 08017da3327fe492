"""What the user sees when a server refuses: nothing listens at the port 9. The waits are shorter than usual."""

from __future__ import annotations

HEAD = """
from dflow import *
from dflow.executors.batch import patience
from dflow.storage import retrying
from dflow.storage.s3 import calls

patience._FIRST = 0.01
calls.Patience = lambda *_: retrying.Patience(0.3, 0.3)
config["progress"] = "none"
s3_config["endpoint"] = "127.0.0.1:9"
wf = Workflow("wf")
t = ShellOPTemplate("t", script="true")
"""


def test_an_object_store_that_is_down(seen):
    use = 't.inputs.artifacts["a"] = InputArtifact(path="/tmp/a")\nstored = S3Artifact("some/key")\n'
    done = seen("object_store_is_down", f'{HEAD}{use}wf.add(Step("s", t, artifacts={{"a": stored}}))\nwf.submit()\n')
    assert "nothing listens there; start the server, or check s3_config['endpoint']" in done.stderr


def test_outputs_that_cannot_go_to_an_object_store_that_is_down(seen):
    use = 'config["debug_s3"] = True\nt.outputs.artifacts["a"] = OutputArtifact(path="/tmp/a")\n'
    use += 't.script = "date > /tmp/a"\n'
    done = seen("object_store_is_down_for_outputs", f'{HEAD}{use}wf.add(Step("s", t))\nwf.submit()\n')
    assert "nothing listens there" in done.stderr


def test_a_machine_that_refuses_ssh(seen):
    use = 'far = SlurmRemoteExecutor("127.0.0.1", port=9, username="me", workdir="/tmp/x", action_retries=0)\n'
    done = seen("ssh_is_refused", f'{HEAD}{use}wf.add(Step("s", t, key="k", executor=far))\nwf.submit()\n')
    assert "cannot connect to me@127.0.0.1:9" in done.stderr
    assert "docs/errors.md#a-machine-that-does-not-answer" in done.stderr
