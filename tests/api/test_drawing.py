"""``wf.graph()``, and what notebooks show of workflows, templates and steps."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ET

import pytest
from dflow import DAG, InputParameter, ShellOPTemplate, Step, Steps, Task, Workflow, config
from dflow.engine.errors import CompileError, ConfigError, WrongValue
from dflow.python import OP, PythonOPTemplate


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(config, "debug_workdir", str(tmp_path))


def shell(script: str = "true", name: str = "leaf") -> ShellOPTemplate:
    return ShellOPTemplate(name, script=script)


def two_steps() -> Workflow:
    workflow = Workflow("wf")
    workflow.add(Step("first", shell()))
    workflow.add(Step("second", shell("exit 1", "other")))
    return workflow


def said(svg: str) -> str:
    return " ".join(ET.fromstring(svg).itertext())  # noqa: S314 - our own


def test_graph_draws_in_three_forms_and_writes_files(tmp_path):
    workflow = two_steps()
    assert {"first", "second"} <= set(said(workflow.graph()).split())
    assert workflow.graph("mermaid").startswith("flowchart")
    drawn = workflow.graph("dot", path=tmp_path / "wf.dot")
    assert drawn.startswith("digraph")
    assert (tmp_path / "wf.dot").read_text() == drawn


def test_graph_of_a_run_has_its_phases():
    workflow = two_steps()
    assert "✖ Failed" not in said(workflow.graph())
    workflow.submit()
    assert "✖ Failed" in said(workflow.graph())
    again = Workflow(id=workflow.id)
    assert 'class="box Failed"' in again.graph()
    assert "✖ Failed" in said(again._repr_mimebundle_()["image/svg+xml"])


def test_graph_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(WrongValue, match=r"'svg', 'mermaid', 'dot'; did you mean 'svg'\?"):
        two_steps().graph("svgz")
    with pytest.raises(ConfigError, match=r"cannot write .*: No such file or directory"):
        two_steps().graph(path=tmp_path / "none" / "wf.svg")
    with pytest.raises(CompileError, match="it has no steps"):
        Workflow("wf").graph()


def test_a_drawing_is_a_text_that_notebooks_show():
    drawn = two_steps().graph()
    assert isinstance(drawn, str)
    assert drawn._repr_mimebundle_() == {"image/svg+xml": str(drawn)}
    assert two_steps().graph("dot")._repr_mimebundle_().keys() == {"text/plain"}


def test_workflows_and_templates_of_steps_show_themselves():
    steps = Steps("inner", steps=[Step("a", shell())])
    steps.inputs.parameters["n"] = InputParameter()  # has no value yet
    for thing, word in ((two_steps(), "second"), (steps, "a"), (DAG("d", tasks=[Task("b", shell())]), "b")):
        shown = thing._repr_mimebundle_()
        assert word in said(shown["image/svg+xml"]).split()
        assert shown["text/plain"] == repr(thing)
        assert thing._repr_svg_() == shown["image/svg+xml"]
        assert thing._repr_html_ is None


def test_what_does_not_compile_shows_its_problems_as_text():
    workflow = Workflow("wf")
    template = shell("echo <b>")
    template.inputs.parameters["<n>"[1]] = InputParameter()
    workflow.add(Step("s", template))
    shown = workflow._repr_mimebundle_()
    assert "input parameter 'n' of template 'leaf' is not given" in shown["text/plain"]
    assert shown["text/html"].startswith("<pre>Workflow(")
    assert workflow._repr_svg_() is None


def test_an_accident_while_drawing_does_not_break_the_cell(monkeypatch, caplog):
    monkeypatch.setattr("dflow.exporters.diagram.svg", lambda *_: 1 / 0)
    with caplog.at_level(logging.DEBUG, logger="dflow"):
        shown = two_steps()._repr_mimebundle_()
    assert shown["text/plain"].endswith("it cannot be drawn: division by zero")
    assert "Traceback" in caplog.text


def test_very_many_side_by_side_are_cut_short_with_a_note():
    drawn = DAG("d", tasks=[Task(f"t{n}", shell()) for n in range(2000)])._repr_svg_()
    assert drawn is not None
    assert drawn.count('class="box') < 400
    assert "Not all is drawn." in said(drawn)
    assert "more" in said(drawn)


def test_what_failed_is_drawn_even_where_not_all_is(tmp_path):
    workflow = Workflow("wf")
    workflow.add([Step(f"s{n}", shell("exit 1", "bad") if n == 390 else shell()) for n in range(400)])
    from dflow.compile import compile_workflow
    from dflow.exporters import diagram

    phases = {f"s{n}": "Failed" if n == 390 else "Succeeded" for n in range(400)}
    drawn = diagram.svg(compile_workflow(workflow), phases, 50)
    assert {"s390", "s0"} <= set(said(drawn).split())
    assert "s300" not in said(drawn).split()
    whole = diagram.svg(compile_workflow(workflow), phases)
    assert whole.count('class="box') == 400
    assert "Not all is drawn." not in whole


def test_too_many_boxes_for_a_notebook_are_said():
    tasks = [Task("t0", shell())]
    for n in range(1, 1600):
        tasks.append(Task(f"t{n}", shell(), dependencies=[tasks[-1]]))
    shown = DAG("d", tasks=tasks)._repr_mimebundle_()
    assert "are too many for a notebook" in shown["text/plain"]
    assert "image/svg+xml" not in shown


def test_steps_and_templates_are_small_tables():
    @OP.function
    def train(epochs: int) -> float:
        return epochs / 2

    step = Step("s", PythonOPTemplate(train, image="img"), parameters={"epochs": 3}, key="iter-<0>")
    assert "epochs = 3" in step._repr_html_()
    assert "iter-&lt;0&gt;" in step._repr_html_()
    table = step.template._repr_html_()
    assert all(word in table for word in ("train", "epochs: int", ": float", "img"))
    script = shell("\n".join(f"echo {n} '<x>'" for n in range(100)))._repr_html_()
    assert "&lt;x&gt;" in script
    assert "echo 11" in script
    assert "echo 12" not in script


def test_a_table_that_cannot_be_made_is_left_out():
    step = Step("s", shell())
    step.template = None
    assert step._repr_html_() is None
    assert repr(shell()) == "ShellOPTemplate('leaf')"
