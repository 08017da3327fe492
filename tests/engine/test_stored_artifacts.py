"""Artifacts that are a text, a key of the run's store, or a URL."""

from __future__ import annotations

import functools
import http.server
import os
import threading

import pytest
from dflow.engine.errors import CompileError, ExpressionError, LeafError
from dflow.engine.model import (
    ArtifactFrom,
    Call,
    DagTemplate,
    HttpArtifact,
    InputArtifact,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputArtifact,
    OutputParameter,
    Outputs,
    RawArtifact,
    Ref,
    StepsTemplate,
    StoredArtifact,
    Text,
    WorkflowGraph,
)
from dflow.engine.store import Store, stored_at

SHOWN = Outputs((OutputParameter("text", path="/tmp/text"),))
READ = "cat /tmp/x > /tmp/text"


def reads(**fields):
    """Inputs of one artifact at ``/tmp/x``."""
    return Inputs(artifacts=(InputArtifact("x", path="/tmp/x", **fields),))


def output(argo, node):
    return argo.directory(node).joinpath("outputs", "parameters", "text").read_text()


# -- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["hello\n", "", "a\nb\n\n", "ä€ {{item}}", "x" * 100_000])
def test_a_raw_artifact_is_a_file_with_the_text(argo, steps, shell, text):
    call = Call("a", "a", artifacts=(("x", RawArtifact(Literal(text))),))
    script = "cp /tmp/x /tmp/text; printf '|' >> /tmp/text"
    argo.go(steps(call, templates=[shell("a", script, inputs=reads(), outputs=SHOWN)]))
    assert output(argo, "[0].a") == f"{text}|"


def test_a_raw_artifact_of_a_template_knows_its_own_parameters(argo, steps, shell):
    inputs = Inputs(
        (InputParameter("n"),), (InputArtifact("x", path="/tmp/x", source=RawArtifact(Ref("inputs.parameters.n"))),)
    )
    call = Call("a", "a", (("n", Ref("item")),), loop=Loop(Literal('["p", "q"]')))
    argo.go(steps(call, templates=[shell("a", READ, inputs=inputs, outputs=SHOWN)]))
    assert [output(argo, f"[0].a({i}:{t})") for i, t in enumerate("pq")] == ["p", "q"]


def test_a_step_has_its_raw_artifact_to_itself(argo, steps, shell):
    call = Call("a", "a", (), (("x", RawArtifact(Literal("1"))),), loop=Loop(Literal("[0, 1, 2]")))
    script = "echo 2 >> /tmp/x; cat /tmp/x > /tmp/text"
    argo.go(steps(call, templates=[shell("a", script, inputs=reads(), outputs=SHOWN)]))
    assert {output(argo, f"[0].a({i}:{i})") for i in range(3)} == {"12"}


def test_a_raw_artifact_can_be_made_executable(argo, steps, shell):
    call = Call("a", "a", artifacts=(("x", RawArtifact(Literal("#!/bin/sh\necho ran"))),))
    argo.go(steps(call, templates=[shell("a", "/tmp/x > /tmp/text", inputs=reads(mode=0o755), outputs=SHOWN)]))
    assert output(argo, "[0].a") == "ran"


def test_a_raw_artifact_goes_through_templates(argo, shell):
    leaf = shell("leaf", READ, inputs=reads(), outputs=SHOWN)
    given = (("x", ArtifactFrom(Ref("inputs.artifacts.x"))),)
    out = Outputs(artifacts=(OutputArtifact("y", source=ArtifactFrom(Ref("inputs.artifacts.x"))),))
    inner = StepsTemplate("inner", ((Call("l", "leaf", artifacts=given),),), reads(), out)
    first = Call("i", "inner", artifacts=(("x", RawArtifact(Literal("deep"))),))
    then = Call("t", "leaf", artifacts=(("x", ArtifactFrom(Ref("steps.i.outputs.artifacts.y"))),))
    main = StepsTemplate("main", ((first,), (then,)))
    argo.go(WorkflowGraph("wf", "main", (inner, leaf, main)))
    assert (output(argo, "[0].i[0].l"), output(argo, "[1].t")) == ("deep", "deep")


def test_a_retried_step_has_its_raw_artifact_again(argo, steps, shell):
    from dflow.engine.model import Pod, Retry

    script = "cat /tmp/x > /tmp/text; rm /tmp/x; test {{retries}} = 1"
    template = shell("a", script, inputs=reads(), outputs=SHOWN, pod=Pod(retry=Retry(limit=1)))
    argo.go(steps(Call("a", "a", artifacts=(("x", RawArtifact(Literal("v"))),)), templates=[template]))
    assert (argo.status, output(argo, "[0].a")) == ("Succeeded", "v")


def test_an_optional_artifact_made_of_a_skipped_output_is_absent(argo, steps, shell):  # OU-06
    gives = shell("gives", "true", outputs=Outputs((OutputParameter("p", path="/tmp/p"),)))
    use = Call("a", "a", artifacts=(("x", RawArtifact(Ref("steps.g.outputs.parameters.p"))),))
    script = "test ! -e /tmp/x && echo none > /tmp/text"
    templates = [gives, shell("a", script, inputs=reads(optional=True), outputs=SHOWN)]
    argo.go(steps(Call("g", "gives", when=Text("1 == 2")), use, templates=templates))
    assert output(argo, "[1].a") == "none"


def test_a_parameter_can_be_the_content_of_a_raw_artifact(argo, steps, shell):
    inputs = Inputs((InputParameter("n", source=RawArtifact(Literal("7\n"))),))
    argo.go(
        steps(
            Call("a", "a"),
            templates=[shell("a", "echo {{inputs.parameters.n}} > /tmp/text", inputs=inputs, outputs=SHOWN)],
        )
    )
    assert output(argo, "[0].a") == "7"


# -- keys -------------------------------------------------------------------------------------------------------------


def makes(shell, name, script, key, **fields):
    """A template with an output artifact at ``/tmp/out`` under a key."""
    outputs = Outputs(artifacts=(OutputArtifact("out", path="/tmp/out", key=Text(key), archive=None),))
    return shell(name, script, outputs=outputs, **fields)


def taking(key, sub_path=None):
    return (("x", StoredArtifact(Text(key), sub_path)),)


def test_what_one_step_keeps_another_finds(argo, steps, shell):
    templates = [
        makes(shell, "a", "echo one > /tmp/out", "{{workflow.name}}/some/file"),
        shell("b", READ, inputs=reads(), outputs=SHOWN),
    ]
    argo.go(steps(Call("a", "a"), Call("b", "b", artifacts=taking("{{workflow.name}}/some/file")), templates=templates))
    assert output(argo, "[1].b") == "one"


def test_the_files_of_several_outputs_with_one_key_lie_beside_each_other(argo, steps, shell):
    n = Inputs((InputParameter("n"),))
    script = "n={{inputs.parameters.n}}; mkdir -p /tmp/out/sub; echo $n | tee /tmp/out/$n > /tmp/out/sub/$n"
    call = Call("a", "a", (("n", Ref("item")),), loop=Loop(Literal("[1, 2, 3]")))
    templates = [
        makes(shell, "a", script, "all", inputs=n),
        shell(
            "b", "(cd /tmp/x; find . -mindepth 1 | sort; cat [1-3] sub/*) > /tmp/text", inputs=reads(), outputs=SHOWN
        ),
    ]
    argo.go(steps(call, Call("b", "b", artifacts=taking("all")), templates=templates))
    assert output(argo, "[1].b").split() == [
        "./1",
        "./2",
        "./3",
        "./sub",
        "./sub/1",
        "./sub/2",
        "./sub/3",
        "1",
        "2",
        "3",
        "1",
        "2",
        "3",
    ]


def test_a_part_of_what_is_kept_can_be_asked_for(argo, steps, shell):
    templates = [
        makes(shell, "a", "mkdir -p /tmp/out/s; echo part > /tmp/out/s/f", "k"),
        shell("b", READ, inputs=reads(), outputs=SHOWN),
    ]
    calls = [Call("b", "b", artifacts=taking("k", "s/f")), Call("c", "b", artifacts=taking("k/s/f"))]
    argo.go(steps(Call("a", "a"), tuple(calls), templates=templates))
    assert (output(argo, "[1].b"), output(argo, "[1].c")) == ("part", "part")


def test_a_key_below_another_one_adds_to_it(argo, steps, shell):
    templates = [
        makes(shell, "a", "mkdir /tmp/out; echo 1 > /tmp/out/one", "k"),
        makes(shell, "b", "echo 2 > /tmp/out", "k/more/two"),
        shell("c", "(cd /tmp/x; cat one more/two) > /tmp/text", inputs=reads(), outputs=SHOWN),
    ]
    argo.go(steps(Call("a", "a"), Call("b", "b"), Call("c", "c", artifacts=taking("k")), templates=templates))
    assert output(argo, "[2].c") == "1\n2"
    made = argo.directory("[0].a").joinpath("outputs", "artifacts", "out")
    assert [entry.name for entry in made.iterdir()] == ["one"]  # what a step has made stays as it is


def test_a_step_that_is_run_again_replaces_its_own_files(argo, steps, shell):
    script = "mkdir /tmp/out; test -e ../../second && touch /tmp/out/new || touch /tmp/out/old; touch /tmp/out/both"
    n = Inputs((InputParameter("n"),))
    other = makes(shell, "o", "mkdir /tmp/out; touch /tmp/out/other", "k")
    templates = [
        makes(shell, "a", script, "k", inputs=n),
        other,
        shell("b", "ls /tmp/x > /tmp/text; test -e ../../second", inputs=reads(), outputs=SHOWN),
    ]
    graph = steps(
        (Call("a", "a", (("n", Literal("0")),)), Call("o", "o")),
        Call("b", "b", artifacts=taking("k")),
        templates=templates,
    )
    argo.go(graph)
    assert output(argo, "[1].b").split() == ["both", "old", "other"]
    argo.layout.root.joinpath("second").touch()
    argo.go(again=lambda node: node.display in "ab")
    assert output(argo, "[1].b").split() == ["both", "new", "other"]


def test_what_is_kept_is_kept_again_when_the_store_is_lost(argo, steps, shell):
    templates = [
        makes(shell, "a", "echo one > /tmp/out; echo ran >> ../../runs", "k"),
        shell("b", f"{READ}; test -e ../../ok", inputs=reads(), outputs=SHOWN),
    ]
    argo.go(steps(Call("a", "a"), Call("b", "b", artifacts=taking("k")), templates=templates))
    argo.layout.store.joinpath("k").unlink()
    argo.layout.root.joinpath("ok").touch()
    argo.go(again=lambda node: node.phase.is_failure)
    assert (argo.status, output(argo, "[1].b")) == ("Succeeded", "one")
    assert argo.layout.root.joinpath("runs").read_text() == "ran\n"


def test_a_program_that_fails_keeps_what_it_has_made(argo, dag, shell):  # OU-03
    templates = [
        makes(shell, "a", "echo half > /tmp/out; exit 1", "k"),
        shell("b", READ, inputs=reads(), outputs=SHOWN),
    ]
    argo.go(dag(Call("a", "a"), Call("b", "b", artifacts=taking("k"), depends="a.Failed"), templates=templates))
    assert output(argo, ".b") == "half"


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../b", "", "/", "a/.."])
def test_a_key_that_leads_out_of_the_store_is_refused(argo, steps, shell, key):
    template = makes(shell, "a", "echo > /tmp/out", "{{workflow.parameters.k}}")
    result = argo.go(steps(Call("a", "a"), templates=[template], parameters=(("k", key),)))
    assert (str(result.phase), argo.phases["[0].a"]) == ("Failed", "Error")
    assert "is no key of the artifact store" in argo.nodes["[0].a"]["message"]
    with pytest.raises(ExpressionError):
        stored_at("/store", key)


def test_a_key_that_nothing_was_kept_under_is_an_error_that_names_it(argo, steps, shell):
    call = Call("b", "b", artifacts=taking("{{workflow.name}}/none"))
    argo.go(steps(call, templates=[shell("b", READ, inputs=reads(), outputs=SHOWN)]))
    assert argo.phases["[0].b"] == "Error"
    assert "nothing was kept under the key 'wf-1/none'" in argo.nodes["[0].b"]["message"]


def test_an_optional_artifact_without_anything_under_its_key_is_absent(argo, steps, shell):
    templates = [shell("b", "test ! -e /tmp/x; echo $? > /tmp/text", inputs=reads(optional=True), outputs=SHOWN)]
    argo.go(steps(Call("b", "b", artifacts=taking("none/at/all")), templates=templates))
    assert output(argo, "[0].b") == "0"


def test_a_key_that_nothing_can_keep_is_refused_before_anything_starts(argo, steps, shell):
    call = Call("b", "b", artifacts=(("x", StoredArtifact(Literal("data/set"))),))
    templates = [shell("b", READ, inputs=reads()), makes(shell, "a", "true", "other")]
    with pytest.raises(
        CompileError, match=r"artifact 'x' of 'b' in template 'main': no step keeps anything under the key 'data/set'"
    ):
        argo.create(steps(call, templates=templates))
    assert not argo.layout.root.exists()


def test_a_file_and_a_directory_with_one_key_are_an_error(tmp_path):
    store = Store(tmp_path / "store")
    tmp_path.joinpath("file").touch()
    tmp_path.joinpath("folder").mkdir()
    store.keep(tmp_path / "file", "k")
    with pytest.raises(LeafError, match="one has a file where the other has a directory"):
        store.keep(tmp_path / "folder", "k")
    with pytest.raises(LeafError, match="lies below another key, which has a file"):
        store.keep(tmp_path / "file", "k/l")


# -- URLs -------------------------------------------------------------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            return
        super().do_GET()


@pytest.fixture
def server(tmp_path):
    """A server of the files in a folder; the folder and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def fetching(url):
    return Call("a", "a", artifacts=(("x", HttpArtifact(Text(url))),))


def test_an_artifact_is_fetched_from_a_url(argo, steps, shell, server):
    folder, url = server
    data = os.urandom(3_000_000)
    folder.joinpath("f").write_bytes(data)
    template = shell("a", "sha256sum < /tmp/x > /tmp/text", inputs=reads(), outputs=SHOWN)
    argo.go(steps(fetching(f"{url}/f"), templates=[template]))
    assert argo.directory("[0].a").joinpath("inputs", "artifacts", "x").read_bytes() == data
    assert argo.record("[0].a")["inputs"]["artifacts"]["x"]["path"].endswith("/inputs/artifacts/x")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none", "input artifact 'x': cannot fetch http://127.0.0.1:{port}/none: 404 File not found"),
        ("/short?token=secret", "cannot fetch"),
        ("/short", "the server ended after 10 of 1000 bytes"),
    ],
)
def test_what_cannot_be_fetched_is_an_error_with_the_reason(argo, steps, shell, server, path, message):
    url = server[1]
    argo.go(steps(fetching(f"{url}{path}"), templates=[shell("a", READ, inputs=reads(), outputs=SHOWN)]))
    node = argo.nodes["[0].a"]
    assert node["phase"] == "Error"
    assert message.format(port=url.rpartition(":")[2]) in node["message"]
    assert "secret" not in node["message"]


def test_an_optional_artifact_that_the_server_has_not_is_absent(argo, steps, shell, server):
    template = shell("a", "test ! -e /tmp/x; echo $? > /tmp/text", inputs=reads(optional=True), outputs=SHOWN)
    argo.go(steps(fetching(f"{server[1]}/none"), templates=[template]))
    assert output(argo, "[0].a") == "0"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "only http and https are fetched"),
        ("http://127.0.0.1:1/x", "cannot fetch http://127.0.0.1:1/x: [Errno 111]"),
        ("nonsense", "only http and https are fetched"),
    ],
)
def test_other_schemes_and_silent_hosts_are_named(argo, steps, shell, url, message):
    argo.go(steps(fetching(url), templates=[shell("a", READ, inputs=reads(), outputs=SHOWN)]))
    assert argo.phases["[0].a"] == "Error"
    assert message in argo.nodes["[0].a"]["message"]


def test_workflow_artifacts_are_inputs_of_the_entrypoint(argo, shell):
    leaf = shell("leaf", READ, inputs=reads(), outputs=SHOWN)
    inputs = Inputs(
        artifacts=(InputArtifact("x", source=RawArtifact(Literal("default"))), InputArtifact("other", optional=True))
    )
    main = DagTemplate(
        "main", (Call("l", "leaf", artifacts=(("x", ArtifactFrom(Ref("inputs.artifacts.x"))),)),), inputs
    )
    graph = WorkflowGraph(
        "wf",
        "main",
        (leaf, main),
        (("v", "given"),),
        artifacts=(("x", RawArtifact(Text("{{workflow.parameters.v}}!"))),),
    )
    argo.go(graph)
    assert output(argo, ".l") == "given!"
