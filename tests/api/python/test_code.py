"""Going on with a run after the module of an OP was changed: as it is now, or as it was at submit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from dflow.python.code import module_file
from dflow.python.definitions import definition_digest
from dflow.python.payload import pack_op

if TYPE_CHECKING:
    from pathlib import Path

OPS = '''
from pathlib import Path
from dflow.python import OP, OPIO, OPIOSign, Parameter
from pack.other import WORD

VERSION = "old"


class Say(OP):
    """Says which version it is."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"go": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"text": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        text = f"{VERSION} first {WORD} {Path(__file__).with_name('data.txt').read_text()}"
        with open(op_in["go"] + "/witness", "a") as stream:
            stream.write(text + "\\n")
        if not Path(op_in["go"], "go").exists():
            raise ValueError("not yet")
        return OPIO({"text": text})


@OP.function
def also(n: int) -> {"m": int}:
    # counts
    return {"m": n + 1}
'''
SCRIPT = """
    import os, sys
    sys.path.insert(0, {folder!r} + "/modules")
    from dflow import Step, Workflow
    from dflow.python import PythonOPTemplate
    from pack.ops import Say, also
    wf = Workflow("wf", id="wf-1")
    counts = PythonOPTemplate(also)
    wf.add([Step(f"count-{{n}}", counts, parameters={{"n": n}}, key=f"count-{{n}}") for n in range(2)])
    wf.add(Step("say", PythonOPTemplate(Say), parameters={{"go": {folder!r}}}, key="say"))
    wf.submit()
"""


@pytest.fixture
def package(tmp_path) -> Path:
    folder = tmp_path / "modules/pack"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "other.py").write_text("WORD = 'one'\n")
    (folder / "data.txt").write_text("data")
    (folder / "ops.py").write_text(OPS)
    return folder


@pytest.fixture
def run(tmp_path, package, run_script) -> Path:
    """A run whose last step has failed."""
    run_script(SCRIPT.format(folder=str(tmp_path)))
    assert witness(tmp_path) == ["old first one data"]
    return tmp_path / "wf-1"


def witness(folder: Path) -> list[str]:
    return (folder / "witness").read_text().splitlines()


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def change(package: Path) -> None:
    text = (package / "ops.py").read_text()
    (package / "ops.py").write_text(text.replace('"old"', '"new"').replace("first", "second"))
    (package / "other.py").write_text("WORD = 'two'  # of another size: bytecode is known by size and whole seconds\n")


WARNING = (
    "OP Say (pack.ops.Say) has changed since submit: steps that still have to run use it as it is now, finished ones "
    "are kept; to use it as it was: dflow resume wf-1 --code=recorded"
)


def test_the_current_code_is_used_and_its_change_is_said_once(run, package, tmp_path):
    change(package)
    (tmp_path / "go").touch()
    done = dflow("retry", "wf-1")
    assert done.stderr.count(WARNING) == 1
    assert "OP also" not in done.stderr
    assert witness(tmp_path) == ["old first one data", "new second two data"]


def test_the_recorded_module_is_used_on_demand_but_what_it_imports_is_current(run, package, tmp_path):
    change(package)
    (tmp_path / "go").touch()
    assert "has changed" not in dflow("retry", "wf-1", "--code=recorded").stderr
    assert witness(tmp_path) == ["old first one data", "old first two data"]


def test_a_change_of_what_is_finished_is_said_once_of_all_its_steps(run, package):
    (package / "ops.py").write_text(OPS.replace("# counts", "# counts on"))
    stderr = dflow("retry", "wf-1", status=1).stderr
    assert stderr.count("OP also (pack.ops.also) has changed since submit") == 1
    assert stderr.count("is kept although its program changed") == 1
    assert "OP Say" not in stderr


def test_steps_that_run_later_have_the_mark_of_the_code_that_they_ran_with(run, package, tmp_path):
    change(package)
    (tmp_path / "go").touch()
    dflow("retry", "wf-1")
    dflow("retry", "wf-1", "--step", "count-0", "--code=recorded")
    stderr = dflow("resume", "wf-1").stderr
    assert stderr.count("is kept although") == 0  # the step ran with what is current


def test_each_resume_chooses_anew(run, package, tmp_path):
    change(package)
    for code in ("recorded", "current", "recorded"):
        dflow("retry", "wf-1", f"--code={code}", status=1)
    assert [line.split()[0] for line in witness(tmp_path)] == ["old", "old", "new", "old"]


def test_code_that_has_not_changed_is_not_talked_of(run, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in (run / ".dflow/ops").iterdir()}
    assert "has changed" not in dflow("retry", "wf-1", status=1).stderr
    assert {p: p.stat().st_mtime_ns for p in (run / ".dflow/ops").iterdir()} == before


def test_a_module_that_is_gone_is_said_with_the_way_out(run, package, tmp_path):
    (package / "ops.py").unlink()
    stderr = dflow("retry", "wf-1", status=1).stderr
    assert "OP Say (pack.ops.Say) is not to be found any more; dflow resume wf-1 --code=recorded uses" in stderr
    (tmp_path / "go").touch()
    dflow("retry", "wf-1", "--code=recorded")
    assert witness(tmp_path)[-1] == "old first one data"


def test_a_run_without_a_copy_of_the_module_says_so(run):
    (run / ".dflow/ops/pack.ops.py").unlink()
    assert "has no copy of pack.ops, the module of OP" in dflow("resume", "wf-1", "--code=recorded", status=1).stderr


def test_a_copy_that_others_can_write_is_refused(run, package, tmp_path):
    (run / ".dflow/ops/pack.ops.py").chmod(0o620)
    stderr = dflow("retry", "wf-1", "--code=recorded", status=1).stderr
    assert f"chmod go-w '{run}/.dflow/ops/pack.ops.py'" in stderr
    assert len(witness(tmp_path)) == 1


def test_doctor_tells_of_changed_code_as_of_nothing_wrong(run, package):
    assert "has changed" not in dflow("doctor", "wf-1").stdout
    change(package)
    assert WARNING in dflow("doctor", "wf-1").stdout


def test_the_copy_of_a_module_is_private(run):
    assert (run / ".dflow/ops/pack.ops.py").stat().st_mode & 0o777 == 0o600
    assert sorted(p.suffix for p in (run / ".dflow/ops").iterdir()) == [".json", ".json", ".py"]


FORMS = """
import functools
from dflow.python import OP

def mark(thing):
    return thing

if True:
    @mark
    @mark
    class Inside(OP):
        def execute(self, op_in):
            '''Text
        that is not indented.'''
            return op_in
        # the last word

class Outer:
    class Nested(OP):
        pass

@OP.function
def fun(
    n: int,
) -> {"m": int}:

    return {"m": n}
# after
"""


@pytest.mark.parametrize("name", ["Inside", "Outer.Nested", "fun"])
def test_the_digest_of_a_file_is_the_one_that_the_pack_has(tmp_path, monkeypatch, name):
    (tmp_path / "forms.py").write_text(textwrap.dedent(FORMS))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "forms", raising=False)
    import forms

    op = forms
    for part in name.split("."):
        op = getattr(op, part)
    monkeypatch.delitem(sys.modules, "forms")
    monkeypatch.setitem(sys.modules, "forms", forms)
    digest = definition_digest(str(tmp_path / "forms.py"), name)
    assert digest is not None
    assert digest == pack_op(op)["digest"]


@pytest.mark.parametrize("text", ["", "class Other: pass", "def ("])
def test_a_file_without_the_definition_has_no_digest(tmp_path, text):
    (tmp_path / "m.py").write_text(text)
    assert definition_digest(str(tmp_path / "m.py"), "Say") is None
    assert definition_digest(None, "Say") is None


def test_a_module_is_found_without_importing_it(package):
    path = [str(package.parent)]
    assert module_file("pack.ops", path) == str(package / "ops.py")
    assert module_file("pack", path) == str(package / "__init__.py")
    assert module_file("pack.nothing", path) is None
    assert module_file("nothing.at.all", path) is None
    assert module_file("math", path) is None
    assert "pack" not in sys.modules


def test_a_run_that_has_succeeded_says_nothing_of_code_that_it_would_not_use(run, package, tmp_path):
    (tmp_path / "go").touch()
    dflow("retry", "wf-1")
    change(package)
    assert "is kept although" not in dflow("resume", "wf-1").stderr
