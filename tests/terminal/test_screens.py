"""What stands in a terminal at some moment of a run, at several sizes: journals are written by hand."""

from __future__ import annotations

import json
import time

import pytest
from dflow import DAG, ShellOPTemplate, Step, Steps, Task, Workflow, argo_range
from dflow.terminal.frame import Frame
from dflow.terminal.summary import summary
from dflow.terminal.texts import Look, ansi, cells, plain_text

pyte = pytest.importorskip("pyte")
T = 1_000_000.0


def frame(j, columns=80, rows=24, now=60.0, look=None, whole=False):
    j.live.catch_up()
    look = look or Look(colours=False)
    lines = Frame(j.live, look, whole=whole).lines(columns, rows, T + now)
    assert len(lines) <= rows
    assert all(cells(plain_text(line)) <= columns for line in lines)
    return shown([ansi(line, look) for line in lines], columns, rows)


def shown(lines, columns, rows):
    screen = pyte.Screen(columns, rows + 1)
    pyte.Stream(screen).feed("".join(f"{line}\r\n" for line in lines))
    return [line.rstrip() for line in screen.display[: len(lines)]]


def sh(name):
    return ShellOPTemplate(name, script="true")


@pytest.fixture
def mixed(written):
    """A run in the middle: a DAG, a nested Steps, a fan-out with a failure, a step that is tried again."""
    dag = DAG("relax")
    scf = Task("scf", sh("scf"))
    dag.add(scf)
    dag.add(Task("bands", sh("bands"), dependencies=[scf]))
    inner = Steps("model")
    inner.add(Step("prepare-data", sh("prepare-data")))
    inner.add(Step("train", sh("train")))
    wf = Workflow("wf")
    wf.add(Step("fetch", sh("fetch")))
    wf.add([Step("relax", dag), Step("model", inner), Step("explore", sh("explore"), with_param=argo_range(200))])
    wf.add([Step("select", sh("select")), Step("report", sh("report"))])
    j = written(wf)
    j.node(".fetch", "Pod", "Succeeded", 0, 2.1)
    j.node(".relax", "DAG", "Running", 2.2)
    j.node(".relax.scf", "Pod", "Running", 2.3, dir="scf")
    j.event(event="note", name="wf-1[0].relax.scf", text="queued in Slurm: job 4711")
    j.node(".model", "Steps", "Running", 2.2)
    j.node(".model.prepare-data", "Pod", "Succeeded", 2.2, 7.7)
    j.node(".model.train", "Retry", "Running", 8.0)
    j.node(".model.train.train(0)", "Pod", "Failed", 8.0, 20.0, message="exited 1")
    j.node(".model.train.train(1)", "Pod", "Running", 20.0, dir="train")
    j.loop(".explore", 200)
    for n in range(90):
        j.node(f".explore({n}:{n})", "Pod", "Running", 2 + n / 2, key=f"explore-{n}")
    for n in range(86):
        phase = "Failed" if n == 17 else "Succeeded"
        j.node(f".explore({n}:{n})", "Pod", phase, 2 + n / 2, 4 + n / 2, key=f"explore-{n}")
    layout = j.live.layout
    for name, log, progress in (("scf", "\n", None), ("train", "epoch 41: loss 0.013\n", "41/100")):
        layout.step(name).root.mkdir()
        layout.step(name).log.write_text(log)
        if progress:
            layout.step(name).progress.write_text(progress)
    return j


@pytest.mark.parametrize(("columns", "rows"), [(100, 30), (80, 24), (60, 10), (40, 6), (20, 3), (12, 1)])
def test_a_run_in_the_middle(mixed, golden_screen, columns, rows):
    golden_screen(f"mixed_{columns}x{rows}", frame(mixed, columns, rows))


def test_a_run_in_the_middle_in_ascii(mixed, golden_screen):
    lines = frame(mixed, look=Look(symbols=False, colours=False))
    assert "\n".join(lines).isascii()
    golden_screen("mixed_ascii", lines)


def test_colours_are_those_of_the_phases(mixed):
    screen = pyte.Screen(100, 30)
    mixed.live.catch_up()
    lines = Frame(mixed.live, Look()).lines(100, 29, T + 60)
    pyte.Stream(screen).feed("".join(f"{ansi(line, Look())}\r\n" for line in lines))
    colours = {}
    for row in range(30):
        text = "".join(screen.buffer[row][column].data for column in range(100)).strip()
        if text:
            first = next(c for c in range(100) if screen.buffer[row][c].data != " ")
            colours[text.split()[1]] = screen.buffer[row][first].fg
    assert (colours["fetch"], colours["relax"], colours["explore"]) == ("green", "cyan", "red")


def test_without_colours_there_are_no_escape_sequences(mixed):
    mixed.live.catch_up()
    look = Look(colours=False)
    assert "\x1b" not in "".join(ansi(line, look) for line in Frame(mixed.live, look).lines(80, 24, T))


def test_the_end_of_a_run_with_its_summary(mixed, golden_screen):
    j = mixed
    j.node(".relax.scf", "Pod", "Succeeded", 2.3, 70)
    j.node(".relax.bands", "Pod", "Succeeded", 70.1, 75)
    j.node(".relax", "DAG", "Succeeded", 2.2, 75)
    j.node(".model.train.train(1)", "Pod", "Succeeded", 20, 100)
    j.node(".model.train", "Retry", "Succeeded", 8, 100)
    j.node(".model", "Steps", "Succeeded", 2.2, 100)
    for n in range(200):
        j.node(
            f".explore({n}:{n})",
            "Pod",
            "Succeeded",
            2 + n / 2,
            4 + n / 2,
            key=f"explore-{n}",
            memoized="earlier" if n < 7 else None,
        )
    j.node(".select", "Pod", "Succeeded", 104, 105, reusedFrom="other-run")
    j.node(".report", "Pod", "Succeeded", 104, 130)
    j.node("", "Steps", "Succeeded", 0, 130)
    j.event(
        event="workflow", phase="Succeeded", at=T + 130, outputs={"parameters": {"energy": {}}, "artifacts": {"m": {}}}
    )
    lines = frame(j, 90, 40, whole=True)
    look = Look(colours=False)
    lines += [plain_text(line) for line in summary(j.live, look, width=90, now=T + 130)]
    golden_screen("end", lines)


def test_the_summary_of_a_later_attempt_leaves_out_what_was_before_it(written):
    wf = Workflow("wf")
    wf.add(Step("many", sh("many"), with_param=list(range(30)), key="many-{{item}}"))
    j = written(wf)
    j.loop(".many", 30)
    for n in range(30):
        begun = n / 2 if n < 16 else 20 + n / 2
        j.node(f".many({n}:{n})", "Pod", "Succeeded", begun, begun + 0.6, key=f"many-{n}")
    j.node("", "Steps", "Succeeded", 0, 36)
    j.event(event="workflow", phase="Succeeded", at=T + 36)
    j.live.catch_up()
    lines = [plain_text(line) for line in summary(j.live, Look(), width=90, now=T + 36, began=T + 27)]
    assert "  critical  many (14 copies) 7.1 s" in lines


def test_names_logs_and_messages_cannot_do_anything_to_the_terminal(written):
    wf = Workflow("wf")
    wf.add(Step("a", sh("a")))
    wf.add(Step("b", sh("b")))
    j = written(wf)
    evil = "x\x1b[2J\x1b]0;title\x07\r\n\x9b31m\u202eabc"
    j.node(".a", "Pod", "Failed", 0, 1, message=evil)
    j.node(".b", "Pod", "Running", 1, dir="b")
    j.event(event="note", name="wf-1[0].b", text=evil)
    j.live.layout.step("b").root.mkdir()
    j.live.layout.step("b").log.write_text(f"{evil}\n")
    j.live.layout.step("b").progress.write_text(evil)
    j.live.catch_up()
    text = "".join(plain_text(line) for line in Frame(j.live, Look()).lines(200, 20, T + 5))
    assert "abc" in text
    assert all(character.isprintable() for character in text)


def test_wide_characters_take_two_columns(written):
    wf = Workflow("wf")
    wf.add(Step("a", sh("a")))
    j = written(wf)
    j.node(".a", "Pod", "Failed", 0, 1, message="温度が高すぎます" * 20)
    for columns in range(12, 60):
        lines = frame(j, columns, 10)
        assert lines[1].endswith("…")


def test_ten_thousand_copies_are_one_row_and_quickly_drawn(written):
    wf = Workflow("wf")
    wf.add(Step("many", sh("many"), with_param=argo_range(10_000)))
    j = written(wf)
    j.loop(".many", 10_000)
    with j.live.layout.journal.open("a") as stream:
        for n in range(10_000):
            name = f"wf-1[0].many({n}:{n})"
            node = {"id": name, "displayName": f"many({n}:{n})", "template": "many", "parent": "wf-1", "type": "Pod"}
            phase = "Running" if n > 9_000 else "Succeeded"
            times = {"started": T + n / 100, **({} if n > 9_000 else {"finished": T + n / 100 + 1})}
            stream.write(json.dumps({"event": "node", "name": name, "phase": phase, **node, **times}) + "\n")
    j.live.catch_up()
    frame = Frame(j.live, Look())
    frame.lines(100, 30, T + 100)
    began = time.thread_time()
    for _ in range(20):
        lines = frame.lines(100, 30, T + 100)
    assert (time.thread_time() - began) / 20 < 0.01
    assert len(lines) == 2
    assert "9,001/10,000  999 running" in plain_text(lines[1])


def test_many_calls_keep_to_the_height_and_show_what_runs_and_what_failed(written):
    wf = Workflow("wf")
    wf.add([Step(f"s{n:04}", sh("s")) for n in range(2000)])
    j = written(wf)
    for n in range(1500):
        phase = {700: "Failed", 701: "Running"}.get(n, "Succeeded")
        j.node(f".s{n:04}", "Pod", phase, n, None if phase == "Running" else n + 1)
    lines = frame(j, 80, 12, now=2000)
    assert len(lines) <= 12
    assert any("✖ s0700" in line for line in lines)
    assert any("● s0701" in line for line in lines)
    assert {"… 700 done", "… 798 done", "… 490 waiting"} & {line.strip() for line in lines}


def test_a_recursion_a_thousand_deep_shows_the_step_that_runs(written):
    j = written(_one_step())
    path = ""
    for n in range(1000):
        path += f".r{n}"
        j.node(path, "Steps", "Running", n / 100)
    j.node(f"{path}.leaf", "Pod", "Running", 11)
    for columns, rows in ((80, 24), (40, 8), (80, 5)):
        lines = frame(j, columns, rows)
        assert any("● leaf" in line for line in lines), lines
        assert any(line.strip().startswith("…") for line in lines)


def _one_step():
    wf = Workflow("wf")
    wf.add(Step("only", sh("only")))
    return wf


def test_copies_that_are_groups_are_shown_while_they_run(written):
    inner = Steps("inner")
    inner.add(Step("one", sh("one")))
    wf = Workflow("wf")
    wf.add(Step("each", inner, with_param=argo_range(30)))
    j = written(wf)
    j.loop(".each", 30)
    for n in range(3):
        j.node(f".each({n}:{n})", "Steps", "Running", n, template="inner")
        j.node(f".each({n}:{n}).one", "Pod", "Succeeded" if n == 0 else "Running", n, n + 1 if n == 0 else None)
    j.node(".each(0:0)", "Steps", "Succeeded", 0, 1, template="inner")
    lines = frame(j)
    assert [line.split()[1] for line in lines[1:]] == ["each", "each(1:1)", "one", "each(2:2)", "one"]
    assert "1/30  2 running" in lines[1]


def test_of_a_loop_that_was_only_announced_the_number_is_known(written):
    wf = Workflow("wf")
    wf.add(Step("many", sh("many"), with_param=argo_range(12)))
    j = written(wf)
    j.loop(".many", 12)
    assert "0/12" in frame(j)[1]
    assert "0 of 12 done" in frame(j)[0]


def test_a_step_that_waits_for_somebody_says_so(written):
    steps = [[{"name": "approve", "template": "approve"}], [{"name": "pause", "template": "pause"}]]
    pauses = [{"name": "approve", "suspend": {}}, {"name": "pause", "suspend": {"duration": "60"}}]
    spec = {"entrypoint": "wf", "templates": [{"name": "wf", "steps": steps}, *pauses]}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "wf"}}
    j = written(Workflow.from_dict({**kind, "spec": spec}))
    j.node(".approve", "Suspend", "Running", 0)
    assert "waits for: dflow resume" in frame(j)[1]
    j.node(".approve", "Suspend", "Succeeded", 0, 5)
    j.node(".pause", "Suspend", "Running", 5)
    assert "waits for" not in "".join(frame(j))
