"""Workflows that are mappings: what they do."""

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


def test_true_is_what_programs_call_true() -> None:
    script = """'test "$A$B$C" = true3'"""
    run(f"steps: [{{name: a, script: {script}, envs: {{A: true, B: 3, C: }}}}]")


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
