"""Going on with a run after its script was edited: the OPs in it travelled as pickles, and that is said."""

from __future__ import annotations

import json
import linecache
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dflow import Step, Workflow
from dflow.compile.merge import merge
from dflow.engine.layout import RunLayout
from dflow.engine.model import OpPayload, PythonOpTemplate
from dflow.engine.run_directory import load_graph
from dflow.python import OP, PythonOPTemplate
from dflow.python.code import changed_ops
from dflow.python.definitions import parts_of
from dflow.python.file_copies import copy_of
from dflow.python.payload import origin_of
from dflow.python.runtime.lines import show_lines_as_pickled

if TYPE_CHECKING:
    from dflow.python.op import FunctionOP

SCRIPT = """
from pathlib import Path
from dflow import Step, Workflow
from dflow.python import OP, PythonOPTemplate

FACTOR = 2


def scaled(number):
    return number * FACTOR


@OP.function
def first(n: int) -> {"m": int}:
    with open(Path("FOLDER/witness"), "a") as stream:
        stream.write("first\\n")
    return {"m": scaled(n)}


@OP.function
def second(m: int) -> {"text": str}:
    wf = m
    return {"text": wf + "a"}  # OLD


if __name__ == "__main__":
    wf = Workflow("edit")
    one = Step("one", PythonOPTemplate(first), parameters={"n": 1}, key="one")
    wf.add(one)
    wf.add(Step("two", PythonOPTemplate(second), parameters={"m": one.outputs.parameters["m"]}, key="two"))
    wf.submit()
"""
MENDED = 'str(wf) + "a"}  # NEW'
SAID = (
    "OP second in script.py has changed since the run was submitted; it goes on with the code as submitted. To use "
    "the new code, run the script again with the id of this run (dflow run --id edit-1 script.py): finished steps are "
    "kept"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """The directory of a script whose run has failed in its second step, and a copy of that."""
    folder = tmp_path_factory.mktemp("edited") / "here"
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT.replace("FOLDER", str(folder)))
    command = [sys.executable, "-m", "dflow.cli", "run", "--id", "edit-1", "script.py"]
    subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=60)
    assert (folder / "edit-1/status").read_text() == "Failed"
    return folder, Path(shutil.copytree(folder, folder.with_name("kept"), symlinks=True))


@pytest.fixture
def run(made, monkeypatch) -> RunLayout:
    """The run, as it was when it had just failed; the script is in the current directory."""
    folder, kept = made
    shutil.rmtree(folder)
    shutil.copytree(kept, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return RunLayout(folder / "edit-1")


def dflow(*words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def edit(old: str, new: str) -> None:
    text = Path("script.py").read_text()
    assert old in text
    Path("script.py").write_text(text.replace(old, new))


def changes(run: RunLayout) -> list[str]:
    return changed_ops(run, load_graph(run), sys.path)


def test_the_run_goes_on_with_the_old_code_says_so_and_shows_its_lines(run):
    edit('wf + "a"}  # OLD', MENDED)
    assert dflow("resume", "edit-1", status=1).count(SAID) == 1
    text = dflow("retry", "edit-1", status=1)
    assert text.count(SAID) == 1
    assert text.index(SAID) < text.index("TypeError")
    for part in (text, Path("edit-1/two/log.txt").read_text()):
        assert 'return {"text": wf + "a"}  # OLD' in part
        assert "NEW" not in part
    assert "has changed" not in dflow("retry", "edit-1", "--code=recorded", status=1)


def test_what_the_warning_advises_runs_the_new_code_and_keeps_what_is_finished(run):
    edit('wf + "a"}  # OLD', MENDED)
    command = re.search(r"\(dflow (.*)\)", dflow("retry", "edit-1", status=1).partition("\n")[0])
    assert command
    text = dflow(*command[1].split())
    assert "Workflow edit-1 Succeeded" in text
    assert "has changed" not in text
    assert Path("edit-1/two/outputs/parameters/text").read_text() == "2a"
    assert Path("witness").read_text() == "first\n"
    assert changes(run) == []


def test_it_is_said_before_the_run_goes_on_in_the_background_and_of_a_step_that_is_debugged(run):
    edit('wf + "a"}  # OLD', MENDED)
    assert SAID in dflow("resume", "edit-1", "--detach")
    assert Workflow(id="edit-1").wait(interval=0.05) == "Failed"
    text = dflow("debug", "edit-1", "two", status=1)
    assert "debug: OP second in script.py has changed since the run was submitted; here it is as submitted\n" in text
    assert "# OLD" in text
    assert "has changed" not in dflow("debug", "edit-1", "one")


def test_a_run_that_is_submitted_again_from_the_old_one_keeps_the_lines_of_the_code_that_it_has(run):
    edit('wf + "a"}  # OLD', MENDED)
    text = dflow("resubmit", "edit-1", status=1)
    said = (
        "OP second in script.py has changed since the run was submitted; the new run uses the code as submitted, too. "
        "To use the new code, run the script again (dflow run script.py)\n"
    )
    assert text.count(said) == 1
    assert "# OLD" in text
    assert "# NEW" not in text


def test_who_has_changed_is_told_by_what_the_ops_use(run, monkeypatch):
    def said(old, new):
        shutil.copy("script.py", "kept.py")
        edit(old, new)
        found = [text.partition(" have changed")[0].partition(" has changed")[0] for text in changes(run)]
        shutil.move("kept.py", "script.py")
        return found

    assert changes(run) == []
    assert said("FACTOR = 2", "FACTOR = 3") == ["OP first (which uses FACTOR) in script.py"]
    assert said("number * FACTOR", "FACTOR") == ["OP first (which uses scaled) in script.py"]
    assert said("second(", "third(") == ["OP second in script.py"]
    assert said("n: int", "n: float") == ["OP first in script.py"]
    both = said('{"', '{"x')
    assert both == ["OPs first, second in script.py"]
    for old, new in (
        ("# OLD", "# another comment"),
        ("FACTOR = 2\n", "FACTOR = 2\nOTHER = 3\n\n\n"),
        ('Workflow("edit")', 'Workflow("edit", parallelism=3)'),  # a local variable has the name of the global
        ("import OP, PythonOPTemplate", "import OP, OPIO, PythonOPTemplate"),
        ("FACTOR = 2", "FACTOR = ("),  # no Python: nobody knows
    ):
        assert said(old, new) == [], new
    edit("FACTOR = 2", "FACTOR = 3")
    folder = Path.cwd()
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    (text,) = changes(run)
    assert f"in {folder}/script.py has changed" in text
    assert f"(dflow run --id edit-1 {folder}/script.py) in {folder}: finished" in text
    (folder / "script.py").unlink()
    assert changes(run) == []


def test_of_a_run_that_has_succeeded_the_way_is_another_run(run):
    Path("edit-1/status").write_text("Succeeded")
    edit("FACTOR = 2", "FACTOR = 3")
    (text,) = changes(run)
    way = "run the script again (dflow run script.py) under another id; reuse_step takes over"
    assert text.endswith(f"To use the new code, {way} the steps that shall be kept")


def test_a_record_without_the_file_is_gone_on_with(run):
    """Of an earlier version."""

    def without(data):
        if isinstance(data, dict):
            return {name: without(value) for name, value in data.items() if name not in ("file", "file_digest")}
        return [without(value) for value in data] if isinstance(data, list) else data

    edit('wf + "a"}  # OLD', MENDED)
    assert len(changes(run)) == 1
    for file in (run.graph, *run.ops.glob("*.json")):
        file.write_text(json.dumps(without(json.loads(file.read_text()))))
    for file in run.ops.glob("*.py"):
        file.unlink()
    assert changes(run) == []
    assert "TypeError" in dflow("retry", "edit-1", status=1)


def test_the_copy_is_private_and_one_for_all_ops_of_a_file(run):
    (copy,) = run.ops.glob("*.py")
    assert copy.read_text() == Path("script.py").read_text()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_manifests_do_not_name_the_file(run_script, tmp_path):
    script = SCRIPT.replace("FOLDER", ".").replace("    wf.submit()", "    print(wf.to_yaml())\n")
    text = run_script(script).stdout
    assert "kind: Workflow" in text
    assert "file_digest" not in text
    assert str(tmp_path / "script.py") not in text


def op_of(folder: Path) -> tuple[dict, FunctionOP]:
    """The payload of an OP in a file, and the OP."""
    file = folder / "ops.py"
    file.write_text("def work() -> {'m': int}:\n    return {'m': 1}\n")
    names: dict = {"__name__": "__main__"}
    exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102 - as a script is run
    op = OP.function(names["work"])
    return origin_of(op), op


@pytest.mark.parametrize("has_copy", [True, False])
def test_lines_of_an_edited_file_are_those_of_its_copy_or_none(tmp_path, monkeypatch, has_copy):
    monkeypatch.setattr(linecache, "cache", {})
    payload, work = op_of(tmp_path)
    file = payload["file"]
    if has_copy:
        shutil.copy(file, copy_of(tmp_path, payload["file_digest"]))
    show_lines_as_pickled(payload, work, tmp_path)
    assert linecache.cache == {}  # the file is as it was
    Path(file).write_text("# new\ndef work():\n    return {}\n")
    show_lines_as_pickled(payload, work, tmp_path)
    linecache.checkcache()
    assert linecache.getline(file, 2) == ("    return {'m': 1}\n" if has_copy else "")
    Path(file).unlink()
    linecache.clearcache()
    show_lines_as_pickled(payload, work, tmp_path)
    assert linecache.cache == {}


def test_what_is_imported_where_it_runs_has_no_origin():
    assert origin_of(Step) == {}
    assert origin_of(PythonOPTemplate) == {}


def test_parts_of_classes():
    text = """
import os, sys
if os.name:
    BASE = object
class Base(BASE): pass
def mark(f): return f
class Op(Base, metaclass=type):
    size = len(sys.argv)
    @mark
    def execute(self, op_in, base=None):
        def inner():
            return [helper(x) for x in op_in]
        return inner
def helper(x: "Other"): return x
class Other: pass
unused = 1
"""
    assert set(parts_of(text, "Op") or ()) == {"Op", "Base", "BASE", "sys", "mark", "helper"}
    assert parts_of(text, "Gone") == {}
    assert parts_of("def (", "Op") is None


def test_templates_are_named_alike_whatever_else_is_in_the_file():
    def names(file: str, digest: str) -> list[str]:
        ops = [OpPayload("pickle", "op", data=data, file=file, file_digest=digest) for data in ("one", "two", "two")]
        merged, _ = merge([PythonOpTemplate("op", op) for op in ops])
        assert len(merged) == 2
        assert all(template.op.file == file for template in merged)
        return [template.name for template in merged]

    assert names("/here/script.py", "1234") == names("/there/script.py", "5678")
