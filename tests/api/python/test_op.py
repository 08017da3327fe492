"""OP classes and function OPs."""

# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import pytest
from dflow.engine.errors import SignatureError
from dflow.python import OP, OPIO, Artifact, OPIOSign, Parameter, PythonOPTemplate


class Result(TypedDict):
    """Two values."""

    m: int
    text: str


class Pair(NamedTuple):
    """Two values."""

    m: int
    out: Artifact(Path)


NUMBER = Parameter(int, global_name="n")
FILES = Artifact(Path, archive=None, save="place", sub_path=False, global_name="f")


@OP.function
def add(n: int, m: int = 2, foo: Artifact(Path) = None) -> {"sum": int}:
    """The sum."""
    return {"sum": n + m}


@OP.function
def typed(n: int) -> Result:
    return {"m": n, "text": "a"}


@OP.function
def single(n: int) -> int:
    return n + 1


@OP.function
def named(n: int) -> Pair:
    return {"m": n, "out": Path("x")}


@OP.function
def nothing(n: int) -> None:
    return 3


@OP.function
def free(n):
    return {"x": n}


def test_annotations_as_texts_are_understood():
    assert add.get_input_sign()["n"] is int
    assert add.get_input_sign()["m"] == Parameter(int, default=2)
    assert add.get_input_sign()["foo"] == Artifact(Path, optional=True)
    assert dict(add.get_output_sign()) == {"sum": int}


def test_signs_that_functions_share_are_left_alone():
    @OP.function
    def one(n: NUMBER = 1, foo: FILES = None) -> None:
        pass

    @OP.function
    def two(n: NUMBER = 2, foo: FILES = None) -> None:
        pass

    @OP.function
    def three(n: NUMBER, foo: FILES) -> None:
        pass

    assert one.get_input_sign()["n"] == Parameter(int, global_name="n", default=1)
    assert two.get_input_sign()["n"].default == 2
    assert one.get_input_sign()["foo"] == Artifact(
        Path, archive=None, save="place", sub_path=False, global_name="f", optional=True
    )
    assert (three.get_input_sign()["n"], three.get_input_sign()["foo"]) == (NUMBER, FILES)
    assert Parameter(int, global_name="n") == NUMBER
    assert not FILES.optional


def test_typed_dict_and_named_tuple_returns():
    assert dict(typed.get_output_sign()) == {"m": int, "text": str}
    assert set(named.get_output_sign()) == {"m", "out"}
    assert isinstance(named.get_output_sign()["out"], Artifact)


def test_single_return_is_dflow_output():
    assert dict(single.get_output_sign()) == {"dflow_output": int}
    assert single(n=1) == {"dflow_output": 2}


def test_function_without_annotations_takes_anything_and_gives_nothing():
    assert dict(free.get_input_sign()) == {"n": Any}
    assert dict(free.get_output_sign()) == dict(nothing.get_output_sign()) == {}
    assert free(1) == nothing(1) == {}


def test_function_op_is_called_like_a_function():
    assert add(1) == add(n=1) == {"sum": 3}
    assert add(1, 5) == add(1, m=5) == {"sum": 6}
    assert add.execute(OPIO({"n": 1})) == {"sum": 3}
    assert add.__doc__ == "The sum."


def test_call_is_checked():
    with pytest.raises(SignatureError, match="OP add: input 'n' must be int, not str: 'a'"):
        add("a")
    with pytest.raises(TypeError, match="unexpected keyword argument 'k'"):
        add(1, k=2)


def test_decorator_may_have_arguments():
    @OP.function(image="python:3.11")
    def f(n: int) -> {"m": int}:
        return {"m": n}

    assert f(1) == {"m": 1}


def test_variable_arguments_are_refused():
    with pytest.raises(TypeError, match=r"OP f: \*args and \*\*kwargs have no place"):

        @OP.function
        def f(*args: int) -> int: ...


def test_op_with_missing_methods_cannot_be_made_or_used():
    class Half(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign()

    with pytest.raises(TypeError, match="abstract"):
        Half()
    with pytest.raises(TypeError, match="OP Half lacks execute, get_output_sign"):
        PythonOPTemplate(Half)


@pytest.mark.parametrize("wrong", [None, "add", len, int, lambda n: n])
def test_what_is_no_op_is_refused_with_what_to_write(wrong):
    with pytest.raises(
        TypeError, match=r"takes an OP class, an OP instance or a function decorated with @OP\.function"
    ):
        PythonOPTemplate(wrong)


def test_template_declares_what_the_signs_say():
    template = PythonOPTemplate(add, image="python:3.11")
    assert {n: (p.type, p.value) for n, p in template.inputs.parameters.items() if n == "m"} == {"m": (int, 2)}
    assert template.inputs.artifacts["foo"].optional is True
    assert template.inputs.artifacts["foo"].path == "/tmp/inputs/artifacts/foo"
    assert template.outputs.parameters["sum"].value_from_path == "/tmp/outputs/parameters/sum"


@pytest.mark.parametrize(
    ("name", "begin"), [("MyFancy_OP2", "myfancy-op2-"), ("f", "f-"), ("_", "op-"), ("A" * 80, "a" * 51 + "-")]
)
def test_template_is_named_after_its_op(name, begin):
    made = PythonOPTemplate(_named(name))
    assert made.name.startswith(begin)
    assert len(made.name) <= 57


def _named(name: str) -> OP:
    def function(n: int) -> int: ...

    function.__name__ = name
    return OP.function(function)


def test_exec_sign_check_keeps_the_name_of_execute():
    class Train(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign()

        get_output_sign = get_input_sign

        @OP.exec_sign_check
        def execute(self, op_in):
            """Trains."""
            return OPIO()

    assert (Train.execute.__name__, Train.execute.__doc__) == ("execute", "Trains.")


def test_signs_that_are_no_classmethods_are_refused():
    class Train(OP):
        def get_input_sign(self):
            return OPIOSign()

        @classmethod
        def get_output_sign(cls):
            return OPIOSign()

        @OP.exec_sign_check
        def execute(self, op_in):
            return OPIO()

    with pytest.raises(TypeError, match="OP Train: get_input_sign must be a classmethod; write @classmethod above it"):
        PythonOPTemplate(Train)
    assert PythonOPTemplate(Train()).op_class is not None
