"""Workflows that are mappings: what they do, and what is said of mistakes."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from dflow import Workflow
from dflow.cli import main
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError, ConfigError
from dflow.python import OP, load_op, registered_ops
from dflow.wiring.reading import read_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OPS = """
    from pathlib import Path
    from dflow.python import OP, OPIO, OPIOSign, Artifact

    class Square(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"x": int})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"y": int, "note": Artifact(Path)})

        @OP.exec_sign_check
        def execute(self, op_in):
            Path("note.txt").write_text(f"{op_in['x']} squared")
            return OPIO({"y": op_in["x"] ** 2, "note": Path("note.txt")})

    @OP.function
    def total(ys: list) -> {"total": int}:
        return {"total": sum(ys)}

    @OP.function
    def words(files: Artifact(list[Path]), one: Artifact(Path)) -> {"words": list}:
        return {"words": [*(file.read_text() for file in files), one.read_text()]}

    @OP.function
    def optional(x: int, one: Artifact(Path, optional=True)) -> {"x": int}:
        return {"x": x}

    class Wrapped:
        def __init__(self, text="A"):
            self.text = text

        def render(self, template):
            template.script = f"export WRAPPED={self.text}\\n{template.script}"
            return template

    not_an_op = 3
"""


@pytest.fixture(autouse=True)
def _ops(monkeypatch: pytest.MonkeyPatch) -> Any:
    Path("wired_ops.py").write_text(textwrap.dedent(OPS))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "wired_ops", raising=False)


def run(text: str) -> Workflow:
    """The workflow of a text, run to its end."""
    file = Path("wf.yaml")
    file.write_text(textwrap.dedent(text))
    wf: Workflow = Workflow.from_file(file)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    return wf


def value(wf: Workflow, key: str, name: str) -> Any:
    return wf.query_step(key=key)[0].outputs.parameters[name].value


def test_steps_of_ops_and_scripts_with_short_references() -> None:
    Path("greet.txt").write_text("hello")
    wf = run("""
        name: squares
        parameters: {who: world}
        steps:
        - name: square
          op: wired_ops:Square
          parameters: {x: [1, 2, 3]}
          slices: {input_parameter: [x], output_parameter: [y]}
          key: square-{{item.order}}
        - - name: add
            op: wired_ops:total
            parameters: {ys: "{{square.y}}"}
            key: add
          - name: one
            op: wired_ops:Square
            parameters: {x: 5}
        - name: report
          when: "{{add.total}} > 3"
          script: |
            set -e
            echo "{{inputs.parameters.total}} for {{workflow.parameters.who}}" > {{outputs.parameters.text.path}}
            cat {{inputs.artifacts.greet.path}} {{inputs.artifacts.note.path}} > {{outputs.artifacts.both.path}}
          parameters: {total: "{{add.total}}"}
          artifacts:
            greet: greet.txt
            note: {from: "{{one.note}}", sub_path: note.txt}
          outputs: {parameters: [text], artifacts: [both]}
          key: report
        - name: never
          when: "{{ add.total }} > 1000"
          script: exit 1
    """)
    assert value(wf, "add", "total") == 14
    assert value(wf, "report", "text") == "14 for world"
    both = wf.query_step(key="report")[0].outputs.artifacts["both"].local_path
    assert Path(both).read_text() == "hello5 squared"
    assert wf.query_step(name="never")[0].phase in ("Skipped", "Omitted")


def test_tasks_wait_for_what_they_mention_and_what_they_name() -> None:
    wf = run("""
        name: dag
        tasks:
        - {name: last, op: "wired_ops:optional", parameters: {x: "{{first.y}}"}, key: last}
        - {name: first, op: "wired_ops:Square", parameters: {x: 4}}
        - {name: after, script: "true", dependencies: [last]}
    """)
    graph = compile_workflow(wf)
    dag: Any = next(template for template in graph.templates if template.name == "dag")
    tasks = {task.name: task.dependencies for task in dag.tasks}
    assert tasks == {"last": ("first",), "first": (), "after": ("last",)}
    assert value(wf, "last", "x") == 16


def test_files_are_found_beside_the_text_wherever_it_is_read_from(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("elsewhere")
    (folder / "data").mkdir(parents=True)
    for name in ("a", "b"):
        (folder / "data" / f"{name}.txt").write_text(name)
    (folder / "wf.yaml").write_text(
        textwrap.dedent("""
        name: w
        steps:
        - name: words
          op: wired_ops:words
          artifacts: {files: [data/a.txt, data/b.txt], one: {path: data/a.txt}}
          key: words
        - name: folder
          script: cat {{inputs.artifacts.d.path}}/b.txt > {{outputs.parameters.o.path}}
          artifacts: {d: data}
          outputs: {parameters: {o: /tmp/o.txt}}
          key: folder
        """)
    )
    Path("wired_ops.py").rename(folder / "wired_ops.py")
    monkeypatch.delitem(sys.modules, "wired_ops", raising=False)
    wf = Workflow.from_file(folder / "wf.yaml")
    wf.submit()
    assert value(wf, "words", "words") == ["a", "b", "a"]
    assert value(wf, "folder", "o") == "b"


def test_loops_conditions_retries_and_executors_are_those_of_steps() -> None:
    wf = run("""
        name: w
        steps:
        - name: each
          script: test $WRAPPED = B && echo {{inputs.parameters.n}} > {{outputs.parameters.o.path}}
          parameters: {n: "{{item}}"}
          with_sequence: {start: 1, end: 3}
          outputs: {parameters: [o]}
          executor: {type: "wired_ops:Wrapped", text: B}
          key: each-{{item}}
          parallelism: 2
          timeout: 60
        - name: flaky
          language: python
          script: |
            import os, sys
            print(os.environ["A"])
            sys.exit(0 if os.path.exists("../../tried") else open("../../tried", "w").close() or 1)
          envs: {A: "1"}
          retries: 2
        - {name: fails, script: exit 3, continue_on_failed: true}
    """)
    assert [value(wf, f"each-{n}", "o") for n in (1, 2, 3)] == ["1", "2", "3"]
    assert wf.query_step(name="fails")[0].phase == "Failed"


def test_a_dict_is_as_good_as_a_text() -> None:
    text = {"name": "w", "steps": [{"name": "s", "op": "wired_ops:Square", "parameters": {"x": 2}}]}
    one = compile_workflow(Workflow.from_mapping(text))
    assert one == compile_workflow(Workflow.from_yaml(yaml.safe_dump(text)))
    assert one == compile_workflow(Workflow.from_yaml(json.dumps(text)))
    with pytest.raises(CompileError, match=r"steps\[0\]\.parameters\.z: there is no input parameter 'z'"):
        Workflow.from_mapping({"steps": [{"name": "s", "op": "wired_ops:Square", "parameters": {"z": 2}}]})


def test_a_manifest_is_still_a_manifest() -> None:
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {
            "entrypoint": "m",
            "templates": [{"name": "m", "script": {"image": "a", "command": ["sh"], "source": "true"}}],
        },
    }
    Path("m.json").write_text(json.dumps(manifest))
    assert compile_workflow(Workflow.from_file("m.json")) == compile_workflow(Workflow.from_dict(manifest))


# -- mistakes -----------------------------------------------------------------------------------------------------

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
    "bad.yaml:11: steps[2].parameters: step 'one' has no output 'z'; it has 'y', 'note'",
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


def test_what_is_only_known_when_it_is_compiled_is_told_before_anything_runs() -> None:
    wf = Workflow.from_yaml("name: w\nsteps: [{name: a, op: 'wired_ops:Square'}]")
    with pytest.raises(CompileError, match=r"input parameter 'x' .* is not given"):
        wf.submit()
    assert list(Path().glob("w-*")) == []


def test_values_are_data() -> None:
    wf = run("""
        name: w
        steps:
        - name: a
          script: printf '%s' "$T" > {{outputs.parameters.o.path}}
          envs: {T: "$(touch hacked) __import__('os')"}
          outputs: {parameters: [o]}
          key: a
    """)
    assert value(wf, "a", "o") == "$(touch hacked) __import__('os')"
    assert list(Path().rglob("hacked")) == []
    with pytest.raises(CompileError, match="could not determine a constructor"):
        Workflow.from_file(_written("name: !!python/object/apply:os.getcwd []\nsteps: []"))


def _written(text: str) -> str:
    Path("t.yaml").write_text(text)
    return "t.yaml"


# -- YAML ---------------------------------------------------------------------------------------------------------


def test_scalars_are_what_they_look_like() -> None:
    text = "{a: y, b: 1e-3, c: 2024-01-01, d: 1:30, e: 007, f: yes, g: true, h: 0x1F, i: , k: -.5, m: 1., no: on}"
    assert read_yaml(text)[0].value == {
        "a": "y", "b": 0.001, "c": "2024-01-01", "d": "1:30", "e": "007", "f": "yes", "g": True, "h": 31, "i": None,
        "k": -0.5, "m": 1.0, "no": "on",
    }  # fmt: skip


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="aye1-. {}n:", max_size=6)
)


@settings(max_examples=50, deadline=None)
@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner)))
def test_what_json_writes_is_read_as_json(data: Any) -> None:
    assert read_yaml(json.dumps(data))[0].value == json.loads(json.dumps(data))


@pytest.mark.parametrize(
    "text", ["a: [", "a: &x [*x]", "a: 1\n b: 2", "? {a: 1}\n: 2", "a: !!binary x", "\x00", "a: " + "[" * 300]
)
def test_what_is_no_yaml_is_a_mistake_with_its_line(text: str) -> None:
    with pytest.raises(CompileError):
        read_yaml(text)


def test_aliases_that_blow_up_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(CompileError, match="too large with its aliases"):
        read_yaml("\n".join(lines))


# -- OPs by name --------------------------------------------------------------------------------------------------


def test_an_installed_package_offers_ops_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    info = Path("site") / "my_ops-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-ops\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dflow.ops]\nsquare = wired_ops:Square\nbroken = wired_ops:not_an_op\n")
    monkeypatch.syspath_prepend(str(Path("site").absolute()))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    assert registered_ops()["square"] == "wired_ops:Square"
    assert issubclass(load_op("square"), OP)
    assert load_op("square") is load_op("wired_ops:Square")
    with pytest.raises(ConfigError, match=r"no installed package offers it under 'dflow\.ops'; did you mean 'square'"):
        load_op("squares")
    with pytest.raises(ConfigError, match="OP 'broken' is 3, which is no subclass of OP"):
        load_op("broken")
    run("name: w\nsteps: [{name: a, op: square, parameters: {x: 2}}]")


# -- the command line ---------------------------------------------------------------------------------------------

GOOD = """name: w
parameters: {x: '3'}
steps: [{name: s, op: 'wired_ops:Square', parameters: {x: '{{workflow.parameters.x}}'}, key: s}]
"""


def test_the_command_line_takes_such_a_file_wherever_it_takes_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wf.yaml").write_text(GOOD)
    assert main(["run", "wf.yaml", "-p", "x=4", "--name", "mine"]) == 0
    assert value(Workflow(id="mine"), "s", "y") == 16
    assert main(["submit", "wf.yaml", "--name", "other"]) == 0
    assert value(Workflow(id="other"), "s", "y") == 9
    capsys.readouterr()
    assert main(["lint", "wf.yaml"]) == 0
    assert "wf.yaml: 0 errors" in capsys.readouterr().out
    assert main(["graph", "wf.yaml"]) == 0
    assert "square" in capsys.readouterr().out
    assert main(["export", "wf.yaml"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    assert (made["kind"], made["spec"]["arguments"]["parameters"]) == ("Workflow", [{"name": "x", "value": "3"}])


def test_the_command_line_tells_mistakes_of_such_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wf.yaml").write_text(GOOD.replace("name: s", "nam: s"))
    for verb in ("run", "lint", "export", "graph"):
        assert main([verb, "wf.yaml"]) != 0
        assert "wf.yaml:3: steps[0].nam: a step has no 'nam'; did you mean 'name'?" in capsys.readouterr().err
    Path("wf.yaml").write_text(GOOD)
    assert main(["run", "wf.yaml", "-p", "y=4"]) != 0
    assert "the workflow has no parameter 'y'" in capsys.readouterr().err
    assert main(["submit", "wf.yaml", "--entrypoint", "x"]) != 0
    assert "--entrypoint is for manifests" in capsys.readouterr().err


OF_A_STEP = [
    "op",
    "script",
    "parameters",
    "artifacts",
    "when",
    "key",
    "slices",
    "executor",
    "outputs",
    "with_param",
    "with_sequence",
    "dependencies",
    "retries",
    "image",
    "command",
    "timeout",
]
NAMES = st.sampled_from(
    [*OF_A_STEP, "name", "steps", "tasks", "language", "envs", "x", "from", "sub_path", "path", "type"]
)
LEAVES = st.sampled_from(
    [
        "a",
        "b",
        "wired_ops:Square",
        "{{a.y}}",
        "{{a.note}}",
        "{{item}}",
        "x:y",
        "",
        "container",
        "python",
        1,
        0,
        -1.5,
        True,
        None,
    ]
)
ANYTHING: Any = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=20
)
STEP = st.fixed_dictionaries({"name": st.sampled_from(["a", "b", "c"])}, optional=dict.fromkeys(OF_A_STEP, ANYTHING))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, ANYTHING) | st.fixed_dictionaries({"steps": st.lists(STEP | ANYTHING)}) | ANYTHING)
def test_whatever_is_written_is_a_workflow_or_a_list_of_mistakes(data: Any) -> None:
    try:
        wf = Workflow.from_mapping(data)
        compile_workflow(wf)
    except CompileError as exc:
        assert exc.problems  # noqa: PT017 - either is right
