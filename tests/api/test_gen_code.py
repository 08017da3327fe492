"""``gen_code``: the script that it writes builds the same workflow."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dflow import (
    DAG,
    HTTPOPTemplate,
    InputParameter,
    OutputParameter,
    Secret,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    gen_code,
)
from dflow.compile import compile_workflow
from dflow.engine import model
from dflow.engine.errors import UnsupportedError
from dflow.python import OP, OPIOSign, PythonOPTemplate
from hypothesis import given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]


def load(name: str, file: Path) -> Any:
    """A module of tests, whose workflows are used here too."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(TESTS / "parity"))
CASES = load("parity_of_gen_code", TESTS / "parity" / "test_parity.py").CASES
DECOMPILED = load("fixtures_of_gen_code", TESTS / "api" / "test_decompile.py")


def rebuilt(graph: model.WorkflowGraph) -> model.WorkflowGraph:
    """The graph of the workflow that the script builds."""
    scope = {"__name__": "generated"}
    exec(compile(gen_code(graph), "generated.py", "exec"), scope)  # noqa: S102 - this is what is tested
    return compile_workflow(scope["wf"])


def without_payloads(graph: model.WorkflowGraph) -> model.WorkflowGraph:
    """OPs that a script defines anew are pickled anew."""
    nothing = model.OpPayload("import", "op")
    templates = [dataclasses.replace(t, op=nothing) if hasattr(t, "op") else t for t in graph.templates]
    return dataclasses.replace(graph, templates=tuple(templates))


def for_clusters() -> Workflow:
    """Says what the graphs of the other tests do not."""
    ask = HTTPOPTemplate(
        "https://example.org/{{inputs.parameters.n}}", "ask", method="post", headers={"A": "b"}, timeout=5,
        body="text", success_condition="response.statusCode == 201", insecure_skip_verify=True, memoize_key="k",
    )  # fmt: skip
    ask.inputs.parameters["n"] = InputParameter(value=1)
    ask.outputs.parameters["r"] = OutputParameter(default="none")
    hidden = ShellOPTemplate("hidden", script="true", envs={"A": "b", "B": Secret(name="s", key="k")})
    main = Steps("main", steps=[Step("a", ask), Step("b", hidden)])
    return Workflow("w", steps=main, pod_gc_strategy="OnPodSuccess", image_pull_secrets=["s"], artifact_repo_key="k")


WORKFLOWS = {**DECOMPILED.FIXTURES, "for_clusters": for_clusters}
del WORKFLOWS["of_a_class"]  # that is refused


def shell(name: str = "t") -> ShellOPTemplate:
    made = ShellOPTemplate(name, script="true")
    made.inputs.parameters["n"] = InputParameter(value=1)
    return made


def of(*steps: Any) -> Workflow:
    return Workflow("w", steps=Steps("main", steps=list(steps)))


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.fact}: {case.what}") for case in CASES])
def test_the_workflows_of_the_parity_tables_come_back(case):
    graph = compile_workflow(case.build())
    assert without_payloads(rebuilt(graph)) == without_payloads(graph)


@pytest.mark.parametrize("name", list(WORKFLOWS))
def test_workflows_that_use_every_field_come_back(name):
    graph = compile_workflow(WORKFLOWS[name]())
    assert without_payloads(rebuilt(graph)) == without_payloads(graph)


@given(DECOMPILED.chains() | DECOMPILED.dags())
def test_any_workflow_comes_back(wf):
    graph = compile_workflow(wf)
    assert rebuilt(graph) == graph


KINDS = st.sampled_from([None, "str", "int", "dict", "list[int]", "typing.List[str]", "typing.Any", "x.Y"])


@given(value=st.text() | st.sampled_from(["5", "[1, 2]", "null", "NaN", "{{x}}", "}}", "{}", "1.0"]), kind=KINDS)
def test_any_text_of_any_type_comes_back(value, kind):
    declared = model.InputParameter("n", type=kind)
    leaf = model.ScriptTemplate("leaf", "shell", "true", inputs=model.Inputs((declared,)))
    call = model.Call("s", "leaf", parameters=(("n", model.Literal(value)),))
    graph = model.WorkflowGraph("w", "main", (leaf, model.StepsTemplate("main", ((call,),))))
    assert rebuilt(graph) == graph


@settings(max_examples=200)
@given(st.text(st.sampled_from("a \\\"'\n\t{}é\x00\r漢"), max_size=30))
def test_any_script_comes_back(script):
    leaf = ShellOPTemplate("leaf", script=script.replace("{{", ""))
    graph = compile_workflow(of(Step("s", leaf)))
    assert rebuilt(graph) == graph


def test_scripts_are_formatted_as_ruff_formats_them(tmp_path):
    for number, case in enumerate(CASES):
        graph = compile_workflow(case.build())
        if not any(isinstance(template, model.PythonOpTemplate) for template in graph.templates):
            (tmp_path / f"case_{number}.py").write_text(gen_code(graph))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--quiet", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert len(list(tmp_path.iterdir())) > 200
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_script_reads_as_one_that_a_person_wrote():
    template = ShellOPTemplate("add", script="echo $(({{inputs.parameters.n}} + 1)) > /tmp/n\necho done\n")
    template.inputs.parameters["n"] = InputParameter(type=int)
    first = Step("first", template, parameters={"n": 1}, key="first-key")
    second = [Step(f"s-{i}", template, parameters={"n": i}) for i in range(2)]
    assert gen_code(compile_workflow(of(first, second))) == (
        '"""The workflow w, as dflow.gen_code wrote it."""\n'
        "\n"
        "from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Steps, Workflow\n"
        "\n"
        'add_script = """\\\n'
        "echo $(({{inputs.parameters.n}} + 1)) > /tmp/n\n"
        "echo done\n"
        '"""\n'
        "add = ShellOPTemplate(\n"
        '    "add", inputs=Inputs(parameters={"n": InputParameter(type=int)}), script=add_script\n'
        ")\n"
        "\n"
        'main = Steps("main")\n'
        'first = Step("first", add, parameters={"n": 1}, key="first-key")\n'
        "main.add(first)\n"
        's_0 = Step("s-0", add, parameters={"n": 0})\n'
        's_1 = Step("s-1", add, parameters={"n": 1})\n'
        "main.add([s_0, s_1])\n"
        "\n"
        'wf = Workflow("w", steps=main)\n'
        "\n"
        'if __name__ == "__main__":\n'
        "    wf.submit()\n"
    )


def test_names_that_mean_something_else_are_not_taken():
    steps = [
        Step(name, shell("step" if i % 2 else "wf"), key=None) for i, name in enumerate(["class", "Step", "wf", "id"])
    ]
    graph = compile_workflow(of(*steps, Step("main", shell("print"))))
    assert rebuilt(graph) == graph


def test_steps_of_one_name_in_several_templates():
    def inner(name: str) -> Steps:
        return Steps(name, steps=[Step("same", shell()), Step("t", shell())])

    graph = compile_workflow(of(Step("a", inner("a")), Step("b", inner("b"))))
    assert rebuilt(graph) == graph


def test_tasks_in_an_order_in_which_they_cannot_be_made():
    template = shell()
    last, first = Task("last", template), Task("first", template)
    last.dependencies = [first]
    graph = compile_workflow(Workflow("w", dag=DAG("main", tasks=[last, first])))
    assert rebuilt(graph) == graph
    assert "dependencies=[first]" in gen_code(graph)


def test_templates_that_call_each_other():
    ping, pong = Steps("ping"), Steps("pong")
    ping.add(Step("to-pong", pong, when="{{workflow.name}} == x"))
    pong.add(Step("to-ping", ping))
    graph = compile_workflow(Workflow("w", steps=ping))
    assert rebuilt(graph) == graph


def test_graph_as_data_and_workflow_give_the_same_script():
    wf = of(Step("a", shell()))
    assert gen_code(wf.to_graph()) == gen_code(wf) == gen_code(compile_workflow(wf))


# -- OPs ------------------------------------------------------------------------------------------------------------


OP_MODULE = """
from dflow.python import OP, OPIO, OPIOSign

class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"n": 2 * op_in["n"]})

class Outer:
    class Triple(Double):
        pass
"""


def test_op_of_a_module_is_imported_and_its_payload_is_the_same(tmp_path, monkeypatch):
    (tmp_path / "ops_of_gen_code.py").write_text(OP_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("ops_of_gen_code")
    steps = [
        Step(op.__name__, PythonOPTemplate(op), parameters={"n": 1}) for op in (module.Double, module.Outer.Triple)
    ]
    graph = compile_workflow(of(*steps))
    assert "\nfrom ops_of_gen_code import Double, Outer\n" in gen_code(graph)
    assert rebuilt(graph) == graph


def test_op_of_a_script_stands_in_the_script_with_what_it_imports(run_script):
    run_script(
        """
        from __future__ import annotations

        import json
        import os
        from pathlib import Path
        from dflow import InputParameter, Inputs, Steps, Step, Workflow, gen_code
        from dflow.python import OP, Artifact, PythonOPTemplate

        @OP.function
        def double(n: int) -> {"n": int, "file": Artifact(Path)}:
            Path("file").write_text(json.dumps(n))
            return {"n": 2 * n, "file": Path("file")}

        wf = Workflow("w", steps=Steps("main", steps=[Step("a", PythonOPTemplate(double), parameters={"n": 4})]))
        Path("again.py").write_text(gen_code(wf) + "    print(wf.query_step('a').outputs.parameters['n'].value)\\n")
        """
    )
    text = Path("again.py").read_text()
    assert "import json\n" in text
    assert "import os" not in text
    done = subprocess.run([sys.executable, "again.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "8"), done.stdout + done.stderr


def test_op_whose_source_does_not_stand_by_itself_is_unpickled():
    factor = 3

    class Times(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"n": int})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"n": int})

        def execute(self, op_in):
            return {"n": factor * op_in["n"]}

    graph = compile_workflow(of(Step("a", PythonOPTemplate(Times), parameters={"n": 1})))
    text = gen_code(graph)
    assert "# OP Times has no source that stands by itself: this is its pickle" in text
    scope: dict[str, Any] = {"__name__": "generated"}
    exec(text, scope)  # noqa: S102
    assert scope["times"].op_class().execute({"n": 2}) == {"n": 6}


def test_name_given_to_a_template_later_is_its_name():
    template = PythonOPTemplate(DECOMPILED.add)
    template.name = "sum"
    graph = compile_workflow(of(Step("a", template, parameters={"n": 1})))
    assert [t.name for t in graph.templates] == ["main", "sum"]
    assert '.name = "sum"\n' in gen_code(graph)


# -- what cannot be written ---------------------------------------------------------------------------------------


def test_all_that_the_api_cannot_say_is_listed():
    leaf = model.ScriptTemplate("leaf", "shell", "true", result=True, memoize_age=5)
    wait = model.SuspendTemplate("wait")
    hook = model.Hook("exit", model.Call("h", "leaf"))
    second = model.Call("b", "leaf", dependencies=("a",), depends="a.Failed", hooks=(hook,))
    tasks = (model.Call("a", "leaf"), second)
    main = model.DagTemplate("main", tasks, targets=("b",))
    graph = model.WorkflowGraph("w", "main", (leaf, main, wait), deadline=model.Literal("5"), kubernetes='{"x": 1}')
    with pytest.raises(UnsupportedError) as caught:
        gen_code(graph)
    assert str(caught.value).splitlines() == [
        "the API cannot say everything that this workflow says:",
        "  - the workflow has 'deadline'",
        "  - the workflow has 'x' for a cluster",
        "  - template 'leaf' has 'memoize_age'",
        "  - template 'leaf' has 'result'",
        "  - template 'main' has 'targets'",
        "  - template 'main' has a task with 'depends'",
        "  - template 'main' has a hook 'exit'",
        "  - template 'wait' is a suspend template",
    ]


def test_every_field_of_the_model_is_written_or_refused():
    """A field that is new in the model must be written or refused: the fixtures use all that are written."""
    from dflow.code_gen.refuse import _FIELDS, _RECORDS

    written = {
        (type(record).__name__, field.name)
        for make in WORKFLOWS.values()
        for record in DECOMPILED.records(compile_workflow(make()))
        for field in dataclasses.fields(record)
        if getattr(record, field.name) != field.default
    }
    refused = {(kind.__name__, name) for kind, names in _FIELDS.items() for name in names}
    known = {
        (kind.__name__, field.name)
        for kind in map(model.__dict__.get, model.__all__)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in (*_RECORDS, model.CustomArtifact)
        for field in dataclasses.fields(kind)
    }
    assert known - written - refused <= {("WorkflowGraph", "schema")}


def test_the_example_of_the_docs_is_what_it_says():
    page = (TESTS.parent / "docs" / "diagrams.md").read_text(encoding="utf-8")
    *_, example, shown = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(example.replace("print(", "text = ("), scope)  # noqa: S102
    assert scope["text"] == shown
