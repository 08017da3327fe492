"""The guide, 3.1.19: running locally, and the directory of a run."""

from __future__ import annotations

import re
import subprocess

import pytest

DEBUG_MODE = """\
from dflow import config
config["mode"] = "debug"
"""

TREE = """\
python-lsev6
├── status
└── step-penf5
    ├── inputs
    │   ├── artifacts
    │   │   ├── dflow_python_packages
    │   │   ├── foo
    │   │   └── idir
    │   └── parameters
    │       ├── msg
    │       └── num
    ├── log.txt
    ├── outputs
    │   ├── artifacts
    │   │   ├── bar
    │   │   └── odir
    │   └── parameters
    │       └── msg
    ├── phase
    ├── script
    ├── type
    └── workdir
        ├── ...
"""

DIFFERENCES = [
    ("    │   │   ├── dflow_python_packages\n", "", "packages are on the module path of the step, not copied into it"),
    ("        ├── ...\n", "        ├── bar.txt\n        └── odir\n", "what the OP below leaves there"),
]

# Names that the tree does not show: ours alone, which need not be stable for users.
OUR_OWN = {".dflow", "pid", "type", "step-penf5/.step"}

SCRIPT = """\
from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate


@OP.function
def op(msg: str, num: int, foo: Artifact(Path), idir: Artifact(Path)) -> {
    "msg": str, "bar": Artifact(Path), "odir": Artifact(Path)
}:
    print("working in", Path.cwd())
    Path("bar.txt").write_text(foo.read_text() * num)
    Path("odir").mkdir(exist_ok=True)
    for name in ("f1", "f2"):
        Path("odir", name).write_text((idir / name).read_text())
    return {"msg": msg * num, "bar": Path("bar.txt"), "odir": Path("odir")}


Path("foo.txt").write_text("Hi")
Path("idir").mkdir()
for name in ("f1", "f2"):
    Path("idir", name).write_text(name)
step = Step(
    name="step",
    template=PythonOPTemplate(op),
    parameters={"msg": "Hello", "num": 2},
    artifacts={"foo": upload_artifact("foo.txt"), "idir": upload_artifact("idir")},
)
wf = Workflow(name="python")
wf.add(step)
wf.submit()
"""


def paths_in(drawing):
    """The paths that a drawing of a tree shows, its root left out."""
    parents, paths = [], set()
    for line in drawing.splitlines()[1:]:
        branch, name = re.fullmatch(r"((?:│   |    )*)[├└]── (.*)", line).groups()
        depth = len(branch) // 4
        parents[depth:] = [name]
        paths.add("/".join(parents))
    return paths


@pytest.fixture
def root(run, tmp_path):
    """The directory of a run like the guide's."""
    wf = run(DEBUG_MODE, SCRIPT)
    assert wf.query_status() == "Succeeded"
    return tmp_path / wf.id


@pytest.fixture
def step(root):
    """The directory of its step."""
    (step,) = [entry for entry in root.iterdir() if entry.is_dir() and "step" in entry.name]
    return step


def test_3_1_19_the_directory_of_a_run_has_the_names_that_the_guide_shows(root, step):
    drawing = TREE
    for theirs, ours, _ in DIFFERENCES:
        assert drawing.count(theirs) == 1
        drawing = drawing.replace(theirs, ours)
    found = {str(path.relative_to(root)).replace(step.name, "step-penf5") for path in root.rglob("*")}
    content = re.compile(r"\.dflow/.*|step-penf5/((inputs|outputs)/artifacts|workdir)/[^/]+/.*")

    assert {path for path in found if not content.match(path)} - OUR_OWN == paths_in(drawing)


def test_3_1_19_the_files_hold_what_their_names_say(root, step):
    assert (root / "status").read_text() == "Succeeded"
    assert (step / "phase").read_text() == "Succeeded"
    assert (step / "type").read_text() == "Pod"
    assert (step / "inputs/parameters/msg").read_text() == "Hello"
    assert (step / "inputs/parameters/num").read_text() == "2"
    assert (step / "outputs/parameters/msg").read_text() == "HelloHello"
    assert (step / "inputs/artifacts/foo/foo.txt").read_text() == "Hi"
    assert (step / "inputs/artifacts/idir/idir/f1").read_text() == "f1"
    assert (step / "outputs/artifacts/bar/bar.txt").read_text() == "HiHi"
    assert (step / "outputs/artifacts/odir/odir/f2").read_text() == "f2"
    assert (step / "log.txt").read_text() == f"working in {step / 'workdir'}\n"


def test_3_1_19_the_directory_of_a_step_is_named_after_its_workflow_and_its_name(root, step):
    assert root.name.startswith("python-")
    assert re.fullmatch(rf"{root.name}-step-[a-z0-9]+", step.name)


def test_3_1_19_a_step_with_a_key_has_it_as_its_directory(run, tmp_path):
    wf = run(DEBUG_MODE, SCRIPT, differences=[('    name="step",\n', '    name="step",\n    key="my-key",\n', "a key")])

    assert (tmp_path / wf.id / "my-key" / "outputs" / "parameters" / "msg").read_text() == "HelloHello"


def test_3_1_19_the_script_of_a_step_runs_that_step_again_by_hand(step):
    (step / "outputs/parameters/msg").unlink()

    subprocess.run([str(step / "script")], check=True, cwd="/")

    assert (step / "outputs/parameters/msg").read_text() == "HelloHello"


def test_3_1_19_runs_go_where_debug_workdir_says(run, execute, tmp_path):
    ended = execute(DEBUG_MODE, 'config["debug_workdir"] = "runs"', SCRIPT, "print(wf.query_status())")

    assert ended.stdout.splitlines()[-1] == "Succeeded"
    (root,) = (tmp_path / "runs").iterdir()
    assert (root / "status").read_text() == "Succeeded"
    assert not list(tmp_path.glob("python-*"))
