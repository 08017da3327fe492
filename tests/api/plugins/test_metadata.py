"""The client of the vendor's catalogue, against a package of ours in place of the vendor's."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest
from dflow.engine.errors import MissingExtra, UnsupportedError
from dflow.lineage import LineageClient
from dflow.plugins import launching, metadata
from dflow.plugins.metadata import MetadataClient


class Client:
    """The catalogue, which writes down what it is told."""

    def __init__(self, told):
        self.told = told

    def prepare_workflow(self, flow):
        return SimpleNamespace(urn=f"urn:{flow}")

    def begin_workflow(self, job):
        self.told.append(("workflow", job.urn))

    def prepare_job(self, task):
        return task

    def begin_job(self, task, inputs):
        self.told.append(("begin", task, inputs))
        return task

    def end_job(self, task, outputs):
        self.told.append(("end", task, outputs))

    def update_dataset(self, dataset):
        self.told.append(("dataset", dataset))

    def get_dataset(self, urn):
        return {"urn": urn}


class Dataset(dict):
    @classmethod
    def gen_urn(cls, context, namespace, name):
        assert isinstance(context.client, Client)
        return f"urn:{namespace}:{name}"


@pytest.fixture
def said(monkeypatch):
    """What the catalogue was told."""
    told: list[tuple[object, ...]] = []

    @contextmanager
    def context(**given):
        told.append(("context", given))
        yield SimpleNamespace(client=Client(told))

    parts = {
        "dp": {},
        "dp.metadata": {"MetadataContext": context, "Dataset": Dataset},
        "dp.metadata.entity": {},
        "dp.metadata.entity.task": {"Task": lambda name, flow: (name, flow)},
        "dp.metadata.entity.workflow": {"WorkFlow": str},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return told


def test_a_client_tells_what_is_made_of_what(said):
    client = MetadataClient(project="p", token="t")  # noqa: S106
    assert isinstance(client, LineageClient)
    assert client.register_workflow("w-1") == "urn:w-1"
    assert said[0] == ("context", {"project": "p", "endpoint": "https://datahub-gms.dp.tech", "token": "t"})
    assert said[1] == ("workflow", "urn:w-1")
    said.clear()
    assert client.register_artifact("space", "name", "s3://x", tags=["a"]) == "urn:space:name"
    more = {"description": "", "tags": ["a"], "properties": {}}
    assert said[1] == ("dataset", {"urn": "urn:space:name", "display_name": "name", "uri": "s3://x", **more})
    said.clear()
    made = client.register_task("task", {"a": "urn:1", "b": ["urn:2", "urn:3"]}, {"out": "s3://y"}, "urn:w-1")
    assert made == {"out": "urn:task:out"}
    assert said[1] == ("begin", ("task", "urn:w-1"), ["urn:1", "urn:2", "urn:3"])
    assert said[-1] == ("end", ("task", "urn:w-1"), ["urn:task:out"])
    assert client.get_artifact_metadata("urn:1") == {"urn": "urn:1"}


def test_settings_are_what_is_not_given(monkeypatch):
    monkeypatch.setitem(metadata.config, "project", "mine")
    assert MetadataClient().project == "mine"
    assert MetadataClient("http://here").gms_endpoint == "http://here"


def test_without_the_vendors_package_it_is_said_what_is_missing():
    with pytest.raises(MissingExtra, match="needs the vendor's package dp"):
        MetadataClient().register_workflow("w")


@pytest.mark.parametrize("name", launching.__all__)
def test_applications_of_launching_say_why_they_are_not_there(name, monkeypatch):
    with pytest.raises(MissingExtra, match="need the vendor's package dp"):
        getattr(launching, name)(object)
    monkeypatch.setattr(launching, "find_spec", lambda _name: object())
    with pytest.raises(UnsupportedError, match="cannot be made applications"):
        getattr(launching, name)(object, version="2")
