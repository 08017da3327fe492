"""The guides on running a workflow again with finished steps: 3.1.13 of the guide, 3.1.12 of the guide of version 1.0.

The sections have no block but three phrases, the same in both: the tests hold the phrases.
"""

from __future__ import annotations

from pathlib import Path

from dflow import Workflow, download_artifact, query_workflows

SUBMIT_WITH_REUSE = "wf.submit(reuse_step=[step0, step1])"
MODIFY_PARAMETER = "step0.modify_output_parameter(par_name, value)"
MODIFY_ARTIFACT = "step0.modify_output_artifact(art_name, artifact)"

# Two expensive steps and a third one, which fails as long as there is no file "mended".
WORKFLOW = """\
from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate

HERE = Path.cwd()


@OP.function
def expensive(here: str, n: int) -> {"n": int, "file": Artifact(Path)}:
    with open(here + "/ran", "a") as file:
        file.write("expensive %d\\n" % n)
    Path("made.txt").write_text("made of %d" % n)
    return {"n": n + 1, "file": Path("made.txt")}


@OP.function
def last(here: str, n: int, file: Artifact(Path)) -> {"said": str}:
    if not Path(here, "mended").exists():
        raise RuntimeError("not mended yet")
    return {"said": "%d, %s" % (n, file.read_text())}


def build():
    here = str(HERE)
    wf = Workflow(name="reuse")
    one = Step("one", PythonOPTemplate(expensive), parameters={"here": here, "n": 1}, key="one")
    wf.add(one)
    given = {"here": here, "n": one.outputs.parameters["n"]}
    two = Step("two", PythonOPTemplate(expensive), parameters=given, key="iter-%s" % one.outputs.parameters["n"])
    wf.add(two)
    given = {"here": here, "n": two.outputs.parameters["n"]}
    file = {"file": one.outputs.artifacts["file"]}
    wf.add(Step("last", PythonOPTemplate(last), parameters=given, artifacts=file, key="last"))
    return wf


wf = build()
wf.submit()
assert wf.query_status() == "Failed"
step0 = wf.query_step(key="one")[0]
step1 = wf.query_step(key="iter-2")[0]
Path("mended").touch()
par_name, value = "n", 10
art_name = "file"
Path("better.txt").write_text("better")
artifact = upload_artifact("better.txt")
wf = build()
"""

ONLY_THE_FIRST = (SUBMIT_WITH_REUSE, "wf.submit(reuse_step=[step0])", "the second runs again, with the changed value")


def ran() -> list[str]:
    """Which expensive steps ran, over all workflows."""
    return Path("ran").read_text().splitlines()


def test_3_1_13_a_failed_workflow_is_restarted_from_a_point_with_the_outputs_of_finished_steps(run):
    wf = run(WORKFLOW, SUBMIT_WITH_REUSE)

    assert wf.query_status() == "Succeeded"
    assert ran() == ["expensive 1", "expensive 2"]
    assert wf.query_step(key="last").outputs.parameters["said"].value == "3, made of 1"
    assert [wf.query_step(key=key).phase for key in ("one", "iter-2", "last")] == ["Succeeded"] * 3


def test_3_1_13_a_reused_step_says_from_which_run_it_comes(run):
    wf = run(WORKFLOW, SUBMIT_WITH_REUSE)

    assert wf.query_step(key="one").reusedFrom.startswith("reuse-")
    assert wf.query_step(key="one").reusedFrom != wf.id


def test_3_1_13_an_output_parameter_is_changed_before_it_is_reused(run):
    wf = run(WORKFLOW, MODIFY_PARAMETER, SUBMIT_WITH_REUSE, differences=[ONLY_THE_FIRST])

    assert ran() == ["expensive 1", "expensive 2", "expensive 10"]
    assert wf.query_step(key="one").outputs.parameters["n"].value == 10
    assert wf.query_step(key="last").outputs.parameters["said"].value == "11, made of 1"


def test_3_1_13_a_key_that_changes_with_its_inputs_does_not_match_a_step_of_other_inputs(run):
    wf = run(WORKFLOW, MODIFY_PARAMETER, SUBMIT_WITH_REUSE)

    assert ran() == ["expensive 1", "expensive 2", "expensive 10"]
    assert wf.query_step(key="iter-2") == []
    assert wf.query_step(key="iter-10").phase == "Succeeded"


def test_3_1_13_an_output_artifact_is_changed_before_it_is_reused(run, tmp_path):
    wf = run(WORKFLOW, MODIFY_ARTIFACT, SUBMIT_WITH_REUSE)

    assert ran() == ["expensive 1", "expensive 2"]
    assert wf.query_step(key="last").outputs.parameters["said"].value == "3, better"
    (file,) = download_artifact(wf.query_step(key="one").outputs.artifacts["file"], path=tmp_path / "downloaded")
    assert Path(file).read_text() == "better"


def test_3_1_13_the_outputs_of_the_earlier_run_stay_as_they_were(run):
    run(WORKFLOW, MODIFY_PARAMETER, MODIFY_ARTIFACT, SUBMIT_WITH_REUSE)
    earlier = Workflow(id=query_workflows()[1].id)

    assert earlier.query_status() == "Failed"
    assert earlier.query_step(key="one").outputs.parameters["n"].value == 2
    assert "made.txt" in download_artifact(earlier.query_step(key="one").outputs.artifacts["file"], path="old")[0]
