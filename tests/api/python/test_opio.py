"""Signs and the mappings of an OP."""

# ruff: noqa: B018, UP006, UP045 - asking for it is the test; users write both forms

from __future__ import annotations

import copy
from collections.abc import MutableMapping
from pathlib import Path
from typing import Dict, List, Optional, Set  # noqa: UP035 - users write both forms

import pytest
from dflow.config import config
from dflow.python import OPIO, Artifact, BigParameter, NestedDict, OPIOSign, Parameter


def test_opio_is_a_mutable_mapping():
    made = OPIO({"a": 1}, b=2)
    made["c"] = 3
    del made["a"]
    assert isinstance(made, MutableMapping)
    assert made == {"b": 2, "c": 3} == dict(made)
    assert (len(made), list(made), repr(made)) == (2, ["b", "c"], "{'b': 2, 'c': 3}")
    assert made.get("z", 0) == 0


def test_opio_gives_no_attributes():
    with pytest.raises(AttributeError):
        OPIO(x=1).x
    with pytest.raises(KeyError, match="zz"):
        OPIO()["zz"]


def test_copy_is_another_mapping():
    made = OPIO({"a": 1})
    twin = made.copy()
    twin["a"] = 2
    assert made["a"] == 1
    assert type(twin) is OPIO


def test_sign_holds_types_artifacts_and_parameters():
    sign = OPIOSign({"a": int, "b": Artifact(Path)})
    sign["c"] = Parameter(int, default=1)
    assert list(sign) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (Path, Path),
        (str, str),
        (list[Path], List[Path]),
        (List[str], List[str]),
        (set[Path], Set[Path]),
        (dict[str, str], Dict[str, str]),
        (List[Optional[Path]], List[Path]),
        (Dict[str, Optional[Path]], Dict[str, Path]),
        (NestedDict, NestedDict[Path]),
        (NestedDict[str], NestedDict[str]),
    ],
)
def test_types_that_an_artifact_may_have(given, known):
    assert Artifact(given).type == known


@pytest.mark.parametrize("wrong", [int, list, dict[int, Path], list[int], "Path", None])
def test_types_that_it_may_not(wrong):
    with pytest.raises(TypeError, match=r"an artifact's type is .*; it must be one of str, pathlib"):
        Artifact(wrong)


def test_nested_dict_takes_path_or_str():
    with pytest.raises(TypeError, match=r"NestedDict\[\.\.\.\] takes Path or str"):
        NestedDict[int]


def test_signs_are_compared_by_value():
    assert Artifact(Path) == Artifact(Path)
    assert Artifact(Path) != Artifact(Path, optional=True)
    assert Parameter(int, default=1) == Parameter(int, default=1)
    assert Parameter(int) != BigParameter(int)
    assert len({Artifact(Path), Artifact(Path)}) == 2


def test_signs_have_readable_forms():
    assert repr(Artifact(str)) == "Artifact(type=str, optional=False, sub_path=True)"
    assert repr(Parameter(int, default=3)) == "Parameter(type=int, default=3)"
    assert repr(BigParameter(dict)) == "BigParameter(type=dict)"


def test_default_may_be_none_and_global_name_is_kept():
    assert Parameter(int, default=None).default is None
    assert Parameter(int, "g").global_name == "g"
    assert BigParameter(int, global_name="g").global_name == "g"
    assert Artifact(Path, unknown=1).unknown == 1


def test_the_archive_of_an_artifact_reads_as_it_is_packed(monkeypatch):
    sign = Artifact(Path)
    assert (sign.archive, Artifact(Path, archive="zip").archive) == ("tar", "zip")
    assert Artifact(Path, archive=None).archive is None
    assert copy.deepcopy(sign) == Artifact.from_dict(sign.to_dict()) == sign
    monkeypatch.setitem(config, "archive_mode", None)
    assert sign.archive is None
    sign.archive = "zip"
    assert sign.archive == "zip"
