"""What a drawing shows of a graph, whatever it is drawn with."""

from __future__ import annotations

import json

import pytest
from dflow.engine import model
from dflow.exporters.diagram import svg
from dflow.exporters.diagram.build import build_scene
from dflow.exporters.diagram.scene import Box, Cluster, Point, boxes
from dflow.exporters.diagram.words import TIMES, lines_of
from diagram_kit import call, graph, said, steps


def titles(drawn):
    """Titles of what is in a drawing, as nested lists for clusters."""

    def inside(items):
        return [
            [item.title, inside(item.inside)] if isinstance(item, Cluster) else item.title
            for item in items
            if not isinstance(item, Point)
        ]

    return inside(build_scene(drawn).inside)


def edges(drawn):
    """``source → target`` for all lines, by titles, with their label and kind."""
    scene = build_scene(drawn)
    items = {item.id: item for item in boxes(scene.inside)}
    found = [edge for item in items.values() if isinstance(item, Cluster) for edge in item.edges]
    names = {name: getattr(item, "title", "·") for name, item in items.items()}
    return [(names[e.source], names[e.target], e.label, e.kind) for e in [*found, *scene.edges, *scene.again]]


def lines(made, template=None):
    return list(lines_of(made, template or model.ScriptTemplate(made.name, "shell", "true")))


def test_templates_are_drawn_where_they_are_called():
    inner = steps("inner", call("x"))
    assert titles(graph(steps("main", call("a", "inner"), call("b", "inner")), inner)) == [
        ["drawn", [["a", ["x"]], ["b", ["x"]]]]
    ]


def test_groups_follow_each_other_and_meet_in_a_point_when_both_are_parallel():
    drawn = graph(steps("main", call("a"), (call("b"), call("c")), (call("d"), call("e")), call("f")))
    assert [(a, b) for a, b, _, _ in edges(drawn)] == [
        ("a", "b"), ("a", "c"), ("b", "·"), ("c", "·"), ("·", "d"), ("·", "e"), ("d", "f"), ("e", "f"),
    ]  # fmt: skip


def test_lines_of_a_dag_are_its_dependencies():
    tasks = (call("c", dependencies=("a", "b")), call("a"), call("b", dependencies=("a",)))
    assert [(a, b) for a, b, _, _ in edges(graph(model.DagTemplate("main", tasks)))] == [
        ("a", "c"), ("b", "c"), ("a", "b"),
    ]  # fmt: skip


def test_depends_stands_on_the_line_or_when_it_is_of_several_tasks_in_the_box_too():
    one = call("one", dependencies=("a",), depends="a.Succeeded || a.Failed")
    two = call("two", dependencies=("a", "b"), depends="a.Failed && (b || b.Skipped)")
    drawn = graph(model.DagTemplate("main", (call("a"), call("b"), one, two)))
    assert {(a, b): label for a, b, label, _ in edges(drawn)} == {
        ("a", "one"): "a.Succeeded || a.Failed", ("a", "two"): "Failed", ("b", "two"): "Skipped",
    }  # fmt: skip
    assert lines(two) == ["depends: a.Failed && (b || b.Skipped)"]


def test_template_that_calls_itself_is_drawn_once_with_a_line_back():
    drawn = graph(steps("main", call("a"), call("again", "main", when=model.Text("{{x}} < 3"))))
    assert titles(drawn) == [["drawn", ["a", "again"]]]
    assert ("again", "a", "again", "again") in edges(drawn)


def test_templates_that_call_each_other_end():
    drawn = graph(steps("ping", call("to", "pong")), steps("pong", call("fro", "ping")))
    assert titles(drawn) == [["drawn", [["to", ["fro"]]]]]


@pytest.mark.parametrize(
    ("loop", "shown"),
    [
        (model.Loop(model.Literal("[1, 2, 3]")), f"{TIMES}3"),
        (model.Loop(model.Literal("no list")), f"{TIMES} each of no list"),
        (model.Loop(model.Expr("toJson(sprig.untilStep(0, 10, 3))")), f"{TIMES}4"),
        (
            model.Loop(model.Ref("steps.a.outputs.parameters.x")),
            f"{TIMES} each of {{{{steps.a.outputs.parameters.x}}}}",
        ),
        (model.Loop(model.Sequence(count=model.Literal("7"))), f"{TIMES}7"),
        (model.Loop(model.Sequence(start=model.Literal("5"), end=model.Literal("1"))), f"{TIMES}5"),
        (
            model.Loop(model.Sequence(count=model.Ref("inputs.parameters.n"))),
            f"{TIMES} each of {{{{inputs.parameters.n}}}}",
        ),
        (
            model.Loop(model.Sequence(end=model.Ref("inputs.parameters.n"))),
            f"{TIMES} each of 0 … {{{{inputs.parameters.n}}}}",
        ),
        (model.Loop(None, slices=model.Slices(model.Ref("item"), ("p", "q"), ("f",))), f"{TIMES} each of p, q, f"),
        (model.Loop(None, slices=model.Slices(model.Ref("item"), ("known",), group_size=4)), f"{TIMES}3 groups of 4"),
        (
            model.Loop(None, slices=model.Slices(model.Ref("item"), (), ("f",), group_size=4)),
            f"{TIMES} each of f in groups of 4",
        ),
    ],
)
def test_loops_say_how_often_or_over_what(loop, shown):
    known = (("known", model.Literal(json.dumps(list(range(10))))),)
    assert lines(call("a", loop=loop, parameters=known)) == [shown]


def test_boxes_say_template_condition_and_key():
    made = call("a", when=model.Text("{{x}}\n == 1"), key=model.Text("k-{{item}}"))
    template = model.ScriptTemplate("other", "shell", "true")
    assert lines(made, template) == ["other", "when: {{x}} == 1", "key: k-{{item}}"]


def test_hooks_and_the_exit_handler_are_beside_with_dashed_lines():
    hooks = (
        model.Hook("failure", call("h1"), ("Failed",)),
        model.Hook("exit", call("h2"), expression="steps.a.status == 'Failed'"),
    )
    drawn = graph(steps("main", call("a", hooks=hooks)), on_exit="leaf")
    assert [edge for edge in edges(drawn) if edge[3] != "then"] == [
        ("a", "h1", "failure", "hook"),
        ("a", "h2", "exit: steps.a.status == 'Failed'", "hook"),
        ("drawn", "onExit", "on exit", "exit"),
    ]
    assert svg(drawn).count('class="edge aside"') == 3


def test_kinds_of_leaves_have_shapes_of_their_own():
    templates = [model.SuspendTemplate("s"), model.HttpTemplate("h", "u"), model.ResourceTemplate("r", "get")]
    drawn = graph(steps("main", call("a", "s"), call("b", "h"), call("c", "r"), call("d")), *templates)
    kinds = {item.title: item.kind for item in boxes(build_scene(drawn).inside) if isinstance(item, Box)}
    assert kinds == {"a": "suspend", "b": "http", "c": "resource", "d": "step"}


def test_templates_that_are_called_often_are_folded_below_the_third_level():
    levels = [steps(f"s{i}", (call("l", f"s{i + 1}"), call("r", f"s{i + 1}"))) for i in range(40)]
    drawn = graph(*levels, steps("s40", call("x")))
    found = [item for item in boxes(build_scene(drawn).inside) if isinstance(item, Box)]
    assert len(found) == 16
    assert {(item.kind, item.lines) for item in found} == {("folded", ("s4", "… 2 steps"))}


def test_nests_that_are_too_deep_are_folded():
    levels = [steps(f"s{i}", call("in", f"s{i + 1}")) for i in range(500)]
    (box,) = [
        item for item in boxes(build_scene(graph(*levels, steps("s500", call("x")))).inside) if isinstance(item, Box)
    ]
    assert box.kind == "folded"


def test_what_is_too_much_is_folded_from_below():
    levels = [steps(f"s{i}", *[call(f"c{j}", f"s{i + 1}") for j in range(60)]) for i in range(3)]
    found = list(boxes(build_scene(graph(*levels, steps("s3", call("x")))).inside))
    assert 2000 < len(found) < 6000
    assert sum(1 for item in found if isinstance(item, Cluster) and item.title == "c0") > 1
    assert any(isinstance(item, Box) and item.kind == "folded" for item in found)


def test_many_side_by_side_have_a_frame_and_one_line():
    many = tuple(call(f"w{i}") for i in range(100))
    drawn = graph(steps("main", call("a"), many, call("b")))
    assert [(a, b) for a, b, _, _ in edges(drawn)] == [("a", "100 side by side"), ("100 side by side", "b")]
    tasks = [call(f"w{i}", dependencies=("a",)) for i in range(100)]
    last = call("b", dependencies=tuple(task.name for task in tasks))
    fan = graph(model.DagTemplate("main", (call("a"), *tasks, last)))
    assert [(a, b) for a, b, _, _ in edges(fan)] == [("a", "100 side by side"), ("100 side by side", "b")]


def test_templates_without_steps_and_entries_that_are_leaves():
    assert titles(graph(steps("main", call("a", "empty")), steps("empty"))) == [["drawn", ["a"]]]
    assert titles(model.WorkflowGraph("drawn", "leaf", (model.ScriptTemplate("leaf", "shell", "true"),))) == ["drawn"]


def test_phases_are_the_worst_of_the_copies_and_counted():
    drawn = graph(steps("main", call("a"), call("b", loop=model.Loop(model.Literal("[1, 2]"))), call("c")))
    phases = {"a": "Succeeded", "b": "Failed", "b(0:1)": "Succeeded", "b(1:2)": "Failed", "x": "Nonsense"}
    text = svg(drawn, phases)
    assert said(text)[1:4] == [
        "a\nleaf\n✔ Succeeded",
        f"b\nleaf\n{TIMES}2\n✖ 1 Failed, ✔ 1 Succeeded",
        "c\nleaf",
    ]
    assert text.count('class="box Succeeded"') == 1
    assert text.count('class="box Failed"') == 1


def test_attempts_do_not_count_where_the_whole_has_a_phase():
    drawn = graph(steps("main", call("a"), call("b")))
    phases = {"a": "Succeeded", "a(0)": "Failed", "a(1)": "Succeeded", "b(0:x)": "Succeeded", "b(0:x)(0)": "Failed"}
    text = svg(drawn, phases)
    assert said(text)[1:3] == ["a\nleaf\n✔ Succeeded", "b\nleaf\n✔ Succeeded"]
