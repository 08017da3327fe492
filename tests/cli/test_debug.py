"""``dflow debug``: one step once more, in the foreground, while the run stays as it was."""
# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import hashlib
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import InputArtifact, InputParameter, Inputs, OutputArtifact, Outputs, ShellOPTemplate, Step, Workflow
from dflow.python import OP, PythonOPTemplate, Slices

MODULE = """
from pathlib import Path
from dflow.python import OP, OPIO, Artifact, OPIOSign


class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(Path), "n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": Artifact(Path), "m": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        print("in", Path.cwd().parent.name, self.key, self.workflow_name, flush=True)
        text = op_in["x"].read_text()
        op_in["x"].write_text("spoilt")
        Path("y.txt").write_text(text * 2)
        wanted = op_in["n"] + 1
        if wanted == 4:
            raise ValueError(f"not {wanted}")
        return OPIO({"y": Path("y.txt"), "m": wanted})
"""


@pytest.fixture
def wf(tmp_path, monkeypatch) -> Workflow:
    """A shell step, an OP that succeeds, one that fails."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "debugged.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    monkeypatch.delitem(sys.modules, "debugged", raising=False)
    from debugged import Double

    write = ShellOPTemplate(
        "write",
        script="cat /tmp/in.txt; echo {{inputs.parameters.who}} $PLACE > /tmp/out.txt; echo $0 >&2; "
        "exit {{inputs.parameters.code}}",
        inputs=Inputs(
            parameters={"who": InputParameter(), "code": InputParameter(value="0")},
            artifacts={"text": InputArtifact(path="/tmp/in.txt")},
        ),
        outputs=Outputs(artifacts={"out": OutputArtifact(path="/tmp/out.txt")}),
    )
    write.envs = {"PLACE": "at {{workflow.name}}"}
    from dflow import upload_artifact

    Path("given.txt").write_text("given\n")
    wf = Workflow("w", id="run-1")
    first = Step("write", write, parameters={"who": "me"}, artifacts={"text": upload_artifact("given.txt")})
    wf.add(first)
    good = {"x": first.outputs.artifacts["out"]}
    wf.add(Step("good", PythonOPTemplate(Double), artifacts=good, parameters={"n": 1}, key="good"))
    Path("other.txt").write_text("other\n")
    bad = {"x": upload_artifact("other.txt")}
    wf.add(Step("bad", PythonOPTemplate(Double), artifacts=bad, parameters={"n": 3}, key="bad"))
    wf.submit()
    return wf


def snapshot(root: Path) -> dict[str, tuple]:
    """All that a run has, but for what debugging leaves."""
    found = {}
    for folder, folders, files in os.walk(root):
        if folder == str(root / ".dflow"):
            folders[:] = [name for name in folders if name != "debug"]
        for name in files:
            path = Path(folder, name)
            data = str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = (data, path.lstat().st_mtime_ns, path.lstat().st_ino)
    return found


def test_op_runs_again_with_its_inputs_and_the_run_is_as_it_was(wf, dflow):
    before = snapshot(Path(wf.id))
    done = dflow("debug", wf.id, "bad", status=1)
    assert done.stdout == "in bad bad run-1\n"
    assert "ValueError: not 4\n" in done.stderr
    assert "debug: step 'bad' ended Failed: ValueError: not 4\n" in done.stderr
    assert done.stderr.endswith("debug: its files are in run-1/.dflow/debug/1/run-1/bad; run-1 is as it was\n")
    assert snapshot(Path(wf.id)) == before
    assert Path("other.txt").read_text() == "spoilt"  # by the run itself, through a link
    assert Path("run-1/.dflow/debug/1/run-1/bad/phase").read_text() == "Failed"


def test_input_artifacts_are_copies(wf, dflow):
    Path("other.txt").write_text("other\n")
    dflow("debug", wf.id, "bad", status=1)
    assert Path("other.txt").read_text() == "other\n"
    done = dflow("debug", wf.id, "bad", "--inputs", "link", status=1)
    assert "what it writes into them changes the run; --inputs copy copies them" in done.stderr
    assert done.stderr.endswith("; run-1 is as it was, but for what it has written into its input artifacts\n")
    assert Path("other.txt").read_text() == "spoilt"


def test_outputs_are_told(wf, dflow):
    done = dflow("debug", "@latest", "good")
    assert "debug: output m = '2'\n" in done.stderr
    assert "debug: output y: run-1/.dflow/debug/1/run-1/good/outputs/artifacts/y\n" in done.stderr
    assert "debug: step 'good' ended Succeeded\n" in done.stderr


def test_shell_script_runs_with_its_paths_and_environment_in_the_copy(wf, dflow, tmp_path):
    before = snapshot(Path(wf.id))
    done = dflow("debug", wf.id, "write")
    (place,) = (tmp_path / "run-1" / ".dflow" / "debug" / "1" / "run-1").glob("run-1-write-*")
    assert done.stdout == "given\n"
    assert done.stderr.splitlines()[0] == str(place / "script")
    assert (place / "workdir" / "tmp" / "out.txt").read_text() == "me at run-1\n"
    assert snapshot(Path(wf.id)) == before


def test_script_that_somebody_has_edited_is_what_runs(wf, dflow):
    (script,) = Path(wf.id).glob("run-1-write-*/script")
    script.write_text(script.read_text().replace("exit 0", "echo edited; exit 7"))
    assert dflow("debug", wf.id, "write", status=7).stdout == "given\nedited\n"


def test_run_that_was_moved_can_be_debugged(wf, dflow, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / wf.id).rename(tmp_path / "elsewhere" / wf.id)
    (tmp_path / "upload").rename(tmp_path / "elsewhere" / "upload")
    dflow("debug", f"elsewhere/{wf.id}", "write")
    place = tmp_path / "elsewhere" / wf.id / ".dflow" / "debug" / "1" / "run-1"
    assert next(place.glob("*/workdir/tmp/out.txt")).read_text() == "me at run-1\n"
    assert list(tmp_path.glob("run-1")) == []


@pytest.mark.parametrize("isolation", ["fork", "spawn", "warm"])
def test_isolations(wf, dflow, isolation):
    assert dflow("debug", wf.id, "good", "--isolation", isolation).stdout == "in good good run-1\n"


@pytest.mark.parametrize("isolation", ["fork", "warm"])
def test_failure_in_other_isolations_is_the_step_s(wf, dflow, isolation):
    done = dflow("debug", wf.id, "bad", "--isolation", isolation, status=1)
    assert "ValueError: not 4" in done.stdout
    assert "ended Failed: ValueError: not 4" in done.stderr


def doctor(wf: Workflow) -> tuple[int, list[str]]:
    """Its status, and what it finds; the OPs here spoil what others have made."""
    words = [sys.executable, "-m", "dflow.cli", "doctor", wf.id]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if "files and directories" not in line]


@pytest.mark.waiting
def test_doctor_queries_and_resume_do_not_mind(wf, dflow):
    steps, health = dflow.json("getsteps", wf.id), doctor(wf)
    for _ in range(2):
        dflow("debug", wf.id, "bad", status=1)
    assert sorted(path.name for path in Path(wf.id, ".dflow", "debug").iterdir()) == ["1", "2"]
    assert dflow.json("getsteps", wf.id) == steps
    assert doctor(wf) == health
    assert [row["id"] for row in dflow.json("list")] == [wf.id]
    dflow("resume", wf.id, status=1)
    assert dflow.json("getsteps", wf.id) == steps


def test_debugger_stops_where_the_op_raises(wf, dflow):
    done = dflow("debug", wf.id, "bad", "--pdb", status=1, given="p wanted\np op_in['n']\nl\nq\n")
    assert "(Pdb) 4\n(Pdb) 3\n" in done.stdout
    assert "->                 raise ValueError" in done.stdout or "->\t            raise ValueError" in done.stdout
    assert "debug: step 'bad' ended Failed: ValueError: not 4" in done.stderr


def test_debugger_on_a_terminal_with_a_breakpoint(wf, tmp_path):
    module = tmp_path / "modules" / "debugged.py"
    module.write_text(module.read_text().replace("        wanted =", "        breakpoint()\n        wanted ="))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "dflow.cli", "debug", wf.id, "bad", "--pdb"])  # noqa: S606 - no shell
    seen = b""

    def expect(text: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 20
        while text not in seen:
            assert time.monotonic() < deadline, seen
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                seen += os.read(terminal, 1000)
            except OSError:  # the other side has ended
                assert text in seen, seen
        seen = seen.partition(text)[2]

    expect(b"(Pdb) ")
    os.write(terminal, b"p 'text is', text\n")
    expect(b"('text is', 'spoilt')")
    os.write(terminal, b"c\n")
    expect(b"ValueError: not 4")
    expect(b"(Pdb) ")
    os.write(terminal, b"p 'wanted', wanted\n")
    expect(b"('wanted', 4)")
    os.write(terminal, b"q\n")
    expect(b"ended Failed")
    expect(b"is as it was")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    os.close(terminal)


def test_debugger_stops_in_the_slice_that_raises(dflow, tmp_path):
    @OP.function
    def work(x: int) -> {"y": int}:
        if x == 2:
            raise ValueError(f"slice of {x}")
        return {"y": x}

    wf = Workflow("w", id="sliced")
    slices = Slices(input_parameter=["x"], output_parameter=["y"], group_size=4, pool_size=4)
    wf.add(Step("all", PythonOPTemplate(work, slices=slices), parameters={"x": [1, 2, 3, 4]}, key="all-{{item}}"))
    wf.submit()
    done = dflow("debug", "sliced", "all-0", "--pdb", status=1, given="p 'x is', x\nq\n")
    assert "(Pdb) ('x is', 2)" in done.stdout


def test_python_script_is_debugged_too(dflow):
    from dflow import PythonScriptOPTemplate

    wf = Workflow("w", id="scripted")
    script = "import sys\nlocal = 41 + 1\nraise ValueError(sys.argv)\n"
    wf.add(Step("py", PythonScriptOPTemplate("py", command=[sys.executable], script=script)))
    wf.submit()
    done = dflow("debug", "scripted", "py", "--pdb", status=1, given="p 'local', local\nq\n")
    assert "(Pdb) ('local', 42)" in done.stdout


def test_workflow_that_the_op_submits_lies_in_the_copy_and_is_not_debugged(dflow, tmp_path):
    @OP.function
    def outer() -> {"ok": bool}:
        from dflow import ShellOPTemplate, Step, Workflow

        inner = Workflow("inner")
        inner.add(Step("s", ShellOPTemplate("t", script="echo in it")))
        inner.submit()
        return {"ok": inner.query_status() == "Succeeded"}

    wf = Workflow("w", id="around")
    wf.add(Step("outer", PythonOPTemplate(outer), key="outer"))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    before = snapshot(tmp_path / "around")
    done = dflow("debug", "around", "outer", "--pdb", given="")
    assert "debug: output ok = 'true'" in done.stderr
    assert len(list((tmp_path / "around/.dflow/debug/1/around/outer/workflows").iterdir())) == 1
    assert snapshot(tmp_path / "around") == before
    assert [path.name for path in tmp_path.iterdir() if (path / ".dflow").is_dir()] == ["around"]


def test_what_cannot_be_as_in_the_run_is_told(dflow):
    from dflow.cli.debugging import _notes
    from dflow.engine.model import Call, ExecutorSpec, ScriptTemplate, StepsTemplate, WorkflowGraph

    class Found:
        display, template, event = "s(0:1)", "t", {"host": "node7", "reusedFrom": "other"}

    class Job:
        timeout = 10.0

    template = ScriptTemplate("t", "shell", script="true")
    for spec, words in (
        (ExecutorSpec("container"), "in a container of"),
        (ExecutorSpec("slurm"), "as a job (slurm)"),
        (None, "the run had it on node7"),
    ):
        call = Call("s", "t", executor=spec)
        graph = WorkflowGraph("w", "main", (StepsTemplate("main", ((call,),)), template))
        notes = list(_notes(graph, Found(), template, Job()))
        assert words in notes[0]
        assert notes[-2:] == [
            "its time limit of 10 s does not hold here",
            "in the run its outputs were taken from another run",
        ]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nope"], "has no step 'nope'"),
        (["loop"], "2 steps of many are called 'loop'; name one by its key or id: "),
        (["skipped"], "step 'skipped' of many has run no program: "),
        (["good", "--pdb"], "--pdb is for Python; step 'good' runs another program"),
        (["good", "--pdb", "--isolation", "fork"], "--pdb needs this terminal"),
    ],
)
def test_what_cannot_be_debugged(dflow, words, error):
    wf = Workflow("w", id="many")
    wf.add(Step("loop", ShellOPTemplate("t", script="true"), with_param=[1, 2]))
    wf.add(Step("skipped", ShellOPTemplate("t", script="true"), when="1 == 2"))
    wf.add(Step("good", ShellOPTemplate("t", script="true"), key="good"))
    wf.submit()
    done = dflow("debug", "many", *words, status=2 if "--pdb" in words else 1)
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_killed_step_has_the_status_of_the_signal(dflow):
    wf = Workflow("w", id="killed")
    wf.add(Step("s", ShellOPTemplate("t", script="kill -9 $$")))
    wf.submit()
    assert "ended Failed: exit code 137" in dflow("debug", "killed", "s", status=137).stderr


def test_step_that_forgets_an_output_is_no_success(dflow):
    outputs = Outputs(artifacts={"out": OutputArtifact(path="/tmp/out.txt")})
    wf = Workflow("w", id="forgetful")
    wf.add(Step("s", ShellOPTemplate("t", script="true", outputs=outputs)))
    wf.submit()
    assert "ended Error: " in dflow("debug", "forgetful", "s", status=1).stderr


def test_run_of_a_path_with_blanks(tmp_path, monkeypatch, dflow):
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    outputs = Outputs(artifacts={"out": OutputArtifact(path="/tmp/out.txt")})
    wf = Workflow("w", id="blank")
    wf.add(Step("s", ShellOPTemplate("t", script="pwd > /tmp/out.txt", outputs=outputs)))
    wf.submit()
    dflow("debug", "blank", "s")
    (out,) = Path("blank/.dflow/debug").rglob("workdir/tmp/out.txt")
    assert "/.dflow/debug/1/blank/" in out.read_text()
