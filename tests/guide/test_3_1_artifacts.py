"""The guides on uploading, downloading and leaving out artifacts.

3.1.2 and 3.1.10 of the guide, 3.1.2 and 3.1.9 of the guide of version 1.0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import download_artifact, path_list_of_artifact, path_object_of_artifact, s3_config, upload_artifact

# The same in both guides.
UPLOAD = """\
artifact = upload_artifact([path1, path2])
step = Step(
    ...
    artifacts={"foo": artifact}
)
"""

READ_TWO_FILES = """\
from pathlib import Path
from typing import List

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate


@OP.function
def join(foo: Artifact(List[Path])) -> {"text": str}:
    return {"text": "+".join(path.read_text() for path in foo)}


path1, path2 = Path("one"), Path("two")
for path in (path1, path2):
    path.write_text(path.name)
"""

SUBMIT = """\
wf = Workflow(name="upload")
wf.add(step)
wf.submit()
"""


def tree(folder):
    """The files below a folder and what they say."""
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def files(tmp_path):
    """Files and a directory in the current directory."""
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "c").write_text("c")
    return tmp_path


def test_3_1_2_a_list_of_files_is_uploaded_and_given_to_a_step(run):
    wf = run(
        READ_TWO_FILES,
        UPLOAD,
        SUBMIT,
        differences=[("    ...\n", '    name="join",\n    template=PythonOPTemplate(join),\n', "left to the reader")],
    )

    assert wf.query_step(name="join").outputs.parameters["text"].value == "one+two"


def test_3_1_2_a_file_keeps_its_path_relative_to_the_current_directory(files):
    artifact = upload_artifact("folder/deep/c")

    assert path_list_of_artifact(artifact) == ["folder/deep/c"]
    download_artifact(artifact, path="got")
    assert tree(files / "got") == {"folder/deep/c": "c"}


def test_3_1_2_a_directory_keeps_its_path_relative_to_the_current_directory(files):
    download_artifact(upload_artifact(files / "folder"), path="got")

    assert tree(files / "got") == {"folder/deep/c": "c"}


def test_3_1_2_a_file_outside_of_the_current_directory_keeps_its_absolute_path(files, monkeypatch):
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    artifact = upload_artifact([files / "a", "../b"])

    inside = str(files).lstrip("/")
    assert path_list_of_artifact(artifact) == [f"{inside}/a", f"{inside}/b"]
    copies = download_artifact(artifact, path="got")
    assert [Path(copy).read_text() for copy in copies] == ["a", "b"]
    assert tree(files / "elsewhere" / "got") == {f"{inside}/a": "a", f"{inside}/b": "b"}


def test_3_1_2_a_soft_link_gives_another_directory_structure(files, monkeypatch):
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    Path("renamed").symlink_to(files / "folder" / "deep" / "c")
    artifact = upload_artifact("renamed")

    assert path_list_of_artifact(artifact) == ["renamed"]
    download_artifact(artifact, path="got")
    assert tree(files / "elsewhere" / "got") == {"renamed": "c"}


def test_3_1_2_a_list_comes_back_in_its_order(files):
    copies = download_artifact(upload_artifact(["b", "folder", "a"]), path="got")

    assert copies == ["got/b", "got/folder", "got/a"]


def test_3_1_2_a_dict_of_files_and_directories_comes_back_as_a_dict(files):
    artifact = upload_artifact({"first": "a", "second": Path("folder")})

    assert path_object_of_artifact(artifact) == {"first": "a", "second": "folder"}
    copies = download_artifact(artifact, path="got")
    assert Path(copies["first"]).read_text() == "a"
    assert tree(Path(copies["second"])) == {"deep/c": "c"}


def test_3_1_2_a_path_that_does_not_exist_is_named(files):
    with pytest.raises(FileNotFoundError, match="missing"):
        upload_artifact(["a", "missing"])


def test_1_0_3_1_2_an_artifact_is_downloaded_to_the_current_directory_by_default(files, monkeypatch):
    artifact = upload_artifact("a")
    (files / "elsewhere").mkdir()
    monkeypatch.chdir(files / "elsewhere")
    download_artifact(artifact)

    assert tree(files / "elsewhere") == {"a": "a"}


def test_3_1_2_a_download_does_not_share_the_file_with_the_artifact(files):
    (copy,) = download_artifact(upload_artifact("a"), path="got")
    Path(copy).write_text("changed")

    assert (files / "a").read_text() == "a"
    assert not Path(copy).is_symlink()


def test_3_1_2_the_artifact_repository_is_configured_by_a_mapping():
    assert {"endpoint", "access_key", "secret_key", "bucket_name", "prefix"} <= set(s3_config)


OPTIONAL_FOR_A_PYTHON_OP = """\
from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate


@OP.function
def look(foo: Artifact(Path)) -> {"seen": str}:
    return {"seen": "nothing" if foo is None else foo.read_text()}


op_template = PythonOPTemplate(look)
op_template.inputs.artifacts["foo"].optional = True
Path("given").write_text("something")
wf = Workflow(name="optional")
wf.add(Step(name="left-out", template=op_template))
wf.add(Step(name="given", template=op_template, artifacts={"foo": upload_artifact("given")}))
wf.submit()
"""

OPTIONAL_FOR_A_SHELL_SCRIPT = """\
from dflow import InputArtifact, OutputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow

op_template = ShellOPTemplate(name="look", script="cat /tmp/foo > /tmp/seen || echo nothing > /tmp/seen")
op_template.inputs.artifacts["foo"] = InputArtifact(path="/tmp/foo")
op_template.outputs.parameters["seen"] = OutputParameter(value_from_path="/tmp/seen")
op_template.inputs.artifacts["foo"].optional = True
make = ShellOPTemplate(name="make", script="echo something > /tmp/made")
make.outputs.artifacts["made"] = OutputArtifact(path="/tmp/made")
made = Step(name="make", template=make)
wf = Workflow(name="optional")
wf.add([Step(name="left-out", template=op_template), made])
wf.add(Step(name="given", template=op_template, artifacts={"foo": made.outputs.artifacts["made"]}))
wf.submit()
"""


@pytest.mark.parametrize("script", [OPTIONAL_FOR_A_PYTHON_OP, OPTIONAL_FOR_A_SHELL_SCRIPT], ids=["python", "shell"])
def test_3_1_10_an_optional_input_artifact_may_be_left_out(run, script):
    wf = run(script)

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="left-out").outputs.parameters["seen"].value == "nothing"
    assert "foo" not in wf.query_step(name="left-out").inputs.artifacts
    assert wf.query_step(name="given").outputs.parameters["seen"].value == "something"


FROM_A_SKIPPED_STEP = """\
maybe = Step(name="maybe", template=make, when="1 > 2")
wf = Workflow(name="skipped")
wf.add(maybe)
wf.add(Step(name="after", template=op_template, artifacts={"foo": maybe.outputs.artifacts["made"]}))
wf.submit()
"""


def test_3_1_10_an_optional_input_artifact_of_a_skipped_step_is_missing(run):
    wf = run(OPTIONAL_FOR_A_SHELL_SCRIPT, FROM_A_SKIPPED_STEP)

    assert wf.id.startswith("skipped")
    assert wf.query_step(name="maybe").phase == "Skipped"
    assert wf.query_step(name="after").outputs.parameters["seen"].value == "nothing"


def test_3_1_10_a_missing_artifact_that_is_not_optional_is_told_before_anything_runs(execute, tmp_path):
    ended = execute(
        OPTIONAL_FOR_A_PYTHON_OP,
        differences=[(".optional = True", ".optional = False", "to see the difference")],
    )

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "step 'left-out'" in last
    assert "'foo'" in last
    assert "optional" in last
    assert not list(tmp_path.glob("optional-*"))
