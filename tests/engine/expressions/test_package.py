"""The face of the package."""

from __future__ import annotations

from dflow.engine import expressions


def test_everything_public_is_there_and_sorted() -> None:
    assert sorted(expressions.__all__) == expressions.__all__
    for name in expressions.__all__:
        assert getattr(expressions, name) is not None
    assert dir(expressions) == expressions.__all__


def test_functions_are_not_hidden_by_modules_of_the_same_name() -> None:
    for name in ("names", "parse", "substitute", "unparse", "evaluate"):
        assert callable(getattr(expressions, name))
