"""Putting files into the artifact store, and getting them out."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from dflow import (
    LocalArtifact,
    S3Artifact,
    ShellOPTemplate,
    Step,
    config,
    download_artifact,
    path_list_of_artifact,
    path_object_of_artifact,
    upload_artifact,
)
from dflow.common import import_func
from dflow.engine.errors import StateError, UnsupportedError


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> Path:
    """Files a, b, c and d/e in the current directory."""
    (tmp_path / "d").mkdir()
    for name in ("a", "b", "c", "d/e"):
        (tmp_path / name).write_text(f"text of {name}")
    return tmp_path


def texts(paths):
    """The contents, in the shape of the paths."""
    if isinstance(paths, dict):
        return {key: texts(path) for key, path in paths.items()}
    if isinstance(paths, list):
        return [texts(path) for path in paths]
    if paths is not None and Path(paths).is_dir():
        return [texts(path) for path in sorted(Path(paths).iterdir())]
    return None if paths is None else Path(paths).read_text().removeprefix("text of ")


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ("a", ["a"]),
        (Path("a"), ["a"]),
        ("d/e", ["d/e"]),
        (["b", "a"], ["b", "a"]),
        (("b", "a"), ["b", "a"]),
        ({"b", "a"}, ["a", "b"]),
        ({"x": "a", "y": Path("d/e")}, {"x": "a", "y": "d/e"}),
        ({"x": ["a", {"z": "b"}], "y": "c"}, {"x": ["a", {"z": "b"}], "y": "c"}),
        ([["a", "b"], ["c"]], [["a", "b"], ["c"]]),
        (["a", None, "c"], ["a", None, "c"]),
        ([None, "a"], [None, "a"]),
        ({"x": None, "y": "a"}, {"x": None, "y": "a"}),
        ([], []),
        ({"k.1": "a", "k.2": "b"}, {"k.1": "a", "k.2": "b"}),
        ({"k": "a", "k.1": "b"}, {"k": "a", "k.1": "b"}),
        ({"0": "a", "1": "b"}, {"0": "a", "1": "b"}),
        (["d/e", "d"], ["d/e", ["d/e"]]),
    ],
)
def test_artifact_comes_back_in_the_shape_it_went_in(given, got):
    assert texts(download_artifact(upload_artifact(given), path="out")) == got


def test_paths_relative_to_the_current_directory_are_kept():
    assert download_artifact(upload_artifact("d/e"), path="out") == ["out/d/e"]
    assert path_list_of_artifact(upload_artifact(["a", "d/e"])) == ["a", "d/e"]
    assert path_object_of_artifact(upload_artifact({"x": "a"})) == {"x": "a"}


def test_directory_is_downloaded_whole():
    (got,) = download_artifact(upload_artifact("d"), path="out")
    assert got == "out/d"
    assert Path(got, "e").read_text() == "text of d/e"


def test_paths_of_a_download_begin_with_the_path_as_it_was_given(tmp_path):
    assert download_artifact(upload_artifact("a"), path=".") == ["./a"]
    assert download_artifact(upload_artifact({"x": "a"}), path="./o/../p") == {"x": "./o/../p/a"}
    assert download_artifact(upload_artifact("a"), path=tmp_path / "q") == [str(tmp_path / "q" / "a")]


def test_a_download_to_where_the_files_are_leaves_them(tmp_path):
    assert sorted(download_artifact(upload_artifact(["a", "d"]))) == ["./a", "./d"]
    assert download_artifact(upload_artifact("d")) == ["./d"]
    assert (tmp_path / "d" / "e").read_text() == "text of d/e"
    assert not (tmp_path / "a").is_symlink()


def test_current_directory_itself_can_be_uploaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "d")
    artifact = upload_artifact(".")
    monkeypatch.chdir(tmp_path)
    download_artifact(artifact, path="out")
    assert [p.read_text() for p in (tmp_path / "out").rglob("e")] == ["text of d/e"]


def test_file_outside_of_the_current_directory_keeps_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "d")
    artifact = upload_artifact(tmp_path / "a")
    assert path_list_of_artifact(artifact) == [str(tmp_path / "a").lstrip("/")]
    assert path_list_of_artifact(upload_artifact("../a")) == [str(tmp_path / "a").lstrip("/")]


def test_store_is_upload_in_the_current_directory_and_holds_links(tmp_path):
    artifact = upload_artifact("a")
    assert Path(artifact.local_path).parent == tmp_path / "upload"
    assert Path(artifact.local_path, "a").is_symlink()


def test_store_that_cannot_be_written_is_explained(monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StateError, match=r"cannot write .*upload.*: Permission denied; check the owner and mode"):
        upload_artifact("a")


def test_debug_artifact_dir_moves_the_store(tmp_path):
    config["debug_artifact_dir"] = str(tmp_path / "store")
    assert Path(upload_artifact("a").local_path).parent == tmp_path / "store" / "upload"


def test_same_file_twice_is_two_elements():
    assert texts(download_artifact(upload_artifact(["a", "a"]), path="out")) == ["a", "a"]


def test_file_that_is_not_there_is_named_with_the_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot upload nothing: .* in ") as found:
        upload_artifact(["a", "nothing"])
    assert str(tmp_path) in str(found.value)
    assert not (tmp_path / "upload").exists()


def test_downloaded_files_are_copies(tmp_path):
    (got,) = download_artifact(upload_artifact("a"), path="out")
    Path(got).write_text("changed")
    assert (tmp_path / "a").read_text() == "text of a"


def test_skip_exists_leaves_what_is_there(tmp_path):
    artifact = upload_artifact("a")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("mine")
    download_artifact(artifact, path="out", skip_exists=True)
    assert (tmp_path / "out" / "a").read_text() == "mine"
    download_artifact(artifact, path="out")
    assert (tmp_path / "out" / "a").read_text() == "text of a"


def test_sub_path_downloads_a_part_and_keeps_its_path(tmp_path):
    artifact = upload_artifact(["a", "d"])
    for _ in range(2):
        assert download_artifact(artifact, sub_path="d", path="out") == "out/d"
    assert texts("out") == [["d/e"]]
    assert not (tmp_path / "out" / "d").is_symlink()
    assert download_artifact(artifact, sub_path="/d/./e/", path=tmp_path / "out1") == str(tmp_path / "out1" / "d" / "e")
    assert texts("out1") == [["d/e"]]


def test_a_part_of_an_artifact_is_downloaded_as_an_artifact_of_its_own():
    artifact = upload_artifact(["a", "d"])
    assert download_artifact(artifact.sub_path("d"), path="out") == ["out/e"]
    assert download_artifact(artifact.sub_path("d"), sub_path="e", path="out1") == "out1/e"
    assert download_artifact(artifact.sub_path("d").sub_path("e"), path="out2") == "out2/e"
    assert texts(["out", "out1", "out2"]) == [["d/e"]] * 3


def test_a_part_that_is_not_there_is_said_where_a_file_of_that_name_is():
    Path("out").mkdir()
    Path("out/zz").write_text("mine")
    with pytest.raises(FileNotFoundError, match="zz"):
        download_artifact(upload_artifact("a"), sub_path="zz", path="out")


def test_slice_downloads_an_element():
    artifact = upload_artifact(["a", "b", "c"])
    assert texts(download_artifact(artifact, slice=1, path="out")) == "b"
    assert texts(download_artifact(artifact[2], path="out")) == "c"
    assert texts(download_artifact(upload_artifact({"x": "a", "y": "b"}), slice="y", path="out")) == "b"
    assert texts(download_artifact(upload_artifact({"x": ["a", "b"]}), slice="x", path="out")) == ["a", "b"]
    with pytest.raises(FileNotFoundError, match="no element '7'; it has 0, 1, 2"):
        download_artifact(artifact, slice=7, path="out")


def test_catalog_is_downloaded_only_when_asked_for(tmp_path):
    artifact = upload_artifact("a")
    download_artifact(artifact, path="out")
    assert not (tmp_path / "out" / ".dflow").exists()
    download_artifact(artifact, path="out", remove_catalog=False)
    assert (tmp_path / "out" / ".dflow").is_dir()


def test_reference_of_a_step_that_has_not_run_cannot_be_downloaded():
    from dflow import OutputArtifact

    template = ShellOPTemplate("t")
    template.outputs.artifacts["x"] = OutputArtifact(path="/tmp/x")
    with pytest.raises(FileNotFoundError, match="no artifact that exists yet"):
        download_artifact(Step("s", template).outputs.artifacts["x"])


def test_artifact_that_was_deleted_is_said():
    with pytest.raises(FileNotFoundError, match="is not there any more"):
        download_artifact(LocalArtifact("/no/such/place"))
    with pytest.raises(FileNotFoundError, match=r"there is no .*zz in the artifact"):
        download_artifact(upload_artifact("a"), sub_path="zz")


def test_a_mode_that_there_is_not_uploads_nothing(tmp_path):
    config["mode"] = "slurm"
    with pytest.raises(UnsupportedError, match="'slurm'"):
        upload_artifact("a")
    assert not (tmp_path / "upload").exists()


def test_artifacts_have_a_readable_form():
    assert repr(LocalArtifact("/x").sub_path("y")) == "LocalArtifact('/x/y')"
    assert repr(S3Artifact(key="k")) == "S3Artifact(key='k')"


def test_import_func_finds_by_path():
    assert import_func("dflow.common:LocalArtifact") is LocalArtifact
    assert import_func("dflow.common.LocalArtifact") is LocalArtifact
    for wrong in ("dflow.common.Nothing", "no_such_module.x", "x"):
        with pytest.raises(ImportError):
            import_func(wrong)
