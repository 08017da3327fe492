"""What is said of mistakes in workflows that are mappings, and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dflow import Workflow
from dflow.cli import main
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError

WRONG = """\
name: Bad Name
paralelism: 3
steps:
- name: square
  op: wired_ops:Squar
- name: add
  op: wired_ops:total
  parameter: {ys: 1}
- name: add
  op: wired_ops:total
  parameters: {yz: "{{one.z}}"}
- - name: one
    op: wired_ops:Square
    parameters: {x: 5}
    artifacts: {a: nothing.txt}
    executor: contaner
    slices: {input_parameters: [x]}
- name: both
  op: nope
  script: x
- name: s
  script: [1]
- 7
- name: t
  script: cat
  artifacts: {f: missing.txt, g: "{{one.nota}}", h: 5, i: {url: x, key: y}}
  retries: 0
- {name: item, script: "true"}
- name: u
  script: "true"
  script: "false"
  outputs: {artefacts: [a]}
"""
SAID = [
    "bad.yaml:1: name: the workflow name 'Bad Name' must consist of",
    "bad.yaml:2: paralelism: a workflow has no 'paralelism'; did you mean 'parallelism'?",
    "bad.yaml:5: steps[0].op: OP 'wired_ops:Squar': 'wired_ops' has no 'Squar'; did you mean 'Square'?",
    "bad.yaml:8: steps[1].parameter: a step has no 'parameter'; did you mean 'parameters'?",
    "bad.yaml:9: steps[2].name: there is another 'add'; each needs a name of its own",
    "bad.yaml:11: steps[2].parameters.yz: step 'one' has no output 'z'; it has 'y', 'note'",
    "bad.yaml:11: steps[2].parameters.yz: there is no input parameter 'yz'; it has 'ys'",
    "bad.yaml:15: steps[3][0].artifacts.a: there is no input artifact 'a'; it has none",
    "bad.yaml:16: steps[3][0].executor: there is no executor 'contaner'; did you mean 'container'?",
    "bad.yaml:17: steps[3][0].slices: slices has no 'input_parameters'; did you mean 'input_parameter'?",
    "bad.yaml:18: steps[4]: a step has an op or a script, one of them",
    "bad.yaml:22: steps[5].script: it must be a text, not [1]",
    "bad.yaml:23: steps[6]: a step must be a map, not 7",
    "bad.yaml:26: steps[7].artifacts.f: there is no file or directory 'missing.txt' in ",
    "bad.yaml:26: steps[7].artifacts.g: step 'one' has no output 'nota'; did you mean 'note'?",
    "bad.yaml:26: steps[7].artifacts.h: it must be a path, a list of paths, a tag, or a map with",
    "bad.yaml:26: steps[7].artifacts.i: it must have one of from, url, key and path",
    "bad.yaml:27: steps[7].retries: it must be a whole number, 1 or more, not 0",
    "bad.yaml:28: steps[8].name: 'item' means something else in tags; take another name",
    "bad.yaml:31: steps[9].script: it is given twice; remove one",
    "bad.yaml:32: steps[9].outputs: it must be a map of parameters and artifacts, not {'artefacts': ['a']}",
]


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    Path("bad.yaml").write_text(WRONG)
    with pytest.raises(CompileError) as caught:
        Workflow.from_file("bad.yaml")
    found = list(caught.value.problems)
    assert [line for line in SAID if not any(problem.startswith(line) for problem in found)] == []
    assert len(found) == len(SAID)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name: a\nsteps: {a: 1}", "line 2: steps: it must be a list with at least one entry"),
        ("name: a\nsteps: []", "steps: it must be a list"),
        ("name: a\nsteps:", "line 1: the workflow: it has no steps and no tasks"),
        ("steps: [{script: x}]", r"steps\[0\]: it has no name"),
        ("steps: [[]]", r"steps\[0\]: there is no step in it"),
        ("steps: [{name: a}]", "an op or a script, one of them"),
        ("steps: [{name: a, script: x}]\ntasks: [{name: b, script: x}]", "there are steps, too"),
        ("tasks: [{name: a, script: x, dependencies: [b]}]", r"dependencies\[0\]: there is no task 'b'; it has 'a'"),
        ("steps: [{name: a, op: 'wired_ops:not_an_op'}]", "which is no subclass of OP"),
        ("steps: [{name: a, op: 'no_such_module:X'}]", "'no_such_module' cannot be imported"),
        ("steps: [{name: a, op: '../x:X'}]", "is no name of a module"),
        ("steps: [{name: a, script: x, executor: {image: y}}]", "it must have a type: container, dispatcher, slurm"),
        ("steps: [{name: a, script: x, executor: {type: container, dokcer: y}}]", "no 'dokcer'; did you mean 'docker'"),
        ("steps: [{name: a, script: x, with_sequence: {cuont: 3}}]", "no 'cuont'; did you mean 'count'"),
        ("steps: [{name: a, script: x, artifacts: {f: {from: x}}}]", "it must be one tag"),
        ("steps: [{name: a, script: x, outputs: {parameters: 3}}]", "must be a list of names, or a map"),
    ],
)
def test_each_mistake_says_what_to_do(text: str, wanted: str) -> None:
    with pytest.raises(CompileError, match=wanted):
        Workflow.from_yaml(text)


STEP_A = "name: w\nsteps:\n- {name: train, op: 'wired_ops:Square', parameters: {x: 1}}\n- {name: b, "
B = STEP_A + "op: 'wired_ops:optional', parameters: {x: 1}, "


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (STEP_A + "op: 'wired_ops:optional', parameters: {x: '{{trian.y}}'}}", "no step 'trian'; did you mean 'train'"),
        (STEP_A + "op: 'wired_ops:optional', parameters: {x: '{{zz.y}}'}}", "no step 'zz'; it has 'train', 'b'"),
        (
            STEP_A + "op: 'wired_ops:optional', parameters: {x: '{{}}'}}",
            r"\{\{\}\} mentions nothing; an output",
        ),
        (STEP_A + "op: 'wired_ops:total', parameters: {ys: ['{{zz.y}}']}}", "no step 'zz'"),
        (STEP_A + "script: x, parameters: {t: 'it is {{trian.y}}'}}", "no step 'trian'"),
        (
            STEP_A + "script: x, parameters: {t: '{{train.note}}'}}",
            "'note' of step 'train' is an artifact",
        ),
        (B + "artifacts: {one: '{{train.y}}'}}", r"artifacts\.one: 'y' of step 'train' is a parameter; an artifact is"),
        (B + "artifacts: {one: {from: '{{train.y}}'}}}", "'y' of step 'train' is a parameter"),
        (B + "artifacts: {one: {url: nonsense}}}", "url is 'nonsense'; it must be an address"),
        (B + "when: '{{zz.y}} > 3'}", r"when: there is no step 'zz'"),
        (B + "when: '{{train.y}} >'}", "'{{.*}} >' is no condition: the condition ends too early"),
        (B + "when: yes}", r"when: 'yes' is no condition: the condition 'yes' gives yes"),
        (B + "continue_on_success_ratio: 7}", "a number from 0 to 1, not 7"),
        (B + "with_sequence: {count: -1}}", "count is -1; it must be a whole number, 0 or more"),
        (B + "envs: {A: {b: c}}}", "envs: it must be a map of names"),
        (B + "envs: {X Y: 1}}", "envs: it must be a map of names"),
        (
            B + "executor: {type: dispatcher, port: x}}",
            r"steps\[1\]\.executor\.port: it must be a whole number",
        ),
        (B + "slices: {input_parameter: x}}", r"slices: input_parameter must be a list, such as \['x'\]"),
        ("name: w\nsteps:\n- a: \x00", r"line 3: this is no YAML: '\\x00' cannot stand in it"),
    ],
)
def test_what_would_be_found_only_in_the_midst_of_the_run_is_found_before(text: str, wanted: str) -> None:
    with pytest.raises(CompileError, match=wanted):
        Workflow.from_yaml(text)


@pytest.mark.parametrize("condition", ["{{train.y}} {{train.y}} 4", "{{train.y}}", "'a' in ({{train.y}}, 'b')", "true"])
def test_conditions_that_values_can_make_right_are_left(condition: str) -> None:
    Workflow.from_yaml(B + f'when: "{condition}"}}')


def test_braces_in_the_midst_of_a_text_are_data() -> None:
    given = {"t": "Dear {{user.name}}, {{ x }}", "l": ["{{ }}"]}
    wf = Workflow.from_mapping({"steps": [{"name": "s", "script": "x", "parameters": given}]})
    assert wf.entrypoint.steps[0][0].inputs.parameters["t"].value == given["t"]


def test_a_wrong_step_is_not_said_to_be_missing() -> None:
    with pytest.raises(CompileError) as caught:
        Workflow.from_yaml(STEP_A.replace("Square", "Squar") + "script: x, parameters: {t: '{{train.y}}'}}")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (B.replace("x: 1}, ", "x: text}}"), r"^line 4: steps\[1\]\.parameters\.x: it must be int, not str: 'text'$"),
        (B + "timeout: 3x}", r"^line 4: steps\[1\]: timeout is '3x'"),
        (STEP_A + "script: '{{inputs.parameters.q}}'}", r"^line 4: steps\[1\]: inputs.parameters.q is not known"),
        (
            "name: w\ntasks:\n- {name: a, script: x, dependencies: [b]}\n- {name: b, script: x, dependencies: [a]}",
            r"^line 4: tasks\[1\]: its tasks wait for each other in a circle: b",
        ),
    ],
)
def test_what_the_compiler_finds_has_its_line(text: str, wanted: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_workflow(Workflow.from_yaml(text))
    (problem,) = caught.value.problems
    assert re.search(wanted, problem), problem


def test_files_that_are_no_yaml_are_named_with_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    for content, wanted in (
        (b"name: w\nsteps:\n- a: \x00", "t.yaml:3: this is no YAML"),
        (b"name: w\nsteps:\n\t- a", "t.yaml:3: this is no YAML: found character"),
        (b"name: w\nsteps: " + b"[" * 300, "t.yaml:2: this is"),
        (
            b"name: w\nsteps: [{name: a, script: '\xfc'}]",
            "line 2 is not UTF-8; save the file as UTF-8",
        ),
    ):
        Path("t.yaml").write_bytes(content)
        assert main(["run", "t.yaml"]) != 0
        assert wanted in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "submit", "lint", "graph", "export"])
def test_a_file_whose_steps_are_misspelt_is_no_manifest(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.yaml").write_text("name: a\nstep:\n- name: s\n  script: x\n")
    assert main([verb, "t.yaml"]) != 0
    said = capsys.readouterr()
    assert "t.yaml:2: step: a workflow has no 'step'; did you mean 'steps'?" in said.out + said.err


def test_data_that_holds_itself_is_refused() -> None:
    steps: list[Any] = []
    steps.append({"name": "a", "op": "wired_ops:total", "parameters": {"ys": steps}})
    with pytest.raises(CompileError, match="nested too deeply, or holds itself"):
        Workflow.from_mapping({"steps": steps})


def test_what_is_only_known_when_it_is_compiled_is_told_before_anything_runs() -> None:
    wf = Workflow.from_yaml("name: w\nsteps: [{name: a, op: 'wired_ops:Square'}]")
    with pytest.raises(CompileError, match=r"input parameter 'x' .* is not given"):
        wf.submit()
    assert list(Path().glob("w-*")) == []
