"""The runtime of a pod alone: a directory in, a directory out."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import dflow
import pytest
from dflow.engine import codec
from dflow.engine.model import OpPayload

POD = Path(dflow.__path__[0], "python", "runtime", "pod.py")
DRIVER = "import sys\nfrom dflow.python.runtime.pod import main\nsys.exit(main({!r}, {!r}, whole={!r}))\n"


OP_FILE = """
from pathlib import Path
from typing import List
from dflow.python import OP, Artifact


@OP.function
def joined(text: str, given: Artifact(List[Path])) -> {"text": str, "made": Artifact(Path)}:
    made = Path(f"{text}.txt")
    made.write_text(text + "".join(file.read_text() for file in given))
    return {"text": made.read_text(), "made": made}
"""


@pytest.fixture
def pod(tmp_path):
    """Runs the OP in a directory, with inputs laid there as Argo would."""
    place = tmp_path / "pod"
    (place / "inputs" / "parameters").mkdir(parents=True)
    (place / "inputs" / "parameters" / "text").write_text("t")
    (place / "inputs" / "artifacts").mkdir()
    (tmp_path / "op_of_pod.py").write_text(OP_FILE)
    payload = OpPayload(kind="import", name="joined", module="op_of_pod", qualname="joined")
    op = {"op": codec.encode(payload), "path": [str(tmp_path)], "save": "link"}
    (place / "op.json").write_text(json.dumps(op))

    def run(spec="{}", whole=(), **env):
        program = DRIVER.format(str(place / "op.json"), spec if isinstance(spec, str) else json.dumps(spec), whole)
        found = {**os.environ, "PYTHONPATH": str(Path(dflow.__path__[0]).parent), **env}
        return subprocess.run(
            [sys.executable, "-c", program], env=found, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    run.place = place
    return run


def artifact(place: Path, files: dict, orders: list | None = None, catalog: str = "c", **marks) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name).write_text(text)
    if orders is not None:
        (place / ".dflow").mkdir(exist_ok=True)
        items = [{"dflow_list_item": name, "order": order} for name, order in zip(files, orders, strict=True)]
        (place / ".dflow" / catalog).write_text(json.dumps({"path_list": items, **marks}))


def given(pod, *arguments, **marks):
    artifact(pod.place / "inputs" / "artifacts" / "given", *arguments, **marks)


def result(pod) -> str:
    return (pod.place / "outputs" / "parameters" / "text").read_text()


def test_it_parses_on_old_versions_of_python():
    assert ast.parse(POD.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_inputs_are_files_and_so_are_outputs(pod):
    given(pod, {"a": "A", "b": "B"}, [1, 0])
    done = pod()
    assert done.returncode == 0, done.stderr
    assert result(pod) == "tBA\n"
    assert (pod.place / "outputs" / "artifacts" / "made" / "t.txt").read_text() == "tBA"
    assert (pod.place / "outputs" / "parameters" / "dflow_count_made").read_text() == "1\n"


def test_an_output_that_is_read_whole_gets_no_line_break(pod):
    given(pod, {"a": "A"}, [0])
    assert pod(whole=["text"]).returncode == 0
    assert result(pod) == "tA"


@pytest.mark.parametrize(
    ("orders", "marks", "position", "found"),
    [
        ([0, 1], {}, 1, "B"),
        ([0, 1], {}, -1, "B"),
        ([3, 7], {}, 1, "B"),
        (["x", "y"], {}, "y", "B"),
        (["x", "y"], {}, 0, "A"),
        (["5", "7"], {}, "7", "B"),
        (["5", "7"], {}, 0, "A"),
        (["a.b", "a.c"], {"nested": False}, "a.c", "B"),
        (["a.b", "a.c"], {"nested": False}, 0, "A"),
    ],
)
def test_an_element_is_picked_by_its_position_or_key(pod, orders, marks, position, found):
    given(pod, {"a": "A", "b": "B"}, orders, **marks)
    done = pod({"picks": {"given": [position]}})
    assert done.returncode == 0, done.stderr
    assert result(pod) == f"t{found}\n"


def test_an_element_that_is_not_there_is_named(pod):
    given(pod, {"a": "A"}, [0])
    done = pod({"picks": {"given": [4]}})
    assert done.returncode == 1
    assert "there is no slice '4' of 'given', which has 1 elements" in done.stderr


def test_several_artifacts_become_one(pod):
    parts = pod.place / "parts" / "given"
    artifact(parts / "0", {"a": "A"}, [0])
    artifact(parts / "1", {"b": "B", "c": "C"}, [0, 1])
    done = pod({"parts": {"given": {"keys": ["0", "1"], "elements": [None, "1"], "dict": False}}})
    assert done.returncode == 0, done.stderr
    assert result(pod) == "tAC\n"


SLICES = {
    "input_parameters": [],
    "input_artifacts": [],
    "output_parameters": [],
    "output_artifacts": ["made"],
    "create_dir": False,
    "pool_size": 1,
    "pool_timeout": None,
    "raise_for_group": False,
    "in_group": False,
}


def test_a_slice_names_its_catalog_so_that_another_attempt_replaces_it(pod):
    given(pod, {"a": "A"}, [0])
    done = pod({"slices": SLICES}, DFLOW_ORDERS="[3]")
    assert done.returncode == 0, done.stderr
    folder = pod.place / "outputs" / "artifacts" / "made" / ".dflow"
    assert [file.name for file in folder.iterdir()] == ["slice-3"]
    assert json.loads((folder / "slice-3").read_text())["path_list"] == [{"dflow_list_item": "t.txt", "order": 3}]
    assert (pod.place / "outputs" / "parameters" / "dflow_success").read_text() == "1\n"


def test_files_of_two_slices_under_one_name_are_refused(pod):
    """The store keeps the last of them only."""
    given(pod, {"a": "A"}, [0], "slice-0")
    given(pod, {"a": "B"}, [1], "slice-1")
    done = pod()
    assert done.returncode == 1
    assert "input artifact 'given': two slices both have 'a'; give the files different names" in done.stderr
