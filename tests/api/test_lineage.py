"""What a catalogue of data is told of workflows."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dflow import LineageClient, LocalArtifact, Step, Workflow, config, registering, set_config, upload_artifact
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import ConfigError
from dflow.lineage import JsonLinesLineage, register
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices


class Make(OP):
    """Makes a file."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"o": Artifact(Path)})

    def execute(self, op_in):
        Path(f"f{op_in['n']}").write_text("made")
        return OPIO({"o": Path(f"f{op_in['n']}")})


class Use(OP):
    """Gets a list, and what was uploaded."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"all": Artifact(list[Path]), "given": Artifact(Path, optional=True)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"r": Artifact(Path), "log": Artifact(Path)})

    def execute(self, op_in):
        Path("r").write_text("r")
        Path("log").write_text("log")
        self.register_output_artifact("r", "chemistry", "final", level=3)
        return OPIO({"r": Path("r"), "log": Path("log")})


def catalogue():
    """What the file of the catalogue has, by kind."""
    records = {"workflow": [], "artifact": [], "task": []}
    for record in JsonLinesLineage("cat.jsonl").records():
        records[record["kind"]].append(record)
    return records


def two_steps(given=None, **arguments):
    """Three slices make files; one step uses them."""
    wf = Workflow("lin", **arguments)
    slices = Slices(input_parameter=["n"], output_artifact=["o"])
    make = Step("make", PythonOPTemplate(Make, slices=slices), parameters={"n": [1, 2, 3]}, key="make-{{item.order}}")
    wf.add(make)
    use = {"all": make.outputs.artifacts["o"], "given": given}
    wf.add(Step("use", PythonOPTemplate(Use), artifacts={k: v for k, v in use.items() if v is not None}, key="use"))
    return wf


@pytest.fixture
def flushed(monkeypatch):
    """Runs wait for their client at their end, as a program does at its own."""
    close = registering.Registrar.close
    monkeypatch.setattr(registering.Registrar, "close", lambda self, **_: close(self, wait=True))


@pytest.fixture
def client(flushed):
    set_config(lineage=JsonLinesLineage("cat.jsonl"), register_tasks=True)
    return config["lineage"]


# -- runs -------------------------------------------------------------------------------------------------------------


def test_a_task_has_the_urns_of_its_inputs_and_its_outputs_get_theirs(client):
    Path("data").write_text("data")
    given = register(upload_artifact("data"), "chemistry", "raw", unit="eV")
    wf = two_steps(given)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    told = catalogue()
    assert [w["name"] for w in told["workflow"]] == [wf.id]
    assert sorted(t["name"] for t in told["task"]) == ["make-0", "make-1", "make-2", "use"]
    by_name = {t["name"]: t for t in told["task"]}
    assert {t["workflow"] for t in told["task"]} == {told["workflow"][0]["urn"]}
    made = [by_name[f"make-{n}"]["output_urns"]["o"] for n in range(3)]
    assert by_name["use"]["inputs"] == {"all": made, "given": given.urn}
    step = wf.query_step(key="use")
    assert by_name["use"]["outputs"]["log"] == step.outputs.artifacts["log"].local_path
    assert [step.outputs.artifacts["log"].urn] == [by_name["use"]["output_urns"]["log"]]
    assert client.get_artifact_metadata(given.urn) == {
        "namespace": "chemistry",
        "name": "raw",
        "uri": given.local_path,
        "unit": "eV",
    }


def test_an_output_that_the_op_registers_has_the_urn_of_that(client):
    config["register_tasks"] = False
    wf = two_steps()
    wf.submit()
    told = catalogue()
    assert told["task"] == []
    (artifact,) = told["artifact"]
    output = wf.query_step(key="use").outputs.artifacts["r"]
    assert (artifact["namespace"], artifact["name"], artifact["details"]) == ("chemistry", "final", {"level": 3})
    assert artifact["uri"] == output.local_path
    assert artifact["urn"] == output.urn


def test_the_urn_of_an_output_goes_with_it_into_another_workflow(client):
    wf = two_steps()
    wf.submit()
    made = wf.query_step(key="make-1")[0].outputs.artifacts["o"]
    other = Workflow("other")
    other.add(Step("use", PythonOPTemplate(Use), artifacts={"all": [made]}, key="again"))
    other.submit()
    (task,) = (t for t in catalogue()["task"] if t["name"] == "again")
    assert task["inputs"] == {"all": made.urn}


def test_without_a_client_nothing_is_written_or_imported(run_script, tmp_path):
    done = run_script(PLAIN + "import sys; print('dflow.registering' in sys.modules)\n")
    assert done.stdout.endswith("Succeeded\nFalse\n")
    assert list(tmp_path.glob("plain-1/.dflow/*lineage*")) == []
    assert list(tmp_path.glob("plain-1/.dflow/ops/*lineage*")) == []


PLAIN = """\
from dflow import ShellOPTemplate, Step, Workflow, config
wf = Workflow("plain", id="plain-1")
wf.add(Step("a", ShellOPTemplate("a", script="true"), key="a"))
wf.submit()
"""


def test_a_program_tells_the_rest_before_it_ends(run_script, tmp_path):
    tmp_path.joinpath("slowly.py").write_text(SLOWLY)
    start = time.monotonic()
    text = PLAIN + "import os; print(os.path.exists('cat.jsonl'))\n"
    done = run_script(text, env={"DFLOW_LINEAGE": "slowly.Slowly", "DFLOW_REGISTER_TASKS": "1"})
    assert done.stdout.endswith("Succeeded\nFalse\n")  # submit() did not wait
    assert time.monotonic() - start >= 1
    assert [t["name"] for t in catalogue()["task"]] == ["a"]


SLOWLY = """\
import time
from dflow.lineage import JsonLinesLineage

class Slowly(JsonLinesLineage):
    def __init__(self):
        super().__init__("cat.jsonl")

    def register_workflow(self, workflow_name):
        time.sleep(1)
        return super().register_workflow(workflow_name)
"""


# -- clients that fail ------------------------------------------------------------------------------------------------


class Broken(LineageClient):
    """Raises what it is told to."""

    def __init__(self, error):
        self.error = error

    def _fail(self, *_, **__):
        raise self.error

    register_workflow = register_artifact = register_task = get_artifact_metadata = _fail


@pytest.mark.parametrize("error", [OSError("no route to host"), SystemExit(3), KeyboardInterrupt()])
def test_a_client_that_fails_is_told_of_once_and_fails_nothing(flushed, caplog, error):
    set_config(lineage=Broken(error), register_tasks=True)
    wf = two_steps()
    wf.submit()
    assert wf.query_status() == "Succeeded"
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("lineage:")]
    assert len(said) == 2
    assert said[0] == f"lineage: the workflow of run {wf.id} is not registered: {type(error).__name__}: {error}"
    assert said[1] == f"lineage: 5 registrations of run {wf.id} failed"


def test_a_client_that_gives_no_urn_is_wrong(flushed, caplog):
    class Silent(JsonLinesLineage):
        def register_workflow(self, workflow_name):
            return None

    set_config(lineage=Silent("cat.jsonl"))
    two_steps().submit()
    assert "register_workflow of the lineage client returned None, which is no URN" in caplog.text


def test_a_client_that_hangs_does_not_hold_the_end_up_for_ever(monkeypatch, caplog):
    free = threading.Event()

    class Hangs(JsonLinesLineage):
        def register_workflow(self, workflow_name):
            free.wait(30)
            return super().register_workflow(workflow_name)

    monkeypatch.setattr(registering, "PATIENCE", 0.2)
    set_config(lineage=Hangs("cat.jsonl"), register_tasks=True)
    opened = []
    close = registering.Registrar.close
    monkeypatch.setattr(registering.Registrar, "close", lambda self, **_: (opened.append(self), close(self)))
    wf = two_steps()
    wf.submit()
    assert wf.query_status() == "Succeeded"
    start = time.monotonic()
    opened[0].wait()
    assert time.monotonic() - start < 5
    assert "lineage: the client does not answer" in caplog.text
    assert "registers nothing, for it cannot get the client; set config['lineage'] to an import path" in caplog.text
    free.set()
    opened[0]._thread.join()


@pytest.mark.parametrize("wrong", ["no.such.Client", "json.dumps", 7])
def test_a_setting_that_gives_no_client_is_told_before_anything_is_written(wrong, tmp_path):
    config["lineage"] = wrong
    with pytest.raises(ConfigError, match=r"config\['lineage'\] is"):
        two_steps(id="never").submit()
    assert not tmp_path.joinpath("never").exists()


def test_an_upload_is_there_although_the_client_fails(caplog):
    config["lineage"] = Broken(OSError("no route to host"))
    Path("data").write_text("data")
    artifact = register(upload_artifact("data"), "ns", "n")
    assert artifact.urn == ""
    assert "lineage: the artifact ns/n is not registered: OSError: no route to host" in caplog.text


def test_without_a_client_an_upload_has_no_urn():
    Path("data").write_text("data")
    assert register(upload_artifact("data"), "ns", "n").urn == ""


# -- runs that go on --------------------------------------------------------------------------------------------------

GOES_ON = """\
import sys
from pathlib import Path
from dflow import ShellOPTemplate, Step, Workflow, config
from dflow.io import InputArtifact, OutputArtifact
from dflow.lineage import JsonLinesLineage

class Mine(JsonLinesLineage):
    pass

config["lineage"] = Mine("cat.jsonl")
config["register_tasks"] = True
one = ShellOPTemplate("one", script="echo 1 > o")
one.outputs.artifacts["o"] = OutputArtifact(path="o")
two = ShellOPTemplate("two", script="test -e DONE".replace("DONE", str(Path("done").absolute())))
two.inputs.artifacts["i"] = InputArtifact(path="i")
wf = Workflow("on", id="on-1")
first = Step("one", one, key="one")
wf.add(first)
wf.add(Step("two", two, artifacts={"i": first.outputs.artifacts["o"]}, key="two"))
wf.submit()
"""


def test_who_goes_on_without_the_script_tells_the_same_client_the_rest(run_script, tmp_path):
    run_script(GOES_ON)
    assert [t["name"] for t in catalogue()["task"]] == ["one"]
    tmp_path.joinpath("script.py").unlink()
    tmp_path.joinpath("done").touch()
    command = [sys.executable, "-m", "dflow.cli", "retry", "on-1"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    told = catalogue()
    assert [t["name"] for t in told["task"]] == ["one", "two"]
    assert told["task"][1]["inputs"] == {"i": told["task"][0]["output_urns"]["o"]}
    assert len(told["workflow"]) == 1


def test_a_restart_registers_nothing_twice(run_script, tmp_path):
    run_script(GOES_ON)
    tmp_path.joinpath("done").touch()
    run_script(GOES_ON)
    assert tmp_path.joinpath("on-1", "status").read_text() == "Succeeded"
    assert [t["name"] for t in catalogue()["task"]] == ["one", "two"]
    assert len(catalogue()["workflow"]) == 1


def test_what_was_not_told_before_a_kill_is_told_by_who_goes_on(run_script, tmp_path):
    run_script(GOES_ON)
    told = tmp_path / "on-1" / ".dflow" / "lineage.jsonl"
    lines = told.read_text().splitlines()
    assert len(lines) == 2
    told.write_text(lines[0] + "\n" + lines[1][:20])  # torn
    tmp_path.joinpath("cat.jsonl").unlink()
    tmp_path.joinpath("done").touch()
    run_script(GOES_ON)
    assert [t["name"] for t in catalogue()["task"]] == ["one", "two"]
    assert [json.loads(line).get("step") for line in told.read_text().splitlines()[2:]] == [
        "on-1[0].one",
        "on-1[1].two",
    ]


def test_a_client_of_a_file_that_others_can_write_is_not_loaded(run_script, tmp_path):
    run_script(GOES_ON)
    tmp_path.joinpath("on-1", ".dflow", "ops", "_lineage.json").chmod(0o666)
    tmp_path.joinpath("done").touch()
    command = [sys.executable, "-m", "dflow.cli", "retry", "on-1"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "the code in it is not trusted" in done.stderr + done.stdout
    assert [t["name"] for t in catalogue()["task"]] == ["one"]
    assert tmp_path.joinpath("on-1", "status").read_text() == "Succeeded"


# -- the graph --------------------------------------------------------------------------------------------------------


def test_the_urn_of_an_artifact_is_in_the_graph_and_comes_back():
    artifact = LocalArtifact("/data")
    artifact.urn = "urn:x"
    wf = Workflow("lin")
    wf.add(Step("use", PythonOPTemplate(Use), artifacts={"all": artifact[0], "given": artifact.sub_path("a")}))
    graph = compile_workflow(wf)
    assert repr(graph).count("urn='urn:x'") == 2
    assert compile_workflow(decompile(graph)) == graph


# -- the client that writes lines -------------------------------------------------------------------------------------


def test_the_same_thing_has_the_same_urn_and_another_another(tmp_path):
    client = JsonLinesLineage(tmp_path / "a")
    urn = client.register_artifact("ns", "n", "/f", a=1)
    assert urn == JsonLinesLineage(tmp_path / "b").register_artifact("ns", "n", "/f", a=1)
    others = [client.register_artifact("ns", "n", "/g", a=1), client.register_artifact("ns", "n", "/f", a=2)]
    assert len({urn, *others, client.register_workflow("ns")}) == 4


def test_metadata_of_what_a_task_has_made_and_of_what_nobody_knows(tmp_path):
    client = JsonLinesLineage(tmp_path / "a")
    urns = client.register_task("t", {}, {"o": "/o"}, "urn:w")
    assert client.get_artifact_metadata(urns["o"]) == {"task": client.records()[0]["urn"], "name": "o", "uri": "/o"}
    with pytest.raises(LookupError, match="has no artifact 'urn:none'"):
        client.get_artifact_metadata("urn:none")


def test_a_torn_line_is_passed_over_and_not_continued(tmp_path):
    client = JsonLinesLineage(tmp_path / "a")
    client.register_workflow("one")
    with client_file(client).open("a") as stream:
        stream.write('{"kind": "workfl')
    client.register_workflow("two")
    assert [record["name"] for record in client.records()] == ["one", "two"]


def client_file(client):
    return Path(client.path)


def test_several_processes_write_whole_lines(tmp_path):
    text = (
        "import sys; from dflow.lineage import JsonLinesLineage; c = JsonLinesLineage('cat.jsonl')\n"
        "for n in range(200): c.register_artifact('ns', f'{sys.argv[1]}-{n}', '/f' * 2000)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", text, str(n)], cwd=tmp_path) for n in range(4)]
    assert [worker.wait() for worker in workers] == [0, 0, 0, 0]
    lines = [json.loads(line) for line in tmp_path.joinpath("cat.jsonl").read_text().splitlines() if line]
    assert len({line["name"] for line in lines}) == 800
