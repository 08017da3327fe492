"""The client of Bohrium's store; a server of the tests' own is in its place."""

from __future__ import annotations

import copy

import pytest
from bohrium_service import TICKET
from dflow import config, download_artifact, s3_config, upload_artifact
from dflow.engine.errors import ObjectNotFound
from dflow.plugins import tiefblue
from dflow.plugins.bohrium import BohriumError, TiefblueClient
from dflow.storage import StorageClient


@pytest.fixture
def client(service):
    return TiefblueClient()


def test_it_is_a_client_that_says_where_it_is_without_secrets(service, client):
    assert isinstance(client, StorageClient)
    assert str(client) == f"the store of project 7 at {service.url}"
    told = {"bohrium_url": service.url, "tiefblue_url": service.url}
    assert client.to_dict() == {**told, "username": "me@x.org", "phone": None, "project_id": "7"}
    assert TiefblueClient(project_id=8, username="other").to_dict()["project_id"] == 8
    assert service.asked == {}, "it logs in when it is used"


def test_a_token_tells_where_things_are(service, client):
    assert (client.prefix, client.sharePath, client.userSharePath) == ("root/7/", "share/", "own/")
    assert client.token in service.tokens
    assert service.asked["/brm/v1/storage/token"] == 1
    first = client.token
    client.get_token()
    assert client.token != first
    assert TiefblueClient(token=first, prefix="p/").prefix == "p/"
    with pytest.raises(AttributeError):
        _ = client.no_such_thing


def test_files_go_there_and_come_back(service, client, tmp_path):
    (tmp_path / "a b.txt").write_text("content")
    client.upload("x/é b.txt", str(tmp_path / "a b.txt"))
    assert service.objects == {"x/é b.txt": b"content"}
    client.download("x/é b.txt", str(tmp_path / "far" / "c.txt"))
    assert (tmp_path / "far" / "c.txt").read_text() == "content"
    assert [p.name for p in (tmp_path / "far").iterdir()] == ["c.txt"]
    assert client.get_md5("x/é b.txt") == "9a0364b9e99bb480dd25e1f0284c8555"
    client.copy("x/é b.txt", "y")
    assert service.objects["y"] == b"content"
    (tmp_path / "empty").touch()
    client.upload("empty", str(tmp_path / "empty"))
    assert service.objects["empty"] == b""


def test_big_files_go_in_parts(service, client, tmp_path, monkeypatch):
    monkeypatch.setattr(tiefblue, "_PART", 1000)
    content = bytes(range(256)) * 10
    (tmp_path / "big").write_bytes(content)
    client.upload("big", str(tmp_path / "big"))
    assert service.objects["big"] == content
    assert service.asked["/api/upload/multipart/upload"] == 3
    assert service.uploads == {}


def test_a_part_is_sent_again_as_a_whole(service, client, tmp_path, monkeypatch):
    monkeypatch.setattr(tiefblue, "_PART", 1000)
    content = bytes(range(250)) * 10
    (tmp_path / "big").write_bytes(content)
    _ = client.token
    service.away = 2
    client.upload("big", str(tmp_path / "big"))
    assert service.objects["big"] == content
    service.tokens.clear()
    client.upload("again", str(tmp_path / "big"))
    assert service.objects["again"] == content
    assert service.asked["/brm/v1/storage/token"] == 2


def test_lists_come_page_by_page(service, client):
    service.objects.update({f"a/{n}": b"" for n in range(7)} | {"a/d/x": b"", "a/d/y": b"", "b": b""})
    assert client.list("a/") == [*(f"a/{n}" for n in range(7)), "a/d/"]
    assert client.list("a/", recursive=True) == [*(f"a/{n}" for n in range(7)), "a/d/x", "a/d/y"]
    assert client.list("c") == []
    assert client.exists("b")


def test_an_object_that_is_not_there_is_said(service, client, tmp_path):
    with pytest.raises(ObjectNotFound, match=r"the store of project 7 at .* has no 'none'"):
        client.download("none", str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ObjectNotFound):
        client.get_md5("none")
    with pytest.raises(ObjectNotFound):
        client.copy("none", "x")


def test_a_ticket_is_enough(service, monkeypatch, tmp_path):
    (tmp_path / "x").write_text("x")
    TiefblueClient(username="none", ticket=TICKET).upload("x", str(tmp_path / "x"))
    assert service.asked["/account/login"] == 0
    with pytest.raises(BohriumError, match="wrong password"):
        TiefblueClient(password=TICKET).upload("x", str(tmp_path / "x"))


def test_it_can_be_copied(service, client):
    twin = copy.deepcopy(client)
    assert twin.to_dict() == client.to_dict()
    assert twin.list("") == []


def test_artifacts_lie_in_it(service, monkeypatch, tmp_path):
    monkeypatch.setitem(config, "mode", "default")
    monkeypatch.setitem(s3_config, "storage_client", "dflow.plugins.bohrium.TiefblueClient")
    (tmp_path / "a.txt").write_text("content")
    artifact = upload_artifact("a.txt")
    assert service.objects
    download_artifact(artifact, path="back")
    (found,) = (tmp_path / "back").rglob("*.txt")
    assert found.read_text() == "content"
