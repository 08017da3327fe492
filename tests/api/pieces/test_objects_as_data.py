"""Objects as pieces of the graph's JSON, and back: what round trips of whole templates do not show."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
import pytest
from dflow import (
    DAG,
    AutonamedDict,
    InputArtifact,
    InputParameter,
    Inputs,
    LocalArtifact,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
)
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError, PayloadError, StateError, StepFailed, UnsupportedError
from dflow.op_template import OPTemplate, ScriptOPTemplate
from dflow.python import OP, OPIO, Artifact, BigParameter, OPIOSign, Parameter, PythonOPTemplate, Slices, load_op
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLED = {"y": int}
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
TYPES = st.sampled_from([None, int, str, float, dict, list, list[int], "mine.Type"])


def through_json(piece: Any) -> Any:
    return json.loads(json.dumps(piece))


@given(NAMES, TYPES, st.booleans(), st.none() | st.text())
def test_input_parameters_come_back(name: str, kind: Any, big: bool, described: str | None) -> None:
    item = InputParameter(name, type=kind, save_as_artifact=big, path="/tmp/x", description=described)
    piece = through_json(item.convert_to_graph())
    assert InputParameter.from_graph(piece).convert_to_graph() == piece
    assert piece["name"] == name


@given(NAMES, st.booleans(), st.none() | st.integers(0, 0o777), st.sampled_from([None, "tar", "zip", "default"]))
def test_input_artifacts_come_back(name: str, optional: bool, mode: int | None, archive: str | None) -> None:
    item = InputArtifact("/tmp/a", name, optional=optional, mode=mode, archive=archive, source=LocalArtifact("/tmp/b"))
    piece = through_json(item.convert_to_graph())
    back = InputArtifact.from_graph(piece)
    assert back.convert_to_graph() == piece
    assert (back.name, back.optional, back.mode, back.archive) == (name, optional, mode, archive)


@given(NAMES, st.text().filter(lambda text: "{{" not in text), st.booleans())
def test_output_parameters_come_back(name: str, default: str, both: bool) -> None:
    item = OutputParameter("/tmp/o", name=name, default=default, save_both=both, global_name="g")
    back = OutputParameter.from_graph(through_json(item.convert_to_graph()))
    assert (back.name, back.default, back.save_both, back.global_name) == (name, default, both, "g")


def test_inputs_and_outputs_come_back_with_names_in_order() -> None:
    inputs = Inputs({"n": InputParameter(value=1), "m": InputParameter()}, {"a": InputArtifact("/tmp/a")})
    outputs = Outputs({"o": OutputParameter("/tmp/o")}, {"b": OutputArtifact("/tmp/b", save=None, global_name="all")})
    back = Inputs.from_graph(through_json(inputs.convert_to_graph()))
    assert (list(back.parameters), list(back.artifacts), back.parameters["n"].value) == (["n", "m"], ["a"], "1")
    assert Outputs.from_graph(outputs.convert_to_graph()).artifacts["b"].global_name == "all"
    assert inputs.parameters.convert_to_graph().keys() == {"n", "m"}
    assert AutonamedDict().convert_to_graph() == {}


def test_a_reference_to_another_step_comes_back() -> None:
    first = Step("first", ShellOPTemplate("t", script="", outputs=Outputs({"o": OutputParameter("/tmp/o")})))
    item = OutputParameter(value_from_parameter=first.outputs.parameters["o"], name="all")
    piece = item.convert_to_graph()
    assert piece["source"] == {"is": "Ref", "path": "steps.first.outputs.parameters.o"}
    assert OutputParameter.from_graph(piece).convert_to_graph() == piece


# -- steps --------------------------------------------------------------------------------------------------------


def shell(name: str = "say") -> ShellOPTemplate:
    template = ShellOPTemplate(name, script="echo {{inputs.parameters.text}} > {{outputs.parameters.said.path}}")
    template.inputs.parameters["text"] = InputParameter()
    template.outputs.parameters["said"] = OutputParameter("/tmp/said")
    return template


def test_a_step_comes_back_with_its_template_by_name_or_in_a_list() -> None:
    step = Step("a", shell(), {"text": "{{item}}"}, with_param=[1, 2], key="k-{{item}}", when="1 == 1", timeout=3)
    piece = through_json(step.convert_to_graph())
    template = shell()
    for templates in ({"say": template}, [template]):
        back = Step.from_graph(piece, templates)
        assert back.template is template
        assert back.convert_to_graph() == piece


def test_a_task_keeps_its_dependencies() -> None:
    task = Task("b", shell(), dependencies=["a"], parameters={"text": "{{tasks.a.outputs.parameters.said}}"})
    back = Task.from_graph(through_json(task.convert_to_graph()), [shell()])
    assert (type(back), back.dependencies) == (Task, ["a"])
    assert str(back.parameters["text"]) == "{{tasks.a.outputs.parameters.said}}"


def test_converting_a_step_leaves_it_where_it_is() -> None:
    with Steps("main") as main:
        step = Step("a", shell(), {"text": "x"})
        step.convert_to_graph()
        main.convert_to_graph()
    assert main.steps == [step]


def test_a_step_whose_template_is_missing_is_named() -> None:
    piece = Step("a", shell(), {"text": "x"}).convert_to_graph()
    with pytest.raises(KeyError, match="step 'a': there is no template 'say' among templates; did you mean 'sayy'"):
        Step.from_graph(piece, {"sayy": shell()})


def test_a_step_with_a_rendering_executor_is_refused_and_its_steps_are_not() -> None:
    class Wrapped(dflow.Executor):
        def render(self, template: Any) -> Any:
            template.script = f"set -e\n{template.script}"
            return template

    step = Step("a", shell(), {"text": "x"}, executor=Wrapped())
    with pytest.raises(UnsupportedError, match=r"executor or resource makes another template of 'say'"):
        step.convert_to_graph()
    piece, called = Steps("main", steps=[step]).convert_to_graph()
    assert [template.script.startswith("set -e\n") for template in called] == [True]
    assert Steps.from_graph(piece, called).steps[0][0].template is called[0]


# -- templates ----------------------------------------------------------------------------------------------------


def test_slices_of_a_template_and_a_name_made_up_come_back() -> None:
    def double(x: int) -> DOUBLED:
        return {"y": 2 * x}

    def flow(template: Any) -> Any:
        return compile_workflow(Workflow("w", steps=Steps("s", steps=[Step("a", template, {"x": [1, 2]})])))

    slices = Slices("{{item}}", input_parameter=["x"], output_parameter=["y"], group_size=2)
    template = PythonOPTemplate(OP.function(double), slices=slices)
    piece = through_json(template.convert_to_graph())
    assert flow(PythonOPTemplate.from_graph(piece)) == flow(template)


def test_a_template_is_made_by_its_own_class_or_one_above() -> None:
    piece = shell().convert_to_graph()
    for cls in (ShellOPTemplate, ScriptOPTemplate, OPTemplate):
        assert type(cls.from_graph(piece)) is ShellOPTemplate
    with pytest.raises(StateError, match=r"ContainerOPTemplate.from_graph: the piece is a ShellOPTemplate"):
        dflow.ContainerOPTemplate.from_graph(piece)
    with pytest.raises(StateError, match="'is': 'DagTemplate', which must be 'StepsTemplate'"):
        Steps.from_graph(DAG("d").convert_to_graph()[0], [])


def test_recursion_comes_back() -> None:
    loop = Steps("loop", inputs=Inputs({"n": InputParameter(value=0)}))
    loop.add(Step("say", shell(), {"text": loop.inputs.parameters["n"]}))
    loop.add(Step("next", loop, {"n": loop.inputs.parameters["n"] + 1}, when=loop.inputs.parameters["n"] < 3))
    piece, called = loop.convert_to_graph()
    back = Steps.from_graph(through_json(piece), called)
    assert back.steps[1][0].template is back
    assert compile_workflow(Workflow("w", steps=back)) == compile_workflow(Workflow("w", steps=loop))


BROKEN = {
    "nothing": {},
    "no record": {"is": "Nothing"},
    "of upstream": {"name": "a", "parameters": {}, "template": "say"},
    "a number for parameters": {"is": "Call", "name": "a", "template": "say", "parameters": 5},
    "an unknown field": {"is": "Call", "name": "a", "template": "say", "colour": "red"},
}


@pytest.mark.parametrize("piece", BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_piece_is_refused_in_words(piece: Any) -> None:
    with pytest.raises(dflow.engine.errors.DflowError, match=r"Step\.from_graph: the piece|does not fit this version"):
        Step.from_graph(piece, [shell()])


def test_a_piece_that_is_no_dict_is_refused() -> None:
    for read in (InputParameter.from_graph, ShellOPTemplate.from_graph, Inputs.from_graph, OP.from_graph):
        with pytest.raises(TypeError, match="must be a dict by name"):
            read([1])


# -- OPs ----------------------------------------------------------------------------------------------------------

OP_MODULE = """
    from pathlib import Path
    from typing import List
    from dflow.python import OP, OPIO, OPIOSign, Artifact, BigParameter, Parameter

    class Dup(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"msg": str, "num": Parameter(int, default=3), "big": BigParameter(dict),
                             "foo": Artifact(Path, optional=True), "bars": Artifact(List[Path], archive=None)})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"n": Parameter(int, global_name="g")})

        @OP.exec_sign_check
        def execute(self, op_in):
            return OPIO({"n": op_in["num"]})
"""


@pytest.fixture
def dup(monkeypatch: pytest.MonkeyPatch) -> Any:
    Path("my_dup.py").write_text(textwrap.dedent(OP_MODULE))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "my_dup", raising=False)
    return load_op("my_dup:Dup")


def test_the_info_of_an_op_is_that_of_upstream(dup: Any) -> None:
    info = dup.get_info()
    assert info["name"] == "my_dup.Dup"
    assert info["inputs"] == {
        "msg": "str",
        "num": "Parameter(type=int, default=3)",
        "big": "BigParameter(type=dict)",
        "foo": "Artifact(type=pathlib.Path, optional=True, sub_path=True)",
        "bars": "Artifact(type=typing.List[pathlib.Path], optional=False, sub_path=True)",
    }
    assert info["outputs"] == {"n": "Parameter(type=int)"}
    assert 'return OPIO({"n": op_in["num"]})' in info["execute"]
    told = dup.get_opio_info(dup.get_input_sign())
    assert told["msg"] == "str"
    assert told["num"] == Parameter(int, default=3)


def test_an_op_of_a_module_comes_back_as_itself(dup: Any) -> None:
    piece = through_json(dup.convert_to_graph())
    assert (piece["name"], piece["module"], piece["inputs"]["num"]["default"]) == ("Dup", "my_dup", 3)
    assert piece["source"].startswith("class Dup(OP):")
    assert OP.from_graph(piece) is dup
    assert OP.from_graph({"name": "Dup", "module": "my_dup"}) is dup


def test_an_op_of_no_module_comes_back_from_its_pickle() -> None:
    class Local(OP):
        @classmethod
        def get_input_sign(cls) -> OPIOSign:
            return OPIOSign({"x": int})

        @classmethod
        def get_output_sign(cls) -> OPIOSign:
            return OPIOSign({"y": int})

        def execute(self, op_in: OPIO) -> OPIO:
            return OPIO({"y": op_in["x"] + 1})

    back = OP.from_graph(through_json(Local.convert_to_graph()))
    assert back().execute(OPIO({"x": 1}))["y"] == 2


def test_an_op_that_is_not_there_is_said() -> None:
    with pytest.raises(PayloadError, match="cannot be imported from 'no_such_module'"):
        OP.from_graph({"name": "X", "module": "no_such_module"})
    with pytest.raises(PayloadError, match="'sep' in 'os' is no OP"):
        OP.from_graph({"name": "sep", "module": "os"})
    with pytest.raises(StateError, match="takes what convert_to_graph"):
        OP.from_graph({"name": "X"})


@pytest.mark.parametrize(
    "sign",
    [
        Parameter(int),
        Parameter(dict[str, int], default={"a": 1}, global_name="g"),
        BigParameter(list),
        Artifact(Path, optional=True, archive=None),
        Artifact(list[Path], sub_path=False),
    ],
    ids=repr,
)
def test_signs_come_back_from_dicts(sign: Any) -> None:
    back = type(sign).from_dict(through_json(sign.to_dict()))
    assert back == sign


def test_a_type_that_is_not_imported_stays_a_text_and_none_is_evaluated() -> None:
    assert Parameter.from_dict({"type": "no_such_module.Thing"}).type == "no_such_module.Thing"
    assert Parameter.from_dict({"type": "__import__('os').getcwd()"}).type == "__import__('os').getcwd()"
    with pytest.raises(KeyError, match="there is no 'type' in it; did you mean 'typ'"):
        Parameter.from_dict({"typ": "int"})


# -- running ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: (Steps("main"), Step), lambda: (DAG("main"), Task)], ids=["steps", "dag"])
def test_a_template_is_run_as_a_workflow_of_its_own(make: Callable[[], Any]) -> None:
    template, call = make()
    template.add(call("a", shell(), parameters={"text": "hello"}))
    wf = template.run("of-its-own")
    assert (wf.id, wf.query_status()) == ("of-its-own", "Succeeded")
    assert wf.query_step("a")[0].outputs.parameters["said"].value == "hello"


def test_a_step_is_run_alone_with_inputs_of_what_it_is_in() -> None:
    main = Steps("main", inputs=Inputs({"who": InputParameter(value="world")}))
    step, other = Step("a", shell(), {"text": main.inputs.parameters["who"]}), Step("b", shell(), {"text": "no"})
    main.add([step, other])
    wf = step.run(main)
    assert [found.outputs.parameters["said"].value for found in wf.query_step(type="Pod")] == ["world"]
    late = Step("late", shell(), {"text": other.outputs.parameters["said"]})
    with pytest.raises(CompileError, match=r"steps\.b\.outputs"):
        late.run(main)


def test_a_run_that_fails_raises_and_stepdir_is_refused() -> None:
    main = Steps("main", steps=[Step("a", ShellOPTemplate("t", script="exit 3"))])
    with pytest.raises(StepFailed, match="exit code 3"):
        main.run()
    with pytest.raises(ValueError, match="config\\['debug_workdir'\\]"):
        main.run(stepdir="/tmp/x")


def test_authoring_does_not_load_the_conversions() -> None:
    code = (
        "import sys, dflow.workflow, dflow.python.python_op_template\n"
        "print([m for m in sys.modules if m.startswith(('dflow.pieces', 'dflow.wiring', 'kubernetes'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
