"""Values against declared types: what is accepted, and what is said of the rest."""

# ruff: noqa: UP006, UP007, UP045 - users write both forms

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Union  # noqa: UP035 - users write both forms

import pytest
from dflow.engine.errors import SignatureError
from dflow.python import OP, OPIO, Artifact, BigParameter, NestedDict, OPIOSign, Parameter
from dflow.python.check import fits


def op(inputs: dict[str, Any], outputs: dict[str, Any] | None = None, returned: Any = None) -> OP:
    """An OP with these signs, that returns `returned`, or nothing of its own."""

    class Train(OP):
        seen: OPIO

        @classmethod
        def get_input_sign(cls):
            return OPIOSign(inputs)

        @classmethod
        def get_output_sign(cls):
            return OPIOSign(outputs or {})

        @OP.exec_sign_check
        def execute(self, op_in):
            self.seen = op_in
            return OPIO({}) if returned is None else returned

    return Train()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 1),
        (int, True),
        (float, 1),
        (float, 1.5),
        (str, "a"),
        (bool, False),
        (list, []),
        (dict, {}),
        (List[int], [1, 2]),
        (list[int], []),
        (Dict[str, List[int]], {"a": [1]}),
        (Optional[int], None),
        (Union[int, str], "a"),
        (int | None, 3),
        (Any, object()),
        (int, None),
        (tuple[int, ...], (1, 2)),
        (Path, Path("x")),
        (object, 3),
    ],
)
def test_values_that_fit(kind, value):
    assert fits(value, kind)
    assert op({"x": kind}).execute(OPIO({"x": value})) == {}


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, "5", "OP Train: input 'x' must be int, not str: '5'"),
        (int, 1.5, "must be int, not float: 1.5"),
        (str, 5, "must be str, not int: 5"),
        (bool, 1, "must be bool, not int: 1"),
        (list, (1,), "must be list, not tuple: (1,)"),
        (list[int], ["a"], "must be list[int]: item 0 of list is not an instance of int; it is ['a']"),
        (list[int], [1] * 500 + ["a"], "item 500 of list is not an instance of int"),
        (dict[str, int], {"a": "b"}, "value of key 'a' of dict is not an instance of int"),
        (int | None, "a", "did not match any element in the union"),
        (str, b"x" * 500, "…"),
    ],
)
def test_values_that_do_not(kind, value, message):
    with pytest.raises(SignatureError) as found:
        op({"x": kind}).execute(OPIO({"x": value}))
    assert message in str(found.value)
    assert len(str(found.value)) < 400


def test_signature_errors_are_type_errors_and_runtime_errors():
    with pytest.raises(TypeError):
        op({"x": int}).execute(OPIO({"x": "a"}))
    with pytest.raises(RuntimeError):
        op({"x": int}).execute(OPIO({}))


def test_missing_and_undeclared_inputs():
    with pytest.raises(SignatureError, match="OP Train: input parameter 'x' was not given"):
        op({"x": int}).execute(OPIO({}))
    with pytest.raises(SignatureError, match="OP Train: input artifact 'x' was not given"):
        op({"x": Artifact(Path)}).execute(OPIO({}))
    with pytest.raises(SignatureError, match="OP Train: input 'y' is not declared; declared are 'x'"):
        op({"x": int}).execute(OPIO({"x": 1, "y": 1}))


def test_missing_and_undeclared_outputs():
    with pytest.raises(SignatureError, match="OP Train: output parameter 'o' was not returned"):
        op({}, {"o": int}).execute(OPIO({}))
    with pytest.raises(SignatureError, match="OP Train: output 'z' is not declared; declared are none"):
        op({}, {}, OPIO({"z": 1})).execute(OPIO({}))
    with pytest.raises(SignatureError, match="OP Train: output 'o' must be int, not str: 'a'"):
        op({}, {"o": int}, OPIO({"o": "a"})).execute(OPIO({}))


@pytest.mark.parametrize("returned", [3, [1], "text"])
def test_what_is_no_mapping_is_refused(returned):
    with pytest.raises(TypeError, match="OP Train: execute must return an OPIO or a dict, not "):
        op({}, {}, returned).execute(OPIO({}))


def test_defaults_are_filled_in():
    sign = {"a": Parameter(int, default=3), "b": BigParameter(dict, default=None), "c": Artifact(Path, optional=True)}
    made = op(sign, {"d": Parameter(int, default=9)})
    assert made.execute(OPIO({})) == {"d": 9}
    assert made.seen == {"a": 3, "b": None, "c": None}


def test_plain_dict_goes_in_and_comes_out():
    result = op({}, {"a": int}, {"a": 1}).execute({})
    assert result == {"a": 1}
    assert type(result) is dict
    assert isinstance(op({}, {"a": int}, OPIO({"a": 1})).execute({}), OPIO)


def test_execute_without_the_decorator_is_not_checked():
    class Free(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"x": int})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"y": int})

        def execute(self, op_in):
            return op_in

    assert Free().execute(OPIO({"x": "a"})) == {"x": "a"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Path, Path("x")),
        (Path, "x"),
        (str, "x"),
        (list[Path], [Path("x"), None]),
        (set[str], {"x"}),
        (dict[str, Path], {"a": Path("x")}),
        (NestedDict[Path], {"a": [Path("x"), {"b": Path("y")}]}),
        (NestedDict[str], ["x"]),
        (Path, None),
    ],
)
def test_artifact_values_that_fit(kind, value):
    op({"x": Artifact(kind)}).execute(OPIO({"x": value}))


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Path, 3, "must be a path (pathlib.Path), not int: 3"),
        (Path, [Path("x")], "must be a path (pathlib.Path), not list"),
        (list[Path], Path("x"), "must be typing.List[pathlib.Path], not pathlib.PosixPath"),
        (list[Path], [Path("x"), 3], "element [1] is int: 3"),
        (dict[str, Path], {"a": 3}, "element ['a'] is int: 3"),
        (list[Path], [[Path("x")]], "element [0][0] is nested too deep; declare NestedDict[...]"),
        (NestedDict[Path], {"a": [3]}, "element ['a'][0] is int: 3"),
    ],
)
def test_artifact_values_that_do_not(kind, value, message):
    with pytest.raises(SignatureError) as found:
        op({"x": Artifact(kind)}).execute(OPIO({"x": value}))
    text = str(found.value).replace("pathlib._local.", "pathlib.")
    assert message in text


def test_broken_repr_does_not_hide_the_problem():
    class Broken:
        def __repr__(self):
            raise ValueError("no")

    with pytest.raises(SignatureError, match="no repr: ValueError"):
        op({"x": int}).execute(OPIO({"x": Broken()}))
