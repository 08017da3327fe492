"""Python OPs in real runs."""

# ruff: noqa: F821, UP006, UP037, UP045, PTH102, PTH103, PTH109, PTH123 - names of outputs, not annotations; OPs as users write them

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Optional  # noqa: UP035 - as users write it

import pytest
from dflow import (
    InputParameter,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
    download_artifact,
    upload_artifact,
    upload_packages,
)
from dflow.python import OP, Artifact, BigParameter, NestedDict, PythonOPTemplate
from dflow.utils import set_directory


def run(*steps: Step) -> Workflow:
    wf = Workflow("w")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def outputs(wf: Workflow, name: str = "s") -> dict[str, object]:
    wf.raise_for_status()
    return {key: p.value for key, p in wf.query_step(f"{name}$").outputs.parameters.items()}


@OP.function
def echo(text: str) -> {"text": str, "length": int}:
    return {"text": text, "length": len(text)}


NASTY = [
    "two\nlines\n",
    "ü 漢 \U0001f600",
    "'\"`$HOME\\",
    "{{steps.a.b}} {{=1 + 1}}",
    " spaces ",
    "",
    "a\r\nb",
    "5",
    "null",
]


def test_texts_arrive_as_they_are():
    first = [
        Step(f"s{i}", PythonOPTemplate(echo), parameters={"text": t}) for i, t in enumerate(NASTY) if "{{" not in t
    ]
    wf = run(first)
    wf.raise_for_status()
    found = {s.displayName: s.outputs.parameters["text"].value for s in wf.query_step()}
    assert found == {f"s{i}": text for i, text in enumerate(NASTY) if "{{" not in text}


def test_tags_inside_of_a_value_are_not_expanded():
    @OP.function
    def make() -> {"text": str}:
        return {"text": "{{workflow.name}} {{=1 + 1}} {{inputs.parameters.text}}"}

    a = Step("a", PythonOPTemplate(make))
    text = a.outputs.parameters["text"]
    shell = ShellOPTemplate("sh", script="cat <<'EOF' > /tmp/x\n{{inputs.parameters.text}}\nEOF")
    shell.inputs.parameters["text"] = InputParameter()
    shell.outputs.parameters["x"] = OutputParameter(value_from_path="/tmp/x")
    wf = run(
        a, Step("s", PythonOPTemplate(echo), parameters={"text": text}), Step("sh", shell, parameters={"text": text})
    )
    made = "{{workflow.name}} {{=1 + 1}} {{inputs.parameters.text}}"
    assert outputs(wf)["text"] == made
    assert outputs(wf, "sh")["x"] == made


def test_big_parameter_of_200000_characters():
    @OP.function
    def grow(n: int) -> {"big": BigParameter(str)}:
        return {"big": "ab\n'\"" * (n // 5)}

    @OP.function
    def measure(big: BigParameter(str)) -> {"n": int}:
        return {"n": len(big)}

    a = Step("a", PythonOPTemplate(grow), parameters={"n": 200_000})
    wf = run(a, Step("s", PythonOPTemplate(measure), parameters={"big": a.outputs.parameters["big"]}))
    assert outputs(wf) == {"n": 200_000}
    assert wf.query_step("a").outputs.parameters["big"].value == "ab\n'\"" * 40_000


def test_artifacts_of_every_shape_go_through():
    Path("f").write_text("1")

    @OP.function
    def make(
        one: Artifact(Path),
    ) -> {"one": Artifact(Path), "many": Artifact(list[Path]), "tree": Artifact(NestedDict[Path])}:
        os.makedirs("d/e")
        for name in ("d/x", "d/e/y"):
            Path(name).write_text(name)
        return {"one": one, "many": [Path("d/x"), None, Path("d/e")], "tree": {"a": [Path("d/x")], "b": Path("d/e/y")}}

    @OP.function
    def read(one: Artifact(Path), many: Artifact(list[Path]), tree: Artifact(NestedDict[Path])) -> {"seen": list}:
        seen = [one.read_text(), many[0].read_text(), many[1], sorted(p.name for p in many[2].iterdir())]
        return {"seen": [*seen, tree["a"][0].read_text(), tree["b"].read_text()]}

    a = Step("a", PythonOPTemplate(make), artifacts={"one": upload_artifact("f")})
    wf = run(
        a, Step("s", PythonOPTemplate(read), artifacts={n: a.outputs.artifacts[n] for n in ("one", "many", "tree")})
    )
    seen = outputs(wf)["seen"]
    assert list(seen)[:3] == ["1", "d/x", None]
    assert [list(seen[3]), *list(seen)[4:]] == [["y"], "d/x", "d/e/y"]
    got = download_artifact(wf.query_step("a").outputs.artifacts["tree"], path="got")
    assert {"a": [Path(got["a"][0]).read_text()], "b": Path(got["b"]).read_text()} == {"a": ["d/x"], "b": "d/e/y"}


def test_op_may_change_directory_and_return_what_lies_there():
    @OP.function
    def work() -> {"out": Artifact(Path), "here": str}:
        os.mkdir("sub")
        os.chdir("sub")
        Path("x").write_text("made in sub")
        return {"out": Path("x"), "here": os.getcwd()}

    @OP.function
    def work_with() -> {"out": Artifact(Path)}:
        with set_directory("a/b", mkdir=True):
            Path("x").write_text("made in a/b")
        return {"out": Path("a/b/x")}

    wf = run([Step("s", PythonOPTemplate(work)), Step("t", PythonOPTemplate(work_with))])
    wf.raise_for_status()
    made = [Path(download_artifact(wf.query_step(n).outputs.artifacts["out"], path=n)[0]).read_text() for n in "st"]
    assert made == ["made in sub", "made in a/b"]


def test_op_may_return_links_and_its_own_input():
    Path("f").write_text("text")

    @OP.function
    def link(f: Artifact(Path)) -> {"same": Artifact(Path), "link": Artifact(Path), "real": Artifact(Path)}:
        Path("l").symlink_to(f.resolve())
        return {"same": f, "link": Path("l"), "real": f.resolve()}

    @OP.function
    def read(same: Artifact(Path), link: Artifact(Path), real: Artifact(Path)) -> {"all": str}:
        return {"all": same.read_text() + link.read_text() + real.read_text()}

    a = Step("a", PythonOPTemplate(link), artifacts={"f": upload_artifact("f")})
    wf = run(
        a, Step("s", PythonOPTemplate(read), artifacts={n: a.outputs.artifacts[n] for n in ("same", "link", "real")})
    )
    assert outputs(wf) == {"all": "texttexttext"}


@OP.function
def write_data(text: str) -> {"file": Artifact(Path), "none": Artifact(List[Path], optional=True)}:
    Path("data.txt").write_text(text)
    return {"file": Path("data.txt"), "none": None}


@OP.function
def both(a: Artifact(Path), b: Artifact(Path)) -> {"files": Artifact(List[Path])}:
    return {"files": [a, b]}


@OP.function
def read_all(files: Artifact(List[Path]), none: Artifact(List[Path], optional=True)) -> {"text": str}:
    return {"text": f"{[f.read_text() for f in files]} {none}"}


def test_files_of_one_name_from_two_steps_are_two_files_and_none_is_none():
    a = Step("a", PythonOPTemplate(write_data), parameters={"text": "A"})
    b = Step("b", PythonOPTemplate(write_data), parameters={"text": "B"})
    files = {"a": a.outputs.artifacts["file"], "b": b.outputs.artifacts["file"]}
    c = Step("c", PythonOPTemplate(both), artifacts=files)
    given = {"files": c.outputs.artifacts["files"], "none": a.outputs.artifacts["none"]}
    assert outputs(run(a, b, c, Step("s", PythonOPTemplate(read_all), artifacts=given))) == {"text": "['A', 'B'] None"}


@OP.function
def say_five() -> {"any": Any, "optional": Optional[str], "none": Optional[str]}:
    return {"any": "5", "optional": "5", "none": None}


@OP.function
def types_of(any: Any, optional: Optional[str], none: Optional[str], text: str) -> {"text": str}:  # noqa: A002
    return {"text": f"{any!r} {optional!r} {none!r} {text!r}"}


def test_text_of_a_number_has_no_quotes_for_whoever_reads_it():
    a = Step("a", PythonOPTemplate(say_five))
    five = a.outputs.parameters["any"]
    given = {"any": five, "text": five, **{name: a.outputs.parameters[name] for name in ("optional", "none")}}
    shell = ShellOPTemplate("sh", script="echo {{inputs.parameters.n}} > /tmp/n")
    shell.inputs.parameters["n"] = InputParameter()
    shell.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n")
    wf = run(
        a,
        Step("s", PythonOPTemplate(types_of), parameters=given),
        Step("sh", shell, parameters={"n": five}, when=five == 5),
    )
    assert outputs(wf) == {"text": "5 '5' None '5'"}
    assert outputs(wf, "sh") == {"n": "5"}


def test_script_in_the_step_directory_runs_the_step_again_by_hand(tmp_path):
    witness = tmp_path / "witness"

    @OP.function
    def work(n: int) -> {"m": int}:
        with open(witness, "a") as stream:
            stream.write("x")
        return {"m": n + 1}

    wf = run(Step("s", PythonOPTemplate(work), parameters={"n": 1}, key="k-1"))
    step = Path(wf.query_step("s").path)
    (step / "outputs" / "parameters" / "m").unlink()
    (step / "inputs" / "parameters" / "n").write_text("5")
    done = subprocess.run([sys.executable, str(step / "script")], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert witness.read_text() == "xx"
    assert (step / "outputs" / "parameters" / "m").read_text() == "6"


def test_packages_can_be_imported_in_the_step(tmp_path):
    (tmp_path / "far" / "away" / "pkg_a").mkdir(parents=True)
    (tmp_path / "far" / "away" / "pkg_a" / "__init__.py").write_text("VALUE = 1")
    (tmp_path / "far" / "mod_b.py").write_text("VALUE = 2")
    upload_packages.append(str(tmp_path / "far" / "away" / "pkg_a"))

    @OP.function
    def work() -> {"sum": int}:
        import mod_b
        import pkg_a

        return {"sum": pkg_a.VALUE + mod_b.VALUE}

    wf = run(Step("s", PythonOPTemplate(work, python_packages=[tmp_path / "far" / "mod_b.py"])))
    assert outputs(wf) == {"sum": 3}


def test_pre_and_post_scripts_surround_the_op(tmp_path):
    @OP.function
    def work() -> {"x": str}:
        return {"x": os.environ["FROM_PRE"]}

    post = f"open({str(tmp_path / 'post')!r}, 'w').write(str(status))"
    template = PythonOPTemplate(work, pre_script="os.environ['FROM_PRE'] = 'yes'", post_script=post)
    assert outputs(run(Step("s", template))) == {"x": "yes"}
    assert (tmp_path / "post").read_text() == "0"


def test_environment_and_place_of_a_step():
    @OP.function
    def look() -> {"env": str, "python": str, "where": str}:
        return {"env": os.environ["MY"], "python": sys.executable, "where": os.getcwd()}

    wf = run(Step("s", PythonOPTemplate(look, envs={"MY": "v"}), key="k-1"))
    found = outputs(wf)
    assert (found["env"], found["python"]) == ("v", sys.executable)
    assert found["where"] == str(Path(wf.query_step("s").path) / "workdir")


def test_class_op_knows_its_key_and_workflow():
    from dflow.python import OPIO, OPIOSign

    class Look(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign()

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"key": str, "workflow": str})

        @OP.exec_sign_check
        def execute(self, op_in):
            return OPIO({"key": self.key, "workflow": self.workflow_name})

    wf = run(Step("s", PythonOPTemplate(Look), key="k-1"))
    assert outputs(wf) == {"key": "k-1", "workflow": wf.id}


def test_op_instance_takes_its_attributes_along():
    from dflow.python import OPIO, OPIOSign

    class Scale(OP):
        def __init__(self, factor):
            self.factor = factor

        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"n": int})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"m": int})

        def execute(self, op_in):
            return OPIO({"m": op_in["n"] * self.factor})

    assert outputs(run(Step("s", PythonOPTemplate(Scale(3)), parameters={"n": 2}))) == {"m": 6}


def test_defaults_and_optional_artifacts_are_left_out():
    @OP.function
    def work(n: int = 3, f: Artifact(Path) = None) -> {"seen": str}:
        return {"seen": f"{n} {f}"}

    assert outputs(run(Step("s", PythonOPTemplate(work)))) == {"seen": "3 None"}


def test_workflow_inside_of_an_op():
    @OP.function
    def outer() -> {"inner": str}:
        from dflow import ShellOPTemplate, Step, Workflow

        wf = Workflow("inner")
        wf.add(Step("a", ShellOPTemplate("t", script="true")))
        return {"inner": wf.submit().query_status()}

    assert outputs(run(Step("s", PythonOPTemplate(outer)))) == {"inner": "Succeeded"}


# -- inline ----------------------------------------------------------------------------------------------------


def test_inline_runs_in_this_process_and_gives_everything_back(capfd):
    config["isolation"] = "inline"
    before = os.getcwd(), dict(os.environ), list(sys.path)

    @OP.function
    def work(n: int) -> {"pid": int, "m": int}:
        os.mkdir("x")
        os.chdir("x")
        os.environ["LEFT"] = "behind"
        sys.path.append("nowhere")
        print("said in the step")
        return {"pid": os.getpid(), "m": n + 1}

    wf = run(Step("s", PythonOPTemplate(work), parameters={"n": 1}, key="k-1"))
    assert outputs(wf) == {"pid": os.getpid(), "m": 2}
    assert (os.getcwd(), dict(os.environ), list(sys.path)) == before
    assert Path(wf.id, "k-1", "log.txt").read_text() == "said in the step\n"


def test_inline_failure_is_a_failed_step(capfd):
    config["isolation"] = "inline"

    @OP.function
    def work() -> {"m": int}:
        raise ValueError("no convergence")

    wf = run(Step("s", PythonOPTemplate(work)))
    assert wf.query_status() == "Failed"
    assert wf.query_step("s").message == "ValueError: no convergence"


def test_inline_runs_shell_steps_too_and_one_at_a_time(tmp_path):
    config["isolation"] = "inline"
    template = ShellOPTemplate("t", script=f"echo begin >> {tmp_path}/log; sleep 0.05; echo end >> {tmp_path}/log")
    run([Step(f"s{i}", template) for i in range(3)]).raise_for_status()
    assert (tmp_path / "log").read_text() == "begin\nend\n" * 3


@pytest.mark.parametrize("isolation", ["spawn", "inline"])
def test_interpreter_of_the_caller_runs_the_op(isolation):
    config["isolation"] = isolation

    @OP.function
    def work() -> {"python": str}:
        return {"python": sys.executable}

    assert outputs(run(Step("s", PythonOPTemplate(work)))) == {"python": sys.executable}


@OP.function
def may_write(found: str) -> {"file": Artifact(Path, optional=True)}:
    Path("there").write_text("x")
    return {"file": Path(found)}


@OP.function
def name_of(file: Artifact(Path, optional=True) = None) -> {"name": str}:
    return {"name": file.name if file else "none"}


@pytest.mark.parametrize(("found", "name"), [("there", "there"), ("nowhere", "none")])
def test_an_optional_output_whose_path_does_not_exist_is_absent(found, name):
    write = Step("write", PythonOPTemplate(may_write), parameters={"found": found})
    read = Step("read", PythonOPTemplate(name_of), artifacts={"file": write.outputs.artifacts["file"]})
    wf = Workflow("optional")
    wf.add(write)
    wf.add(read)
    wf.submit()
    assert wf.query_step(name="read")[0].outputs.parameters["name"].value == name


Several = Artifact(List[Path], optional=True)
Named = Artifact(NestedDict[Path], optional=True)


@OP.function
def may_write_some() -> {"files": Several, "named": Named}:
    Path("there").write_text("x")
    return {
        "files": [Path("nowhere"), Path("there")],
        "named": {"a": {"x": Path("there"), "y": Path("nowhere")}, "b": Path("nowhere")},
    }


@OP.function
def names_of(files: Several, named: Named) -> {"files": list, "named": dict}:
    files = [file and file.name for file in files]
    inner = {key: file and file.name for key, file in named["a"].items()}
    return {"files": files, "named": {**named, "a": inner}}


def test_members_that_do_not_exist_are_none_in_an_optional_output():
    write = Step("write", PythonOPTemplate(may_write_some))
    found = outputs(run(write, Step("read", PythonOPTemplate(names_of), artifacts=write.outputs.artifacts)), "read")
    assert found["files"] == [None, "there"]
    assert found["named"] == {"a": {"x": "there", "y": None}, "b": None}


def test_a_member_that_does_not_exist_fails_a_step_whose_output_is_not_optional():
    @OP.function
    def write() -> {"files": Artifact(List[Path])}:
        Path("there").write_text("x")
        return {"files": [Path("there"), Path("nowhere")]}

    (step,) = run(Step("s", PythonOPTemplate(write))).query_step("s$")
    assert step.phase == "Failed"
    assert "output artifact 'files'[1] is nowhere, which does not exist" in step.message
