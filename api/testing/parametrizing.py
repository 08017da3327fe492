"""Tests that run once for each element of sliced inputs."""

from __future__ import annotations

from typing import Any, Sequence

from dflow.engine.errors import WrongType, WrongValue

__all__ = ["parametrize_slices"]

_LONG = 20


def parametrize_slices(**inputs: Sequence[Any]) -> Any:
    """Run a test once for each element of lists of one length: it gets them as ``slice_inputs``, a dict.

    ::

        @parametrize_slices(n=[1, 2, 3], scale=[0.9, 1.0, 1.1])
        def test_energy(slice_inputs):
            assert run_op(Energy, slice_inputs)["energy"] < 0

    Raises:
        TypeError: an input is no list.
        ValueError: the lists are of different lengths.
    """
    import pytest

    lengths = {name: len(values) for name, values in inputs.items() if isinstance(values, (list, tuple, range))}
    for name, values in inputs.items():
        if name not in lengths:
            raise WrongType(f"parametrize_slices: {name} must be a list, not {values!r:.80}")
    if len(set(lengths.values())) != 1:
        words = ", ".join(f"{name} has {count}" for name, count in lengths.items()) or "there are none"
        raise WrongValue(f"parametrize_slices: the lists must be of one length: {words}")
    rows = [dict(zip(inputs, values)) for values in zip(*inputs.values())]
    ids = ["-".join(_shown(name, value, number) for name, value in row.items()) for number, row in enumerate(rows)]
    return pytest.mark.parametrize("slice_inputs", rows, ids=ids)


def _shown(name: str, value: Any, number: int) -> str:
    text = str(value)
    is_short = isinstance(value, (int, float, str, bool)) and len(text) <= _LONG and text.isprintable()
    return f"{name}={text}" if is_short else f"{name}[{number}]"
