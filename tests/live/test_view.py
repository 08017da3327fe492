"""What a journal says of the nodes of a run, event by event."""

from __future__ import annotations

import pytest
from dflow.engine.phase import Phase
from dflow.live.view import RunView


@pytest.fixture
def view():
    view = RunView("wf")
    view.apply({"event": "workflow", "phase": "Running", "at": 1.0})
    view.apply(node("wf", type="Steps", id="wf"))
    return view


def node(name, phase="Running", **more):
    more.setdefault("type", "Pod")
    fields = {"id": f"id {name}", "displayName": name.rpartition(".")[2], "template": "t", "started": 1.0}
    if phase not in ("Running", "Pending"):
        fields["finished"] = 3.0
    return {"event": "node", "name": name, "phase": phase, **fields, **more}


def test_a_node_keeps_what_was_said_of_it(view):
    view.apply(node("wf[0].a", parent="wf", key="k", dir="k"))
    assert list(view.running) == ["wf[0].a"]
    ended = view.apply(
        node("wf[0].a", "Failed", parent="wf", key="k", dir="k", message="it broke", exitCode=3, retries=2)
    )
    assert (ended.key, ended.directory, ended.message, ended.exit_code, ended.retries) == ("k", "k", "it broke", 3, 2)
    assert ended.seconds(10.0) == 2.0
    assert ended.parent is view.root
    assert view.root.children == [ended]
    assert not view.running
    assert list(view.failures) == ["wf[0].a"]
    assert +view.counts == {Phase.FAILED: 1}


def test_a_step_that_is_run_again_is_counted_once(view):
    for phase in ("Running", "Failed", "Running", "Succeeded"):
        view.apply(node("wf[0].a", phase, parent="wf"))
    assert +view.counts == {Phase.SUCCEEDED: 1}
    assert not view.failures
    assert len(view.root.children) == 1


def test_groups_are_not_counted_and_skipped_calls_are(view):
    view.apply(node("wf[0].g", type="DAG", parent="wf"))
    view.apply(node("wf[0].g.a", "Skipped", type="Skipped", parent="id wf[0].g"))
    assert +view.counts == {Phase.SKIPPED: 1}


def test_copies_of_a_loop_are_counted_together(view):
    view.apply({"event": "loop", "name": "wf[0].a", "parent": "wf", "count": 5})
    assert view.root.copies["a"].expected == 5
    for number, phase in enumerate(("Succeeded", "Running", "Failed")):
        view.apply(node(f"wf[0].a({number}:0.{number})", phase, parent="wf", displayName=f"a({number}:0.{number})"))
    copies = view.root.copies["a"]
    assert (copies.expected, copies.done, len(copies.nodes)) == (5, 2, 3)
    assert +copies.counts == {Phase.SUCCEEDED: 1, Phase.RUNNING: 1, Phase.FAILED: 1}


def test_copies_of_a_loop_in_a_dag_are_those_of_its_group(view):
    view.apply(node("wf.a", type="TaskGroup", parent="wf", id="group"))
    view.apply({"event": "loop", "name": "wf.a", "parent": "group", "count": 2})
    copy = view.apply(node("wf.a(0:x)", parent="group", displayName="a(0:x)"))
    assert copy.parent.type == "TaskGroup"
    assert copy.parent.copies["a"].expected == 2
    assert copy.call == "a"


def test_a_note_is_there_until_the_next_word_on_its_node(view):
    view.apply(node("wf[0].a", parent="wf"))
    assert view.apply({"event": "note", "name": "wf[0].a", "text": "queued: Priority"}).note == "queued: Priority"
    assert view.apply(node("wf[0].a", "Succeeded", parent="wf")).note == ""
    assert view.apply({"event": "note", "name": "nobody", "text": "x"}) is None


def test_a_directory_that_was_set_aside_is_followed(view):
    view.apply(node("wf[0].a", "Failed", parent="wf", dir="a"))
    assert view.apply({"event": "moved", "name": "wf[0].a", "dir": "a.bk1"}).directory == "a.bk1"


def test_what_ran_when_the_workflow_was_gone_on_with_is_pending(view):
    view.apply(node("wf[0].a", parent="wf"))
    view.apply({"event": "workflow", "phase": "Running", "at": 9.0})
    assert view.nodes["wf[0].a"].phase is Phase.PENDING
    assert "interrupted" in view.nodes["wf[0].a"].message
    assert view.attempts == 2
    assert view.started == 1.0
    view.apply({"event": "workflow", "phase": "Failed", "at": 12.0, "outputs": {"parameters": {"x": "1"}}})
    assert (view.phase, view.finished, view.outputs) == (Phase.FAILED, 12.0, {"parameters": {"x": "1"}})


def test_nodes_of_exporters_are_shown_as_what_is_in_them(view):
    view.apply(node("wf[0].h", type="Steps", parent="wf", helper=True))
    view.apply(node("wf[0].h[0].a", parent="id wf[0].h"))
    view.apply(node("wf[0].loop", type="Steps", parent="wf", helper="loop"))
    assert [child.display for child in view.root.shown_children()] == ["a", "loop"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event": "node"},
        {"event": "node", "name": 3, "phase": "Running"},
        {"event": "node", "name": "wf[0].x", "phase": "Nonsense"},
        {"event": "workflow", "phase": None},
        {"event": "loop", "name": "wf[0].a", "count": "many"},
        {"event": "of a later version"},
    ],
)
def test_events_that_are_not_understood_change_nothing(view, event):
    before = dict(view.nodes)
    assert view.apply(event) is None
    assert view.nodes == before


def test_a_node_whose_parent_is_not_known_is_below_the_root(view):
    assert view.apply(node("wf[0].g[0].a", parent="lost")).parent is view.root


@pytest.mark.parametrize("value", [10**400, float("nan"), float("inf"), "text", [1], {"a": 1}, None])
def test_fields_of_another_type_count_as_not_said(view, value):
    names = ("started", "finished", "key", "dir", "exitCode", "retries", "reusedFrom", "memoized", "usage", "host")
    wrong = {name: value for name in names if not (isinstance(value, str) and name in ("key", "dir", "host"))}
    if isinstance(value, dict):
        wrong["usage"] = [value]
    elif isinstance(value, str):
        wrong["reusedFrom"] = wrong["memoized"] = None
    node_ = view.apply({**node("wf[0].a", "Failed", parent="wf"), **wrong})
    assert (node_.started, node_.finished, node_.exit_code, node_.retries) == (None, None, None, 0)
    assert (node_.key, node_.directory, node_.reused, node_.memoized, node_.usage) == (None,) * 5
    assert node_.seconds(1.0) == 0.0
    assert view.apply({"event": "loop", "name": "wf[0].b", "parent": "wf", "count": value}) is None
    view.apply({"event": "workflow", "phase": "Failed", "at": value, "outputs": value})
    assert (view.finished, isinstance(view.outputs, dict)) == (None, True)


def test_the_root_is_found_in_a_directory_of_another_name():
    view = RunView("copy-of-wf")
    view.apply(node("wf", type="Steps", id="wf"))
    view.apply(node("wf[0].a", parent="wf"))
    assert view.root.name == "wf"
    assert +view.counts == {Phase.RUNNING: 1}


def test_a_root_that_is_a_leaf_is_no_step():
    view = RunView("wf")
    for phase in ("Running", "Succeeded"):
        view.apply(node("wf", phase, id="wf"))
    assert not +view.counts
    assert not -view.counts


def test_leaves_that_an_exporter_made_are_not_counted(view):
    for phase in ("Running", "Failed"):
        view.apply(node("wf[0].a", phase, parent="wf", helper=True))
    assert not +view.counts
    child = view.apply(node("wf[0].a[0].b", parent="id wf[0].a"))
    assert child.shown_parent is view.root


def test_a_node_that_becomes_a_group_is_not_counted_any_more(view):
    view.apply(node("wf[0].a", parent="wf"))
    view.apply(node("wf[0].a", "Succeeded", type="Steps", parent="wf"))
    assert not +view.counts
    assert not -view.counts


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "..", ".", "", "a\0b"])
def test_a_directory_that_is_no_name_in_the_run_is_none(view, name):
    assert view.apply(node("wf[0].a", parent="wf", dir=name)).directory is None
    assert view.apply({"event": "moved", "name": "wf[0].a", "dir": name}).directory is None
