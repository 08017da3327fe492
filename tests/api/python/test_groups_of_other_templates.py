"""``group_size`` for scripts, Steps and DAGs: elements that follow each other, or a list for each group."""

# ruff: noqa: UP006, UP035 - types are written as users of all Python versions write them

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    download_artifact,
    upload_artifact,
)
from dflow.engine.errors import CompileError
from dflow.python import Slices

WITNESS = "echo + {{inputs.parameters.n}} >> %s; sleep 0.05; echo - {{inputs.parameters.n}} >> %s; "


def script(text: str, kind: Any = None) -> ShellOPTemplate:
    """Takes ``n`` and ``data``, gives ``r`` and ``log``."""
    template = ShellOPTemplate("work", script=text)
    template.inputs.parameters["n"] = InputParameter(type=kind)
    template.inputs.artifacts["data"] = InputArtifact(path="/tmp/data", optional=True)
    template.outputs.parameters["r"] = OutputParameter(value_from_path="/tmp/r", type=kind)
    template.outputs.artifacts["log"] = OutputArtifact(path="/tmp/log", optional=True)
    return template


def around(kind: type, leaf: ShellOPTemplate, type_: Any, **of_step: Any) -> Steps | DAG:
    template = kind("inner")
    template.inputs.parameters["n"] = InputParameter(type=type_)
    template.inputs.artifacts["data"] = InputArtifact(optional=True)
    step = (Step if kind is Steps else Task)(
        "leaf",
        leaf,
        parameters={"n": template.inputs.parameters["n"]},
        artifacts={"data": template.inputs.artifacts["data"]},
        **of_step,
    )
    template.add(step)
    template.outputs.parameters["r"] = OutputParameter(type=type_, value_from_parameter=step.outputs.parameters["r"])
    template.outputs.artifacts["log"] = OutputArtifact(_from=step.outputs.artifacts["log"], optional=True)
    return template


def run(template: Any, numbers: list[Any], data: Any = None, **arguments: Any) -> Workflow:
    of_step = {n: arguments.pop(n) for n in list(arguments) if n.startswith("continue") or n in ("key", "parallelism")}
    slices = Slices(
        "{{item}}",
        input_parameter=["n"],
        input_artifact=[] if data is None else ["data"],
        output_parameter=["r"],
        output_artifact=[] if data is None else ["log"],
        **{"group_size": 2, **arguments},
    )
    outer = Steps("outer")
    step = Step(
        "s",
        template,
        parameters={"n": numbers},
        artifacts={} if data is None else {"data": data},
        slices=slices,
        with_param=argo_range(len(numbers)),
        **of_step,
    )
    outer.add(step)
    outer.outputs.parameters["r"] = OutputParameter(type=list, value_from_parameter=step.outputs.parameters["r"])
    outer.outputs.artifacts["log"] = OutputArtifact(_from=step.outputs.artifacts["log"], optional=True)
    wf = Workflow("groups")
    wf.add(Step("all", outer))
    wf.submit()
    return wf


def result(wf: Workflow) -> Any:
    wf.raise_for_status()
    return wf.query_step("all").outputs.parameters["r"].value


def files(*names: str) -> Any:
    for name in names:
        Path(name).write_text(f"<{name}>")
    return upload_artifact(list(names))


def logs(wf: Workflow) -> list[str]:
    found = download_artifact(wf.query_step("all").outputs.artifacts["log"], path="got")
    return [Path(str(path)).read_text() for path in found]


def one_by_one(witness: Path) -> ShellOPTemplate:
    return script(WITNESS % (witness, witness) + "echo $(({{inputs.parameters.n}} * 10)) > /tmp/r", int)


@pytest.mark.parametrize("kind", [None, Steps, DAG])
@pytest.mark.parametrize("shuffle", [False, True])
def test_elements_of_a_group_follow_each_other_where_the_template_takes_one(tmp_path, kind, shuffle):
    witness = tmp_path / "witness"
    template = one_by_one(witness) if kind is None else around(kind, one_by_one(witness), int)
    wf = run(template, [1, 2, 3, 4, 5], shuffle=shuffle, key="k-{{item}}")
    assert result(wf) == [10, 20, 30, 40, 50]
    assert sorted(wf.query_keys_of_steps()) == ["k-0", "k-1", "k-2", "k-3", "k-4"]
    said = witness.read_text().split("\n")
    if not shuffle:
        assert said.index("- 1") < said.index("+ 2")
        assert said.index("- 3") < said.index("+ 4")


def test_only_as_many_elements_run_as_there_are_groups(tmp_path):
    witness = tmp_path / "witness"
    result(run(one_by_one(witness), [1, 2, 3, 4, 5, 6], group_size=6))
    assert witness.read_text().split() == [word for n in range(1, 7) for word in ("+", f"{n}", "-", f"{n}")]


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_a_script_that_takes_a_list_is_run_once_for_each_group(size):
    text = "cat /tmp/data/? > /tmp/log.$$; mkdir /tmp/log; cp -r /tmp/data/? /tmp/log; "
    text += "echo '{{inputs.parameters.n}}' | sed 's/\\([0-9]\\)/\\10/g' > /tmp/r"
    wf = run(script(text, List[int]), [1, 2, 3, 4, 5], files(*"abcde"), group_size=size, key="k-{{item}}")
    assert result(wf) == [10, 20, 30, 40, 50]
    groups = -(-5 // size)
    assert sorted(wf.query_keys_of_steps()) == [f"k-{index}" for index in range(groups)]
    first = wf.query_step(key="k-0")
    assert Path(first.path, "inputs/parameters/n").read_text() == str([1, 2, 3, 4, 5][:size])
    data = Path(first.path, "inputs/artifacts/data")
    assert sorted(p.name for p in data.iterdir() if p.name != ".dflow") == list("abcde")[:size]
    assert sorted(logs(wf)) == ["<a>", "<b>", "<c>", "<d>", "<e>"]


@pytest.mark.parametrize("kind", [Steps, DAG])
def test_a_template_of_steps_that_takes_lists_hands_them_on(kind):
    own = Slices(
        input_parameter=["n"],
        input_artifact=["data"],
        output_parameter=["r"],
        output_artifact=["log"],
        create_dir=True,
    )
    leaf = script("echo $(({{inputs.parameters.n}} * 10)) > /tmp/r; cp /tmp/data /tmp/log", int)
    template = around(kind, leaf, List[int], slices=own)
    wf = run(template, [1, 2, 3, 4, 5], files(*"abcde"), key="k-{{item}}", create_dir=True)
    assert result(wf) == [10, 20, 30, 40, 50]
    assert logs(wf) == ["<a>", "<b>", "<c>", "<d>", "<e>"]
    assert sorted(wf.query_keys_of_steps()) == ["k-0", "k-1", "k-2"]
    assert len(wf.query_step(r"leaf\(")) == 5


def test_a_list_of_lists_is_dealt_one_by_one_to_what_takes_a_list():
    wf = run(script("echo '{{inputs.parameters.n}}' > /tmp/r", List[int]), [[1, 2], [3], [4]], key="k-{{item}}")
    assert result(wf) == [[1, 2], [3], [4]]
    assert sorted(wf.query_keys_of_steps()) == ["k-0", "k-1", "k-2"]


def test_a_group_that_gives_too_few_values_is_told_so(capsys):
    run(script("echo '[1]' > /tmp/r", list), [1, 2, 3])
    assert "output parameter 'r' of the group 's(0:0)' must be a list of 2" in capsys.readouterr().err


def test_enough_successes_are_counted_in_elements(tmp_path):
    template = script("test {{inputs.parameters.n}} != 2 && echo {{inputs.parameters.n}} > /tmp/r", int)
    assert result(run(template, [1, 2, 3], continue_on_num_success=2)) == [1, 3]
    wf = run(template, [1, 2, 3], continue_on_num_success=3)
    assert wf.query_status() == "Failed"
    assert len(wf.query_step(r"s\(")) == 3


def test_a_limit_for_each_element_is_refused_with_what_to_do():
    with pytest.raises(CompileError, match="pool_timeout is for Python OPs; set timeout="):
        run(script("true"), [1], pool_timeout=3)
