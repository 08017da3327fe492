"""Real runs in a folder, and a real server of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
sys.path.insert(0, str(Path(__file__).parent))

from ui_client import UiProcess, run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = """
from pathlib import Path
from dflow import DAG, Inputs, Outputs, InputParameter, OutputParameter, ShellOPTemplate, Step, Steps, Task, Workflow
from dflow import argo_range
from dflow.python import OP, Artifact, OPIO, OPIOSign, PythonOPTemplate, Slices


class Make(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"m": int, "data": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        print("making", op_in["n"], "of wörds")
        folder = Path("data")
        folder.mkdir()
        (folder / "a.json").write_text('{"a": 1}')
        (folder / "t.csv").write_text("x,y\\n1,2\\n")
        (folder / "page.html").write_text("<script>alert(1)</script>")
        (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
        (folder / "dot.png").write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(40))
        (folder / "numbers.bin").write_bytes(bytes(range(256)) * 10)
        (folder / "inner").mkdir()
        (folder / "inner" / "deep.txt").write_text("deep")
        return OPIO({"m": op_in["n"] + 1, "data": folder})


class Use(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"data": Artifact(Path), "text": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({})

    @OP.exec_sign_check
    def execute(self, op_in):
        print((op_in["data"] / "a.json").read_text())
        return OPIO({})


class Square(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"i": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"o": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        if op_in["i"] == 3:
            raise ValueError("three is not squared")
        return OPIO({"o": op_in["i"] ** 2})


def template(op, **more):
    return PythonOPTemplate(op, image="python:3.8", **more)


inner = Steps("inner")
inner.add(Step("deep", template(Make), parameters={"n": 3}))
good = Workflow("good", id="good-1")
make = Step("make", template(Make), parameters={"n": 1}, key="make")
use = Step("use", template(Use), artifacts={"data": make.outputs.artifacts["data"]}, parameters={"text": "x" * 20000})
good.add(make)
good.add([Step("inner", inner), use])
good.submit()

bad = Workflow("bad", id="bad-1")
squares = template(Square, slices=Slices("{{item}}", input_parameter=["i"], output_parameter=["o"]))
bad.add(
    Step("sq", squares, parameters={"i": list(range(6))}, with_param=argo_range(6), key="sq-{{item}}")
)
bad.add(Step("never", template(Make), parameters={"n": 1}))
bad.submit()

dag = DAG("dag")
task = ShellOPTemplate("say", script="echo {{inputs.parameters.x}}", image="alpine")
task.inputs.parameters = {"x": InputParameter()}
one = Task("one", task, parameters={"x": "1"})
two = Task("two", task, parameters={"x": "2"}, dependencies=[one])
many = Task("many", task, parameters={"x": "{{item}}"}, with_param=argo_range(3), dependencies=[one])
for t in (one, two, many):
    dag.add(t)
Workflow("dag", id="dag-1", dag=dag).submit()
"""


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: ``good-1`` succeeded, ``bad-1`` failed, ``dag-1`` is a DAG. Tests leave them alone."""
    folder = tmp_path_factory.mktemp("runs")
    run_script(folder, RUNS)
    return folder


@pytest.fixture(scope="session")
def site(runs: Path) -> Iterator[UiProcess]:
    """``dflow ui`` of that folder."""
    found = UiProcess(runs)
    yield found
    found.close()


@pytest.fixture
def start_site() -> Iterator[Callable[..., UiProcess]]:
    """Starts ``dflow ui`` of a folder; it is ended after the test."""
    started: list[UiProcess] = []

    def start(folder: Path, *options: str, **more: object) -> UiProcess:
        started.append(UiProcess(folder, *options, **more))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for found in started:
        found.close()
