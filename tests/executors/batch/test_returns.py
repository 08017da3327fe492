"""What comes back from another machine is put into the directories of steps, and nowhere else, whatever it is."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from dflow.engine.errors import LeafError
from dflow.executors.batch.returns import Returns


def _stream(*members):
    """A stream of tar: names with contents, or names with the text of a link after ``->``."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in members:
            info = tarfile.TarInfo(name)
            if text is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif text.startswith("->"):
                info.type, info.linkname = tarfile.SYMTYPE, text[2:]
            elif text == "fifo":
                info.type = tarfile.FIFOTYPE
            else:
                info.size = len(text)
            tar.addfile(info, io.BytesIO((text or "").encode()))
    data.seek(0)
    return data


@pytest.fixture
def step(tmp_path):
    """The directory of a step."""
    place = tmp_path / "run" / "a"
    (place / "workdir" / "tmp").mkdir(parents=True)
    (place / "inputs").mkdir()
    (place / "inputs" / "x").write_text("input")
    (place / "workdir" / "tmp" / "in").symlink_to("../../inputs")
    return place


@pytest.fixture
def returns(step):
    """What takes what comes back from ``/base/tag``."""
    return Returns("/base", {"tag": step}, {"d1/set": "/data/set"})


def _taken(returns, *members):
    returns.take(_stream(*members))
    failed = returns.install()
    assert failed == {}


def test_files_and_directories_come_to_their_places(returns, step):
    members = [("tag/outputs", None), ("tag/outputs/p", "5"), ("tag/workdir/deep/o", "6"), ("tag/log.txt", "said")]
    _taken(returns, *members, ("tag/.exit", '{"code":0}'))
    assert (step / "outputs/p").read_text() == "5"
    assert (step / "workdir/deep/o").read_text() == "6"
    assert (step / "log.txt").read_text() == "said"
    assert (step / ".exit").exists()
    assert not (step / ".returned").exists()


def test_it_may_come_twice(returns, step):
    for text in ("5", "7"):
        _taken(returns, ("tag/outputs/p", text), ("tag/workdir/o", text))
    assert (step / "outputs/p").read_text() == (step / "workdir/o").read_text() == "7"


def test_what_is_ours_is_not_replaced(returns, step):
    (step / ".job").write_text("ours")
    (step / "phase").write_text("Running")
    _taken(returns, ("tag/.job", "theirs"), ("tag/phase", "Succeeded"), ("tag/inputs/x", "theirs"), ("tag/.exit", "{}"))
    assert (step / ".job").read_text() == "ours"
    assert (step / "phase").read_text() == "Running"
    assert (step / "inputs/x").read_text() == "input"


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "tag/../../evil", "other/evil", "tag", "tag/.."])
def test_what_was_not_asked_for_is_refused(returns, tmp_path, name):
    with pytest.raises(LeafError, match="none of the files that were asked for"):
        returns.take(_stream((name, "x")))
    assert not list(tmp_path.rglob("evil"))


def test_nothing_is_written_through_a_link_that_came_before(returns, tmp_path):
    with pytest.raises(LeafError, match="would be written through a link"):
        returns.take(_stream(("tag/outputs", f"->{tmp_path}"), ("tag/outputs/evil", "x")))
    assert not (tmp_path / "evil").exists()


def test_nothing_is_written_through_a_link_that_is_here(returns, step):
    _taken(returns, ("tag/workdir/tmp/in/x", "theirs"), ("tag/.exit", "{}"))
    assert (step / "inputs/x").read_text() == "input"
    assert (step / "workdir/tmp/in/x").read_text() == "theirs"


def test_contents_that_come_for_a_link_do_not_go_where_it_leads(returns, step, tmp_path):
    (tmp_path / "own").mkdir()
    returns.take(_stream(("tag/outputs/all", f"->{tmp_path}/own")))
    assert returns.outside() == ["tag/outputs/all"]
    _taken(returns, ("tag/outputs/all", None), ("tag/outputs/all/x", "5"))
    assert (step / "outputs/all/x").read_text() == "5"
    assert list((tmp_path / "own").iterdir()) == []


def test_links_lead_to_the_same_things_here(returns, step):
    links = [("tag/outputs/own", "->/base/tag/workdir/o"), ("tag/outputs/sent", "->../../.dflow/objects/d1/set/x")]
    returns.take(_stream(*links, ("tag/outputs/in", "->../inputs/x")))
    assert returns.missing() == ["tag/workdir/o"]
    assert returns.missing() == []
    assert returns.outside() == []
    _taken(returns, ("tag/workdir/o", "6"))
    assert (step / "outputs/own").read_text() == "6"
    assert (step / "outputs/in").read_text() == "input"
    assert os.path.normpath(step / "outputs" / (step / "outputs/sent").readlink()) == "/data/set/x"


def test_a_link_to_another_step_or_out_of_the_run_is_to_be_followed(returns):
    returns.take(_stream(("tag/a", "->/base/other/x"), ("tag/b", "->/etc/passwd"), ("tag/c", "->../../../etc/passwd")))
    assert returns.outside() == ["tag/a", "tag/b", "tag/c"]


def test_pipes_and_devices_are_left_out(returns, step):
    _taken(returns, ("tag/outputs/pipe", "fifo"), ("tag/outputs/p", "5"))
    assert [place.name for place in (step / "outputs").iterdir()] == ["p"]


def test_a_stream_that_ends_too_early_is_no_result(returns, step):
    data = _stream(("tag/outputs/p", "5" * 10000), ("tag/.exit", "{}")).getvalue()
    with pytest.raises(tarfile.TarError):
        returns.take(io.BytesIO(data[:5000]))
    assert not (step / ".exit").exists()


def test_a_step_of_which_nothing_comes_is_an_error(returns, step):
    returns.take(_stream())
    assert "is not there any more" in str(returns.install()[step])


def test_what_a_broken_transfer_has_left_is_not_gone_on_with(step, tmp_path):
    (tmp_path / "victim").mkdir()
    Returns("/base", {"tag": step}, {}).take(_stream(("tag/workdir/evil", f"->{tmp_path}/victim")))
    _taken(Returns("/base", {"tag": step}, {}), ("tag/workdir/evil/x", "theirs"), ("tag/.exit", "{}"))
    assert list((tmp_path / "victim").iterdir()) == []
    assert (step / "workdir/evil/x").read_text() == "theirs"


def test_contents_that_were_asked_for_are_no_links(returns, step, tmp_path):
    (tmp_path / "victim").write_text("secret")
    returns.take(_stream(("tag/log.txt", f"->{tmp_path}/victim")))
    assert returns.outside() == ["tag/log.txt"]
    _taken(returns, ("tag/log.txt", f"->{tmp_path}/victim"), ("tag/workdir", f"->{tmp_path}"), ("tag/.exit", "{}"))
    assert not (step / "log.txt").exists()
    assert (step / "workdir/tmp/in").is_symlink()
