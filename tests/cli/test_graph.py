"""``dflow graph``: drawings of scripts, runs, manifests and graphs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.compile import compile_workflow
from dflow.engine import codec

HEAD = """
from dflow import ShellOPTemplate, Step, Workflow
from pathlib import Path

def of(name):
    wf = Workflow(name)
    wf.add(Step("step-of-" + name, ShellOPTemplate("t", script="touch {here}/ran")))
    return wf
"""


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr or status == 1
    return done


def drawn(body: str, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """What is drawn of a script; nothing of its workflows runs."""
    Path("script.py").write_text(HEAD.replace("{here}", str(Path.cwd())) + textwrap.dedent(body))
    done = dflow("graph", "script.py", *words, status=status)
    assert not Path("ran").exists()
    assert [p for p in Path.cwd().iterdir() if p.is_dir() and (p / ".dflow").exists()] == []
    return done


@pytest.fixture
def run() -> Workflow:
    wf = Workflow("drawn", id="drawn-abc12")
    wf.add(Step("good", ShellOPTemplate("good", script="true"), with_param=[1, 2]))
    wf.add(Step("bad", ShellOPTemplate("bad", script="test {{retries}} = x"), continue_on_failed=True))
    wf.submit()
    return wf


@pytest.mark.parametrize(("form", "beginning"), [("mermaid", "flowchart TD"), ("dot", "digraph"), ("svg", "<svg ")])
def test_script_is_drawn_and_what_it_submits_does_not_run(form, beginning):
    text = drawn("of('one').submit()", "--format", form).stdout
    assert text.startswith(beginning)
    assert "step-of-one" in text


def test_last_workflow_that_is_submitted_is_drawn():
    text = drawn("a, b, c = of('one'), of('two'), of('three')\nb.submit()\na.submit()\n").stdout
    assert "step-of-one" in text
    assert "step-of-two" not in text


def test_last_workflow_with_steps_is_drawn_when_none_is_submitted():
    assert "step-of-two" in drawn("of('one')\nof('two')\nWorkflow('empty')\n").stdout


def test_with_block_is_drawn():
    text = drawn("with Workflow('w') as wf:\n    Step('in-a-block', ShellOPTemplate('t', script='true'))\n").stdout
    assert "in-a-block" in text


def test_script_that_waits_for_its_workflow_ends_where_it_asks():
    done = drawn(
        """
        wf = of("one")
        wf.submit()
        try:
            while wf.query_status() in ("Pending", "Running"):
                pass
        except Exception:
            print("caught")
        Path("after").write_text("")
        """
    )
    assert "step-of-one" in done.stdout
    assert "caught" not in done.stderr
    assert not Path("after").exists()


def test_script_that_fails_for_want_of_a_result_is_drawn():
    assert "step-of-one" in drawn("wf = of('one')\nwf.submit()\nopen('result-of-the-run')\n").stdout


def test_script_that_fails_before_is_not_drawn():
    done = drawn("wf = of('one')\nraise ValueError('my mistake')\nwf.submit()\n", status=1)
    assert "my mistake" in done.stderr


@pytest.mark.parametrize("verb", ["terminate", "delete", "resubmit", "retry", "stop", "suspend", "resume"])
def test_script_changes_no_run_that_is_there(run, verb):
    Path("script.py").write_text(
        f"from dflow import Workflow\nfrom dflow.cli import main\nwf = Workflow('drawn', id={run.id!r})\nwf.{verb}()\n"
    )
    before = sorted(Path(run.id).rglob("*"))
    dflow("graph", "script.py", status=1)
    assert sorted(Path(run.id).rglob("*")) == before


def test_what_a_script_prints_is_not_in_the_drawing():
    done = drawn("print('printed')\nof('one').submit()\n")
    assert "printed" not in done.stdout
    assert "printed" in done.stderr


def test_script_without_a_workflow():
    assert "script.py makes no workflow that has steps" in drawn("x = 1\n", status=1).stderr
    assert "there is no script nowhere.py" in dflow("graph", "nowhere.py", status=1).stderr


def test_run_is_drawn_with_its_phases(run):
    text = dflow("graph", "drawn-a", "--format", "dot").stdout
    assert "good\\n×2\\n✔ 2 Succeeded" in text  # noqa: RUF001
    assert "bad\\n✖ Failed" in text


def test_graph_in_json_is_drawn():
    wf = Workflow("w")
    wf.add(Step("of-json", ShellOPTemplate("t", script="true")))
    Path("graph.json").write_text(codec.dumps(compile_workflow(wf)))
    assert "of-json" in dflow("graph", "graph.json").stdout


def test_manifest_is_drawn():
    Path("m.yaml").write_text(
        textwrap.dedent(
            """
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata: {name: m}
            spec:
              entrypoint: main
              templates:
              - name: main
                dag:
                  tasks:
                  - {name: a, template: t}
                  - {name: b, template: t, depends: a.Failed}
              - name: t
                container: {image: "alpine:3.20", command: [echo, hi]}
            """
        )
    )
    assert 'label="a.Failed"' in dflow("graph", "m.yaml", "--format", "dot").stdout


@pytest.mark.parametrize(("name", "beginning"), [("x.svg", "<svg "), ("x.dot", "digraph"), ("x.mmd", "flowchart TD")])
def test_name_of_the_file_says_the_form(name, beginning):
    assert drawn("of('one').submit()", "-o", name).stdout == ""
    assert Path(name).read_text(encoding="utf-8").startswith(beginning)


def test_drawing_of_a_script_is_complete_xml():
    drawn("of('one').submit()", "-o", "x.svg")
    assert ET.parse("x.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_what_cannot_be_read_or_written_is_said():
    assert "cannot write" in drawn("of('one').submit()", "-o", "no/where.svg", status=1).stderr
    assert "cannot read" in dflow("graph", "no.yaml", status=1).stderr
    assert "there is no run" in dflow("graph", "no-such-run", status=1).stderr
    assert "invalid choice" in dflow("graph", "x.py", "--format", "png", status=2).stderr
