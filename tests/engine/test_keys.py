"""Names of nodes and of their directories."""

from __future__ import annotations

import pytest
from dflow.engine.keys import fnv1a, name_step_directory, node_id
from dflow.engine.layout import RESERVED


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968), ("hello", 0x4F9F2CAB)],
)
def test_fnv1a_gives_the_published_values(text, value):
    assert fnv1a(text) == value


def test_fnv1a_hashes_utf_8_bytes():
    value = 0x811C9DC5
    for byte in b"\xc3\xa9":
        value = (value ^ byte) * 0x01000193 % 2**32
    assert fnv1a("é") == value


def test_the_root_node_has_the_id_of_the_workflow():
    assert node_id("wf-1", "wf-1") == "wf-1"


def test_other_nodes_have_the_id_and_the_hash_of_their_name():
    assert node_id("wf-1", "wf-1[0].a") == f"wf-1-{fnv1a('wf-1[0].a')}"


def _name(key=None, taken=(), node="wf-1[0].train"):
    return name_step_directory("wf-1", "train", node, key, taken)


def test_a_step_without_key_has_workflow_step_and_hash_in_its_name():
    name = _name()
    assert name.startswith("wf-1-train-")
    assert len(name) == len("wf-1-train-") + 5


def test_a_name_depends_on_the_node_alone():
    assert _name() == _name()
    assert _name() != _name(node="wf-1[1].train")


def test_a_key_is_the_name():
    assert _name("iter-0--train") == "iter-0--train"


@pytest.mark.parametrize("key", [*sorted(RESERVED), "train.bk1", "x.bk12"])
def test_a_key_that_means_something_else_gets_a_hash(key):
    name = _name(key)
    assert name.startswith(f"{key}-")
    assert name not in RESERVED


@pytest.mark.parametrize("key", ["train.bk", "bk1", "x.bk1.y", "status2"])
def test_a_key_that_only_looks_special_is_kept(key):
    assert _name(key) == key


def test_a_taken_key_gets_a_hash():
    name = _name("k", {"k"})
    assert name.startswith("k-")
    assert len(name) == 7


@pytest.mark.parametrize("key", [None, "k"])
def test_names_stay_different_when_hashes_collide(key):
    taken = {"k"}
    for _ in range(20):
        name = _name(key, taken)
        assert name not in taken
        taken.add(name)
