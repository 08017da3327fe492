"""Artifacts in an object store: the same calls, whatever the store; here it is a folder."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from dflow import (
    S3Artifact,
    Step,
    Workflow,
    config,
    copy_artifact,
    copy_s3,
    download_artifact,
    download_s3,
    path_list_of_artifact,
    path_object_of_artifact,
    s3_config,
    upload_artifact,
    upload_s3,
)
from dflow.engine.errors import CompileError, ConfigError, ObjectNotFound, StorageError, UnsafeArtifact
from dflow.io import InputArtifact, OutputArtifact
from dflow.op_template import ShellOPTemplate
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from dflow.storage.folder import FolderClient
from dflow.stores import storage_client
from dflow.utils import catalog_of_artifact, get_key, set_key


class Client(FolderClient):
    """Counts what goes through it."""

    def __init__(self, root):
        super().__init__(root)
        self.sent, self.fetched = [], []

    def upload(self, key, path):
        self.sent.append(key)
        super().upload(key, path)

    def download(self, key, path):
        self.fetched.append(key)
        super().download(key, path)


@pytest.fixture(params=[None, "tar", "zip"])
def archive(request):
    return request.param


@pytest.fixture
def client(tmp_path):
    for name in ("a", "b", "c", "d/e", "d/f/g"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    (tmp_path / "d" / "empty").mkdir()
    config["debug_s3"] = True
    s3_config["storage_client"] = Client(tmp_path / "bucket")
    return s3_config["storage_client"]


def names(folder):
    return [place.name for place in Path(folder).iterdir()]


def files(folder):
    """The paths below a folder of the files in it."""
    return sorted(str(place.relative_to(folder)) for place in Path(folder).rglob("*") if place.is_file())


def texts(paths):
    if isinstance(paths, dict):
        return {key: texts(path) for key, path in paths.items()}
    if isinstance(paths, list):
        return [texts(path) for path in paths]
    if paths is not None and Path(paths).is_dir():
        return [texts(str(path)) for path in sorted(Path(paths).iterdir())]
    return None if paths is None else Path(paths).read_text().removeprefix("text of ")


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ("a", ["a"]),
        (["b", "a"], ["b", "a"]),
        ({"x": "a", "y": Path("d/e")}, {"x": "a", "y": "d/e"}),
        ({"x": ["a", {"z": "b"}], "y": "c"}, {"x": ["a", {"z": "b"}], "y": "c"}),
        (["a", None, "c"], ["a", None, "c"]),
        ({"k.1": "a", "k.2": "b"}, {"k.1": "a", "k.2": "b"}),
        ([], []),
        ("d", [["d/e", [], ["d/f/g"]]]),
    ],
)
def test_artifact_comes_back_in_the_shape_it_went_in(client, archive, given, got, tmp_path):
    artifact = upload_artifact(given, archive=archive)
    assert isinstance(artifact, S3Artifact)
    assert texts(download_artifact(artifact, path="out")) == got
    assert not (tmp_path / "out" / ".dflow").exists()
    assert not list(Path(tmp_path).rglob(".empty_dir")) or archive is None
    assert not list((tmp_path / "out").rglob(".empty_dir"))


def test_layout_is_that_of_pods(client):
    tree = upload_artifact(["a", "d/e"], archive=None)
    names = [key[len(tree.key) + 1 :] for key in client.list(tree.key, recursive=True)]
    catalog = next(name for name in names if name.startswith(".dflow/"))
    assert sorted(names) == sorted([catalog, "a", "d/e"])
    items = json.loads((client.root / tree.key / catalog).read_text())["path_list"]
    assert items == [{"dflow_list_item": "a", "order": 0}, {"dflow_list_item": "d/e", "order": 1}]
    packed = upload_artifact(["a", "d/e"])
    assert packed.key.endswith(".tgz")
    with tarfile.open(client.root / packed.key) as members:
        tops = {member.name.partition("/")[0] for member in members}
    assert len(tops) == 1
    assert client.sent[-1] == packed.key
    assert client.sent[2] == f"{tree.key}/{catalog}", "the catalog comes last: where it is, all is"


def test_what_is_there_unchanged_is_not_sent_again(client, archive, tmp_path):
    first = upload_artifact(["a", "d"], archive=archive)
    sent = len(client.sent)
    assert upload_artifact(["a", "d"], archive=archive).key == first.key
    assert len(client.sent) == sent
    (tmp_path / "d" / "e").write_text("TEXT of d/e")
    second = upload_artifact(["a", "d"], archive=archive)
    assert second.key != first.key
    assert Path(download_artifact(second, path="out")[1], "e").read_text() == "TEXT of d/e"
    assert upload_artifact(["d", "a"], archive=archive).key != second.key


def test_parts_and_elements(client, archive, tmp_path):
    artifact = upload_artifact(["a", "d", "b"], archive=archive)
    client.fetched.clear()
    assert texts(download_artifact(artifact, slice=2, path="o1")) == "b"
    assert texts(download_artifact(artifact[0], path="o2")) == "a"
    assert download_artifact(artifact, sub_path="d/f/g", path="o3") == "o3/d/f/g"
    assert files(tmp_path / "o3") == ["d/f/g"]
    assert texts(download_artifact(artifact.sub_path("d").sub_path("f"), path="o4")) == ["d/f/g"]
    assert sorted(names(tmp_path / "o1")) == ["b"]
    if archive is None:
        assert {key.rpartition("/")[2] for key in client.fetched if ".dflow" not in key} == {"a", "b", "g"}
    assert download_artifact(artifact, sub_path="d", path="o6") == "o6/d"
    assert files(tmp_path / "o6") == ["d/e", "d/f/g"]
    assert download_artifact(artifact.sub_path("d"), sub_path="f", path="o7") == "o7/f"
    assert files(tmp_path / "o7") == ["f/g"]
    assert path_list_of_artifact(artifact) == ["a", "d", "b"]
    assert path_object_of_artifact(upload_artifact({"x": "a"}, archive=archive)) == {"x": "a"}
    for wrong in ("zz", "../a"):
        with pytest.raises(FileNotFoundError):
            download_artifact(artifact, sub_path=wrong, path="o5")


def test_the_key_of_a_part_is_where_the_part_is(client, tmp_path):
    part = S3Artifact(key="k").sub_path("x").sub_path("y/z")
    assert (part.key, part.oss().key, part[0].key) == ("k/x/y/z",) * 3
    assert repr(part) == "S3Artifact(key='k').sub_path('x/y/z')"
    assert S3Artifact().sub_path("x").key is None
    artifact = upload_artifact(["a", "d"], archive=None)
    part = artifact.sub_path("d")
    assert client.exists(f"{part.key}/f/g")
    assert download_artifact(S3Artifact(key=part.key), sub_path="f/g", path="o1") == "o1/f/g"
    assert download_artifact(S3Artifact.from_dict(part.to_dict()), path="o2") == ["o2/e", "o2/empty", "o2/f"]
    assert download_artifact(copy_artifact(part, S3Artifact(key="copy")), path="o3") == ["o3/e", "o3/empty", "o3/f"]
    part.key = "copy"
    assert download_artifact(part, path="o4") == ["o4/e", "o4/empty", "o4/f"]
    assert (part.sub_path("f").key, repr(part)) == ("copy/f", "S3Artifact(key='copy')")
    assert [files(tmp_path / folder) for folder in ("o2", "o3", "o4")] == [["e", "f/g"]] * 3


def test_catalog_and_archive_when_asked_for(client, tmp_path):
    artifact = upload_artifact(["a"])
    download_artifact(artifact, path="with", remove_catalog=False)
    assert len(names(tmp_path / "with" / ".dflow")) == 1
    (file,) = download_artifact(artifact, extract=False, path="raw")
    assert tarfile.is_tarfile(file)
    assert Path(file).name == artifact.key.rpartition("/")[2]


def test_files_that_are_there_can_be_left(client, archive, tmp_path):
    artifact = upload_artifact(["a", "b"], archive=archive)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("mine")
    download_artifact(artifact, path="out", skip_exists=True)
    assert (tmp_path / "out" / "a").read_text() == "mine"
    download_artifact(artifact, path="out")
    assert (tmp_path / "out" / "a").read_text() == "text of a"
    assert sorted(names(tmp_path / "out")) == ["a", "b"]


def test_plain_keys(client, tmp_path):
    assert upload_s3("a", key="my/key.txt") == "my/key.txt"
    assert upload_s3("a", prefix="pre") == "pre/a"
    tree = upload_s3("d")
    assert tree.startswith("upload/")
    assert tree.endswith("/d")
    assert sorted(client.list(tree, recursive=True)) == [f"{tree}/e", f"{tree}/empty/.empty_dir", f"{tree}/f/g"]
    download_s3("my/key.txt", path="o1")
    download_s3("my", path="o2")
    download_s3("my", path="o3", keep_dir=True)
    download_s3(tree, path="o4", recursive=False)
    found = sorted(str(p.relative_to(tmp_path)) for o in ("o1", "o2", "o3", "o4") for p in (tmp_path / o).rglob("*.*"))
    assert found == ["o1/key.txt", "o2/key.txt", "o3/my/key.txt"]
    assert names(tmp_path / "o4") == ["e"]
    copy_s3("my", "mine")
    copy_s3("my/key.txt", "other.txt")
    assert client.list("mine", recursive=True) == ["mine/key.txt"]
    assert client.exists("other.txt")
    with pytest.raises(ObjectNotFound, match="nothing under the key 'none'"):
        download_s3("none")
    assert texts(download_artifact(S3Artifact(key="my/key.txt"), path="o5")) == ["a"]


def test_one_artifact_can_be_put_behind_another(client):
    first, second = upload_artifact(["a", "b"], archive=None), upload_artifact(["c"], archive=None)
    client.fetched.clear()
    both = S3Artifact(key="both")
    assert copy_artifact(first, both) is both
    copy_artifact(second, both, sort=True)
    assert path_list_of_artifact(both) == ["a", "b", "c"]
    assert not any(key.endswith(("/a", "/b", "/c")) for key in client.fetched), "files do not come through here"
    packed = S3Artifact(key="packed")
    copy_artifact(upload_artifact(["a"]), packed)
    assert packed.key == "packed.tgz"
    assert texts(download_artifact(packed, path="out")) == ["a"]
    with pytest.raises(StorageError, match="archive=None"):
        copy_artifact(upload_artifact(["a"]), both, sort=True)
    config["debug_s3"] = False
    local, other = upload_artifact(["a"]), upload_artifact(["b", "c"])
    copy_artifact(other, local, sort=True)
    assert texts(download_artifact(local, path="out2")) == ["a", "b", "c"]
    with pytest.raises(TypeError, match="not in one store"):
        copy_artifact(local, both)


def test_prefixes(client):
    s3_config["prefix"] = "team/"
    assert upload_artifact("a", archive=None).key.startswith("team/upload/")
    assert S3Artifact(key="x").key == "team/x"
    assert S3Artifact(key="team/x").key == "team/x"
    s3_config["extra_prefixes"] = ["shared/"]
    assert S3Artifact(key="shared/x").key == "shared/x"
    again = S3Artifact.from_dict(S3Artifact(key="x")[3].to_dict())
    assert (again.key, again.slice) == ("team/x", 3)


def test_keys_of_artifacts_are_read_and_set(client):
    artifact = upload_artifact("a")
    assert get_key(artifact) == artifact.key
    set_key(artifact, "other")
    assert artifact.key == "other"
    assert get_key({"s3": {"key": "x"}}) == get_key({"oss": {"key": "x"}}) == "x"
    assert get_key(object(), raise_error=False) is None
    with pytest.raises(FileNotFoundError, match="does not exist in the storage"):
        get_key(object())
    assert catalog_of_artifact(upload_artifact(["a"])) == [{"dflow_list_item": "a", "order": 0}]


def test_an_archive_that_leads_out_of_its_place_is_refused(client, tmp_path):
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as members:
        members.add(tmp_path / "a", arcname="../escaped")
    upload_s3(tmp_path / "x.tgz", key="x.tgz")
    with pytest.raises(UnsafeArtifact, match="escaped"):
        download_artifact(S3Artifact(key="x.tgz"), path="out")
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []


def test_a_failed_download_leaves_nothing(client, tmp_path, monkeypatch):
    artifact = upload_artifact(["a", "b"], archive=None)

    def fail(key, path):
        if key.endswith("/b"):
            raise StorageError("the server is gone")
        FolderClient.download(client, key, path)

    monkeypatch.setattr(client, "download", fail)
    with pytest.raises(StorageError, match="gone"):
        download_artifact(artifact, path="out")
    assert not (tmp_path / "out" / "b").exists()
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


# -- clients ------------------------------------------------------------------------------------------------------


class Guide:
    """As a user writes it: five methods, no base class."""

    def __init__(self):
        self.objects = {}

    def upload(self, key, path):
        self.objects[key] = Path(path).read_bytes()

    def download(self, key, path):
        Path(path).write_bytes(self.objects[key])

    def list(self, prefix, recursive=False):
        return [key for key in self.objects if key.startswith(prefix)]

    def copy(self, src, dst):
        self.objects[dst] = self.objects[src]

    def get_md5(self, key):
        return ""


def make_guide():
    return Guide()


@pytest.mark.parametrize(
    "given", [Guide(), Guide, make_guide, f"{__name__}.Guide", "dflow.storage.folder.FolderClient"]
)
def test_a_client_is_an_object_a_class_or_an_import_path(client, given, monkeypatch):
    module = ModuleType(__name__)
    module.Guide = Guide
    monkeypatch.setitem(sys.modules, __name__, module)
    if given == "dflow.storage.folder.FolderClient":
        with pytest.raises(ConfigError, match=r"which cannot be made here: .*root"):
            storage_client(given)
        return
    assert storage_client(given).list("") == []


def test_a_client_of_the_user_guide_does_all(client, tmp_path):
    s3_config["storage_client"] = guide = Guide()
    artifact = upload_artifact(["a", "d"], archive=None)
    assert texts(download_artifact(artifact, path="out")) == ["a", ["d/e", [], ["d/f/g"]]]
    guide.objects.clear()
    with pytest.raises(FileNotFoundError):
        download_artifact(artifact, path="out")


@pytest.mark.parametrize("wrong", ["no.such.module.Client", "nothing", 3, object(), dict])
def test_what_is_no_client_is_named(client, wrong):
    with pytest.raises(ConfigError, match="storage_client"):
        storage_client(wrong)


def test_errors_of_a_foreign_client_say_what_was_tried(client):
    class Broken(Guide):
        def upload(self, key, path):
            raise OSError("no route to host")

    s3_config["storage_client"] = Broken()
    with pytest.raises(StorageError, match=r"Broken cannot upload .* as 'k': OSError: no route to host"):
        upload_s3("a", key="k")


# -- workflows ----------------------------------------------------------------------------------------------------


DOUBLED = {"y": Artifact(Path), "parts": Artifact(list[Path], archive=None)}
NUMBER = {"n": int}
PARTS = {"parts": Artifact(list[Path], archive=None)}


@OP.function
def double(x: Artifact(Path)) -> DOUBLED:
    Path("y.txt").write_text(x.read_text() * 2)
    Path("p1").write_text("1")
    Path("p2").mkdir()
    return {"y": Path("y.txt"), "parts": [Path("p1"), Path("p2")]}


def shell():
    template = ShellOPTemplate("cat", image="alpine", script="cat /tmp/x.txt > /tmp/z.txt")
    template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x.txt")
    template.outputs.artifacts["z"] = OutputArtifact(path="/tmp/z.txt")
    return template


def test_each_artifact_of_a_run_is_in_the_bucket(client, tmp_path):
    wf = Workflow("run")
    first = Step("first", PythonOPTemplate(double, image="i"), artifacts={"x": upload_artifact("a")}, key="one")
    second = Step("second", shell(), artifacts={"x": first.outputs.artifacts["y"]}, key="two")
    wf.add([first])
    wf.add([second])
    wf.submit()
    assert wf.query_status() == "Succeeded"
    step = wf.query_step(key="one")[0]
    keys = {name: step.outputs.artifacts[name].key for name in ("y", "parts")}
    assert keys["y"] == f"{wf.id}/{step.id}/y.tgz"
    assert keys["parts"] == f"{wf.id}/{step.id}/parts"
    assert {key.rpartition("/")[2] for key in client.list(keys["parts"] + "/", recursive=True)} >= {"p1", ".empty_dir"}
    text = wf.query_step(key="two")[0].outputs.artifacts["z"]
    assert client.exists(text.key)
    for folder in tmp_path.glob(f"{wf.id}/*/outputs"):  # what is here may go: the bucket has it
        for place in sorted(folder.rglob("*"), reverse=True):
            place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
    assert texts(download_artifact(text, path="out")) == ["atext of a"]
    assert texts(download_artifact(step.outputs.artifacts["parts"], path="out")) == [
        (tmp_path / "out" / "p1").read_text(),
        [],
    ]


def test_an_artifact_with_a_key_is_an_input_without_debug_s3_too(client, tmp_path):
    upload_s3("a", key="data/a")
    artifact = upload_artifact(["a", "b", "c"], archive=None)
    config["debug_s3"] = False
    wf = Workflow("run")
    wf.add(Step("whole", shell(), artifacts={"x": S3Artifact(key="data/a")}))
    wf.add(Step("part", shell(), artifacts={"x": artifact.sub_path("b")}))
    wf.add(Step("element", shell(), artifacts={"x": artifact[2]}))
    client.sent.clear()
    wf.submit()
    assert wf.query_status() == "Succeeded"
    steps = wf.query_step(type="Pod")
    found = {s.name.rpartition(".")[2]: Path(s.outputs.artifacts["z"].local_path).read_text() for s in steps}
    assert found == {"whole": "text of a", "part": "text of b", "element": "text of c"}
    assert client.sent == []
    fetched = list(client.fetched)
    assert len(fetched) == len(set(fetched)), "each object is fetched once"


def test_a_stored_list_is_sliced(client):
    @OP.function
    def size(x: Artifact(Path)) -> NUMBER:
        return {"n": len(x.read_text())}

    artifact = upload_artifact(["a", "d/e", "d/f/g"], archive=None)
    wf = Workflow("run")
    slices = Slices(sub_path=True, input_artifact=["x"], output_parameter=["n"])
    template = PythonOPTemplate(size, image="i", slices=slices)
    wf.add(Step("sizes", template, artifacts={"x": artifact}))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert sorted(step.outputs.parameters["n"].value for step in wf.query_step(type="Pod")) == [9, 11, 13]


def test_a_key_with_nothing_under_it_is_told_before_anything_runs(client, tmp_path):
    wf = Workflow("run")
    wf.add(Step("one", shell(), artifacts={"x": S3Artifact(key="no/such")}, key="one"))
    with pytest.raises(CompileError, match=r"artifact 'x' of 'one' .* has nothing under the key 'no/such'"):
        wf.submit()
    assert not list(tmp_path.glob("run-*/one"))
    assert [(run / "status").read_text() for run in tmp_path.glob("run-*")] == ["Error"]


def test_a_store_that_refuses_an_output_fails_the_step_with_the_reason(client):
    artifact = upload_artifact("a")

    class Full(Client):
        def upload(self, key, path):
            raise StorageError(f"cannot put {key!r}: the bucket is full")

    s3_config["storage_client"] = Full(client.root)
    wf = Workflow("run")
    wf.add(Step("one", shell(), artifacts={"x": artifact}))
    wf.submit()
    assert wf.query_status() in ("Failed", "Error")
    step = wf.query_step(name="one")[0]
    assert "output artifact 'z': cannot put" in step.message
    assert "the bucket is full" in step.message


def test_a_detached_run_and_a_resume_find_a_store_by_its_name(client, tmp_path, run_script):
    (tmp_path / "mystore.py").write_text(
        f"from dflow.storage.folder import FolderClient\ndef make():\n    return FolderClient({str(client.root)!r})\n"
    )
    script = """
    from dflow import Workflow, Step, S3Artifact, s3_config, config
    from dflow.op_template import ShellOPTemplate
    from dflow.io import InputArtifact, OutputArtifact
    s3_config["storage_client"] = "mystore.make"
    config["debug_s3"] = True
    t = ShellOPTemplate("cat", image="alpine", script="cat /tmp/x.txt > /tmp/z.txt")
    t.inputs.artifacts["x"] = InputArtifact(path="/tmp/x.txt")
    t.outputs.artifacts["z"] = OutputArtifact(path="/tmp/z.txt")
    wf = Workflow("run", id="run-1")
    wf.add(Step("one", t, artifacts={"x": S3Artifact(key="k")}, key="one"))
    config["detach"] = True
    wf.submit()
    wf.wait()
    print(wf.query_status(), wf.query_step(key="one")[0].outputs.artifacts["z"].key)
    """
    upload_s3("a", key="k")
    out = run_script(script).stdout
    assert "Succeeded run-1/" in out
    assert out.strip().endswith("/z.tgz")


def test_a_client_of_another_package_is_found_by_the_name_it_has_registered(client, tmp_path, monkeypatch):
    package = tmp_path / "elsewhere"
    (package / "shelf-1.0.dist-info").mkdir(parents=True)
    (package / "shelf-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (package / "shelf-1.0.dist-info" / "entry_points.txt").write_text("[dflow.storage]\nshelf = shelf:make\n")
    made = f"FolderClient({str(tmp_path / 'shelf')!r})"
    code = f"from dflow.storage.folder import FolderClient\ndef make():\n    return {made}\n"
    (package / "shelf.py").write_text(code)
    monkeypatch.syspath_prepend(package)
    s3_config["storage_client"] = "shelf"
    assert upload_s3("a", key="k") == "k"
    assert (tmp_path / "shelf" / "k").read_text() == "text of a"
    with pytest.raises(ConfigError, match=r"nor the name of an installed client \(shelf\)"):
        storage_client("shelves")


# -- what could go wrong ------------------------------------------------------------------------------------------


def test_a_link_in_an_archive_never_leads_out_of_where_it_is_given_out(client, tmp_path):
    hostile = tmp_path / "evil"
    (hostile / "secret" / "d").mkdir(parents=True)
    (hostile / "secret" / "evil").write_text("evil")
    (hostile / "secret" / "d" / "lnk").symlink_to("../../secret")
    (hostile / ".dflow").mkdir()
    (hostile / ".dflow" / "c").write_text(json.dumps({"path_list": [{"dflow_list_item": "secret/d", "order": 0}]}))
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as members:
        members.add(hostile, arcname="evil")
    upload_s3("evil.tgz", key="evil.tgz")
    home = tmp_path / "home"
    (home / "secret").mkdir(parents=True)
    for _ in range(2):
        download_artifact(S3Artifact(key="evil.tgz"), path=home / "out")
        download_artifact(S3Artifact(key="evil.tgz"), sub_path="secret/d", path=home / "out2")
    assert names(home / "secret") == []
    for link in home.rglob("*"):
        assert not link.is_symlink() or str(link.resolve()).startswith(str(home / "out"))


def test_keys_that_hold_each_other_are_fetched_whole(client, tmp_path):
    for name in ("data/a.txt", "data/sub/b.txt"):
        upload_s3("a", key=name)
    template = ShellOPTemplate("list", image="i", script="cd /tmp/in && find -L . -type f | sort > /tmp/out.txt")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    wf = Workflow("run")
    wf.add(
        [
            Step(n, template, artifacts={"in": S3Artifact(key=k)}, key=n)
            for n, k in (("sub", "data/sub"), ("all", "data"))
        ]
    )
    wf.submit()
    found = Path(wf.query_step(key="all")[0].outputs.artifacts["out"].local_path).read_text().split()
    assert found == ["./a.txt", "./sub/b.txt"]


def test_what_an_earlier_attempt_has_stored_is_not_among_what_a_later_one_stores(client, tmp_path):
    @OP.function
    def make(n: int) -> PARTS:
        count = Path(marker)
        number = len(count.read_text()) if count.exists() else 0
        count.write_text("x" * (number + 1))
        Path(f"part{number}").write_text("")
        return {"parts": [Path(f"part{number}")]}

    marker = str(tmp_path / "count")
    wf = Workflow("run")
    wf.add(Step("make", PythonOPTemplate(make, image="i"), parameters={"n": 1}, key="make"))
    wf.submit()
    wf.retry_steps([wf.query_step(key="make")[0].id])
    artifact = wf.query_step(key="make")[0].outputs.artifacts["parts"]
    del artifact.data["local_path"]
    assert path_list_of_artifact(artifact) == ["part1"]


def test_directories_that_link_to_each_other_are_refused(client, tmp_path, archive):
    for one, other in (("x", "y"), ("y", "x")):
        (tmp_path / "loop" / one).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            (tmp_path / "loop" / one / f"l{number}").symlink_to(f"../{other}")
    with pytest.raises(StorageError, match=r"link|circle"):
        upload_artifact("loop", archive=archive)


def test_plain_keys_are_put_behind_others_and_equal_names_are_refused(client, tmp_path):
    upload_s3("d", key="plain")
    new = S3Artifact(key="new")
    copy_artifact(S3Artifact(key="plain"), new, sort=True)
    assert path_list_of_artifact(new) == ["e", "empty", "f"]
    with pytest.raises(StorageError, match="both artifacts have 'e'"):
        copy_artifact(S3Artifact(key="plain"), new, sort=True)
    config["debug_s3"] = False
    with pytest.raises(StorageError, match="both artifacts have 'a'"):
        copy_artifact(upload_artifact(["a"]), upload_artifact(["a", "b"]), sort=True)


def test_a_key_without_folders_goes_up_and_down(client, tmp_path):
    assert upload_s3("a", prefix="") == "a"
    download_s3("a", path="o")
    assert names(tmp_path / "o") == ["a"]


def test_an_element_inside_of_another_one_comes_too(client, archive):
    artifact = upload_artifact(["d", "d/e"], archive=archive)
    assert texts(download_artifact(artifact, path="out"))[1] == "d/e"


def test_what_was_deleted_from_the_store_is_sent_again(client, archive):
    first = upload_artifact(["a", "b"], archive=archive)
    for key in client.list(first.key, recursive=True):
        if ".dflow" not in key:
            (client.root / key).unlink()
    assert upload_artifact(["a", "b"], archive=archive).key == first.key
    assert texts(download_artifact(first, path="out")) == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["[]", "{bad", '{"path_list": [{}]}', '{"path_list": 3}', '{"path_list": [{"order": []}]}']
)
def test_a_damaged_catalog_is_refused_with_its_name(client, tmp_path, text):
    (tmp_path / "art" / ".dflow").mkdir(parents=True)
    (tmp_path / "art" / ".dflow" / "c").write_text(text)
    upload_s3("art", key="art")
    with pytest.raises(UnsafeArtifact, match="catalog"):
        download_artifact(S3Artifact(key="art"), path="out")


def test_a_subclass_of_the_user_may_raise_what_it_likes(client, tmp_path):
    upload_s3("a", key="k")

    class Mine(FolderClient):
        def download(self, key, path):
            raise RuntimeError("my own trouble")

    s3_config["storage_client"] = Mine(client.root)
    wf = Workflow("run")
    wf.add(Step("one", shell(), artifacts={"x": S3Artifact(key="k")}))
    with pytest.raises(StorageError, match=r"Mine cannot download 'k': RuntimeError: my own trouble"):
        wf.submit()
    assert [(run / "status").read_text() for run in tmp_path.glob("run-*")] == ["Error"]


def test_a_detached_run_with_a_client_object_is_refused_at_once(client, tmp_path):
    upload_s3("a", key="k")
    config["detach"] = True
    wf = Workflow("run")
    wf.add(Step("one", shell(), artifacts={"x": S3Artifact(key="k")}))
    with pytest.raises(ConfigError, match="import path"):
        wf.submit()
    assert not list(tmp_path.glob("run-*"))


def test_settings_beside_a_client_object_are_refused(client):
    with pytest.raises(ConfigError, match="bucket_name cannot be given"):
        download_artifact(S3Artifact(key="k"), bucket_name="other")


def test_what_cannot_be_read_is_named(client, tmp_path):
    (tmp_path / "d" / "dangling").symlink_to("nowhere")
    with pytest.raises(StorageError, match=r"cannot upload .*nowhere"):
        upload_artifact("d", archive=None)
