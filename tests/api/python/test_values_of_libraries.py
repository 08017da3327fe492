"""Objects of NumPy and ASE as values of parameters."""

# ruff: noqa: UP006 - users write both forms

from __future__ import annotations

from typing import Any, Dict, List  # noqa: UP035 - the same

import pytest
from dflow.python.values import decode, encode

np = pytest.importorskip("numpy")
ase = pytest.importorskip("ase")
pytest.importorskip("ase.build")
pytest.importorskip("ase.constraints")
SinglePointCalculator = pytest.importorskip("ase.calculators.singlepoint").SinglePointCalculator


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (np.float64(0.1), float, "0.1"),
        ([np.float64(0.5), 1.5], List[float], "[0.5, 1.5]"),
        ({"a": [np.float64(2)], "b": []}, Dict[str, List[float]], '{"a": [2.0], "b": []}'),
        ({np.str_("a"): np.str_("b")}, Dict[str, str], '{"a": "b"}'),
        (np.str_("x"), str, "x"),
    ],
)
def test_numbers_of_numpy_are_plain_where_plain_ones_are_declared(value, kind, text):
    assert encode(value, kind) == text
    assert encode(decode(text, kind), kind) == text


@pytest.mark.parametrize("kind", [None, Any, list, np.ndarray, List[Any], List[np.float64]])
def test_numbers_of_numpy_keep_their_type_where_another_one_is_declared(kind):
    back = decode(encode([np.float64(0.5)], kind), list)
    assert (back, type(back[0])) == ([0.5], np.float64)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6).reshape(2, 3).T,
        np.zeros((0, 3)),
        np.array(["a", "bb"]),
        np.array([1 + 2j]),
        np.array([True]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(3.0),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
)
def test_arrays_come_back_as_they_were(value):
    back = decode(encode(value, np.ndarray), np.ndarray)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert np.array_equal(back, value)
    back[...] = value  # it can be written to


def test_an_array_takes_eleven_bytes_for_each_number():
    assert len(encode(np.linspace(0, 1, 100_000))) < 11 * 100_000


def test_texts_of_other_versions_of_numpy_are_read():
    text = encode(np.arange(3))
    old = text.replace("numpy._core.", "numpy.core.")
    assert old != text
    assert decode(old, np.ndarray).tolist() == [0, 1, 2]


def test_atoms_come_back_with_cell_constraints_and_results():
    atoms = ase.build.bulk("Cu", cubic=True)
    atoms.set_constraint(ase.constraints.FixAtoms([0]))
    atoms.info["note"] = {"a": (1, 2)}
    atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=np.ones((4, 3)))
    back = decode(encode(atoms, ase.Atoms), ase.Atoms)
    assert back == atoms
    assert (back.info, back.constraints[0].index.tolist()) == ({"note": {"a": (1, 2)}}, [0])
    assert back.get_potential_energy() == -1.5
    assert back.get_forces(apply_constraint=False).tolist() == np.ones((4, 3)).tolist()


def test_a_list_of_atoms_with_one_cell_shares_it():
    first = ase.build.bulk("Cu")
    back = decode(encode([first, first], List[ase.Atoms]), List[ase.Atoms])
    assert back[0] == first
    assert back[0] is back[1]
