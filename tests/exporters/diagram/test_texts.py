"""The three forms: whatever a graph says, they are well-formed and say it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest
from dflow.compile import compile_workflow
from dflow.engine import model
from dflow.exporters.diagram import dot, mermaid, svg
from diagram_kit import SVG, call, graph, random_dag, said, steps
from parity_dags import DAGS
from parity_loops import LOOPS
from parity_outputs import OUTPUTS
from parity_retries import RETRIES
from parity_steps import STEPS
from parity_whole import WHOLE

CASES = [*STEPS, *DAGS, *LOOPS, *OUTPUTS, *RETRIES, *WHOLE]
HOSTILE = [
    "<script>alert(1)</script>",
    "quotes \" ' ` and \\ backslash \\",
    "brackets ] } ) > ]] }} ))",
    "lines\nof\r\ntext\x00\x1b[31m\ud800",
    "%%{init: {'theme': 'x'}}%%",
    "#quot; &amp; ]]> --> <!-- -- end subgraph x; | | click n1 call f()",
    "漢字 ü 🚀 \u202e right to left",
    "\\N \\G \\l",
    "",
    "x" * 5000,
]
LABEL = r'"[^"<>&`\\(){}\[\]|\n]*(?:<br/>[^"<>&`\\(){}\[\]|\n]*)*"'
MERMAID_LINES = [
    r"flowchart TD",
    rf"  +n\d+(\[|\[\[|\(\[|\{{\{{|\[/|\[\(|\(\()({LABEL})(\]|\]\]|\]\)|\}}\}}|/\]|\)\]|\)\))",
    rf"  +subgraph n\d+\[{LABEL}\]",
    r"  +end",
    rf"  n\d+ (-->|-\.->)(\|{LABEL}\|)? n\d+",
    r"  classDef \w+ [a-z0-9:#,. -]+",
    r"  class n\d+(,n\d+)* \w+",
]
STRING = r'"(?:[^"\\\n]|\\["\\n])*"'
FIELD = rf"\w+={STRING}"
DOT_LINES = [
    rf"digraph {STRING} {{",
    r"  \w+=(true|TB|\"Helvetica\");",
    r"  (node|edge) \[[^\n]*\];",
    rf" +n\d+ \[{FIELD}(, {FIELD})*\];",
    r" +n\d+ \[shape=point\];",
    r" +subgraph cluster_n\d+ {",
    rf" +{FIELD};",
    rf"  n\d+ -> n\d+( \[{FIELD}(, {FIELD})*\])?;",
    r" *}",
]


def hostile(text: str) -> model.WorkflowGraph:
    """A graph that says this text wherever it says something."""
    inner = model.DagTemplate(
        text + "2",
        (
            call("a" + text, key=model.Literal(text)),
            call("b" + text, when=model.Text(text), dependencies=("a" + text,), depends=f"{text}.Failed"),
            call("c", loop=model.Loop(model.Ref(text)), hooks=(model.Hook(text, call(text), expression=text),)),
        ),
    )
    return model.WorkflowGraph(
        text, text + "1", (steps(text + "1", call(text, text + "2")), inner, model.ScriptTemplate("leaf", "shell", ""))
    )


def are_lines(text: str, patterns: list[str]) -> None:
    for line in text.splitlines():
        assert any(re.fullmatch(pattern, line) for pattern in patterns), line


def every_graph() -> list[model.WorkflowGraph]:
    many = graph(steps("main", tuple(call(f"w{i}") for i in range(50)), call("z", "main")))
    return [compile_workflow(case.build()) for case in CASES] + [hostile(text) for text in HOSTILE] + [many]


@pytest.mark.parametrize(("form", "patterns"), [(mermaid, MERMAID_LINES), (dot, DOT_LINES)])
def test_every_line_of_a_text_is_one_that_the_language_has(form, patterns):
    for drawn in every_graph():
        text = form(drawn, {"a": "Succeeded", "s": "Failed"})
        are_lines(text, patterns)
        words = [line.split()[0] for line in text.splitlines()]
        assert words.count("subgraph") == words.count("end") + max(0, words.count("}") - 1)


def test_svg_is_xml_without_anything_from_outside_and_without_scripts():
    for drawn in every_graph():
        text = svg(drawn, {"a": "Succeeded"})
        tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(text).iter()}  # noqa: S314 - our own
        assert tags <= {"svg", "title", "style", "g", "rect", "polygon", "circle", "path", "text"}
        assert not re.search(r"href|url\(|@import|<script|onload", text.replace("&lt;script", ""))


@pytest.mark.parametrize("name", HOSTILE)
def test_svg_says_hostile_names_as_they_are(name):
    printable = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    assert f"a{printable}\nleaf\nkey: {printable}".rstrip() in [text.rstrip() for text in said(svg(hostile(name)))]


def test_phases_are_shown_in_every_form(draw):
    drawn = graph(steps("main", call("a"), call("b")))
    plain, shown = draw(drawn), draw(drawn, {"a": "Running", "b": "Error"})
    assert "Running" in shown
    assert "Error" in shown
    assert len(shown) > len(plain)


def test_the_same_graph_gives_the_same_text(draw):
    assert draw(random_dag(200)) == draw(random_dag(200))


def test_a_thousand_tasks_are_drawn_at_once(draw):
    drawn = random_dag(1000)
    began = time.perf_counter()
    text = draw(drawn)
    assert time.perf_counter() - began < 5
    assert all(f"t{i}" in text for i in range(1000))


def test_svg_has_a_style_for_dark_pages_that_stays_inside_of_it():
    text = svg(graph(steps("main", call("a"))))
    assert "@media (prefers-color-scheme:dark)" in text
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    selectors = [part for rule in re.findall(r"([^{}]+)\{[^{}]*\}", style[1]) for part in rule.split(",")]
    wrong = [s.strip() for s in selectors if not s.strip().removeprefix("@media (prefers-color-scheme:dark)")]
    assert wrong == []
    assert all(".dflow-graph" in selector for selector in selectors)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_what_is_written_for_it():
    for drawn in every_graph():
        done = subprocess.run(["dot", "-Tsvg"], input=dot(drawn), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
