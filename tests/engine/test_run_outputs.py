"""Values and files on their way from step to step."""

from __future__ import annotations

import pytest
from dflow.engine.model import (
    ArtifactFrom,
    Call,
    InputArtifact,
    InputParameter,
    Inputs,
    Literal,
    LocalArtifact,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Ref,
    StepsTemplate,
)

X_OUT = OutputParameter("x", path="/tmp/x")
X_OF_A = Ref("steps.a.outputs.parameters.x")
NEVER = Literal("1 == 2")


@pytest.fixture
def show(shell):
    """Prints its parameter ``x``, which has a default when one is given."""

    def make(default=None):
        parameter = InputParameter("x", default=None if default is None else Literal(default))
        return shell("show", "printf '<%s>' '{{inputs.parameters.x}}'", inputs=Inputs((parameter,)))

    return make


@pytest.fixture
def produce(shell):
    """Writes its parameter ``x``."""

    def make(text="7", **fields):
        return shell(
            "produce", f"printf '{text}' > /tmp/x", outputs=Outputs((OutputParameter("x", path="/tmp/x", **fields),))
        )

    return make


def _shown(runner, node="[1].b"):
    return (runner.directory(node) / "log.txt").read_text()


@pytest.mark.parametrize(
    ("written", "read"),
    [("7", "7"), ("7\\n", "7"), ("7\\n\\n", "7\n"), ("", ""), ("a b\\nc", "a b\nc"), ("é", "é"), ("7\\r\\n", "7\r")],
)
def test_a_parameter_from_a_file_loses_one_trailing_newline(runner, steps, produce, show, written, read):  # OU-02
    runner.go(steps(Call("a", "produce"), Call("b", "show", (("x", X_OF_A),)), templates=[produce(written), show()]))
    with (runner.directory("[1].b") / "log.txt").open(newline="", encoding="utf-8") as log:
        assert log.read() == f"<{read}>"


def test_a_missing_file_gives_the_default(runner, steps, shell, show):  # OU-02
    lazy = shell("lazy", "exit 0", outputs=Outputs((OutputParameter("x", path="/tmp/x", default=Literal("d")),)))
    runner.go(steps(Call("a", "lazy"), Call("b", "show", (("x", X_OF_A),)), templates=[lazy, show()]))
    assert _shown(runner) == "<d>"


def test_inputs_and_outputs_lie_in_the_directory_of_the_step(runner, steps, produce, show):
    runner.go(steps(Call("a", "produce"), Call("b", "show", (("x", X_OF_A),)), templates=[produce(), show()]))
    assert (runner.directory("[0].a") / "outputs" / "parameters" / "x").read_text() == "7"
    assert (runner.directory("[1].b") / "inputs" / "parameters" / "x").read_text() == "7"


# -- skipped producers ------------------------------------------------------------------------------------------------


def test_a_skipped_producer_gives_its_default(runner, steps, produce, show):  # OU-05
    templates = [produce(default=Literal("d")), show("own")]
    runner.go(steps(Call("a", "produce", when=NEVER), Call("b", "show", (("x", X_OF_A),)), templates=templates))
    assert _shown(runner) == "<d>"


def test_a_skipped_producer_without_default_leaves_the_consumer_its_own(runner, steps, produce, show):  # OU-05
    templates = [produce(), show("own")]
    runner.go(steps(Call("a", "produce", when=NEVER), Call("b", "show", (("x", X_OF_A),)), templates=templates))
    assert _shown(runner) == "<own>"


def test_a_skipped_producer_and_no_default_anywhere_is_an_error(runner, steps, produce, show):  # OU-05
    runner.go(
        steps(Call("a", "produce", when=NEVER), Call("b", "show", (("x", X_OF_A),)), templates=[produce(), show()])
    )
    assert runner.phases["[1].b"] == "Error"
    assert runner.nodes["[1].b"]["message"] == (
        "input parameter 'x' has no value: its source was skipped, and there is no default"
    )
    assert runner.status == "Error"  # ST-05


@pytest.mark.parametrize(("default", "status"), [(Literal("g"), "Succeeded"), (None, "Error")])
def test_an_output_of_a_group_from_a_skipped_step(runner, steps, produce, default, status):  # OU-05
    outputs = Outputs((OutputParameter("y", source=X_OF_A, default=default),))
    runner.go(steps(Call("a", "produce", when=NEVER), templates=[produce()], outputs=outputs))
    assert runner.status == status
    if default is not None:
        assert runner.nodes[""]["outputs"]["parameters"]["y"]["value"] == "g"
    else:
        assert "output parameter 'y': its source was skipped" in runner.nodes[""]["message"]


@pytest.mark.parametrize(("optional", "phase"), [(True, "Succeeded"), (False, "Error")])
def test_an_artifact_of_a_skipped_step_is_fine_only_where_it_is_optional(
    runner, steps, shell, optional, phase
):  # OU-06
    make = shell("make", "exit 0", outputs=Outputs((), (OutputArtifact("f", path="/tmp/f"),)))
    inputs = Inputs((), (InputArtifact("f", path="/tmp/f", optional=optional),))
    take = shell("take", "test ! -e /tmp/f", inputs=inputs)
    source = ArtifactFrom(Ref("steps.a.outputs.artifacts.f"))
    runner.go(
        steps(Call("a", "make", when=NEVER), Call("b", "take", artifacts=(("f", source),)), templates=[make, take])
    )
    assert runner.phases["[1].b"] == phase


# -- outputs of the workflow ------------------------------------------------------------------------------------------


def test_global_outputs_belong_to_the_workflow_and_the_last_writer_wins(runner, steps, shell):  # OU-07
    def maker(name):
        outputs = Outputs(
            (OutputParameter("x", path="/tmp/x", global_name="best"),),
            (OutputArtifact("f", path="/tmp/f", global_name="model"),),
        )
        return shell(name, f"echo {name} > /tmp/x; echo {name} > /tmp/f", outputs=outputs)

    runner.go(steps(Call("a", "one"), Call("b", "two"), templates=[maker("one"), maker("two")]))
    outputs = runner.outputs()
    assert outputs["parameters"] == {"best": "two"}
    assert outputs["artifacts"] == {"model": f"{runner.directory('[1].b').name}/outputs/artifacts/f"}


def test_outputs_of_a_group_that_failed_are_not_computed(runner, steps, shell, produce):  # OU-04
    outputs = Outputs((OutputParameter("y", source=X_OF_A, global_name="g"),))
    runner.go(
        steps(Call("a", "produce"), Call("b", "bad"), templates=[produce(), shell("bad", "exit 1")], outputs=outputs)
    )
    assert runner.outputs()["parameters"] == {}


def test_workflow_parameters_are_seen_everywhere(runner, steps, shell):
    inner = StepsTemplate("inner", ((Call("s", "leaf"),),))
    leaf = shell("leaf", "printf '{{workflow.parameters.lr}} {{workflow.name}}'")
    runner.go(steps(Call("a", "inner"), templates=[inner, leaf], parameters=(("lr", "0.1"),)))
    assert _shown(runner, "[0].a[0].s") == "0.1 wf-1"


# -- artifacts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(shell, steps):
    """``a`` makes a directory and a file; ``b`` takes both."""
    made = Outputs((), (OutputArtifact("d", path="/tmp/d"), OutputArtifact("f", path="/tmp/f")))
    taken = Inputs((), (InputArtifact("d", path="/data/d"), InputArtifact("f", path="/data/f")))
    make = shell("make", "mkdir /tmp/d; echo inner > /tmp/d/x; echo file > /tmp/f", outputs=made)
    take = shell("take", "cat /data/d/x /data/f", inputs=taken)
    sources = tuple((n, ArtifactFrom(Ref(f"steps.a.outputs.artifacts.{n}"))) for n in ("d", "f"))
    return steps(Call("a", "make"), Call("b", "take", artifacts=sources), templates=[make, take])


@pytest.mark.parametrize("save", ["symlink", "link", "copy"])
@pytest.mark.parametrize("method", ["symlink", "link", "copy"])
def test_files_and_directories_arrive_with_every_copy_method(runner, files, method, save):
    runner.settings = {"copy_method": method, "save_copy_method": save}
    runner.go(files)
    assert _shown(runner) == "inner\nfile\n"
    place = runner.directory("[1].b") / "inputs" / "artifacts"
    assert (place / "f").is_symlink() == (place / "d").is_symlink() == (method == "symlink")
    source = runner.directory("[0].a") / "workdir" / "tmp" / "f"
    assert (place / "f").samefile(source) == (method != "copy" and save != "copy")


def test_a_run_with_symlinks_can_be_moved(runner, files, tmp_path):
    runner.go(files)
    name = runner.nodes["[1].b"]["dir"]
    runner.layout.root.rename(tmp_path / "moved")
    assert (tmp_path / "moved" / name / "inputs" / "artifacts" / "f").read_text() == "file\n"


def test_a_part_of_an_artifact_can_be_taken(runner, steps, shell):
    make = shell(
        "make",
        "mkdir -p /tmp/d/sub; echo part > /tmp/d/sub/x",
        outputs=Outputs((), (OutputArtifact("d", path="/tmp/d"),)),
    )
    take = shell("take", "cat /tmp/in/x", inputs=Inputs((), (InputArtifact("i", path="/tmp/in"),)))
    source = ArtifactFrom(Ref("steps.a.outputs.artifacts.d"), "sub")
    runner.go(steps(Call("a", "make"), Call("b", "take", artifacts=(("i", source),)), templates=[make, take]))
    assert _shown(runner) == "part\n"


def test_a_local_artifact_that_is_gone_is_an_error_that_names_it(runner, steps, shell, tmp_path):
    take = shell("take", "exit 0", inputs=Inputs((), (InputArtifact("i", path="/tmp/in"),)))
    gone = LocalArtifact(str(tmp_path / "gone"))
    runner.go(steps(Call("a", "take", artifacts=(("i", gone),)), templates=[take]))
    assert runner.nodes["[0].a"]["phase"] == "Error"
    assert runner.nodes["[0].a"]["message"] == f"input artifact 'i': {tmp_path / 'gone'} does not exist any more"


def test_an_optional_output_artifact_may_be_missing(runner, steps, shell):
    make = shell("make", "exit 0", outputs=Outputs((), (OutputArtifact("f", path="/tmp/f", optional=True),)))
    runner.go(steps(Call("a", "make"), templates=[make]))
    assert runner.status == "Succeeded"
    assert not (runner.directory("[0].a") / "outputs").exists()
